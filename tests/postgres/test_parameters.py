"""Parameters: every value that scanning gives can be sent; what cannot is named, never shown."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import ipaddress
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import liteorm
from liteorm import Interval, Json, Multirange, Range, postgres
from liteorm_testing import Server, database
from tests.postgres.type_cases import CASES, Case

EXTENSION_TYPES = {"citext", "hstore", "ltree", "lquery", "vector"}


@pytest.fixture(scope="module")
def db(liteorm_server: Server) -> Iterator[postgres.DB]:
    """One database for the module."""
    with database(liteorm_server) as made, postgres.open(made.dsn) as db:
        db.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
        yield db


def back(db: postgres.DB, value: Any, type_: str, annotation: Any) -> Any:
    """Send a value as a parameter of a type, and scan it."""
    sql: Any = f"SELECT %s::{type_} AS value"
    return liteorm.scan_one(db.query(sql, [value]), tuple[annotation])[0]


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.type not in EXTENSION_TYPES], ids=str
)
def test_what_scan_gives_can_be_sent(db: postgres.DB, case: Case) -> None:
    """Every value of every type goes back as a parameter; JSON that is no object in a Json."""
    value = case.value
    if case.type in ("json", "jsonb", "jsonb[]"):
        value = [*map(Json, value)] if case.type == "jsonb[]" else Json(value)
    if case.type in ("oidvector", "int2vector", "xid", "xid8", "cid", "regclass", "regtype"):
        value = str(value) if isinstance(value, int) else " ".join(map(str, value))
    if case.annotation == tuple[float, float]:
        value = str(value)
    assert back(db, value, case.type, case.annotation) == case.value


class Mood(enum.Enum):
    """By value."""

    SAD = "sad"
    OK = "ok"


class Size(enum.IntEnum):
    """Ints."""

    S = 1
    L = 70_000


class Odd(enum.Enum):
    """Values that no column could hold."""

    sad = ("s", 1)
    ok = ("o", 2)


class Level(enum.Enum):
    """Ints, but not an int."""

    LOW = 3


class Sword(enum.StrEnum):
    """Strings."""

    OK = "ok"


@attrs.define
class Point:
    """A document."""

    x: int
    when: dt.date | None = None
    tags: list[str] = attrs.Factory(list)


@dataclasses.dataclass
class Pair:
    """Another."""

    a: float
    b: Decimal


class Named(NamedTuple):
    """A tuple is an array."""

    a: int
    b: int


WITH_ZONE = dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=2)))


@pytest.mark.parametrize(
    ("value", "type_", "annotation", "expected"),
    [
        (Mood.OK, "mood", str, "ok"),
        (Odd.ok, "mood", str, "ok"),
        (Sword.OK, "mood", str, "ok"),
        (Size.L, "int8", int, 70_000),
        (Level.LOW, "int2", int, 3),
        ([Mood.OK, None, Mood.SAD], "mood[]", list[str | None], ["ok", None, "sad"]),
        ([Odd.sad], "mood[]", list[str], ["sad"]),
        ([Size.S, Size.L], "int4[]", list[int], [1, 70_000]),
        ([Level.LOW], "int8[]", list[int], [3]),
        ((1, 2), "int8[]", list[int], [1, 2]),
        (Named(1, 2), "int8[]", list[int], [1, 2]),
        ({7}, "int8[]", list[int], [7]),
        (frozenset({"x"}), "text[]", list[str], ["x"]),
        ([(1, 2), [3, None]], "int4[]", list[list[int | None]], [[1, 2], [3, None]]),
        ([], "int8[]", list[int], []),
        ((), "text[]", list[str], []),
        ([None, None], "int8[]", list[int | None], [None, None]),
        ([1, 2**40, None], "int8[]", list[int | None], [1, 2**40, None]),
        ({"a": [1, None]}, "jsonb", Any, {"a": [1, None]}),
        (Point(1, dt.date(2024, 1, 1)), "jsonb", Any, {"x": 1, "when": "2024-01-01", "tags": []}),
        (Pair(1.5, Decimal("1.50")), "jsonb", Any, {"a": 1.5, "b": "1.50"}),
        ([{"a": 1}, {}], "jsonb[]", list[Any], [{"a": 1}, {}]),
        ([Point(1)], "jsonb[]", list[Any], [{"x": 1, "when": None, "tags": []}]),
        (Json([1, "x", None]), "jsonb", Any, [1, "x", None]),
        (Json("text"), "jsonb", Any, "text"),
        ({"deep": Json([1]), "ip": ipaddress.ip_address("::1")}, "jsonb", Any,
         {"deep": [1], "ip": "::1"}),
        (Range(1, 5), "int8range", Range[int], Range(1, 5)),
        (Range("a", "c"), "text", str, '["a","c")'),
        ([Range(1, 2), None], "int4range[]", list[Range[int] | None], [Range(1, 2), None]),
        (Multirange([Range(1, 2)]), "int8multirange", Multirange[int], Multirange([Range(1, 2)])),
        (Range(Decimal("NaN"), None), "numrange", Any, None),
        (Range(WITH_ZONE, None), "tstzrange", Range[dt.datetime], Range(WITH_ZONE, None)),
        (Interval(-1, 2, -3), "interval", Interval, Interval(-1, 2, -3)),
        ([Interval(1, 2, 3)], "interval[]", list[Interval], [Interval(1, 2, 3)]),
        ([UUID(int=1)], "uuid[]", list[UUID], [UUID(int=1)]),
        (bytearray(b"\0x"), "bytea", bytes, b"\0x"),
        (memoryview(b"\0x"), "bytea", bytes, b"\0x"),
        (True, "bool", bool, True),
        (None, "int", int | None, None),
        (10**30, "numeric", Decimal, Decimal(10**30)),
    ],
)  # fmt: skip
def test_other_values(
    db: postgres.DB, value: Any, type_: str, annotation: Any, expected: Any
) -> None:
    """Members by value, lists and sets as arrays, objects as JSON, ranges as the type they meet."""
    got = back(db, value, type_, annotation)
    assert expected is None or got == expected


def test_lists_are_in_lists(db: postgres.DB) -> None:
    """`= ANY(%s)` is the IN-list, of enum members and ranges too, and an empty one is valid."""
    for values, found in (([1, 2], True), ((1,), True), ({3}, False), ([], False), ((), False)):
        rows = db.query("SELECT 1 = ANY(%s)", [values])
        assert liteorm.scan_one(rows, bool) is found
    rows = db.query("SELECT 'ok'::mood = ANY(%s)", [[Mood.OK]])
    assert liteorm.scan_one(rows, bool) is True
    rows = db.query("SELECT int8range(1, 5) && %s", [Range(3, 9)])
    assert liteorm.scan_one(rows, bool) is True


class Opaque:
    """Nothing that has a form in PostgreSQL."""

    def __repr__(self) -> str:
        return "secret"


def recursive() -> list[Any]:
    """Return a list that contains itself."""
    items: list[Any] = []
    items.append(items)
    return items


@pytest.mark.parametrize(
    ("value", "class_name", "reason"),
    [
        (Opaque(), "Opaque", "cannot be sent"),
        ([Opaque()], "list", "cannot be sent"),
        ({"a": Opaque()}, "dict", "contains an? .*Opaque"),
        (1 + 2j, "complex", "cannot be sent"),
        ("secret\0", "str", "NUL"),
        (["secret\0"], "list", "NUL"),
        ("secret\ud800", "str", "lone surrogate"),
        ({"a": "secret\ud800"}, "dict", "lone surrogate"),
        ([1, 2.5], "list", "mixed types"),
        ([[1], [1, 2]], "list", "inconsistent lengths"),
        (recursive(), "list", "contains itself"),
        ({"a": float("nan")}, "dict", "NaN"),
        (Json([float("inf")]), "Json", "infinities"),
        (Point(float("nan")), "Point", "NaN"),  # type: ignore[arg-type]
        (Interval(2**40), "Interval", "out of PostgreSQL's range"),
        (iter([1]), "list_iterator", "cannot be sent"),
    ],
)
def test_what_cannot_be_sent_is_named(
    db: postgres.DB, value: Any, class_name: str, reason: str
) -> None:
    """A DataError names placeholder and class, and not the value; the connection goes on."""
    with pytest.raises(liteorm.DataError, match=reason) as caught:
        db.query("SELECT %s::int, %s", [1, value])
    assert caught.value.parameter == 2
    assert class_name in str(caught.value)
    assert "secret" not in str(caught.value)
    with pytest.raises(liteorm.DataError, match=reason) as caught:
        db.execute("SELECT %(one)s::int, %(other)s", {"one": 1, "other": value})
    assert caught.value.parameter == "other"
    assert db.stats().connects == 1


def test_codecs_by_class(liteorm_server: Server) -> None:
    """A class that `open` was given a codec for is sent as what the codec makes of it."""

    class Money:
        def __init__(self, cents: int) -> None:
            self.cents = cents

    class MoneyCodec:
        def decode(self, value: Any) -> Any:
            return Money(int(value * 100))

        def encode(self, value: Any) -> Any:
            return Decimal(value.cents) / 100

    @liteorm.table("priced")
    @attrs.define
    class Priced:
        id: int
        price: Any

    with (
        database(liteorm_server) as made,
        postgres.open(made.dsn, codecs={Money: MoneyCodec()}) as db,
    ):
        assert back(db, Money(150), "numeric", Decimal) == Decimal("1.5")
        assert back(db, [Money(150), None], "numeric[]", list[Decimal | None]) == [
            Decimal("1.5"),
            None,
        ]
        db.execute("CREATE TABLE priced (id int, price numeric)")
        assert db.insert_many([Priced(n, Money(n)) for n in range(100)]) == 100
        db.insert_returning([Priced(100, Money(100))])
        total = db.query("SELECT sum(price) FROM priced")
        assert liteorm.scan_one(total, Decimal) == Decimal("50.50")


def nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """JSON values."""
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
        max_leaves=8,
    )


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=10)
LEAVES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT


@settings(max_examples=100, deadline=None)
@given(value=nested(LEAVES))
def test_any_json_comes_back(db: postgres.DB, value: Any) -> None:
    """Whatever JSON can hold comes back as it was sent."""
    assert back(db, Json(value), "jsonb", Any) == value


@settings(max_examples=100, deadline=None)
@given(words=st.lists(st.none() | TEXT, max_size=6))
def test_any_list_of_texts_comes_back(db: postgres.DB, words: list[str | None]) -> None:
    """Quotes, braces, NULL as a word and as none."""
    assert back(db, words, "text[]", list[str | None]) == words


@attrs.define
class Secretive:
    """A class with a private field."""

    _secret: int
    shown: int


@attrs.define
class Holder:
    """A class which holds such objects in every way."""

    one: Secretive
    many: list[Secretive]
    named: dict[str, Secretive]
    perhaps: Secretive | None = None


def test_private_fields_are_in_json_too(db: postgres.DB) -> None:
    """JSON made of objects has all of their fields, at any depth."""
    holder = Holder(Secretive(1, 2), [Secretive(3, 4)], {"a": Secretive(5, 6)})
    rows = db.query("SELECT %s::jsonb, %s::jsonb", [holder, Json([Secretive(7, 8)])])
    assert liteorm.scan_one(rows, tuple[Holder, list[Secretive]]) == (holder, [Secretive(7, 8)])
