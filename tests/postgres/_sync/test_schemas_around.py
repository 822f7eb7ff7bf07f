# Generated from tests/postgres/_async/test_schemas_around.py by .ci/unasync.py: edit that file, not this one.
"""A search_path that was set around a call: on a held connection, by its owner, by a function."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from typing import Any, Final

import psycopg
import pytest

import liteorm
from liteorm.postgres import open, session
from tests.postgres._sync.test_tenants import CALLS, TABLE, Item, Mood
from tests.postgres.support import Witness



def _batched(session: Any, text: Any) -> None:
    with session.batch() as batch:
        batch.execute("SELECT 1")
        batch.execute(text)


def _in_transaction(session: Any, text: Any) -> None:
    with session.transaction() as tx:
        tx.execute(text)


AROUND: Final[dict[str, Callable[[Any, Any], Awaitable[Any]]]] = {
    "execute": lambda session, text: session.execute(text),
    "script": lambda session, text: session.execute(f"SELECT 1; {text}"),
    "batch": _batched,
    "execute_many": lambda session, text: session.execute_many(text, [()]),
    "transaction": _in_transaction,
    "parameters": lambda session, text: session.query(
        "SELECT set_config(%s, %s, false)", ["search_path", text.split()[-1]]
    ),
}


def tenants(witness: Witness) -> None:
    """Make two schemas with tables and types of the same names."""
    for tenant in ("lta", "ltb"):
        witness.run(f"DROP SCHEMA IF EXISTS {tenant} CASCADE; CREATE SCHEMA {tenant}")
        witness.run(f"SET search_path = {tenant}; {TABLE}")


def attempted(call: Any, *args: Any) -> liteorm.Error | None:
    """Return the error that a call fails with."""
    try:
        call(*args)
    except liteorm.StatementError as error:
        return error
    return None


def ids(witness: Witness, tenant: str) -> list[int]:
    """Return what is in a tenant's table."""
    return [row[0] for row in witness.ask(f"SELECT id FROM {tenant}.item WHERE id > 0 ORDER BY id")]


@pytest.mark.parametrize("inside", [False, True], ids=["autocommit", "transaction"])
@pytest.mark.parametrize("way", AROUND)
def test_a_held_connection_that_changes_schemas(
    liteorm_database: Any, witness: Witness, way: str, inside: bool
) -> None:
    """What was set on a connection holds for every call on it, also in its transactions."""
    tenants(witness)
    keys = itertools.count(1)
    stored: dict[str, list[int]] = {"lta": [], "ltb": []}
    with open(liteorm_database.dsn, max_size=1) as db:
        with db.connection() as connection:
            for _, (tenant, call) in itertools.product(
                range(7), itertools.product(stored, CALLS.values())
            ):
                item = Item(next(keys), Mood.SAD, [Mood.OK])
                AROUND[way](connection, f"SET search_path = {tenant}")
                if inside:
                    with connection.transaction() as tx:
                        call(tx, item)
                else:
                    call(connection, item)
                stored[tenant].append(item.id)
        assert list(db.query("SHOW search_path")) == [('"$user", public',)]
    assert {tenant: ids(witness, tenant) for tenant in stored} == stored


@pytest.mark.parametrize("name", CALLS)
def test_an_owner_who_changes_schemas(
    liteorm_database: Any, witness: Witness, name: str
) -> None:
    """It is noticed where the server reports it (from 18 on); else the second attempt goes."""
    tenants(witness)
    keys = itertools.count(1)
    stored: dict[str, list[int]] = {"lta": [], "ltb": []}
    refused: list[liteorm.Error] = []
    dsn = liteorm_database.dsn
    with psycopg.Connection.connect(dsn) as owner:
        reports = owner.info.server_version >= 180000
        for _, tenant in itertools.product(range(4), stored):
            items = [Item(next(keys), Mood.SAD, [Mood.OK]) for _ in range(2)]
            change: Any = f"SET search_path = {tenant}"
            owner.execute(change)
            first = attempted(CALLS[name], session(owner), items[0])
            if first is not None:
                refused.append(first)
                owner.rollback()
                owner.execute(change)
                CALLS[name](session(owner), items[1])
            owner.commit()
            stored[tenant].append(items[first is not None].id)
    assert all(error.retryable and "run the transaction again" in str(error) for error in refused)
    assert not (reports and refused)
    assert {tenant: ids(witness, tenant) for tenant in stored} == stored


@pytest.mark.parametrize("name", CALLS)
def test_a_function_that_changes_schemas(
    liteorm_database: Any, witness: Witness, name: str
) -> None:
    """No text tells, but the server does, from 18 on: in a transaction and around it."""
    tenants(witness)
    witness.run("""CREATE FUNCTION public.serve(tenant text, only_here bool) RETURNS text
        LANGUAGE sql AS $$ SELECT set_config('search_path', tenant, only_here) $$""")
    if witness.ask("SHOW server_version_num") < [("180000",)]:
        pytest.skip("the server does not report its search_path")
    keys = itertools.count(1)
    stored: dict[str, list[int]] = {"lta": [], "ltb": []}
    serve, call = "SELECT public.serve(%s, %s)", CALLS[name]
    with open(liteorm_database.dsn, max_size=1) as db:
        for _, tenant in itertools.product(range(7), stored):
            items = [Item(next(keys), Mood.SAD, [Mood.OK]) for _ in range(3)]
            with db.transaction() as tx:
                tx.query(serve, [tenant, True])
                call(tx, items[0])
            with db.connection() as connection:
                connection.query(serve, [tenant, False])
                call(connection, items[1])
                with connection.transaction() as tx:
                    call(tx, items[2])
            stored[tenant] += [item.id for item in items]
    assert {tenant: ids(witness, tenant) for tenant in stored} == stored
