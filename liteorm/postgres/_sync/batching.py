# Generated from liteorm/postgres/_async/batching.py by .ci/unasync.py: edit that file, not this one.
"""A batch: several statements in one pipeline, which is one transaction."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Final

from psycopg import pq

from liteorm._core.batches import Batch, Pending, fail, settle
from liteorm._core.statements.contents import StatementText
from liteorm.errors import CommitUnknown, Error, TransactionError, mark_stored
from liteorm.postgres._sync.connection import Wire
from liteorm.postgres._sync.statements import Statements
from liteorm.postgres._reading.results import UnknownTypes, has_written, rows_from_result
from liteorm.postgres._session.commands import result_of
from liteorm.postgres._session.outcomes import because, is_interruption, leaves_commit_open
from liteorm.postgres._session.pipelining import Failure

__all__ = ["Batching", "judged_end"]

_IDLE: Final = pq.TransactionStatus.IDLE


class Batching:
    """The block in which a batch is put together."""

    def __init__(self, session: Statements) -> None:
        self._session = session
        self._batch: Batch | None = None

    def __enter__(self) -> Batch:
        if self._batch is not None:
            raise TransactionError("this batch has been entered before")
        self._batch = Batch()
        return self._batch

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        batch = self._batch
        assert batch is not None
        batch._closed = True
        if exc is not None:
            fail(batch._pending, exc)
            return
        if not batch._pending:
            return
        try:
            settle(batch._pending, _send(self._session, batch._pending))
        except BaseException as error:
            if isinstance(error, Error) and error.row is None:
                # Not about one of them: about all.
                error.statement = _names(batch._pending)
            fail(batch._pending, error)
            raise


def _names(pending: list[Pending[Any]]) -> str | None:
    return ", ".join(dict.fromkeys(each.name for each in pending if each.name)) or None


def _send(session: Statements, pending: list[Pending[Any]]) -> list[Any]:
    """Send all statements; return what each gave."""
    for place, each in enumerate(pending):
        try:
            session._check_text(each.sql)
        except Error as error:
            _name(error, place, each)
            raise
    text = StatementText(";\n".join(each.sql for each in pending))
    text.statement = _names(pending)
    use = session._connection("batch", text)
    use.size = len(pending)
    with use as wire:
        wire.bound([each.timeout for each in pending])
        alone = wire.pgconn.transaction_status == _IDLE
        try:
            results = wire.run_batch(pending, alone)
        except BaseException as exc:
            exc = because(*_judged(wire, exc, pending, alone))
            raise exc
        try:
            found = _answers(session, wire, pending, results, alone)
        except Exception as exc:
            exc = because(wire.translated(exc), exc)
            tags = [result.command_status for result in results]
            if alone and any(map(has_written, tags, (each.sql for each in pending))):
                mark_stored(exc)
            raise exc
        use.rows = sum(
            len(one) if each.reads else one.rows_affected
            for each, one in zip(pending, found, strict=True)
        )
    return found


def _answers(
    session: Statements,
    wire: Wire,
    pending: list[Pending[Any]],
    results: list[Any],
    alone: bool,
) -> list[Any]:
    """Return what each statement gave; errors of reading it say whether its work is stored."""
    for each, result in zip(pending, results, strict=True):
        wire.heed([result], each.sql, each.params)
    found: list[Any] = []
    for each, result in zip(pending, results, strict=True):
        if not each.reads:
            found.append(result_of([result]))
            continue
        try:
            rows = rows_from_result(result, session._state.types.known)
        except UnknownTypes as unknown:
            rows = session._rows_of_new_types(wire, result, unknown)
        told: Any = rows._source
        told.ran_alone = each.sql if alone else None
        found.append(rows)
    return found


def _judged(
    wire: Wire, exc: BaseException, pending: list[Pending[Any]], alone: bool
) -> tuple[BaseException, BaseException | None]:
    """Return the error for a batch that failed, naming the statement, and its cause."""
    if not isinstance(exc, Failure) or exc.place >= len(pending):
        return judged_end(wire, exc, alone, "a batch was sent")
    place, cause = exc.place, exc.take()
    each = pending[place]
    error = wire.translated(cause, each.sql, each.params)
    if isinstance(error, Error):
        _name(error, place, each)
    return error, _cause_of(error, cause)


def _name(error: Error, place: int, each: Pending[Any]) -> None:
    """Say which statement an error is about."""
    name = f" ({each.name})" if each.name else ""
    error.message = f"statement {place} of the batch{name}: {error.message}"
    error.args = (error.message,)
    error.row = place
    error.statement = each.name
    error.sql = error.sql or each.sql


def judged_end(
    wire: Wire, exc: BaseException, alone: bool, what: str
) -> tuple[BaseException, BaseException | None]:
    """Return the error for statements sent with their COMMIT where it is not about one of them.

    Args:
        wire: The connection.
        exc: What came.
        alone: They were a transaction of their own.
        what: What was done meanwhile.
    """
    place = exc.place if isinstance(exc, Failure) else None
    cause = exc.take() if isinstance(exc, Failure) else exc
    if is_interruption(cause):
        if alone:
            cause.__cause__ = _unknown("this task was interrupted", what)
        return cause, cause.__cause__
    error = wire.translated(cause, "COMMIT" if place is not None else None)
    # Sent with the statements: what became of COMMIT is not known, or the server does not.
    if alone and (wire.closed or wire.timed_out or leaves_commit_open(cause)):
        why = "the connection was lost" if wire.closed else "the server could not finish"
        unknown = _unknown("it took too long" if wire.timed_out else why, what)
        unknown.sqlstate = getattr(error, "sqlstate", None)
        unknown.server = wire.server
        if error is not cause:
            error.__cause__ = cause
        return unknown, error
    return error, _cause_of(error, cause)


def _cause_of(error: BaseException, cause: BaseException) -> BaseException | None:
    """Return what an error is to be chained to: itself would be a circle."""
    return error.__cause__ if error is cause else cause


def _unknown(why: str, what: str) -> CommitUnknown:
    return CommitUnknown(
        f"{why} while {what}: the work may or may not be stored",
        hint="look whether it is there before doing it again",
    )
