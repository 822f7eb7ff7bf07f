# Generated from liteorm/postgres/_async/stream.py by .ci/unasync.py: edit that file, not this one.
"""Rows of a statement as they arrive."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final, cast

import psycopg
from psycopg import capabilities, pq

from liteorm._core.sql.lexer import writes
from liteorm._core.values.results import Rows
from liteorm.errors import PoolTimeout, StatementError, TransactionError, mark_stored
from liteorm.postgres._sync.abandoning import abandon_reading
from liteorm.postgres._sync.borrow import borrow, give_back
from liteorm.postgres._sync.catalog import load_types
from liteorm.postgres._sync.connection import Wire
from liteorm.postgres._sync.protecting import Protection
from liteorm.postgres._sync.statements import Use
from liteorm.postgres._reading.results import LOOKUPS, UnknownTypes, changed_types, rows_from_result
from liteorm.postgres._session.commands import begins_query
from liteorm.postgres._session.outcomes import because
from liteorm.postgres._session.primitives import finish
from liteorm.postgres._session.protocol import describe_step, rest_step, result_step, send_step
from liteorm.postgres._session.reclaiming import warn_of_loss
from liteorm.postgres._session.state import PoolState
from liteorm.postgres._session.translate import connect_failed
from liteorm.postgres._types.registry import KnownTypes

__all__ = ["RowStream", "Streaming"]

_ACTIVE: Final = pq.TransactionStatus.ACTIVE
_CANCELED: Final = "57014"
_SOON: Final = 0.1


class RowStream:
    """Rows of a statement as they arrive; read it with `scan_iter`, or iterate over tuples."""

    def __init__(
        self, wire: Wire, sql: str, first: list[Rows], last: bool, timeout: float | None
    ) -> None:
        self._timeout = timeout
        self._state = wire.state
        self._wire: Wire | None = wire
        self._sql = sql
        self._first = first
        self._last = last
        self._columns = first[0].columns
        self._reading = False
        self._closed = False
        self._count = 0
        self._misread: Exception | None = None
        """What came of making objects of the rows."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return self._columns

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Iterate over the rows as tuples of plain values."""
        for batch in self._batches():
            for row in batch:
                yield row

    def _batches(self) -> Iterator[Rows]:
        """Iterate over the rows in batches; the first may be empty, and tells the columns."""
        while (batch := self._next()) is not None:
            self._count += len(batch)
            yield batch

    def lose(self) -> None:
        """Give nothing any more: the block was lost, and its statement is ended."""
        self._closed, self._wire = True, None

    def _next(self) -> Rows | None:
        self._state.check_here()
        wire = self._wire
        if self._closed or wire is None:
            raise TransactionError("this stream has been closed: its block has been left")
        if self._reading:
            raise TransactionError("this stream is being read by another task or thread")
        if self._first:
            return self._first.pop(0)
        if self._last:
            return None
        self._reading = True
        try:
            # A bound for each batch: how long the reader takes in between is its own affair.
            wire.limit(self._timeout)
            result, self._last = wire.wait(result_step(wire.pgconn), io=wire.flow)
        except Exception as exc:
            self._last = True
            exc = because(wire.translated(exc, self._sql), exc)
            raise exc
        finally:
            self._reading = False
        return None if result is None else _rows(self._state, result)


class Streaming:
    """The block in which a stream can be read."""

    def __init__(
        self, use: Use, sql: str, params: Any, batch_size: int, timeout: float | None
    ) -> None:
        self._timeout = timeout
        self._use = use
        self._sql = sql
        self._params = params
        self._size = batch_size if capabilities.has_stream_chunked() else 1
        self._wire: Wire | None = None
        self._stream: RowStream | None = None
        self._protection = Protection("liteorm_stream")
        self._left = False

    def __del__(self) -> None:
        wire = self.__dict__.get("_wire")
        if wire is not None and not self._left:
            reader, self._stream, self._wire = self._stream, None, None
            self._use = cast("Any", None)  # whoever records the warning holds this
            abandon_reading(wire, reader, False, self._protection)
            warn_of_loss("a stream's block was not left", wire, self)

    def __enter__(self) -> RowStream:
        if self._wire is not None or self._left:
            raise TransactionError("this stream has been opened before")
        self._wire = wire = self._use.__enter__()
        try:
            self._stream = self._open(wire)
        except BaseException as exc:
            self._leave(wire, exc)
            raise
        return self._stream

    def _open(self, wire: Wire) -> RowStream:
        self._timeout = self._protection.begin(wire, self._use, self._timeout)
        streamed = wire.state.streamed
        for _ in range(LOOKUPS):
            result, last = self._begun(wire)
            try:
                rows = [rows_from_result(result, wire.state.types.known)]
            except UnknownTypes as unknown:
                found = self._met(wire, result, last, unknown)
                if found is None:
                    continue
                rows, last = found, True
            if len(streamed) > 500:
                streamed.clear()
            streamed.add(self._sql)
            return RowStream(wire, self._sql, rows, last, self._timeout)
        raise changed_types()

    def _begun(self, wire: Wire) -> tuple[Any, bool]:
        """Send the statement; return its first result, and whether it is the last."""
        types = wire.state.types
        if self._sql not in wire.state.streamed:
            # Once rows arrive nothing can be looked up on this connection.
            described = wire.wait(describe_step(wire, self._sql, self._params))
            if not described.nfields and not begins_query(self._sql):
                raise StatementError("the statement of a stream gives no rows")
            try:
                rows_from_result(described, types.known)
            except UnknownTypes as unknown:
                load_types(wire, types, unknown.oids)
        wire.wait(send_step(wire, self._sql, self._params, self._size))
        result, last = wire.wait(result_step(wire.pgconn))
        if result.status == pq.ExecStatus.COMMAND_OK:
            wire.note_results([result], self._sql)
            error = StatementError("the statement of a stream gives no rows")
            if self._use.stores:
                mark_stored(error)
            raise error
        return result, last

    def _met(
        self, wire: Wire, result: Any, last: bool, unknown: UnknownTypes
    ) -> list[Rows] | None:
        """Look up types that the first rows have; return all rows, None to begin once more.

        They were created again since the statement was described, or only the rows tell them. The
        connection is busy with the statement, and it alone is there for sure, and sees what its
        transaction has made. So the statement is stopped, and sent again. If it has come to its
        end all the same, its rows are here.
        """
        wire.state.streamed.discard(self._sql)
        results, failed = [result], None
        if not last:
            rest, failed = finish(self._stopped(wire))
            results += rest
        if failed is not None and failed.sqlstate != _CANCELED:
            raise failed
        self._protection.again(wire)
        wire.limit(self._timeout)
        oids = set(unknown.oids)
        for _ in range(LOOKUPS):
            known = load_types(wire, wire.state.types, oids)
            try:
                rows = [rows_from_result(each, known) for each in results]
            except UnknownTypes as deeper:
                oids.update(deeper.oids)
            else:
                return rows if failed is None else None
        raise changed_types()

    def _stopped(self, wire: Wire) -> tuple[list[Any], psycopg.Error | None]:
        """Cancel the statement; return what came of it all the same, or its error."""
        found: tuple[list[Any], Any] | None = wire.stop(rest_step(wire.pgconn))
        results, failed = ([], None) if found is None else found
        return results, None if failed is None else psycopg.errors.error_from_result(failed)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        wire, stream = self._wire, self._stream
        assert wire is not None
        assert stream is not None
        stream._closed = True
        stream._wire = self._wire = None  # which a variable that holds this is not to hold
        self._use.rows = stream._count
        self._leave(wire, exc)

    def _leave(self, wire: Wire, exc: BaseException | None) -> None:
        """Stop the statement on the server if it still runs, and give the connection back."""
        self._left = True
        try:
            if wire.state.is_elsewhere:
                pass  # it goes on where it was opened, and nothing is sent from here
            elif wire.pgconn.transaction_status == _ACTIVE or self._is_cut_off(wire):
                failure = finish(self._stop(wire))
                exc = exc or failure
                self._tell(exc, wire.stopped_at_end)
            else:
                self._tell(exc, True)
                self._protection.release(wire)
                wire.heed_text(self._sql, self._params)
        except BaseException as leaving:
            self._use.__exit__(type(leaving), leaving, leaving.__traceback__)
            raise
        self._use.__exit__(type(exc) if exc else None, exc, None)

    def _tell(self, exc: BaseException | None, done: bool) -> None:
        """Say of an error in reading the rows if what the statement did is stored all the same."""
        read = self._stream is not None and self._stream._misread is exc
        if exc is not None and read and done and self._use.stores and writes(self._sql):
            mark_stored(exc)

    def _is_cut_off(self, wire: Wire) -> bool:
        """Whether the connection went before the statement's end was seen."""
        return wire.closed and self._stream is not None and not self._stream._last

    def _stop(self, wire: Wire) -> psycopg.Error | None:
        failure = wire.stop_reading()
        self._protection.undo(wire)
        return failure


def _rows(state: PoolState, result: Any) -> Rows:
    """Wrap a batch; types that only later rows tell are looked up elsewhere."""
    known = state.types.known
    oids: set[int] = set()
    for _ in range(LOOKUPS):
        try:
            return rows_from_result(result, known)
        except UnknownTypes as unknown:
            oids.update(unknown.oids)
            known = _looked_up_apart(state, oids)
    raise changed_types()


def _looked_up_apart(state: PoolState, oids: set[int]) -> KnownTypes:
    """Look up types on another connection: the stream's own is busy with it.

    Whoever reads a stream must not wait for others to give theirs back, who may do the same.
    """
    if state.pool is None:
        raise StatementError(
            "rows of the stream have a type that its first rows had not, and the connection, "
            "which is lent, is the only one to look it up on",
            hint="select a value of the type before, or cast it to text",
        )
    if state.stats().idle:
        try:
            other = borrow(state, _SOON)
        except PoolTimeout:
            pass
        else:
            try:
                return load_types(other, state.types, oids)
            finally:
                give_back(state, other)
    try:
        other = Wire.connect(state.conninfo, **state.connect_kwargs)
    except psycopg.Error as exc:
        raise connect_failed(exc) from exc
    try:
        return load_types(other, state.types, oids)
    finally:
        other.drop()
