"""Types do not lie: whatever model and result, all values are as annotated, or there are none."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import typing
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Literal, NamedTuple, TypedDict

import attrs
import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, event, given, settings

from liteorm import DataError, Interval, ModelError, Range, ScanError, postgres, scan
from liteorm_testing import Server, database
from tests.postgres.conforming import conforms
from tests.postgres.scanning import query, run
from tests.postgres.type_cases import CASES

SCHEMA = """
CREATE TYPE color AS ENUM ('red', 'green');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN numbers AS int[];
CREATE TYPE pair AS (a int, b text);
CREATE TYPE deep AS (p pair, n numbers, j jsonb, d interval, c color[], o positive);
CREATE TYPE spans AS RANGE (subtype = interval);
"""


class Color(enum.Enum):
    """Members by value, of text."""

    RED = "red"
    GREEN = "green"


class Size(enum.IntEnum):
    """Members by value, of integers."""

    ONE = 1
    TWO = 2


class Word(enum.Enum):
    """Members by name."""

    red = 1.5
    a = (1,)


@attrs.frozen
class Two:
    """The composite pair, as attrs has it."""

    a: int
    b: str | None


class TwoTyped(TypedDict):
    """The composite pair, as a dict."""

    a: int | None
    b: str | None


class TwoNamed(NamedTuple):
    """The composite pair, as a tuple."""

    a: int | None
    b: str | None


@attrs.define
class Deep:
    """The composite deep."""

    p: Two | None
    n: list[int]
    j: dict[str, Any] | None
    d: Interval
    c: set[Color] | None
    o: int


OWN: dict[str, list[str]] = {
    "color": ["red", "green"],
    "positive": ["1", "7"],
    "numbers": ["{1,2}", "{}"],
    "pair": ["(1,a)", "(,)", "(2,)"],
    "deep": [
        '("(1,a)",{1},"{""a"": 1}","1 mon",{red},2)',
        '("(,)",{},,"1 day",,3)',
        '(,{1},[],"1 day",{green},3)',
    ],
    "spans": ["[1 day,2 day)", "empty"],
    "pair[]": ['{"(1,a)",NULL}', "{}"],
    "color[]": ["{red,NULL}", "{green}"],
    "int8[]": ["{1,2}", "{{1,2},{3,4}}", "{{1},{NULL}}", "{}"],
    "text[]": ["{red,a}", "{NULL}"],
    "json[]": ['{"[1]","{\\"a\\": 1}",NULL}', "{1,2}"],
    "point[]": ['{"(1,2)"}'],
    "inet[]": ["{1.2.3.4,10.0.0.1/8,::1}"],
    "spans[]": ['{"[1 day,2 day)"}'],
    "record": [
        "ROW(1, 'a'::text)",
        "ROW(1::int8, '{}'::jsonb, '1 mon'::interval)",
        "ROW(NULL::int)",
    ],
    "record[]": ["ARRAY[ROW(1, 'a'::text), ROW(2, NULL::text)]"],
}
literals: dict[str, list[str]] = {}
for _case in CASES:
    if _case.type not in ("citext", "hstore", "ltree", "lquery", "vector"):
        literals.setdefault(_case.type, []).append(_case.literal)
literals |= OWN
EDGES = {
    "date": ["infinity", "4000-01-01 BC"],
    "timestamptz": ["infinity"],
    "time": ["24:00"],
    "interval": ["1 mon", "1 year"],
    "int8": ["1", "2"],
    "text": ["red", "a"],
    "jsonb": ['{"a": 1, "b": null}', '[{"a": 1, "b": "x"}]', "7", '"red"', "null"],
}
for _type, _literals in EDGES.items():
    literals[_type] = [*literals.get(_type, []), *_literals]

FITTING: dict[str, list[Any]] = {
    "color": [Color, str, Word, Literal["red"], Literal[Color.RED, "green"]],
    "positive": [int, Size],
    "numbers": [list[int], set[int], tuple[int, ...]],
    "pair": [Two, TwoTyped, TwoNamed, dict[str, Any], tuple[int, str | None]],
    "deep": [Deep, dict[str, Any], tuple[Any, ...], tuple[Two, list[int], Any, Any, Any, int]],
    "spans": [Range[dt.timedelta]],
    "pair[]": [list[Two | None], list[TwoTyped], list[tuple[int, str] | None]],
    "color[]": [list[Color | None], set[str | None]],
    "int8[]": [list[int], list[list[int]], list[list[int | None]], tuple[int, int], list[Any]],
    "text[]": [list[Word], list[str | None], frozenset[Literal["red", "a"] | None]],
    "json[]": [list[Any], list[list[int] | dict[str, int] | None], list[int]],
    "point[]": [list[tuple[float, float]], list[str]],
    "spans[]": [list[Range[dt.timedelta]]],
    "record": [tuple[int, str], tuple[int, dict[str, Any], Interval], Two, TwoNamed],
    "record[]": [list[Two], list[tuple[int, str | None]]],
    "text": [Color, Word, Literal["red"], Color | str],
    "int8": [Size, Literal[1, 2]],
    "jsonb": [Two, list[Two], TwoTyped, dict[str, int | None], int, str, Color, list[Any]],
    "interval": [Interval | str, dt.timedelta | Interval],
}
for _case in CASES:
    FITTING.setdefault(_case.type, []).append(_case.annotation)
ALL = [annotation for fitting in FITTING.values() for annotation in fitting]
ATOMS = [
    *(int, str, float, bool, bytes, Decimal, Interval, Any, object, Color, Size, Two),
    *(dt.date, dt.datetime, dt.time, dt.timedelta),
]


def of(origin: Any, *args: Any) -> Any:
    """Return `origin[args]`, which checkers would read as a type."""
    return origin[args] if len(args) != 1 else origin[args[0]]


atoms = st.sampled_from(ATOMS) | st.sampled_from(ALL)
wild = st.recursive(
    atoms,
    lambda inner: st.one_of(
        inner.map(lambda a: of(list, a)),
        inner.map(lambda a: of(set, a)),
        inner.map(lambda a: of(tuple, a, ...)),
        inner.map(lambda a: of(dict, str, a)),
        inner.map(lambda a: of(typing.Optional, a)),
        st.tuples(inner, inner).map(lambda two: of(typing.Union, *two)),
        st.tuples(inner, inner).map(lambda two: of(tuple, *two)),
        inner.map(lambda a: of(Range, a)),
    ),
    max_leaves=3,
)


@attrs.frozen
class ColumnOf:
    """A column of the query: its alias, its type, and the literals of its rows (None: NULL)."""

    name: str
    type: str
    values: tuple[str | None, ...]
    annotation: Any

    def cell(self, row: int) -> str:
        """Return the SQL of one value."""
        literal = self.values[row]
        if literal is None:
            return f"NULL::{self.type}"
        if self.type.startswith("record"):
            return literal
        return "E'" + literal.replace("\\", "\\\\").replace("'", "\\'") + f"'::{self.type}"


@st.composite
def columns(draw: st.DrawFn, name: str, rows: int) -> ColumnOf:
    """Draw a column with values, and an annotation that often fits."""
    type_ = draw(st.sampled_from(sorted(literals)))
    luck = draw(st.integers(0, 11))
    annotation = draw(wild if luck == 0 else st.sampled_from(FITTING.get(type_, ALL)))
    value: st.SearchStrategy[str | None] = st.sampled_from(literals[type_])
    if luck > 5:
        annotation = of(typing.Optional, annotation)
    if luck > 4:
        value = st.one_of(value, value, st.none())
    values = draw(st.lists(value, min_size=rows, max_size=rows))
    return ColumnOf(name, type_, tuple(values), annotation)


@attrs.frozen
class Draft:
    """A query, a model, and whether extra columns may pass."""

    sql: str
    model: Any
    extra: Literal["error", "ignore"]


def _model(draw: st.DrawFn, name: str, fields: dict[str, Any]) -> Any:
    """Make a class of some kind with these fields."""
    kind = draw(st.sampled_from(["define", "frozen", "dataclass", "namedtuple", "typeddict"]))
    namespace: dict[str, Any] = {"__annotations__": dict(fields), "__module__": __name__}
    # Keyword-only, field by field: such a one may stand before others.
    named = [field for field in fields if draw(st.integers(0, 3)) == 0]
    match kind:
        case "define":
            namespace |= {field: attrs.field(kw_only=True) for field in named}
            return attrs.define(type(name, (), namespace), kw_only=draw(st.booleans()))
        case "frozen":
            namespace |= {field: attrs.field(kw_only=True) for field in named}
            return attrs.frozen(type(name, (), namespace), slots=draw(st.booleans()))
        case "dataclass":
            namespace |= {field: dataclasses.field(kw_only=True) for field in named}
            return dataclasses.dataclass(frozen=draw(st.booleans()))(type(name, (), namespace))
        case "namedtuple":
            make: Any = NamedTuple
            return make(name, list(fields.items()))
        case _:
            make = TypedDict
            return make(name, fields)


@st.composite
def drafts(draw: st.DrawFn) -> Draft:
    """Draw a model with a query that resembles it."""
    rows = draw(st.integers(0, 3))
    names = ["a", "b", "class_", "rows", "item"][: draw(st.sampled_from([1, 1, 2, 2, 3, 5]))]
    flat = [draw(columns(name, rows)) for name in names]
    nested = [
        draw(columns(f"n.{name}", rows))
        for name in ("x", "y")[: draw(st.sampled_from([0, 0, 1, 2]))]
    ]
    selected = [*flat, *nested]
    fields = {column.name: column.annotation for column in flat}
    if nested:
        inner = _model(draw, "Inner", {c.name.partition(".")[2]: c.annotation for c in nested})
        fields["n"] = of(typing.Optional, inner) if draw(st.booleans()) else inner
    shape = draw(st.sampled_from(["class", "class", "class", "class", "tuple", "dict", "scalar"]))
    model: Any
    match shape:
        case "tuple":
            model = of(tuple, *[c.annotation for c in selected])
        case "dict":
            model = of(dict, str, flat[0].annotation)
            selected = [attrs.evolve(flat[0], name=name) for name in ("p", "q")]
        case "scalar":
            selected, model = flat[:1], flat[0].annotation
        case _:
            model = _model(draw, "Model", fields)
    if draw(st.integers(0, 9)) == 0:
        selected.append(draw(columns("extra", rows)))
    cells = (", ".join(column.cell(row) for column in selected) for row in range(rows))
    aliases = ", ".join(f'"{column.name}"' for column in selected)
    empty = ", ".join(f"NULL::{column.type}" for column in selected)
    body = " UNION ALL ".join(f"SELECT {row}" for row in cells) or f"SELECT {empty} WHERE false"
    sql = f"SELECT * FROM ({body}) AS v({aliases})"
    return Draft(sql, model, draw(st.sampled_from(["error", "ignore"])))


@pytest.fixture(scope="module")
def db(liteorm_server: Server) -> Iterator[postgres.DB]:
    """One database for all examples."""
    with database(liteorm_server) as made, postgres.open(made.dsn) as opened:
        run(opened, SCHEMA)
        yield opened


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    print_blob=True,
)
@given(draft=drafts())
def test_every_value_is_what_its_annotation_says(db: postgres.DB, draft: Draft) -> None:
    """Either scan refuses before an object with a wrong type, or all of them are right."""
    rows = query(db, draft.sql)
    try:
        objects = scan(rows, draft.model, extra=draft.extra)
    except (ScanError, DataError, ModelError) as error:
        event(type(error).__name__)
        return
    event(f"{len(objects)} objects")
    assert len(objects) == len(rows)
    for obj in objects:
        assert conforms(obj, draft.model), (obj, draft.model)
