"""Taking a connection from the pool, and giving it back in the state it had."""

from __future__ import annotations

import logging
import weakref
from time import monotonic
from typing import Final

import psycopg_pool
from psycopg import pq

from liteorm.errors import ReadOnlyTransaction
from liteorm.postgres._async.connection import AsyncWire
from liteorm.postgres._driver import aput_idle, atake_idle
from liteorm.postgres._session.primitives import afinish, agetconn, arunning
from liteorm.postgres._session.state import PoolState

__all__ = ["borrow", "evict_if_read_only", "give_back"]

logger: Final = logging.getLogger("liteorm")

_IDLE: Final = pq.TransactionStatus.IDLE


async def borrow(state: PoolState, timeout: float | None = None) -> AsyncWire:
    """Take a connection that, as far as can be told without asking, is alive."""
    if state.blocked or state.loop is not arunning():
        raise state.refusal()
    limit = state.timeout if timeout is None else min(timeout, state.timeout)
    began = since = monotonic()
    # Whoever has no time to wait is refused by the pool, in its words.
    wire = atake_idle(state.pool) if limit > 0 else None
    if wire is None or wire.spoken_to:
        wire = await _waited_for(state, wire, limit)
        since = monotonic()
    state.borrowed[wire.reference] = since
    if state.meters is not None:
        state.meters.tell("wait", since - began)
    if state.statement_timeout is not None:
        wire.limit(None)
    return wire


class _Waiter:
    """Somebody who waits: whoever leaves, in whatever way, is counted no more."""

    __slots__ = ("__weakref__",)


async def _waited_for(state: PoolState, wire: AsyncWire | None, limit: float) -> AsyncWire:
    """Wait for a connection, or for one in place of this one to which the server has spoken."""
    here = _Waiter()
    try:
        state.waiting.add(weakref.ref(here, state.waiting.discard))
        found: AsyncWire = wire or await agetconn(state.pool, limit)
        if found.spoken_to:
            return await _replaced(state, found, monotonic() + limit)
        return found
    except psycopg_pool.PoolTimeout as exc:
        if state.meters is not None:
            state.meters.tell("timeout", limit)
        raise state.timed_out(limit) from exc
    except psycopg_pool.PoolClosed as exc:
        raise state.refusal() from exc
    finally:
        state.waiting.discard(weakref.ref(here))


async def _replaced(state: PoolState, wire: AsyncWire, deadline: float) -> AsyncWire:
    """Find a connection that lives: the server has said something to this idle one."""
    while True:
        try:
            well = wire.hear() and await wire.alive()
        except BaseException:
            await afinish(_discard(state, wire))
            raise
        if well:
            return wire
        await afinish(_discard(state, wire))
        wire = await agetconn(state.pool, max(deadline - monotonic(), 0.0))
        if not wire.spoken_to:
            return wire


async def _discard(state: PoolState, wire: AsyncWire) -> None:
    wire.drop()
    await state.pool.putconn(wire)


async def give_back(state: PoolState, wire: AsyncWire) -> None:
    """Give a connection back, whatever happens meanwhile; clean it first if that is needed."""
    if state.forked:
        return  # it is the parent's
    if wire.lasting is not None:
        wire.unlimit()
        wire.own_limit = None
    if wire.path is not None:
        wire.path, wire.told_path, wire.assumed = None, wire.usual_path, None
    if (
        wire.pgconn.transaction_status != _IDLE
        or wire.dirty
        or wire.raised
        or wire.evict
        or wire.reshaped
        or state.reset_always
        or wire.pgconn.pipeline_status  # idle, but interrupted before it was left
    ):
        await afinish(_clean_and_put(state, wire))
        return
    try:
        if not aput_idle(state.pool, wire):
            await afinish(state.pool.putconn(wire))
    finally:
        # Not in a function of its own: an interruption would come before its first line.
        since = state.borrowed.pop(wire.reference, None)
        if state.meters is not None:
            _tell_use(state, since)


def _tell_use(state: PoolState, since: float | None) -> None:
    if since is not None and state.meters is not None:
        state.meters.tell("use", monotonic() - since)


async def _clean_and_put(state: PoolState, wire: AsyncWire) -> None:
    if wire.evict:
        wire.drop()
    elif not wire.closed:
        await wire.clean(wire.dirty or wire.raised or state.reset_always)
    if wire.reshaped:
        await wire.settle()
    await state.pool.putconn(wire)
    # At last: a connection that is closed and not in here has been replaced already.
    _tell_use(state, state.borrowed.pop(wire.reference, None))
    if wire.evict and state.wants_writable:
        # Its fellows lead to the same server; new ones look for the one that can be written to.
        await state.pool.drain()


def evict_if_read_only(wire: AsyncWire, error: BaseException, asked_for: bool | None) -> None:
    """Mark a connection whose server takes no writes any more; a standby never took any."""
    if isinstance(error, ReadOnlyTransaction) and not asked_for:
        if wire.state.reads or (wire.was_standby and not wire.state.wants_writable):
            return
        wire.evict = True
        logger.info("a connection is dropped: its server has become read-only")
