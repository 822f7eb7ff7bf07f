"""Every element of a list that is sent as an array arrives as it would alone, or none is sent."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Iterator
from decimal import Decimal
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any, cast

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import liteorm
from liteorm import Interval, Multirange, Range, postgres, scan
from liteorm_testing import Server, database

ZONE = dt.timezone(dt.timedelta(hours=5))


class Number(enum.IntEnum):
    """Numbers that take 2, 4 and 8 bytes."""

    SMALL = 1
    LARGE = 100_000
    HUGE = 2**40


class Plain(enum.Enum):
    """The same without being numbers themselves."""

    SMALL = 1
    LARGE = 100_000
    HUGE = 2**40


class Flag(enum.IntFlag):
    """Numbers that are put together."""

    A = 1
    B = 1 << 20


class Mood(enum.StrEnum):
    """Labels."""

    OK = "ok"
    SAD = "sad"


class Key(int):
    """A number of the application's own."""


@attrs.frozen
class Left:
    """Has a codec."""

    text: str


@attrs.frozen
class Right:
    """Has another."""

    text: str


class Marked:
    """Writes with a mark in front."""

    def __init__(self, mark: str, cls: Any) -> None:
        self.mark, self.cls = mark, cls

    def encode(self, value: Any) -> str:
        """Write it."""
        return f"{self.mark}:{value.text}"

    def decode(self, value: Any) -> Any:
        """Read it."""
        return self.cls(value)


GROUPS: list[list[Any]] = [
    [*Number, *Plain, Flag.A, Flag.B, Flag.A | Flag.B, Key(3), Key(70_000), 5, 2**33, 2**70],
    [*Mood, "ok", "x'\\\"{}", Left("a"), Right("b")],
    [dt.time(1), dt.time(2, tzinfo=dt.UTC), dt.time(3, tzinfo=ZONE)],
    [dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, tzinfo=ZONE), dt.date(2024, 1, 1)],
    [dt.timedelta(3, 7, 9), dt.timedelta(-1), Interval(1, 2, 3), Interval(-14, 0, 5)],
    [
        ip_address("1.2.3.4"),
        ip_interface("1.2.3.4/24"),
        ip_address("::1"),
        ip_interface("::2/9"),
    ],
    [ip_network("1.2.3.0/24"), ip_network("::/0"), ip_address("::1")],
    [Range(1, 5), Range(1, 5, "[]"), Multirange([Range(1, 2)]), Range[int].empty(), Range(3, None)],
    [b"a", bytearray(b"\x00'"), memoryview(b"\\x00"), "text"],
    [True, False, 1, 1.5, Decimal("1.50"), Number.LARGE],
]
"""Values that somebody could put into one list."""


@pytest.fixture(scope="module")
def db(liteorm_server: Server) -> Iterator[postgres.DB]:
    """A database with codecs for two classes."""
    codecs: Any = {Left: Marked("left", Left), Right: Marked("right", Right)}
    with database(liteorm_server) as made, postgres.open(made.dsn, codecs=codecs) as db:
        db.execute("CREATE TYPE mood AS ENUM ('ok', 'sad')")
        yield db


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(GROUPS).flatmap(lambda g: st.lists(st.sampled_from(g), min_size=1)))
def test_each_element_arrives_as_it_would_alone(db: postgres.DB, value: list[Any]) -> None:
    """Whatever the classes of the others and their order are, or the list is refused."""
    sent = [value, tuple(value), [value]]
    try:
        [(type_,)] = db.query("SELECT pg_typeof(x)::text FROM (SELECT %s AS x) q", [value])
    except liteorm.DataError as error:
        assert "list" in str(error)  # noqa: PT017
        with pytest.raises(liteorm.DataError):
            db.execute_many("SELECT %s", [[value]])
        return
    array = "text[]" if type_ == "text" else str(type_)
    for each in sent:
        found = db.query(cast("Any", f"SELECT x::text FROM unnest(%s::{array}) AS x"), [each])
        alone = [
            next(iter(db.query(cast("Any", f"SELECT %s::{array[:-2]}::text"), [item])))
            for item in value
        ]
        assert list(found) == alone


@pytest.mark.parametrize("first", [Number.HUGE, Plain.HUGE, Flag.B, Key(2**40)], ids=repr)
@pytest.mark.parametrize("last", [Number.SMALL, Plain.SMALL, Flag.A, Key(1)], ids=repr)
def test_no_number_is_cut_to_the_width_of_another(db: postgres.DB, first: Any, last: Any) -> None:
    """Members and subclasses of int, by every call that takes parameters."""
    db.execute("DROP TABLE IF EXISTS cell; CREATE TABLE cell (value int8[])")
    sql, value = "INSERT INTO cell VALUES (%s)", [first, last, None]
    db.execute(sql, [value])
    db.execute_many(sql, [[value], [[[last], [first]]]])
    with db.batch() as batch:
        batch.execute(sql, [value])
    numbers = [getattr(item, "value", item) for item in (first, last)]
    rows = [row[0] for row in db.query("SELECT value FROM cell")]
    assert rows == [[*numbers, None], [*numbers, None], [[numbers[1]], [numbers[0]]], rows[0]]
    assert len(db.query("SELECT 1 WHERE %s = ANY(%s)", [first, [first, last]])) == 1


def test_members_of_a_type_stay_a_literal(db: postgres.DB) -> None:
    """Text enums are arrays of the type that the statement wants, also beside a str."""
    for value in ([Mood.OK], ["sad", Mood.OK], [Mood.OK, "sad", None], [[Mood.OK], ["sad"]]):
        [(found,)] = db.query("SELECT (%s::mood[])::text[]", [value])
        assert found == value
        rows = db.query("SELECT 'ok'::mood AS mood WHERE 'ok'::mood = ANY(%s)", [value])
        assert scan(rows, Mood) == [Mood.OK]


@pytest.mark.parametrize(
    "value",
    [
        [dt.time(1, tzinfo=dt.UTC), dt.time(2)],
        [dt.time(2), dt.time(1, tzinfo=dt.UTC)],
        [[dt.datetime(2024, 1, 1)], [dt.datetime(2024, 1, 1, tzinfo=dt.UTC)]],
    ],
)
def test_a_time_zone_is_not_dropped(db: postgres.DB, value: Any) -> None:
    """Moments with a zone and without are two types: an array of both is refused."""
    with pytest.raises(liteorm.DataError, match="have a time zone and some have none"):
        db.query("SELECT %s", [value])
