# Generated from tests/postgres/_async/test_ownership.py by .ci/unasync.py: edit that file, not this one.
"""State belongs to its owner: nesting by context, what is lost is given back, closing again."""

from __future__ import annotations

import gc
import warnings
from typing import Any

import pytest

import liteorm
from liteorm.postgres import DB, Tx, listen, open
from tests.postgres.support import Background



@pytest.fixture
def db(liteorm_database: Any) -> Any:
    """A database with one connection, which soon says so if it is lost."""
    with open(liteorm_database.dsn, max_size=1, timeout=15) as opened:
        yield opened


def one(tx: Tx) -> int:
    """Ask for a number."""
    return liteorm.scan_one(tx.query("SELECT 1"), int)


def test_a_block_around_is_seen_at_any_depth(db: DB) -> None:
    """Run inside a block is refused, also from what it calls; after it, and beside it, it works."""
    with db.transaction() as tx:
        with tx.transaction():
            with pytest.raises(liteorm.TransactionError, match="inside an open transaction"):
                db.run(one)
    assert db.run(one) == 1
    tx = db.begin()
    tx.rollback()
    assert db.run(one) == 1


def test_another_database_is_no_matter(db: DB, liteorm_database: Any) -> None:
    """A transaction of one database does not keep another from running its own."""
    with open(liteorm_database.dsn) as other, db.transaction():
        assert other.run(one) == 1


def test_what_is_open_elsewhere_is_no_matter(liteorm_db: DB) -> None:
    """A transaction begun in the background, which has ended, is nobody's that runs now."""
    db = liteorm_db
    with Background() as background:
        txs = [background.start(db.begin).result() for _ in range(3)]
        for _ in range(10):
            assert background.start(db.run, one).result() == 1
        assert db.run(one) == 1
        for tx in txs:
            tx.rollback()


LOSING = [
    *("transaction", "savepoint", "block", "stream", "listener", "copy", "copy being read"),
    *("connection", "transaction on a connection", "stream on a connection"),
]


def lose(db: DB, what: str) -> None:
    """Open something and let go of it."""
    if what == "transaction":
        db.begin()
    elif what == "savepoint":
        tx = db.begin()
        tx.transaction().__enter__()
    elif what == "block":
        db.transaction().__enter__()
    elif what == "stream":
        db.stream("SELECT generate_series(1, 100000)").__enter__()
    elif what.startswith("copy"):
        blocks = db.copy_out("SELECT generate_series(1, 10000000)").__enter__()
        if what != "copy":
            for _ in blocks:
                break
    elif what.endswith("connection"):
        connection = db.connection().__enter__()
        assert len(connection.query("SELECT 1")) == 1
        if what.startswith("transaction"):
            connection.transaction().__enter__()
        elif what.startswith("stream"):
            connection.stream("SELECT generate_series(1, 10000000)").__enter__()
    else:
        listen(db, "a")


def collected(db: DB, what: str) -> None:
    """Open something, let go of it, and have it collected."""
    lose(db, what)
    gc.collect()


@pytest.mark.parametrize("what", LOSING)
def test_what_is_lost_gives_its_connection_back(db: DB, what: str) -> None:
    """Collected without an end: a ResourceWarning, and the pool has its connection again."""
    for _ in range(3):
        with pytest.warns(ResourceWarning, match="its connection is dropped"):
            collected(db, what)
        assert list(db.query("SELECT 1")) == [(1,)]
    assert db.stats().in_use == 0
    assert db.stats().size == 1


def test_what_is_closed_does_not_warn(db: DB) -> None:
    """Each of them ended as it should: nothing is said when it is collected."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tx = db.begin()
        tx.commit()
        with db.stream("SELECT generate_series(1, 100000)") as rows:
            for _ in rows:
                break
        with listen(db, "a"):
            pass
        with db.copy_out("SELECT generate_series(1, 100000)") as blocks:
            for _ in blocks:
                break
        with db.connection() as connection:
            connection.query("SELECT 1")
        with db.batch() as batch:
            batch.query("SELECT 1")
        del tx, rows, blocks, connection, batch
        gc.collect()
        assert list(db.query("SELECT 1")) == [(1,)]
