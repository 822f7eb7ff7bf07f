"""A COPY that is cancelled, times out or loses its server leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import liteorm
from liteorm.postgres import DB, AsyncDB, open
from liteorm_testing import kill_backend
from tests.postgres.support import Witness, auntil

CREATE = "CREATE TABLE item (id int PRIMARY KEY, word text)"


def rows(count: int) -> Iterator[dict[str, Any]]:
    """Make rows of about a kilobyte."""
    return ({"id": number, "word": "x" * 1000} for number in range(count))


@pytest.mark.anyio
async def test_cancelled_while_the_iterable_waits(liteorm_async_db: AsyncDB) -> None:
    """A task that waits for its next object can be cancelled; the connection is in order."""
    db = liteorm_async_db
    await db.execute(CREATE)
    waiting = asyncio.Event()

    async def slow() -> AsyncIterator[dict[str, Any]]:
        for row in rows(3000):
            yield row
        waiting.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(db.insert_many(slow(), table="item"))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(await db.query("SELECT count(*) FROM item")) == [(0,)]
    assert (db.stats().connects, db.stats().in_use) == (1, 0)


@pytest.mark.anyio
async def test_cancelled_while_the_server_waits(
    liteorm_async_db: AsyncDB, witness: Witness
) -> None:
    """A task whose rows wait for a lock can be cancelled."""
    db = liteorm_async_db
    await db.execute(CREATE)
    async with db.transaction() as tx:
        await tx.execute("INSERT INTO item VALUES (5)")
        task = asyncio.create_task(db.insert_many(rows(100_000), table="item"))
        await auntil(lambda: witness.others("wait_event_type = 'Lock'"), "the wait for the lock")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert list(await db.query("SELECT id FROM item")) == [(5,)]
    await auntil(lambda: not witness.others("state <> 'idle'"), "the end of the COPY")
    assert db.stats().in_use == 0


@pytest.mark.anyio
async def test_cancelled_in_a_transaction(liteorm_async_db: AsyncDB) -> None:
    """Upserts too: the transaction is rolled back, its temporary table is gone."""
    db = liteorm_async_db
    await db.execute(CREATE)

    async def never() -> AsyncIterator[dict[str, Any]]:
        for row in rows(100):
            yield row
        await asyncio.sleep(60)

    task = asyncio.create_task(db.upsert_many(never(), table="item", conflict="id"))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(await db.query("SELECT count(*) FROM item")) == [(0,)]
    left = await db.query("SELECT count(*) FROM pg_class WHERE relname LIKE 'liteorm_upsert%'")
    assert list(left) == [(0,)]


def test_a_lost_server_is_a_lost_connection(liteorm_db: DB) -> None:
    """When the backend goes away during a COPY, the call says so and the next one works."""
    db = liteorm_db
    db.execute(CREATE)

    def killing() -> Iterator[dict[str, Any]]:
        for row in rows(100_000):
            if row["id"] == 5000:
                kill_backend(db)
            yield row

    with pytest.raises(liteorm.ConnectionLost):
        db.insert_many(killing(), table="item")
    assert list(db.query("SELECT count(*) FROM item")) == [(0,)]
    assert db.insert_many(rows(10), table="item") == 10


def test_statement_timeout(liteorm_database: Any) -> None:
    """The server's time limit holds for the whole of a COPY."""
    with open(liteorm_database.dsn, statement_timeout=0.2) as db:
        db.execute(CREATE)
        with db.transaction() as tx:
            tx.execute("INSERT INTO item VALUES (5)")
            with pytest.raises(liteorm.StatementTimeout):
                db.insert_many(rows(100), table="item")
        assert db.insert_many(rows(3), table="item") == 3
