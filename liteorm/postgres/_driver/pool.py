"""The pool's queue, the connections that are idle in it, and its end: of psycopg_pool's inside."""

from __future__ import annotations

import asyncio
import logging
import threading
import weakref
from time import monotonic
from typing import Any, Final, TypeVar

from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool, ConnectionPool, PoolTimeout

from liteorm._core.locks import safely
from liteorm.postgres._driver.known import inside, takes, uses

T = TypeVar("T")

__all__ = [
    "abandon",
    "aput_idle",
    "atake_idle",
    "belong_to",
    "held_safely",
    "leave_queue",
    "put_idle",
    "replace_lost",
    "take_idle",
]

_IDLE: Final = TransactionStatus.IDLE


# The pool's queue. What interrupts a wait for a connection and is no Exception leaves the caller
# in the queue, and the connection that he is given is lost. Upstream would have to take care of
# every BaseException in `getconn`.
_waiting_client: Final[Any] = inside("psycopg_pool.pool", "WaitingClient")
_queue_is_known: Final = (
    _waiting_client is not None
    and takes(_waiting_client, "fail", "self", "error")
    and "conn" in getattr(_waiting_client, "__slots__", ())
)


def leave_queue(pool: ConnectionPool[Any], exc: BaseException) -> None:
    """Take a caller that was interrupted out of the pool's queue.

    The pool takes care of what is an Exception only. Whoever was interrupted by Ctrl-C would be
    given the next connection that is free, and it would be lost.
    """
    trace = exc.__traceback__ if _queue_is_known else None
    while trace is not None:
        place: Any = trace.tb_frame.f_locals.get("pos")
        known: Any = _waiting_client
        waiting_here = isinstance(place, known)
        if waiting_here and not place.fail(PoolTimeout("interrupted")) and place.conn is not None:
            place.conn._pool = pool
            pool.putconn(place.conn)
        trace = trace.tb_next


def held_safely(pool: T) -> T:
    """Have the lock of a pool of threads given back whatever comes; return the pool."""
    inner: Any = pool
    lock: Any = getattr(inner, "_lock", None)
    if isinstance(inner, ConnectionPool) and isinstance(lock, type(threading.Lock())):
        inner._lock = safely(lock)
    return pool


def belong_to(connection: Any, pool: Any) -> None:
    """Say which pool a connection is to be given back to; idle ones do not know theirs."""
    connection._pool = pool


# A connection that has gone without being given back. Upstream would have to offer a call for it.
_adding: Final[Any] = inside("psycopg_pool.pool", "AddConnection")
_adding_async: Final[Any] = inside("psycopg_pool.pool_async", "AddConnection")


def replace_lost(pool: Any) -> None:
    """Have a connection made in the place of one that nobody will give back."""
    run: Any = getattr(pool, "run_task", None)
    task = _adding if isinstance(pool, ConnectionPool) else _adding_async
    if task is not None and run is not None:
        run(task(pool))


# An idle connection. `getconn` and `putconn` pass through eleven functions, asking about checks and
# resets that liteorm has its own of, and cost a third of a short query. Where a connection is idle
# and nobody waits for one they come to what is here. Upstream would have to offer a `getconn`
# that does not wait.
#
# An exception may come at any line, out of a signal's handler. The connection is then in the pool,
# or held by nobody: it is collected, and its place is given back (see `reclaiming`). It is never in
# the pool before nothing else is done with it, and never out of it while somebody may take it.
_USED: Final = {
    "getconn": ("_stats", "_REQUESTS_NUM", "_check_open_getconn", "_getconn_with_check_loop"),
    "_getconn_with_check_loop": ("_getconn_unchecked", "_check_connection"),
    "_getconn_unchecked": ("_lock", "_pool", "_get_ready_connection"),
    "_get_ready_connection": ("_pool", "_nconns_min", "popleft"),
    "_check_connection": ("_check",),
    "_check_open_getconn": (),
    "putconn": ("_check_pool_putconn", "_maybe_close_connection", "_putconn"),
    "_check_pool_putconn": (),
    "_maybe_close_connection": ("_closed",),
    "_putconn": ("_reset", "_return_connection"),
    "_return_connection": ("_reset_connection", "_created_at", "_drained_at", "_expire_at"),
    "_reset_connection": ("pgconn", "transaction_status", "IDLE", "_reset"),
    "_add_to_pool": ("_pool", "_closed", "_lock", "_waiting", "append", "_pool_full_event"),
}
_found: Final = [
    uses(pool, name, *names)
    for pool in (ConnectionPool, AsyncConnectionPool)
    for name, names in _USED.items()
]
_pools_are_known: Final = all(_found)
_pool_tells: Final = logging.getLogger("psycopg.pool").isEnabledFor
_getconn, _putconn = ConnectionPool.getconn, ConnectionPool.putconn
_agetconn, _aputconn = AsyncConnectionPool.getconn, AsyncConnectionPool.putconn


def atake_idle(pool: AsyncConnectionPool[Any]) -> Any:
    """Take a connection that is idle as `getconn` does; None where that has more to do."""
    kind: Any = type(pool)
    if not _pools_are_known or _pool_tells(logging.INFO) or kind.getconn is not _agetconn:
        return None
    inner: Any = pool
    if not inner._pool or inner._closed or inner._check or inner._lock.locked():
        return None
    return _taken(inner)


def take_idle(pool: ConnectionPool[Any]) -> Any:
    """Take a connection that is idle as `getconn` does; None where that has more to do."""
    kind: Any = type(pool)
    if not _pools_are_known or _pool_tells(logging.INFO) or kind.getconn is not _getconn:
        return None
    inner: Any = pool
    with inner._lock:
        if not inner._pool or inner._closed or inner._check:
            return None
        return _taken(inner)


def _taken(pool: Any) -> Any:
    idle, stats = pool._pool, pool._stats
    stats[pool._REQUESTS_NUM] += 1
    connection = idle.popleft()
    if len(idle) < pool._nconns_min:
        pool._nconns_min = len(idle)
    connection._pool = pool
    return connection


def aput_idle(pool: AsyncConnectionPool[Any], connection: Any) -> bool:
    """Give a connection back as `putconn` does; False where that has more to do."""
    kind: Any = type(pool)
    if not _pools_are_known or _pool_tells(logging.INFO) or kind.putconn is not _aputconn:
        return False
    inner: Any = pool
    if not _may_be_lent(inner, connection) or inner._lock.locked():
        return False
    waiting = inner._waiting
    while waiting:
        if type(waiting[0]) is not _Place:
            return False
        # Not taken out before: interrupted then, he would wait for what he is never given.
        served = waiting[0].give(connection)
        waiting.popleft()
        if served:
            return True
    connection._pool = None
    inner._pool.append(connection)
    return True


def put_idle(pool: ConnectionPool[Any], connection: Any) -> bool:
    """Give a connection back as `putconn` does; False where that has more to do."""
    kind: Any = type(pool)
    if not _pools_are_known or _pool_tells(logging.INFO) or kind.putconn is not _putconn:
        return False
    inner: Any = pool
    with inner._lock:
        if inner._waiting or not _may_be_lent(inner, connection):
            return False
        connection._pool = None
        inner._pool.append(connection)
        return True


def _may_be_lent(pool: Any, connection: Any) -> bool:
    return not (
        pool._closed
        or pool._reset
        or pool._pool_full_event
        or connection._pool is not pool
        or connection.pgconn.transaction_status != _IDLE
        or connection._created_at <= pool._drained_at
        or connection._expire_at <= monotonic()
    )


# A place in the queue of a pool in asyncio. That of the pool is a condition with its lock, waited
# for in a task of its own, which costs as much as a short query. The one here is a future: the pool
# fills it as it fills its own, and what is given back by liteorm goes into it at once. Upstream
# would have to make its own as light.
_QUEUED: Final = {
    "_getconn_unchecked": ("_waiting", "_REQUESTS_QUEUED", "_maybe_grow_pool", "_REQUESTS_ERRORS"),
    "_get_ready_connection": ("max_waiting", "_waiting"),
    "_add_to_pool": ("_waiting", "popleft", "set"),
    "close": ("_waiting", "clear", "fail"),
    "run_task": ("_tasks", "put_nowait"),
}
_returning: Any = inside("psycopg_pool.pool_async", "ReturnConnection")
_found_queue: Final = [uses(AsyncConnectionPool, name, *names) for name, names in _QUEUED.items()]
_queue_of_tasks_is_known: Final = (
    _pools_are_known
    and all(_found_queue)
    and _returning is not None
    and takes(_returning, "__init__", "self", "pool", "conn", "from_getconn")
)


class _Place:
    """Somebody's place in the queue."""

    __slots__ = ("__weakref__", "future")

    def __init__(self, future: asyncio.Future[Any]) -> None:
        self.future = future

    def give(self, connection: Any) -> bool:
        """Give him a connection; False if he has gone."""
        if self.future.done():
            return False
        self.future.set_result(connection)
        return True

    def refuse(self, error: Exception) -> bool:
        """Tell him that there will be none; False if he has gone."""
        if self.future.done():
            return False
        self.future.set_exception(error)
        return True

    def leave(self) -> Any:
        """Go; return the connection that has come meanwhile."""
        future = self.future
        if future.cancel() or future.cancelled() or future.exception() is not None:
            return None
        return future.result()

    async def set(self, conn: Any) -> bool:
        """Do what the pool asks of a place."""
        return self.give(conn)

    async def fail(self, error: Exception) -> bool:
        """Do what the pool asks of a place."""
        return self.refuse(error)


def _expire(place: weakref.ref[_Place], timeout: float) -> None:
    here = place()
    if here is not None:
        here.refuse(PoolTimeout(f"couldn't get a connection after {timeout:.2f} sec"))


def has_queue(pool: AsyncConnectionPool[Any], timeout: float) -> bool:
    """Say whether to wait in `queue_up`; where not, `getconn` has more to do than to wait."""
    kind: Any = type(pool)
    inner: Any = pool
    return (
        _queue_of_tasks_is_known
        and timeout > 0
        and not _pool_tells(logging.INFO)
        and kind.getconn is _agetconn
        and not (inner._closed or inner._check or inner.max_waiting or inner._pool)
        and not inner._lock.locked()
    )


async def queue_up(pool: AsyncConnectionPool[Any], timeout: float) -> Any:
    """Wait for a connection as `getconn` does, where there is none that is idle."""
    inner: Any = pool
    stats = inner._stats
    stats[inner._REQUESTS_NUM] += 1
    stats[inner._REQUESTS_QUEUED] += 1
    loop, began = asyncio.get_running_loop(), monotonic()
    place = _Place(loop.create_future())
    # Held by the timer it would hold the connection, too, whose user was interrupted here.
    timer = loop.call_later(timeout, _expire, weakref.ref(place), timeout)
    try:
        inner._waiting.append(place)
        inner._maybe_grow_pool()
        connection = await place.future
        connection._pool = pool
        return connection
    except BaseException:
        stats[inner._REQUESTS_ERRORS] += 1
        came = place.leave()
        if came is not None:
            came._pool = pool
            # The pool's task would hold it until there is another one to do.
            if not aput_idle(pool, came):
                inner.run_task(_returning(pool, came, from_getconn=True))
        raise
    finally:
        timer.cancel()
        stats[inner._REQUESTS_WAIT_MS] += int(1000.0 * (monotonic() - began))


# A pool that is collected stops its threads, under locks. In a forked child the threads are not
# there, and may have held the locks. Upstream would have to do nothing in another process.
def abandon(pool: Any) -> None:
    """Let the pool of a parent process be collected in a child without more ado."""
    if pool is not None:
        pool._closed = True
