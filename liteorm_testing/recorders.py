"""Recording what happens: statements, notifications, connections that were left open."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from typing import Final, overload

from attrs import define, field, frozen

import liteorm
from liteorm import Notification, QueryEvent, postgres
from liteorm.postgres import DB, AsyncDB, AsyncListener, Listener
from liteorm_testing._arguments import expect

__all__ = [
    "AsyncNotifications",
    "Notifications",
    "Queries",
    "Recorded",
    "notifications",
    "queries",
]

# Transaction control has no text of the application's, and is not what N+1 counts.
_CONTROL: Final = frozenset({"begin", "commit", "rollback", "savepoint", "connect", "listen"})
_MANY: Final = 3  # times that a statement runs before it looks like one in a loop


@frozen
class Recorded:
    """A statement that ran.

    Attributes:
        operation: The session's method, such as "query" or "insert_many".
        sql: Its text.
        rows: Rows received or affected, where known.
        duration: Seconds.
        error: What it failed with.
    """

    operation: str
    sql: str
    rows: int | None
    duration: float
    error: BaseException | None


@define(repr=False, eq=False)
class Queries:
    """The statements that ran while `queries` recorded, in the order in which they ended."""

    _recorded: list[Recorded] = field(factory=list[Recorded])

    @property
    def count(self) -> int:
        """How many statements ran."""
        return len(self._recorded)

    @property
    def texts(self) -> list[str]:
        """Their texts."""
        return [one.sql for one in self._recorded]

    def repeated(self, times: int = 3) -> dict[str, int]:
        """Give the statements that ran at least so many times, with how often."""
        return {sql: n for sql, n in Counter(self.texts).most_common() if n >= times}

    def assert_count(self, expected: int) -> None:
        """Fail unless exactly so many statements ran.

        Raises:
            AssertionError: It lists the statements and names one that looks like a loop's (N+1).
        """
        __tracebackhide__ = True
        if self.count != expected:
            raise AssertionError(f"expected {_statements(expected)}, {self!r}")

    def clear(self) -> None:
        """Forget what has been recorded so far."""
        self._recorded.clear()

    def __getitem__(self, index: int) -> Recorded:
        return self._recorded[index]

    def __iter__(self) -> Iterator[Recorded]:
        return iter(self._recorded)

    def __len__(self) -> int:
        return len(self._recorded)

    def __repr__(self) -> str:
        lines = [f"{_statements(self.count)} ran:"]
        lines += [f"  {n}. {one_line(one.sql)}" for n, one in enumerate(self._recorded[:20], 1)]
        if self.count > 20:
            lines.append(f"  ... and {self.count - 20} more")
        for sql, times in self.repeated(_MANY).items():
            lines.append(
                f"N+1? this statement ran {times} times, which one with a join or with "
                f"= ANY(%s) could do: {one_line(sql)}"
            )
        return "\n".join(lines)

    def before(self, event: QueryEvent, /) -> None:
        """Take no notice: a statement counts when it has ended."""

    def after(self, event: QueryEvent, /) -> None:
        """Record a statement."""
        if event.sql is not None and event.operation not in _CONTROL:
            self._recorded.append(
                Recorded(event.operation, event.sql, event.rows, event.duration or 0.0, event.error)
            )


def _statements(count: int) -> str:
    return "1 statement" if count == 1 else f"{count} statements"


def one_line(sql: str) -> str:
    """Give a statement on one line, shortened if it is long."""
    text = " ".join(sql.split())
    return text if len(text) <= 200 else text[:197] + "..."


@contextmanager
def queries(db: DB | AsyncDB) -> Generator[Queries]:
    """Record the statements of a database's sessions; plain `with` also for an `AsyncDB`.

    Example:
        >>> import liteorm
        >>> from liteorm_testing import queries
        >>> def test_one_statement_is_enough(liteorm_db):
        ...     with queries(liteorm_db) as ran:
        ...         liteorm_db.query("SELECT 1")
        ...     assert ran.count == 1
    """
    expect(db, (DB, AsyncDB), "queries")
    recorder = Queries()
    state = db._state
    state.observers += (recorder,)
    try:
        yield recorder
    finally:
        state.observers = tuple(one for one in state.observers if one is not recorder)


@define(repr=False)
class _Arrived:
    """What came on the channels so far, and what of it nobody expected yet."""

    came: list[Notification] = field(factory=list[Notification])
    channels: tuple[str, ...] = ()

    def take(self, payload: object) -> Notification | None:
        """The first one with this payload; it is not found again."""
        for place, one in enumerate(self.came):
            if _matches(one, payload):
                return self.came.pop(place)
        return None

    def missing(self, payload: object, timeout: float) -> AssertionError:
        return AssertionError(
            f"no notification {payload!r} on {', '.join(self.channels)} within {timeout:g} s; "
            f"{self.listed()}. Was the transaction that sent it committed?"
        )

    def unwanted(self) -> AssertionError:
        return AssertionError(f"expected no notification; {self.listed()}")

    def listed(self) -> str:
        if not self.came:
            return "none came"
        return "these came: " + ", ".join(f"{n.channel} {n.payload!r}" for n in self.came)


def _matches(notification: Notification, payload: object) -> bool:
    if isinstance(payload, str):
        return notification.payload == payload
    try:
        loaded: object = notification.load(type(payload))
    except (liteorm.Error, ValueError):
        return False
    return loaded == payload


class Notifications:
    """Notifications that came while `notifications` listened, and nobody expected yet."""

    def __init__(
        self, db: DB, listener: Listener, channels: tuple[str, ...], sentinels: str
    ) -> None:
        self._db = db
        self._listener = listener
        self._arrived = _Arrived(channels=channels)
        self._sentinels = sentinels

    def expect(self, payload: object, *, timeout: float = 5.0) -> Notification:
        """Wait for a notification with this payload, and take it off the list.

        Args:
            payload: The text, or an object that the payload is the JSON of.
            timeout: Seconds.

        Raises:
            AssertionError: It did not come; the message lists what did.
        """
        __tracebackhide__ = True
        deadline = time.monotonic() + timeout
        while (found := self._arrived.take(payload)) is None:
            try:
                left = max(deadline - time.monotonic(), 0.0)
                self._arrived.came.append(self._listener.receive(timeout=left))
            except TimeoutError:
                raise self._arrived.missing(payload, timeout) from None
        return found

    def expect_none(self) -> None:
        """Fail if anything has come that was not expected.

        It does not wait: it sends a notification of its own, on a channel of its own, and what
        was committed earlier arrives earlier.

        Raises:
            AssertionError: Something came; the message lists it.
        """
        __tracebackhide__ = True
        if self.all():
            raise self._arrived.unwanted()

    def _drain(self) -> None:
        sentinel = secrets.token_hex(8)
        postgres.notify(self._db, self._sentinels, sentinel)
        while (one := self._listener.receive(timeout=30.0)).payload != sentinel:
            self._arrived.came.append(one)

    def all(self) -> list[Notification]:
        """Give what has come and nobody expected yet."""
        self._drain()
        return list(self._arrived.came)

    def __iter__(self) -> Iterator[Notification]:
        """Iterate over what has come and nobody expected yet."""
        return iter(self.all())


class AsyncNotifications:
    """Notifications that came while `notifications` listened on an `AsyncDB`."""

    def __init__(
        self, db: AsyncDB, listener: AsyncListener, channels: tuple[str, ...], sentinels: str
    ) -> None:
        self._db = db
        self._listener = listener
        self._arrived = _Arrived(channels=channels)
        self._sentinels = sentinels

    async def expect(self, payload: object, *, timeout: float = 5.0) -> Notification:
        """Wait for a notification with this payload; see `Notifications.expect`."""
        __tracebackhide__ = True
        deadline = time.monotonic() + timeout
        while (found := self._arrived.take(payload)) is None:
            try:
                left = max(deadline - time.monotonic(), 0.0)
                self._arrived.came.append(await self._listener.receive(timeout=left))
            except TimeoutError:
                raise self._arrived.missing(payload, timeout) from None
        return found

    async def expect_none(self) -> None:
        """Fail if anything has come that was not expected; see `Notifications.expect_none`."""
        __tracebackhide__ = True
        if await self.all():
            raise self._arrived.unwanted()

    async def all(self) -> list[Notification]:
        """Give what has come and nobody expected yet."""
        sentinel = secrets.token_hex(8)
        await postgres.notify_async(self._db, self._sentinels, sentinel)
        while (one := await self._listener.receive(timeout=30.0)).payload != sentinel:
            self._arrived.came.append(one)
        return list(self._arrived.came)

    async def __aiter__(self) -> AsyncIterator[Notification]:
        """Iterate over what has come and nobody expected yet."""
        for one in await self.all():
            yield one


@overload
def notifications(db: DB, *channels: str) -> AbstractContextManager[Notifications]: ...
@overload
def notifications(
    db: AsyncDB, *channels: str
) -> AbstractAsyncContextManager[AsyncNotifications]: ...
def notifications(
    db: DB | AsyncDB, *channels: str
) -> AbstractContextManager[Notifications] | AbstractAsyncContextManager[AsyncNotifications]:
    """Listen on channels and collect what comes, to be asserted about.

    On a `DB` use `with`, on an `AsyncDB` `async with` and await the calls.

    Args:
        db: The database.
        channels: One channel or several.

    Example:
        >>> from liteorm import postgres
        >>> from liteorm_testing import notifications
        >>> def test_a_job_is_announced(liteorm_db):
        ...     with notifications(liteorm_db, "jobs") as came:
        ...         postgres.notify(liteorm_db, "jobs", "1")
        ...         came.expect("1")
        ...         came.expect_none()
    """
    expect(db, (DB, AsyncDB), "notifications")
    if not channels:
        raise ValueError("notifications needs a channel to listen on")
    if isinstance(db, AsyncDB):
        return _notifications_async(db, channels)
    return _notifications(db, channels)


@contextmanager
def _notifications(db: DB, channels: tuple[str, ...]) -> Generator[Notifications]:
    sentinels = _channel_of_sentinels()
    with postgres.listen(db, *channels, sentinels) as listener:
        yield Notifications(db, listener, channels, sentinels)


@asynccontextmanager
async def _notifications_async(
    db: AsyncDB, channels: tuple[str, ...]
) -> AsyncGenerator[AsyncNotifications]:
    sentinels = _channel_of_sentinels()
    async with await postgres.listen_async(db, *channels, sentinels) as listener:
        yield AsyncNotifications(db, listener, channels, sentinels)


def _channel_of_sentinels() -> str:
    """A channel that nobody else listens to: the application shall not see our notifications."""
    return f"liteorm_testing_{secrets.token_hex(8)}"
