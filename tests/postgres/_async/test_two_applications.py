"""Two applications behind one PgBouncer: neither ever meets what the other has prepared."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo

import liteorm
from liteorm.postgres import AsyncDB, listen_async, notify_async, open_async
from liteorm_testing import Pooler, PoolerMode, pooler
from tests.distributed.programs import without_keeping
from tests.postgres.support import AsyncBackground, Witness, pgbouncer_program

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(pgbouncer_program() is None, reason="PgBouncer is not installed"),
]

MODES: list[PoolerMode] = ["transaction", "session"]
_PREPARED = "SELECT name FROM pg_prepared_statements"


def _through(database: Any, mode: PoolerMode, **settings: str) -> Any:
    """PgBouncer in front of a database, whose clients share few connections."""
    kept = without_keeping(pgbouncer_program())
    shared = {"default_pool_size": "2", **settings}
    return pooler(database, mode, max_prepared_statements=kept, settings=shared)


@pytest.fixture
def transaction_pooler(liteorm_database: Any) -> Generator[Pooler]:
    """PgBouncer in transaction mode."""
    with _through(liteorm_database, "transaction") as made:
        yield made


@pytest.fixture
async def pair(
    transaction_pooler: Pooler, witness: Witness
) -> AsyncGenerator[tuple[AsyncDB, AsyncDB]]:
    """Two applications, opened with nothing but the DSN."""
    witness.run("CREATE TABLE item (id int PRIMARY KEY, owner text NOT NULL)")
    witness.run("INSERT INTO item SELECT n, 'first' FROM generate_series(1, 500) n")
    witness.run("INSERT INTO item SELECT n, 'second' FROM generate_series(501, 1000) n")
    dsn = transaction_pooler.dsn
    async with await open_async(dsn) as first, await open_async(dsn) as second:
        yield first, second


async def test_two_applications_never_see_each_others_rows(
    pair: tuple[AsyncDB, AsyncDB], witness: Witness
) -> None:
    """Each runs its statements often enough to prepare them; every answer is its own."""
    wrong: list[object] = []

    async def use(db: AsyncDB, owner: str) -> None:
        for _ in range(40):
            rows = await db.query(f"SELECT '{owner}', count(*) FROM item WHERE owner = '{owner}'")
            if list(rows) != [(owner, 500)]:
                wrong.append(list(rows))
            done = await db.execute(f"DELETE FROM item WHERE owner = '{owner}' AND id < %s", [0])
            if done.rows_affected:
                wrong.append(done)

    async with AsyncBackground() as background:
        uses = [
            background.start(use, db, owner)
            for db, owner in zip(pair, ("first", "second"), strict=True)
            for _ in range(3)
        ]
        for handle in uses:
            await handle.result()
    assert wrong == []
    assert witness.ask("SELECT count(*) FROM item") == [(1000,)]


async def test_nothing_is_prepared_where_statements_are_not_kept_apart(
    pair: tuple[AsyncDB, AsyncDB],
) -> None:
    """Also the statement that `open` has looked with is gone from the servers."""
    db = pair[0]
    for _ in range(12):
        await db.query("SELECT count(*) FROM item")
    for _ in range(4):
        assert list(await db.query(_PREPARED)) == []


async def test_a_direct_server_prepares(liteorm_database: Any) -> None:
    """Without a pooler statements are prepared, under names of each connection's own."""
    names: set[object] = set()
    for _ in range(2):
        async with await open_async(liteorm_database.dsn, max_size=1) as db:
            for _ in range(8):
                await db.query("SELECT 1")
            found = [row[0] for row in await db.query(_PREPARED)]
            assert len(found) == 1
            assert not names & set(found)
            names |= set(found)


@pytest.mark.parametrize("prepare", [True, False])
async def test_prepare_overrides_what_was_found(
    transaction_pooler: Pooler, liteorm_database: Any, prepare: bool
) -> None:
    """Whoever knows better says so, of a pooler and of a server."""
    for dsn in (transaction_pooler.dsn, liteorm_database.dsn):
        async with await open_async(dsn, prepare=prepare, max_size=1) as db:
            for _ in range(8):
                await db.query("SELECT 1")
            assert (len(await db.query(_PREPARED)) > 0) is prepare


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("prepare", [None, True, False])
async def test_statement_timeout_needs_no_other_words(
    liteorm_database: Any, mode: PoolerMode, prepare: bool | None
) -> None:
    """PgBouncer refuses the startup option for it: the client keeps the time."""
    with _through(liteorm_database, mode) as made:
        async with await open_async(made.dsn, prepare=prepare, statement_timeout=0.3) as db:
            with pytest.raises(liteorm.StatementTimeout):
                await db.query("SELECT pg_sleep(20)")
            assert len(await db.query("SELECT 1")) == 1


async def test_statement_timeout_where_the_option_is_swallowed(liteorm_database: Any) -> None:
    """A pooler that is told to ignore the option: the client keeps the time as well."""
    ignoring = {"ignore_startup_parameters": "options"}
    with _through(liteorm_database, "transaction", **ignoring) as made:
        async with await open_async(made.dsn, statement_timeout=0.3) as db:
            with pytest.raises(liteorm.StatementTimeout):
                await db.query("SELECT pg_sleep(20)")


async def test_an_option_of_the_users_own_is_refused_with_the_remedy(
    transaction_pooler: Pooler,
) -> None:
    """What the user asks for is not left out; the refusal says what it is about."""
    with pytest.raises(liteorm.ConnectFailed, match="unsupported startup parameter") as caught:
        await open_async(make_conninfo(transaction_pooler.dsn, options="-c work_mem=1MB"))
    assert "ignore_startup_parameters" in str(caught.value.hint)


@pytest.mark.parametrize("prepare", [None, True, False])
async def test_listen_is_refused_whatever_prepare_says(
    transaction_pooler: Pooler, prepare: bool | None
) -> None:
    """A listener behind a transaction pooler would wait for ever."""
    async with await open_async(transaction_pooler.dsn, prepare=prepare) as db:
        with pytest.raises(liteorm.StatementError, match="pooler is in between"):
            await listen_async(db, "a")
        with pytest.raises(liteorm.StatementError, match="pooler in transaction mode"):
            await db.execute("SET work_mem = '1MB'")
        with pytest.raises(liteorm.StatementError, match="pooler in transaction mode"):
            async with db.connection():
                pass


async def test_session_mode_has_everything(liteorm_database: Any) -> None:
    """With the mode said, what belongs to a session works: LISTEN, SET, a connection, preparing."""
    with _through(liteorm_database, "session", default_pool_size="8") as made:
        async with await open_async(
            made.dsn, pooler="session", max_size=3, statement_timeout=5
        ) as db:
            async with await listen_async(db, "a") as listener:
                await notify_async(db, "a", "x")
                assert (await listener.receive(timeout=5)).payload == "x"
            async with db.connection() as connection:
                await connection.execute("SET work_mem = '1MB'")
                assert list(await connection.query("SHOW work_mem")) == [("1MB",)]
                for _ in range(8):
                    await connection.query("SELECT 1")
                assert len(await connection.query(_PREPARED)) > 0


async def test_the_mode_of_a_pooler_is_one_of_two(liteorm_database: Any) -> None:
    """Another word is refused before anything is connected to."""
    with pytest.raises(ValueError, match='pooler must be "session", "transaction" or None'):
        mode: Any = "statement"
        await open_async(liteorm_database.dsn, pooler=mode)


@pytest.mark.parametrize("sqlstate", ["42P05", "26000", "08P01"])
async def test_errors_of_prepared_statements_name_the_pooler(
    liteorm_database: Any, sqlstate: str
) -> None:
    """Where a pooler mixes statements up, the error says what to open with."""
    raising = f"DO $$ BEGIN RAISE EXCEPTION 'mixed up' USING ERRCODE = '{sqlstate}'; END $$"
    async with await open_async(liteorm_database.dsn) as db:
        with pytest.raises(liteorm.Error) as caught:
            await db.execute(raising)
    assert caught.value.sqlstate == sqlstate
    assert "prepare=False" in str(caught.value.hint)
