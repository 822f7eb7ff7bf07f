# Generated from tests/postgres/_async/test_statement_misuse.py by .ci/unasync.py: edit that file, not this one.
"""What is refused of a call, and of names and values that are put into SQL."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

import liteorm
from liteorm.postgres import DB, describe, pool


SCHEMA = "CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL)"


@liteorm.statement(int, "SELECT id FROM users WHERE id > %(id)s ORDER BY id")
def after(id: int) -> None:
    """Those behind an id."""


@liteorm.statement(None, "UPDATE users SET name = %(name)s WHERE id = %(id)s")
def rename(id: int, name: str) -> None:
    """Rename one."""


@pytest.fixture
def db(liteorm_db: DB) -> DB:
    """A database with a table of users."""
    liteorm_db.execute(SCHEMA)
    return liteorm_db


NOT_SESSIONS: list[tuple[Any, str]] = [
    (None, "not with None: the parameters follow it"),
    (7, "not with an int: the parameters follow it"),
]


@pytest.mark.parametrize(("given", "sentence"), NOT_SESSIONS)
def test_what_is_no_session_is_told_from_one(given: Any, sentence: str) -> None:
    """Most often it was left out, and the first parameter stands in its place."""
    statement: Any = after
    for call in (statement.all, statement.one, statement.optional, statement.iter):
        with pytest.raises(TypeError, match=f"after is called with a session .*{sentence}"):
            call(given, 1)
    command: Any = rename
    with pytest.raises(TypeError, match=f"rename is called with a session .*{sentence}"):
        command.execute(given, id=1, name="Eve")


def test_a_connection_of_the_driver_is_no_session_yet(db: DB) -> None:
    """What makes it one is said."""
    with pool(db).connection() as connection:
        given: Any = connection
        with pytest.raises(TypeError, match=r"an? \w+: wrap it: liteorm"):
            after.all(given, 1)
        with pytest.raises(TypeError, match=r"an? \w+: wrap it: liteorm"):
            rename.execute(given, id=1, name="Eve")


def test_an_error_of_the_session_itself_is_left_alone(db: DB) -> None:
    """Only what is no session is spoken of."""

    class Odd:
        def __getattr__(self, name: str) -> Any:
            if name == "query":
                raise AttributeError("mine")
            return getattr(db, name)

    odd: Any = Odd()
    with pytest.raises(AttributeError, match="mine"):
        after.all(odd, 1)


@pytest.mark.parametrize("timeout", ["5", datetime.timedelta(seconds=5)])
def test_a_timeout_is_a_number(db: DB, timeout: Any) -> None:
    """Whichever call it is given to."""
    for call in (
        lambda: db.query("SELECT 1", timeout=timeout),
        lambda: db.execute("SELECT 1", timeout=timeout),
    ):
        with pytest.raises(TypeError, match="timeout must be a number of seconds, or None, not"):
            call()
    with pytest.raises(ValueError, match="not NaN"):
        db.query("SELECT 1", timeout=float("nan"))
    assert (db.query("SELECT 1", timeout=5)).columns == ("?column?",)


PLACES: list[tuple[Any, str]] = [
    ("SELECT '{}'", "a literal in line 1"),
    ("SELECT 1,\n'a' LIKE '%{}%'", "a literal in line 2"),
    ("SELECT E'\\'{}'", "a literal"),
    ("SELECT U&'{}'", "a literal"),
    ("SELECT 1 -- {}", "a comment"),
    ("SELECT /* /* */ {} */ 1", "a comment"),
    ('SELECT 1 AS "{}"', "a quoted name"),
    ('SELECT 1 AS "a"{}', "a quoted name"),
]


@pytest.mark.parametrize(("text", "inside"), PLACES)
def test_a_name_never_stands_inside_quotes(db: DB, text: Any, inside: str) -> None:
    """It could end them, and go on as SQL."""
    for name in ("x", "x', 'y", "x */ 2", "x, 2 AS y", "x\n, 2"):
        piece = liteorm.sql(text, liteorm.Ident(name))
        for call in (
            lambda piece=piece: db.query(piece),
            lambda piece=piece: db.execute(piece),
            lambda piece=piece: describe(db, piece),
        ):
            with pytest.raises(liteorm.StatementError, match=f"a name stands inside {inside}"):
                call()
        with pytest.raises(liteorm.StatementError, match=f"a name stands inside {inside}"):
            liteorm.statement(int, piece)


@pytest.mark.parametrize(
    ("text", "inside"),
    [*PLACES[:-1], ("SELECT $$ {} $$", "a literal"), ("$a$ {} $a$", "a literal")],
)
def test_a_value_is_not_lost_inside_quotes(db: DB, text: Any, inside: str) -> None:
    """No parameter is put in there."""
    piece = liteorm.sql(text, "x")
    for call in (lambda: db.query(piece), lambda: db.execute(piece)):
        with pytest.raises(liteorm.StatementError, match=f"a value stands inside {inside}"):
            call()
    with pytest.raises(liteorm.StatementError, match=f"a value stands inside {inside}"):
        liteorm.statement(int, piece)
    with pytest.raises(liteorm.StatementError, match=f"a value stands inside {inside}"):
        with db.stream(piece):
            pass


def test_names_and_values_stand_beside_quotes(db: DB) -> None:
    """Also in the body of a function, which they cannot end."""
    sql, name = liteorm.sql, liteorm.Ident('it\'s "x"')
    rows = db.query(sql("SELECT 'a' || {}::text /* b */ AS {}, $${{}}$$ -- c\n", 1, name))
    assert (rows.columns, list(rows)) == (('it\'s "x"', "?column?"), [("a1", "{}")])
    body: Any = "DO $$ BEGIN PERFORM 1 AS {}; END $$"
    db.execute(sql(body, name))
    with pytest.raises(liteorm.StatementError, match="a name stands inside a literal"):
        db.execute(sql(body, liteorm.Ident("x$$")))
    joined = sql("'").join([sql("SELECT "), name, sql("")])
    with pytest.raises(liteorm.StatementError, match="a name stands inside a literal"):
        db.query(joined)
    long: Any = "/*" + "x" * 20_000 + "*/ SELECT '{}'"
    with pytest.raises(liteorm.StatementError, match="a name stands inside a literal"):
        db.query(sql(long, name))
