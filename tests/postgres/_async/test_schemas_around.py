"""A search_path that was set around a call: on a held connection, by its owner, by a function."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from typing import Any, Final

import psycopg
import pytest

import liteorm
from liteorm.postgres import open_async, session_async
from tests.postgres._async.test_tenants import CALLS, TABLE, Item, Mood
from tests.postgres.support import Witness

pytestmark = pytest.mark.anyio


async def _batched(session: Any, text: Any) -> None:
    async with session.batch() as batch:
        batch.execute("SELECT 1")
        batch.execute(text)


async def _in_transaction(session: Any, text: Any) -> None:
    async with session.transaction() as tx:
        await tx.execute(text)


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


async def attempted(call: Any, *args: Any) -> liteorm.Error | None:
    """Return the error that a call fails with."""
    try:
        await call(*args)
    except liteorm.StatementError as error:
        return error
    return None


def ids(witness: Witness, tenant: str) -> list[int]:
    """Return what is in a tenant's table."""
    return [row[0] for row in witness.ask(f"SELECT id FROM {tenant}.item WHERE id > 0 ORDER BY id")]


@pytest.mark.parametrize("inside", [False, True], ids=["autocommit", "transaction"])
@pytest.mark.parametrize("way", AROUND)
async def test_a_held_connection_that_changes_schemas(
    liteorm_database: Any, witness: Witness, way: str, inside: bool
) -> None:
    """What was set on a connection holds for every call on it, also in its transactions."""
    tenants(witness)
    keys = itertools.count(1)
    stored: dict[str, list[int]] = {"lta": [], "ltb": []}
    async with await open_async(liteorm_database.dsn, max_size=1) as db:
        async with db.connection() as connection:
            for _, (tenant, call) in itertools.product(
                range(7), itertools.product(stored, CALLS.values())
            ):
                item = Item(next(keys), Mood.SAD, [Mood.OK])
                await AROUND[way](connection, f"SET search_path = {tenant}")
                if inside:
                    async with connection.transaction() as tx:
                        await call(tx, item)
                else:
                    await call(connection, item)
                stored[tenant].append(item.id)
        assert list(await db.query("SHOW search_path")) == [('"$user", public',)]
    assert {tenant: ids(witness, tenant) for tenant in stored} == stored


@pytest.mark.parametrize("name", CALLS)
async def test_an_owner_who_changes_schemas(
    liteorm_database: Any, witness: Witness, name: str
) -> None:
    """It is noticed where the server reports it (from 18 on); else the second attempt goes."""
    tenants(witness)
    keys = itertools.count(1)
    stored: dict[str, list[int]] = {"lta": [], "ltb": []}
    refused: list[liteorm.Error] = []
    dsn = liteorm_database.dsn
    async with await psycopg.AsyncConnection.connect(dsn) as owner:
        reports = owner.info.server_version >= 180000
        for _, tenant in itertools.product(range(4), stored):
            items = [Item(next(keys), Mood.SAD, [Mood.OK]) for _ in range(2)]
            change: Any = f"SET search_path = {tenant}"
            await owner.execute(change)
            first = await attempted(CALLS[name], session_async(owner), items[0])
            if first is not None:
                refused.append(first)
                await owner.rollback()
                await owner.execute(change)
                await CALLS[name](session_async(owner), items[1])
            await owner.commit()
            stored[tenant].append(items[first is not None].id)
    assert all(error.retryable and "run the transaction again" in str(error) for error in refused)
    assert not (reports and refused)
    assert {tenant: ids(witness, tenant) for tenant in stored} == stored


@pytest.mark.parametrize("name", CALLS)
async def test_a_function_that_changes_schemas(
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
    async with await open_async(liteorm_database.dsn, max_size=1) as db:
        for _, tenant in itertools.product(range(7), stored):
            items = [Item(next(keys), Mood.SAD, [Mood.OK]) for _ in range(3)]
            async with db.transaction() as tx:
                await tx.query(serve, [tenant, True])
                await call(tx, items[0])
            async with db.connection() as connection:
                await connection.query(serve, [tenant, False])
                await call(connection, items[1])
                async with connection.transaction() as tx:
                    await call(tx, items[2])
            stored[tenant] += [item.id for item in items]
    assert {tenant: ids(witness, tenant) for tenant in stored} == stored
