"""Where the driver shows: its pool handed out, its cursors taken in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload
from weakref import WeakKeyDictionary

from psycopg import AsyncCursor, AsyncServerCursor, Cursor, ServerCursor, pq
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from liteorm._core.values.results import Rows
from liteorm.errors import StatementError
from liteorm.postgres._reading.foreign import look_up, text_rows
from liteorm.postgres._reading.results import LOOKUPS, UnknownTypes, changed_types, rows_from_result
from liteorm.postgres._session.options import PoolState
from liteorm.postgres._types.registry import TypeRegistry

if TYPE_CHECKING:
    from liteorm._core.contracts import AsyncSession, Session

__all__ = ["pool", "rows"]

# Types of connections that are not from a pool of ours.
_REGISTRIES: WeakKeyDictionary[Any, TypeRegistry] = WeakKeyDictionary()


@overload
def pool(session: Session) -> ConnectionPool[Any]: ...
@overload
def pool(session: AsyncSession) -> AsyncConnectionPool[Any]: ...
def pool(session: Session | AsyncSession) -> ConnectionPool[Any] | AsyncConnectionPool[Any]:
    """Hand out the psycopg_pool under a database, for what only the driver can do.

    Connections taken from it are in autocommit mode. Give them back as they were.

    Example:
        `with pool(db).connection() as connection: …`
    """
    state: Any = getattr(session, "_state", None)
    if not isinstance(state, PoolState):
        raise TypeError(f"pool() takes a session such as DB, not {type(session).__name__}")
    found: ConnectionPool[Any] | AsyncConnectionPool[Any] = state.pool
    return found


def rows(cursor: Cursor[Any] | AsyncCursor[Any]) -> Rows:
    """Wrap the result of an executed psycopg cursor, so that it can be scanned.

    All rows of the current result count, whatever was fetched before. Results in binary are read
    several times faster; in text, anonymous records and money are refused. Types that are new
    are looked up over the cursor's own connection, blocking for one round trip, once.

    Args:
        cursor: A cursor, sync or async, that executed a statement with a result.

    Raises:
        StatementError: If there is no result here, or its types cannot be looked up.

    Example:
        `users = liteorm.scan(rows(connection.execute(sql, binary=True)), User)`
    """
    if isinstance(cursor, ServerCursor | AsyncServerCursor):
        raise StatementError(
            "the rows of a server-side cursor are on the server",
            hint="use session.stream, or a client-side cursor",
        )
    result = cursor.pgresult
    if result is None or not result.nfields:
        raise StatementError("the cursor has no rows: nothing was executed, or it gave none")
    connection = cursor.connection
    if connection.info.encoding not in ("utf-8", "ascii"):
        raise StatementError(
            f"the connection's encoding is {connection.info.encoding}; liteorm reads UTF-8",
            hint="connect with client_encoding=UTF8",
        )
    registry = _registry(connection)
    known = registry.known
    oids: set[int] = set()
    for _ in range(LOOKUPS):
        try:
            if result.fformat(0) == pq.Format.TEXT:
                return text_rows(result, known, connection)
            return rows_from_result(result, known)
        except UnknownTypes as unknown:
            oids.update(unknown.oids)
            known = look_up(connection.pgconn, registry, oids)
    raise changed_types()


def _registry(connection: Any) -> TypeRegistry:
    state = getattr(connection, "state", None)
    if isinstance(state, PoolState):
        return state.types
    found = _REGISTRIES.get(connection)
    if found is None:
        found = _REGISTRIES.setdefault(connection, TypeRegistry())
    return found
