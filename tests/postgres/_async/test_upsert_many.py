"""upsert_many: COPY to a temporary table, then one INSERT … ON CONFLICT."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import attrs
import pytest

import liteorm
from liteorm import Column
from liteorm.postgres import AsyncDB
from tests.postgres.support import AsyncBackground

pytestmark = pytest.mark.anyio

SCHEMA = """
CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL, n int, UNIQUE (name));
CREATE TABLE pair (a int, b int, n int, PRIMARY KEY (a, b));
"""


@liteorm.table("item", key="id")
@attrs.frozen
class Item:
    """What is loaded."""

    id: int
    name: str
    n: int | None = None


@liteorm.table("pair", key=("a", "b"))
@attrs.frozen
class Pair:
    """A key of two columns."""

    a: int
    b: int
    n: int


@pytest.fixture
async def db(liteorm_async_db: AsyncDB) -> AsyncDB:
    """A database with the tables."""
    await liteorm_async_db.execute(SCHEMA)
    return liteorm_async_db


async def stored(db: AsyncDB) -> list[Item]:
    """Return what is stored."""
    return liteorm.scan(await db.query("SELECT * FROM item ORDER BY id"), Item)


async def test_rows_are_inserted_or_updated(db: AsyncDB) -> None:
    """By the key, all other columns; a generator does too, and none is fine."""
    assert await db.upsert_many([]) == 0
    assert await db.upsert_many([Item(1, "a"), Item(2, "b")]) == 2
    assert await db.upsert_many(Item(n, f"n{n}", n) for n in range(2, 1000)) == 998
    rows = await stored(db)
    assert rows[:2] == [Item(1, "a"), Item(2, "n2", 2)]
    assert len(rows) == 999


async def test_composite_keys(db: AsyncDB) -> None:
    """Several columns decide together."""
    assert await db.upsert_many([Pair(1, 1, 1), Pair(1, 2, 1)]) == 2
    assert await db.upsert_many([Pair(1, 2, 2), Pair(2, 2, 2)]) == 2
    rows = liteorm.scan(await db.query("SELECT * FROM pair ORDER BY a, b"), Pair)
    assert rows == [Pair(1, 1, 1), Pair(1, 2, 2), Pair(2, 2, 2)]


async def test_conflict_and_update_may_be_chosen(db: AsyncDB) -> None:
    """Another unique constraint, some of the columns, or DO NOTHING."""
    await db.upsert_many([Item(1, "a", 1)])
    assert await db.upsert_many([Item(9, "a", 2)], conflict="name", update=["n"]) == 1
    assert await stored(db) == [Item(1, "a", 2)]
    assert await db.upsert_many([Item(1, "x"), Item(3, "c")], update=()) == 1
    assert await stored(db) == [Item(1, "a", 2), Item(3, "c")]
    assert await db.upsert_many([Item(3, "z", 5)], update="n") == 1
    assert await stored(db) == [Item(1, "a", 2), Item(3, "c", 5)]
    with pytest.raises(liteorm.ModelError, match="conflict: Item has no field"):
        await db.upsert_many([Item(1, "a")], conflict="nome")
    with pytest.raises(liteorm.ModelError, match="update: Item has no field"):
        await db.upsert_many([Item(1, "a")], update=["m"])


async def test_another_table_and_dicts(db: AsyncDB) -> None:
    """The table may be given; a dict needs the conflict said."""
    await db.execute("CREATE SCHEMA other; CREATE TABLE other.item (LIKE item INCLUDING ALL)")
    assert await db.upsert_many([Item(1, "a")], table="other.item") == 1
    rows: list[Any] = [{"a": 1, "b": 2, "n": 3}]
    assert await db.upsert_many(rows, table="pair", conflict=("a", "b")) == 1
    with pytest.raises(liteorm.ModelError, match="dict has no key"):
        await db.upsert_many(rows, table="pair")


@pytest.mark.parametrize("update", [None, ("n",), ()], ids=["all", "one", "nothing"])
async def test_a_key_that_comes_twice_is_an_error(db: AsyncDB, update: Any) -> None:
    """Which of the two counts is not guessed; nothing is stored."""
    with pytest.raises(liteorm.DataError, match=r"key of Item \(id\) comes twice") as caught:
        await db.upsert_many([Item(1, "a"), Item(2, "b"), Item(1, "c")], update=update)
    assert (caught.value.table, caught.value.field) == ("item", "id")
    assert await stored(db) == []


async def test_without_a_unique_constraint_the_server_refuses(db: AsyncDB) -> None:
    """ON CONFLICT needs a constraint for its columns."""
    with pytest.raises(liteorm.StatementError, match="no unique or exclusion constraint"):
        await db.upsert_many([Item(1, "a", 1)], conflict="n")


async def test_errors_name_the_object(db: AsyncDB) -> None:
    """What does not fit is named as in insert_many; a constraint of the table by its name."""
    with pytest.raises(liteorm.DataError) as caught:
        await db.upsert_many([Item(1, "a"), Item(2, 5)])  # type: ignore[arg-type]
    assert (caught.value.row, caught.value.field) == (1, "name")
    with pytest.raises(liteorm.NotNullViolation) as missing:
        await db.upsert_many([Item(1, None)])  # type: ignore[arg-type]
    assert (missing.value.table, missing.value.column) == ("item", "name")
    with pytest.raises(liteorm.UniqueViolation) as taken:
        await db.upsert_many([Item(1, "a"), Item(2, "a")])
    assert taken.value.constraint == "item_name_key"

    def broken() -> Iterator[Item]:
        yield Item(1, "a")
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        await db.upsert_many(broken())
    assert await stored(db) == []


async def test_in_a_transaction_any_number_of_times(db: AsyncDB) -> None:
    """It is part of the transaction and leaves no temporary table behind."""
    async with db.transaction() as tx:
        for n in range(3):
            assert await tx.upsert_many([Item(1, "a", n), Item(2, "b", n)]) == 2
        left = await tx.query("SELECT count(*) FROM pg_class WHERE relname LIKE 'liteorm_upsert%'")
        assert list(left) == [(0,)]
        with pytest.raises(liteorm.DataError):
            await tx.upsert_many([Item(1, "a"), Item(1, "b")])
        assert await tx.upsert_many([Item(1, "c", 9)]) == 1
    assert await stored(db) == [Item(1, "c", 9), Item(2, "b", 2)]


async def test_the_same_rows_at_the_same_time(db: AsyncDB) -> None:
    """Upserts of the same keys in opposite orders do not wait for each other in a circle."""
    rows = [Item(n, f"n{n}", 0) for n in range(2000)]

    async def work(number: int) -> int:
        mine = [attrs.evolve(row, n=number) for row in (rows if number % 2 else rows[::-1])]
        return await db.upsert_many(mine)

    async with AsyncBackground() as background:
        for _ in range(3):
            handles = [background.start(work, number) for number in range(4)]
            for handle in handles:
                assert await handle.result() == len(rows)
    assert len({row.n for row in await stored(db)}) == 1


async def test_generated_columns(db: AsyncDB) -> None:
    """What the database fills is neither sent nor updated."""
    await db.execute("CREATE TABLE made (id serial PRIMARY KEY, name text UNIQUE, n int)")

    @liteorm.table("made", key="id")
    @attrs.define
    class Made:
        name: str
        n: int
        id: Annotated[int | None, Column(generated=True)] = None

    assert await db.upsert_many([Made("a", 1)], conflict="name") == 1
    assert await db.upsert_many([Made("a", 2)], conflict="name") == 1
    rows = liteorm.scan(await db.query("SELECT name, n, id FROM made"), Made)
    assert rows == [Made("a", 2, 1)]
    with pytest.raises(liteorm.ModelError, match="never in conflict"):
        await db.upsert_many([Made("a", 2)])


async def test_only_a_key_that_comes_twice_is_called_so(db: AsyncDB) -> None:
    """A trigger that raises the same code is told as what it is, also from an upsert of its own."""
    await db.execute("""
        CREATE FUNCTION own() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.n = 1 THEN RAISE cardinality_violation USING MESSAGE = 'mine'; END IF;
            INSERT INTO pair SELECT 1, 1, 1 FROM generate_series(1, NEW.n)
                ON CONFLICT (a, b) DO UPDATE SET n = 2;
            RETURN NEW;
        END $$;
        CREATE TRIGGER own BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION own();
    """)
    for n in (1, 2):
        with pytest.raises(liteorm.Error) as caught:
            await db.upsert_many([Item(1, "a", n), Item(2, "b", n)])
        assert caught.value.sqlstate == "21000"
        assert "comes twice" not in caught.value.message
    with pytest.raises(liteorm.DataError, match="comes twice"):
        await db.upsert_many([Item(1, "a", 0), Item(1, "b", 0)])
    assert await stored(db) == []


@liteorm.table("loose", key="id")
@attrs.frozen
class Loose:
    """A row whose name may be missing."""

    id: int
    name: str | None


async def test_keys_that_are_null_are_no_duplicates(db: AsyncDB) -> None:
    """NULL is like no other NULL in a unique column: both rows are made, also with update=()."""
    await db.execute("CREATE TABLE loose (id int PRIMARY KEY, name text UNIQUE)")
    rows = [Loose(1, None), Loose(2, None), Loose(3, "a")]
    assert await db.upsert_many(rows, conflict="name", update=()) == 3
    assert await db.upsert_many([Loose(4, None), Loose(5, "a")], conflict="name", update=()) == 1
    assert await db.upsert_many([Loose(6, None), Loose(7, None)], conflict="name") == 2
    found = await db.query("SELECT id FROM loose ORDER BY id")
    assert liteorm.scan(found, int) == [1, 2, 3, 4, 6, 7]
    with pytest.raises(liteorm.DataError, match="twice"):
        await db.upsert_many([Loose(8, "b"), Loose(9, "b")], conflict="name", update=())
