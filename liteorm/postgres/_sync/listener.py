# Generated from liteorm/postgres/_async/listener.py by .ci/unasync.py: edit that file, not this one.
"""LISTEN and NOTIFY: a listener that never loses a notification in silence."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterator, Awaitable, Callable
from sys import is_finalizing
from time import monotonic
from types import TracebackType
from typing import Any, Final

import psycopg

from liteorm._core.contracts import Session
from liteorm._core.scanning.notification import Notification, read_with
from liteorm._core.sql.text import quoted
from liteorm.errors import (
    ConnectionLost,
    Error,
    PoolClosed,
    PoolTimeout,
    StatementError,
    TransactionError,
)
from liteorm.postgres._sync.borrow import borrow, evict_if_read_only, give_back
from liteorm.postgres._sync.connection import Wire
from liteorm.postgres._sync.database import DB
from liteorm.postgres._sync.statements import Statements
from liteorm.postgres._session.notifying import Backoff, checked_channel, checked_payload, handed_to
from liteorm.postgres._session.options import check_seconds, wrong_session
from liteorm.postgres._session.outcomes import because
from liteorm.postgres._session.primitives import (
    Lock,
    Signal,
    Watch,
    call,
    finish,
    pause,
)
from liteorm.postgres._session.reclaiming import warn_of_loss
from liteorm.postgres._session.state import CLEANUP_BOUND, PoolState
from liteorm.postgres._session.translate import lost
from liteorm.postgres._types.coded import Encoded

__all__ = ["Listener", "listen", "notify"]

logger: Final = logging.getLogger("liteorm")

QUEUE_LIMIT: Final = 100_000
"""Notifications held for a consumer that does not come for them; past it, a gap."""

_CLOSED: Final = "closed"
_STEP: Final = 0.25
"""Seconds for which it waits at a time for a connection of the pool."""

OnGap = Callable[[], Awaitable[object] | object]


class Listener:
    """Receives notifications on a connection of its own.

    For one task or thread at a time to receive; `add`, `remove` and `close` may be called by
    others meanwhile. Made by `listen`.
    """

    def __init__(self, state: PoolState, on_gap: OnGap | None, heartbeat: float) -> None:
        self._state = state
        self._on_gap = on_gap
        self._heartbeat = heartbeat
        self._channels: dict[str, None] = {}
        self._queue: deque[Notification] = deque()
        self._wire: Wire | None = None
        self._trying: Wire | None = None
        """The connection over which it is about to listen again; closing does not wait for it."""
        self._watch: Watch | None = None
        # What the driver does with notifications, to be set back when the connection returns.
        self._drivers: Any = None
        self._heard = 0.0
        # Around every use of the connection; receiving waits for the socket outside of it.
        self._using = Lock()
        # Held by who receives. Not waited for: a second receiver is a mistake.
        self._receiving = threading.Lock()
        self._closed: str | None = None
        self._closing = Signal()
        self._lost: ConnectionLost | None = None
        self._gap = False
        self._overflowed = False

    def __repr__(self) -> str:
        what = self._closed or ("lost" if self._lost else "open")
        return f"<{type(self).__name__}: {what}, channels {', '.join(self._channels) or 'none'}>"

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels listened to."""
        return tuple(self._channels)

    def receive(self, timeout: float | None = None) -> Notification:
        """Wait for the next notification.

        Args:
            timeout: Seconds to wait; for ever if None.

        Raises:
            TimeoutError: If none came in time.
            ConnectionLost: If notifications may have been missed and there is no `on_gap`.
            TransactionError: If another task or thread is receiving.
        """
        self._check_open()
        if not self._receiving.acquire(blocking=False):
            raise TransactionError(
                "this listener is receiving in another task or thread already",
                hint="one receives and hands on; or open a listener for each",
                retryable=False,
            )
        try:
            deadline = None if timeout is None else monotonic() + timeout
            while True:
                self._check_open()
                if self._gap:
                    self._recover(deadline)
                if self._queue:
                    return self._queue.popleft()
                self._listen_once(deadline)
        finally:
            self._receiving.release()

    def _listen_once(self, deadline: float | None) -> None:
        """Take in what has come, or wait until something does."""
        if self._lost is not None and not self._queue:
            self._lose_or_recover()
            return
        with self._using:
            self._drain()
        if self._queue or self._lost is not None:
            return
        now = monotonic()
        if deadline is not None and now >= deadline:
            raise TimeoutError("no notification came in time")
        due = self._heard + self._heartbeat
        if now >= due:
            self._beat()
            return
        until = due if deadline is None else min(due, deadline)
        watch = self._watch
        if watch is not None:
            watch.wait(max(until - now, 0.0))

    def _lose_or_recover(self) -> None:
        assert self._lost is not None
        if self._on_gap is None:
            # A new one each time: an exception raised twice grows its traceback.
            error = ConnectionLost(
                self._lost.message, sqlstate=self._lost.sqlstate, hint=self._lost.hint
            )
            raise error from self._lost.__cause__
        self._gap = True

    def _drain(self) -> None:
        """Take what has come out of the socket; the connection is idle."""
        wire = self._wire
        if wire is None or self._lost is not None:
            return
        try:
            spoken = True
            while spoken and not self._queue and wire.fatal is None:
                # Also once when the socket is silent: TLS may hold what it has read already.
                spoken = wire.spoken_to
                wire.pgconn.consume_input()
                wire.pgconn.is_busy()
                self._collect(wire)
                if spoken:
                    self._heard = monotonic()
        except psycopg.Error as exc:
            self._collect(wire)
            self._note_loss(exc)
            return
        if wire.fatal is not None or wire.closed:
            self._note_loss(None)

    def _collect(self, wire: Wire) -> None:
        while note := wire.pgconn.notifies():
            self._take(note)

    def _take(self, note: Any) -> None:
        """Queue what is for a channel still listened to."""
        channel = note.relname.decode()
        if channel not in self._channels or self._overflowed:
            return
        if len(self._queue) >= QUEUE_LIMIT:
            self._overflowed = True
            return
        notification = Notification(channel, note.extra.decode(), note.be_pid)
        if self._state.codecs:
            read_with(notification, self._state.codecs)
        self._queue.append(notification)

    def _note_loss(self, exc: BaseException | None, reason: str | None = None) -> None:
        error = lost(exc, self._wire)
        if reason is not None:
            error.message = f"the connection was lost: {reason}"
        error.hint = "notifications may have been missed; give on_gap to go on after a loss"
        error.__cause__ = exc
        self._lost = error

    def _beat(self) -> None:
        """Ask the server for a sign of life: a half-open connection looks like a quiet one."""
        with self._using:
            wire = self._wire
            if wire is None or self._lost is not None:
                return
            wire.limit(min(self._heartbeat, CLEANUP_BOUND), drop=True)
            try:
                wire.command("")
                self._heard = monotonic()
            except psycopg.Error as exc:
                self._note_loss(exc, "it did not answer" if wire.timed_out else None)
            finally:
                wire.unlimit()
            self._check_overflow()

    def _check_overflow(self) -> None:
        if self._overflowed and self._lost is None:
            self._note_loss(None, f"more than {QUEUE_LIMIT:,} notifications were not received")

    def _recover(self, deadline: float | None) -> None:
        """Connect and LISTEN again, then let the user catch up."""
        backoff = Backoff()
        while self._lost is not None:
            left = None if deadline is None else max(deadline - monotonic(), 0.0)
            try:
                self._reconnect(left)
            except (PoolClosed, StatementError):
                raise
            except Error as exc:
                # Also of a standby, which cannot LISTEN: perhaps it is promoted, or another
                # server takes its place.
                wait = backoff.pause()
                reason = self._state.connect_error or exc.message
                logger.warning("a listener could not connect again yet: %s", reason)
                if deadline is not None and monotonic() + wait >= deadline:
                    pause(max(deadline - monotonic(), 0.0), self._closing)
                    self._check_open()
                    raise TimeoutError("no notification came in time") from exc
                pause(wait, self._closing)
                self._check_open()
        if self._on_gap is not None:
            # Before the flag goes down: one that fails is called again by the next receive.
            call(self._on_gap)
        self._gap = False

    def _reconnect(self, timeout: float | None) -> None:
        with self._using:
            self._drop()
        wire = self._borrow(timeout)
        with self._using:
            self._queue.clear()
            self._overflowed = False
            self._connect(wire)
            self._lost = None
            logger.info("a listener has connected again: %s", ", ".join(self._channels))

    def _borrow(self, timeout: float | None) -> Wire:
        """Take a connection; in short steps, so that closing is noticed meanwhile."""
        limit = self._state.timeout if timeout is None else min(timeout, self._state.timeout)
        deadline = monotonic() + limit
        while True:
            self._check_open()
            left = deadline - monotonic()
            try:
                return borrow(self._state, min(left, _STEP))
            except PoolTimeout:
                if left <= _STEP:
                    raise

    def _connect(self, wire: Wire) -> None:
        """LISTEN to every channel on a connection just taken."""
        state = self._state
        event = state.begin_event("listen", None, wire=wire)
        self._drivers = wire.pgconn.notify_handler
        try:
            self._check_open()
            wire.dirty = True
            wire.pgconn.notify_handler = handed_to(self)
            wire.limit(CLEANUP_BOUND, drop=True)
            self._trying = wire
            if state.pooled:
                raise StatementError(
                    "LISTEN needs a server session of its own, and a pooler is in between",
                    hint="open a database that connects to the server directly "
                    '(a pooler in session mode: open with pooler="session")',
                )
            for channel in self._channels:
                wire.command(f"LISTEN {quoted(channel)}")
        except BaseException as exc:
            self._trying = None
            exc = because(wire.translated(exc, "LISTEN"), exc)
            wire.pgconn.notify_handler = self._drivers
            evict_if_read_only(wire, exc, None)
            try:
                give_back(state, wire)
            finally:
                state.end_event(event, exc)
            raise exc
        state.end_event(event)
        wire.unlimit()
        self._trying, self._wire = None, wire
        self._watch = Watch(wire.pgconn.socket)
        self._heard = monotonic()

    def _drop(self) -> None:
        """Give a connection that is no good back to the pool, which replaces it."""
        wire, self._wire = self._wire, None
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()
        if wire is not None:
            wire.drop()
            give_back(self._state, wire)

    def _check_open(self) -> None:
        self._state.check_here()
        if self._closed is not None:
            raise PoolClosed(f"this listener is {self._closed}")

    def add(self, channel: str) -> None:
        """Listen to one more channel."""
        checked_channel(channel)
        self._check_open()
        with self._using:
            self._check_open()
            if channel in self._channels:
                return
            # Before LISTEN: what comes with its answer counts.
            self._channels[channel] = None
            try:
                self._command(f"LISTEN {quoted(channel)}")
            except ConnectionLost:
                # It is listened to once the listener has connected again.
                if self._on_gap is None:
                    del self._channels[channel]
                    raise
            except BaseException:
                del self._channels[channel]
                raise

    def remove(self, channel: str) -> None:
        """Listen to a channel no more; nothing is delivered for it once this has returned."""
        self._check_open()
        with self._using:
            self._check_open()
            if channel not in self._channels:
                return
            del self._channels[channel]
            kept = [note for note in self._queue if note.channel != channel]
            self._queue.clear()
            self._queue.extend(kept)
            try:
                self._command(f"UNLISTEN {quoted(channel)}")
            except ConnectionLost:
                pass  # nothing listens any more

    def _command(self, sql: str) -> None:
        """Run a statement on the listener's connection; notifications that come are kept."""
        wire = self._wire
        if wire is None or self._lost is not None:
            if self._lost is not None and self._on_gap is None:
                raise ConnectionLost(self._lost.message, sqlstate=self._lost.sqlstate)
            return
        wire.limit(CLEANUP_BOUND, drop=True)
        try:
            wire.command(sql)
            self._heard = monotonic()
        except Exception as exc:
            if wire.closed:
                self._note_loss(exc)
            exc = because(lost(exc, wire, sql) if wire.closed else wire.translated(exc, sql), exc)
            raise exc
        finally:
            wire.unlimit()
            self._check_overflow()
            if self._watch is not None:
                self._watch.wake()

    def close(self) -> None:
        """Stop listening and give the connection back to the pool."""
        self._close(_CLOSED)

    def _close(self, why: str) -> None:
        if self._closed is not None:
            return
        if self._state.forked:
            self._closed = why
            return  # it goes on listening in the parent
        self._state.check_here()
        self._closed = why
        self._closing.set()
        self._state.listeners.discard(self)
        if self._watch is not None:
            self._watch.wake()
        trying = self._trying
        if trying is not None:
            trying.cut()
        finish(self._give_back())

    def _give_back(self) -> None:
        with self._using:
            if self._lost is not None and self._wire is not None:
                self._wire.drop()
            wire, self._wire = self._wire, None
            watch, self._watch = self._watch, None
            if watch is not None:
                watch.close()
            self._queue.clear()
            if wire is None:
                return
            wire.limit(CLEANUP_BOUND, drop=True)
            try:
                wire.command("UNLISTEN *")
                wire.dirty = False
                wire.pgconn.notify_handler = self._drivers
            except psycopg.Error:
                wire.drop()
            give_back(self._state, wire)

    def __iter__(self) -> Iterator[Notification]:
        """Iterate over notifications until the listener is closed."""
        while not self._closed_by_user():
            try:
                notification = self.receive()
            except PoolClosed:
                if self._closed_by_user():
                    return
                raise
            yield notification

    def _closed_by_user(self) -> bool:
        return self._closed == _CLOSED

    def __del__(self) -> None:
        state, wire = self.__dict__.get("_state"), self.__dict__.get("_wire")
        if state is None or wire is None or state.blocked or state.forked or is_finalizing():
            return
        if self._watch is not None:
            self._watch.close()
        self._wire = None  # whoever records the warning holds this
        warn_of_loss("a listener was not closed", wire, self)

    def __enter__(self) -> Listener:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def listen(
    db: Session,
    *channels: str,
    on_gap: OnGap | None = None,
    heartbeat: float = 30.0,
) -> Listener:
    """Listen to channels, on a connection of the pool kept for that alone.

    Args:
        db: The database, or a transaction in it: the connection is another one.
        *channels: Names of channels: any characters, case counts.
        on_gap: Called after a lost connection has been made good, since notifications may have
            been missed: read again what could have changed. May be a coroutine function. Without
            it, `receive` raises `ConnectionLost`.
        heartbeat: Seconds of silence after which the server is asked for a sign of life.

    Raises:
        DataError: If a channel's name is longer than 63 bytes.

    Example:
        ```
        with listen(db, "jobs") as listener:
            job = (listener.receive(timeout=5)).load(Job)
        ```
    """
    if not isinstance(db, Statements):
        raise wrong_session(listen, db, DB)
    if db._state.pool is None:
        raise TypeError(
            "a listener takes a connection of its own from a pool, and a connection of another"
            " owner has none: give it an AsyncDB"
        )
    check_seconds("heartbeat", heartbeat)
    if on_gap is not None and not callable(on_gap):
        raise TypeError(f"on_gap must be a function, not {type(on_gap).__name__}")
    for channel in channels:
        checked_channel(channel)
    listener = Listener(db._state, on_gap, heartbeat)
    listener._channels.update(dict.fromkeys(channels))
    listener._connect(borrow(db._state))
    db._state.listeners.add(listener)
    return listener


def notify(session: Session, channel: str, payload: object = "") -> None:
    """Send a notification; in a transaction it is delivered at commit.

    Args:
        session: A database or a transaction.
        channel: The channel's name: any characters, case counts.
        payload: A string; or an attrs or dataclass object, a dict or a list, sent as JSON.

    Raises:
        DataError: If the payload has 8,000 bytes or more, or the channel's name over 63.
    """
    if not isinstance(session, Statements):
        raise wrong_session(notify, session, DB)
    checked_channel(channel)
    text = checked_payload(payload, session._state.codecs)
    sql = "SELECT pg_catalog.pg_notify(%s, %s)"
    with session._connection("notify", sql, (channel, text)) as wire:
        wire.run(sql, (Encoded(channel), Encoded(text)))
