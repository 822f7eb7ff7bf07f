"""Asks the catalog about types that a result has and the pool has not met."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from liteorm.postgres._async.connection import AsyncWire
from liteorm.postgres._types.coded import Encoded
from liteorm.postgres._types.registry import CUSTOM_SQL, KnownTypes, TypeRegistry


async def load_types(wire: AsyncWire, registry: TypeRegistry, oids: Iterable[int]) -> KnownTypes:
    """Look up types by oid, and those they are made of; return what is known with them."""
    lookup = registry.lookup(oids)
    result: Any = None
    while True:
        try:
            sql = lookup.send(result)
        except StopIteration as end:
            known: KnownTypes = end.value
            return known
        result = await wire.run(sql)


async def load_custom(wire: AsyncWire, registry: TypeRegistry) -> None:
    """Look up the custom types by name, so that parameters can say what they are."""
    names = [custom.name for custom in registry.custom.given]
    result = await wire.run(CUSTOM_SQL, [Encoded(names)])
    found = {
        int.from_bytes(result.get_value(row, 0), "big"): result.get_value(row, 1)
        for row in range(result.ntuples)
    }
    if found:
        await load_types(wire, registry, found)
        arrays = {oid: int.from_bytes(array, "big") for oid, array in found.items()}
        registry.custom.array_oids.update(arrays)
