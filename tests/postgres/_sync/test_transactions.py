# Generated from tests/postgres/_async/test_transactions.py by .ci/unasync.py: edit that file, not this one.
"""Transactions, savepoints and their outcomes, on a real server."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import psycopg
import pytest

import liteorm
from liteorm import postgres
from liteorm.postgres import DB, Tx, open
from liteorm_testing import Proxy, Server, kill_backend, server
from tests.postgres.support import Background, Witness, until


SCHEMA = "CREATE TABLE item (id int PRIMARY KEY, n int NOT NULL DEFAULT 0)"
DEFERRED = "ALTER TABLE item ADD CONSTRAINT once UNIQUE (n) DEFERRABLE INITIALLY DEFERRED"


@pytest.fixture
def db(liteorm_db: DB) -> DB:
    """A database with an empty table."""
    liteorm_db.execute(SCHEMA)
    return liteorm_db


@pytest.fixture
def own_server_with_prepared(liteorm_server: Server) -> Generator[str]:
    """The DSN of a server that keeps prepared transactions."""
    if liteorm_server.kind == "dsn":
        pytest.skip("the server of the run is not ours to set up")
    settings = {"max_prepared_transactions": "3"}
    with server(kind=liteorm_server.kind, image=liteorm_server.image, settings=settings) as own:
        yield own.dsn


def ids(session: DB | Tx) -> list[int]:
    """Return what is stored."""
    return liteorm.scan(session.query("SELECT id FROM item ORDER BY id"), int)


@pytest.mark.parametrize(
    "isolation", ["read uncommitted", "read committed", "repeatable read", "serializable"]
)
def test_isolation_is_set(db: DB, isolation: Any) -> None:
    """A transaction has the isolation level that was asked for."""
    with db.transaction(isolation=isolation) as tx:
        rows = tx.query("SELECT current_setting('transaction_isolation')")
    assert liteorm.scan_one(rows, str) == isolation


def test_read_only_and_deferrable_are_set(db: DB) -> None:
    """A read-only transaction refuses writes; the options are the server's own."""
    options = "SELECT current_setting('transaction_read_only'), current_setting(%s)"
    with db.transaction(isolation="serializable", read_only=True, deferrable=True) as tx:
        rows = tx.query(options, ["transaction_deferrable"])
        assert list(rows) == [("on", "on")]
    with pytest.raises(liteorm.ReadOnlyTransaction):
        with db.transaction(read_only=True) as tx:
            tx.execute("INSERT INTO item VALUES (1)")
    assert ids(db) == []


def test_an_unknown_isolation_is_a_value_error(db: DB) -> None:
    """A word that is no isolation level is refused before anything is sent."""
    with pytest.raises(ValueError, match="isolation must be one of"):
        db.transaction(isolation="snapshot")  # type: ignore[arg-type]


def test_an_exception_rolls_back_and_goes_on(db: DB) -> None:
    """The block's own exception arrives as it is, and nothing is stored."""
    with pytest.raises(KeyError, match="mine"):
        with db.transaction() as tx:
            tx.execute("INSERT INTO item VALUES (1)")
            raise KeyError("mine")
    assert ids(db) == []


def test_savepoints_to_any_depth(db: DB) -> None:
    """Each block undoes its own work only."""
    with db.transaction() as tx:
        tx.execute("INSERT INTO item VALUES (1)")
        with tx.transaction() as one:
            one.execute("INSERT INTO item VALUES (2)")
            with pytest.raises(liteorm.UniqueViolation):
                with one.transaction() as two:
                    two.execute("INSERT INTO item VALUES (3)")
                    with two.transaction() as three:
                        three.execute("INSERT INTO item VALUES (1)")
            one.execute("INSERT INTO item VALUES (4)")
    assert ids(db) == [1, 2, 4]


def test_a_savepoint_takes_no_options(db: DB) -> None:
    """Isolation belongs to the transaction, so a savepoint refuses it."""
    with db.transaction() as tx:
        with pytest.raises(ValueError, match="a savepoint takes no options"):
            tx.transaction(isolation="serializable")


def test_begin_by_hand(db: DB) -> None:
    """What is begun by hand is ended by hand; left open in a block it is rolled back."""
    tx = db.begin()
    tx.execute("INSERT INTO item VALUES (1)")
    tx.commit()
    tx = db.begin()
    with tx:
        tx.execute("INSERT INTO item VALUES (2)")
    tx = db.begin(isolation="serializable")
    tx.execute("INSERT INTO item VALUES (3)")
    tx.rollback()
    assert ids(db) == [1]
    assert db.stats().in_use == 0


def test_a_block_may_be_ended_early(db: DB) -> None:
    """A commit or rollback inside a block ends it; leaving does nothing more."""
    with db.transaction() as tx:
        tx.execute("INSERT INTO item VALUES (1)")
        tx.rollback()
    with db.transaction() as tx:
        tx.execute("INSERT INTO item VALUES (2)")
        tx.commit()
    assert ids(db) == [2]


def test_a_swallowed_error_is_not_a_commit(db: DB) -> None:
    """Fault: an error swallowed in the block. The user gets TransactionAborted, its cause named."""
    with pytest.raises(liteorm.TransactionAborted) as caught:
        with db.transaction() as tx:
            tx.execute("INSERT INTO item VALUES (1)")
            with pytest.raises(liteorm.DataError):
                tx.execute("SELECT 1/0")
    assert isinstance(caught.value.__cause__, liteorm.DataError)
    assert caught.value.sqlstate == "22012"
    assert ids(db) == []


def test_an_error_swallowed_in_a_savepoint(db: DB) -> None:
    """Fault: an error swallowed in a savepoint block. TransactionAborted; the rest can go on."""
    with db.transaction() as tx:
        tx.execute("INSERT INTO item VALUES (1)")
        with pytest.raises(liteorm.TransactionAborted, match="the savepoint was rolled back"):
            with tx.transaction() as inner:
                inner.execute("INSERT INTO item VALUES (2)")
                with pytest.raises(liteorm.UniqueViolation):
                    inner.execute("INSERT INTO item VALUES (2)")
        tx.execute("INSERT INTO item VALUES (3)")
    assert ids(db) == [1, 3]


def test_statements_after_an_error_say_so(db: DB) -> None:
    """A statement after an error in the same transaction is InFailedTransaction."""
    with pytest.raises(liteorm.InFailedTransaction):
        with db.transaction() as tx:
            with pytest.raises(liteorm.UndefinedTable):
                tx.query("SELECT * FROM nothing")
            tx.query("SELECT 1")


def test_a_deferred_constraint_fails_at_commit(db: DB) -> None:
    """Fault: a deferred constraint. Leaving the block raises UniqueViolation; nothing is stored."""
    db.execute(DEFERRED)
    with pytest.raises(liteorm.UniqueViolation) as caught:
        with db.transaction() as tx:
            tx.execute("INSERT INTO item VALUES (1, 5), (2, 5)")
    assert caught.value.constraint == "once"
    assert ids(db) == []


def _skew(tx: Tx, other: Tx) -> None:
    """Let two transactions read what the other writes, and commit one."""
    for one in (tx, other):
        one.query("SELECT sum(n) FROM item")
    tx.execute("UPDATE item SET n = n + 1 WHERE id = 1")
    other.execute("UPDATE item SET n = n + 1 WHERE id = 2")
    other.commit()


def test_a_serialization_failure_at_commit(db: DB) -> None:
    """Fault: 40001 at COMMIT. The user gets SerializationFailure, retryable; nothing is stored."""
    db.execute("INSERT INTO item VALUES (1, 0), (2, 0)")
    other = db.begin(isolation="serializable")
    tx = db.begin(isolation="serializable")
    _skew(tx, other)
    with pytest.raises(liteorm.SerializationFailure) as caught:
        tx.commit()
    assert caught.value.retryable is True
    assert list(db.query("SELECT sum(n) FROM item")) == [(1,)]


def test_run_tries_the_whole_unit_again(db: DB) -> None:
    """A function given to run is called again from its beginning after a serialization failure."""
    db.execute("INSERT INTO item VALUES (1, 0), (2, 0)")
    calls: list[int] = []

    def work(tx: Tx) -> str:
        calls.append(1)
        if len(calls) == 1:
            _skew(tx, db.begin(isolation="serializable"))
        else:
            tx.execute("UPDATE item SET n = n + 10 WHERE id = 1")
        return "done"

    assert db.run(work, isolation="serializable") == "done"
    assert len(calls) == 2
    assert list(db.query("SELECT n FROM item ORDER BY id")) == [(10,), (1,)]


def test_run_gives_up_after_its_attempts(db: DB) -> None:
    """The last attempt's error arrives; what is not retryable is not tried again."""
    calls: list[str] = []

    def again(tx: Tx) -> None:
        calls.append("again")
        tx.execute("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$")

    def never(tx: Tx) -> None:
        calls.append("never")
        tx.execute("INSERT INTO item VALUES (1), (1)")

    with pytest.raises(liteorm.SerializationFailure):
        db.run(again, attempts=3)
    with pytest.raises(liteorm.UniqueViolation):
        db.run(never)
    assert calls == ["again"] * 3 + ["never"]
    with pytest.raises(ValueError, match="attempts"):
        db.run(again, attempts=0)


def test_a_swallowed_deadlock_is_still_tried_again(db: DB) -> None:
    """What was swallowed decides: TransactionAborted after a retryable error is retryable."""
    calls: list[int] = []

    def work(tx: Tx) -> None:
        calls.append(1)
        if len(calls) == 1:
            with pytest.raises(liteorm.Deadlock):
                tx.execute("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$")

    db.run(work)
    assert len(calls) == 2


def test_run_inside_a_transaction_is_refused(db: DB) -> None:
    """Fault: a retry inside a transaction. run refuses at once, on the Tx and on its database."""

    def work(tx: Tx) -> None:
        raise AssertionError("must not be called")

    with db.transaction() as tx:
        with pytest.raises(liteorm.TransactionError, match="inside an open transaction"):
            tx.run(work)
        with pytest.raises(liteorm.TransactionError, match="inside an open transaction"):
            db.run(work)
    assert db.run(ids) == []


def test_the_socket_lost_in_commit(db: DB, liteorm_database: Any) -> None:
    """Fault: the reply to COMMIT is lost. CommitUnknown, never retried, though it was stored."""
    calls: list[int] = []

    def work(tx: Tx) -> None:
        calls.append(1)
        tx.execute("INSERT INTO item VALUES (1)")

    with Proxy(liteorm_database.dsn) as proxy:
        with open(proxy.dsn) as through:
            proxy.drop_reply_to("COMMIT")
            with pytest.raises(liteorm.CommitUnknown) as caught:
                through.run(work)
            assert ids(through) == [1]
    assert caught.value.retryable is False
    assert caught.value.__cause__ is not None
    assert calls == [1]


def test_a_connection_lost_before_commit_stores_nothing(db: DB) -> None:
    """A backend killed before COMMIT is sent: ConnectionLost, and it says nothing was stored."""
    with pytest.raises(liteorm.ConnectionLost, match="nothing has been stored") as caught:
        with db.transaction() as tx:
            tx.execute("INSERT INTO item VALUES (1)")
            kill_backend(tx)
    assert caught.value.sqlstate == "57P01"
    assert ids(db) == []


@pytest.mark.parametrize(
    "sql",
    [
        "BEGIN",
        " commit ",
        "-- done\nCOMMIT",
        "/* done /* really */ */ END",
        "ROLLBACK TO SAVEPOINT a",
        "SAVEPOINT a",
        "RELEASE a",
        "start  transaction",
        "ABORT",
        "PREPARE TRANSACTION 'x'",
        "SELECT 1; COMMIT",
        "INSERT INTO item VALUES (2); rollback; SELECT ';'",
        "SELECT 1; COMMIT; -- begin atomic",
        "SELECT 1 AS a$$; COMMIT; SELECT 2 AS b$$",
        "SELECT '1'\n'\\'; COMMIT; SELECT '",
        "/*" * 30 + "*/" * 30 + "COMMIT",
        "SELECT /* /* ; */ ' */ 1; COMMIT; SELECT '",
    ],
)
def test_transaction_commands_as_text_are_refused(db: DB, sql: Any) -> None:
    """COMMIT and its like sent as text through a Tx are a StatementError, before they are sent."""
    with db.transaction() as tx:
        tx.execute("INSERT INTO item VALUES (1)")
        with pytest.raises(liteorm.StatementError, match="cannot be sent as text"):
            tx.execute(sql)
        with pytest.raises(liteorm.StatementError, match="cannot be sent as text"):
            tx.query(sql)
    assert ids(db) == [1]


def test_what_only_looks_like_a_transaction_command_runs(db: DB) -> None:
    """Words in strings, comments and function bodies are left alone."""
    with db.transaction() as tx:
        tx.execute("SELECT '; COMMIT' AS x; SELECT $$; rollback$$; /* ; END */ SELECT 1")
        tx.execute("DO $body$ BEGIN PERFORM 1; END $body$")
        tx.execute(
            "CREATE FUNCTION one() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END"
        )
        tx.execute("SET LOCAL search_path = public")
    assert db.stats().idle >= 1


@pytest.mark.parametrize(
    "sql",
    [
        *("BEGIN", "COMMIT", "SAVEPOINT a", "SELECT 1; BEGIN"),
        "BEGIN; INSERT INTO item VALUES (5); COMMIT",
        "INSERT INTO item VALUES (5); COMMIT; INSERT INTO item VALUES (5)",
    ],
)
def test_transaction_commands_through_the_database(db: DB, sql: Any) -> None:
    """Through the database they are refused before anything of the text is run."""
    with pytest.raises(liteorm.StatementError, match="cannot be sent as text"):
        db.execute(sql)
    with pytest.raises(liteorm.StatementError, match="cannot be sent as text"):
        db.query(sql)
    assert ids(db) == []
    with db.transaction() as tx:
        tx.execute("INSERT INTO item VALUES (1)")
    assert ids(db) == [1]


@pytest.mark.parametrize("sql", ["COMMIT PREPARED 'there'", "rollback /* */ prepared 'there'"])
def test_the_end_of_a_prepared_transaction_is_the_servers_to_judge(
    own_server_with_prepared: Any, sql: Any
) -> None:
    """It belongs to no session, so it may be sent; inside a transaction the server refuses it."""
    with open(own_server_with_prepared, max_size=1) as db:
        db.execute("DROP TABLE IF EXISTS item; CREATE TABLE item (id int)")
        with postgres.pool(db).connection() as raw:
            raw.execute("BEGIN")
            raw.execute("INSERT INTO item VALUES (1)")
            raw.execute("PREPARE TRANSACTION 'there'")
        with pytest.raises(liteorm.Error) as caught:
            with db.transaction() as tx:
                tx.execute(sql)
        assert caught.value.sqlstate == "25001"
        db.execute(sql)
        assert len(ids(db)) == (sql.startswith("COMMIT"))
        with pytest.raises(liteorm.Error, match="does not exist"):
            db.query(sql)
        with pytest.raises(liteorm.StatementError, match="cannot be sent as text"):
            db.execute("PREPARE TRANSACTION 'there'")


def test_a_script_is_judged_statement_by_statement(liteorm_database: Any) -> None:
    """A setting that stays is taken back for the next user, also behind one that is local."""
    with open(liteorm_database.dsn, max_size=1) as db:
        for sql in (
            "SET LOCAL work_mem = '1MB'; SET application_name = 'mine'",
            "SET /* SET LOCAL */ application_name = 'mine'",
        ):
            db.execute(sql)
            rows = db.query("SHOW application_name")
            assert liteorm.scan_one(rows, str) != "mine"


def test_a_transaction_used_after_its_end(db: DB) -> None:
    """A Tx whose block has been left says so, and so does a savepoint's."""
    with db.transaction() as tx:
        with tx.transaction() as inner:
            pass
        with pytest.raises(liteorm.TransactionError, match="this savepoint has ended"):
            inner.query("SELECT 1")
    for use in (tx.query, tx.execute):
        with pytest.raises(liteorm.TransactionError, match="has ended: it was committed"):
            use("SELECT 1")
    with pytest.raises(liteorm.TransactionError, match="has ended"):
        tx.commit()
    with pytest.raises(liteorm.TransactionError, match="has ended"):
        inner.rollback()


def test_a_transaction_used_by_two_at_once(db: DB, witness: Witness) -> None:
    """A second task or thread in the same Tx gets an error that says so; the first goes on."""
    with db.transaction() as tx, Background() as background:
        slow = background.start(tx.query, "SELECT pg_sleep(1)")
        until(lambda: witness.running("pg_sleep"), "the query")
        with pytest.raises(liteorm.TransactionError, match="in use by another"):
            tx.query("SELECT 1")
        assert len(slow.result()) == 1
        tx.query("SELECT 1")


@pytest.mark.parametrize("failing", [False, True])
def test_a_block_left_while_another_works_in_it(
    db: DB, witness: Witness, failing: bool
) -> None:
    """Leaving a block while another task uses its Tx rolls back, says so, and loses nothing."""
    with Background() as background:
        with pytest.raises((liteorm.TransactionError, KeyError)) as caught:
            with db.transaction() as tx:
                tx.execute("INSERT INTO item VALUES (1)")
                slow = background.start(tx.query, "SELECT pg_sleep(20)")
                until(lambda: witness.running("pg_sleep"), "the query")
                if failing:
                    raise KeyError("mine")
        assert isinstance(caught.value, KeyError) is failing
        with pytest.raises(liteorm.ConnectionLost):
            slow.result()
    assert db.stats().in_use == 0
    assert ids(db) == []


def test_the_cause_of_what_was_swallowed_is_found(db: DB) -> None:
    """An error of the outer Tx swallowed inside a savepoint's block is named as the cause."""
    with db.transaction() as tx:
        with pytest.raises(liteorm.TransactionAborted) as caught:
            with tx.transaction():
                with pytest.raises(liteorm.DataError):
                    tx.query("SELECT 1/0")
        assert isinstance(caught.value.__cause__, liteorm.DataError)
        tx.query("SELECT 1")


def test_a_transaction_with_an_open_stream(db: DB) -> None:
    """While a stream of a Tx is open, the Tx is busy and says so."""
    with db.transaction() as tx:
        with tx.stream("SELECT * FROM generate_series(1, 10000)") as stream:
            for _ in stream:
                break
            with pytest.raises(liteorm.TransactionError, match="an open stream"):
                tx.query("SELECT 1")
        # Left early: the statement was cancelled, the transaction was not spoilt.
        tx.execute("INSERT INTO item VALUES (1)")
    assert ids(db) == [1]


def test_a_swallowed_error_does_not_outlive_its_savepoint(db: DB) -> None:
    """What a savepoint has undone is over: a later error is the cause of a later failure."""
    with pytest.raises(liteorm.TransactionAborted) as caught:
        with db.transaction() as tx:
            with pytest.raises(liteorm.TransactionAborted):
                with tx.transaction() as inner:
                    with pytest.raises(liteorm.UndefinedTable):
                        inner.query("SELECT * FROM nowhere")
            with pytest.raises(liteorm.DataError):
                tx.query("SELECT 1 / 0")
    assert isinstance(caught.value.__cause__, liteorm.DataError)
    assert caught.value.sqlstate == "22012"


@pytest.mark.parametrize("how", ["to its end", "left early", "left by an error"])
@pytest.mark.parametrize("kind", ["stream", "copy_out"])
def test_what_is_streamed_keeps_no_savepoint(db: DB, kind: str, how: str) -> None:
    """Its own savepoint is released: thousands of streams do not pile up in a transaction."""
    sql: Any = "SELECT generate_series(1, 200000)"
    with db.transaction() as tx:
        block: Any = tx.stream(sql) if kind == "stream" else tx.copy_out(sql)
        try:
            with block as read:
                for _ in read:
                    if how == "left early":
                        break
                    if how == "left by an error":
                        raise ZeroDivisionError
        except ZeroDivisionError:
            pass
        name = "liteorm_stream" if kind == "stream" else "liteorm_copy"
        with tx._connection("test") as wire:
            with pytest.raises(psycopg.errors.InvalidSavepointSpecification):
                wire.command(f"RELEASE SAVEPOINT {name}")
            wire.command("ROLLBACK AND CHAIN")
