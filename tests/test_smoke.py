"""The main path, once sync and once async; also what the installed wheel must pass."""

from __future__ import annotations

import asyncio
import enum
from decimal import Decimal
from typing import Annotated

import attrs
import pytest

import liteorm
from liteorm import postgres

TABLE = """
CREATE TYPE mood AS ENUM ('calm', 'busy');
CREATE TABLE cities (id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE,
    mood mood, area numeric(8, 2) NOT NULL, tags text[] NOT NULL DEFAULT '{}', info jsonb)
"""


class Mood(enum.Enum):
    CALM = "calm"
    BUSY = "busy"


@attrs.frozen
class Info:
    founded: int
    rivers: list[str]


@liteorm.table("cities", key="id")
@attrs.frozen(kw_only=True)
class City:
    id: Annotated[int, liteorm.Column(generated=True)] = 0
    name: str
    mood: Mood | None = None
    area: Decimal
    tags: list[str] = attrs.Factory(list)
    info: Info | None = None


PARIS = City(
    name="Paris", mood=Mood.BUSY, area=Decimal("105.40"), tags=["Seine"], info=Info(-250, ["Seine"])
)
CITIES = [
    PARIS,
    City(name="Delft", area=Decimal("24.06")),
    City(name="Bath", area=Decimal("28.70")),
]


def test_main_path_sync(liteorm_db: postgres.DB) -> None:
    """Open, insert_many, query, scan, transaction, errors and listen work in sync code."""
    db = liteorm_db
    db.execute(TABLE)
    assert db.insert_many(CITIES) == 3
    cities = liteorm.scan(db.query("SELECT * FROM cities ORDER BY id"), City)
    assert cities[0] == attrs.evolve(PARIS, id=cities[0].id)
    assert liteorm.scan_one(db.query("SELECT count(*) FROM cities"), int) == 3
    none = db.query("SELECT name FROM cities WHERE name = ANY(%s)", [["Rome"]])
    assert liteorm.scan_optional(none, str) is None
    with pytest.raises(liteorm.UniqueViolation) as caught, db.transaction() as tx:
        tx.execute("DELETE FROM cities WHERE name = %s", ["Delft"])
        tx.insert(PARIS)
    assert caught.value.constraint == "cities_name_key"
    assert caught.value.__cause__ is not None
    assert len(db.query("SELECT 1 FROM cities")) == 3
    with postgres.listen(db, "news") as listener:
        postgres.notify(db, "news", {"name": "Paris"})
        assert listener.receive(timeout=10).payload == '{"name":"Paris"}'
    with db.stream("SELECT name FROM cities ORDER BY id") as stream:
        assert list(liteorm.scan_iter(stream, str)) == ["Paris", "Delft", "Bath"]


async def check_main_path_async(dsn: str) -> None:
    """Do the same as above in async code."""
    async with await postgres.open_async(dsn) as db:
        await db.execute(TABLE)
        assert await db.insert_many(CITIES) == 3
        cities = liteorm.scan(await db.query("SELECT * FROM cities ORDER BY id"), City)
        assert cities[0] == attrs.evolve(PARIS, id=cities[0].id)
        with pytest.raises(liteorm.UniqueViolation):
            async with db.transaction() as tx:
                await tx.execute("DELETE FROM cities WHERE name = %s", ["Delft"])
                await tx.insert(PARIS)
        assert len(await db.query("SELECT 1 FROM cities")) == 3
        async with await postgres.listen_async(db, "news") as listener:
            await postgres.notify_async(db, "news", {"name": "Paris"})
            assert (await listener.receive(timeout=10)).payload == '{"name":"Paris"}'
        async with db.stream("SELECT name FROM cities ORDER BY id") as stream:
            names = [name async for name in liteorm.scan_iter(stream, str)]
        assert names == ["Paris", "Delft", "Bath"]


def test_main_path_async(liteorm_database: object) -> None:
    """The same calls, awaited, do the same."""
    asyncio.run(check_main_path_async(liteorm_database.dsn))  # type: ignore[attr-defined]


def test_a_wrong_annotation_is_an_error(liteorm_db: postgres.DB) -> None:
    """A column that does not fit its field is a ScanError that names both and the cast."""

    @attrs.frozen
    class Product:
        price: float

    with pytest.raises(liteorm.ScanError, match=r'column "price" is numeric') as caught:
        liteorm.scan(liteorm_db.query("SELECT 1.5 AS price"), Product)
    assert "price::float8" in str(caught.value)
