# Generated from tests/postgres/_async/test_connections.py by .ci/unasync.py: edit that file, not this one.
"""One connection held for what belongs to it."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

import liteorm
from liteorm.postgres import DB, open
from tests.postgres.support import Background



@liteorm.table("item", key="id")
@attrs.frozen
class Item:
    """A row of the table."""

    id: int
    name: str = ""


@pytest.fixture
def db(liteorm_database: Any) -> Any:
    """A database with one connection and a table."""
    with open(liteorm_database.dsn, max_size=1) as opened:
        opened.execute("CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL)")
        yield opened


def test_what_belongs_to_a_connection_stays_on_it(db: DB) -> None:
    """Settings, locks and temporary tables last for the block, and are reset after it."""
    with db.connection() as connection:
        connection.execute("SET search_path = pg_catalog")
        connection.query("SELECT pg_advisory_lock(7)")
        connection.execute("CREATE TEMPORARY TABLE passing (id int)")
        assert list(connection.query("SHOW search_path")) == [("pg_catalog",)]
        assert list(connection.query("SELECT count(*) FROM pg_locks WHERE objid = 7")) == [
            (1,)
        ]
    assert list(db.query("SHOW search_path")) != [("pg_catalog",)]
    assert list(db.query("SELECT count(*) FROM pg_locks WHERE objid = 7")) == [(0,)]
    with pytest.raises(liteorm.UndefinedTable):
        db.query("SELECT 1 FROM passing")
    with pytest.raises(liteorm.TransactionError, match="has been given back"):
        connection.query("SELECT 1")


def test_it_is_in_autocommit(db: DB) -> None:
    """CREATE INDEX CONCURRENTLY runs, an error spoils nothing, transactions are its own."""
    with db.connection() as connection:
        connection.execute("SET maintenance_work_mem = '64MB'")
        connection.execute("CREATE INDEX CONCURRENTLY ON item (name)")
        with pytest.raises(liteorm.UndefinedTable):
            connection.query("SELECT 1 FROM nothing")
        assert connection.insert(Item(1, "a")) == Item(1, "a")
        with connection.transaction(settings={"app.x": 1}) as tx:
            tx.insert(Item(2))
            with pytest.raises(liteorm.TransactionError, match="in use by another task"):
                connection.query("SELECT 1")
            with pytest.raises(liteorm.UniqueViolation):
                with tx.transaction() as inner:
                    inner.insert(Item(2))
        with pytest.raises(ZeroDivisionError):
            with connection.transaction() as tx:
                tx.insert(Item(3))
                raise ZeroDivisionError
        assert connection.insert_many(Item(n) for n in range(10, 20)) == 10
        assert connection.upsert_many([Item(10, "x")]) == 1
        with connection.stream("SELECT id FROM item") as rows:
            with pytest.raises(liteorm.TransactionError, match="in use"):
                connection.query("SELECT 1")
            assert len([row for row in rows]) == 12
        with pytest.raises(liteorm.StatementError, match="BEGIN cannot be sent as text"):
            connection.execute("BEGIN")
    assert db.stats().in_use == 0
    assert len(db.query("SELECT 1 FROM item")) == 12


def test_an_error_in_the_block_gives_it_back(db: DB) -> None:
    """And so does leaving it while somebody else still uses it: their statement fails."""
    with pytest.raises(ZeroDivisionError):
        with db.connection() as connection:
            connection.execute("SET search_path = pg_catalog")
            raise ZeroDivisionError
    assert len(db.query("SELECT 1")) == 1
    with Background() as background:
        with db.connection() as connection:
            sleep = background.start(connection.query, "SELECT pg_sleep(30)")
            while not connection._lock.locked():  # type: ignore[attr-defined]
                background.start(db_stats, db).result()
        with pytest.raises(liteorm.ConnectionLost):
            sleep.result()
    assert len(db.query("SELECT 1")) == 1


def db_stats(db: DB) -> Any:
    """Let others run."""
    return db.stats()
