"""A primary that is frozen, or that the network has swallowed: no call outlasts its bounds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import liteorm
from liteorm.postgres import AsyncDB, AsyncTx, open_async, position_async
from liteorm.postgres._async import connection
from liteorm_testing import Cluster, Proxy, cluster
from tests.distributed.load import Ledger
from tests.postgres.support import AsyncBackground, with_params

pytestmark = pytest.mark.anyio

LIMIT = 0.5
"""Seconds a statement may take; the answer is waited for five more."""
BOUND = 30.0
"""Seconds in which each of the calls has to end, many of them at once on a busy machine."""

Call = Callable[[AsyncDB], Awaitable[Any]]


async def _query(db: AsyncDB) -> None:
    await db.query("SELECT 1")


async def _with_its_own_timeout(db: AsyncDB) -> None:
    await db.query("SELECT 1", timeout=0.2)


async def _execute(db: AsyncDB) -> None:
    await db.execute("UPDATE account SET balance = balance")


async def _execute_many(db: AsyncDB) -> None:
    await db.execute_many("UPDATE account SET balance = 0 WHERE id = %s", [(1,)])


async def _insert_many(db: AsyncDB) -> None:
    await db.insert_many([{"id": 1000, "balance": 0}], table="account")


async def _batch(db: AsyncDB) -> None:
    async with db.batch() as batch:
        batch.query("UPDATE account SET balance = 0 RETURNING id")


async def _stream(db: AsyncDB) -> None:
    async with db.stream("SELECT 1") as rows:
        assert [row async for row in rows]


async def _copy_out(db: AsyncDB) -> None:
    async with db.copy_out("SELECT 1") as blocks:
        assert [block async for block in blocks]


async def _transaction(db: AsyncDB) -> None:
    async with db.transaction() as tx:
        await tx.query("SELECT 1")


async def _position(db: AsyncDB) -> None:
    await position_async(db)


async def _connection(db: AsyncDB) -> None:
    async with db.connection() as one:
        await one.query("SELECT 1")


CALLS: list[Call] = [
    *(_query, _with_its_own_timeout, _execute, _execute_many, _insert_many, _batch, _stream),
    *(_copy_out, _transaction, _position, _connection),
]


@pytest.mark.parametrize("how", ["frozen", "vanished"])
async def test_every_call_ends_and_says_that_the_server_did_not_answer(how: str) -> None:
    """Statements end in StatementTimeout, COMMIT in CommitUnknown; then the server is back."""
    ended: dict[str, BaseException | None] = {}

    async def ends(name: str, call: Callable[..., Awaitable[Any]], *args: Any) -> None:
        try:
            await call(*args)
            ended[name] = None
        except liteorm.Error as error:
            ended[name] = error

    with cluster(standbys=1) as two, Proxy(two.primary.dsn) as proxy:
        size = len(CALLS) + 4
        async with await open_async(
            proxy.dsn, min_size=size, max_size=size, statement_timeout=LIMIT, timeout=20
        ) as db:
            await db.execute(Ledger.SCHEMA)
            writing = await db.begin()
            await writing.execute("INSERT INTO transfer VALUES (1, 1)")
            undone = await db.begin()
            await undone.execute("INSERT INTO transfer VALUES (2, 2)")
            (two.primary.pause if how == "frozen" else proxy.blackhole)()
            async with AsyncBackground() as background:
                started = [
                    *(background.start(ends, call.__name__, call, db) for call in CALLS),
                    background.start(ends, "commit", writing.commit),
                    background.start(ends, "rollback", undone.rollback),
                ]
                for one in started:
                    await one.result(BOUND)
            (two.primary.resume if how == "frozen" else proxy.restore)()
            unknown = {"_batch", "commit"}
            assert ended.pop("rollback") is None
            for name, error in ended.items():
                wanted = liteorm.CommitUnknown if name in unknown else liteorm.StatementTimeout
                assert isinstance(error, wanted), (name, error)
            found = await db.query("SELECT id FROM transfer")
            assert (2,) not in list(found)


@pytest.mark.parametrize("how", ["frozen", "vanished"])
async def test_without_any_bound_a_silent_server_is_looked_for(
    monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """With the defaults of `open` every call ends: the server answers nobody any more."""
    monkeypatch.setattr(connection, "SILENCE", 1.0)
    monkeypatch.setattr(connection, "PROBE", 0.5)
    ended: dict[str, BaseException | None] = {}

    async def ends(name: str, call: Callable[..., Awaitable[Any]], *args: Any) -> None:
        try:
            await call(*args)
            ended[name] = None
        except liteorm.Error as error:
            ended[name] = error

    with cluster(standbys=1) as two, Proxy(two.primary.dsn) as proxy:
        size = len(CALLS) + 4
        async with await open_async(proxy.dsn, min_size=size, max_size=size, timeout=20) as db:
            await db.execute(Ledger.SCHEMA)
            writing = await db.begin()
            await writing.execute("INSERT INTO transfer VALUES (1, 1)")
            (two.primary.pause if how == "frozen" else proxy.blackhole)()
            async with AsyncBackground() as background:
                started = [
                    *(background.start(ends, call.__name__, call, db) for call in CALLS),
                    background.start(ends, "commit", writing.commit),
                ]
                for one in started:
                    await one.result(BOUND)
            (two.primary.resume if how == "frozen" else proxy.restore)()
            timed = ended.pop("_with_its_own_timeout")
            assert isinstance(timed, liteorm.StatementTimeout)
            for name, error in ended.items():
                unknown = name in ("_batch", "commit")
                wanted = liteorm.CommitUnknown if unknown else liteorm.ConnectionLost
                assert isinstance(error, wanted), (name, error)
                if not unknown:
                    assert "answered nobody" in str(error)
            assert list(await db.query("SELECT 1")) == [(1,)]


@pytest.mark.parametrize("unix", [False, True], ids=["tcp", "socket"])
async def test_a_long_statement_is_left_alone_while_others_are_answered(
    three: Cluster, monkeypatch: pytest.MonkeyPatch, unix: bool
) -> None:
    """Silence alone means nothing: a statement takes as long as it takes."""
    monkeypatch.setattr(connection, "SILENCE", 0.1)
    dsn = three.primary.dsn
    if unix:
        assert three.primary.socket is not None
        dsn = with_params(dsn, host=str(three.primary.socket))

    async def insert(db: AsyncDB) -> None:
        await db.insert_many([{"n": 1}], table="slow")

    async with await open_async(dsn, max_size=3) as db:
        assert len(await db.query("SELECT pg_sleep(1)")) == 1
        await db.execute("CREATE TABLE IF NOT EXISTS slow (n int)")
        async with AsyncBackground() as background:
            async with db.transaction() as tx:
                await tx.execute("LOCK slow")
                waiting = background.start(insert, db)
                await tx.query("SELECT pg_sleep(0.5)")
                assert not waiting.done()
            await waiting.result()
        assert list(await db.query("SELECT count(*) >= 0 FROM slow")) == [(True,)]
        async with db.stream("SELECT n, pg_sleep(0.3) FROM generate_series(1, 3) n") as rows:
            assert len([row async for row in rows]) == 3


async def test_a_frozen_primary_is_left_for_the_promoted_standby() -> None:
    """Behind several hosts the next connections find the one that was promoted meanwhile."""
    with cluster(standbys=2, synchronous=True) as three:
        dsn = with_params(three.dsn, connect_timeout=2)
        async with await open_async(dsn, max_size=2, statement_timeout=LIMIT, timeout=30) as db:
            await db.execute("CREATE TABLE t (n int)")
            frozen = three.primary
            three.catch_up()
            frozen.pause()
            three.standbys[0].promote()
            # The connections that lead to the frozen one are found out by who uses them.
            failed = 0
            for n in range(10):
                try:
                    await db.execute("INSERT INTO t VALUES (%s)", [n])
                    break
                except liteorm.StatementTimeout as error:
                    failed += error.server is not None
            assert 1 <= failed <= 2
            assert len(await db.query("SELECT * FROM t")) == 1
            frozen.resume()


async def test_close_ends_while_the_server_is_frozen(three: Cluster) -> None:
    """Whoever still waits is cut off, and closing is over in its bounds."""
    db = await open_async(three.primary.dsn, max_size=2)

    async def waits(tx: AsyncTx) -> None:
        await tx.query("SELECT 1")

    three.primary.pause()
    try:
        async with AsyncBackground() as background:
            waiting = background.start(db.run, waits)
            closing = background.start(db.close)
            await closing.result(BOUND)
            with pytest.raises((liteorm.ConnectionLost, liteorm.PoolClosed)):
                await waiting.result(BOUND)
    finally:
        three.primary.resume()
