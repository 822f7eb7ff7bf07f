"""PgBouncer in front of a server: started, used, paused, gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest

import liteorm
from liteorm import postgres
from liteorm_testing import (
    Database,
    Server,
    ServerNotAvailable,
    _dsn,
    _folders,
    _watchdog,
    database,
    pooler,
    server,
)
from tests.testing.support import OWN, eventually, needs_embedded, needs_pgbouncer

pytestmark = needs_pgbouncer
ONE = {"default_pool_size": "1"}


@pytest.fixture(scope="module", params=OWN)
def own(request: pytest.FixtureRequest) -> Generator[Server]:
    """A server of each kind whose programs are here."""
    with server(kind=request.param) as s:
        yield s


def _pid(connection: psycopg.Connection[tuple[object, ...]]) -> object:
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    return row[0]


def _folders_now() -> set[Path]:
    return set(_folders.base_directory().glob("liteorm-*"))


def test_clients_share_a_connection_in_transaction_mode(own: Server) -> None:
    """What one client sets is there for the other: the thing that poolers are tested for."""
    with (
        database(own, "CREATE TABLE t (n int)") as d,
        pooler(d, settings=ONE) as p,
        psycopg.connect(p.dsn, autocommit=True) as one,
        psycopg.connect(p.dsn, autocommit=True) as two,
    ):
        assert _dsn.parse(p.dsn)["dbname"] == d.name
        assert _pid(one) == _pid(two)
        one.execute("SET work_mem = '7MB'")
        assert two.execute("SHOW work_mem").fetchone() == ("7MB",)
        assert two.execute("SELECT count(*) FROM t").fetchone() == (0,)
        with one.transaction():
            assert one.execute("SELECT 1").fetchone() == (1,)


def test_clients_have_their_own_in_session_mode(own: Server) -> None:
    """Nothing passes from one to the other."""
    with (
        pooler(own, "session") as p,
        psycopg.connect(p.dsn, autocommit=True) as one,
        psycopg.connect(p.dsn, autocommit=True) as two,
    ):
        assert p.mode == "session"
        assert _pid(one) != _pid(two)
        one.execute("SET work_mem = '7MB'")
        assert two.execute("SHOW work_mem").fetchone() != ("7MB",)


def test_statement_mode_refuses_transactions(own: Server) -> None:
    """PgBouncer says so itself."""
    with pooler(own, "statement") as p, psycopg.connect(p.dsn) as connection:
        with pytest.raises(psycopg.Error, match="transaction blocks not allowed"):
            connection.execute("SELECT 1")


def test_every_role_and_database_is_reached_with_its_own_password(own: Server) -> None:
    """A role of the application's comes in with its password, and with no other."""
    with database(own) as d, pooler(own) as p:
        with postgres.open(own.dsn) as db:
            db.execute("DROP ROLE IF EXISTS app_behind; CREATE ROLE app_behind LOGIN PASSWORD 'x'")
        for password, gets_in in (("x", True), ("y", False), (None, False)):
            dsn = _dsn.replace(p.dsn, user="app_behind", password=password, dbname=d.name)
            if gets_in:
                with psycopg.connect(dsn) as connection:
                    row = connection.execute("SELECT current_user, current_database()").fetchone()
                    assert row == ("app_behind", d.name)
            else:
                with pytest.raises(psycopg.OperationalError):
                    psycopg.connect(dsn)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(_dsn.replace(p.dsn, password="geheim"))
        password = _dsn.parse(own.dsn)["password"]
        assert password not in repr(p)
        assert password not in p.log()


def test_a_pooler_pauses_and_restarts_on_its_port(own: Server) -> None:
    """Paused it answers nothing; restarted it has lost every connection and takes new ones."""
    with pooler(own) as p, postgres.open(p.dsn, max_size=1, prepare=False) as db:
        assert liteorm.scan_one(db.query("SELECT 1"), int) == 1
        p.pause()
        with pytest.raises(liteorm.StatementTimeout):
            db.query("SELECT 1", timeout=0.2)
        p.resume()
        assert liteorm.scan_one(db.query("SELECT 2"), int) == 2
        with psycopg.connect(p.dsn, autocommit=True) as connection:
            connection.execute("SELECT 1")
            p.restart()
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        with psycopg.connect(p.dsn) as connection:
            connection.execute("SELECT 1")


def test_statements_are_kept_apart_or_the_error_says_what_it_takes(own: Server) -> None:
    """An old PgBouncer does not know the setting, and would go on without it."""
    with pooler(own) as p:
        version = tuple(map(int, p.version.split(".")[:2]))
    if version >= (1, 21):
        with (
            pooler(own, max_prepared_statements=10, settings=ONE) as p,
            psycopg.connect(p.dsn, autocommit=True, prepare_threshold=0) as one,
            psycopg.connect(p.dsn, autocommit=True, prepare_threshold=0) as two,
        ):
            assert one.execute("SELECT 'one'").fetchone() == ("one",)
            assert two.execute("SELECT 'two'").fetchone() == ("two",)
            assert one.execute("SELECT 'one'").fetchone() == ("one",)
    else:
        before = _folders_now()
        with pytest.raises(ServerNotAvailable, match=r"came with 1\.21 \(Debian 12 has 1\.18\)"):
            with pooler(own, max_prepared_statements=10):
                pass
        assert _folders_now() <= before


def test_what_cannot_be_is_said(own: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong mode, argument or setting, and no program, are one sentence each."""
    before = _folders_now()
    with pytest.raises(ValueError, match="one of session, transaction, statement, not pool"):
        with pooler(own, "pool"):  # type: ignore[arg-type]
            pass
    with pytest.raises(TypeError, match="pooler takes a Server or Database, not str"):
        with pooler(own.dsn):  # type: ignore[arg-type]
            pass
    with pytest.raises(RuntimeError, match=r"did not start(?s:.*)no_such_setting"):
        with pooler(own, settings={"no_such_setting": "1", "logfile": "/nonexistent/log"}):
            pass
    with pytest.raises(ServerNotAvailable, match="no_such is no program"):
        with pooler(own, program="no_such"):
            pass
    monkeypatch.setenv("LITEORM_PGBOUNCER", "/no_such/pgbouncer")
    with pytest.raises(ServerNotAvailable, match="/no_such/pgbouncer is no program"):
        with pooler(own):
            pass
    monkeypatch.delenv("LITEORM_PGBOUNCER")
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(ServerNotAvailable, match="apt-get install pgbouncer"):
        with pooler(own):
            pass
    assert _folders_now() <= before


@needs_embedded
@pytest.mark.parametrize("ending", [None, signal.SIGINT, signal.SIGKILL])
def test_a_pooler_goes_with_its_block_and_with_its_process(
    ending: int | None, tmp_path: Path
) -> None:
    """Neither its process nor its folder, in which the password is, stays behind."""
    script = (
        "import os\n"
        "from liteorm_testing import pooler, server\n"
        "with server(kind='embedded') as s, pooler(s) as p:\n"
        "    p.restart()\n"
        "    told = f'{p._process.pid} {p._folder.path}'\n"
        f"    open({str(tmp_path / 'told')!r}, 'w').write(told)\n"
        f"    {f'os.kill(os.getpid(), {int(ending)})' if ending else 'pass'}\n"
    )
    subprocess.run([sys.executable, "-c", script], check=False, stderr=subprocess.DEVNULL)
    pid, folder = (tmp_path / "told").read_text().split()
    eventually(lambda: not _watchdog.alive(int(pid)), "the process is gone")
    eventually(lambda: not Path(folder).exists(), "the folder is gone")


@needs_embedded
@pytest.mark.usefixtures("clean_lock")
def test_clean_removes_a_pooler_whose_owner_is_gone(tmp_path: Path) -> None:
    """With owner and watchdog both killed, the command finds it and ends it."""
    script = (
        "import os, signal\n"
        "from liteorm_testing import pooler, server, _watchdog\n"
        "with server(kind='embedded') as s, pooler(s) as p:\n"
        "    told = f'{p._process.pid} {p._folder.path}'\n"
        f"    open({str(tmp_path / 'told')!r}, 'w').write(told)\n"
        "    os.kill(_watchdog._process.pid, signal.SIGKILL)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=False)
    pid, folder = (tmp_path / "told").read_text().split()
    assert _watchdog.alive(int(pid))
    command = [sys.executable, "-m", "liteorm_testing", "clean"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert folder in done.stdout
    eventually(lambda: not _watchdog.alive(int(pid)), "the process is gone")
    assert not os.path.exists(folder)


def test_a_pooler_stands_before_a_servers_dsn_of_any_kind(
    own: Server, liteorm_database: Database
) -> None:
    """A server that was named by its connection string is one as well."""
    with server(kind=own.dsn) as given, database(given) as d, pooler(d) as p:
        with psycopg.connect(p.dsn) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == (d.name,)
    with pooler(liteorm_database) as p, psycopg.connect(p.dsn) as connection:
        row = connection.execute("SELECT current_database()").fetchone()
        assert row == (liteorm_database.name,)
