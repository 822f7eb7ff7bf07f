# Generated from tests/postgres/_async/test_tenants.py by .ci/unasync.py: edit that file, not this one.
"""A schema for each tenant, and types that were dropped and created again."""

from __future__ import annotations

import enum
import itertools
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

import attrs
import pytest

import liteorm
from liteorm.postgres import DB, Tx, open
from tests.postgres.support import Witness



class Mood(enum.Enum):
    """An enum that each schema has for itself."""

    OK = "ok"
    SAD = "sad"


@liteorm.table("item", key="id")
@attrs.frozen
class Item:
    """A row of the table that each schema has for itself."""

    id: int
    mood: Mood
    moods: list[Mood]


TABLE: Final[Any] = """
CREATE TYPE mood AS ENUM ('ok', 'sad');
CREATE TABLE item (id int PRIMARY KEY, mood mood, moods mood[]);
"""
INSERT: Final = "INSERT INTO item VALUES (%s, %s, %s) RETURNING id, mood, moods"
Session = DB | Tx


def _update(session: Session, item: Item) -> Any:
    session.execute("INSERT INTO item VALUES (%s)", [item.id])
    return session.update(item)


CALLS: Final[dict[str, Callable[[Any, Item], Awaitable[Any]]]] = {
    "insert": lambda session, item: session.insert(item),
    "update": _update,
    "upsert": lambda session, item: session.upsert(item),
    "insert_many": lambda session, item: session.insert_many([item]),
    "upsert_many": lambda session, item: session.upsert_many([item]),
    "insert_returning": lambda session, item: session.insert_returning([item, another(item)]),
    "execute": lambda session, item: session.execute(INSERT, attrs.astuple(item)),
    "execute_many": lambda session, item: session.execute_many(INSERT, [attrs.astuple(item)]),
    "query": lambda session, item: session.query(INSERT, attrs.astuple(item)),
    "get": lambda session, item: session.insert(item),
}
CHANGES: Final[dict[str, Any]] = {
    "set": "SET LOCAL search_path = {}",
    "set_config": "SELECT set_config('search_path', '{}', true)",
    "role": "SET LOCAL ROLE {}",
    "schema": "SET LOCAL SCHEMA '{}'",
    "capitals": "SET LOCAL SEARCH_PATH TO {}",
    "capitals in a call": "SELECT SET_CONFIG('Search_Path', '{}', true)",
    "a comment": "SET LOCAL /* as */ ROLE {}",
    "role in a call": "SELECT set_config('role', '{}', true)",
}


def _batched(tx: Tx, text: Any) -> None:
    with tx.batch() as batch:
        batch.execute("SELECT 1")
        batch.execute(text)


def _named(tx: Tx, text: Any) -> None:
    found = re.search(r"'([\w ]+)', '(\w+)'", text)
    name, value = found.groups() if found else ("search_path", text.split()[-1].strip("'"))
    if "role" in text.lower():
        name = "role"
    tx.query("SELECT set_config(%s, %s, true)", [name, value])


def _streamed(tx: Tx, text: Any) -> None:
    if not text.startswith("SELECT"):
        tx.execute(text)
        return
    with tx.stream(text) as stream:
        assert [row for row in stream]


def _copied(tx: Tx, text: Any) -> None:
    if not text.startswith("SELECT"):
        tx.execute(text)
        return
    with tx.copy_out(text) as blocks:
        assert [block for block in blocks]


WAYS: Final[dict[str, Callable[[Tx, Any], Awaitable[Any]]]] = {
    "execute": lambda tx, text: tx.execute(text),
    "query": lambda tx, text: tx.query(text),
    "script": lambda tx, text: tx.execute(f"SELECT 1; {text}; SELECT 2"),
    "batch": _batched,
    "execute_many": lambda tx, text: tx.execute_many(f"{text}", [()]),
    "parameters": _named,
    "stream": _streamed,
    "copy_out": _copied,
}


def another(item: Item) -> Item:
    """Return the item under another key."""
    return attrs.evolve(item, id=-item.id)


def _options(change: str, tenant: str) -> Any:
    if change == "role=":
        return {"role": tenant}
    return {"settings": {"search_path": tenant}} if change == "settings=" else {}


@pytest.mark.parametrize("change", [*CHANGES, "role=", "settings="])
@pytest.mark.parametrize("name", CALLS)
def test_each_tenant_writes_to_its_own(
    liteorm_database: Any, witness: Witness, name: str, change: str
) -> None:
    """Types of the same name, often enough to be prepared: no error, and the right schema."""
    call, keys = CALLS[name], itertools.count(1)
    for tenant in ("lta", "ltb"):
        witness.run(f"DROP SCHEMA IF EXISTS {tenant} CASCADE; CREATE SCHEMA {tenant}")
        witness.run(f"SET search_path = {tenant}; {TABLE}")
        witness.run(f"""DO $$ BEGIN CREATE ROLE {tenant};
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$""")
        witness.run(f"GRANT ALL ON SCHEMA {tenant} TO {tenant}; GRANT ALL ON item TO {tenant}")
    stored: dict[str, list[int]] = {"lta": [], "ltb": []}
    with open(liteorm_database.dsn, max_size=1) as db:
        for round_ in range(9):
            for tenant in ("lta", "ltb") if round_ % 2 else ("ltb", "lta"):
                item = Item(next(keys), Mood.SAD, [Mood.OK])
                with db.transaction(**_options(change, tenant)) as tx:
                    if change in CHANGES:
                        tx.execute(CHANGES[change].format(tenant))
                    with tx.transaction() as inner:
                        call(inner, item)
                    assert tx.get(Item, item.id) == item
                stored[tenant].append(item.id)
    for tenant, ids in stored.items():
        assert [
            row[0] for row in witness.ask(f"SELECT id FROM {tenant}.item WHERE id > 0 ORDER BY id")
        ] == ids


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_another_schema_is_noticed(
    liteorm_database: Any, witness: Witness, way: str, change: str
) -> None:
    """Whichever call changes where names lead, what comes next in the transaction knows."""
    keys = itertools.count(1)
    witness.run(TABLE)
    for statement in (
        "DROP SCHEMA IF EXISTS lta CASCADE; CREATE SCHEMA lta",
        f"SET search_path = lta; {TABLE}; RESET search_path",
        """DO $$ BEGIN CREATE ROLE lta;
           EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$""",
        "GRANT ALL ON SCHEMA lta TO lta; GRANT ALL ON lta.item TO lta",
    ):
        witness.run(statement)
    with open(liteorm_database.dsn, max_size=1) as db:
        for _ in range(7):
            db.insert(Item(next(keys), Mood.SAD, [Mood.OK]))
            with db.transaction() as tx:
                WAYS[way](tx, CHANGES[change].format("lta"))
                item = Item(next(keys), Mood.SAD, [Mood.OK])
                assert tx.insert(item) == item
                assert tx.get(Item, item.id) == item
    counted = "SELECT count(*) FROM {}.item"
    assert witness.ask(counted.format("lta")) == witness.ask(counted.format("public")) == [(7,)]


@pytest.mark.parametrize("back", ["RESET ALL", "SET SCHEMA 'public'", "RESET ROLE"])
@pytest.mark.parametrize("name", CALLS)
def test_going_back_to_the_usual_schema_is_noticed(
    liteorm_database: Any, witness: Witness, name: str, back: Any
) -> None:
    """What a transaction has set for itself may end before it does."""
    call, keys = CALLS[name], itertools.count(1)
    change = "role" if back == "RESET ROLE" else "set"
    witness.run(TABLE)
    for statement in (
        "DROP SCHEMA IF EXISTS lta CASCADE; CREATE SCHEMA lta",
        f"SET search_path = lta; {TABLE}; RESET search_path",
        """DO $$ BEGIN CREATE ROLE lta;
           EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$""",
        "GRANT ALL ON SCHEMA lta TO lta; GRANT ALL ON lta.item TO lta",
    ):
        witness.run(statement)
    with open(liteorm_database.dsn, max_size=1) as db:
        for _ in range(7):
            with db.transaction() as tx:
                tx.execute(CHANGES[change].format("lta"))
                call(tx, Item(next(keys), Mood.SAD, [Mood.OK]))
                tx.execute(back)
                call(tx, Item(next(keys), Mood.SAD, [Mood.OK]))
    counted = "SELECT count(*) FROM {}.item WHERE id > 0"
    assert witness.ask(counted.format("lta")) == witness.ask(counted.format("public")) == [(7,)]


@pytest.mark.parametrize("name", CALLS)
def test_types_that_were_created_again_are_looked_up_again(
    liteorm_database: Any, witness: Witness, name: str
) -> None:
    """For parameters as well, at once outside a transaction; inside, at the second attempt."""
    call, keys = CALLS[name], itertools.count(1)
    witness.run(TABLE)
    with open(liteorm_database.dsn, max_size=1) as db:

        def work(tx: Tx) -> None:
            call(tx, Item(next(keys), Mood.SAD, [Mood.OK]))

        for _ in range(3):
            for _ in range(8):
                call(db, Item(next(keys), Mood.SAD, [Mood.OK]))
            witness.run(f"DROP TABLE item; DROP TYPE mood; {TABLE}")
            call(db, Item(next(keys), Mood.SAD, [Mood.OK]))
            witness.run(f"DROP TABLE item; DROP TYPE mood; {TABLE}")
            db.run(work)
