"""Many rows in one statement that fails unless all come back: its COMMIT can go along with it."""

from __future__ import annotations

from typing import Any, Final, LiteralString

from psycopg import pq

from liteorm._core.scanning.scan import scan
from liteorm._core.sql.bulk import NOT_ALL
from liteorm._core.values.results import Rows
from liteorm.errors import Error
from liteorm.postgres._async.batching import judged_end
from liteorm.postgres._async.connection import AsyncWire
from liteorm.postgres._async.lookup import read_back
from liteorm.postgres._async.statements import AsyncStatements
from liteorm.postgres._reading.results import UnknownTypes, rows_from_result
from liteorm.postgres._session.outcomes import because
from liteorm.postgres._session.pipelining import Failure, Sent
from liteorm.postgres._session.primitives import afinish
from liteorm.postgres._session.state import CLEANUP_BOUND
from liteorm.postgres._writing.copy import array_parameters
from liteorm.postgres._writing.faults import name_field
from liteorm.postgres._writing.targets import Target

__all__ = ["NotAll", "insert_guarded"]

_IDLE: Final = pq.TransactionStatus.IDLE
_SAVEPOINT: Final = "liteorm_many"


class NotAll(Exception):
    """A row did not come back, or cannot be read; nothing is stored."""


async def insert_guarded(
    session: AsyncStatements,
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
        async with (use := session._connection("insert_returning", sql, params)) as wire:
            try:
                if wire.pgconn.transaction_status == _IDLE:
                    result = await _alone(wire, sql, params)
                else:
                    result = await _inside(wire, sql, params)
            except Exception as exc:
                diag = getattr(exc, "diag", None)
                if diag is not None and NOT_ALL in (diag.message_primary or ""):
                    raise NotAll from None
                raise
            rows = await _rows(session, wire, result)
            use.rows = len(rows)
    except Error as exc:
        name_field(exc, target, objects, 0)
        raise
    return read_back(session, scan, rows, wanted)


async def _alone(wire: AsyncWire, sql: str, params: Any) -> Any:
    """Run it in a transaction of its own, whose COMMIT goes along."""
    try:
        [result] = await wire.run_batch([Sent(sql, params)], True)
    except BaseException as exc:
        if isinstance(exc, Failure) and exc.place == 0:
            raise exc.take()  # noqa: B904 - it has its own cause
        exc = because(*judged_end(wire, exc, True, "rows were inserted"))
        raise exc
    return result


async def _inside(wire: AsyncWire, sql: str, params: Any) -> Any:
    """Run it in a savepoint of the transaction, which a failure leaves as it was."""
    calls = [
        Sent(f"SAVEPOINT {_SAVEPOINT}"),
        Sent(sql, params),
        Sent(f"RELEASE SAVEPOINT {_SAVEPOINT}"),
    ]
    try:
        results = await wire.run_batch(calls, False)
    except Failure as failure:
        if wire.pgconn.transaction_status == pq.TransactionStatus.INERROR:
            await afinish(_undo(wire))
        raise failure.take()  # noqa: B904 - it has its own cause
    return results[1]


async def _undo(wire: AsyncWire) -> None:
    wire.limit(CLEANUP_BOUND, drop=True)
    await wire.command(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}; RELEASE SAVEPOINT {_SAVEPOINT}")


async def _rows(session: AsyncStatements, wire: AsyncWire, result: Any) -> Rows:
    try:
        return rows_from_result(result, session._state.types.known)
    except UnknownTypes as unknown:
        return await session._rows_of_new_types(wire, result, unknown)
