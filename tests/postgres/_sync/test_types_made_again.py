# Generated from tests/postgres/_async/test_types_made_again.py by .ci/unasync.py: edit that file, not this one.
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
from liteorm.postgres import DB, open, session
from tests.postgres.support import Witness



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


def seeded(session: Any) -> Item:
    """Return a row that was stored without a parameter of the types."""
    one = item()
    session.execute(
        f"INSERT INTO item VALUES ({one.id}, 'ok', '{{sad}}', array[row(1, 'sad')]::pair[],"
        " row(row(1, 'sad')::pair, '{ok}'::mood[], array[row(1, 'sad')]::pair[]),"
        " 'sad', '{ok}', '[ok,sad]', array['[ok,sad]']::moods[])"
    )
    return one


def named(one: Item) -> dict[str, Any]:
    """Return what the statement is to find the row by."""
    return {"id": one.id, "mood": one.mood, "moods": one.moods}


def _insert(session: Any) -> None:
    one = item()
    assert session.insert(one) == one


def _update(session: Any) -> None:
    one = attrs.evolve(seeded(session), mood=Mood.SAD)
    assert session.update(one) == one


def _upsert(session: Any) -> None:
    one = item()
    assert session.upsert(one) == one


def _patch(session: Any) -> None:
    one = seeded(session)
    session.patch(Item, one.id, {"mood": Mood.SAD, "nest": one.nest})


def _insert_many(session: Any) -> None:
    assert session.insert_many([item(), item()]) == 2


def _insert_returning(session: Any) -> None:
    many = [item(), item()]
    assert session.insert_returning(many) == many


def _upsert_many(session: Any) -> None:
    assert session.upsert_many([item(), item()]) == 2


def _update_many(session: Any) -> None:
    assert session.update_many([seeded(session)]) == 1


def _execute(session: Any) -> None:
    session.execute(WRITE, [next(keys), Mood.OK, [Mood.SAD], Mood.OK])


def _execute_many(session: Any) -> None:
    sets = [[next(keys), Mood.OK, [Mood.SAD], Mood.OK] for _ in range(2)]
    session.execute_many(WRITE, sets)


def _query(session: Any) -> None:
    one = seeded(session)
    assert liteorm.scan(session.query(WHERE, named(one)), Item) == [one]


def _declared(session: Any) -> None:
    assert written.one(session, next(keys), Mood.OK, [Mood.SAD], Mood.OK) is Mood.OK
    one = seeded(session)
    assert found.all(session, **named(one)) == [one]


def _stream(session: Any) -> None:
    one = seeded(session)
    with found.iter(session, **named(one)) as rows:
        assert [row for row in rows] == [one]


def _copy_out(session: Any) -> None:
    one = seeded(session)
    with session.copy_out(WHERE, named(one)) as blocks:
        assert b"".join([block for block in blocks]).count(b"\n") == 1


def _batch(session: Any) -> None:
    one = seeded(session)
    with session.batch() as batch:
        first = batch.one(written, next(keys), Mood.OK, [Mood.SAD], Mood.OK)
        second = batch.all(found, **named(one))
    assert (first.result(), second.result()) == (Mood.OK, [one])


CALLS: Final[tuple[Call, ...]] = (
    *(_insert, _update, _upsert, _patch, _insert_many, _insert_returning, _upsert_many),
    *(_update_many, _execute, _execute_many, _query, _declared, _stream, _copy_out, _batch),
)


def _lent(db: DB, call: Call) -> None:
    with db.connection() as connection:
        call(connection)


def _repeated(db: DB, call: Call) -> None:
    db.run(call)


def _alone(db: DB, call: Call) -> None:
    call(db)


@pytest.mark.parametrize("way", [_alone, _lent, _repeated], ids=lambda way: way.__name__)
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_types_made_again_by_others_are_looked_up_again(
    liteorm_database: Any, witness: Witness, call: Call, way: Any
) -> None:
    """At once outside a transaction, and in a unit of work; with one connection in the pool."""
    witness.run(MAKE)
    with open(liteorm_database.dsn, max_size=1, timeout=5) as db:
        for warm in (0, 1, 8):
            for _ in range(warm):
                way(db, call)
            witness.run(AGAIN)
            way(db, call)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_types_that_a_transaction_makes_again_itself(
    liteorm_database: Any, witness: Witness, call: Call
) -> None:
    """It goes on with them, and with the former ones after the end that takes them back."""

    def work(tx: Any) -> None:
        call(tx)
        tx.execute(AGAIN)
        call(tx)
        with pytest.raises(ZeroDivisionError):
            with tx.transaction() as inner:
                inner.execute(AGAIN)
                call(inner)
                raise ZeroDivisionError
        call(tx)

    witness.run(MAKE)
    with open(liteorm_database.dsn, max_size=1, timeout=5) as db:
        for warm in (0, 8):
            for _ in range(warm):
                call(db)
            with db.transaction() as tx:
                work(tx)
            with pytest.raises(ZeroDivisionError):
                with db.transaction() as tx:
                    work(tx)
                    raise ZeroDivisionError
            with db.transaction() as tx:
                call(tx)
            with db.connection() as connection:
                with connection.transaction() as held:
                    work(held)
                call(connection)
            db.run(work)
            call(db)


RECORDS: Final = "SELECT ROW(n, 'ok'::mood) FROM generate_series(1, 20000) AS n"
LATE: Final = (
    "SELECT CASE WHEN n < 19000 THEN ROW(n, 1) ELSE ROW(n, 'ok'::mood) END"
    " FROM generate_series(1, 20000) AS n"
)


@pytest.mark.parametrize("sql", [RECORDS, LATE], ids=["first rows", "later rows"])
def test_a_stream_whose_rows_tell_their_types_waits_for_no_connection(
    liteorm_database: Any, witness: Witness, sql: Any
) -> None:
    """The pool has no other one to look them up on."""
    witness.run(MAKE)
    with open(liteorm_database.dsn, max_size=1, timeout=5) as db:
        for _ in range(2):
            with db.stream(sql) as rows:
                assert [row for row in rows][-1] == ((20_000, "ok"),)
            db.clear_types()
            with db.transaction() as tx, tx.stream(sql) as rows:
                assert [row for row in rows][-1] == ((20_000, "ok"),)
            db.clear_types()


def test_a_stream_that_is_sent_again_has_done_its_work_once(
    liteorm_database: Any, witness: Witness
) -> None:
    """What it wrote before its rows were met is undone with it."""
    witness.run(MAKE)
    witness.run("CREATE TABLE log (n int)")
    sql: Any = """
        WITH done AS (INSERT INTO log SELECT n FROM generate_series(1, 5000) AS n RETURNING n)
        SELECT ROW(n, 'ok'::mood, repeat('x', 1000)) FROM done
    """
    with open(liteorm_database.dsn, max_size=1, timeout=5) as db:
        with db.stream(sql) as rows:
            assert len([row for row in rows]) == 5000
        db.clear_types()
        with db.transaction() as tx, tx.stream(sql) as rows:
            assert len([row for row in rows]) == 5000
    assert witness.ask("SELECT count(*) FROM log") == [(10_000,)]


def test_a_stream_on_a_connection_that_is_lent_looks_types_up(
    liteorm_database: Any, witness: Witness
) -> None:
    """On the connection itself; where rows come later that tell of others, the error says so."""
    witness.run(MAKE)
    first: Any = RECORDS
    later: Any = LATE
    with psycopg.Connection.connect(liteorm_database.dsn) as owner:
        with session(owner).stream(first) as rows:
            assert [row for row in rows][-1] == ((20_000, "ok"),)
    with psycopg.Connection.connect(liteorm_database.dsn) as owner:
        lent = session(owner)
        with pytest.raises(liteorm.StatementError, match="is the only one to look it up on"):
            with lent.stream(later) as rows:
                assert [row for row in rows]
        lent.query("SELECT 'ok'::mood")
        with lent.stream(later) as rows:
            assert [row for row in rows][-1] == ((20_000, "ok"),)
