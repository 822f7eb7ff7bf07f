"""Dates, times, timestamps and intervals."""

from __future__ import annotations

import struct
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import attrs

from liteorm._core.scanning.types import underlying
from liteorm._core.values.interval import Interval, interval_from_text, timedelta_of
from liteorm.errors import DataError
from liteorm.postgres._types.exact import exact, iso_text
from liteorm.postgres._types.forms import BYTEA_OID, Encoder, Form, Scalar, Unsendable, wrong_class

_interval = struct.Struct("!qii")
_EDGES: Final = frozenset({2**31 - 1, -(2**31), 2**63 - 1, -(2**63)})

INFINITY: Final = {"infinity": b"\x7f" + b"\xff" * 7, "-infinity": b"\x80" + b"\0" * 7}
"""Both infinities of a timestamp; a date's have half as many bytes."""
_WORDS: Final = {data[:size]: word for word, data in INFINITY.items() for size in (4, 8)}


def infinite_word(data: bytes) -> str | None:
    """Return what an infinite date or timestamp is called, None for any other."""
    return _WORDS.get(data)


def interval(data: bytes) -> Interval:
    """Read an interval whole.

    Raises:
        DataError: it is infinite.
    """
    microseconds, days, months = _interval.unpack(data)
    if days == months and months in _EDGES and microseconds in _EDGES:
        raise DataError("is an infinite interval, which Python has no class for")
    return Interval(months, days, microseconds)


def short_interval(data: bytes) -> timedelta:
    """Read an interval into a timedelta.

    Raises:
        DataError: it has months, or is infinite.
    """
    return timedelta_of(interval(data))


def pack_interval(value: Interval) -> bytes:
    """Return an interval as PostgreSQL sends it."""
    try:
        return _interval.pack(value.microseconds, value.days, value.months)
    except struct.error:
        raise DataError("the interval is out of PostgreSQL's range") from None


def interval_text(value: Interval) -> str:
    """Return an interval as PostgreSQL reads it."""
    # A sign for each: in the style of the SQL standard the first minus would stand for all.
    return f"{value.months:+} mons {value.days:+} days {value.microseconds:+} microseconds"


def _as_interval(value: Any) -> Interval:
    if isinstance(value, timedelta):
        return Interval.from_timedelta(value)
    if not isinstance(value, Interval):
        raise wrong_class(value, "timedelta or Interval")
    return value


def _date(value: Any) -> date:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise wrong_class(value, "date")
    return value


def _time(value: Any) -> time:
    if not isinstance(value, time):
        raise wrong_class(value, "time")
    if value.tzinfo is not None:
        raise Unsendable("it is a time with a time zone, the column has none")
    return value


def _timetz(value: Any) -> time:
    if not isinstance(value, time):
        raise wrong_class(value, "time with tzinfo")
    if value.utcoffset() is None:
        raise Unsendable("it is a time without a UTC offset, the column has one")
    if (reason := finer_than_seconds(value)) is not None:
        raise Unsendable(reason)
    return value


def _timestamp(value: Any) -> datetime:
    if not isinstance(value, datetime):
        raise wrong_class(value, "datetime")
    if value.tzinfo is not None:
        raise Unsendable("it is a datetime with a time zone, the column has none")
    return value


def _timestamptz(value: Any) -> datetime:
    if not isinstance(value, datetime):
        raise wrong_class(value, "datetime with tzinfo")
    if value.utcoffset() is None:
        raise Unsendable(
            "it is a datetime without a time zone, the column has one: give it a tzinfo"
        )
    if (reason := beyond_utc(value)) is not None:
        raise Unsendable(reason)
    return value


def beyond_utc(value: datetime) -> str | None:
    """Return why a moment with a time zone would not be read back, None if it would."""
    if 1 < value.year < 9999:
        return None
    try:
        value.astimezone(UTC)
    except OverflowError:
        return "its moment in UTC is before the year 1 or after 9999, and could not be read back"
    return None


def utc_text(value: datetime) -> str:
    """Return a moment with a time zone as text in UTC: not every offset is read from text."""
    return iso_text(exact(value).astimezone(UTC))


def finer_than_seconds(value: time) -> str | None:
    """Return why a time's offset would be stored as another one, None if it would not."""
    offset = value.utcoffset()
    if offset is not None and offset.microseconds:
        return "its UTC offset has a fraction of a second, which PostgreSQL has not"
    return None


def with_infinity(encoder: Encoder) -> Encoder:
    """Return an encoder of dates or timestamps that takes the words for infinity too.

    They come from codecs: the class of the column's own values has none.
    """
    size = 4 if underlying(encoder.pgtype).base == "date" else 8
    binary, text = encoder.binary, encoder.text
    assert binary is not None

    def encoded(value: Any) -> bytes:
        if isinstance(value, str) and value in INFINITY:
            return INFINITY[value][:1] + INFINITY[value][8 - size + 1 :]
        return bytes(binary(value))

    def worded(value: Any) -> str:
        return value if isinstance(value, str) and value in INFINITY else text(value)

    return attrs.evolve(
        encoder,
        fast=None,
        unless="",
        dumper=BYTEA_OID,
        ready=encoded,
        binary=encoded,
        text=worded,
        strict=False,
        bound=True,
    )


FORMS: Final[dict[str, Form]] = {
    "date": Form(Scalar("date", _date, iso_text, date, dumper=1082)),
    "time": Form(Scalar("time", _time, iso_text, time, "{v}.tzinfo is not None", 1083)),
    "timetz": Form(Scalar("time", _timetz, iso_text, dumper=1266)),
    "timestamp": Form(
        Scalar(
            "datetime",
            _timestamp,
            iso_text,
            datetime,
            "{v}.tzinfo is not None",
            1114,
            strict=True,
        )
    ),
    "timestamptz": Form(
        # Not strict: the driver's dumper takes moments that could not be read back.
        Scalar(
            "datetime",
            _timestamptz,
            utc_text,
            datetime,
            "{v}.tzinfo is None or not 1 < {v}.year < 9999",
            1184,
        )
    ),
    "interval": Form(
        Scalar(
            "timedelta",
            lambda value: pack_interval(_as_interval(value)),
            lambda value: interval_text(_as_interval(value)),
            bound=True,
        ),
        short_interval,
        interval,
        lambda text: timedelta_of(interval_from_text(text)),
    ),
}
