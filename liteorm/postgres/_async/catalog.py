"""Asks the catalog about types that a result has and the pool has not met."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import tuple_row

from liteorm.postgres._types.registry import CATALOG_SQL, MONEY_SQL, CatalogRow, TypeRegistry


async def load_types(
    connection: AsyncConnection[Any], registry: TypeRegistry, oids: Iterable[int]
) -> None:
    """Look up types by oid, and those they are made of, and register them."""
    asked = wanted = set(oids)
    if registry.wants_money(wanted):
        await load_money(connection, registry)
        wanted = wanted - registry.types.keys()
    rows: list[CatalogRow] = []
    known: set[int] = set()
    while wanted:
        cursor = connection.cursor(row_factory=tuple_row)
        await cursor.execute(CATALOG_SQL, (list(wanted),), binary=False)
        found = await cursor.fetchall()
        rows += found
        known |= wanted
        wanted = registry.missing(rows) - known
    registry.add(rows, asked)
    if registry.wants_money(asked):
        await load_money(connection, registry)


async def load_money(connection: AsyncConnection[Any], registry: TypeRegistry) -> None:
    """Ask the server how many decimals its currency has."""
    cursor = connection.cursor()
    await cursor.execute(MONEY_SQL, binary=True)
    result = cursor.pgresult
    data = result.get_value(0, 0) if result is not None else None
    registry.set_money_unit(int.from_bytes(data, "big") if data else 100)
