"""Through PgBouncer in transaction mode: what works with prepare=False, and what says no."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

import liteorm
from liteorm.postgres import (
    AsyncDB,
    AsyncTx,
    describe_async,
    listen_async,
    notify_async,
    open_async,
)
from tests.postgres.support import AsyncBackground, Witness

pytestmark = pytest.mark.anyio


@liteorm.table("item", key="id")
@attrs.frozen
class Item:
    """A row of the table."""

    id: int
    n: int


@pytest.fixture
async def db(through_pgbouncer: str, witness: Witness) -> Any:
    """A database behind PgBouncer."""
    witness.run("CREATE TABLE item (id int PRIMARY KEY, n int NOT NULL)")
    witness.run("CREATE TYPE mood AS ENUM ('low', 'high')")
    async with await open_async(
        through_pgbouncer, prepare=False, max_size=8, statement_timeout=5
    ) as opened:
        yield opened


async def test_everything_but_session_state_works(db: AsyncDB) -> None:
    """Fault: a pooler in between. Statements, writes, COPY, streams and transactions all work."""
    assert await db.insert(Item(1, 1)) == Item(1, 1)
    assert await db.update(Item(1, 2)) == Item(1, 2)
    assert await db.upsert(Item(2, 2)) == Item(2, 2)
    assert await db.get(Item, 1) == Item(1, 2)
    assert await db.insert_many(Item(n, n) for n in range(10, 2010)) == 2000
    assert await db.upsert_many([Item(1, 7), Item(5, 5)]) == 2
    assert await db.insert_returning([Item(6, 6)]) == [Item(6, 6)]
    assert await db.delete(Item(6, 6))
    await db.execute_many("UPDATE item SET n = %s WHERE id = %s", [(1, 1), (2, 2)])
    rows = await db.query("SELECT 'low'::mood, id FROM item WHERE id = ANY(%s)", [[1, 2]])
    assert len(rows) == 2
    async with db.stream("SELECT id FROM item", batch_size=100) as stream:
        assert len([row async for row in stream]) == 2003
    for _ in range(3):
        async with db.batch() as batch:
            found = batch.query("SELECT n FROM item WHERE id = %s", [1])
            batch.query("SELECT 'low'::mood")
        assert list(found.result()) == [(1,)]
    async with db.transaction(settings={"app.tenant": "x"}) as tx:
        assert list(await tx.query("SELECT current_setting('app.tenant')")) == [("x",)]
    shape = await describe_async(db, "SELECT n FROM item WHERE id = %s")
    assert shape.columns[0].type == "integer"
    await notify_async(db, "a", "x")


async def test_transactions_through_a_pooler(db: AsyncDB) -> None:
    """Transactions, savepoints, SET LOCAL and run work from many at once."""
    await db.insert(Item(1, 0))

    async def add(tx: AsyncTx) -> None:
        await tx.execute("SET LOCAL lock_timeout = '5s'")
        async with tx.transaction() as inner:
            await inner.execute("UPDATE item SET n = n + 1 WHERE id = 1")

    async def many() -> None:
        for _ in range(10):
            await db.run(add)

    async with AsyncBackground() as background:
        for handle in [background.start(many) for _ in range(8)]:
            await handle.result()
    assert await db.get(Item, 1) == Item(1, 80)


@pytest.mark.parametrize(
    "sql",
    [
        "SET search_path = pg_catalog",
        "RESET ALL",
        "LISTEN a",
        "PREPARE p AS SELECT 1",
        "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
        "CREATE TEMP TABLE t (id int)",
        "CREATE OR REPLACE /* new */ TEMPORARY VIEW v AS SELECT 1",
        'CREATE TABLE "pg_temp".t (id int)',
        "SELECT 1 AS a INTO TEMP t",
        "WITH x AS (SELECT 1 AS a) SELECT a INTO pg_temp.t FROM x",
        "(SELECT 1 AS a INTO LOCAL TEMPORARY TABLE t)",
        "/* /* */ */ SET search_path = pg_catalog",
        "SET LOCAL work_mem = '1MB'; SET search_path = pg_catalog",
        "SELECT 1; SET search_path = pg_catalog",
        "DEALLOCATE ALL",
        "DEALLOCATE p",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_catalog.pg_advisory_lock_shared (1, 2)",
        "SELECT pg_try_advisory_lock(id) FROM item",
        'WITH x AS (SELECT "pg_try_advisory_lock_shared"(1)) SELECT * FROM x',
        "SELECT pg_advisory_unlock(1)",
        "SELECT 1; SELECT pg_advisory_unlock_all()",
        "SELECT set_config('work_mem', '1MB', false)",
        "SELECT set_config('work_mem', concat('1', 'MB'), FALSE)",
        "SELECT Set_Config('work_mem', '1MB', 'f')",
    ],
)
async def test_session_state_is_refused(db: AsyncDB, sql: Any) -> None:
    """What changes a server session is refused before it is sent: the session is shared."""
    with pytest.raises(liteorm.StatementError, match="pooler in transaction mode"):
        await db.execute(sql)
    async with db.transaction() as tx:
        with pytest.raises(liteorm.StatementError, match="pooler"):
            await tx.execute(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'SET a'; SELECT 1 -- ; SET a",
        "DO $$ BEGIN NULL; END $$; SET LOCAL search_path = pg_catalog",
        "INSERT INTO temp (pg_temp) VALUES (1)",
        "CREATE TABLE IF NOT EXISTS other AS SELECT 1 AS temp",
        "WITH x AS (SELECT 1 AS a) INSERT INTO other SELECT a FROM x",
        "DECLARE c CURSOR FOR WITH hold AS (SELECT 1) SELECT * FROM hold",
        "SELECT 1 AS a INTO one FROM other",
        "SELECT pg_advisory_xact_lock(1), pg_try_advisory_xact_lock_shared(2)",
        "SELECT 'pg_advisory_lock(1)' /* pg_advisory_lock(1) */",
        "SELECT set_config('work_mem', '1MB', true)",
        "SELECT set_config('work_mem', '512kB', /* false */ true)",
    ],
)
async def test_what_only_looks_like_session_state_runs(db: AsyncDB, sql: Any) -> None:
    """Words in literals and comments, and names that are words, are left alone."""
    async with db.transaction() as tx:
        await tx.execute("CREATE TABLE temp (pg_temp int); CREATE TABLE other (temp int)")
        await tx.execute(sql)


@pytest.mark.parametrize(
    ("sql", "remedy"),
    [
        ("SET work_mem = '1MB'", "settings="),
        ("SELECT set_config('work_mem', '1MB', false)", "settings="),
        ("SELECT pg_advisory_lock(1)", "pg_advisory_xact_lock"),
        ("DEALLOCATE ALL", "leave it to liteorm"),
    ],
)
async def test_a_refusal_says_what_to_write_instead(db: AsyncDB, sql: Any, remedy: str) -> None:
    """Each kind of state has its own remedy, and a pooler in session mode needs none."""
    calls: list[Any] = [db.query, db.execute]
    for call in calls:
        with pytest.raises(liteorm.StatementError) as caught:
            await call(sql)
        assert remedy in str(caught.value.hint)
        assert 'pooler="session"' in str(caught.value.hint)


async def test_listen_is_refused(db: AsyncDB) -> None:
    """LISTEN needs a session of its own, and says so instead of hearing nothing."""
    with pytest.raises(liteorm.StatementError, match="pooler is in between"):
        await listen_async(db, "a")
    assert db.stats().in_use == 0


async def test_statement_timeout_through_a_pooler(db: AsyncDB, through_pgbouncer: str) -> None:
    """The client keeps statement_timeout where the pooler would refuse the startup option."""
    async with await open_async(through_pgbouncer, prepare=False, statement_timeout=0.3) as limited:
        with pytest.raises(liteorm.StatementTimeout):
            await limited.query("SELECT pg_sleep(20)")
        assert len(await limited.query("SELECT 1")) == 1


async def test_without_a_pooler_nothing_is_refused(liteorm_database: Any) -> None:
    """prepare=False on a direct connection allows session state: nothing is in between."""
    async with await open_async(liteorm_database.dsn, prepare=False, max_size=2) as db:
        await db.execute("SET search_path = pg_catalog")
        async with await listen_async(db, "a") as listener:
            await notify_async(db, "a", "x")
            assert (await listener.receive(timeout=5)).payload == "x"
