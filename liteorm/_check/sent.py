"""The types that parameters are sent with, by the annotations that are declared for them."""

from __future__ import annotations

import datetime
import decimal
import enum
import ipaddress
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from liteorm._core.models.hints import Codec, Hint
from liteorm._core.values.interval import Interval
from liteorm._core.values.json import Json
from liteorm._core.values.ranges import Multirange, Range
from liteorm.errors import Error

Oid = Callable[[Any], int]
"""Gives the type of a value, by the code that sends it."""

_MEMBERS = 200
_SMALL, _USUAL = 1, 2**15
_NAIVE = datetime.datetime(2000, 1, 1)
_VALUES: Mapping[Any, Any] = {
    bool: True,
    bytes: b"",
    datetime.date: _NAIVE.date(),
    datetime.timedelta: datetime.timedelta(1),
    decimal.Decimal: decimal.Decimal(1),
    float: 1.5,
    Interval: Interval(),
    ipaddress.IPv4Address: ipaddress.IPv4Address(0),
    ipaddress.IPv4Interface: ipaddress.IPv4Interface(0),
    ipaddress.IPv4Network: ipaddress.IPv4Network(0),
    ipaddress.IPv6Address: ipaddress.IPv6Address(0),
    ipaddress.IPv6Interface: ipaddress.IPv6Interface(0),
    ipaddress.IPv6Network: ipaddress.IPv6Network(0),
    Json: Json(None),
    str: "a",
    uuid.UUID: uuid.UUID(int=0),
}
_AWARE = {
    datetime.datetime: (_NAIVE.replace(tzinfo=datetime.UTC), _NAIVE),
    datetime.time: (_NAIVE.time(), _NAIVE.time().replace(tzinfo=datetime.UTC)),
}
"""Values with and without a time zone: which of them a caller has, no annotation says."""


@attrs.frozen
class Sent:
    """The types that a parameter is sent with; 0 stands for a literal, which the server reads."""

    every: tuple[int, ...] = (0,)
    """All of these come; the first is the usual one."""
    either: tuple[int, ...] = ()
    """Comes instead of the usual one if the caller's values are of that sort."""
    small: int | None = None
    """Comes instead of the usual one for small integers."""
    empty: bool = False
    """An empty list comes as a literal."""
    none: bool = False
    """None comes as a literal."""


def sent_as(hint: Hint, codec: Codec | None, codecs: Mapping[Any, Codec], oid: Oid) -> Sent:
    """Return the types that values of an annotation are sent with.

    Raises:
        DataError: Such values are not sent at all.
    """
    if codec is not None or _has_codec(hint, codecs):
        return Sent(none=hint.optional)
    usual = list(_oids(_samples(hint, codecs, _USUAL), oid)) or [0]
    small = list(_oids(_samples(hint, codecs, _SMALL), oid)) or [0]
    either = list(_oids(_samples(hint, codecs, _USUAL, aware=1), oid)) or [0]
    return Sent(
        tuple(usual),
        tuple(either[:1]) if either != usual else (),
        small[0] if small[0] != usual[0] else None,
        empty=hint.kind == "sequence" and usual[0] != 0,
        none=hint.optional,
    )


def _has_codec(hint: Hint, codecs: Mapping[Any, Codec]) -> bool:
    if hint.column is not None and hint.column.codec is not None:
        return True
    if not codecs or not isinstance(hint.type, type):
        return False
    return any(cls in codecs for cls in hint.type.__mro__)


def _oids(values: Iterator[Any], oid: Oid) -> Iterator[int]:
    seen: set[int] = set()
    failure: Error | None = None
    for value in values:
        try:
            found = oid(value)
        except Error as error:
            failure = error
            continue
        if found not in seen:
            seen.add(found)
            yield found
    if failure is not None and not seen:
        raise failure


def _samples(hint: Hint, codecs: Mapping[Any, Codec], number: int, aware: int = 0) -> Iterator[Any]:
    """Yield values of an annotation, one for each sort that is sent in its own way."""
    if _has_codec(hint, codecs):
        return
    match hint.kind:
        case "scalar":
            yield from _scalar(hint.type, number, aware)
        case "enum":
            yield from list(hint.type)[:_MEMBERS]
        case "literal":
            yield from hint.literals
        case "sequence" | "tuple":
            for arg in hint.args:
                yield from ([value] for value in _samples(arg, codecs, number, aware))
        case "mapping":
            yield {}
        case "model":
            yield _object(hint.type)
        case "range":
            yield Range[Any].empty()
        case "multirange":
            yield Multirange[Any]([])
        case "union":
            for arg in hint.args:
                yield from _samples(arg, codecs, number, aware)
        case "any" | "none":
            return


def _scalar(cls: Any, number: int, aware: int) -> Iterator[Any]:
    if cls is int:
        yield number
    elif cls in _AWARE:
        yield _AWARE[cls][aware]
    elif cls in _VALUES:
        yield _VALUES[cls]
    elif isinstance(cls, type) and not issubclass(cls, enum.Enum):
        yield _object(cls)


def _object(cls: Any) -> Any:
    """Return an object for its class alone: nothing of it is read."""
    try:
        return cls.__new__(cls)
    except Exception:  # a class may refuse in any way; then its values are the server's to judge
        return None
