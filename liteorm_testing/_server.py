"""A PostgreSQL server for tests: what is known of it, and what can be done to it."""

from __future__ import annotations

import os
import uuid
from typing import Any, Protocol

from attrs import define, field

from liteorm_testing import _dsn
from liteorm_testing._binaries import major_of

__all__ = ["Log", "Running", "Server", "ServerNotAvailable"]


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
