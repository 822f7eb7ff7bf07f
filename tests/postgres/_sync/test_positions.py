# Generated from tests/postgres/_async/test_positions.py by .ci/unasync.py: edit that file, not this one.
"""Reading one's own writes from a replica."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import liteorm
from liteorm.postgres import DB, open, position, wait_for
from liteorm_testing import Cluster, cluster



@pytest.fixture(scope="module")
def servers() -> Iterator[Cluster]:
    """A primary with a standby, and a table."""
    with cluster(standbys=1) as found:
        yield found


def test_a_replica_shows_what_was_written_before_the_position(servers: Cluster) -> None:
    """Each of many writes is there as soon as the wait for its position has ended."""
    with (
        open(servers.primary.dsn) as primary,
        open(servers.standbys[0].dsn) as replica,
    ):
        primary.execute("CREATE TABLE written (n int)")
        for n in range(1, 101):
            primary.execute("INSERT INTO written VALUES (%s)", [n])
            wait_for(replica, position(primary), timeout=20)
            count = replica.query("SELECT count(*) FROM written")
            assert liteorm.scan_one(count, int) == n
        with replica.transaction() as tx:
            wait_for(tx, position(replica), timeout=5)


def test_a_replica_that_stands_still_is_waited_for_no_longer_than_asked(
    servers: Cluster,
) -> None:
    """A wait for what does not come ends in a TimeoutError; it goes on where replay goes on."""
    with (
        open(servers.primary.dsn) as primary,
        open(servers.standbys[0].dsn) as replica,
    ):
        replica.query("SELECT pg_wal_replay_pause()::text")
        primary.execute("CREATE TABLE later (n int)")
        there = position(primary)
        with pytest.raises(TimeoutError):
            wait_for(replica, there, timeout=0.2)
        replica.query("SELECT pg_wal_replay_resume()::text")
        wait_for(replica, there, timeout=20)


def test_a_primary_is_not_waited_for(liteorm_db: DB) -> None:
    """What is behind everything that it ever wrote is there too: it is no replica."""
    wait_for(liteorm_db, "FFFFFFFF/FFFFFFFF", timeout=5)


@pytest.mark.parametrize(
    ("position", "error"), [("", ValueError), ("0/3x", ValueError), (5, TypeError)]
)
def test_what_is_no_position_is_refused(
    liteorm_db: DB, position: Any, error: type[Exception]
) -> None:
    """It is refused before anything is sent."""
    with pytest.raises(error, match="position"):
        wait_for(liteorm_db, position)
