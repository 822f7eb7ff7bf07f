# Generated from liteorm/postgres/_async/transaction.py by .ci/unasync.py: edit that file, not this one.
"""Transactions and savepoints with honest outcomes."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from time import monotonic
from types import TracebackType
from typing import Any, Final, NoReturn, cast

from psycopg import pq

from liteorm._core.contracts import Isolation, Settings
from liteorm.errors import (
    ConnectionLost,
    TransactionError,
)
from liteorm.postgres._sync.abandoning import end_abandoned, take_over
from liteorm.postgres._sync.borrow import borrow, evict_if_read_only, give_back
from liteorm.postgres._sync.committing import aborted, commit
from liteorm.postgres._sync.connection import Wire
from liteorm.postgres._sync.session import AnySession
from liteorm.postgres._session.beginning import Begin
from liteorm.postgres._session.commands import check_pooled, check_text
from liteorm.postgres._session.nesting import entered
from liteorm.postgres._session.outcomes import because
from liteorm.postgres._session.primitives import (
    Answer,
    finish,
    leaves_block_open,
    sleep,
)
from liteorm.postgres._session.reclaiming import warn_of_loss
from liteorm.postgres._session.state import CLEANUP_BOUND, PoolState
from liteorm.postgres._types.quiet import said

__all__ = ["Transaction", "Tx", "begin_transaction"]

logger: Final = logging.getLogger("liteorm")

_INERROR: Final = pq.TransactionStatus.INERROR


class Tx(AnySession):
    """A transaction, or a savepoint in one. For one task or thread at a time.

    Left as a context manager without `commit()` or `rollback()`, it is rolled back.
    """

    def __init__(
        self,
        state: PoolState,
        wire: Any,
        read_only: bool | None,
        parent: Tx | None,
        *,
        home: Any = None,
        savepoint: str | None = None,
    ) -> None:
        self._state = state
        self._wire: Wire = wire
        self._read_only = read_only
        self._parent = parent
        self._ended: str | None = None
        self._swallowed: BaseException | None = None
        """Of the root: the first error since the transaction was last whole."""
        self._lost: ConnectionLost | None = None
        """Of the root: its connection went away before COMMIT was sent."""
        self._home: Callable[[Wire], Any] | None = home
        """Takes the connection when it has ended; the pool otherwise."""
        self._savepoint = savepoint
        if parent is None:
            self._depth = 0
            self._lock = threading.Lock()
        else:
            self._root._depth += 1
            self._savepoint = f"liteorm_{self._root._depth}"
            self._lock = self._root._lock

    def _path(self) -> str | None:
        if self._ended is not None:
            return None
        self._wire.look_around()
        if self._wire.assumed is not None:
            # Observers are not told: this is no statement of the caller's.
            wire = self._acquire(None)
            try:
                wire.ask_path()
            except BaseException as exc:
                exc = because(self._failed(wire, exc), exc)
                raise exc
            self._release(wire)
        return self._wire.path

    @property
    def _root(self) -> Tx:
        # Not kept: one that holds itself, lost to an interruption, would wait for the collector.
        return self if self._parent is None else self._parent._root

    def __repr__(self) -> str:
        kind = "transaction" if self._parent is None else "savepoint"
        return f"<{type(self).__name__}: {kind}, {self._ended or 'open'}>"

    def _check_open(self) -> None:
        self._state.check_here()
        tx: Tx | None = self
        while tx is not None:
            if tx._ended is not None:
                what = "transaction" if tx._parent is None else "savepoint"
                raise TransactionError(
                    f"this {what} has ended: it was {tx._ended}",
                    hint="statements need a new one",
                    retryable=False,
                )
            tx = tx._parent

    def _lock_now(self) -> None:
        self._check_open()
        if not self._lock.acquire(blocking=False) and not take_over(self._wire):
            raise TransactionError(
                "this transaction is in use by another task, thread or an open stream",
                hint="a transaction belongs to one at a time: use one for each",
                retryable=False,
            )

    def _unlock(self) -> None:
        try:
            self._lock.release()
        except RuntimeError:
            pass  # the transaction was taken away from who used it

    def _acquire(self, timeout: float | None) -> Wire:
        self._lock_now()
        wire = self._wire
        if wire.ending is not None:
            end_abandoned(wire)
        wire.look_around()
        if self._state.statement_timeout is not None:
            wire.limit(None)
        return wire

    def _release(self, wire: Wire) -> None:
        wire.unlimit()
        self._unlock()
        if wire.transaction_tag is not None:
            wire.refuse_transaction_tag()

    def _failed(
        self,
        wire: Wire,
        exc: BaseException,
        sql: str | None = None,
        params: Any = None,
    ) -> BaseException:
        error = wire.translated(exc, sql, params)
        wire.doubt(sql)
        wire.unlimit()
        evict_if_read_only(wire, error, self._read_only)
        if wire.assumed is not None:
            # It may be that names lead elsewhere by now: the next such transaction asks.
            self._state.paths.pop(wire.assumed, None)
        root = self._root
        if root._swallowed is None and wire.pgconn.transaction_status == _INERROR:
            root._swallowed = error
        if isinstance(error, ConnectionLost) and root._lost is None and wire.closed:
            root._lost = error
        self._unlock()
        return error

    def _check_text(self, sql: str) -> None:
        check_text(sql)
        if self._state.pooled:
            check_pooled(sql)

    def transaction(
        self,
        *,
        isolation: Isolation | None = None,
        read_only: bool | None = None,
        deferrable: bool | None = None,
        settings: Settings | None = None,
        role: str | None = None,
    ) -> AbstractContextManager[Tx]:
        """Open a savepoint for a block; it takes none of the options of a transaction.

        Leaving the block keeps its work; an exception rolls back to its start and goes on.

        Raises:
            TransactionAborted: If an error was swallowed inside, so that it was rolled back.
        """
        if (isolation, read_only, deferrable, settings, role) != (None,) * 5:
            raise ValueError("a savepoint takes no options: they belong to the transaction")
        return Transaction(functools.partial(_begin_savepoint, self))

    def run(self, fn: Any, **options: Any) -> NoReturn:
        """Refuse: only a whole transaction can be run again."""
        raise TransactionError(
            "run() inside an open transaction: only the whole of it could be tried again",
            hint="call db.run() outside, or use tx.transaction() for a savepoint",
            retryable=False,
        )

    def commit(self) -> None:
        """Commit; for a savepoint, keep its work in the transaction.

        Raises:
            TransactionAborted: If an error was swallowed inside; nothing is stored.
            CommitUnknown: If the connection went away meanwhile: it may or may not be stored.
            ConnectionLost: If it went away before; nothing is stored.
            Error: What the server says, e.g. of a deferred constraint; nothing is stored.
        """
        self._lock_now()
        if self._wire.ending is not None:
            end_abandoned(self._wire)
        operation = "commit" if self._savepoint is None else "release"
        event = self._state.begin_event(operation, None, wire=self._wire)
        how = "rolled back"
        try:
            if self._savepoint is None:
                self._commit()
            else:
                self._release_savepoint()
            how = "committed"
        except BaseException as exc:
            self._state.end_event(event, exc)
            raise
        else:
            self._state.end_event(event)
        finally:
            self._end(how)

    def _commit(self) -> None:
        try:
            commit(self._wire, self._swallowed)
        except ConnectionLost as exc:
            self._root._lost = exc
            raise

    def _release_savepoint(self) -> None:
        wire = self._wire
        wire.limit(None)
        try:
            if wire.pgconn.transaction_status == _INERROR:
                cause = self._root._swallowed
                finish(self._roll_back_to(wire))
                raise aborted("savepoint", cause) from cause
            wire.command(f"RELEASE SAVEPOINT {self._savepoint}")
        except Exception as exc:
            exc = because(wire.translated(exc, "RELEASE SAVEPOINT"), exc)
            raise exc

    def _roll_back_to(self, wire: Wire) -> None:
        wire.command(f"ROLLBACK TO SAVEPOINT {self._savepoint}")
        self._root._swallowed = None
        if wire.relearnt:
            wire.learn_settings()
        if wire.reshaped:
            wire.reshape()
        wire.command(f"RELEASE SAVEPOINT {self._savepoint}")

    def rollback(self) -> None:
        """Undo everything since the transaction, or the savepoint, began."""
        self._lock_now()
        if self._wire.ending is not None:
            end_abandoned(self._wire)
        event = self._state.begin_event("rollback", None, wire=self._wire)
        try:
            finish(self._roll_back(self._wire))
        except BaseException as exc:
            self._state.end_event(event, exc)
            raise
        else:
            self._state.end_event(event)
        finally:
            self._end("rolled back")

    def _roll_back(self, wire: Wire) -> None:
        wire.limit(CLEANUP_BOUND, drop=True)
        try:
            if self._savepoint is None:
                wire.command("ROLLBACK")
            else:
                self._roll_back_to(wire)
        except Exception as exc:
            # A transaction that cannot be reached is rolled back by the server. One that can,
            # but did not obey, must not be used any more.
            logger.debug("rolling back failed, the connection is dropped: %s", said(exc))
            wire.drop()

    def _end(self, how: str) -> None:
        # A variable may hold this for long: not the connection with it, which may be lost later on,
        # nor an error, whose frames hold this.
        wire, self._wire, self._ended = self._wire, cast("Any", None), how
        self._swallowed = None
        self._unlock()
        if self._parent is None:
            if self._home is None:
                give_back(self._state, wire)
            else:
                if wire.reshaped:
                    finish(wire.settle())
                self._home(wire)

    def _leave(self, *, commit: bool, raising: bool) -> None:
        """End the block this transaction was opened for."""
        if self._ended is not None:
            return
        if self._state.is_elsewhere:
            # The transaction goes on where it was opened, and nothing is sent from here.
            if not raising:
                raise self._state.refusal()
            return
        free = not self._lock.locked() or self._wire.abandoned is not None
        if not free and self._parent is None:
            finish(self._take_away())
            if not raising:
                raise TransactionError(
                    "the transaction's block was left while another task, thread or a stream used "
                    "it; it was rolled back",
                    hint="wait for what works in a transaction before leaving its block",
                    retryable=False,
                )
        elif commit:
            self.commit()
        elif free:
            self.rollback()

    def _take_away(self) -> None:
        """End a transaction that somebody else still uses: their statement fails."""
        self._wire.cut()
        deadline = monotonic() + CLEANUP_BOUND
        while not self._lock.acquire(blocking=False) and monotonic() < deadline:
            sleep(0.01)
        self._wire.drop()
        self._end("rolled back")

    def __del__(self) -> None:
        if self.__dict__.get("_parent", self) is None and self._ended is None:
            # Whoever records the warning holds this, and is not to hold the connection.
            wire, self._wire, self._home = self._wire, cast("Any", None), None
            warn_of_loss("a transaction was neither committed nor rolled back", wire, self)

    def __enter__(self) -> Tx:
        self._check_open()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._ended is None:
            self._leave(commit=False, raising=exc is not None)


class Transaction:
    """The block of a transaction or savepoint."""

    def __init__(self, begun: Callable[[], Answer[Tx]]) -> None:
        self._begun = begun
        self._tx: Tx | None = None

    def __enter__(self) -> Tx:
        if self._tx is not None:
            raise TransactionError("this transaction block has been entered before")
        goes_on_elsewhere = leaves_block_open()
        self._tx = tx = self._begun()
        if tx._parent is None and not goes_on_elsewhere:
            entered(tx)
        return self._tx

    def lost_by(self, error: BaseException) -> bool:
        """Say whether an error is that the connection went away before COMMIT was sent."""
        if self._tx is None:
            return isinstance(error, ConnectionLost)
        return isinstance(error, ConnectionLost) and self._tx._lost is not None

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._tx is not None
        self._tx._leave(commit=exc is None, raising=exc is not None)


def begin_transaction(state: PoolState, begin: Begin) -> Tx:
    """Begin a transaction on a connection of the pool."""
    event = state.begin_event("begin", begin.shown, begin.params)
    try:
        wire = _begun(state, begin)
        state.reached(event, wire)
        tx = Tx(state, wire, begin.read_only, None)
    except BaseException as exc:
        state.end_event(event, exc)
        raise
    state.end_event(event)
    return tx


def _begun(state: PoolState, begin: Begin) -> Wire:
    # BEGIN changes nothing, so one that met a dead connection is sent on another. There are at
    # most as many dead ones as the pool has connections.
    for left in range(state.pool.max_size, -1, -1):
        wire = borrow(state)
        try:
            wire.limit(None)
            wire.begin(begin)
            return wire
        except BaseException as exc:
            exc = because(wire.translated(exc, begin.shown), exc)
            give_back(state, wire)
            if isinstance(exc, ConnectionLost) and left and not wire.silent:
                continue
            raise exc
    raise AssertionError("unreachable")


def _begin_savepoint(parent: Tx) -> Tx:
    with parent._connection("savepoint") as wire:
        tx = Tx(parent._state, wire, parent._read_only, parent)
        wire.limit(None)
        wire.command(f"SAVEPOINT {tx._savepoint}")
    return tx
