"""Connections that nobody holds any more: lost to an interruption or to the garbage collector.

Whoever borrowed one holds it, and the pool those that are idle. One that is collected is lost, and
its place in the pool would be lost with it. A finalizer may run anywhere, also where this thread
holds the pool's lock: it only hands the connection on.

A handler of a signal may raise in a finalizer, and Python drops that. Then what a weak reference
calls, which is no Python code and cannot be interrupted, tells that the connection has gone.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import warnings
import weakref
from queue import SimpleQueue
from sys import is_finalizing
from typing import Any, Final

from psycopg import pq

from liteorm.postgres._driver import belong_to, replace_lost

__all__ = ["areclaim", "place_in", "reclaim", "start_reclaiming", "warn_of_loss"]

logger: Final = logging.getLogger("liteorm")

_lost: SimpleQueue[Any] = SimpleQueue()
"""Connections with the state of their pool, and places of those that have gone."""
_running: list[int] = []
"""The process in which the thread below runs."""
_tasks: Final[set[asyncio.Task[None]]] = set()


def warn_of_loss(what: str, wire: Any, source: object) -> None:
    """Say that a connection is lost because what used it was not ended; once for each."""
    state = wire.state
    if wire.loss_told or state.blocked or state.forked or is_finalizing():
        return
    wire.loss_told = True
    warnings.warn(f"{what}; {_fate(wire)}", ResourceWarning, source=source, stacklevel=3)


def _fate(wire: Any) -> str:
    if not wire.lent:
        goes_on = ", unless its block goes on, where the next call ends it"
        return "its connection is dropped" + (goes_on if wire.abandoned is not None else "")
    if wire.pgconn.transaction_status == pq.TransactionStatus.ACTIVE:
        return (
            "its statement still runs on its owner's connection, until a session on it is used "
            "again or the connection is closed"
        )
    return "what it did is part of its owner's transaction, which ends it"


def start_reclaiming() -> None:
    """See to it that lost connections are taken care of in this process."""
    pid = os.getpid()
    if pid not in _running:
        _running[:] = [pid]
        threading.Thread(target=_reclaim_all, name="liteorm reclaiming", daemon=True).start()


class _Place(weakref.ref[Any]):
    """A weak reference to a connection, and its place in the pool."""

    __slots__ = ("ended", "state")
    ended: bool
    """It was closed on purpose, or its finalizer has seen to it."""
    state: Any


def place_in(state: Any, wire: Any) -> Any:
    """Return a weak reference to a connection whose place is filled anew when it has gone."""
    place = _Place(wire, _lost.put)
    place.ended, place.state = False, weakref.ref(state)
    hash(place)  # which a reference that is dead cannot make any more
    return place


def _reclaim_all() -> None:
    while True:
        found = _lost.get()
        try:
            if isinstance(found, _Place):
                _fill(found)
            elif _is_lost(*found):
                found[0].pool.putconn(found[1])
        except Exception as exc:
            logger.debug("a lost connection could not be replaced: %s", exc)
        del found


def _fill(place: _Place) -> None:
    """Have a connection made in the place of one whose finalizer was interrupted."""
    state = place.state()
    if state is None or state.blocked or state.forked or is_finalizing():
        return
    lost = state.borrowed.pop(place, None) is not None or not place.ended
    if not lost or state.pool.closed:
        return
    if state.loop is None:
        replace_lost(state.pool)
    else:
        state.loop.call_soon_threadsafe(replace_lost, state.pool)


def _is_lost(state: Any, wire: Any) -> bool:
    """Close a connection before its place is given back: what state it is in is not known."""
    wire.reference.ended = True
    state.borrowed.pop(wire.reference, None)
    wire.drop()
    belong_to(wire, state.pool)
    return not state.pool.closed


def reclaim(state: Any, wire: Any) -> None:
    """Take care of a lost connection; called by its finalizer."""
    _lost.put((state, wire))


def areclaim(state: Any, wire: Any) -> None:
    """Take care of a lost connection; called by its finalizer."""
    try:
        state.loop.call_soon_threadsafe(_reclaim_soon, state, wire)
    except RuntimeError:
        wire.drop()  # its event loop has ended


def _reclaim_soon(state: Any, wire: Any) -> None:
    task = asyncio.ensure_future(_reclaim_async(state, wire))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


async def _reclaim_async(state: Any, wire: Any) -> None:
    if _is_lost(state, wire):
        await state.pool.putconn(wire)
