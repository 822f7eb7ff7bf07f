# Generated from tests/postgres/_async/test_pool.py by .ci/unasync.py: edit that file, not this one.
"""The pool: opening, borrowing, giving back, restarts, failover, closing."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

import liteorm
from liteorm import postgres
from liteorm.postgres import DB, open
from liteorm_testing import Proxy, Server, kill_backend
from tests.postgres.support import (
    Background,
    Pair,
    Witness,
    until,
    free_port,
    with_params,
)



@pytest.fixture
def small(liteorm_database: Any) -> Iterator[DB]:
    """A database with one connection at most."""
    with open(liteorm_database.dsn, max_size=1) as db:
        yield db


def backend(db: DB) -> int:
    """Return the server's process that serves the next statement."""
    return liteorm.scan_one(db.query("SELECT pg_backend_pid()"), int)


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
def test_open_fails_at_once_with_the_servers_reason(
    liteorm_database: Any, change: dict[str, Any], sqlstate: str | None, reason: str
) -> None:
    """A wrong DSN is a ConnectFailed with the server's own words, not a timeout of the pool."""
    with pytest.raises(liteorm.ConnectFailed, match=reason) as caught:
        open(with_params(liteorm_database.dsn, **change))
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
def test_a_password_is_never_shown(dsn: str) -> None:
    """Neither the error of a DSN nor what caused it quotes a piece of the password."""
    with pytest.raises(liteorm.ConnectFailed) as caught:
        open(dsn)
    shown: BaseException | None = caught.value
    while shown is not None:
        assert "secret" not in str(shown)
        assert "ret@" not in str(shown)
        shown = shown.__cause__


def test_reprs_show_no_password(liteorm_database: Any) -> None:
    """The repr of a database and of its state name the database, not how to get in."""
    # A server that trusts everybody takes any password.
    password = conninfo_to_dict(liteorm_database.dsn).get("password") or "secret"
    dsn = with_params(liteorm_database.dsn, password=password)
    with open(dsn) as db:
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
def test_wrong_arguments_of_open(liteorm_database: Any, options: dict[str, Any]) -> None:
    """An argument outside its allowed words is refused before anything is connected."""
    with pytest.raises((ValueError, TypeError)):
        open(liteorm_database.dsn, **options)


def test_an_exhausted_pool_says_so(small: DB, liteorm_database: Any) -> None:
    """Fault: pool exhausted. PoolTimeout in time, with how many are in use, waiting, and since."""
    with open(liteorm_database.dsn, max_size=1, timeout=0.3) as db:
        with db.transaction():
            with pytest.raises(liteorm.PoolTimeout) as caught:
                db.query("SELECT 1")
            assert db.stats().in_use == 1
        message = str(caught.value)
        assert "within 0.3 s: 1 of at most 1 in use" in message
        assert "1 waiting" in message
        assert isinstance(caught.value, TimeoutError)
        assert db.stats().waiting == 0
        assert db.stats().timeouts == 1
        db.query("SELECT 1")


def test_a_calls_timeout_covers_the_wait_for_a_connection(small: DB) -> None:
    """A call with a timeout does not wait longer than that for the pool."""
    with small.transaction():
        with pytest.raises(liteorm.PoolTimeout, match=r"within 0\.2 s"):
            small.query("SELECT 1", timeout=0.2)


def test_stats_count_borrows(liteorm_database: Any) -> None:
    """Size, use and waits are what they are."""
    with open(liteorm_database.dsn, min_size=2, max_size=3) as db:
        until(lambda: db.stats().idle == 2)
        with db.transaction():
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
def test_state_left_behind_is_reset(small: DB, sql: Any, seen: Any, clean: str) -> None:
    """Fault: a borrower leaves state behind. The next one finds the connection as it began."""
    pid = backend(small)
    if sql.startswith("BEGIN"):
        with pytest.raises(liteorm.StatementError):
            small.execute(sql)
    else:
        small.execute(sql)
    assert list(small.query(seen)) == [(clean,)]
    assert backend(small) == pid


def test_resetting_costs_the_others_nothing(small: DB, witness: Witness) -> None:
    """Only a statement that leaves something behind is followed by DISCARD ALL."""
    small.query("SELECT 1")
    assert witness.others()[0][2] == "SELECT 1"
    with small.transaction() as tx:
        tx.execute("SET LOCAL statement_timeout = '1s'")
    assert witness.others()[0][2] == "COMMIT"
    small.execute("SET statement_timeout = '1s'")
    assert witness.others()[0][2] == "DISCARD ALL"


def test_reset_always_undoes_what_no_tag_tells(liteorm_database: Any) -> None:
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
        with open(liteorm_database.dsn, max_size=1, reset=reset) as db:  # type: ignore[arg-type]
            db.execute(sql)
            assert list(db.query(asked)) == [(left,)]


def test_statement_timeout_survives_a_reset(liteorm_database: Any) -> None:
    """statement_timeout is a startup option, so DISCARD ALL leaves it as it is."""
    with open(liteorm_database.dsn, max_size=1, statement_timeout=0.3) as db:
        db.execute("SET search_path = pg_catalog")
        assert list(db.query("SHOW statement_timeout")) == [("300ms",)]
        with pytest.raises(liteorm.StatementTimeout) as caught:
            db.query("SELECT pg_sleep(10)")
        assert caught.value.sqlstate == "57014"
        assert isinstance(caught.value, TimeoutError)


def test_a_calls_timeout(small: DB, witness: Witness) -> None:
    """A call past its timeout is cancelled on the server; the connection is good afterwards."""
    pid = backend(small)
    for call in (small.query, small.execute):
        with pytest.raises(liteorm.StatementTimeout):
            call("SELECT pg_sleep(20)", timeout=0.2)
        assert not witness.running("pg_sleep(20)")
        with pytest.raises(liteorm.UndefinedTable):
            call("SELECT * FROM nothing")
    assert backend(small) == pid


def test_a_cancel_from_elsewhere_is_not_a_timeout(small: DB, witness: Witness) -> None:
    """pg_cancel_backend by somebody else is QueryCanceled, not StatementTimeout."""
    with Background() as background:
        query = background.start(small.query, "SELECT pg_sleep(20)")
        until(lambda: witness.running("pg_sleep"))
        witness.run("SELECT pg_cancel_backend(%s)", [witness.others()[0][0]])
        with pytest.raises(liteorm.QueryCanceled) as caught:
            query.result()
    assert type(caught.value) is liteorm.QueryCanceled


def test_a_restart_with_an_idle_pool(own_server: Server) -> None:
    """Fault: the server restarts while connections are idle. The next calls just work."""
    with open(own_server.dsn, min_size=4, max_size=4) as db:
        until(lambda: db.stats().idle == 4)
        own_server.restart()
        for _ in range(6):
            db.query("SELECT 1")
        with db.transaction() as tx:
            tx.query("SELECT 1")
        assert db.stats().in_use == 0


def test_killed_while_idle_is_not_noticed_by_users(small: DB) -> None:
    """An idle connection whose backend was terminated is replaced before it is lent."""
    for _ in range(3):
        pid = backend(small)
        kill_backend(small)
        assert backend(small) != pid


def test_calls_during_a_restart_wait(own_server: Server) -> None:
    """Calls made while the server is away get their connection when it is back."""
    with open(own_server.dsn, max_size=2) as db:
        db.query("SELECT 1")
        own_server.restart()
        with Background() as background:
            calls = [background.start(db.query, "SELECT 1") for _ in range(6)]
            for call in calls:
                assert len(call.result()) == 1


def test_a_frozen_server_and_a_timeout(own_server: Server) -> None:
    """Fault: the server is frozen. A call with a timeout comes back with StatementTimeout."""
    with open(own_server.dsn, max_size=1) as db:
        db.query("SELECT 1")
        own_server.pause()
        try:
            with pytest.raises(liteorm.StatementTimeout, match="connection was dropped"):
                db.query("SELECT 1", timeout=0.5)
        finally:
            own_server.resume()
        assert len(db.query("SELECT 1")) == 1


def test_an_answer_after_the_timeout_is_a_timeout(liteorm_database: Any) -> None:
    """A call whose answer comes late raises StatementTimeout; its connection is well."""
    with Proxy(liteorm_database.dsn) as proxy:
        with open(proxy.dsn, max_size=1) as db:
            db.execute("CREATE TABLE late (id int)")
            proxy.delay(0.5)
            with pytest.raises(liteorm.StatementTimeout):
                db.query("SELECT 1", timeout=0.1)
            with pytest.raises(liteorm.StatementTimeout, match="after its timeout") as caught:
                db.execute("INSERT INTO late VALUES (1)", timeout=0.1)
            assert caught.value.sql == "INSERT INTO late VALUES (1)"
            proxy.restore()
            assert liteorm.scan_one(db.query("SELECT count(*) FROM late"), int) == 1
            assert db.stats().size == 1


def test_a_blackholed_socket_and_a_statement_timeout(liteorm_database: Any) -> None:
    """Fault: nothing gets through any more. statement_timeout is kept by the client as well."""
    with Proxy(liteorm_database.dsn) as proxy:
        with open(proxy.dsn, max_size=1, statement_timeout=0.2) as db:
            db.query("SELECT 1")
            proxy.blackhole()
            with pytest.raises(liteorm.StatementTimeout, match="did not answer"):
                db.query("SELECT 1")
            proxy.restore()
            assert len(db.query("SELECT 1")) == 1


def test_close_with_a_frozen_server(own_server: Server) -> None:
    """Fault: close while the server is frozen. It returns within its bound."""
    db = open(own_server.dsn, max_size=2)
    with Background() as background:
        own_server.pause()
        try:
            hanging = background.start(db.query, "SELECT 1")
            until(lambda: db.stats().in_use == 1)
            db.close(timeout=0.5)
            with pytest.raises(liteorm.ConnectionLost):
                hanging.result()
        finally:
            own_server.resume()


def test_close_waits_for_what_is_in_use(liteorm_database: Any) -> None:
    """Closing lets a running statement end; afterwards every call is PoolClosed."""
    db = open(liteorm_database.dsn)
    with Background() as background:
        running = background.start(db.query, "SELECT pg_sleep(0.3)")
        until(lambda: db.stats().in_use == 1)
        db.close()
        assert len(running.result()) == 1
    db.close()
    with pytest.raises(liteorm.PoolClosed):
        db.query("SELECT 1")
    with pytest.raises(liteorm.PoolClosed):
        db.begin()


def test_nothing_is_left_on_the_server_after_close(
    liteorm_database: Any, witness: Witness
) -> None:
    """After close no connection of the pool is left."""
    with open(liteorm_database.dsn, min_size=3) as db:
        db.query("SELECT 1")
    until(lambda: not witness.others())


def test_failover_to_the_new_primary(pair: Pair) -> None:
    """Fault: failover. A DSN of both hosts with read-write finds the promoted standby by itself."""
    with open(pair.dsn(), max_size=2, timeout=30) as db:
        db.execute("CREATE TABLE item (id int)")
        db.execute("INSERT INTO item VALUES (1)")
        with Witness(pair.dsn_of(1)) as standby:
            until(lambda: bool(standby.ask("SELECT to_regclass('item') IS NOT NULL")[0][0]))
            until(lambda: standby.ask("SELECT count(*) FROM item") == [(1,)])
        pair.stop_primary()
        pair.promote()
        db.execute("INSERT INTO item VALUES (2)")
        assert list(db.query("SELECT id FROM item ORDER BY id")) == [(1,), (2,)]


def test_a_primary_that_became_read_only_is_dropped(liteorm_database: Any) -> None:
    """A 25006 outside a read-only transaction evicts the connection, and its fellows if asked."""
    dsn = with_params(liteorm_database.dsn, target_session_attrs="read-write")
    with open(dsn, min_size=2, max_size=2) as db:
        db.execute("CREATE TABLE item (id int)")
        for connection in list(postgres.pool(db)._pool):
            connection.execute("SET default_transaction_read_only = on")
        pid = backend(db)
        with pytest.raises(liteorm.ReadOnlyTransaction):
            db.execute("INSERT INTO item VALUES (1)")
        db.execute("INSERT INTO item VALUES (1)")
        assert backend(db) != pid
        with pytest.raises(liteorm.ReadOnlyTransaction):
            with db.transaction(read_only=True) as tx:
                tx.execute("INSERT INTO item VALUES (2)")


def test_several_hosts_of_which_one_answers(liteorm_database: Any) -> None:
    """A DSN with several hosts connects to the one that answers, as libpq has it."""
    parts = with_params(liteorm_database.dsn)
    port = liteorm_database.dsn.split("@")[-1].split(":")[1].split("/")[0]
    dsn = with_params(parts, host="127.0.0.1,127.0.0.1", port=f"{free_port()},{port}")
    with open(dsn) as db:
        assert len(db.query("SELECT 1")) == 1


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_forked_child_is_refused(small: DB) -> None:
    """A database used in a forked child refuses with a clear error; the parent's works on."""
    small.query("SELECT 1")
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover
        os.write(sending, str(small._state.refusal() if small._state.blocked else "").encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert "opened in the parent process" in os.read(receiving, 1000).decode()
    os.close(receiving)
    os.close(sending)
    assert len(small.query("SELECT 1")) == 1


def test_the_pool_is_handed_out(small: DB) -> None:
    """pool() gives psycopg's pool; its connections are in autocommit mode."""
    with postgres.pool(small).connection() as connection:
        cursor = connection.execute("SELECT 1 AS one", binary=True)
        rows = postgres.rows(cursor)
    assert liteorm.scan_one(rows, int) == 1
