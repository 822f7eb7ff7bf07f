"""A result of libpq as `Rows`, loaded without its connection."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from psycopg import abc, pq

from liteorm._core.scanning.shape import Executor, LoadRows, Shape
from liteorm._core.scanning.types import (
    RECORD_ARRAY_OID,
    RECORD_OID,
    PgType,
    Variant,
    cast_of,
    has_fields,
    underlying,
)
from liteorm._core.sql.lexer import writes
from liteorm._core.values.results import Rows
from liteorm.errors import DataError, Error, ScanError
from liteorm.postgres._native.library import record_types
from liteorm.postgres._types.arrays import elements_of
from liteorm.postgres._types.loaders import MOMENT_OIDS, VARIANT_OIDS
from liteorm.postgres._types.quiet import hush
from liteorm.postgres._types.records import Lengths, fields_of, types_in_records
from liteorm.postgres._types.registry import KnownTypes, UnknownTypes

__all__ = ["LOOKUPS", "UnknownTypes", "changed_types", "rows_from_result"]

BINARY = pq.Format.BINARY

_NESTED = frozenset({"record", "composite"})
_PYTHON_LIMITS = {
    "date": "is outside Python's date (infinity, BC, or after the year 9999)",
    "timestamp": "is outside Python's datetime (infinity, BC, or after the year 9999)",
    "timestamptz": "is outside Python's datetime (infinity, BC, or after the year 9999)",
    "time": "is 24:00, which Python's time has not",
    "timetz": "is 24:00, or has an offset with seconds, which Python's time has not",
    "interval": "is beyond Python's timedelta",
}


class _Loader:
    """Loads rows of one shape in one set of variants; keeps its transformers for the next result.

    A transformer looks up a loader for each column, which costs as much as loading a row. It
    works for one thread at a time, so each use takes one from the shelf and puts it back.
    """

    __slots__ = ("_deep", "_known", "_oids", "_shelf")

    def __init__(
        self, known: KnownTypes, shape: Shape, variants: tuple[Variant, ...] | None
    ) -> None:
        self._known = known
        self._deep = variants is not None and "deep" in variants
        plain: list[Variant] = ["plain"] * len(shape.types)
        self._oids = list(map(self._oid, shape.types, variants or plain))
        self._shelf: list[abc.Transformer] = []

    def _oid(self, type_: PgType, variant: Variant) -> int:
        if variant == "moment":
            return MOMENT_OIDS[underlying(type_).oid]
        if variant not in ("plain", "deep"):
            return VARIANT_OIDS[variant]
        if self._deep and variant == "plain":
            return self._known.plain_oid(underlying(type_))
        return type_.oid

    def _transformer(self) -> abc.Transformer:
        try:
            return self._shelf.pop()
        except IndexError:
            transformer = self._known.transformer(deep=self._deep)
            transformer.set_loader_types(self._oids, BINARY)
            return transformer

    def load(self, result: pq.abc.PGresult, start: int, stop: int) -> list[tuple[Any, ...]]:
        transformer = self._transformer()
        # Not the loaders by the result's own oids: those of the variants stay.
        transformer.set_pgresult(result, set_loaders=False)
        rows = transformer.load_rows(start, stop, tuple)
        transformer.set_pgresult(None, set_loaders=False)
        if len(self._shelf) < 8:
            self._shelf.append(transformer)
        return rows

    def load_cell(self, column: int, data: bytes) -> Any:
        """Load one value on its own."""
        transformer = self._known.transformer(deep=self._deep)
        return transformer.get_loader(self._oids[column], BINARY).load(data)


class ResultRows:
    """The rows of a binary result: a `RowSource`."""

    __slots__ = ("_known", "_result", "count", "ran_alone", "shape")

    def __init__(self, result: pq.abc.PGresult, shape: Shape, known: KnownTypes) -> None:
        self._result = result
        self._known = known
        self.shape = shape
        self.count = result.ntuples
        self.ran_alone: str | None = None
        """The statement's text, if it was a transaction of its own."""

    @property
    def stored(self) -> bool:
        """Whether the statement that gave the rows has stored something for good."""
        text = self.ran_alone
        return text is not None and has_written(self._result.command_status, text)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return self.shape.names

    @property
    def handle(self) -> int | None:
        """The address of the result, for the compiled executor."""
        result: Any = self._result
        address: int | None = result.pgresult_ptr
        return address

    def _loader(self, variants: tuple[Variant, ...] | None) -> _Loader:
        loader: _Loader | None = self.shape.loaders.get(variants)
        if loader is None:
            loader = self.shape.loaders[variants] = _Loader(self._known, self.shape, variants)
        return loader

    def loader(self, variants: tuple[Variant, ...] | None) -> LoadRows:
        """Return the function that loads rows [start, stop)."""
        return partial(self._loader(variants).load, self._result)

    def load_cell(self, column: int, data: bytes, variants: tuple[Variant, ...] | None) -> Any:
        """Load one value on its own."""
        return self._loader(variants).load_cell(column, data)

    def failure(
        self,
        start: int,
        stop: int,
        variants: tuple[Variant, ...] | None,
        error: Exception,
        first: int = 0,
    ) -> Error:
        """Name the first column and row of a chunk that cannot be loaded, cell by cell."""
        hush(error)
        for row in range(start, stop):
            for column, type_ in enumerate(self.shape.types):
                data = self._result.get_value(row, column)
                if data is None:
                    continue
                try:
                    self.load_cell(column, bytes(data), variants)
                except Exception as cell_error:
                    found, why, inside = self._culprit(type_, bytes(data), cell_error)
                    return _cell_error(self.shape.names[column], first + row, found, why, inside)
        if isinstance(error, Error):
            return error
        return DataError("the rows cannot be loaded, although each value can")

    def _culprit(
        self, type_: PgType, data: bytes, error: Exception
    ) -> tuple[PgType, Exception, str]:
        """Return the type of the part that cannot be read, why, and where in its column it is."""
        return _culprit(type_, data, error, self._known)


def _cell_error(
    column: str, row: int, type_: PgType, error: Exception, inside: str = ""
) -> DataError:
    base = _innermost(type_)
    reason, hint = _PYTHON_LIMITS.get(base.base), cast_of(column, "text")
    if inside:
        hint = "cast it to text in the query"
    if isinstance(error, DataError):
        # our own readers say what is wrong, and never the value
        reason, hint = error.message, error.hint or hint
    if isinstance(error, UnicodeError):
        reason = "is not text in UTF-8 (is the database's encoding SQL_ASCII?)"
        if base.base == "char":
            reason = "is a byte above 127, which alone is no character in UTF-8"
    reason = reason or "cannot be read"
    place = f'{inside}column "{column}"'
    return DataError(
        f"{place}, row {row}: {_article(type_.name)} value that {reason}"
        if not reason.startswith("is ")
        else f"{place} ({type_.name}), row {row}, {reason}",
        row=row,
        column=column,
        hint=hint,
    )


def _culprit(
    type_: PgType, data: bytes, error: Exception, known: KnownTypes
) -> tuple[PgType, Exception, str]:
    base = underlying(type_)
    if base.kind == "array" and base.element is not None:
        for element in elements_of(data)[1]:
            if (failure := _failure_of(base.element, element, known)) is not None:
                found, why, inside = _culprit(base.element, element, failure, known)
                if found.kind == "array" or not inside:
                    return type_, why, inside
                return found, why, f"{inside}an element of "
    if base.kind in _NESTED:
        for place, (oid, raw) in enumerate(fields_of(data)):
            part = known.types.get(oid)
            if part is None or raw is None:
                continue
            if (failure := _failure_of(part, raw, known)) is not None:
                found, why, inside = _culprit(part, raw, failure, known)
                name = f"value {place}"
                if base.kind == "composite":
                    name = f'attribute "{base.attributes[place].name}"'
                return found, why, f"{inside}{name} of "
    return type_, error, ""


def _failure_of(type_: PgType, data: bytes, known: KnownTypes) -> Exception | None:
    try:
        known.transformer(deep=True).get_loader(type_.oid, BINARY).load(data)
    except Exception as failure:
        return failure
    return None


def _article(name: str) -> str:
    return f"{'an' if name[:1] in 'aeiou' else 'a'} {name}"


def _innermost(type_: PgType) -> PgType:
    while type_.element is not None:
        type_ = type_.element
    return type_


def _executor_for(plan: Any, shape: Shape) -> Executor | str:
    """Return what carries out a plan, or why that is left to the generated code."""
    # It needs all that plans are made with, which is imported with the first of them.
    from liteorm.postgres._native.programs import executor_for

    return executor_for(plan, shape)


def shape_of(result: pq.abc.PGresult, known: KnownTypes) -> Shape:
    """Return the shape of a result; equal results have the same one.

    Raises:
        UnknownTypes: the catalog must be asked for some types first.
    """
    columns = range(result.nfields)
    # Not in a comprehension, which has a frame of its own: each statement comes by here.
    names: Any = tuple(map(result.fname, columns))
    oids = tuple(map(result.ftype, columns))
    shape = known.shapes.get((names, oids))
    return known.shape(names, oids, _executor_for) if shape is None else shape


LOOKUPS: Final = 10
"""How often the catalog is asked about one result: each answer may bring up further types."""


def changed_types() -> ScanError:
    """Return the error for a result whose types the catalog keeps describing otherwise."""
    return ScanError(
        "types of the result were changed by another transaction, and this one sees them as"
        " they were before",
        remedy="run the query again, in a new transaction",
    )


def has_written(tag: bytes | None, text: str) -> bool:
    """Say whether a statement changed rows, as far as the server's answer and its text tell."""
    words = (tag or b"").split()
    if words[:1] == [b"SELECT"]:
        # Of what stands in its WITH the answer says nothing.
        return writes(text)
    return len(words) > 1 and words[0] in _WRITING and words[-1] != b"0"


_WRITING = frozenset({b"INSERT", b"UPDATE", b"DELETE", b"MERGE"})


def rows_from_result(result: pq.abc.PGresult, known: KnownTypes) -> Rows:
    """Wrap a binary result.

    Raises:
        UnknownTypes: the catalog must be asked for some types first.
    """
    shape = shape_of(result, known)
    if shape.nested:
        _check_nested(result, shape, known)
    return Rows(ResultRows(result, shape, known))


def _check_nested(result: pq.abc.PGresult, shape: Shape, known: KnownTypes) -> None:
    """Look into composites and records for types that are new, or that changed meanwhile.

    An anonymous record tells its types only in its values; a composite may have been altered
    under the same oid, so the first value of a column is held against what is known of it.
    """
    unknown: set[int] = set()
    for column in shape.nested:
        type_ = shape.types[column]
        if _types_are_known(result, column, underlying(type_), known, unknown):
            continue
        for row in range(result.ntuples):
            data = result.get_value(row, column)
            if data is None:
                continue
            _look_inside(bytes(data), underlying(type_), known, unknown)
            if not _has_record(type_):
                break
    if unknown:
        raise UnknownTypes(unknown)


def _types_are_known(
    result: pq.abc.PGresult, column: int, type_: PgType, known: KnownTypes, unknown: set[int]
) -> bool:
    """Look at the types in a column of records; False: each value must be looked into.

    They are enough where none of them is itself put together from others.
    """
    if type_.oid not in (RECORD_OID, RECORD_ARRAY_OID):
        return False
    array = type_.oid == RECORD_ARRAY_OID
    found = set(record_types(result, column, arrays=array) or ())
    if not found:
        lengths: Lengths = {}
        for row in range(result.ntuples):
            data = result.get_value(row, column)
            if data is not None:
                types_in_records(bytes(data), found, lengths, array=array)
    types = known.types
    if any(oid in types and has_fields(types[oid]) for oid in found):
        return False
    unknown.update(oid for oid in found if oid not in types or known.wants_money((oid,)))
    return True


def _look_inside(data: bytes, type_: PgType, known: KnownTypes, unknown: set[int]) -> None:
    if type_.kind == "array" and type_.element is not None:
        _, elements = elements_of(data)
        for element in elements if _has_record(type_) else elements[:1]:
            _look_inside(element, underlying(type_.element), known, unknown)
        return
    if type_.kind not in _NESTED:
        return
    fields = fields_of(data)
    if type_.kind == "composite" and [oid for oid, _ in fields] != [
        attribute.type.oid for attribute in type_.attributes
    ]:
        unknown.add(type_.oid)
        return
    for oid, raw in fields:
        inner = known.types.get(oid)
        if inner is None or known.wants_money((oid,)):
            unknown.add(oid)
        elif raw is not None:
            _look_inside(raw, underlying(inner), known, unknown)


def _has_record(type_: PgType) -> bool:
    base = underlying(type_)
    if base.element is not None and base.kind == "array":
        return _has_record(base.element)
    return base.kind == "record" or any(_has_record(a.type) for a in base.attributes)
