"""A parameter that is text to the server is taken for what it is, or refused: never for JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import liteorm
from liteorm import Json, Multirange, Range, postgres, scan_one
from liteorm_testing import Server, database
from tests.postgres.type_cases import CASES

PAGE = Path(__file__).parents[2] / "docs" / "types.md"
NOT_JSON: dict[str, Any] = {
    "list": [],
    "tuple": (),
    "set": set[int](),
    "frozenset": frozenset[int](),
    "nulls": [None],
    "multirange": Multirange[int](),
    "range": Range(1, 5, "[]"),
    "ranges": [Range(1, 5, "[]")],
}
WRITES = (
    "INSERT INTO untyped ({column}) VALUES (%s)",
    "UPDATE untyped SET {column} = %s",
    "SELECT %s::{column}",
    "SELECT 1 FROM untyped WHERE {column}::jsonb @> %s",
)


@pytest.fixture(scope="module")
def db(liteorm_server: Server) -> Iterator[postgres.DB]:
    """A table with a row, whose columns have the names of their types."""
    with database(liteorm_server) as made, postgres.open(made.dsn) as db:
        db.execute("""
            CREATE TYPE pair AS (a int, b text);
            CREATE TABLE untyped (
                json json, jsonb jsonb, ints int[], texts text[], span int4range,
                spans int4multirange, many int4range[], numbers numrange
            );
            INSERT INTO untyped (jsonb, json) VALUES ('7', '7');
        """)
        yield db


@pytest.mark.parametrize("value", NOT_JSON.values(), ids=NOT_JSON)
@pytest.mark.parametrize("column", ["json", "jsonb"])
def test_what_is_not_sent_as_json_is_not_stored_as_json(
    db: postgres.DB, column: str, value: Any
) -> None:
    """Empty arrays, empty multiranges and closed ranges look like JSON, and are refused there."""
    for template in WRITES:
        sql = cast("Any", template.format(column=column))
        with pytest.raises(liteorm.Error) as caught:
            db.execute(sql, [value])
        assert "liteorm.Json(value)" in str(caught.value)
        with pytest.raises(liteorm.Error), db.batch() as batch:
            batch.execute(sql, [value])
        with pytest.raises(liteorm.Error):
            db.execute_many(sql, [[value]])
    assert [*db.query("SELECT json::text, jsonb::text FROM untyped")] == [("7", "7")]
    assert scan_one(db.query("SELECT %s::jsonb", [Json([])]), list[int]) == []


def test_a_text_that_is_no_json_is_not_blamed_on_a_list(db: postgres.DB) -> None:
    """The remedy for lists is not told where a str is what the server refused."""
    with pytest.raises(liteorm.DataError) as caught:
        db.execute("SELECT %s::jsonb, %s::int[]", ["{", []])
    assert "Json(value)" not in str(caught.value)


@pytest.mark.parametrize(
    ("type_", "annotation", "value"),
    [
        *((t, list[int], []) for t in ("int[]", "int2[]", "oid[]")),
        *((t, list[str], []) for t in ("text[]", "varchar(3)[]", "name[]")),
        ("jsonb[]", list[dict[str, int]], []),
        ("int4range[]", list[Range[int]], []),
        ("numrange[]", list[Range[Decimal]], [Range(Decimal(1), Decimal("2.50"), "[]")]),
        ("int4multirange", Multirange[int], Multirange[int]()),
        ("int4multirange[]", list[Multirange[int]], [Multirange[int](), Multirange([Range(1, 2)])]),
        ("numrange", Range[Decimal], Range(Decimal("1.0"), Decimal("2.50"), "[]")),
        ("nummultirange", Multirange[Decimal], Multirange([Range(Decimal(1), Decimal(2), "[]")])),
    ],
)
def test_they_are_still_what_they_are(
    db: postgres.DB, type_: str, annotation: Any, value: Any
) -> None:
    """Where an array, a range or a multirange is wanted they arrive, prepared or not."""
    for _ in range(7):
        sql = cast("Any", f"SELECT %s::{type_} AS value, %s = ANY(%s) AS found")
        found, inside = next(iter(db.query(sql, [value, 1, []])))
        assert inside is False
        assert liteorm.scan_one(db.query(sql, [value, 1, []]), tuple[annotation, bool])[0] == value
        assert found == value


CAST: dict[str, tuple[str, str, list[Any], Any, Any]] = {
    # the column's type, its row on the page, what is sent, and the value
    "jsonb": ("`json`, `jsonb`", "%s", [Json([1, "a"])], Any, [1, "a"]),
    "json": ("`json`, `jsonb`", "%s", [Json("a")], Any, "a"),
    "xid8": ("`xid8`, `xid`, `cid`", "%s::text::xid8", [2**64 - 1], int, 2**64 - 1),
    "xid": ("`xid8`, `xid`, `cid`", "%s::text::xid", [2**32 - 1], int, 2**32 - 1),
    "cid": ("`xid8`, `xid`, `cid`", "%s::text::cid", [7], int, 7),
    "point": ("`point`", "point(%s, %s)", [0.1, -2.0], tuple[float, float], (0.1, -2.0)),
    "bit(8)[]": ("`bit(8)[]`", "%s::bit(8)[]", [["01010101"]], list[str], ["01010101"]),
    "int2vector": (
        *("`int2vector`, `oidvector`", "array_to_string(%s::int8[], ' ')::int2vector"),
        *([[1, -2]], list[int], [1, -2]),
    ),
    "oidvector": (
        *("`int2vector`, `oidvector`", "array_to_string(%s::int8[], ' ')::oidvector"),
        *([[1, 2**32 - 1]], list[int], [1, 2**32 - 1]),
    ),
    "hstore": (
        *("`hstore`", "hstore(%s::text[], %s::text[])", [["a", 'b"'], ["=>", None]]),
        *(dict[str, str | None], {"a": "=>", 'b"': None}),
    ),
    "pair": ("a composite", "ROW(%s, %s)::pair", [1, 'a"'], tuple[int, str], (1, 'a"')),
    "pair[]": (
        "an array of composites",
        "ARRAY(SELECT ROW(a, b)::pair FROM unnest(%s::int[], %s::text[]) AS t(a, b))",
        *([[1, None], ["a", "b"]], list[tuple[int | None, str]], [(1, "a"), (None, "b")]),
    ),
}
"""What a column does not take as it is, with what docs/types.md says to write."""


def available(db: postgres.DB, type_: str) -> bool:
    """Make the extension of a type; tell whether the type is there."""
    owner = {"lquery": "ltree"}.get(type_, type_)
    if owner in ("citext", "hstore", "ltree", "vector"):
        there = "SELECT 1 FROM pg_available_extensions WHERE name = %s"
        if not db.query(there, [owner]):
            return False
        db.execute(cast("Any", f"CREATE EXTENSION IF NOT EXISTS {owner}"))
    return True


@pytest.mark.parametrize("type_", CAST)
def test_what_the_page_says_to_write_is_stored(db: postgres.DB, type_: str) -> None:
    """The value is refused as it is, and stored as the page says."""
    row, expression, params, annotation, value = CAST[type_]
    if not available(db, type_):
        return
    shown = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith(f"| {row} |")]
    written = re.sub(r"::(xid|cid|oidvector)$", lambda m: LIKE[m[1]], expression)
    assert [line.split(" | ")[-1].rstrip(" |") for line in shown][-1:] == [f"`{written}`"]
    db.execute(cast("Any", f"DROP TABLE IF EXISTS cell; CREATE TABLE cell (value {type_})"))
    with pytest.raises(liteorm.Error):
        db.execute("INSERT INTO cell VALUES (%s)", [value])
    assert len(db.query("SELECT FROM cell")) == 0
    db.execute(cast("Any", f"INSERT INTO cell VALUES ({expression})"), params)
    assert scan_one(db.query("SELECT value FROM cell"), tuple[annotation])[0] == value


LIKE = {"xid": "::xid8", "cid": "::xid8", "oidvector": "::int2vector"}
"""Types that the page mentions beside another."""


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.type not in CAST],
    ids=str,
)
def test_every_other_column_takes_a_parameter_as_it_is(db: postgres.DB, case: Any) -> None:
    """What scanning gives is stored by a bare `%s`, alone, in a batch and by execute_many."""
    if not available(db, case.type):
        return
    db.execute(cast("Any", f"DROP TABLE IF EXISTS cell; CREATE TABLE cell (value {case.type})"))
    sql = "INSERT INTO cell VALUES (%s)"
    db.execute(sql, [case.value])
    db.execute_many(sql, [[case.value]])
    with db.batch() as batch:
        batch.execute(sql, [case.value])
    rows = db.query("SELECT value FROM cell")
    assert liteorm.scan(rows, tuple[case.annotation]) == [(case.value,)] * 3


@settings(max_examples=40, deadline=None)
@given(
    st.recursive(
        st.none() | st.integers(-5, 5) | st.text("a{}[],\"'\\ \f", max_size=4),
        lambda inner: st.lists(inner, max_size=3),
        max_leaves=5,
    ).filter(lambda value: isinstance(value, list))
)
def test_no_list_is_ever_stored_as_json(db: postgres.DB, value: Any) -> None:
    """Whatever is in it: it is refused, as an array is no JSON."""
    with pytest.raises(liteorm.Error):
        db.query("SELECT %s::jsonb", [value])
