# Generated from tests/postgres/_async/test_describe.py by .ci/unasync.py: edit that file, not this one.
"""What the server says of a statement without running it."""

from __future__ import annotations

from typing import Any

import pytest

import liteorm
from liteorm.postgres import DB, StatementShape, describe, open


SCHEMA = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL, mood mood, tags text[] NOT NULL);
CREATE VIEW moods AS SELECT id AS who, mood FROM users WHERE mood IS NOT NULL;
"""


@pytest.fixture
def db(liteorm_db: DB) -> DB:
    """A database with a table and a view."""
    liteorm_db.execute(SCHEMA)
    return liteorm_db


def test_columns_have_names_types_and_origins(db: DB) -> None:
    """A table's column is known with its table and name; an expression has none."""
    shape = describe(db, "SELECT u.id, mood AS m, tags, 1.5 AS x FROM users u")
    assert isinstance(shape, StatementShape)
    assert [(c.name, c.type, c.table, c.column, c.nullable) for c in shape.columns] == [
        ("id", "integer", "users", "id", False),
        ("m", "mood", "users", "mood", True),
        ("tags", "text[]", "users", "tags", False),
        ("x", "numeric", None, None, False),
    ]
    assert shape.columns[0].oid == 23
    assert shape.parameters == ()


def test_a_views_columns_are_followed_into_its_query(db: DB) -> None:
    """NOT NULL is read through a view."""
    shape = describe(db, "SELECT * FROM moods")
    assert [(c.table, c.column, c.nullable) for c in shape.columns] == [
        ("moods", "who", False),
        ("moods", "mood", False),
    ]


@pytest.mark.parametrize(
    ("sql", "parameters", "names"),
    [
        ("SELECT 1", (), ()),
        ("SELECT '%'", (), ()),
        ("SELECT id FROM users WHERE id = %s AND name LIKE %s", ("integer", "text"), ()),
        ("SELECT id FROM users WHERE name LIKE 'a%%' AND id = %s", ("integer",), ()),
        (
            "SELECT %(b)s::date, %(a)s::mood, %(b)s",
            ("date", "mood"),
            ("b", "a"),
        ),
        ("SELECT id FROM users WHERE id = ANY(%b)", ("integer[]",), ()),
        ("DELETE FROM users WHERE mood = %(m)s", ("mood",), ("m",)),
    ],
)
def test_placeholders_are_the_drivers(
    db: DB, sql: Any, parameters: tuple[str, ...], names: tuple[str, ...]
) -> None:
    """Both kinds of placeholders are understood; a name used twice is one parameter."""
    shape = describe(db, sql)
    assert (shape.parameters, shape.names) == (parameters, names)


def test_nothing_is_run(db: DB) -> None:
    """A described statement has no effect, whatever it would do."""
    shape = describe(db, "INSERT INTO users VALUES (1, 'a', 'ok', '{}') RETURNING id")
    assert [column.name for column in shape.columns] == ["id"]
    describe(db, "SELECT pg_sleep(1000)")
    assert (describe(db, "DROP TABLE users CASCADE")).columns == ()
    assert liteorm.scan_one(db.query("SELECT count(*) FROM users"), int) == 0


@pytest.mark.parametrize(
    ("sql", "error", "sentence"),
    [
        ("SELEC 1", liteorm.SqlSyntaxError, "syntax error"),
        ("SELECT * FROM nope", liteorm.UndefinedTable, '"nope" does not exist'),
        ("SELECT nope FROM users", liteorm.UndefinedColumn, '"nope" does not exist'),
        ("SELECT nope(1)", liteorm.UndefinedFunction, "nope"),
        ("SELECT %s WHERE 'a' LIKE 'a%'", liteorm.StatementError, "a lone % in line 1"),
        ("SELECT %s, %(a)s", liteorm.StatementError, "mixes %s and %(name)s"),
        ("SELECT 1; SELECT 2", liteorm.StatementError, "multiple commands"),
    ],
)
def test_what_the_server_refuses_is_an_error(
    db: DB, sql: Any, error: type[liteorm.Error], sentence: str
) -> None:
    """The error is the one that running the statement would raise, with the driver's as cause."""
    with pytest.raises(error) as caught:
        describe(db, sql)
    assert sentence in str(caught.value)
    assert len(db.query("SELECT 1")) == 1


def test_a_transaction_can_be_asked(db: DB) -> None:
    """What the transaction made is seen."""
    with db.transaction() as tx:
        tx.execute("CREATE TABLE fresh (n int8 NOT NULL)")
        shape = describe(tx, "SELECT * FROM fresh")
        assert [(c.name, c.type, c.nullable) for c in shape.columns] == [("n", "bigint", False)]


def test_identifiers_and_templates_are_sql_too(db: DB) -> None:
    """What a session runs can be described."""
    sql = liteorm.sql("SELECT {} FROM users WHERE id = %s", liteorm.Ident("name"))
    shape = describe(db, sql)
    assert (shape.columns[0].column, shape.parameters) == ("name", ("integer",))
    shape = describe(db, liteorm.sql("SELECT id FROM users WHERE name = {}", "a"))
    assert shape.parameters == ("text",)
    odd = liteorm.sql("SELECT id AS {} FROM users", liteorm.Ident("%s"))
    assert (describe(db, odd)).columns[0].name == "%s"


def test_describing_leaves_nothing_behind(db: DB) -> None:
    """The function by which the server reads a statement is gone, and the transaction goes on."""
    with db.transaction() as tx:
        tx.execute("INSERT INTO users VALUES (1, 'Ada', NULL, '{}')")
        shape = describe(tx, "SELECT name FROM users WHERE id = %s -- the last line")
        assert [column.nullable for column in shape.columns] == [False]
        rows = tx.query("SELECT count(*) FROM pg_proc WHERE proname LIKE 'liteorm%'")
        assert liteorm.scan_one(rows, int) == 0
    assert liteorm.scan_one(db.query("SELECT count(*) FROM users"), int) == 1


def test_a_read_only_transaction_says_why_nothing_is_known(db: DB) -> None:
    """Where the server may not make the function, the column's reason says so."""
    with db.transaction(read_only=True) as tx:
        [column] = (describe(tx, "SELECT name FROM users")).columns
        assert (column.nullable, column.column) == (None, "name")
        assert "read-only transaction" in column.reason
        assert len(tx.query("SELECT 1")) == 1
    db.execute("SET default_transaction_read_only = on")
    [column] = (describe(db, "SELECT name FROM users")).columns
    assert column.nullable is False


def test_columns_of_one_outer_join_are_known_to_go_together(db: DB) -> None:
    """Columns that are NULL in the same rows have the same joins."""
    shape = describe(
        db,
        "SELECT a.id, b.id, b.name, c.name FROM users a LEFT JOIN users b ON b.id = a.id"
        " LEFT JOIN users c ON c.name = a.name",
    )
    first, second, third, fourth = (column.joins for column in shape.columns)
    assert first == ()
    assert second == third != ()
    assert not set(second) & set(fourth)


def test_the_questions_behind_it_are_prepared_anew(liteorm_database: Any) -> None:
    """Where the server has dropped them unseen: in a function, or behind a pooler."""
    with open(liteorm_database.dsn, max_size=1) as pool:
        pool.execute(SCHEMA)
        for _ in range(4):
            # The driver prepares what it has sent five times.
            for _ in range(7):
                shape = describe(pool, "SELECT id FROM users GROUP BY id")
                assert [column.nullable for column in shape.columns] == [False]
            pool.execute("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$")
