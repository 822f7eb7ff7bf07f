# Generated from tests/postgres/_async/test_no_cycles.py by .ci/unasync.py: edit that file, not this one.
"""What an error leaves behind: no frame that holds a connection until the collector comes."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import attrs
import pytest

import liteorm
from liteorm.postgres import DB, describe, open
from liteorm.postgres._sync.borrow import borrow



@liteorm.table("item", key="id")
@attrs.frozen
class Item:
    """A row whose name may not be longer than two characters."""

    id: int
    name: str = "x"


def _stream(session: Any, sql: str) -> None:
    with session.stream(sql) as rows:
        for _ in rows:
            pass


def _copy_out(session: Any, sql: str) -> None:
    with session.copy_out(sql) as blocks:
        for _ in blocks:
            pass


def _batch(session: Any, sql: str) -> None:
    with session.batch() as batch:
        batch.query("SELECT 1")
        batch.query(sql)


def _transaction(session: Any) -> None:
    with session.transaction() as tx:
        tx.execute("SELECT 1/0")


def _swallowed(session: Any) -> None:
    with session.transaction() as tx:
        with pytest.raises(liteorm.DataError):
            tx.execute("SELECT 1/0")


def _commit(session: Any) -> None:
    with session.transaction() as tx:
        tx.execute("SET CONSTRAINTS ALL DEFERRED; INSERT INTO child VALUES (99)")


LONG = Item(3, "long")
BAD = "SELECT 1 / (g - 3000) FROM generate_series(1, 4000) g"
CALLS: dict[str, Callable[[Any], Any]] = {
    "query": lambda db: db.query(BAD),
    "query, limited": lambda db: db.query("SELECT pg_sleep(9)", timeout=0.05),
    "query, parameters": lambda db: db.query("SELECT %s", [object()]),
    "execute": lambda db: db.execute(BAD),
    "script": lambda db: db.execute(f"SELECT 1; {BAD}"),
    "execute_many": lambda db: db.execute_many("SELECT 1 / %s", [[1], [0]]),
    "insert": lambda db: db.insert(LONG),
    "update": lambda db: db.update(Item(1, "long")),
    "upsert": lambda db: db.upsert(LONG),
    "delete": lambda db: db.delete(Item(1)),
    "patch": lambda db: db.patch(Item, 1, {"name": "long"}),
    "get": lambda db: db.get(Item, 99),
    "insert_many": lambda db: db.insert_many([Item(4), LONG]),
    "upsert_many": lambda db: db.upsert_many([Item(4), LONG]),
    "update_many": lambda db: db.update_many([Item(1), Item(2, "long")]),
    "delete_many": lambda db: db.delete_many(Item, [1, "x"]),
    "insert_returning": lambda db: db.insert_returning([Item(4), LONG]),
    "describe": lambda db: describe(db, "SELECT nope"),
    "stream": lambda db: _stream(db, BAD),
    "stream, refused": lambda db: _stream(db, "SELECT nope"),
    "copy_out": lambda db: _copy_out(db, BAD),
    "batch": lambda db: _batch(db, BAD),
    "transaction": _transaction,
    "swallowed": _swallowed,
    "commit": _commit,
}


@pytest.fixture
def db(liteorm_db: DB) -> DB:
    """The tables, and a row that another one refers to."""
    liteorm_db.execute("""
        CREATE TABLE item (id int PRIMARY KEY, name varchar(2));
        INSERT INTO item VALUES (1, 'x'), (2, 'y');
        CREATE TABLE child (id int REFERENCES item DEFERRABLE);
        INSERT INTO child VALUES (1)
    """)
    return liteorm_db


def _held(frame: FrameType) -> str:
    return ", ".join(
        name for name, value in frame.f_locals.items() if isinstance(value, BaseException)
    )


@contextmanager
def _kept() -> Generator[list[str]]:
    """The frames of liteorm that only the collector would free after this block."""
    found: list[str] = []
    gc.disable()
    gc.freeze()  # what others left is not looked at
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found += [
            f"{each.f_code.co_filename}:{each.f_lineno} {each.f_code.co_name}({_held(each)})"
            for each in gc.garbage
            if isinstance(each, FrameType) and "/liteorm/" in each.f_code.co_filename
        ]
    finally:
        gc.set_debug(0)
        gc.unfreeze()
        gc.garbage.clear()
        gc.enable()


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "inside"])
@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_failed_leaves_no_frame_to_the_collector(
    db: DB, name: str, inside: bool
) -> None:
    """An exception whose frames hold it keeps its connection: what waits for one would go on."""
    with _kept() as kept:
        try:
            if inside:
                with db.transaction() as tx:
                    CALLS[name](tx)
            else:
                CALLS[name](db)
        except (liteorm.Error, TypeError):
            pass
        else:
            raise AssertionError("it did not fail")
    assert kept == []


def _ended_transaction(db: DB) -> Any:
    with db.transaction() as tx, tx.transaction() as inner:
        inner.query("SELECT 1")
    return tx, inner


def _ended_stream(db: DB) -> Any:
    stream = db.stream("SELECT g FROM generate_series(1, 4000) g")
    with stream as rows:
        iterator = rows.__iter__()
        for _ in iterator:
            break
    return stream, rows, iterator


def _ended_copy(db: DB) -> Any:
    copy = db.copy_out("SELECT g FROM generate_series(1, 400000) g")
    with copy as blocks:
        for _ in blocks:
            break
    return copy, blocks


def _ended_connection(db: DB) -> Any:
    with db.connection() as connection, connection.transaction() as tx:
        tx.query("SELECT 1")
    return connection, tx


def _ended_batch(db: DB) -> Any:
    with db.batch() as batch:
        waiting = batch.query("SELECT 1")
    return batch, waiting


@pytest.mark.parametrize(
    "ended", [_ended_transaction, _ended_stream, _ended_copy, _ended_connection, _ended_batch]
)
def test_what_has_ended_holds_no_connection(liteorm_database: Any, ended: Any) -> None:
    """A variable keeps it, while a later interruption loses the connection: it is replaced."""
    with open(liteorm_database.dsn, max_size=1, timeout=5) as db:
        kept = ended(db)
        gc.disable()
        try:
            borrow(db._state)
            assert list(db.query("SELECT 1")) == [(1,)]
        finally:
            gc.enable()
        assert kept
