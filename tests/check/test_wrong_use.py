"""Wrong use of the commands: one sentence that names the user's own file, and exit code 2."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from liteorm._cli import main
from liteorm_testing import Database, Server, database


@pytest.fixture(scope="module")
def made(liteorm_server: Server) -> Iterator[Database]:
    """An empty database."""
    with database(liteorm_server, "CREATE TABLE a (id int)") as found:
        yield found


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import liteorm\n\nq = liteorm.load('nowhere/')\n", "({name}.py:3)"),
        ("import json\n\nx = json.loads('{')\n", "({name}.py:3)"),
        ("import liteorm\n\n\nq = liteorm.load('latin.sql')\n", "latin.sql is not in UTF-8"),
        ("raise SystemExit(3)\n", "raised SystemExit: 3 ({name}.py:1)"),
        ("def f():\n    f()\nf()\n", "raised RecursionError"),
    ],
)
def test_an_import_that_fails_is_told_with_the_users_line(
    made: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    source: str,
    said: str,
) -> None:
    """Not with that of the library in which it failed."""
    name = f"wrong_use_{abs(hash(source))}"
    (tmp_path / f"{name}.py").write_text(source)
    (tmp_path / "latin.sql").write_bytes(b"-- name: a :one -> int\nSELECT '\xff'\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert main(["check", name, "--dsn", made.dsn]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said.format(name=name) in error
    assert name in error


def test_a_schema_that_fails_is_told_with_its_file(
    tmp_path: Path,
    liteorm_server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With the line too."""
    (tmp_path / "right_use.py").write_text(
        "import liteorm\n\na = liteorm.statement(int, 'SELECT 1')\n"
    )
    (tmp_path / "schema.sql").write_text("CREATE TABLE a (id int);\n\nCREATE TABEL b (id int);\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    options = ["--schema", "schema.sql", "--server", liteorm_server.dsn]
    assert main(["check", "right_use", *options]) == 2
    assert "in schema.sql, line 3" in capsys.readouterr().err


def test_a_device_is_not_read(made: Database, capsys: pytest.CaptureFixture[str]) -> None:
    """It may have no end."""
    assert main(["models", "--dsn", made.dsn, "-o", "/dev/full"]) == 2
    assert "/dev/full cannot be written" in capsys.readouterr().err
    assert main(["models", "--dsn", made.dsn, "-o", "/dev/null"]) == 0


@pytest.mark.parametrize("rows", ["-5", "many", "1.5", ""])
def test_a_number_of_rows_is_one(rows: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Argparse refuses others, with the same exit code."""
    with pytest.raises(SystemExit) as caught:
        main(["check", "x", "--plans", rows])
    assert caught.value.code == 2
    assert "is no number of rows" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["json", "sarif", "github"])
def test_what_modules_print_is_not_in_the_output(
    tmp_path: Path,
    liteorm_server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    form: str,
) -> None:
    """Programs read it: what an import or a migration says goes to the errors."""
    (tmp_path / "talking.py").write_text(
        "import liteorm\n\nprint('imported')\na = liteorm.statement(int, 'SELECT 1')\n"
        "def migrate(dsn):\n    print('migrated')\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "talking", raising=False)
    options = ["--schema", "talking:migrate", "--server", liteorm_server.dsn, "--format", form]
    assert main(["check", "talking", *options]) == 0
    told = capsys.readouterr()
    assert "imported" not in told.out
    assert "migrated" not in told.out
    assert "imported\n" in told.err
    if form != "github":
        json.loads(told.out)


def test_what_types_print_is_not_in_the_models(
    made: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The classes are written to the output."""
    (tmp_path / "talking_types.py").write_text("print('imported')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert main(["models", "--dsn", made.dsn, "--types", "talking_types"]) == 0
    told = capsys.readouterr()
    compile(told.out, "models.py", "exec")
    assert told.err == "imported\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--schema", ".", "--server", "nonsense"], "a server is one of auto, docker"),
        (["--schema", ".", "--server", "mysql://x"], "begins with postgresql://"),
        (["--dsn", "postgresql://a/b", "--schema", "."], "--dsn and --schema: give one of the two"),
        (["--dsn", "postgresql://a/b", "--frozen", "."], "--dsn and --frozen: give one of the two"),
        (["--schema", ".", "--frozen", "."], "--schema and --frozen: give one of the two"),
    ],
)
@pytest.mark.parametrize("command", ["check", "stubs"])
def test_options_that_do_not_go_together_are_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    options: list[str],
    said: str,
) -> None:
    """Neither is passed over; a DSN of the environment gives way."""
    (tmp_path / "loading.py").write_text("import liteorm\n\na = liteorm.load('a.sql')\n")
    (tmp_path / "a.sql").write_text("-- name: a :one -> int\nSELECT %(x)s::int\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "loading", raising=False)
    assert main([command, "loading", *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"liteorm {command}: ")
    assert error.count("\n") == 1
    assert said in error
    assert "TRACEBACK" not in error


def test_the_environments_database_gives_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is a default only."""
    (tmp_path / "alone.py").write_text("import liteorm\n\na = liteorm.statement(int, 'SELECT 1')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setenv("LITEORM_DSN", "postgresql://localhost:1/x")
    assert main(["check", "alone", "--frozen", "."]) == 1
    assert main(["check", "alone"]) == 2
    assert "ConnectFailed" in capsys.readouterr().err
