"""Composites and anonymous records, in binary (rowtypes.c) and in text."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeAlias

from liteorm._core.models.annotations import is_model
from liteorm._core.models.classes import model_of
from liteorm._core.models.model import Field
from liteorm._core.scanning.types import PgType, Record
from liteorm._core.values.quoting import quoted, unescaped
from liteorm.errors import ModelError
from liteorm.postgres._types.arrays import NULL, all_elements, dimensions_of, shaped
from liteorm.postgres._types.coded import Coded
from liteorm.postgres._types.forms import (
    Encoder,
    FromText,
    Load,
    LoadValues,
    Unsendable,
    ValuesFor,
    encoded_inside,
    is_a,
    wrong_class,
)

_int4 = struct.Struct("!i").unpack_from
_int32 = struct.Struct("!i").pack
_oid_and_length = struct.Struct("!Ii").unpack_from
_length_and_count = struct.Struct("!ii").unpack_from
_KEPT = 64
_BLOCK = 16
_ALIKE = 128
"""Lengths of records for which is kept how their fields lie."""
_FIELD = r'(?:"((?:[^"\\]|\\.|"")*)"|([^,"]*))(,|$)'


def fields_of(data: bytes) -> list[tuple[int, bytes | None]]:
    """Split a record or composite into the oids and bytes of its fields."""
    found: list[tuple[int, bytes | None]] = []
    at = 4
    for _ in range(_int4(data)[0]):
        oid, length = _oid_and_length(data, at)
        at += 8
        if length < 0:
            found.append((oid, None))
        else:
            found.append((oid, data[at : at + length]))
            at += length
    return found


class Alike:
    """Where the fields of a record lie: most others of its length have them there, too.

    Two calls then do for a record what takes two for each field: `heads` reads all that stands
    before fields, which must be as `expected`, and `cells` the fields.
    """

    __slots__ = ("cells", "expected", "heads")

    def __init__(self, data: bytes, at: int, sizes: list[int]) -> None:
        self.heads = struct.Struct("!i" + "".join([f"Ii{size}x" for size in sizes])).unpack_from
        self.cells = struct.Struct("!4x" + "".join([f"8x{size}s" for size in sizes])).unpack_from
        self.expected = self.heads(data, at)


Lengths: TypeAlias = "dict[int, Alike | bool]"
"""By length: False where it was met once, True where its records differ, or have NULLs."""


def _note(lengths: Lengths, data: bytes, at: int, length: int, sizes: list[int]) -> None:
    """Keep where the fields of a record lie, once a second one has its length."""
    if length not in lengths:
        if len(lengths) < _ALIKE:
            lengths[length] = False
    elif min(sizes, default=-1) < 0 or length != 4 + 8 * len(sizes) + sum(sizes):
        lengths[length] = True
    elif at + length <= len(data):
        lengths[length] = Alike(data, at, sizes)


def _maker(base: Any) -> Callable[[Any], Record]:
    """Return what makes a Record past NamedTuple's own checks, which take as long as the rest."""
    made: Any = base.__new__
    return partial(made, Record)


_MADE = _maker(tuple)


def record_reader(values_for: ValuesFor, *, deep: bool) -> Load:
    """Return the reader of records and composites: a tuple, or its deep form."""
    known: dict[tuple[int, ...], LoadValues] = {}
    made = _MADE

    def read(data: bytes) -> Any:
        # the loop of fields_of, written out: records come in thousands
        oids: list[int] = []
        raws: list[bytes | None] = []
        at = 4
        for _ in range(_int4(data)[0]):
            oid, length = _oid_and_length(data, at)
            at += 8
            oids.append(oid)
            if length < 0:
                raws.append(None)
            else:
                raws.append(data[at : at + length])
                at += length
        types = tuple(oids)
        load = known.get(types)
        if load is None:
            if len(known) >= _KEPT:
                known.clear()
            load = known[types] = values_for(types)
        values = load(raws)
        return made((types, values)) if deep else values

    return read


def record_array_reader(values_for: ValuesFor, *, deep: bool) -> Load:
    """Return the reader of arrays of composites or records.

    Records of one array have, nearly always, the same types: they are taken apart in one loop, and
    their fields loaded in blocks, which costs half of reading them one by one.
    """
    one = record_reader(values_for, deep=deep)
    known: dict[tuple[int, ...], tuple[LoadValues, LoadValues, Lengths]] = {}
    made = _MADE

    def taken(
        data: bytes, types: tuple[int, ...], count: int, lengths: Lengths
    ) -> list[bytes | None] | None:
        """Return all fields of all records; None if some are of other types, or NULL."""
        raws: list[bytes | None] = []
        append = raws.append
        at, width = 20, len(types)
        for _ in range(count):
            length, fields = _length_and_count(data, at)
            at += 4
            alike = lengths.get(length)
            if isinstance(alike, Alike):
                if alike.heads(data, at) == alike.expected:
                    raws += alike.cells(data, at)
                    at += length
                    continue
                lengths[length] = True
            if length < 0 or fields != width:
                return None
            start = at
            at += 4
            sizes: list[int] = []
            for expected in types:
                oid, size = _oid_and_length(data, at)
                if oid != expected:
                    return None
                at += 8
                sizes.append(size)
                if size < 0:
                    append(None)
                else:
                    append(data[at : at + size])
                    at += size
            if not alike:
                _note(lengths, data, start, length, sizes)
        return raws

    def read(data: bytes) -> list[Any]:
        dims = dimensions_of(data)
        types: tuple[int, ...] = ()
        raws = loads = None
        try:
            if len(dims) == 1 and _int4(data, 20)[0] > 0:
                types = _types_of(data, 24)
                loads = known.get(types)
                if types:
                    raws = taken(data, types, dims[0], {} if loads is None else loads[2])
        except struct.error:
            # a NULL at the end is shorter than a record; so is what was cut off
            pass
        width = len(types)
        if raws is None:
            return shaped([None if raw is None else one(raw) for raw in all_elements(data)], dims)
        if loads is None:
            if len(known) >= _KEPT:
                known.clear()
            loads = known[types] = values_for(types), values_for(types * _BLOCK), {}
        load, load_block, _ = loads
        values: list[Any] = []
        at, step = 0, width * _BLOCK
        while at + step <= len(raws):
            values += load_block(raws[at : at + step])
            at += step
        while at < len(raws):
            values += load(raws[at : at + width])
            at += width
        records = zip(*[iter(values)] * width, strict=True)
        return [made((types, record)) for record in records] if deep else list(records)

    return read


def _types_of(data: bytes, at: int) -> tuple[int, ...]:
    """Return the types of the fields of the record there."""
    oids: list[int] = []
    [count] = _int4(data, at)
    at += 4
    for _ in range(count):
        oid, length = _oid_and_length(data, at)
        oids.append(oid)
        at += 8 if length < 0 else 8 + length
    return tuple(oids)


def types_in_records(data: bytes, found: set[int], lengths: Lengths, *, array: bool) -> None:
    """Add the types of all fields of a record, or of an array of records.

    Args:
        data: The value.
        found: What was found so far in values of the same column.
        lengths: What is kept of them, empty at first.
        array: Whether it is an array.
    """
    at, end = 0, len(data)
    length, alike = end, lengths.get(end) if not array else None
    if array:
        at = 12 + 8 * _int4(data)[0]
    while at < end:
        if array:
            [length] = _int4(data, at)
            at += 4
            if length < 0:
                continue
            alike = lengths.get(length)
        if isinstance(alike, Alike) and at + length <= end:
            if alike.heads(data, at) == alike.expected:
                at += length
                continue
            lengths[length] = True
        start = at
        [count] = _int4(data, at)
        at += 4
        sizes: list[int] = []
        for _ in range(count):
            oid, size = _oid_and_length(data, at)
            at += 8 if size < 0 else 8 + size
            found.add(oid)
            sizes.append(size)
        if not alike:
            _note(lengths, data, start, length, sizes)


def record_from_text(reads: list[FromText]) -> FromText:
    """Return the reader of the text form of a composite with these attributes."""
    field = re.compile(_FIELD)

    def parse(text: str) -> tuple[Any, ...]:
        found: list[str | None] = []
        inner, at = text[1:-1], 0
        while len(found) < len(reads):
            match = field.match(inner, at)
            assert match is not None
            if match[1] is not None:
                found.append(unescaped(match[1]))
            else:
                found.append(match[2] or None)
            at = match.end()
        return tuple(
            None if value is None else read(value) for read, value in zip(reads, found, strict=True)
        )

    return parse


class Composite:
    """Objects by attribute name, dicts by key, plain tuples by position."""

    def __init__(
        self, type_: PgType, parts: list[tuple[str, Encoder, Encoder]], coded: Coded | None = None
    ) -> None:
        self.type = type_
        self.parts = parts
        self.names = [name for name, _, _ in parts]
        self.has_binary = all(encoder.binary is not None for _, encoder, _ in parts)
        self._others = None if coded is None else coded.plain
        self.required: frozenset[str] = frozenset()
        """Attributes of which None could not be read back into the field's annotation."""

    def _values(self, value: Any) -> Iterable[tuple[str, Encoder, Any]]:
        """Return name, encoder and value of each attribute."""
        fields = self._fields(value)
        if fields is None:
            items = zip(self.parts, self._items(value), strict=True)
            found = [(name, encoder, item) for (name, encoder, _), item in items]
        else:
            found = [
                (name, encoder, getattr(value, field.name))
                if (field := fields[name]).encode is None
                else (name, beneath, self._encoded(field, getattr(value, field.name)))
                for name, encoder, beneath in self.parts
            ]
        for name, _, item in found:
            if item is None and (
                name in self.required if fields is None else not fields[name].hint.optional
            ):
                raise Unsendable(f"its {name} is None, which could not be read back")
        return found

    def _encoded(self, field: Field, value: Any) -> Any:
        encode = field.encode_beside(self._others)
        return value if value is None or encode is None else encode(value)

    def _fields(self, value: Any) -> Mapping[str, Field] | None:
        """Return the fields of an object by attribute, None for dicts and plain tuples."""
        if is_a(value, Mapping) or not is_model(type(value)):
            return None
        try:
            fields = model_of(type(value)).by_column
        except ModelError as exc:
            raise Unsendable(exc.message) from exc
        self._check_names(list(fields))
        return fields

    def _items(self, value: Any) -> list[Any]:
        if is_a(value, Mapping):
            self._check_names(list(value))
            return [value[name] for name in self.names]
        if is_a(value, tuple | list):
            items: list[Any] = list(value)
            if len(items) != len(self.names):
                raise Unsendable(
                    f"it has {len(items)} items, {self.type.name} has {len(self.names)}"
                )
            return items
        raise wrong_class(value, f"an object with the attributes of {self.type.name}")

    def _check_names(self, given: list[str]) -> None:
        if missing := [name for name in self.names if name not in given]:
            raise Unsendable(f"it has no {', '.join(missing)}, as {self.type.name} has")
        if extra := [str(name) for name in given if name not in self.names]:
            raise Unsendable(f"it has {', '.join(extra)}, which {self.type.name} has not")

    def binary(self, value: Any) -> bytes:
        """Return the binary form."""
        out = [_int32(len(self.parts))]
        for name, encoder, item in self._values(value):
            out.append(struct.pack("!I", encoder.pgtype.oid))
            if item is None:
                out.append(NULL)
            else:
                assert encoder.binary is not None
                data = encoded_inside(f"its {name}", encoder.binary, item)
                out.append(b"%s%s" % (_int32(len(data)), data))
        return b"".join(out)

    def text(self, value: Any) -> str:
        """Return the text form."""
        return (
            "("
            + ",".join(
                "" if item is None else quoted(encoded_inside(f"its {name}", encoder.text, item))
                for name, encoder, item in self._values(value)
            )
            + ")"
        )
