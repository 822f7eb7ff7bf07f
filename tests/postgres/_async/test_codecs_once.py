"""A pool's codecs are applied once, whatever class they give and wherever the value is."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any, Literal, cast

import attrs
import pytest

import liteorm
from liteorm import Column, Json, Range, postgres, scan_one
from liteorm.postgres import AsyncDB
from liteorm_testing import Database


class Moved:
    """Another value of the very same class."""

    def __init__(self, by: Any) -> None:
        self.by = by

    def encode(self, value: Any) -> Any:
        """Write."""
        return value + self.by

    def decode(self, value: Any) -> Any:
        """Read."""
        return value - self.by


class Backwards:
    """Text, marked and turned around."""

    def encode(self, value: str) -> str:
        """Write."""
        return f"{value}<"[::-1]

    def decode(self, value: str) -> str:
        """Read."""
        return value[::-1].removesuffix("<")


@attrs.frozen
class Cents:
    """A class with a codec of the field's own, which gives what the pool has a codec for."""

    count: int


class CentsCodec:
    """Cents as a number."""

    def encode(self, value: Cents) -> int:
        """Write."""
        return 100 * value.count

    def decode(self, value: int) -> Cents:
        """Read."""
        return Cents(value // 100)


class Temperature(Decimal):
    """A subclass of a class with a codec, with a codec of its own that gives the base class."""


class Tenths:
    """A temperature as a Decimal."""

    def encode(self, value: Temperature) -> Decimal:
        """Write."""
        return Decimal(value) * 10

    def decode(self, value: Decimal) -> Temperature:
        """Read."""
        return Temperature(value / 10)


@attrs.frozen
class Tags:
    """A class whose codec gives a list of what the pool has a codec for."""

    numbers: tuple[int, ...]


class TagsCodec:
    """Tags as a list of numbers."""

    def encode(self, value: Tags) -> list[int]:
        """Write."""
        return [*value.numbers]

    def decode(self, value: list[int]) -> Tags:
        """Read."""
        return Tags(tuple(value))


class Forever:
    """The last day is without an end."""

    def encode(self, value: dt.date) -> Any:
        """Write."""
        return "infinity" if value == dt.date.max else value

    def decode(self, value: Any) -> dt.date:
        """Read."""
        found: dt.date = dt.date.max if value == "infinity" else value
        return found


class Color(Enum):
    """Text, not to be given to the codec of text."""

    RED = "r"
    BLUE = "b"


class Size(IntEnum):
    """Numbers, not to be given to the codec of numbers."""

    SMALL = 1
    LARGE = 2


class Shape(StrEnum):
    """Text as well."""

    ROUND = "round"


pytestmark = pytest.mark.anyio
Own = Annotated[Cents, Column(codec=CentsCodec())]


@attrs.define
class Pair:
    """A composite, and an object in JSON."""

    x: int
    y: Own


@liteorm.table("public.coded", key="id")
@attrs.define
class Coded:
    """Everything that a codec could reach twice."""

    id: int
    version: int
    number: int
    small: Size
    word: str
    color: Color
    shape: Shape
    fixed: Literal["fixed"]
    flag: bool
    day: dt.date
    moment: dt.datetime
    cold: Temperature
    amount: Decimal
    cents: Own
    numbers: list[int]
    grid: list[list[int]]
    many: list[Own]
    both_: tuple[Own, int]
    span: Range[int]
    positive: int
    pair: Pair
    pairs: list[Pair]
    body: int
    bodies: list[int]
    inside: Pair
    tags: Tags
    tagged: list[Tags]
    maybe: int | None = None


CODECS: dict[type, Any] = {
    int: Moved(1),
    str: Backwards(),
    dt.date: Moved(dt.timedelta(days=1)),
    Decimal: Moved(Decimal("0.5")),
    Temperature: Tenths(),
    Tags: TagsCodec(),
}

TABLE = """
CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE TYPE couple AS (a int, b int);
CREATE TYPE pair AS (x int, y int);
CREATE TYPE shape AS ENUM ('round', 'square');
CREATE TABLE coded (id int PRIMARY KEY, version int, number int8, small int2, word text,
    color text, shape shape, fixed text, flag bool, day date, moment timestamp, cold numeric,
    amount numeric, cents int, numbers int[], grid int[], many int[], both_ couple, span int4range,
    positive positive, pair pair, pairs pair[], body jsonb, bodies json, inside jsonb,
    tags int[], tagged jsonb, maybe int);
"""


def coded(id: int) -> Coded:
    """Return an object."""
    values: list[Any] = [
        *(id, 3, 70_000, Size.LARGE, "word", Color.RED, Shape.ROUND, "fixed", True),
        *(dt.date(2024, 2, 28), dt.datetime(2024, 2, 28, 12), Temperature("36.6"), Decimal("1.25")),
        *(Cents(3), [1, 100_000], [[1, 2], [3, 4]], [Cents(1)], (Cents(2), 9), Range(1, 5), 8),
        *(Pair(1, Cents(2)), [Pair(3, Cents(4))], 11, [1, 2], Pair(7, Cents(8))),
        *(Tags((1, 70_000)), [Tags((1, 2))]),
    ]
    return Coded(*values)


@pytest.fixture
async def db(liteorm_database: Database) -> AsyncIterator[AsyncDB]:
    """A pool with codecs for classes that they give themselves."""
    async with await postgres.open_async(liteorm_database.dsn) as plain:
        await plain.execute("DROP TABLE IF EXISTS coded")
        await plain.execute(TABLE)
    async with await postgres.open_async(liteorm_database.dsn, codecs=CODECS) as db:
        yield db


Call = Callable[[AsyncDB, Coded], Awaitable[Any]]
CALLS: dict[str, Call] = {
    "insert": lambda db, obj: db.insert(obj),
    "insert_many": lambda db, obj: db.insert_many([obj]),
    "insert_returning": lambda db, obj: db.insert_returning([obj]),
    "upsert": lambda db, obj: db.upsert(obj),
    "upsert_many": lambda db, obj: db.upsert_many([obj]),
}
CHANGES: dict[str, Call] = {
    "update": lambda db, obj: db.update(obj),
    "update_many": lambda db, obj: db.update_many([obj]),
    "patch": lambda db, obj: db.patch(
        Coded, obj.id, {name: value for name, value in as_changes(obj).items() if name != "id"}
    ),
    "upsert": lambda db, obj: db.upsert(obj),
    "upsert_many": lambda db, obj: db.upsert_many([obj]),
}


def as_changes(obj: Coded) -> dict[str, Any]:
    """Return the values by field."""
    return attrs.asdict(obj, recurse=False)


@pytest.mark.parametrize("call", CALLS)
async def test_stored_through_one_codec(db: AsyncDB, call: str) -> None:
    """Each call stores what each codec gives once, and it is read back as what was given."""
    obj = coded(5)
    result = await CALLS[call](db, obj)
    assert result in (obj, [obj], 1)
    assert await db.get(Coded, 5) == obj
    [row] = await db.query("SELECT number::int8 - 70000, cents::int8, body, both_ FROM coded")
    assert row == (1, 300, 12, (200, 10))


@pytest.mark.parametrize("call", CHANGES)
async def test_changed_through_one_codec(db: AsyncDB, call: str) -> None:
    """Each call that changes a row finds it by its key, and changes it to what was given."""
    before = attrs.evolve(coded(5), number=1, word="before", many=[], body=1, maybe=4)
    await db.insert(before)
    await CHANGES[call](db, coded(5))
    assert await db.get(Coded, 5) == coded(5)
    assert await db.delete(coded(5))


PARAMETERS: list[tuple[str, Any, Any]] = [
    ("%s::int8", 70_000, 70_001),
    ("%s::text", "word", "<drow"),
    ("%s::int8[]", [1, 70_000], [2, 70_001]),
    ("%s::int8[]", [[1, None], [70_000, 3]], [[2, None], [70_001, 4]]),
    ("%s::int8[]", (1, 2), [2, 3]),
    ("%s::text[]", ["a", None], ["<a", None]),
    ("%s::text[]", [Color.RED, Color.BLUE], ["r", "b"]),
    ("%s::text[]", [Shape.ROUND], ["round"]),
    ("%s::text", Color.RED, "r"),
    ("%s::int8", Size.LARGE, 2),
    ("%s::int8[]", [Size.LARGE], [2]),
    ("%s::bool", True, True),
    ("%s::int4range", Range(1, 5), Range(2, 6)),
    ("%s::int4range[]", [Range(1, 5)], [Range(2, 6)]),
    ("%s::daterange", Range(dt.date(2024, 1, 1), None), Range(dt.date(2024, 1, 2), None)),
    ("%s::timestamp", dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1)),
    ("%s::numeric", Decimal(1), Decimal("1.5")),
    ("%s::numeric", Temperature(1), Decimal(10)),
    ("%s::numeric[]", [Temperature(1), Decimal(1)], [Decimal(10), Decimal("1.5")]),
    ("%s::jsonb", Json(5), 6),
    ("%s::jsonb", {"a": [5]}, {"<a": [6]}),
    ("%s::jsonb[]", [{"a": 5}], [{"<a": 6}]),
    ("%s::int8[]", Tags((1, 70_000)), [1, 70_000]),
    ("%s::jsonb", {"a": Tags((5,))}, {"<a": [5]}),
]


@pytest.mark.parametrize(("place", "value", "sent"), PARAMETERS)
async def test_a_parameter_goes_through_one_codec(
    db: AsyncDB, place: str, value: Any, sent: Any
) -> None:
    """A bare parameter is what its codec gives, alone and inside others."""
    sql: Any = f"SELECT {place}"
    [(found,)] = await db.query(sql, [value])
    assert found == sent
    assert type(found) is type(sent)
    [(again,)] = await db.query(sql.replace("%s", "%(x)s"), {"x": value})
    assert again == sent


class Listed:
    """A list as JSON, in which there are lists."""

    def encode(self, value: list[Any]) -> Any:
        """Write."""
        return Json([*value, "end"])

    def decode(self, value: Any) -> list[Any]:
        """Read."""
        return list(value)[:-1]


class Ping:
    """One of two classes whose codecs give lists of each other."""


class Pong:
    """The other one."""


class Other:
    """Gives a list of the other class."""

    def __init__(self, cls: type) -> None:
        self.cls = cls

    def encode(self, value: Any) -> Any:
        """Write."""
        return [self.cls()]

    def decode(self, value: Any) -> Any:
        """Read."""
        return value


class Swapped(Other):
    """Gives an object of the other class."""

    def encode(self, value: Any) -> Any:
        """Write."""
        return self.cls()


async def test_a_list_that_becomes_json_of_a_list(liteorm_database: Database) -> None:
    """What a codec wraps in `Json` goes through no codec again."""
    async with await postgres.open_async(liteorm_database.dsn, codecs={list: Listed()}) as db:
        assert scan_one(await db.query("SELECT %s::jsonb::text", [[1, [2]]]), str) == (
            '[1, [2], "end"]'
        )


@pytest.mark.parametrize("codec", [Other, Swapped])
async def test_codecs_in_a_circle(liteorm_database: Database, codec: Any) -> None:
    """Codecs that turn into one another are refused with a sentence, by every call."""
    codecs: dict[type, Any] = {Ping: codec(Pong), Pong: codec(Ping)}

    @liteorm.table("public.circle", key="id")
    @attrs.define
    class Circle:
        id: int
        value: Any

    async with await postgres.open_async(liteorm_database.dsn, codecs=codecs) as db:
        await db.execute("CREATE TABLE circle (id int, value int[])")
        obj = Circle(1, Ping())
        calls: list[Callable[[], Awaitable[Any]]] = [
            lambda: db.query("SELECT %s", [Ping()]),
            lambda: db.query("SELECT %s", [[Ping()]]),
            lambda: db.query("SELECT %s", [{"a": Ping()}]),
            lambda: db.insert(obj),
            lambda: db.insert_many([obj]),
            lambda: db.upsert_many([obj]),
            lambda: db.insert_returning([obj]),
        ]
        for call in calls:
            with pytest.raises(liteorm.DataError, match=r"of type|itself|expected "):
                await call()


async def test_a_day_without_an_end(liteorm_database: Database) -> None:
    """What a pool's codec is given for infinity it may give again, by every call."""

    @liteorm.table("public.valid", key="id")
    @attrs.define
    class Valid:
        id: int
        until: dt.date

    codecs: dict[type, Any] = {dt.date: Forever()}
    async with await postgres.open_async(liteorm_database.dsn, codecs=codecs) as db:
        await db.execute("CREATE TABLE valid (id int PRIMARY KEY, until date DEFAULT 'infinity')")
        await db.execute("INSERT INTO valid VALUES (1), (2)")
        found = await db.get(Valid, 1)
        assert found == Valid(1, dt.date.max)
        calls: list[Callable[[], Awaitable[Any]]] = [
            lambda: db.update(found),
            lambda: db.update_many([found]),
            lambda: db.patch(Valid, 1, {"until": dt.date.max}),
            lambda: db.upsert(found),
            lambda: db.upsert_many([found]),
            lambda: db.insert(Valid(3, dt.date.max)),
            lambda: db.insert_many([Valid(4, dt.date.max), Valid(5, dt.date(2024, 1, 1))]),
            lambda: db.insert_returning([Valid(6, dt.date.max)]),
        ]
        for call in calls:
            await call()
        rows = await db.query("SELECT id FROM valid WHERE until <> 'infinity'")
        assert [*rows] == [(5,)]
        with pytest.raises(liteorm.DataError, match="expected date"):
            await db.insert_many([Valid(7, cast("Any", "infinity"))])
