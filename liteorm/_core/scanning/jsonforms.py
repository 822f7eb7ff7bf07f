"""Values as PostgreSQL itself writes them into JSON, which msgspec does not read."""

from __future__ import annotations

import contextlib
import re
import typing
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

import attrs

from liteorm._core.patterns import pattern
from liteorm._core.values.interval import Interval, interval_from_text, timedelta_of
from liteorm._core.values.range_texts import multirange_from_text, range_from_text
from liteorm._core.values.ranges import Multirange, Range
from liteorm.errors import DataError

T = TypeVar("T")

_ISO: Final = pattern(
    r"P(?:([-+]?\d+)Y)?(?:([-+]?\d+)M)?(?:([-+]?\d+)W)?(?:([-+]?\d+)D)?"
    r"(?:T(?:([-+]?\d+)H)?(?:([-+]?\d+)M)?(?:([-+]?\d+(?:\.\d+)?)S)?)?"
)
_BOUNDS: Final[dict[Any, Callable[[str], Any]]] = {
    int: int,
    Decimal: Decimal,
    date: date.fromisoformat,
    datetime: datetime.fromisoformat,
    str: str,
}


class Unread(ValueError):
    """JSON that is in neither form of a type, in words without the value."""


@attrs.frozen(eq=False, repr=False)
class _RangeParts:
    """A range as an object in JSON."""

    lower: Any = None
    upper: Any = None
    lower_inc: bool = False
    upper_inc: bool = False
    is_empty: bool = False


def _bytes(value: Any, annotation: Any) -> bytes:
    if isinstance(value, str) and value.startswith("\\x"):
        try:
            return bytes.fromhex(value[2:])
        except ValueError:
            raise Unread("Invalid hex digits") from None
    found: bytes = _converted(value, bytes)
    return found


def _timedelta(value: Any, annotation: Any) -> timedelta:
    if isinstance(value, str) and "P" not in value[:2]:
        return timedelta_of(_interval_text(value))
    if isinstance(value, str) and "-" in value[1:]:
        # PostgreSQL has a sign for each part
        return timedelta_of(_interval(value, Interval))
    found: timedelta = _converted(value, timedelta)
    return found


def _interval(value: Any, annotation: Any) -> Interval:
    if not isinstance(value, str):
        made: Interval = _converted(value, Interval)
        return made
    if "P" not in value[:2]:
        return _interval_text(value)
    found = _ISO.fullmatch(value)
    if found is None:
        raise Unread("Invalid ISO8601 duration")
    years, months, weeks, days, hours, minutes = (int(part or 0) for part in found.groups()[:6])
    # By its digits: arithmetic with Decimal is as exact as the process's context lets it be.
    seconds, _, fraction = (found[7] or "0").partition(".")
    micros = int(seconds + fraction[:6].ljust(6, "0"))
    clock = (hours * 60 + minutes) * 60_000_000 + micros
    return Interval(12 * years + months, 7 * weeks + days, clock)


def _interval_text(value: str) -> Interval:
    if value:
        try:
            return interval_from_text(value)
        except DataError:
            pass
    raise Unread("Expected an interval in the style postgres or iso_8601")


def _time(value: Any, annotation: Any) -> time:
    if isinstance(value, str) and re.search(r"[-+]\d\d(:\d\d){0,2}$", value):
        with contextlib.suppress(ValueError):
            return time.fromisoformat(value)
        raise Unread("Invalid time")
    found: time = _converted(value, time)
    return found


def _range(value: Any, annotation: Any) -> Range[Any]:
    inner = (*typing.get_args(annotation), Any)[0]
    if isinstance(value, str):
        if not re.fullmatch(r"empty|[\[(].*,.*[\])]", value, re.S):
            raise Unread("Expected a range")
        return _in_words(range_from_text(_bound_of(inner)), value)
    parts: _RangeParts = _converted(value, _RangeParts)
    if parts.is_empty:
        return Range[Any].empty()
    lower, upper = (
        None if bound is None else _bound(bound, inner) for bound in (parts.lower, parts.upper)
    )
    bounds = ("[" if parts.lower_inc else "(") + ("]" if parts.upper_inc else ")")
    return _in_words(lambda _: Range[Any](lower, upper, bounds), "")


def _multirange(value: Any, annotation: Any) -> Multirange[Any]:
    inner = (*typing.get_args(annotation), Any)[0]
    given: Any = value
    if given.__class__ is dict and len(given) == 1:
        # what is written of one is an object with its ranges
        [value] = given.values()
    if not isinstance(value, str):
        return Multirange([_range(each, annotation) for each in _converted(value, list)])
    if not re.fullmatch(r"\{.*\}", value, re.S):
        raise Unread("Expected a multirange")
    return _in_words(multirange_from_text(range_from_text(_bound_of(inner))), value)


def _in_words(read: Callable[[str], T], text: str) -> T:
    try:
        return read(text)
    except (ValueError, ArithmeticError, AssertionError):
        raise Unread("Expected a range with bounds of its type") from None


def _bound_of(inner: Any) -> Callable[[str], Any]:
    return _BOUNDS.get(inner) or (lambda text: _bound(text, inner))


def _bound(value: Any, inner: Any) -> Any:
    """Read a bound as what it is where it stands alone."""
    read = READ.get(typing.get_origin(inner) or inner)
    return _converted(value, inner) if read is None else read(value, inner)


def _converted(value: Any, tp: Any) -> Any:
    import msgspec

    try:
        return msgspec.convert(value, tp, builtin_types=())
    except msgspec.ValidationError as error:
        raise Unread(str(error)) from None


READ: Final[dict[Any, Callable[[Any, Any], Any]]] = {
    bytes: _bytes,
    timedelta: _timedelta,
    Interval: _interval,
    time: _time,
    Range: _range,
    Multirange: _multirange,
}
"""What reads the decoded JSON of a value, given its annotation, by class."""
