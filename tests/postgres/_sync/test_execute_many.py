# Generated from tests/postgres/_async/test_execute_many.py by .ci/unasync.py: edit that file, not this one.
"""execute_many: one statement, many parameter sets, in a pipeline, all or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import liteorm
from liteorm import Result
from liteorm.postgres import DB



@pytest.fixture
def db(liteorm_db: DB) -> DB:
    """A database with a table."""
    liteorm_db.execute("CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL)")
    return liteorm_db


def count(db: DB) -> int:
    """Return how many rows there are."""
    return liteorm.scan_one(db.query("SELECT count(*) FROM item"), int)


INSERT = "INSERT INTO item VALUES (%s, %s)"


def test_all_sets_are_run(db: DB) -> None:
    """The rows of all runs are counted together; by place or by name, from any iterable."""
    result = db.execute_many(INSERT, ((n, "x") for n in range(3000)))
    assert result == Result(3000, "INSERT")
    named = [{"low": n, "name": "y"} for n in range(0, 3000, 2)]
    update = "UPDATE item SET name = %(name)s WHERE id BETWEEN %(low)s AND %(low)s + 1"
    assert db.execute_many(update, named) == Result(3000, "UPDATE")
    assert db.execute_many("DELETE FROM item WHERE id = %s", []) == Result(0, "")
    statement = liteorm.sql("DELETE FROM {} WHERE id >= %s", liteorm.Ident("item"))
    assert db.execute_many(statement, [(2000,), (1000,)]) == Result(2000, "DELETE")


@pytest.mark.parametrize("bad", [0, 1, 50, 999])
def test_an_error_names_the_set(db: DB, bad: int) -> None:
    """The server's error says which set it was; none is stored."""
    sets = [(n, "x" if n != bad else None) for n in range(1000)]
    with pytest.raises(liteorm.NotNullViolation, match=f"parameter set {bad}: null") as caught:
        db.execute_many(INSERT, sets)
    assert (caught.value.row, caught.value.column) == (bad, "name")
    assert count(db) == 0
    assert db.stats().connects == 1


@pytest.mark.parametrize("bad", [0, 1, 50, 999])
def test_a_parameter_that_cannot_be_sent_names_the_set(db: DB, bad: int) -> None:
    """So does a value without a form in PostgreSQL."""
    for wrong in (object(), "secret\0", "secret\ud800"):
        sets = [(n, "x" if n != bad else wrong) for n in range(1000)]
        with pytest.raises(liteorm.DataError, match=f"parameter set {bad}: ") as caught:
            db.execute_many(INSERT, sets)
        assert (caught.value.row, caught.value.parameter) == (bad, 2)
        assert "secret" not in str(caught.value)
    assert count(db) == 0


def test_sets_come_from_an_asynchronous_iterable(db: DB) -> None:
    """An asynchronous iterable is consumed as its sets are sent; an error counts from its start."""
    asked: list[int] = []

    def sets(count: int, bad: int) -> Iterator[Any]:
        for n in range(count):
            asked.append(n)
            yield (n, None if n == bad else "x")

    assert db.execute_many(INSERT, sets(2500, -1)) == Result(2500, "INSERT")
    db.execute("DELETE FROM item")
    asked.clear()
    with pytest.raises(liteorm.NotNullViolation, match="parameter set 1200: null"):
        db.execute_many(INSERT, sets(5000, 1200))
    assert len(asked) < 5000
    assert count(db) == 0


def test_no_error_is_its_own_cause(db: DB) -> None:
    """An error of liteorm's own that is raised inside comes out once, without itself as cause."""
    for params in ([(1, "x"), {"a": 1}], [(1, "x"), None], [(1, "x"), (2, object())]):
        with pytest.raises((liteorm.Error, TypeError)) as caught:
            db.execute_many(INSERT, params)
        cause = caught.value.__cause__
        while cause is not None:
            assert cause is not caught.value
            cause = cause.__cause__


def test_an_error_of_the_iterable_comes_through(db: DB) -> None:
    """What the iterable raises arrives as it is; nothing is stored."""

    def broken() -> Iterator[Any]:
        yield from ((n, "x") for n in range(100))
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        db.execute_many(INSERT, broken())
    assert count(db) == 0
    assert db.execute_many(INSERT, [(1, "x")]) == Result(1, "INSERT")


def test_a_wrong_statement(db: DB) -> None:
    """A statement that is wrong as such, or that ends the transaction, is refused."""
    with pytest.raises(liteorm.UndefinedTable):
        db.execute_many("INSERT INTO nowhere VALUES (%s)", [(1,)])
    with db.transaction() as tx:
        with pytest.raises(liteorm.StatementError):
            tx.execute_many("COMMIT", [()])
        assert tx.execute_many(INSERT, [(1, "x"), (2, "y")]) == Result(2, "INSERT")
    assert count(db) == 2
