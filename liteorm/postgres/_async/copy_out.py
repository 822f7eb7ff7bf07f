"""COPY … TO STDOUT as blocks of bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Final, cast

from psycopg import AsyncClientCursor, pq
from psycopg.errors import QueryCanceled

from liteorm.errors import Error, TransactionError
from liteorm.postgres._async.abandoning import abandon_reading
from liteorm.postgres._async.connection import AsyncWire
from liteorm.postgres._async.protecting import AsyncProtection
from liteorm.postgres._async.statements import AsyncUse
from liteorm.postgres._session.copying_out import (
    CopyOut,
    check_parameters,
    copy_out_text,
    one_query,
)
from liteorm.postgres._session.outcomes import because
from liteorm.postgres._session.primitives import afinish
from liteorm.postgres._session.reclaiming import warn_of_loss

__all__ = ["AsyncCopyingOut"]

_ACTIVE: Final = pq.TransactionStatus.ACTIVE


class AsyncCopyingOut:
    """The block in which the data of a COPY can be read."""

    def __init__(
        self,
        use: AsyncUse,
        sql: str,
        params: Any,
        format: str,
        header: bool,
        timeout: float | None = None,
    ) -> None:
        self._use = use
        self._sql = sql
        self._params = params
        self._format = format
        self._header = header
        self._timeout = timeout
        self._wire: AsyncWire | None = None
        self._copy: CopyOut | None = None
        self._protection = AsyncProtection("liteorm_copy")
        self._left = False

    def __del__(self) -> None:
        wire = self.__dict__.get("_wire")
        if wire is not None and not self._left:
            reader, self._copy, self._wire = self._copy, None, None
            self._use = cast("Any", None)  # whoever records the warning holds this
            abandon_reading(wire, reader, True, self._protection)
            warn_of_loss("the block of a COPY was not left", wire, self)

    async def __aenter__(self) -> AsyncIterator[bytes]:
        if self._wire is not None or self._left:
            raise TransactionError("this COPY has been opened before")
        try:
            self._wire = wire = await self._use.__aenter__()
            try:
                await self._open(wire)
            except BaseException as exc:
                await self._leave(wire, exc)
                raise
        except Error as error:
            error.statement = getattr(self._sql, "statement", None)
            raise
        assert self._copy is not None
        return _blocks(self._copy, self._sql, self._timeout)

    async def _open(self, wire: AsyncWire) -> None:
        self._timeout = await self._protection.begin(wire, self._use, self._timeout)
        query: Any = one_query(self._sql)
        if self._params is not None:
            # COPY takes no parameters: the driver writes them into the text, quoted.
            check_parameters(query, self._params)
            query = AsyncClientCursor(wire).mogrify(query, self._params)
        self._copy = CopyOut(wire)
        text = copy_out_text(query, self._format, self._header)
        await wire.wait(self._copy.begin(text))
        if wire.timed_out:
            raise QueryCanceled("cancelled, and at its end at the same time")

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        wire, self._wire = self._wire, None  # which a variable that holds this is not to hold
        assert wire is not None
        await self._leave(wire, exc)

    async def _leave(self, wire: AsyncWire, exc: BaseException | None) -> None:
        """Stop the COPY on the server if it still runs, and give the connection back."""
        self._left = True
        if self._copy is not None:
            self._copy.left = True
            self._copy.wire = None
            self._use.rows = self._copy.rows
        try:
            if wire.state.is_elsewhere:
                pass  # it goes on where it was opened, and nothing is sent from here
            elif wire.pgconn.transaction_status == _ACTIVE:
                await afinish(self._stop(wire))
            else:
                await self._protection.release(wire)
                await wire.heed_text(self._sql, self._params)
        except BaseException as leaving:
            await self._use.__aexit__(type(leaving), leaving, leaving.__traceback__)
            raise
        await self._use.__aexit__(type(exc) if exc else None, exc, None)

    async def _stop(self, wire: AsyncWire) -> None:
        assert self._copy is not None
        await wire.stop_copying(self._copy.rest())
        await self._protection.undo(wire)


async def _blocks(copy: CopyOut, sql: str, timeout: float | None) -> AsyncIterator[bytes]:
    """Iterate over the data; does not hold the block, which is lost when nobody else does."""
    while True:
        if copy.left:
            raise TransactionError("this COPY has been closed: its block has been left")
        wire = copy.wire
        try:
            # A bound for each block: how long the reader takes in between is its own affair.
            wire.limit(timeout)
            block = await wire.wait(copy.block(), io=wire.flow)
        except Exception as exc:
            copy.ended = True
            exc = because(wire.translated(exc, sql), exc)
            if isinstance(exc, Error):
                exc.statement = getattr(sql, "statement", None)
            raise exc
        if block is None:
            return
        del wire  # which one that is never read on is not to hold
        yield block
