# Generated from liteorm/postgres/_async/catalog.py by .ci/unasync.py: edit that file, not this one.
"""Asks the catalog: about types that a result has and the pool has not met, and the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from liteorm.postgres._sync.connection import Wire
from liteorm.postgres._types.coded import Encoded
from liteorm.postgres._types.registry import CUSTOM_SQL, KnownTypes, TypeRegistry


def ask(
    wire: Wire,
    sql: Any,
    params: Sequence[Any] | None,
    *,
    prepare: bool | None = None,
    binary: bool | None = None,
) -> list[tuple[Any, ...]]:
    """Put a question to the catalog; return its rows, as the driver loads them.

    Where the server has dropped the question as prepared, unseen, it is asked anew: else each
    further one on the connection would name what is not there.

    Args:
        wire: The connection.
        sql: The question.
        params: Its parameters.
        prepare: As the driver's `execute` takes it: True to prepare it at its first use.
        binary: Likewise, the form of the answer.
    """
    cursor = wire.cursor(row_factory=tuple_row)
    try:
        cursor.execute(sql, params, prepare=prepare, binary=binary)
    except psycopg.Error as exc:
        if not wire.forget_stale(exc):
            raise
        cursor.execute(sql, params, prepare=prepare, binary=binary)
    return cursor.fetchall() if cursor.description else []


def load_types(wire: Wire, registry: TypeRegistry, oids: Iterable[int]) -> KnownTypes:
    """Look up types by oid, and those they are made of; return what is known with them."""
    lookup = registry.lookup(oids)
    result: Any = None
    while True:
        try:
            sql = lookup.send(result)
        except StopIteration as end:
            known: KnownTypes = end.value
            return known
        result = wire.run(sql)


def load_custom(wire: Wire, registry: TypeRegistry) -> None:
    """Look up the custom types by name, so that parameters can say what they are."""
    names = [custom.name for custom in registry.custom.given]
    result = wire.run(CUSTOM_SQL, [Encoded(names)])
    found = {
        int.from_bytes(result.get_value(row, 0), "big"): result.get_value(row, 1)
        for row in range(result.ntuples)
    }
    if found:
        load_types(wire, registry, found)
        arrays = {oid: int.from_bytes(array, "big") for oid, array in found.items()}
        registry.custom.array_oids.update(arrays)
