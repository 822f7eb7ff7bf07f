"""The database: a pool of connections, and what is opened on it."""

from __future__ import annotations

import functools
import logging
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from time import monotonic
from types import TracebackType
from typing import Any, Final, TypeVar

import psycopg
import psycopg_pool
from psycopg_pool import AsyncConnectionPool

from liteorm._core.contracts import AsyncSession, Isolation, Settings
from liteorm._core.models.hints import Codec
from liteorm._core.values.pool import PoolStats
from liteorm.errors import Error, IntegrityError, TransactionError
from liteorm.observe import Observer
from liteorm.postgres._async.borrow import borrow, evict_if_read_only, give_back
from liteorm.postgres._async.catalog import load_custom
from liteorm.postgres._async.connection import AsyncWire, asked_dsn
from liteorm.postgres._async.held import AsyncHolding, AsyncOwned
from liteorm.postgres._async.meeting import first_wire
from liteorm.postgres._async.session import AsyncAnySession
from liteorm.postgres._async.transaction import AsyncTransaction, AsyncTx, begin_transaction
from liteorm.postgres._driver import held_safely
from liteorm.postgres._session.beginning import begin_of
from liteorm.postgres._session.commands import check_pooled, check_text
from liteorm.postgres._session.nesting import entered, is_inside
from liteorm.postgres._session.notices import OnNotice
from liteorm.postgres._session.options import Reset, make_state
from liteorm.postgres._session.primitives import (
    AsyncAnswer,
    aanswer,
    acall,
    acheck_plain,
    afinish,
    arunning,
    aserves_strangers,
    asleep,
)
from liteorm.postgres._session.reclaiming import start_reclaiming
from liteorm.postgres._session.state import BRIEFLY, CLEANUP_BOUND, PoolerMode, PoolState
from liteorm.postgres._session.translate import connect_failed, pool_not_filled
from liteorm.postgres._types.custom import CustomType

__all__ = ["AsyncDB", "open_async"]

R = TypeVar("R")

logger: Final = logging.getLogger("liteorm")


class AsyncPool(AsyncConnectionPool[AsyncWire]):
    """The driver's pool, which does not wait long for what it gives up to make at its beginning."""

    async def close(self, timeout: float = BRIEFLY) -> None:
        """Close it; `wait` does so by itself when its time is over."""
        await super().close(timeout)


class AsyncDB(AsyncAnySession):
    """A database: a pool of connections on which statements and transactions run.

    For any number of tasks or threads at once. Made by `open_async`.
    """

    _autocommit = True

    def __init__(self, state: PoolState) -> None:
        self._state = state

    def __repr__(self) -> str:
        state = self._state
        closed = ", closed" if state.blocked else ""
        return f"<{type(self).__name__}: {state.database} on {state.host}{closed}>"

    async def _acquire(self, timeout: float | None) -> AsyncWire:
        return await borrow(self._state, timeout)

    async def _release(self, wire: AsyncWire) -> None:
        await give_back(self._state, wire)
        if wire.transaction_tag is not None:
            wire.refuse_transaction_tag()

    async def _failed(
        self,
        wire: AsyncWire,
        exc: BaseException,
        sql: str | None = None,
        params: Any = None,
    ) -> BaseException:
        error = wire.translated(exc, sql, params)
        wire.doubt(sql)
        evict_if_read_only(wire, error, None)
        await give_back(self._state, wire)
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
    ) -> AbstractAsyncContextManager[AsyncTx]:
        """Open a transaction for a block; in a transaction, a savepoint (without options).

        Leaving the block commits; an exception rolls back and goes on.

        Args:
            isolation: How well it is kept apart from others; the server's default if None.
            read_only: Whether writes are refused.
            deferrable: Whether a serializable read-only transaction may wait for a safe start.
            settings: Settings that hold until its end (`set_config(name, value, true)`).
            role: The role that it runs as until its end.

        Raises:
            TransactionAborted: If an error was swallowed inside, so that nothing was stored.
            CommitUnknown: If the connection went away during COMMIT.
        """
        begin = begin_of(isolation, read_only, deferrable, settings, role)
        return AsyncTransaction(functools.partial(begin_transaction, self._state, begin))

    async def begin(
        self,
        *,
        isolation: Isolation | None = None,
        read_only: bool | None = None,
        deferrable: bool | None = None,
        settings: Settings | None = None,
        role: str | None = None,
    ) -> AsyncTx:
        """Begin a transaction to be ended by hand, with `commit()` or `rollback()`.

        Args:
            isolation: How well it is kept apart from others; the server's default if None.
            read_only: Whether writes are refused.
            deferrable: Whether a serializable read-only transaction may wait for a safe start.
            settings: Settings that hold until its end (`set_config(name, value, true)`).
            role: The role that it runs as until its end.
        """
        begin = begin_of(isolation, read_only, deferrable, settings, role)
        tx = await begin_transaction(self._state, begin)
        if not aserves_strangers():
            entered(tx)
        return tx

    async def run(
        self,
        fn: Callable[[AsyncTx], AsyncAnswer[R]],
        *,
        attempts: int = 5,
        isolation: Isolation | None = None,
        read_only: bool | None = None,
        deferrable: bool | None = None,
        settings: Settings | None = None,
        role: str | None = None,
    ) -> R:
        """Call `fn(tx)` in a transaction; begin the whole of it anew after a retryable error.

        A connection that was lost before COMMIT was sent counts as one: nothing is stored then.
        Between attempts it waits for a random while that grows. What `fn` does besides the
        database may be done several times.

        Args:
            fn: What to do; called with a new transaction each time.
            attempts: How often to try in all.
            isolation: How well it is kept apart from others; the server's default if None.
            read_only: Whether writes are refused.
            deferrable: Whether a serializable read-only transaction may wait for a safe start.
            settings: Settings that hold until its end (`set_config(name, value, true)`).
            role: The role that it runs as until its end.

        Returns:
            What `fn` returned.

        Raises:
            TransactionError: If the caller has a transaction open already.
            Error: What the last attempt failed with.
        """
        if attempts < 1:
            raise ValueError("attempts must be at least 1")
        acheck_plain("fn", fn)
        self._state.check_here()
        if is_inside(self._state):
            raise TransactionError(
                "run() inside an open transaction: only the whole of it could be tried again",
                hint="call db.run() outside, or use tx.transaction() for a savepoint",
                retryable=False,
            )
        begin = begin_of(isolation, read_only, deferrable, settings, role)
        attempt = 1
        while True:
            block = AsyncTransaction(functools.partial(begin_transaction, self._state, begin))
            try:
                async with block as tx:
                    result = await aanswer(fn, tx)
                return result
            except Error as exc:
                if not (exc.retryable or block.lost_by(exc)) or attempt >= attempts:
                    raise
                logger.info("attempt %d of %d failed: %s", attempt, attempts, type(exc).__name__)
            # Random, so that those who met do not meet again; at most a second.
            await asleep(random.uniform(0, min(1.0, 0.01 * 2**attempt)))
            attempt += 1

    def connection(self) -> AbstractAsyncContextManager[AsyncSession]:
        """Hold one connection for a block: a session in autocommit for what belongs to it.

        For advisory locks, `SET`, temporary tables, `CREATE INDEX CONCURRENTLY` after a `SET`.
        Whatever was changed is reset when the block is left. For one task or thread at a time.

        Raises:
            StatementError: Behind a pooler in transaction mode, where there is no such thing.
        """
        return AsyncHolding(self._state)

    def stats(self) -> PoolStats:
        """Take a snapshot of the pool, without asking the server."""
        return self._state.stats()

    def clear_types(self) -> None:
        """Forget what has been learnt about types from the catalog; it is asked again."""
        self._state.forget()

    async def close(self, *, timeout: float = CLEANUP_BOUND) -> None:
        """Close the pool, after waiting for connections that are in use.

        Args:
            timeout: Seconds to wait for them; then they are cut, and who uses them gets a
                `ConnectionLost`.
        """
        state = self._state
        if state.forked or state.closed:
            return
        state.check_here()
        state.blocked = True
        try:
            for listener in list(state.listeners):
                await listener._close("closed: its database was closed")
            deadline = monotonic() + timeout
            while state.borrowed and monotonic() < deadline:
                await asleep(0.01)
        finally:
            for wire in state.lent():
                wire.cut()
            for wire in state.spare:
                wire.drop()
            state.spare.clear()
            await state.pool.close(timeout=CLEANUP_BOUND)
        state.closed = True

    async def __aenter__(self) -> AsyncDB:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()


async def open_async(
    dsn: str | Callable[[], AsyncAnswer[str] | str],
    *,
    min_size: int = 1,
    max_size: int = 10,
    timeout: float = 30.0,
    statement_timeout: float | None = None,
    application_name: str | None = None,
    prepare: bool | None = None,
    pooler: PoolerMode | None = None,
    reset: Reset = "auto",
    on_connect: Callable[[AsyncSession], AsyncAnswer[object] | object] | None = None,
    on_notice: OnNotice | None = None,
    observers: Sequence[Observer] = (),
    log_params: bool = False,
    constraint_errors: Mapping[str, type[IntegrityError]] | None = None,
    codecs: Mapping[type, Codec] | None = None,
    types: Sequence[CustomType] = (),
    max_idle: float = 600.0,
    max_lifetime: float | None = None,
    num_workers: int = 3,
) -> AsyncDB:
    """Connect to a database and open a pool of connections to it.

    Args:
        dsn: Where it is, in libpq's words: `"postgresql://user@host/name"` or `"host=… dbname=…"`;
            or a function that returns it, called for each new connection (passwords that expire).
        min_size: Connections kept open.
        max_size: Connections opened at most.
        timeout: Seconds that opening may take, and to wait for a connection of the pool.
        statement_timeout: Seconds a statement may take; the server cancels it then.
        application_name: Name shown in the server's activity.
        prepare: Whether statements used often are prepared. If not given, they are unless a
            pooler stands in between that does not keep them apart, which is found out here.
        pooler: The mode of a pooler in between. If not given, whichever is found counts as
            `"transaction"`; with `"session"` everything is allowed that a server allows.
        reset: `"auto"` resets connections after commands whose answer tells that something stays
            behind (SET, LISTEN, …); `"always"` after each use, for one more round trip.
        on_connect: Called with a session on each new connection, and again after a reset.
        on_notice: Called with each notice of the server while a statement runs; without it,
            warnings go to the logger `liteorm`.
        observers: Told about every operation, see `liteorm.observe`.
        log_params: Whether parameters are written to the log of statements.
        constraint_errors: Your own subclasses of `IntegrityError`, by name of the constraint.
        codecs: How objects of your own types are stored, by type.
        types: Types of PostgreSQL that are read into classes of yours, as `CustomType`.
        max_idle: Seconds after which a connection above `min_size` that nobody needs is closed.
        max_lifetime: Seconds after which a connection is replaced; if not given, an hour, or five
            minutes where `target_session_attrs` asks for standbys.
        num_workers: How many connections may be in the making at once, each in a thread (async: a
            task) of its own that the pool starts with.

    Raises:
        ConnectFailed: At once, with the server's reason, if no connection can be made.

    Example:
        `db = await liteorm.postgres.open_async("postgresql://app@localhost/app")`
    """
    acheck_plain("dsn", dsn)
    acheck_plain("on_connect", on_connect)
    source: Any = None if isinstance(dsn, str) or not callable(dsn) else dsn
    text: Any = dsn if source is None else await asked_dsn(source, timeout)
    made = functools.partial(
        make_state,
        timeout=timeout,
        statement_timeout=statement_timeout,
        application_name=application_name,
        prepare=prepare,
        pooler=pooler,
        reset=reset,
        observers=observers,
        log_params=log_params,
        on_notice=on_notice,
        constraint_errors=constraint_errors,
        codecs=codecs,
        types=types,
    )
    state = made(text)
    state.dsn_source = source

    def conninfo_of(words: str) -> str:
        return made(words, startup_limit=state.server_keeps_timeout).conninfo

    state.conninfo_of = conninfo_of
    if on_connect is not None:
        state.connected = functools.partial(_prepared, state, on_connect)

    state.loop = arunning()
    start_reclaiming()
    deadline = monotonic() + timeout
    wire = await first_wire(state, timeout, lambda: made(text, startup_limit=False).conninfo)

    async def reconnect(pool: Any) -> None:
        # The pool gave up for now. Whoever still waits wants it to go on.
        if state.waiting and not state.blocked:
            await pool.check()

    pool = AsyncPool(
        state.conninfo,
        connection_class=AsyncWire,
        kwargs=state.connect_kwargs,
        min_size=min_size,
        max_size=max_size,
        timeout=timeout,
        max_idle=max_idle,
        max_lifetime=state.lifetime if max_lifetime is None else max_lifetime,
        num_workers=min(num_workers, max_size),
        # Attempts come ever more seldom until this has passed, and then start anew.
        reconnect_timeout=8.0,
        reconnect_failed=reconnect,
        open=False,
        name=f"liteorm {state.database}",
    )
    state.pool = held_safely(pool)
    try:
        state.met(wire.pgconn)
        if types:
            await _learn_types(state, wire, deadline)
        state.spare.append(wire)
        await state.pool.open()
        if min_size:
            await state.pool.wait(max(deadline - monotonic(), 0.001))
    except psycopg_pool.PoolTimeout as exc:
        raise pool_not_filled(min_size, state.connect_error) from exc
    except BaseException:
        # The pool's workers would go on without anybody who could close it.
        state.blocked = True
        wire.drop()
        await afinish(_give_up(state))
        raise
    state.watched()
    return AsyncDB(state)


async def _prepared(state: PoolState, on_connect: Callable[[Any], Any], wire: AsyncWire) -> None:
    """Let the user's function do its work on a connection."""
    session = AsyncOwned(state, wire, threading.Lock())
    try:
        await acall(functools.partial(on_connect, session))
    finally:
        session._closed = True
    # What it has set is how the connection begins.
    wire.dirty = False
    wire.moved(None)


async def _learn_types(state: PoolState, wire: AsyncWire, deadline: float) -> None:
    wire.limit(max(deadline - monotonic(), 0.001), drop=True)
    try:
        await load_custom(wire, state.types)
    except psycopg.Error as exc:
        raise connect_failed(exc) from exc
    finally:
        wire.unlimit()


async def _give_up(state: PoolState) -> None:
    await asleep(0)  # what follows is one task's, as afinish wants it
    await state.pool.close(timeout=BRIEFLY)
