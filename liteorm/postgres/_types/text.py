"""PostgreSQL's text forms, for cursors of the driver that did not ask for binary results."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from psycopg import abc, pq

from liteorm._core.scanning.jsontext import decode_plain
from liteorm._core.scanning.types import JsonText, Pair, PgType, Variant, underlying
from liteorm._core.values.interval import Interval
from liteorm._core.values.ranges import Multirange, Range
from liteorm.errors import DataError
from liteorm.postgres._types.binary import timedelta_of

TEXT = pq.Format.TEXT

Read = Callable[[str], Any]
Load = Callable[[bytes], Any]

# Text forms which psycopg reads into the plain value of our table; the others are their own.
_BY_PSYCOPG = frozenset(
    [
        *("bool", "int2", "int4", "int8", "float4", "float8", "numeric", "bytea", "uuid"),
        *("date", "time", "timetz", "timestamp", "timestamptz", "inet", "cidr", "oid"),
    ]
)
_NUMBERS = frozenset(["xid", "xid8", "cid"])
_ELEMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|((?:[^",{}\\]|\\.)*)', re.S)
_BOX = re.compile(r"()([^;{}]*)")
"""An element of box[], the only type whose elements are not split by commas."""
_FIELD = re.compile(r'(?:"((?:[^"\\]|\\.|"")*)"|([^,"]*))(,|$)')
_BOUND = re.compile(r'(?:"((?:[^"\\]|\\.|"")*)"|([^,"\])]*))')
_PAIR = re.compile(r'"((?:[^"\\]|\\.)*)"=>(?:"((?:[^"\\]|\\.)*)"|NULL)(?:, |$)')
_ESCAPE = re.compile(r"\\(.)|\"(\")", re.S)
_INTERVAL = re.compile(
    r"(?:(?P<years>-?\+?\d+) years? ?)?(?:(?P<months>-?\+?\d+) mons? ?)?"
    r"(?:(?P<days>-?\+?\d+) days? ?)?"
    r"(?:(?P<sign>[-+])?(?P<hours>\d+):(?P<minutes>\d+):(?P<seconds>\d+)(?:\.(?P<micros>\d+))?)?$"
)


def unescaped(text: str) -> str:
    """Return the text inside quotes, its escapes undone."""
    return _ESCAPE.sub(lambda match: match[1] or match[2], text)


def interval(text: str) -> Interval:
    """Read an interval in PostgreSQL's own style.

    Raises:
        DataError: it is in another style.
    """
    match = _INTERVAL.match(text)
    if match is None:
        raise DataError(
            "is in a style that liteorm does not read as text",
            hint="ask for binary results: cursor(binary=True)",
        )
    words = ("years", "months", "days", "hours", "minutes", "seconds")
    part = {word: int(match[word] or 0) for word in words}
    micros = int((match["micros"] or "").ljust(6, "0")[:6])
    time = ((part["hours"] * 60 + part["minutes"]) * 60 + part["seconds"]) * 1_000_000 + micros
    return Interval(
        12 * part["years"] + part["months"], part["days"], -time if match["sign"] == "-" else time
    )


def _timedelta(text: str) -> timedelta:
    return timedelta_of(interval(text))


def _pair(text: str) -> Pair:
    return Pair(*(float(number) for number in text.strip("()").split(",")))


def _hstore(text: str) -> dict[str, str | None]:
    return {
        unescaped(match[1]): None if match[2] is None else unescaped(match[2])
        for match in _PAIR.finditer(text)
    }


def _vector(text: str) -> list[float]:
    return [float(number) for number in text.strip("[]").split(",") if number]


def array_reader(read: Read, pattern: re.Pattern[str] = _ELEMENT) -> Read:
    """Return the reader of arrays of an element type."""

    def parse(text: str) -> list[Any]:
        # Bounds other than 1 are written in front: [0:2]={...}
        text = text[text.index("{") :]
        stack: list[list[Any]] = []
        at = 0
        while True:
            character = text[at]
            if character == "{":
                stack.append([])
                at += 1
            elif character == "}":
                done = stack.pop()
                at += 1
                if not stack:
                    return done
                stack[-1].append(done)
            elif character in ",;":
                at += 1
            else:
                match = pattern.match(text, at)
                assert match is not None
                at = match.end()
                bare = match[2]
                if bare is None:
                    stack[-1].append(read(unescaped(match[1])))
                else:
                    stack[-1].append(None if bare == "NULL" else read(unescaped(bare)))

    return parse


def record_reader(reads: list[Read]) -> Read:
    """Return the reader of a composite with these attributes."""

    def parse(text: str) -> tuple[Any, ...]:
        found: list[str | None] = []
        inner, at = text[1:-1], 0
        while len(found) < len(reads):
            match = _FIELD.match(inner, at)
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


def _bound(match: re.Match[str]) -> str | None:
    return unescaped(match[1]) if match[1] is not None else (match[2] or None)


def range_reader(read: Read) -> Read:
    """Return the reader of ranges over a subtype."""

    def parse(text: str) -> Range[Any]:
        if text == "empty":
            return Range[Any].empty()
        first = _BOUND.match(text, 1)
        assert first is not None
        second = _BOUND.match(text, first.end() + 1)
        assert second is not None
        lower, upper = _bound(first), _bound(second)
        return Range(
            None if lower is None else read(lower),
            None if upper is None else read(upper),
            text[0] + text[-1],
        )

    return parse


_RANGE = re.compile(r'empty|[\[(](?:"(?:[^"\\]|\\.|"")*"|[^"\])])*[\])]')


def multirange_reader(read_range: Read) -> Read:
    """Return the reader of multiranges over a range type."""
    return lambda text: Multirange(read_range(match[0]) for match in _RANGE.finditer(text))


class TextReaders:
    """The readers of one result's types, in plain or in deep form."""

    def __init__(self, transformer: abc.Transformer, *, deep: bool) -> None:
        self.transformer = transformer
        self.deep = deep

    def reader(self, type_: PgType) -> Read:
        """Return the reader of a type."""
        match type_.kind:
            case "domain" if type_.element is not None:
                return self.reader(type_.element)
            case "array" if type_.element is not None:
                box = underlying(type_.element).base == "box"
                return array_reader(self.reader(type_.element), _BOX if box else _ELEMENT)
            case "range" if type_.element is not None:
                # its bounds are plain values, wherever the range is
                return range_reader(TextReaders(self.transformer, deep=False).reader(type_.element))
            case "multirange" if type_.element is not None:
                return multirange_reader(self.reader(type_.element))
            case "composite":
                return record_reader([self.reader(a.type) for a in type_.attributes])
            case "record":
                return _no_text("an anonymous record")
            case "base":
                return self._base(type_)
            case _:
                pass
        return str

    def _base(self, type_: PgType) -> Read:
        base = type_.base
        if base in ("json", "jsonb"):
            if self.deep:
                return lambda text: JsonText(text.encode())
            return lambda text: decode_plain(text.encode())
        if base == "interval":
            return interval if self.deep else _timedelta
        if base == "point" and self.deep:
            return _pair
        if base in _BY_PSYCOPG:
            load: Load = self.transformer.get_loader(type_.oid, TEXT).load
            return lambda text: load(text.encode())
        if base in _NUMBERS:
            return int
        if base == "money" or base.startswith("reg"):
            return _no_text(type_.name)
        return _READERS.get(base, str)


def _no_text(what: str) -> Read:
    def refuse(text: str) -> Any:
        raise DataError(
            f"is {what}, whose text form does not tell its value",
            hint="ask for binary results: cursor(binary=True)",
        )

    return refuse


_READERS: dict[str, Read] = {
    "hstore": _hstore,
    "vector": _vector,
    "void": lambda text: None,
    "int2vector": lambda text: [int(number) for number in text.split()],
    "oidvector": lambda text: [int(number) for number in text.split()],
}


def variant_reader(
    type_: PgType, variant: Variant, transformer: abc.Transformer
) -> Callable[[bytes], Any]:
    """Return what reads a column of a text result in the form that a plan asks for."""
    if variant == "skip":
        return lambda data: None
    if variant == "json":
        # A plan expects jsonb's version byte in front, which only the binary form has.
        prefix = b"\x01" if underlying(type_).base == "jsonb" else b""
        return lambda data: prefix + data
    if variant == "interval":
        return lambda data: interval(data.decode())
    if variant == "point":
        return lambda data: tuple(_pair(data.decode()))
    # int2vector and oidvector are written as arrays in their binary form only
    read = _READERS.get(type_.name) or TextReaders(transformer, deep=variant == "deep").reader(
        type_
    )
    return lambda data: read(data.decode())
