"""Running statements: a connection for each, observers told, errors translated."""

from __future__ import annotations

import logging
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Final

import psycopg
from psycopg import pq

from liteorm._core.contracts import Params
from liteorm._core.sql.text import SqlText, rendered
from liteorm._core.values.results import Result, Rows
from liteorm.errors import StatementError, StatementTimeout, mark_stored
from liteorm.observe import QueryEvent, logger
from liteorm.postgres._async.catalog import load_types
from liteorm.postgres._async.connection import AsyncWire
from liteorm.postgres._reading.results import (
    LOOKUPS,
    UnknownTypes,
    changed_types,
    has_written,
    rows_from_result,
)
from liteorm.postgres._session.commands import result_of
from liteorm.postgres._session.options import check_number
from liteorm.postgres._session.outcomes import because, came_late
from liteorm.postgres._session.primitives import afinish
from liteorm.postgres._session.state import PoolState

__all__ = ["AsyncStatements", "AsyncUse"]

_DEBUG: Final = logging.DEBUG
_COPYING: Final = {pq.ExecStatus.COPY_IN, pq.ExecStatus.COPY_OUT, pq.ExecStatus.COPY_BOTH}
_watched = logger.isEnabledFor


class AsyncStatements:
    """Runs statements; how a connection is had for each is the subclass's."""

    _state: PoolState
    _autocommit: bool = False
    """Whether a statement that has succeeded is stored for good."""

    async def _path(self) -> str | None:
        """Return where names are looked for if not where the pool does: they mean others there."""
        return None

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

    def transaction(self) -> AbstractAsyncContextManager[AsyncStatements]:
        """Return a block that is a transaction, or a savepoint if the session is one."""
        raise NotImplementedError

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
        if timeout is not None or not isinstance(sql, str) or state.observers or _watched(_DEBUG):
            return await self._query(sql, params, timeout)
        self._check_text(sql)
        wire = await self._acquire(None)
        try:
            result = await wire.run(sql, params)
            if wire.timed_out:
                raise came_late(self._autocommit)
            try:
                rows = rows_from_result(result, state.types.known)
            except UnknownTypes as unknown:
                rows = await self._rows_of_new_types(wire, result, unknown, sql)
            if self._autocommit:
                told: Any = rows._source
                told.ran_alone = sql
        except BaseException as exc:
            exc = because(await self._failed(wire, exc, sql, params), exc)
            raise exc
        await self._release(wire)
        return rows

    async def _query(self, sql: SqlText, params: Params, timeout: float | None) -> Rows:
        """Run a query that is watched, limited in time, or not plain text."""
        text, values = rendered(sql, params)
        self._check_text(text)
        async with (use := self._connection("query", text, values, timeout)) as wire:
            result = await wire.run(text, values)
            try:
                rows = rows_from_result(result, self._state.types.known)
            except UnknownTypes as unknown:
                rows = await self._rows_of_new_types(wire, result, unknown, text)
            if self._autocommit:
                told: Any = rows._source
                told.ran_alone = text
            use.rows = len(rows)
        return rows

    async def _rows_of_new_types(
        self, wire: AsyncWire, result: Any, unknown: UnknownTypes, text: str = ""
    ) -> Rows:
        """Look up in the catalog what a result's types are."""
        try:
            return await self._looked_up(wire, result, unknown)
        except Exception as exc:
            # The statement itself has succeeded.
            exc = because(wire.translated(exc), exc)
            if self._autocommit and has_written(result.command_status, text):
                mark_stored(exc)
            raise exc

    async def _looked_up(self, wire: AsyncWire, result: Any, unknown: UnknownTypes) -> Rows:
        """Look up types, until those of a result are known."""
        oids: set[int] = set()
        for _ in range(LOOKUPS):
            oids.update(unknown.oids)
            if wire.pgconn.transaction_status == pq.TransactionStatus.INERROR:
                raise unknown
            known = await load_types(wire, self._state.types, oids)
            try:
                return rows_from_result(result, known)
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
            if values is None:
                results = await wire.run_script(text)
            else:
                results = [await wire.run(text, values)]
            if results and results[-1].status in _COPYING:
                raise StatementError(
                    "COPY from or to the client cannot be run by execute",
                    hint="load rows with insert_many, read them with stream",
                )
            result = result_of(results)
            use.rows = result.rows_affected
        return result


class AsyncUse:
    """One operation: a connection for it, observers told, errors translated."""

    __slots__ = (
        *("_event", "_params", "_raised", "_session", "_timeout", "_wire"),
        *("operation", "rows", "size", "sql"),
    )

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
        self._raised = False
        self.operation = operation
        self.sql = sql
        self.rows: int | None = None
        self.size: int | None = None

    async def __aenter__(self) -> AsyncWire:
        state, held = self._session._state, getattr(self._session, "_wire", None)
        self._event = state.begin_event(self.operation, self.sql, self._params, held, self.size)
        try:
            if self._timeout is not None:
                check_number("timeout", self._timeout, ", or None")
            if self._timeout is not None and self._timeout <= 0:
                raise StatementTimeout(
                    "the call's timeout had passed before it began", sqlstate="57014", sql=self.sql
                )
            wire = await self._session._acquire(self._timeout)
        except BaseException as exc:
            state.end_event(self._event, exc)
            raise
        self._wire = wire
        wire.late = False
        state.reached(self._event, wire)
        if self._timeout is not None:
            await self._limit(wire, self._timeout)
        return wire

    @property
    def stores(self) -> bool:
        """Whether a statement that has succeeded is stored for good."""
        return self._session._autocommit

    async def _limit(self, wire: AsyncWire, timeout: float) -> None:
        """Bound the call; one that may take longer than others is told to the server."""
        try:
            self._raised = await wire.raise_limit(timeout)
        except BaseException as exc:
            await self.__aexit__(type(exc), exc, None)
            raise
        wire.limit(timeout)

    async def lift(self, wire: AsyncWire) -> None:
        """Let the server take any time: the client keeps it, where a reader may be slow."""
        self._raised = await wire.raise_limit(None)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        session, wire = self._session, self._wire
        assert wire is not None
        self._wire = None
        error: BaseException | None = None
        if exc is None and wire.late:
            exc = came_late(session._autocommit)
        met = exc
        try:
            if self._raised:
                exc = await self._lower(wire, exc)
            if exc is None:
                await session._release(wire)
            else:
                error = await session._failed(wire, exc, self.sql, self._params)
        except BaseException as failure:
            self._tell(failure)
            raise
        self._tell(error)
        try:
            if error is not None and (error is not met or exc_type is None):
                met = error.__cause__ or (None if error is met else met)
                raise error from met
        finally:
            del error, met, exc  # see `because`

    def _tell(self, error: BaseException | None) -> None:
        if self._event is not None:
            self._event.rows, self._event.size = self.rows, self.size
            self._session._state.end_event(self._event, error)

    async def _lower(self, wire: AsyncWire, exc: BaseException | None) -> BaseException | None:
        """Give the server its limit back; return what is to be raised."""
        if exc is not None:
            # Before the bounds are taken off: what the error was is known by them.
            exc = wire.translated(exc, self.sql, self._params)
        if not wire.closed:
            try:
                await afinish(wire.lower_limit())
            except psycopg.Error:
                wire.drop()
            except BaseException as interruption:
                return interruption
        return exc
