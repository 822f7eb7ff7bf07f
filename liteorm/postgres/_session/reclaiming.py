"""Connections that nobody holds any more: lost to an interruption or to the garbage collector.

Whoever borrowed one holds it, and the pool those that are idle. One that is collected is lost, and
its place in the pool would be lost with it. A finalizer may run anywhere, also where this thread
holds the pool's lock: it only hands the connection on.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import warnings
from queue import SimpleQueue
from sys import is_finalizing
from typing import Any, Final

from psycopg import pq

from liteorm.postgres._driver import belong_to

__all__ = ["areclaim", "reclaim", "start_reclaiming", "warn_of_loss"]

logger: Final = logging.getLogger("liteorm")

_lost: SimpleQueue[tuple[Any, Any]] = SimpleQueue()
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


def _reclaim_all() -> None:
    while True:
        state, wire = _lost.get()
        try:
            if _is_lost(state, wire):
                state.pool.putconn(wire)
        except Exception as exc:
            logger.debug("a lost connection could not be replaced: %s", exc)
        del state, wire


def _is_lost(state: Any, wire: Any) -> bool:
    """Close a connection before its place is given back: what state it is in is not known."""
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
