"""Errors on call, the real thing from a real server.

Each fault is played by the session it is given to and, where two are needed, by a second one on
a connection of its own. What has to happen in an order is ordered by looking at `pg_locks`,
never by sleeping.
"""

from __future__ import annotations

import asyncio
import inspect
import re
import secrets
import threading
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
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
from liteorm_testing._arguments import expect, kind
from liteorm_testing.databases import Database

__all__ = [
    "FailingCommits",
    "deadlock",
    "fail_next_commit",
    "kill_backend",
    "lock_timeout",
    "serialization_failure",
    "statement_timeout",
    "too_many_connections",
]

_Step: TypeAlias = tuple[LiteralString | Sql, Sequence[object]]
_Script: TypeAlias = Generator[_Step, liteorm.Rows]
_PATIENCE: Final = 30.0  # seconds after which a fault that does not come about is given up

_CODES: Final[dict[type[liteorm.Error], str]] = {
    liteorm.SerializationFailure: "40001",
    liteorm.Deadlock: "40P01",
    liteorm.UniqueViolation: "23505",
    liteorm.ForeignKeyViolation: "23503",
    liteorm.NotNullViolation: "23502",
    liteorm.CheckViolation: "23514",
    liteorm.ExclusionViolation: "23P01",
    liteorm.LockNotAvailable: "55P03",
    liteorm.QueryCanceled: "57014",
    liteorm.DiskFull: "53100",
    liteorm.OutOfMemory: "53200",
}


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
    with _helper(db) as helper:
        helper.execute(
            liteorm.sql(
                "CREATE ROLE {} LOGIN CONNECTION LIMIT 0 PASSWORD {}",
                Ident(role),
                _sqltext.literal(password),
            )
        )
        try:
            yield _dsn.replace(_conninfo(db), user=role, password=password)
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
    with _helper(x) as helper:
        pids = _backends(x, helper)
        if pids:
            helper.query("SELECT pg_terminate_backend(p) FROM unnest(%s::int4[]) AS p", [pids])
            _until(
                helper, "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = ANY(%s))", pids
            )
    return len(pids)


class FailingCommits:
    """What `fail_next_commit` gives: how many commits have failed.

    Attributes:
        times: How many are to fail.
    """

    def __init__(self, times: int) -> None:
        self.times = times
        self._count: Callable[[], int] = int

    @property
    def failed(self) -> int:
        """How many have failed so far; it may be asked after the block as well."""
        return min(self._count(), self.times)

    def __repr__(self) -> str:
        return f"<FailingCommits: {self.failed} of {self.times} have failed>"


@contextmanager
def fail_next_commit(
    db: DB | AsyncDB | Database, error: type[liteorm.Error] | str, *, times: int = 1
) -> Generator[FailingCommits]:
    """Let the next transactions fail at their COMMIT.

    It is the server that refuses: a function of its raises the error when a transaction of `db`
    wants to commit. For statements outside transactions, and for connections of others, deferred
    triggers do it, on all tables that exist when the block is entered; all is gone when it is
    left. A read-only transaction commits, as there is nothing to refuse.

    Gives a `FailingCommits`, which knows how many have failed.

    Args:
        db: The database; use plain `with` also for an `AsyncDB`. A `Database` is for code that
            uses another driver, and for one whose role may not create: its transactions fail if
            they have changed a row.
        error: The error, such as `liteorm.SerializationFailure`, or a SQLSTATE.
        times: How many commits fail.

    Raises:
        ValueError: The server raises no such error, or `times` is no positive number.
        InsufficientPrivilege: The session's role may not make the triggers: give the `Database`.

    Example:
        >>> import liteorm
        >>> from liteorm_testing import fail_next_commit
        >>> def test_it_is_tried_again(liteorm_db):
        ...     liteorm_db.execute("CREATE TABLE t (n int)")
        ...     with fail_next_commit(liteorm_db, liteorm.SerializationFailure, times=2) as commits:
        ...         liteorm_db.run(lambda tx: tx.execute("INSERT INTO t VALUES (1)"))
        ...     assert commits.failed == 2
        ...     assert liteorm.scan_one(liteorm_db.query("SELECT n FROM t"), int) == 1
    """
    expect(db, (DB, AsyncDB, Database), "fail_next_commit")
    code = _code_of(error)
    if times < 1:
        raise ValueError(f"fail_next_commit lets at least one commit fail, times= is {times}")
    schema = f"liteorm_testing_{secrets.token_hex(4)}"
    with _helper(db) as helper:
        tables = liteorm.scan(helper.query(_USER_TABLES), tuple[str, str])
        with _may_create(), _while_tables_are_free(helper), helper.transaction() as tx:
            tx.execute("SET LOCAL lock_timeout = '2s'")
            for statement in _commit_triggers(schema, code, times, tables):
                tx.execute(statement)
        # A sequence's first value is there before it is given out.
        count = liteorm.sql(
            "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {}",
            Ident(schema, "commits"),
        )
        commits = FailingCommits(times)
        state = None if isinstance(db, Database) else db._state
        before = None if state is None else state.before_commit
        commits._count = lambda: liteorm.scan_one(helper.query(count), int)
        if state is not None:
            state.before_commit = f'SELECT "{schema}".commit()'
        try:
            yield commits
        finally:
            if state is not None:
                state.before_commit = before
            failed = commits.failed
            commits._count = lambda: failed
            # From here on no commit fails any more, whether the triggers can be dropped or not.
            helper.execute(_function(schema, "fail", "trigger", "BEGIN RETURN NULL; END"))
            with _while_tables_are_free(helper), helper.transaction() as tx:
                tx.execute("SET LOCAL lock_timeout = '2s'")
                tx.execute(liteorm.sql("DROP SCHEMA {} CASCADE", Ident(schema)))


@contextmanager
def _may_create() -> Generator[None]:
    """Say what to give instead of a session whose role may not make what is needed."""
    try:
        yield
    except liteorm.InsufficientPrivilege as error:
        raise liteorm.InsufficientPrivilege(
            "fail_next_commit makes a schema and triggers on all tables, which the role of this "
            f"session may not: {error.message}",
            sqlstate=error.sqlstate,
            hint="give it the test's Database in place of the session: liteorm_database",
        ) from error


@contextmanager
def _while_tables_are_free(helper: DB) -> Generator[None]:
    """Say who is in the way when tables cannot be changed, which would wait for them for ever."""
    try:
        yield
    except liteorm.LockNotAvailable as error:
        holders = ", ".join(
            f"pid {pid} (application {application!r}, {state})"
            for pid, application, state in liteorm.scan(
                helper.query(_HOLDERS), tuple[int, str, str]
            )
        )
        raise liteorm.LockNotAvailable(
            "fail_next_commit puts triggers on all tables and takes them away again, and cannot "
            f"while a transaction is open on one: {holders or 'it has just ended'}",
            sqlstate=error.sqlstate,
            hint="let it end before the block is entered, and again before it is left",
        ) from error


_HOLDERS: Final = """
    SELECT DISTINCT a.pid, coalesce(a.application_name, ''), coalesce(a.state, 'unknown')
    FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE l.granted AND l.pid <> pg_backend_pid() AND c.relkind IN ('r', 'p')
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
    ORDER BY 1
"""


_USER_TABLES: Final = """
    SELECT n.nspname::text, c.relname::text
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
      AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
"""


def _commit_triggers(
    schema: str, code: str, times: int, tables: list[tuple[str, str]]
) -> Generator[Sql]:
    yield liteorm.sql("CREATE SCHEMA {}", Ident(schema))
    yield liteorm.sql("GRANT USAGE ON SCHEMA {} TO PUBLIC", Ident(schema))
    # A sequence counts also in transactions that are rolled back.
    counter = Ident(schema, "commits")
    yield liteorm.sql("CREATE SEQUENCE {}", counter)
    fail = (
        f"IF nextval('\"{schema}\".commits') <= {int(times)} THEN RAISE EXCEPTION "
        f"'the commit fails, as the test wanted' USING ERRCODE = '{code}'; END IF"
    )
    writing = "IF current_setting('transaction_read_only') = 'off' THEN"
    for name, returns, body in (
        ("fail", "trigger", f"BEGIN {fail}; RETURN NULL; END"),
        # Nothing can be counted in a read-only transaction.
        ("commit", "void", f"BEGIN {writing} {fail}; END IF; END"),
    ):
        yield _function(schema, name, returns, body)
    for table in tables:
        yield liteorm.sql(
            "CREATE CONSTRAINT TRIGGER {} AFTER INSERT OR UPDATE OR DELETE ON {} "
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION {} ()",
            Ident(schema),
            Ident(*table),
            Ident(schema, "fail"),
        )


def _function(schema: str, name: str, returns: str, body: str) -> Sql:
    return liteorm.sql(
        _sqltext.trusted(
            f"CREATE OR REPLACE FUNCTION {{}} () RETURNS {returns} LANGUAGE plpgsql "
            "SECURITY DEFINER SET search_path = pg_catalog AS {}"
        ),
        Ident(schema, name),
        _sqltext.literal(body),
    )


def _code_of(error: type[liteorm.Error] | str) -> str:
    given: Any = error
    if isinstance(given, str):
        # Class 00 is success, and no server raises it.
        if not re.fullmatch("(?!00)[0-9A-Z]{5}", given):
            raise ValueError(f"a SQLSTATE of an error is five digits and capitals, not {given!r}")
        return given
    if not isinstance(given, type) or not issubclass(given, liteorm.Error):
        raise TypeError(
            "fail_next_commit takes a class of errors, such as liteorm.SerializationFailure, or a "
            f"SQLSTATE, not {kind(error)}"
        )
    for cls in given.__mro__:
        if cls in _CODES:
            return _CODES[cls]
        # A subclass of the user's own stands for what it is made of, one of liteorm's does not:
        # what the server raises for a StatementTimeout's SQLSTATE is a mere QueryCanceled.
        if cls.__module__.split(".")[0] == "liteorm":
            break
    names = ", ".join(sorted(cls.__name__ for cls in _CODES))
    raise ValueError(
        f"fail_next_commit cannot bring about {given.__name__}; give a SQLSTATE or one of {names}"
    )


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
    with _helper(db) as helper:
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
    with _helper(db) as helper:
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


@contextmanager
def _helper(x: Any) -> Generator[DB]:
    """Connections of our own to the same database, by the same way: through a proxy too."""
    with postgres.open(
        _conninfo(x), min_size=1, max_size=3, application_name="liteorm_testing", num_workers=1
    ) as helper:
        yield helper


def _conninfo(x: Any) -> str:
    """The connection string of a database, a transaction or a listener, with its password."""
    if isinstance(x, Database):
        return x.dsn
    state = x._state
    if state.dsn_source is None:
        return str(state.conninfo)
    return str(state.conninfo_of(_asked(state.dsn_source)))


def _asked(source: Callable[[], Any]) -> Any:
    """Ask a function for the DSN that holds now; in a thread, as the caller's loop may run."""
    with ThreadPoolExecutor(1) as thread:
        found = thread.submit(source).result()
        if inspect.iscoroutine(found):
            found = thread.submit(asyncio.run, found).result()
    return found


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
