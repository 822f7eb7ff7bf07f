"""Schemas that programs make: functions and commands, and what tells their outcomes apart."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psycopg
import pytest

from liteorm_testing import Migration, Server, _dsn, database
from liteorm_testing._migration import MigrationFailed
from liteorm_testing._schema import schema_at

Run = Callable[..., pytest.RunResult]

PROGRAM = """
import os, sys
import psycopg

with open("ran", "a") as file:
    file.write("once\\n")
how = sys.argv[1] if len(sys.argv) > 1 else "url"
if how == "fails":
    print("connecting to", os.environ["DATABASE_URL"])
    sys.exit("revision 7 is broken")
dsn = os.environ["DATABASE_URL"] if how == "url" else ""
with psycopg.connect(dsn) as connection:
    connection.execute("CREATE TABLE made (how text)")
    connection.execute("INSERT INTO made VALUES (%s)", [how])
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a program and the files that it depends on."""
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "migrations" / "deep").mkdir(parents=True)
    (tmp_path / "migrations" / "1.sql").write_text("one")
    (tmp_path / "migrations" / "deep" / "2.sql").write_text("two")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _made(server: Server, migration: Migration) -> str:
    with database(server, migration) as d, psycopg.connect(d.dsn) as connection:
        row = connection.execute("SELECT how FROM made").fetchone()
        assert row is not None
        return str(row[0])


@pytest.mark.parametrize("how", ["url", "variables"])
@pytest.mark.parametrize("as_text", [True, False])
def test_a_command_makes_the_schema_once(
    how: str, as_text: bool, project: Path, liteorm_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It finds the database in the environment, and no other that stands there."""
    for name, value in {"PGPORT": "1", "PGUSER": "somebody", "PGDATABASE": "elsewhere"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere.invalid")
    words = [sys.executable, "program.py", how]
    command = " ".join(words) if as_text else words
    fingerprint = f"{liteorm_server.run} {as_text}"
    migration = Migration(command, fingerprint, files="migrations/**")
    for _ in range(3):
        assert _made(liteorm_server, migration) == how
    assert (project / "ran").read_text() == "once\n"


def test_files_tell_outcomes_apart(project: Path) -> None:
    """Another content, name or file is another outcome; what Python leaves behind is none."""

    def digest(*files: str) -> str:
        return Migration("make it", files=files).digest()

    for files in (["migrations/**"], ["migrations"], ["migrations/*.sql", "migrations/deep/2.sql"]):
        first = digest(*files)
        assert digest(*files) == first
        (project / "migrations" / "deep" / "__pycache__").mkdir(exist_ok=True)
        (project / "migrations" / "deep" / "__pycache__" / "2.pyc").write_bytes(os.urandom(8))
        assert digest(*files) == first
        (project / "migrations" / "deep" / "2.sql").write_text("changed")
        changed = digest(*files)
        assert changed != first
        (project / "migrations" / "1.sql").rename(project / "migrations" / "3.sql")
        assert digest(*files) != changed
        (project / "migrations" / "3.sql").rename(project / "migrations" / "1.sql")
        (project / "migrations" / "deep" / "2.sql").write_text("two")
        assert digest(*files) == first
    assert digest("migrations") != Migration("another", files="migrations").digest()
    assert digest("migrations") != Migration("make it", "7", files="migrations").digest()


def test_functions_are_told_apart_by_their_names() -> None:
    """Also when they are partly applied already."""
    one, other = Migration(print, "7"), Migration(repr, "7")
    assert one.digest() != other.digest()
    assert Migration(partial(print, end=""), "7").digest() == one.digest()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Migration("make it"), "needs files=, such as .*, or a fingerprint="),
        (lambda: Migration("", "7"), "command is empty"),
        (lambda: Migration("make it", files="nowhere/**").digest(), r"files nowhere/\*\* are not"),
    ],
)
def test_what_says_nothing_is_refused(
    make: Callable[[], object], message: str, project: Path
) -> None:
    """A migration without anything to know it by, or without its files."""
    with pytest.raises(ValueError, match=message):
        make()


def test_a_failing_command_is_told_with_its_words(
    project: Path, pytester: pytest.Pytester, run: Run, liteorm_server: Server
) -> None:
    """One sentence without a traceback; a shared server's password is in none of it."""
    pytester.makepyfile(program=PROGRAM)
    pytester.makeconftest(f"""
        import pytest
        from liteorm_testing import Migration

        @pytest.fixture(scope="session")
        def liteorm_schema():
            return Migration([{sys.executable!r}, "program.py", "fails"], fingerprint="7")
    """)
    pytester.makepyfile(test_it="def test_it(liteorm_db): pass")
    result = run(f"--liteorm-server={liteorm_server.dsn}")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*program.py fails ended with status 1; it said:", "*revision 7 is broken"]
    )
    password = _dsn.parse(liteorm_server.dsn).get("password")
    assert password is None or password not in result.stdout.str() + result.stderr.str()


def test_a_command_that_is_not_there_is_named(liteorm_server: Server) -> None:
    """The system's reason goes with it."""
    with pytest.raises(MigrationFailed, match="no-such-program could not be run: No such file"):
        with database(liteorm_server, Migration("no-such-program up", "7")):
            pass


def test_a_command_line_names_a_path_or_something_in_a_module(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not there, or is no schema, is one sentence."""
    (project / "shop_schema.py").write_text(
        "def migrate(dsn): pass\n"
        "class Holder:\n    text = 'CREATE TABLE t (n int)'\n"
        "number = 42\n"
        "async def later(dsn): pass\n"
    )
    monkeypatch.syspath_prepend(str(project))
    assert schema_at("migrations") == Path("migrations")
    assert callable(schema_at("shop_schema:migrate"))
    assert schema_at("shop_schema:Holder.text") == "CREATE TABLE t (n int)"
    for place, message in (
        ("nowhere.sql", "there is no nowhere.sql"),
        ("C:/nowhere", "there is no C:/nowhere"),
        ("no_such_module:migrate", "No module named 'no_such_module'"),
        ("shop_schema:nothing", "shop_schema has no nothing"),
        ("shop_schema:number", "a schema is SQL text, .* not int"),
        ("shop_schema:later", "this is a coroutine function"),
    ):
        with pytest.raises(ValueError, match=message):
            schema_at(place)
