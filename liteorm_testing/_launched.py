"""A disposable PostgreSQL cluster over any folder of server binaries.

The data directory is a copy of one that initdb made earlier, on tmpfs where there is one, and
`postgres` is started directly: pg_ctl would poll in steps of 100 ms.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final

from attrs import define, field

from liteorm_testing import _watchdog
from liteorm_testing._binaries import Account, ClusterError, copy_tree, major_of, reachable, run_as
from liteorm_testing._dsn import with_our_say
from liteorm_testing._folders import MEMORY, Folder, writable
from liteorm_testing._initdb import Prepared, prepare, write_privately

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
    "max_connections": "100",
    "log_line_prefix": "%m [%p] %d ",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_SETTINGS_SINCE: Final[Mapping[int, Mapping[str, str]]] = {
    # Reading from memory needs no helpers: three processes fewer to wake at every DROP DATABASE.
    18: {"io_method": "sync"},
    # What passwords of the tests' own roles cost when they connect.
    16: {"scram_iterations": "1"},
}
_LONGEST_SOCKET: Final = 107  # bytes of a socket's path that the system takes


def settings_for(major: int) -> dict[str, str]:
    """The kit's settings for a version of PostgreSQL; an unknown one would keep it from starting.

    Args:
        major: The major version, or 0 where it is not known.
    """
    settings = dict(SETTINGS)
    for since, more in _SETTINGS_SINCE.items():
        if major >= since:
            settings.update(more)
    return settings


@define
class LogFile:
    """A server's log in a file, which other processes of the run read as well."""

    path: Path

    def open(self) -> IO[bytes]:
        """Open it for a server that writes to it; only its owner may read it."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        return os.fdopen(os.open(self.path, flags, 0o600), "ab")

    def log(self, since: float = 0) -> str:
        with self.path.open("rb") as log:
            log.seek(int(since))
            return log.read().decode(errors="replace")

    def log_mark(self) -> float:
        return self.path.stat().st_size


@define
class Launched:
    """A server of programs on this machine; `start` makes one, `stop` leaves nothing of it."""

    folder: Folder
    port: int
    version: str
    password: str = field(repr=False)
    binaries: Path
    settings: Mapping[str, str]
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _left: bool = field(default=False, init=False)

    @property
    def directory(self) -> Path:
        return self.folder.path

    @property
    def socket(self) -> str | None:
        """The folder of its socket, unless its path is too long, or would be taken for several."""
        path = str(self.directory)
        longest = os.fsencode(self.directory / ".s.PGSQL.65535")
        return path if len(longest) <= _LONGEST_SOCKET and "," not in path else None

    @property
    def log_file(self) -> LogFile:
        return LogFile(self.directory / "log")

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def dsn(self) -> str:
        """The connection string of its `postgres` database, with the superuser's password."""
        return with_our_say(f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/postgres")

    def log(self, since: float = 0) -> str:
        return self.log_file.log(since)

    def log_mark(self) -> float:
        return self.log_file.log_mark()

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self._process is not None

    def copy_from(self, other: Launched) -> None:
        """Take over the data of another one, which runs, while this one does not."""
        shutil.rmtree(self.data)
        passwords = self.directory / "passwords"
        # Not among the program's arguments, which every user of the machine may read.
        write_privately(passwords, f"*:*:*:*:{other.password}\n")
        account = self.folder.account
        account.own(passwords)
        reached = f"host=127.0.0.1 port={other.port} user=postgres passfile='{passwords}'"
        command = [str(self.binaries / "pg_basebackup"), "-D", str(self.data), "-d", reached]
        try:
            run_as(account, [*command, "-c", "fast", "-X", "stream", "--no-sync"])
        finally:
            passwords.unlink()

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
        self.resume()
        self.shut_down()
        self.launch()

    def shut_down(self) -> None:
        """Stop as `pg_ctl stop -m fast` does: standbys get all there is."""
        assert self._process is not None
        process, self._process = self._process, None
        process.send_signal(signal.SIGINT)
        process.wait()

    def kill(self) -> None:
        """End it as a machine that is switched off: nothing more is sent or answered."""
        assert self._process is not None
        process, self._process = self._process, None
        process.send_signal(signal.SIGSTOP)
        for pid in _watchdog.family(process.pid)[1:]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        # The first process itself goes in an orderly way: it removes what they shared.
        process.send_signal(signal.SIGQUIT)
        process.send_signal(signal.SIGCONT)
        process.wait()

    def stop(self) -> None:
        if self._left:
            self.folder.leave()
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
        self.folder.remove()

    def launch(self) -> None:
        """Start `postgres` and wait until it takes connections."""
        options = {
            **self.settings,
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.socket or "",
        }
        if self.folder.on_memory or (sys.platform == "linux" and not writable(MEMORY)):
            # In the data directory, with which it goes also after a kill -9 of the server.
            options["dynamic_shared_memory_type"] = "mmap"
        command = [str(self.binaries / "postgres"), "-D", str(self.data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with self.log_file.open() as log:
            self._process = self.folder.account.popen(command, stdout=log)
        self.folder.amend(pid=self._process.pid)
        while not self._ready():
            if self._process.poll() is not None:
                self._process = None
                raise ClusterError(f"postgres did not start; its log ends:\n{self.log()[-2000:]}")
            time.sleep(0.002)

    def launch_on_a_free_port(self) -> None:
        """Start it for the first time."""
        for attempt in range(5):
            self.port = free_port()
            try:
                self.launch()
            except ClusterError as error:
                # Somebody took the port between our look and the server's bind.
                if attempt == 4 or "could not bind" not in str(error):
                    raise
            else:
                return

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


def start(binaries: Path, *, settings: Mapping[str, str] | None = None) -> Launched:
    """Start a new server over a folder of programs, as an unprivileged account."""
    made = make(binaries, settings=settings)
    try:
        made.launch_on_a_free_port()
    except BaseException:
        made.stop()
        raise
    return made


def make(
    binaries: Path, *, settings: Mapping[str, str] | None = None, source: Launched | None = None
) -> Launched:
    """Make a server that does not run yet.

    Args:
        binaries: The folder of programs.
        settings: They win over the kit's own.
        source: Another one that does not run, whose data it gets a copy of.
    """
    account = Account.current()
    account.refuse_nameless()
    binaries = reachable(binaries, account)
    folder = Folder.make(account)
    try:
        if source is None:
            prepared = prepare(binaries, folder.path / "data", account)
        else:
            copy_tree(source.data, folder.path / "data")
            prepared = Prepared(source.version, source.password)
    except BaseException:
        folder.remove()
        raise
    return Launched(
        folder=folder,
        port=0,
        version=prepared.version,
        password=prepared.password,
        binaries=binaries,
        settings={**settings_for(major_of(prepared.version)), **(settings or {})},
    )


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
