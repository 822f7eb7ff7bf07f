"""Violations that a server tells in its text only, as Citus and postgres_fdw hand them on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import attrs
import pytest

import liteorm
from liteorm.postgres import AsyncDB, open_async

pytestmark = pytest.mark.anyio

_RAISES = """
CREATE TABLE item (id int PRIMARY KEY, name text);
CREATE TABLE said (sqlstate text, message text);
CREATE FUNCTION say() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE told said;
BEGIN
    SELECT * INTO told FROM said;
    RAISE EXCEPTION USING ERRCODE = told.sqlstate, MESSAGE = told.message;
END $$;
CREATE TRIGGER say BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION say();
"""
LONG = "a" * 39


class Taken(liteorm.UniqueViolation):
    """What an application waits for."""


class LongTaken(liteorm.UniqueViolation):
    """The same of a constraint whose name leaves no room for a shard's number."""


class Orphan(liteorm.ForeignKeyViolation):
    """What an application waits for."""


class Numbered(liteorm.UniqueViolation):
    """Of a constraint that ends like a shard's."""


WAITED: dict[str, type[liteorm.IntegrityError]] = {
    "item_pkey": Taken,
    "child_parent_fkey": Orphan,
    "uq_202401": Numbered,
    f"{LONG}_pkey_of_all": LongTaken,
}


@liteorm.table("item", key="id")
@attrs.frozen
class Item:
    """A row."""

    id: int
    name: str | None = None


# As servers of Citus 13 (its workers and its COPY) and postgres_fdw have said them.
UNIQUE = 'duplicate key value violates unique constraint "item_pkey_102168"'
TEXTS: list[tuple[str, str, type[liteorm.Error], str, str | None, str | None]] = [
    ("23505", UNIQUE, Taken, "23505", "item_pkey", "item"),
    ("XX000", UNIQUE, Taken, "23505", "item_pkey", "item"),
    (
        "23505",
        'duplicate key value violates unique constraint "other_key_1021680"',
        liteorm.UniqueViolation,
        *("23505", "other_key", "item"),
    ),
    (
        "23505",
        'duplicate key value violates unique constraint "uq_202401_102170"',
        Numbered,
        *("23505", "uq_202401", "item"),
    ),
    (
        "23505",
        'duplicate key value violates unique constraint "uq_202401"',
        Numbered,
        *("23505", "uq_202401", "item"),
    ),
    (
        "23505",
        f'duplicate key value violates unique constraint "{LONG}_pkey_o_9d7ae1f2_102168"',
        LongTaken,
        *("23505", f"{LONG}_pkey_of_all", "item"),
    ),
    (
        "23503",
        'insert or update on table "child_102172" violates foreign key constraint '
        '"child_parent_fkey_102172"',
        Orphan,
        *("23503", "child_parent_fkey", "child"),
    ),
    (
        "23503",
        'update or delete on table "parent_102168" violates foreign key constraint '
        '"child_parent_fkey_102172" on table "child_102172"',
        Orphan,
        *("23503", "child_parent_fkey", "child"),
    ),
    (
        "XX000",
        'new row for relation "item_102169" violates check constraint "item_name_check"',
        liteorm.CheckViolation,
        *("23514", "item_name_check", "item"),
    ),
    (
        "23514",
        'new row for relation "item_102169" violates check constraint "since_202401"',
        liteorm.CheckViolation,
        *("23514", "since_202401", "item"),
    ),
    (
        "23P01",
        'conflicting key value violates exclusion constraint "item_during_excl_102168"',
        liteorm.ExclusionViolation,
        *("23P01", "item_during_excl", "item"),
    ),
    (
        "23502",
        'null value in column "name" of relation "item_102168" violates not-null constraint',
        liteorm.NotNullViolation,
        *("23502", None, "item"),
    ),
    ("23505", "somebody has it already", liteorm.UniqueViolation, "23505", None, "item"),
    ("XX000", 'cache lookup failed: "item_pkey_102168"', liteorm.Error, "XX000", None, None),
    (
        "P0001",
        'duplicate key value violates unique constraint "item_pkey_102168"',
        liteorm.Error,
        *("P0001", None, None),
    ),
]

Call = Callable[[AsyncDB], Awaitable[Any]]
CALLS: dict[str, Call] = {
    "insert": lambda db: db.insert(Item(1)),
    "insert_many": lambda db: db.insert_many([Item(1), Item(2)]),
    "insert_returning": lambda db: db.insert_returning([Item(1), Item(2)]),
    "upsert": lambda db: db.upsert(Item(1)),
    "upsert_many": lambda db: db.upsert_many([Item(1), Item(2)]),
    "execute": lambda db: db.execute("INSERT INTO item VALUES (1)"),
    "execute_many": lambda db: db.execute_many("INSERT INTO item VALUES (%s)", [[1]]),
}
KNOW_THEIR_TABLE = {"insert", "insert_many", "insert_returning", "upsert", "upsert_many"}


@pytest.fixture
async def db(liteorm_database: Any) -> AsyncGenerator[AsyncDB]:
    """A database whose table says what it is told to say."""
    async with await open_async(liteorm_database.dsn, constraint_errors=WAITED) as opened:
        await opened.execute(_RAISES)
        yield opened


async def test_the_constraint_of_a_text_is_found(db: AsyncDB) -> None:
    """Class, SQLSTATE, constraint and table, by the names that the table itself has."""
    for code, message, cls, sqlstate, constraint, table in TEXTS:
        await db.execute("DELETE FROM said")
        await db.execute("INSERT INTO said VALUES (%s, %s)", [code, message])
        for name, call in CALLS.items():
            case = (name, code, message)
            try:
                await call(db)
            except liteorm.Error as error:
                caught = error
            assert type(caught) is cls, (case, caught)
            assert caught.sqlstate == sqlstate, case
            assert caught.constraint == constraint, case
            if not issubclass(cls, liteorm.IntegrityError):
                continue
            if name in KNOW_THEIR_TABLE or "relation" in message or "on table" in message:
                assert caught.table == table, case
            if sqlstate == "23502":
                assert caught.column == "name", case


async def test_what_the_server_names_itself_is_left_alone(db: AsyncDB) -> None:
    """A plain table whose constraint ends in a number keeps its name."""
    await db.execute("CREATE TABLE uq_100000 (id int, CONSTRAINT uq_100000_key_100000 UNIQUE (id))")
    await db.execute("INSERT INTO uq_100000 VALUES (1)")
    with pytest.raises(liteorm.UniqueViolation) as caught:
        await db.execute("INSERT INTO uq_100000 VALUES (1)")
    assert caught.value.constraint == "uq_100000_key_100000"
    assert caught.value.table == "uq_100000"
