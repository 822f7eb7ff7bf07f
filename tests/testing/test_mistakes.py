"""What people get wrong with the plugin: each is told once, in a sentence, and loses nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import liteorm
from liteorm import postgres
from liteorm_testing import Server

Run = Callable[..., pytest.RunResult]
EMBEDDED = "--liteorm-server=embedded"

SCHEMA = """
    import asyncio, pathlib, pytest
    from liteorm import postgres
    from liteorm_testing import Migration

    @pytest.fixture(scope="session")
    def liteorm_schema():
        {body}
"""
TWO_TESTS = """
    def test_one(liteorm_db): pass
    def test_two(liteorm_db): pass
"""

SCHEMAS = {
    "text": (
        'return "CREATE TABLE t (n int);\\nCREATE TABEL u ()"',
        ['*liteorm_schema: syntax error at or near "TABEL"', "*in the schema's SQL text, line 2*"],
    ),
    "file-in-a-folder": (
        'return pathlib.Path("sql")',
        ['*liteorm_schema: relation "nowhere" does not exist', "*in sql/2.sql, line 3*"],
    ),
    "missing-file": (
        'return pathlib.Path("missing.sql")',
        ["*liteorm_schema: the schema is the path missing.sql, where nothing is*"],
    ),
    "folder-as-text": (
        'return "sql"',
        ["*the text 'sql', which is no SQL: for a file give pathlib.Path('sql')*"],
    ),
    "path-as-text": (
        'return "sql/1.sql"',
        ["*the text 'sql/1.sql', which is no SQL: for a file give pathlib.Path('sql/1.sql')*"],
    ),
    "number": ("return 42", ["*liteorm_schema: a schema is SQL text, a pathlib.Path,*, not int*"]),
    "psql": (
        'return "CREATE TABLE t (n int);\\n\\\\connect other"',
        ["*line 2: what begins with a backslash is a command of psql*"],
    ),
    "coroutine": (
        "async def migrate(dsn): pass\n        return migrate",
        ["*this is a coroutine function: give one that runs it*"],
    ),
    "coroutine-in-a-migration": (
        "async def migrate(dsn): pass\n        return Migration(migrate, '1')",
        ["*this is a coroutine function: give one that runs it*"],
    ),
    "coroutine-in-a-function": (
        "async def migrate(dsn): pass\n        return lambda dsn: migrate(dsn)",
        ["*this is a coroutine function: give one that runs it*"],
    ),
    "open-transaction": (
        "def migrate(dsn):\n"
        "            global db, tx\n"
        "            db = postgres.open(dsn, application_name='migration')\n"
        "            tx = db.begin()\n"
        "            tx.execute('CREATE TABLE t (n int)')\n"
        "        return migrate",
        ["*left a transaction open (application 'migration'): commit it*"],
    ),
}


@pytest.mark.parametrize("case", SCHEMAS)
def test_a_wrong_schema_is_told_in_a_sentence(
    case: str, pytester: pytest.Pytester, run: Run
) -> None:
    """What is wrong, in which file and line, and no traceback through the kit unless it helps."""
    body, expected = SCHEMAS[case]
    pytester.makeconftest(SCHEMA.format(body=body))
    pytester.makepyfile(TWO_TESTS)
    folder = pytester.mkdir("sql")
    (folder / "1.sql").write_text("CREATE TABLE t (n int)")
    (folder / "2.sql").write_text("CREATE TABLE u (n int);\n\nINSERT INTO nowhere VALUES (1);\n")
    result = run(EMBEDDED, "-W", "ignore")
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(expected)
    if not case.startswith(("coroutine", "open")):
        result.stdout.no_fnmatch_line("*liteorm_testing*.py*")
        assert len(result.stdout.lines) < 40


def test_a_schema_that_fails_is_not_tried_again(pytester: pytest.Pytester, run: Run) -> None:
    """The second test need not wait for the same failure; a program's own traceback is shown."""
    pytester.makeconftest("""
        import pathlib, pytest

        @pytest.fixture(scope="session")
        def liteorm_schema():
            def migrate(dsn):
                with pathlib.Path("calls").open("a") as calls:
                    calls.write("x")
                raise KeyError("no revision")
            return migrate
    """)
    pytester.makepyfile(TWO_TESTS)
    result = run(EMBEDDED)
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*raise KeyError*", "*liteorm_schema: 'no revision'*"])
    assert (pytester.path / "calls").read_text() == "x"


def test_what_pg_dump_writes_is_a_schema(pytester: pytest.Pytester, run: Run) -> None:
    """The two commands of psql that frame a dump are left out."""
    pytester.makeconftest(SCHEMA.format(body='return pathlib.Path("dump.sql")'))
    (pytester.path / "dump.sql").write_text(
        "--\n-- PostgreSQL database dump\n--\n\n\\restrict abcDEF123\n\n"
        "SELECT pg_catalog.set_config('search_path', '', false);\n"
        "CREATE TABLE public.t (n integer);\n\n\\unrestrict abcDEF123\n"
    )
    pytester.makepyfile("""
        def test_it(liteorm_db):
            assert len(liteorm_db.query("SELECT n FROM t")) == 0
    """)
    run(EMBEDDED).assert_outcomes(passed=1)


def test_a_server_that_refuses_is_told_without_its_password(
    pytester: pytest.Pytester, run: Run, liteorm_server: Server
) -> None:
    """The server's own reason stands in the failure, and nothing that was in the DSN beside it."""
    pytester.makepyfile(TWO_TESTS)
    host = liteorm_server.dsn.rpartition("@")[2].partition("/")[0]
    result = run(f"--liteorm-server=postgresql://nobody_here:geheim@{host}/no_such_database")
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*liteorm_server: *nobody_here*"])
    result.stdout.no_fnmatch_line("*geheim*")
    assert len(result.stdout.lines) < 40


def test_a_user_who_may_not_create_databases_is_told(
    pytester: pytest.Pytester, run: Run, liteorm_server: Server
) -> None:
    """A role without the right to make databases gets the server's sentence."""
    with postgres.open(liteorm_server.dsn) as db:
        db.execute("CREATE ROLE kit_no_createdb LOGIN PASSWORD 'geheim'")
        try:
            host = liteorm_server.dsn.rpartition("@")[2].partition("/")[0]
            pytester.makepyfile(TWO_TESTS)
            result = run(f"--liteorm-server=postgresql://kit_no_createdb:geheim@{host}/postgres")
        finally:
            db.execute("DROP ROLE kit_no_createdb")
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*permission denied to create database*"])
    result.stdout.no_fnmatch_line("*geheim*")
    assert len(result.stdout.lines) < 40


def test_the_runs_server_is_not_paused(pytester: pytest.Pytester, run: Run) -> None:
    """Other tests use it too, so it refuses also where one process runs them all."""
    pytester.makepyfile("""
        import pytest

        @pytest.mark.parametrize("action", ["pause", "resume", "restart"])
        def test_it(action, liteorm_server):
            assert not liteorm_server.owned
            with pytest.raises(RuntimeError, match="one's own"):
                getattr(liteorm_server, action)()
    """)
    run(EMBEDDED).assert_outcomes(passed=3)


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_commit_in_the_shared_transaction_is_an_error(
    kind: str, pytester: pytest.Pytester, run: Run
) -> None:
    """The test that commits is told so, and the ones after it do not see what it stored."""
    pytester.makeconftest(SCHEMA.format(body='return "CREATE TABLE t (n int)"'))
    fixture, call, wait = "liteorm_tx", "def", ""
    if kind == "async":
        fixture, call, wait = "liteorm_async_tx", "async def", "await "
    pytester.makepyfile(f"""
        {call} test_commits({fixture}):
            {wait}{fixture}.execute("INSERT INTO t VALUES (1)")
            {wait}{fixture}.commit()

        {call} test_after({fixture}):
            assert len({wait}{fixture}.query("SELECT n FROM t")) == 0
            {wait}{fixture}.rollback()
    """)
    result = run(EMBEDDED, "-o", "asyncio_mode=auto")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*has committed its transaction*", "ERROR*test_commits*"])


def test_a_server_of_ones_own_takes_the_runs_place(pytester: pytest.Pytester, run: Run) -> None:
    """An override of liteorm_server is the server that databases are made on."""
    pytester.makepyfile("""
        import liteorm, pytest
        from liteorm_testing import server

        @pytest.fixture(scope="session")
        def liteorm_server():
            with server(kind="embedded", settings={"work_mem": "7MB"}) as own:
                yield own

        @pytest.mark.parametrize("n", range(3))
        def test_copies(n, liteorm_db, liteorm_server):
            assert liteorm.scan_one(liteorm_db.query("SHOW work_mem"), str) == "7MB"
            liteorm_server.restart()

        def test_transaction(liteorm_tx):
            assert liteorm.scan_one(liteorm_tx.query("SHOW work_mem"), str) == "7MB"

        def test_fails_with_the_log(liteorm_db):
            liteorm_db.query("SELECT * FROM nowhere_here")
    """)
    result = run(EMBEDDED)
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(["*liteorm: server log*", '*"nowhere_here" does not exist*'])


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_settings_of_the_runs_server(
    workers: tuple[str, ...], pytester: pytest.Pytester, run: Run
) -> None:
    """The ini file gives settings, whoever starts the server."""
    pytester.makeini("[pytest]\nliteorm_settings =\n    work_mem = 7MB\n    wal_level=logical\n")
    pytester.makepyfile("""
        import liteorm

        def test_it(liteorm_db):
            assert liteorm.scan_one(liteorm_db.query("SHOW work_mem"), str) == "7MB"
            assert liteorm.scan_one(liteorm_db.query("SHOW wal_level"), str) == "logical"
    """)
    run(EMBEDDED, *workers).assert_outcomes(passed=1)


def test_settings_of_a_server_that_is_there_already(
    pytester: pytest.Pytester, run: Run, liteorm_server: Server
) -> None:
    """They cannot be given to a server that somebody else started, and the header says so."""
    pytester.makeini("[pytest]\nliteorm_settings = work_mem=7MB\n")
    pytester.makepyfile("def test_it(): pass")
    result = run(f"--liteorm-server={liteorm_server.dsn}")
    result.stdout.fnmatch_lines(["liteorm: server dsn *; liteorm_settings are for servers that*"])


@pytest.mark.parametrize(
    ("ini", "message"),
    [
        ("liteorm_leaks = erorr", "liteorm_leaks is one of ignore, error, not erorr"),
        ("liteorm_settings = work_mem", "liteorm_settings has lines name = value, not 'work_mem'"),
    ],
)
def test_a_wrong_ini_value_is_a_usage_error(
    ini: str, message: str, pytester: pytest.Pytester, run: Run
) -> None:
    """A misspelt word does not pass for its default."""
    pytester.makeini(f"[pytest]\n{ini}\n")
    pytester.makepyfile("def test_it(): pass")
    result = run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{message}*"])


KEPT = """
    import pytest

    @pytest.fixture
    def fails_before(liteorm_db):
        raise ValueError("before")

    @pytest.fixture
    def fails_after(liteorm_db):
        yield
        raise ValueError("after")

    def test_passes(liteorm_db): pass
    def test_before(fails_before): pass
    def test_after(fails_after): pass
"""


def test_a_database_is_kept_whichever_part_of_its_test_fails(
    pytester: pytest.Pytester, run: Run, liteorm_server: Server
) -> None:
    """Also a fixture's failure, before or after the test; without the server's password."""
    pytester.makepyfile(KEPT)
    with postgres.open(liteorm_server.dsn) as db:
        db.execute("CREATE ROLE kit_keeper LOGIN CREATEDB PASSWORD 'geheim'")
        try:
            host = liteorm_server.dsn.rpartition("@")[2].partition("/")[0]
            dsn = f"postgresql://kit_keeper:geheim@{host}/postgres"
            result = run(f"--liteorm-server={dsn}", "--liteorm-keep")
            found = "SELECT datname::text FROM pg_database WHERE datname LIKE 'liteorm_kept%'"
            kept = liteorm.scan(db.query(found), str)
            assert len(kept) == 2
            for name in kept:
                assert name in result.stdout.str()
        finally:
            db.execute("DROP OWNED BY kit_keeper")
            for name in liteorm.scan(db.query(found), str):
                db.execute(liteorm.sql("DROP DATABASE {}", liteorm.Ident(name)))
            db.execute("DROP ROLE kit_keeper")
    result.assert_outcomes(passed=2, errors=2)
    result.stdout.fnmatch_lines(
        [f"*clean --dsn 'postgresql://kit_keeper@{host}/postgres'*"], consecutive=False
    )
    result.stdout.no_fnmatch_line("*geheim*")


@pytest.mark.usefixtures("clean_lock")
def test_a_database_on_ones_own_server_is_kept_with_it(pytester: pytest.Pytester, run: Run) -> None:
    """The server that stays is the one with the kept database, and no other."""
    pytester.makepyfile(
        test_one="""
        import pathlib, pytest
        from liteorm_testing import server

        @pytest.fixture(scope="module")
        def liteorm_server():
            with server(kind="embedded") as own:
                pathlib.Path("own").write_text(own.socket)
                yield own

        def test_fails(liteorm_db):
            assert False
        """,
        test_two="""
        import pathlib

        def test_passes(liteorm_db, liteorm_server):
            pathlib.Path("runs").write_text(liteorm_server.socket)
        """,
    )
    result = run(EMBEDDED, "--liteorm-keep", "-W", "ignore")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*kept database, on a server of its own*"])
    own = Path((pytester.path / "own").read_text())
    assert not Path((pytester.path / "runs").read_text()).exists()
    assert own.exists()
    found = re.search(r"^postgresql://\S+", result.stdout.str(), re.MULTILINE)
    assert found
    with postgres.open(found[0]) as db:
        assert len(db.query("SELECT 1")) == 1
    subprocess.run([sys.executable, "-m", "liteorm_testing", "clean"], check=True)
    assert not own.exists()


def _project(pytester: pytest.Pytester, module: str) -> Path:
    path = Path(pytester.path) / "app.py"
    path.write_text(module)
    pytester.makepyfile("def test_other(): pass")
    return path


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("raise RuntimeError('needs DATABASE_URL')", "app raised RuntimeError: needs DATABASE_URL"),
        ("x = 1", "app: no statement, table or constraint name is declared there"),
    ],
)
def test_a_module_that_cannot_be_checked_is_told(
    module: str, message: str, pytester: pytest.Pytester, run: Run
) -> None:
    """What its import raises is a usage error, a failed test in workers of pytest-xdist."""
    _project(pytester, module)
    options = [EMBEDDED, "-o", "pythonpath=.", "--liteorm-check", "app"]
    result = run(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*--liteorm-check: {message}*"])
    result = run(*options, "-n", "2")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines([f"*--liteorm-check: {message}*"])
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


def test_a_test_that_is_not_async_is_told_so(pytester: pytest.Pytester, run: Run) -> None:
    """A plain function that asks for the async database learns what it lacks."""
    pytester.makepyfile("def test_it(liteorm_async_db): pass")
    result = run(EMBEDDED, "-o", "asyncio_mode=strict")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*let it be an async def*pytest.mark.asyncio*"])


def test_fixtures_say_in_a_sentence_what_they_were_asked_for_wrongly(
    pytester: pytest.Pytester, run: Run
) -> None:
    """No line of the kit's own source is shown."""
    pytester.makepyfile("""
        import pytest

        def test_sync(liteorm_async_db):
            pass

        def test_sync_tx(liteorm_async_tx):
            pass

        @pytest.mark.liteorm(isolation="rollback")
        def test_rollback(liteorm_db):
            pass

        @pytest.mark.liteorm(isolation="none")
        def test_mark(liteorm_db):
            pass

        @pytest.mark.liteorm(isolation="shared")
        def test_role(liteorm_database):
            liteorm_database.dsn_for("nobody_here")
    """)
    result = run("--liteorm-server=embedded", "-p", "no:anyio")
    result.assert_outcomes(errors=4, failed=1)
    text = result.stdout.str()
    for sentence in (
        "asks for liteorm_async_db, and nothing runs it in an event loop: let it be an async def",
        "asks for liteorm_async_tx, and nothing runs it in an event loop: let it be an async def",
        "asks for liteorm_db, whose work would not be rolled back",
        "the mark liteorm takes isolation= one of clone, rollback, shared",
    ):
        assert sentence in text
    assert "async_fixtures.py" not in text
    assert "plugin/__init__.py" not in text
