"""One connection held for what belongs to it."""

from __future__ import annotations

from typing import Any, Final

import attrs
import pytest

import liteorm
from liteorm.postgres import AsyncDB, open_async
from liteorm_testing import Proxy
from tests.postgres.support import AsyncBackground

pytestmark = pytest.mark.anyio


@liteorm.table("item", key="id")
@attrs.frozen
class Item:
    """A row of the table."""

    id: int
    name: str = ""


@pytest.fixture
async def db(liteorm_database: Any) -> Any:
    """A database with one connection and a table."""
    async with await open_async(liteorm_database.dsn, max_size=1) as opened:
        await opened.execute("CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL)")
        yield opened


async def test_what_belongs_to_a_connection_stays_on_it(db: AsyncDB) -> None:
    """Settings, locks and temporary tables last for the block, and are reset after it."""
    async with db.connection() as connection:
        await connection.execute("SET search_path = pg_catalog")
        await connection.query("SELECT pg_advisory_lock(7)")
        await connection.execute("CREATE TEMPORARY TABLE passing (id int)")
        assert list(await connection.query("SHOW search_path")) == [("pg_catalog",)]
        assert list(await connection.query("SELECT count(*) FROM pg_locks WHERE objid = 7")) == [
            (1,)
        ]
    assert list(await db.query("SHOW search_path")) != [("pg_catalog",)]
    assert list(await db.query("SELECT count(*) FROM pg_locks WHERE objid = 7")) == [(0,)]
    with pytest.raises(liteorm.UndefinedTable):
        await db.query("SELECT 1 FROM passing")
    with pytest.raises(liteorm.TransactionError, match="has been given back"):
        await connection.query("SELECT 1")


async def _batched(connection: Any, insert: Any, change: Any) -> None:
    async with connection.batch() as batch:
        batch.execute(insert)
        batch.execute(change)


async def _scripted(connection: Any, insert: Any, change: Any) -> None:
    await connection.execute(f"{insert}; {change}")


async def _streamed(connection: Any, insert: Any, change: Any) -> None:
    sql: Any = f"WITH done AS ({insert} RETURNING id) SELECT {CALLED} FROM done"
    async with connection.stream(sql) as rows:
        assert [row async for row in rows] == [("9s",)]


async def _copied(connection: Any, insert: Any, change: Any) -> None:
    sql: Any = f"WITH done AS ({insert} RETURNING id) SELECT {CALLED} FROM done"
    async with connection.copy_out(sql) as blocks:
        assert [block async for block in blocks] == [b"9s\n"]


async def _queried(connection: Any, insert: Any, change: Any) -> None:
    sql: Any = f"{insert} RETURNING set_config(%s, %s, false)"
    assert list(await connection.query(sql, ["statement_timeout", "9s"])) == [("9s",)]


INSERT: Final = "INSERT INTO item VALUES (1, 'a')"
CHANGE: Final = "SET statement_timeout = '9s'"
ASKED: Final = "SELECT (1000 *"
CALLED: Final = "set_config('statement_timeout', '9s', false)"


@pytest.mark.parametrize("call", [_batched, _scripted, _streamed, _copied, _queried])
async def test_what_was_set_is_done_though_asking_for_it_fails(
    liteorm_database: Any, call: Any
) -> None:
    """The call returns, for what it did is stored; whoever comes next finds the connection gone."""
    with Proxy(liteorm_database.dsn) as proxy:
        async with await open_async(proxy.dsn, max_size=2, statement_timeout=20.0) as db:
            await db.execute("CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL)")
            async with db.connection() as connection:
                proxy.drop_reply_to(ASKED)
                await call(connection, INSERT, CHANGE)
                with pytest.raises(liteorm.ConnectionLost):
                    await connection.query("SELECT 1")
            assert await db.get(Item, 1) == Item(1, "a")


async def test_it_is_in_autocommit(db: AsyncDB) -> None:
    """CREATE INDEX CONCURRENTLY runs, an error spoils nothing, transactions are its own."""
    async with db.connection() as connection:
        await connection.execute("SET maintenance_work_mem = '64MB'")
        await connection.execute("CREATE INDEX CONCURRENTLY ON item (name)")
        with pytest.raises(liteorm.UndefinedTable):
            await connection.query("SELECT 1 FROM nothing")
        assert await connection.insert(Item(1, "a")) == Item(1, "a")
        async with connection.transaction(settings={"app.x": 1}) as tx:
            await tx.insert(Item(2))
            with pytest.raises(liteorm.TransactionError, match="in use by another task"):
                await connection.query("SELECT 1")
            with pytest.raises(liteorm.UniqueViolation):
                async with tx.transaction() as inner:
                    await inner.insert(Item(2))
        with pytest.raises(ZeroDivisionError):
            async with connection.transaction() as tx:
                await tx.insert(Item(3))
                raise ZeroDivisionError
        assert await connection.insert_many(Item(n) for n in range(10, 20)) == 10
        assert await connection.upsert_many([Item(10, "x")]) == 1
        async with connection.stream("SELECT id FROM item") as rows:
            with pytest.raises(liteorm.TransactionError, match="in use"):
                await connection.query("SELECT 1")
            assert len([row async for row in rows]) == 12
        with pytest.raises(liteorm.StatementError, match="BEGIN cannot be sent as text"):
            await connection.execute("BEGIN")
    assert db.stats().in_use == 0
    assert len(await db.query("SELECT 1 FROM item")) == 12


async def test_an_error_in_the_block_gives_it_back(db: AsyncDB) -> None:
    """And so does leaving it while somebody else still uses it: their statement fails."""
    with pytest.raises(ZeroDivisionError):
        async with db.connection() as connection:
            await connection.execute("SET search_path = pg_catalog")
            raise ZeroDivisionError
    assert len(await db.query("SELECT 1")) == 1
    async with AsyncBackground() as background:
        async with db.connection() as connection:
            asleep = background.start(connection.query, "SELECT pg_sleep(30)")
            while not connection._lock.locked():  # type: ignore[attr-defined]
                await background.start(db_stats, db).result()
        with pytest.raises(liteorm.ConnectionLost):
            await asleep.result()
    assert len(await db.query("SELECT 1")) == 1


async def db_stats(db: AsyncDB) -> Any:
    """Let others run."""
    return db.stats()
