"""What type checkers know about statements and SQL; checked, never executed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterator
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Generic, Literal, NewType, TypedDict, TypeVar, assert_type

import attrs

import liteorm
from liteorm import postgres


class Status(Enum):
    OPEN = "open"


@attrs.frozen
class Ticket:
    id: int
    subject: str


@liteorm.statement(
    Ticket,
    """
    SELECT {columns} FROM tickets
    WHERE tenant_id = %(tenant)s
      AND status = %(status)s                  --? status
      AND (created, id) < (%(at)s, %(id)s)     --? at id
    ORDER BY {sort}
    LIMIT %(limit)s
    """,
    choices={"sort": {"newest": "created DESC, id DESC", "title": liteorm.sql("subject, id")}},
)
def tickets(
    tenant: int,
    status: Status | None = None,
    at: datetime | None = None,
    id: int | None = None,
    sort: Literal["newest", "title"] = "newest",
    *,
    limit: int = 50,
) -> None:
    """The tickets of a tenant."""


@liteorm.statement(str | None, "SELECT max(subject) FROM tickets WHERE id > %s AND id < %s")
def last_subject(after: int, /, before: int = 9) -> None:
    """The last subject."""


@liteorm.statement(None, "UPDATE tickets SET subject = %(subject)s WHERE id = %(id)s")
def rename(id: int, *, subject: str) -> None:
    """Rename one."""


class ById(TypedDict):
    id: int


PLAIN = liteorm.statement(Ticket, "SELECT id, subject FROM tickets WHERE id = %(id)s", params=ById)
COUNTS = liteorm.statement(tuple[int, int], "SELECT 1, 2", extra="ignore", timeout=2.0)
CLEAR = liteorm.statement(None, "DELETE FROM tickets", params={"id": int})


def sync_calls(db: liteorm.Session, tx: postgres.Tx, pool: postgres.DB) -> None:
    assert_type(tickets.all(db, 7), list[Ticket])
    assert_type(tickets.all(tx, 7, Status.OPEN, limit=5), list[Ticket])
    assert_type(tickets.one(pool, tenant=7, sort="title"), Ticket)
    assert_type(tickets.optional(db, 7, at=datetime.min, id=5), Ticket | None)
    with tickets.iter(db, 7) as found:
        assert_type(found, Iterator[Ticket])
    assert_type(last_subject.one(db, 1), str | None)
    assert_type(last_subject.all(db, 1, before=5), list[str | None])
    assert_type(rename.execute(db, 1, subject="a"), liteorm.Result)
    assert_type(tickets.execute(db, 7), liteorm.Result)
    assert_type(PLAIN.one(db, id=1), Ticket)
    assert_type(PLAIN.one(db, 1, 2, 3), Ticket)
    assert_type(COUNTS.one(db), tuple[int, int])
    assert_type(CLEAR.execute(db), liteorm.Result)


async def async_calls(db: liteorm.AsyncSession, pool: postgres.AsyncDB) -> None:
    coming: Coroutine[Any, Any, list[Ticket]] = tickets.all(db, 7)
    assert_type(await coming, list[Ticket])
    assert_type(await tickets.all(pool, 7), list[Ticket])
    assert_type(await tickets.one(db, 7, sort="newest"), Ticket)
    assert_type(await tickets.optional(db, 7), Ticket | None)
    async with tickets.iter(db, 7) as found:
        assert_type(found, AsyncIterator[Ticket])
    assert_type(await last_subject.one(db, 1), str | None)
    assert_type(await rename.execute(db, 1, subject="a"), liteorm.Result)
    assert_type(await PLAIN.one(db, id=1), Ticket)
    assert_type(await COUNTS.one(db), tuple[int, int])


def statements_may_be_held(db: liteorm.Session) -> None:
    some: liteorm.Statement[Ticket] = PLAIN
    others: list[liteorm.Statement[Ticket]] = [PLAIN, tickets]
    commands: dict[str, liteorm.Command] = {"clear": CLEAR, "rename": rename, "list": tickets}
    assert_type(some.all(db, id=1), list[Ticket])
    assert_type(others[0].doc, str)
    assert_type(commands["clear"].name, str | None)


def pieces(db: liteorm.Session, ids: list[int], name: str) -> None:
    where = liteorm.sql(" AND ").join(
        [liteorm.sql("id = ANY({})", ids), liteorm.sql("name = {name}", name=name)]
    )
    text = liteorm.sql(
        "SELECT {} FROM {} WHERE {}", liteorm.columns(Ticket, "t"), liteorm.Ident("tickets"), where
    )
    assert_type(text, liteorm.Sql)
    assert_type(liteorm.columns(Ticket, "t", into="ticket"), liteorm.Sql)
    assert_type(db.query(text), liteorm.Rows)
    assert_type(liteorm.statement(Ticket, text).all(db), list[Ticket])


def protocols(db: liteorm.Session) -> None:
    assert_type(postgres.describe(db, "SELECT 1"), postgres.StatementShape)
    assert_type(postgres.listen(db, "a"), postgres.Listener)
    postgres.notify(db, "a", Ticket(1, "a"))


async def async_protocols(db: liteorm.AsyncSession) -> None:
    assert_type(await postgres.describe_async(db, "SELECT 1"), postgres.StatementShape)
    assert_type(await postgres.listen_async(db, "a"), postgres.AsyncListener)
    await postgres.notify_async(db, "a", {"id": 1})


T = TypeVar("T")
TicketId = NewType("TicketId", int)


@attrs.frozen
class Page(Generic[T]):
    item: T
    total: int


class Queries:
    @liteorm.statement(Ticket, "SELECT {columns} FROM tickets WHERE id = %(id)s")
    @staticmethod
    def ticket(id: TicketId) -> None: ...


def models_of_every_kind(db: liteorm.Session, id: TicketId) -> None:
    assert_type(Queries.ticket.one(db, id), Ticket)
    assert_type(Queries().ticket.optional(db, id=id), Ticket | None)
    assert_type(liteorm.statement(Page[Ticket], "SELECT 1").one(db), Page[Ticket])
    assert_type(liteorm.statement(Status, "SELECT 'open'").all(db), list[Status])
    assert_type(liteorm.statement(Literal["a", "b"], "SELECT 'a'").one(db), Literal["a", "b"])
    assert_type(liteorm.statement(TicketId, "SELECT 1").one(db), TicketId)
    assert_type(liteorm.statement(list[int], "SELECT '{1}'::int[]").one(db), list[int])
    assert_type(liteorm.statement(dict[str, int], "SELECT 1 AS a").one(db), dict[str, int])
    assert_type(liteorm.statement(Annotated[int, "x"], "SELECT 1").one(db), int)
    with db.batch() as batch:
        subject = batch.one(last_subject, 1)
        every = batch.all(tickets, 7, Status.OPEN, sort="title")
    assert_type(subject.result(), str | None)
    assert_type(every.result(), list[Ticket])
