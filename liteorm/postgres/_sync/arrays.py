# Generated from liteorm/postgres/_async/arrays.py by .ci/unasync.py: edit that file, not this one.
"""Many rows as one array for each column: inserted, updated and deleted in one statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, LiteralString, TypeVar

import attrs

from liteorm._core.models.classes import model_of
from liteorm._core.models.model import Field, Model, Table
from liteorm._core.scanning.scan import scan
from liteorm._core.sql import bulk, writable
from liteorm.errors import DataError, Error
from liteorm.postgres._sync.guarded import NotAll, insert_guarded
from liteorm.postgres._sync.lookup import (
    is_outdated,
    looked_up,
    own_text,
    read_back,
    remembered,
    writing_of,
)
from liteorm.postgres._sync.one_row import identity, may_misread, returned_model, weak
from liteorm.postgres._sync.reordering import Reordered, insert_reordered, missing, reordering
from liteorm.postgres._sync.statements import Statements
from liteorm.postgres._writing.chunks import Chunks, Objects
from liteorm.postgres._writing.copy import array_parameters
from liteorm.postgres._writing.faults import name_field
from liteorm.postgres._writing.readable import readable_if
from liteorm.postgres._writing.targets import Target

__all__ = [
    "ARRAY_ROWS",
    "delete_many",
    "insert_returning",
    "twice",
    "update_arrays",
]

T = TypeVar("T")

ARRAY_ROWS: Final = 20_000
"""Rows whose arrays are sent in one statement; more go in several, in one transaction."""
_MERGE_RETURNS: Final = 170000
"""Since this version MERGE has RETURNING."""
_CARDINALITY: Final = "21000"


@attrs.frozen(eq=False)
class _Call:
    """A statement that takes arrays, ready to be run."""

    sql: LiteralString
    target: Target
    reordered: Reordered | None = None
    """How rows come into order that the server does not keep."""
    guarded: LiteralString | None = None
    """The same, failing unless all rows come back and can be read: where that is certain then."""


def twice(model: Model, keys: Sequence[Field], table: Table) -> DataError:
    """Return the error for two objects that are for one row."""
    names = f" ({', '.join(field.init_name for field in keys)})" if keys else ""
    return DataError(
        f"a key of {model.name}{names} comes twice in the objects for {table.text}",
        sqlstate=_CARDINALITY,
        table=table.name,
        schema=table.schema,
        field=keys[0].init_name if len(keys) == 1 else None,
        hint="send each key once: which of the objects counts is not for the database to guess",
    )


def insert_returning(
    session: Statements, objs: Iterable[Any], returning: Any, table: Any
) -> list[Any]:
    """Insert the objects' rows; return the rows as stored, in the same order."""
    objects = list(objs)
    if not objects:
        return []
    if returning is None and (model := writable.model_of_object(objects[0])).bound is not None:
        for obj in objects:
            writable.refuse_unbound(model, obj)
    wanted: Any = returning or writable.class_of(objects[0])
    call = _returning(session, objects[0], returning, table)
    try:
        return _insert_all(session, call, objects, wanted)
    except Error as exc:
        if not call.target.may_be_stale(exc):
            raise
        session._state.forget()
        try:
            again = _returning(session, objects[0], returning, table)
        except Error:
            raise exc from exc.__cause__
        if again.target.same_place(call.target):
            raise
        return _insert_all(session, again, objects, wanted)


def _insert_all(
    session: Statements, call: _Call, objects: list[Any], wanted: Any
) -> list[Any]:
    """Insert in one transaction: a row that does not come back, or unreadable, undoes all."""
    model = call.target.model
    other = None if wanted is model.cls else wanted
    if len(objects) == 1 and call.reordered is None and not may_misread(model, other, objects[0]):
        # Nothing to undo.
        return _insert_some(session, call, objects, 0, wanted)
    if call.guarded is not None and len(objects) <= ARRAY_ROWS:
        try:
            return insert_guarded(session, call.guarded, call.target, objects, wanted)
        except NotAll:
            pass  # nothing is stored, and why will be said
    stored: list[Any] = []
    with session.transaction() as tx:
        for start in range(0, len(objects), ARRAY_ROWS):
            some = objects[start : start + ARRAY_ROWS]
            if call.reordered is None:
                stored += _insert_some(tx, call, some, start, wanted)
            else:
                stored += insert_reordered(
                    tx, call.reordered, call.target, some, start, wanted
                )
    return stored


def _returning(session: Statements, first: Any, returning: Any, table: Any) -> _Call:
    """Return the statement that inserts arrays of a class's columns."""
    writing = writing_of(session._state)
    model = writable.model_of_object(first)
    unset = writable.unset_fields(model, first)
    into = writable.table_for(model, table)
    of, key = identity(first), ("returning", weak(table), weak(returning), unset)
    path = session._path()
    found: _Call | None = writing.call(of, (path, key))
    if found is not None:
        return found
    returned = returned_model(model, returning)
    asked = writable.sent_fields(model)
    fields = writable.some_fields(model, writable.without(asked, unset))
    left_out = tuple(field for field in asked if field in unset)
    target, version = looked_up(
        session, model, into, fields, returned=returned, inserts=True, left_out=left_out, whole=True
    )
    types = [column.array for column in target.columns]
    merge = version >= _MERGE_RETURNS and target.traits.takes_merge
    text = bulk.insert_returning_text(returned, into, fields, types, merge=merge)
    guarded = None
    conditions = readable_if(session._state.types.known, target, returned)
    if conditions is not None and target.traits.takes_with:
        guarded = own_text(
            bulk.guarded_insert_text(returned, into, fields, types, conditions, merge=merge)
        )
    reordered = None
    if not target.traits.keeps_order:
        reordered = reordering(model, into, returned, target, text, unset)
    made = _Call(own_text(text), target, reordered, guarded)
    writing.keep(of, (path, key), made)
    return made


def _insert_some(
    session: Statements, call: _Call, objects: list[Any], start: int, wanted: Any
) -> list[Any]:
    target = call.target
    arrays = array_parameters(target, session._state.adapters, objects, start)
    try:
        rows = session.query(call.sql, arrays)
    except Error as exc:
        name_field(exc, target, objects, start)
        raise
    if len(rows) != len(objects):
        raise missing(target, len(objects), len(rows))
    return read_back(session, scan, rows, wanted)


def update_arrays(
    session: Statements,
    target: Target,
    changed: Sequence[Field],
    keys: Sequence[Field],
    objects: list[Any],
) -> int:
    """Update rows by key in one statement, or none if a key comes twice; return how many."""
    types = [column.array for column in target.columns]
    sql = bulk.update_arrays_text(target.model, target.table, changed, types)
    arrays = array_parameters(target, session._state.adapters, objects, 0)
    try:
        with (use := session._connection("update_many", sql, arrays)) as wire:
            result = wire.run(sql, arrays)
            if result.get_value(0, 1) == b"\1":
                raise twice(target.model, keys, target.table)
            use.rows = count = int.from_bytes(result.get_value(0, 0) or b"", "big")
    except Error as exc:
        name_field(exc, target, objects, 0)
        raise
    return count


def delete_many(session: Statements, cls: Any, keys: Objects) -> int:
    """Delete the rows with these keys, or none; return how many there were."""
    model = model_of(cls)
    table = writable.table_for(model)
    fields = writable.key_fields(model, table)
    chunks = Chunks(keys)

    def held(key: Any) -> dict[str, Any]:
        parts = writable.key_parts(model, fields, key)
        return {field.name: part for field, part in zip(fields, parts, strict=True)}

    objects = [held(key) for key in chunks.take(ARRAY_ROWS)]
    if not objects:
        return 0
    asked = attrs.evolve(model, cls=dict, kind="typeddict", fields=fields)

    def look() -> tuple[Target, int]:
        return looked_up(session, asked, table, fields)

    target, known = remembered(session, cls, "delete_many", look)
    if len(objects) < ARRAY_ROWS:
        try:
            return _delete(session, target, objects, 0)
        except Error as exc:
            if not (known and is_outdated(session, target, exc)):
                raise
        return _delete(session, (look())[0], objects, 0)
    count = start = 0
    with session.transaction() as tx:
        while objects:
            count += _delete(tx, target, objects, start)
            start += len(objects)
            objects = [held(key) for key in chunks.take(ARRAY_ROWS)]
    return count


def _delete(session: Statements, target: Target, objects: list[Any], start: int) -> int:
    columns = target.columns
    sql = bulk.delete_arrays_text(
        target.table, [each.field for each in columns], [each.array for each in columns]
    )
    arrays = array_parameters(target, session._state.adapters, objects, start)
    try:
        with (use := session._connection("delete_many", sql, arrays)) as wire:
            result = wire.run(sql, arrays)
            use.rows = count = int(result.command_tuples or 0)
    except Error as exc:
        name_field(exc, target, objects, start)
        raise
    return count
