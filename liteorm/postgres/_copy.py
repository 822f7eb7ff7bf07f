"""Writing without I/O: what the catalog says of a table, objects → COPY data or parameters, blame.

The generated loop checks the class of each value and hands rows of checked values to psycopg's
compiled formatter. It keeps no count and names nothing: when a value does not fit, the few objects
of the chunk at hand are gone through again, slowly, and the first one that does not fit is named.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import attrs
from psycopg import errors as driver
from psycopg._copy_base import format_row_binary, format_row_text
from psycopg.adapt import AdaptersMap, Transformer
from psycopg.pq import Format

from liteorm._core import crud
from liteorm._core.hints import Codec
from liteorm._core.models import Field, Model, Table
from liteorm._core.pgtypes import PgType
from liteorm.errors import DataError, Error, UndefinedColumn, UndefinedTable
from liteorm.postgres._dumpers import Bound, reason_of
from liteorm.postgres._encoders import TEXT_OID, Encoder, Encoders
from liteorm.postgres._scalars import Misfit

COLUMNS_SQL: Final = """
SELECT a.attname, a.atttypid::int8, format_type(a.atttypid, NULL),
       CASE WHEN t.typtype IN ('c', 'd') OR t.typarray = 0 OR t.typcategory = 'A' THEN '' ELSE
            format_type(a.atttypid, NULL) END
  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
 WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum
"""
"""The columns of a table: name, type, its name, and its name again if unnest can make one column
of an array of it (which it cannot of an array of arrays, nor of composites)."""

_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"

FIRST_CHUNK: Final = 16
_MOST_OBJECTS: Final = 512
_BUFFER: Final = 64 * 1024
"""Bytes gathered before they are sent. psycopg splits what is larger than 128 KiB."""

# CONTEXT of an error during COPY. The words before the numbers are in the server's language.
_CONTEXT: Final = re.compile(r"^COPY .*, \S+ (\d+)(?:, \S+ (.*))?$", re.MULTILINE)

_UNENCODABLE: Final = (
    Misfit,
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
class TableColumn:
    """A column as the catalog has it.

    Args:
        name: Its name.
        oid: Its type.
        type_name: The type's name, as SQL.
        element_name: The same if the type can be the element of an array for unnest, else "".
    """

    name: str
    oid: int
    type_name: str
    element_name: str


@attrs.frozen
class SentColumn:
    """A field, the column it goes to, and how."""

    field: Field
    column: TableColumn
    encoder: Encoder


@attrs.frozen(eq=False)
class Target:
    """Where objects of a model go, column by column."""

    model: Model
    table: Table
    columns: tuple[SentColumn, ...]

    @property
    def binary(self) -> bool:
        """Whether all of the columns' types have a binary form."""
        return all(column.encoder.binary is not None for column in self.columns)

    def misfit(self, obj: Any, index: int | None) -> DataError | None:
        """Return an error for the first value of an object that cannot be sent, None if all can."""
        place = "" if index is None else f" of object {index}"
        if not issubclass(type(obj), self.model.cls):
            return DataError(
                f"object{'' if index is None else f' {index}'} is of class "
                f"{type(obj).__qualname__}, expected {self.model.name} as the first one",
                row=index,
            )
        if self.model.cls is dict and len(obj) != len(self.model.fields):
            return DataError(
                f"object {index} has other keys than the first one: "
                f"expected {', '.join(field.name for field in self.model.fields)}",
                row=index,
            )
        for sent in self.columns:
            field = sent.field
            try:
                value = crud.value_of(self.model, field, obj)
            except (AttributeError, KeyError):
                return self._error(sent, f"{place} is missing", index)
            if field.codec is not None and value is not None:
                try:
                    value = field.codec.encode(value)
                except Exception:
                    # What a codec raises is its author's to say.
                    return None
            if value is None:
                continue
            reason = _why_not(sent.encoder, value)
            if reason is not None:
                return self._error(
                    sent,
                    f'{place} does not fit column "{sent.column.name}" of '
                    f"{self.table.text}, {sent.column.type_name}: {reason}",
                    index,
                )
        return None

    def blame(self, objects: Iterable[Any], start: int, exc: Exception) -> None:
        """Raise the error that names the first value that cannot be sent, if one is found."""
        for place, obj in enumerate(objects, start):
            error = self.misfit(obj, place)
            if error is not None:
                raise error from (exc.__cause__ if isinstance(exc, Misfit) else exc)

    def _error(self, sent: SentColumn, text: str, index: int | None) -> DataError:
        return DataError(
            f"{self.model.name}.{sent.field.init_name}{text}",
            row=index,
            field=sent.field.init_name,
            column=sent.column.name,
            table=self.table.name,
            schema=self.table.schema,
        )


def _why_not(encoder: Encoder, value: Any) -> str | None:
    """Return why a value cannot be encoded, None if it can."""
    try:
        if encoder.binary is not None:
            encoder.binary(value)
        else:
            encoder.text(value).encode()
    except Misfit as exc:
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
        money_unit: Gives how many of its smallest unit make one of the server's currency.
    """

    def __init__(
        self,
        adapters: AdaptersMap,
        codecs: Mapping[type, Codec],
        money_unit: Callable[[], int | None],
    ) -> None:
        self.adapters = adapters
        self.encoders = Encoders(adapters, codecs, money_unit)
        self.calls: dict[Any, Any] = {}
        """Prepared single-row calls, by model class and kind of call."""
        self.version: int | None = None

    def target(
        self,
        model: Model,
        table: Table,
        fields: Sequence[Field],
        columns: Iterable[TableColumn],
        types: Mapping[int, PgType],
    ) -> Target:
        """Match fields with the columns of the table.

        Raises:
            UndefinedTable: There are no columns: no such table.
            UndefinedColumn: A field has no column.
        """
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
                near = crud.near_name(field.column, by_name)
                raise UndefinedColumn(
                    f'table "{table.text}" has no column "{field.column}", '
                    f"which {model.name}.{field.init_name} goes to",
                    sqlstate="42703",
                    table=table.name,
                    schema=table.schema,
                    column=field.column,
                    hint=f'did you mean "{near}"?' if near else None,
                )
            encoder = self.encoders.for_type(types[column.oid])
            sent.append(SentColumn(field, column, encoder))
        return Target(model, table, tuple(sent))


def columns_of(rows: Iterable[tuple[Any, ...]]) -> list[TableColumn]:
    """Return the columns that COLUMNS_SQL found."""
    return [TableColumn(*row) for row in rows]


class CopyData:
    """Objects in, COPY data out, in batches.

    Args:
        target: Where the objects go.
        adapters: The pool's map.
    """

    def __init__(self, target: Target, adapters: AdaptersMap) -> None:
        self.target = target
        self.binary = target.binary
        self.rows = 0
        self._sent_bytes = 0
        self._transformer = Transformer(adapters)
        parts: list[crud.Part] = []
        oids: list[int] = []
        for column in target.columns:
            encoder = column.encoder
            if self.binary:
                parts.append(crud.Part(column.field, encoder.fast, encoder.unless, encoder.ready))
                oids.append(encoder.dumper)
            else:
                parts.append(crud.Part(column.field, None, "", encoder.text))
                oids.append(TEXT_OID)
        self._transformer.set_dumper_types(oids, Format.BINARY if self.binary else Format.TEXT)
        self._pack = format_row_binary if self.binary else format_row_text
        self._encode = crud.extractor(target.model, parts, self._refuse)
        self._buffer = bytearray(_SIGNATURE if self.binary else b"")

    def _refuse(self, obj: Any) -> None:
        cls = self.target.model.cls
        if cls is dict or not isinstance(obj, cls):
            raise Misfit

    @property
    def wanted(self) -> int:
        """How many objects to give next: about a buffer's worth."""
        if not self.rows:
            return FIRST_CHUNK
        size = (self._sent_bytes + len(self._buffer)) // self.rows + 1
        return max(1, min(_MOST_OBJECTS, _BUFFER // size))

    def add(self, objects: Sequence[Any]) -> None:
        """Encode some objects.

        Raises:
            DataError: One does not fit; it is named.
        """
        try:
            self._encode(objects, self._pack, self._transformer, self._buffer)
        except Exception as exc:
            self.target.blame(objects, self.rows, exc)
            raise
        self.rows += len(objects)

    def batch(self) -> bytearray | None:
        """Return what is to be sent now, None if there is not enough yet."""
        return self._taken() if len(self._buffer) >= _BUFFER else None

    def last(self) -> bytearray:
        """Return the rest."""
        if self.binary:
            self._buffer += _TRAILER
        return self._taken()

    def _taken(self) -> bytearray:
        taken, self._buffer = self._buffer, bytearray()
        self._sent_bytes += len(taken)
        return taken


class Abandoned(Exception):
    """Tells the server that no more rows come.

    The driver sends it the text of what ends a COPY, and a user's own exception may quote values.
    """


class Refused(Exception):
    """The server has ended the COPY; its error is still to be read."""


class Objection:
    """Notices that the server has refused a row while more are still being sent.

    libpq says so only when all rows have been sent, which with a million more is late, and with an
    endless iterable never. In a COPY the server sends nothing but notices and its one error. What
    is there to be read and does not turn out to be a notice, also not after a while, is the error.

    Args:
        wire: The connection (`pgconn`, `spoken_to`, `add_notice_handler`).
    """

    PATIENCE = 0.2

    def __init__(self, wire: Any) -> None:
        self._wire = wire
        self._notices = 0
        self._since: float | None = None
        wire.add_notice_handler(self._noticed)

    def close(self) -> None:
        """Stop listening."""
        self._wire.remove_notice_handler(self._noticed)

    def _noticed(self, diagnostic: Any) -> None:
        self._notices += 1
        self._since = None

    def raised(self, now: float) -> bool:
        """Return whether the server has refused."""
        if self._wire.spoken_to:
            heard = self._notices
            self._wire.pgconn.consume_input()
            self._wire.pgconn.is_busy()  # lets libpq hand out the notices
            if self._notices == heard and self._since is None:
                self._since = now
        return self._since is not None and now - self._since >= self.PATIENCE


def locate(error: Error, target: Target) -> None:
    """Say which object a COPY failed at, where the server knows."""
    diag = getattr(error.__cause__, "diag", None)
    found = _CONTEXT.search(diag.context or "") if diag is not None else None
    if found is None:
        return
    error.row = int(found[1]) - 1
    place = f"object {error.row}"
    for column in target.columns:
        name = column.column.name
        rest = found[2] or ""
        if rest == name or rest.startswith(name + ":") or error.column == name:
            error.field = column.field.init_name
            error.column = error.column or name
            place = f"{target.model.name}.{error.field} of {place}"
            break
    error.message = f"{error.message} (at {place})"
    error.args = (error.message,)
    error.table = error.table or target.table.name


def parameter_of(encoder: Encoder) -> Callable[[Any], Any]:
    """Return what turns a value into a parameter for a column of the encoder's type."""
    if not encoder.bound:
        return encoder.ready
    oid, binary, text = encoder.pgtype.oid, encoder.binary, encoder.text
    if binary is None:
        return lambda value: Bound(oid, text(value).encode(), False)
    encode = binary
    return lambda value: Bound(oid, bytes(encode(value)))


def parameter_parts(target: Target) -> list[crud.Part]:
    """Return the columns as parameters of a statement."""
    return [
        crud.Part(
            column.field,
            None if column.encoder.bound else column.encoder.fast,
            column.encoder.unless,
            parameter_of(column.encoder),
        )
        for column in target.columns
    ]


def array_type(column: SentColumn) -> tuple[str, str]:
    """Return the type of the elements that a column's values are sent as, and the cast to it."""
    if column.column.element_name and column.encoder.binary is not None:
        return column.column.element_name, ""
    return "text", f"::{column.column.type_name}"


def array_parameters(
    target: Target, adapters: AdaptersMap, objects: Sequence[Any], start: int
) -> list[Bound]:
    """Return one array for each column, as the server reads them.

    The elements of an array look in binary just as the fields of a COPY row do, so that the same
    compiled formatter packs a whole column.

    Raises:
        DataError: One object does not fit; it is named, counted from `start`.
    """
    parts: list[crud.Part] = []
    kinds: list[tuple[int, int]] = []
    for column in target.columns:
        encoder = column.encoder
        if array_type(column)[1]:
            parts.append(crud.Part(column.field, None, "", encoder.text))
            kinds.append((TEXT_OID, TEXT_OID))
        else:
            parts.append(crud.Part(column.field, encoder.fast, encoder.unless, encoder.ready))
            kinds.append((encoder.dumper, encoder.pgtype.oid))
    take = crud.parameters(target.model, parts)
    try:
        if set(map(type, objects)) != {target.model.cls}:
            target.blame(objects, start, Misfit())
        columns = zip(*map(take, objects), strict=True)
        return [
            _array(values, dumper, element, adapters)
            for values, (dumper, element) in zip(columns, kinds, strict=True)
        ]
    except DataError:
        raise
    except Exception as exc:
        target.blame(objects, start, exc)
        raise


def _array(values: Sequence[Any], dumper: int, element: int, adapters: AdaptersMap) -> Bound:
    transformer = Transformer(adapters)
    transformer.set_dumper_types([dumper] * len(values), Format.BINARY)
    packed = bytearray()
    format_row_binary(values, transformer, packed)
    # One dimension, NULLs allowed, counted from 1; then the elements, without the row's own head.
    head = struct.pack("!iiIii", 1, 1, element, len(values), 1)
    return Bound(0, head + bytes(packed[2:]))
