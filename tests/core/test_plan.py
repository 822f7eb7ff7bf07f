"""A plan is plain data, and every misfit of shapes is found while it is made."""

from __future__ import annotations

import datetime
from typing import Any, NamedTuple

import attrs
import pytest

from liteorm import Interval, ScanError
from liteorm._core.models.hints import hint_of
from liteorm._core.scanning.fit import Fit, Fitter
from liteorm._core.scanning.plan import Build, Collect, Leaf, plan_scan
from liteorm._core.scanning.steps import Place
from liteorm._core.scanning.types import Attribute, PgType, array_of, cast_of, cast_to
from tests.core.rows import BY_NAME, shape


@attrs.define
class Author:
    id: int
    name: str | None = None


@attrs.define
class Post:
    id: int
    author: Author | None = None


PAIR = PgType(
    20_000,
    "pair",
    "composite",
    tuple,
    attributes=(Attribute("id", BY_NAME["integer"]), Attribute("name", BY_NAME["text"])),
)
DOMAIN = PgType(20_001, "positive", "domain", int, BY_NAME["integer"])
COLOR = PgType(20_002, "color", "enum", str, labels=("red",))


def test_columns_are_loaded_as_the_fields_need_them() -> None:
    """A column nobody asked for is passed over, the others come in the form that is needed."""
    columns = shape(
        id="integer", skipped="text", span="interval", doc="jsonb", place="point", p=PAIR
    )

    @attrs.define
    class Wide:
        id: int
        span: Interval
        doc: dict[str, int]
        place: tuple[float, float]
        p: tuple[int, Any]

    plan = plan_scan(Wide, columns, "ignore")
    assert plan.variants == ("plain", "skip", "interval", "json", "point", "plain")
    assert plan.types[0] == "integer"
    assert plan.columns == columns.names


def test_an_inner_object_is_absent_by_its_non_optional_columns() -> None:
    """The plan says which columns tell that an object is not there."""
    plan = plan_scan(Post, shape(id="integer", author__id="integer", author__name="text"))
    assert isinstance(plan.root, Build)
    assert plan.root.absent is None
    inner = plan.root.arguments[1][1]
    assert isinstance(inner, Build)
    assert inner.absent == (1,)


def test_tuples_and_dicts_are_collected() -> None:
    """Rows without a class are collected by position or name."""
    columns = shape(a="integer", b="text")
    assert isinstance(plan_scan(tuple[int, str], columns).root, Collect)
    plan = plan_scan(dict[str, Any], columns)
    assert isinstance(plan.root, Collect)
    assert [name for name, _ in plan.root.items] == ["a", "b"]
    assert isinstance(plan_scan(int, shape(a="integer")).root, Leaf)


@pytest.mark.parametrize(
    ("type_", "annotation", "fits"),
    [
        ("smallint", int, True),
        ("bigint", int, True),
        ("boolean", int, False),
        ("integer", bool, False),
        ("integer", float, False),
        ("real", float, True),
        ("numeric", float, False),
        ("numeric", int, False),
        ("date", datetime.datetime, False),
        ("text", bytes, False),
        ("bytea", bytes, True),
        ("xml", str, True),
        ("oid", int, True),
        ("oid", str, False),
        ("money", str, False),
        ("void", int, False),
        ("void", None, True),
        (DOMAIN, int, True),
        (DOMAIN, str, False),
        (COLOR, str, True),
        (COLOR, int, False),
        (PAIR, Author, True),
        (PAIR, Post, False),
        (array_of(PAIR, 1), list[Author], True),
        (array_of(PAIR, 1), Author, False),
    ],
)
def test_the_table_decides_which_type_fills_which_annotation(
    type_: str | PgType, annotation: Any, fits: bool
) -> None:
    """One type of PostgreSQL, one class of Python; nothing is coerced."""
    columns = shape(v=type_)
    if fits:
        plan_scan(tuple[annotation], columns)
    else:
        with pytest.raises(ScanError) as caught:
            plan_scan(tuple[annotation], columns)
        assert caught.value.column == "v"
        assert caught.value.got


def test_an_exact_name_goes_before_a_dotted_one() -> None:
    """It uses the column up, so that nothing else takes it."""

    @attrs.define
    class Both:
        author: Author
        other: int = 0

    dotted: Any = attrs.make_class("Dotted", {"author": attrs.field(type=Author)})
    columns = shape(author=PAIR, author__id="integer")
    with pytest.raises(ScanError, match=r'no field of Dotted for column "author.id"'):
        plan_scan(dotted, columns)
    assert plan_scan(Both, columns, "ignore").variants == ("plain", "skip")


@pytest.mark.parametrize(
    ("type_", "python", "expected"),
    [
        ("numeric", float, "float8"),
        ("text", int, "bigint"),
        ("integer", str, "text"),
        ("boolean", int, "integer"),
        ("date", int, None),
        ("uuid", float, None),
        ("integer[]", str, "text"),
        ("integer[]", int, None),
        ("timestamp with time zone", datetime.date, "date"),
    ],
)
def test_only_casts_that_postgresql_has_are_advised(
    type_: str, python: Any, expected: str | None
) -> None:
    """A remedy that fails would be worse than none."""
    assert cast_to(BY_NAME[type_], python) == expected


def test_casts_are_written_as_the_query_needs_them() -> None:
    """A name that must be quoted is the alias of an expression."""
    assert cast_of("price", "float8") == "cast it: price::float8"
    assert cast_of("unitPrice", "float8") == 'cast it: "unitPrice"::float8'
    assert cast_of("a.b", "text") == 'cast it: …::text AS "a.b"'
    assert cast_of("?column?", "text") == "cast it: …::text"


def test_a_union_has_the_step_of_the_member_that_fits() -> None:
    """The order of the members does not matter."""
    fitter = Fitter({})
    place = Place("M", "f", "v")
    for annotation in (Interval | str, str | Interval):
        hint = hint_of(annotation, model="M", field="f")
        assert fitter.fit(BY_NAME["interval"], hint, place) == Fit("interval", None)


class Flat(NamedTuple):
    a: int


def test_the_mark_of_a_column_that_is_never_null_is_dropped() -> None:
    """`AS "a!"` fills field a."""
    columns = shape(a="integer")
    marked = attrs.evolve(columns, names=("a!",))
    assert plan_scan(Flat, marked).columns == ("a",)
