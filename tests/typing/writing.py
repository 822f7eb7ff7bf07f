"""What type checkers know about writing, listening and errors; checked, never executed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import date
from typing import Annotated, assert_type

import attrs
import psycopg

import liteorm
from liteorm import postgres


@liteorm.table("app.users", key="id")
@attrs.frozen(kw_only=True)
class User:
    id: Annotated[int, liteorm.Column(generated=True)] = 0
    name: str


@attrs.frozen
class NewUser:
    name: str
    nick: str | liteorm.Unset | None = liteorm.UNSET


def the_decorator_keeps_the_class() -> None:
    assert_type(User(name="Ada").name, str)
    assert_type(User(name="Ada").id, int)


def sync_calls(db: liteorm.Session, user: User, users: Iterator[User]) -> None:
    assert_type(db.insert(user), User)
    assert_type(db.update(user), User)
    assert_type(db.upsert(user, conflict="name"), User)
    assert_type(db.upsert(user, conflict=("id", "name")), User)
    assert_type(db.delete(user), bool)
    assert_type(db.get(User, 1), User)
    assert_type(db.insert_many(users, progress=lambda rows: None), int)
    assert_type(db.upsert_many([user], update=()), int)
    assert_type(db.insert_returning([user]), list[User])
    new = NewUser("Ada")
    assert_type(db.insert(new, returning=User, table=User), User)
    assert_type(db.insert(new, table="app.users"), NewUser)
    assert_type(db.upsert(new, "name", update=(), returning=User, table=User), User)
    assert_type(db.upsert(user, liteorm.sql("(lower(name))")), User)
    assert_type(db.upsert(user, liteorm.Constraint("users_name_key")), User)
    assert_type(db.update(user, columns="name"), User)
    assert_type(db.update(user, columns=["name"], returning=NewUser), NewUser)
    assert_type(db.patch(User, 1, {"name": "Bob"}, version=3), User)
    assert_type(db.patch(User, 1, new), User)
    assert_type(db.update_many([user], columns="name"), int)
    assert_type(db.delete_many(User, [1, 2]), int)
    assert_type(db.insert_returning([new], returning=User, table=User), list[User])
    if new.nick is not liteorm.UNSET:
        assert_type(new.nick, str | None)


async def async_calls(db: liteorm.AsyncSession, user: User, users: AsyncIterator[User]) -> None:
    assert_type(await db.insert(user), User)
    assert_type(await db.get(User, (1, "a")), User)
    assert_type(await db.insert_many(users), int)
    assert_type(await db.insert_many([user]), int)
    assert_type(await db.insert_returning([user]), list[User])
    new = NewUser("Ada")
    assert_type(await db.insert(new, returning=User, table=User), User)
    assert_type(await db.upsert(new, "name", returning=User, table=User), User)
    assert_type(await db.update(user, columns="name"), User)
    assert_type(await db.patch(User, 1, {"name": "Bob"}), User)
    assert_type(await db.update_many(users), int)
    assert_type(await db.delete_many(User, [1, 2]), int)
    assert_type(await db.insert_returning([new], returning=User, table=User), list[User])


def sessions(db: postgres.DB, owner: psycopg.Connection[tuple[object, ...]]) -> None:
    with db.transaction(settings={"app.tenant": 1, "app.on": True}, role="app") as tx:
        assert_type(tx, postgres.Tx)
    with db.connection() as connection:
        assert_type(connection, liteorm.Session)
    inside = postgres.session(owner)
    assert_type(inside, liteorm.Session)
    postgres.notify(inside, "a", "b")


user_by_id = liteorm.statement(User, "SELECT id, name FROM app.users WHERE id = %(id)s")


@liteorm.statement(User, "SELECT id, name FROM app.users WHERE name = %(name)s")
def users_called(name: str) -> None: ...


def exports(db: postgres.DB) -> None:
    with db.copy_out("SELECT 1", format="csv", header=True) as blocks:
        assert_type(blocks, Iterator[bytes])


def batches(db: postgres.DB) -> None:
    with db.batch() as batch:
        assert_type(batch, liteorm.Batch)
        user = batch.one(user_by_id, id=7)
        users = batch.all(users_called, "Ada")
        maybe = batch.optional(users_called, name="Ada")
        rows = batch.query("SELECT 1", [7])
        done = batch.execute(user_by_id, id=7)
    assert_type(user.result(), User)
    assert_type(users.result(), list[User])
    assert_type(maybe.result(), User | None)
    assert_type(rows.result(), liteorm.Rows)
    assert_type(done.result(), liteorm.Result)


def listening(db: postgres.DB) -> None:
    with postgres.listen(db, "a", "b", on_gap=lambda: None) as listener:
        assert_type(listener, postgres.Listener)
        notification = listener.receive(timeout=1)
        assert_type(notification, liteorm.Notification)
        assert_type(notification.payload, str)
        assert_type(notification.load(User), User)
        for each in listener:
            assert_type(each, liteorm.Notification)
    postgres.notify(db, "a", {"id": 1})


async def listening_async(db: postgres.AsyncDB) -> None:
    async with await postgres.listen_async(db, "a") as listener:
        assert_type(listener, postgres.AsyncListener)
        assert_type(await listener.receive(), liteorm.Notification)
        async for each in listener:
            assert_type(each, liteorm.Notification)


def values(nights: liteorm.Range[date]) -> None:
    assert_type(nights.lower, date | None)
    assert_type(liteorm.Range(1, 5), liteorm.Range[int])
    assert_type(nights.is_empty, bool)


def errors(error: liteorm.Error) -> None:
    assert_type(error.sqlstate, str | None)
    assert_type(error.constraint, str | None)
    timeout: TimeoutError = liteorm.PoolTimeout("")
    timeout = liteorm.StatementTimeout("")
    lost: ConnectionError = liteorm.ConnectionLost("")
    absent: LookupError = liteorm.NoRows("")
    print(timeout, lost, absent)


def observers(db: postgres.DB) -> None:
    class Counter:
        seen = 0

        def before(self, event: liteorm.QueryEvent) -> None:
            assert_type(event.operation, str)

        def after(self, event: liteorm.QueryEvent) -> None:
            self.seen += event.rows or 0

    observer: liteorm.Observer = Counter()
    postgres.open("", observers=[observer])
