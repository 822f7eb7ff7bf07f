"""Templates, copies, snapshots, and the sweep of what dead runs left on a shared server."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

import liteorm
from liteorm import postgres
from liteorm.postgres import DB, AsyncDB
from liteorm_testing import Database, Migration, Server, _dsn, _sweep, database, server, servers
from liteorm_testing._copies import Copies, copies_of
from liteorm_testing._sweep import sweep
from tests.testing.support import KINDS, eventually, needs_embedded

SCHEMA = "CREATE TABLE t (n int PRIMARY KEY); INSERT INTO t VALUES (1), (2);"


def _numbers(dsn: str) -> list[int]:
    with postgres.open(dsn, min_size=1, max_size=1) as db:
        return liteorm.scan(db.query("SELECT n FROM t ORDER BY n"), int)


def _names(server: Server, pattern: str) -> list[str]:
    with postgres.open(server.dsn, min_size=1, max_size=1) as db:
        sql = "SELECT datname::text FROM pg_database WHERE datname LIKE %s ORDER BY 1"
        return liteorm.scan(db.query(sql, [pattern]), str)


@pytest.mark.parametrize(("kind", "image"), KINDS)
def test_each_database_is_a_fresh_copy_of_the_schema(kind: str, image: str | None) -> None:
    """What one test writes the next one does not see, on every kind of server."""
    with server(kind=kind, image=image) as s:
        for _ in range(6):
            with database(s, SCHEMA) as d, postgres.open(d.dsn) as db:
                assert liteorm.scan(db.query("SELECT n FROM t ORDER BY n"), int) == [1, 2]
                db.execute("INSERT INTO t VALUES (3)")


def test_a_template_is_built_once(liteorm_server: Server) -> None:
    """The schema's program runs once, however many databases are made from it."""
    calls: list[str] = []

    def migrate(dsn: str) -> None:
        calls.append(dsn)
        with postgres.open(dsn) as db:
            db.execute(SCHEMA)

    for schema in (migrate, Migration(migrate, f"test {liteorm_server.run}")):
        calls.clear()
        for _ in range(2):
            with database(liteorm_server, schema) as d:
                assert _numbers(d.dsn) == [1, 2]
        assert len(calls) == 1


def test_two_callables_are_two_schemas(liteorm_server: Server) -> None:
    """A callable without a fingerprint stands for itself only."""

    def maker(number: int) -> object:
        def migrate(dsn: str) -> None:
            with postgres.open(dsn) as db:
                db.execute("CREATE TABLE t (n int)")
                db.execute("INSERT INTO t VALUES (%s)", [number])

        return migrate

    for number in (1, 2):
        with database(liteorm_server, maker(number)) as d:  # type: ignore[arg-type]
            assert _numbers(d.dsn) == [number]


def test_a_schema_can_be_a_file_or_a_folder(liteorm_server: Server, tmp_path: Path) -> None:
    """Files of a folder are run in the order of their names, those in folders of it included."""
    (tmp_path / "002_more.sql").write_text("INSERT INTO t VALUES (2)")
    (tmp_path / "001_table.sql").write_text("CREATE TABLE t (n int); INSERT INTO t VALUES (1)")
    (tmp_path / "003_later").mkdir()
    (tmp_path / "003_later" / "a.sql").write_text("INSERT INTO t VALUES (3)")
    (tmp_path / "notes.txt").write_text("not SQL")
    with database(liteorm_server, tmp_path) as d:
        assert _numbers(d.dsn) == [1, 2, 3]
    with database(liteorm_server, tmp_path / "001_table.sql") as d:
        assert _numbers(d.dsn) == [1]
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ValueError, match=r"no \.sql files"), database(liteorm_server, empty):
        pass


def test_a_broken_schema_is_the_servers_error_each_time(liteorm_server: Server) -> None:
    """A schema that fails leaves no half-made template, and fails again the next time."""
    broken = "CREATE TABLE t (n int); CREATE TABLE oops ("
    for _ in range(2):
        with pytest.raises(liteorm.SqlSyntaxError), database(liteorm_server, broken):
            pass


def test_a_half_made_template_is_built_anew(liteorm_server: Server) -> None:
    """The template's flag is set last, so one without it was left by somebody who was stopped."""
    schema = SCHEMA + f"-- {liteorm_server.run} half-made"
    copies = copies_of(liteorm_server)
    name = f"liteorm_{liteorm_server.run}_t_{copies._digest(schema)}"
    with postgres.open(liteorm_server.dsn) as db:
        db.execute(liteorm.sql("CREATE DATABASE {}", liteorm.Ident(name)))
    with database(liteorm_server, schema) as d:
        assert _numbers(d.dsn) == [1, 2]


def test_workers_share_a_template_and_wait_for_each_other(liteorm_server: Server) -> None:
    """Of several processes that want the same template one builds it."""
    calls: list[str] = []

    def migrate(dsn: str) -> None:
        calls.append(dsn)
        with postgres.open(dsn) as db:
            db.execute(SCHEMA)

    schema = Migration(migrate, f"workers {liteorm_server.run}")
    # Not as real ones are called: on a shared server closing removes what bears the name.
    workers = [Copies(liteorm_server, worker=f"like{n}", owner=False) for n in range(3)]
    names: list[str] = []
    threads = [
        threading.Thread(target=lambda w=worker: names.append(w.template(schema)))
        for worker in workers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        assert len(calls) == 1
        assert len(set(names)) == 1
        taken = [worker.take(names[0]) for worker in workers]
        assert len(set(taken)) == 3
        for worker, made in zip(workers, taken, strict=True):
            worker.give_back(made)
    finally:
        for worker in workers:
            worker.close()


def test_two_of_one_worker_keep_apart(liteorm_server: Server) -> None:
    """Their databases have names of their own, and what one was told to call stays its own."""

    def told(number: int) -> Callable[[str], None]:
        def fill(dsn: str) -> None:
            with postgres.open(dsn) as db:
                db.execute(liteorm.sql("CREATE TABLE t AS SELECT {} AS n", number))

        return fill

    # As in a child process that was given the server, or a second run under one name.
    both = [Copies(liteorm_server, worker="twin", owner=False) for _ in range(2)]
    made: list[tuple[Copies, str]] = []
    try:
        for number, copies in enumerate(both):
            template = copies.template(told(number))
            for _ in range(3):
                made.append((copies, copies.take(template)))
                assert _numbers(copies.dsn(made[-1][1])) == [number]
        assert len({name for _, name in made}) == 6
    finally:
        for copies, name in made:
            copies.drop(name)
        for copies in both:
            copies.close()


def test_a_snapshot_is_restored(liteorm_database: Database, liteorm_db: DB) -> None:
    """What came after the snapshot is gone, what came before is there, as often as wanted."""
    liteorm_db.execute(SCHEMA)
    liteorm_database.snapshot()
    for _ in range(2):
        liteorm_db.execute("DELETE FROM t; CREATE TABLE more (n int)")
        liteorm_database.restore()
        assert liteorm.scan(liteorm_db.query("SELECT n FROM t ORDER BY n"), int) == [1, 2]
        with pytest.raises(liteorm.UndefinedTable):
            liteorm_db.query("SELECT * FROM more")
    liteorm_db.execute("INSERT INTO t VALUES (3)")
    liteorm_database.snapshot()
    liteorm_db.execute("DELETE FROM t")
    liteorm_database.restore()
    assert liteorm.scan(liteorm_db.query("SELECT n FROM t ORDER BY n"), int) == [1, 2, 3]


@pytest.mark.anyio
async def test_async_sessions_go_on_after_a_restore(
    liteorm_database: Database, liteorm_async_db: AsyncDB
) -> None:
    """An AsyncDB connects again by itself, like a DB."""
    await liteorm_async_db.execute(SCHEMA)
    liteorm_database.snapshot()
    await liteorm_async_db.execute("DELETE FROM t")
    liteorm_database.restore()
    rows = await liteorm_async_db.query("SELECT n FROM t ORDER BY n")
    assert liteorm.scan(rows, int) == [1, 2]


def test_without_a_snapshot_restore_goes_back_to_the_schema(
    liteorm_database: Database, liteorm_db: DB
) -> None:
    """The schema is the first snapshot."""
    liteorm_db.execute(SCHEMA)
    liteorm_database.restore()
    with pytest.raises(liteorm.UndefinedTable):
        liteorm_db.query("SELECT * FROM t")


def test_databases_are_dropped_behind_the_test(liteorm_server: Server) -> None:
    """A database goes away soon after its block, with its snapshot, also if somebody is in it."""
    with database(liteorm_server, SCHEMA) as d:
        d.snapshot()
        forgotten = postgres.open(d.dsn)
        name = d.name
    eventually(lambda: not _names(liteorm_server, name + "%"), "the database is dropped")
    forgotten.close()
    snapshots = f"liteorm_{liteorm_server.run}_main_s%"
    eventually(lambda: not _names(liteorm_server, snapshots), "the snapshot is dropped")


def test_a_run_leaves_nothing_on_a_shared_server(liteorm_server: Server) -> None:
    """On a server that was there before, databases and templates are gone after the block."""
    with server(kind=liteorm_server.dsn) as shared:
        for _ in range(4):
            with database(shared, SCHEMA):
                pass
        assert _names(shared, f"liteorm_{shared.run}_t_%")
    assert _names(liteorm_server, f"liteorm_{shared.run}_%") == []


def test_a_sweep_drops_what_dead_runs_left_and_nothing_else(liteorm_server: Server) -> None:
    """A run's advisory lock says that it lives; foreign names stay, kept ones until asked for."""
    dead, kept = "liteorm_0badcafe_main_d1", "liteorm_kept_0badcafe_main_d2"
    foreign = "liteorm_app"
    with (
        postgres.open(liteorm_server.dsn) as db,
        server(kind=liteorm_server.dsn) as alive,
        database(alive, SCHEMA) as d,
    ):
        for name in (dead, kept, foreign):
            db.execute(liteorm.sql("CREATE DATABASE {}", liteorm.Ident(name)))
        try:
            assert {dead, kept} <= set(sweep(alive.dsn, kept=True, dry_run=True).gone)
            swept = sweep(alive.dsn).gone
            assert dead in swept
            assert kept not in swept
            assert d.name not in swept
            assert kept in sweep(alive.dsn, kept=True).gone
            assert _numbers(d.dsn) == [1, 2]
            assert _names(alive, foreign) == [foreign]
        finally:
            for name in (dead, kept, foreign):
                db.execute(liteorm.sql("DROP DATABASE IF EXISTS {}", liteorm.Ident(name)))


def test_starting_a_run_sweeps_a_shared_server(liteorm_server: Server) -> None:
    """The next run that uses a shared server cleans up behind a dead one."""
    dead = "liteorm_0badf00d_main_d1"
    with postgres.open(liteorm_server.dsn) as db:
        db.execute(liteorm.sql("CREATE DATABASE {}", liteorm.Ident(dead)))
    with server(kind=liteorm_server.dsn) as shared, database(shared):
        assert _names(shared, dead) == []


def test_names_of_a_database_say_whose_it_is(liteorm_database: Database) -> None:
    """Run and worker are in the name, and the connection string leads there."""
    assert liteorm_database.name.startswith("liteorm_")
    assert _dsn.parse(liteorm_database.dsn)["dbname"] == liteorm_database.name


def test_threads_share_what_is_made_on_a_server(liteorm_server: Server) -> None:
    """Databases asked for at the same time, the very first ones too, wait for one template."""
    with server(kind=liteorm_server.dsn) as shared:
        made: list[list[int]] = []

        def one() -> None:
            with database(shared, SCHEMA) as d:
                made.append(_numbers(d.dsn))

        threads = [threading.Thread(target=one, daemon=True) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert made == [[1, 2]] * 12


SCRIPTS = {
    "transactions": (
        "BEGIN; CREATE TABLE t (n int); COMMIT;\nINSERT INTO t VALUES (1), (2);",
        None,
    ),
    "rows": (
        "CREATE TABLE t (n int);\nCOPY public.t (n) FROM stdin;\n1\n2\n\\.\n\nSELECT 1;",
        None,
    ),
    "commented-copy": (
        "/*\ncopy of t\nCOPY t FROM stdin;\n*/\n-- it's a comment;\n"
        "CREATE TABLE t (n int, note text DEFAULT 'COPY t FROM stdin;');\n"
        "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $f$ SELECT ';\nCOPY t FROM stdin;' $f$;\n"
        "  COPY t (n) FROM stdin WITH (FORMAT csv, DELIMITER ';'); -- rows\n1\n2\n\\.\n",
        None,
    ),
    "two-copies": (
        'CREATE TABLE t (n int); CREATE TABLE "t;x" (n int);COPY "t;x" FROM stdin;\n7\n\\.\n'
        "copy t from stdin;\n1\n2\n",
        None,
    ),
    "framed": (
        "\\restrict abc\nCREATE TABLE t (n) AS VALUES (1), (2);\n\\unrestrict abc\n",
        None,
    ),
    "after-rows-without-a-place": (
        "CREATE TABLE t (n int);\nCREATE TABLE p (n int PRIMARY KEY);\nCOPY t FROM stdin;\n1\n\\.\n"
        "\nALTER TABLE t ADD FOREIGN KEY (n) REFERENCES p;",
        "in {path}, after line 5",
    ),
    "byte-order-mark": ("\ufeff" + SCHEMA, None),
    "bad-rows": ("CREATE TABLE t (n int);\nCOPY t FROM stdin;\nx\n\\.\n", "in {path}, line 2"),
    "after-rows": (
        "CREATE TABLE t (n int);\nCOPY t FROM stdin;\n1\n\\.\nSELECT nowhere;",
        "in {path}, line 5",
    ),
    "concurrently": (
        "CREATE TABLE t (n int);\nCREATE INDEX CONCURRENTLY ON t (n);",
        "in {path}; the statements of one file are one transaction: give this one its own file",
    ),
}


@pytest.mark.parametrize("case", SCRIPTS)
def test_scripts_are_run_as_psql_runs_them(
    case: str, liteorm_server: Server, tmp_path: Path
) -> None:
    """Transactions of their own, rows that pg_dump writes; an error's note says where it is."""
    text, note = SCRIPTS[case]
    path = tmp_path / "schema.sql"
    path.write_text(text, encoding="utf-8")
    if note is None:
        with database(liteorm_server, path) as d:
            assert _numbers(d.dsn) == [1, 2]
        return
    with pytest.raises(liteorm.Error) as caught, database(liteorm_server, path):
        pass
    assert caught.value.__notes__ == [note.format(path=path)]


def test_scripts_that_cannot_be_run_are_refused(liteorm_server: Server, tmp_path: Path) -> None:
    """Another encoding, and a transaction that does not end."""
    path = tmp_path / "schema.sql"
    path.write_bytes("SELECT 'žluť'".encode("utf-16"))
    with pytest.raises(ValueError, match=r"schema\.sql is not in UTF-8"):
        with database(liteorm_server, path):
            pass
    path.write_text("BEGIN; CREATE TABLE t (n int);")
    with pytest.raises(ValueError, match="leaves a transaction open: it has a BEGIN"):
        with database(liteorm_server, path):
            pass


def test_settings_of_the_database_are_in_its_copies(liteorm_server: Server) -> None:
    """ALTER DATABASE ... SET in a schema holds in each copy, and through a snapshot."""
    schema = """
        CREATE SCHEMA app; CREATE SCHEMA "My App";
        DO $$ BEGIN
            EXECUTE format('ALTER DATABASE %I SET search_path = app, "My App"', current_database());
            EXECUTE format('ALTER DATABASE %I SET app.name = %L', current_database(), 'it''s');
            EXECUTE format('ALTER DATABASE %I SET temp_tablespaces = %L', current_database(), '');
            EXECUTE format('ALTER ROLE %I IN DATABASE %I SET work_mem = %L',
                           current_user, current_database(), '7MB');
        END $$;
    """

    def settings(dsn: str) -> tuple[str, ...]:
        names = ("search_path", "app.name", "work_mem")
        with postgres.open(dsn, min_size=1, max_size=1) as db:
            asked = "SELECT current_setting(%s)"
            return tuple(liteorm.scan_one(db.query(asked, [name]), str) for name in names)

    with database(liteorm_server, schema) as d:
        assert settings(d.dsn) == ('app, "My App"', "it's", "7MB")
        name = liteorm.Ident(d.name)
        with postgres.open(d.dsn) as db:
            db.execute(liteorm.sql("ALTER DATABASE {} SET app.name = 'changed'", name))
        d.snapshot()
        with postgres.open(d.dsn) as db:
            db.execute(liteorm.sql("ALTER DATABASE {} SET app.name = 'again'", name))
        d.snapshot()
        with postgres.open(d.dsn) as db:
            db.execute(liteorm.sql("ALTER DATABASE {} RESET ALL", name))
        d.restore()
        assert settings(d.dsn) == ('app, "My App"', "again", "7MB")


def test_rows_that_look_like_commands_are_kept(liteorm_server: Server) -> None:
    """What stands in a literal is nobody's command."""
    text = "x\n\\restrict me\ny"
    schema = f"CREATE TABLE t (x text); INSERT INTO t VALUES ('{text}');"
    with database(liteorm_server, schema) as d, postgres.open(d.dsn) as db:
        assert liteorm.scan_one(db.query("SELECT x FROM t"), str) == text


@needs_embedded
def test_a_shared_server_that_is_gone_is_left_without_an_error() -> None:
    """What was made on it went with it; the failure of the tests themselves says what happened."""
    with server(kind="embedded") as own:
        with server(kind=own.dsn) as shared:
            for _ in range(3):
                with database(shared, SCHEMA):
                    pass
            running: Any = own._running
            running._process.kill()
            running._process.wait()
            with pytest.raises(liteorm.ConnectFailed):
                postgres.open(own.dsn)


def test_a_server_that_is_slow_at_the_end_is_waited_for(liteorm_server: Server) -> None:
    """On a shared server what a run made goes, also when dropping takes its time."""
    with postgres.open(liteorm_server.dsn) as db:
        with server(kind=liteorm_server.dsn) as shared:
            for _ in range(3):
                with database(shared, SCHEMA):
                    pass
            with database(shared, SCHEMA):
                blocking = db.begin()
                blocking.execute("LOCK TABLE pg_database IN SHARE MODE")
            releasing = threading.Timer(6, blocking.rollback)
            releasing.start()
        releasing.join()
        assert _names(liteorm_server, f"liteorm_{shared.run}_%") == []


def test_a_snapshot_that_fails_leaves_the_former_one(
    liteorm_database: Database, liteorm_db: DB, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk: what could be restored before can be restored after."""
    liteorm_db.execute(SCHEMA)
    liteorm_database.snapshot()
    liteorm_db.execute("DELETE FROM t")

    def full(source: str, name: str) -> None:
        raise liteorm.DiskFull("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(liteorm_database._copies, "copy", full)
        with pytest.raises(liteorm.DiskFull):
            liteorm_database.snapshot()
        with pytest.raises(liteorm.DiskFull):
            liteorm_database.restore()
        assert liteorm.scan(liteorm_db.query("SELECT n FROM t"), int) == []
    liteorm_database.restore()
    assert liteorm.scan(liteorm_db.query("SELECT n FROM t ORDER BY n"), int) == [1, 2]


def test_a_sweep_leaves_a_run_that_begins_meanwhile(
    liteorm_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever begins while a sweep looks around is not taken for dead."""
    names = _sweep._names
    with ExitStack() as stack:
        begun: list[Database] = []

        def meanwhile(db: DB) -> list[str]:
            monkeypatch.setattr(_sweep, "_names", names)
            alive = stack.enter_context(server(kind=liteorm_server.dsn))
            begun.append(stack.enter_context(database(alive, SCHEMA)))
            return names(db)

        monkeypatch.setattr(_sweep, "_names", meanwhile)
        swept = sweep(liteorm_server.dsn).gone
        assert begun[0].name not in swept
        assert _numbers(begun[0].dsn) == [1, 2]


def test_leftovers_of_another_account_are_left_to_it(liteorm_server: Server) -> None:
    """A role that may not drop them is not kept from its own work, at the first try or later."""
    left = liteorm.Ident("liteorm_0badcafe_main_d7")
    host = liteorm_server.dsn.rpartition("@")[2].partition("/")[0]
    with postgres.open(liteorm_server.dsn) as db:
        db.execute("CREATE ROLE kit_other LOGIN CREATEDB PASSWORD 'x'")
        db.execute("ALTER ROLE kit_other SET idle_in_transaction_session_timeout = '200ms'")
        db.execute(liteorm.sql("CREATE DATABASE {}", left))
        try:
            with server(kind=f"postgresql://kit_other:x@{host}/postgres") as shared:

                def slow(dsn: str) -> None:
                    with postgres.open(dsn) as own:
                        own.execute(SCHEMA)
                    time.sleep(0.5)  # longer than the role lets a transaction rest

                for _ in range(2):
                    with database(shared, slow) as d:
                        assert _numbers(d.dsn) == [1, 2]
            assert _names(liteorm_server, "liteorm_0badcafe_main_d7")
        finally:
            db.execute(liteorm.sql("DROP DATABASE {}", left))
            db.execute("DROP OWNED BY kit_other")
            db.execute("DROP ROLE kit_other")


def test_the_kits_own_statements_are_in_no_log(
    liteorm_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """A test that looks at liteorm's records finds those of its own sessions."""
    caplog.set_level("DEBUG", "liteorm")
    with database(liteorm_server, SCHEMA) as d:
        assert _numbers(d.dsn) == [1, 2]
    messages = [record.getMessage() for record in caplog.records if record.name == "liteorm"]
    assert [message for message in messages if "DATABASE" in message] == []
    assert any("SELECT n FROM t" in message for message in messages)


def _role(dsn: str, sql: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql)


@pytest.mark.parametrize(("kind", "image"), KINDS)
def test_an_applications_role_gets_in(kind: str, image: str | None) -> None:
    """A role without a password gets one, the same every time; one with its own keeps it."""
    with server(kind=kind, image=image) as s:
        with database(s, "CREATE ROLE app LOGIN; CREATE TABLE t (n int)") as d:
            dsn = d.dsn_for("app")
            assert dsn == d.dsn_for(user="app")
            with psycopg.connect(dsn) as connection:
                row = connection.execute("SELECT current_user, current_database()").fetchone()
                assert row == ("app", d.name)
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute("SELECT * FROM t")
            assert _dsn.parse(dsn)["password"] != _dsn.parse(d.dsn)["password"]
            _role(d.dsn, "CREATE ROLE own LOGIN PASSWORD 'geheim'; CREATE ROLE \"odd'name\" LOGIN")
            with psycopg.connect(d.dsn_for("own", "geheim")) as connection:
                assert connection.info.user == "own"
            with psycopg.connect(d.dsn_for("odd'name")) as connection:
                assert connection.info.user == "odd'name"
            _role(d.dsn, "CREATE ROLE nologin")
            for user, message in (
                ("own", r"dsn_for\('own', password=...\)"),
                ("nologin", "ALTER ROLE nologin LOGIN"),
                ("nobody_here", "no role 'nobody_here': the schema"),
            ):
                with pytest.raises(ValueError, match=message):
                    d.dsn_for(user)


@needs_embedded
def test_processes_agree_on_a_roles_password() -> None:
    """Workers of one run ask at the same time, and all get in."""
    with server(kind="embedded") as s, database(s, "CREATE ROLE app LOGIN") as d:
        others = [Server(**s._described()) for _ in range(6)]
        for number, other in enumerate(others):
            other._worker = f"gw{number}"
        got: list[str] = []
        copies = [copies_of(other) for other in others]
        threads = [
            threading.Thread(target=lambda c=c: got.append(str(c.password_of("app"))))
            for c in copies
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for other in others:
            servers.end(other)
        assert got == [_dsn.parse(d.dsn_for("app"))["password"]] * 6


def test_on_a_shared_server_no_role_is_changed(liteorm_server: Server) -> None:
    """Whoever named the server knows its roles' passwords, or libpq does."""
    with server(kind=liteorm_server.dsn) as given, database(given) as d:
        assert _dsn.parse(d.dsn_for("app"))["user"] == "app"
        assert "password" not in _dsn.parse(d.dsn_for("app"))
        assert _dsn.parse(d.dsn_for("app", "p@ss/word"))["password"] == "p@ss/word"


def test_urls_are_as_other_drivers_want_them(liteorm_database: Database) -> None:
    """SQLAlchemy's have the driver's name; what only libpq knows is left to drivers on it."""
    nothing: Any = None
    dsn = "postgresql://u:p%40@127.0.0.1:5433/x?sslmode=disable&options="
    given = Database(dsn, "x", "", nothing)
    assert given.url() == "postgresql://u:p%40@127.0.0.1:5433/x?sslmode=disable"
    assert given.url("asyncpg") == "postgresql+asyncpg://u:p%40@127.0.0.1:5433/x?ssl=disable"
    assert given.url("pg8000") == "postgresql+pg8000://u:p%40@127.0.0.1:5433/x"
    assert given.url(driver="psycopg").startswith("postgresql+psycopg://u:p%40@127.0.0.1:5433/x?")
    with pytest.raises(ValueError, match="a name such as asyncpg"):
        given.url("postgresql+asyncpg://")
    with psycopg.connect(liteorm_database.url()) as connection:
        assert connection.info.dbname == liteorm_database.name


@needs_embedded
@pytest.mark.parametrize(
    "elsewhere", [{}, {"PGSSLMODE": "require", "PGTARGETSESSIONATTRS": "standby"}]
)
def test_urls_lead_asyncpg_to_the_database(
    elsewhere: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By itself and below SQLAlchemy, whatever the environment says of other servers."""
    asyncpg = pytest.importorskip("asyncpg")
    pytest.importorskip("greenlet")
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine

    for name, value in elsewhere.items():
        monkeypatch.setenv(name, value)

    async def look(d: Database) -> None:
        connection = await asyncpg.connect(d.url())
        assert await connection.fetchval("SELECT current_database()::text") == d.name
        await connection.close()
        engine = create_async_engine(d.url("asyncpg"))
        async with engine.connect() as connection:
            found = await connection.scalar(text("SELECT current_database()::text"))
            assert found == d.name
        await engine.dispose()

    with server(kind="embedded") as s, database(s, SCHEMA) as d:
        asyncio.run(look(d))


def test_a_template_whose_rows_are_on_other_servers_says_what_to_do(
    liteorm_server: Server,
) -> None:
    """With Citus's workers a copy would share their shards; with none it is a copy."""
    nodes = (
        "SET allow_system_table_mods = on;"
        "CREATE TABLE pg_catalog.pg_dist_node (groupid int, nodename text);"
        "INSERT INTO pg_catalog.pg_dist_node VALUES (0, 'localhost')"
    )
    with database(liteorm_server, nodes) as made, psycopg.connect(made.dsn) as connection:
        connection.execute("SELECT 1")
    with pytest.raises(RuntimeError, match=r"workers \(far-a, far-b\).*keep the shards"):
        with database(liteorm_server, f"{nodes}, (1, 'far-a'), (2, 'far-b'), (3, 'far-a')"):
            pass
