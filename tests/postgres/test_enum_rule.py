"""Members of enums: one rule for reading, writing and parameters, or a refusal before anything."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import attrs
import pytest

import liteorm
from liteorm import postgres, scan
from liteorm_testing import Server, database

Labels = enum.Enum("Labels", {"good": "Good!", "bad": "Bad!"})
"""Its names are the labels, as SQLAlchemy makes them."""
Values = enum.Enum("Values", {"GOOD": "good", "BAD": "bad"})
Partly = enum.Enum("Partly", {"good": "bad", "other": "good"})
Word = enum.StrEnum("Word", {"GOOD": "good"})
Number = enum.IntEnum("Number", {"ONE": 1, "TWO": 2})
Plain = enum.Enum("Plain", {"ONE": 1, "TWO": 2})
Bits = enum.IntFlag("Bits", {"X": 1, "Y": 2})
Mixed = enum.Enum("Mixed", {"good": 1, "bad": "good"})
Nothing = enum.Enum("Nothing", {"good": None, "bad": "bad"})
Pair = enum.Enum("Pair", {"good": (1, 2), "bad": (3, 4)})
Truth = enum.Enum("Truth", {"YES": True, "NO": False})
Day = enum.Enum("Day", {"FIRST": dt.date(2024, 1, 1)})
Id = enum.Enum("Id", {"ROOT": UUID(int=1)})
Price = enum.Enum("Price", {"LOW": Decimal("1.5")})
Real = enum.Enum("Real", {"HALF": 0.5})
Raw = enum.Enum("Raw", {"A": b"a"})
ENUMS = [
    *(Labels, Values, Partly, Word, Number, Plain, Bits, Mixed, Nothing, Pair),
    *(Truth, Day, Id, Price, Real, Raw),
]
TYPES = [
    *("mood", "text", "varchar", "int2", "int4", "int8", "bool", "date", "uuid", "numeric"),
    *("float8", "bytea"),
]


@pytest.fixture(scope="module")
def db(liteorm_server: Server) -> Iterator[postgres.DB]:
    """One database with a table for each type."""
    with database(liteorm_server) as made, postgres.open(made.dsn) as db:
        db.execute("CREATE TYPE mood AS ENUM ('good', 'bad')")
        for type_ in TYPES:
            text: Any = f"CREATE TABLE of_{type_} (id int PRIMARY KEY, one {type_}, many {type_}[])"
            db.execute(text)
        yield db


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("kind", ENUMS, ids=lambda kind: kind.__name__)
def test_what_is_stored_is_read_or_nothing_is_stored(
    db: postgres.DB, type_: str, kind: Any
) -> None:
    """Each member goes in and comes out by every call, or every call refuses it."""
    table = f"of_{type_}"
    model = attrs.make_class(
        "Stored",
        {
            "id": attrs.field(type=int),
            "one": attrs.field(type=kind),
            "many": attrs.field(type=list[kind]),
        },
    )
    model = liteorm.table(table, key="id")(model)
    members = list(kind)
    objects = [model(number, member, members) for number, member in enumerate(members)]
    empty: Any = f"TRUNCATE {table}"
    query: Any = f"SELECT * FROM {table} ORDER BY id"
    calls: list[Any] = [
        db.insert_many,
        db.insert_returning,
        db.upsert_many,
        lambda objs: [db.insert(obj) for obj in objs],
        lambda objs: [db.upsert(obj) for obj in objs],
    ]
    outcomes: set[str] = set()
    for call in calls:
        db.execute(empty)
        try:
            call(objects)
        except (liteorm.DataError, liteorm.ScanError):
            outcomes.add("refused")
            assert not len(db.query(query))
            continue
        outcomes.add("stored")
        assert scan(db.query(query), model) == objects
    assert len(outcomes) == 1


@pytest.mark.parametrize(
    ("kind", "type_"),
    [
        *((Labels, "mood"), (Values, "mood"), (Word, "mood"), (Values, "text"), (Number, "int4")),
        *((Plain, "int8"), (Bits, "int4"), (Mixed, "text"), (Nothing, "mood"), (Pair, "text")),
        *((Truth, "bool"), (Day, "date"), (Id, "uuid"), (Price, "numeric"), (Real, "float8")),
        *((Raw, "bytea"), (Partly, "mood"), (Labels, "text")),
    ],
)
def test_members_fit(db: postgres.DB, kind: Any, type_: str) -> None:
    """These enums are stored in these columns; where its class tells, also as parameters."""
    model = attrs.make_class("One", {"id": attrs.field(type=int), "one": attrs.field(type=kind)})
    text: Any = f"TRUNCATE of_{type_}"
    db.execute(text)
    member = next(iter(kind))
    if kind is Partly:
        member = Partly["good"]
    assert db.insert_many([model(1, member)], table=f"of_{type_}") == 1
    query: Any = f"SELECT id, one FROM of_{type_} WHERE one = %s"
    if (kind, type_) != (Labels, "mood"):
        assert scan(db.query(query, [member]), model) == [model(1, member)]
    # the type is not known there: what is sent is the value
    query = f"SELECT id, one FROM of_{type_} WHERE one = ANY (%s)"
    if (kind, type_) != (Labels, "mood"):
        assert scan(db.query(query, [[member]]), model) == [model(1, member)]
