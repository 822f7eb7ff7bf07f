# Generated from tests/postgres/_async/test_late_failures.py by .ci/unasync.py: edit that file, not this one.
"""A statement is over when the server is ready for the next: what fails after the rows is told.

Every call, in and out of a transaction, against every way in which the server can fail late: what
returns is stored, and what the server refused is raised.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

import attrs
import pytest

import liteorm
from liteorm.postgres import DB, open
from liteorm_testing import Proxy
from tests.postgres.support import Background, Witness, until


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
    pad: str = PAD


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


SCHEMA: Final = """
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE item (
    id int PRIMARY KEY, a int NOT NULL, pad text NOT NULL DEFAULT 'x', v int NOT NULL DEFAULT 1
);
INSERT INTO parent SELECT n FROM generate_series(1, 2000) AS n WHERE n <> 99;
INSERT INTO item SELECT n, n, repeat('x', 20000) FROM generate_series(1, 20) AS n;
CREATE FUNCTION put(n int, m int) RETURNS text AS $$
    INSERT INTO item VALUES (n, m, repeat('x', 20000)) RETURNING pad
$$ LANGUAGE sql;
"""
TRIGGER: Final = """
CREATE FUNCTION late() RETURNS trigger AS $$ BEGIN
    IF coalesce(new.a, old.a) = 99 THEN {} END IF;
    RETURN NULL;
END $$ LANGUAGE plpgsql;
CREATE CONSTRAINT TRIGGER late AFTER INSERT OR UPDATE OR DELETE ON item
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late();
INSERT INTO parent VALUES (99);
"""
LATE: Final = {
    "foreign key": """
        ALTER TABLE item ADD FOREIGN KEY (a) REFERENCES parent DEFERRABLE INITIALLY DEFERRED;
        CREATE TABLE child (id int REFERENCES item DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO child VALUES (20);
    """,
    "unique": """
        UPDATE item SET a = 99 WHERE id = 19;
        ALTER TABLE item ADD UNIQUE (a) DEFERRABLE INITIALLY DEFERRED;
    """,
    "constraint trigger": TRIGGER.format("RAISE SQLSTATE 'ZZ999' USING MESSAGE = 'no';"),
    "fatal": TRIGGER.format("PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(10);"),
    "lost": TRIGGER.format("PERFORM pg_sleep(10);"),
}
CODES: Final = {"foreign key": "23503", "unique": "23505", "constraint trigger": "ZZ999"}
ARM: Final = "ALTER TABLE item DISABLE TRIGGER late; UPDATE item SET a = 99 WHERE id = 20; "
ARM_LATE: Final = ARM + "ALTER TABLE item ENABLE TRIGGER late"

Session = liteorm.Session
Call = Callable[[Session, int, int], Awaitable[Any]]
WRITE: Final = "INSERT INTO item VALUES (%s, %s, repeat('x', 20000)) RETURNING id, a, pad"
declared = liteorm.statement(Item, WRITE)
command = liteorm.statement(None, "INSERT INTO item VALUES (%s, %s, repeat('x', 20000))")


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
    *(_update_many, _update_many_columns, _command, _built),
    *(_copy_out, _batch, _batch_execute, _insert),
    *(_update, _upsert, _insert_returning, _insert_many),
    *(_upsert_many, _execute, _execute_script, _execute_many),
    *(_query, _query_with_timeout, _query_function, _declared_one),
    *(_declared_optional, _declared_all, _stream, _stream_objects),
    _stream_first,
    *DELETING,
)
LOST: Final = "lost"
SLEEPING: Final = "wait_event = 'PgSleep'"


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


def stored(witness: Witness) -> list[tuple[Any, ...]]:
    """Return what is in the table."""
    return witness.ask("SELECT id, a FROM item ORDER BY id")


def prepared(witness: Witness, late: str) -> None:
    """Make the tables, and a row whose removal is refused late."""
    witness.run(SCHEMA)
    witness.run(LATE[late])
    if late not in CODES or late == "constraint trigger":
        witness.run(ARM_LATE)


WAYS: Final = (alone, transactional, nested, begun, lent, repeated)


@pytest.mark.parametrize("late", LATE)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_what_fails_after_the_rows_is_raised(
    liteorm_database: Any, witness: Witness, way: Any, late: str
) -> None:
    """No call returns for what the server refused late, plain or prepared; nothing is stored."""
    prepared(witness, late)
    keys = itertools.count(100)
    told: dict[str, list[Any]] = {}
    with Proxy(liteorm_database.dsn) as proxy:
        with open(proxy.dsn, max_size=1) as db, Background() as behind:
            for call in CALLS:
                if late == "unique" and call in DELETING:
                    continue
                codes = told[call.__name__] = []
                for rounds in (0, 6) if way in (alone, lent) else (0,):
                    for key in itertools.islice(keys, rounds):
                        # So often that its statement is prepared, with values that are accepted.
                        way(db, call, key, key)
                    before = stored(witness)
                    attempt = behind.start(way, db, call, next(keys), BAD)
                    if late == "lost":
                        until(lambda: witness.others(SLEEPING), "the trigger")
                        proxy.cut()
                        proxy.restore()
                    codes.append(outcome(attempt))
                    for pid, *_ in witness.others(SLEEPING):
                        witness.ask("SELECT pg_terminate_backend(%s)", [pid])
                    until(lambda: not witness.others(SLEEPING), "its end")
                    if stored(witness) != before:
                        codes.append("stored")
    wanted = [CODES.get(late, LOST)] * (2 if way in (alone, lent) else 1)
    assert told == dict.fromkeys(told, wanted)


def outcome(attempt: Any) -> Any:
    """Return the code of the error that came of it; LOST for a connection that went."""
    try:
        return ("returned", attempt.result())
    except (liteorm.ConnectionLost, liteorm.CommitUnknown):
        return LOST
    except liteorm.Error as exc:
        return exc.sqlstate


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_what_is_accepted_is_stored(
    liteorm_db: DB, witness: Witness, way: Any
) -> None:
    """The same calls return for what the server accepts, and it is stored."""
    prepared(witness, "foreign key")
    for key, call in enumerate(CALLS, 100):
        before = stored(witness)
        way(liteorm_db, call, key, key)
        assert stored(witness) != before, call.__name__
