"""Tasks that wait for a connection: first come, first served, by whatever way one is given back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

import liteorm
from liteorm.postgres import AsyncDB, open_async, pool
from liteorm.postgres._driver import aput_idle, atake_idle, has_queue, queue_up

pytestmark = pytest.mark.anyio


@pytest.fixture
async def db(liteorm_database: Any) -> AsyncIterator[AsyncDB]:
    """A database with one connection."""
    async with await open_async(liteorm_database.dsn, max_size=1, timeout=15) as opened:
        await opened.query("SELECT 1")
        yield opened


@pytest.fixture
async def bare(liteorm_database: Any) -> AsyncIterator[AsyncConnectionPool[Any]]:
    """A pool of the driver's with one connection."""
    async with AsyncConnectionPool(
        liteorm_database.dsn, min_size=1, max_size=1, open=False
    ) as opened:
        await opened.wait()
        yield opened


async def started(*calls: Any) -> list[asyncio.Task[Any]]:
    """Start tasks, one after the other, and let each come as far as it comes."""
    tasks: list[asyncio.Task[Any]] = []
    for call in calls:
        tasks.append(asyncio.create_task(call))
        for _ in range(5):
            await asyncio.sleep(0)
    return tasks


async def hold(db: AsyncDB, name: str, order: list[str]) -> None:
    """Hold the connection for a moment, by the session or by the driver's pool."""
    holding = db.connection() if name.endswith("ours") else pool(db).connection()
    async with holding:
        order.append(name)
        await asyncio.sleep(0)


async def test_whoever_comes_first_is_served_first(db: AsyncDB) -> None:
    """Whether he waits here or in the driver's pool, and wherever the one before him did."""
    order: list[str] = []
    names = [f"{place} {'ours' if place % 3 else 'theirs'}" for place in range(12)]
    async with db.connection():
        tasks = await started(*(hold(db, name, order) for name in names))
        assert order == []
        assert db.stats().waiting == 8
        assert pool(db).get_stats()["requests_waiting"] == 12
    await asyncio.gather(*tasks)
    assert order == names
    stats = db.stats()
    assert (stats.in_use, stats.waiting, stats.size, stats.wait_count) == (0, 0, 1, 12)


async def test_one_that_came_together_with_a_cancellation_goes_on(bare: Any) -> None:
    """Cancelled when it had been handed over, before the task ran: the pool has it again."""
    connection = atake_idle(bare)
    [task] = await started(queue_up(bare, 15))
    assert aput_idle(bare, connection)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(15):
        assert await bare.getconn() is connection
    await bare.putconn(connection)
    assert len(bare._pool) == 1


async def test_who_has_gone_is_passed_over(bare: Any) -> None:
    """Late or cancelled, he is given nothing; the next one is."""
    connection = atake_idle(bare)
    late, gone, next_one = await started(queue_up(bare, 0.01), queue_up(bare, 15), bare.getconn(15))
    gone.cancel()
    with pytest.raises(PoolTimeout, match=r"couldn't get a connection after 0\.01 sec"):
        await late
    with pytest.raises(asyncio.CancelledError):
        await gone
    if not aput_idle(bare, connection):
        await bare.putconn(connection)
    assert await next_one is connection
    stats = bare.get_stats()
    assert (stats["requests_num"], stats["requests_queued"], stats["requests_errors"]) == (4, 3, 2)
    # Nobody is left: it is idle again.
    assert aput_idle(bare, connection)
    assert list(bare._pool) == [connection]


@pytest.mark.parametrize("own", [True, False])
async def test_the_pools_own_way_back_serves_who_waits(bare: Any, own: bool) -> None:
    """By `putconn`, as by the shorter way, it is handed over; nothing is idle meanwhile."""
    connection = atake_idle(bare)
    assert has_queue(bare, 15)
    [task] = await started(queue_up(bare, 15))
    if own:
        assert aput_idle(bare, connection)
    else:
        await bare.putconn(connection)
    assert not bare._pool
    assert await task is connection
    assert aput_idle(bare, connection)
    assert bare.get_stats()["requests_wait_ms"] >= 0


async def test_closing_refuses_who_waits(bare: Any) -> None:
    """What the pool says on closing arrives."""
    connection = atake_idle(bare)
    tasks = await started(queue_up(bare, 15), queue_up(bare, 15))
    await bare.close()
    for task in tasks:
        with pytest.raises(PoolClosed):
            await task
    await bare.putconn(connection)
    assert connection.closed


async def test_the_pool_grows_for_who_waits(liteorm_database: Any) -> None:
    """Up to its most, one after the other."""
    async with await open_async(liteorm_database.dsn, min_size=1, max_size=3) as db:
        pids: set[int] = set()
        meet = asyncio.Barrier(3)

        async def one() -> None:
            async with db.connection() as connection:
                pids.add(liteorm.scan_one(await connection.query("SELECT pg_backend_pid()"), int))
                await meet.wait()

        async with asyncio.timeout(15):
            await asyncio.gather(one(), one(), one())
        assert len(pids) == db.stats().size == 3


@pytest.mark.parametrize(
    "kind", ["no time", "idle", "closed", "logged", "at most so many", "checked"]
)
async def test_no_place_is_taken_where_the_pool_has_more_to_do(
    liteorm_database: Any, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Its own `getconn` refuses, counts, checks and tells."""

    async def check(connection: Any) -> None:
        """Look at a connection before it is lent."""

    options: dict[str, Any] = {"at most so many": {"max_waiting": 1}, "checked": {"check": check}}
    async with AsyncConnectionPool(
        liteorm_database.dsn, min_size=1, max_size=1, open=False, **options.get(kind, {})
    ) as found:
        await found.wait()
        connection = await found.getconn() if kind != "idle" else None
        if kind == "closed":
            await found.close()
        if kind == "logged":
            caplog.set_level(logging.INFO, "psycopg.pool")
        assert not has_queue(found, 0 if kind == "no time" else 15)
        if connection is not None:
            await found.putconn(connection)


async def test_nothing_is_lost_in_a_crowd_that_is_cancelled_at_random(
    liteorm_database: Any,
) -> None:
    """100 tasks over 3 connections, each third of them cancelled, each at another moment."""
    async with await open_async(liteorm_database.dsn, max_size=3, timeout=15) as db:
        held: set[int] = set()

        async def work(number: int) -> None:
            async with db.connection() as connection:
                of_session: Any = connection
                key = id(of_session._wire)
                assert key not in held
                held.add(key)
                try:
                    await connection.query("SELECT 1")
                finally:
                    held.discard(key)

        for turn in range(6):
            tasks = [asyncio.create_task(work(number)) for number in range(100)]
            for number in range(turn % 3, 100, 3):
                for _ in range(number % 7):
                    await asyncio.sleep(0)
                tasks[number].cancel()
            async with asyncio.timeout(30):
                ends = await asyncio.gather(*tasks, return_exceptions=True)
            failed = [end for end in ends if isinstance(end, BaseException)]
            assert all(isinstance(end, asyncio.CancelledError) for end in failed)
        await asyncio.sleep(0.05)
        stats = db.stats()
        assert (stats.in_use, stats.waiting) == (0, 0)
        inside: list[object] = [*db._state.pool._pool]
        assert len({id(each) for each in inside}) == len(inside) == stats.size
        assert not db._state.pool._waiting
