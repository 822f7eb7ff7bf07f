# Generated from tests/postgres/_async/test_first_day.py by .ci/unasync.py: edit that file, not this one.
"""Mistakes of a newcomer's first day: the error of the call has the remedy."""

from __future__ import annotations

import re
from typing import Any

import pytest

import liteorm
from liteorm import postgres
from liteorm_testing import Server, database
from tests.first_day import CALLS, MISTAKES, OTHER_PLACEHOLDERS, TABLE, Mistake



@pytest.fixture(scope="module")
def dsn(liteorm_server: Server) -> Any:
    """A database with a table."""
    with database(liteorm_server, TABLE) as made:
        yield made.dsn


@pytest.mark.parametrize("mistake", [*MISTAKES, *CALLS], ids=lambda each: each.sql)
def test_a_call_says_what_to_write(dsn: str, mistake: Mistake) -> None:
    """The sentence has the placeholder as it was written, the hint what to write instead."""
    with postgres.open(dsn, max_size=1) as db:
        with pytest.raises(liteorm.Error, match=re.escape(mistake.said)) as caught:
            db.query(mistake.sql, mistake.params)
    assert mistake.remedy in str(caught.value.hint)
    assert "$1" not in str(caught.value)
    assert caught.value.sql == mistake.sql


@pytest.mark.parametrize("sql", OTHER_PLACEHOLDERS)
def test_placeholders_of_other_libraries_are_told(dsn: str, sql: Any) -> None:
    """Whether or not parameters come along."""
    with postgres.open(dsn, max_size=1) as db:
        for params in (None, [1], {"id": 1}):
            with pytest.raises(liteorm.StatementError) as caught:
                db.query(sql, params)
            assert "is written %s or %(name)s" in str(caught.value.hint)


@pytest.mark.parametrize("sql", ["SELECT $1", "SELECT $1::int", "SELECT 1; SELECT $1"])
def test_a_parameter_by_number_without_values_is_told(dsn: str, sql: Any) -> None:
    """By each call that takes a text alone, however it is sent."""
    with postgres.open(dsn, max_size=1) as db:
        for call in (db.execute, db.query):
            if call == db.query and ";" in sql:
                continue
            for _ in range(8):
                with pytest.raises(liteorm.StatementError, match=r"\$1") as caught:
                    call(sql)
                assert "is written %s or %(name)s" in str(caught.value.hint)
        assert liteorm.scan(db.query("SELECT 1"), int) == [1]


@pytest.mark.parametrize("sql", ["SELECT %(x)s::int", "SELECT %s::int"])
def test_forgotten_parameters_are_told(dsn: str, sql: Any) -> None:
    """Without any, a placeholder is no placeholder."""
    with postgres.open(dsn, max_size=1) as db:
        with pytest.raises(liteorm.SqlSyntaxError) as caught:
            db.query(sql)
    assert caught.value.hint == "the call gave no parameters: without them a % is just a %"


def test_every_way_to_send_refuses_a_placeholder_in_quotes(dsn: str) -> None:
    """The server would compare with the text `$1`, and give no row."""
    sql: Any = "SELECT id FROM things WHERE name = '%s'"
    with postgres.open(dsn, max_size=1) as db:
        for call in (
            lambda: db.query(sql, [1]),
            lambda: db.execute(sql, [1]),
            lambda: db.execute_many(sql, [[1], [2]]),
        ):
            with pytest.raises(liteorm.StatementError, match="stands inside quotes"):
                call()
        with pytest.raises(liteorm.StatementError, match="stands inside quotes"):
            with db.stream(sql, [1]) as rows:
                for _ in rows:
                    pass
        with pytest.raises(liteorm.StatementError, match="stands inside quotes"):
            with db.batch() as batch:
                batch.query(sql, [1])
