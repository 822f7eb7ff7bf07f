# Generated from tests/postgres/_async/late_calls.py by .ci/unasync.py: edit that file, not this one.
"""Every call that writes, and every way to make it: what the tests of late failures range over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

import attrs
import psycopg

import liteorm
from liteorm.postgres import DB, pool, session

BAD: Final = 99
"""The value that is refused late."""
PAD: Final = "x" * 20_000
"""So long that the server sends the row on before it commits."""


@liteorm.table("item", key="id")
@attrs.frozen
class Item:
    """A row of the table."""

    id: int
    a: int
    pad: str | liteorm.Unset = PAD


@liteorm.table("item", key="id", version="v")
@attrs.frozen
class Counted:
    """The same with a version that is raised by one."""

    id: int
    a: int
    v: int = 1


@liteorm.table("item", key="id", version="seen")
@attrs.frozen
class Seen:
    """The same, compared by the system's own column."""

    id: int
    a: int
    seen: Annotated[int, liteorm.Column(name="xmin", generated=True)] = 0


@attrs.frozen
class Short:
    """A part of the row."""

    id: int
    pad: str


Session = liteorm.Session
Call = Callable[[Session, int, int], Awaitable[Any]]
WRITE: Final = "INSERT INTO item VALUES (%s, %s, repeat('x', 20000)) RETURNING id, a, pad"
declared = liteorm.statement(Item, WRITE)
command = liteorm.statement(None, "INSERT INTO item VALUES (%s, %s, repeat('x', 20000))")
parts = liteorm.statement(
    Item,
    """
    INSERT INTO item VALUES
    {row}
    ON CONFLICT (id) DO NOTHING  --? quiet
    RETURNING id, a, pad
    """,
    choices={"row": {"long": "(%(id)s, %(a)s, repeat('x', 20000))"}},
)
TAKEN: Final = liteorm.Constraint("item_pkey")


def target(key: int, a: int) -> int:
    """Return a row that is there: the one that is refused late is the last."""
    return 20 if a == BAD else key % 18 + 1


def _insert(session: Session, key: int, a: int) -> Any:
    return session.insert(Item(key, a))


def _update(session: Session, key: int, a: int) -> Any:
    return session.update(Item(target(key, a), a))


def _upsert(session: Session, key: int, a: int) -> Any:
    return session.upsert(Item(target(key, a), a))


def _delete(session: Session, key: int, a: int) -> Any:
    return session.delete(Item(target(key, a), a))


def _query_delete(session: Session, key: int, a: int) -> Any:
    sql = "DELETE FROM item WHERE id = %s RETURNING pad"
    return session.query(sql, [target(key, a)])


def _insert_returning(session: Session, key: int, a: int) -> Any:
    return session.insert_returning([Item(key, a)])


def _insert_many(session: Session, key: int, a: int) -> Any:
    return session.insert_many([Item(key, a)])


def _upsert_many(session: Session, key: int, a: int) -> Any:
    return session.upsert_many([Item(target(key, a), a)])


def _execute(session: Session, key: int, a: int) -> Any:
    return session.execute(WRITE, [key, a])


def _execute_text(session: Session, key: int, a: int) -> Any:
    sql: Any = f"INSERT INTO item VALUES ({key}, {a}) RETURNING repeat('x', 20000);  -- the one;"
    return session.execute(sql)


def _execute_script(session: Session, key: int, a: int) -> Any:
    sql: Any = f"SELECT 1; INSERT INTO item VALUES ({key}, {a}); SELECT repeat('x', 20000)"
    return session.execute(sql)


def _execute_many(session: Session, key: int, a: int) -> Any:
    return session.execute_many(WRITE, [[key, a]])


def _query(session: Session, key: int, a: int) -> Any:
    return session.query(WRITE, [key, a])


def _query_with_timeout(session: Session, key: int, a: int) -> Any:
    return session.query(WRITE, [key, a], timeout=20)


def _query_function(session: Session, key: int, a: int) -> Any:
    return session.query("SELECT put(%s, %s)", [key, a])


def _declared_one(session: Session, key: int, a: int) -> Any:
    return declared.one(session, key, a)


def _declared_optional(session: Session, key: int, a: int) -> Any:
    return declared.optional(session, key, a)


def _declared_all(session: Session, key: int, a: int) -> Any:
    return declared.all(session, key, a)


def _stream(session: Session, key: int, a: int) -> Any:
    with session.stream(WRITE, [key, a]) as rows:
        return [row for row in rows]


def _stream_first(session: Session, key: int, a: int) -> Any:
    """Leave as soon as the one row is there."""
    with session.stream(WRITE, [key, a]) as rows:
        for row in rows:
            return row


def _stream_objects(session: Session, key: int, a: int) -> Any:
    with declared.iter(session, key, a) as items:
        return [item for item in items]


def _update_columns(session: Session, key: int, a: int) -> Any:
    return session.update(Item(target(key, a), a), columns="a")


def _update_counted(session: Session, key: int, a: int) -> Any:
    old = session.get(Counted, target(key, a))
    return session.update(attrs.evolve(old, a=a), returning=Short)


def _update_seen(session: Session, key: int, a: int) -> Any:
    old = session.get(Seen, target(key, a))
    return session.update(attrs.evolve(old, a=a))


def _delete_counted(session: Session, key: int, a: int) -> Any:
    return session.delete(session.get(Counted, target(key, a)))


def _patch(session: Session, key: int, a: int) -> Any:
    return session.patch(Item, target(key, a), {"a": a})


def _patch_counted(session: Session, key: int, a: int) -> Any:
    old = session.get(Counted, target(key, a))
    return session.patch(Counted, old.id, {"a": a}, version=old.v)


def _insert_returning_other(session: Session, key: int, a: int) -> Any:
    return session.insert(Item(key, a), returning=Short)


def _many_returning_other(session: Session, key: int, a: int) -> Any:
    objs = [Item(key, a), Item(key + 1_000, key + 1_000)]
    return session.insert_returning(objs, returning=Short)


def _upsert_nothing(session: Session, key: int, a: int) -> Any:
    return session.upsert(Item(key, a), update=())


def _upsert_constraint(session: Session, key: int, a: int) -> Any:
    return session.upsert(Item(key, a), TAKEN, update="a")


def _upsert_many_constraint(session: Session, key: int, a: int) -> Any:
    return session.upsert_many([Item(key, a)], conflict=TAKEN, update=())


def _upsert_many_sql(session: Session, key: int, a: int) -> Any:
    objs = [Item(target(key, a), a)]
    return session.upsert_many(objs, conflict=liteorm.sql("((id))"), update="a")


def _parts(session: Session, key: int, a: int) -> Any:
    return parts.one(session, id=key, a=a, row="long", quiet=True)


def _parts_off(session: Session, key: int, a: int) -> Any:
    return parts.all(session, id=key, a=a, row="long", quiet=None)


def _execute_many_result(session: Session, key: int, a: int) -> Any:
    rows = [[key, a], [key + 1_000, key + 1_000], [key + 2_000, key + 2_000]]
    return session.execute_many(WRITE, rows)


def _insert_unset(session: Session, key: int, a: int) -> Any:
    return session.insert(Item(key, a, liteorm.UNSET))


def _insert_many_unset(session: Session, key: int, a: int) -> Any:
    return session.insert_many([Item(key, a, liteorm.UNSET)])


def _update_many(session: Session, key: int, a: int) -> Any:
    return session.update_many([Item(target(key, a), a)])


def _update_many_columns(session: Session, key: int, a: int) -> Any:
    return session.update_many([Item(target(key, a), a)], columns="a")


def _delete_many(session: Session, key: int, a: int) -> Any:
    return session.delete_many(Item, [target(key, a)])


def _command(session: Session, key: int, a: int) -> Any:
    return command.execute(session, key, a)


def _built(session: Session, key: int, a: int) -> Any:
    sql = liteorm.sql("INSERT INTO item VALUES ({}, {}) RETURNING repeat('x', 20000)", key, a)
    return session.query(sql)


def _copy_out(session: Session, key: int, a: int) -> Any:
    with session.copy_out("SELECT put(%s, %s)", [key, a]) as blocks:
        return [block for block in blocks]


def _batch(session: Session, key: int, a: int) -> Any:
    with session.batch() as batch:
        first = batch.one(declared, key, a)
        second = batch.query("SELECT 1")
    return (first.result(), second.result())


def _batch_execute(session: Session, key: int, a: int) -> Any:
    with session.batch() as batch:
        batch.execute("SELECT 1")
        last = batch.execute(command, key, a)
    return last.result()


DELETING: Final[tuple[Call, ...]] = (_delete_counted, _delete, _delete_many, _query_delete)
"""They come last: the others need the rows, the first of them its own."""
CALLS: Final[tuple[Call, ...]] = (
    *(_update_columns, _update_counted, _update_seen, _patch),
    *(_patch_counted, _insert_returning_other, _many_returning_other, _upsert_nothing),
    *(_update_many, _update_many_columns, _command, _built, _execute_text),
    *(_copy_out, _batch, _batch_execute, _insert),
    *(_update, _upsert, _insert_returning, _insert_many),
    *(_upsert_many, _execute, _execute_script, _execute_many),
    *(_query, _query_with_timeout, _query_function, _declared_one),
    *(_declared_optional, _declared_all, _stream, _stream_objects),
    *(_upsert_constraint, _upsert_many_constraint, _upsert_many_sql, _parts),
    *(_parts_off, _execute_many_result, _insert_unset, _insert_many_unset),
    _stream_first,
    *DELETING,
)


def transactional(db: DB, call: Call, key: int, a: int) -> Any:
    """Make the call as the only one of a transaction."""
    with db.transaction() as tx:
        return call(tx, key, a)


def nested(db: DB, call: Call, key: int, a: int) -> Any:
    """Make the call in a savepoint."""
    with db.transaction() as tx, tx.transaction() as inner:
        return call(inner, key, a)


def begun(db: DB, call: Call, key: int, a: int) -> Any:
    """Make the call in a transaction that is ended by hand."""
    with db.begin() as tx:
        result = call(tx, key, a)
        tx.commit()
    return result


def alone(db: DB, call: Call, key: int, a: int) -> Any:
    """Make the call outside a transaction."""
    return call(db, key, a)


def lent(db: DB, call: Call, key: int, a: int) -> Any:
    """Make the call on a connection kept for it, in autocommit."""
    with db.connection() as connection:
        return call(connection, key, a)


def repeated(db: DB, call: Call, key: int, a: int) -> Any:
    """Make the call in a unit of work."""
    return db.run(lambda tx: call(tx, key, a))


def owned(db: DB, call: Call, key: int, a: int) -> Any:
    """Make the call on a connection of somebody else's, who commits."""
    with psycopg.Connection.connect(pool(db).conninfo) as connection:
        result = call(session(connection), key, a)
        connection.commit()
    return result


WAYS: Final = (alone, transactional, nested, begun, lent, repeated, owned)
