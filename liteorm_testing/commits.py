"""Commits that fail on call: the server refuses them."""

from __future__ import annotations

import functools
import re
import secrets
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final

import liteorm
from liteorm import Ident, Sql
from liteorm.postgres import DB, AsyncDB
from liteorm.postgres._async.connection import AsyncWire
from liteorm.postgres._sync.connection import Wire
from liteorm_testing import _sqltext
from liteorm_testing._arguments import expect, kind
from liteorm_testing._helping import helper_of
from liteorm_testing.databases import Database

__all__ = ["FailingCommits", "fail_next_commit"]

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
    with helper_of(db) as helper:
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
        commits._count = lambda: liteorm.scan_one(helper.query(count), int)
        try:
            with _asking_before(db, f'SELECT "{schema}".commit()'):
                yield commits
        finally:
            failed = commits.failed
            commits._count = lambda: failed
            # From here on no commit fails any more, whether the triggers can be dropped or not.
            helper.execute(_function(schema, "fail", "trigger", "BEGIN RETURN NULL; END"))
            with _while_tables_are_free(helper), helper.transaction() as tx:
                tx.execute("SET LOCAL lock_timeout = '2s'")
                tx.execute(liteorm.sql("DROP SCHEMA {} CASCADE", Ident(schema)))


_PQTRANS_INERROR: Final = 3
"""libpq's word for a transaction that has failed: its COMMIT rolls back, without a question."""

_QUESTIONS: Final[weakref.WeakKeyDictionary[Any, list[str]]] = weakref.WeakKeyDictionary()
"""What is asked before a COMMIT, the last that was wanted, by the state of a pool."""


@contextmanager
def _asking_before(db: DB | AsyncDB | Database, question: str) -> Generator[None]:
    """Let the connections of `db` ask the server before each COMMIT whether it may be.

    No trigger can do so where a transaction has changed no row. It is the command itself that is
    replaced, so that nothing in what is tested knows of tests.
    """
    if isinstance(db, Database):
        yield
        return
    _ask_questions()
    questions = _QUESTIONS.setdefault(db._state, [])
    questions.append(question)
    try:
        yield
    finally:
        questions.remove(question)


@functools.cache
def _ask_questions() -> None:
    command, command_async = Wire.command, AsyncWire.command

    def asking(self: Any, sql: str) -> str:
        if (question := _question(self, sql)) is not None:
            command(self, question)
        return command(self, sql)

    async def asking_async(self: Any, sql: str) -> str:
        if (question := _question(self, sql)) is not None:
            await command_async(self, question)
        return await command_async(self, sql)

    for wire, replaced in ((Wire, asking), (AsyncWire, asking_async)):
        setattr(wire, "command", replaced)  # noqa: B010 - checkers let no method be assigned


def _question(wire: Any, sql: str) -> str | None:
    failed = wire.pgconn.transaction_status == _PQTRANS_INERROR
    questions = _QUESTIONS.get(wire.state) if sql == "COMMIT" and not failed else None
    return questions[-1] if questions else None


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
