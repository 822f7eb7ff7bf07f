"""What the server says of a statement without running it."""

from __future__ import annotations

from typing import Any

import pytest

import liteorm
from liteorm.postgres import AsyncDB, StatementShape, describe_async, open_async

pytestmark = pytest.mark.anyio

SCHEMA = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL, mood mood, tags text[] NOT NULL);
CREATE VIEW moods AS SELECT id AS who, mood FROM users WHERE mood IS NOT NULL;
"""


@pytest.fixture
async def db(liteorm_async_db: AsyncDB) -> AsyncDB:
    """A database with a table and a view."""
    await liteorm_async_db.execute(SCHEMA)
    return liteorm_async_db


async def test_columns_have_names_types_and_origins(db: AsyncDB) -> None:
    """A table's column is known with its table and name; an expression has none."""
    shape = await describe_async(db, "SELECT u.id, mood AS m, tags, 1.5 AS x FROM users u")
    assert isinstance(shape, StatementShape)
    assert [(c.name, c.type, c.table, c.column, c.nullable) for c in shape.columns] == [
        ("id", "integer", "users", "id", False),
        ("m", "mood", "users", "mood", True),
        ("tags", "text[]", "users", "tags", False),
        ("x", "numeric", None, None, False),
    ]
    assert shape.columns[0].oid == 23
    assert shape.parameters == ()


async def test_a_views_columns_are_followed_into_its_query(db: AsyncDB) -> None:
    """NOT NULL is read through a view."""
    shape = await describe_async(db, "SELECT * FROM moods")
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
async def test_placeholders_are_the_drivers(
    db: AsyncDB, sql: Any, parameters: tuple[str, ...], names: tuple[str, ...]
) -> None:
    """Both kinds of placeholders are understood; a name used twice is one parameter."""
    shape = await describe_async(db, sql)
    assert (shape.parameters, shape.names) == (parameters, names)


async def test_nothing_is_run(db: AsyncDB) -> None:
    """A described statement has no effect, whatever it would do."""
    shape = await describe_async(db, "INSERT INTO users VALUES (1, 'a', 'ok', '{}') RETURNING id")
    assert [column.name for column in shape.columns] == ["id"]
    await describe_async(db, "SELECT pg_sleep(1000)")
    assert (await describe_async(db, "DROP TABLE users CASCADE")).columns == ()
    assert liteorm.scan_one(await db.query("SELECT count(*) FROM users"), int) == 0


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
async def test_what_the_server_refuses_is_an_error(
    db: AsyncDB, sql: Any, error: type[liteorm.Error], sentence: str
) -> None:
    """The error is the one that running the statement would raise, with the driver's as cause."""
    with pytest.raises(error) as caught:
        await describe_async(db, sql)
    assert sentence in str(caught.value)
    assert len(await db.query("SELECT 1")) == 1


async def test_a_transaction_can_be_asked(db: AsyncDB) -> None:
    """What the transaction made is seen."""
    async with db.transaction() as tx:
        await tx.execute("CREATE TABLE fresh (n int8 NOT NULL)")
        shape = await describe_async(tx, "SELECT * FROM fresh")
        assert [(c.name, c.type, c.nullable) for c in shape.columns] == [("n", "bigint", False)]


async def test_identifiers_and_templates_are_sql_too(db: AsyncDB) -> None:
    """What a session runs can be described."""
    sql = liteorm.sql("SELECT {} FROM users WHERE id = %s", liteorm.Ident("name"))
    shape = await describe_async(db, sql)
    assert (shape.columns[0].column, shape.parameters) == ("name", ("integer",))
    shape = await describe_async(db, liteorm.sql("SELECT id FROM users WHERE name = {}", "a"))
    assert shape.parameters == ("text",)
    odd = liteorm.sql("SELECT id AS {} FROM users", liteorm.Ident("%s"))
    assert (await describe_async(db, odd)).columns[0].name == "%s"


async def test_describing_leaves_nothing_behind(db: AsyncDB) -> None:
    """The function by which the server reads a statement is gone, and the transaction goes on."""
    async with db.transaction() as tx:
        await tx.execute("INSERT INTO users VALUES (1, 'Ada', NULL, '{}')")
        shape = await describe_async(tx, "SELECT name FROM users WHERE id = %s -- the last line")
        assert [column.nullable for column in shape.columns] == [False]
        rows = await tx.query("SELECT count(*) FROM pg_proc WHERE proname LIKE 'liteorm%'")
        assert liteorm.scan_one(rows, int) == 0
    assert liteorm.scan_one(await db.query("SELECT count(*) FROM users"), int) == 1


async def test_a_read_only_transaction_says_why_nothing_is_known(db: AsyncDB) -> None:
    """Where the server may not make the function, the column's reason says so."""
    async with db.transaction(read_only=True) as tx:
        [column] = (await describe_async(tx, "SELECT name FROM users")).columns
        assert (column.nullable, column.column) == (None, "name")
        assert "read-only transaction" in column.reason
        assert len(await tx.query("SELECT 1")) == 1
    await db.execute("SET default_transaction_read_only = on")
    [column] = (await describe_async(db, "SELECT name FROM users")).columns
    assert column.nullable is False


async def test_columns_of_one_outer_join_are_known_to_go_together(db: AsyncDB) -> None:
    """Columns that are NULL in the same rows have the same joins."""
    shape = await describe_async(
        db,
        "SELECT a.id, b.id, b.name, c.name FROM users a LEFT JOIN users b ON b.id = a.id"
        " LEFT JOIN users c ON c.name = a.name",
    )
    first, second, third, fourth = (column.joins for column in shape.columns)
    assert first == ()
    assert second == third != ()
    assert not set(second) & set(fourth)


async def test_the_questions_behind_it_are_prepared_anew(liteorm_database: Any) -> None:
    """Where the server has dropped them unseen: in a function, or behind a pooler."""
    async with await open_async(liteorm_database.dsn, max_size=1) as pool:
        await pool.execute(SCHEMA)
        for _ in range(4):
            # The driver prepares what it has sent five times.
            for _ in range(7):
                shape = await describe_async(pool, "SELECT id FROM users GROUP BY id")
                assert [column.nullable for column in shape.columns] == [False]
            await pool.execute("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$")
