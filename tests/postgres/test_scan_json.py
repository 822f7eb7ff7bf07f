"""JSON decodes straight into the declared type, by msgspec's strict rules."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import ipaddress as ip
from decimal import Decimal
from typing import Any, Generic, NamedTuple, TypedDict, TypeVar
from uuid import UUID

import attrs
import pytest

import liteorm
from liteorm import ModelError, ScanError, postgres, scan, scan_one
from tests.postgres.scanning import query, value_of

T = TypeVar("T")


class Color(enum.Enum):
    RED = "red"


@attrs.define
class Item:
    sku: str
    price: Decimal
    tags: list[str] = attrs.Factory(list[str])
    color: Color | None = None


@attrs.frozen
class Order:
    id: UUID
    at: dt.datetime
    items: list[Item]


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


class Typed(TypedDict, total=False):
    a: int
    b: str | None


class Named(NamedTuple):
    a: int
    b: str


def _empty() -> list[Any]:
    return []


@attrs.define
class Page(Generic[T]):
    data: T | None
    more: list[T] = attrs.field(factory=_empty)


@attrs.define
class Tree:
    value: int
    children: list[Tree] = attrs.field(factory=_empty)


ORDER = (
    '{"id": "00112233-4455-6677-8899-aabbccddeeff", "at": "2024-02-29T12:00:00+00:00",'
    ' "items": [{"sku": "a", "price": "1.50", "color": "red", "unknown": 1}]}'
)


TEXTS: list[tuple[str, Any, Any]] = [
    (
        ORDER,
        Order,
        Order(
            UUID("00112233-4455-6677-8899-aabbccddeeff"),
            dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC),
            [Item("a", Decimal("1.50"), [], Color.RED)],
        ),
    ),
    ('[{"x": 1}, {"x": 2, "y": 3}]', list[Point], [Point(1), Point(2, 3)]),
    ('{"a": 1, "b": null}', Typed, {"a": 1, "b": None}),
    ('[1, "x"]', Named, Named(1, "x")),
    ('{"k": [1, 2]}', dict[str, list[int]], {"k": [1, 2]}),
    ('[1, "x", null]', tuple[int, str, None], (1, "x", None)),
    ("[1, 1]", set[int], {1}),
    ("7", int, 7),
    ("null", int | None, None),
    ('"red"', Color, Color.RED),
    ('"10.0.0.1"', ip.IPv4Address, ip.IPv4Address("10.0.0.1")),
    ('"P1D"', dt.timedelta, dt.timedelta(1)),
    ('{"months": 1}', liteorm.Interval, liteorm.Interval(1)),
    ("[1, [2], {}]", list[Any], [1, [2], {}]),
    ("[1, [2], {}]", list[object], [1, [2], {}]),
    ('{"value": 1, "children": [{"value": 2}]}', Tree, Tree(1, [Tree(2)])),
    ('{"data": {"x": 1}, "more": [{"x": 2}]}', Page[Point], Page(Point(1), [Point(2)])),
    ("123456789012345678901234567890", int, 123456789012345678901234567890),
    ("1e400", Any, float("inf")),
]


@pytest.mark.parametrize("type_", ["json", "jsonb"])
@pytest.mark.parametrize(("text", "annotation", "expected"), TEXTS)
def test_json_becomes_the_declared_type(
    module_db: postgres.DB, type_: str, text: str, annotation: Any, expected: object
) -> None:
    """Any type that JSON can hold may be declared."""
    if type_ == "jsonb" and text == "1e400":
        expected = 10**400
    assert value_of(module_db, f"'{text}'::{type_}", annotation) == expected


@attrs.define
class Holder:
    page: Page[Point]
    extra: list[Typed] | None


def test_json_inside_objects_arrays_and_composites(module_db: postgres.DB) -> None:
    """JSON is decoded wherever it comes."""
    rows = query(
        module_db,
        """SELECT '{"x": 1}'::jsonb AS "page.data", '[{"x": 2}]'::json AS "page.more",
                  NULL::jsonb AS extra""",
    )
    assert scan(rows, Holder) == [Holder(Page(Point(1), [Point(2)]), None)]
    array = """ARRAY['{"x": 1}'::jsonb, NULL]"""
    assert value_of(module_db, array, list[Point | None]) == [Point(1), None]
    assert value_of(module_db, "ARRAY['[1,2]'::jsonb]", list[list[int]]) == [[1, 2]]
    record = """ROW(1, '{"x": 1}'::json)"""
    assert value_of(module_db, record, tuple[int, Point]) == (1, Point(1))


def test_sql_null_and_json_null_are_two_things(module_db: postgres.DB) -> None:
    """SQL's NULL is the column's; JSON's null is decoded."""
    with pytest.raises(ScanError, match="is NULL"):
        value_of(module_db, "NULL::jsonb", Point)
    with pytest.raises(ScanError, match="got `null`"):
        value_of(module_db, "'null'::jsonb", Point)
    assert value_of(module_db, "'null'::jsonb", Point | None) is None


@pytest.mark.parametrize(
    ("text", "annotation", "message"),
    [
        ('{"x": "1"}', Point, "Expected `int`, got `str` at $.x"),
        ('[{"x": 1}, {}]', list[Point], "missing required field `x` at $[1]"),
        ('{"c": "SECRET - at x"}', dict[str, Color], "Invalid enum value at $[...]"),
        ('["SECRET"]', list[ip.IPv4Address], "Expected an `IPv4Address` at $[0]"),
        ('["SECRET"]', list[UUID], "Invalid UUID at $[0]"),
        ('"SECRET"', dt.datetime, "Invalid RFC3339 encoded datetime"),
    ],
)
def test_a_misfit_names_the_path_and_no_value(
    module_db: postgres.DB, text: str, annotation: Any, message: str
) -> None:
    """What does not decode says where in the JSON, in which column and which row."""
    rows = query(module_db, f"SELECT '{text}'::jsonb AS v FROM generate_series(1, 2)")
    with pytest.raises(ScanError) as caught:
        scan(rows, tuple[annotation])
    error = caught.value
    assert message in error.message
    assert "SECRET" not in str(error)
    assert (error.column, error.row) == ("v", 0)


def test_validators_inside_json_come_through(module_db: postgres.DB) -> None:
    """What a validator raises stays what it is, with a note that tells the path."""
    rows = query(module_db, """SELECT '[{"a": 5}, {"a": -1}]'::jsonb AS v""")
    with pytest.raises(ValueError, match="must be > 0") as caught:
        scan(rows, tuple[list[Checked]])
    assert caught.value.__notes__ == [
        'while scanning tuple[list[Checked]]: column "v", row 0, at $[...]'
    ] or caught.value.__notes__ == [
        'while scanning tuple[list[Checked]]: column "v", row 0, at $[1]'
    ]


@attrs.define
class Checked:
    a: int = attrs.field(validator=attrs.validators.gt(0))


def test_a_type_that_json_cannot_hold_is_a_model_error(module_db: postgres.DB) -> None:
    """A class that nothing decodes is said to be the problem, not the data."""

    class Own:
        pass

    rows = query(module_db, "SELECT '[1]'::jsonb AS v")
    with pytest.raises(ModelError, match="JSON cannot be decoded into"):
        scan(rows, tuple[list[Own]])


def test_json_into_local_classes_says_to_move_them(module_db: postgres.DB) -> None:
    """Names in them are looked up in modules only."""

    @attrs.define
    class Inner:
        x: int

    @attrs.define
    class Outer:
        inner: Inner

    with pytest.raises(ModelError, match="top level of a module"):
        scan_one(query(module_db, """SELECT '{"inner": {"x": 1}}'::jsonb AS v"""), tuple[Outer])
