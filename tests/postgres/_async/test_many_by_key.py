"""Many rows updated and deleted by key, and upserts that meet other constraints than the key."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import attrs
import pytest

import liteorm
from liteorm import UNSET, Column, Unset
from liteorm.postgres import AsyncDB, open_async
from liteorm_testing import Proxy, queries
from tests.postgres.support import AsyncBackground

pytestmark = pytest.mark.anyio

SCHEMA = """
CREATE EXTENSION IF NOT EXISTS citext;
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TYPE point2 AS (x int, y int);
CREATE TABLE item (
    id int PRIMARY KEY, name text NOT NULL DEFAULT '?', code char(3), price numeric(10, 2),
    mood mood, tags text[], spot point2, at timestamptz, version int NOT NULL DEFAULT 1
);
CREATE TABLE word (word citext PRIMARY KEY, n int);
CREATE TABLE part (a int, b text, n int, PRIMARY KEY (a, b));
CREATE TABLE person (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL, name text,
    deleted_at timestamptz, CONSTRAINT person_name_key UNIQUE (name)
);
CREATE UNIQUE INDEX ON person (lower(email)) WHERE deleted_at IS NULL;
"""


@liteorm.table("item", key="id")
@attrs.frozen
class Item:
    """A row with a type of each kind."""

    id: int
    name: str | Unset = UNSET
    code: str | Unset | None = UNSET
    price: decimal.Decimal | Unset | None = UNSET
    mood: str | Unset | None = UNSET
    tags: list[str] | Unset | None = UNSET
    spot: dict[str, int] | Unset | None = UNSET
    at: dt.datetime | Unset | None = UNSET


@liteorm.table("item", key="id", version="version")
@attrs.frozen
class Guarded:
    """A row with a guard."""

    id: int
    name: str
    version: int = 1


@liteorm.table("item", key="id", version="xmin")
@attrs.frozen
class ByXmin:
    """A row with the server's own guard."""

    id: int
    name: str
    xmin: Annotated[int | None, Column(generated=True)] = None


@liteorm.table("word", key="word")
@attrs.frozen
class Word:
    """A row whose key is equal in more ways than Python knows."""

    word: str
    n: int


@liteorm.table("part", key=("a", "b"))
@attrs.frozen
class Part:
    """A row with a key of two columns."""

    a: int
    b: str
    n: int | None = None


@liteorm.table("person", key="id")
@attrs.frozen
class Person:
    """A row with unique columns besides the key."""

    email: str
    name: str | None = None
    id: Annotated[int | None, Column(generated=True)] = None


@pytest.fixture
async def db(liteorm_async_db: AsyncDB) -> AsyncDB:
    """A database with the tables."""
    await liteorm_async_db.execute(SCHEMA)
    return liteorm_async_db


async def test_update_many_writes_by_key(db: AsyncDB) -> None:
    """Every type arrives as it is; rows that are not there are passed over and not counted."""
    await db.insert_many([Item(n, "old") for n in range(10)])
    now = dt.datetime.now(dt.UTC)
    changed = [
        Item(n, "new", "ab", decimal.Decimal("1.50"), "bad", ["x", "y"], {"x": 1, "y": n}, now)
        for n in range(5, 15)
    ]
    with queries(db) as seen:
        assert await db.update_many(changed) == 5
    assert [each.operation for each in seen] == ["update_many"]
    assert await db.get(Item, 4) == Item(4, "old", None, None, None, None, None, None)
    stored = await db.get(Item, 7)
    assert stored == attrs.evolve(changed[2], code="ab ")
    assert await db.update_many([]) == 0
    async with db.transaction() as tx:
        assert await tx.update_many(changed[:2]) == 2


async def test_update_many_of_some_columns(db: AsyncDB) -> None:
    """Only the fields asked for, or set, are written."""
    await db.insert_many([Item(n, "old", code="abc") for n in range(3)])
    assert await db.update_many([Item(1, "new")]) == 1
    assert await db.update_many([Item(1, "x", code="xyz")], columns="code") == 1
    stored = await db.get(Item, 1)
    assert (stored.name, stored.code) == ("new", "xyz")
    for columns, words in (
        (("id",), r"columns: Item\.id is the key"),
        (("nmae",), "columns: Item has no field 'nmae'"),
        ((), "Item has no field to send"),
    ):
        with pytest.raises(liteorm.ModelError, match=words):
            await db.update_many([Item(1, "x")], columns=columns)
    with pytest.raises(liteorm.ModelError, match="Item has no field to send"):
        await db.update_many([Item(1)])
    with pytest.raises(liteorm.DataError, match=r"name of object 1 is UNSET"):
        await db.update_many([Item(1, "x"), Item(2)])


@pytest.mark.parametrize("size", [3, 25_000])
async def test_a_key_twice_in_update_many(db: AsyncDB, size: int) -> None:
    """It is an error whatever the number is, by what the column calls equal; nothing is written."""
    await db.insert_many([Word(f"w{n}", 0) for n in range(size)])
    objects = [Word(f"w{n}", 1) for n in range(size)]
    with pytest.raises(liteorm.DataError, match=r"a key of Word \(word\) comes twice") as caught:
        await db.update_many([*objects, Word("W1", 2)])
    assert caught.value.sqlstate == "21000"
    assert list(await db.query("SELECT sum(n)::int FROM word")) == [(0,)]
    assert await db.update_many(objects) == size
    assert list(await db.query("SELECT sum(n)::int FROM word")) == [(size,)]


async def test_update_many_takes_lazy_input(db: AsyncDB) -> None:
    """Also more of it than goes in one statement, also asynchronous."""
    await db.insert_many([Part(n, "x") for n in range(30_000)])

    async def parts() -> AsyncIterator[Part]:
        for n in range(30_000):
            yield Part(n, "x", n)

    assert await db.update_many(parts()) == 30_000
    assert list(await db.query("SELECT count(*) FROM part WHERE n = a")) == [(30_000,)]


@pytest.mark.parametrize("model", [Guarded, ByXmin])
async def test_update_many_compares_versions(db: AsyncDB, model: Any) -> None:
    """Rows that were written since are passed over; versions are raised."""
    await db.insert_many([Item(n, "old") for n in range(5)])
    read = [await db.get(model, n) for n in range(5)]
    await db.patch(model, 2, {"name": "meanwhile"})
    assert await db.update_many([attrs.evolve(each, name="new") for each in read]) == 4
    assert (await db.get(model, 2)).name == "meanwhile"
    assert await db.update_many(read) == 0
    again = [await db.get(model, n) for n in range(5)]
    assert await db.update_many(again) == 5


async def test_update_many_is_all_or_nothing(db: AsyncDB) -> None:
    """A value that does not fit names its object; one that the server refuses stores nothing."""
    await db.insert_many([Item(n, "old") for n in range(5)])
    with pytest.raises(liteorm.DataError, match=r"Item\.name of object 2 does not fit") as caught:
        bad: Any = 5
        await db.update_many([Item(0, "x"), Item(1, "x"), Item(2, bad)])
    assert caught.value.row == 2
    with pytest.raises(liteorm.DataError):
        await db.update_many([Item(0, code="x"), Item(1, code="too long")])
    assert {each for (each,) in await db.query("SELECT name FROM item")} == {"old"}
    with pytest.raises(liteorm.DataError, match="is of class Part, expected Item"):
        await db.update_many([Item(0, "x"), Part(1, "x")])


async def test_update_many_on_a_table_with_rules(db: AsyncDB) -> None:
    """Where an UPDATE cannot be part of another statement a table of its own holds the rows."""
    await db.execute("""
        CREATE TABLE log (id int);
        INSERT INTO item (id) VALUES (1), (2);
        CREATE RULE seen AS ON UPDATE TO item DO ALSO INSERT INTO log VALUES (NEW.id);
    """)
    assert await db.update_many([Item(1, "a"), Item(2, "b"), Item(3, "c")]) == 2
    assert (await db.get(Item, 2)).name == "b"
    with pytest.raises(liteorm.DataError, match="comes twice"):
        await db.update_many([Item(1, "x"), Item(1, "y")])
    assert (await db.get(Item, 1)).name == "a"


async def test_delete_many(db: AsyncDB) -> None:
    """By one key or several columns; absent and repeated keys are not counted."""
    await db.insert_many([Item(n) for n in range(10)])
    await db.insert_many([Part(n, "x") for n in range(10)])
    assert await db.delete_many(Item, [1, 2, 2, 99]) == 2
    assert await db.delete_many(Part, [(1, "x"), (2, "y"), (3, "x")]) == 2
    assert await db.delete_many(Item, []) == 0
    assert await db.delete_many(Item, (n for n in range(5, 7))) == 2
    async with db.transaction() as tx:
        assert await tx.delete_many(Item, {3}) == 1
    with pytest.raises(liteorm.DataError, match=r"Item\.id of object 1 does not fit"):
        await db.delete_many(Item, [4, "x"])
    with pytest.raises(liteorm.ModelError, match="expected a tuple of 2 values, got 1"):
        await db.delete_many(Part, [1])
    assert len(await db.query("SELECT 1 FROM item")) == 5
    await db.insert_many([Part(n, "z") for n in range(45_000)])
    assert await db.delete_many(Part, [(n, "z") for n in range(45_000)]) == 45_000


async def test_get_or_create(db: AsyncDB) -> None:
    """`update=()` gives the row that is there as it is, or the one it made."""
    made = await db.upsert(Item(1, "first"), update=())
    assert made.name == "first"
    before = list(await db.query("SELECT xmin, ctid::text FROM item"))
    assert await db.upsert(Item(1, "second"), update=()) == made
    async with db.transaction() as tx:
        assert await tx.upsert(Item(1, "third"), update=[]) == made
    assert list(await db.query("SELECT xmin, ctid::text FROM item")) == before


@pytest.mark.parametrize(
    "conflict",
    [
        "name",
        liteorm.Constraint("person_name_key"),
        liteorm.sql("(lower(email)) WHERE deleted_at IS NULL"),
    ],
)
async def test_everyone_gets_the_one_row(db: AsyncDB, conflict: Any) -> None:
    """A hundred tasks create one row: no error, one row, the same for all."""
    found: list[Person] = []

    async def create(number: int) -> None:
        email = "ann@x" if number % 2 else "Ann@X"
        found.append(await db.upsert(Person(email, "ann"), conflict, update=()))

    async with AsyncBackground() as background:
        for each in [background.start(create, n) for n in range(100)]:
            await each.result()
    assert len(found) == 100
    assert len(set(found)) == 1
    assert len(await db.query("SELECT 1 FROM person")) == 1


async def test_upsert_by_an_expression_or_a_constraint(db: AsyncDB) -> None:
    """`conflict=` may be what an index is on, or the name of a constraint."""
    live = liteorm.sql("(lower(email)) WHERE deleted_at IS NULL")
    ann = await db.upsert(Person("ann@x", "ann"), live)
    again = await db.upsert(Person("ANN@x", "anna"), live)
    assert (again.id, again.email, again.name) == (ann.id, "ANN@x", "anna")
    kept = await db.upsert(Person("Ann@X", "other"), live, update="email")
    assert (kept.id, kept.email, kept.name) == (ann.id, "Ann@X", "anna")
    named = await db.upsert(Person("b@x", "anna"), liteorm.Constraint("person_name_key"))
    assert (named.id, named.email) == (ann.id, "b@x")
    await db.execute("UPDATE person SET deleted_at = now()")
    assert (await db.upsert(Person("B@x", "new"), live)).id != ann.id
    rows = [Person("b@X", "new"), Person("c@x", "c")]
    assert await db.upsert_many(rows, conflict=live) == 2
    assert await db.upsert_many(rows, conflict=live, update=()) == 0
    assert await db.upsert_many(rows, conflict=liteorm.Constraint("person_name_key")) == 2
    assert len(await db.query("SELECT 1 FROM person")) == 3


async def test_one_place_twice(db: AsyncDB) -> None:
    """Two objects for one row are an error, whatever says that they are, and nothing is stored."""
    live = liteorm.sql("(lower(email)) WHERE deleted_at IS NULL")
    rows = [Person("a@x", "a"), Person("b@x", "b"), Person("A@x", "c")]
    for update in (None, ()):
        with pytest.raises(liteorm.DataError, match="comes twice"):
            await db.upsert_many(rows, conflict=live, update=update)
    named = [Person("a@x", "a"), Person("b@x", "a")]
    for update in (None, ()):
        with pytest.raises(liteorm.DataError, match="comes twice"):
            await db.upsert_many(
                named, conflict=liteorm.Constraint("person_name_key"), update=update
            )
    assert len(await db.query("SELECT 1 FROM person")) == 0


async def test_conflicts_that_cannot_be(db: AsyncDB) -> None:
    """Names that are no field, constraints that are not there, things that are neither."""
    ann = Person("a@x", "a")
    with pytest.raises(liteorm.ModelError, match="conflict: Person has no field 'emial'"):
        await db.upsert(ann, "emial")
    with pytest.raises(liteorm.StatementError, match='constraint "nope"'):
        await db.upsert(ann, liteorm.Constraint("nope"))
    with pytest.raises(liteorm.StatementError, match="no unique or exclusion constraint"):
        await db.upsert(ann, liteorm.sql("(upper(email))"))
    with pytest.raises(TypeError, match="conflict takes field names"):
        await db.upsert(ann, 5)  # type: ignore[call-overload]
    with pytest.raises(liteorm.ModelError, match=r"update: Person\.id is generated"):
        await db.upsert(ann, "email", update="id")
    with pytest.raises(liteorm.ModelError, match=r"Person\.id is generated, never sent"):
        await db.upsert(ann)
    with pytest.raises(liteorm.DataError, match="at least one character"):
        liteorm.Constraint("")
    with pytest.raises(TypeError):
        liteorm.Constraint(5)  # type: ignore[arg-type]


async def test_get_or_create_of_a_suppressed_row(db: AsyncDB) -> None:
    """A row that is neither there nor can be made is an error, and not a wait for ever."""
    await db.execute("""
        CREATE FUNCTION drop_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER drop_it BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION drop_it();
    """)
    with pytest.raises(liteorm.NoRows, match="a trigger or rule of item"):
        await db.upsert(Item(1, "x"), update=())


async def test_get_or_create_of_a_row_that_a_policy_hides(db: AsyncDB) -> None:
    """The row in the place is another tenant's: neither made nor given, and said to be so."""
    await db.execute("""
        DO $$ BEGIN CREATE ROLE hidden_from; EXCEPTION WHEN duplicate_object THEN END $$;
        GRANT SELECT, INSERT ON item TO hidden_from;
        ALTER TABLE item ENABLE ROW LEVEL SECURITY;
        CREATE POLICY mine ON item USING (name <> 'theirs');
        INSERT INTO item VALUES (5, 'theirs');
    """)
    async with db.transaction(role="hidden_from") as tx:
        made = await tx.upsert(Item(6, "ours"), update=())
        with pytest.raises(liteorm.NoRows, match="or a policy hides the one in its place"):
            await tx.upsert(Item(5, "x"), update=())
        assert await tx.get(Item, 6) == made


def lazily(count: int) -> Iterator[Item]:
    """Give items as they are asked for."""
    for number in range(count):
        yield Item(number, "x")


async def test_the_other_way_for_insert_returning(db: AsyncDB) -> None:
    """MERGE is not for tables with rules; the order is the same without, and it is all or none."""
    await db.execute("""
        CREATE TABLE log (id int);
        CREATE RULE seen AS ON INSERT TO item DO ALSO INSERT INTO log VALUES (NEW.id);
    """)
    stored = await db.insert_returning([Item(n, f"n{n}") for n in range(500, 0, -1)])
    assert [each.id for each in stored] == list(range(500, 0, -1))
    await db.execute("""
        DROP RULE seen ON item;
        CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN IF NEW.id % 2 = 1 THEN RETURN NULL; END IF; RETURN NEW; END';
        CREATE TRIGGER odd BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION odd();
    """)
    with pytest.raises(liteorm.Error, match="2 of 4 rows did not come back"):
        await db.insert_returning([Item(n) for n in range(1000, 1004)])
    assert len(await db.query("SELECT 1 FROM item WHERE id >= 1000")) == 0


async def test_by_key_is_one_round_trip(db: AsyncDB, liteorm_database: Any) -> None:
    """Whatever the number, once the catalog has been asked, in a transaction too."""
    await db.insert_many(Item(n, "a") for n in range(3000))
    with Proxy(liteorm_database.dsn) as proxy:
        # Preparing a statement that comes often takes a trip of its own, once.
        async with await open_async(proxy.dsn, max_size=1, prepare=False) as far:

            async def trips(session: Any) -> list[int]:
                counts: list[int] = []
                calls: tuple[Any, ...] = (
                    lambda: session.update_many([Item(n, "b") for n in range(2000)]),
                    lambda: session.update_many([Item(1, "c")], columns="name"),
                    lambda: session.delete_many(Item, [2000, 2001]),
                )
                for call in calls:
                    before = proxy.round_trips
                    await call()
                    counts.append(proxy.round_trips - before)
                return counts

            await trips(far)
            assert await trips(far) == [1, 1, 1]
            async with far.transaction() as tx:
                assert await trips(tx) == [1, 1, 1]


async def test_a_table_that_changes_meanwhile(db: AsyncDB) -> None:
    """What was known of it is looked up again: types, columns, rules."""
    await db.insert_many(Item(n, "a") for n in range(5))
    changes = (
        "SELECT 1",
        "ALTER TABLE item ALTER id TYPE bigint",
        "ALTER TABLE item ALTER id TYPE numeric",
        "CREATE TYPE letter AS ENUM ('b', 'c'); UPDATE item SET name = 'b';"
        "ALTER TABLE item ALTER name DROP DEFAULT;"
        "ALTER TABLE item ALTER name TYPE letter USING name::letter",
        "CREATE RULE r AS ON UPDATE TO item DO ALSO NOTHING; CREATE TABLE log (id int);"
        "CREATE RULE s AS ON UPDATE TO item DO ALSO INSERT INTO log VALUES (1)",
    )
    for left, change in enumerate(changes):
        await db.execute(change)
        assert await db.update_many([Item(4, "b"), Item(3, "c")]) == 2 - (left > 3)
        assert await db.delete_many(Item, [left, 99]) == 1
