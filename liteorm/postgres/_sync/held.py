# Generated from liteorm/postgres/_async/held.py by .ci/unasync.py: edit that file, not this one.
"""Sessions on one connection: of the pool, for what belongs to a connection, or somebody else's."""

from __future__ import annotations

import functools
import logging
import threading
import weakref
from collections.abc import Mapping
from contextlib import AbstractContextManager
from time import monotonic
from types import TracebackType
from typing import Any, Final, cast

import psycopg
from psycopg import pq

from liteorm._core.contracts import Isolation, Settings
from liteorm.errors import StatementError, TransactionError
from liteorm.postgres._sync.abandoning import end_abandoned, take_over
from liteorm.postgres._sync.borrow import borrow, evict_if_read_only, give_back
from liteorm.postgres._sync.connection import Wire
from liteorm.postgres._sync.session import AnySession
from liteorm.postgres._sync.transaction import Transaction, Tx
from liteorm.postgres._driver import prepared_statements
from liteorm.postgres._session.beginning import Begin, begin_of
from liteorm.postgres._session.commands import check_text
from liteorm.postgres._session.outcomes import because
from liteorm.postgres._session.primitives import finish, running, sleep
from liteorm.postgres._session.reclaiming import warn_of_loss
from liteorm.postgres._session.state import CLEANUP_BOUND, PoolState
from liteorm.postgres._types.quiet import said

__all__ = ["Holding", "Lent", "LentWire", "Owned", "lend"]

logger: Final = logging.getLogger("liteorm")

_IDLE: Final = pq.TransactionStatus.IDLE
_ACTIVE: Final = pq.TransactionStatus.ACTIVE
_OPEN: Final = {pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR}
_SAVEPOINT: Final = "liteorm_0"


class Held(AnySession):
    """A session on one connection. For one task or thread at a time."""

    def __init__(self, state: PoolState, wire: Wire, lock: threading.Lock) -> None:
        self._state = state
        self._wire = wire
        self._lock = lock
        self._closed = False
        self._around: tuple[str | None, bytes | None] = (None, None)
        """Where names were looked for when its transaction began."""

    def _path(self) -> str | None:
        return None if self._closed else self._looked_around().path

    def _looked_around(self) -> Wire:
        self._wire.look_around()
        return self._wire

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self._state.database} on {self._state.host}>"

    def _lock_now(self) -> None:
        self._state.check_here()
        if self._closed:
            raise TransactionError(
                "this connection has been given back: its block has been left", retryable=False
            )
        if not self._lock.acquire(blocking=False) and not take_over(self._wire):
            raise TransactionError(
                "this connection is in use by another task, thread, an open stream or transaction",
                hint="inside a transaction, use that: with connection.transaction() as tx",
                retryable=False,
            )

    def _unlock(self) -> None:
        try:
            self._lock.release()
        except RuntimeError:
            pass  # the connection was taken away from who used it

    def _acquire(self, timeout: float | None) -> Wire:
        self._lock_now()
        if self._wire.ending is not None:
            end_abandoned(self._wire)
        wire = self._looked_around()
        if self._state.statement_timeout is not None:
            wire.limit(None)
        return wire

    def _release(self, wire: Wire) -> None:
        wire.unlimit()
        try:
            if wire.transaction_tag is not None:
                finish(self._restore(wire))
                wire.refuse_transaction_tag()
        finally:
            self._unlock()

    def _failed(
        self,
        wire: Wire,
        exc: BaseException,
        sql: str | None = None,
        params: Any = None,
    ) -> BaseException:
        error = wire.translated(exc, sql, params)
        wire.unlimit()
        try:
            finish(self._restore(wire))
            evict_if_read_only(wire, error, None)
        finally:
            self._unlock()
        return error

    def _restore(self, wire: Wire) -> None:
        """Leave no transaction open that was not there before."""
        pgconn = wire.pgconn
        if not wire.closed and (pgconn.transaction_status != _IDLE or pgconn.pipeline_status):
            wire.clean(False)

    def _check_text(self, sql: str) -> None:
        check_text(sql)

    def transaction(
        self,
        *,
        isolation: Isolation | None = None,
        read_only: bool | None = None,
        deferrable: bool | None = None,
        settings: Settings | None = None,
        role: str | None = None,
    ) -> AbstractContextManager[Tx]:
        """Open a transaction for a block, on this connection.

        Leaving the block commits; an exception rolls back and goes on. Until then statements go
        through the transaction.

        Args:
            isolation: How well it is kept apart from others; the server's default if None.
            read_only: Whether writes are refused.
            deferrable: Whether a serializable read-only transaction may wait for a safe start.
            settings: Settings that hold until its end (`set_config(name, value, true)`).
            role: The role that it runs as until its end.
        """
        begin = begin_of(isolation, read_only, deferrable, settings, role)
        return Transaction(functools.partial(self._begun, begin))

    def _begun(self, begin: Begin) -> Tx:
        event = self._state.begin_event("begin", begin.shown, begin.params, self._wire)
        try:
            wire = self._acquire(None)
            self._around = (wire.path, wire.told_path)
            try:
                savepoint = self._begin(wire, begin)
            except BaseException as exc:
                exc = because(self._failed(wire, exc, begin.shown), exc)
                raise exc
            tx = Tx(
                self._state, wire, begin.read_only, None, home=self._end, savepoint=savepoint
            )
        except BaseException as exc:
            self._state.end_event(event, exc)
            raise
        self._state.end_event(event)
        return tx

    def _begin(self, wire: Wire, begin: Begin) -> str | None:
        """Begin a transaction; return the savepoint's name if it is one."""
        wire.limit(None)
        wire.begin(begin)
        return None

    def _end(self, wire: Wire) -> None:
        wire.unlimit()
        wire.path, wire.told_path = self._around
        wire.assumed = None
        try:
            self._restore(wire)
            if wire.own_limit is not None or wire.relearnt:
                # What the transaction had set for itself has ended with it.
                finish(self._learn_again(wire))
        finally:
            self._unlock()

    def _learn_again(self, wire: Wire) -> None:
        wire.own_limit = None
        wire.relearnt = False
        wire.limit(CLEANUP_BOUND, drop=True)
        try:
            wire.learn_settings()
        except psycopg.Error as exc:
            logger.debug("what a transaction left could not be asked for: %s", said(exc))
        finally:
            wire.unlimit()


class Owned(Held):
    """A session on one connection of the pool, in autocommit."""

    _autocommit = True

    def __del__(self) -> None:
        if not self.__dict__.get("_closed", True):
            # Whoever records the warning holds this, and is not to hold the connection.
            wire, self._wire = self._wire, cast("Any", None)
            warn_of_loss("the block of a connection was not left", wire, self)


class Holding:
    """The block in which a connection of the pool is held."""

    def __init__(self, state: PoolState) -> None:
        self._state = state
        self._session: Owned | None = None

    def __enter__(self) -> Owned:
        if self._session is not None:
            raise TransactionError("this block has been entered before")
        if self._state.pooled:
            raise StatementError(
                "behind a pooler in transaction mode a connection is not one session of the server",
                hint="connect to the server directly for what belongs to a connection",
            )
        wire = borrow(self._state)
        wire.held = True
        self._session = Owned(self._state, wire, threading.Lock())
        return self._session

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        session = self._session
        assert session is not None
        if self._state.is_elsewhere:
            # It goes on where it was opened, and nothing is sent from here.
            if exc is None and not self._state.forked:
                raise self._state.refusal()
            return
        session._closed = True
        wire, session._wire = session._wire, cast("Any", None)
        wire.dirty = True
        wire.held = False
        finish(self._give_back(session, wire))

    def _give_back(self, session: Owned, wire: Wire) -> None:
        if not session._lock.acquire(blocking=False):
            if take_over(wire):
                end_abandoned(wire)
            else:
                # Somebody still uses it: their statement fails.
                wire.cut()
                deadline = monotonic() + CLEANUP_BOUND
                while not session._lock.acquire(blocking=False) and monotonic() < deadline:
                    sleep(0.01)
                wire.pgconn.finish()
        give_back(self._state, wire)


class LentWire(Wire):
    """A connection that somebody else owns, with types and parameters as ours have them."""

    lent = True
    heard: Any
    """What hands the server's notices to our handlers."""
    theirs: Any
    """What hands them to the owner's."""
    owner: weakref.ref[Any]
    """The driver's connection, of which this one is another view."""

    def __del__(self, *_: Any) -> None:
        """Leave the owner's connection open."""

    def clean(self, everything: bool) -> None:
        """Leave the owner's transaction as it is."""

    def forget_prepared(self) -> None:
        """Have the owner's side, too, believe no statement to be prepared."""
        super().forget_prepared()
        owner = self.owner()
        if owner is not None:
            prepared_statements(owner).clear()

    def attach(self) -> None:
        """Hear the server's notices beside the owner, for as long as a statement runs."""
        ours, theirs = self.heard, self.pgconn.notice_handler
        self.theirs = theirs

        def both(result: Any) -> None:
            ours(result)
            if theirs is not None:
                theirs(result)

        self.pgconn.notice_handler = both

    def detach(self) -> None:
        """Hear no more."""
        self.pgconn.notice_handler = self.theirs


def lend(owner: Any, state: PoolState) -> LentWire:
    """Make a connection of ours out of one that stays its owner's."""
    pgconn = owner.pgconn
    theirs = (pgconn.notice_handler, pgconn.notify_handler)
    make: Any = LentWire
    wire: LentWire = make(pgconn)
    wire.heard = pgconn.notice_handler
    pgconn.notice_handler, pgconn.notify_handler = theirs
    wire._adapters = state.adapters
    wire._autocommit = True
    wire.prepare_threshold = None
    wire.state = state
    wire.owner = weakref.ref(owner)
    return wire


def _begin_of(owner: Any) -> str:
    """Return the BEGIN that the driver would send for a connection that is not in autocommit."""
    level = owner.isolation_level
    isolation = None if level is None else level.name.replace("_", " ").lower()
    return begin_of(isolation, owner.read_only, owner.deferrable, None, None).sent


class Lent(Held):
    """A session on a connection that somebody else owns, inside their transaction."""

    _wire: LentWire

    def __init__(
        self, state: PoolState, wire: LentWire, lock: threading.Lock, owner: Any
    ) -> None:
        super().__init__(state, wire, lock)
        self._owner = owner
        self._alone = False
        # The wire is kept for as long as the owner is, and must not keep it alive.
        self._autocommit = bool(owner.autocommit)

    def _looked_around(self) -> Wire:
        wire = super()._looked_around()
        if wire.told_path is None and wire.pgconn.transaction_status == _IDLE:
            wire.path = None  # it was the path of a transaction that has ended
        return wire

    def _acquire(self, timeout: float | None) -> Wire:
        self._lock_now()
        wire = self._wire
        if wire.ending is not None:
            self._state.loop = running()
            end_abandoned(wire)
        if wire.pgconn.transaction_status == _ACTIVE or wire.pgconn.pipeline_status:
            self._unlock()
            raise TransactionError(
                "the connection is in use by its owner: a statement or a pipeline is not over",
                retryable=False,
            )
        idle = wire.pgconn.transaction_status == _IDLE
        self._autocommit = idle and bool(self._owner.autocommit)
        # In which event loop its connection may be used is the owner's to know.
        self._state.loop = running()
        self._looked_around()
        wire.attach()
        try:
            if idle and not self._autocommit:
                wire.command(_begin_of(self._owner))
        except BaseException as exc:
            exc = because(self._failed(wire, exc, "BEGIN"), exc)
            raise exc
        self._alone = wire.pgconn.transaction_status == _IDLE
        return wire

    def _release(self, wire: Wire) -> None:
        self._wire.detach()
        wire.transaction_tag = None
        super()._release(wire)

    def _failed(
        self,
        wire: Wire,
        exc: BaseException,
        sql: str | None = None,
        params: Any = None,
    ) -> BaseException:
        self._wire.detach()
        return super()._failed(wire, exc, sql, params)

    def _restore(self, wire: Wire) -> None:
        # What was sent with a BEGIN of its own may have failed before its COMMIT.
        if self._alone and wire.pgconn.transaction_status in _OPEN:
            Wire.clean(wire, False)

    def transaction(
        self,
        *,
        isolation: Isolation | None = None,
        read_only: bool | None = None,
        deferrable: bool | None = None,
        settings: Settings | None = None,
        role: str | None = None,
    ) -> AbstractContextManager[Tx]:
        """Open a savepoint for a block in the owner's transaction; without one, a transaction.

        Args:
            isolation: How well it is kept apart from others; the server's default if None.
            read_only: Whether writes are refused.
            deferrable: Whether a serializable read-only transaction may wait for a safe start.
            settings: Settings that hold until its end (`set_config(name, value, true)`).
            role: The role that it runs as until its end.

        Raises:
            ValueError: Options for a savepoint: they belong to the owner's transaction.
        """
        options: Mapping[str, Any] = {
            "isolation": isolation,
            "read_only": read_only,
            "deferrable": deferrable,
            "settings": settings,
            "role": role,
        }
        idle = self._wire.pgconn.transaction_status == _IDLE
        if not (self._owner.autocommit and idle) and any(v is not None for v in options.values()):
            raise ValueError("a savepoint takes no options: they belong to the owner's transaction")
        return super().transaction(**options)

    def _begin(self, wire: Wire, begin: Begin) -> str | None:
        if wire.pgconn.transaction_status == _IDLE:
            return super()._begin(wire, begin)
        wire.command(f"SAVEPOINT {_SAVEPOINT}")
        return _SAVEPOINT

    def _end(self, wire: Wire) -> None:
        self._wire.detach()
        super()._end(wire)
