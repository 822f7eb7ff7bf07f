"""PostgreSQL's interval."""

from __future__ import annotations

import re
from datetime import timedelta

import attrs

from liteorm.errors import DataError

_INTERVAL = (
    r"(?:(?P<years>-?\+?\d+) years? ?)?(?:(?P<months>-?\+?\d+) mons? ?)?"
    r"(?:(?P<days>-?\+?\d+) days? ?)?"
    r"(?:(?P<sign>[-+])?(?P<hours>\d+):(?P<minutes>\d+):(?P<seconds>\d+)(?:\.(?P<micros>\d+))?)?$"
)


@attrs.frozen(order=False)
class Interval:
    """An interval as PostgreSQL stores it: months, days and microseconds, kept apart.

    `timedelta` knows neither months nor days of 23 or 25 hours; this holds any interval exactly.
    Two are equal when all three parts are (the server's own `=` takes a month for 30 days and a
    day for 24 hours). A `timedelta` may be added and subtracted: its days are days.
    """

    months: int = 0
    days: int = 0
    microseconds: int = 0

    @classmethod
    def from_timedelta(cls, delta: timedelta) -> Interval:
        """Return the interval with the days and microseconds of `delta`."""
        return cls(0, delta.days, delta.seconds * 1_000_000 + delta.microseconds)

    def to_timedelta(self) -> timedelta:
        """Return it as a `timedelta`, a day being 24 hours.

        Raises:
            DataError: If it has months, or is beyond what a timedelta holds.
        """
        if self.months:
            raise DataError(
                "an interval with months has no fixed length, timedelta cannot hold it",
                hint="keep it as liteorm.Interval",
            )
        try:
            return timedelta(days=self.days, microseconds=self.microseconds)
        except OverflowError as exc:
            raise DataError("the interval is longer than timedelta can hold") from exc

    def __add__(self, other: Interval | timedelta) -> Interval:
        if isinstance(other, timedelta):
            other = Interval.from_timedelta(other)
        elif not isinstance(other, Interval):  # pyright: ignore[reportUnnecessaryIsInstance]
            return NotImplemented
        return Interval(
            self.months + other.months,
            self.days + other.days,
            self.microseconds + other.microseconds,
        )

    __radd__ = __add__

    def __sub__(self, other: Interval | timedelta) -> Interval:
        if isinstance(other, timedelta):
            other = Interval.from_timedelta(other)
        elif not isinstance(other, Interval):  # pyright: ignore[reportUnnecessaryIsInstance]
            return NotImplemented
        return self + -other

    def __rsub__(self, other: timedelta) -> Interval:
        return -self + other

    def __neg__(self) -> Interval:
        return Interval(-self.months, -self.days, -self.microseconds)

    def __bool__(self) -> bool:
        return bool(self.months or self.days or self.microseconds)


def timedelta_of(value: Interval) -> timedelta:
    """Return an interval as a timedelta.

    Raises:
        DataError: it has months, or is too long; the sentence is to follow a column's name.
    """
    hint = "annotate the field liteorm.Interval"
    if value.months:
        raise DataError("is an interval with months, which have no fixed length in days", hint=hint)
    try:
        return value.to_timedelta()
    except DataError:
        raise DataError("is an interval beyond Python's timedelta", hint=hint) from None


def interval_from_text(text: str) -> Interval:
    """Read an interval in PostgreSQL's own style.

    Raises:
        DataError: it is in another style.
    """
    match = re.match(_INTERVAL, text)
    if match is None:
        raise DataError(
            "is in a style that liteorm does not read as text",
            hint="ask for binary results: cursor(binary=True)",
        )
    words = ("years", "months", "days", "hours", "minutes", "seconds")
    part = {word: int(match[word] or 0) for word in words}
    micros = int((match["micros"] or "").ljust(6, "0")[:6])
    clock = ((part["hours"] * 60 + part["minutes"]) * 60 + part["seconds"]) * 1_000_000 + micros
    return Interval(
        12 * part["years"] + part["months"],
        part["days"],
        -clock if match["sign"] == "-" else clock,
    )
