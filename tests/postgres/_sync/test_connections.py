# Generated from tests/postgres/_async/test_connections.py by .ci/unasync.py: edit that file, not this one.
"""One connection held for what belongs to it."""

from __future__ import annotations

from typing import Any, Final

import attrs
import pytest

import liteorm
from liteorm.postgres import DB, open
from liteorm_testing import Proxy
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


def _batched(connection: Any, insert: Any, change: Any) -> None:
    with connection.batch() as batch:
        batch.execute(insert)
        batch.execute(change)


def _scripted(connection: Any, insert: Any, change: Any) -> None:
    connection.execute(f"{insert}; {change}")


def _streamed(connection: Any, insert: Any, change: Any) -> None:
    sql: Any = f"WITH done AS ({insert} RETURNING id) SELECT {CALLED} FROM done"
    with connection.stream(sql) as rows:
        assert [row for row in rows] == [("9s",)]


def _copied(connection: Any, insert: Any, change: Any) -> None:
    sql: Any = f"WITH done AS ({insert} RETURNING id) SELECT {CALLED} FROM done"
    with connection.copy_out(sql) as blocks:
        assert [block for block in blocks] == [b"9s\n"]


def _queried(connection: Any, insert: Any, change: Any) -> None:
    sql: Any = f"{insert} RETURNING set_config(%s, %s, false)"
    assert list(connection.query(sql, ["statement_timeout", "9s"])) == [("9s",)]


INSERT: Final = "INSERT INTO item VALUES (1, 'a')"
CHANGE: Final = "SET statement_timeout = '9s'"
ASKED: Final = "SELECT (1000 *"
CALLED: Final = "set_config('statement_timeout', '9s', false)"


@pytest.mark.parametrize("call", [_batched, _scripted, _streamed, _copied, _queried])
def test_what_was_set_is_done_though_asking_for_it_fails(
    liteorm_database: Any, call: Any
) -> None:
    """The call returns, for what it did is stored; whoever comes next finds the connection gone."""
    with Proxy(liteorm_database.dsn) as proxy:
        with open(proxy.dsn, max_size=2, statement_timeout=20.0) as db:
            db.execute("CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL)")
            with db.connection() as connection:
                proxy.drop_reply_to(ASKED)
                call(connection, INSERT, CHANGE)
                with pytest.raises(liteorm.ConnectionLost):
                    connection.query("SELECT 1")
            assert db.get(Item, 1) == Item(1, "a")


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
