"""Where objects go: columns, the encoders of their types, and the value that was refused."""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import attrs
from msgspec import UNSET
from psycopg import errors as driver
from psycopg.adapt import AdaptersMap

from liteorm._core.models.classes import model_of
from liteorm._core.models.extract import Encode, Extraction, extractor, parameters
from liteorm._core.models.hints import Codec
from liteorm._core.models.model import Field, Model, Table
from liteorm._core.scanning.jsontext import decoder_for
from liteorm._core.scanning.types import MOMENTS, PgType, underlying
from liteorm._core.sql import writable
from liteorm.errors import DataError, Error, ModelError, UndefinedTable
from liteorm.postgres._native.encoding import EncodeObjects, encoder_for
from liteorm.postgres._types.coded import Encoded
from liteorm.postgres._types.dumpers import Bound
from liteorm.postgres._types.encoders import Encoders
from liteorm.postgres._types.forms import TEXT_OID, Encoder, Form, Unsendable, reason_of
from liteorm.postgres._types.numbers import MoneyUnit
from liteorm.postgres._types.quiet import hush
from liteorm.postgres._types.times import with_infinity
from liteorm.postgres._writing.shelves import Shelves
from liteorm.postgres._writing.tables import TableColumn, Traits, no_column

# datatype_mismatch, undefined_object, invalid_binary_representation; internal_error is what the
# server says of the oid of a type that was dropped; feature_not_supported of a way to write that
# the table took before it got rules.
_STALE_TYPES: Final = ("42804", "42704", "22P03", "XX000", "0A000")
_TARGETS: Final = 512
_ONE_SET: Final = "all objects of one call leave out the same fields: make a call for each kind"
_UNENCODABLE: Final = (
    Unsendable,
    DataError,
    driver.Error,
    UnicodeError,
    TypeError,
    ValueError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    struct.error,
)


@attrs.frozen
class SentColumn:
    """A field, the column it goes to, and how."""

    field: Field
    column: TableColumn
    encoder: Encoder
    required: bool = False
    """None is refused: it would be stored, and is none of the field's values."""

    @property
    def array(self) -> tuple[str, str]:
        """The type of the elements when its values are sent as an array, and the cast from it."""
        if self.column.element_name and self.encoder.binary is not None:
            return self.column.element_name, ""
        return "text", f"::{self.column.type_name}"


# Without slots: for these attrs would have to rewrite each cached property, at every import.
@attrs.define(eq=False, slots=False)
class Target:
    """Where objects of a model go, column by column, and the code that takes them apart."""

    model: Model
    table: Table
    columns: tuple[SentColumn, ...]
    table_columns: tuple[TableColumn, ...]
    traits: Traits
    left_out: tuple[Field, ...] = ()
    """Fields that the first of many objects leaves out, and so all of them."""

    def of(self, fields: Sequence[Field]) -> Target:
        """Return the part of it that takes these fields, in their order."""
        by_field = {column.field: column for column in self.columns}
        return attrs.evolve(self, columns=tuple(by_field[field] for field in fields))

    @functools.cached_property
    def binary(self) -> bool:
        """Whether rows can be sent in binary: all of the types have such a form."""
        return self.traits.packable and all(
            column.encoder.binary is not None for column in self.columns
        )

    @functools.cached_property
    def dumpers(self) -> list[int]:
        """The oids whose dumpers pack a COPY row."""
        return [c.encoder.dumper if self.binary else TEXT_OID for c in self.columns]

    @functools.cached_property
    def trusting(self) -> Encode:
        """What encodes objects for COPY, and leaves to the dumpers what these refuse themselves."""
        return extractor(self.model, self._copy_parts, trusting=True, left_out=self.left_out)

    @functools.cached_property
    def careful(self) -> Encode:
        """What encodes objects for COPY, and looks at each value."""
        return extractor(self.model, self._copy_parts, trusting=False, left_out=self.left_out)

    @functools.cached_property
    def compiled(self) -> EncodeObjects | None:
        """What encodes objects for COPY in C, where liteorm-native is installed."""
        if self.left_out or not self.binary:
            return None
        return encoder_for(self.model, [(c.field, c.encoder, c.required) for c in self.columns])

    @functools.cached_property
    def parameters(self) -> Callable[[Any], tuple[Any, ...]]:
        """What takes the parameters of a statement out of an object."""
        return parameters(
            self.model,
            [
                Extraction(
                    column.field,
                    None if column.encoder.bound else column.encoder.fast,
                    column.encoder.unless,
                    parameter_of(column.encoder),
                    required=column.required,
                )
                for column in self.columns
            ],
        )

    @functools.cached_property
    def array_values(self) -> Callable[[Any], tuple[Any, ...]]:
        """What takes the elements of the columns' arrays out of an object."""
        return parameters(
            self.model,
            [
                Extraction(column.field, None, "", column.encoder.text, required=column.required)
                if column.array[1]
                else Extraction(
                    column.field,
                    column.encoder.fast,
                    column.encoder.unless,
                    column.encoder.ready,
                    required=column.required,
                )
                for column in self.columns
            ],
            self.left_out,
        )

    @property
    def _copy_parts(self) -> list[Extraction]:
        if not self.binary:
            return [
                Extraction(c.field, None, "", c.encoder.text, required=c.required)
                for c in self.columns
            ]
        return [
            Extraction(
                column.field,
                column.encoder.fast,
                column.encoder.unless,
                column.encoder.ready,
                # Where the model announces enum members there is no use in trying without a look.
                column.encoder.strict and column.field.hint.kind != "enum",
                column.required,
            )
            for column in self.columns
        ]

    def check_whole(self) -> None:
        """Refuse objects with a field that would be dropped in silence.

        Raises:
            ModelError: The table has a column for a field that the constructor does not take.
        """
        known = {column.name for column in self.table_columns}
        for name, column in self.model.unsent:
            if column in known:
                raise ModelError(
                    f"{self.model.name}.{name} is not taken by the constructor, so that it could "
                    f'not be read back, and {self.table.text} has a column "{column}" for it',
                    model=self.model.name,
                    field=name,
                    hint="let the constructor take it, or leave it to the database: "
                    "Annotated[…, Column(generated=True)]",
                )

    def check_place(self, fields: Iterable[Field]) -> None:
        """Refuse a conflict over what the database makes anew for each row.

        Raises:
            ModelError: One of the fields has a number or a default of its own.
        """
        fresh = {column.name for column in self.table_columns if column.fresh}
        for field in fields:
            if field.column in fresh:
                raise writable.never_in_conflict(self.model, field, "generated, never sent")

    def same_place(self, other: Target) -> bool:
        """Return whether the table is what it was."""
        return (self.types, self.traits) == (other.types, other.traits)

    @property
    def types(self) -> tuple[PgType, ...]:
        """The columns' types."""
        return tuple(column.encoder.pgtype for column in self.columns)

    def may_be_stale(self, error: Error) -> bool:
        """Return whether an error could come from types that changed since they were looked up."""
        if isinstance(error, DataError) and error.sqlstate is None:
            # Found here, by what was known of the type.
            return any(
                column.field.init_name == error.field
                and (column.required or has_composite(column.encoder.pgtype))
                for column in self.columns
            )
        return error.sqlstate in _STALE_TYPES

    @functools.cached_property
    def _classes(self) -> set[type]:
        """Classes whose objects may come, beside the model's own."""
        return {self.model.cls}

    def check_classes(self, objects: Iterable[Any], start: int) -> None:
        """Refuse objects of other classes: what these have more would be dropped in silence.

        A subclass that adds neither fields nor a table is fine.

        Raises:
            DataError: One is of another class; it is named, counted from `start`.
        """
        others = set(map(type, objects)) - self._classes
        if not others:
            return
        for place, obj in enumerate(objects, start):
            if type(obj) in others and (error := self._stranger(obj, place)) is not None:
                try:
                    raise error
                finally:
                    del error  # see `because`
        if len(self._classes) < _TARGETS:
            self._classes.update(others)

    def _stranger(self, obj: Any, index: int | None) -> DataError | None:
        """Return an error if objects of this one's class cannot go where the model's go."""
        cls: Any = obj.__class__
        why = None
        if issubclass(cls, self.model.cls):
            own = model_of(cls)
            if own.table != self.model.table:
                why = "it has a table of its own"
            elif added := [
                field.init_name
                for field in own.fields
                if (known := self.model.field(field.name)) is None or known.column != field.column
            ]:
                why = f"it has fields of its own ({', '.join(added)})"
            if why is None:
                return None
        return DataError(
            f"object{'' if index is None else f' {index}'} is of class {cls.__qualname__}, "
            f"expected {self.model.name} as the first one{f': {why}' if why else ''}",
            row=index,
            hint="send the objects of each class in a call of their own",
        )

    def unsendable(self, obj: Any, index: int | None) -> DataError | None:
        """Return an error for the first value of an object that cannot be sent, None if all can."""
        place = "" if index is None else f" of object {index}"
        if not issubclass(type(obj), self.model.cls):
            return self._stranger(obj, index)
        if self.model.cls is dict and len(obj) != len(self.model.fields):
            return DataError(
                f"object {index} has other keys than the first one: "
                f"expected {', '.join(field.name for field in self.model.fields)}",
                row=index,
            )
        for field in self.left_out:
            if writable.value_of(self.model, field, obj) is not UNSET:
                return DataError(
                    f"{self.model.name}.{field.init_name}{place} has a value, and is UNSET in the "
                    "first one",
                    row=index,
                    field=field.init_name,
                    column=field.column,
                    table=self.table.name,
                    schema=self.table.schema,
                    hint=_ONE_SET,
                )
        for sent in self.columns:
            field = sent.field
            try:
                value = writable.value_of(self.model, field, obj)
            except (AttributeError, KeyError):
                return self._error(sent, f"{place} is missing", index)
            if value is UNSET:
                error = self._error(sent, f"{place} is UNSET, and has a value in the first", index)
                error.hint = _ONE_SET
                return error
            if field.encode is not None and value is not None:
                try:
                    value = field.encode(value)
                except Exception as exc:
                    # What a codec raises is its author's to say; where it was, is ours.
                    exc.add_note(f"while sending {self.model.name}.{field.init_name}{place}")
                    raise
            if value is None and not sent.required:
                continue
            if value is None:
                error = self._error(
                    sent,
                    f"{place} is None, which could not be read back: {field.hint.text} is "
                    "never None",
                    index,
                )
                error.hint = f"give it a value, or annotate {field.init_name}: … | None"
                return error
            reason = _why_not(sent.encoder, value)
            if reason is not None:
                return self._error(
                    sent,
                    f'{place} does not fit column "{sent.column.name}" of '
                    f"{self.table.text}, {sent.column.shown}: {reason}",
                    index,
                )
        return None

    def blame(self, objects: Iterable[Any], start: int | None, exc: Exception) -> None:
        """Raise the error that names the first value that cannot be sent, if one is found.

        What a codec raised is left as it is, with a note that names the value.
        """
        for place, obj in enumerate(objects, start or 0):
            try:
                error = self.unsendable(obj, None if start is None else place)
            except Exception as again:
                if type(again) is type(exc) and again is not exc:
                    exc.add_note(again.__notes__[-1])
                return
            if error is not None:
                hush(exc)
                try:
                    raise error from (exc.__cause__ if isinstance(exc, Unsendable) else exc)
                finally:
                    del error, exc  # see `because`

    def _error(self, sent: SentColumn, text: str, index: int | None) -> DataError:
        return DataError(
            f"{self.model.name}.{sent.field.init_name}{text}",
            row=index,
            field=sent.field.init_name,
            column=sent.column.name,
            table=self.table.name,
            schema=self.table.schema,
        )


def has_composite(type_: PgType) -> bool:
    """Return whether a type has attributes somewhere inside."""
    return type_.kind == "composite" or (type_.element is not None and has_composite(type_.element))


def _why_not(encoder: Encoder, value: Any) -> str | None:
    """Return why a value cannot be encoded, None if it can."""
    try:
        if encoder.binary is not None:
            encoder.binary(value)
        else:
            encoder.text(value).encode()
    except Unsendable as exc:
        return str(exc)
    except DataError as exc:
        return exc.message
    except _UNENCODABLE as exc:
        return reason_of(exc)
    return None


class Writing:
    """What a pool knows about the tables that are written to.

    Args:
        adapters: The pool's map.
        codecs: Codecs by Python class.
        money_unit: Gives what the server's lc_monetary says, once that is known.
        custom: The forms of the pool's custom types.
    """

    def __init__(
        self,
        adapters: AdaptersMap,
        codecs: Mapping[type, Codec],
        money_unit: Callable[[], MoneyUnit | None],
        custom: Mapping[str, Form],
    ) -> None:
        self.adapters = adapters
        self._codecs = codecs
        self.encoders = Encoders(adapters, codecs, money_unit, custom)
        self._calls = Shelves()
        self._targets = Shelves()

    def call(self, of: Any, key: Any) -> Any:
        """Return a statement that is ready to be run, by the class of its objects and its kind."""
        return self._calls.get(of, key)

    def keep(self, of: Any, key: Any, call: Any) -> None:
        """Keep a statement for the next time."""
        self._calls.put(of, key, call)

    def forget(self) -> None:
        """Forget the statements."""
        self._calls = Shelves()

    def target(
        self,
        model: Model,
        table: Table,
        fields: Sequence[Field],
        columns: Iterable[TableColumn],
        types: Mapping[int, PgType],
        traits: Traits,
        left_out: tuple[Field, ...] = (),
        stored: tuple[Field, ...] = (),
    ) -> Target:
        """Match fields with the columns of the table; of those `stored` None may be refused.

        Raises:
            UndefinedTable: There are no columns: no such table.
            UndefinedColumn: A field has no column.
        """
        columns = tuple(columns)
        # Two equal lists of columns may name types that are not what they were.
        key = (
            model,
            table,
            tuple(fields),
            columns,
            tuple(types.values()),
            traits,
            left_out,
            stored,
        )
        of = model if model.cls is dict else model.cls
        if not model.part and (known := self._targets.get(of, key)) is not None:
            found: Target = known
            return found
        by_name = {column.name: column for column in columns}
        if not by_name:
            raise UndefinedTable(
                f'table "{table.text}" does not exist',
                sqlstate="42P01",
                table=table.name,
                schema=table.schema,
            )
        sent: list[SentColumn] = []
        for field in fields:
            column = by_name.get(field.column)
            if column is None:
                raise no_column(table, model, field, "goes to", by_name)
            encoder = self.encoders.for_field(types[column.oid], field.hint)
            if field.encode is not None:
                # Read back by its own codec: no other is applied.
                encoder = self.encoders.for_encoded(types[column.oid])
                field = self._beside(field)
            base = underlying(encoder.pgtype).base
            if field.codec is None and field.encode is not None and base in ("json", "jsonb"):
                raise ModelError(
                    f"{model.name}.{field.init_name}: a codec inside {field.hint.text} is not "
                    "reached in JSON",
                    model=model.name,
                    field=field.name,
                    hint="give the field one that takes the whole value",
                )
            if base in ("json", "jsonb"):
                self._check_json(model, field)
            if field.codec is not None and base in MOMENTS:
                encoder = with_infinity(encoder)
            required = column.nullable and not field.hint.optional and field in stored
            sent.append(SentColumn(field, column, encoder, required))
        made = Target(model, table, tuple(sent), columns, traits, left_out)
        if not model.part:
            self._targets.put(of, key, made)
        return made

    def _beside(self, field: Field) -> Field:
        """Return a field that encodes also those parts which have no codec of their own."""
        if field.inner is None or not self._codecs:
            return field
        return attrs.evolve(field, inner=field.encode_beside(self.encoders.coded.plain))

    def _check_json(self, model: Model, field: Field) -> None:
        """Refuse a class that JSON does not give back, also where nothing is read back.

        Raises:
            ModelError: JSON cannot be decoded into what the field is annotated with.
        """
        hint = field.hint
        if hint.kind == "any" or field.codec is not None:
            return
        try:
            decoder_for(hint.annotation, self._codecs)
        except ModelError as error:
            error.model, error.field = model.name, field.init_name
            raise


def parameter_of(encoder: Encoder) -> Callable[[Any], Any]:
    """Return what turns a value into a parameter for a column of the encoder's type."""
    if not encoder.bound:
        ready = encoder.ready
        return (lambda value: Encoded(ready(value))) if encoder.coded else ready
    oid, binary, text = encoder.pgtype.oid, encoder.binary, encoder.text
    if binary is None:
        return lambda value: Bound(oid, text(value).encode(), False)
    encode = binary
    return lambda value: Bound(oid, bytes(encode(value)))
