"""Nothing is left behind: no process, directory, container or database, however a run ends."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

import liteorm
from liteorm import postgres
from liteorm_testing import (
    Server,
    _binaries,
    _dsn,
    _folders,
    _launched,
    _watchdog,
    database,
    server,
)
from tests.testing.support import IMAGES, eventually, needs_docker, needs_embedded

Run = Callable[..., pytest.RunResult]

ENDINGS = {
    "success": "pass",
    "failure": "assert False",
    "ctrl-c": "os.kill(os.getpid(), signal.SIGINT); time.sleep(60)",
    "kill-9": "os.kill(os.getpid(), signal.SIGKILL)",
}
XDIST_ENDINGS = {
    "success": "pass",
    "controller-ctrl-c": "os.kill(os.getppid(), signal.SIGINT); time.sleep(60)",
    "controller-kill-9": "os.kill(os.getppid(), signal.SIGKILL); time.sleep(60)",
}

TEST = """
    import json, os, pathlib, pytest, signal, time

    @pytest.fixture(scope="session")
    def liteorm_schema():
        return "CREATE TABLE t (n int)"

    @pytest.mark.parametrize("n", range(3))
    def test_it(n, liteorm_server, liteorm_database, liteorm_db):
        liteorm_db.query("SELECT * FROM t")
        liteorm_database.snapshot()
        from liteorm_testing._watchdog import _process

        told = {{"run": liteorm_server.run, "socket": liteorm_server.socket}}
        told["watchdog"] = str(_process.pid) if _process else ""
        pathlib.Path("told.json").write_text(json.dumps(told))
        if n == 2:
            {ending}
"""


def _told(pytester: pytest.Pytester) -> dict[str, str]:
    told: dict[str, str] = json.loads((pytester.path / "told.json").read_text())
    return told


def _of_cluster(directory: str) -> list[str]:
    """Command lines that name a cluster's folder."""
    found: list[str] = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if directory in text:
            found.append(text)
    return found


@needs_embedded
@pytest.mark.parametrize("ending", ENDINGS)
def test_an_own_server_goes_with_its_run(ending: str, pytester: pytest.Pytester, run: Run) -> None:
    """Server processes, their folder and the watchdog itself are gone."""
    pytester.makepyfile(TEST.format(ending=ENDINGS[ending]))
    run("--liteorm-server=embedded")
    directory = _told(pytester)["socket"]
    eventually(lambda: not Path(directory).exists(), "the folder is gone")
    eventually(lambda: not _of_cluster(directory), "the processes are gone")
    watchdog = int(_told(pytester)["watchdog"])
    eventually(lambda: not _watchdog.alive(watchdog), "the watchdog is gone")


@needs_embedded
@pytest.mark.parametrize("ending", XDIST_ENDINGS)
def test_an_own_server_goes_with_its_controller(
    ending: str, pytester: pytest.Pytester, run: Run
) -> None:
    """Under pytest-xdist the controller's end is the server's."""
    pytester.makepyfile(TEST.format(ending=XDIST_ENDINGS[ending]))
    run("--liteorm-server=embedded", "-n", "2")
    directory = _told(pytester)["socket"]
    eventually(lambda: not Path(directory).exists(), "the folder is gone")
    eventually(lambda: not _of_cluster(directory), "the processes are gone")


@needs_docker
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_container_goes_with_its_run(ending: str, pytester: pytest.Pytester, run: Run) -> None:
    """The container is removed by us: Ryuk is not needed."""
    import docker

    pytester.makepyfile(TEST.format(ending=ENDINGS[ending]))
    run("--liteorm-server=docker", f"--liteorm-image={IMAGES[0]}")
    label = f"liteorm-testing={_told(pytester)['run']}"
    with contextlib.closing(docker.from_env()) as client:
        eventually(
            lambda: (
                not client.containers.list(all=True, ignore_removed=True, filters={"label": label})
            ),
            "the container is gone",
        )


@pytest.mark.parametrize("ending", ENDINGS)
def test_databases_on_a_shared_server_go_with_their_run(
    ending: str, pytester: pytest.Pytester, run: Run, liteorm_server: Server
) -> None:
    """Databases, templates and snapshots are dropped, and the server stays."""
    pytester.makepyfile(TEST.format(ending=ENDINGS[ending]))
    run(f"--liteorm-server={liteorm_server.dsn}")
    pattern = f"liteorm_{_told(pytester)['run']}_%"
    with postgres.open(liteorm_server.dsn) as db:

        def gone() -> bool:
            return not db.query("SELECT FROM pg_database WHERE datname LIKE %s", [pattern])

        eventually(gone, "the databases are gone")


def test_databases_of_workers_go_with_their_run(
    pytester: pytest.Pytester, run: Run, liteorm_server: Server
) -> None:
    """The controller also removes what its workers made."""
    pytester.makepyfile(TEST.format(ending="os.kill(os.getpid(), signal.SIGKILL)"))
    run(f"--liteorm-server={liteorm_server.dsn}", "-n", "2")
    pattern = f"liteorm_{_told(pytester)['run']}_%"
    with postgres.open(liteorm_server.dsn) as db:
        sql = "SELECT datname::text FROM pg_database WHERE datname LIKE %s"
        assert liteorm.scan(db.query(sql, [pattern]), str) == []


@needs_embedded
def test_a_paused_server_goes_too(tmp_path: Path) -> None:
    """A frozen server cannot hold up the watchdog."""
    script = (
        "import os, signal\n"
        "from liteorm_testing import server\n"
        "with server(kind='embedded') as s:\n"
        f"    open({str(tmp_path / 'told')!r}, 'w').write(s.socket)\n"
        "    s.pause()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=False)
    directory = (tmp_path / "told").read_text()
    eventually(lambda: not Path(directory).exists(), "the folder is gone")
    eventually(lambda: not _of_cluster(directory), "the processes are gone")


@needs_embedded
def test_a_forked_child_does_not_hold_the_server(tmp_path: Path) -> None:
    """A child that lives on holds the watchdog's pipe open; the parent's end counts."""
    script = (
        "import os, signal, time\n"
        "from liteorm_testing import server\n"
        "with server(kind='embedded') as s:\n"
        f"    open({str(tmp_path / 'told')!r}, 'w').write(s.socket)\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        time.sleep(60)\n"
        f"    open({str(tmp_path / 'child')!r}, 'w').write(str(child))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=False)
    try:
        directory = (tmp_path / "told").read_text()
        eventually(lambda: not Path(directory).exists(), "the folder is gone")
    finally:
        subprocess.run(["kill", "-9", (tmp_path / "child").read_text()], check=False)


@needs_embedded
def test_a_forked_child_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """Leaving the block ends the watchdog at once, although a child holds its pipe open."""
    script = (
        "import os, time\n"
        "from liteorm_testing import server, _watchdog\n"
        "with server(kind='embedded') as s:\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        time.sleep(60)\n"
        "        os._exit(0)\n"
        f"    open({str(tmp_path / 'child')!r}, 'w').write(str(child))\n"
        "    watchdog = _watchdog._process.pid\n"
        "print(watchdog, s.socket, flush=True)\n"
        "os._exit(0)\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", script]
    with (tmp_path / "told").open("w") as told:
        subprocess.run(command, check=True, timeout=30, stdout=told)
    try:
        watchdog, directory = (tmp_path / "told").read_text().split()
        assert not _watchdog.alive(int(watchdog))
        assert not Path(directory).exists()
    finally:
        subprocess.run(["kill", "-9", (tmp_path / "child").read_text()], check=False)


@needs_embedded
@pytest.mark.usefixtures("clean_lock")
def test_clean_removes_what_even_the_watchdog_could_not() -> None:
    """With owner and watchdog both killed, the command finds the server and ends it."""
    script = (
        "import os, signal, sys\n"
        "from liteorm_testing import server, _watchdog\n"
        "with server(kind='embedded') as s:\n"
        "    print(s.socket, flush=True)\n"
        "    os.kill(_watchdog._process.pid, signal.SIGKILL)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=False
    )
    directory = done.stdout.strip()
    pid = _watchdog.postmaster_of(f"{directory}/data")
    assert pid is not None
    assert _watchdog.alive(pid)

    with server(kind="embedded") as living:
        assert living.socket is not None
        cleaned = _clean("--dry-run")
        assert directory in cleaned
        assert _watchdog.alive(pid)
        assert directory in _clean()
        assert not _watchdog.alive(pid)
        assert not Path(directory).exists()
        assert Path(living.socket).exists()


@pytest.fixture
def bystander() -> Generator[subprocess.Popen[bytes]]:
    """A process that nobody wants to end."""
    with subprocess.Popen(["sleep", "100"], cwd="/") as process:
        yield process
        process.kill()


def _like_a_cluster(base: Path, pid: int) -> Path:
    """A folder that looks like an abandoned cluster's, and names a process."""
    directory = Path(tempfile.mkdtemp(prefix="liteorm-", dir=base))
    (directory / "data").mkdir()
    (directory / "data" / "PG_VERSION").write_text("18\n")
    (directory / "data" / "postmaster.pid").write_text(f"{pid}\n")
    return directory


@pytest.mark.usefixtures("clean_lock")
@pytest.mark.parametrize("mine", [True, False], ids=["mine", "foreign"])
def test_clean_ends_no_process_that_a_folder_only_names(
    mine: bool, bystander: subprocess.Popen[bytes]
) -> None:
    """The number in a lock file may be a stranger's; a stranger's folder is left as it is."""
    directory = _like_a_cluster(_folders.base_directory(), bystander.pid)
    try:
        if not mine:
            if os.geteuid() != 0:
                pytest.skip("only root can give a folder away")
            os.chown(directory, 4242, 4242)
        assert (str(directory) in _clean()) == mine
        assert directory.exists() != mine
        assert bystander.poll() is None
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.mark.usefixtures("clean_lock")
def test_clean_follows_no_links(tmp_path: Path, bystander: subprocess.Popen[bytes]) -> None:
    """A link to a folder, or in the place of the lock, leads to nothing that is removed."""
    elsewhere = _like_a_cluster(tmp_path, bystander.pid)
    link = _folders.base_directory() / f"liteorm-link-{os.getpid()}"
    link.symlink_to(elsewhere)
    looping = _like_a_cluster(_folders.base_directory(), bystander.pid)
    precious = tmp_path / "precious"
    precious.write_text("kept")
    (looping / "owner").symlink_to(precious)
    try:
        assert str(link) not in _clean()
        assert (elsewhere / "data" / "PG_VERSION").exists()
        assert precious.read_text() == "kept"
        assert bystander.poll() is None
    finally:
        link.unlink()
        shutil.rmtree(looping, ignore_errors=True)


@pytest.mark.usefixtures("clean_lock")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may end what is somebody else's")
@pytest.mark.parametrize("place", ["data", "pid"])
def test_clean_ends_nobody_elses_process(tmp_path: Path, place: str) -> None:
    """The account of the servers may name a process of root's, and where it works: it is left."""
    account = _binaries.Account.current()
    directory = Path(tempfile.mkdtemp(prefix="liteorm-", dir=_folders.base_directory()))
    works = tmp_path if place == "data" else directory
    with subprocess.Popen(["sleep", "100"], cwd=works) as bystander:
        try:
            if place == "data":
                (directory / "data").symlink_to(tmp_path)
                (tmp_path / "PG_VERSION").write_text("18\n")
                (tmp_path / "postmaster.pid").write_text(f"{bystander.pid}\n")
            else:
                (directory / "data").mkdir()
                (directory / "data" / "PG_VERSION").write_text("18\n")
                (directory / "pid").write_text(f"{bystander.pid}\n")
            account.own(directory)
            assert str(directory) in _clean()
            assert bystander.poll() is None
            assert not directory.exists()
        finally:
            bystander.kill()
            shutil.rmtree(directory, ignore_errors=True)


@needs_docker
@pytest.mark.usefixtures("clean_lock")
def test_clean_removes_containers_whose_owner_is_gone() -> None:
    """The owner's process is in the container's labels."""
    script = (
        "import os, signal, sys\n"
        "from liteorm_testing import server, _watchdog\n"
        f"with server(kind='docker', image={IMAGES[0]!r}) as s:\n"
        "    print(s.run, flush=True)\n"
        "    os.kill(_watchdog._process.pid, signal.SIGKILL)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script], stdout=subprocess.DEVNULL, check=False)
    assert "container " in _clean()
    assert "container " not in _clean()


@pytest.mark.usefixtures("clean_lock")
def test_clean_sweeps_shared_servers(liteorm_server: Server) -> None:
    """Kept databases are named without the server's password, and dropped."""
    name = "liteorm_kept_0badcafe_main_d9"
    with postgres.open(liteorm_server.dsn) as db:
        db.execute(liteorm.sql("CREATE DATABASE {}", liteorm.Ident(name)))
        assert f"database {name} on postgresql://" in _clean("--dsn", liteorm_server.dsn)
        assert not db.query("SELECT FROM pg_database WHERE datname = %s", [name])


def _subscribe(dsn: str) -> str:
    """Make a database with a subscription, which cannot be dropped; give its name."""
    subscribe = "CREATE SUBSCRIPTION s CONNECTION 'host=h' PUBLICATION p WITH (connect = false)"
    with server(kind=dsn) as given, database(given) as d:
        with postgres.open(d.dsn) as db:
            db.execute(subscribe)
        return d.name


@needs_embedded
@pytest.mark.usefixtures("clean_lock")
def test_a_database_that_cannot_be_dropped_is_named_with_the_reason() -> None:
    """A subscription holds its database: whoever made it is told, and may end it."""
    with server(kind="embedded") as own:
        with pytest.warns(UserWarning, match=r"could not be dropped: database .*1 subscription"):
            name = _subscribe(own.dsn)
        command = [sys.executable, "-m", "liteorm_testing", "clean", "--dsn", own.dsn]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert f"database {name} on " in done.stderr
        assert "being used by logical replication subscription" in done.stderr
        with postgres.open(_dsn.replace(own.dsn, dbname=name)) as db:
            db.execute("ALTER SUBSCRIPTION s SET (slot_name = NONE)")
            db.execute("DROP SUBSCRIPTION s")
        assert f"database {name} on " in _clean("--dsn", own.dsn)


def test_clean_says_what_it_cannot_reach() -> None:
    """A DSN that leads nowhere is one line, and the exit status tells."""
    command = [sys.executable, "-m", "liteorm_testing", "clean", "--dry-run"]
    for dsn, message in (
        ("nonsense", "--dsn: a DSN begins with postgresql://"),
        (
            "postgresql://u:geheim@127.0.0.1:1/x",
            "--dsn: connection failed: connection to server at",
        ),
    ):
        done = subprocess.run([*command, "--dsn", dsn], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert message in done.stderr
        assert "Traceback" not in done.stderr
        assert "geheim" not in done.stdout + done.stderr


@needs_embedded
def test_a_watchdog_that_was_killed_is_replaced(tmp_path: Path) -> None:
    """The next server brings another, which guards the first one as well."""
    script = (
        "import os, signal\n"
        "from liteorm_testing import server, _watchdog\n"
        "with server(kind='embedded') as one:\n"
        "    os.kill(_watchdog._process.pid, signal.SIGKILL)\n"
        "    _watchdog._process.wait()\n"
        "    with server(kind='embedded') as two:\n"
        f"        open({str(tmp_path / 'told')!r}, 'w').write(one.socket + ' ' + two.socket)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=False)
    for directory in (tmp_path / "told").read_text().split():
        eventually(lambda directory=directory: not Path(directory).exists(), "the folder is gone")
        eventually(lambda directory=directory: not _of_cluster(directory), "the processes too")


def _clean(*arguments: str) -> str:
    command = [sys.executable, "-m", "liteorm_testing", "clean", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout


@needs_embedded
def test_a_cache_that_cannot_be_written_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The data directory is made anew then."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("LITEORM_CACHE", str(tmp_path / "file" / "below"))
    binaries = _binaries.embedded_binaries()
    assert binaries is not None
    cluster = _launched.start(binaries)
    cluster.stop()
    assert not cluster.directory.exists()
