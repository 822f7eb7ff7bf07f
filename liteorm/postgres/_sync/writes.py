# Generated from liteorm/postgres/_async/writes.py by .ci/unasync.py: edit that file, not this one.
"""Writing objects: one by a statement, many by COPY or arrays; parameter sets in a pipeline."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any, Final, LiteralString, TypeAlias, TypeVar

import attrs
import psycopg
from psycopg import pq
from psycopg.copy import LibpqWriter

from liteorm._core.contracts import Names
from liteorm._core.models.classes import Field, Model, Table, model_of
from liteorm._core.scanning.scan import scan, scan_one
from liteorm._core.sql import crud
from liteorm._core.sql.text import quoted
from liteorm._core.values.results import Rows
from liteorm.errors import DataError, Error, NoRows
from liteorm.postgres._sync.connection import Wire
from liteorm.postgres._sync.lookup import (
    forget,
    looked_up,
    own_text,
    target_for,
    writing_of,
)
from liteorm.postgres._sync.statements import Statements
from liteorm.postgres._session.options import CLEANUP_BOUND
from liteorm.postgres._session.outcomes import mark_stored
from liteorm.postgres._session.primitives import finish
from liteorm.postgres._session.protocol import copy_end_step, copy_step
from liteorm.postgres._writing.chunks import Chunks, Objects
from liteorm.postgres._writing.copy import (
    ABANDONED,
    FIRST_CHUNK,
    CopyData,
    Objection,
    Refused,
    array_parameters,
    is_abandoned,
    is_second_time,
    locate,
)
from liteorm.postgres._writing.targets import Target

T = TypeVar("T")
StatementFor: TypeAlias = Callable[[Model, Table], crud.TableStatement]

_ACTIVE: Final = pq.TransactionStatus.ACTIVE
_PROGRESS_SECONDS: Final = 0.05
_ARRAY_ROWS: Final = 20_000
"""Rows whose arrays are sent in one statement; more go in several, in one transaction."""
_MERGE_RETURNS: Final = 170000
"""Since this version MERGE has RETURNING."""
_CARDINALITY: Final = "21000"
_numbers = itertools.count(1)


@attrs.frozen(eq=False)
class _Call:
    """A statement on one row of a class, ready to be run."""

    model: Model
    sql: LiteralString
    target: Target


def insert(session: Statements, obj: T) -> T:
    """Insert an object's row; return the row as stored."""
    return _one(session, "insert", obj, crud.insert_statement, _suppressed)


def update(session: Statements, obj: T) -> T:
    """Update the row with the object's key; return the row as stored."""
    return _one(session, "update", obj, crud.update_statement, _unmatched)


def upsert(session: Statements, obj: T, conflict: Names) -> T:
    """Insert an object's row, or update the one in its place; return the row as stored."""
    names = (conflict,) if isinstance(conflict, str) else conflict and tuple(conflict)
    return _one(
        session,
        ("upsert", names),
        obj,
        lambda model, table: crud.upsert_statement(model, table, names),
        _suppressed,
    )


def delete(session: Statements, obj: Any) -> bool:
    """Delete the row with the object's key; return whether there was one."""
    return len(_run(session, "delete", obj, crud.delete_statement)) > 0


def get(session: Statements, cls: type[T], key: Any) -> T:
    """Return the object with that key."""
    model: Any = cls
    sql, keys, plain = _get_text(model)
    # The one case worth a short cut: a key of one field, sent as it is.
    short = plain and not issubclass(type(key), tuple)
    values = (key,) if short else crud.key_values(model_of(cls), keys, key)
    rows = session.query(sql, values)
    if not len(rows):
        absent = model_of(cls)
        raise _absent(absent, crud.table_for(absent))
    return scan_one(rows, cls)


@functools.lru_cache(maxsize=1024)
def _get_text(cls: Any) -> tuple[LiteralString, tuple[Field, ...], bool]:
    model = model_of(cls)
    statement = crud.get_statement(model, crud.table_for(model))
    plain = len(statement.fields) == 1 and statement.fields[0].codec is None
    return own_text(statement.sql), statement.fields, plain


def _absent(model: Model, table: Table) -> NoRows:
    return NoRows(
        f'table "{table.text}" has no row with that key ({", ".join(table.key)}), '
        f"asked for as {model.name}",
        table=table.name,
        schema=table.schema,
    )


def _unmatched(obj: Any) -> NoRows:
    model = crud.model_of_object(obj)
    return _absent(model, crud.table_for(model))


def _suppressed(obj: Any) -> NoRows:
    table = crud.table_for(crud.model_of_object(obj))
    return NoRows(
        f"no row came back: a trigger or rule of {table.text} suppressed it or stored it elsewhere",
        table=table.name,
        schema=table.schema,
        hint="use insert_many, which returns no rows",
    )


def _one(
    session: Statements,
    kind: Any,
    obj: T,
    statement_for: StatementFor,
    missing: Callable[[Any], NoRows],
) -> T:
    """Run a statement on an object; return the row that comes back."""
    cls: Any = obj.__class__
    rows = _run(session, kind, obj, statement_for)
    if not len(rows):
        raise missing(obj)
    try:
        stored: T = scan_one(rows, cls)
    except Exception as exc:
        if session._autocommit:
            mark_stored(exc)
        raise
    return stored


def _run(session: Statements, kind: Any, obj: Any, statement_for: StatementFor) -> Rows:
    """Run a statement on an object, once more if types had changed since they were looked up."""
    call = _call(session, kind, obj, statement_for)
    try:
        return _rows(session, call, obj)
    except Error as exc:
        if not call.target.may_be_stale(exc):
            raise
        again = _called_again(session, kind, obj, statement_for)
        if again is None or again.target.types == call.target.types:
            raise
        return _rows(session, again, obj)


def _rows(session: Statements, call: _Call, obj: Any) -> Rows:
    try:
        values = call.target.parameters(obj)
    except Exception as exc:
        call.target.blame((obj,), None, exc)
        raise
    try:
        return session.query(call.sql, values)
    except DataError as exc:
        # The server and the driver know no fields.
        error = call.target.misfit(obj, None)
        if error is None:
            raise
        error.sqlstate = exc.sqlstate
        raise error from exc.__cause__


def _called_again(
    session: Statements,
    kind: Any,
    obj: Any,
    statement_for: StatementFor,
) -> _Call | None:
    """Look up the columns again: their types may have been changed, or dropped and created."""
    forget(session._state)
    try:
        return _call(session, kind, obj, statement_for)
    except Error:
        # In a transaction, which the first error has ended.
        return None


def _call(
    session: Statements,
    kind: Any,
    obj: Any,
    statement_for: StatementFor,
) -> _Call:
    writing = writing_of(session._state)
    cls: Any = obj.__class__
    found: _Call | None = writing.call((kind, cls))
    if found is not None:
        return found
    model = crud.model_of_object(obj)
    table = crud.table_for(model)
    statement = statement_for(model, table)
    target, _ = looked_up(
        session,
        model,
        table,
        statement.fields,
        returning=kind != "delete",
        inserts=kind == "insert",
    )
    made = _Call(model, own_text(statement.sql), target)
    writing.keep((kind, cls), made)
    return made


def insert_many(
    session: Statements,
    objs: Objects,
    *,
    table: str | None,
    columns: Names,
    progress: Callable[[int], object] | None,
) -> int:
    """Insert all of the objects by COPY, or none; return how many."""
    chunks = Chunks(objs)
    first = chunks.take(FIRST_CHUNK)
    if not first:
        return 0
    model = crud.model_of_object(first[0])
    into = crud.table_for(model, table)
    fields = crud.sent_fields(model, columns)
    name = crud.table_name(into)
    target: Target | None = None
    try:
        with (
            use := session._connection("insert_many", crud.copy_text(name, fields, binary=True))
        ) as wire:
            target = target_for(session._state, wire, model, into, fields)
            data = CopyData(target, session._state.adapters)
            use.sql = crud.copy_text(name, fields, binary=data.binary)
            use.rows = _copy(wire, use.sql, data, first, chunks, progress)
        return use.rows
    except Error as exc:
        _locate(session, exc, target)
        raise


def _locate(session: Statements, exc: Error, target: Target | None) -> None:
    """Add to the server's error which object it was about."""
    if target is None:
        return
    if target.may_be_stale(exc):
        forget(session._state)
    if exc.row is None:
        locate(exc, target)


def _copy(
    wire: Wire,
    sql: str,
    data: CopyData,
    first: list[Any],
    chunks: Chunks,
    progress: Callable[[int], object] | None,
) -> int:
    """Send all rows; the first ones are encoded before the server hears of it."""
    data.add(first)
    cursor = wire.cursor()
    # Not cursor.copy(): it would only log the server's error when rows end early because of it.
    wire.wait(copy_step(wire.pgconn, sql))
    writer = LibpqWriter(cursor)
    objection = Objection(wire)
    told = monotonic()
    try:
        while chunk := chunks.take(data.wanted):
            data.add(chunk)
            if (batch := data.batch()) is None:
                continue
            writer.write(batch)
            now = monotonic()
            if objection.raised(now):
                raise Refused
            if progress is not None and now - told >= _PROGRESS_SECONDS:
                progress(data.rows)
                told = now
        writer.write(data.last())
        if progress is not None:
            # Before the end, which stores the rows: what it raises stores nothing.
            progress(data.rows)
    except BaseException as exc:
        if wire.pgconn.transaction_status == _ACTIVE:
            # Else the server's answer has been read already, or the connection is gone.
            wire.limit(CLEANUP_BOUND)
            finish(_abandon(wire, exc))
        raise
    finally:
        objection.close()
    result = wire.wait(copy_end_step(wire.pgconn, None))
    # What the server counted: a trigger may have suppressed rows.
    return int(result.command_tuples or 0)


def _abandon(wire: Wire, reason: BaseException) -> bool:
    """End a COPY without storing anything, and bring the connection back into order."""
    try:
        wire.wait(copy_end_step(wire.pgconn, ABANDONED))
    except psycopg.Error as exc:
        # An error that the server had before it heard of ours is the reason; also a timeout of
        # its own, which has the code of ours.
        if isinstance(reason, Refused | psycopg.Error) and not is_abandoned(exc):
            raise
    if isinstance(reason, Refused):
        raise Error("the server broke off the COPY without saying why") from None
    return True


def upsert_many(
    session: Statements,
    objs: Objects,
    *,
    conflict: Names,
    update: Names,
    table: str | None,
) -> int:
    """Insert or update the rows of all of the objects, or none; return how many."""
    chunks = Chunks(objs)
    first = chunks.take(FIRST_CHUNK)
    if not first:
        return 0
    model = crud.model_of_object(first[0])
    into = crud.table_for(model, table)
    fields = crud.sent_fields(model)
    keys = crud.conflict_fields(model, into, conflict, fields)
    changed = (
        tuple(field for field in fields if field not in keys)
        if update is None
        else crud.fields_named(model, update, "update")
    )
    staging = quoted(f"liteorm_upsert_{next(_numbers)}")
    merge = crud.merge_text(staging, into, fields, keys, changed)
    target: Target | None = None
    try:
        with session.transaction() as tx:
            with (use := tx._connection("upsert_many", merge)) as wire:
                target = target_for(session._state, wire, model, into, fields)
                wire.run(crud.staging_text(staging, into, fields))
                data = CopyData(target, session._state.adapters)
                copy = crud.copy_text(staging, fields, binary=data.binary)
                _copy(wire, copy, data, first, chunks, None)
                if not changed:
                    found = wire.run(crud.duplicates_text(staging, keys))
                    if found.ntuples:
                        raise _twice(model, keys, into)
                result = wire.run(merge)
                use.rows = count = int(result.command_tuples or 0)
                wire.run(f"DROP TABLE {staging}")
        return count
    except Error as exc:
        if exc.row is None and is_second_time(exc.__cause__):
            raise _twice(model, keys, into) from exc.__cause__
        _locate(session, exc, target)
        raise


def _twice(model: Model, keys: tuple[Field, ...], table: Table) -> DataError:
    names = ", ".join(field.init_name for field in keys)
    return DataError(
        f"a key of {model.name} ({names}) comes twice in the objects for {table.text}",
        sqlstate=_CARDINALITY,
        table=table.name,
        schema=table.schema,
        field=keys[0].init_name if len(keys) == 1 else None,
        hint="send each key once: which of the objects counts is not for the database to guess",
    )


def insert_returning(session: Statements, objs: Iterable[T]) -> list[T]:
    """Insert the objects' rows; return the rows as stored, in the same order."""
    objects = list(objs)
    if not objects:
        return []
    cls: Any = objects[0].__class__
    call = _returning(session, cls, objects[0])
    try:
        return _insert_all(session, call, objects)
    except Error as exc:
        if not call.target.may_be_stale(exc):
            raise
        forget(session._state)
        try:
            again = _returning(session, cls, objects[0])
        except Error:
            raise exc from exc.__cause__
        if again.target.types == call.target.types:
            raise
        return _insert_all(session, again, objects)


def _insert_all(session: Statements, call: _Call, objects: list[Any]) -> list[Any]:
    """Insert in one transaction: a row that does not come back, or unreadable, undoes all."""
    if len(objects) == 1:
        # Nothing to undo.
        return _insert_arrays(session, call, objects, 0)
    stored: list[Any] = []
    with session.transaction() as tx:
        for start in range(0, len(objects), _ARRAY_ROWS):
            some = objects[start : start + _ARRAY_ROWS]
            stored += _insert_arrays(tx, call, some, start)
    return stored


def _returning(session: Statements, cls: Any, first: Any) -> _Call:
    """Return the statement that inserts arrays of a class's columns."""
    writing = writing_of(session._state)
    found: _Call | None = writing.call(("returning", cls))
    if found is not None:
        return found
    model = crud.model_of_object(first)
    table = crud.table_for(model)
    fields = crud.sent_fields(model)
    target, version = looked_up(session, model, table, fields, returning=True, inserts=True)
    types = [column.array for column in target.columns]
    sql = crud.unnest_text(model, table, fields, types, merge=version >= _MERGE_RETURNS)
    made = _Call(model, own_text(sql), target)
    writing.keep(("returning", cls), made)
    return made


def _insert_arrays(
    session: Statements, call: _Call, objects: list[Any], start: int
) -> list[Any]:
    target = call.target
    arrays = array_parameters(target, session._state.adapters, objects, start)
    try:
        rows = session.query(call.sql, arrays)
    except Error as exc:
        exc.table = exc.table or target.table.name
        raise
    if len(rows) != len(objects):
        raise Error(
            f"{len(objects) - len(rows)} of {len(objects)} rows did not come back: a trigger or "
            f"rule of {target.table.text} suppressed them or stored them elsewhere"
            + ("; nothing is stored" if len(objects) > 1 else ""),
            table=target.table.name,
            schema=target.table.schema,
            hint="use insert_many, which returns no rows",
        )
    cls: Any = objects[0].__class__
    try:
        return scan(rows, cls)
    except Exception as exc:
        if session._autocommit:
            mark_stored(exc)
        raise
