"""What a database and a transaction have in common: running statements."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Final, TypeVar

from psycopg import pq

from liteorm._core.contracts import Names, Params
from liteorm._core.sqltext import SqlText, rendered
from liteorm._core.values import Result, Rows
from liteorm.errors import StatementError, StatementTimeout
from liteorm.observe import QueryEvent, logger
from liteorm.postgres._async import pipeline, writes
from liteorm.postgres._async.catalog import load_types
from liteorm.postgres._async.connection import AsyncWire
from liteorm.postgres._async.stream import AsyncRowStream, AsyncStreaming
from liteorm.postgres._options import PoolState
from liteorm.postgres._results import (
    LOOKUPS,
    UnknownTypes,
    changed_types,
    rows_from_result,
)
from liteorm.postgres._tags import result_of

__all__ = ["AsyncStatements", "AsyncUse"]

T = TypeVar("T")

_DEBUG: Final = logging.DEBUG
_COPYING: Final = {pq.ExecStatus.COPY_IN, pq.ExecStatus.COPY_OUT, pq.ExecStatus.COPY_BOTH}
_watched = logger.isEnabledFor


class AsyncStatements:
    """Runs statements; how a connection is had for each is the subclass's."""

    _state: PoolState
    _guarded: bool = False
    """Whether the text of statements is looked at before it is sent."""

    async def _acquire(self, timeout: float | None) -> AsyncWire:
        """Get the connection for one operation."""
        raise NotImplementedError

    async def _release(self, wire: AsyncWire) -> None:
        """Give it back after success."""
        raise NotImplementedError

    async def _failed(
        self,
        wire: AsyncWire,
        exc: BaseException,
        sql: str | None = None,
        params: Any = None,
    ) -> BaseException:
        """Give it back after a failure; return what is to be raised."""
        raise NotImplementedError

    def _check_text(self, sql: str) -> None:
        """Refuse text that must not be sent through this session."""

    def _connection(
        self,
        operation: str,
        sql: str | None = None,
        params: Any = None,
        timeout: float | None = None,
    ) -> AsyncUse:
        """Have the driver's connection for one operation that observers are told about.

        ``async with (use := session._connection("insert_many")) as conn: ... use.rows = n``.
        The driver's exceptions are translated on leaving; whatever else is raised comes through.
        In a transaction it is the transaction's connection; otherwise one in autocommit mode.
        """
        return AsyncUse(self, operation, sql, params, timeout)

    async def query(
        self, sql: SqlText, params: Params = None, *, timeout: float | None = None
    ) -> Rows:
        """Run a statement and receive all of its rows.

        Args:
            sql: The statement, with `%s` or `%(name)s` for parameters.
            params: A sequence or a mapping to match; without it a `%` is just a `%`.
            timeout: Seconds after which the statement is cancelled.

        Raises:
            StatementTimeout: If it took longer than `timeout`.
            Error: What the server says, as the fitting class.
        """
        state = self._state
        if timeout is not None or type(sql) is not str or state.observers or _watched(_DEBUG):
            return await self._query(sql, params, timeout)
        if self._guarded:
            self._check_text(sql)
        wire = await self._acquire(None)
        try:
            result = await wire.run(sql, params)
            try:
                rows = rows_from_result(result, state.types)
            except UnknownTypes as unknown:
                rows = await self._rows_of_new_types(wire, result, unknown)
        except BaseException as exc:
            error = await self._failed(wire, exc, sql, params)
            if error is exc:
                raise
            raise error from exc
        await self._release(wire)
        return rows

    async def _query(self, sql: SqlText, params: Params, timeout: float | None) -> Rows:
        """Run a query that is watched, limited in time, or not plain text."""
        text, values = rendered(sql, params)
        self._check_text(text)
        async with (use := self._connection("query", text, values, timeout)) as wire:
            result = await wire.run(text, values)
            try:
                rows = rows_from_result(result, self._state.types)
            except UnknownTypes as unknown:
                rows = await self._rows_of_new_types(wire, result, unknown)
            use.rows = len(rows)
        return rows

    async def _rows_of_new_types(self, wire: AsyncWire, result: Any, unknown: UnknownTypes) -> Rows:
        """Look up in the catalog what a result's types are."""
        for _ in range(LOOKUPS):
            if wire.pgconn.transaction_status == pq.TransactionStatus.INERROR:
                raise unknown
            await load_types(wire, self._state.types, unknown.oids)
            try:
                return rows_from_result(result, self._state.types)
            except UnknownTypes as deeper:
                # a record inside a composite that has just become known
                unknown = deeper
        raise changed_types()

    async def execute(
        self, sql: SqlText, params: Params = None, *, timeout: float | None = None
    ) -> Result:
        """Run a statement for its effect. Without `params` it may be several, split by `;`.

        Args:
            sql: The statement, with `%s` or `%(name)s` for parameters.
            params: A sequence or a mapping to match; without it a `%` is just a `%`.
            timeout: Seconds after which the statement is cancelled.

        Raises:
            StatementTimeout: If it took longer than `timeout`.
            Error: What the server says, as the fitting class.
        """
        text, values = rendered(sql, params)
        self._check_text(text)
        async with (use := self._connection("execute", text, values, timeout)) as wire:
            results = await wire.run_script(text, values)
            if results and results[-1].status in _COPYING:
                raise StatementError(
                    "COPY from or to the client cannot be run by execute",
                    hint="load rows with insert_many, read them with stream",
                )
            result = result_of(results)
            use.rows = result.rows_affected
        return result

    async def execute_many(self, sql: SqlText, seq_of_params: Iterable[Params]) -> Result:
        """Run a statement once for each of the parameters, pipelined, all or nothing.

        Args:
            sql: The statement, with `%s` or `%(name)s` for parameters.
            seq_of_params: A sequence or a mapping for each run.
        """
        return await pipeline.execute_many(self, sql, seq_of_params)

    def stream(
        self, sql: SqlText, params: Params = None, *, batch_size: int = 1000
    ) -> AbstractAsyncContextManager[AsyncRowStream]:
        """Run a statement and receive its rows as they come, in bounded memory.

        Leaving the block early cancels the statement on the server.

        Args:
            sql: The statement, with `%s` or `%(name)s` for parameters.
            params: A sequence or a mapping to match; without it a `%` is just a `%`.
            batch_size: Rows received at a time.
        """
        if batch_size < 1:
            raise ValueError("batch_size must be at least 1")
        text, values = rendered(sql, params)
        self._check_text(text)
        return AsyncStreaming(self._connection("stream", text, values), text, values, batch_size)

    async def insert(self, obj: T) -> T:
        """Insert an object's row; return the row as stored, as a new object."""
        return await writes.insert(self, obj)

    async def update(self, obj: T) -> T:
        """Update the row with the object's key; return the row as stored, as a new object.

        Raises:
            NoRows: If there is no such row.
        """
        return await writes.update(self, obj)

    async def upsert(self, obj: T, conflict: Names = None) -> T:
        """Insert an object's row, or update the one in its place; return the row as stored.

        Args:
            obj: The object.
            conflict: Fields that say which row is in its place; the key by default.
        """
        return await writes.upsert(self, obj, conflict)

    async def delete(self, obj: Any) -> bool:
        """Delete the row with the object's key; return whether there was one."""
        return await writes.delete(self, obj)

    async def get(self, model: type[T], key: Any) -> T:
        """Return the object with that key.

        Args:
            model: A class with a table.
            key: The key's value; a tuple if it has several columns.

        Raises:
            NoRows: If there is no such row.
        """
        return await writes.get(self, model, key)

    async def insert_many(
        self,
        objs: Iterable[Any] | AsyncIterable[Any],
        *,
        table: str | None = None,
        columns: Names = None,
        progress: Callable[[int], object] | None = None,
    ) -> int:
        """Insert all of the objects by binary COPY, or none; return how many.

        Args:
            objs: The objects; consumed as they are sent.
            table: The table, `"name"` or `"schema.name"`; the class's own by default.
            columns: Fields to send; all that the database does not fill by default.
            progress: Called with the number of rows so far.
        """
        return await writes.insert_many(self, objs, table=table, columns=columns, progress=progress)

    async def upsert_many(
        self,
        objs: Iterable[Any] | AsyncIterable[Any],
        *,
        conflict: Names = None,
        update: Names = None,
        table: str | None = None,
    ) -> int:
        """Insert or update the rows of all of the objects, or none; return how many.

        Args:
            objs: The objects; consumed as they are sent.
            conflict: Fields that say which row is in an object's place; the key by default.
            update: Fields to update; all others by default, `()` to leave such rows alone.
            table: The table, `"name"` or `"schema.name"`; the class's own by default.

        Raises:
            DataError: If the same key comes twice.
        """
        return await writes.upsert_many(self, objs, conflict=conflict, update=update, table=table)

    async def insert_returning(self, objs: Iterable[T]) -> list[T]:
        """Insert the objects' rows; return the rows as stored, in the same order."""
        return await writes.insert_returning(self, objs)


class AsyncUse:
    """One operation: a connection for it, observers told, errors translated."""

    __slots__ = ("_event", "_params", "_session", "_timeout", "_wire", "operation", "rows", "sql")

    def __init__(
        self,
        session: AsyncStatements,
        operation: str,
        sql: str | None,
        params: Any,
        timeout: float | None,
    ) -> None:
        self._session = session
        self._params = params
        self._timeout = timeout
        self._event: QueryEvent | None = None
        self._wire: AsyncWire | None = None
        self.operation = operation
        self.sql = sql
        self.rows: int | None = None

    async def __aenter__(self) -> AsyncWire:
        state = self._session._state
        self._event = state.begin_event(self.operation, self.sql, self._params)
        try:
            if self._timeout is not None and self._timeout <= 0:
                raise StatementTimeout(
                    "the call's timeout had passed before it began", sqlstate="57014", sql=self.sql
                )
            wire = await self._session._acquire(self._timeout)
        except BaseException as exc:
            state.end_event(self._event, exc)
            raise
        if self._timeout is not None:
            wire.limit(self._timeout)
        self._wire = wire
        return wire

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        state, session, wire = self._session._state, self._session, self._wire
        assert wire is not None
        self._wire = None
        error: BaseException | None = None
        if exc is None and wire.timed_out:
            # The cancel met nothing to cancel: the answer was on its way.
            exc = StatementTimeout(
                "the statement's answer came after its timeout",
                hint="outside a transaction, what it did is stored",
                sql=self.sql,
            )
        try:
            if exc is None:
                await session._release(wire)
            else:
                error = await session._failed(wire, exc, self.sql, self._params)
        except BaseException as failure:
            error = failure
            raise
        finally:
            if self._event is not None:
                self._event.rows = self.rows
                state.end_event(self._event, error)
        if error is not None and (error is not exc or exc_type is None):
            raise error from (None if error is exc else exc)
