# Generated from tests/postgres/_async/test_lent_connections.py by .ci/unasync.py: edit that file, not this one.
"""Sessions on a connection that somebody else owns: SQLAlchemy's, Django's, psycopg's own."""

from __future__ import annotations

import datetime as dt
import gc
from typing import Any

import attrs
import psycopg
import pytest

import liteorm
from liteorm.postgres import DB, notify, session


SCHEMA = """
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL, mood mood, span daterange);
"""


@liteorm.table("item", key="id")
@attrs.frozen
class Item:
    """A row of the table."""

    id: int
    name: str = ""
    mood: str | None = None
    span: liteorm.Range[dt.date] | None = None


@pytest.fixture
def db(liteorm_db: DB) -> DB:
    """A database with the table."""
    liteorm_db.execute(SCHEMA)
    return liteorm_db


SPAN = liteorm.Range(dt.date(2024, 1, 1), dt.date(2024, 2, 1))


LONG: Any = "SELECT g FROM generate_series(1, 1000000) g"


def every_call(session: liteorm.Session) -> None:
    """Use each call of a session."""
    first = Item(1, "a", "good", SPAN)
    assert session.insert(first) == first
    assert session.get(Item, 1) == first
    assert (session.update(Item(1, "b"))).name == "b"
    assert (session.patch(Item, 1, {"name": "c"})).mood is None
    assert (session.upsert(Item(2), update=())) == Item(2)
    assert session.insert_many([Item(n, mood="bad") for n in range(10, 20)]) == 10
    assert session.upsert_many([Item(2, "x"), Item(3, "y")]) == 2
    assert session.insert_returning([Item(4), Item(5)]) == [Item(4), Item(5)]
    assert session.update_many([Item(4, "four")]) == 1
    assert session.delete_many(Item, [5]) == 1
    assert session.delete(Item(4)) is True
    session.execute_many("UPDATE item SET name = %s WHERE id = %s", [("z", 2), ("z", 3)])
    rows = session.query("SELECT * FROM item WHERE id = ANY(%s) ORDER BY id", [[1, 2, 3]])
    assert [item.name for item in liteorm.scan(rows, Item)] == ["c", "z", "z"]
    with session.stream("SELECT * FROM item", batch_size=2) as stream:
        for item in liteorm.scan_iter(stream, Item):
            assert item.id > 0
            break
    with pytest.raises(liteorm.UniqueViolation):
        with session.transaction() as inner:
            inner.execute("UPDATE item SET name = 'lost'")
            inner.insert(Item(1))
    with session.transaction() as inner:
        inner.execute("UPDATE item SET name = 'kept' WHERE id = 1")
        with inner.transaction() as deeper:
            deeper.insert(Item(6))
    assert (session.get(Item, 1)).name == "kept"
    with pytest.raises(liteorm.StatementError, match="COMMIT cannot be sent as text"):
        session.execute("COMMIT")


def test_every_call_works_in_the_owners_transaction(
    db: DB, liteorm_database: Any
) -> None:
    """Nothing is committed, and what the owner rolls back is gone."""
    with psycopg.Connection.connect(liteorm_database.dsn) as owner:
        owner.execute("INSERT INTO item VALUES (100, 'owner')")
        inside = session(owner)
        every_call(inside)
        assert owner.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        assert len(db.query("SELECT 1 FROM item")) == 0
        with pytest.raises(ValueError, match="belong to the owner's transaction"):
            inside.transaction(read_only=True)
        owner.rollback()
        assert len(db.query("SELECT 1 FROM item")) == 0
        every_call(session(owner))
        owner.commit()
    assert len(db.query("SELECT 1 FROM item")) == 14


def test_an_owner_in_autocommit(db: DB, liteorm_database: Any) -> None:
    """Statements are on their own, and a block is a transaction."""
    owner = psycopg.Connection.connect(liteorm_database.dsn, autocommit=True)
    with owner:
        inside = session(owner)
        inside.insert(Item(50))
        assert len(db.query("SELECT 1 FROM item")) == 1
        with inside.transaction(settings={"app.x": "1"}) as tx:
            tx.insert(Item(51))
            assert len(db.query("SELECT 1 FROM item")) == 1
        inside.delete_many(Item, [50, 51])
        every_call(inside)
        assert owner.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        with owner.transaction():
            session(owner).insert(Item(60))
    assert len(db.query("SELECT 1 FROM item")) == 15


def in_a_batch(session: liteorm.Session, *statements: Any) -> None:
    """Send the statements together."""
    with session.batch() as batch:
        for sql in statements:
            batch.execute(sql)


def read_all(reading: Any) -> None:
    """Read to the end."""
    with reading as data:
        for _ in data:
            pass


def in_a_block(session: liteorm.Session) -> None:
    """Fail in a transaction."""
    with session.transaction() as tx:
        tx.insert(Item(1))


BROKEN: Any = "SELECT 1 / 0"
LATE: Any = "SELECT 1 / (200000 - g) FROM generate_series(1, 300000) g"


@pytest.mark.parametrize(
    "call",
    [
        lambda session: session.query(BROKEN),
        lambda session: session.query("SELECT pg_sleep(5)", timeout=0.1),
        lambda session: session.query("SELECT %s", [object()]),
        lambda session: session.execute("UPDATE item SET name = 'lost'; SELECT 1 / 0"),
        lambda session: session.insert(Item(1)),
        lambda session: session.patch(Item, 1, {"name": None}),
        lambda session: session.upsert(Item(1, mood="no such")),
        lambda session: session.insert_many([Item(5), Item(1)]),
        lambda session: session.insert_returning([Item(5), Item(1)]),
        lambda session: session.insert_returning([Item(5), Item(6, mood="no such")]),
        lambda session: session.upsert_many([Item(5), Item(5)]),
        lambda session: session.update_many([Item(1, "lost"), Item(1)]),
        lambda session: session.execute_many("INSERT INTO item VALUES (%s, '')", [(5,), (1,)]),
        lambda session: in_a_batch(session, "UPDATE item SET name = 'lost'", BROKEN),
        lambda session: in_a_batch(session, BROKEN, "SELECT 1"),
        lambda session: read_all(session.stream(LATE)),
        lambda session: read_all(session.copy_out(LATE)),
        in_a_block,
    ],
)
def test_what_fails_leaves_an_owner_in_autocommit_idle(
    db: DB, liteorm_database: Any, call: Any
) -> None:
    """No transaction that a call began for itself stays open, and nothing of it is stored."""
    db.insert(Item(1, "kept"))
    owner = psycopg.Connection.connect(liteorm_database.dsn, autocommit=True)
    with owner:
        with pytest.raises(liteorm.Error):
            call(session(owner))
        assert owner.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        owner.execute("INSERT INTO item VALUES (2, 'owner')")
    rows = db.query("SELECT name FROM item ORDER BY id")
    assert liteorm.scan(rows, str) == ["kept", "owner"]


def test_the_owners_connection_is_as_it_was(db: DB, liteorm_database: Any) -> None:
    """No adapter, no handler and no prepared statement of ours is left; it is not closed."""
    heard: list[str] = []
    with psycopg.Connection.connect(liteorm_database.dsn) as owner:
        owner.add_notice_handler(lambda diag: heard.append(diag.message_primary or ""))
        before = (owner.pgconn.notice_handler, owner.pgconn.notify_handler)
        cursor = owner.execute("SELECT daterange('2024-01-01', '2024-02-01'), 'good'::mood")
        plain = cursor.fetchone()
        inside = session(owner)
        for _ in range(8):
            inside.query("SELECT %s::int", [5])
        inside.execute("DO $$ BEGIN RAISE NOTICE 'hello'; END $$")
        cursor = owner.execute("SELECT daterange('2024-01-01', '2024-02-01'), 'good'::mood")
        assert cursor.fetchone() == plain
        for number in range(8):
            owner.execute("SELECT %s::int", [number])
        assert (owner.pgconn.notice_handler, owner.pgconn.notify_handler) == before
        assert heard == ["hello"]
        prepared = owner.execute("SELECT count(*) FROM pg_prepared_statements")
        assert prepared.fetchone() == (1,)
        notify(inside, "channel", "x")
        owner.commit()
        assert not owner.closed


def let_go(held: list[Any]) -> None:
    """Hold it no more, and have it collected."""
    held.clear()
    gc.collect()


def test_what_is_lost_on_it_is_told_as_it_is(db: DB, liteorm_database: Any) -> None:
    """The owner's connection is never dropped: what is left on it is said instead."""
    for lost, told in (
        ("transaction", "part of its owner's"),
        ("stream", "until a session on it is used again"),
    ):
        with psycopg.Connection.connect(liteorm_database.dsn) as owner:
            inside = session(owner)
            block = inside.transaction() if lost == "transaction" else inside.stream(LONG)
            block.__enter__()
            held = [inside, block]
            del inside, block
            with pytest.warns(ResourceWarning, match=told):
                let_go(held)
            assert not owner.closed
            if lost == "transaction":
                owner.execute("SELECT 1")
            else:
                owner.close()


@pytest.mark.parametrize("sql", ["DEALLOCATE ALL", "SELECT 1; DEALLOCATE ALL", "DISCARD ALL"])
def test_the_owner_knows_what_is_not_prepared_any_more(
    liteorm_database: Any, sql: Any
) -> None:
    """What the driver of the owner had prepared is prepared again after it was dropped."""
    connect: Any = psycopg.Connection.connect
    with connect(liteorm_database.dsn, autocommit=True) as owner:
        for _ in range(8):
            owner.execute("SELECT %s::int", [1])
        session(owner).execute(sql)
        for _ in range(8):
            owner.execute("SELECT %s::int", [1])


def test_errors_are_ours(db: DB, liteorm_database: Any) -> None:
    """A failed statement spoils the owner's transaction as any does; a lost connection is said."""
    with psycopg.Connection.connect(liteorm_database.dsn) as owner:
        inside = session(owner)
        with pytest.raises(liteorm.UndefinedTable):
            inside.query("SELECT 1 FROM nothing")
        with pytest.raises(liteorm.InFailedTransaction):
            inside.query("SELECT 1")
        owner.rollback()
        assert len(inside.query("SELECT 1")) == 1
        [(pid,)] = inside.query("SELECT pg_backend_pid()")
        db.query("SELECT pg_terminate_backend(%s)", [pid])
        with pytest.raises(liteorm.ConnectionLost):
            inside.query("SELECT 1")
        with pytest.raises(liteorm.ConnectionLost):
            session(owner).query("SELECT 1")


def test_what_is_no_connection(db: DB, liteorm_database: Any) -> None:
    """Other things are refused with what to give; so is a connection in another encoding."""
    for wrong in (db, None, "postgresql://"):
        with pytest.raises(TypeError, match=r"takes a psycopg\.\w+, not "):
            session(wrong)  # type: ignore[arg-type]
    dsn = liteorm_database.dsn
    with psycopg.Connection.connect(dsn, client_encoding="latin1") as owner:
        with pytest.raises(liteorm.StatementError, match="liteorm reads UTF-8"):
            session(owner)


@pytest.mark.parametrize("level", [None, *psycopg.IsolationLevel])
@pytest.mark.parametrize("read_only", [None, True, False])
@pytest.mark.parametrize("deferrable", [None, True, False])
def test_a_transaction_begins_as_its_owner_would(
    db: DB, level: Any, read_only: bool | None, deferrable: bool | None
) -> None:
    """Whichever of the two sends the first statement: the same level, and the same rights."""
    shown: Any = """SELECT current_setting('transaction_isolation'),
        current_setting('transaction_read_only'), current_setting('transaction_deferrable')"""
    with psycopg.Connection.connect(db._state.conninfo) as owner:
        owner.set_isolation_level(level)
        owner.set_read_only(read_only)
        owner.set_deferrable(deferrable)
        expected = (owner.execute(shown)).fetchone()
        owner.rollback()
        assert list(session(owner).query(shown)) == [expected]
        assert owner.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        owner.rollback()
