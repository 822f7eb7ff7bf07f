# Generated from liteorm/postgres/_async/chunked.py by .ci/unasync.py: edit that file, not this one.
"""Rows by INSERT, some thousands at a time, where COPY is refused or means something else."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any, Final

import psycopg
from psycopg import pq

from liteorm.errors import Error
from liteorm.postgres._sync.committing import commit
from liteorm.postgres._sync.connection import Wire
from liteorm.postgres._session.outcomes import because
from liteorm.postgres._session.primitives import finish
from liteorm.postgres._session.state import CLEANUP_BOUND
from liteorm.postgres._writing.chunks import Chunks
from liteorm.postgres._writing.copy import array_parameters
from liteorm.postgres._writing.faults import name_field
from liteorm.postgres._writing.targets import Target

__all__ = ["insert_arrays"]

_CHUNK_ROWS: Final = 5_000
_CHUNK_BYTES: Final = 1024 * 1024
_PROGRESS_SECONDS: Final = 0.05
_SAVEPOINT: Final = "liteorm_many"
_CHUNK: Final = "liteorm_chunk"
_IDLE: Final = pq.TransactionStatus.IDLE
_INERROR: Final = pq.TransactionStatus.INERROR
# What is wrong with a row, and not with the server: data, constraints, policies, triggers.
_OF_A_ROW: Final = frozenset({"22", "23", "42", "44", "P0"})


def insert_arrays(
    wire: Wire,
    sql: str,
    target: Target,
    first: list[Any],
    chunks: Chunks,
    progress: Callable[[int], object] | None,
) -> int:
    """Insert all rows a bounded number at a time, or none; return how many were stored.

    Raises:
        Error: The server refuses a row; it is named.
    """
    alone = wire.pgconn.transaction_status == _IDLE
    wire.command(f"{'BEGIN' if alone else f'SAVEPOINT {_SAVEPOINT}'}; SAVEPOINT {_CHUNK}")
    try:
        count = _insert_chunks(wire, sql, target, first, chunks, progress)
        if alone:
            commit(wire)
        else:
            wire.command(f"RELEASE SAVEPOINT {_SAVEPOINT}")
    except BaseException:
        # A transaction of its own is rolled back before the connection's next use.
        if not alone and not wire.closed:
            finish(_undo(wire))
        raise
    return count


def _undo(wire: Wire) -> None:
    wire.limit(CLEANUP_BOUND, drop=True)
    wire.command(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
    wire.command(f"RELEASE SAVEPOINT {_SAVEPOINT}")


def _insert_chunks(
    wire: Wire,
    sql: str,
    target: Target,
    first: list[Any],
    chunks: Chunks,
    progress: Callable[[int], object] | None,
) -> int:
    count = sent = size = 0
    told = monotonic()
    objects = first
    while objects:
        if sent:
            wire.renew()
            wire.command(f"RELEASE SAVEPOINT {_CHUNK}; SAVEPOINT {_CHUNK}")
        arrays = array_parameters(target, wire.adapters, objects, sent)
        wire.renew()
        try:
            result = wire.run(sql, arrays)
        except psycopg.Error as exc:
            if exc.sqlstate is None or exc.sqlstate[:2] not in _OF_A_ROW or wire.closed:
                raise
            exc = because(*_located(wire, sql, target, objects, sent, exc))
            raise exc
        count += int(result.command_tuples or 0)
        sent += len(objects)
        size += sum(len(array.data) for array in arrays)
        if progress is not None and monotonic() - told >= _PROGRESS_SECONDS:
            progress(sent)
            told = monotonic()
        objects = chunks.take(max(1, min(_CHUNK_ROWS, _CHUNK_BYTES * sent // (size + 1))))
    if progress is not None:
        # Before the end, which stores the rows: what it raises stores nothing.
        progress(sent)
    return count


def _located(
    wire: Wire, sql: str, target: Target, objects: list[Any], start: int, exc: psycopg.Error
) -> tuple[BaseException, psycopg.Error]:
    """Find the first object that the server refuses, by halves; return the error naming it.

    The server says of a COPY at which row it was, and of a statement it does not.
    """
    low, high, last = 0, len(objects), exc
    try:
        while high - low > 1:
            middle = (low + high) // 2
            wire.renew()
            wire.command(f"ROLLBACK TO SAVEPOINT {_CHUNK}")
            try:
                wire.run(
                    sql, array_parameters(target, wire.adapters, objects[:middle], start)
                )
            except psycopg.Error as again:
                if again.sqlstate != exc.sqlstate:
                    # Something else is wrong by now: the first error is the one to be told.
                    return wire.translated(exc, sql), exc
                high, last = middle, again
            else:
                low = middle
        error = wire.translated(last, sql)
        if isinstance(error, Error):
            error.__cause__ = last
            place = start + high - 1
            name_field(error, target, objects[high - 1 : high], place)
            if error.row is None:
                error.row = place
                error.message = f"{error.message} (at object {place})"
                error.args = (error.message,)
            error.table = error.table or target.table.name
        return error, last
    finally:
        del last, exc  # see `because`
