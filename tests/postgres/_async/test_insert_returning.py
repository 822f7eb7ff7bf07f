"""insert_returning: many rows, back as stored and in order."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import attrs
import pytest

import liteorm
from liteorm import Column
from liteorm.postgres import AsyncDB, open_async
from liteorm_testing import Proxy, fail_next_commit

pytestmark = pytest.mark.anyio

SCHEMA = """
CREATE TABLE item (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, tags text[],
    shout text GENERATED ALWAYS AS (upper(name)) STORED, at timestamptz DEFAULT now()
)
"""


@liteorm.table("item", key="id")
@attrs.frozen
class Item:
    """A row that the database completes."""

    name: str
    tags: list[str] | None = None
    id: Annotated[int | None, Column(generated=True)] = None
    shout: Annotated[str | None, Column(generated=True)] = None
    at: Annotated[dt.datetime | None, Column(generated=True)] = None


@pytest.fixture
async def db(liteorm_async_db: AsyncDB) -> AsyncDB:
    """A database with the table."""
    await liteorm_async_db.execute(SCHEMA)
    return liteorm_async_db


@pytest.mark.parametrize("count", [0, 1, 1000, 20_000, 45_000])
async def test_objects_come_back_in_order(db: AsyncDB, count: int) -> None:
    """Each object in its place, with what the database filled, for any number of rows."""
    given = [Item(f"n{(n * 7919) % count}", [str(n)] if n % 3 else None) for n in range(count)]
    back = await db.insert_returning(iter(given))
    assert [(item.name, item.tags) for item in back] == [(i.name, i.tags) for i in given]
    assert all(item.shout == item.name.upper() for item in back)
    assert len({item.id for item in back}) == count
    rows = await db.query("SELECT * FROM item ORDER BY id")
    assert sorted(back, key=lambda item: item.id or 0) == liteorm.scan(rows, Item)


async def test_the_order_does_not_depend_on_ours(db: AsyncDB) -> None:
    """Rows that a trigger rewrites, and that partitions take apart, are in their places too."""
    await db.execute("""
        CREATE TABLE parted (id int, name text) PARTITION BY LIST (id);
        CREATE TABLE parted_0 PARTITION OF parted FOR VALUES IN (0);
        CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
        CREATE FUNCTION mask() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN NEW.name := NEW.name || '!'; RETURN NEW; END $$;
        CREATE TRIGGER mask BEFORE INSERT ON parted FOR EACH ROW EXECUTE FUNCTION mask();
    """)

    @liteorm.table("parted")
    @attrs.define
    class Parted:
        id: int
        name: str

    back = await db.insert_returning([Parted(n % 2, str(n)) for n in range(500)])
    assert [item.name for item in back] == [f"{n}!" for n in range(500)]


async def test_suppressed_rows_are_an_error(db: AsyncDB) -> None:
    """A trigger that drops a row leaves no object to put in its place."""
    await db.execute("""
        CREATE FUNCTION drop_it() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN IF NEW.name = 'b' THEN RETURN NULL; END IF; RETURN NEW; END $$;
        CREATE TRIGGER drop_it BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION drop_it();
    """)
    with pytest.raises(liteorm.Error, match="1 of 3 rows did not come back"):
        await db.insert_returning([Item("a"), Item("b"), Item("c")])


async def test_errors_name_the_object(db: AsyncDB) -> None:
    """What cannot be sent is named by its place; nothing is stored."""
    bad: Any = 5
    with pytest.raises(liteorm.DataError) as caught:
        await db.insert_returning([*(Item("a") for _ in range(30_000)), Item(bad)])
    assert (caught.value.row, caught.value.field) == (30_000, "name")
    with pytest.raises(liteorm.NotNullViolation) as missing:
        await db.insert_returning([Item("a"), Item(None)])  # type: ignore[arg-type]
    assert (missing.value.table, missing.value.column) == ("item", "name")

    @attrs.define
    class Stranger:
        name: str

    stranger: Any = Stranger("x")
    with pytest.raises(liteorm.DataError, match="object 1 is of class"):
        await db.insert_returning([Item("a"), stranger])
    assert list(await db.query("SELECT count(*) FROM item")) == [(0,)]


async def test_in_a_transaction(db: AsyncDB) -> None:
    """The rows go with the transaction."""
    with pytest.raises(ZeroDivisionError):
        async with db.transaction() as tx:
            assert len(await tx.insert_returning([Item("a"), Item("b")])) == 2
            raise ZeroDivisionError
    assert list(await db.query("SELECT count(*) FROM item")) == [(0,)]


@pytest.mark.parametrize("count", [2, 3, 20_001])
async def test_all_or_none_for_any_number(db: AsyncDB, count: int) -> None:
    """A row that a trigger drops, stores elsewhere or spoils for reading undoes the others."""
    await db.execute("""
        CREATE TABLE elsewhere (name text);
        CREATE FUNCTION aside() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.name = 'drop' THEN RETURN NULL; END IF;
            IF NEW.name = 'move' THEN INSERT INTO elsewhere VALUES (NEW.name); RETURN NULL; END IF;
            IF NEW.name = 'spoil' THEN NEW.at := 'infinity'; END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER aside BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION aside();
    """)
    total = "SELECT (SELECT count(*) FROM item) + (SELECT count(*) FROM elsewhere)"
    for name in ("drop", "move", "spoil"):
        objects = [Item(name), *(Item(str(n)) for n in range(count - 1))]
        with pytest.raises(liteorm.Error):
            await db.insert_returning(objects)
        assert list(await db.query(total)) == [(0,)], name
        async with db.transaction() as tx:
            with pytest.raises(liteorm.Error):
                await tx.insert_returning(objects)
            assert list(await tx.query(total)) == [(0,)], name
        with pytest.raises(liteorm.Error) as caught:
            await db.insert(Item(name))
        assert "not stored" not in str(caught.value)
        await db.execute("TRUNCATE item, elsewhere")


@liteorm.table("plain", key="id")
@attrs.frozen
class Plain:
    """A row that is read for certain once it is there."""

    name: str
    seen: dt.datetime
    id: Annotated[int | None, Column(generated=True)] = None


NOW = dt.datetime(2024, 5, 17, tzinfo=dt.UTC)
PLAIN = """
CREATE TABLE plain (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CHECK (name <> 'bad'), seen timestamptz
);
CREATE FUNCTION twist() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.name = 'drop' THEN RETURN NULL; END IF;
    IF NEW.name = 'infinite' THEN NEW.seen := 'infinity'; END IF;
    IF NEW.name = 'null' THEN NEW.seen := NULL; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER twist BEFORE INSERT ON plain FOR EACH ROW EXECUTE FUNCTION twist();
"""


@pytest.mark.parametrize("count", [1, 2, 3000])
async def test_it_is_one_round_trip(db: AsyncDB, liteorm_database: Any, count: int) -> None:
    """On a database, with its BEGIN and COMMIT, and in a transaction, with a savepoint."""
    await db.execute(PLAIN)
    objects = [Plain(str(n), NOW) for n in range(count)]
    with Proxy(liteorm_database.dsn) as proxy:
        async with await open_async(proxy.dsn, max_size=1) as far:
            await far.insert_returning(objects)  # asks the catalog once
            before = proxy.round_trips
            back = await far.insert_returning(objects)
            assert proxy.round_trips - before == 1
            assert [each.name for each in back] == [each.name for each in objects]
            async with far.transaction() as tx:
                before = proxy.round_trips
                await tx.insert_returning(objects)
                assert proxy.round_trips - before == 1
    assert len(await db.query("SELECT 1 FROM plain")) == 3 * count


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("drop", liteorm.Error, "1 of 3 rows did not come back"),
        ("infinite", liteorm.DataError, "infinity"),
        ("null", liteorm.ScanError, "NULL"),
        ("bad", liteorm.CheckViolation, "plain_name_check"),
    ],
)
async def test_one_trip_is_all_or_none_too(
    db: AsyncDB, name: str, error: type[liteorm.Error], words: str
) -> None:
    """A row that does not come back or cannot be read: the error says so, nothing is stored."""
    await db.execute(PLAIN)
    objects = [Plain("a", NOW), Plain(name, NOW), Plain("b", NOW)]
    with pytest.raises(error, match=words) as caught:
        await db.insert_returning(objects)
    assert not getattr(caught.value, "stored", False)
    assert len(await db.query("SELECT 1 FROM plain")) == 0
    async with db.transaction() as tx:
        await tx.insert_returning(objects[::2])
        with pytest.raises(error, match=words):
            await tx.insert_returning(objects)
        assert len(await tx.query("SELECT 1 FROM plain")) == 2
    async with db.connection() as connection:
        with pytest.raises(error, match=words):
            await connection.insert_returning(objects)
        assert len(await connection.query("SELECT 1 FROM plain")) == 2
    assert db.stats().in_use == 0


async def test_a_commit_that_went_along(db: AsyncDB, liteorm_database: Any) -> None:
    """Its reply may be lost, and it may be refused."""
    await db.execute(PLAIN)
    objects = [Plain("a", NOW), Plain("b", NOW)]
    with Proxy(liteorm_database.dsn) as proxy:
        async with await open_async(proxy.dsn, max_size=1) as far:
            await far.insert_returning(objects)
            proxy.drop_reply_to("COMMIT")
            with pytest.raises(liteorm.CommitUnknown, match="while rows were inserted"):
                await far.insert_returning(objects)
    assert len(await db.query("SELECT 1 FROM plain")) == 4
    with fail_next_commit(db, liteorm.SerializationFailure):
        with pytest.raises(liteorm.SerializationFailure):
            await db.insert_returning(objects)
    assert len(await db.query("SELECT 1 FROM plain")) == 4
