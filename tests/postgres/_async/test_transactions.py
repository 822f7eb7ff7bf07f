"""Transactions, savepoints and their outcomes, on a real server."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import psycopg
import pytest

import liteorm
from liteorm import postgres
from liteorm.postgres import AsyncDB, AsyncTx, open_async
from liteorm_testing import Proxy, Server, kill_backend, server
from tests.postgres.support import AsyncBackground, Witness, auntil

pytestmark = pytest.mark.anyio

SCHEMA = "CREATE TABLE item (id int PRIMARY KEY, n int NOT NULL DEFAULT 0)"
DEFERRED = "ALTER TABLE item ADD CONSTRAINT once UNIQUE (n) DEFERRABLE INITIALLY DEFERRED"


@pytest.fixture
async def db(liteorm_async_db: AsyncDB) -> AsyncDB:
    """A database with an empty table."""
    await liteorm_async_db.execute(SCHEMA)
    return liteorm_async_db


@pytest.fixture
def own_server_with_prepared(liteorm_server: Server) -> Generator[str]:
    """The DSN of a server that keeps prepared transactions."""
    if liteorm_server.kind == "dsn":
        pytest.skip("the server of the run is not ours to set up")
    settings = {"max_prepared_transactions": "3"}
    with server(kind=liteorm_server.kind, image=liteorm_server.image, settings=settings) as own:
        yield own.dsn


async def ids(session: AsyncDB | AsyncTx) -> list[int]:
    """Return what is stored."""
    return liteorm.scan(await session.query("SELECT id FROM item ORDER BY id"), int)


@pytest.mark.parametrize(
    "isolation", ["read uncommitted", "read committed", "repeatable read", "serializable"]
)
async def test_isolation_is_set(db: AsyncDB, isolation: Any) -> None:
    """A transaction has the isolation level that was asked for."""
    async with db.transaction(isolation=isolation) as tx:
        rows = await tx.query("SELECT current_setting('transaction_isolation')")
    assert liteorm.scan_one(rows, str) == isolation


async def test_read_only_and_deferrable_are_set(db: AsyncDB) -> None:
    """A read-only transaction refuses writes; the options are the server's own."""
    options = "SELECT current_setting('transaction_read_only'), current_setting(%s)"
    async with db.transaction(isolation="serializable", read_only=True, deferrable=True) as tx:
        rows = await tx.query(options, ["transaction_deferrable"])
        assert list(rows) == [("on", "on")]
    with pytest.raises(liteorm.ReadOnlyTransaction):
        async with db.transaction(read_only=True) as tx:
            await tx.execute("INSERT INTO item VALUES (1)")
    assert await ids(db) == []


async def test_an_unknown_isolation_is_a_value_error(db: AsyncDB) -> None:
    """A word that is no isolation level is refused before anything is sent."""
    with pytest.raises(ValueError, match="isolation must be one of"):
        db.transaction(isolation="snapshot")  # type: ignore[arg-type]


async def test_an_exception_rolls_back_and_goes_on(db: AsyncDB) -> None:
    """The block's own exception arrives as it is, and nothing is stored."""
    with pytest.raises(KeyError, match="mine"):
        async with db.transaction() as tx:
            await tx.execute("INSERT INTO item VALUES (1)")
            raise KeyError("mine")
    assert await ids(db) == []


async def test_savepoints_to_any_depth(db: AsyncDB) -> None:
    """Each block undoes its own work only."""
    async with db.transaction() as tx:
        await tx.execute("INSERT INTO item VALUES (1)")
        async with tx.transaction() as one:
            await one.execute("INSERT INTO item VALUES (2)")
            with pytest.raises(liteorm.UniqueViolation):
                async with one.transaction() as two:
                    await two.execute("INSERT INTO item VALUES (3)")
                    async with two.transaction() as three:
                        await three.execute("INSERT INTO item VALUES (1)")
            await one.execute("INSERT INTO item VALUES (4)")
    assert await ids(db) == [1, 2, 4]


async def test_a_savepoint_takes_no_options(db: AsyncDB) -> None:
    """Isolation belongs to the transaction, so a savepoint refuses it."""
    async with db.transaction() as tx:
        with pytest.raises(ValueError, match="a savepoint takes no options"):
            tx.transaction(isolation="serializable")


async def test_begin_by_hand(db: AsyncDB) -> None:
    """What is begun by hand is ended by hand; left open in a block it is rolled back."""
    tx = await db.begin()
    await tx.execute("INSERT INTO item VALUES (1)")
    await tx.commit()
    tx = await db.begin()
    async with tx:
        await tx.execute("INSERT INTO item VALUES (2)")
    tx = await db.begin(isolation="serializable")
    await tx.execute("INSERT INTO item VALUES (3)")
    await tx.rollback()
    assert await ids(db) == [1]
    assert db.stats().in_use == 0


async def test_a_block_may_be_ended_early(db: AsyncDB) -> None:
    """A commit or rollback inside a block ends it; leaving does nothing more."""
    async with db.transaction() as tx:
        await tx.execute("INSERT INTO item VALUES (1)")
        await tx.rollback()
    async with db.transaction() as tx:
        await tx.execute("INSERT INTO item VALUES (2)")
        await tx.commit()
    assert await ids(db) == [2]


async def test_a_swallowed_error_is_not_a_commit(db: AsyncDB) -> None:
    """Fault: an error swallowed in the block. The user gets TransactionAborted, its cause named."""
    with pytest.raises(liteorm.TransactionAborted) as caught:
        async with db.transaction() as tx:
            await tx.execute("INSERT INTO item VALUES (1)")
            with pytest.raises(liteorm.DataError):
                await tx.execute("SELECT 1/0")
    assert isinstance(caught.value.__cause__, liteorm.DataError)
    assert caught.value.sqlstate == "22012"
    assert await ids(db) == []


async def test_an_error_swallowed_in_a_savepoint(db: AsyncDB) -> None:
    """Fault: an error swallowed in a savepoint block. TransactionAborted; the rest can go on."""
    async with db.transaction() as tx:
        await tx.execute("INSERT INTO item VALUES (1)")
        with pytest.raises(liteorm.TransactionAborted, match="the savepoint was rolled back"):
            async with tx.transaction() as inner:
                await inner.execute("INSERT INTO item VALUES (2)")
                with pytest.raises(liteorm.UniqueViolation):
                    await inner.execute("INSERT INTO item VALUES (2)")
        await tx.execute("INSERT INTO item VALUES (3)")
    assert await ids(db) == [1, 3]


async def test_statements_after_an_error_say_so(db: AsyncDB) -> None:
    """A statement after an error in the same transaction is InFailedTransaction."""
    with pytest.raises(liteorm.InFailedTransaction):
        async with db.transaction() as tx:
            with pytest.raises(liteorm.UndefinedTable):
                await tx.query("SELECT * FROM nothing")
            await tx.query("SELECT 1")


async def test_a_deferred_constraint_fails_at_commit(db: AsyncDB) -> None:
    """Fault: a deferred constraint. Leaving the block raises UniqueViolation; nothing is stored."""
    await db.execute(DEFERRED)
    with pytest.raises(liteorm.UniqueViolation) as caught:
        async with db.transaction() as tx:
            await tx.execute("INSERT INTO item VALUES (1, 5), (2, 5)")
    assert caught.value.constraint == "once"
    assert await ids(db) == []


async def _skew(tx: AsyncTx, other: AsyncTx) -> None:
    """Let two transactions read what the other writes, and commit one."""
    for one in (tx, other):
        await one.query("SELECT sum(n) FROM item")
    await tx.execute("UPDATE item SET n = n + 1 WHERE id = 1")
    await other.execute("UPDATE item SET n = n + 1 WHERE id = 2")
    await other.commit()


async def test_a_serialization_failure_at_commit(db: AsyncDB) -> None:
    """Fault: 40001 at COMMIT. The user gets SerializationFailure, retryable; nothing is stored."""
    await db.execute("INSERT INTO item VALUES (1, 0), (2, 0)")
    other = await db.begin(isolation="serializable")
    tx = await db.begin(isolation="serializable")
    await _skew(tx, other)
    with pytest.raises(liteorm.SerializationFailure) as caught:
        await tx.commit()
    assert caught.value.retryable is True
    assert list(await db.query("SELECT sum(n) FROM item")) == [(1,)]


async def test_run_tries_the_whole_unit_again(db: AsyncDB) -> None:
    """A function given to run is called again from its beginning after a serialization failure."""
    await db.execute("INSERT INTO item VALUES (1, 0), (2, 0)")
    calls: list[int] = []

    async def work(tx: AsyncTx) -> str:
        calls.append(1)
        if len(calls) == 1:
            await _skew(tx, await db.begin(isolation="serializable"))
        else:
            await tx.execute("UPDATE item SET n = n + 10 WHERE id = 1")
        return "done"

    assert await db.run(work, isolation="serializable") == "done"
    assert len(calls) == 2
    assert list(await db.query("SELECT n FROM item ORDER BY id")) == [(10,), (1,)]


async def test_run_gives_up_after_its_attempts(db: AsyncDB) -> None:
    """The last attempt's error arrives; what is not retryable is not tried again."""
    calls: list[str] = []

    async def again(tx: AsyncTx) -> None:
        calls.append("again")
        await tx.execute("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$")

    async def never(tx: AsyncTx) -> None:
        calls.append("never")
        await tx.execute("INSERT INTO item VALUES (1), (1)")

    with pytest.raises(liteorm.SerializationFailure):
        await db.run(again, attempts=3)
    with pytest.raises(liteorm.UniqueViolation):
        await db.run(never)
    assert calls == ["again"] * 3 + ["never"]
    with pytest.raises(ValueError, match="attempts"):
        await db.run(again, attempts=0)


async def test_a_swallowed_deadlock_is_still_tried_again(db: AsyncDB) -> None:
    """What was swallowed decides: TransactionAborted after a retryable error is retryable."""
    calls: list[int] = []

    async def work(tx: AsyncTx) -> None:
        calls.append(1)
        if len(calls) == 1:
            with pytest.raises(liteorm.Deadlock):
                await tx.execute("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$")

    await db.run(work)
    assert len(calls) == 2


async def test_run_inside_a_transaction_is_refused(db: AsyncDB) -> None:
    """Fault: a retry inside a transaction. run refuses at once, on the Tx and on its database."""

    async def work(tx: AsyncTx) -> None:
        raise AssertionError("must not be called")

    async with db.transaction() as tx:
        with pytest.raises(liteorm.TransactionError, match="inside an open transaction"):
            await tx.run(work)
        with pytest.raises(liteorm.TransactionError, match="inside an open transaction"):
            await db.run(work)
    assert await db.run(ids) == []


async def test_the_socket_lost_in_commit(db: AsyncDB, liteorm_database: Any) -> None:
    """Fault: the reply to COMMIT is lost. CommitUnknown, never retried, though it was stored."""
    calls: list[int] = []

    async def work(tx: AsyncTx) -> None:
        calls.append(1)
        await tx.execute("INSERT INTO item VALUES (1)")

    with Proxy(liteorm_database.dsn) as proxy:
        async with await open_async(proxy.dsn) as through:
            proxy.drop_reply_to("COMMIT")
            with pytest.raises(liteorm.CommitUnknown) as caught:
                await through.run(work)
            assert await ids(through) == [1]
    assert caught.value.retryable is False
    assert caught.value.__cause__ is not None
    assert calls == [1]


async def test_a_connection_lost_before_commit_stores_nothing(db: AsyncDB) -> None:
    """A backend killed before COMMIT is sent: ConnectionLost, and it says nothing was stored."""
    with pytest.raises(liteorm.ConnectionLost, match="nothing has been stored") as caught:
        async with db.transaction() as tx:
            await tx.execute("INSERT INTO item VALUES (1)")
            kill_backend(tx)
    assert caught.value.sqlstate == "57P01"
    assert await ids(db) == []


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
async def test_transaction_commands_as_text_are_refused(db: AsyncDB, sql: Any) -> None:
    """COMMIT and its like sent as text through a Tx are a StatementError, before they are sent."""
    async with db.transaction() as tx:
        await tx.execute("INSERT INTO item VALUES (1)")
        with pytest.raises(liteorm.StatementError, match="cannot be sent as text"):
            await tx.execute(sql)
        with pytest.raises(liteorm.StatementError, match="cannot be sent as text"):
            await tx.query(sql)
    assert await ids(db) == [1]


async def test_what_only_looks_like_a_transaction_command_runs(db: AsyncDB) -> None:
    """Words in strings, comments and function bodies are left alone."""
    async with db.transaction() as tx:
        await tx.execute("SELECT '; COMMIT' AS x; SELECT $$; rollback$$; /* ; END */ SELECT 1")
        await tx.execute("DO $body$ BEGIN PERFORM 1; END $body$")
        await tx.execute(
            "CREATE FUNCTION one() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END"
        )
        await tx.execute("SET LOCAL search_path = public")
    assert db.stats().idle >= 1


@pytest.mark.parametrize(
    "sql",
    [
        *("BEGIN", "COMMIT", "SAVEPOINT a", "SELECT 1; BEGIN"),
        "BEGIN; INSERT INTO item VALUES (5); COMMIT",
        "INSERT INTO item VALUES (5); COMMIT; INSERT INTO item VALUES (5)",
    ],
)
async def test_transaction_commands_through_the_database(db: AsyncDB, sql: Any) -> None:
    """Through the database they are refused before anything of the text is run."""
    with pytest.raises(liteorm.StatementError, match="cannot be sent as text"):
        await db.execute(sql)
    with pytest.raises(liteorm.StatementError, match="cannot be sent as text"):
        await db.query(sql)
    assert await ids(db) == []
    async with db.transaction() as tx:
        await tx.execute("INSERT INTO item VALUES (1)")
    assert await ids(db) == [1]


@pytest.mark.parametrize("sql", ["COMMIT PREPARED 'there'", "rollback /* */ prepared 'there'"])
async def test_the_end_of_a_prepared_transaction_is_the_servers_to_judge(
    own_server_with_prepared: Any, sql: Any
) -> None:
    """It belongs to no session, so it may be sent; inside a transaction the server refuses it."""
    async with await open_async(own_server_with_prepared, max_size=1) as db:
        await db.execute("DROP TABLE IF EXISTS item; CREATE TABLE item (id int)")
        async with postgres.pool(db).connection() as raw:
            await raw.execute("BEGIN")
            await raw.execute("INSERT INTO item VALUES (1)")
            await raw.execute("PREPARE TRANSACTION 'there'")
        with pytest.raises(liteorm.Error) as caught:
            async with db.transaction() as tx:
                await tx.execute(sql)
        assert caught.value.sqlstate == "25001"
        await db.execute(sql)
        assert len(await ids(db)) == (sql.startswith("COMMIT"))
        with pytest.raises(liteorm.Error, match="does not exist"):
            await db.query(sql)
        with pytest.raises(liteorm.StatementError, match="cannot be sent as text"):
            await db.execute("PREPARE TRANSACTION 'there'")


async def test_a_script_is_judged_statement_by_statement(liteorm_database: Any) -> None:
    """A setting that stays is taken back for the next user, also behind one that is local."""
    async with await open_async(liteorm_database.dsn, max_size=1) as db:
        for sql in (
            "SET LOCAL work_mem = '1MB'; SET application_name = 'mine'",
            "SET /* SET LOCAL */ application_name = 'mine'",
        ):
            await db.execute(sql)
            rows = await db.query("SHOW application_name")
            assert liteorm.scan_one(rows, str) != "mine"


async def test_a_transaction_used_after_its_end(db: AsyncDB) -> None:
    """A Tx whose block has been left says so, and so does a savepoint's."""
    async with db.transaction() as tx:
        async with tx.transaction() as inner:
            pass
        with pytest.raises(liteorm.TransactionError, match="this savepoint has ended"):
            await inner.query("SELECT 1")
    for use in (tx.query, tx.execute):
        with pytest.raises(liteorm.TransactionError, match="has ended: it was committed"):
            await use("SELECT 1")
    with pytest.raises(liteorm.TransactionError, match="has ended"):
        await tx.commit()
    with pytest.raises(liteorm.TransactionError, match="has ended"):
        await inner.rollback()


async def test_a_transaction_used_by_two_at_once(db: AsyncDB, witness: Witness) -> None:
    """A second task or thread in the same Tx gets an error that says so; the first goes on."""
    async with db.transaction() as tx, AsyncBackground() as background:
        slow = background.start(tx.query, "SELECT pg_sleep(1)")
        await auntil(lambda: witness.running("pg_sleep"), "the query")
        with pytest.raises(liteorm.TransactionError, match="in use by another"):
            await tx.query("SELECT 1")
        assert len(await slow.result()) == 1
        await tx.query("SELECT 1")


@pytest.mark.parametrize("failing", [False, True])
async def test_a_block_left_while_another_works_in_it(
    db: AsyncDB, witness: Witness, failing: bool
) -> None:
    """Leaving a block while another task uses its Tx rolls back, says so, and loses nothing."""
    async with AsyncBackground() as background:
        with pytest.raises((liteorm.TransactionError, KeyError)) as caught:
            async with db.transaction() as tx:
                await tx.execute("INSERT INTO item VALUES (1)")
                slow = background.start(tx.query, "SELECT pg_sleep(20)")
                await auntil(lambda: witness.running("pg_sleep"), "the query")
                if failing:
                    raise KeyError("mine")
        assert isinstance(caught.value, KeyError) is failing
        with pytest.raises(liteorm.ConnectionLost):
            await slow.result()
    assert db.stats().in_use == 0
    assert await ids(db) == []


async def test_the_cause_of_what_was_swallowed_is_found(db: AsyncDB) -> None:
    """An error of the outer Tx swallowed inside a savepoint's block is named as the cause."""
    async with db.transaction() as tx:
        with pytest.raises(liteorm.TransactionAborted) as caught:
            async with tx.transaction():
                with pytest.raises(liteorm.DataError):
                    await tx.query("SELECT 1/0")
        assert isinstance(caught.value.__cause__, liteorm.DataError)
        await tx.query("SELECT 1")


async def test_a_transaction_with_an_open_stream(db: AsyncDB) -> None:
    """While a stream of a Tx is open, the Tx is busy and says so."""
    async with db.transaction() as tx:
        async with tx.stream("SELECT * FROM generate_series(1, 10000)") as stream:
            async for _ in stream:
                break
            with pytest.raises(liteorm.TransactionError, match="an open stream"):
                await tx.query("SELECT 1")
        # Left early: the statement was cancelled, the transaction was not spoilt.
        await tx.execute("INSERT INTO item VALUES (1)")
    assert await ids(db) == [1]


async def test_a_swallowed_error_does_not_outlive_its_savepoint(db: AsyncDB) -> None:
    """What a savepoint has undone is over: a later error is the cause of a later failure."""
    with pytest.raises(liteorm.TransactionAborted) as caught:
        async with db.transaction() as tx:
            with pytest.raises(liteorm.TransactionAborted):
                async with tx.transaction() as inner:
                    with pytest.raises(liteorm.UndefinedTable):
                        await inner.query("SELECT * FROM nowhere")
            with pytest.raises(liteorm.DataError):
                await tx.query("SELECT 1 / 0")
    assert isinstance(caught.value.__cause__, liteorm.DataError)
    assert caught.value.sqlstate == "22012"


@pytest.mark.parametrize("how", ["to its end", "left early", "left by an error"])
@pytest.mark.parametrize("kind", ["stream", "copy_out"])
async def test_what_is_streamed_keeps_no_savepoint(db: AsyncDB, kind: str, how: str) -> None:
    """Its own savepoint is released: thousands of streams do not pile up in a transaction."""
    sql: Any = "SELECT generate_series(1, 200000)"
    async with db.transaction() as tx:
        block: Any = tx.stream(sql) if kind == "stream" else tx.copy_out(sql)
        try:
            async with block as read:
                async for _ in read:
                    if how == "left early":
                        break
                    if how == "left by an error":
                        raise ZeroDivisionError
        except ZeroDivisionError:
            pass
        name = "liteorm_stream" if kind == "stream" else "liteorm_copy"
        async with tx._connection("test") as wire:
            with pytest.raises(psycopg.errors.InvalidSavepointSpecification):
                await wire.command(f"RELEASE SAVEPOINT {name}")
            await wire.command("ROLLBACK AND CHAIN")
