"""Asks the catalog about types that a result has and the pool has not met."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from liteorm.postgres._async.connection import AsyncWire
from liteorm.postgres._types.registry import TypeRegistry


async def load_types(wire: AsyncWire, registry: TypeRegistry, oids: Iterable[int]) -> None:
    """Look up types by oid, and those they are made of, and register them."""
    lookup = registry.lookup(oids)
    result: Any = None
    while True:
        try:
            sql = lookup.send(result)
        except StopIteration:
            return
        result = await wire.run(sql)
