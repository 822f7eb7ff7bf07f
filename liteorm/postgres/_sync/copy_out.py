# Generated from liteorm/postgres/_async/copy_out.py by .ci/unasync.py: edit that file, not this one.
"""COPY … TO STDOUT as blocks of bytes."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final, cast

from psycopg import ClientCursor, pq
from psycopg.errors import QueryCanceled

from liteorm.errors import Error, TransactionError
from liteorm.postgres._sync.abandoning import abandon_reading
from liteorm.postgres._sync.connection import Wire
from liteorm.postgres._sync.protecting import Protection
from liteorm.postgres._sync.statements import Use
from liteorm.postgres._session.copying_out import (
    CopyOut,
    check_parameters,
    copy_out_text,
    one_query,
)
from liteorm.postgres._session.outcomes import because
from liteorm.postgres._session.primitives import finish
from liteorm.postgres._session.reclaiming import warn_of_loss

__all__ = ["CopyingOut"]

_ACTIVE: Final = pq.TransactionStatus.ACTIVE


class CopyingOut:
    """The block in which the data of a COPY can be read."""

    def __init__(
        self,
        use: Use,
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
        self._wire: Wire | None = None
        self._copy: CopyOut | None = None
        self._protection = Protection("liteorm_copy")
        self._left = False

    def __del__(self) -> None:
        wire = self.__dict__.get("_wire")
        if wire is not None and not self._left:
            reader, self._copy, self._wire = self._copy, None, None
            self._use = cast("Any", None)  # whoever records the warning holds this
            abandon_reading(wire, reader, True, self._protection)
            warn_of_loss("the block of a COPY was not left", wire, self)

    def __enter__(self) -> Iterator[bytes]:
        if self._wire is not None or self._left:
            raise TransactionError("this COPY has been opened before")
        try:
            self._wire = wire = self._use.__enter__()
            try:
                self._open(wire)
            except BaseException as exc:
                self._leave(wire, exc)
                raise
        except Error as error:
            error.statement = getattr(self._sql, "statement", None)
            raise
        assert self._copy is not None
        return _blocks(self._copy, self._sql, self._timeout)

    def _open(self, wire: Wire) -> None:
        self._timeout = self._protection.begin(wire, self._use, self._timeout)
        query: Any = one_query(self._sql)
        if self._params is not None:
            # COPY takes no parameters: the driver writes them into the text, quoted.
            check_parameters(query, self._params)
            query = ClientCursor(wire).mogrify(query, self._params)
        self._copy = CopyOut(wire)
        text = copy_out_text(query, self._format, self._header)
        wire.wait(self._copy.begin(text))
        if wire.timed_out:
            raise QueryCanceled("cancelled, and at its end at the same time")

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        wire, self._wire = self._wire, None  # which a variable that holds this is not to hold
        assert wire is not None
        self._leave(wire, exc)

    def _leave(self, wire: Wire, exc: BaseException | None) -> None:
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
                finish(self._stop(wire))
            else:
                self._protection.release(wire)
                wire.heed_text(self._sql, self._params)
        except BaseException as leaving:
            self._use.__exit__(type(leaving), leaving, leaving.__traceback__)
            raise
        self._use.__exit__(type(exc) if exc else None, exc, None)

    def _stop(self, wire: Wire) -> None:
        assert self._copy is not None
        wire.stop_copying(self._copy.rest())
        self._protection.undo(wire)


def _blocks(copy: CopyOut, sql: str, timeout: float | None) -> Iterator[bytes]:
    """Iterate over the data; does not hold the block, which is lost when nobody else does."""
    while True:
        if copy.left:
            raise TransactionError("this COPY has been closed: its block has been left")
        wire = copy.wire
        try:
            # A bound for each block: how long the reader takes in between is its own affair.
            wire.limit(timeout)
            block = wire.wait(copy.block(), io=wire.flow)
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
