"""The example application: its check passes, offline too, and it runs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from liteorm import postgres
from liteorm._cli import main
from liteorm_testing import Server, check_statements, database

APP = Path(__file__).parent.parent.parent / "examples" / "checked_app"


@pytest.fixture(autouse=True)
def application(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The application can be imported, from its own folder."""
    monkeypatch.chdir(APP)
    monkeypatch.setattr(sys, "path", [str(APP), *sys.path])
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "library"]:
        del sys.modules[name]


@pytest.fixture
def dsn(liteorm_server: Server) -> Iterator[str]:
    """A database with the application's schema."""
    with database(liteorm_server, APP / "schema.sql") as made:
        yield made.dsn


def test_its_statements_fit_its_schema(dsn: str) -> None:
    """The assertion that an application's own tests would make."""
    with postgres.open(dsn) as db:
        check_statements(db, "library")


def test_its_check_passes_with_and_without_a_server(
    dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The committed descriptions are those that a server gives today."""
    assert main(["check", "library", "--frozen", "--strict"]) == 0
    assert "checked 9 statements, 2 tables, 2 constraints: 0 errors, 0 warnings" in (
        capsys.readouterr().out
    )
    assert main(["check", "library", "--dsn", dsn, "--write", str(tmp_path), "--strict"]) == 0
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_text() for path in (APP / ".liteorm").iterdir()}
    assert written == committed


def test_it_runs(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It does with its statements what they are for."""
    importlib.import_module("library.__main__").main(dsn)
    assert capsys.readouterr().out.splitlines() == [
        "Emma is out",
        "Ada has ['Emma']",
        "Emma: lent",
        "TAOCP: on the shelf",
        "Walden: on the shelf",
        "classics: Emma, Walden",
        "days: 0 back: 1",
        "days: None",
    ]
