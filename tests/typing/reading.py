"""What type checkers know about reading; checked, never executed."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, TypedDict, assert_type

import attrs

import liteorm
from liteorm import postgres


class Mood(enum.Enum):
    CALM = "calm"


@attrs.define
class AttrsUser:
    id: int
    name: str


@dataclass
class DataclassUser:
    id: int


class TupleUser(NamedTuple):
    id: int


class DictUser(TypedDict):
    id: int


def scan_knows_every_kind_of_model(rows: liteorm.Rows) -> None:
    assert_type(liteorm.scan(rows, AttrsUser), list[AttrsUser])
    assert_type(liteorm.scan(rows, DataclassUser), list[DataclassUser])
    assert_type(liteorm.scan(rows, TupleUser), list[TupleUser])
    assert_type(liteorm.scan(rows, DictUser), list[DictUser])
    assert_type(liteorm.scan(rows, int), list[int])
    assert_type(liteorm.scan(rows, Decimal), list[Decimal])
    assert_type(liteorm.scan(rows, datetime), list[datetime])
    assert_type(liteorm.scan(rows, Mood), list[Mood])
    assert_type(liteorm.scan(rows, tuple[int, str]), list[tuple[int, str]])
    assert_type(liteorm.scan(rows, dict[str, Any]), list[dict[str, Any]])
    assert_type(liteorm.scan(rows, liteorm.Interval), list[liteorm.Interval])


def promises_are_in_the_result(rows: liteorm.Rows) -> None:
    assert_type(liteorm.scan_one(rows, AttrsUser), AttrsUser)
    assert_type(liteorm.scan_optional(rows, AttrsUser), AttrsUser | None)
    assert_type(liteorm.scan_one(rows, int), int)
    assert_type(liteorm.scan_optional(rows, str), str | None)
    assert_type(liteorm.scan(rows, AttrsUser, extra="ignore"), list[AttrsUser])
    assert_type(rows.columns, tuple[str, ...])
    assert_type(len(rows), int)


def sync_sessions(db: postgres.DB) -> None:
    assert_type(db.query("SELECT 1"), liteorm.Rows)
    assert_type(db.execute("SELECT %s", [1]), liteorm.Result)
    assert_type(db.execute("SELECT 1").rows_affected, int)
    with db.transaction(isolation="serializable") as tx:
        assert_type(tx, postgres.Tx)
        with tx.transaction() as inner:
            assert_type(inner, postgres.Tx)
    with db.stream("SELECT 1") as stream:
        assert_type(liteorm.scan_iter(stream, AttrsUser), Iterator[AttrsUser])

    def work(tx: postgres.Tx) -> int:
        return tx.execute("DELETE FROM t").rows_affected

    assert_type(db.run(work), int)
    assert_type(db.stats(), liteorm.PoolStats)


async def async_sessions(db: postgres.AsyncDB) -> None:
    assert_type(await db.query("SELECT 1"), liteorm.Rows)
    assert_type(await db.execute("SELECT 1"), liteorm.Result)
    async with db.transaction() as tx:
        assert_type(tx, postgres.AsyncTx)
    async with db.stream("SELECT 1") as stream:
        assert_type(liteorm.scan_iter(stream, AttrsUser), AsyncIterator[AttrsUser])

    async def work(tx: postgres.AsyncTx) -> int:
        return (await tx.execute("DELETE FROM t")).rows_affected

    assert_type(await db.run(work), int)


USER_BY_ID = liteorm.statement(AttrsUser, "SELECT id, name FROM users WHERE id = %(id)s")


def statements_sync(db: liteorm.Session) -> None:
    assert_type(USER_BY_ID.all(db, id=1), list[AttrsUser])
    assert_type(USER_BY_ID.one(db, id=1), AttrsUser)
    assert_type(USER_BY_ID.optional(db, id=1), AttrsUser | None)
    with USER_BY_ID.iter(db, id=1) as users:
        assert_type(users, Iterator[AttrsUser])


async def statements_async(db: liteorm.AsyncSession) -> None:
    assert_type(await USER_BY_ID.all(db, id=1), list[AttrsUser])
    assert_type(await USER_BY_ID.one(db, id=1), AttrsUser)
    assert_type(await USER_BY_ID.optional(db, id=1), AttrsUser | None)
    async with USER_BY_ID.iter(db, id=1) as users:
        assert_type(users, AsyncIterator[AttrsUser])


def backend_meets_the_contract(
    db: postgres.DB, tx: postgres.Tx, adb: postgres.AsyncDB, atx: postgres.AsyncTx
) -> tuple[liteorm.Session, liteorm.Session, liteorm.AsyncSession, liteorm.AsyncSession]:
    return db, tx, adb, atx


def scan_knows_what_is_no_class(rows: liteorm.Rows) -> None:
    assert_type(liteorm.scan(rows, int | None), list[int | None])
    assert_type(liteorm.scan(rows, AttrsUser | None), list[AttrsUser | None])
    assert_type(liteorm.scan_one(rows, list[int]), list[int])
    assert_type(liteorm.scan_optional(rows, str | None), str | None)
