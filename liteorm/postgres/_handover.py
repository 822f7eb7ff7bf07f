"""Where the driver shows: its pool handed out, its cursors taken in."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, overload
from weakref import WeakKeyDictionary

from psycopg import (
    AsyncConnection,
    AsyncCursor,
    AsyncServerCursor,
    Connection,
    Cursor,
    ServerCursor,
    pq,
)
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from liteorm._core.contracts import AsyncSession, Session
from liteorm._core.values.results import Rows
from liteorm.errors import StatementError
from liteorm.postgres._reading.foreign import look_up, text_rows
from liteorm.postgres._reading.results import LOOKUPS, UnknownTypes, changed_types, rows_from_result
from liteorm.postgres._session.options import lent_state
from liteorm.postgres._session.state import PoolState
from liteorm.postgres._types.registry import TypeRegistry

if TYPE_CHECKING:
    from liteorm._core.contracts import AsyncSession, Session

__all__ = ["pool", "rows", "session", "session_async"]

# Types of connections that are not from a pool of ours.
_REGISTRIES: WeakKeyDictionary[Any, TypeRegistry] = WeakKeyDictionary()
# What sessions on somebody else's connections share: one is made for each request.
_LENT: WeakKeyDictionary[Any, tuple[Any, threading.Lock]] = WeakKeyDictionary()


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
    found: ConnectionPool[Any] | AsyncConnectionPool[Any] | None = state.pool
    if found is None:
        raise TypeError("a session on somebody else's connection has no pool")
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
    _check_encoding(connection)
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


def session(connection: Connection[Any]) -> Session:
    """Work on a psycopg connection that somebody else owns, inside their transaction.

    Every call of a session is there. Nothing is committed, rolled back or closed, and the
    connection is as it was for its owner: `transaction()` is a savepoint. A transaction begins
    where the driver would begin one; on a connection in autocommit it is one of its own.

    Args:
        connection: A connection of psycopg 3 that speaks UTF-8. SQLAlchemy's is
            `connection.connection.driver_connection`, Django's `connection.connection`.

    Raises:
        TypeError: If it is none.

    Example:
        ```
        import psycopg
        with psycopg.connect("postgresql://app@localhost/app") as owner:
            user = session(owner).get(User, 5)
            owner.commit()
        ```
    """
    if not isinstance(connection, Connection):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise _no_connection(session, connection, Connection)
    from liteorm.postgres._sync.held import Lent, lend

    found = _LENT.get(connection)
    if found is None:
        _check_encoding(connection)
        state = lent_state(connection.pgconn)
        found = _LENT.setdefault(connection, (lend(connection, state), threading.Lock()))
    wire, lock = found
    return Lent(wire.state, wire, lock, connection)


def session_async(connection: AsyncConnection[Any]) -> AsyncSession:
    """Work on a psycopg connection that somebody else owns, inside their transaction.

    Every call of a session is there. Nothing is committed, rolled back or closed, and the
    connection is as it was for its owner: `transaction()` is a savepoint. A transaction begins
    where the driver would begin one; on a connection in autocommit it is one of its own.

    Args:
        connection: A connection of psycopg 3 that speaks UTF-8. SQLAlchemy's is
            `(await connection.get_raw_connection()).driver_connection`.

    Raises:
        TypeError: If it is none.

    Example:
        ```
        import psycopg
        async with await psycopg.AsyncConnection.connect("postgresql://app@localhost/app") as owner:
            user = await session_async(owner).get(User, 5)
            await owner.commit()
        ```
    """
    if not isinstance(connection, AsyncConnection):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise _no_connection(session_async, connection, AsyncConnection)
    from liteorm.postgres._async.held import AsyncLent, lend

    found = _LENT.get(connection)
    if found is None:
        _check_encoding(connection)
        state = lent_state(connection.pgconn)
        found = _LENT.setdefault(connection, (lend(connection, state), threading.Lock()))
    wire, lock = found
    return AsyncLent(wire.state, wire, lock, connection)


def _no_connection(function: Any, given: object, wanted: type) -> TypeError:
    other = isinstance(given, Connection | AsyncConnection)
    twin = "session" if function is session_async else "session_async"
    return TypeError(
        f"{function.__name__}() takes a psycopg.{wanted.__name__}, not {type(given).__name__}"
        + (f": use {twin}() for that" if other else ": hand it the driver's own connection")
    )


def _check_encoding(connection: Any) -> None:
    if connection.info.encoding not in ("utf-8", "ascii"):
        raise StatementError(
            f"the connection's encoding is {connection.info.encoding}; liteorm reads UTF-8",
            hint="connect with client_encoding=UTF8",
        )


def _registry(connection: Any) -> TypeRegistry:
    state = getattr(connection, "state", None)
    if isinstance(state, PoolState):
        return state.types
    found = _REGISTRIES.get(connection)
    if found is None:
        found = _REGISTRIES.setdefault(connection, TypeRegistry())
    return found
