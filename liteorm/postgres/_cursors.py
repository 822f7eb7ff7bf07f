"""Where the driver shows: its pool handed out, its cursors taken in."""

from __future__ import annotations

from typing import Any, overload
from weakref import WeakKeyDictionary

import psycopg
from psycopg import AsyncCursor, Cursor
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from liteorm._core.values import Rows
from liteorm.errors import StatementError
from liteorm.postgres._async.session import AsyncStatements
from liteorm.postgres._catalog import TypeRegistry
from liteorm.postgres._options import PoolState
from liteorm.postgres._results import UnknownTypes, rows_from_result
from liteorm.postgres._sync.catalog import load_types
from liteorm.postgres._sync.session import Statements
from liteorm.postgres._translate import translate

__all__ = ["pool", "rows"]

# Types of connections that are not from a pool of ours.
_REGISTRIES: WeakKeyDictionary[Any, TypeRegistry] = WeakKeyDictionary()


@overload
def pool(session: Statements) -> ConnectionPool[Any]: ...
@overload
def pool(session: AsyncStatements) -> AsyncConnectionPool[Any]: ...
def pool(session: Statements | AsyncStatements) -> ConnectionPool[Any] | AsyncConnectionPool[Any]:
    """Hand out the psycopg_pool under a database, for what only the driver can do.

    Connections taken from it are in autocommit mode. Give them back as they were.

    Example:
        `with pool(db).connection() as connection: …`
    """
    found: ConnectionPool[Any] | AsyncConnectionPool[Any] = session._state.pool
    return found


def rows(cursor: Cursor[Any] | AsyncCursor[Any]) -> Rows:
    """Wrap the result of an executed psycopg cursor, so that it can be scanned.

    Args:
        cursor: A cursor after `execute(..., binary=True)`; what was fetched counts too.

    Raises:
        StatementError: If there is no result, or it is not in binary.

    Example:
        `users = liteorm.scan(rows(connection.execute(sql, binary=True)), User)`
    """
    result = cursor.pgresult
    if result is None or not result.nfields:
        raise StatementError("the cursor has no rows: nothing was executed, or it gave none")
    if any(result.fformat(column) == 0 for column in range(result.nfields)):
        raise StatementError(
            "the cursor's result is in text form, which says less about types",
            hint="execute it with binary=True",
        )
    registry = _registry(cursor.connection)
    try:
        return rows_from_result(result, registry)
    except UnknownTypes as unknown:
        if not isinstance(cursor, Cursor):
            raise StatementError(
                "the result has types that must be looked up, which this cursor cannot wait for",
                hint="query such types through the session once, or cast them",
            ) from None
        try:
            load_types(cursor.connection, registry, unknown.oids)
        except psycopg.Error as exc:
            raise translate(exc) from exc
        return rows_from_result(result, registry)


def _registry(connection: Any) -> TypeRegistry:
    state = getattr(connection, "state", None)
    if isinstance(state, PoolState):
        return state.types
    return _REGISTRIES.setdefault(connection, TypeRegistry())
