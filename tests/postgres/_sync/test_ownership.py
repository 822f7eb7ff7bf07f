# Generated from tests/postgres/_async/test_ownership.py by .ci/unasync.py: edit that file, not this one.
"""State belongs to its owner: nesting by context, what is lost is given back, closing again."""

from __future__ import annotations

import gc
import warnings
from typing import Any

import psycopg
import pytest

import liteorm
from liteorm.postgres import DB, Tx, listen, open, session
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


def replaced(db: DB, what: str) -> None:
    """Lose something, and have its connection's place."""
    collected(db, what)
    assert list(db.query("SELECT 1")) == [(1,)]


@pytest.mark.parametrize("what", LOSING)
def test_what_is_lost_gives_its_connection_back(db: DB, what: str) -> None:
    """Collected without an end: a ResourceWarning, and the pool has its connection again."""
    for _ in range(3):
        # Whoever records warnings, as pytest does, holds what they are about.
        with pytest.warns(ResourceWarning, match="its connection is dropped"):
            replaced(db, what)
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


READING: dict[str, Any] = {
    "stream": lambda session: session.stream("SELECT generate_series(1, 10000000)"),
    "copy": lambda session: session.copy_out("SELECT generate_series(1, 10000000)"),
}


def begin_and_lose(session: Any, what: str) -> Any:
    """Open a stream or a COPY, keep what is read with, and lose its block."""
    reader = READING[what](session).__enter__()
    gc.collect()
    return reader


def check_goes_on(session: Any, what: str) -> None:
    """Lose one: the next call ends it and does its own work, and who still reads is told."""
    for _ in range(2):
        with pytest.warns(ResourceWarning):
            reader = begin_and_lose(session, what)
        assert [*session.query("SELECT 1")] == [(1,)]
        with pytest.raises(liteorm.TransactionError, match="has been closed"):
            for _ in reader:
                pass
        session.execute("INSERT INTO item VALUES (1)")


@pytest.mark.parametrize("limit", [None, 20.0])
@pytest.mark.parametrize("what", READING)
def test_what_is_lost_on_a_held_connection_is_ended_by_the_next_call(
    liteorm_database: Any, what: str, limit: float | None
) -> None:
    """On a held connection, in a transaction, at its end and on somebody else's connection."""
    with open(liteorm_database.dsn, max_size=1, statement_timeout=limit) as db:
        db.execute("CREATE TABLE item (id int)")
        with db.connection() as held:
            check_goes_on(held, what)
            with held.transaction() as tx:
                check_goes_on(tx, what)
            shown = held.query("SHOW statement_timeout")
            assert [*shown] == [("20s" if limit else "0",)]
        with db.transaction() as tx:
            check_goes_on(tx, what)
            tx.execute("INSERT INTO item VALUES (2)")
            with pytest.warns(ResourceWarning):
                begin_and_lose(tx, what)
        assert len(db.query("SELECT FROM item WHERE id = 2")) == 1
        with db.connection() as held:
            with pytest.warns(ResourceWarning):
                begin_and_lose(held, what)
        assert (db.stats().in_use, db.stats().lost) == (0, 0)
    for autocommit in (True, False):
        connect: Any = psycopg.Connection.connect
        with connect(liteorm_database.dsn, autocommit=autocommit) as owner:
            check_goes_on(session(owner), what)
            owner.execute("SELECT 1")
