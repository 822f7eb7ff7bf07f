"""Every call on tables that Citus has spread: those of the table in docs/sharding.md.

Where `LITEORM_CITUS_DSN` names a database with the extension, on it; and always on a plain server
whose catalog says the same, through stand-ins of what Citus keeps there.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from typing import Annotated, Any

import attrs
import pytest

import liteorm
from liteorm import Column, postgres
from liteorm.postgres import DB
from liteorm_testing import Server, database

CITUS = os.environ.get("LITEORM_CITUS_DSN")
COUNT = 600

_STAND_INS = """
SET allow_system_table_mods = on;
CREATE TABLE pg_catalog.pg_dist_partition
    (logicalrelid regclass PRIMARY KEY, partmethod "char", partkey text);
RESET allow_system_table_mods;
CREATE FUNCTION create_distributed_table(name regclass, key text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO pg_catalog.pg_dist_partition VALUES (name, 'h', key)
$$;
CREATE FUNCTION create_reference_table(name regclass) RETURNS void LANGUAGE sql AS $$
    INSERT INTO pg_catalog.pg_dist_partition VALUES (name, 'n', NULL)
$$;
"""
_TABLES = (
    "DROP SCHEMA IF EXISTS liteorm_spread CASCADE",
    "CREATE SCHEMA liteorm_spread",
    "CREATE TABLE liteorm_spread.kind (id int PRIMARY KEY, name text NOT NULL)",
    "SELECT create_reference_table('liteorm_spread.kind')",
    "INSERT INTO liteorm_spread.kind VALUES (1, 'one'), (2, 'two')",
    """CREATE TABLE liteorm_spread.item (
        id int PRIMARY KEY, name text NOT NULL, kind int NOT NULL DEFAULT 1,
        version int NOT NULL DEFAULT 1, CONSTRAINT item_good CHECK (name <> 'bad'))""",
    "SELECT create_distributed_table('liteorm_spread.item', 'id')",
    """ALTER TABLE liteorm_spread.item ADD CONSTRAINT item_kind_fkey
        FOREIGN KEY (kind) REFERENCES liteorm_spread.kind (id)""",
    """CREATE TABLE liteorm_spread.event (
        tenant int, id bigserial, what text NOT NULL, PRIMARY KEY (tenant, id))""",
    "SELECT create_distributed_table('liteorm_spread.event', 'tenant')",
    "CREATE TABLE liteorm_spread.local (id int PRIMARY KEY, name text NOT NULL)",
)


class Taken(liteorm.UniqueViolation):
    """What an application waits for."""


class NoKind(liteorm.ForeignKeyViolation):
    """What an application waits for."""


@liteorm.table("liteorm_spread.item", key="id", version="version")
@attrs.frozen
class Item:
    """A row, whose shard its key decides."""

    id: int
    name: str
    kind: int = 1
    version: int = 1


@liteorm.table("liteorm_spread.event", key=("tenant", "id"))
@attrs.frozen
class Event:
    """A row whose number the coordinator gives."""

    tenant: int
    what: str
    id: Annotated[int, Column(generated=True)] = 0


@liteorm.table("liteorm_spread.local", key="id")
@attrs.frozen
class Local:
    """A row of a table that is not spread."""

    id: int
    name: str


@liteorm.table("liteorm_spread.kind", key="id")
@attrs.frozen
class Kind:
    """A row of a table that every server has."""

    id: int
    name: str


@pytest.fixture(
    scope="module",
    params=[
        "stand-ins",
        pytest.param(
            "citus",
            marks=pytest.mark.skipif(
                CITUS is None,
                reason="LITEORM_CITUS_DSN names no database with Citus",
            ),
        ),
    ],
)
def address(request: pytest.FixtureRequest, liteorm_server: Server) -> Iterator[str]:
    """The database that the tables are in."""
    if request.param == "citus":
        assert CITUS is not None
        yield CITUS
    else:
        with database(liteorm_server, _STAND_INS) as made:
            yield made.dsn


@pytest.fixture
def db(address: str) -> Generator[DB]:
    """The coordinator, with fresh tables."""
    waited: dict[str, type[liteorm.IntegrityError]] = {
        "item_pkey": Taken,
        "item_kind_fkey": NoKind,
    }
    with postgres.open(address, max_size=3, constraint_errors=waited) as opened:
        for statement in _TABLES:
            text: Any = statement
            opened.execute(text)
        yield opened
        opened.execute("DROP SCHEMA liteorm_spread CASCADE")


def _items(count: int = COUNT) -> list[Item]:
    return [Item(n * 7919 % count, f"name {n}") for n in range(count)]


def _all(session: Any) -> list[Item]:
    rows = session.query("SELECT id, name, kind, version FROM liteorm_spread.item ORDER BY id")
    return liteorm.scan(rows, Item)


def test_one_row_at_a_time(db: DB) -> None:
    """insert, get, update, patch, upsert, delete."""
    for n in range(20):
        item = Item(n, "first")
        assert db.insert(item) == item
        assert db.get(Item, n) == item
        assert db.update(attrs.evolve(item, name="second")) == Item(n, "second", 1, 2)
        with pytest.raises(liteorm.StaleRow):
            db.update(item)
        assert db.patch(Item, n, {"name": "third"}, version=2) == Item(n, "third", 1, 3)
        assert db.upsert(Item(n, "fourth", 2, 9)) == Item(n, "fourth", 2, 9)
        assert db.upsert(Item(n, "fifth"), update=()) == Item(n, "fourth", 2, 9)
        assert db.upsert(Item(100 + n, "new"), update=()) == Item(100 + n, "new")
        assert db.delete(Item(n, "", 1, 9))
        with pytest.raises(liteorm.NoRows):
            db.get(Item, n)


@pytest.mark.parametrize("count", [1, 2, COUNT])
def test_insert_returning_keeps_the_order(db: DB, count: int) -> None:
    """Rows come back in the order of the objects, whichever shard they went to."""
    items = _items(count)
    assert db.insert_returning(items) == items
    with db.transaction() as tx:
        more = [attrs.evolve(item, id=item.id + 10_000) for item in items]
        assert tx.insert_returning(more) == more
        names = tx.insert_returning(
            [Item(50_000 + n, f"n{n}") for n in range(count)], returning=dict
        )
        assert [row["name"] for row in names] == [f"n{n}" for n in range(count)]
    assert len(_all(db)) == 3 * count


@pytest.mark.parametrize("count", [1, 2, COUNT])
def test_insert_returning_keeps_the_order_of_numbered_rows(db: DB, count: int) -> None:
    """Where the key is the server's to give, nothing of the row says which object it was."""
    events = [Event(n % 7, f"what {n}") for n in range(count)]
    made = db.insert_returning(events)
    assert [(event.tenant, event.what) for event in made] == [
        (event.tenant, event.what) for event in events
    ]
    assert len({event.id for event in made}) == count
    for event in made[:5]:
        assert db.get(Event, (event.tenant, event.id)) == event


def test_many_rows_by_copy(db: DB) -> None:
    """insert_many, from a generator too, and of other kinds of tables."""
    assert db.insert_many(_items()) == COUNT
    assert db.insert_many(Item(COUNT + n, "more") for n in range(COUNT)) == COUNT
    assert [item.id for item in _all(db)] == list(range(2 * COUNT))
    assert db.insert_many([Kind(n, str(n)) for n in range(10, 20)]) == 10
    assert db.insert_many([Local(n, str(n)) for n in range(10)]) == 10
    assert db.insert_returning([Local(n, str(n)) for n in (12, 11)]) == [
        Local(12, "12"),
        Local(11, "11"),
    ]


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "in a transaction"])
def test_upsert_many_counts_what_it_wrote(db: DB, inside: bool) -> None:
    """New rows and changed ones; with update=() the new ones only."""
    db.insert_many(_items(100))

    def use(session: Any) -> None:
        assert session.upsert_many([Item(n, "u") for n in range(50, 150)]) == 100
        assert session.upsert_many([Item(n, "x") for n in range(140, 160)], update=()) == 10
        assert session.upsert_many([Item(n, "x") for n in range(160)], update=()) == 0
        with pytest.raises(liteorm.DataError, match="comes twice"):
            with session.transaction() as inner:
                inner.upsert_many([Item(1, "a"), Item(1, "b")])

    if inside:
        with db.transaction() as tx:
            use(tx)
    else:
        use(db)
    names = {item.id: item.name for item in _all(db)}
    assert len(names) == 160
    assert {names[n] for n in range(50, 140)} == {"u"}
    assert {names[n] for n in range(150, 160)} == {"x"}


@pytest.mark.parametrize("count", [3, COUNT])
def test_updates_and_deletes_by_key(db: DB, count: int) -> None:
    """update_many and delete_many, and a version that is another one by now."""
    items = _items(count)
    db.insert_many(items)
    assert db.update_many([attrs.evolve(item, name="u") for item in items]) == count
    assert {(item.name, item.version) for item in _all(db)} == {("u", 2)}
    assert db.update_many(items) == 0
    with pytest.raises(liteorm.DataError, match="comes twice"):
        db.update_many([Item(1, "a", 1, 2), Item(1, "b", 1, 2)])
    assert db.delete_many(Item, [*range(1, count), 99_999]) == count - 1
    assert [item.id for item in _all(db)] == [0]


def test_statements_streams_batches_and_copy_out(db: DB) -> None:
    """query, execute, execute_many, stream, batch, copy_out, run."""
    db.insert_many(_items())
    changed = db.execute("UPDATE liteorm_spread.item SET name = %s WHERE id < %s", ["x", 10])
    assert changed.rows_affected == 10
    sql = "UPDATE liteorm_spread.item SET name = %s WHERE id = %s"
    assert db.execute_many(sql, [("y", n) for n in range(20)]).rows_affected == 20
    with db.stream("SELECT id FROM liteorm_spread.item ORDER BY id", batch_size=50) as rows:
        assert [key for (key,) in rows] == list(range(COUNT))
    with db.batch() as batch:
        found = batch.query("SELECT count(*) FROM liteorm_spread.item WHERE name = %s", ["y"])
        batch.query("DELETE FROM liteorm_spread.item WHERE id = %s", [1])
    assert list(found.result()) == [(20,)]
    with db.copy_out("SELECT id FROM liteorm_spread.item ORDER BY id") as blocks:
        assert len(b"".join(map(bytes, blocks)).split()) == COUNT - 1

    def add(tx: Any) -> int:
        tx.insert(Item(1, "again"))
        with tx.transaction() as inner:
            inner.execute("UPDATE liteorm_spread.item SET kind = 2 WHERE id = 1")
        return liteorm.scan_one(tx.query("SELECT count(*) FROM liteorm_spread.item"), int)

    assert db.run(add) == COUNT
    shape = postgres.describe(db, "SELECT name FROM liteorm_spread.item WHERE id = %s")
    assert [column.name for column in shape.columns] == ["name"]


def test_what_is_undone_is_undone_on_every_shard(db: DB) -> None:
    """An exception, a savepoint, and an iterable that fails half way."""
    with pytest.raises(KeyError), db.transaction() as tx:
        tx.insert_many(_items())
        raise KeyError
    with db.transaction() as tx:
        tx.insert(Item(1, "stays"))
        with pytest.raises(liteorm.UniqueViolation), tx.transaction() as inner:
            inner.insert_many([Item(2, "goes"), Item(1, "goes")])
    with pytest.raises(ZeroDivisionError):
        db.insert_many(Item(n, str(1 // (300 - n))) for n in range(2, COUNT))
    assert _all(db) == [Item(1, "stays")]


VIOLATIONS: list[tuple[Item, type[liteorm.Error], str | None]] = [
    (Item(1, "again"), Taken, "item_pkey"),
    (Item(2, "orphan", 77), NoKind, "item_kind_fkey"),
    (Item(3, "bad"), liteorm.CheckViolation, "item_good"),
]


@pytest.mark.parametrize(("wrong", "cls", "constraint"), VIOLATIONS, ids=["key", "kind", "check"])
def test_violations_name_the_tables_own_constraint(
    db: DB, wrong: Item, cls: type[liteorm.Error], constraint: str
) -> None:
    """Whichever call met it: the class that was asked for, the constraint's name, the table."""
    db.insert(Item(1, "first"))
    more = [Item(n, "more") for n in range(100, 120)]
    calls: list[Any] = [
        lambda: db.insert(wrong),
        lambda: db.insert_many([*more, wrong]),
        lambda: db.insert_returning([*more, wrong]),
    ]
    if constraint != "item_pkey":
        calls.append(lambda: db.upsert(wrong))
        calls.append(lambda: db.upsert_many([*more, wrong]))
    for call in calls:
        with pytest.raises(cls) as caught:
            call()
        assert isinstance(caught.value, liteorm.Error)
        assert caught.value.constraint == constraint
        assert caught.value.table == "item"
        assert caught.value.sqlstate in ("23505", "23503", "23514")
    assert _all(db) == [Item(1, "first")]


def test_listening_is_the_coordinators(db: DB) -> None:
    """Whoever is connected to the same server hears what is told there."""
    with postgres.listen(db, "liteorm_spread") as listener:
        with db.transaction() as tx:
            tx.insert(Item(1, "told"))
            postgres.notify(tx, "liteorm_spread", "x")
        assert listener.receive(timeout=10).payload == "x"
