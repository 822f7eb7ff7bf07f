"""The errors users catch, and the one table that says which SQLSTATE is which of them.

Every error derives from [`Error`][liteorm.Error]. The driver's own exception, where there was
one, is its ``__cause__``. Messages name columns, types, constraints and remedies; what quotes
values (the server's DETAIL) is in ``detail`` only, never part of ``str(error)`` or a traceback.
"""

from __future__ import annotations

import contextlib
from typing import Any, Final

__all__ = [
    "CheckViolation",
    "CommitUnknown",
    "ConnectFailed",
    "ConnectionLost",
    "DataError",
    "Deadlock",
    "DiskFull",
    "Error",
    "ExclusionViolation",
    "ForeignKeyViolation",
    "InFailedTransaction",
    "InsufficientPrivilege",
    "IntegrityError",
    "LockNotAvailable",
    "ModelError",
    "NoRows",
    "NotNullViolation",
    "OutOfMemory",
    "PoolClosed",
    "PoolTimeout",
    "QueryCanceled",
    "ReadOnlyTransaction",
    "ResourceError",
    "ScanError",
    "SerializationFailure",
    "SqlSyntaxError",
    "StaleRow",
    "StatementError",
    "StatementTimeout",
    "TooManyConnections",
    "TooManyRows",
    "TransactionAborted",
    "TransactionError",
    "UndefinedColumn",
    "UndefinedFunction",
    "UndefinedTable",
    "UniqueViolation",
    "class_for_sqlstate",
]


class Error(Exception):
    """Base of everything liteorm raises about the database.

    Args:
        message: What happened, in one line, without any value.
        sqlstate: The five characters PostgreSQL gave, e.g. ``"23505"``.
        detail: The server's DETAIL; before it, the whole of a sentence of the server's whose value
            has been left out of `message`. It quotes values: log it with care.
        hint: What to do about it; shown on the second line of ``str(error)``.
        schema: Schema of the object concerned, if the server named one.
        table: Table concerned.
        column: Column concerned.
        constraint: Constraint concerned.
        sql: The statement that failed, as given to the call.
        retryable: True if the same work may be tried again unchanged, False if it must not,
            None if that is not known. Defaults to what holds for the class.
    """

    retryable: bool | None = None
    row: int | None = None
    """Which of many objects, parameter sets or statements of a batch failed, counted from 0."""
    field: str | None = None
    """Field of the model concerned, where one is known."""
    stored: bool = False
    """True if what the call did is stored all the same: the error came after it."""
    statement: str | None = None
    """Name of the declared statement that failed, where it has one."""
    server: str | None = None
    """Host and port of the server that answered, or did not, where one was reached."""

    def __init__(
        self,
        message: str,
        *,
        sqlstate: str | None = None,
        detail: str | None = None,
        hint: str | None = None,
        schema: str | None = None,
        table: str | None = None,
        column: str | None = None,
        constraint: str | None = None,
        sql: str | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.sqlstate = sqlstate
        self.detail = detail
        self.hint = hint
        self.schema = schema
        self.table = table
        self.column = column
        self.constraint = constraint
        self.sql = sql
        if retryable is not None:
            self.retryable = retryable

    def __str__(self) -> str:
        line = self.message
        if "\n" in line:
            # What a function of the server raises may be of several lines; `message` has it all.
            line = "; ".join(part.strip() for part in line.splitlines() if part.strip())
        if self.statement is not None:
            line = f"{line} (statement {self.statement})"
        return f"{line}\n{self.hint}" if self.hint else line

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.__dict__.copy())


_STORED: Final = "what the call did is stored: the error came afterwards, reading it back"


def mark_stored(exc: BaseException) -> None:
    """Say of an error that what the call did is stored all the same."""
    if _STORED in getattr(exc, "__notes__", ()):
        return
    exc.add_note(_STORED)
    # An exception of the user's may take no attributes.
    told: Any = exc
    with contextlib.suppress(AttributeError, TypeError):
        told.stored = True


def _rebuild(cls: type[Error], message: str, state: dict[str, Any]) -> Error:
    # Not through the constructor: a user's subclass may have one of its own.
    error = cls.__new__(cls, message)
    error.args = (message,)
    error.__dict__.update(state)
    return error


class NoRows(Error, LookupError):
    """A call that promises one row found none."""

    retryable = False


class TooManyRows(Error):
    """A call that promises at most one row found more."""

    retryable = False


class StaleRow(Error):
    """The row has been written since it was read: its version is another one."""

    retryable = False


class ModelError(Error):
    """A class that cannot be mapped.

    Args:
        message: What is wrong with the class.
        model: Name of the class.
        field: Name of the field, if one is to blame.
        **kwargs: The arguments of [`Error`][liteorm.Error].
    """

    retryable = False

    def __init__(
        self, message: str, *, model: str | None = None, field: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(message, **kwargs)
        self.model = model
        self.field = field


class ScanError(Error):
    """A result and a model that do not fit.

    Args:
        message: Expected what, got what, where.
        model: Name of the model.
        field: Name of the field.
        row: Row of the result, counted from 0.
        expected: What the annotation asks for.
        got: What the result has.
        remedy: How to mend it; this is the error's ``hint`` too.
        **kwargs: The arguments of [`Error`][liteorm.Error].
    """

    retryable = False

    def __init__(
        self,
        message: str,
        *,
        model: str | None = None,
        field: str | None = None,
        row: int | None = None,
        expected: str | None = None,
        got: str | None = None,
        remedy: str | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("hint", remedy)
        super().__init__(message, **kwargs)
        self.model = model
        self.field = field
        self.row = row
        self.expected = expected
        self.got = got
        self.remedy = remedy


class ConnectFailed(Error, ConnectionError):
    """No connection could be made; the message is the server's (or libpq's) own reason."""


class ConnectionLost(Error, ConnectionError):
    """The connection is gone. What ran on it outside a transaction may or may not have happened."""


class PoolTimeout(Error, TimeoutError):
    """No connection of the pool became free in time."""


class PoolClosed(Error):
    """The pool has been closed."""

    retryable = False


class IntegrityError(Error):
    """A constraint was violated (SQLSTATE class 23)."""


class UniqueViolation(IntegrityError):
    """A key that must be unique is there already."""


class ForeignKeyViolation(IntegrityError):
    """A referenced row is missing, or a row is still referenced."""


class NotNullViolation(IntegrityError):
    """NULL for a column that must not be NULL."""


class CheckViolation(IntegrityError):
    """A CHECK constraint does not hold."""


class ExclusionViolation(IntegrityError):
    """An exclusion constraint does not hold."""


class TransactionError(Error):
    """Something about the transaction itself (SQLSTATE classes 25 and 40, and relatives)."""


class Deadlock(TransactionError):
    """The server ended this transaction to break a deadlock."""

    retryable = True


class SerializationFailure(TransactionError):
    """Another transaction came between; the whole transaction may be run again."""

    retryable = True


class LockNotAvailable(TransactionError):
    """A lock was not available (NOWAIT or lock_timeout)."""


class InFailedTransaction(TransactionError):
    """A statement after an error in the same transaction."""

    retryable = False


class ReadOnlyTransaction(TransactionError):
    """A write in a read-only transaction, or on a standby."""


class TransactionAborted(TransactionError):
    """The server rolled back what was to be committed, because an error was swallowed inside."""


class CommitUnknown(TransactionError):
    """COMMIT was sent and its outcome is not known: the work may or may not be stored.

    The connection went away, the client gave up waiting, or the server's answer leaves it open
    (SQLSTATE classes 08, 58 and XX, and 40003); its cause is the error that came.
    """

    retryable = False


class DataError(Error):
    """A value the server or the driver cannot take (SQLSTATE class 22 among others).

    Args:
        message: Which value (by its place, never the value itself) and why.
        row: Row, counted from 0, where there is one.
        parameter: Placeholder: its name, or its place counted from 1.
        field: Field of the object the value came from.
        **kwargs: The arguments of [`Error`][liteorm.Error].
    """

    retryable = False

    def __init__(
        self,
        message: str,
        *,
        row: int | None = None,
        parameter: str | int | None = None,
        field: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(message, **kwargs)
        self.row = row
        self.parameter = parameter
        self.field = field


class StatementError(Error):
    """A statement that is wrong as such (SQLSTATE class 42), or refused here."""

    retryable = False


class SqlSyntaxError(StatementError):
    """The server cannot parse the statement."""


class UndefinedTable(StatementError):
    """No such table."""


class UndefinedColumn(StatementError):
    """No such column."""


class UndefinedFunction(StatementError):
    """No such function or operator for these types."""


class InsufficientPrivilege(StatementError):
    """The role may not do that."""


class QueryCanceled(Error):
    """The statement was cancelled."""


class StatementTimeout(QueryCanceled, TimeoutError):
    """The statement took longer than its timeout."""


class ResourceError(Error):
    """The server ran out of something (SQLSTATE class 53)."""


class TooManyConnections(ResourceError):
    """The server has no connection slot left."""


class DiskFull(ResourceError):
    """The server's disk is full."""


class OutOfMemory(ResourceError):
    """The server is out of memory."""


# One row per code that differs from its class, then one per class; what neither names is Error.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_BY_CODE: Final[dict[str, type[Error]]] = {
    "08001": ConnectFailed,
    "08004": ConnectFailed,
    "08007": CommitUnknown,
    "08P01": Error,  # a protocol error says nothing about the connection being gone
    "23001": ForeignKeyViolation,  # what ON DELETE RESTRICT raises from PostgreSQL 18 on
    "23502": NotNullViolation,
    "23503": ForeignKeyViolation,
    "23505": UniqueViolation,
    "23514": CheckViolation,
    "23P01": ExclusionViolation,
    "25006": ReadOnlyTransaction,
    "25P02": InFailedTransaction,
    "40001": SerializationFailure,
    "40P01": Deadlock,
    "42501": InsufficientPrivilege,
    "42601": SqlSyntaxError,
    "42703": UndefinedColumn,
    "42883": UndefinedFunction,
    "42P01": UndefinedTable,
    "53100": DiskFull,
    "53200": OutOfMemory,
    "53300": TooManyConnections,
    "55P03": LockNotAvailable,
    "57014": QueryCanceled,
    "57P01": ConnectionLost,
    "57P02": ConnectionLost,
    "57P03": ConnectFailed,
    "57P04": ConnectionLost,
    "57P05": ConnectionLost,
}
_BY_CLASS: Final[dict[str, type[Error]]] = {
    "08": ConnectionLost,
    "0B": TransactionError,  # invalid transaction initiation
    "22": DataError,
    "23": IntegrityError,
    "25": TransactionError,
    "2D": TransactionError,  # invalid transaction termination
    "3B": TransactionError,  # savepoint exception
    "40": TransactionError,
    "42": StatementError,
    "53": ResourceError,
}


def class_for_sqlstate(code: str) -> type[Error]:
    """Say which error class a SQLSTATE belongs to.

    A code PostgreSQL does not document goes to the parent its class (the first two characters)
    belongs to; what belongs to none is a plain `Error`.

    >>> class_for_sqlstate("23505").__name__
    'UniqueViolation'
    """
    return _BY_CODE.get(code) or _BY_CLASS.get(code[:2], Error)
