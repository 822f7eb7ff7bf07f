"""Every call that reads back what it wrote: an error says that it is stored exactly if it is."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

import attrs
import psycopg
import pytest

import liteorm
from liteorm import Column, scan, scan_iter, scan_one, scan_optional
from liteorm.postgres import AsyncDB, pool, session_async

pytestmark = pytest.mark.anyio

SCHEMA: Final = """
CREATE TYPE mood AS ENUM ('ok', 'sad');
CREATE TABLE item (
    id int PRIMARY KEY, note text, mood mood DEFAULT 'ok', price numeric DEFAULT 1
);
INSERT INTO item VALUES (1, 'n');
CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    NEW.mood := 'sad'; NEW.note := NEW.note || ' longer'; RETURN NEW;
END $$;
CREATE TRIGGER spoil BEFORE INSERT OR UPDATE ON item FOR EACH ROW EXECUTE FUNCTION spoil();
UPDATE item SET note = 'n';
"""


class Mood(enum.Enum):
    """One label less than the type has."""

    OK = "ok"


@liteorm.table("item", key="id")
@attrs.frozen
class Moody:
    """What a trigger makes of it is not known before."""

    id: int
    note: str
    mood: Annotated[Mood, Column(generated=True)] = Mood.OK


def short(instance: Any, attribute: Any, value: str) -> None:
    """Refuse a long note."""
    if len(value) > 3:
        raise ValueError("too long")


@liteorm.table("item", key="id")
@attrs.define(on_setattr=None)
class Checked:
    """A validator of the user's."""

    id: int
    note: str = attrs.field(validator=short)


@liteorm.table("item", key="id")
@attrs.frozen
class Misread:
    """A column's type that does not fit, which is known before."""

    id: int
    note: str
    price: Annotated[int, Column(generated=True)] = 0


@liteorm.table("item", key="id")
@attrs.frozen
class Plain:
    """What is written where something else is read."""

    id: int
    note: str


@attrs.frozen
class Unnamed:
    """The same, of no table."""

    id: int
    note: str


Session = Any
Call = Callable[[Session, Any], Awaitable[Any]]
PLAIN_CALLS: Final[dict[str, Call]] = {
    "insert": lambda s, cls: s.insert(cls(2, "a")),
    "insert returning": lambda s, cls: s.insert(Plain(2, "a"), returning=cls),
    "insert into": lambda s, cls: s.insert(Unnamed(2, "a"), table="item", returning=cls),
    "update": lambda s, cls: s.update(cls(1, "a")),
    "update columns": lambda s, cls: s.update(cls(1, "a"), columns="note"),
    "update returning": lambda s, cls: s.update(Plain(1, "a"), returning=cls),
    "patch": lambda s, cls: s.patch(cls, 1, {"note": "a"}),
    "patch nothing": lambda s, cls: s.patch(cls, 1, {}),
    "upsert new": lambda s, cls: s.upsert(cls(2, "a")),
    "upsert old": lambda s, cls: s.upsert(cls(1, "a"), update="note"),
    "upsert returning": lambda s, cls: s.upsert(Plain(1, "a"), returning=cls),
    "upsert into": lambda s, cls: s.upsert(Unnamed(2, "a"), "id", table=cls, returning=cls),
    "get or create new": lambda s, cls: s.upsert(cls(2, "a"), update=()),
    "get or create by constraint": lambda s, cls: s.upsert(
        cls(1, "a"), liteorm.Constraint("item_pkey"), update=()
    ),
    "insert_returning": lambda s, cls: s.insert_returning([cls(2, "a")]),
    "insert_returning two": lambda s, cls: s.insert_returning([cls(2, "a"), cls(3, "a")]),
    "insert_returning other": lambda s, cls: s.insert_returning([Plain(2, "a")], returning=cls),
    "insert_returning two others": lambda s, cls: s.insert_returning(
        [Unnamed(2, "a"), Unnamed(3, "a")], table=Plain, returning=cls
    ),
    "get": lambda s, cls: s.get(cls, 1),
}
CHANGING: Final = "UPDATE item SET note = 'a' RETURNING {columns}"
READING: Final = "SELECT {columns} FROM item"
MAYBE: Final = """
WITH changed AS (UPDATE item SET note = 'a' RETURNING *) SELECT {columns} FROM changed
"""


def spelled(text: str, cls: Any) -> Any:
    """Return text with a class's columns in it."""
    return text.replace("{columns}", ", ".join(each.name for each in attrs.fields(cls)))


def by_statement(word: str, text: str) -> Call:
    """Return a call of a declared statement."""

    async def call(session: Session, cls: Any) -> Any:
        return await getattr(liteorm.statement(cls, spelled(text, cls)), word)(session)

    return call


def by_iteration(text: str) -> Call:
    """Return a call that streams objects."""

    async def call(session: Session, cls: Any) -> Any:
        async with liteorm.statement(cls, spelled(text, cls)).iter(session) as objects:
            return [each async for each in objects]

    return call


def by_stream(text: str) -> Call:
    """Return a call that streams rows and reads them."""

    async def call(session: Session, cls: Any) -> Any:
        async with session.stream(spelled(text, cls)) as rows:
            return [each async for each in scan_iter(rows, cls)]

    return call


def by_query(read: Any, text: str) -> Call:
    """Return a call of text whose rows are read by hand."""

    async def call(session: Session, cls: Any) -> Any:
        return read(await session.query(spelled(text, cls)), cls)

    return call


def by_batch(word: str, text: str) -> Call:
    """Return a call of a statement in a batch."""

    async def call(session: Session, cls: Any) -> Any:
        async with session.batch() as batch:
            pending = getattr(batch, word)(liteorm.statement(cls, spelled(text, cls)))
        return pending.result()

    return call


CALLS: Final[dict[str, Call]] = {
    **PLAIN_CALLS,
    **{
        f"{name} {word}": make(word, text)
        for name, make in (("statement", by_statement), ("batch", by_batch))
        for word, text in (("one", CHANGING), ("optional", MAYBE), ("all", CHANGING))
    },
    "statement reading": by_statement("one", READING),
    "batch reading": by_batch("one", READING),
    "iter": by_iteration(CHANGING),
    "iter reading": by_iteration(READING),
    "stream": by_stream(MAYBE),
    "query": by_query(scan, CHANGING),
    "query one": by_query(scan_one, MAYBE),
    "query optional": by_query(scan_optional, CHANGING),
    "query reading": by_query(scan, READING),
}


async def rows(db: AsyncDB) -> list[tuple[Any, ...]]:
    """Return what is stored, and which transaction wrote it."""
    return list(await db.query("SELECT xmin::text, id, note FROM item ORDER BY id"))


@pytest.mark.parametrize("cls", [Moody, Checked, Misread])
async def test_an_error_says_stored_if_it_is(liteorm_async_db: AsyncDB, cls: Any) -> None:
    """Outside a transaction by attribute and note, inside never, whichever call it is."""
    db = liteorm_async_db
    await db.execute(SCHEMA)
    for name, call in CALLS.items():
        for _ in range(2):
            await db.execute("DELETE FROM item WHERE id > 1; UPDATE item SET note = 'n'")
            before = await rows(db)
            async with db.transaction() as tx:
                with pytest.raises((liteorm.Error, ValueError)) as inside:
                    await call(tx, cls)
                await tx.rollback()
            assert not getattr(inside.value, "stored", False), name
            for kept in (False, True):
                with pytest.raises((liteorm.Error, ValueError)) as caught:
                    if not kept:
                        await call(db, cls)
                    else:
                        async with db.connection() as connection:
                            await call(connection, cls)
                stored = await rows(db) != before
                assert getattr(caught.value, "stored", False) is stored, name
                notes = getattr(caught.value, "__notes__", [])
                assert any("is stored" in note for note in notes) is stored, name
                await db.execute("DELETE FROM item WHERE id > 1; UPDATE item SET note = 'n'")
                before = await rows(db)
        if cls is Misread and name in PLAIN_CALLS:
            assert not stored, name


@pytest.mark.parametrize("name", ["insert", "patch", "statement one", "query", "iter", "batch one"])
async def test_on_a_lent_connection_its_transaction_decides(
    liteorm_async_db: AsyncDB, name: str
) -> None:
    """In autocommit what was written is stored, unless its owner has begun a transaction."""
    db = liteorm_async_db
    await db.execute(SCHEMA)
    async with await psycopg.AsyncConnection.connect(
        pool(db).conninfo, autocommit=True
    ) as connection:
        lent = session_async(connection)
        with pytest.raises(ValueError, match="too long") as alone:
            await CALLS[name](lent, Checked)
        assert getattr(alone.value, "stored", False)
        await db.execute("DELETE FROM item WHERE id > 1; UPDATE item SET note = 'n'")
        with pytest.raises(ValueError, match="too long") as inside:
            async with connection.transaction():
                await CALLS[name](lent, Checked)
        assert not getattr(inside.value, "stored", False)
