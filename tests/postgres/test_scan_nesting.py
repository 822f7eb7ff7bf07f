"""Dotted columns fill objects inside objects, and say when one is absent."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple, TypedDict

import attrs
import pytest

from liteorm import Column, ScanError, postgres, scan, scan_one
from tests.postgres.scanning import query


@attrs.define
class City:
    name: str
    zip: str | None = None


@attrs.define
class Address:
    city: City | None
    street: str | None = None


@attrs.define
class Author:
    address: Address
    id: int = 1


@attrs.define
class AllOptional:
    a: int | None
    b: int | None = None


@attrs.define
class Maybe:
    inner: AllOptional | None


class Pair(NamedTuple):
    x: int
    y: int | None = None


class Typed(TypedDict, total=False):
    x: int


@attrs.define
class Holder:
    pair: Pair | None = None
    typed: Typed | None = None
    free: dict[str, int] | None = None
    some: dict[str, Any] = attrs.Factory(dict[str, Any])


@attrs.define
class Renamed:
    author: Annotated[City, Column(name="The Author")]
    dotted: Annotated[int, Column(name="author.id")]


@pytest.mark.parametrize(
    ("select", "model", "expected"),
    [
        (
            "'Ulm' AS \"address.city.name\", 'x' AS \"address.street\"",
            Author,
            Author(Address(City("Ulm"), "x")),
        ),
        (
            'NULL::text AS "address.city.name", NULL::text AS "address.city.zip"',
            Author,
            Author(Address(None)),
        ),
        # the rule: all non-optional columns are NULL, whatever the others are
        (
            'NULL::text AS "address.city.name", \'1\' AS "address.city.zip"',
            Author,
            Author(Address(None)),
        ),
        ('NULL::int AS "inner.a", NULL::int AS "inner.b"', Maybe, Maybe(None)),
        ('NULL::int AS "inner.a", 2 AS "inner.b"', Maybe, Maybe(AllOptional(None, 2))),
        ('1 AS "pair.x", 2 AS "typed.x"', Holder, Holder(Pair(1), {"x": 2})),
        ('NULL::int AS "pair.x", NULL::int AS "typed.x"', Holder, Holder()),
        ('1 AS "free.a", 2 AS "free.b"', Holder, Holder(free={"a": 1, "b": 2})),
        ('NULL::int AS "free.a"', Holder, Holder()),
        ('NULL::int AS "some.a", \'x\' AS "some.b"', Holder, Holder(some={"a": None, "b": "x"})),
        # an exact match goes first and uses the column up
        (
            '\'Ulm\' AS "The Author.name", 7 AS "author.id"',
            Renamed,
            Renamed(City("Ulm"), 7),
        ),
    ],
)
def test_dotted_columns_fill_inner_objects(
    module_db: postgres.DB, select: str, model: Any, expected: object
) -> None:
    """Each part of a column's name is a field, to any depth."""
    assert scan_one(query(module_db, f"SELECT {select}"), model) == expected


def test_depth_is_not_limited(module_db: postgres.DB) -> None:
    """Thirty levels are as good as two."""
    model: Any = attrs.make_class("L0", {"v": attrs.field(type=int)})
    for level in range(1, 30):
        model = attrs.make_class(f"L{level}", {"n": attrs.field(type=model)})
    obj = scan_one(query(module_db, f'SELECT 5 AS "{"n." * 29}v"'), model)
    for _ in range(29):
        obj = obj.n
    assert obj.v == 5


@pytest.mark.parametrize(
    ("select", "model", "message"),
    [
        ("'x' AS \"address.city.zip\"", Author, 'expected "address.city.name"'),
        (
            '\'a\' AS "address.city.name", 1 AS "address.city.no"',
            Author,
            'for column "address.city.no"',
        ),
        ('1 AS "pair.x.y"', Holder, "which has no fields"),
        ('1 AS "some.a", NULL::jsonb AS pair, 2 AS "pair.x"', Holder, 'for column "pair.x"'),
        ('1 AS "free.a", \'x\' AS "free.b"', Holder, "is text"),
        ('NULL::int AS "pair.x", 1 AS "pair.z"', Holder, '"pair.z"'),
    ],
)
def test_what_does_not_fit_inside_is_named_in_full(
    module_db: postgres.DB, select: str, model: Any, message: str
) -> None:
    """The whole dotted name of a column stands in the error."""
    with pytest.raises(ScanError, match=message.replace(".", r"\.")):
        scan(query(module_db, f"SELECT {select}"), model)


def test_null_in_an_inner_field_names_column_and_row(module_db: postgres.DB) -> None:
    """An object that is there has no NULL in a field that is not optional."""
    rows = query(
        module_db,
        "SELECT CASE WHEN n <> 700 THEN 'x' END AS \"city.name\", n AS id"
        " FROM generate_series(0, 900) AS n",
    )

    @attrs.define
    class Person:
        city: City
        id: int

    with pytest.raises(ScanError) as caught:
        scan(rows, Person)
    error = caught.value
    assert (error.column, error.row, error.field) == ("city.name", 700, "city.name")


def test_extra_columns_pass_at_any_depth(module_db: postgres.DB) -> None:
    """With extra="ignore" a column without a field is passed over, inside too."""
    rows = query(module_db, 'SELECT \'x\' AS "city.name", 1 AS "city.no", 2 AS no')

    @attrs.define
    class Person:
        city: City

    assert scan(rows, Person, extra="ignore") == [Person(City("x"))]
    with pytest.raises(ValueError, match="extra is"):
        scan(rows, Person, extra="some")  # type: ignore[call-overload] # pyright: ignore
