"""Sessions on a connection that somebody else owns: SQLAlchemy's, Django's, psycopg's own."""

from __future__ import annotations

import datetime as dt
import gc
from typing import Any

import attrs
import psycopg
import pytest

import liteorm
from liteorm.postgres import AsyncDB, notify_async, session_async

pytestmark = pytest.mark.anyio

SCHEMA = """
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL, mood mood, span daterange);
"""


@liteorm.table("item", key="id")
@attrs.frozen
class Item:
    """A row of the table."""

    id: int
    name: str = ""
    mood: str | None = None
    span: liteorm.Range[dt.date] | None = None


@pytest.fixture
async def db(liteorm_async_db: AsyncDB) -> AsyncDB:
    """A database with the table."""
    await liteorm_async_db.execute(SCHEMA)
    return liteorm_async_db


SPAN = liteorm.Range(dt.date(2024, 1, 1), dt.date(2024, 2, 1))


LONG: Any = "SELECT g FROM generate_series(1, 1000000) g"


async def every_call(session: liteorm.AsyncSession) -> None:
    """Use each call of a session."""
    first = Item(1, "a", "good", SPAN)
    assert await session.insert(first) == first
    assert await session.get(Item, 1) == first
    assert (await session.update(Item(1, "b"))).name == "b"
    assert (await session.patch(Item, 1, {"name": "c"})).mood is None
    assert (await session.upsert(Item(2), update=())) == Item(2)
    assert await session.insert_many([Item(n, mood="bad") for n in range(10, 20)]) == 10
    assert await session.upsert_many([Item(2, "x"), Item(3, "y")]) == 2
    assert await session.insert_returning([Item(4), Item(5)]) == [Item(4), Item(5)]
    assert await session.update_many([Item(4, "four")]) == 1
    assert await session.delete_many(Item, [5]) == 1
    assert await session.delete(Item(4)) is True
    await session.execute_many("UPDATE item SET name = %s WHERE id = %s", [("z", 2), ("z", 3)])
    rows = await session.query("SELECT * FROM item WHERE id = ANY(%s) ORDER BY id", [[1, 2, 3]])
    assert [item.name for item in liteorm.scan(rows, Item)] == ["c", "z", "z"]
    async with session.stream("SELECT * FROM item", batch_size=2) as stream:
        async for item in liteorm.scan_iter(stream, Item):
            assert item.id > 0
            break
    with pytest.raises(liteorm.UniqueViolation):
        async with session.transaction() as inner:
            await inner.execute("UPDATE item SET name = 'lost'")
            await inner.insert(Item(1))
    async with session.transaction() as inner:
        await inner.execute("UPDATE item SET name = 'kept' WHERE id = 1")
        async with inner.transaction() as deeper:
            await deeper.insert(Item(6))
    assert (await session.get(Item, 1)).name == "kept"
    with pytest.raises(liteorm.StatementError, match="COMMIT cannot be sent as text"):
        await session.execute("COMMIT")


async def test_every_call_works_in_the_owners_transaction(
    db: AsyncDB, liteorm_database: Any
) -> None:
    """Nothing is committed, and what the owner rolls back is gone."""
    async with await psycopg.AsyncConnection.connect(liteorm_database.dsn) as owner:
        await owner.execute("INSERT INTO item VALUES (100, 'owner')")
        inside = session_async(owner)
        await every_call(inside)
        assert owner.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        assert len(await db.query("SELECT 1 FROM item")) == 0
        with pytest.raises(ValueError, match="belong to the owner's transaction"):
            inside.transaction(read_only=True)
        await owner.rollback()
        assert len(await db.query("SELECT 1 FROM item")) == 0
        await every_call(session_async(owner))
        await owner.commit()
    assert len(await db.query("SELECT 1 FROM item")) == 14


async def test_an_owner_in_autocommit(db: AsyncDB, liteorm_database: Any) -> None:
    """Statements are on their own, and a block is a transaction."""
    owner = await psycopg.AsyncConnection.connect(liteorm_database.dsn, autocommit=True)
    async with owner:
        inside = session_async(owner)
        await inside.insert(Item(50))
        assert len(await db.query("SELECT 1 FROM item")) == 1
        async with inside.transaction(settings={"app.x": "1"}) as tx:
            await tx.insert(Item(51))
            assert len(await db.query("SELECT 1 FROM item")) == 1
        await inside.delete_many(Item, [50, 51])
        await every_call(inside)
        assert owner.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        async with owner.transaction():
            await session_async(owner).insert(Item(60))
    assert len(await db.query("SELECT 1 FROM item")) == 15


async def in_a_batch(session: liteorm.AsyncSession, *statements: Any) -> None:
    """Send the statements together."""
    async with session.batch() as batch:
        for sql in statements:
            batch.execute(sql)


async def read_all(reading: Any) -> None:
    """Read to the end."""
    async with reading as data:
        async for _ in data:
            pass


async def in_a_block(session: liteorm.AsyncSession) -> None:
    """Fail in a transaction."""
    async with session.transaction() as tx:
        await tx.insert(Item(1))


BROKEN: Any = "SELECT 1 / 0"
LATE: Any = "SELECT 1 / (200000 - g) FROM generate_series(1, 300000) g"


@pytest.mark.parametrize(
    "call",
    [
        lambda session: session.query(BROKEN),
        lambda session: session.query("SELECT pg_sleep(5)", timeout=0.1),
        lambda session: session.query("SELECT %s", [object()]),
        lambda session: session.execute("UPDATE item SET name = 'lost'; SELECT 1 / 0"),
        lambda session: session.insert(Item(1)),
        lambda session: session.patch(Item, 1, {"name": None}),
        lambda session: session.upsert(Item(1, mood="no such")),
        lambda session: session.insert_many([Item(5), Item(1)]),
        lambda session: session.insert_returning([Item(5), Item(1)]),
        lambda session: session.insert_returning([Item(5), Item(6, mood="no such")]),
        lambda session: session.upsert_many([Item(5), Item(5)]),
        lambda session: session.update_many([Item(1, "lost"), Item(1)]),
        lambda session: session.execute_many("INSERT INTO item VALUES (%s, '')", [(5,), (1,)]),
        lambda session: in_a_batch(session, "UPDATE item SET name = 'lost'", BROKEN),
        lambda session: in_a_batch(session, BROKEN, "SELECT 1"),
        lambda session: read_all(session.stream(LATE)),
        lambda session: read_all(session.copy_out(LATE)),
        in_a_block,
    ],
)
async def test_what_fails_leaves_an_owner_in_autocommit_idle(
    db: AsyncDB, liteorm_database: Any, call: Any
) -> None:
    """No transaction that a call began for itself stays open, and nothing of it is stored."""
    await db.insert(Item(1, "kept"))
    owner = await psycopg.AsyncConnection.connect(liteorm_database.dsn, autocommit=True)
    async with owner:
        with pytest.raises(liteorm.Error):
            await call(session_async(owner))
        assert owner.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        await owner.execute("INSERT INTO item VALUES (2, 'owner')")
    rows = await db.query("SELECT name FROM item ORDER BY id")
    assert liteorm.scan(rows, str) == ["kept", "owner"]


async def test_the_owners_connection_is_as_it_was(db: AsyncDB, liteorm_database: Any) -> None:
    """No adapter, no handler and no prepared statement of ours is left; it is not closed."""
    heard: list[str] = []
    async with await psycopg.AsyncConnection.connect(liteorm_database.dsn) as owner:
        owner.add_notice_handler(lambda diag: heard.append(diag.message_primary or ""))
        before = (owner.pgconn.notice_handler, owner.pgconn.notify_handler)
        cursor = await owner.execute("SELECT daterange('2024-01-01', '2024-02-01'), 'good'::mood")
        plain = await cursor.fetchone()
        inside = session_async(owner)
        for _ in range(8):
            await inside.query("SELECT %s::int", [5])
        await inside.execute("DO $$ BEGIN RAISE NOTICE 'hello'; END $$")
        cursor = await owner.execute("SELECT daterange('2024-01-01', '2024-02-01'), 'good'::mood")
        assert await cursor.fetchone() == plain
        for number in range(8):
            await owner.execute("SELECT %s::int", [number])
        assert (owner.pgconn.notice_handler, owner.pgconn.notify_handler) == before
        assert heard == ["hello"]
        prepared = await owner.execute("SELECT count(*) FROM pg_prepared_statements")
        assert await prepared.fetchone() == (1,)
        await notify_async(inside, "channel", "x")
        await owner.commit()
        assert not owner.closed


def let_go(held: list[Any]) -> None:
    """Hold it no more, and have it collected."""
    held.clear()
    gc.collect()


async def test_what_is_lost_on_it_is_told_as_it_is(db: AsyncDB, liteorm_database: Any) -> None:
    """The owner's connection is never dropped: what is left on it is said instead."""
    for lost, told in (
        ("transaction", "part of its owner's"),
        ("stream", "until a session on it is used again"),
    ):
        async with await psycopg.AsyncConnection.connect(liteorm_database.dsn) as owner:
            inside = session_async(owner)
            block = inside.transaction() if lost == "transaction" else inside.stream(LONG)
            await block.__aenter__()
            held = [inside, block]
            del inside, block
            with pytest.warns(ResourceWarning, match=told):
                let_go(held)
            assert not owner.closed
            if lost == "transaction":
                await owner.execute("SELECT 1")
            else:
                await owner.close()


@pytest.mark.parametrize("sql", ["DEALLOCATE ALL", "SELECT 1; DEALLOCATE ALL", "DISCARD ALL"])
async def test_the_owner_knows_what_is_not_prepared_any_more(
    liteorm_database: Any, sql: Any
) -> None:
    """What the driver of the owner had prepared is prepared again after it was dropped."""
    connect: Any = psycopg.AsyncConnection.connect
    async with await connect(liteorm_database.dsn, autocommit=True) as owner:
        for _ in range(8):
            await owner.execute("SELECT %s::int", [1])
        await session_async(owner).execute(sql)
        for _ in range(8):
            await owner.execute("SELECT %s::int", [1])


async def test_errors_are_ours(db: AsyncDB, liteorm_database: Any) -> None:
    """A failed statement spoils the owner's transaction as any does; a lost connection is said."""
    async with await psycopg.AsyncConnection.connect(liteorm_database.dsn) as owner:
        inside = session_async(owner)
        with pytest.raises(liteorm.UndefinedTable):
            await inside.query("SELECT 1 FROM nothing")
        with pytest.raises(liteorm.InFailedTransaction):
            await inside.query("SELECT 1")
        await owner.rollback()
        assert len(await inside.query("SELECT 1")) == 1
        [(pid,)] = await inside.query("SELECT pg_backend_pid()")
        await db.query("SELECT pg_terminate_backend(%s)", [pid])
        with pytest.raises(liteorm.ConnectionLost):
            await inside.query("SELECT 1")
        with pytest.raises(liteorm.ConnectionLost):
            await session_async(owner).query("SELECT 1")


async def test_what_is_no_connection(db: AsyncDB, liteorm_database: Any) -> None:
    """Other things are refused with what to give; so is a connection in another encoding."""
    for wrong in (db, None, "postgresql://"):
        with pytest.raises(TypeError, match=r"takes a psycopg\.\w+, not "):
            session_async(wrong)  # type: ignore[arg-type]
    dsn = liteorm_database.dsn
    async with await psycopg.AsyncConnection.connect(dsn, client_encoding="latin1") as owner:
        with pytest.raises(liteorm.StatementError, match="liteorm reads UTF-8"):
            session_async(owner)


@pytest.mark.parametrize("level", [None, *psycopg.IsolationLevel])
@pytest.mark.parametrize("read_only", [None, True, False])
@pytest.mark.parametrize("deferrable", [None, True, False])
async def test_a_transaction_begins_as_its_owner_would(
    db: AsyncDB, level: Any, read_only: bool | None, deferrable: bool | None
) -> None:
    """Whichever of the two sends the first statement: the same level, and the same rights."""
    shown: Any = """SELECT current_setting('transaction_isolation'),
        current_setting('transaction_read_only'), current_setting('transaction_deferrable')"""
    async with await psycopg.AsyncConnection.connect(db._state.conninfo) as owner:
        await owner.set_isolation_level(level)
        await owner.set_read_only(read_only)
        await owner.set_deferrable(deferrable)
        expected = await (await owner.execute(shown)).fetchone()
        await owner.rollback()
        assert list(await session_async(owner).query(shown)) == [expected]
        assert owner.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        await owner.rollback()
