# Generated from liteorm/postgres/_async/guarded.py by .ci/unasync.py: edit that file, not this one.
"""Many rows in one statement that fails unless all come back: its COMMIT can go along with it."""

from __future__ import annotations

from typing import Any, Final, LiteralString

from psycopg import pq

from liteorm._core.scanning.scan import scan
from liteorm._core.sql.bulk import NOT_ALL
from liteorm._core.values.results import Rows
from liteorm.errors import Error
from liteorm.postgres._sync.batching import judged_end
from liteorm.postgres._sync.connection import Wire
from liteorm.postgres._sync.lookup import read_back
from liteorm.postgres._sync.statements import Statements
from liteorm.postgres._reading.results import UnknownTypes, rows_from_result
from liteorm.postgres._session.outcomes import because
from liteorm.postgres._session.pipelining import Failure, Sent
from liteorm.postgres._session.primitives import finish
from liteorm.postgres._session.state import CLEANUP_BOUND
from liteorm.postgres._writing.copy import array_parameters
from liteorm.postgres._writing.faults import name_field
from liteorm.postgres._writing.targets import Target

__all__ = ["NotAll", "insert_guarded"]

_IDLE: Final = pq.TransactionStatus.IDLE
_SAVEPOINT: Final = "liteorm_many"


class NotAll(Exception):
    """A row did not come back, or cannot be read; nothing is stored."""


def insert_guarded(
    session: Statements,
    sql: LiteralString,
    target: Target,
    objects: list[Any],
    wanted: Any,
) -> list[Any]:
    """Insert the objects' rows in one round trip; return the rows as stored.

    Raises:
        NotAll: The statement's own guard has failed.
    """
    arrays = array_parameters(target, session._state.adapters, objects, 0)
    params = [*arrays, len(objects)]
    try:
        with (use := session._connection("insert_returning", sql, params)) as wire:
            try:
                if wire.pgconn.transaction_status == _IDLE:
                    result = _alone(wire, sql, params)
                else:
                    result = _inside(wire, sql, params)
            except Exception as exc:
                diag = getattr(exc, "diag", None)
                if diag is not None and NOT_ALL in (diag.message_primary or ""):
                    raise NotAll from None
                raise
            rows = _rows(session, wire, result)
            use.rows = len(rows)
    except Error as exc:
        name_field(exc, target, objects, 0)
        raise
    return read_back(session, scan, rows, wanted)


def _alone(wire: Wire, sql: str, params: Any) -> Any:
    """Run it in a transaction of its own, whose COMMIT goes along."""
    try:
        [result] = wire.run_batch([Sent(sql, params)], True)
    except BaseException as exc:
        if isinstance(exc, Failure) and exc.place == 0:
            raise exc.take()  # noqa: B904 - it has its own cause
        exc = because(*judged_end(wire, exc, True, "rows were inserted"))
        raise exc
    return result


def _inside(wire: Wire, sql: str, params: Any) -> Any:
    """Run it in a savepoint of the transaction, which a failure leaves as it was."""
    calls = [
        Sent(f"SAVEPOINT {_SAVEPOINT}"),
        Sent(sql, params),
        Sent(f"RELEASE SAVEPOINT {_SAVEPOINT}"),
    ]
    try:
        results = wire.run_batch(calls, False)
    except Failure as failure:
        if wire.pgconn.transaction_status == pq.TransactionStatus.INERROR:
            finish(_undo(wire))
        raise failure.take()  # noqa: B904 - it has its own cause
    return results[1]


def _undo(wire: Wire) -> None:
    wire.limit(CLEANUP_BOUND, drop=True)
    wire.command(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}; RELEASE SAVEPOINT {_SAVEPOINT}")


def _rows(session: Statements, wire: Wire, result: Any) -> Rows:
    try:
        return rows_from_result(result, session._state.types.known)
    except UnknownTypes as unknown:
        return session._rows_of_new_types(wire, result, unknown)
