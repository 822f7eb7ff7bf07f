"""Wrong use of the commands: one sentence that names the user's own file, and exit code 2."""

from __future__ import annotations

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
