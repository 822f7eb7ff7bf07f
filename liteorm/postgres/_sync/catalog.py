# Generated from liteorm/postgres/_async/catalog.py by .ci/unasync.py: edit that file, not this one.
"""Asks the catalog about types that a result has and the pool has not met."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from liteorm.postgres._sync.connection import Wire
from liteorm.postgres._types.registry import TypeRegistry


def load_types(wire: Wire, registry: TypeRegistry, oids: Iterable[int]) -> None:
    """Look up types by oid, and those they are made of, and register them."""
    lookup = registry.lookup(oids)
    result: Any = None
    while True:
        try:
            sql = lookup.send(result)
        except StopIteration:
            return
        result = wire.run(sql)
