# Generated from tests/postgres/_async/test_named_parameters.py by .ci/unasync.py: edit that file, not this one.
"""Named parameters: neither too many nor too few, through every call that takes them."""

from __future__ import annotations

import collections
import types
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import liteorm
from liteorm.postgres import DB, Tx


SQL: Any = "SELECT 1 WHERE %(status)s::text IS NULL OR %(status)s = 'open' AND %(owner)s::int > 0"
Call = Callable[[DB | Tx, Any, Any], Awaitable[Any]]


def query(session: DB | Tx, sql: Any, params: Any) -> Any:
    """Query."""
    return session.query(sql, params)


def query_within(session: DB | Tx, sql: Any, params: Any) -> Any:
    """Query with a time limit."""
    return session.query(sql, params, timeout=20)


def execute(session: DB | Tx, sql: Any, params: Any) -> Any:
    """Execute."""
    return session.execute(sql, params)


def execute_many(session: DB | Tx, sql: Any, params: Any) -> Any:
    """Execute for a set that is right, then for the parameters."""
    return session.execute_many(sql, [{"status": None, "owner": 1}, params])


def stream(session: DB | Tx, sql: Any, params: Any) -> Any:
    """Stream."""
    with session.stream(sql, params) as rows:
        return [row for row in rows]


def statement(session: DB | Tx, sql: Any, params: Any) -> Any:
    """Call a declared statement."""
    return liteorm.statement(int, sql).all(session, **params)


def copy_out(session: DB | Tx, sql: Any, params: Any) -> Any:
    """Copy out."""
    with session.copy_out(sql, params) as blocks:
        return [block for block in blocks]


def batch(session: DB | Tx, sql: Any, params: Any) -> Any:
    """Send it in a batch."""
    with session.batch() as several:
        found = several.query(sql, params)
    return list(found.result())


CALLS = [query, query_within, execute, execute_many, stream, statement, copy_out, batch]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"status": None, "owner": 1, "stauts": "open"}, ["stauts", "status instead of stauts"]),
        ({"status": None, "owner": 1, "x": 1, "y": 2}, ['"x"', '"y"', "takes status, owner"]),
        ({"stauts": "open", "owner": 1}, ['no parameter "stauts"', "did you mean"]),
        ({"status": None}, ['parameter "owner" is missing']),
        ({}, ['parameter "status" is missing', 'parameter "owner" is missing']),
    ],
)
def test_other_names_are_refused(
    liteorm_db: DB, call: Call, params: Any, words: list[str]
) -> None:
    """A name too many, too few or misspelt is an error at the call; nothing has been sent."""
    with pytest.raises((liteorm.StatementError, TypeError)) as caught:
        call(liteorm_db, SQL, params)
    for word in words:
        assert word in str(caught.value)
    with liteorm_db.transaction() as tx:
        with pytest.raises((liteorm.StatementError, TypeError)):
            query(tx, SQL, params)
        assert len(tx.query("SELECT 1")) == 1


@pytest.mark.parametrize("call", [query, query_within, execute, stream])
def test_names_without_placeholders_are_refused(
    liteorm_db: DB, call: Call
) -> None:
    """A statement without placeholders takes no names; an empty mapping is none."""
    sql = "SELECT 1"
    with pytest.raises(liteorm.StatementError, match='"x"; the statement takes no names'):
        call(liteorm_db, sql, {"x": 1})
    call(liteorm_db, sql, {})


def test_any_mapping_with_the_right_names_does(liteorm_db: DB) -> None:
    """The mapping's class does not matter, nor how often a name is used."""
    given = {"status": "open", "owner": 1}
    for params in (
        given,
        types.MappingProxyType(given),
        collections.ChainMap({"status": "open"}, {"owner": 1}),
        collections.defaultdict(lambda: None, owner=1),
    ):
        assert len(liteorm_db.query(SQL, params)) == 1


def test_the_parameter_set_is_named(liteorm_db: DB) -> None:
    """Of many sets, the error says which one has other names."""
    sets: list[Any] = [{"status": None, "owner": n} for n in range(3)]
    sets[2]["x"] = 1
    with pytest.raises(liteorm.StatementError) as caught:
        liteorm_db.execute_many(SQL, sets)
    assert caught.value.row == 2
