"""Rows back in the order of their objects from servers that do not keep it: those of Citus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, LiteralString

import attrs

from liteorm._core.models.model import Field, Model, Table
from liteorm._core.scanning.scan import scan
from liteorm._core.scanning.types import underlying
from liteorm._core.sql import crud, writable
from liteorm._core.sql.crud import percent
from liteorm._core.sql.text import quoted
from liteorm._core.values.results import Rows
from liteorm.errors import Error
from liteorm.postgres._async.lookup import own_text
from liteorm.postgres._async.statements import AsyncStatements
from liteorm.postgres._reading.results import UnknownTypes, rows_from_result
from liteorm.postgres._session.pipelining import Failure, Sent
from liteorm.postgres._writing.copy import array_parameters
from liteorm.postgres._writing.targets import Target

__all__ = ["Reordered", "insert_reordered", "missing", "reordering"]

_SAME: Final = frozenset({"int2", "int4", "int8", "text", "uuid", "bool"})
"""Types whose values come back as they were sent."""
_AT_ONCE: Final = 1000


@attrs.frozen(eq=False)
class Reordered:
    """How many rows are inserted where the server gives them back in an order of its own."""

    keys: tuple[Field, ...]
    """What tells the rows apart if it is sent; none if the rows go one by one."""
    all_sql: LiteralString
    """Inserts all, and gives the keys behind the columns."""
    one_sql: LiteralString


def reordering(
    model: Model,
    table: Table,
    returned: Model,
    target: Target,
    insert: str,
    unset: tuple[Field, ...],
) -> Reordered:
    """Return how rows of a class are inserted into a table that keeps no order.

    Args:
        model: The class.
        table: The table.
        returned: What the rows come back as.
        target: Where the objects go.
        insert: The INSERT of arrays.
        unset: The fields that are left out.
    """
    sent = {column.field.name: column for column in target.columns}
    fields = [model.field(name) for name in table.key]
    keys = tuple(field for field in fields if field is not None and field.name in sent)
    sure = len(keys) == len(fields) and all(
        field.encode is None and underlying(sent[field.name].encoder.pgtype).base in _SAME
        for field in keys
    )
    more = "".join(
        f", {percent(quoted(field.column))} AS {percent(quoted(f'liteorm key {place}'))}"
        for place, field in enumerate(keys)
    )
    one = crud.insert_statement(model, table, returned, unset)
    return Reordered(keys if sure else (), own_text(insert + more), own_text(one.sql))


async def insert_reordered(
    session: AsyncStatements,
    how: Reordered,
    target: Target,
    objects: list[Any],
    start: int,
    wanted: Any,
) -> list[Any]:
    """Insert objects; return the rows as stored, in the objects' order."""
    model = target.model
    keys = [tuple([writable.value_of(model, field, obj) for field in how.keys]) for obj in objects]
    if not how.keys or len(set(keys)) != len(keys):
        return await _one_by_one(session, how, target, objects, start, wanted)
    rows = await session.query(
        how.all_sql, array_parameters(target, session._state.adapters, objects, start)
    )
    if len(rows) != len(objects):
        raise missing(target, len(objects), len(rows))
    places = {key: place for place, key in enumerate(keys)}
    width = len(how.keys)
    found = [places.pop(tuple(row[-width:]), None) for row in rows]
    if places:
        raise Error(
            f"rows of {target.table.text} came back with other keys than were sent; "
            "nothing is stored",
            table=target.table.name,
            schema=target.table.schema,
        )
    stored: list[Any] = [None] * len(objects)
    for place, obj in zip(found, scan(rows, wanted, extra="ignore"), strict=True):
        if wanted is dict:
            obj = {name: obj[name] for name in list(obj)[:-width]}
        assert place is not None
        stored[place] = obj
    return stored


async def _one_by_one(
    session: AsyncStatements,
    how: Reordered,
    target: Target,
    objects: Sequence[Any],
    start: int,
    wanted: Any,
) -> list[Any]:
    """Insert each with a statement of its own; many of them in one round trip."""
    stored: list[Any] = []
    for first in range(0, len(objects), _AT_ONCE):
        some = objects[first : first + _AT_ONCE]
        target.check_classes(some, start + first)
        try:
            sent = [Sent(how.one_sql, target.parameters(obj)) for obj in some]
        except Exception as exc:
            target.blame(some, start + first, exc)
            raise
        place = 0
        try:
            async with session._connection("insert_returning", how.one_sql) as wire:
                try:
                    results = await wire.run_batch(sent, False)
                except Failure as failure:
                    place = failure.place
                    raise failure.take() from None
                rows = [await _rows(session, wire, result) for result in results]
        except Error as exc:
            exc.row = start + first + place
            exc.message = f"{exc.message} (at object {exc.row})"
            exc.args = (exc.message,)
            raise
        if lost := sum(not len(row) for row in rows):
            raise missing(target, len(objects), len(objects) - lost)
        stored += [each for row in rows for each in scan(row, wanted)]
    return stored


async def _rows(session: AsyncStatements, wire: Any, result: Any) -> Rows:
    try:
        return rows_from_result(result, session._state.types.known)
    except UnknownTypes as unknown:
        return await session._rows_of_new_types(wire, result, unknown)


def missing(target: Target, sent: int, came: int) -> Error:
    """Return the error for rows that did not come back."""
    return Error(
        f"{sent - came} of {sent} rows did not come back: a trigger or "
        f"rule of {target.table.text} suppressed them or stored them elsewhere"
        + ("; nothing is stored" if sent > 1 else ""),
        table=target.table.name,
        schema=target.table.schema,
        hint="use insert_many, which returns no rows",
    )
