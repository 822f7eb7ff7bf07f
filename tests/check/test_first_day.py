"""Mistakes of a newcomer's first day: the finding has the remedy, and points at the placeholder."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

import pytest

import liteorm
from liteorm import postgres
from liteorm._check import Finding, check
from liteorm_testing import Server, database
from tests.first_day import MISTAKES, OTHER_PLACEHOLDERS, TABLE, Mistake


@pytest.fixture(scope="module")
def db(liteorm_server: Server) -> Iterator[postgres.DB]:
    """A database with a table."""
    with database(liteorm_server, TABLE) as made, postgres.open(made.dsn, max_size=1) as opened:
        yield opened


def findings(db: postgres.DB, sql: Any, params: dict[str, Any] | None = None) -> list[Finding]:
    """Return what is said of a statement."""
    module = types.ModuleType(__name__)
    vars(module)["mistake"] = liteorm.statement(None, sql, params=params)
    return check(db, module)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda each: each.sql)
def test_the_check_says_what_to_write(db: postgres.DB, mistake: Mistake) -> None:
    """What a call would say, before there is one."""
    found = findings(db, mistake.sql, mistake.types)
    said = [f for f in found if f.level == "error" and mistake.said in f.message]
    assert len(said) == 1, found
    assert mistake.remedy in str(said[0].hint)
    assert said[0].code in ("placeholder", "parameter-untyped")


@pytest.mark.parametrize("sql", OTHER_PLACEHOLDERS)
def test_placeholders_of_other_libraries_are_told(db: postgres.DB, sql: Any) -> None:
    """The server knows none of them."""
    assert "is written %s or %(name)s" in str(findings(db, sql)[0].hint)


def test_a_declared_parameter_inside_quotes_is_told(db: postgres.DB) -> None:
    """It is declared and sent by no call: the quotes are why."""
    [found] = findings(db, "SELECT id FROM things WHERE name = '%(x)s'", {"x": str})
    assert found.code == "parameter-name"
    assert "stands inside quotes" in str(found.hint)


@pytest.mark.parametrize(
    ("sql", "params"),
    [
        ("SELECT id FROM things WHERE id = $1", None),
        ("SELECT id FROM things WHERE id = $1", {}),
        ("SELECT id FROM things WHERE name = $2 AND day > $1", None),
        ("SELECT id FROM things WHERE name = '$1' AND id = %s AND id > $2", None),
        ("SELECT id FROM things WHERE name = %(n)s AND id = $2", {"n": str}),
        ("DELETE FROM things WHERE id = $1", None),
    ],
)
def test_parameters_by_number_are_told(
    db: postgres.DB, sql: Any, params: dict[str, Any] | None
) -> None:
    """The server knows them, and no call has a value for them."""
    found = [one for one in findings(db, sql, params) if one.code == "placeholder"]
    assert len(found) == 1
    assert found[0].level == "error"
    assert "parameter by number ($" in found[0].message
    assert "written %s or %(name)s" in str(found[0].hint)


@pytest.mark.parametrize(
    "sql",
    [
        "PREPARE found (int) AS SELECT id FROM things WHERE id = $1",
        "CREATE FUNCTION twice(int) RETURNS int LANGUAGE SQL BEGIN ATOMIC SELECT $1 * 2; END",
        "SELECT id FROM things WHERE name = '$1' AND name <> $$ $1 $$ -- $1",
        "SELECT id FROM things WHERE id = %s AND id > $1",
    ],
)
def test_other_numbers_are_no_mistake(db: postgres.DB, sql: Any) -> None:
    """They are those of another statement, or none."""
    assert [one for one in findings(db, sql) if one.level == "error"] == []


@pytest.mark.parametrize(
    ("sql", "count"),
    [
        ("SELECT id FROM things ORDER BY %(o)s", 1),
        ("SELECT id FROM things ORDER BY /* by */ %(o)s DESC NULLS LAST LIMIT 3", 1),
        ("SELECT row_number() OVER (PARTITION BY %(o)s ORDER BY %(o)s) FROM things", 2),
        ("SELECT count(*) FROM things GROUP BY %(o)s", 1),
        ("SELECT id FROM things ORDER BY %(o)s = name, id", 0),
        ("SELECT id FROM things ORDER BY %(o)s <> name", 0),
        ("SELECT id FROM things ORDER BY position(%(o)s IN name)", 0),
        ("SELECT id FROM things WHERE name = %(o)s ORDER BY id LIMIT 1", 0),
    ],
)
def test_an_order_by_a_value_is_told(db: postgres.DB, sql: Any, count: int) -> None:
    """The server takes it, and sorts by what is the same for each row."""
    found = [f for f in findings(db, sql, {"o": str}) if f.code == "placeholder"]
    assert [(f.level, "and by no column" in f.message) for f in found] == [
        ("warning", True)
    ] * count


def test_other_mistakes_beside_placeholders_get_no_such_advice(db: postgres.DB) -> None:
    """Whether it is described or run, a right placeholder is none of another library."""
    sql: Any = "SELECT id FROM things WHERE id = %(id)s AND data ? 'a' AND"
    [found] = findings(db, sql, {"id": int})
    assert "written" not in str(found.hint)
    with pytest.raises(liteorm.SqlSyntaxError) as caught:
        db.query(sql, {"id": 1})
    assert caught.value.hint is None


@pytest.mark.parametrize(
    ("select", "remedy"),
    [
        ("id", "cast it: id::text"),
        ("t.id", "cast it: id::text"),
        ("id AS number", 'cast it: …::text AS "number"'),
        ("id AS name", 'cast it: …::text AS "name"'),
        ("abs(id)", 'cast it: …::text AS "abs"'),
        ('id AS "A"', 'cast it: …::text AS "A"'),
        ("id + 1", "cast it: …::text"),
    ],
)
def test_a_cast_is_advised_of_what_is_there_to_be_cast(
    db: postgres.DB, select: str, remedy: str
) -> None:
    """The name of an expression, or an alias, is no column that a query can cast."""
    module = types.ModuleType(__name__)
    sql: Any = f"SELECT {select} FROM things t"
    vars(module)["mistake"] = liteorm.statement(str, sql)
    [found] = check(db, module)
    assert str(found.hint).startswith(f"{remedy}, or scan into int")
