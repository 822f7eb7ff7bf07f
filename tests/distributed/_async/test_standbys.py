"""Reading from standbys: conflicts with recovery, and how far behind they are."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

import liteorm
from liteorm.postgres import (
    AsyncTx,
    listen_async,
    notify_async,
    open_async,
    position_async,
    wait_for_async,
)
from liteorm_testing import Cluster, cluster
from tests.postgres.support import AsyncBackground, Witness, auntil, with_params

pytestmark = pytest.mark.anyio

_ROWS = "INSERT INTO item SELECT n FROM generate_series(1, 1000) n"
_CHANGE = "DELETE FROM item; VACUUM item"


@pytest.fixture(scope="module")
def hasty() -> Generator[Cluster]:
    """A standby that waits for no reader: what the primary removes is removed at once."""
    settings = {"max_standby_streaming_delay": "0", "autovacuum": "off"}
    with cluster(standbys=1, settings=settings) as made:
        with Witness(made.primary.dsn) as primary:
            primary.run("CREATE TABLE item (id int)")
        yield made


def _change(servers: Cluster) -> None:
    """Remove the rows that a reader of the standby may still see."""
    with Witness(servers.primary.dsn) as primary:
        for statement in _CHANGE.split("; "):
            primary.run(statement)
    servers.catch_up()


def _rows(servers: Cluster) -> None:
    with Witness(servers.primary.dsn) as primary:
        primary.run("TRUNCATE item")
        primary.run(_ROWS)
    servers.catch_up()


async def test_a_query_that_recovery_cancels_may_be_tried_again(hasty: Cluster) -> None:
    """A reader of rows that the primary has removed: a serialization failure."""
    _rows(hasty)
    async with await open_async(hasty.standbys[0].dsn, max_size=2) as db, AsyncBackground() as bg:
        reading = bg.start(db.query, "SELECT count(*), pg_sleep(30) FROM item")
        with Witness(hasty.standbys[0].dsn) as standby:
            await auntil(lambda: standby.running("pg_sleep(30)"), "the query runs")
            _change(hasty)
        with pytest.raises(liteorm.SerializationFailure, match="conflict with recovery") as caught:
            await reading.result()
        assert caught.value.retryable
        assert caught.value.sqlstate == "40001"
        assert list(await db.query("SELECT count(*) FROM item")) == [(0,)]


@pytest.mark.parametrize("met_by", ["statement", "commit"])
async def test_an_idle_transaction_that_recovery_ends_is_run_again(
    hasty: Cluster, met_by: str
) -> None:
    """Idle between two statements it is ended with its connection; that too may be tried again."""
    _rows(hasty)
    found: list[int] = []

    async def work(tx: AsyncTx) -> None:
        found.append(liteorm.scan_one(await tx.query("SELECT count(*) FROM item"), int))
        if len(found) == 1:
            _change(hasty)
            if met_by == "statement":
                try:
                    await tx.query("SELECT 1")
                except liteorm.ConnectionLost as error:
                    errors.append(error)
                    raise

    errors: list[liteorm.ConnectionLost] = []
    async with await open_async(hasty.standbys[0].dsn, max_size=2) as db:
        await db.run(work, isolation="repeatable read", read_only=True)
    assert found == [1000, 0]
    assert [(error.sqlstate, error.retryable) for error in errors] in ([], [("40001", True)])
    assert bool(errors) is (met_by == "statement")


async def test_a_replica_that_lags_is_waited_for(three: Cluster) -> None:
    """Seconds behind: the wait ends in time, or says that it did not and how much is missing."""
    late = three.standbys[0]
    dsn = with_params(late.dsn, application_name="reader")
    async with (
        await open_async(three.primary.dsn) as primary,
        await open_async(dsn) as replica,
    ):
        await primary.execute("CREATE TABLE lagging (n int)")
        three.catch_up()
        late.lag(600)
        await primary.execute("INSERT INTO lagging VALUES (1)")
        there = await position_async(primary)
        with pytest.raises(TimeoutError, match=r"\d+ bytes are missing"):
            await wait_for_async(replica, there, timeout=0.2)
        assert list(await replica.query("SELECT count(*) FROM lagging")) == [(0,)]
        late.lag(0.5)
        await wait_for_async(replica, there, timeout=20)
        assert list(await replica.query("SELECT count(*) FROM lagging")) == [(1,)]
        late.lag(0)


async def test_each_of_two_replicas_is_waited_for_by_itself(three: Cluster) -> None:
    """One connection is one replica: what was waited for there is read there."""
    behind, other = three.standbys
    behind.cut()
    try:
        async with await open_async(three.primary.dsn) as primary:
            await primary.execute("CREATE TABLE apart (n int)")
            there = await position_async(primary)
        async with await open_async(other.dsn) as replica, replica.connection() as one:
            await wait_for_async(one, there, timeout=20)
            assert list(await one.query("SELECT count(*) FROM apart")) == [(0,)]
        async with await open_async(behind.dsn) as replica:
            with pytest.raises(TimeoutError):
                await wait_for_async(replica, there, timeout=0.1)
    finally:
        behind.restore()
        three.catch_up()


@pytest.mark.parametrize("rounds", [50])
async def test_a_session_reads_its_own_writes_wherever(three: Cluster, rounds: Any) -> None:
    """Write, wait, read on any standby: the row is there, each time."""
    dsn = three.dsn_for(target_session_attrs="standby")
    async with await open_async(three.dsn) as primary, await open_async(dsn) as replica:
        await primary.execute("CREATE TABLE own (n int)")
        for n in range(rounds):
            await primary.execute("INSERT INTO own VALUES (%s)", [n])
            there = await position_async(primary)
            async with replica.connection() as one:
                await wait_for_async(one, there, timeout=20)
                found = await one.query("SELECT count(*) FROM own")
                assert liteorm.scan_one(found, int) == n + 1


async def test_a_standby_has_no_listeners(three: Cluster) -> None:
    """The server refuses LISTEN in recovery, and that is what is told."""
    async with await open_async(three.standbys[0].dsn) as replica:
        with pytest.raises(liteorm.ReadOnlyTransaction, match="LISTEN"):
            await listen_async(replica, "a")
        with pytest.raises(liteorm.ReadOnlyTransaction, match="NOTIFY"):
            await notify_async(replica, "a", "x")
        assert list(await replica.query("SELECT 1")) == [(1,)]
