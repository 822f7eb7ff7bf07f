"""PostgreSQL's binary forms that psycopg leaves as bytes, read into plain Python values.

Each form is what the type's send function writes (`*send` in PostgreSQL's src/backend/utils/adt).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from liteorm._core.scanning.types import JsonText, Pair, Record
from liteorm._core.values.interval import Interval
from liteorm._core.values.ranges import Multirange, Range
from liteorm._core.values.texts import number_text, point_text
from liteorm.errors import DataError

Load = Callable[[bytes], Any]
LoaderFor = Callable[[int], Load]
"""Returns the loader of a type by its oid."""

_int4 = struct.Struct("!i").unpack_from
_uint4 = struct.Struct("!I").unpack_from
_uint2 = struct.Struct("!H").unpack_from
_oid_and_length = struct.Struct("!Ii").unpack_from
_interval = struct.Struct("!qii").unpack
_doubles = struct.Struct("!d").iter_unpack

_RANGE_EMPTY, _LOWER_INC, _UPPER_INC, _LOWER_INF, _UPPER_INF = 1, 2, 4, 8, 16


def nothing(data: bytes) -> None:
    """Read void."""


def uint(data: bytes) -> int:
    """Read an oid, xid or xid8."""
    return int.from_bytes(data, "big")


def tid(data: bytes) -> str:
    """Read a tuple's address."""
    return f"({_uint4(data)[0]},{_uint2(data, 4)[0]})"


def lsn(data: bytes) -> str:
    """Read a write-ahead log position."""
    return f"{_uint4(data)[0]:X}/{_uint4(data, 4)[0]:X}"


def mac(data: bytes) -> str:
    """Read a MAC address of 6 or 8 bytes."""
    return data.hex(":")


def bits(data: bytes) -> str:
    """Read a bit string into its digits."""
    count = _int4(data)[0]
    return "".join(f"{byte:08b}" for byte in data[4:])[:count]


def versioned_text(data: bytes) -> str:
    """Read text behind a version byte: jsonpath, ltree, lquery, ltxtquery."""
    return data[1:].decode()


def money_reader(unit: int) -> Load:
    """Return the reader of money, whose unit is what the server's lc_monetary calls 1."""
    digits = Decimal(len(str(unit)) - 1)

    def read(data: bytes) -> Decimal:
        return Decimal(int.from_bytes(data, "big", signed=True)).scaleb(-int(digits))

    return read


def interval(data: bytes) -> Interval:
    """Read an interval whole."""
    microseconds, days, months = _interval(data)
    return Interval(months, days, microseconds)


def short_interval(data: bytes) -> timedelta:
    """Read an interval into a timedelta.

    Raises:
        DataError: it has months, or is infinite.
    """
    return timedelta_of(interval(data))


def timedelta_of(value: Interval) -> timedelta:
    """Return an interval as a timedelta.

    Raises:
        DataError: it has months, or is infinite.
    """
    hint = "annotate the field liteorm.Interval"
    if value.months:
        raise DataError("is an interval with months, which have no fixed length in days", hint=hint)
    try:
        return value.to_timedelta()
    except DataError:
        raise DataError("is an interval beyond Python's timedelta", hint=hint) from None


def pair(data: bytes) -> Pair:
    """Read a point into its coordinates."""
    return Pair(*(number for (number,) in _doubles(data)))


def _points(data: bytes) -> list[str]:
    numbers = [number for (number,) in _doubles(data)]
    return [point_text(both) for both in zip(numbers[::2], numbers[1::2], strict=True)]


def point(data: bytes) -> str:
    """Read a point into its text form."""
    return _points(data)[0]


def lseg(data: bytes) -> str:
    """Read a line segment into its text form."""
    return f"[{','.join(_points(data))}]"


def box(data: bytes) -> str:
    """Read a box into its text form."""
    return ",".join(_points(data))


def path(data: bytes) -> str:
    """Read a path into its text form: parentheses if it is closed, brackets if it is open."""
    text = ",".join(_points(data[5:]))
    return f"({text})" if data[0] else f"[{text}]"


def polygon(data: bytes) -> str:
    """Read a polygon into its text form."""
    return f"({','.join(_points(data[4:]))})"


def line(data: bytes) -> str:
    """Read a line into its text form."""
    return f"{{{','.join(number_text(number) for (number,) in _doubles(data))}}}"


def circle(data: bytes) -> str:
    """Read a circle into its text form."""
    x, y, radius = (number for (number,) in _doubles(data))
    return f"<{point_text((x, y))},{number_text(radius)}>"


def _lexeme(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def tsvector(data: bytes) -> str:
    """Read a tsvector into its text form."""
    words: list[str] = []
    at = 4
    for _ in range(_int4(data)[0]):
        end = data.index(b"\0", at)
        word = _lexeme(data[at:end].decode())
        count = _uint2(data, end + 1)[0]
        at = end + 3
        positions = [_uint2(data, at + 2 * index)[0] for index in range(count)]
        at += 2 * count
        marks = ",".join(f"{p & 0x3FFF}{('', 'C', 'B', 'A')[p >> 14]}" for p in positions)
        words.append(f"{word}:{marks}" if marks else word)
    return " ".join(words)


_NOT, _AND, _OR, _PHRASE = 1, 2, 3, 4
_PRIORITY = {_OR: 1, _AND: 2, _PHRASE: 3, _NOT: 4}


class _Query:
    """Reads a tsquery, which is sent in prefix order, the right operand first."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 4

    def take(self) -> tuple[str, int]:
        """Return the text of one node and its operator (0 for a lexeme)."""
        data = self.data
        kind = data[self.at]
        if kind == 1:
            weight, prefix = data[self.at + 1], data[self.at + 2]
            end = data.index(b"\0", self.at + 3)
            text = _lexeme(data[self.at + 3 : end].decode())
            self.at = end + 1
            marks = ("*" if prefix else "") + "".join(
                letter for bit, letter in ((8, "A"), (4, "B"), (2, "C"), (1, "D")) if weight & bit
            )
            return (f"{text}:{marks}" if marks else text), 0
        operator = data[self.at + 1]
        self.at += 2
        if operator == _NOT:
            text, inner = self.take()
            return f"!{self._inside(text, inner, _NOT)}", _NOT
        symbol = "&" if operator == _AND else "|"
        if operator == _PHRASE:
            distance = _uint2(data, self.at)[0]
            self.at += 2
            symbol = "<->" if distance == 1 else f"<{distance}>"
        right, right_operator = self.take()
        left, left_operator = self.take()
        left = self._inside(left, left_operator, operator)
        # A phrase on the right of a phrase keeps its parentheses: <-> is not associative.
        right = self._inside(right, right_operator, operator, right=operator == _PHRASE)
        return f"{left} {symbol} {right}", operator

    def _inside(self, text: str, inner: int, outer: int, *, right: bool = False) -> str:
        if inner and (_PRIORITY[inner] < _PRIORITY[outer] or (right and inner == outer == _PHRASE)):
            return f"( {text} )"
        return text


def tsquery(data: bytes) -> str:
    """Read a tsquery into its text form."""
    return _Query(data).take()[0] if _int4(data)[0] else ""


def hstore(data: bytes) -> dict[str, str | None]:
    """Read an hstore."""
    found: dict[str, str | None] = {}
    at = 4
    for _ in range(_int4(data)[0]):
        length = _int4(data, at)[0]
        key = data[at + 4 : at + 4 + length].decode()
        at += 4 + length
        length = _int4(data, at)[0]
        at += 4
        if length < 0:
            found[key] = None
        else:
            found[key] = data[at : at + length].decode()
            at += length
    return found


def vector(data: bytes) -> list[float]:
    """Read a pgvector vector."""
    count = _uint2(data)[0]
    return list(struct.unpack_from(f"!{count}f", data, 4))


def json_text(data: bytes) -> JsonText:
    """Keep JSON text for a decoder to come."""
    return JsonText(data)


def jsonb_text(data: bytes) -> JsonText:
    """Keep jsonb's text, without its version byte, for a decoder to come."""
    return JsonText(data[1:])


def range_reader(load_bound: Load) -> Load:
    """Return the reader of ranges over a subtype."""

    def read(data: bytes) -> Range[Any]:
        flags = data[0]
        if flags & _RANGE_EMPTY:
            return Range[Any].empty()
        lower = upper = None
        at = 1
        if not flags & _LOWER_INF:
            length = _int4(data, at)[0]
            lower = load_bound(data[at + 4 : at + 4 + length])
            at += 4 + length
        if not flags & _UPPER_INF:
            length = _int4(data, at)[0]
            upper = load_bound(data[at + 4 : at + 4 + length])
        bounds = ("[" if flags & _LOWER_INC else "(") + ("]" if flags & _UPPER_INC else ")")
        return Range(lower, upper, bounds)

    return read


def multirange_reader(read_range: Load) -> Load:
    """Return the reader of multiranges over a range type."""

    def read(data: bytes) -> Multirange[Any]:
        ranges: list[Range[Any]] = []
        at = 4
        for _ in range(_int4(data)[0]):
            length = _int4(data, at)[0]
            ranges.append(read_range(data[at + 4 : at + 4 + length]))
            at += 4 + length
        return Multirange(ranges)

    return read


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


def record_reader(loader_for: LoaderFor, *, deep: bool) -> Load:
    """Return the reader of records and composites: a tuple, or its deep form."""

    def read(data: bytes) -> Any:
        fields = fields_of(data)
        values = tuple(None if raw is None else loader_for(oid)(raw) for oid, raw in fields)
        return Record(tuple(oid for oid, _ in fields), values) if deep else values

    return read


def elements_of(data: bytes) -> tuple[int, list[bytes]]:
    """Return the element oid of an array and the bytes of its elements which are not NULL."""
    dimensions, _, oid = struct.unpack_from("!iiI", data)
    at = 12 + 8 * dimensions
    found: list[bytes] = []
    while dimensions and at < len(data):
        length = _int4(data, at)[0]
        at += 4
        if length >= 0:
            found.append(data[at : at + length])
            at += length
    return oid, found
