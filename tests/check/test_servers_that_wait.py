"""Servers that do not answer: every command ends by itself, with one sentence and exit code 2."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from liteorm import postgres
from liteorm._cli import main
from liteorm_testing import Database, Proxy, Server, database

COMMANDS = {
    "check": ["check", "waiting_shop"],
    "write": ["check", "waiting_shop", "--write"],
    "stubs": ["stubs", "waiting_shop"],
    "models": ["models"],
}


@pytest.fixture(scope="module")
def made(liteorm_server: Server) -> Iterator[Database]:
    """A database with a table and a view."""
    with database(
        liteorm_server, "CREATE TABLE a (id int NOT NULL); CREATE VIEW b AS TABLE a"
    ) as found:
        yield found


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module with a statement, a table and a file of SQL."""
    (tmp_path / "waiting_shop.py").write_text(
        "import liteorm\n\n"
        "ids = liteorm.statement(int, 'SELECT id FROM a WHERE id = %(id)s')\n"
        "loaded = liteorm.load('waiting.sql')\n"
    )
    (tmp_path / "waiting.sql").write_text(
        "-- name: one :one -> int\nSELECT id FROM b WHERE id = %(id)s\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "waiting_shop", raising=False)


@pytest.mark.parametrize(("command", "answers"), [("check", 4), ("models", 3)])
def test_a_server_that_freezes_is_waited_for_so_long(
    made: Database, command: str, answers: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wherever it stops; without the limit a minute and a half."""
    with Proxy(made.dsn) as proxy:

        def freeze() -> None:
            while proxy.round_trips < answers and not done.wait(0.0005):
                pass
            proxy.blackhole()

        done = threading.Event()
        thread = threading.Thread(target=freeze)
        thread.start()
        began = time.monotonic()
        try:
            code = main([*COMMANDS[command], "--dsn", proxy.dsn, "--timeout", "0.5"])
        finally:
            done.set()
            thread.join()
            proxy.restore()
        seconds = time.monotonic() - began
    captured = capsys.readouterr()
    assert code == 2, captured
    assert captured.err.count("\n") == 1, captured.err
    assert "did not answer" in captured.err
    assert seconds < 30


@pytest.mark.parametrize("command", COMMANDS)
def test_a_lock_is_waited_for_so_long(
    made: Database, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is no finding: nothing is known of the statement."""
    with postgres.open(made.dsn) as db, db.transaction() as tx:
        tx.execute("LOCK TABLE a, b IN ACCESS EXCLUSIVE MODE")
        assert main([*COMMANDS[command], "--dsn", made.dsn, "--timeout", "0.3"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "did not answer within 0.3 s" in captured.err
    assert "--timeout" in captured.err


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon", "", "1e9"])
def test_a_timeout_is_a_number_of_seconds(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Argparse refuses others."""
    with pytest.raises(SystemExit) as caught:
        main(["models", "--timeout", seconds])
    assert caught.value.code == 2
    assert "is no number of seconds" in capsys.readouterr().err
