"""How long statements may take: the pool's limit is each statement's, a call's longer one wins."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest

import liteorm
from liteorm.postgres import AsyncDB, open_async
from liteorm.postgres._session.primitives import asleep
from liteorm_testing import Proxy
from tests.postgres.support import Witness

pytestmark = pytest.mark.anyio

LIMIT = 0.4
SLOW: Any = "SELECT pg_sleep(0.9)"


@liteorm.table("item")
@attrs.frozen
class Item:
    """A row of the table."""

    id: int


@pytest.fixture(params=[True, False], ids=["server", "client"])
async def db(request: Any, liteorm_database: Any, witness: Witness) -> AsyncIterator[AsyncDB]:
    """A database whose statements have a limit, which the server or the client alone keeps."""
    witness.run("CREATE TABLE item (id int)")
    async with await open_async(
        liteorm_database.dsn, statement_timeout=LIMIT, prepare=request.param, max_size=1
    ) as opened:
        yield opened


async def limited(session: Any) -> None:
    """See that the limit holds."""
    with pytest.raises(liteorm.StatementTimeout):
        await session.query("SELECT pg_sleep(20)")


async def test_a_longer_limit_of_a_call_wins(db: AsyncDB) -> None:
    """For this call only, in and out of a transaction, and after an error."""
    for _ in range(2):
        await db.query(SLOW, timeout=20)
        await db.execute(SLOW, timeout=20)
        await limited(db)
    async with db.transaction() as tx:
        await tx.query(SLOW, timeout=20)
        with pytest.raises(liteorm.StatementTimeout):
            async with tx.transaction() as inner:
                await inner.query("SELECT pg_sleep(20)")
    with pytest.raises(liteorm.DataError):
        await db.query("SELECT 1 / 0", timeout=20)
    with pytest.raises(liteorm.StatementTimeout):
        await db.query("SELECT pg_sleep(20)", timeout=0.9)
    await limited(db)


async def test_a_shorter_limit_of_a_call_holds(db: AsyncDB) -> None:
    """The call's own is kept as before."""
    with pytest.raises(liteorm.StatementTimeout):
        await db.query("SELECT pg_sleep(20)", timeout=0.1)
    assert list(await db.query("SELECT 1")) == [(1,)]


async def test_what_a_transaction_sets_for_itself_holds(db: AsyncDB) -> None:
    """SET LOCAL statement_timeout goes beyond the pool's limit, until the transaction's end."""
    for sql in ("SET LOCAL statement_timeout = '20s'", "SET LOCAL statement_timeout = 0"):
        async with db.transaction() as tx:
            await tx.execute(sql)
            await tx.query(SLOW)
        async with db.transaction() as tx:
            await tx.query("SELECT set_config('statement_timeout', '20s', true)")
            await tx.query(SLOW)
            await tx.rollback()
        await limited(db)


async def read_slowly(session: Any) -> None:
    """Read more than the sockets hold, with pauses; then something that is slow to come."""
    many = "SELECT n, repeat('x', 10000) FROM generate_series(1, 4000) AS n"
    async with session.stream(many, batch_size=100) as rows:
        count = 0
        async for _ in rows:
            count += 1
            if count % 800 == 0:
                await asleep(0.2)
    assert count == 4000
    async with session.stream(SLOW, timeout=20) as rows:
        assert len([row async for row in rows]) == 1


async def test_a_stream_has_time_for_each_batch(db: AsyncDB) -> None:
    """A slow reader is not the server's fault; the server has its limit for the next rows."""
    await read_slowly(db)
    async with db.transaction() as tx:
        await read_slowly(tx)
    for timeout in (None, 0.2):
        with pytest.raises(liteorm.StatementTimeout):
            async with db.stream("SELECT pg_sleep(20)", timeout=timeout) as rows:
                assert [row async for row in rows] == []
    await limited(db)


@pytest.mark.parametrize("how", ["stream", "copy_out"])
@pytest.mark.parametrize("inside", [False, True], ids=["db", "tx"])
async def test_data_that_comes_after_its_time_is_late(
    liteorm_database: Any, how: str, inside: bool
) -> None:
    """Given up while it is on its way: StatementTimeout, and the connection is good."""
    one, late = "SELECT pg_backend_pid()", "CASE WHEN n > 1 THEN 30 ELSE 0 END"
    sql: Any = f"SELECT repeat('x', 20000), pg_sleep({late})::text FROM generate_series(1, 3) n"
    statement = liteorm.statement(tuple[str, str], sql, timeout=0.2)

    async def read(session: Any, *, first_alone: bool) -> None:
        if how == "stream":
            reading = session.stream(sql, batch_size=1, timeout=None if first_alone else 0.2)
        else:
            reading = session.copy_out(sql if first_alone else statement)
        async with reading as data:
            async for _ in data:
                if first_alone:
                    break

    with Proxy(liteorm_database.dsn) as proxy:
        async with await open_async(proxy.dsn, max_size=1) as db:
            await read(db, first_alone=True)
            pid = liteorm.scan_one(await db.query(one), int)
            if not inside:
                proxy.delay(0.3)
                with pytest.raises(liteorm.StatementTimeout):
                    await read(db, first_alone=False)
            else:
                with pytest.raises(liteorm.StatementTimeout):
                    async with db.transaction() as tx:
                        await tx.execute("SELECT 1")
                        proxy.delay(0.3)
                        await read(tx, first_alone=False)
            proxy.restore()
            assert liteorm.scan_one(await db.query(one), int) == pid


async def test_a_batch_has_its_limit_too(db: AsyncDB) -> None:
    """Whoever keeps the time: a batch that takes longer than its statements may ends."""
    for _ in range(2):
        with pytest.raises(liteorm.StatementTimeout):
            async with db.batch() as batch:
                batch.query("SELECT 1")
                batch.query("SELECT pg_sleep(20)")
        assert len(await db.query("SELECT 1")) == 1
        with pytest.raises(liteorm.StatementTimeout):
            async with db.transaction() as tx, tx.batch() as batch:
                batch.query("SELECT pg_sleep(20)")


async def test_the_limit_is_of_each_statement(db: AsyncDB) -> None:
    """Not of the sum of a script or of execute_many."""
    await db.execute("; ".join(["SELECT pg_sleep(0.2)"] * 5))
    await db.execute_many("SELECT pg_sleep(%s)", [[0.15]] * 6)
    with pytest.raises(liteorm.StatementTimeout):
        await db.execute_many("SELECT pg_sleep(%s)", [[0.1], [20], [0.1]])
    await limited(db)


async def test_a_source_may_be_slow(liteorm_database: Any, witness: Witness) -> None:
    """The client's own limit does not count the time that a COPY's source takes."""
    witness.run("CREATE TABLE item (id int)")

    async def slow() -> AsyncIterator[Item]:
        for n in range(1, 2001):
            if n % 400 == 0:
                await asleep(0.2)
            yield Item(n)

    async with await open_async(liteorm_database.dsn, statement_timeout=LIMIT, prepare=False) as db:
        assert await db.insert_many(slow()) == 2000


LATE: Any = """
CREATE FUNCTION late() RETURNS int LANGUAGE plpgsql AS $$BEGIN
    PERFORM pg_sleep(20);
    RETURN 0;
EXCEPTION WHEN query_canceled THEN
    PERFORM pg_sleep(0.8);
    RETURN 7;
END$$
"""


async def test_the_server_has_time_to_say_so(liteorm_database: Any, witness: Witness) -> None:
    """Where it keeps the time the client waits for its answer, and the connection is kept."""
    witness.run(LATE)
    async with await open_async(
        liteorm_database.dsn, statement_timeout=LIMIT, max_size=1
    ) as opened:
        pid = liteorm.scan_one(await opened.query("SELECT pg_backend_pid()"), int)
        assert liteorm.scan_one(await opened.query("SELECT late()"), int) == 7
        async with opened.transaction() as tx:
            assert liteorm.scan_one(await tx.query("SELECT late()"), int) == 7
        async with opened.batch() as batch:
            found = batch.query("SELECT late()")
        assert liteorm.scan_one(found.result(), int) == 7
        assert liteorm.scan_one(await opened.query("SELECT pg_backend_pid()"), int) == pid
