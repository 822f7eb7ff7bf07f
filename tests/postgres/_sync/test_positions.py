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


def test_a_position_between_pages_is_reached(servers: Cluster) -> None:
    """Where the next record will begin behind a header, nothing has to come for the wait to end."""
    with (
        open(servers.primary.dsn) as primary,
        open(servers.standbys[0].dsn) as replica,
    ):
        insert = "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::int8"
        emit = "SELECT pg_logical_emit_message(false, '', repeat('x', %s))::text"

        def written(length: int) -> int:
            """Write a record with so much in it; return where the next one will begin."""
            primary.query(emit, [length])
            return liteorm.scan_one(primary.query(insert), int)

        # The next segment begins with a header of 40 bytes, and nothing after it yet.
        primary.query("SELECT pg_switch_wal()::text")
        there = liteorm.scan_one(primary.query(insert), int)
        wait_for(replica, position(primary), timeout=5)
        assert there % 8192 == 40
        # A record that fills its page: the next one begins with a header of 24 bytes.
        start = written(1000)
        rest = (written(1000) - start) - 1000
        for _ in range(50):
            left = 8192 - written(16) % 8192
            if left > 2 * rest and written(left - rest) % 8192 == 24:
                break
        else:
            raise AssertionError("no record filled its page")
        wait_for(replica, position(primary), timeout=5)


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
        with pytest.raises(TimeoutError, match=r"within 0\.2 s: \d+ bytes are missing"):
            wait_for(replica, there, timeout=0.2)
        with pytest.raises(TimeoutError, match="the replica was not at that position"):
            wait_for(replica, there, timeout=0.0001)
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
