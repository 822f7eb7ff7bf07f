"""What is made of a class goes with it: classes made at run time are freed, whatever used them."""

from __future__ import annotations

import copy
import dataclasses
import enum
import gc
import pickle
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple, TypedDict, cast

import attrs
import msgspec
import pytest

import liteorm
from liteorm import Json, Notification, scan, scan_iter
from liteorm._core.belonging import Kept, kept
from liteorm.postgres import AsyncDB, open_async
from liteorm_testing import Database

pytestmark = pytest.mark.anyio

SCHEMA = """
CREATE TYPE mood AS ENUM ('ok', 'bad');
CREATE TABLE person (id int PRIMARY KEY, name text, mood mood DEFAULT 'ok', body jsonb);
INSERT INTO person VALUES (1, 'a', 'ok', '{"id": 1, "name": "x"}');
"""
COLUMNS = "SELECT id, name FROM person"
BODY = """SELECT 1 AS n, '{"id": 1, "name": "x"}'::jsonb AS inside"""
MARRY = liteorm.table("person", key="id")


def attrs_class() -> Any:
    """An attrs class."""
    return MARRY(attrs.make_class("Person", {"id": typed(int), "name": typed(str)}))


def frozen_class() -> Any:
    """A frozen one."""
    return MARRY(attrs.make_class("Person", {"id": typed(int), "name": typed(str)}, frozen=True))


def data_class() -> Any:
    """A dataclass."""
    return MARRY(dataclasses.make_dataclass("Person", [("id", int), ("name", str)]))


def tuple_class() -> Any:
    """A NamedTuple."""
    return MARRY(cast("Any", NamedTuple)("Person", [("id", int), ("name", str)]))


def struct() -> Any:
    """A msgspec Struct."""
    return MARRY(msgspec.defstruct("Person", [("id", int), ("name", str)]))


def with_mood() -> Any:
    """A class with an enum of its own."""
    mood = enum.Enum("Mood", {"ok": "ok", "bad": "bad"})  # type: ignore[misc]
    fields = {"id": typed(int), "name": typed(str), "mood": attrs.field(default=mood.ok, type=mood)}
    return MARRY(attrs.make_class("Person", fields))


def typed(cls: Any) -> Any:
    """A field."""
    return attrs.field(type=cls)


def around(cls: Any) -> Any:
    """A class that has objects of another one."""
    return attrs.make_class("Around", {"n": typed(int), "inside": typed(cls)})


CLASSES = [attrs_class, frozen_class, data_class, tuple_class, struct, with_mood]
Use = Callable[[AsyncDB, Any], Awaitable[Any]]


async def scanned(db: AsyncDB, sql: Any, model: Any) -> Any:
    """Rows as objects."""
    return scan(await db.query(sql), model, extra="ignore")


async def streamed(db: AsyncDB, model: Any) -> Any:
    """Rows of a stream."""
    async with db.stream(COLUMNS) as stream:
        return [each async for each in scan_iter(stream, model)]


async def in_batch(db: AsyncDB, model: Any) -> Any:
    """A statement in a batch."""
    declared = liteorm.statement(model, "SELECT id, name FROM person")
    async with db.batch() as batch:
        found = batch.all(declared)
    return found.result()


async def refused(db: AsyncDB, model: Any) -> None:
    """Errors of every kind."""
    for call in (
        lambda: scanned(db, "SELECT 'x' AS id, 'y' AS name", model),
        lambda: scanned(db, "SELECT NULL::int AS id, 'y' AS name", model),
        lambda: db.insert(model(id="x", name="y")),
        lambda: db.insert(model(id=1, name="y")),
        lambda: db.insert_many([model(id=1, name="y")]),
        lambda: db.get(model, 99),
    ):
        with pytest.raises(liteorm.Error):
            await call()


async def declared(db: AsyncDB, model: Any) -> Any:
    """A statement of its own."""
    return await liteorm.statement(model, "SELECT {columns} FROM person").all(db)


async def in_transaction(db: AsyncDB, model: Any) -> Any:
    """Calls of a transaction."""
    async with db.transaction() as tx:
        await tx.upsert(model(id=1, name="b"))
        return await tx.get(model, 1)


async def notified(db: AsyncDB, model: Any) -> Any:
    """The payload of a notification."""
    return Notification("c", '[{"id": 1, "name": "a"}]', 1).load(list[dict[str, Any]])


USES: dict[str, Use] = {
    "scan": lambda db, m: scanned(db, COLUMNS, m),
    "scan, list": lambda db, m: scanned(db, "SELECT array_agg(p) FROM person p", list[pair(m)]),
    "scan, optional": lambda db, m: scanned(
        db, 'SELECT 1 AS n, NULL::int AS "inside.id", NULL AS "inside.name"', around(m | None)
    ),
    "scan, nested": lambda db, m: scanned(
        db, """SELECT 1 AS n, 2 AS "inside.id", 'x' AS "inside.name" """, around(m)
    ),
    "scan, record": lambda db, m: scanned(db, "SELECT 1 AS n, (1, 'x'::text) AS inside", around(m)),
    "stream": streamed,
    "insert": lambda db, m: db.insert(m(id=5, name="z")),
    "update": lambda db, m: db.update(m(id=1, name="z")),
    "upsert": lambda db, m: db.upsert(m(id=1, name="z")),
    "upsert, nothing": lambda db, m: db.upsert(m(id=1, name="z"), update=()),
    "patch": lambda db, m: db.patch(m, 1, {"name": "q"}),
    "get": lambda db, m: db.get(m, 1),
    "delete": lambda db, m: db.delete(m(id=77, name="z")),
    "insert_many": lambda db, m: db.insert_many([m(id=6, name="z")]),
    "upsert_many": lambda db, m: db.upsert_many([m(id=6, name="z")]),
    "update_many": lambda db, m: db.update_many([m(id=6, name="z")]),
    "delete_many": lambda db, m: db.delete_many(m, [99]),
    "insert_returning": lambda db, m: db.insert_returning([m(id=8, name="z"), m(id=9, name="y")]),
    "returning": lambda db, m: db.insert(LASTING(id=10, name="z"), returning=m),
    "returning many": lambda db, m: db.insert_returning([LASTING(id=11, name="z")], returning=m),
    "a table lent": lambda db, m: db.insert(LASTING(id=12, name="z"), table=m),
    "Json": lambda db, m: db.query("SELECT %s::jsonb", [Json({"a": [m(id=1, name="a")]})]),
    "statement": declared,
    "batch": in_batch,
    "transaction": in_transaction,
    "errors": refused,
}
LASTING: Any = attrs_class()


def pair(cls: Any) -> Any:
    """A class by position."""
    fields = {"id": typed(int), "name": typed(str), "mood": typed(str), "body": typed(Any)}
    return attrs.make_class(
        "Whole", {**fields, "other": attrs.field(default=None, type=cls | None)}
    )


async def used(db: AsyncDB, make: Callable[[], Any], use: Use) -> weakref.ref[Any]:
    """Make a class, use it, and return a reference that does not hold it."""
    model = make()
    await use(db, model)
    return weakref.ref(model)


@pytest.fixture
async def db(liteorm_async_db: AsyncDB) -> AsyncDB:
    """The table, with a row."""
    await liteorm_async_db.execute(SCHEMA)
    return liteorm_async_db


@pytest.fixture
async def with_codecs(
    liteorm_database: Database,
) -> AsyncIterator[AsyncDB]:
    """A pool with codecs of its own, whose scanners are not shared with others."""
    async with await open_async(liteorm_database.dsn, codecs={Odd: OddCodec()}, max_size=2) as db:
        await db.execute(SCHEMA)
        yield db


class Odd:
    """A class that only a codec knows."""


class OddCodec:
    """Its codec."""

    def decode(self, value: Any) -> Odd:
        """Read one."""
        return Odd()

    def encode(self, value: Odd) -> str:
        """Write one."""
        return "odd"


async def check(db: AsyncDB) -> None:
    """Use classes of every kind in every way, and look for those that stay."""
    made: dict[str, weakref.ref[Any]] = {}
    for make in CLASSES:
        for name, use in USES.items():
            await db.execute("DELETE FROM person WHERE id <> 1")
            made[f"{make.__name__}: {name}"] = await used(db, make, use)
    for _ in range(4):
        # msgspec's structs take more than one.
        gc.collect()
    assert [name for name, model in made.items() if model() is not None] == []


async def test_a_class_goes_after_each_kind_of_use(db: AsyncDB) -> None:
    """No cache, of the library or of a pool that stays open, holds a class."""
    await check(db)


async def test_a_class_goes_although_the_pool_has_codecs(with_codecs: AsyncDB) -> None:
    """What was made with the codecs of a pool goes with the first of the two."""
    await check(with_codecs)


async def test_a_pool_goes_although_the_class_stays(liteorm_database: Database) -> None:
    """What a class keeps of a pool is no more than the pool itself keeps."""
    pools: list[weakref.ref[Any]] = []
    for codecs in ({}, {Odd: OddCodec()}):
        async with await open_async(liteorm_database.dsn, codecs=codecs) as db:
            await db.execute("DROP TABLE IF EXISTS person; DROP TYPE IF EXISTS mood")
            await db.execute(SCHEMA)
            for name, use in USES.items():
                if name != "errors":
                    await db.execute("DELETE FROM person WHERE id <> 1")
                    await use(db, LASTING)
            pools.append(weakref.ref(db._state.types))
        del db
    # Python 3.15 frees what has finalizers in the round after that in which they were run.
    gc.collect()
    gc.collect()
    assert [pool() for pool in pools] == [None, None]


async def test_a_parameter_holds_no_class(db: AsyncDB) -> None:
    """Neither a pool's connections nor their dumpers hold the classes of parameters."""

    async def sent(make: Callable[[], Any], wrap: Callable[[Any], Any]) -> weakref.ref[Any]:
        value = make()
        await db.query("SELECT %s::text", [wrap(value)])
        await db.query("SELECT %(a)s::text", {"a": wrap(value)})
        return weakref.ref(type(value))

    def member() -> Any:
        return enum.Enum("Mood", {"ok": "ok"}).ok  # type: ignore[misc]

    def obj() -> Any:
        return attrs_class()(id=1, name="a")

    def text() -> Any:
        return type("Text", (str,), {})("a")

    made: dict[str, weakref.ref[Any]] = {}
    for make in (member, obj, text):
        made[make.__name__] = await sent(make, lambda value: value)
        made[f"{make.__name__} in a dict"] = await sent(make, lambda value: {"a": value})
        made[f"{make.__name__} in a list"] = await sent(make, lambda value: [value])
    made["nested"] = await sent(member, lambda value: [[value], [value]])
    gc.collect()
    gc.collect()
    assert [name for name, cls in made.items() if cls() is not None] == []


def test_what_is_kept_is_not_taken_along() -> None:
    """A class that is pickled by value, as notebooks do, leaves behind what was made of it."""
    place = kept(attrs_class())
    place["a"] = lambda: None
    assert pickle.loads(pickle.dumps(place)) == {}
    assert isinstance(copy.copy(place), Kept)


async def test_a_table_named_after_the_first_use_counts(db: AsyncDB) -> None:
    """What was made of a class before is forgotten, also of those that inherit."""
    await db.execute("CREATE TABLE other (id int PRIMARY KEY, name text)")

    @liteorm.table("person", key="id")
    @attrs.define
    class Base:
        id: int
        name: str

    class Child(Base):
        pass

    await db.insert(Base(20, "a"))
    await db.insert(Child(21, "a"))
    liteorm.table("other", key="id")(Base)
    await db.insert(Base(20, "a"))
    await db.insert(Child(21, "a"))
    assert await scanned(db, "SELECT id FROM other ORDER BY id", int) == [20, 21]


class Bits(TypedDict):
    """A dict of bits."""

    id: int


def test_types_of_everybody_share_a_place() -> None:
    """What belongs to no class of the application's is kept apart, and bounded."""
    assert kept(int) is kept(list[int]) is kept(dict[str, int | None])
    assert kept(list[Bits]) is kept(Bits | None) is kept(Bits)
