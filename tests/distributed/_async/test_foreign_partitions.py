"""Four foreign partitions on two servers: every call, the order of rows, and COMMIT that fails."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Annotated, Any

import attrs
import pytest

import liteorm
from liteorm import Column
from liteorm.postgres import AsyncDB, AsyncTx, open_async
from tests.distributed.shards import Shards

pytestmark = pytest.mark.anyio


@liteorm.table("item", key="id", version="version")
@attrs.frozen
class Item:
    """A row, whose partition its key decides."""

    id: int
    name: str
    version: int = 1


@liteorm.table("item", key="id")
@attrs.frozen
class Numbered:
    """A row whose key the coordinator gives."""

    name: str
    id: Annotated[int, Column(generated=True)] = 0


@liteorm.table("late", key="id")
@attrs.frozen
class Late:
    """A row whose uniqueness its server looks at in COMMIT."""

    id: int


@pytest.fixture
async def db(spread: Shards) -> AsyncGenerator[AsyncDB]:
    """The coordinator's database, without rows."""
    spread.clear()
    async with await open_async(spread.dsn, max_size=2, statement_timeout=20) as opened:
        yield opened


def _items(count: int) -> list[Item]:
    return [Item(n * 7919 % count, f"name {n}") for n in range(count)]


async def _all(db: AsyncDB) -> list[Item]:
    return liteorm.scan(await db.query("SELECT id, name, version FROM item ORDER BY id"), Item)


async def test_every_call_on_one_row(db: AsyncDB, spread: Shards) -> None:
    """Rows are inserted, read, changed and deleted wherever they are."""
    for item in _items(12):
        assert await db.insert(item) == item
    assert all(spread.parts())
    for n in range(12):
        found = await db.get(Item, n)
        raised = attrs.evolve(found, name="new", version=2)
        assert await db.update(attrs.evolve(found, name="new")) == raised
        with pytest.raises(liteorm.StaleRow):
            await db.update(found)
        assert await db.patch(Item, n, {"name": "newer"}, version=2) == Item(n, "newer", 3)
        assert await db.delete(Item(n, "", 3))
    assert await _all(db) == []
    made = await db.insert(Numbered("given a key"))
    assert await db.get(Numbered, made.id) == made


@pytest.mark.parametrize("count", [1, 2, 700])
@pytest.mark.parametrize("start", ["alone", "in a transaction"])
async def test_insert_returning_keeps_the_order(db: AsyncDB, count: int, start: str) -> None:
    """The rows come back in the order of the objects, not server by server."""
    items = _items(count)
    if start == "alone":
        assert await db.insert_returning(items) == items
    else:
        async with db.transaction() as tx:
            assert await tx.insert_returning(items) == items
    assert await _all(db) == sorted(items, key=lambda item: item.id)
    names = [Numbered(f"numbered {n}") for n in range(count)]
    made = await db.insert_returning(names)
    assert [one.name for one in made] == [one.name for one in names]
    assert len({one.id for one in made}) == count


async def test_many_rows_by_copy_and_by_key(db: AsyncDB, spread: Shards) -> None:
    """COPY goes to all partitions; updates and deletes by key find them there."""
    items = _items(3000)
    assert await db.insert_many(items) == 3000
    assert sorted(key for part in spread.parts() for key in part) == list(range(3000))
    assert min(map(len, spread.parts())) > 500
    some = [attrs.evolve(item, name="changed") for item in items[::3]]
    assert await db.update_many(some) == 1000
    changed = [item for item in await _all(db) if item.name == "changed"]
    assert [item.id for item in changed] == sorted(item.id for item in some)
    assert {item.version for item in changed} == {2}
    assert await db.update_many(some) == 0  # their version is not the row's any more
    with pytest.raises(liteorm.DataError, match="comes twice"):
        await db.update_many([changed[0], changed[0]])
    assert await db.delete_many(Item, range(1000, 5000)) == 2000
    assert [item.id for item in await _all(db)] == list(range(1000))


async def test_statements_streams_batches_and_copy_out(db: AsyncDB) -> None:
    """Reading and writing text works as on one server."""
    await db.insert_many(_items(500))
    async with db.stream("SELECT id FROM item ORDER BY id", batch_size=50) as rows:
        assert [key async for (key,) in rows] == list(range(500))
    await db.execute_many("UPDATE item SET name = %s WHERE id = %s", [("x", n) for n in range(9)])
    async with db.batch() as batch:
        counted = batch.query("SELECT count(*) FROM item WHERE name = %s", ["x"])
        batch.query("DELETE FROM item WHERE id >= %s", [9])
    assert list(counted.result()) == [(9,)]
    out = "SELECT id FROM item ORDER BY id"
    async with db.copy_out(out, format="csv") as blocks:
        assert b"".join([bytes(block) async for block in blocks]).split() == [
            str(n).encode() for n in range(9)
        ]


_WRITES: list[Callable[[Any], Awaitable[Any]]] = [
    lambda session: session.insert_many([Item(n, "good") for n in range(50)] + [Item(77, "bad")]),
    lambda session: session.insert_returning(
        [Item(n, "good") for n in range(50)] + [Item(77, "bad")]
    ),
    lambda session: session.execute_many(
        "INSERT INTO item VALUES (%s, %s)", [(n, "good") for n in range(50)] + [(77, "bad")]
    ),
    lambda session: session.update_many([Item(1000, "fine"), Item(1001, "bad")]),
]


@pytest.mark.parametrize("write", _WRITES, ids=["copy", "returning", "sets", "update"])
async def test_what_one_server_refuses_is_stored_on_none(
    db: AsyncDB, write: Callable[[Any], Awaitable[Any]]
) -> None:
    """A violation on one of the servers undoes the rows on the other, and its class is told."""
    there = [Item(1000, "first"), Item(1001, "second")]
    await db.insert_many(there)
    with pytest.raises(liteorm.CheckViolation) as caught:
        await write(db)
    assert caught.value.sqlstate == "23514"
    # postgres_fdw hands on the sentence, not the names: those of the other server.
    assert re.fullmatch(r"item_\d_name_check", str(caught.value.constraint))
    assert re.fullmatch(r"item_\d", str(caught.value.table))
    assert await _all(db) == there


async def test_upsert_says_that_there_is_no_such_key(db: AsyncDB) -> None:
    """No unique index spans foreign partitions: ON CONFLICT is refused by the server."""
    with pytest.raises(liteorm.StatementError) as caught:
        await db.upsert(Item(1, "x"))
    assert caught.value.sqlstate == "42P10"
    with pytest.raises(liteorm.StatementError) as caught:
        await db.upsert_many([Item(1, "x"), Item(2, "y")])
    assert caught.value.sqlstate == "42P10"
    assert await _all(db) == []


async def _transaction(db: AsyncDB, during: Callable[[AsyncTx], Awaitable[Any]]) -> None:
    async with db.transaction() as tx:
        await during(tx)


async def _begun(db: AsyncDB, during: Callable[[AsyncTx], Awaitable[Any]]) -> None:
    async with await db.begin() as tx:
        await during(tx)
        await tx.commit()


async def _run(db: AsyncDB, during: Callable[[AsyncTx], Awaitable[Any]]) -> None:
    await db.run(during)


@pytest.mark.parametrize("way", [_transaction, _begun, _run], ids=["block", "begun", "run"])
async def test_a_server_that_goes_away_before_commit_leaves_it_open(
    db: AsyncDB, spread: Shards, way: Callable[..., Awaitable[None]]
) -> None:
    """COMMIT answered with a connection error of another server: one part may be stored."""
    keys = {place: part[0] for place, part in enumerate(await _keys_by_part(db, spread))}
    attempts = 0

    async def during(tx: AsyncTx) -> None:
        nonlocal attempts
        attempts += 1
        await tx.insert_many([Item(key, "open") for key in keys.values()])
        assert spread.hang_up(1) == 1

    with pytest.raises(liteorm.CommitUnknown) as caught:
        await way(db, during)
    assert str(caught.value.sqlstate)[:2] == "08"
    assert attempts == 1
    assert not caught.value.retryable
    # The connection itself is there, and goes on.
    await db.insert(Item(keys[1], "after"))
    assert len(await _all(db)) in (1, 3)


async def _keys_by_part(db: AsyncDB, spread: Shards) -> list[list[int]]:
    await db.insert_many(_items(40))
    parts = spread.parts()
    spread.clear()
    return parts


async def test_a_batch_whose_commit_meets_a_lost_server_leaves_it_open_too(
    db: AsyncDB, spread: Shards
) -> None:
    """A batch is a transaction as well, and its COMMIT is one."""
    [key, *_] = (await _keys_by_part(db, spread))[0]
    # The coordinator is a database of the first server, and ends its sessions by itself.
    hang_up = (
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        " WHERE application_name = 'postgres_fdw'"
    )
    with pytest.raises(liteorm.CommitUnknown) as caught:
        async with db.batch() as batch:
            batch.query("INSERT INTO item VALUES (%s, 'x') RETURNING id", [key])
            batch.query(hang_up)
    assert str(caught.value.sqlstate)[:2] == "08"
    assert list(await db.query("SELECT 1")) == [(1,)]


async def test_a_violation_in_commit_names_its_class(db: AsyncDB, spread: Shards) -> None:
    """A deferred constraint of another server: its class, and nothing stored anywhere."""
    keys = [part[0] for part in await _keys_by_part(db, spread)]
    await db.insert(Late(keys[3]))
    with pytest.raises(liteorm.UniqueViolation):
        async with db.transaction() as tx:
            await tx.insert(Late(keys[3]))
    assert spread.parts("late") == [[], [], [], [keys[3]]]
