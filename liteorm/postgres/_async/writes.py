"""Many objects at once: by COPY, by a staging table, by arrays."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Final

import attrs
import psycopg
from psycopg import pq
from psycopg.copy import AsyncLibpqWriter

from liteorm._core.models.model import Field, Model, Table
from liteorm._core.row_contracts import Names
from liteorm._core.sql import bulk, crud, writable
from liteorm._core.sql.conflict import Constraint
from liteorm._core.sql.text import Sql, quoted
from liteorm.errors import Error
from liteorm.postgres._async.arrays import ARRAY_ROWS, twice, update_arrays
from liteorm.postgres._async.chunked import insert_arrays
from liteorm.postgres._async.connection import AsyncWire
from liteorm.postgres._async.lookup import (
    is_outdated,
    looked_up,
    remembered,
    target_for,
)
from liteorm.postgres._async.one_row import identity, table_key
from liteorm.postgres._async.statements import AsyncStatements
from liteorm.postgres._session.primitives import afinish
from liteorm.postgres._session.protocol import copy_end_step, copy_step
from liteorm.postgres._session.state import CLEANUP_BOUND
from liteorm.postgres._writing.chunks import AsyncChunks, AsyncObjects
from liteorm.postgres._writing.copy import (
    ABANDONED,
    FIRST_CHUNK,
    CopyData,
    Objection,
    Refused,
    is_abandoned,
    is_second_time,
)
from liteorm.postgres._writing.faults import locate, refuse_numbers
from liteorm.postgres._writing.tables import explain_conflict
from liteorm.postgres._writing.targets import Target

_ACTIVE: Final = pq.TransactionStatus.ACTIVE
_PROGRESS_SECONDS: Final = 0.05
_TRIAL: Final = "liteorm_trial"
_numbers = itertools.count(1)


async def insert_many(
    session: AsyncStatements,
    objs: AsyncObjects,
    *,
    table: Any,
    columns: Names,
    progress: Callable[[int], object] | None,
) -> int:
    """Insert all of the objects by COPY, or by arrays where that is refused; return how many."""
    chunks = AsyncChunks(objs)
    first = await chunks.take(FIRST_CHUNK)
    if not first:
        return 0
    model = writable.model_of_object(first[0])
    into = writable.table_for(model, table)
    unset = writable.unset_fields(model, first[0])
    asked = writable.sent_fields(model, columns)
    fields = writable.some_fields(model, writable.without(asked, unset))
    left_out = tuple(field for field in asked if field in unset)
    name = crud.table_name(into)
    target: Target | None = None
    try:
        async with (
            use := session._connection("insert_many", bulk.copy_text(name, fields, binary=True))
        ) as wire:
            target = await target_for(
                *(session._state, wire, model, into, fields),
                inserts=True,
                left_out=left_out,
                whole=columns is None,
                stored=fields,
            )
            refuse_numbers(target)
            if target.traits.takes_copy:
                data = CopyData(target, session._state.adapters)
                use.sql = bulk.copy_text(name, fields, binary=data.binary)
                use.rows = await _copy(wire, use.sql, data, first, chunks, progress)
            else:
                types = [column.array for column in target.columns]
                use.sql = bulk.arrays_text(into, fields, types)
                use.rows = await insert_arrays(wire, use.sql, target, first, chunks, progress)
        return use.rows
    except Error as exc:
        _locate(session, exc, target)
        raise


def _locate(
    session: AsyncStatements, exc: Error, target: Target | None, objects: Sequence[Any] = ()
) -> None:
    """Add to the server's error which object it was about; of few it may be told."""
    if target is None:
        return
    if target.may_be_stale(exc):
        session._state.forget()
    if exc.row is None:
        locate(exc, target, objects)


async def _copy(
    wire: AsyncWire,
    sql: str,
    data: CopyData,
    first: list[Any],
    chunks: AsyncChunks,
    progress: Callable[[int], object] | None,
) -> int:
    """Send all rows; the first ones are encoded before the server hears of it."""
    data.add(first)
    cursor = wire.cursor()
    # Not cursor.copy(): it would only log the server's error when rows end early because of it.
    await wire.wait(copy_step(wire.pgconn, sql))
    writer = AsyncLibpqWriter(cursor)
    objection = Objection(wire)
    told = monotonic()
    try:
        while chunk := await chunks.take(data.wanted):
            data.add(chunk)
            if (batch := data.batch()) is None:
                continue
            wire.renew()
            await writer.write(batch)
            now = monotonic()
            if objection.raised(now):
                raise Refused
            if progress is not None and now - told >= _PROGRESS_SECONDS:
                progress(data.rows)
                told = now
        wire.renew()
        await writer.write(data.last())
        if progress is not None:
            # Before the end, which stores the rows: what it raises stores nothing.
            progress(data.rows)
    except BaseException as exc:
        if wire.pgconn.transaction_status == _ACTIVE:
            # Else the server's answer has been read already, or the connection is gone.
            wire.limit(CLEANUP_BOUND)
            await afinish(_abandon(wire, exc))
        raise
    finally:
        objection.close()
    wire.renew()
    result = await wire.wait(copy_end_step(wire.pgconn, None))
    # What the server counted: a trigger may have suppressed rows.
    return int(result.command_tuples or 0)


async def _abandon(wire: AsyncWire, reason: BaseException) -> bool:
    """End a COPY without storing anything, and bring the connection back into order."""
    try:
        await wire.wait(copy_end_step(wire.pgconn, ABANDONED))
    except psycopg.Error as exc:
        # An error that the server had before it heard of ours is the reason; also a timeout of
        # its own, which has the code of ours.
        if isinstance(reason, Refused | psycopg.Error) and not is_abandoned(exc):
            raise
    if isinstance(reason, Refused):
        raise Error("the server broke off the COPY without saying why") from None
    return True


async def upsert_many(
    session: AsyncStatements,
    objs: AsyncObjects,
    *,
    conflict: Any,
    update: Names,
    table: Any,
) -> int:
    """Insert or update the rows of all of the objects, or none; return how many."""
    chunks = AsyncChunks(objs)
    first = await chunks.take(FIRST_CHUNK)
    if not first:
        return 0
    model = writable.model_of_object(first[0])
    into = writable.table_for(model, table)
    unset = writable.unset_fields(model, first[0])
    asked = writable.sent_fields(model)
    fields = writable.some_fields(model, writable.without(asked, unset))
    given = writable.conflict_of(conflict)
    place = crud.place_of(model, into, given, fields)
    keys = place.keys
    order = keys or tuple(field for field in fields if field.init_name in into.key)
    others = writable.without(fields, keys)
    changed = writable.update_fields(model, update, fields, others)
    merge = _Merge(model, into, fields, keys, place.conflict, changed, order)
    left_out = tuple(field for field in asked if field in unset)
    target: Target | None = None
    try:
        async with session.transaction() as tx:
            async with (use := tx._connection("upsert_many", merge.text)) as wire:
                target = await target_for(
                    *(session._state, wire, model, into, fields),
                    left_out=left_out,
                    whole=True,
                    stored=fields,
                )
                target.check_place(place.computed)
                await _stage(wire, session, merge.staging, into, target, first, chunks)
                if not changed:
                    await _refuse_twice(wire, merge)
                result = await wire.run(merge.text)
                use.rows = count = int(result.command_tuples or 0) if changed else result.ntuples
                await wire.command(f"DROP TABLE {merge.staging}")
        return count
    except Error as exc:
        if exc.row is None and is_second_time(exc.__cause__):
            raise twice(model, keys, into) from exc.__cause__
        if target is not None:
            explain_conflict(exc, target.traits, into)
        _locate(session, exc, target, first if len(first) < FIRST_CHUNK else ())
        raise


def _staging_name() -> str:
    return quoted(f"liteorm_staging_{next(_numbers)}")


@attrs.frozen(eq=False)
class _Merge:
    """Rows of a staging table on their way into a table."""

    model: Model
    table: Table
    fields: tuple[Field, ...]
    keys: tuple[Field, ...]
    place: tuple[Field, ...] | Sql | Constraint
    changed: tuple[Field, ...]
    order: tuple[Field, ...]
    staging: str = attrs.field(factory=_staging_name)

    @property
    def text(self) -> str:
        """The statement that does it."""
        return bulk.merge_text(
            self.staging, self.table, self.fields, self.place, self.changed, self.order
        )


async def _stage(
    wire: AsyncWire,
    session: AsyncStatements,
    staging: str,
    table: Table,
    target: Target,
    first: list[Any],
    chunks: AsyncChunks,
) -> None:
    """Put all rows into a temporary table."""
    fields = [column.field for column in target.columns]
    await wire.run(bulk.staging_text(staging, table, fields))
    data = CopyData(target, session._state.adapters)
    await _copy(
        wire, bulk.copy_text(staging, fields, binary=data.binary), data, first, chunks, None
    )


async def _refuse_twice(wire: AsyncWire, merge: _Merge) -> None:
    """Refuse objects two of which are for one row, which DO NOTHING would not say."""
    if not isinstance(merge.place, Sql | Constraint):
        if (await wire.run(bulk.duplicates_text(merge.staging, merge.keys))).ntuples:
            raise twice(merge.model, merge.keys, merge.table)
        return
    # Only the server knows what is in whose place, and says so when it is to write.
    await wire.command(f"SAVEPOINT {_TRIAL}")
    await wire.run(bulk.touching_text(merge.staging, merge.table, merge.fields, merge.place))
    await wire.command(f"ROLLBACK TO SAVEPOINT {_TRIAL}")


async def update_many(
    session: AsyncStatements, objs: AsyncObjects, *, columns: Names, table: Any
) -> int:
    """Update the rows with the objects' keys, or none; return how many were written."""
    chunks = AsyncChunks(objs)
    first = await chunks.take(ARRAY_ROWS)
    if not first:
        return 0
    model = writable.model_of_object(first[0])
    into = writable.table_for(model, table)
    unset = writable.unset_fields(model, first[0])
    names = writable.names_tuple(columns, "columns")
    asked = writable.written_fields(model, into, names)
    changed = writable.some_fields(model, writable.without(asked, unset))
    left_out = tuple(field for field in asked if field in unset)
    keys = writable.key_fields(model, into)
    version = writable.version_of(model, into)
    compared = (version.field,) if version is not None and version.known else ()
    fields = (*changed, *keys, *compared)
    writable.refuse_unset(model, (*keys, *compared), first[0], "it says which row is meant")
    target: Target | None = None
    key = ("update_many", table_key(table), names, unset)

    async def look() -> tuple[Target, int]:
        whole = names is None
        return await looked_up(
            session, model, into, fields, left_out=left_out, whole=whole, stored=changed
        )

    try:
        target, known = await remembered(session, identity(first[0]), key, look)
        if len(first) < ARRAY_ROWS and target.traits.takes_with:
            try:
                return await update_arrays(session, target, changed, keys, first)
            except Error as exc:
                if not (known and is_outdated(session, target, exc)):
                    raise
            target, _ = await look()
            if target.traits.takes_with:
                return await update_arrays(session, target, changed, keys, first)
        if known:
            # What is staged is sent by COPY, for which the types must be those of now.
            target, _ = await look()
        staging = _staging_name()
        text = bulk.update_staged_text(staging, model, into, changed)
        async with session.transaction() as tx:
            async with (use := tx._connection("update_many", text)) as wire:
                await _stage(wire, session, staging, into, target, first, chunks)
                if (await wire.run(bulk.duplicates_text(staging, keys))).ntuples:
                    raise twice(model, keys, into)
                result = await wire.run(text)
                use.rows = count = int(result.command_tuples or 0)
                await wire.command(f"DROP TABLE {staging}")
        return count
    except Error as exc:
        _locate(session, exc, target)
        raise
