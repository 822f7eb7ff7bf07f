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
from liteorm.postgres import AsyncDB, describe_async, open_async
from liteorm.postgres._async.borrow import borrow

pytestmark = pytest.mark.anyio


@liteorm.table("item", key="id")
@attrs.frozen
class Item:
    """A row whose name may not be longer than two characters."""

    id: int
    name: str = "x"


async def _stream(session: Any, sql: str) -> None:
    async with session.stream(sql) as rows:
        async for _ in rows:
            pass


async def _copy_out(session: Any, sql: str) -> None:
    async with session.copy_out(sql) as blocks:
        async for _ in blocks:
            pass


async def _batch(session: Any, sql: str) -> None:
    async with session.batch() as batch:
        batch.query("SELECT 1")
        batch.query(sql)


async def _transaction(session: Any) -> None:
    async with session.transaction() as tx:
        await tx.execute("SELECT 1/0")


async def _swallowed(session: Any) -> None:
    async with session.transaction() as tx:
        with pytest.raises(liteorm.DataError):
            await tx.execute("SELECT 1/0")


async def _commit(session: Any) -> None:
    async with session.transaction() as tx:
        await tx.execute("SET CONSTRAINTS ALL DEFERRED; INSERT INTO child VALUES (99)")


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
    "describe": lambda db: describe_async(db, "SELECT nope"),
    "stream": lambda db: _stream(db, BAD),
    "stream, refused": lambda db: _stream(db, "SELECT nope"),
    "copy_out": lambda db: _copy_out(db, BAD),
    "batch": lambda db: _batch(db, BAD),
    "transaction": _transaction,
    "swallowed": _swallowed,
    "commit": _commit,
}


@pytest.fixture
async def db(liteorm_async_db: AsyncDB) -> AsyncDB:
    """The tables, and a row that another one refers to."""
    await liteorm_async_db.execute("""
        CREATE TABLE item (id int PRIMARY KEY, name varchar(2));
        INSERT INTO item VALUES (1, 'x'), (2, 'y');
        CREATE TABLE child (id int REFERENCES item DEFERRABLE);
        INSERT INTO child VALUES (1)
    """)
    return liteorm_async_db


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
async def test_a_call_that_failed_leaves_no_frame_to_the_collector(
    db: AsyncDB, name: str, inside: bool
) -> None:
    """An exception whose frames hold it keeps its connection: what waits for one would go on."""
    with _kept() as kept:
        try:
            if inside:
                async with db.transaction() as tx:
                    await CALLS[name](tx)
            else:
                await CALLS[name](db)
        except (liteorm.Error, TypeError):
            pass
        else:
            raise AssertionError("it did not fail")
    assert kept == []


async def _ended_transaction(db: AsyncDB) -> Any:
    async with db.transaction() as tx, tx.transaction() as inner:
        await inner.query("SELECT 1")
    return tx, inner


async def _ended_stream(db: AsyncDB) -> Any:
    stream = db.stream("SELECT g FROM generate_series(1, 4000) g")
    async with stream as rows:
        iterator = rows.__aiter__()
        async for _ in iterator:
            break
    return stream, rows, iterator


async def _ended_copy(db: AsyncDB) -> Any:
    copy = db.copy_out("SELECT g FROM generate_series(1, 400000) g")
    async with copy as blocks:
        async for _ in blocks:
            break
    return copy, blocks


async def _ended_connection(db: AsyncDB) -> Any:
    async with db.connection() as connection, connection.transaction() as tx:
        await tx.query("SELECT 1")
    return connection, tx


async def _ended_batch(db: AsyncDB) -> Any:
    async with db.batch() as batch:
        waiting = batch.query("SELECT 1")
    return batch, waiting


@pytest.mark.parametrize(
    "ended", [_ended_transaction, _ended_stream, _ended_copy, _ended_connection, _ended_batch]
)
async def test_what_has_ended_holds_no_connection(liteorm_database: Any, ended: Any) -> None:
    """A variable keeps it, while a later interruption loses the connection: it is replaced."""
    async with await open_async(liteorm_database.dsn, max_size=1, timeout=5) as db:
        kept = await ended(db)
        gc.disable()
        try:
            await borrow(db._state)
            assert list(await db.query("SELECT 1")) == [(1,)]
        finally:
            gc.enable()
        assert kept
