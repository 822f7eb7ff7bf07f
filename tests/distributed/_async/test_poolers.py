"""PgBouncer, old and new, in transaction and session mode: two at once, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import Any

import psycopg
import pytest

import liteorm
from liteorm.postgres import (
    AsyncDB,
    AsyncTx,
    describe_async,
    listen_async,
    notify_async,
    open_async,
)
from liteorm_testing import Database, Pooler, Server, database
from tests.distributed.programs import KINDS, Kind
from tests.postgres.support import AsyncBackground, Witness

pytestmark = pytest.mark.anyio

OWNERS = ("first", "second")
_SCHEMA = """
CREATE TABLE item (id int PRIMARY KEY, owner text NOT NULL, other int NOT NULL DEFAULT 0);
INSERT INTO item SELECT n, CASE WHEN n <= 500 THEN 'first' ELSE 'second' END
  FROM generate_series(1, 1000) n;
"""
_PREPARED = "SELECT statement FROM pg_prepared_statements"


@pytest.fixture(params=KINDS, scope="module")
def kind(request: pytest.FixtureRequest) -> Kind:
    """A version of PgBouncer."""
    made: Kind = request.param
    return made


@pytest.fixture(scope="module")
def behind(liteorm_server: Server) -> Generator[Database]:
    """The database that all of them stand before."""
    with database(liteorm_server, _SCHEMA) as made:
        yield made


@pytest.fixture(scope="module")
def between(kind: Kind, behind: Database) -> Generator[Pooler]:
    """PgBouncer in transaction mode, whose clients share two connections."""
    with kind.before(behind) as made:
        yield made


@pytest.fixture
def witness(behind: Database) -> Generator[Witness]:
    """Somebody who looks at the database from outside."""
    with Witness(behind.dsn) as seeing:
        yield seeing


@pytest.fixture
async def db(between: Pooler) -> AsyncGenerator[AsyncDB]:
    """An application, opened with nothing but the DSN."""
    async with await open_async(between.dsn) as opened:
        yield opened


async def _work_of_two(dsn: str, **options: Any) -> tuple[list[object], list[liteorm.Error]]:
    """Let two applications work at once; return wrong answers, and errors."""
    wrong: list[object] = []
    failed: list[liteorm.Error] = []

    async def ask(session: AsyncDB | AsyncTx, owner: str) -> None:
        rows = await session.query(f"SELECT '{owner}', count(*) FROM item WHERE owner = '{owner}'")
        if list(rows) != [(owner, 500)]:
            wrong.append(list(rows))
        # It would remove nothing, and the other's query in its place would give a row.
        wrong.extend(await session.query(f"DELETE FROM item WHERE id < 0 AND owner = '{owner}'"))

    async def use(db: AsyncDB, owner: str) -> None:
        for _ in range(25):
            try:
                await ask(db, owner)
                async with db.transaction() as tx:
                    await ask(tx, owner)
            except liteorm.Error as error:
                failed.append(error)

    async with (
        await open_async(dsn, **options) as one,
        await open_async(dsn, **options) as two,
        AsyncBackground() as background,
    ):
        uses = [
            background.start(use, db, owner)
            for db, owner in zip((one, two), OWNERS, strict=True)
            for _ in range(3)
        ]
        for handle in uses:
            await handle.result()
    return wrong, failed


async def test_two_applications_never_see_each_others_rows(
    between: Pooler, witness: Witness
) -> None:
    """Every answer is the one of its own statement, whatever the pooler does with names."""
    wrong, failed = await _work_of_two(between.dsn)
    assert (wrong, failed) == ([], [])
    assert witness.ask("SELECT count(*) FROM item") == [(1000,)]


async def test_without_the_detection_statements_fail_and_are_never_exchanged(
    between: Pooler, kind: Kind, witness: Witness
) -> None:
    """Told to prepare where names are not kept apart: errors with the remedy, no wrong rows."""
    wrong, failed = await _work_of_two(between.dsn, prepare=True)
    assert wrong == []
    assert witness.ask("SELECT count(*) FROM item") == [(1000,)]
    assert bool(failed) is not kind.keeps_apart
    assert {error.sqlstate for error in failed} <= {"26000", "42P05"}
    assert all("prepare=False" in str(error.hint) for error in failed)


def test_names_that_clients_share_are_exchanged(kind: Kind, behind: Database) -> None:
    """The driver alone, in the same place, runs one application's statement for the other."""
    asked = {owner: f"SELECT '{owner}'" for owner in OWNERS}
    with (
        kind.before(behind) as made,
        psycopg.connect(made.dsn, autocommit=True, prepare_threshold=0) as one,
        psycopg.connect(made.dsn, autocommit=True, prepare_threshold=0) as two,
    ):
        # Each prepares on a connection of its own, and then they change places.
        with one.transaction():
            assert one.execute(asked["first"]).fetchone() == ("first",)
            assert two.execute(asked["second"]).fetchone() == ("second",)
            found = two.execute(asked["second"]).fetchone()
        with two.transaction():
            # The connection that was lent last is lent first.
            two.execute("SELECT 1", prepare=False)
            found = one.execute(asked["first"]).fetchone()
    assert found == (("first",) if kind.keeps_apart else ("second",))


async def test_statements_are_prepared_where_they_are_kept_apart(db: AsyncDB, kind: Kind) -> None:
    """There it saves the server's time; elsewhere nothing is prepared at all."""
    for _ in range(12):
        await db.query("SELECT count(*) FROM item")
        await db.query("SELECT owner FROM item WHERE id = %s", [1])
    found = [text for _ in range(4) for (text,) in await db.query(_PREPARED)]
    assert ("SELECT owner FROM item WHERE id = $1" in found) is kind.keeps_apart


async def test_a_changed_table_is_noticed_by_what_was_prepared(
    db: AsyncDB, witness: Witness
) -> None:
    """A plan that has gone stale is run again, as often as it takes; in `run` the transaction."""
    witness.run("DROP TABLE IF EXISTS changing; CREATE TABLE changing (id int)")

    async def columns(tx: AsyncTx) -> tuple[str, ...]:
        return (await tx.query("SELECT * FROM changing WHERE id = 1")).columns

    for _ in range(8):
        await db.query("SELECT * FROM changing WHERE id = 1")
    for number in range(2):
        witness.run(f"ALTER TABLE changing ADD COLUMN more_{number} int")
        for _ in range(14):
            rows = await db.query("SELECT * FROM changing WHERE id = 1")
            assert len(rows.columns) == 2 + number
            assert len(await db.run(columns)) == 2 + number


async def test_the_drivers_deallocate_all_does_no_harm(
    db: AsyncDB, witness: Witness, between: Pooler
) -> None:
    """The driver drops all it has prepared when a plan went stale: others keep theirs."""
    witness.run("DROP TABLE IF EXISTS renamed; CREATE TABLE renamed (id int, owner text)")
    witness.run("INSERT INTO renamed VALUES (1, 'x')")
    question = "SELECT owner FROM renamed WHERE id = %s"
    async with await open_async(between.dsn) as other:
        for each in (db, other):
            for _ in range(8):
                await each.query(question, [1])
        witness.run("ALTER TABLE renamed RENAME COLUMN owner TO was_owner")
        witness.run("ALTER TABLE renamed ADD COLUMN owner int")
        for _ in range(8):
            for each in (db, other):
                assert list(await each.query(question, [1])) == [(None,)]


@pytest.mark.parametrize(
    "sql",
    [
        "SET work_mem = '1MB'",
        "SELECT set_config('work_mem', '1MB', false)",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_try_advisory_lock(1)",
        "DEALLOCATE ALL",
        "LISTEN a",
        "PREPARE p AS SELECT 1",
        "CREATE TEMP TABLE t (n int)",
    ],
)
async def test_what_belongs_to_a_session_is_refused(db: AsyncDB, sql: Any) -> None:
    """Before it is sent, whatever the pooler keeps apart."""
    with pytest.raises(liteorm.StatementError, match="pooler in transaction mode"):
        await db.execute(sql)


async def test_listeners_and_held_connections_are_refused(db: AsyncDB) -> None:
    """They would wait for ever, or be another's."""
    with pytest.raises(liteorm.StatementError, match="pooler is in between"):
        await listen_async(db, "a")
    with pytest.raises(liteorm.StatementError, match="pooler in transaction mode"):
        async with db.connection():
            pass


async def test_what_is_given_instead_works(db: AsyncDB) -> None:
    """Settings and locks of a transaction, and a description that is the statement's own."""
    async with db.transaction(settings={"work_mem": "3MB"}) as tx:
        assert list(await tx.query("SHOW work_mem")) == [("3MB",)]
        await tx.query("SELECT pg_advisory_xact_lock(1)")
    shape = await describe_async(db, "SELECT owner FROM item WHERE id = %s")
    assert [column.name for column in shape.columns] == ["owner"]


async def test_session_mode_has_everything(kind: Kind, behind: Database) -> None:
    """With the mode said, a connection is one session of the server."""
    with kind.before(behind, "session", size=8) as made:
        async with await open_async(made.dsn, pooler="session", max_size=3) as db:
            async with await listen_async(db, "a") as listener:
                await notify_async(db, "a", "x")
                assert (await listener.receive(timeout=5)).payload == "x"
            async with db.connection() as connection:
                await connection.execute("SET work_mem = '3MB'")
                await connection.query("SELECT pg_advisory_lock(1)")
                assert list(await connection.query("SHOW work_mem")) == [("3MB",)]
                assert list(await connection.query("SELECT pg_advisory_unlock(1)")) == [(True,)]
            assert list(await db.query("SHOW work_mem")) != [("3MB",)]
