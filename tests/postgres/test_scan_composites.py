"""Composites, anonymous records and arrays of them become classes, tuples and dicts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple, TypedDict

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liteorm import Column, DataError, Interval, Range, ScanError, postgres, scan, scan_one
from liteorm_testing import Server, database
from tests.postgres.scanning import query, run, value_of

SCHEMA = """
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN dpair AS pair;
CREATE DOMAIN numbers AS int[];
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN small AS positive CHECK (VALUE < 10);
CREATE DOMAIN doc AS jsonb;
CREATE TYPE span AS RANGE (subtype = interval);
CREATE TYPE deep AS (p dpair, n numbers, s small, d doc, m mood[], i interval, r span, e pair[]);
CREATE TABLE t (a int, gone text, b text);
ALTER TABLE t DROP COLUMN gone;
INSERT INTO t VALUES (1, 'x'), (2, NULL);
CREATE EXTENSION cube;
CREATE TYPE cubed AS (a int, c cube);
"""


@attrs.frozen
class Pair:
    a: int
    b: str | None


class OnlyA(NamedTuple):
    a: int


class PairTuple(NamedTuple):
    a: int
    b: str | None = None


class PairDict(TypedDict):
    a: int
    b: str | None


@attrs.define
class Deep:
    p: Pair | None
    n: list[int]
    s: int
    d: dict[str, int] | None
    m: list[str] | None
    i: Interval
    r: Range[dt.timedelta] | None
    e: list[Pair | None]


DEEP = (
    "ROW(ROW(1,'x'), '{1,2}', 3, '{\"k\": 1}', '{good}', '1 mon', '[1 day,2 day)',"
    " ARRAY[ROW(1,'x')::pair, NULL])::deep"
)
DEEP_VALUE = Deep(
    Pair(1, "x"),
    [1, 2],
    3,
    {"k": 1},
    ["good"],
    Interval(1),
    Range(dt.timedelta(1), dt.timedelta(2)),
    [Pair(1, "x"), None],
)


@pytest.fixture(scope="module")
def db(liteorm_server: Server) -> Iterator[postgres.DB]:
    """A database with composites of all sorts."""
    with database(liteorm_server) as made, postgres.open(made.dsn) as opened:
        run(opened, SCHEMA)
        yield opened


@pytest.mark.parametrize(
    ("expression", "annotation", "expected"),
    [
        ("ROW(1,'x')::pair", Pair, Pair(1, "x")),
        ("ROW(1,'x')::pair", PairTuple, PairTuple(1, "x")),
        ("ROW(1,'x')::pair", PairDict, {"a": 1, "b": "x"}),
        ("ROW(1,'x')::pair", dict[str, Any], {"a": 1, "b": "x"}),
        ("ROW(1,'x')::pair", tuple[int, str], (1, "x")),
        ("ROW(1,'x')::pair", tuple[Any, ...], (1, "x")),
        ("ROW(1,'x')::pair", tuple, (1, "x")),
        ("ROW(1,'x')::pair", Any, (1, "x")),
        ("ROW(1,'x')::pair::dpair", Pair, Pair(1, "x")),
        ("NULL::pair", Pair | None, None),
        ("ROW(NULL,'x')::pair", Pair | None, None),
        ("ARRAY[ROW(1,'x')::pair, NULL]", list[Pair | None], [Pair(1, "x"), None]),
        ("ARRAY[ROW(1,'x')::pair::dpair]", set[Pair], {Pair(1, "x")}),
        (DEEP, Deep, DEEP_VALUE),
        (f"ARRAY[{DEEP}]", list[Deep], [DEEP_VALUE]),
        (f"ROW(7, {DEEP})", tuple[int, Deep], (7, DEEP_VALUE)),
        ("(SELECT array_agg(t ORDER BY a) FROM t)", list[Pair], [Pair(1, "x"), Pair(2, None)]),
        ("(SELECT t FROM t WHERE a = 1)", Pair, Pair(1, "x")),
        ("ROW(1, 'x')", tuple[int, str], (1, "x")),
        ("ROW(1, 'x'::text)", Pair, Pair(1, "x")),
        ("ROW(1, NULL)", Pair, Pair(1, None)),
        ("ROW(1)", PairTuple, PairTuple(1)),
        ("ARRAY[ROW(1,'x'::text), ROW(2,NULL)]", list[Pair], [Pair(1, "x"), Pair(2, None)]),
        ("ARRAY[ROW(1,'x'::text), NULL]", list[Pair | None], [Pair(1, "x"), None]),
        ("ROW(ROW('1 mon'::interval), 3)", tuple[tuple[Interval], int], ((Interval(1),), 3)),
        ("ROW(1, ROW(2, 'good'::mood))", Any, (1, (2, "good"))),
        ("ROW(ARRAY['{1,2}'::numbers])", tuple[list[list[int]]], ([[1, 2]],)),
    ],
)  # fmt: skip
def test_composites_become_what_is_declared(
    db: postgres.DB, expression: str, annotation: Any, expected: object
) -> None:
    """A named composite goes by attribute names, a record by position."""
    assert value_of(db, expression, annotation) == expected


def test_plain_beside_deep(db: postgres.DB) -> None:
    """How one column is loaded changes nothing in its neighbours."""
    day = DEEP.replace("1 mon", "1 day")
    rows = query(db, f"SELECT {DEEP} AS a, {day} AS b, '1 day'::interval AS c")
    found = scan_one(rows, tuple[Deep, dict[str, Any] | None, Any])
    assert found[0] == DEEP_VALUE
    assert found[1:] == (
        {
            "p": (1, "x"),
            "n": [1, 2],
            "s": 3,
            "d": {"k": 1},
            "m": ["good"],
            "i": dt.timedelta(1),
            "r": DEEP_VALUE.r,
            "e": [(1, "x"), None],
        },
        dt.timedelta(1),
    )
    fine = query(db, "SELECT ROW(1, '{}'::json) AS a, ROW('[1]'::jsonb, '1 day'::interval) AS b")
    assert scan_one(fine, tuple[tuple[int, dict[str, int]], Any]) == (
        (1, {}),
        ([1], dt.timedelta(1)),
    )


@pytest.mark.parametrize(
    ("expression", "annotation", "message"),
    [
        ("ROW(1,'x')::pair", OnlyA, "add fields for b"),
        ("ROW(1,'x')::pair", tuple[int], "with 2 attributes"),
        ("ROW(1,'x')::pair", tuple[str, str], "is integer"),
        ("ROW(1,'x')::pair", list[int], "is pair"),
        ("ARRAY[ROW(1,'x')::pair, NULL]", list[Pair], "an element of column"),
        ("ROW(NULL,'x')::pair", Pair, "is NULL"),
        ("ROW(1, 'x')", tuple[int], "a record of 2 values"),
        ("ROW('x'::text, 'x'::text)", Pair, "is text"),
        ("ROW(1, 'x')", tuple[int, int], "literal without a type"),
        ("ROW(1, '(1,2)'::cube)::cubed", Any, "cube in it"),
        ("ARRAY['(1,2)'::cube]", Any, "cube in it"),
        ("'(1,2)'::cube", Any, "cast it: v::text"),
    ],
)  # fmt: skip
def test_composites_that_do_not_fit(
    db: postgres.DB, expression: str, annotation: Any, message: str
) -> None:
    """The attribute or element is named."""
    with pytest.raises(ScanError, match=message):
        value_of(db, expression, annotation)


def test_bytes_of_unread_types_surface_nowhere(db: postgres.DB) -> None:
    """An extension's type inside a record, or in plain rows, is an error."""
    for annotation in (Any, tuple[int, Any], tuple[Any, ...]):
        with pytest.raises(DataError, match="is cube, which has no form"):
            value_of(db, "ROW(1, '(1,2)'::cube)", annotation)
    with pytest.raises(DataError, match="is cube"):
        list(query(db, "SELECT '(1,2)'::cube"))
    assert scan(query(db, "SELECT 1 AS a, '(1,2)'::cube AS c"), PairTuple, extra="ignore")


def test_extra_attributes_pass_when_extra_columns_do(db: postgres.DB) -> None:
    """A composite that has grown still fills its class with extra="ignore"."""
    one: Any = attrs.make_class("One", {"a": attrs.field(type=int)})
    rows = query(db, "SELECT t AS v FROM t ORDER BY a")
    assert scan(rows, tuple[one], extra="ignore") == [(one(1),), (one(2),)]


class Twice:
    """A codec that shows what it was given."""

    def decode(self, value: Any) -> Any:
        return (value, value)

    def encode(self, value: Any) -> Any:
        return value[0]


def test_codecs_inside_get_plain_values(db: postgres.DB) -> None:
    """A codec's value is the plain one, also where its neighbours are loaded otherwise."""

    @attrs.define
    class Coded:
        i: Annotated[object, Column(codec=Twice())]
        d: Annotated[tuple[Any, Any], Column(codec=Twice())]
        j: dict[str, int]

    run(db, "DROP TYPE IF EXISTS coded; CREATE TYPE coded AS (i interval, d jsonb, j json)")
    found = value_of(db, "ROW('1 day', '[1]', '{\"a\": 1}')::coded", Coded)
    assert found == Coded((dt.timedelta(1),) * 2, ([1], [1]), {"a": 1})


def test_types_altered_meanwhile_are_looked_up_again(db: postgres.DB) -> None:
    """A composite is what it is now, not what it was at the first look."""
    run(db, "DROP TYPE IF EXISTS alt CASCADE; CREATE TYPE alt AS (a int)")
    assert value_of(db, "ROW(1)::alt", dict[str, Any]) == {"a": 1}
    run(db, "CREATE TYPE around AS (x alt, y int)")
    assert value_of(db, "ROW(ROW(1), 2)::around", Any) == ((1,), 2)
    run(db, "ALTER TYPE alt ADD ATTRIBUTE b text")
    assert value_of(db, "ROW(1, 'x')::alt", dict[str, Any]) == {"a": 1, "b": "x"}
    assert value_of(db, "ARRAY[ROW(1, 'x')::alt]", list[dict[str, Any]]) == [{"a": 1, "b": "x"}]
    assert value_of(db, "ROW(ROW(1, 'x'), 2)::around", dict[str, Any]) == {"x": (1, "x"), "y": 2}
    run(db, "ALTER TYPE alt DROP ATTRIBUTE a")
    assert value_of(db, "ROW('x')::alt", dict[str, Any]) == {"b": "x"}
    run(db, "ALTER TYPE alt ALTER ATTRIBUTE b TYPE int")
    assert value_of(db, "ROW(5)::alt", dict[str, int]) == {"b": 5}
    run(db, "DROP TYPE alt CASCADE; CREATE TYPE alt AS (z bool)")
    assert value_of(db, "ROW(true)::alt", dict[str, Any]) == {"z": True}
    run(db, "DROP TYPE alt; CREATE TYPE alt AS ENUM ('one')")
    assert value_of(db, "'one'::alt", str) == "one"


def test_records_bring_types_to_look_up_one_by_one(db: postgres.DB) -> None:
    """A type inside a record inside a type that is new too."""
    run(db, "CREATE TYPE n1 AS ENUM ('a'); CREATE TYPE n2 AS (x n1); CREATE TYPE n3 AS (y int)")
    expression = "ROW(1, ROW(2, ROW(ROW('a'::n1)::n2, ROW(3)::n3)))"
    assert value_of(db, expression, Any) == (1, (2, (("a",), (3,))))


def test_a_snapshot_that_sees_old_types_ends_in_an_error(db: postgres.DB) -> None:
    """In repeatable read the catalog may be older than the result: an error, and no loop."""
    run(db, "CREATE TABLE moving (a int); INSERT INTO moving VALUES (1)")
    assert value_of(db, "moving FROM moving --", Any) == (1,)
    with db.transaction(isolation="repeatable read") as tx:
        assert scan(tx.query("SELECT 1"), int) == [1]
        run(db, "ALTER TABLE moving ADD b int DEFAULT 2")
        with pytest.raises(ScanError, match="changed by another transaction"):
            tx.query("SELECT moving FROM moving")
    assert value_of(db, "moving FROM moving --", Any) == (1, 2)


def test_domains_are_what_they_are_over(db: postgres.DB) -> None:
    """A domain, of a domain, in an array: its base type fills the field."""
    assert value_of(db, "3::small", int) == 3
    assert value_of(db, "ARRAY[3::small, NULL]", list[int | None]) == [3, None]
    assert value_of(db, "'{1,2}'::numbers", list[int]) == [1, 2]
    assert value_of(db, "ARRAY['{1,2}'::numbers]", list[list[int]]) == [[1, 2]]
    assert value_of(db, "ARRAY['{\"a\": 1}'::doc]", list[dict[str, int]]) == [{"a": 1}]
    with pytest.raises(ScanError, match="is integer"):
        value_of(db, "3::small", str)


def literal(text: str | None) -> str:
    """Return a text, which has no quotes, as SQL."""
    return "NULL" if text is None else f"'{text}'"


@given(st.lists(st.none() | st.tuples(st.none() | st.integers(0, 9), st.none() | st.text("ab"))))
@settings(max_examples=60, deadline=None)
def test_arrays_of_records_hold_any_mix(
    db: postgres.DB, items: list[tuple[int | None, str | None] | None]
) -> None:
    """NULL first, last or in between, and NULL inside: the elements come as they are."""
    texts = [
        "NULL" if item is None else f"ROW({item[0] or 'NULL'}::int, {literal(item[1])}::text)"
        for item in items
    ]
    wanted = [None if item is None else (item[0] or None, item[1]) for item in items]
    for cast in ("record[]", "pair[]"):
        found = scan_one(
            query(db, f"SELECT ARRAY[{', '.join(texts)}]::{cast} AS v"),
            tuple[list[tuple[int | None, str | None] | None]],
        )
        assert found == (wanted,)
