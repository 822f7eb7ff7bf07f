# Generated from tests/postgres/_async/test_idle_connections.py by .ci/unasync.py: edit that file, not this one.
"""Idle connections are taken and given back as the driver's pool does it, or by it."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from psycopg_pool import ConnectionPool, PoolTimeout

import liteorm
from liteorm import scan_one
from liteorm.postgres import _driver, open
from liteorm.postgres._driver import put_idle, take_idle
from liteorm.postgres._driver import pool as known_pool
from liteorm.postgres._handover import pool as driver_pool



def nothing(connection: Any) -> None:
    """Do nothing with a connection."""


def pool_of(database: Any, **options: Any) -> ConnectionPool[Any]:
    """Return a pool of one connection that is not open yet."""
    return ConnectionPool(database.dsn, min_size=1, max_size=1, open=False, **options)


def test_an_idle_connection_goes_out_and_comes_back(liteorm_database: Any) -> None:
    """It is counted as a request, and known to belong to the pool only while it is out."""
    with pool_of(liteorm_database) as pool:
        pool.wait()
        connection = take_idle(pool)
        assert connection is not None
        assert take_idle(pool) is None
        assert pool.get_stats()["requests_num"] == 1
        assert put_idle(pool, connection)
        assert pool.get_stats()["pool_available"] == 1
        with pytest.raises(ValueError, match="doesn't come from any pool"):
            pool.putconn(connection)


@pytest.mark.parametrize("kind", ["unopened", "closed", "checked", "logged"])
def test_none_is_taken_where_the_pool_has_more_to_do(
    liteorm_database: Any, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A closed pool refuses, a check is run, and a log is written by the pool itself."""
    pool = pool_of(liteorm_database, check=nothing if kind == "checked" else None)
    if kind == "unopened":
        assert take_idle(pool) is None
        return
    with pool:
        pool.wait()
        if kind == "closed":
            pool.close()
        if kind == "logged":
            caplog.set_level(logging.INFO, "psycopg.pool")
        assert take_idle(pool) is None


@pytest.mark.parametrize("kind", ["reset", "old", "drained", "busy", "foreign", "closed", "dead"])
def test_none_is_put_where_the_pool_has_more_to_do(liteorm_database: Any, kind: str) -> None:
    """What is not to be lent as it is goes through the pool's own hands."""
    lifetime = 0.0 if kind == "old" else 3600.0
    reset = nothing if kind == "reset" else None
    with pool_of(liteorm_database, reset=reset, max_lifetime=lifetime) as pool:
        connection = pool.getconn(30)
        if kind == "drained":
            pool.drain()
        if kind == "busy":
            connection.execute("SELECT 1")
        if kind == "closed":
            pool.close()
        if kind == "dead":
            connection.close()
        other = pool_of(liteorm_database) if kind == "foreign" else pool
        assert not put_idle(other, connection)
        pool.putconn(connection)


def test_what_waits_is_served_first(liteorm_database: Any) -> None:
    """A connection that somebody waits for is handed to him by the pool."""
    with pool_of(liteorm_database) as pool:
        connection = pool.getconn(30)
        with pytest.raises(PoolTimeout):
            pool.getconn(0.01)
        # Whoever has given up is still in the queue, for the pool to pass over.
        assert not put_idle(pool, connection)
        pool.putconn(connection)
        assert put_idle(pool, take_idle(pool))


@pytest.mark.parametrize("known", [True, False])
def test_the_pool_counts_the_same_either_way(
    liteorm_database: Any, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the driver's pool is other than known its public way gives the same numbers."""
    monkeypatch.setattr(known_pool, "_pools_are_known", known)
    with open(liteorm_database.dsn, max_size=2) as db:
        for number in range(5):
            rows = db.query("SELECT %s::int4", (number,))
            assert scan_one(rows, int) == number
        stats = db._state.pool.get_stats()
        assert (stats["requests_num"], stats.get("requests_queued", 0)) == (5, 0)
        assert stats["pool_available"] == stats["pool_size"]
        assert db.stats().in_use == 0


class Watched(ConnectionPool[Any]):
    """A pool that has a word to say about each connection that goes out and comes back."""

    said: list[str]

    def getconn(self, timeout: float | None = None) -> Any:
        """Lend one."""
        self.said.append("out")
        return super().getconn(timeout)

    def putconn(self, conn: Any) -> None:
        """Take one back."""
        self.said.append("back")
        super().putconn(conn)


def test_a_pool_with_ways_of_its_own_goes_them(liteorm_database: Any) -> None:
    """Neither shortcut is taken in a class that lends, or takes back, in another way."""
    with Watched(liteorm_database.dsn, min_size=1, max_size=1, open=False) as pool:
        pool.said = []
        pool.wait()
        assert take_idle(pool) is None
        connection = pool.getconn(30)
        assert not put_idle(pool, connection)
        pool.putconn(connection)
        assert pool.said == ["out", "back"]


def test_what_is_lent_with_the_pool_goes_on_as_the_pools(liteorm_database: Any) -> None:
    """The pool that is handed out lends the same connections, and knows them as its own."""
    with open(liteorm_database.dsn, max_size=1) as db:
        db.query("SELECT 1")
        with driver_pool(db).connection() as connection:
            assert (driver_pool(db).get_stats()["pool_available"], db.stats().idle) == (0, 0)
            connection.execute("SELECT 1")
        assert liteorm.scan_one(db.query("SELECT 7"), int) == 7
        assert driver_pool(db).get_stats()["requests_num"] == 3
        db.close()
        with pytest.raises(liteorm.PoolClosed):
            db.query("SELECT 1")


def test_one_that_is_too_old_is_replaced_when_it_comes_back(liteorm_database: Any) -> None:
    """A connection past `max_lifetime` is not put among the idle ones by any way."""
    with open(liteorm_database.dsn, max_size=1, max_lifetime=1e-6) as db:
        pids = {scan_one(db.query("SELECT pg_backend_pid()"), int) for _ in range(3)}
        assert len(pids) == 3


def test_the_driver_is_as_it_is_known() -> None:
    """With the driver's versions that are allowed no slower way is taken."""
    assert _driver.MISSING == []
