"""PgBouncer in front of a server: what a pooler does to an application, in its tests."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

from attrs import define, field

from liteorm_testing import _dsn
from liteorm_testing._arguments import expect
from liteorm_testing._binaries import Account, ClusterError
from liteorm_testing._folders import Folder
from liteorm_testing._initdb import write_privately
from liteorm_testing._launched import LogFile, free_port
from liteorm_testing._server import Server, ServerNotAvailable
from liteorm_testing.databases import Database

__all__ = ["Pooler", "PoolerMode", "pooler"]

PoolerMode: TypeAlias = Literal["session", "transaction", "statement"]
"""When PgBouncer gives a connection of the server to somebody else."""

_KEEPS_STATEMENTS_SINCE: Final = (1, 21)
_STARTING: Final = 10.0  # seconds that PgBouncer may take until it answers
_SETTINGS: Final[Mapping[str, str]] = {
    "listen_addr": "127.0.0.1",
    "unix_socket_dir": "",
    "auth_type": "scram-sha-256",
    "max_client_conn": "1000",
    # A server that was away for a moment is asked again at once, not after 15 seconds.
    "server_login_retry": "0.1",
    "pidfile": "",
}


@define(eq=False)
class Pooler:
    """A PgBouncer in front of a server.

    Attributes:
        dsn: The connection string that leads through it.
        mode: "session", "transaction" or "statement".
        version: PgBouncer's version, such as "1.18.0".
    """

    dsn: str = field(repr=_dsn.without_password)
    mode: PoolerMode
    version: str
    _program: Path = field(repr=False, alias="program")
    _folder: Folder = field(repr=False, alias="folder")
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    def log(self) -> str:
        """Give what PgBouncer has logged."""
        return self._log_file.log()

    def pause(self) -> None:
        """Freeze PgBouncer: connections stay open and nothing passes, until `resume`."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused PgBouncer go on."""
        self._signal(signal.SIGCONT)

    def restart(self) -> None:
        """End PgBouncer at once, and with it every connection; start it with the same DSN."""
        self._end()
        self._start()

    @property
    def _log_file(self) -> LogFile:
        return LogFile(self._folder.path / "log")

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _start(self) -> None:
        command = [str(self._program), str(self._folder.path / "pgbouncer.ini")]
        with self._log_file.open() as log:
            place = str(self._folder.path)
            self._process = self._folder.account.popen(command, stdout=log, cwd=place)
        pid = self._process.pid
        (self._folder.path / "pid").write_text(f"{pid}\n", encoding="ascii")
        self._folder.amend(pid=pid)
        port = int(_dsn.parse(self.dsn)["port"])
        deadline = time.monotonic() + _STARTING
        while not _accepts(port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._end()
                raise ClusterError(f"PgBouncer did not start; its log ends:\n{self.log()[-2000:]}")
            time.sleep(0.005)

    def _end(self) -> None:
        # Each version has another signal for going at once; it has nothing to tidy up.
        if self._process is not None:
            process, self._process = self._process, None
            process.kill()
            process.wait()


@contextmanager
def pooler(
    server: Server | Database,
    mode: PoolerMode = "transaction",
    *,
    max_prepared_statements: int | None = None,
    settings: Mapping[str, str] | None = None,
    program: str | os.PathLike[str] | None = None,
) -> Generator[Pooler]:
    """Start PgBouncer in front of a server or of a test's database, and leave nothing of it.

    Whoever may connect to the server may connect through it, with the same password. The
    program has to be there: `apt-get install pgbouncer`, `brew install pgbouncer`.

    Args:
        server: What it stands in front of.
        mode: When a connection of the server goes to somebody else: after each session,
            transaction or statement.
        max_prepared_statements: How many prepared statements of a client it keeps apart in
            transaction mode; 0: none, what one client prepares the next one meets. If not given,
            PgBouncer's own default: 0 before 1.24, and 200 since.
        settings: Further settings of PgBouncer's, as in the section [pgbouncer] of its file; they
            win. `{"default_pool_size": "1"}` makes all clients share one connection.
        program: The path of PgBouncer. If not given, what LITEORM_PGBOUNCER in the environment
            says, else the one on PATH: to test with several versions.

    Raises:
        ServerNotAvailable: PgBouncer is not installed, or too old for what is asked of it.

    Example:
        >>> from liteorm_testing import pooler
        >>> def test_behind_a_pooler(liteorm_database):
        ...     with pooler(liteorm_database, "transaction") as p:
        ...         application = connect(p.dsn)
    """
    expect(server, (Server, Database), "pooler")
    if mode not in get_args(PoolerMode):
        raise ValueError(f"a pooler's mode is one of {', '.join(get_args(PoolerMode))}, not {mode}")
    found = _found(program)
    version = _version_of(found)
    own: dict[str, str] = {"pool_mode": mode}
    if max_prepared_statements is not None:
        _refuse_old(found, version)
        own["max_prepared_statements"] = str(max_prepared_statements)
    made = _made(server.dsn, mode, found, version, {**_SETTINGS, **own, **(settings or {})})
    try:
        yield made
    finally:
        made._end()
        made._folder.remove()


def _found(given: str | os.PathLike[str] | None) -> Path:
    """The program; Debian puts it where only root's PATH leads."""
    if chosen := given or os.environ.get("LITEORM_PGBOUNCER"):
        path = Path(chosen).absolute()
        if not (path.is_file() and os.access(path, os.X_OK)):
            raise ServerNotAvailable(f"no pooler: {path} is no program")
        return path
    places = [os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"]
    found = shutil.which("pgbouncer", path=os.pathsep.join([*places, "/opt/homebrew/bin"]))
    if found is None:
        raise ServerNotAvailable(
            "no pooler: the program pgbouncer is not on PATH; install it, for example with "
            "apt-get install pgbouncer"
        )
    return Path(found)


def _version_of(program: Path) -> str:
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"PgBouncer (?:version )?(\d[\w.]*)", told.stdout)
    return found[1] if found else ""


def _refuse_old(program: Path, version: str) -> None:
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if numbers < _KEEPS_STATEMENTS_SINCE:
        raise ServerNotAvailable(
            f"no pooler with max_prepared_statements: {program} is PgBouncer {version}, and they "
            "came with 1.21 (Debian 12 has 1.18); leave them out, in transaction mode an old "
            "PgBouncer keeps no prepared statements apart, or put a newer one on PATH"
        )


def _made(
    dsn: str, mode: PoolerMode, program: Path, version: str, settings: Mapping[str, str]
) -> Pooler:
    for attempt in range(5):
        folder = Folder.make(Account.current())
        port = free_port()
        parts = _dsn.parse(dsn)
        made = Pooler(
            _dsn.with_our_say(
                _dsn.build(
                    {"host": "127.0.0.1", "port": str(port)}
                    | {key: parts[key] for key in ("user", "password", "dbname") if key in parts}
                )
            ),
            mode,
            version,
            program,
            folder,
        )
        try:
            _configure(folder, parts, {**settings, "listen_port": str(port)})
            made._start()
        except BaseException as error:
            made._end()
            folder.remove()
            # Somebody took the port between our look and PgBouncer's.
            if attempt < 4 and isinstance(error, ClusterError) and "in use" in str(error):
                continue
            raise
        return made
    raise AssertionError("not reached")


def _configure(folder: Folder, parts: Mapping[str, str], settings: Mapping[str, str]) -> None:
    """Write PgBouncer's files: every database of the server, and every role with its password."""
    user, password = parts.get("user", "postgres"), parts.get("password")
    target = {"host": parts.get("hostaddr") or parts.get("host") or "127.0.0.1"}
    target["port"] = parts.get("port") or "5432"
    chosen = {
        "auth_file": str(folder.path / "users"),
        # Roles other than the DSN's: what the server keeps of their passwords is enough.
        "auth_user": user,
        "server_tls_sslmode": parts.get("sslmode", "prefer"),
        **settings,
    }
    if "/" in parts.get("sslrootcert", ""):
        chosen.setdefault("server_tls_ca_file", parts["sslrootcert"])
    if password is None:
        # The server trusts its clients, or knows them otherwise: so it does PgBouncer.
        target["user"], chosen["auth_type"] = user, "any"
        del chosen["auth_user"]
    lines = [
        "[databases]",
        "* = " + " ".join(f"{key}={_value(value)}" for key, value in target.items()),
    ]
    lines += ["[pgbouncer]", *(f"{name} = {value}" for name, value in chosen.items())]
    for name, text in {
        "pgbouncer.ini": "\n".join(lines) + "\n",
        "users": f"{_quoted(user)} {_quoted(password or '')}\n",
    }.items():
        write_privately(folder.path / name, text)
        folder.account.own(folder.path / name)


def _value(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
