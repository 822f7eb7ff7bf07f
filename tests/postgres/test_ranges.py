"""Ranges and multiranges agree with PostgreSQL's own operators."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import liteorm
from liteorm import Multirange, Range, postgres
from liteorm_testing import Server, database

VALUES = st.integers(-3, 3).map(Decimal) | st.just(Decimal("NaN"))


@st.composite
def ranges(draw: Any) -> Range[Decimal]:
    """Ranges over few values, so that bounds meet."""
    lower, upper = draw(st.none() | VALUES), draw(st.none() | VALUES)
    if lower is not None and upper is not None:
        lower, upper = sorted((lower, upper), key=lambda d: (d.is_nan(), 0 if d.is_nan() else d))
    return Range(lower, upper, draw(st.sampled_from(["[)", "[]", "(]", "()"])))


@pytest.fixture(scope="module")
def db(liteorm_server: Server) -> Iterator[postgres.DB]:
    """One database for the module."""
    with database(liteorm_server) as made, postgres.open(made.dsn) as db:
        yield db


SQL = """
SELECT a @> b, a && b, a -|- b, a < b, a <= b, a @> v, isempty(a), a * b
FROM (SELECT %s::numrange AS a, %s::numrange AS b, %s::numeric AS v) AS given
"""


@settings(max_examples=150, deadline=None)
@given(a=ranges(), b=ranges(), v=VALUES)
def test_ranges_agree(db: postgres.DB, a: Range[Decimal], b: Range[Decimal], v: Decimal) -> None:
    """Containment, overlap, adjacency, order, emptiness and intersection are the server's."""
    rows = db.query(SQL, [a, b, v])
    theirs = liteorm.scan_one(rows, tuple[bool, bool, bool, bool, bool, bool, bool, Range[Decimal]])
    ours = (
        b in a, a.overlaps(b), a.is_adjacent(b), a < b, a <= b, v in a, a.is_empty
    )  # fmt: skip
    assert ours == theirs[:-1]
    assert repr(a.intersection(b)) == repr(theirs[-1])


@settings(max_examples=150, deadline=None)
@given(parts=st.lists(ranges(), max_size=5), other=ranges(), v=VALUES)
def test_multiranges_agree(
    db: postgres.DB, parts: list[Range[Decimal]], other: Range[Decimal], v: Decimal
) -> None:
    """The normal form, containment and overlap are the server's."""
    sql = """
    SELECT m, m @> r, m && r, m @> v FROM (
        SELECT %s::nummultirange AS m, %s::numrange AS r, %s::numeric AS v) AS given
    """
    text = "{" + ",".join(_text(part) for part in parts) + "}"
    theirs, contains, overlaps, holds = liteorm.scan_one(
        db.query(sql, [text, other, v]), tuple[Multirange[Decimal], bool, bool, bool]
    )
    ours = Multirange(parts)
    assert repr(ours) == repr(theirs)
    assert (ours.contains(other), ours.overlaps(other), v in ours) == (contains, overlaps, holds)


def _text(part: Range[Decimal]) -> str:
    if part.is_empty:
        return "empty"
    low, high = ("" if bound is None else str(bound) for bound in (part.lower, part.upper))
    return f"{part.bounds[0]}{low},{high}{part.bounds[1]}"
