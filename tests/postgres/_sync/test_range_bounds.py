# Generated from tests/postgres/_async/test_range_bounds.py by .ci/unasync.py: edit that file, not this one.
"""Ranges over whatever has an order: what a class stores, it reads."""

from __future__ import annotations

import datetime as dt
import enum
import ipaddress
from typing import Annotated, Any, Final

import attrs
import pytest

import liteorm
from liteorm import Column, Interval, Multirange, Range, scan_one
from liteorm.postgres import DB


SCHEMA: Final = """
CREATE TYPE size AS ENUM ('small', 'large');
CREATE DOMAIN span AS interval;
CREATE TYPE pair AS (span interval, name text);
CREATE TYPE spans AS RANGE (SUBTYPE = interval, MULTIRANGE_TYPE_NAME = manyspans);
CREATE TYPE domains AS RANGE (SUBTYPE = span, MULTIRANGE_TYPE_NAME = manydomains);
CREATE TYPE sizes AS RANGE (SUBTYPE = size, MULTIRANGE_TYPE_NAME = manysizes);
CREATE TYPE hosts AS RANGE (SUBTYPE = inet, MULTIRANGE_TYPE_NAME = manyhosts);
CREATE TYPE bodies AS RANGE (SUBTYPE = jsonb, MULTIRANGE_TYPE_NAME = manybodies);
CREATE TYPE pairs AS RANGE (SUBTYPE = pair, MULTIRANGE_TYPE_NAME = manypairs);
CREATE TYPE lists AS RANGE (SUBTYPE = interval[], MULTIRANGE_TYPE_NAME = manylists);
CREATE TYPE texts AS RANGE
    (SUBTYPE = text, COLLATION = "C", MULTIRANGE_TYPE_NAME = manytexts);
"""


class Size(enum.Enum):
    """In the database's order, which is not that of its values."""

    SMALL = "small"
    LARGE = "large"


@attrs.frozen
class Pair:
    """What a composite fills."""

    span: Interval
    name: str


@attrs.frozen
class Body:
    """What JSON fills."""

    id: int


class Days:
    """Whole days, as intervals."""

    def decode(self, value: dt.timedelta, /) -> int:
        """Return how many they are."""
        return value.days

    def encode(self, value: int, /) -> dt.timedelta:
        """Return them as PostgreSQL takes them."""
        return dt.timedelta(value)


SUBTYPES: Final[dict[str, tuple[str, Any, Any, Any]]] = {
    "interval": ("spans", Interval, Interval(0, 1, -5), Interval(1, -2, 3)),
    "timedelta": ("spans", dt.timedelta, dt.timedelta(-1, 5), dt.timedelta(3)),
    "codec": ("spans", Annotated[int, Column(codec=Days())], 1, 9),
    "domain": ("domains", Interval, Interval(0, 1, 0), Interval(14, 0, 0)),
    "enum": ("sizes", Size, Size.SMALL, Size.LARGE),
    "literal": ("sizes", str, "small", "large"),
    "address": (
        "hosts",
        ipaddress.IPv4Address,
        ipaddress.IPv4Address("10.0.0.1"),
        ipaddress.IPv4Address("10.0.0.9"),
    ),
    "json": ("bodies", Body, Body(1), Body(2)),
    "composite": ("pairs", Pair, Pair(Interval(0, 1), "b"), Pair(Interval(1), "a")),
    "tuple": ("pairs", tuple[Interval, str], (Interval(0, 1), "b"), (Interval(1), "a")),
    "list": ("lists", list[Interval], [Interval(0, 1)], [Interval(0, 1), Interval(1)]),
    "text": ("texts", str, "B", "a"),
}


@pytest.fixture
def db(liteorm_db: DB) -> DB:
    """A database with ranges over many types."""
    liteorm_db.execute(SCHEMA)
    return liteorm_db


@pytest.mark.parametrize("of", SUBTYPES)
def test_ranges_are_read_as_they_were_stored(db: DB, of: str) -> None:
    """By every call that writes, alone, in an array and in a multirange, beside plain columns."""
    name, annotation, low, high = SUBTYPES[of]
    inner: Any = annotation
    create: Any = f"""CREATE TABLE item (
        id int PRIMARY KEY, one {name}, many {name}[], several many{name}, plain spans, spell span
    )"""
    db.execute(create)
    fields: dict[str, Any] = {
        "id": int,
        "one": Range[inner] | None,
        "many": list[Range[inner]],
        "several": Multirange[inner],
        "plain": Range[dt.timedelta],
        "spell": dt.timedelta,
    }
    annotated = {key: attrs.field(type=hint) for key, hint in fields.items()}
    item: Any = liteorm.table("item", key="id")(attrs.make_class("Item", annotated))
    whole = Range(low, high, "[]")
    days = dt.timedelta(4)
    plain = Range(days, 2 * days)
    for place, one in enumerate((whole, Range(low, None), Range(None, high), Range[Any].empty())):
        first = item(5 * place, one, [whole, one], Multirange([one]), plain, days)
        objs = [first, *(attrs.evolve(first, id=first.id + more) for more in range(1, 4))]
        assert db.insert(objs[0]) == objs[0]
        assert db.insert_many([objs[1]]) == 1
        assert db.upsert_many([objs[2]]) == 1
        assert db.insert_returning([objs[3]]) == [objs[3]]
        assert db.update_many(objs) == 4
        for obj in objs:
            assert db.get(item, obj.id) == obj
    assert db.insert_many([item(99, None, [], Multirange(), plain, days)]) == 1


def test_a_bound_that_does_not_fit_is_named(db: DB) -> None:
    """Months in a timedelta, a label without a member: the column, the row and the remedy."""
    rows = db.query("SELECT '[1 day,1 mon]'::spans AS of")
    with pytest.raises(liteorm.DataError) as months:
        scan_one(rows, Range[dt.timedelta])
    assert "liteorm.Interval" in str(months.value)

    class Small(enum.Enum):
        SMALL = "small"

    rows = db.query("SELECT '{[small,large]}'::manysizes AS of")
    with pytest.raises(liteorm.ScanError) as label:
        scan_one(rows, Multirange[Small])
    assert 'a bound of column "of", row 0' in str(label.value)
    with pytest.raises(liteorm.ScanError, match="is manysizes"):
        scan_one(rows, Multirange[int])


def test_the_server_knows_the_order_of_bounds(db: DB) -> None:
    """Where Python's `<` says otherwise, in a record or a list, a range is read as it is."""
    db.execute("""
        CREATE TYPE worn AS (size size, count int);
        CREATE TYPE wearing AS RANGE (SUBTYPE = worn);
    """)
    given = Range(("small", 3), ("large", 1))
    rows = db.query("""SELECT '["(small,3)","(large,1)")'::wearing AS of""")
    assert scan_one(rows, Range[Any]) == given
    assert scan_one(rows, Range[tuple[Size, int]]).upper == (Size.LARGE, 1)
    with pytest.raises(TypeError, match="database's"):
        given.contains(Range(("medium", 1), None))
