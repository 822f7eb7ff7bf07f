"""Reading one's own writes from a replica."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import liteorm
from liteorm.postgres import AsyncDB, open_async, position_async, wait_for_async
from liteorm_testing import Cluster, cluster

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def servers() -> Iterator[Cluster]:
    """A primary with a standby, and a table."""
    with cluster(standbys=1) as found:
        yield found


async def test_a_replica_shows_what_was_written_before_the_position(servers: Cluster) -> None:
    """Each of many writes is there as soon as the wait for its position has ended."""
    async with (
        await open_async(servers.primary.dsn) as primary,
        await open_async(servers.standbys[0].dsn) as replica,
    ):
        await primary.execute("CREATE TABLE written (n int)")
        for n in range(1, 101):
            await primary.execute("INSERT INTO written VALUES (%s)", [n])
            await wait_for_async(replica, await position_async(primary), timeout=20)
            count = await replica.query("SELECT count(*) FROM written")
            assert liteorm.scan_one(count, int) == n
        async with replica.transaction() as tx:
            await wait_for_async(tx, await position_async(replica), timeout=5)


async def test_a_replica_that_stands_still_is_waited_for_no_longer_than_asked(
    servers: Cluster,
) -> None:
    """A wait for what does not come ends in a TimeoutError; it goes on where replay goes on."""
    async with (
        await open_async(servers.primary.dsn) as primary,
        await open_async(servers.standbys[0].dsn) as replica,
    ):
        await replica.query("SELECT pg_wal_replay_pause()::text")
        await primary.execute("CREATE TABLE later (n int)")
        there = await position_async(primary)
        with pytest.raises(TimeoutError):
            await wait_for_async(replica, there, timeout=0.2)
        await replica.query("SELECT pg_wal_replay_resume()::text")
        await wait_for_async(replica, there, timeout=20)


async def test_a_primary_is_not_waited_for(liteorm_async_db: AsyncDB) -> None:
    """What is behind everything that it ever wrote is there too: it is no replica."""
    await wait_for_async(liteorm_async_db, "FFFFFFFF/FFFFFFFF", timeout=5)


@pytest.mark.parametrize(
    ("position", "error"), [("", ValueError), ("0/3x", ValueError), (5, TypeError)]
)
async def test_what_is_no_position_is_refused(
    liteorm_async_db: AsyncDB, position: Any, error: type[Exception]
) -> None:
    """It is refused before anything is sent."""
    with pytest.raises(error, match="position"):
        await wait_for_async(liteorm_async_db, position)
