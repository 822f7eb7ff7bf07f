"""Idle connections are taken and given back as the driver's pool does it, or by it."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from psycopg_pool import AsyncConnectionPool, PoolTimeout

import liteorm
from liteorm import scan_one
from liteorm.postgres import _driver, open_async
from liteorm.postgres._driver import aput_idle, atake_idle
from liteorm.postgres._driver import pool as known_pool
from liteorm.postgres._handover import pool as driver_pool

pytestmark = pytest.mark.anyio


async def nothing(connection: Any) -> None:
    """Do nothing with a connection."""


def pool_of(database: Any, **options: Any) -> AsyncConnectionPool[Any]:
    """Return a pool of one connection that is not open yet."""
    return AsyncConnectionPool(database.dsn, min_size=1, max_size=1, open=False, **options)


async def test_an_idle_connection_goes_out_and_comes_back(liteorm_database: Any) -> None:
    """It is counted as a request, and known to belong to the pool only while it is out."""
    async with pool_of(liteorm_database) as pool:
        await pool.wait()
        connection = atake_idle(pool)
        assert connection is not None
        assert atake_idle(pool) is None
        assert pool.get_stats()["requests_num"] == 1
        assert aput_idle(pool, connection)
        assert pool.get_stats()["pool_available"] == 1
        with pytest.raises(ValueError, match="doesn't come from any pool"):
            await pool.putconn(connection)


@pytest.mark.parametrize("kind", ["unopened", "closed", "checked", "logged"])
async def test_none_is_taken_where_the_pool_has_more_to_do(
    liteorm_database: Any, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A closed pool refuses, a check is run, and a log is written by the pool itself."""
    pool = pool_of(liteorm_database, check=nothing if kind == "checked" else None)
    if kind == "unopened":
        assert atake_idle(pool) is None
        return
    async with pool:
        await pool.wait()
        if kind == "closed":
            await pool.close()
        if kind == "logged":
            caplog.set_level(logging.INFO, "psycopg.pool")
        assert atake_idle(pool) is None


@pytest.mark.parametrize("kind", ["reset", "old", "drained", "busy", "foreign", "closed", "dead"])
async def test_none_is_put_where_the_pool_has_more_to_do(liteorm_database: Any, kind: str) -> None:
    """What is not to be lent as it is goes through the pool's own hands."""
    lifetime = 0.0 if kind == "old" else 3600.0
    reset = nothing if kind == "reset" else None
    async with pool_of(liteorm_database, reset=reset, max_lifetime=lifetime) as pool:
        connection = await pool.getconn(30)
        if kind == "drained":
            await pool.drain()
        if kind == "busy":
            await connection.execute("SELECT 1")
        if kind == "closed":
            await pool.close()
        if kind == "dead":
            await connection.close()
        other = pool_of(liteorm_database) if kind == "foreign" else pool
        assert not aput_idle(other, connection)
        await pool.putconn(connection)


async def test_what_waits_is_served_first(liteorm_database: Any) -> None:
    """A connection that somebody waits for is handed to him by the pool."""
    async with pool_of(liteorm_database) as pool:
        connection = await pool.getconn(30)
        with pytest.raises(PoolTimeout):
            await pool.getconn(0.01)
        # Whoever has given up is still in the queue, for the pool to pass over.
        assert not aput_idle(pool, connection)
        await pool.putconn(connection)
        assert aput_idle(pool, atake_idle(pool))


@pytest.mark.parametrize("known", [True, False])
async def test_the_pool_counts_the_same_either_way(
    liteorm_database: Any, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the driver's pool is other than known its public way gives the same numbers."""
    monkeypatch.setattr(known_pool, "_pools_are_known", known)
    async with await open_async(liteorm_database.dsn, max_size=2) as db:
        for number in range(5):
            rows = await db.query("SELECT %s::int4", (number,))
            assert scan_one(rows, int) == number
        stats = db._state.pool.get_stats()
        assert (stats["requests_num"], stats.get("requests_queued", 0)) == (5, 0)
        assert stats["pool_available"] == stats["pool_size"]
        assert db.stats().in_use == 0


class Watched(AsyncConnectionPool[Any]):
    """A pool that has a word to say about each connection that goes out and comes back."""

    said: list[str]

    async def getconn(self, timeout: float | None = None) -> Any:
        """Lend one."""
        self.said.append("out")
        return await super().getconn(timeout)

    async def putconn(self, conn: Any) -> None:
        """Take one back."""
        self.said.append("back")
        await super().putconn(conn)


async def test_a_pool_with_ways_of_its_own_goes_them(liteorm_database: Any) -> None:
    """Neither shortcut is taken in a class that lends, or takes back, in another way."""
    async with Watched(liteorm_database.dsn, min_size=1, max_size=1, open=False) as pool:
        pool.said = []
        await pool.wait()
        assert atake_idle(pool) is None
        connection = await pool.getconn(30)
        assert not aput_idle(pool, connection)
        await pool.putconn(connection)
        assert pool.said == ["out", "back"]


async def test_what_is_lent_with_the_pool_goes_on_as_the_pools(liteorm_database: Any) -> None:
    """The pool that is handed out lends the same connections, and knows them as its own."""
    async with await open_async(liteorm_database.dsn, max_size=1) as db:
        await db.query("SELECT 1")
        async with driver_pool(db).connection() as connection:
            assert (driver_pool(db).get_stats()["pool_available"], db.stats().idle) == (0, 0)
            await connection.execute("SELECT 1")
        assert liteorm.scan_one(await db.query("SELECT 7"), int) == 7
        assert driver_pool(db).get_stats()["requests_num"] == 3
        await db.close()
        with pytest.raises(liteorm.PoolClosed):
            await db.query("SELECT 1")


async def test_one_that_is_too_old_is_replaced_when_it_comes_back(liteorm_database: Any) -> None:
    """A connection past `max_lifetime` is not put among the idle ones by any way."""
    async with await open_async(liteorm_database.dsn, max_size=1, max_lifetime=1e-6) as db:
        pids = {scan_one(await db.query("SELECT pg_backend_pid()"), int) for _ in range(3)}
        assert len(pids) == 3


def test_the_driver_is_as_it_is_known() -> None:
    """With the driver's versions that are allowed no slower way is taken."""
    assert _driver.MISSING == []
