"""`liteorm check` as a command: sources of answers, formats and exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from liteorm import postgres
from liteorm._check import FileAnswers, check_all, collect
from liteorm._cli import main
from liteorm_testing import Database, Server, database

SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL, mood text);
CREATE TYPE colour AS ENUM ('red', 'green');
CREATE TYPE pair AS (a int, b colour[]);
CREATE DOMAIN short AS varchar(9);
CREATE TABLE things (colour colour NOT NULL, pair pair, short short, during daterange, data jsonb);
"""

MODULE = """
    import enum
    import attrs
    import liteorm
    from datetime import date

    class Colour(enum.Enum):
        RED = "red"
        GREEN = "green"

    @attrs.define
    class Pair:
        a: int | None
        b: list[Colour] | None

    @liteorm.table("users", key="id")
    @attrs.define
    class User:
        id: int
        name: str

    @liteorm.table("things")
    @attrs.define
    class Thing:
        colour: Colour
        pair: Pair | None
        short: str | None
        during: liteorm.Range[date] | None
        data: dict[str, int] | None

    class Taken(liteorm.UniqueViolation):
        pass

    ERRORS = {"users_pkey": Taken}
    by_id = liteorm.statement(User, "SELECT id, name FROM users WHERE id = %(id)s",
                              params={"id": int})
    things = liteorm.statement(Thing, "SELECT * FROM things")
"""

WRONG = """
    moods = liteorm.statement(
        str,
        "SELECT mood FROM users",
    )
    unsure = liteorm.statement(str, "SELECT %s::text")
"""


@pytest.fixture(scope="module")
def made(liteorm_server: Server) -> Iterator[Database]:
    """A database with a small schema."""
    with database(liteorm_server, SCHEMA) as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with a module that is right, and one that is not."""
    (tmp_path / "good.py").write_text(dedent(MODULE))
    (tmp_path / "bad.py").write_text(dedent(MODULE) + dedent(WRONG))
    (tmp_path / "raising.py").write_text("1 / 0")
    (tmp_path / "leaving.py").write_text("raise SystemExit(3)")
    (tmp_path / "odd.py").write_text("class Odd(BaseException): pass\nraise Odd('why')")
    (tmp_path / "broken.py").write_text("def")
    (tmp_path / "lacking.py").write_text("import no_such_package")
    (tmp_path / "empty.py").write_text("import liteorm")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text("")
    (tmp_path / "app" / "__main__.py").write_text("raise SystemExit('not to be run')")
    (tmp_path / "app" / "inner.py").write_text(dedent(MODULE))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    for name in ("good", "bad", "app", "app.inner"):
        sys.modules.pop(name, None)


def test_what_is_right_passes(
    folder: Path, made: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is found, and the command succeeds; a package is taken with its modules."""
    assert main(["check", "good", "--dsn", made.dsn]) == 0
    assert "checked 2 statements, 2 tables, 1 constraint: 0 errors, 0 warnings" in (
        capsys.readouterr().out
    )
    assert main(["check", "app", "--dsn", made.dsn]) == 0
    assert "checked 2 statements" in capsys.readouterr().out


def test_what_is_wrong_is_shown(
    folder: Path, made: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """Findings come with the place, the sentence and the remedy."""
    assert main(["check", "bad", "--dsn", made.dsn]) == 1
    out = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "moods" in out
    assert "bad.py:4" in out
    assert 'error: column "mood" can be NULL' in out
    assert "1 error, 1 warning" in out


def test_warnings_fail_only_if_asked_to(folder: Path, made: Database) -> None:
    """What is not known is no failure, unless `--strict` is given."""
    text = (folder / "bad.py").read_text().replace("str,\n", "str | None,\n")
    (folder / "bad.py").write_text(text)
    assert main(["check", "bad", "--dsn", made.dsn]) == 0
    assert main(["check", "bad", "--dsn", made.dsn, "--strict"]) == 1


def test_github_shows_findings_at_their_lines(
    folder: Path, made: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each finding is one workflow command, its special characters escaped."""
    assert main(["check", "bad", "--dsn", made.dsn, "--format", "github"]) == 1
    first, second, last = capsys.readouterr().out.splitlines()
    line = (folder / "bad.py").read_text().splitlines().index("moods = liteorm.statement(") + 3
    assert first.startswith(
        f'::error file=bad.py,line={line},col=13,title=moods::column "mood" can be NULL'
    )
    assert "[null-column]%0A" in first
    assert second.startswith("::warning file=bad.py,")
    assert last.startswith("checked 4 statements")


def test_json_has_everything(
    folder: Path, made: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """The output is one object for other programs."""
    assert main(["check", "bad", "--dsn", made.dsn, "--format=json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["checked"] == {"statement": 4, "table": 2, "constraint": 1}
    assert [(f["level"], f["kind"], f["name"]) for f in found["findings"]] == [
        ("error", "statement", "moods"),
        ("warning", "statement", "unsure"),
    ]


def test_a_schema_is_enough(
    folder: Path, liteorm_server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server is started, filled from the file or folder, asked, and ended."""
    (folder / "schema").mkdir()
    (folder / "schema" / "1.sql").write_text(SCHEMA)
    server = ["--server", liteorm_server.kind] if liteorm_server.kind != "dsn" else []
    server = server or ["--server", liteorm_server.dsn]
    assert main(["check", "good", "--schema", "schema", *server]) == 0
    assert main(["check", "bad", "--schema", "schema/1.sql", *server]) == 1
    (folder / "shop_db.py").write_text(
        "import pathlib\n"
        "from liteorm import postgres\n"
        "from liteorm_testing import Migration\n"
        "def migrate(dsn):\n"
        "    with postgres.open(dsn) as db:\n"
        "        db.execute(pathlib.Path('schema/1.sql').read_text())\n"
        "migration = Migration(migrate, files='schema/**')\n"
    )
    assert main(["check", "good", "--schema", "shop_db:migrate", *server]) == 0
    assert main(["check", "bad", "--schema", "shop_db:migration", *server]) == 1


def test_descriptions_stand_in_for_a_server(
    folder: Path, made: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """What `--write` wrote gives the same findings with `--frozen`, offline."""
    arguments = ["check", "bad", "--format", "json"]
    assert main([*arguments, "--dsn", made.dsn, "--write"]) == 1
    live = capsys.readouterr().out
    names = sorted(path.name for path in (folder / ".liteorm").iterdir())
    assert len(names) == 7
    assert names[0] == "constraint-users_pkey.json"
    assert {"table-users.json", "table-things.json"} < set(names)
    assert main([*arguments, "--frozen"]) == 1
    assert capsys.readouterr().out == live


def test_descriptions_are_stable_and_swept(folder: Path, made: Database) -> None:
    """A second run touches no file; a statement that is gone takes its file along."""
    arguments = ["check", "bad", "--dsn", made.dsn, "--write", "facts"]
    main(arguments)
    before = {path: path.stat().st_mtime_ns for path in (folder / "facts").iterdir()}
    main(arguments)
    assert {path: path.stat().st_mtime_ns for path in (folder / "facts").iterdir()} == before
    sys.modules.pop("bad")
    text = (folder / "bad.py").read_text()
    (folder / "bad.py").write_text(text[: text.index("moods =")])
    assert main(arguments) == 0
    assert len(list((folder / "facts").iterdir())) == len(before) - 2


def test_an_unwritten_statement_is_missed(
    folder: Path, made: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """Offline, a statement without a description is an error that says what to do."""
    assert main(["check", "good", "--dsn", made.dsn, "--write"]) == 0
    capsys.readouterr()
    assert main(["check", "bad", "--frozen", "--format", "github"]) == 1
    out = capsys.readouterr().out
    assert "there is no description of this statement" in out
    assert "liteorm check --write" in out


def test_types_survive_the_files(made: Database, folder: Path) -> None:
    """Enums, composites, domains, ranges and arrays are the same from a file."""
    assert main(["check", "good", "--dsn", made.dsn, "--write"]) == 0
    assert check_all(FileAnswers(folder / ".liteorm"), collect(["good"])) == []
    text = (folder / "good.py").read_text().replace("a: int | None", "a: str | None")
    (folder / "other.py").write_text(text)
    try:
        [in_statement, in_table] = check_all(FileAnswers(folder / ".liteorm"), collect(["other"]))
    finally:
        sys.modules.pop("other")
    assert 'attribute "a" of column "pair" is integer' in in_statement.message
    assert 'attribute "a" of column "pair" is integer' in in_table.message


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["good"], "give --dsn, --schema or --frozen"),
        (["good", "--frozen"], "there is no folder .liteorm"),
        (["good", "--frozen", "--write"], "give one of the two"),
        (["good", "--schema", "nope.sql"], "there is no nope.sql"),
        (["good", "--schema", "nope:migrate"], "nope:migrate: No module named 'nope'"),
        (["good", "--schema", "raising:migrate"], "raising:migrate: division by zero"),
        (["good", "--schema", "empty:migrate"], "empty:migrate: empty has no migrate"),
        (["nope", "--dsn", "x"], "a module cannot be imported: No module named 'nope'"),
        (["good", "--dsn", "host=127.0.0.1 port=1"], "ConnectFailed"),
        (["./good.py", "--dsn", "x"], "./good.py is a path; give the name of the module: good"),
        (["app/inner.py", "--dsn", "x"], "give the name of the module: app.inner"),
        (["app/", "--dsn", "x"], "give the name of the module: app"),
        (["not good", "--dsn", "x"], "'not good' is no name of a module"),
        (["raising", "--dsn", "x"], "raising raised ZeroDivisionError: division by zero (raising"),
        (["leaving", "--dsn", "x"], "leaving raised SystemExit: 3"),
        (["odd", "--dsn", "x"], "odd raised Odd: why (odd.py:2)"),
        (["broken", "--dsn", "x"], "broken raised SyntaxError"),
        (["lacking", "--dsn", "x"], "lacking imports no_such_package, which is not installed"),
        (["empty", "--dsn", "x"], "name is declared in empty: nothing was checked"),
        (["good", "--plans", "5", "--frozen"], "--plans asks a server"),
    ],
)
def test_what_cannot_be_checked_is_said(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    sentence: str,
) -> None:
    """Wrong arguments end with 2, not with the 1 of a finding, and in one line."""
    monkeypatch.delenv("LITEORM_DSN", raising=False)
    assert main(["check", *arguments]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


def test_descriptions_of_other_packages_stay(folder: Path, made: Database) -> None:
    """One folder serves several packages: each run removes only what its own had."""
    write = ["--dsn", made.dsn, "--write", "facts"]
    (folder / "other.py").write_text(
        "import liteorm\nname = liteorm.statement(str, 'SELECT name FROM users')\n"
    )
    assert main(["check", "good", *write]) == 0
    count = len(list((folder / "facts").iterdir()))
    assert main(["check", "other", *write]) == 0
    assert len(list((folder / "facts").iterdir())) == count + 1
    for name in ("good", "other"):
        assert main(["check", name, "--frozen", "facts"]) == 0
    # What two packages have stays until neither has it.
    (folder / "good.py").write_text(
        dedent(MODULE) + "n = liteorm.statement(str, 'SELECT name FROM users')\n"
    )
    sys.modules.pop("good")
    assert main(["check", "good", *write]) == 0
    assert len(list((folder / "facts").iterdir())) == count + 1
    (folder / "other.py").write_text("import liteorm\nx = liteorm.statement(int, 'SELECT 1')\n")
    sys.modules.pop("other")
    assert main(["check", "other", *write]) == 0
    assert main(["check", "good", "--frozen", "facts"]) == 0
    assert len(list((folder / "facts").iterdir())) == count + 2
    sys.modules.pop("other")


def test_plans_that_read_a_large_table_are_warned_of(
    folder: Path, liteorm_server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sequential scan counts from the size that was given."""
    schema = """
        CREATE TABLE large (id int PRIMARY KEY, name text NOT NULL);
        INSERT INTO large SELECT n, 'x' FROM generate_series(1, 20000) n;
        ANALYZE large;
    """
    (folder / "other.py").write_text(
        "import liteorm\n"
        "fast = liteorm.statement(str, 'SELECT name FROM large WHERE id = %s', params={'n': int})\n"
        "slow = liteorm.statement(int, 'SELECT id FROM LARGE WHERE name = %s', params={'n': str})\n"
        "change = liteorm.statement(None, 'UPDATE /* large */ \"large\" SET name = %s')\n"
    )
    with database(liteorm_server, schema) as made:
        arguments = ["check", "other", "--dsn", made.dsn, "--format", "github"]
        if int(liteorm_server.version.split(".")[0]) < 16:
            assert main([*arguments, "--plans", "1000"]) == 2
            return
        assert main([*arguments, "--plans", "50000"]) == 0
        assert "0 warnings" in capsys.readouterr().out
        assert main([*arguments, "--plans", "1000"]) == 0
        out = capsys.readouterr().out
    sys.modules.pop("other")
    assert "line=3,col=47,title=slow::the plan reads all of public.large, about 20000 rows" in out
    assert "an index that serves (large.name = $1)" in out
    assert "line=4,col=54,title=change::" in out
    assert "2 warnings" in out


def test_statements_in_files_are_reported_at_their_place(
    folder: Path, made: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """A finding in a .sql file names that file and the line of the header."""
    (folder / "q").mkdir()
    (folder / "q" / "users.sql").write_text(
        "-- name: fine :all -> User\nSELECT id, name FROM users;\n\n"
        "-- name: wrong :one -> User\nSELECT id, nam FROM users;\n"
    )
    text = dedent(MODULE) + "queries = liteorm.load('q/')\n"
    (folder / "good.py").write_text(text)
    assert main(["check", "good", "--dsn", made.dsn, "--format", "github"]) == 1
    assert '::error file=q/users.sql,line=5,col=12,title=wrong::column "nam" does not exist' in (
        capsys.readouterr().out
    )


def test_an_async_database_can_be_checked(made: Database) -> None:
    """The assertion for tests takes either kind of database."""
    import asyncio

    from liteorm_testing import check_statements

    async def run() -> None:
        async with await postgres.open_async(made.dsn) as db:
            check_statements(db, "tests.check.small")
            with pytest.raises(AssertionError, match="nope"):
                check_statements(db, "tests.check.small_wrong")

    asyncio.run(run())
