"""Lines that type checkers must refuse; an ignore that is not needed is an error of its own."""

from __future__ import annotations

import attrs

import liteorm
import liteorm_testing
from liteorm import postgres


@attrs.frozen
class User:
    id: int


def scanning(rows: liteorm.Rows, db: postgres.DB) -> None:
    liteorm.scan(rows, User, extra="some")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    liteorm.scan(db, User)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    liteorm.scan_one(rows)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    name: str = liteorm.scan_one(rows, int)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    print(name)


def sessions(db: postgres.DB, text: str) -> None:
    # mypy takes LiteralString for str.
    db.query(text)  # pyright: ignore[reportArgumentType]
    db.query(f"SELECT {text}")  # pyright: ignore[reportArgumentType]
    db.transaction(isolation="serialisable")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    db.transaction("serializable")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    db.execute("SELECT 1", [1], 5.0)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def mixed(db: postgres.AsyncDB) -> None:
    liteorm.scan(db.query("SELECT 1"), User)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    async with db.transaction() as tx:
        sync: liteorm.Session = tx  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
        print(sync)


def values(user: User) -> None:
    liteorm.Notification("a", "b", 1).pid = 2  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    liteorm.Notification("a", "b", 1).load(user)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def names(adb: postgres.AsyncDB) -> None:
    print(liteorm.scan_oen)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]
    print(liteorm_testing.deadlok)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]
    liteorm_testing.queries("db")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with liteorm_testing.notifications(adb, "jobs"):  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass
