"""The values that users receive and send, free of any driver."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

from liteorm._core.ranges import Multirange, Range
from liteorm.errors import DataError, ScanError

if TYPE_CHECKING:
    from liteorm._core.shape import RowSource

__all__ = [
    "Interval",
    "Json",
    "Multirange",
    "Notification",
    "PoolStats",
    "Range",
    "Result",
    "Rows",
]

T = TypeVar("T")

# As many rows as scanning takes at a time: few live tuples keep the garbage collector cheap.
_CHUNK = 256


@attrs.frozen
class Result:
    """What a statement without rows of interest did.

    Args:
        rows_affected: Rows inserted, updated, deleted, selected or copied; 0 for other commands.
        command: The server's word for it, such as `"INSERT"`, `"UPDATE"` or `"CREATE TABLE"`.
    """

    rows_affected: int
    command: str


def _without_value(reason: str) -> str:
    """Cut the value out of msgspec's sentence about an enum or a tag that it does not know."""
    return re.sub(r"^(Invalid (?:enum )?value) .*?( - at `[^`]*`)?$", r"\1\2", reason, flags=re.S)


@attrs.frozen
class Notification:
    """A message received on a channel.

    Args:
        channel: The channel's name.
        payload: The text that was sent with it, `""` for none.
        pid: The process id of the server session which sent it.
    """

    channel: str
    payload: str
    pid: int

    def load(self, model: type[T]) -> T:
        """Decode the payload, a JSON text, into `model`.

        Raises:
            ScanError: If the payload is not JSON or does not fit the model.
        """
        import msgspec

        try:
            return msgspec.json.decode(self.payload, type=model)
        except msgspec.ValidationError as exc:
            raise ScanError(
                f'payload of a notification on channel "{self.channel}" '
                f"does not fit {getattr(model, '__qualname__', model)}: {_without_value(str(exc))}"
            ) from exc
        except (msgspec.DecodeError, UnicodeError) as exc:
            raise ScanError(
                f'payload of a notification on channel "{self.channel}" is not JSON: {exc}'
            ) from exc


@attrs.frozen(kw_only=True)
class PoolStats:
    """A snapshot of a connection pool.

    Args:
        size: Connections there are, in use and idle.
        in_use: Connections that are lent out.
        idle: Connections that wait for work.
        waiting: Callers that wait for a connection now.
        min_size: The size the pool keeps when nothing happens.
        max_size: The size the pool never goes past.
        requests: How often a connection was asked for.
        wait_count: How many of these had to wait.
        wait_seconds: Seconds waited in all.
        timeouts: How many gave up waiting (`PoolTimeout`), or failed otherwise.
        connects: Connections attempted.
        connect_errors: Connections that could not be made.
        lost: Connections found to be lost.
    """

    size: int
    in_use: int
    idle: int
    waiting: int
    min_size: int = 0
    max_size: int = 0
    requests: int = 0
    wait_count: int = 0
    wait_seconds: float = 0.0
    timeouts: int = 0
    connects: int = 0
    connect_errors: int = 0
    lost: int = 0


class Json(Generic[T]):
    """A value to be sent as JSON whatever its type, a list or a string included.

    Example:
        `db.execute("UPDATE t SET tags = %s", [liteorm.Json(["a", "b"])])`
    """

    # Not an attrs class: inside another value msgspec would take it for an object of its own.
    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        held: Any = getattr(other, "value", None)
        return isinstance(other, Json) and bool(self.value == held)

    def __hash__(self) -> int:
        return hash((Json, self.value))

    def __repr__(self) -> str:
        return f"Json({self.value!r})"


@attrs.frozen(order=False)
class Interval:
    """An interval as PostgreSQL stores it: months, days and microseconds, kept apart.

    `timedelta` knows neither months nor days of 23 or 25 hours; this holds any interval exactly.
    Two are equal when all three parts are (the server's own `=` takes a month for 30 days and a
    day for 24 hours).
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

    def __add__(self, other: Interval) -> Interval:
        return Interval(
            self.months + other.months,
            self.days + other.days,
            self.microseconds + other.microseconds,
        )

    def __sub__(self, other: Interval) -> Interval:
        return self + -other

    def __neg__(self) -> Interval:
        return Interval(-self.months, -self.days, -self.microseconds)

    def __bool__(self) -> bool:
        return bool(self.months or self.days or self.microseconds)


class Rows:
    """The rows of a query, fully received and independent of the connection.

    `scan` and its siblings turn them into objects, any number of times. Iterating gives plain
    tuples.
    """

    __slots__ = ("_source",)

    def __init__(self, source: RowSource) -> None:
        self._source = source

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return self._source.names

    def __len__(self) -> int:
        return self._source.count

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        source = self._source
        load = source.loader(None)
        for start in range(0, source.count, _CHUNK):
            stop = min(start + _CHUNK, source.count)
            try:
                chunk = load(start, stop)
            except Exception as error:
                raise source.failure(start, stop, None, error) from error
            yield from chunk

    def __repr__(self) -> str:
        return f"<Rows: {len(self)} of ({', '.join(self.columns)})>"
