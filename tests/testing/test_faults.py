"""Every fault on call, on the sync and the async session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import liteorm
from liteorm import postgres
from liteorm.postgres import DB, AsyncDB
from liteorm_testing import (
    Database,
    deadlock,
    fail_next_commit,
    kill_backend,
    lock_timeout,
    serialization_failure,
    statement_timeout,
    too_many_connections,
)

FAULTS = [
    (deadlock, liteorm.Deadlock, "40P01"),
    (serialization_failure, liteorm.SerializationFailure, "40001"),
    (lock_timeout, liteorm.LockNotAvailable, "55P03"),
    (statement_timeout, liteorm.StatementTimeout, "57014"),
    (too_many_connections, liteorm.ConnectFailed, "53300"),
]


@pytest.mark.parametrize(("fault", "error", "code"), FAULTS)
def test_a_fault_is_the_servers_own_error(
    fault: Callable[[DB], None], error: type[liteorm.Error], code: str, liteorm_db: DB
) -> None:
    """Each raises its liteorm error with the server's SQLSTATE, time and again, leaving nothing."""
    for _ in range(3):
        with pytest.raises(error) as caught:
            fault(liteorm_db)
        assert caught.value.sqlstate == code
    left = "SELECT count(*) FROM pg_class WHERE relname LIKE 'liteorm%'"
    assert liteorm.scan_one(liteorm_db.query(left), int) == 0
    roles = "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'liteorm_testing%'"
    assert liteorm.scan_one(liteorm_db.query(roles), int) == 0


@pytest.mark.anyio
@pytest.mark.parametrize(("fault", "error", "code"), FAULTS)
async def test_a_fault_is_awaited_on_an_async_session(
    fault: Callable[[AsyncDB], Any],
    error: type[liteorm.Error],
    code: str,
    liteorm_async_db: AsyncDB,
) -> None:
    """The same call on an AsyncDB is awaited."""
    with pytest.raises(error) as caught:
        await fault(liteorm_async_db)
    assert caught.value.sqlstate == code


def test_a_deadlock_needs_no_privileges(liteorm_database: Database, liteorm_db: DB) -> None:
    """Also a role that may not set deadlock_timeout is the one that is ended."""
    role = f"{liteorm_database.name}_app"
    name = liteorm.Ident(role)
    liteorm_db.execute(liteorm.sql("CREATE ROLE {} LOGIN PASSWORD 'app'", name))
    try:
        dsn = _as_role(liteorm_database.dsn, role)
        with postgres.open(dsn) as db, pytest.raises(liteorm.Deadlock):
            deadlock(db)
    finally:
        liteorm_db.execute(liteorm.sql("DROP ROLE {}", name))


def _as_role(dsn: str, role: str) -> str:
    from liteorm_testing import _dsn

    return _dsn.replace(dsn, user=role, password="app")


def test_killing_a_database_ends_all_of_its_connections(liteorm_db: DB) -> None:
    """Idle and busy connections go; the database connects anew afterwards."""
    pid = liteorm.scan_one(liteorm_db.query("SELECT pg_backend_pid()"), int)
    with liteorm_db.begin() as tx:
        tx.query("SELECT 1")
        assert kill_backend(liteorm_db) >= 1
        with pytest.raises(liteorm.ConnectionLost):
            tx.query("SELECT 1")
    assert liteorm.scan_one(liteorm_db.query("SELECT pg_backend_pid()"), int) != pid


def test_killing_a_transaction_leaves_others_alone(liteorm_db: DB) -> None:
    """Only the transaction's own connection goes."""
    with liteorm_db.begin() as one, liteorm_db.begin() as other:
        assert kill_backend(one) == 1
        with pytest.raises(liteorm.ConnectionLost):
            one.query("SELECT 1")
        assert liteorm.scan_one(other.query("SELECT 1"), int) == 1


def test_killing_a_listener_is_noticed_by_it(liteorm_db: DB) -> None:
    """A listener whose connection was ended says so."""
    with postgres.listen(liteorm_db, "jobs") as listener:
        assert kill_backend(listener) == 1
        with pytest.raises(liteorm.ConnectionLost):
            listener.receive(timeout=10)


@pytest.mark.anyio
async def test_killing_works_on_async_sessions(liteorm_async_db: AsyncDB) -> None:
    """The call is the same, and not awaited."""
    async with await liteorm_async_db.begin() as tx:
        assert kill_backend(tx) == 1
        with pytest.raises(liteorm.ConnectionLost):
            await tx.query("SELECT 1")
    async with await postgres.listen_async(liteorm_async_db, "jobs") as listener:
        assert kill_backend(listener) == 1
        with pytest.raises(liteorm.ConnectionLost):
            await listener.receive(timeout=10)
    assert kill_backend(liteorm_async_db) >= 0
    assert liteorm.scan_one(await liteorm_async_db.query("SELECT 1"), int) == 1


def test_commits_fail_as_often_as_asked_for(liteorm_db: DB) -> None:
    """A retry loop goes through exactly that many failures, and the work is stored once."""
    liteorm_db.execute("CREATE TABLE t (n int)")
    attempts: list[int] = []

    def work(tx: postgres.Tx) -> None:
        attempts.append(1)
        tx.execute("INSERT INTO t VALUES (1)")

    with fail_next_commit(liteorm_db, liteorm.SerializationFailure, times=2):
        liteorm_db.run(work)
    assert len(attempts) == 3
    assert liteorm.scan(liteorm_db.query("SELECT n FROM t"), int) == [1]


def test_no_commit_fails_after_the_block(liteorm_db: DB) -> None:
    """What is left of the failures is forgotten with the block."""
    liteorm_db.execute("CREATE TABLE t (n int)")
    with fail_next_commit(liteorm_db, liteorm.Deadlock):
        pass
    liteorm_db.execute("INSERT INTO t VALUES (1)")
    left = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'liteorm%'"
    assert liteorm.scan_one(liteorm_db.query(left), int) == 0


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (liteorm.SerializationFailure, liteorm.SerializationFailure),
        (liteorm.Deadlock, liteorm.Deadlock),
        (liteorm.UniqueViolation, liteorm.UniqueViolation),
        (liteorm.DiskFull, liteorm.DiskFull),
        ("57014", liteorm.QueryCanceled),
    ],
)
def test_the_commit_fails_with_the_error_that_was_asked_for(
    error: type[liteorm.Error] | str, expected: type[liteorm.Error], liteorm_db: DB
) -> None:
    """Any class with a SQLSTATE will do, or a SQLSTATE."""
    liteorm_db.execute('CREATE SCHEMA "A b"; CREATE TABLE "A b"."T %" (n int)')
    with fail_next_commit(liteorm_db, error), pytest.raises(expected):
        with liteorm_db.transaction() as tx:
            tx.execute('INSERT INTO "A b"."T %" VALUES (1)')


def test_an_error_that_no_commit_has_is_refused(liteorm_db: DB) -> None:
    """The message lists what can be had."""
    with pytest.raises(ValueError, match=r"NoRows.*SerializationFailure"):
        with fail_next_commit(liteorm_db, liteorm.NoRows):
            pass


def test_a_transaction_that_changes_no_table_fails_at_its_commit_too(liteorm_db: DB) -> None:
    """A retry loop can be tested without any table; what is read-only has nothing to refuse."""
    attempts: list[int] = []

    def work(tx: postgres.Tx) -> str:
        attempts.append(1)
        tx.query("SELECT 1")
        return "done"

    with fail_next_commit(liteorm_db, liteorm.SerializationFailure, times=2):
        assert liteorm_db.run(work, read_only=True) == "done"
        assert attempts == [1]
        assert liteorm_db.run(work) == "done"
        assert len(attempts) == 4
        liteorm_db.run(work)
    assert len(attempts) == 5
    with fail_next_commit(liteorm_db, liteorm.Deadlock):
        tx = liteorm_db.begin()
        with pytest.raises(liteorm.Deadlock):
            tx.commit()
        with liteorm_db.transaction() as tx, tx.transaction() as savepoint:
            savepoint.execute("CREATE TABLE made (n int)")
    assert liteorm_db.stats().in_use == 0


def test_a_swallowed_error_is_told_before_a_failing_commit(liteorm_db: DB) -> None:
    """A transaction that has failed already is rolled back, and that is what its block says."""
    with fail_next_commit(liteorm_db, liteorm.SerializationFailure):
        with pytest.raises(liteorm.TransactionAborted), liteorm_db.transaction() as tx:
            with pytest.raises(liteorm.DataError):
                tx.query("SELECT 1 / 0")
        with pytest.raises(liteorm.SerializationFailure), liteorm_db.transaction():
            pass


@pytest.mark.anyio
async def test_commits_of_an_async_database_fail_too(liteorm_async_db: AsyncDB) -> None:
    """The whole unit is run again, without any table."""
    attempts: list[int] = []

    async def work(tx: postgres.AsyncTx) -> None:
        attempts.append(1)
        await tx.query("SELECT 1")

    with fail_next_commit(liteorm_async_db, liteorm.SerializationFailure, times=2):
        await liteorm_async_db.run(work)
    assert len(attempts) == 3


def test_what_a_fault_cannot_be_played_on_is_named(liteorm_db: DB) -> None:
    """What has no connection, and what the server raises for no SQLSTATE, is refused in words."""
    nothing: Any = 5
    with pytest.raises(TypeError, match="a database, a transaction or a listener, not int"):
        kill_backend(nothing)
    for error in (liteorm.StatementTimeout, liteorm.CommitUnknown, liteorm.Error):
        with pytest.raises(ValueError, match="give a SQLSTATE"):
            with fail_next_commit(liteorm_db, error):
                pass


def test_a_commit_fails_with_what_a_users_error_is_made_of(liteorm_db: DB) -> None:
    """A subclass of one's own stands for the error that it refines."""

    class Taken(liteorm.UniqueViolation):
        pass

    liteorm_db.execute("CREATE TABLE made (n int)")
    with fail_next_commit(liteorm_db, Taken), pytest.raises(liteorm.UniqueViolation):
        liteorm_db.execute("INSERT INTO made VALUES (1)")


@pytest.mark.parametrize("fault", [fault for fault, _, _ in FAULTS])
def test_faults_refuse_what_is_no_database(
    fault: Callable[[Any], None], liteorm_database: Database
) -> None:
    """A Database is not what code under test works with, and the sentence says what is."""
    with pytest.raises(TypeError, match=r"takes a DB or AsyncDB, not .*Database"):
        fault(liteorm_database)


@pytest.mark.parametrize(
    ("error", "times", "expected", "message"),
    [
        (liteorm.Deadlock("x"), 1, TypeError, "takes a class of errors.*not liteorm.*Deadlock"),
        (ValueError, 1, TypeError, "not the class ValueError"),
        ("00000", 1, ValueError, "SQLSTATE of an error is five digits and capitals"),
        ("40p01", 1, ValueError, "not '40p01'"),
        (liteorm.Deadlock, 0, ValueError, "at least one commit fail, times= is 0"),
    ],
)
def test_commits_that_cannot_fail_so_are_refused(
    error: Any, times: int, expected: type[Exception], message: str, liteorm_db: DB
) -> None:
    """What the server could not raise would let a test pass that tests nothing."""
    with pytest.raises(expected, match=message), fail_next_commit(liteorm_db, error, times=times):
        pass


def test_how_many_commits_failed_can_be_asked(liteorm_db: DB) -> None:
    """A test can make sure that its failures came about, in the block and after it."""
    with fail_next_commit(liteorm_db, liteorm.SerializationFailure, times=2) as commits:
        assert (commits.failed, commits.times) == (0, 2)
        with pytest.raises(liteorm.SerializationFailure), liteorm_db.transaction():
            pass
        assert commits.failed == 1
        liteorm_db.run(lambda tx: tx.execute("SELECT 1"))
        liteorm_db.run(lambda tx: tx.execute("SELECT 1"))
    assert commits.failed == 2
    assert repr(commits) == "<FailingCommits: 2 of 2 have failed>"


def test_faults_for_code_with_another_driver(liteorm_database: Database) -> None:
    """A Database stands for everybody who is connected to it, whatever driver they use."""
    import psycopg

    with psycopg.connect(liteorm_database.dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (n int)")
        with fail_next_commit(liteorm_database, liteorm.SerializationFailure) as commits:
            with pytest.raises(psycopg.errors.SerializationFailure), connection.transaction():
                connection.execute("INSERT INTO t VALUES (1)")
            with connection.transaction():
                connection.execute("INSERT INTO t VALUES (2)")
        assert commits.failed == 1
        assert connection.execute("SELECT n FROM t").fetchall() == [(2,)]
        assert kill_backend(liteorm_database) == 1
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_a_transaction_in_the_way_is_named(liteorm_database: Database, liteorm_db: DB) -> None:
    """Triggers are neither put on a table nor taken away while others hold it: who does is said."""
    liteorm_db.execute("CREATE TABLE t (n int)")
    named = r"open on one: pid .*'writer'"
    with postgres.open(liteorm_database.dsn, application_name="writer") as other:
        for statement in ("INSERT INTO t VALUES (1)", "SELECT n FROM t"):
            with other.begin() as tx, pytest.raises(liteorm.LockNotAvailable, match=named):
                tx.execute(statement)
                with fail_next_commit(liteorm_db, liteorm.Deadlock):
                    pass
    # The triggers that stay do nothing.
    liteorm_db.execute("INSERT INTO t VALUES (2)")
    with liteorm_db.transaction() as tx:
        tx.execute("INSERT INTO t VALUES (3)")


def test_a_role_that_may_not_create_is_told_to_give_the_database(
    liteorm_database: Database,
) -> None:
    """With the test's `Database` the commits of any role fail."""
    with postgres.open(liteorm_database.dsn) as db:
        db.execute(
            "CREATE TABLE t (n int); DROP ROLE IF EXISTS may_not_create; "
            "CREATE ROLE may_not_create LOGIN PASSWORD 'x'; GRANT ALL ON t TO may_not_create"
        )
    try:
        with postgres.open(liteorm_database.dsn_for("may_not_create", "x")) as db:
            with pytest.raises(liteorm.InsufficientPrivilege, match="triggers on all") as caught:
                with fail_next_commit(db, liteorm.SerializationFailure):
                    pass
            assert "give it the test's Database" in str(caught.value.hint)
            with fail_next_commit(liteorm_database, liteorm.SerializationFailure) as commits:
                db.run(lambda tx: tx.execute("INSERT INTO t VALUES (1)"))
            assert commits.failed == 1
    finally:
        with postgres.open(liteorm_database.dsn) as db:
            db.execute("DROP OWNED BY may_not_create; DROP ROLE may_not_create")


def test_the_function_that_gives_the_dsn_is_asked(liteorm_database: Database) -> None:
    """What it gave first need not hold any more, for the faults either."""
    given = [liteorm_database.dsn]
    with postgres.open(lambda: given[-1], max_size=1) as db:
        db._state.conninfo = "host=127.0.0.1 port=1 connect_timeout=1"
        assert kill_backend(db) == 1
        assert list(db.query("SELECT 1")) == [(1,)]


@pytest.mark.anyio
async def test_also_a_coroutine_function(liteorm_database: Database) -> None:
    """It is awaited, although the caller's event loop runs."""

    async def dsn() -> str:
        return liteorm_database.dsn

    async with await postgres.open_async(dsn, max_size=1) as db:
        db._state.conninfo = "host=127.0.0.1 port=1 connect_timeout=1"
        assert kill_backend(db) == 1
        assert list(await db.query("SELECT 1")) == [(1,)]
