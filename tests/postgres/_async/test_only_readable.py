"""What cannot be read back as its class says is refused before it is stored, by every call."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any, Literal, NamedTuple, cast
from uuid import UUID

import attrs
import pytest

import liteorm
from liteorm import Interval, postgres
from liteorm.postgres import AsyncDB
from liteorm_testing import Database

pytestmark = pytest.mark.anyio


class Color(Enum):
    """Read by value."""

    RED = "r"
    BLUE = "b"


class Size(IntEnum):
    """Read by value, too."""

    SMALL = 1
    LARGE = 2


class Mixed(Enum):
    """Read by name."""

    ONE = 1
    TWO = "two"


@attrs.frozen
class Pair:
    """A composite, and an object in JSON."""

    x: int
    y: str


class Two(NamedTuple):
    """The same as a tuple."""

    x: int
    y: str


COLUMNS: dict[str, tuple[str, Any]] = {
    "int": ("int4", int),
    "bigint": ("int8", int),
    "float": ("float8", float),
    "numeric": ("numeric", Decimal),
    "text": ("text", str),
    "bool": ("bool", bool),
    "date": ("date", dt.date),
    "timestamp": ("timestamp", dt.datetime),
    "interval": ("interval", dt.timedelta),
    "uuid": ("uuid", UUID),
    "bytea": ("bytea", bytes),
    "json": ("json", dict[str, int]),
    "object": ("jsonb", Pair),
    "list of JSON": ("jsonb", list[int]),
    "JSON text": ("jsonb", str),
    "ints": ("int4[]", list[int]),
    "grid": ("int4[]", list[list[int]]),
    "texts": ("text[]", list[str]),
    "gaps": ("text[]", list[str | None]),
    "colors": ("text[]", list[Color]),
    "spans": ("interval[]", list[dt.timedelta]),
    "color": ("text", Color),
    "mood": ("mood", Color),
    "size": ("int2", Size),
    "mixed": ("text", Mixed),
    "literal": ("text", Literal["r", "g"]),
    "number": ("int4", Literal[1, 2]),
    "pair": ("pair", Pair),
    "two": ("pair", Two),
    "tuple": ("pair", tuple[int, str]),
    "pairs": ("pair[]", list[Pair]),
    "domain": ("small", int),
    "range": ("int4range", liteorm.Range[int]),
}

GAP: Any = None
VALUES: list[Any] = [
    *(None, 1, 3, 2**40, True, 1.5, 1.0, Decimal("1.5"), Decimal(1), "r", "zz", "ONE", ""),
    *(Color.RED, Size.LARGE, Mixed.TWO, dt.date(2024, 1, 2), dt.datetime(2024, 1, 2)),
    *(dt.datetime(2024, 1, 2, tzinfo=dt.UTC), dt.timedelta(1), Interval(1), Interval(0, 10**9)),
    *(Interval(0, 3), UUID(int=1), b"x", bytearray(b"x"), {"a": 1}, {"x": 1, "y": "a"}),
    *({"x": 1, "y": None}, {"x": None, "y": "a"}, [1], [None], [1, None], ["r"], ["zz"]),
    *([[1, 2]], [[1, None]], [[[1]]], (1,), {1}, [], [Color.RED], [Size.SMALL], [Interval(1)]),
    *([dt.timedelta(1)], Pair(1, "a"), Two(1, "a"), (1, "a"), (1, None), (None, "a")),
    *([Pair(1, "a")], [(1, None)], [None, Pair(1, "a")], liteorm.Range(1, 5), liteorm.Json(None)),
    *(Pair(GAP, "a"), [Pair(1, GAP)]),
]

LATER = {"json", "object", "list of JSON"}
"""JSON is not looked into: what is inside it bulk calls store, and the others tell afterwards."""

Call = Callable[[Any, Any, Any], Awaitable[Any]]


async def patch(db: Any, cls: Any, value: Any) -> Any:
    """Change the row that is there."""
    return await db.patch(cls, 1, {"v": value})


CALLS: dict[str, Call] = {
    "insert": lambda db, cls, value: db.insert(cls(2, value)),
    "insert_many": lambda db, cls, value: db.insert_many([cls(2, value)]),
    "insert_returning": lambda db, cls, value: db.insert_returning([cls(2, value)]),
    "upsert": lambda db, cls, value: db.upsert(cls(1, value)),
    "upsert_many": lambda db, cls, value: db.upsert_many([cls(1, value)]),
    "update": lambda db, cls, value: db.update(cls(1, value)),
    "update_many": lambda db, cls, value: db.update_many([cls(1, value)]),
    "patch": patch,
}

SCHEMA = """
CREATE TYPE pair AS (x int, y text);
CREATE TYPE mood AS ENUM ('r', 'b', 'zz');
CREATE DOMAIN small AS int CHECK (value < 1000);
CREATE TABLE kept (id int PRIMARY KEY);
INSERT INTO kept VALUES (1);
"""


@pytest.fixture
async def db(liteorm_database: Database) -> AsyncIterator[AsyncDB]:
    """A table with one row."""
    async with await postgres.open_async(liteorm_database.dsn) as db:
        await db.execute(SCHEMA)
        yield db


def class_of(annotation: Any) -> Any:
    """Return a class with such a field."""
    fields = {"id": attrs.field(type=int), "v": attrs.field(type=annotation)}
    cls: Any = attrs.make_class("Kept", fields)
    return liteorm.table("public.kept", key="id")(cls)


@pytest.mark.parametrize("name", COLUMNS)
async def test_what_is_stored_can_be_read(db: AsyncDB, name: str) -> None:
    """A call either stores what is read back, or refuses it with its field and stores nothing."""
    type_, annotation = COLUMNS[name]
    add: Any = f"ALTER TABLE kept ADD v {type_}"
    await db.execute(add)
    cls = class_of(annotation)
    for place, value in enumerate(VALUES, list(COLUMNS).index(name)):
        # Two of the calls for each; with the next column others.
        for called, call in [*CALLS.items()][place % 4 :: 4]:
            what = f"{called} of {value!r}"
            error = await error_of(call, db, cls, value)
            stored = [*(await db.query("SELECT id, v FROM kept WHERE v IS NOT NULL OR id = 2"))]
            if error is not None:
                assert isinstance(error, REFUSED), f"{what}: {error}"
                assert not stored or (name in LATER and error.stored), f"{what}: {error}"
                assert error.field == "v", f"{what}: {error}"
            elif stored and name not in LATER:
                (obj,) = liteorm.scan(
                    await db.query("SELECT id, v FROM kept WHERE v IS NOT NULL OR id = 2"), cls
                )
                assert obj.v == value or alike(value, obj.v), what
            if stored:
                await db.execute("DELETE FROM kept WHERE id = 2; UPDATE kept SET v = NULL")


REFUSED = (liteorm.DataError, liteorm.ScanError)


async def error_of(call: Call, db: AsyncDB, cls: Any, value: Any) -> liteorm.Error | None:
    """Return what a call raised."""
    try:
        await call(db, cls, value)
    except liteorm.Error as error:
        return error
    return None


@pytest.mark.parametrize("name", CALLS)
async def test_a_refused_none_is_not_in_the_transaction_either(db: AsyncDB, name: str) -> None:
    """Who catches the error inside a block finds the rest of it stored, and nothing of the call."""
    await db.execute("ALTER TABLE kept ADD v text; INSERT INTO kept VALUES (3, 'x')")
    cls = class_of(str)
    async with db.transaction() as tx:
        error = await error_of(CALLS[name], cast("Any", tx), cls, None)
        await tx.execute("UPDATE kept SET v = 'y' WHERE id = 3")
    assert isinstance(error, REFUSED)
    assert error.field == "v"
    found = [*(await db.query("SELECT id, v FROM kept ORDER BY id"))]
    assert found == [(1, None), (3, "y")]


async def test_a_trigger_of_a_partition_may_fill(db: AsyncDB) -> None:
    """It is met when the row is stored there."""
    await db.execute("""
        CREATE TABLE parts (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
        CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (100);
        CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            NEW.v := coalesce(NEW.v, 'filled'); RETURN NEW;
        END $$;
    """)
    fields = {"id": attrs.field(type=int), "v": attrs.field(type=str)}
    made: Any = attrs.make_class("Parted", fields)
    cls = liteorm.table("public.parts", key="id")(made)
    with pytest.raises(liteorm.DataError, match="could not be read back"):
        await db.insert_many([cls(1, None)])
    await db.execute("""
        CREATE TRIGGER fill BEFORE INSERT ON part FOR EACH ROW EXECUTE FUNCTION fill()
    """)
    assert await db.insert_many([cls(1, None)]) == 1
    assert await db.get(cls, 1) == cls(1, "filled")


@pytest.mark.parametrize("name", ["insert_many", "upsert_many", "update_many"])
async def test_a_trigger_that_fills_gets_the_none(db: AsyncDB, name: str) -> None:
    """Where a trigger may make a value of it, None is sent; also one made since the last call."""
    await db.execute("ALTER TABLE kept ADD v text")
    cls = class_of(str)
    error = await error_of(CALLS[name], db, cls, None)
    assert isinstance(error, liteorm.DataError)
    assert (error.field, error.row, error.table, error.column) == ("v", 0, "kept", "v")
    await db.execute("""
        CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            NEW.v := coalesce(NEW.v, 'filled'); RETURN NEW;
        END $$;
        CREATE TRIGGER fill BEFORE INSERT OR UPDATE ON kept
            FOR EACH ROW EXECUTE FUNCTION fill();
    """)
    assert await error_of(CALLS[name], db, cls, None) is None
    assert (2 if name == "insert_many" else 1, "filled") in [
        *(await db.query("SELECT id, v FROM kept"))
    ]


async def test_what_nothing_fills_is_no_row_of_the_class(db: AsyncDB) -> None:
    """A field that is left out and would be NULL is refused by insert_many as by insert."""
    await db.execute("ALTER TABLE kept ADD v text")
    cls = class_of(str)
    for name in ("insert", "insert_many", "insert_returning"):
        error = await error_of(CALLS[name], db, cls, liteorm.UNSET)
        assert isinstance(error, liteorm.ScanError)
        assert error.field == "v"


async def test_the_place_of_a_none_among_many(db: AsyncDB) -> None:
    """The object is named by its number, wherever it is, and none of them is stored."""
    await db.execute("ALTER TABLE kept ADD v text")
    cls = class_of(str)
    for place in (0, 17, 700, 2999):
        objects = [cls(n + 10, None if n == place else "text") for n in range(3000)]
        for call in (db.insert_many, db.upsert_many):
            with pytest.raises(liteorm.DataError, match=rf"Kept\.v of object {place} is None"):
                await call(objects)
    assert [*(await db.query("SELECT count(*)::int FROM kept"))] == [(1,)]


def alike(given: Any, read: Any) -> bool:
    """Tell whether what was read is the value in the words of the field's annotation."""
    if isinstance(given, Enum):
        return read in (given.value, given.name) or alike(given.value, read)
    if isinstance(read, Enum):
        return given in (read.value, read.name)
    if isinstance(given, Interval):
        return bool(given.to_timedelta() == read)
    if isinstance(given, list | tuple | set | Pair) and isinstance(read, list | tuple | Pair):
        return [*parts(given)] == [*parts(read)] or all(
            alike(one, other) for one, other in zip(parts(given), parts(read), strict=True)
        )
    if isinstance(given, dict):
        return [*given.values()] == [*parts(read)]
    return bool(given == read)


def parts(value: Any) -> list[Any]:
    """Return what is in a list or an object."""
    return list(attrs.astuple(value)) if isinstance(value, Pair) else list(value)
