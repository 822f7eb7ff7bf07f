"""Objects of one class written, rows of another returned; fields left to the database."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, TypedDict

import attrs
import pytest

import liteorm
from liteorm import UNSET, Column, Unset
from liteorm.postgres import AsyncDB

pytestmark = pytest.mark.anyio

SCHEMA = """
CREATE SCHEMA app;
CREATE TABLE app.tickets (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title text NOT NULL UNIQUE,
    status text NOT NULL DEFAULT 'open',
    priority int DEFAULT 3,
    at timestamptz NOT NULL DEFAULT now()
);
"""


class Status(enum.StrEnum):
    """A ticket's status."""

    OPEN = "open"
    DONE = "done"


@liteorm.table("app.tickets", key="id")
@attrs.frozen
class Ticket:
    """A whole row."""

    id: Annotated[int, Column(generated=True)]
    subject: Annotated[str, Column("title")]
    status: Status
    priority: int | None
    at: dt.datetime


@attrs.frozen
class NewTicket:
    """What is known of a ticket before it is stored."""

    subject: Annotated[str, Column("title")]
    status: Status | Unset = UNSET
    priority: int | Unset | None = UNSET


@dataclass
class NewTicketData:
    """The same as a dataclass."""

    title: str
    status: Status | Unset = UNSET


class NewTicketTuple(NamedTuple):
    """The same as a NamedTuple."""

    title: str
    status: Any = UNSET


class Brief(NamedTuple):
    """A part of the row."""

    id: int
    title: str


class BriefDict(TypedDict):
    """A part of the row, as a dict."""

    id: int
    title: str


@attrs.frozen
class Wrong:
    """Has a field that is no column."""

    id: int
    titel: str


@pytest.fixture
async def db(liteorm_async_db: AsyncDB) -> AsyncDB:
    """A database with the table."""
    await liteorm_async_db.execute(SCHEMA)
    return liteorm_async_db


async def test_a_row_comes_back_as_another_class(db: AsyncDB) -> None:
    """`returning=` says what the stored row is read as, `table=` where it is stored."""
    ticket = await db.insert(NewTicket("a"), returning=Ticket, table=Ticket)
    assert (ticket.subject, ticket.status, ticket.priority) == ("a", Status.OPEN, 3)
    assert await db.get(Ticket, ticket.id) == ticket
    async with db.transaction() as tx:
        again = await tx.insert(NewTicket("b"), returning=Brief, table="app.tickets")
    assert again == Brief(ticket.id + 1, "b")


@pytest.mark.parametrize(
    "obj",
    [
        NewTicket("a"),
        NewTicketData("a"),
        NewTicketTuple("a"),
        {"title": "a"},
        {"title": "a", "status": UNSET},
    ],
)
@pytest.mark.parametrize("returning", [Ticket, Brief, BriefDict, dict])
async def test_every_class_of_objects(db: AsyncDB, obj: Any, returning: Any) -> None:
    """Objects of every kind go to a table given, and come back as every kind."""
    calls: list[Any] = [
        lambda: db.insert(obj, returning=returning, table=Ticket),
        lambda: db.upsert(
            obj,
            "title" if obj.__class__ is not NewTicket else "subject",
            returning=returning,
            table=Ticket,
        ),
    ]
    for call in calls:
        stored = await call()
        row = stored if isinstance(stored, dict) else None
        title = row["title"] if row else getattr(stored, "subject", None) or stored.title
        assert title == "a"
        assert isinstance(stored, returning if returning is not BriefDict else dict)
        if returning is dict:
            assert set(stored) == {"id", "title", "status", "priority", "at"}
    await db.execute("DELETE FROM app.tickets")
    assert len(await db.insert_returning([obj], returning=returning, table=Ticket)) == 1
    await db.execute("DELETE FROM app.tickets")
    assert await db.insert_many([obj], table=Ticket) == 1
    assert list(await db.query("SELECT status, priority FROM app.tickets")) == [("open", 3)]


async def test_none_is_not_unset(db: AsyncDB) -> None:
    """NULL is sent, UNSET is left to the default."""
    await db.insert(NewTicket("null", priority=None), returning=Ticket, table=Ticket)
    await db.insert(NewTicket("default"), returning=Ticket, table=Ticket)
    found = dict(list(await db.query("SELECT title, priority FROM app.tickets")))
    assert found == {"null": None, "default": 3}


async def test_upsert_leaves_unset_fields_alone(db: AsyncDB) -> None:
    """In a row that is there only what is set is written."""
    await db.insert(NewTicket("a", Status.DONE, 1), returning=Ticket, table=Ticket)
    ticket = await db.upsert(NewTicket("a", priority=5), "subject", returning=Ticket, table=Ticket)
    assert (ticket.status, ticket.priority) == (Status.DONE, 5)


async def test_update_leaves_unset_fields_alone(db: AsyncDB) -> None:
    """And so does update, whatever the others are."""

    @liteorm.table("app.tickets", key="id")
    @attrs.frozen
    class Change:
        id: Annotated[int | Unset, Column(generated=True)]
        title: str | Unset = UNSET
        status: Status | Unset = UNSET

    stored = await db.insert(NewTicket("a", Status.DONE), returning=Ticket, table=Ticket)
    changed = await db.update(Change(stored.id, title="b"))
    assert changed == Change(stored.id, "b", Status.DONE)
    assert await db.update(Change(stored.id)) == changed
    with pytest.raises(liteorm.DataError, match=r"Change.id is UNSET: the key says which row"):
        await db.update(Change(UNSET, title="c"))


async def test_all_objects_leave_out_the_same(db: AsyncDB) -> None:
    """In a bulk call the first object decides; the first that differs is named."""
    alike = [NewTicket(str(n)) for n in range(50)]
    for odd, word in (
        (NewTicket("x", Status.DONE), "has a value, and is UNSET in the first"),
        (NewTicket("x", priority=None), "priority of object 50 has a value"),
    ):
        objects = [*alike, odd]
        with pytest.raises(liteorm.DataError, match=word) as caught:
            await db.insert_many(objects, table=Ticket)
        assert caught.value.row == 50
        with pytest.raises(liteorm.DataError, match=word) as caught:
            await db.insert_returning(objects, table=Ticket, returning=Ticket)
        assert caught.value.row == 50
        with pytest.raises(liteorm.DataError, match=word) as caught:
            await db.upsert_many(objects, table=Ticket, conflict="subject")
        assert caught.value.row == 50
    for call in (
        lambda: db.insert_many([NewTicket("x", Status.DONE), *alike], table=Ticket),
        lambda: db.insert_returning(
            [NewTicket("x", Status.DONE), *alike], table=Ticket, returning=Ticket
        ),
    ):
        with pytest.raises(liteorm.DataError, match="status of object 1 is UNSET") as caught:
            await call()
        assert (caught.value.row, caught.value.field) == (1, "status")
    assert len(await db.query("SELECT 1 FROM app.tickets")) == 0
    assert await db.insert_many(alike, table=Ticket) == 50
    done = [attrs.evolve(each, status=Status.DONE) for each in alike]
    assert await db.upsert_many(done, table=Ticket, conflict="subject") == 50


async def test_a_class_that_does_not_fit_is_named(db: AsyncDB) -> None:
    """A field of `returning=` without a column, a class without a table, and no class at all."""
    with pytest.raises(
        liteorm.UndefinedColumn, match=r'"app.tickets" has no column "titel", which Wrong.titel'
    ) as caught:
        await db.insert(NewTicket("a"), returning=Wrong, table=Ticket)
    assert caught.value.hint == 'did you mean "title"?'
    with pytest.raises(liteorm.UndefinedColumn, match=r"Wrong.titel comes from"):
        await db.insert_returning([NewTicket("a")], returning=Wrong, table=Ticket)
    with pytest.raises(liteorm.ModelError, match="Brief has no table"):
        await db.insert(NewTicket("a"), table=Brief)
    with pytest.raises(liteorm.ModelError, match="int has no fields"):
        await db.insert(NewTicket("a"), returning=int, table=Ticket)
    with pytest.raises(TypeError, match="a name or the class whose table it is, not list"):
        await db.insert(NewTicket("a"), table=["app.tickets"])  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="a name or the class whose table it is, not int"):
        await db.insert_many([NewTicket("a")], table=5)  # type: ignore[arg-type]
    assert len(await db.query("SELECT 1 FROM app.tickets")) == 0


async def test_a_lent_table_lends_its_key(db: AsyncDB) -> None:
    """The key of the class given is found by its column, or said to be missing."""

    @attrs.frozen
    class Row:
        number: Annotated[int, Column("id")]
        title: str

    await db.execute("CREATE TABLE plain (id int PRIMARY KEY, title text)")

    @liteorm.table("plain", key="key")
    @attrs.frozen
    class Plain:
        key: Annotated[int, Column("id")]
        title: str

    await db.upsert(Row(1, "a"), table=Plain)
    assert await db.upsert(Row(1, "b"), table=Plain, returning=Plain) == Plain(1, "b")
    assert await db.upsert_many([Row(1, "c"), Row(2, "d")], table=Plain) == 2
    assert await db.update_many([Row(1, "e")], table=Plain) == 1
    with pytest.raises(liteorm.ModelError, match="key: NewTicketData has no field 'key'"):
        await db.upsert(NewTicketData("a"), table=Plain)
