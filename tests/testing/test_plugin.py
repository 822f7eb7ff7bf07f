"""The plugin in runs of pytest of its own: each promise of the guide."""

from __future__ import annotations

import functools
import os
import re
import shutil
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

import liteorm
from liteorm import postgres
from liteorm_testing import _run
from tests.testing.support import needs_docker, needs_embedded

Run = Callable[..., pytest.RunResult]
EMBEDDED = "--liteorm-server=embedded"

CONFTEST = """
    import pytest

    @pytest.fixture(scope="session")
    def liteorm_schema():
        return "CREATE TABLE t (n int); INSERT INTO t VALUES (1)"
"""


def test_one_fixture_name_is_all_the_set_up(pytester: pytest.Pytester, run: Run) -> None:
    """A test that names a fixture gets a database; the header says which server was asked for."""
    pytester.makepyfile("""
        import liteorm

        def test_it(liteorm_db):
            assert liteorm.scan_one(liteorm_db.query("SELECT 1"), int) == 1
    """)
    result = run(EMBEDDED)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["liteorm: server embedded (asked for)"])


def test_tests_do_not_see_each_others_work(pytester: pytest.Pytester, run: Run) -> None:
    """Each test gets its own copy of liteorm_schema."""
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile("""
        import liteorm, pytest

        @pytest.mark.parametrize("n", range(8))
        def test_it(n, liteorm_db, liteorm_database):
            assert liteorm.scan(liteorm_db.query("SELECT n FROM t"), int) == [1]
            liteorm_db.execute("INSERT INTO t VALUES (2)")
    """)
    run(EMBEDDED).assert_outcomes(passed=8)


def test_the_schema_can_be_overridden_for_a_module(pytester: pytest.Pytester, run: Run) -> None:
    """A module's own liteorm_schema makes a template of its own."""
    pytester.makeconftest(CONFTEST)
    test = """
        import liteorm

        def test_it(liteorm_db):
            assert liteorm.scan(liteorm_db.query("SELECT n FROM t"), int) == [{number}]
    """
    pytester.makepyfile(
        test_one=test.format(number=1),
        test_two="""
        import pytest

        @pytest.fixture(scope="session")
        def liteorm_schema(tmp_path_factory):
            folder = tmp_path_factory.mktemp("schema")
            (folder / "1.sql").write_text("CREATE TABLE t (n int)")
            (folder / "2.sql").write_text("INSERT INTO t VALUES (2)")
            return folder
        """
        + test.format(number=2),
    )
    run(EMBEDDED).assert_outcomes(passed=2)


def test_a_transaction_fixture_is_rolled_back(pytester: pytest.Pytester, run: Run) -> None:
    """liteorm_tx needs no copy: its work is rolled back; with liteorm_db it is in the same one."""
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile("""
        import liteorm, pytest

        names = set()

        @pytest.mark.parametrize("n", range(3))
        def test_alone(n, liteorm_tx):
            assert liteorm.scan(liteorm_tx.query("SELECT n FROM t"), int) == [1]
            liteorm_tx.execute("INSERT INTO t VALUES (2)")
            names.add(liteorm.scan_one(liteorm_tx.query("SELECT current_database()::text"), str))
            assert len(names) == 1

        def test_beside_a_database(liteorm_tx, liteorm_db):
            liteorm_tx.execute("INSERT INTO t VALUES (2)")
            assert liteorm.scan(liteorm_db.query("SELECT n FROM t"), int) == [1]
            name = liteorm.scan_one(liteorm_tx.query("SELECT current_database()::text"), str)
            assert name not in names

        @pytest.mark.liteorm(isolation="clone")
        def test_in_a_copy(liteorm_tx):
            name = liteorm.scan_one(liteorm_tx.query("SELECT current_database()::text"), str)
            assert name not in names
    """)
    run(EMBEDDED).assert_outcomes(passed=5)


def test_the_transaction_begins_with_settings(pytester: pytest.Pytester, run: Run) -> None:
    """The mark's settings and role hold in liteorm_tx, and other words are refused."""
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(
        """
        import pytest

        SHOW = "SELECT current_setting('app.tenant', true), current_user::text"

        @pytest.mark.liteorm(settings={"app.tenant": 7}, role="pg_monitor")
        def test_with(liteorm_tx):
            assert list(liteorm_tx.query(SHOW)) == [("7", "pg_monitor")]

        @pytest.mark.asyncio
        @pytest.mark.liteorm(settings={"app.tenant": 8})
        async def test_async(liteorm_async_tx):
            assert list(await liteorm_async_tx.query(SHOW))[0][0] == "8"

        @pytest.mark.liteorm(setings={})
        def test_misspelt(liteorm_tx):
            pass
        """
    )
    result = run(EMBEDDED)
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*the mark liteorm takes isolation=*settings= and role=*"])


def test_isolation_is_chosen_by_a_mark(pytester: pytest.Pytester, run: Run) -> None:
    """Shared tests see each other's work, rollback tests refuse a DB, other words are an error."""
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile("""
        import liteorm, pytest

        shared = pytest.mark.liteorm(isolation="shared")

        @shared
        @pytest.mark.parametrize("n", range(1, 4))
        def test_shared(n, liteorm_db):
            assert len(liteorm_db.query("SELECT n FROM t")) == n
            liteorm_db.execute("INSERT INTO t VALUES (2)")

        @pytest.mark.liteorm(isolation="rollback")
        def test_rollback(liteorm_tx):
            assert len(liteorm_tx.query("SELECT n FROM t")) == 1

        @pytest.mark.liteorm(isolation="rollback")
        def test_refused(liteorm_db):
            pass

        @pytest.mark.liteorm(isolation="none")
        def test_wrong(liteorm_db):
            pass
    """)
    result = run(EMBEDDED)
    result.assert_outcomes(passed=4, errors=2)
    result.stdout.fnmatch_lines(["*would not be rolled back: use liteorm_tx*"])
    result.stdout.fnmatch_lines(["*isolation= one of clone, rollback, shared*"])


def test_a_failed_test_shows_its_part_of_the_log(pytester: pytest.Pytester, run: Run) -> None:
    """The server's log since the test's start is in the failure, and nothing of other tests."""
    pytester.makepyfile("""
        import liteorm, pytest

        def test_passes(liteorm_db):
            with pytest.raises(liteorm.UndefinedTable):
                liteorm_db.query("SELECT * FROM earlier")

        def test_fails(liteorm_db):
            liteorm_db.query("SELECT * FROM later")
    """)
    result = run(EMBEDDED)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*liteorm: server log*", '*relation "later" does not exist*'])
    result.stdout.no_fnmatch_line("*earlier*")


@pytest.mark.usefixtures("clean_lock")
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_a_failed_tests_database_is_kept(
    workers: tuple[str, ...], pytester: pytest.Pytester, run: Run
) -> None:
    """The printed DSN leads to the failed test's data after the run, until it is cleaned."""
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile("""
        def test_passes(liteorm_db):
            pass

        def test_fails(liteorm_db):
            liteorm_db.execute("INSERT INTO t VALUES (2)")
            assert False
    """)
    result = run(EMBEDDED, "--liteorm-keep", *workers)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*liteorm: kept database*", "postgresql://*", "psql 'postgresql*"])
    found = re.search(r"^postgresql://\S+", result.stdout.str(), re.MULTILINE)
    assert found
    with postgres.open(found[0]) as db:
        assert liteorm.scan(db.query("SELECT n FROM t ORDER BY n"), int) == [1, 2]
    clean = [sys.executable, "-c", "import liteorm_testing._cli as c; c.main(['clean'])"]
    cleaned = subprocess.run(clean, capture_output=True, text=True, check=True)
    assert "server in " in cleaned.stdout
    with pytest.raises(liteorm.ConnectFailed):
        postgres.open(found[0], timeout=5)


def test_xdist_workers_share_one_server(pytester: pytest.Pytester, run: Run) -> None:
    """One server for the run, a database per test, names that carry run and worker."""
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile("""
        import liteorm, os, pathlib, pytest
        from liteorm_testing import database

        @pytest.mark.parametrize("n", range(12))
        def test_it(n, liteorm_db, liteorm_database, liteorm_server):
            assert liteorm.scan(liteorm_db.query("SELECT n FROM t"), int) == [1]
            liteorm_db.execute("INSERT INTO t VALUES (2)")
            assert f"_{os.environ['PYTEST_XDIST_WORKER']}_" in liteorm_database.name
            assert liteorm_server.run in liteorm_database.name
            pathlib.Path(f"server-{liteorm_server.run}").touch()
            with pytest.raises(RuntimeError, match="one's own"):
                liteorm_server.pause()

        @pytest.mark.parametrize("n", range(6))
        def test_by_hand(n, liteorm_server):
            with database(liteorm_server, "CREATE TABLE t (n int)") as d:
                assert f"_{os.environ['PYTEST_XDIST_WORKER']}_" in d.name
    """)
    result = run(EMBEDDED, "-n", "3")
    result.assert_outcomes(passed=18)
    assert len(list(pytester.path.glob("server-*"))) == 1


def test_xdist_workers_show_the_log_too(pytester: pytest.Pytester, run: Run) -> None:
    """The log is the controller's, and a worker asks for its slice."""
    pytester.makepyfile("""
        def test_fails(liteorm_db):
            liteorm_db.query("SELECT * FROM nowhere_at_all")
    """)
    result = run(EMBEDDED, "-n", "2")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*liteorm: server log*", '*"nowhere_at_all" does not exist*'])


def test_no_server_is_started_when_nobody_asks(pytester: pytest.Pytester, run: Run) -> None:
    """A run without database tests starts nothing and does not even import the driver."""
    pytester.makepyfile("""
        import sys

        def test_it():
            # Another plugin may need the driver: what counts is who of ours asked for it.
            assert "liteorm.postgres" not in sys.modules
            assert "testcontainers" not in sys.modules
    """)
    run(EMBEDDED).assert_outcomes(passed=1)


def test_a_server_that_cannot_be_had_is_an_error(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests that want a database fail with what to do; they are never skipped."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    pytester.makepyfile("""
        def test_it(liteorm_db):
            pass
    """)
    result = run("--liteorm-server=docker")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["liteorm_server: no docker server: no Docker engine answers*"])


@needs_docker
def test_auto_without_the_image_says_so(pytester: pytest.Pytester, run: Run) -> None:
    """Where an image can be neither found nor pulled, tests run on what comes next, and say why."""
    pytester.makepyfile("def test_it(liteorm_db): liteorm_db.query('SELECT 1')")
    result = run("--liteorm-server=auto", "--liteorm-image=localhost:1/no-such-image:1")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["liteorm: server embedded (auto; no docker: the image localhost:1/no-such-image:1*"]
    )


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Generator[list[str]]:
    """The questions that a Docker engine without images is asked, on a socket of its own."""
    asked: list[str] = []

    class Engine(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            asked.append(self.rfile.readline().decode())
            status = "200 OK" if "/_ping" in asked[-1] else "404 Not Found"
            self.wfile.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

    folder = tempfile.mkdtemp(prefix="liteorm-engine-")
    path = os.path.join(folder, "docker.sock")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    with socketserver.ThreadingUnixStreamServer(path, Engine) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield asked
        server.shutdown()
        thread.join()
    shutil.rmtree(folder)


@needs_embedded
def test_a_run_without_database_tests_looks_for_no_server(
    pytester: pytest.Pytester, run: Run, engine: list[str]
) -> None:
    """The header repeats what was asked for; the choice is made, and told, on first use."""
    pytester.makepyfile(test_plain="def test_it(): pass")
    result = run("--liteorm-server=auto", "--liteorm-image=localhost:1/no-such-image:1")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["liteorm: server auto (chosen when a test first asks for it)"])
    assert engine == []

    pytester.makepyfile(test_with="def test_it(liteorm_db): liteorm_db.query('SELECT 1')")
    for arguments in ((), ("-v",), ("-n", "1"), ("-s",)):
        engine.clear()
        result = run("--liteorm-server=auto", "--liteorm-image=localhost:1/no:1", *arguments)
        result.assert_outcomes(passed=2)
        result.stdout.fnmatch_lines(["liteorm: server embedded (auto; no docker: *"])
        assert engine
    result = run("--liteorm-server=auto", "--liteorm-image=localhost:1/no:1", "-q")
    result.stdout.no_fnmatch_line("*liteorm: server*")


def test_a_wrong_kind_is_told_in_the_header(pytester: pytest.Pytester, run: Run) -> None:
    """A misspelt option shows at once what it could have been."""
    pytester.makepyfile("def test_it(liteorm_db): pass")
    result = run("--liteorm-server=sqlite")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*auto, docker, embedded, local or a connection string*"])


def test_option_environment_and_ini_choose_the_server(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The option wins over the environment, which wins over the ini file."""
    pytester.makeini("[pytest]\nliteorm_server = local\n")
    pytester.makepyfile("def test_it(): pass")
    run().stdout.fnmatch_lines(["liteorm: server local*"])
    monkeypatch.setenv("LITEORM_SERVER", "postgresql://user:secret@localhost/name")
    result = run()
    result.stdout.fnmatch_lines(["liteorm: server dsn (given: postgresql://user@localhost/name)"])
    result.stdout.no_fnmatch_line("*secret*")
    run(EMBEDDED).stdout.fnmatch_lines(["liteorm: server embedded*"])


def test_a_leak_fails_the_test_where_that_is_wanted(pytester: pytest.Pytester, run: Run) -> None:
    """With liteorm_leaks = error a connection that is left open is an error of its test."""
    pytester.makeini("[pytest]\nliteorm_leaks = error\n")
    pytester.makepyfile("""
        from liteorm import postgres

        kept = []

        def test_clean(liteorm_db):
            liteorm_db.query("SELECT 1")

        def test_leaks(liteorm_database):
            kept.append(postgres.open(liteorm_database.dsn, application_name="forgetful"))
    """)
    result = run(EMBEDDED, "-W", "ignore")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*1 connection was left open*", "*'forgetful'*"])


ASYNC = """
    import asyncio
    import liteorm, pytest

    async def one(db):
        rows = await db.query("SELECT n FROM t")
        await db.execute("INSERT INTO t VALUES (2)")
        return liteorm.scan(rows, int)
"""
ASYNCIO = [
    ("strict", "function", "pytestmark = pytest.mark.asyncio"),
    ("strict", "module", 'pytestmark = pytest.mark.asyncio(loop_scope="module")'),
    ("strict", "session", 'pytestmark = pytest.mark.asyncio(loop_scope="session")'),
    ("auto", "function", ""),
    ("auto", "session", 'pytestmark = pytest.mark.asyncio(loop_scope="session")'),
]


@pytest.mark.parametrize(("mode", "scope", "mark"), ASYNCIO)
def test_async_sessions_under_pytest_asyncio(
    mode: str, scope: str, mark: str, pytester: pytest.Pytester, run: Run
) -> None:
    """liteorm_async_db is opened in the loop that runs the test, in either mode, any loop scope."""
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(
        ASYNC
        + f"""
    {mark}

    @pytest.mark.parametrize("n", range(3))
    async def test_it(n, liteorm_async_db):
        assert await one(liteorm_async_db) == [1]

    async def test_concurrently(liteorm_async_db):
        rows = await asyncio.gather(*(liteorm_async_db.query("SELECT 1") for _ in range(20)))
        assert len(rows) == 20

    class TestClass:
        async def test_method(self, liteorm_async_db, liteorm_db):
            assert await one(liteorm_async_db) == [1]
            assert len(liteorm_db.query("SELECT n FROM t")) == 2
    """
    )
    result = run(EMBEDDED, "-o", f"asyncio_mode={mode}")
    result.assert_outcomes(passed=5)


ASYNC_TX = """
    @pytest.mark.parametrize("n", range(3))
    async def test_alone(n, liteorm_async_tx):
        assert await one(liteorm_async_tx) == [1]
        names.add(await name(liteorm_async_tx))
        assert len(names) == 1

    async def test_beside_a_database(liteorm_async_tx, liteorm_async_db):
        assert await one(liteorm_async_tx) == [1]
        assert len(await liteorm_async_db.query("SELECT n FROM t")) == 1
        assert await name(liteorm_async_tx) == await name(liteorm_async_db)
        assert await name(liteorm_async_tx) not in names

    @pytest.mark.liteorm(isolation="clone")
    async def test_in_a_copy(liteorm_async_tx):
        assert await name(liteorm_async_tx) not in names

    @pytest.mark.liteorm(isolation="rollback")
    async def test_with_a_mark(liteorm_async_tx):
        assert await name(liteorm_async_tx) in names
"""


@pytest.mark.parametrize(
    ("mode", "mark"), [*((mode, mark) for mode, _, mark in ASYNCIO), ("strict", "anyio")]
)
def test_async_transactions_are_rolled_back(
    mode: str, mark: str, pytester: pytest.Pytester, run: Run
) -> None:
    """liteorm_async_tx is to liteorm_async_db what liteorm_tx is to liteorm_db."""
    backend = ""
    if mark == "anyio":
        mark = "pytestmark = pytest.mark.anyio"
        backend = """
    @pytest.fixture
    def anyio_backend():
        return "asyncio"
    """
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(
        ASYNC
        + f"""
    {mark}

    names = set()

    async def name(db):
        rows = await db.query("SELECT current_database()::text")
        return liteorm.scan_one(rows, str)
    {backend}
    """
        + ASYNC_TX
    )
    run(EMBEDDED, "-o", f"asyncio_mode={mode}").assert_outcomes(passed=6)


def test_async_sessions_with_a_default_loop_scope(pytester: pytest.Pytester, run: Run) -> None:
    """The ini option for the tests' loop scope is followed as well."""
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(ASYNC + "    async def test_it(liteorm_async_db):\n"
                        "        assert await one(liteorm_async_db) == [1]\n")  # fmt: skip
    options = ["-o", "asyncio_mode=auto", "-o", "asyncio_default_test_loop_scope=session"]
    run(EMBEDDED, *options).assert_outcomes(passed=1)


def test_async_sessions_in_fixtures_of_ones_own(pytester: pytest.Pytester, run: Run) -> None:
    """An async fixture that builds on liteorm_async_db gets one that is open."""
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(
        ASYNC
        + """
    @pytest.fixture
    async def two(liteorm_async_db):
        await one(liteorm_async_db)
        yield liteorm_async_db
        await liteorm_async_db.query("SELECT 1")

    async def test_it(two):
        assert len(await two.query("SELECT n FROM t")) == 2
    """
    )
    result = run(EMBEDDED, "-o", "asyncio_mode=auto")
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("beside", [True, False], ids=["with-pytest-asyncio", "alone"])
def test_async_sessions_under_anyio(beside: bool, pytester: pytest.Pytester, run: Run) -> None:
    """Anyio's plugin runs the test, whether pytest-asyncio is there too or not."""
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(
        ASYNC
        + """
    @pytest.fixture(params=["asyncio", ("asyncio", {"debug": True})])
    def anyio_backend(request):
        return request.param

    @pytest.fixture
    async def two(liteorm_async_db):
        await one(liteorm_async_db)
        return liteorm_async_db

    @pytest.mark.anyio
    async def test_it(two, liteorm_async_db):
        assert two is liteorm_async_db
        assert len(await two.query("SELECT n FROM t")) == 2
    """
    )
    without = () if beside else ("-p", "no:asyncio", "-W", "ignore::pytest.PytestConfigWarning")
    run(EMBEDDED, *without).assert_outcomes(passed=2)


def test_trio_is_refused_with_what_to_do(pytester: pytest.Pytester, run: Run) -> None:
    """Psycopg knows asyncio only; the message says which fixture to change."""
    pytester.makepyfile("""
        import pytest

        @pytest.fixture
        def anyio_backend():
            return "trio"

        @pytest.mark.anyio
        async def test_it(liteorm_async_db):
            pass
    """)
    result = run(EMBEDDED)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*liteorm_async_db needs asyncio*anyio_backend*"])


def test_a_sync_test_with_an_async_session_is_told(pytester: pytest.Pytester, run: Run) -> None:
    """Without an event loop there is nothing to open the session in."""
    pytester.makepyfile("def test_it(liteorm_async_db): pass")
    result = run(EMBEDDED)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*pytest.mark.asyncio or*"])


def test_many_workers_ask_for_the_server_at_once() -> None:
    """The queue of those who ask is long enough, and one that says nothing holds up no other."""
    told: list[str] = []
    new = functools.partial(_run.Run, kind="embedded", image=None, settings={}, tell=told.append)
    run = new(worker="main", broker=None)
    try:
        broker = run.hand_out()
        silent = socket.create_connection(("127.0.0.1", broker[0]))
        workers = [new(worker=f"gw{n}", broker=broker) for n in range(24)]
        names: list[str] = []
        threads = [
            threading.Thread(target=lambda w=worker: names.append(w.server().run), daemon=True)
            for worker in workers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert names == [run.server().run] * 24
        silent.close()
        for worker in workers:
            worker.close()
    finally:
        run.close()


def test_async_sessions_where_plugins_are_named(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without automatic loading, pytest-asyncio goes by its module's name."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(
        ASYNC
        + """
    @pytest.mark.asyncio
    async def test_it(liteorm_async_db):
        assert await one(liteorm_async_db) == [1]
    """
    )
    run("-p", "pytest_asyncio.plugin", EMBEDDED).assert_outcomes(passed=1)


def test_a_server_that_a_test_destroys_does_not_end_the_run(
    pytester: pytest.Pytester, run: Run
) -> None:
    """Its log cannot be shown then, and the other tests run all the same."""
    pytester.makepyfile("""
        import pathlib

        def test_destroys(liteorm_server, liteorm_db):
            pathlib.Path(liteorm_server.socket, "log").unlink()
            assert False

        def test_other(): pass
    """)
    result = run(EMBEDDED)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*the server's log cannot be read: *"])
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


@pytest.mark.usefixtures("clean_lock")
def test_a_nested_run_keeps_only_its_own_server(pytester: pytest.Pytester, run: Run) -> None:
    """A run inside a test that keeps a database does not make the outer run keep its server."""
    pytester.makeconftest('pytest_plugins = ["pytester"]')
    pytester.makepyfile("""
        import pathlib

        INNER = (
            "import pathlib\\n\\n"
            "def test_inner(liteorm_server, liteorm_db):\\n"
            "    pathlib.Path('inner').write_text(liteorm_server.socket)\\n"
            "    assert False\\n"
        )

        def test_outer(pytester, liteorm_server):
            here = pathlib.Path(__file__).parent
            (here / "outer").write_text(liteorm_server.socket)
            pytester.makepyfile(INNER)
            result = pytester.runpytest_inprocess("--liteorm-server=embedded", "--liteorm-keep")
            result.assert_outcomes(failed=1)
            (here / "inner").write_text((pytester.path / "inner").read_text())
    """)
    run(EMBEDDED, "-W", "ignore").assert_outcomes(passed=1)
    inner = Path((pytester.path / "inner").read_text())
    assert not Path((pytester.path / "outer").read_text()).exists()
    assert inner.exists()
    subprocess.run([sys.executable, "-m", "liteorm_testing", "clean"], check=True)
    assert not inner.exists()
