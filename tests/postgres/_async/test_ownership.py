"""State belongs to its owner: nesting by context, what is lost is given back, closing again."""

from __future__ import annotations

import gc
import warnings
from typing import Any

import psycopg
import pytest

import liteorm
from liteorm.postgres import AsyncDB, AsyncTx, listen_async, open_async, session_async
from tests.postgres.support import AsyncBackground

pytestmark = pytest.mark.anyio


@pytest.fixture
async def db(liteorm_database: Any) -> Any:
    """A database with one connection, which soon says so if it is lost."""
    async with await open_async(liteorm_database.dsn, max_size=1, timeout=15) as opened:
        yield opened


async def one(tx: AsyncTx) -> int:
    """Ask for a number."""
    return liteorm.scan_one(await tx.query("SELECT 1"), int)


async def test_a_block_around_is_seen_at_any_depth(db: AsyncDB) -> None:
    """Run inside a block is refused, also from what it calls; after it, and beside it, it works."""
    async with db.transaction() as tx:
        async with tx.transaction():
            with pytest.raises(liteorm.TransactionError, match="inside an open transaction"):
                await db.run(one)
    assert await db.run(one) == 1
    tx = await db.begin()
    await tx.rollback()
    assert await db.run(one) == 1


async def test_another_database_is_no_matter(db: AsyncDB, liteorm_database: Any) -> None:
    """A transaction of one database does not keep another from running its own."""
    async with await open_async(liteorm_database.dsn) as other, db.transaction():
        assert await other.run(one) == 1


async def test_what_is_open_elsewhere_is_no_matter(liteorm_async_db: AsyncDB) -> None:
    """A transaction begun in the background, which has ended, is nobody's that runs now."""
    db = liteorm_async_db
    async with AsyncBackground() as background:
        txs = [await background.start(db.begin).result() for _ in range(3)]
        for _ in range(10):
            assert await background.start(db.run, one).result() == 1
        assert await db.run(one) == 1
        for tx in txs:
            await tx.rollback()


LOSING = [
    *("transaction", "savepoint", "block", "stream", "listener", "copy", "copy being read"),
    *("connection", "transaction on a connection", "stream on a connection"),
]


async def lose(db: AsyncDB, what: str) -> None:
    """Open something and let go of it."""
    if what == "transaction":
        await db.begin()
    elif what == "savepoint":
        tx = await db.begin()
        await tx.transaction().__aenter__()
    elif what == "block":
        await db.transaction().__aenter__()
    elif what == "stream":
        await db.stream("SELECT generate_series(1, 100000)").__aenter__()
    elif what.startswith("copy"):
        blocks = await db.copy_out("SELECT generate_series(1, 10000000)").__aenter__()
        if what != "copy":
            async for _ in blocks:
                break
    elif what.endswith("connection"):
        connection = await db.connection().__aenter__()
        assert len(await connection.query("SELECT 1")) == 1
        if what.startswith("transaction"):
            await connection.transaction().__aenter__()
        elif what.startswith("stream"):
            await connection.stream("SELECT generate_series(1, 10000000)").__aenter__()
    else:
        await listen_async(db, "a")


async def collected(db: AsyncDB, what: str) -> None:
    """Open something, let go of it, and have it collected."""
    await lose(db, what)
    gc.collect()


async def replaced(db: AsyncDB, what: str) -> None:
    """Lose something, and have its connection's place."""
    await collected(db, what)
    assert list(await db.query("SELECT 1")) == [(1,)]


@pytest.mark.parametrize("what", LOSING)
async def test_what_is_lost_gives_its_connection_back(db: AsyncDB, what: str) -> None:
    """Collected without an end: a ResourceWarning, and the pool has its connection again."""
    for _ in range(3):
        # Whoever records warnings, as pytest does, holds what they are about.
        with pytest.warns(ResourceWarning, match="its connection is dropped"):
            await replaced(db, what)
    assert db.stats().in_use == 0
    assert db.stats().size == 1


async def test_what_is_closed_does_not_warn(db: AsyncDB) -> None:
    """Each of them ended as it should: nothing is said when it is collected."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tx = await db.begin()
        await tx.commit()
        async with db.stream("SELECT generate_series(1, 100000)") as rows:
            async for _ in rows:
                break
        async with await listen_async(db, "a"):
            pass
        async with db.copy_out("SELECT generate_series(1, 100000)") as blocks:
            async for _ in blocks:
                break
        async with db.connection() as connection:
            await connection.query("SELECT 1")
        async with db.batch() as batch:
            batch.query("SELECT 1")
        del tx, rows, blocks, connection, batch
        gc.collect()
        assert list(await db.query("SELECT 1")) == [(1,)]


READING: dict[str, Any] = {
    "stream": lambda session: session.stream("SELECT generate_series(1, 10000000)"),
    "copy": lambda session: session.copy_out("SELECT generate_series(1, 10000000)"),
}


async def begin_and_lose(session: Any, what: str) -> Any:
    """Open a stream or a COPY, keep what is read with, and lose its block."""
    reader = await READING[what](session).__aenter__()
    gc.collect()
    return reader


async def check_goes_on(session: Any, what: str) -> None:
    """Lose one: the next call ends it and does its own work, and who still reads is told."""
    for _ in range(2):
        with pytest.warns(ResourceWarning):
            reader = await begin_and_lose(session, what)
        assert [*await session.query("SELECT 1")] == [(1,)]
        with pytest.raises(liteorm.TransactionError, match="has been closed"):
            async for _ in reader:
                pass
        await session.execute("INSERT INTO item VALUES (1)")


@pytest.mark.parametrize("limit", [None, 20.0])
@pytest.mark.parametrize("what", READING)
async def test_what_is_lost_on_a_held_connection_is_ended_by_the_next_call(
    liteorm_database: Any, what: str, limit: float | None
) -> None:
    """On a held connection, in a transaction, at its end and on somebody else's connection."""
    async with await open_async(liteorm_database.dsn, max_size=1, statement_timeout=limit) as db:
        await db.execute("CREATE TABLE item (id int)")
        async with db.connection() as held:
            await check_goes_on(held, what)
            async with held.transaction() as tx:
                await check_goes_on(tx, what)
            shown = await held.query("SHOW statement_timeout")
            assert [*shown] == [("20s" if limit else "0",)]
        async with db.transaction() as tx:
            await check_goes_on(tx, what)
            await tx.execute("INSERT INTO item VALUES (2)")
            with pytest.warns(ResourceWarning):
                await begin_and_lose(tx, what)
        assert len(await db.query("SELECT FROM item WHERE id = 2")) == 1
        async with db.connection() as held:
            with pytest.warns(ResourceWarning):
                await begin_and_lose(held, what)
        assert (db.stats().in_use, db.stats().lost) == (0, 0)
    for autocommit in (True, False):
        connect: Any = psycopg.AsyncConnection.connect
        async with await connect(liteorm_database.dsn, autocommit=autocommit) as owner:
            await check_goes_on(session_async(owner), what)
            await owner.execute("SELECT 1")
