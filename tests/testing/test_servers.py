"""Servers of every kind: started, used, paused, restarted, gone."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import psycopg
import pytest

import liteorm
from liteorm import postgres
from liteorm_testing import (
    Server,
    ServerNotAvailable,
    _binaries,
    _dsn,
    _folders,
    _launched,
    _watchdog,
    database,
    server,
    servers,
)
from liteorm_testing._watchdog import alive, postmaster_of
from tests.testing.support import IMAGES, KINDS, OWN, needs_docker, needs_embedded


def _one(dsn: str, sql: str) -> str:
    with postgres.open(dsn, min_size=1, max_size=1) as db:
        return liteorm.scan_one(db.query(sql), str)


@pytest.mark.parametrize(("kind", "image"), KINDS)
def test_a_server_lives_as_long_as_its_block(kind: str, image: str | None) -> None:
    """A server answers over TCP on loopback in UTF-8, restarts on its port, and is gone after."""
    with server(kind=kind, image=image) as s:
        assert s.kind == kind
        assert _dsn.parse(s.dsn)["host"] in ("127.0.0.1", "localhost")
        assert _one(s.dsn, "SHOW server_version").startswith(s.version)
        assert _one(s.dsn, "SHOW server_encoding") == "UTF8"
        assert _one(s.dsn, "SHOW fsync") == "off"
        assert _one(s.dsn, "SELECT 'žluť 🐘'::text") == "žluť 🐘"

        started = _one(s.dsn, "SELECT pg_postmaster_start_time()::text")
        s.restart()
        assert _one(s.dsn, "SELECT pg_postmaster_start_time()::text") != started

        mark = s.log_mark()
        with postgres.open(s.dsn) as db, pytest.raises(liteorm.UndefinedTable):
            db.query("SELECT * FROM no_such_table_here")
        assert "no_such_table_here" in s.log(since=mark)
        assert "ready to accept connections" in s.log()
    with pytest.raises(liteorm.ConnectFailed):
        postgres.open(s.dsn, timeout=5)


@pytest.mark.parametrize(("kind", "image"), KINDS)
def test_a_paused_server_keeps_connections_and_answers_nothing(
    kind: str, image: str | None
) -> None:
    """While paused a statement gets no answer; afterwards the same connection goes on."""
    with server(kind=kind, image=image) as s, postgres.open(s.dsn, max_size=1) as db:
        pid = liteorm.scan_one(db.query("SELECT pg_backend_pid()"), int)
        s.pause()
        host, port = _dsn.parse(s.dsn)["host"], int(_dsn.parse(s.dsn)["port"])
        with socket.create_connection((host, port)) as connection:
            connection.settimeout(0.3)
            # SSLRequest: a running server answers N or S at once.
            connection.sendall(bytes.fromhex("0000000804d2162f"))
            with pytest.raises(TimeoutError):
                connection.recv(1)
        s.resume()
        assert liteorm.scan_one(db.query("SELECT pg_backend_pid()"), int) == pid


@pytest.mark.parametrize(("kind", "image"), KINDS)
def test_a_paused_server_is_left_at_once(kind: str, image: str | None) -> None:
    """Databases that wait to be dropped do not hold up the end of a server that was paused."""
    with server(kind=kind, image=image) as s:
        for _ in range(4):
            with database(s, "CREATE TABLE t (n int)"):
                pass
        with database(s, "CREATE TABLE t (n int)"):
            s.pause()
    with pytest.raises(liteorm.ConnectFailed):
        postgres.open(s.dsn, timeout=5)


@needs_embedded
def test_a_server_that_froze_by_itself_is_given_up() -> None:
    """Leaving waits a bounded time for a server that answers nothing, and removes it."""
    with server(kind="embedded") as s:
        for _ in range(4):
            with database(s, "CREATE TABLE t (n int)"):
                pass
        assert s.socket is not None
        pid = postmaster_of(f"{s.socket}/data")
        assert pid is not None
        for member in _watchdog.family(pid):
            os.kill(member, signal.SIGSTOP)
    assert not alive(pid)
    assert not Path(s.socket).exists()


@needs_embedded
def test_settings_are_those_that_the_version_has() -> None:
    """A setting that came with a later version would keep an earlier server from starting."""
    with server(kind="embedded") as s:
        assert _one(s.dsn, "SHOW io_method") == "sync"
    assert "io_method" not in _launched.settings_for(17)
    assert "io_method" not in _launched.settings_for(_binaries.major_of(""))


@needs_docker
def test_settings_reach_a_container_too() -> None:
    """What is given wins, and parallel queries have more shared memory than Docker's 64 MB."""
    given = {"timezone": "Europe/Prague", "work_mem": "7MB"}
    with server(kind="docker", image=IMAGES[0], settings=given) as s:
        assert _one(s.dsn, "SHOW timezone") == "Europe/Prague"
        assert _one(s.dsn, "SHOW work_mem") == "7MB"
        running: Any = s._running
        assert running._container.attrs["HostConfig"]["ShmSize"] == 1 << 30


@needs_docker
def test_a_container_brings_no_ryuk_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our watchdog removes the container, so no second one is started, nor its image pulled."""
    from testcontainers.core.config import testcontainers_config as config
    from testcontainers.core.container import Reaper

    monkeypatch.setattr(config, "ryuk_disabled", False)
    monkeypatch.setattr(config, "ryuk_image", "localhost:1/liteorm-no-such-image:1")
    with server(kind="docker", image=IMAGES[0]) as s:
        assert _one(s.dsn, "SELECT 1::text") == "1"
    assert Reaper._instance is None
    assert config.ryuk_disabled is False


@needs_embedded
def test_settings_win_over_the_kits_own() -> None:
    """A server takes settings as postgresql.conf does."""
    with server(kind="embedded", settings={"max_connections": "17", "fsync": "on"}) as s:
        assert _one(s.dsn, "SHOW max_connections") == "17"
        assert _one(s.dsn, "SHOW fsync") == "on"


def _own_folders() -> set[Path]:
    """Return the folders of this process's servers: others start theirs at the same time."""
    found: set[Path] = set()
    for owner in _folders.base_directory().glob("liteorm-*/owner"):
        with contextlib.suppress(OSError):
            if owner.read_text(encoding="utf-8").strip() == str(os.getpid()):
                found.add(owner.parent)
    return found


@needs_embedded
def test_a_wrong_setting_is_reported_with_the_servers_words() -> None:
    """A server that does not start says why, and leaves nothing."""
    before = _own_folders()
    with pytest.raises(_binaries.ClusterError, match="no_such_setting"):
        with server(kind="embedded", settings={"no_such_setting": "1"}):
            pass
    assert _own_folders() <= before


@needs_embedded
def test_a_server_that_was_killed_leaves_nothing_either() -> None:
    """What its processes share lies in its own folder, which goes with the block."""
    shared = set(Path("/dev/shm").glob("PostgreSQL.*"))
    with server(kind="embedded") as s:
        assert s.socket is not None
        pid = postmaster_of(f"{s.socket}/data")
        assert pid is not None
        if s.on_memory:
            assert _one(s.dsn, "SHOW dynamic_shared_memory_type") == "mmap"
        os.kill(pid, signal.SIGKILL)
    assert not Path(s.socket).exists()
    assert set(Path("/dev/shm").glob("PostgreSQL.*")) <= shared


@needs_embedded
def test_the_socket_works_too() -> None:
    """A cluster of ours also listens on a socket, in its own folder."""
    with server(kind="embedded") as s:
        assert s.socket is not None
        dsn = f"postgresql://postgres@/postgres?host={s.socket}&port={_dsn.parse(s.dsn)['port']}"
        assert _one(dsn, "SELECT coalesce(inet_client_addr()::text, 'socket')") == "socket"


@pytest.mark.parametrize(("kind", "image"), KINDS)
def test_nobody_gets_in_without_the_password(
    kind: str, image: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who knows no more than the port is refused; each server has a password of its own."""
    monkeypatch.delenv("PGPASSWORD", raising=False)
    monkeypatch.setenv("PGPASSFILE", os.devnull)
    passwords: list[str] = []
    for _ in range(2):
        with server(kind=kind, image=image) as s:
            passwords.append(_dsn.parse(s.dsn)["password"])
            for wrong in (None, "", "postgres", "0" * 32, *passwords[:-1]):
                for user in ("postgres", "nobody_of_this_name"):
                    dsn = _dsn.replace(s.dsn, password=wrong, user=user)
                    with pytest.raises(liteorm.ConnectFailed, match=r"password|authentication"):
                        postgres.open(dsn, timeout=5)
                    with pytest.raises(liteorm.ConnectFailed, match=r"password|authentication"):
                        postgres.open(_dsn.replace(dsn, replication="database"), timeout=5)
            assert _one(s.dsn, "SELECT 1::text") == "1"
            s.restart()
            assert _one(s.dsn, "SELECT 1::text") == "1"
            assert passwords[-1] not in repr(s)
            assert passwords[-1] not in s.log()
    assert len(set(passwords)) == 2
    assert all(len(password) == 32 for password in passwords)


@pytest.mark.parametrize(("kind", "image"), KINDS)
def test_connecting_costs_no_thousands_of_iterations(kind: str, image: str | None) -> None:
    """The password is random, so what makes guessing slow would only slow tests down."""
    with server(kind=kind, image=image) as s:
        stored = _one(s.dsn, "SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'")
        assert stored.startswith("SCRAM-SHA-256$1:")


@pytest.mark.parametrize("kind", OWN)
def test_a_servers_folder_and_log_are_its_accounts_alone(kind: str) -> None:
    """Nobody else may look into the data or the log, nor connect through the socket."""
    with server(kind=kind) as s:
        assert s.socket is not None
        folder = Path(s.socket)
        account = _binaries.Account.current()
        assert (folder.stat().st_mode & 0o777, folder.stat().st_uid) == (0o700, account.uid)
        assert (folder / "log").stat().st_mode & 0o777 == 0o600
        s.restart()
        assert (folder / "log").stat().st_mode & 0o777 == 0o600


@needs_embedded
def test_the_cache_tells_nobody_a_password(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is kept between runs is closed to others, and no server is left with its password."""
    cache = Path(tempfile.mkdtemp(prefix="liteorm-cache-"))
    cache.chmod(0o755)
    monkeypatch.setenv("LITEORM_CACHE", str(cache))
    try:
        with server(kind="embedded") as first:
            (entry,) = cache.glob("cluster-*")
            assert entry.stat().st_mode & 0o777 == 0o700
            kept = (entry / "password").read_text()
            assert _dsn.parse(first.dsn)["password"] == kept
        with server(kind="embedded") as second:
            assert _dsn.parse(second.dsn)["password"] != kept
    finally:
        shutil.rmtree(cache)


@needs_embedded
def test_processes_and_folder_are_gone_after_an_exception() -> None:
    """An exception in the block ends the server like leaving it does."""
    with pytest.raises(KeyError), server(kind="embedded") as s:
        assert s.socket is not None
        pid = postmaster_of(f"{s.socket}/data")
        assert pid is not None
        raise KeyError
    assert not alive(pid)
    assert not Path(s.socket).exists()


@needs_embedded
def test_the_server_does_not_run_as_root() -> None:
    """PostgreSQL refuses root, so the kit gives its programs to an unprivileged account."""
    with server(kind="embedded") as s:
        pid = postmaster_of(f"{s.socket}/data")
        assert Path(f"/proc/{pid}").stat().st_uid == _binaries.Account.current().uid != 0


@needs_embedded
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be kept out by a closed folder")
def test_programs_in_a_closed_folder_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A virtual environment in root's home, which nobody else may enter, works all the same."""
    found = _binaries.embedded_binaries()
    assert found is not None
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "pginstall").symlink_to(found.parent)
    cache = Path(tempfile.mkdtemp(prefix="liteorm-cache-"))
    cache.chmod(0o755)
    monkeypatch.setenv("LITEORM_CACHE", str(cache))
    try:
        cluster = _launched.start(closed / "pginstall" / "bin")
        cluster.stop()
        assert list(cache.glob("server-*/*/*/bin/postgres"))
    finally:
        shutil.rmtree(cache)


@needs_embedded
def test_a_server_that_is_there_is_used_as_it_is() -> None:
    """A connection string is a kind of server that is neither started nor stopped."""
    with server(kind="embedded") as own, server(kind=own.dsn) as s:
        assert (s.kind, s.version) == ("dsn", own.version)
        for action in (s.pause, s.resume, s.restart):
            with pytest.raises(RuntimeError, match="one's own"):
                action()
        assert s.log() == ""


def test_an_unknown_kind_is_refused() -> None:
    """The message lists the kinds that there are."""
    with pytest.raises(ValueError, match="auto, docker, embedded, local"):
        servers.choose("sqlite")


@pytest.mark.parametrize(
    ("problems", "kind", "reason"),
    [
        ({}, "docker", "first choice"),
        ({"docker": "no engine"}, "embedded", "no docker: no engine"),
        ({"docker": "no engine", "embedded": "no wheel"}, "local", "no embedded: no wheel"),
    ],
)
def test_auto_takes_the_first_that_works_and_says_why(
    problems: dict[str, str], kind: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Docker goes before the embedded wheel, and this before local programs."""
    looks = {name: (lambda name=name: problems.get(name)) for name in servers.KINDS[1:]}
    monkeypatch.setattr(servers, "_PROBLEMS", looks)
    monkeypatch.setattr(servers, "_image_problem", lambda image: None)
    choice = servers.choose("auto")
    assert choice.kind == kind
    assert reason in choice.reason


def test_without_any_server_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing to start is an error, never a skip."""
    monkeypatch.setattr(
        servers, "_PROBLEMS", {name: (lambda: "missing") for name in servers.KINDS[1:]}
    )
    with pytest.raises(ServerNotAvailable, match=r"liteorm\[embedded\]"):
        servers.choose("auto")
    with pytest.raises(ServerNotAvailable, match="no local server: missing"):
        servers.choose("local")


@needs_docker
def test_an_image_that_cannot_be_had_is_named() -> None:
    """The error for a docker image names it and the option."""
    with pytest.raises(ServerNotAvailable, match=r"no-such-image.*--liteorm-image"):
        with server(kind="docker", image="liteorm-no-such-image:1"):
            pass


@needs_docker
@needs_embedded
def test_auto_goes_on_when_the_image_cannot_be_had() -> None:
    """An engine without the image, and without a way to it, is no server; the reason names it."""
    choice = servers.choose("auto", "localhost:1/liteorm-no-such-image:1")
    assert choice.kind == "embedded"
    assert "no docker: the image localhost:1/liteorm-no-such-image:1 is not here" in choice.reason
    with server(kind="auto", image="localhost:1/liteorm-no-such-image:1") as s:
        assert s.kind == "embedded"
    assert servers.choose("docker", "localhost:1/liteorm-no-such-image:1").kind == "docker"
    assert servers.choose("auto", IMAGES[0]).kind == "docker"


@needs_docker
def test_a_docker_container_is_reachable_on_loopback_only_and_labelled() -> None:
    """Its port is not open to the network, and whose it is can be read from its labels."""
    import docker

    with server(kind="docker", image=IMAGES[0]) as s:
        client = docker.from_env()
        label = {"label": f"liteorm-testing={s.run}"}
        (container,) = client.containers.list(filters=label)
        (binding,) = container.ports["5432/tcp"]
        assert binding["HostIp"] == "127.0.0.1"
        assert container.labels["liteorm-testing.owner"].endswith(f":{os.getpid()}")
        assert _one(s.dsn, "SELECT 1::text") == "1"
        assert _dsn.parse(s.dsn)["password"] not in repr(s)
    assert not client.containers.list(all=True, ignore_removed=True, filters=label)
    client.close()


def test_versions_have_a_major(liteorm_server: Server) -> None:
    """The major version is a number, whatever the rest says."""
    assert liteorm_server.version.startswith(str(liteorm_server.major))
    assert Server(dsn="", version="19beta1", kind="dsn").major == 19


@pytest.mark.parametrize(
    ("dsn", "message"),
    [
        ("postgresql+psycopg://u:geheim@localhost/x", "the driver's name is left out"),
        ("mysql://u:geheim@localhost/x", "begins with postgresql://, not mysql://"),
        ("postgres:u:geheim@localhost", "a server is one of .*, not what was given"),
    ],
)
def test_a_url_of_another_kind_is_refused_without_its_password(dsn: str, message: str) -> None:
    """The sentence says how a connection string begins, and repeats nothing else of it."""
    with pytest.raises(ValueError, match=message) as caught:
        servers.choose(dsn)
    assert "geheim" not in str(caught.value)


ELSEWHERE = {
    "PGHOST": "elsewhere.invalid",
    "PGHOSTADDR": "127.0.0.2",
    "PGPORT": "1",
    "PGDATABASE": "elsewhere",
    "PGUSER": "somebody",
    "PGPASSWORD": "geheim",
    "PGPASSFILE": "/nonexistent/passwords",
    "PGREQUIREAUTH": "md5",
    "PGCHANNELBINDING": "require",
    "PGSERVICEFILE": "/nonexistent/services",
    "PGOPTIONS": "-c statement_timeout=1 -c search_path=elsewhere",
    "PGSSLMODE": "require",
    "PGREQUIRESSL": "1",
    "PGSSLNEGOTIATION": "direct",
    "PGSSLCERT": "/nonexistent/certificate",
    "PGSSLKEY": "/nonexistent/key",
    "PGSSLCERTMODE": "require",
    "PGSSLROOTCERT": "system",
    "PGSSLCRL": "/nonexistent/revoked",
    "PGREQUIREPEER": "somebody",
    "PGGSSENCMODE": "require",
    "PGTARGETSESSIONATTRS": "standby",
    "PGLOADBALANCEHOSTS": "random",
    "PGCLIENTENCODING": "LATIN1",
    "PGMINPROTOCOLVERSION": "latest",
}
"""What the environment may say of a server elsewhere, in libpq's variables."""


@needs_embedded
@pytest.mark.parametrize("names", [*([name] for name in ELSEWHERE), list(ELSEWHERE)])
def test_variables_for_other_servers_do_not_reach_ours(
    names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the environment says of a server elsewhere is overruled in the connection string."""
    for name in names:
        monkeypatch.setenv(name, ELSEWHERE[name])
    with server(kind="embedded") as s, database(s, "CREATE TABLE t (n int)") as d:
        for reached in (s.dsn, d.dsn):
            with psycopg.connect(reached) as connection:
                shown = "SELECT current_setting('search_path'), current_setting('client_encoding')"
                assert connection.execute(shown).fetchone() == ('"$user", public', "UTF8")
                assert connection.execute("SHOW statement_timeout").fetchone() == ("0",)
        assert _one(d.dsn, "SELECT count(*)::text FROM t") == "0"
    for name in names:
        monkeypatch.delenv(name)
    with server(kind="embedded") as s:
        assert "?" not in s.dsn


@needs_embedded
def test_a_service_for_another_server_does_not_reach_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that a service file says of a connection counts for the kit's servers."""
    services = tmp_path / "services"
    services.write_text(
        "[elsewhere]\nhost=elsewhere.invalid\nhostaddr=127.0.0.2\nport=1\nuser=somebody\n"
        "sslmode=verify-full\nsslrootcert=system\nchannel_binding=require\n"
        "options=-c statement_timeout=1\ntarget_session_attrs=standby\n"
    )
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    monkeypatch.setenv("PGSERVICE", "elsewhere")
    with server(kind="embedded") as s, database(s, "CREATE TABLE t (n int)") as d:
        with psycopg.connect(d.dsn) as connection:
            assert connection.execute("SHOW statement_timeout").fetchone() == ("0",)
        assert _one(d.dsn, "SELECT count(*)::text FROM t") == "0"


@needs_embedded
@pytest.mark.parametrize("name", ["with,comma", "with space", "with'quote", 'with"quote', "žluť"])
def test_a_temporary_folder_may_have_any_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comma would end a path in a list of folders for sockets."""
    outer = Path(tempfile.mkdtemp(prefix="liteorm-names-"))
    outer.chmod(0o755)
    base = outer / name
    base.mkdir(mode=0o755)
    monkeypatch.setattr(_folders, "base_directory", lambda: base)
    try:
        with server(kind="embedded") as s, database(s, "CREATE TABLE t (n int)") as d:
            assert _one(d.dsn, "SELECT count(*)::text FROM t") == "0"
            assert "ready to accept connections" in s.log()
            assert (s.socket is None) == ("," in name)
            s.restart()
        assert list(base.iterdir()) == []
    finally:
        shutil.rmtree(outer)


@needs_embedded
@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes any other user")
def test_an_account_that_the_system_does_not_know_is_told_what_to_do() -> None:
    """A container may run as any number; initdb wants a name for it."""
    script = (
        "import os\n"
        "from pathlib import Path\n"
        "from liteorm_testing import _binaries, _launched\n"
        "binaries = _binaries.embedded_binaries()\n"
        "os.setgroups([]); os.setgid(54321); os.setuid(54321)\n"
        "_launched.start(binaries)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert "uid 54321, which runs the server, has no name here" in done.stderr


@needs_embedded
def test_a_forked_child_that_leaves_the_block_ends_nothing() -> None:
    """The server is the parent's."""
    with server(kind="embedded") as s, database(s, "CREATE TABLE t (n int)") as d:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads are running
            child = os.fork()
        if child == 0:
            servers.end(s)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert s.socket is not None
        assert Path(s.socket).exists()
        assert _one(d.dsn, "SELECT count(*)::text FROM t") == "0"


@needs_embedded
def test_a_damaged_cache_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive that was cut short costs one more initdb and no error."""
    cache = Path(tempfile.mkdtemp(prefix="liteorm-cache-"))
    cache.chmod(0o755)
    monkeypatch.setenv("LITEORM_CACHE", str(cache))
    sizes: list[int] = []
    try:
        for _ in range(3):
            with server(kind="embedded") as s:
                assert _one(s.dsn, "SELECT 1::text") == "1"
            (archive,) = cache.glob("cluster-*/data.tar")
            sizes.append(archive.stat().st_size)
            os.truncate(archive, sizes[-1] // 2)
    finally:
        shutil.rmtree(cache)
    assert min(sizes) > 1_000_000
    assert max(sizes) == min(sizes)


@needs_embedded
@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives its server to another account")
def test_a_temporary_folder_that_the_account_cannot_enter_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says which folder and which variable, not what initdb made of it."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(_folders, "base_directory", lambda: closed)
    binaries = _binaries.embedded_binaries()
    assert binaries is not None
    with pytest.raises(_binaries.ClusterError, match=r"cannot reach .*closed; set TMPDIR"):
        _launched.start(binaries)


@needs_embedded
@pytest.mark.parametrize(
    "name", ["a,b", "two words", "o'clock", 'say "so"', "back\\slash", "größe", "#$%&=;", "${HOME}"]
)
def test_a_temporary_folder_may_be_called_anything(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a list of sockets' folders nor a line of a configuration makes more of it."""
    base = Path(tempfile.mkdtemp(dir="/tmp")) / name
    base.mkdir()
    for folder in (base.parent, base):
        folder.chmod(0o755)
    monkeypatch.setattr(_folders, "base_directory", lambda: base)
    try:
        with server(kind="embedded") as s, database(s, "CREATE TABLE t (n int)") as d:
            assert base in Path(s.socket or "").parents or s.socket is None
            assert _one(d.dsn, "SELECT count(*)::text FROM t") == "0"
    finally:
        shutil.rmtree(base.parent)


@needs_embedded
def test_a_socket_whose_path_would_be_too_long_is_done_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server listens over TCP alone then."""
    base = Path(tempfile.mkdtemp(prefix="liteorm-" + "long-" * 16, dir="/tmp"))
    base.chmod(0o755)
    monkeypatch.setattr(_folders, "base_directory", lambda: base)
    try:
        with server(kind="embedded") as s:
            assert s.socket is None
            assert _one(s.dsn, "SELECT 1::text") == "1"
            assert "ready to accept connections" in s.log()
    finally:
        shutil.rmtree(base)
