"""Calls that every type checker must refuse, one in each line; what is right is in statements.py and its neighbours.

An ignore that is not needed is an error of its own, so each line is refused by both checkers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import date, datetime
from enum import Enum
from typing import Literal

import attrs

import liteorm
from liteorm import postgres


class Status(Enum):
    OPEN = "open"


@attrs.frozen
class User:
    id: int
    name: str


@attrs.frozen
class Job:
    id: int


@liteorm.statement(
    User,
    """
    SELECT {columns} FROM users WHERE tenant = %(tenant)s
      AND status = %(status)s  --? status
    ORDER BY {sort} LIMIT %(limit)s
    """,
    choices={"sort": {"newest": "id DESC", "name": "name"}},
)
def users(
    tenant: int,
    status: Status | None = None,
    sort: Literal["newest", "name"] = "newest",
    *,
    limit: int = 50,
) -> None:
    """The users of a tenant."""


@liteorm.statement(int, "SELECT count(*) FROM users WHERE seen > %s")
def count(since: datetime, /) -> None:
    """How many were seen since."""


@liteorm.statement(None, "DELETE FROM users WHERE id = %(id)s")
def remove(id: int) -> None:
    """Remove one."""


NAMES = liteorm.statement(str | None, "SELECT name FROM users")
BY_ID = liteorm.statement(User, "SELECT id, name FROM users WHERE id = %(id)s")


def results_of_scan(rows: liteorm.Rows, stream: liteorm.RowStream) -> None:
    a1: list[str] = liteorm.scan(rows, User)  # type: ignore[arg-type]  # pyright: ignore[reportAssignmentType]
    a2: list[User] = liteorm.scan(rows, int)  # type: ignore[arg-type]  # pyright: ignore[reportAssignmentType]
    a3: list[int] = liteorm.scan(rows, int | None)  # type: ignore[arg-type]  # pyright: ignore[reportAssignmentType]
    a4: list[User] = liteorm.scan(rows, dict[str, int])  # type: ignore[arg-type]  # pyright: ignore[reportAssignmentType]
    a5: str = liteorm.scan_one(rows, User)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    a6: User | None = liteorm.scan_one(rows, Job)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    a7: User = liteorm.scan_optional(rows, User)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    a8: int = liteorm.scan_optional(rows, int | None)  # type: ignore[arg-type, assignment]  # pyright: ignore[reportAssignmentType]
    a9: Iterator[str] = liteorm.scan_iter(stream, User)  # type: ignore[arg-type]  # pyright: ignore[reportAssignmentType]
    b1: AsyncIterator[User] = liteorm.scan_iter(stream, User)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    b2: tuple[int, int] = liteorm.scan_one(rows, tuple[int, str])  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    print(a1, a2, a3, a4, a5, a6, a7, a8, a9, b1, b2)


def arguments_of_scan(rows: liteorm.Rows, db: liteorm.Session) -> None:
    liteorm.scan(rows, 5)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    liteorm.scan(User, rows)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    liteorm.scan(rows, User(1, "a"))  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    liteorm.scan(rows, User, "ignore")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    liteorm.scan(rows, User, extra="allow")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    liteorm.scan(db, User)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    liteorm.scan_one(rows)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    liteorm.scan_iter(db.stream("SELECT 1"), User)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]


def statements_give_their_model(db: liteorm.Session) -> None:
    c1: list[str] = users.all(db, 1)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    c2: Job = users.one(db, 1)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    c3: User = users.optional(db, 1)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    c4: str = count.one(db, datetime.min)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    c5: list[str] = NAMES.all(db)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    c6: str = NAMES.one(db)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    c7: liteorm.Rows = remove.execute(db, 1)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    c8: list[Job] = BY_ID.all(db, id=1)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    c9: Iterator[User] = users.iter(db, 1)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    print(c1, c2, c3, c4, c5, c6, c7, c8, c9)


def statements_know_their_parameters(db: liteorm.Session) -> None:
    users.all(db)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    users.all(db, "7")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    users.all(db, 7, "open")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    users.all(db, 7, stauts=Status.OPEN)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    users.all(db, 7, status=None, limit="5")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    users.all(db, 7, None, "newest", 5)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    users.all(db, 7, sort="oldest")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    users.one(db, tenant=None)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    users.optional(db, 7, 8, 9)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    users.iter(db, tenent=7)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    users.execute(db)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    count.one(db, since=datetime.min)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    count.one(db, date.min)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    count.one(db)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    remove.execute(db, "1")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    remove.execute(1)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    remove.execute(db, 1, 2)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]


def statements_without_rows(db: liteorm.Session) -> None:
    remove.one(db, 1)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    remove.all(db, 1)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    remove.optional(db, 1)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    remove.iter(db, 1)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    liteorm.statement(None, "SELECT 1").one(db)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


def statements_are_no_functions(db: liteorm.Session) -> None:
    users(db, 7)  # type: ignore[arg-type, call-arg]  # pyright: ignore[reportCallIssue]
    remove(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    BY_ID(db, id=1)  # type: ignore[arg-type, call-arg]  # pyright: ignore[reportCallIssue]
    users.all("dsn", 7)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    users.first(db, 7)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


def declarations() -> None:
    liteorm.statement("SELECT 1")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    liteorm.statement(5, "SELECT 1")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    liteorm.statement(User, 5)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    liteorm.statement(User, b"SELECT 1")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    liteorm.statement(User, "SELECT 1", choices={"a": ["b"]})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType, reportCallIssue]
    liteorm.statement(User, "SELECT 1", choices={"a": {"b": 5}})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType, reportCallIssue]
    liteorm.statement(User, "SELECT 1", extra="some")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    liteorm.statement(User, "SELECT 1", timeout="5")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    liteorm.statement(User, "SELECT 1", params=5)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    liteorm.Statement(User, "SELECT 1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def forgotten_awaits(db: liteorm.AsyncSession, adb: postgres.AsyncDB) -> None:
    users.all(db, 7)  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    remove.execute(adb, 1)  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    d1: list[User] = users.all(db, 7)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    d2: User | None = BY_ID.optional(adb, id=7)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    for _ in users.all(db, 7):  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues, reportUnknownVariableType]
        pass
    with users.iter(db, 7):  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass
    async with users.iter(db, 7) as found:
        for _ in found:  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues, reportUnknownVariableType]
            pass
    liteorm.scan(db.query("SELECT 1"), User)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    d3: tuple[str, ...] = db.query("SELECT 1").columns  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    adb.insert(User(1, "a"))  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    print(d1, d2, d3)  # pyright: ignore[reportUnknownArgumentType]


def pieces_of_sql(text: str) -> None:
    liteorm.Sql(text)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    liteorm.Sql("SELECT 1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    liteorm.sql(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    liteorm.sql(b"SELECT 1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    liteorm.sql("a").join(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    liteorm.Ident(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    liteorm.columns("users")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    liteorm.columns(User, 5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    liteorm.columns(User, "u", "author")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    e1: str = liteorm.sql("SELECT 1")  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    e2: str = liteorm.columns(User)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    print(e1, e2)


def sessions(db: liteorm.Session, tx: postgres.Tx, user: User) -> None:
    db.query(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    db.query("SELECT %s", 5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    db.query("SELECT 1", timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    db.execute(User)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    f1: User = db.query("SELECT 1")  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    f2: int = db.execute("DELETE FROM a")  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    f3: Job = db.insert(user)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    f4: Job = db.get(User, 1)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    f5: User = db.delete(user)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    f6: list[Job] = db.insert_returning([user])  # type: ignore[list-item]  # pyright: ignore[reportAssignmentType]
    f7: list[User] = db.insert_many([user])  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    db.get(user, 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    db.insert_many(user)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    db.transaction(read_only="yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    tx.begin()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    print(f1, f2, f3, f4, f5, f6, f7)


def both_kinds(db: postgres.DB, adb: postgres.AsyncDB) -> None:
    postgres.notify(adb, "a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    postgres.notify_async(db, "a")  # type: ignore[arg-type, unused-coroutine]  # pyright: ignore[reportArgumentType, reportUnusedCoroutine]
    postgres.describe(adb, "SELECT 1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    postgres.listen(adb, "a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    postgres.listen(db, 5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    postgres.notify(db, 5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    g1: liteorm.Session = adb  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    g2: liteorm.AsyncSession = db  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    print(g1, g2)


def values(n: liteorm.Notification, result: liteorm.Result) -> None:
    h1: str = n.load(Job)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    h2: str = result.rows_affected  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    n.payload = "x"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    result.rows_affected = 5  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    h3: liteorm.Range[str] = liteorm.Range(1, 5)  # type: ignore[arg-type]  # pyright: ignore[reportAssignmentType]
    print(h1, h2, h3)
