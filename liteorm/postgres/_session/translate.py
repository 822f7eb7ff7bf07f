"""The only place where the driver's exceptions become liteorm's."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final, Protocol

import attrs
import psycopg
from psycopg import errors as driver
from psycopg.adapt import AdaptersMap

from liteorm import errors
from liteorm._core.patterns import pattern
from liteorm._core.sql.placeholders import WRITTEN, fault_in
from liteorm._core.values.members import parameter_of
from liteorm._core.values.ranges import Multirange, Range
from liteorm.errors import Error, class_for_sqlstate
from liteorm.postgres._session.commands import copy_refused
from liteorm.postgres._session.outcomes import leaves_statement_open
from liteorm.postgres._session.violations import violation_in
from liteorm.postgres._types.dumpers import parameter_error
from liteorm.postgres._types.forms import ARRAYS, is_a
from liteorm.postgres._types.quiet import cut_values, hush, quotes_values, without_quotes

__all__ = [
    "FatalNotice",
    "WireState",
    "connect_failed",
    "lost",
    "pool_not_filled",
    "translate",
    "wrong_params",
]

# Raised by the driver's dumpers for a value that does not fit, besides its own DataError.
_UNSENDABLE: Final = (UnicodeError, OverflowError, struct.error)

# The plan of a prepared statement, or the statement itself, is gone: DDL from elsewhere, or a
# pooler that handed out another server connection.
_STALE: Final = {
    "0A000": "cached plan must not change result type",
    "26000": "prepared statement",
    "XX000": "cache lookup failed for type",
}

# Sequences, but not of parameters.
_TEXT: Final = (str, bytes, bytearray)

FatalNotice = tuple[str | None, str | None]
"""SQLSTATE and message of what the server said before it closed an idle connection."""


class WireState(Protocol):
    """What is known about the connection an error came from."""

    @property
    def closed(self) -> bool: ...
    @property
    def timed_out(self) -> bool: ...
    @property
    def fatal(self) -> FatalNotice | None: ...
    @property
    def constraint_errors(self) -> Mapping[str, type[Error]]: ...
    @property
    def statement_timed_out(self) -> bool: ...
    @property
    def adapters(self) -> AdaptersMap: ...
    @property
    def server(self) -> str | None: ...
    @property
    def one_of_several(self) -> bool: ...


def translate(
    exc: BaseException,
    wire: WireState | None = None,
    sql: str | None = None,
    params: Any = None,
) -> BaseException:
    """Return the liteorm error for whatever came through; what is not the driver's stays."""
    error = _translated(exc, wire, sql, params)
    if (
        isinstance(exc, psycopg.Error)
        and isinstance(error, Error)
        and (what := leaves_statement_open(exc)) is not None
    ):
        error = _left_open(error, exc, what)
    if wire is not None and isinstance(error, Error):
        _name_server(error, wire)
    if error is not exc:
        hush(exc, sql)
    return error


def _left_open(error: Error, exc: BaseException, what: str) -> Error:
    """Return the error for a statement whose own commit the server answered with this one."""
    error.__cause__ = exc
    unknown = errors.CommitUnknown(
        f"the server could not finish {what} ({error.message}): the work may or may not be stored",
        hint="look whether it is there before doing it again",
        sqlstate=error.sqlstate,
        detail=error.detail,
        sql=error.sql,
    )
    unknown.__cause__ = error
    return unknown


def _name_server(error: Error, wire: WireState) -> None:
    """Say which server it was; in the sentence too where there are several."""
    if error.server is None:
        error.server = wire.server
        if wire.one_of_several and isinstance(error, _OF_A_SERVER):
            error.message += f" (server {wire.server})"


_OF_A_SERVER: Final = (errors.ConnectionLost, errors.ReadOnlyTransaction)
"""Errors of which one wants to know first whose they are."""


def _translated(
    exc: BaseException, wire: WireState | None, sql: str | None, params: Any
) -> BaseException:
    if isinstance(exc, TypeError) and (wrong := wrong_params(params)) is not None:
        return wrong
    if wire is not None and params is not None and _before_sending(exc, wire):
        unsendable = parameter_error(exc, params, wire.adapters)
        if unsendable is not None:
            unsendable.sql = sql
            return unsendable
    if isinstance(exc, Error):
        if exc.sql is None:
            exc.sql = sql
        return exc
    if isinstance(exc, _UNSENDABLE):
        # Their text quotes the value.
        return errors.DataError(
            f"a parameter cannot be sent: {_reason(exc)}", sql=sql, sqlstate="22000"
        )
    if not isinstance(exc, psycopg.Error):
        return exc
    if wire is not None and wire.timed_out:
        return _timeout(exc, wire, sql)
    if wire is not None and wire.closed:
        return lost(exc, wire, sql)
    if exc.sqlstate is None:
        return _client_side(exc, sql)
    return _server_side(exc, wire, sql, params)


def _before_sending(exc: BaseException, wire: WireState) -> bool:
    """Say whether it may have been a parameter that did not get as far as the server."""
    if isinstance(exc, errors.DataError):
        return exc.parameter is None and exc.sqlstate is None
    if isinstance(exc, psycopg.Error):
        return exc.sqlstate is None and not wire.closed
    return isinstance(exc, Exception) and not isinstance(exc, Error)


def _reason(exc: BaseException) -> str:
    if isinstance(exc, UnicodeError):
        return "text that UTF-8 cannot hold (a lone surrogate)"
    return "a number out of range" if isinstance(exc, OverflowError | struct.error) else "?"


def _timeout(exc: psycopg.Error, wire: WireState, sql: str | None) -> Error:
    gone = ", and the connection was dropped because the server did not answer"
    return errors.StatementTimeout(
        "the statement took longer than its timeout" + (gone if wire.closed else ""),
        sqlstate=exc.sqlstate or "57014",
        sql=sql,
    )


def lost(
    exc: BaseException | None, wire: WireState | None = None, sql: str | None = None
) -> errors.ConnectionLost:
    """Return the error for a connection that is gone, with the reason if one is known."""
    sqlstate, reason = (wire.fatal if wire is not None else None) or (None, None)
    if isinstance(exc, psycopg.Error):
        sqlstate = sqlstate or exc.sqlstate
        reason = reason or exc.diag.message_primary or one_line(str(exc))
    error = errors.ConnectionLost(
        f"the connection was lost: {reason}" if reason else "the connection was lost",
        sqlstate=sqlstate,
        sql=sql,
        # A recovery conflict, or a deadlock with one, ends an idle transaction by its connection.
        retryable=True if sqlstate in _RETRYABLE else None,
    )
    if wire is not None:
        _name_server(error, wire)
    return error


_RETRYABLE: Final = ("40001", "40P01")


_ONE: Final = pattern(r"\b1 (parameter)s were\b")


def _client_side(exc: psycopg.Error, sql: str | None) -> Error:
    text = one_line(str(exc))
    if isinstance(exc, driver.DataError):
        return errors.DataError(without_quotes(text), sql=sql)
    if isinstance(exc, driver.ProgrammingError):
        if "placeholder" in text and sql is not None and (fault := fault_in(sql)) is not None:
            return fault
        if "cannot adapt type" in text:
            return errors.DataError(f"a parameter cannot be sent: {text}", sql=sql)
        if text.startswith("COPY cannot"):
            return copy_refused(sql)
        hint = WRITTEN if "has 0 placeholders" in text else None
        return errors.StatementError(_ONE.sub(r"1 \1 was", text), hint=hint, sql=sql)
    if isinstance(exc, driver.NotSupportedError):
        return errors.StatementError(text, sql=sql)
    return Error(text, sql=sql)


def wrong_params(params: object) -> TypeError | None:
    """Return the refusal of parameters that are neither a sequence nor a mapping."""
    if params is None or isinstance(params, Mapping):
        return None
    if isinstance(params, Sequence) and not isinstance(params, _TEXT):
        return None
    return TypeError(
        f"parameters are a sequence such as a list, or a mapping, not {type(params).__name__}"
    )


def _server_side(exc: psycopg.Error, wire: WireState | None, sql: str | None, params: Any) -> Error:
    diag, code = exc.diag, exc.sqlstate or "XX000"
    cls = class_for_sqlstate(code)
    if issubclass(cls, ConnectionError):
        # The connection is there: a function raised the code, or it is about another server.
        cls = Error
    fields: dict[str, Any] = {
        "sqlstate": code,
        "detail": diag.message_detail,
        "hint": diag.message_hint,
        "schema": diag.schema_name,
        "table": diag.table_name,
        "column": diag.column_name,
        "constraint": diag.constraint_name,
        "sql": sql,
    }
    message = diag.message_primary or one_line(str(exc))
    if code == "08P01" and diag.source_function == "exec_bind_message":
        # Those of liteorm are counted before they are sent.
        cls, message = errors.StatementError, _NUMBERED
    if message is _NUMBERED or code == "42P02":
        fields["hint"] = fields["hint"] or WRITTEN
    if diag.constraint_name is None and diag.table_name is None:
        names = wire.constraint_errors if wire is not None else ()
        if (told := violation_in(code, message, diag.context, names)) is not None:
            fields |= attrs.asdict(told)
            cls = class_for_sqlstate(told.sqlstate)
    # What the server quotes at a place of the statement is written there. Parameters may be
    # written into it too: COPY takes none.
    written = diag.statement_position is not None and params is None and code != "42601"
    if quotes_values(exc, sql) and not written:
        message = cut_values(message, fields)
    if cls is errors.QueryCanceled and (
        "statement timeout" in message or (wire is not None and wire.statement_timed_out)
    ):
        cls = errors.StatementTimeout
    if is_stale(exc):
        fields["retryable"] = True
        fields["hint"] = (
            fields["hint"]
            or "what it was prepared against has changed since; run the transaction again"
        )
    if code in _MIXED_UP:
        fields["hint"] = "; ".join(filter(None, (fields["hint"], _MIXED_UP_HINT)))
    if code == "42883" and diag.source_function in _SENDERS:
        fields["hint"] = "results are asked for in binary, which this type has not: cast it to text"
    no_label = code == "22P02" and diag.source_function in _ENUMS
    if (no_label or code in _OTHER_TYPE) and _has_member(params, numbered=not no_label):
        fields["hint"] = _MEMBERS
    elif _FOR_JSON.search(message) and _is_array_for(code, params):
        fields["hint"] = _AS_JSON
    elif sql is not None and code in _ADVISED:
        message = _advised(exc, fields, sql, message)
    constraint = fields["constraint"]
    if wire is not None and constraint and issubclass(cls, errors.IntegrityError):
        cls = wire.constraint_errors.get(constraint, cls)
        return _users_own(cls, message, fields)
    return cls(message, **fields)


_NUMBERED: Final = "the statement has a parameter by number ($1), for which there is no value"

_ADVISED: Final = ("42601", "42P18", "42P08", "42P02", "42809", "42883")
"""What placeholders in the wrong places lead to."""


def _advised(exc: psycopg.Error, fields: dict[str, Any], sql: str, message: str) -> str:
    """Return a message that names the placeholders as they were written, with a remedy."""
    from liteorm._core.sql.remedies import advice, place_written  # for errors only

    position = exc.diag.statement_position
    at = None if position is None else place_written(sql, int(position) - 1)
    told = advice(sql, fields["sqlstate"], message, at)
    if told.hint is not None:
        fields["hint"] = told.hint
    return told.message


_OTHER_TYPE: Final = ("42804", "42846", "42883")
_MEMBERS: Final = (
    "a member of an enum is sent as its value where the column's type is not known; for a type "
    "that has the names as its labels send .name"
)


_FOR_JSON: Final = pattern(r"(for type|is of type|cast type .* to) jsonb?( but .*)?$")
_AS_JSON: Final = (
    "a list is sent as an array, a Range as a range; liteorm.Json(value) sends either as JSON"
)


def _is_array_for(code: str, params: Any) -> bool:
    """Tell whether an array or a range was sent, and no str whose text may be what is wrong."""
    given: Any = [*params.values()] if isinstance(params, Mapping) else params
    if not is_a(given, ARRAYS) or (code == "22P02" and any(isinstance(v, str) for v in given)):
        return False
    return any(is_a(value, (*ARRAYS, Range, Multirange)) for value in given)


def _has_member(params: Any, *, numbered: bool) -> bool:
    """Tell whether a member of an enum is sent; one that is something else than text if asked."""
    given: Any = [*params.values()] if isinstance(params, Mapping) else params
    if is_a(given, ARRAYS):
        return any(_has_member(each, numbered=numbered) for each in given)
    return isinstance(given, Enum) and not (numbered and isinstance(parameter_of(given), str))


_ENUMS: Final = ("enum_in", "enum_recv")
"""Functions of the server that look for a label."""


def _users_own(cls: type[Error], message: str, fields: dict[str, Any]) -> Error:
    """Make an error of a user's class, which may have a constructor of its own."""
    try:
        return cls(message, **fields)
    except TypeError:
        error = cls.__new__(cls, message)
        Error.__init__(error, message, **fields)
        return error


_SENDERS: Final = ("getTypeBinaryOutputInfo", "array_send", "record_send", "range_send")
"""Functions of the server that look for a type's binary form."""


_MIXED_UP: Final = {"42P05", "26000", "08P01"}
"""What a server says when a pooler has given it the statements of several clients."""
_MIXED_UP_HINT: Final = (
    "behind a pooler that does not keep prepared statements apart, open with prepare=False"
)


def is_stale(exc: BaseException | None) -> bool:
    """Say whether a prepared statement failed only because it is out of date."""
    if not isinstance(exc, psycopg.Error) or exc.sqlstate not in _STALE:
        return False
    if exc.sqlstate == "XX000":
        # The type of a parameter was dropped. Internal errors are not translated.
        return (exc.diag.message_primary or "").startswith(_STALE["XX000"])
    # The name of the function that raised it is the same in every language of the server.
    return exc.diag.source_function in ("RevalidateCachedQuery", "FetchPreparedStatement") or (
        _STALE[exc.sqlstate] in (exc.diag.message_primary or "")
    )


def connect_failed(exc: BaseException) -> errors.ConnectFailed:
    """Return the error for a connection that could not be made, with the server's own reason."""
    sqlstate = exc.sqlstate if isinstance(exc, psycopg.Error) else None
    text = one_line(str(exc))
    if sqlstate is None:
        sqlstate = _code_of_fatal(text)
    return errors.ConnectFailed(text, sqlstate=sqlstate, hint=_hint_of_startup(text))


def _hint_of_startup(text: str) -> str | None:
    """Return the remedy for a pooler that refuses what a connection begins with."""
    if "unsupported startup parameter" not in text:
        return None
    return (
        "a pooler is in between: leave it out of the DSN, PGOPTIONS and the service file "
        "(settings= of a transaction sets it too), or name it in the pooler's "
        "ignore_startup_parameters"
    )


def pool_not_filled(count: int, reason: str | None) -> errors.ConnectFailed:
    """Return the error for a pool that could not make the connections it is to begin with."""
    reason = reason or "the server was too slow"
    return errors.ConnectFailed(
        f"the pool's first connections ({count}) could not all be made: {reason}",
        sqlstate=_code_of_fatal(reason),
    )


# While connecting libpq hands over the server's text without its code. These sentences have not
# changed since PostgreSQL 9; in another language the code is just not known.
_FATAL: Final = (
    (r"password authentication failed|no password supplied", "28P01"),
    (
        r'no pg_hba\.conf entry|authentication failed|role ".*" (does not exist|is not permitted)',
        "28000",
    ),
    (r'database ".*" does not exist', "3D000"),
    (r"too many clients already|remaining connection slots|too many connections for", "53300"),
    (
        r"the database system is (starting up|shutting down|in recovery|not (yet )?accepting)",
        "57P03",
    ),
    (r"is not currently accepting connections", "55000"),
)


def _code_of_fatal(text: str) -> str | None:
    return next((code for pattern, code in _FATAL if re.search(pattern, text)), None)


def one_line(text: str) -> str:
    """Return the text as one line."""
    return "; ".join(line.strip() for line in text.strip().splitlines() if line.strip())
