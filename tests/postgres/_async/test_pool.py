"""The pool: opening, borrowing, giving back, restarts, failover, closing."""

from __future__ import annotations

import os
import pickle
from collections.abc import AsyncIterator
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

import liteorm
from liteorm import postgres
from liteorm.postgres import AsyncDB, open_async
from liteorm_testing import Proxy, Server, kill_backend
from tests.postgres.support import (
    AsyncBackground,
    Pair,
    Witness,
    auntil,
    free_port,
    with_params,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
async def small(liteorm_database: Any) -> AsyncIterator[AsyncDB]:
    """A database with one connection at most."""
    async with await open_async(liteorm_database.dsn, max_size=1) as db:
        yield db


async def backend(db: AsyncDB) -> int:
    """Return the server's process that serves the next statement."""
    return liteorm.scan_one(await db.query("SELECT pg_backend_pid()"), int)


@pytest.mark.parametrize(
    ("change", "sqlstate", "reason"),
    [
        ({"dbname": "no_such_database"}, "3D000", 'database "no_such_database" does not exist'),
        # Without trust the server does not tell that there is no such role.
        ({"user": "nobody_here"}, "28000|28P01", '(role|for user) "nobody_here"'),
        ({"port": 1}, None, "refused"),
        ({"host": "no-such-host.invalid"}, None, "no-such-host.invalid"),
    ],
)
async def test_open_fails_at_once_with_the_servers_reason(
    liteorm_database: Any, change: dict[str, Any], sqlstate: str | None, reason: str
) -> None:
    """A wrong DSN is a ConnectFailed with the server's own words, not a timeout of the pool."""
    with pytest.raises(liteorm.ConnectFailed, match=reason) as caught:
        await open_async(with_params(liteorm_database.dsn, **change))
    known = None if sqlstate is None else sqlstate.split("|")
    assert caught.value.sqlstate in (known or [None])
    assert isinstance(caught.value, ConnectionError)


@pytest.mark.parametrize(
    "dsn",
    [
        "host=localhost password='open secret",
        "postgresql://user:sec@ret@localhost/db",
        "postgresql://user:secret@localhost:54x/db",
        "host=localhost passwort=secret",
        "postgresql://user:secret@localhost:1/db?connect_timeout=2",
    ],
)
async def test_a_password_is_never_shown(dsn: str) -> None:
    """Neither the error of a DSN nor what caused it quotes a piece of the password."""
    with pytest.raises(liteorm.ConnectFailed) as caught:
        await open_async(dsn)
    shown: BaseException | None = caught.value
    while shown is not None:
        assert "secret" not in str(shown)
        assert "ret@" not in str(shown)
        shown = shown.__cause__


async def test_reprs_show_no_password(liteorm_database: Any) -> None:
    """The repr of a database and of its state name the database, not how to get in."""
    # A server that trusts everybody takes any password.
    password = conninfo_to_dict(liteorm_database.dsn).get("password") or "secret"
    dsn = with_params(liteorm_database.dsn, password=password)
    async with await open_async(dsn) as db:
        assert liteorm_database.name in repr(db)
        assert str(password) not in repr(db) + repr(db._state) + repr(postgres.pool(db))


@pytest.mark.parametrize(
    "options",
    [
        {"reset": "sometimes"},
        {"statement_timeout": 0},
        {"constraint_errors": {"a": liteorm.Error}},
    ],
)
async def test_wrong_arguments_of_open(liteorm_database: Any, options: dict[str, Any]) -> None:
    """An argument outside its allowed words is refused before anything is connected."""
    with pytest.raises((ValueError, TypeError)):
        await open_async(liteorm_database.dsn, **options)


async def test_an_exhausted_pool_says_so(small: AsyncDB, liteorm_database: Any) -> None:
    """Fault: pool exhausted. PoolTimeout in time, with how many are in use, waiting, and since."""
    async with await open_async(liteorm_database.dsn, max_size=1, timeout=0.3) as db:
        async with db.transaction():
            with pytest.raises(liteorm.PoolTimeout) as caught:
                await db.query("SELECT 1")
            assert db.stats().in_use == 1
        message = str(caught.value)
        assert "within 0.3 s: 1 of at most 1 in use" in message
        assert "1 waiting" in message
        assert isinstance(caught.value, TimeoutError)
        assert db.stats().waiting == 0
        assert db.stats().timeouts == 1
        await db.query("SELECT 1")


async def test_a_calls_timeout_covers_the_wait_for_a_connection(small: AsyncDB) -> None:
    """A call with a timeout does not wait longer than that for the pool."""
    async with small.transaction():
        with pytest.raises(liteorm.PoolTimeout, match=r"within 0\.2 s"):
            await small.query("SELECT 1", timeout=0.2)


async def test_stats_count_borrows(liteorm_database: Any) -> None:
    """Size, use and waits are what they are."""
    async with await open_async(liteorm_database.dsn, min_size=2, max_size=3) as db:
        await auntil(lambda: db.stats().idle == 2)
        async with db.transaction():
            stats = db.stats()
            assert (stats.in_use, stats.idle, stats.max_size) == (1, 1, 3)
        assert db.stats().requests == 1
        assert pickle.loads(pickle.dumps(db.stats())) == db.stats()


@pytest.mark.parametrize(
    ("sql", "seen", "clean"),
    [
        ("SET search_path = pg_catalog", "SHOW search_path", '"$user", public'),
        ("SET SESSION ROLE pg_read_all_data", "SELECT current_user::text", "postgres"),
        ("LISTEN gossip", "SELECT count(*)::text FROM pg_listening_channels()", "0"),
        ("PREPARE p AS SELECT 1", "SELECT count(*)::text FROM pg_prepared_statements", "0"),
        (
            "BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT 1; COMMIT",
            "SELECT count(*)::text FROM pg_cursors WHERE name = 'c'",
            "0",
        ),
    ],
)
async def test_state_left_behind_is_reset(small: AsyncDB, sql: Any, seen: Any, clean: str) -> None:
    """Fault: a borrower leaves state behind. The next one finds the connection as it began."""
    pid = await backend(small)
    if sql.startswith("BEGIN"):
        with pytest.raises(liteorm.StatementError):
            await small.execute(sql)
    else:
        await small.execute(sql)
    assert list(await small.query(seen)) == [(clean,)]
    assert await backend(small) == pid


async def test_resetting_costs_the_others_nothing(small: AsyncDB, witness: Witness) -> None:
    """Only a statement that leaves something behind is followed by DISCARD ALL."""
    await small.query("SELECT 1")
    assert witness.others()[0][2] == "SELECT 1"
    async with small.transaction() as tx:
        await tx.execute("SET LOCAL statement_timeout = '1s'")
    assert witness.others()[0][2] == "COMMIT"
    await small.execute("SET statement_timeout = '1s'")
    assert witness.others()[0][2] == "DISCARD ALL"


async def test_reset_always_undoes_what_no_tag_tells(liteorm_database: Any) -> None:
    """With reset="always", set_config, advisory locks and temporary tables go as well."""
    sql = (
        "CREATE TEMP TABLE left_over (id int);"
        "SELECT set_config('search_path', 'pg_catalog', false), pg_advisory_lock(7)"
    )
    asked = (
        "SELECT (SELECT count(*) FROM pg_class WHERE relname = 'left_over')"
        " + (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database()))"
    )
    for reset, left in (("auto", 2), ("always", 0)):
        async with await open_async(liteorm_database.dsn, max_size=1, reset=reset) as db:  # type: ignore[arg-type]
            await db.execute(sql)
            assert list(await db.query(asked)) == [(left,)]


async def test_statement_timeout_survives_a_reset(liteorm_database: Any) -> None:
    """statement_timeout is a startup option, so DISCARD ALL leaves it as it is."""
    async with await open_async(liteorm_database.dsn, max_size=1, statement_timeout=0.3) as db:
        await db.execute("SET search_path = pg_catalog")
        assert list(await db.query("SHOW statement_timeout")) == [("300ms",)]
        with pytest.raises(liteorm.StatementTimeout) as caught:
            await db.query("SELECT pg_sleep(10)")
        assert caught.value.sqlstate == "57014"
        assert isinstance(caught.value, TimeoutError)


async def test_a_calls_timeout(small: AsyncDB, witness: Witness) -> None:
    """A call past its timeout is cancelled on the server; the connection is good afterwards."""
    pid = await backend(small)
    for call in (small.query, small.execute):
        with pytest.raises(liteorm.StatementTimeout):
            await call("SELECT pg_sleep(20)", timeout=0.2)
        assert not witness.running("pg_sleep(20)")
        with pytest.raises(liteorm.UndefinedTable):
            await call("SELECT * FROM nothing")
    assert await backend(small) == pid


async def test_a_cancel_from_elsewhere_is_not_a_timeout(small: AsyncDB, witness: Witness) -> None:
    """pg_cancel_backend by somebody else is QueryCanceled, not StatementTimeout."""
    async with AsyncBackground() as background:
        query = background.start(small.query, "SELECT pg_sleep(20)")
        await auntil(lambda: witness.running("pg_sleep"))
        witness.run("SELECT pg_cancel_backend(%s)", [witness.others()[0][0]])
        with pytest.raises(liteorm.QueryCanceled) as caught:
            await query.result()
    assert type(caught.value) is liteorm.QueryCanceled


async def test_a_restart_with_an_idle_pool(own_server: Server) -> None:
    """Fault: the server restarts while connections are idle. The next calls just work."""
    async with await open_async(own_server.dsn, min_size=4, max_size=4) as db:
        await auntil(lambda: db.stats().idle == 4)
        own_server.restart()
        for _ in range(6):
            await db.query("SELECT 1")
        async with db.transaction() as tx:
            await tx.query("SELECT 1")
        assert db.stats().in_use == 0


async def test_killed_while_idle_is_not_noticed_by_users(small: AsyncDB) -> None:
    """An idle connection whose backend was terminated is replaced before it is lent."""
    for _ in range(3):
        pid = await backend(small)
        kill_backend(small)
        assert await backend(small) != pid


async def test_calls_during_a_restart_wait(own_server: Server) -> None:
    """Calls made while the server is away get their connection when it is back."""
    async with await open_async(own_server.dsn, max_size=2) as db:
        await db.query("SELECT 1")
        own_server.restart()
        async with AsyncBackground() as background:
            calls = [background.start(db.query, "SELECT 1") for _ in range(6)]
            for call in calls:
                assert len(await call.result()) == 1


async def test_a_frozen_server_and_a_timeout(own_server: Server) -> None:
    """Fault: the server is frozen. A call with a timeout comes back with StatementTimeout."""
    async with await open_async(own_server.dsn, max_size=1) as db:
        await db.query("SELECT 1")
        own_server.pause()
        try:
            with pytest.raises(liteorm.StatementTimeout, match="connection was dropped"):
                await db.query("SELECT 1", timeout=0.5)
        finally:
            own_server.resume()
        assert len(await db.query("SELECT 1")) == 1


async def test_an_answer_after_the_timeout_is_a_timeout(liteorm_database: Any) -> None:
    """A call whose answer comes late raises StatementTimeout; its connection is well."""
    with Proxy(liteorm_database.dsn) as proxy:
        async with await open_async(proxy.dsn, max_size=1) as db:
            await db.execute("CREATE TABLE late (id int)")
            proxy.delay(0.5)
            with pytest.raises(liteorm.StatementTimeout):
                await db.query("SELECT 1", timeout=0.1)
            with pytest.raises(liteorm.StatementTimeout, match="after its timeout") as caught:
                await db.execute("INSERT INTO late VALUES (1)", timeout=0.1)
            assert caught.value.sql == "INSERT INTO late VALUES (1)"
            proxy.restore()
            assert liteorm.scan_one(await db.query("SELECT count(*) FROM late"), int) == 1
            assert db.stats().size == 1


async def test_a_blackholed_socket_and_a_statement_timeout(liteorm_database: Any) -> None:
    """Fault: nothing gets through any more. statement_timeout is kept by the client as well."""
    with Proxy(liteorm_database.dsn) as proxy:
        async with await open_async(proxy.dsn, max_size=1, statement_timeout=0.2) as db:
            await db.query("SELECT 1")
            proxy.blackhole()
            with pytest.raises(liteorm.StatementTimeout, match="did not answer"):
                await db.query("SELECT 1")
            proxy.restore()
            assert len(await db.query("SELECT 1")) == 1


async def test_close_with_a_frozen_server(own_server: Server) -> None:
    """Fault: close while the server is frozen. It returns within its bound."""
    db = await open_async(own_server.dsn, max_size=2)
    async with AsyncBackground() as background:
        own_server.pause()
        try:
            hanging = background.start(db.query, "SELECT 1")
            await auntil(lambda: db.stats().in_use == 1)
            await db.close(timeout=0.5)
            with pytest.raises(liteorm.ConnectionLost):
                await hanging.result()
        finally:
            own_server.resume()


async def test_close_waits_for_what_is_in_use(liteorm_database: Any) -> None:
    """Closing lets a running statement end; afterwards every call is PoolClosed."""
    db = await open_async(liteorm_database.dsn)
    async with AsyncBackground() as background:
        running = background.start(db.query, "SELECT pg_sleep(0.3)")
        await auntil(lambda: db.stats().in_use == 1)
        await db.close()
        assert len(await running.result()) == 1
    await db.close()
    with pytest.raises(liteorm.PoolClosed):
        await db.query("SELECT 1")
    with pytest.raises(liteorm.PoolClosed):
        await db.begin()


async def test_nothing_is_left_on_the_server_after_close(
    liteorm_database: Any, witness: Witness
) -> None:
    """After close no connection of the pool is left."""
    async with await open_async(liteorm_database.dsn, min_size=3) as db:
        await db.query("SELECT 1")
    await auntil(lambda: not witness.others())


async def test_failover_to_the_new_primary(pair: Pair) -> None:
    """Fault: failover. A DSN of both hosts with read-write finds the promoted standby by itself."""
    async with await open_async(pair.dsn(), max_size=2, timeout=30) as db:
        await db.execute("CREATE TABLE item (id int)")
        await db.execute("INSERT INTO item VALUES (1)")
        with Witness(pair.dsn_of(1)) as standby:
            await auntil(lambda: bool(standby.ask("SELECT to_regclass('item') IS NOT NULL")[0][0]))
            await auntil(lambda: standby.ask("SELECT count(*) FROM item") == [(1,)])
        pair.stop_primary()
        pair.promote()
        await db.execute("INSERT INTO item VALUES (2)")
        assert list(await db.query("SELECT id FROM item ORDER BY id")) == [(1,), (2,)]


async def test_a_primary_that_became_read_only_is_dropped(liteorm_database: Any) -> None:
    """A 25006 outside a read-only transaction evicts the connection, and its fellows if asked."""
    dsn = with_params(liteorm_database.dsn, target_session_attrs="read-write")
    async with await open_async(dsn, min_size=2, max_size=2) as db:
        await db.execute("CREATE TABLE item (id int)")
        for connection in list(postgres.pool(db)._pool):
            await connection.execute("SET default_transaction_read_only = on")
        pid = await backend(db)
        with pytest.raises(liteorm.ReadOnlyTransaction):
            await db.execute("INSERT INTO item VALUES (1)")
        await db.execute("INSERT INTO item VALUES (1)")
        assert await backend(db) != pid
        with pytest.raises(liteorm.ReadOnlyTransaction):
            async with db.transaction(read_only=True) as tx:
                await tx.execute("INSERT INTO item VALUES (2)")


async def test_several_hosts_of_which_one_answers(liteorm_database: Any) -> None:
    """A DSN with several hosts connects to the one that answers, as libpq has it."""
    parts = with_params(liteorm_database.dsn)
    port = liteorm_database.dsn.split("@")[-1].split(":")[1].split("/")[0]
    dsn = with_params(parts, host="127.0.0.1,127.0.0.1", port=f"{free_port()},{port}")
    async with await open_async(dsn) as db:
        assert len(await db.query("SELECT 1")) == 1


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
async def test_a_forked_child_is_refused(small: AsyncDB) -> None:
    """A database used in a forked child refuses with a clear error; the parent's works on."""
    await small.query("SELECT 1")
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover
        os.write(sending, str(small._state.refusal() if small._state.blocked else "").encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert "opened in the parent process" in os.read(receiving, 1000).decode()
    os.close(receiving)
    os.close(sending)
    assert len(await small.query("SELECT 1")) == 1


async def test_the_pool_is_handed_out(small: AsyncDB) -> None:
    """pool() gives psycopg's pool; its connections are in autocommit mode."""
    async with postgres.pool(small).connection() as connection:
        cursor = await connection.execute("SELECT 1 AS one", binary=True)
        rows = postgres.rows(cursor)
    assert liteorm.scan_one(rows, int) == 1
