"""Cancelling a task at any await: no connection lost, none left in a transaction, never swallowed.

Tasks exist in asyncio only, so these tests have no twin; test_interrupts.py is about Ctrl-C.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import nullcontext
from typing import Any

import attrs
import pytest

import liteorm
from liteorm import postgres
from liteorm.postgres import AsyncDB, AsyncTx, open_async
from liteorm_testing import Proxy, Server
from tests.postgres.support import Witness, auntil

pytestmark = pytest.mark.anyio


@liteorm.table("item", key="id")
@attrs.frozen
class Item:
    """A row of the table."""

    id: int
    n: int


@pytest.fixture
async def db(liteorm_database: Any) -> AsyncIterator[AsyncDB]:
    """A small pool and a table."""
    async with await open_async(liteorm_database.dsn, max_size=2, timeout=20) as opened:
        await opened.execute("CREATE TABLE item (id int PRIMARY KEY, n int)")
        yield opened


async def cancelled(task: asyncio.Task[Any]) -> asyncio.CancelledError:
    """Cancel a task and return what it ended with, which must be the cancellation."""
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        async with asyncio.timeout(15):
            await task
    assert task.cancelled()
    return caught.value


async def assert_healthy(db: AsyncDB, witness: Witness, size: int = 2) -> None:
    """Every connection of the pool is there, idle, and works."""
    await auntil(lambda: db.stats().in_use == 0, "all connections given back")
    await auntil(
        lambda: not witness.others("state <> 'idle'"), "no connection busy or in a transaction"
    )
    async with asyncio.TaskGroup() as group:
        for _ in range(size):
            group.create_task(db.query("SELECT pg_sleep(0.05)"))
    assert db.stats().size <= size
    assert db.stats().waiting == 0


async def test_cancel_while_queued(db: AsyncDB, witness: Witness) -> None:
    """Fault: cancelled while queued for a connection. CancelledError; nobody else waits longer."""
    async with db.transaction(), db.transaction():
        task = asyncio.create_task(db.query("SELECT 1"))
        await auntil(lambda: db.stats().waiting == 1, "a waiter")
        await cancelled(task)
        assert db.stats().waiting == 0
    await assert_healthy(db, witness)


async def test_cancel_during_a_query(db: AsyncDB, witness: Witness) -> None:
    """Fault: cancelled during a query. CancelledError, and the server stops at once."""
    task = asyncio.create_task(db.query("SELECT pg_sleep(30)"))
    await auntil(lambda: witness.running("pg_sleep"), "the query")
    await cancelled(task)
    assert not witness.running("pg_sleep(30)")
    await assert_healthy(db, witness)


async def test_cancel_during_the_check_of_an_idle_connection(liteorm_database: Any) -> None:
    """Fault: cancelled while an idle connection is being checked. CancelledError, nothing lost."""
    with Proxy(liteorm_database.dsn) as proxy, Witness(liteorm_database.dsn) as witness:
        async with await open_async(proxy.dsn, max_size=1) as db:
            async with postgres.pool(db).connection() as connection:
                await connection.execute("LISTEN gossip")
            witness.run("NOTIFY gossip")
            wire = postgres.pool(db)._pool[0]
            await auntil(lambda: wire.spoken_to, "something to hear")
            proxy.delay(0.5)
            task = asyncio.create_task(db.query("SELECT 1"))
            await auntil(lambda: bool(db.stats().waiting), "the check")
            await asyncio.sleep(0.1)
            await cancelled(task)
            proxy.restore()
            await assert_healthy(db, witness, 1)


@pytest.mark.parametrize("moment", ["BEGIN", "SAVEPOINT", "ROLLBACK"])
async def test_cancel_during_a_transaction_command(liteorm_database: Any, moment: str) -> None:
    """Fault: cancelled during BEGIN (or SAVEPOINT, ROLLBACK). CancelledError; none stays open."""
    with Proxy(liteorm_database.dsn) as proxy, Witness(liteorm_database.dsn) as witness:
        async with await open_async(proxy.dsn, max_size=2) as db:
            reached = asyncio.Event()

            async def work() -> None:
                def slow(now: str) -> None:
                    if now == moment:
                        proxy.delay(0.5)
                        reached.set()

                slow("BEGIN")
                async with db.transaction() as tx:
                    slow("SAVEPOINT")
                    async with tx.transaction():
                        pass
                    slow("ROLLBACK")
                    raise KeyError

            task = asyncio.create_task(work())
            await reached.wait()
            await asyncio.sleep(0.1)
            await cancelled(task)
            proxy.restore()
            await assert_healthy(db, witness)


async def _batch(db: AsyncDB, sql: Any) -> None:
    async with db.batch() as batch:
        batch.query(sql)


SENDING: dict[str, Any] = {
    "execute": lambda db, sql: db.execute(sql),
    "query": lambda db, sql: db.query(sql),
    "batch": _batch,
}


@pytest.mark.parametrize("name", SENDING)
async def test_cancel_after_a_setting_leaves_none(
    liteorm_database: Any, witness: Witness, name: str
) -> None:
    """Fault: cancelled when the server has set it and the answer is on its way. It is undone."""
    sql = "SET app.tenant = 'seven'"
    with Proxy(liteorm_database.dsn) as proxy:
        async with await open_async(proxy.dsn, max_size=1, min_size=1) as db:
            await db.query("SELECT 1")
            proxy.delay(0.5)
            task = asyncio.create_task(SENDING[name](db, sql))
            done = "state = 'idle' AND (query LIKE 'SET app%' OR query = 'COMMIT')"
            await auntil(lambda: witness.others(done), "the setting")
            await cancelled(task)
            proxy.restore()
            seen = await db.query("SELECT coalesce(current_setting('app.tenant', true), '')")
            assert list(seen) == [("",)]


async def test_cancel_during_commit(liteorm_database: Any) -> None:
    """Fault: cancelled during COMMIT. CancelledError, and its cause is a CommitUnknown."""
    with Proxy(liteorm_database.dsn) as proxy, Witness(liteorm_database.dsn) as witness:
        witness.run("CREATE TABLE item (id int)")
        async with await open_async(proxy.dsn, max_size=2) as db:
            reached = asyncio.Event()

            async def work() -> None:
                async with db.transaction() as tx:
                    await tx.execute("INSERT INTO item VALUES (1)")
                    proxy.delay(0.5)
                    reached.set()

            task = asyncio.create_task(work())
            await reached.wait()
            await asyncio.sleep(0.1)
            error = await cancelled(task)
            assert isinstance(error.__cause__, liteorm.CommitUnknown)
            proxy.restore()
            await assert_healthy(db, witness)


async def test_cancel_while_giving_back(liteorm_database: Any) -> None:
    """Cancelled while a connection is reset on its way back: it still gets there."""
    with Proxy(liteorm_database.dsn) as proxy, Witness(liteorm_database.dsn) as witness:
        async with await open_async(proxy.dsn, max_size=1, reset="always") as db:
            proxy.delay(0.3)
            task = asyncio.create_task(db.query("SELECT 1"))
            # The query takes one delay, the reset another.
            await asyncio.sleep(0.45)
            await cancelled(task)
            proxy.restore()
            await assert_healthy(db, witness, 1)


async def test_cancel_during_copy(db: AsyncDB, witness: Witness) -> None:
    """Cancelled in a COPY: CancelledError, nothing stored, the connection usable."""
    going = asyncio.Event()

    async def endless() -> AsyncIterator[Item]:
        number = 0
        while True:
            number += 1
            if number == 20_000:
                going.set()
            yield Item(number, number)
            if number % 1000 == 0:
                await asyncio.sleep(0)

    task = asyncio.create_task(db.insert_many(endless()))
    await going.wait()
    await cancelled(task)
    assert list(await db.query("SELECT count(*) FROM item")) == [(0,)]
    await assert_healthy(db, witness)


async def test_cancel_while_reading_a_stream(db: AsyncDB, witness: Witness) -> None:
    """Cancelled while a stream waits for rows: the server stops, the connection is given back."""

    async def read() -> None:
        sql = "SELECT i, CASE WHEN i > 50 THEN pg_sleep(30) END FROM generate_series(1, 100) i"
        async with db.stream(sql, batch_size=10) as stream:
            async for _ in stream:
                pass

    task = asyncio.create_task(read())
    await auntil(lambda: witness.running("generate_series"), "the stream")
    await asyncio.sleep(0.2)
    await cancelled(task)
    await assert_healthy(db, witness)


STEADY: Any = "SELECT repeat('x', 20000), pg_sleep(0.005)::text FROM generate_series(1, 5000)"
"""Data that comes all the time: the next of it while the cancel is on its way."""
LATE: Any = "SELECT pg_sleep(30)::text"
"""A COPY is announced together with its first data, which does not come."""


@pytest.mark.parametrize("sql", [STEADY, LATE], ids=["steady", "late"])
@pytest.mark.parametrize(
    "read",
    [
        lambda session, sql: session.stream(sql, batch_size=1),
        lambda session, sql: session.copy_out(sql),
        lambda session, sql: session.copy_out(sql, format="binary"),
    ],
    ids=["stream", "csv", "binary"],
)
@pytest.mark.parametrize("inside", [False, True], ids=["db", "tx"])
async def test_cancel_while_data_comes_keeps_the_connection(
    liteorm_database: Any, witness: Witness, read: Any, sql: Any, inside: bool
) -> None:
    """Fault: cancelled while rows or blocks come. The same connection serves the next call."""

    async def work(db: AsyncDB) -> None:
        async with db.transaction() if inside else nullcontext(db) as session:
            async with read(session, sql) as data:
                async for _ in data:
                    pass

    async with await open_async(liteorm_database.dsn, max_size=1) as db:
        pid = liteorm.scan_one(await db.query("SELECT pg_backend_pid()"), int)
        for wait in (0, 0.03, 0.07):
            task = asyncio.create_task(work(db))
            await auntil(lambda: witness.running("pg_sleep("), "the statement")
            await asyncio.sleep(wait)
            await cancelled(task)
            assert not witness.running("pg_sleep(")
            assert liteorm.scan_one(await db.query("SELECT pg_backend_pid()"), int) == pid
        await assert_healthy(db, witness, 1)


async def test_a_second_cancellation_does_not_lose_the_connection(liteorm_database: Any) -> None:
    """Cancelled again while the first cancellation is cleaning up: still nothing is lost."""
    with Proxy(liteorm_database.dsn) as proxy, Witness(liteorm_database.dsn) as witness:
        async with await open_async(proxy.dsn, max_size=1) as db:
            task = asyncio.create_task(db.query("SELECT pg_sleep(30)"))
            await auntil(lambda: witness.running("pg_sleep"), "the query")
            proxy.delay(0.5)
            task.cancel()
            await asyncio.sleep(0.2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            proxy.restore()
            await assert_healthy(db, witness, 1)


async def test_a_cancel_in_a_caught_block_stays_caught(db: AsyncDB) -> None:
    """A timeout of asyncio's around a query is a TimeoutError, and the task goes on."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await db.query("SELECT pg_sleep(30)")
    assert len(await db.query("SELECT 1")) == 1


async def _statement(db: AsyncDB) -> None:
    await db.query("SELECT pg_sleep(0.002)")


async def _transaction(db: AsyncDB) -> None:
    async with db.transaction() as tx:
        await tx.query("SELECT pg_sleep(0.001)")
        async with tx.transaction() as inner:
            await inner.execute("INSERT INTO item VALUES (1) ON CONFLICT DO NOTHING")


async def _run(db: AsyncDB) -> None:
    async def work(tx: AsyncTx) -> None:
        await tx.execute("INSERT INTO item VALUES (2) ON CONFLICT DO NOTHING")

    await db.run(work)


async def _stream(db: AsyncDB) -> None:
    async with db.stream("SELECT * FROM generate_series(1, 3000)", batch_size=100) as stream:
        async for _ in stream:
            pass


async def _copy(db: AsyncDB) -> None:
    await db.insert_many(Item(-random.randrange(1, 1 << 30), i) for i in range(50))


async def _copy_out(db: AsyncDB) -> None:
    async with db.copy_out("SELECT * FROM generate_series(1, 3000)") as blocks:
        async for _ in blocks:
            pass


async def _batch(db: AsyncDB) -> None:
    async with db.batch() as batch:
        batch.query("SELECT pg_sleep(0.001)")
        batch.query("INSERT INTO item VALUES (3) ON CONFLICT DO NOTHING")


async def _hold(db: AsyncDB) -> None:
    async with db.connection() as connection:
        await connection.execute("SET application_name = 'x'")
        async with connection.transaction() as tx:
            await tx.query("SELECT 1")


async def _many(db: AsyncDB) -> None:
    await db.upsert_many([Item(-4, 1), Item(-5, 2)])
    await db.execute_many("SELECT %s::int", [[1], [2]])


WORKS = [_statement, _transaction, _run, _stream, _copy, _copy_out, _batch, _hold, _many]


@pytest.mark.parametrize("work", WORKS)
async def test_random_cancellations(
    db: AsyncDB, witness: Witness, work: Callable[[AsyncDB], Awaitable[None]]
) -> None:
    """Of hundreds of tasks cancelled at random moments each ends cancelled, or was done before."""
    randomly = random.Random(20)

    async def one() -> str:
        task = asyncio.ensure_future(work(db))
        await asyncio.sleep(randomly.random() * 0.02)
        was_cancelled = task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return "cancelled"
        # A task that had ended cannot be cancelled; any other must not swallow it.
        return "swallowed" if was_cancelled else "done"

    outcomes: list[str] = []
    for _ in range(12):
        outcomes += await asyncio.gather(*(one() for _ in range(12)))
    assert "swallowed" not in outcomes
    assert "cancelled" in outcomes
    await assert_healthy(db, witness)


async def test_cancel_of_a_frozen_server_is_bounded(own_server: Server) -> None:
    """Fault: a cancel of a query on a frozen server. It comes back within ten seconds."""
    async with await open_async(own_server.dsn, max_size=1) as db:
        await db.query("SELECT 1")
        own_server.pause()
        try:
            task = asyncio.create_task(db.query("SELECT 1"))
            await asyncio.sleep(0.2)
            await cancelled(task)
        finally:
            own_server.resume()
        assert len(await db.query("SELECT 1")) == 1


async def test_cancel_while_opening(liteorm_database: Any, witness: Witness) -> None:
    """Neither connections nor the pool's own tasks outlive an open that was cancelled."""
    before = asyncio.all_tasks()
    with Proxy(liteorm_database.dsn) as proxy:
        # Opening takes two answers, one after the other: each moment is well before its end.
        proxy.delay(0.15)
        for moment in range(12):
            task = asyncio.create_task(open_async(proxy.dsn, min_size=3, max_size=3))
            await asyncio.sleep(moment * 0.02)
            await cancelled(task)
            await auntil(lambda: asyncio.all_tasks() == before, "no task of the pool left")
    await auntil(lambda: not witness.others("true"), "no connection left on the server")


SLOW: Any = """
CREATE TABLE slow (id int PRIMARY KEY, name text);
INSERT INTO slow VALUES (1);
CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN PERFORM pg_sleep(30); RETURN coalesce(new, old); END';
CREATE TRIGGER slow BEFORE INSERT OR UPDATE OR DELETE ON slow FOR EACH ROW EXECUTE FUNCTION sleep();
"""


@liteorm.table("slow", key="id")
@attrs.frozen
class Slow:
    """A row of a table that takes long to write."""

    id: int
    name: str = "x"


async def _slow_stream(session: Any) -> None:
    async with session.stream("SELECT pg_sleep(30)") as rows:
        async for _ in rows:
            pass


async def _slow_copy_out(session: Any) -> None:
    async with session.copy_out("SELECT pg_sleep(30)") as blocks:
        async for _ in blocks:
            pass


async def _slow_batch(session: Any) -> None:
    async with session.batch() as batch:
        batch.query("SELECT pg_sleep(30)")


CALLS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "query": lambda session: session.query("SELECT pg_sleep(30)"),
    "execute": lambda session: session.execute("SELECT 1; SELECT pg_sleep(30)"),
    "execute_many": lambda session: session.execute_many("SELECT pg_sleep(%s)", [[30], [30]]),
    "stream": _slow_stream,
    "copy_out": _slow_copy_out,
    "batch": _slow_batch,
    "insert": lambda session: session.insert(Slow(2)),
    "update": lambda session: session.update(Slow(1)),
    "patch": lambda session: session.patch(Slow, 1, {"name": "z"}),
    "delete": lambda session: session.delete(Slow(1)),
    "insert_many": lambda session: session.insert_many([Slow(2)]),
    "upsert_many": lambda session: session.upsert_many([Slow(1)]),
    "update_many": lambda session: session.update_many([Slow(1)]),
    "delete_many": lambda session: session.delete_many(Slow, [1]),
    "insert_returning": lambda session: session.insert_returning([Slow(2)]),
}


async def test_a_cancel_comes_through_every_call(db: AsyncDB, witness: Witness) -> None:
    """Alone and in a transaction: CancelledError, the statement stopped, and nothing stored."""
    await db.execute(SLOW)

    def sleeps() -> bool:
        return bool(witness.others("state = 'active' AND wait_event = 'PgSleep'"))

    async def inside(call: Callable[[Any], Awaitable[Any]]) -> None:
        async with db.transaction() as tx:
            await call(tx)

    for name, call in CALLS.items():
        for work in (call(db), inside(call)):
            task = asyncio.ensure_future(work)
            await auntil(sleeps, name)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not sleeps()
        assert list(await db.query("SELECT id, name FROM slow")) == [(1, None)], name
    await assert_healthy(db, witness)
