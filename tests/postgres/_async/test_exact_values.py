"""What is stored is the value itself, whatever its class says; what would change is refused."""

from __future__ import annotations

import datetime as dt
import enum
from collections import UserDict
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import attrs
import pytest

import liteorm
from liteorm import Json, Range
from liteorm.postgres import AsyncDB

pytestmark = pytest.mark.anyio


class Cents(int):
    """Writes itself as euros."""

    def __str__(self) -> str:
        return f"{int(self) // 100}.{int(self) % 100:02}"

    __repr__ = __str__


class Rounded(Decimal):
    """Writes itself with two decimals."""

    def __str__(self) -> str:
        return format(Decimal(self), ".2f")

    __repr__ = __str__


class Degrees(float):
    """Writes itself without decimals."""

    def __str__(self) -> str:
        return f"{float(self):.0f}"

    __repr__ = __str__


class Day(dt.date):
    """Writes itself as people do."""

    def isoformat(self) -> str:
        """Return day, month, year."""
        return f"{self.day}.{self.month}.{self.year}"

    __str__ = isoformat


class Moment(dt.datetime):
    """The same of a day and a time."""

    def isoformat(self, *_: Any) -> str:
        """Return the year only."""
        return f"{self.year}-01-01"

    __str__ = isoformat


class Clock(dt.time):
    """The same of a time."""

    def isoformat(self, *_: Any) -> str:
        """Return the hour only."""
        return f"{self.hour}:00"

    __str__ = isoformat


class Short(UUID):
    """Writes itself as a part of it."""

    def __str__(self) -> str:
        return self.hex[:8]


class Rights(enum.IntFlag):
    """Members that stand together have no name of their own."""

    READ = 1
    WRITE = 2


ZONE = dt.timezone(dt.timedelta(hours=5))
WEST = dt.timezone(dt.timedelta(hours=-5))
# PostgreSQL reads no such offset in text.
ODD = dt.datetime(2024, 2, 3, 4, 5, tzinfo=dt.timezone(dt.timedelta(hours=20, microseconds=5)))
GIVEN: list[tuple[str, Any, Any]] = [
    ("int2", Cents(1234), 1234),
    ("int8", Cents(1234), 1234),
    ("numeric", Cents(1234), Decimal(1234)),
    ("numeric", Rounded("1.2345"), Decimal("1.2345")),
    ("numeric[]", [Rounded("1.2345"), Decimal("2.5")], [Decimal("1.2345"), Decimal("2.5")]),
    ("float8", Degrees(1.5), 1.5),
    ("float4", Degrees(1.5), 1.5),
    ("float8[]", [Degrees(1.5), 2.5], [1.5, 2.5]),
    ("int8[]", [Cents(1234), 2**40, Cents(2)], [1234, 2**40, 2]),
    ("date", Day(2024, 2, 3), dt.date(2024, 2, 3)),
    ("timestamp", Moment(2024, 2, 3, 4, 5), dt.datetime(2024, 2, 3, 4, 5)),
    ("timestamptz", Moment(2024, 2, 3, 4, 5, tzinfo=ZONE), None),
    ("timestamptz", ODD, ODD),
    ("timestamptz[]", [ODD], [ODD]),
    ("tstzrange", Range(ODD, None), Range(ODD, None)),
    ("time", Clock(4, 5, 6), dt.time(4, 5, 6)),
    ("timetz", Clock(4, 5, 6, tzinfo=ZONE), dt.time(4, 5, 6, tzinfo=ZONE)),
    ("uuid", Short(int=7), UUID(int=7)),
    ("uuid[]", [Short(int=7), UUID(int=8)], [UUID(int=7), UUID(int=8)]),
    ("int8range", Range(Cents(1234), Cents(2345)), Range(1234, 2345)),
    ("numrange", Range(Rounded("1.2345"), None), Range(Decimal("1.2345"), None)),
    ("daterange", Range(Day(2024, 2, 3), None), Range(dt.date(2024, 2, 3), None)),
    ("tsrange", Range(Moment(2024, 2, 3, 4), None), Range(dt.datetime(2024, 2, 3, 4), None)),
    ("numeric", Decimal("sNaN"), Decimal("NaN")),
    ("numeric", Decimal("-NaN7"), Decimal("NaN")),
]
REFUSED: list[tuple[str, Any, str]] = [
    ("float4", 1e-50, "too small for real"),
    ("float4", -1e-46, "too small for real"),
    ("float4[]", [1.5, 1e-50], "too small for real"),
    ("name", "n" * 64, "longer than the 63 bytes"),
    ("name", "é" * 32, "longer than the 63 bytes"),
    ("timetz", dt.time(1, tzinfo=dt.timezone(dt.timedelta(0, 60, 5))), "a fraction of a second"),
    ("timestamptz", dt.datetime(1, 1, 1, 4, tzinfo=ZONE), "before the year 1"),
    ("timestamptz", dt.datetime(9999, 12, 31, 23, tzinfo=WEST), "after 9999"),
    ("timestamptz[]", [dt.datetime(9999, 12, 31, 23, tzinfo=WEST)], "after 9999"),
    ("tstzrange", Range(dt.datetime(1, 1, 1, tzinfo=ZONE), None), "before the year 1"),
    ("text", Rights.READ | Rights.WRITE, "is a Rights, expected str"),
    ("jsonb", {1: "a", "1": "b"}, "two keys of a dict"),
    ("jsonb", [{"a": {dt.date(2024, 1, 1): 1, "2024-01-01": 2}}], "two keys of a dict"),
    ("jsonb", UserDict({1: "a", "1": "b"}), "two keys of a dict"),
    ("json", {UUID(int=1): 1, str(UUID(int=1)): 2}, "two keys of a dict"),
]


async def tables(db: AsyncDB, type_: str, annotation: Any) -> tuple[Any, Any]:
    """Make a table, and one that COPY fills as text; return their classes."""
    text: Any = "DROP TABLE IF EXISTS {0}; CREATE TABLE {0} (id int PRIMARY KEY, v {1}{2})"
    await db.execute(text.format("cell", type_, ""))
    await db.execute(text.format("textual", type_, ", acl aclitem"))
    await db.execute("INSERT INTO cell SELECT n FROM generate_series(20, 22) AS n")
    fields = {"id": attrs.field(type=int), "v": attrs.field(type=annotation)}
    return tuple(
        liteorm.table(name, key="id")(attrs.make_class("Cell", dict(fields)))
        for name in ("cell", "textual")
    )  # type: ignore[return-value]


def ways(db: AsyncDB, cell: Any, textual: Any, value: Any) -> dict[str, Any]:
    """Return every call that stores an object's field."""
    return {
        "insert": lambda: db.insert(cell(1, value)),
        "insert_many": lambda: db.insert_many([cell(2, value)]),
        "insert_many as text": lambda: db.insert_many([textual(1, value)]),
        "upsert": lambda: db.upsert(cell(3, value)),
        "upsert_many": lambda: db.upsert_many([cell(4, value)]),
        "insert_returning": lambda: db.insert_returning([cell(5, value), cell(6, value)]),
        "update": lambda: db.update(cell(20, value)),
        "update_many": lambda: db.update_many([cell(21, value)]),
        "patch": lambda: db.patch(cell, 22, {"v": value}),
    }


STORED = "SELECT v FROM cell WHERE v IS NOT NULL UNION ALL SELECT v FROM textual"


@pytest.mark.parametrize(("type_", "value", "wanted"), GIVEN)
async def test_a_value_is_stored_as_it_is(
    liteorm_async_db: AsyncDB, type_: str, value: Any, wanted: Any
) -> None:
    """Every call stores what the value is, not what `str` makes of it."""
    db = liteorm_async_db
    cell, textual = await tables(db, type_, Any)
    for call in ways(db, cell, textual, value).values():
        await call()
    sql: Any = f"INSERT INTO cell VALUES (%s, %s::{type_})"
    await db.execute(sql, [7, value])
    await db.execute_many(sql, [[8, value]])
    async with db.batch() as batch:
        batch.execute(sql, [9, value])
    found = [row[0] for row in await db.query(STORED)]
    expected = dt.datetime(2024, 2, 3, 4, 5, tzinfo=ZONE) if wanted is None else wanted
    assert len(found) == 13
    assert {str(each) for each in found} == {str(found[0])}
    assert found[0] == expected or str(found[0]) == str(expected)


@pytest.mark.parametrize(("type_", "value", "words"), REFUSED)
async def test_what_would_be_stored_changed_is_refused(
    liteorm_async_db: AsyncDB, type_: str, value: Any, words: str
) -> None:
    """Every call refuses it before anything is stored."""
    db = liteorm_async_db
    cell, textual = await tables(db, type_, Any)
    for name, call in ways(db, cell, textual, value).items():
        with pytest.raises(liteorm.DataError, match=words):
            await call()
            raise AssertionError(name)
    if type_ == "timetz":
        for given in (value, [value]):
            with pytest.raises(liteorm.DataError, match=words):
                await db.execute("SELECT %s", [given])
    if type_.startswith("json"):
        with pytest.raises(liteorm.DataError, match=words):
            await db.execute("SELECT %s", [Json(value)])
    assert len(await db.query(STORED)) == 0
    if type_ == "float4":
        small = [cell(1, 0.0), cell(2, 1e-40), cell(3, -0.0)]
        assert await db.insert_many(small) == 3
        found = [row[0] for row in await db.query("SELECT v FROM cell WHERE id < 4 ORDER BY id")]
        assert [each != 0 for each in found] == [False, True, False]


class Size(enum.Enum):
    """Codes of several lengths."""

    S = "S"
    XL = "XL"
    XXL = "XXL"


@pytest.mark.parametrize("annotation", [Size, Literal["S", "XL", "XXL"], list[Size]])
async def test_members_are_found_behind_the_spaces_of_character(
    liteorm_async_db: AsyncDB, annotation: Any
) -> None:
    """`character(n)` pads what is stored, which is the member all the same."""
    db = liteorm_async_db
    several = annotation == list[Size]
    cell, textual = await tables(db, "char(3)[]" if several else "char(3)", annotation | None)
    for size in Size:
        one = [size] if several else size if annotation is Size else size.value
        await db.execute(
            "UPDATE cell SET v = NULL; DELETE FROM cell WHERE id < 20; TRUNCATE textual"
        )
        for call in ways(db, cell, textual, one).values():
            await call()
        found: Any = liteorm.scan(await db.query(STORED), annotation)
        assert found == [one] * 10
