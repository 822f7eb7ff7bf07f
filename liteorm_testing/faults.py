"""Errors on call, the real thing from a real server.

Each fault is played by the session it is given to and, where two are needed, by a second one on
a connection of its own. What has to happen in an order is ordered by looking at `pg_locks`,
never by sleeping.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final, LiteralString, TypeAlias, overload

import liteorm
from liteorm import Ident, Sql, postgres
from liteorm.postgres import (
    DB,
    AsyncDB,
    AsyncListener,
    AsyncTx,
    Listener,
    Tx,
)
from liteorm_testing import _dsn, _sqltext
from liteorm_testing._arguments import expect
from liteorm_testing._helping import dsn_of, helper_of
from liteorm_testing.databases import Database

__all__ = [
    "deadlock",
    "kill_backend",
    "lock_timeout",
    "serialization_failure",
    "statement_timeout",
    "too_many_connections",
]

_Step: TypeAlias = tuple[LiteralString | Sql, Sequence[object]]
_Script: TypeAlias = Generator[_Step, liteorm.Rows]
_PATIENCE: Final = 30.0  # seconds after which a fault that does not come about is given up


@overload
def deadlock(db: DB) -> None: ...
@overload
def deadlock(db: AsyncDB) -> Awaitable[None]: ...
def deadlock(db: DB | AsyncDB) -> Awaitable[None] | None:
    """Get into a deadlock with another transaction, and be the one that the server ends.

    Raises:
        Deadlock: Always. On an `AsyncDB`, await the call.

    Example:
        >>> import pytest, liteorm
        >>> from liteorm_testing import deadlock
        >>> def test_a_deadlock(liteorm_db):
        ...     with pytest.raises(liteorm.Deadlock):
        ...         deadlock(liteorm_db)
    """
    return _play(db, _deadlock)


@overload
def serialization_failure(db: DB) -> None: ...
@overload
def serialization_failure(db: AsyncDB) -> Awaitable[None]: ...
def serialization_failure(db: DB | AsyncDB) -> Awaitable[None] | None:
    """Update a row that another transaction has changed since, under repeatable read.

    Raises:
        SerializationFailure: Always. On an `AsyncDB`, await the call.
    """
    return _play(db, _serialization_failure, isolation="repeatable read")


@overload
def lock_timeout(db: DB) -> None: ...
@overload
def lock_timeout(db: AsyncDB) -> Awaitable[None]: ...
def lock_timeout(db: DB | AsyncDB) -> Awaitable[None] | None:
    """Wait for a lock that another transaction holds, for longer than `lock_timeout` allows.

    Raises:
        LockNotAvailable: Always. On an `AsyncDB`, await the call.
    """
    return _play(db, _lock_timeout)


@overload
def statement_timeout(db: DB) -> None: ...
@overload
def statement_timeout(db: AsyncDB) -> Awaitable[None]: ...
def statement_timeout(db: DB | AsyncDB) -> Awaitable[None] | None:
    """Run a statement for longer than the server's `statement_timeout` allows.

    Raises:
        StatementTimeout: Always. On an `AsyncDB`, await the call.
    """
    return _play(db, _statement_timeout)


@overload
def too_many_connections(db: DB) -> None: ...
@overload
def too_many_connections(db: AsyncDB) -> Awaitable[None]: ...
def too_many_connections(db: DB | AsyncDB) -> Awaitable[None] | None:
    """Connect to the database as a role that may not have one connection more.

    The role is made for the purpose and dropped again, so the session's user must be allowed to
    create roles; nobody else's connections are touched.

    Raises:
        ConnectFailed: Always, with `sqlstate` 53300. On an `AsyncDB`, await the call.
    """
    expect(db, (DB, AsyncDB), "too_many_connections")
    if isinstance(db, AsyncDB):
        return _too_many_connections_async(db)
    with _full_role(db) as dsn, postgres.open(dsn, min_size=1, max_size=1):
        pass
    return None


async def _too_many_connections_async(db: AsyncDB) -> None:
    with _full_role(db) as dsn:
        async with await postgres.open_async(dsn, min_size=1, max_size=1):
            pass


@contextmanager
def _full_role(db: DB | AsyncDB) -> Generator[str]:
    role, password = f"liteorm_testing_{secrets.token_hex(4)}", secrets.token_hex(16)
    with helper_of(db) as helper:
        helper.execute(
            liteorm.sql(
                "CREATE ROLE {} LOGIN CONNECTION LIMIT 0 PASSWORD {}",
                Ident(role),
                _sqltext.literal(password),
            )
        )
        try:
            yield _dsn.replace(dsn_of(db), user=role, password=password)
        finally:
            helper.execute(liteorm.sql("DROP ROLE {}", Ident(role)))


def kill_backend(x: DB | AsyncDB | Tx | AsyncTx | Listener | AsyncListener | Database) -> int:
    """End the server's side of a database's connections, of a transaction or of a listener.

    Gives how many connections it ended; they are gone when it returns. Their owners find out
    when they next use them, and get `ConnectionLost`.

    Args:
        x: What is to lose its connection; a `DB` or `AsyncDB` loses all of its own, a `Database`
            everybody's, whatever driver they use.
    """
    wanted = (DB, AsyncDB, Tx, AsyncTx, Listener, AsyncListener, Database)
    expect(x, wanted, "kill_backend", "a database, a transaction or a listener")
    with helper_of(x) as helper:
        pids = _backends(x, helper)
        if pids:
            helper.query("SELECT pg_terminate_backend(p) FROM unnest(%s::int4[]) AS p", [pids])
            _until(
                helper, "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = ANY(%s))", pids
            )
    return len(pids)


# The scripts: each statement they yield runs in the given session's transaction; what they do
# in between runs on the helper's connections. After the last one the transaction has failed.


def _deadlock(helper: DB) -> _Script:
    first, second = secrets.randbits(31), secrets.randbits(31)
    lock = "SELECT pg_advisory_xact_lock(%s)"
    pid = liteorm.scan_one((yield "SELECT pg_backend_pid()", ()), int)
    yield lock, (first,)
    with helper.begin() as other:
        other.query(lock, (second,))
        helper_pid = liteorm.scan_one(other.query("SELECT pg_backend_pid()"), int)
        may_set = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
        # The server ends the one whose deadlock_timeout passes while the circle is closed.
        if liteorm.scan_one(other.query(may_set), bool):
            other.execute("SET LOCAL deadlock_timeout = '10min'")
            yield "SELECT set_config('deadlock_timeout', '1ms', true)", ()
            waiting = threading.Thread(target=_ignoring_errors(other, lock, (first,)))
            waiting.start()
            _until(helper, _IS_WAITING, helper_pid)
        else:

            def close_the_circle() -> None:
                _until(helper, _IS_WAITING, pid)
                _ignoring_errors(other, lock, (first,))()

            waiting = threading.Thread(target=close_the_circle)
            waiting.start()
        try:
            yield lock, (second,)
        finally:
            # By now the given session has rolled back, which lets the other one go on.
            waiting.join()


_IS_WAITING: Final = "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = %s AND NOT granted)"


def _ignoring_errors(
    tx: Tx, statement: LiteralString, params: Sequence[object]
) -> Callable[[], None]:
    def run() -> None:
        try:
            tx.query(statement, params, timeout=_PATIENCE)
        except liteorm.Error:
            pass  # should the server have chosen this side, the caller's own error says so

    return run


def _serialization_failure(helper: DB) -> _Script:
    table = Ident(f"liteorm_testing_{secrets.token_hex(4)}")
    update = liteorm.sql("UPDATE {} SET n = n + 1", table)
    helper.execute(liteorm.sql("CREATE TABLE {} AS SELECT 1 AS n", table))
    try:
        yield liteorm.sql("SELECT n FROM {}", table), ()
        helper.execute(update)
        yield update, ()
    finally:
        helper.execute(liteorm.sql("DROP TABLE {}", table))


def _lock_timeout(helper: DB) -> _Script:
    key = secrets.randbits(31)
    with helper.begin() as other:
        other.query("SELECT pg_advisory_xact_lock(%s)", (key,))
        yield "SELECT set_config('lock_timeout', '1ms', true)", ()
        yield "SELECT pg_advisory_xact_lock(%s)", (key,)


def _statement_timeout(helper: DB) -> _Script:
    yield "SELECT set_config('statement_timeout', '1ms', true)", ()
    yield "SELECT pg_sleep(%s)", (_PATIENCE,)


def _play(
    db: DB | AsyncDB, script: Callable[[DB], _Script], isolation: Any = None
) -> Awaitable[None] | None:
    expect(db, (DB, AsyncDB), script.__name__.lstrip("_"))
    if isinstance(db, AsyncDB):
        return _play_async(db, script, isolation)
    with helper_of(db) as helper:
        steps = script(helper)
        try:
            with db.transaction(isolation=isolation) as tx:
                step = next(steps)
                while True:
                    step = steps.send(tx.query(*step))
        except StopIteration:
            raise AssertionError("the server raised no error") from None
        finally:
            steps.close()


async def _play_async(db: AsyncDB, script: Callable[[DB], _Script], isolation: Any) -> None:
    with helper_of(db) as helper:
        steps = script(helper)
        try:
            async with db.transaction(isolation=isolation) as tx:
                step = next(steps)
                while True:
                    step = steps.send(await tx.query(*step))
        except StopIteration:
            raise AssertionError("the server raised no error") from None
        finally:
            steps.close()


def _until(helper: DB, question: LiteralString, *params: object) -> None:
    """Ask the server until it says yes."""
    deadline = time.monotonic() + _PATIENCE
    while not liteorm.scan_one(helper.query(question, params), bool):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the server did not get there in {_PATIENCE:g} s: {question}")


def _backends(x: Any, helper: DB) -> list[int]:
    """The server's process ids of the connections that are x's own."""
    if isinstance(x, Database):
        others = (
            "SELECT pid FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid() "
            "AND backend_type = 'client backend'"
        )
        return liteorm.scan(helper.query(others, [x.name]), int)
    if isinstance(x, (DB, AsyncDB)):
        state = x._state
        wires = [*state.lent(), *state.pool._pool]
    else:
        wires = [x._wire]
    return [wire.pgconn.backend_pid for wire in wires if wire is not None and not wire.closed]
