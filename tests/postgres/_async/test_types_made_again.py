"""Types that were dropped and created again: by others, and by the transaction that goes on."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Awaitable, Callable
from typing import Any, Final

import attrs
import psycopg
import pytest

import liteorm
from liteorm.postgres import AsyncDB, open_async, session_async
from tests.postgres.support import Witness

pytestmark = pytest.mark.anyio


class Mood(enum.Enum):
    """An enum of the database."""

    OK = "ok"
    SAD = "sad"


@attrs.frozen
class Pair:
    """A composite with the enum inside."""

    a: int
    m: Mood


@attrs.frozen
class Nest:
    """A composite of composites, and arrays."""

    p: Pair
    ms: list[Mood]
    ps: list[Pair]


@liteorm.table("item", key="id")
@attrs.frozen
class Item:
    """A row that has the types in every place."""

    id: int
    mood: Mood
    moods: list[Mood]
    pairs: list[Pair]
    nest: Nest
    domain: Mood
    domains: list[Mood]
    range: liteorm.Range[Mood]
    ranges: list[liteorm.Range[Mood]]


MAKE: Final[Any] = """
CREATE TYPE mood AS ENUM ('ok', 'sad');
CREATE TYPE pair AS (a int, m mood);
CREATE TYPE nest AS (p pair, ms mood[], ps pair[]);
CREATE DOMAIN some_mood AS mood;
CREATE TYPE moods AS RANGE (subtype = mood);
CREATE TABLE item (
    id int PRIMARY KEY, mood mood, moods mood[], pairs pair[], nest nest,
    domain some_mood, domains some_mood[], range moods, ranges moods[]
);
"""
DROP: Final = "DROP TABLE item; DROP TYPE moods; DROP DOMAIN some_mood; DROP TYPE nest, pair, mood;"
AGAIN: Final[Any] = DROP + MAKE
WHERE: Final = "SELECT * FROM item WHERE id = %(id)s AND mood = %(mood)s AND moods = %(moods)s"
WRITE: Final = "INSERT INTO item (id, mood, moods, domain) VALUES (%s, %s, %s, %s) RETURNING mood"
found: Any = liteorm.statement(Item, WHERE)
written = liteorm.statement(Mood, WRITE)
keys: Final = itertools.count(1)
Call = Callable[[Any], Awaitable[None]]


def item() -> Item:
    """Return a new row."""
    pair = Pair(1, Mood.SAD)
    span = liteorm.Range(Mood.OK, Mood.SAD, "[]")
    nest = Nest(pair, [Mood.OK], [pair])
    key = next(keys)
    return Item(key, Mood.OK, [Mood.SAD], [pair], nest, Mood.SAD, [Mood.OK], span, [span])


async def seeded(session: Any) -> Item:
    """Return a row that was stored without a parameter of the types."""
    one = item()
    await session.execute(
        f"INSERT INTO item VALUES ({one.id}, 'ok', '{{sad}}', array[row(1, 'sad')]::pair[],"
        " row(row(1, 'sad')::pair, '{ok}'::mood[], array[row(1, 'sad')]::pair[]),"
        " 'sad', '{ok}', '[ok,sad]', array['[ok,sad]']::moods[])"
    )
    return one


def named(one: Item) -> dict[str, Any]:
    """Return what the statement is to find the row by."""
    return {"id": one.id, "mood": one.mood, "moods": one.moods}


async def _insert(session: Any) -> None:
    one = item()
    assert await session.insert(one) == one


async def _update(session: Any) -> None:
    one = attrs.evolve(await seeded(session), mood=Mood.SAD)
    assert await session.update(one) == one


async def _upsert(session: Any) -> None:
    one = item()
    assert await session.upsert(one) == one


async def _patch(session: Any) -> None:
    one = await seeded(session)
    await session.patch(Item, one.id, {"mood": Mood.SAD, "nest": one.nest})


async def _insert_many(session: Any) -> None:
    assert await session.insert_many([item(), item()]) == 2


async def _insert_returning(session: Any) -> None:
    many = [item(), item()]
    assert await session.insert_returning(many) == many


async def _upsert_many(session: Any) -> None:
    assert await session.upsert_many([item(), item()]) == 2


async def _update_many(session: Any) -> None:
    assert await session.update_many([await seeded(session)]) == 1


async def _execute(session: Any) -> None:
    await session.execute(WRITE, [next(keys), Mood.OK, [Mood.SAD], Mood.OK])


async def _execute_many(session: Any) -> None:
    sets = [[next(keys), Mood.OK, [Mood.SAD], Mood.OK] for _ in range(2)]
    await session.execute_many(WRITE, sets)


async def _query(session: Any) -> None:
    one = await seeded(session)
    assert liteorm.scan(await session.query(WHERE, named(one)), Item) == [one]


async def _declared(session: Any) -> None:
    assert await written.one(session, next(keys), Mood.OK, [Mood.SAD], Mood.OK) is Mood.OK
    one = await seeded(session)
    assert await found.all(session, **named(one)) == [one]


async def _stream(session: Any) -> None:
    one = await seeded(session)
    async with found.iter(session, **named(one)) as rows:
        assert [row async for row in rows] == [one]


async def _copy_out(session: Any) -> None:
    one = await seeded(session)
    async with session.copy_out(WHERE, named(one)) as blocks:
        assert b"".join([block async for block in blocks]).count(b"\n") == 1


async def _batch(session: Any) -> None:
    one = await seeded(session)
    async with session.batch() as batch:
        first = batch.one(written, next(keys), Mood.OK, [Mood.SAD], Mood.OK)
        second = batch.all(found, **named(one))
    assert (first.result(), second.result()) == (Mood.OK, [one])


CALLS: Final[tuple[Call, ...]] = (
    *(_insert, _update, _upsert, _patch, _insert_many, _insert_returning, _upsert_many),
    *(_update_many, _execute, _execute_many, _query, _declared, _stream, _copy_out, _batch),
)


async def _lent(db: AsyncDB, call: Call) -> None:
    async with db.connection() as connection:
        await call(connection)


async def _repeated(db: AsyncDB, call: Call) -> None:
    await db.run(call)


async def _alone(db: AsyncDB, call: Call) -> None:
    await call(db)


@pytest.mark.parametrize("way", [_alone, _lent, _repeated], ids=lambda way: way.__name__)
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
async def test_types_made_again_by_others_are_looked_up_again(
    liteorm_database: Any, witness: Witness, call: Call, way: Any
) -> None:
    """At once outside a transaction, and in a unit of work; with one connection in the pool."""
    witness.run(MAKE)
    async with await open_async(liteorm_database.dsn, max_size=1, timeout=5) as db:
        for warm in (0, 1, 8):
            for _ in range(warm):
                await way(db, call)
            witness.run(AGAIN)
            await way(db, call)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
async def test_types_that_a_transaction_makes_again_itself(
    liteorm_database: Any, witness: Witness, call: Call
) -> None:
    """It goes on with them, and with the former ones after the end that takes them back."""

    async def work(tx: Any) -> None:
        await call(tx)
        await tx.execute(AGAIN)
        await call(tx)
        with pytest.raises(ZeroDivisionError):
            async with tx.transaction() as inner:
                await inner.execute(AGAIN)
                await call(inner)
                raise ZeroDivisionError
        await call(tx)

    witness.run(MAKE)
    async with await open_async(liteorm_database.dsn, max_size=1, timeout=5) as db:
        for warm in (0, 8):
            for _ in range(warm):
                await call(db)
            async with db.transaction() as tx:
                await work(tx)
            with pytest.raises(ZeroDivisionError):
                async with db.transaction() as tx:
                    await work(tx)
                    raise ZeroDivisionError
            async with db.transaction() as tx:
                await call(tx)
            async with db.connection() as connection:
                async with connection.transaction() as held:
                    await work(held)
                await call(connection)
            await db.run(work)
            await call(db)


RECORDS: Final = "SELECT ROW(n, 'ok'::mood) FROM generate_series(1, 20000) AS n"
LATE: Final = (
    "SELECT CASE WHEN n < 19000 THEN ROW(n, 1) ELSE ROW(n, 'ok'::mood) END"
    " FROM generate_series(1, 20000) AS n"
)


@pytest.mark.parametrize("sql", [RECORDS, LATE], ids=["first rows", "later rows"])
async def test_a_stream_whose_rows_tell_their_types_waits_for_no_connection(
    liteorm_database: Any, witness: Witness, sql: Any
) -> None:
    """The pool has no other one to look them up on."""
    witness.run(MAKE)
    async with await open_async(liteorm_database.dsn, max_size=1, timeout=5) as db:
        for _ in range(2):
            async with db.stream(sql) as rows:
                assert [row async for row in rows][-1] == ((20_000, "ok"),)
            db.clear_types()
            async with db.transaction() as tx, tx.stream(sql) as rows:
                assert [row async for row in rows][-1] == ((20_000, "ok"),)
            db.clear_types()


async def test_a_stream_that_is_sent_again_has_done_its_work_once(
    liteorm_database: Any, witness: Witness
) -> None:
    """What it wrote before its rows were met is undone with it."""
    witness.run(MAKE)
    witness.run("CREATE TABLE log (n int)")
    sql: Any = """
        WITH done AS (INSERT INTO log SELECT n FROM generate_series(1, 5000) AS n RETURNING n)
        SELECT ROW(n, 'ok'::mood, repeat('x', 1000)) FROM done
    """
    async with await open_async(liteorm_database.dsn, max_size=1, timeout=5) as db:
        async with db.stream(sql) as rows:
            assert len([row async for row in rows]) == 5000
        db.clear_types()
        async with db.transaction() as tx, tx.stream(sql) as rows:
            assert len([row async for row in rows]) == 5000
    assert witness.ask("SELECT count(*) FROM log") == [(10_000,)]


async def test_a_stream_on_a_connection_that_is_lent_looks_types_up(
    liteorm_database: Any, witness: Witness
) -> None:
    """On the connection itself; where rows come later that tell of others, the error says so."""
    witness.run(MAKE)
    first: Any = RECORDS
    later: Any = LATE
    async with await psycopg.AsyncConnection.connect(liteorm_database.dsn) as owner:
        async with session_async(owner).stream(first) as rows:
            assert [row async for row in rows][-1] == ((20_000, "ok"),)
    async with await psycopg.AsyncConnection.connect(liteorm_database.dsn) as owner:
        lent = session_async(owner)
        with pytest.raises(liteorm.StatementError, match="is the only one to look it up on"):
            async with lent.stream(later) as rows:
                assert [row async for row in rows]
        await lent.query("SELECT 'ok'::mood")
        async with lent.stream(later) as rows:
            assert [row async for row in rows][-1] == ((20_000, "ok"),)
