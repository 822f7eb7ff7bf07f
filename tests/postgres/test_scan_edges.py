"""Classes and values at the edge of the rules: each is one of a kind that went wrong before."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from liteorm import ScanError, postgres, scan
from tests.postgres.scanning import query


@pytest.fixture
def db(liteorm_database: Any) -> Iterator[postgres.DB]:
    """An open database."""
    with postgres.open(liteorm_database.dsn) as db:
        yield db


@attrs.define(kw_only=True)
class KeywordBase:
    """A keyword-only field before those of subclasses."""

    id: int


@attrs.define
class Child(KeywordBase):
    """A positional field after a keyword-only one."""

    name: str


@attrs.frozen
class FrozenChild:
    """Keyword-only fields among others, with a default between."""

    a: int = attrs.field(kw_only=True)
    b: str
    c: int = attrs.field(default=7, kw_only=True)
    d: str = "d"


@dataclasses.dataclass
class DataChild:
    """The same as a dataclass."""

    a: int = dataclasses.field(kw_only=True)
    b: str = "b"
    c: int = dataclasses.field(default=7, kw_only=True)
    d: str = "d"


@pytest.mark.parametrize(
    ("model", "columns", "wanted"),
    [
        (Child, "1 AS id, 'x' AS name", Child(id=1, name="x")),
        (Child, "'x' AS name, 1 AS id", Child(id=1, name="x")),
        (FrozenChild, "1 AS a, 'x' AS b", FrozenChild("x", a=1)),
        (FrozenChild, "'y' AS d, 2 AS c, 1 AS a, 'x' AS b", FrozenChild("x", "y", a=1, c=2)),
        (DataChild, "1 AS a, 'y' AS d", DataChild(a=1, d="y")),
        (DataChild, "1 AS a, 'x' AS b, 3 AS c", DataChild("x", a=1, c=3)),
    ],
)
@pytest.mark.parametrize("where", ["top", "composite", "nested"])
def test_keyword_only_fields_may_stand_anywhere(
    db: postgres.DB, model: Any, columns: str, wanted: Any, where: str
) -> None:
    """Positional arguments go before keywords, at the top, in composites and in nested parts."""
    if where == "composite":
        names = [column.split(" AS ") for column in columns.split(", ")]
        parts = ", ".join(f"{name} {'int' if value.isdigit() else 'text'}" for value, name in names)
        db.execute(f"CREATE TYPE made AS ({parts})")
        values = ", ".join(value for value, _ in names)
        assert scan(query(db, f"SELECT ROW({values})::made"), tuple[model]) == [(wanted,)]
    elif where == "nested":
        outer: Any = attrs.make_class("Outer", {"part": attrs.field(type=model)})
        dotted = ", ".join(
            '{} AS "part.{}"'.format(*column.split(" AS ")) for column in columns.split(", ")
        )
        assert scan(query(db, f"SELECT {dotted}"), outer) == [outer(wanted)]
    else:
        assert scan(query(db, f"SELECT {columns}"), model) == [wanted]


@pytest.mark.parametrize("inner", [list, list[Any], tuple[Any, ...], list[list], list[int]])
def test_a_flat_array_is_no_array_of_arrays(db: postgres.DB, inner: Any) -> None:
    """A list of lists is one of two dimensions, whatever the inner lists hold."""
    with pytest.raises(ScanError, match="is an array of fewer dimensions"):
        scan(query(db, "SELECT '{1,2}'::int8[]"), list[inner])
    assert scan(query(db, "SELECT '{}'::int8[]"), list[inner]) == [[]]
    if inner != list[list]:
        [[first, second]] = scan(query(db, "SELECT '{{1,2},{3,4}}'::int8[]"), list[inner])
        assert (list(first), list(second)) == ([1, 2], [3, 4])


@pytest.mark.parametrize("model", [int, str, bool, list[int]])
def test_void_fills_nothing_but_none(db: postgres.DB, model: Any) -> None:
    """What a void function gives is None, which an annotation has to allow."""
    with pytest.raises(ScanError, match="void"):
        scan(query(db, "SELECT pg_sleep(0)"), model)
    for optional in (type(None), int | None, Any):
        assert scan(query(db, "SELECT pg_sleep(0)"), optional) == [None]


def test_an_optional_dict_or_tuple_is_absent_as_nested_parts_are(db: postgres.DB) -> None:
    """A row of NULLs is None where the annotation allows it; a NULL among values is an error."""
    nothing, some = "SELECT NULL::int AS a, NULL::int AS b", "SELECT NULL::int AS a, 1 AS b"
    model: Any
    for model in (dict[str, int] | None, tuple[int, int] | None, tuple[int, ...] | None):
        assert scan(query(db, nothing), model) == [None]
        with pytest.raises(ScanError, match="is NULL"):
            scan(query(db, some), model)
    assert scan(query(db, some), tuple[int, int | None] | None) == [None]
    assert scan(query(db, some), dict[str, int | None]) == [{"a": None, "b": 1}]
