"""What generated code calls: lookups and conversions, and the misfits that they raise."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any, cast

from liteorm._core.scanning import steps
from liteorm._core.scanning.jsontext import decode_plain
from liteorm._core.scanning.types import JsonText, Pair, Record
from liteorm._core.values.interval import Interval, timedelta_of
from liteorm._core.values.ranges import Multirange, Range, multirange_of, range_of
from liteorm._core.values.texts import point_text
from liteorm.errors import DataError


class Misfit(Exception):
    """A value that does not fit its field; where, the traceback tells.

    `sentence` follows "column ..., row N " and names no value.
    """

    def __init__(self, sentence: str, remedy: str | None = None, *, data: bool = False) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.remedy = remedy
        self.data = data


def _null() -> typing.NoReturn:
    raise Misfit("is NULL")


def _too_deep() -> typing.NoReturn:
    raise Misfit("is an array of more dimensions", "annotate a list for each: list[list[...]]")


def _too_flat() -> typing.NoReturn:
    raise Misfit("is an array of fewer dimensions", "annotate one list for each dimension")


def _wrong_length() -> typing.NoReturn:
    raise Misfit(
        "is an array with another number of elements",
        "annotate list[...] or tuple[..., ...] for any number",
    )


class MemberOf(dict[Any, Any]):
    """Members by value; one that is not listed is a misfit, unless the enum makes it."""

    def __init__(self, step: steps.Members) -> None:
        super().__init__(step.values)
        self.padded = step.padded
        if step.padded:
            for value, member in step.values:
                self.setdefault(value.rstrip(" "), member)
        self.enums = step.enums
        self.others = step.others
        self.shown = step.shown

    def __missing__(self, key: Any) -> Any:
        if self.padded and (bare := key.rstrip(" ")) in self:
            return self[bare]
        for enum in self.enums:
            try:
                return enum(key)
            except ValueError:
                pass
        if self.others:
            return key
        raise Misfit(
            f"holds a value which {self.shown} does not have",
            f"add the value to {self.shown}, or keep such rows out of the query",
        ) from None


def only(classes: tuple[type, ...]) -> Callable[[Any], Any]:
    """Return the check for addresses: inet may hold either version, with or without a netmask."""
    interfaces = {cls.__name__: cls for cls in classes if cls.__name__.endswith("Interface")}
    names = " | ".join(cls.__name__ for cls in classes)

    def check(value: Any) -> Any:
        if type(value) in classes:
            return value
        wider = interfaces.get(type(value).__name__.replace("Address", "Interface"))
        if wider is not None:
            return wider(value)
        raise Misfit(
            f"holds an {type(value).__name__}, not an {names}",
            "select host(...)::inet to drop the netmask, or annotate the field"
            f" {names} | {type(value).__name__}",
        )

    return check


def no_nulls(value: dict[str, Any]) -> dict[str, Any]:
    if None in value.values():
        raise Misfit("has a key whose value is NULL", "annotate the field dict[str, str | None]")
    return value


def _timedelta_of(value: Interval) -> Any:
    try:
        return timedelta_of(value)
    except DataError as error:
        raise Misfit(error.message, error.hint, data=True) from None


def _plain(value: Any) -> Any:
    """Return the plain value of a deep form."""
    match value:
        case Record():
            return tuple(_plain(inner) for inner in value.values)
        case Pair():
            return point_text(value)
        case JsonText():
            return decode_plain(value)
        case Interval():
            return _timedelta_of(value)
        case Range():
            whole = cast("Any", value)
            return with_bounds(whole, _plain(whole.lower), _plain(whole.upper))
        case Multirange():
            ranges = cast("Any", value)
            return multirange_of(map(_plain, ranges))
        case _:
            return type(value)(map(_plain, value)) if type(value) in (list, tuple) else value


def with_bounds(value: Range[Any], lower: Any, upper: Any) -> Range[Any]:
    """Return a range with other values for its bounds, in the same order."""
    return value if value.is_empty else range_of(lower, upper, value.bounds)


def _untyped(value: Any) -> typing.NoReturn:
    raise Misfit("is a literal without a type", "cast it in the query: ROW('x'::text)")


CALLS: dict[str, Callable[[Any], Any]] = {
    "timedelta_of": _timedelta_of,
    "point_text": point_text,
    "point_pair": tuple,
    "plain": _plain,
    "untyped": _untyped,
}

RAISING: dict[str, Callable[[], typing.NoReturn]] = {
    "null": _null,
    "too_deep": _too_deep,
    "too_flat": _too_flat,
    "wrong_length": _wrong_length,
}
"""What generated code raises through, under these names."""

RANGES: dict[str, Callable[..., Any]] = {"with_bounds": with_bounds, "ranges_of": multirange_of}
"""What generated code makes ranges with."""
