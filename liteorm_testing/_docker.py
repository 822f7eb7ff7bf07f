"""PostgreSQL in a container, through testcontainers (imported when it is used: it takes 0.6 s)."""

from __future__ import annotations

import contextlib
import http.client
import importlib
import importlib.util
import os
import socket
import sys
import time
import urllib.parse
import uuid
from collections.abc import Generator, Mapping
from typing import Any, Final

from attrs import define, field

import liteorm
from liteorm import postgres
from liteorm_testing import _dsn, _launched, _sqltext, _watchdog
from liteorm_testing._binaries import ClusterError, major_of
from liteorm_testing._scram import verifier
from liteorm_testing._server import Server, ServerNotAvailable

_LABEL: Final = "liteorm-testing"
_OWNER_LABEL: Final = "liteorm-testing.owner"
_STARTING: Final = 60.0  # seconds that a container may take until it answers
_ASKING: Final = 10  # seconds that asking for an image may take
# Settings that concern files the image owns, or that it sets by itself.
_LEFT_TO_THE_IMAGE: Final = frozenset({"timezone", "log_timezone"})


def problem() -> str | None:
    """Why no container can be started here, or None if one can."""
    if importlib.util.find_spec("testcontainers") is None:
        return "the package testcontainers is not installed"
    if not _engine_answers():
        return "no Docker engine answers"
    return None


def image_problem(image: str) -> str | None:
    """Why an image cannot be had here, or None if the engine has it or its registry offers it."""
    path = _socket()
    # Most often it is here already, and finding that out must cost a run next to nothing.
    if path is not None and _status(path, f"/images/{urllib.parse.quote(image)}/json") == 200:
        return None
    docker = _docker_package()
    try:
        with contextlib.closing(_client(path)) as client:
            try:
                client.images.get(image)
            except docker.errors.ImageNotFound:
                client.images.get_registry_data(image)
    except docker.errors.APIError as error:
        # An engine that cannot ask registries (it does not know that page) may still pull.
        reason = str(error.explanation).strip()
        if reason.lower() in ("not found", "page not found"):
            return None
        return f"the image {image} is not here and cannot be pulled: {reason}"
    except (docker.errors.DockerException, OSError) as error:
        return f"the image {image} is not here and cannot be pulled: {error}"
    return None


def _client(path: str | None) -> Any:
    if path is not None:
        return _docker_package().DockerClient(base_url=f"unix://{path}", timeout=_ASKING)
    from testcontainers.core.docker_client import DockerClient

    client: Any = DockerClient().client
    client.api.timeout = _ASKING
    return client


def _socket() -> str | None:
    """The engine's socket on this machine, if that is where it would be."""
    host = os.environ.get("DOCKER_HOST")
    if host is None or host.startswith("unix://"):
        path = host.removeprefix("unix://") if host else "/var/run/docker.sock"
        if os.path.exists(path):
            return path
    return None


def _engine_answers() -> bool:
    host = os.environ.get("DOCKER_HOST")
    if host is None or host.startswith("unix://"):
        if (path := _socket()) is not None:
            return _status(path, "/_ping") == 200
        if host is not None or not os.path.exists(os.path.expanduser("~/.docker/config.json")):
            return False
    # Another machine's engine, or one that the command line's context names.
    from testcontainers.core.docker_client import DockerClient

    docker = _docker_package()

    try:
        client: Any = DockerClient().client
        return bool(client.ping())
    except (docker.errors.DockerException, OSError):
        return False


def _docker_package() -> Any:
    # It has no type stubs.
    return importlib.import_module("docker")


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=5)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _status(path: str, question: str) -> int | None:
    """What the engine behind a socket answers, as a number of HTTP's."""
    connection = _UnixConnection(path)
    try:
        connection.request("GET", question)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


@define
class _Container:
    """What a running container can do; its server restarts inside it, so that its port stays."""

    _given: Any
    _dsn: str
    _ticket: str
    _left: bool = field(default=False, init=False)

    @property
    def _container(self) -> Any:
        return self._given.get_wrapped_container()

    def log(self, since: float = 0) -> str:
        text: bytes = self._container.logs(**({"since": since} if since else {}))
        return text.decode(errors="replace")

    def log_mark(self) -> float:
        return time.time()

    def leave(self) -> None:
        self._left = True

    def stop(self) -> None:
        if not self._left:
            _remove(self._given)
        _watchdog.release(self._ticket)

    def pause(self) -> None:
        self._container.pause()

    def resume(self) -> None:
        self._container.unpause()

    def restart(self) -> None:
        with _connected(self._dsn) as db:
            before = _started(db)
            data = liteorm.scan_one(db.query("SHOW data_directory"), str)
        stop = f'kill -INT "$(head -n 1 {data}/postmaster.pid)"'
        self._container.exec_run(["sh", "-c", stop])
        deadline = time.monotonic() + _STARTING
        while time.monotonic() < deadline:
            with contextlib.suppress(liteorm.Error), _connected(self._dsn) as db:
                if _started(db) != before:
                    return
            time.sleep(0.02)
        raise ClusterError(f"the server did not come back; its log ends:\n{self.log()[-2000:]}")


def _connected(dsn: str) -> postgres.DB:
    return postgres.open(dsn, min_size=1, max_size=1, timeout=5, application_name="liteorm_testing")


def _started(db: postgres.DB) -> object:
    return liteorm.scan_one(db.query("SELECT pg_postmaster_start_time()::text"), str)


def start(image: str, settings: Mapping[str, str]) -> Server:
    """Run PostgreSQL in a container that is removed however this process ends."""
    os.environ.setdefault("TC_POOLING_INTERVAL", "0.05")
    from testcontainers.community.postgres import PostgresContainer

    docker = _docker_package()

    class Postgres(PostgresContainer):
        def _connect(self) -> None:
            """Wait in `_wait` instead, through the port that tests use and without psql."""

    run = uuid.uuid4().hex[:8]
    ticket = _watchdog.guard(
        "containers", label=f"{_LABEL}={run}", path=sys.path, environment=_docker_environment()
    )
    given: Any = None
    try:
        given = Postgres(
            image, username="postgres", password=uuid.uuid4().hex, dbname="postgres", driver=None
        )
        # Its engine's variables count from here on (a context of the command line's sets one).
        _watchdog.amend(ticket, environment=_docker_environment())
        config = _image_config(given.get_docker_client().client, image)
        _configure(given, config, settings, run)
        try:
            with _without_ryuk():
                given.start()
        except docker.errors.DockerException as error:
            raise ServerNotAvailable(
                f"no container of {image} could be started: {error}"
            ) from error
        dsn = _dsn.with_our_say(given.get_connection_url(driver=None))
        started = Server(
            dsn=dsn,
            version=_wait(dsn, given.get_wrapped_container()),
            kind="docker",
            image=image,
            on_memory=True,
            run=run,
        )
        started._running = _Container(given, dsn, ticket)
    except BaseException:
        if given is not None:
            _remove(given)
        _watchdog.release(ticket)
        raise
    return started


@contextlib.contextmanager
def _without_ryuk() -> Generator[None]:
    """Start no Ryuk beside our container, which the watchdog removes.

    It would be a second image to pull, a port open to the network, and a container that outlives
    the run by ten seconds. One that other containers of the process have started stays.
    """
    from testcontainers.core.config import testcontainers_config as config

    before, config.ryuk_disabled = config.ryuk_disabled, True
    try:
        yield
    finally:
        config.ryuk_disabled = before


def _remove(given: Any) -> None:
    with contextlib.suppress(_docker_package().errors.NotFound):
        given.stop()


def _docker_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key.startswith("DOCKER_")}


def _image_config(client: Any, image: str) -> dict[str, Any]:
    """An image's own configuration, after pulling it if need be."""
    docker = _docker_package()
    try:
        try:
            found = client.images.get(image)
        except docker.errors.ImageNotFound:
            found = client.images.pull(image)
    except docker.errors.DockerException as error:
        raise ServerNotAvailable(
            f"the image {image} is not here and cannot be pulled ({error}); "
            "name another one: --liteorm-image=..."
        ) from error
    config: dict[str, Any] = found.attrs["Config"]
    return config


def _configure(given: Any, config: dict[str, Any], settings: Mapping[str, str], run: str) -> None:
    environment = dict(line.partition("=")[::2] for line in config.get("Env") or ())
    # The data directory in memory. Images from 18 on declare a volume one folder higher, and
    # refuse to start with a mount below it.
    volumes = list(config.get("Volumes") or ())
    place = volumes[0] if volumes else environment.get("PGDATA", "/var/lib/postgresql/data")
    given.with_tmpfs_mount(place, "size=4g")
    if _engine_is_local(given):
        # Docker would publish the port on all of the machine's addresses.
        given.ports = {"5432": ("127.0.0.1", None)}
    # The official images say their version; of another one only settings that all have are used.
    kits = _launched.settings_for(major_of(environment.get("PG_MAJOR", "")))
    for name in _LEFT_TO_THE_IMAGE:
        del kits[name]
    command = [*(config.get("Entrypoint") or ()), "postgres"]
    for name, value in {**kits, **settings}.items():
        command += ["-c", f"{name}={value}"]
    # A server that was told to stop starts again in the same container: restarting the
    # container would lose the memory that the data is in, and the port.
    given.with_kwargs(
        entrypoint=["sh", "-c", 'while :; do "$@" || exit; done', "sh"],
        # Parallel queries share memory through /dev/shm, of which Docker gives 64 MB.
        shm_size="1g",
        labels={_LABEL: run, _OWNER_LABEL: f"{socket.gethostname()}:{os.getpid()}"},
    )
    given.with_command(command)


def _engine_is_local(given: Any) -> bool:
    client = given.get_docker_client()
    mode = client.get_connection_mode()
    return mode.value == "docker_host" and client.host() in ("localhost", "127.0.0.1")


def _wait(dsn: str, wrapped: Any) -> str:
    """The server's version, as soon as it answers on the port that tests use.

    Connecting costs little from then on.
    """
    deadline = time.monotonic() + _STARTING
    while True:
        try:
            with _connected(dsn) as db:
                version = liteorm.scan_one(db.query("SHOW server_version"), str)
                # The image has its own password stored with thousands of iterations.
                secret = verifier(_dsn.parse(dsn)["password"])
                db.execute(liteorm.sql("ALTER ROLE postgres PASSWORD {}", _sqltext.literal(secret)))
                return version.split()[0]
        except (liteorm.ConnectFailed, liteorm.ConnectionLost) as error:
            wrapped.reload()
            if wrapped.status != "running" or time.monotonic() > deadline:
                log = wrapped.logs().decode(errors="replace")
                raise ServerNotAvailable(
                    f"the container does not answer ({error}); its log ends:\n{log[-2000:]}"
                ) from error
        time.sleep(0.02)


def abandoned() -> list[Any]:
    """Containers of this machine's processes that are gone."""
    if problem() is not None:
        return []
    docker = _docker_package()
    client = docker.from_env()
    # It stays open: the containers found are removed through it.
    found: list[Any] = []
    for container in client.containers.list(
        all=True, ignore_removed=True, filters={"label": _OWNER_LABEL}
    ):
        host, _, pid = container.labels[_OWNER_LABEL].rpartition(":")
        if host == socket.gethostname() and not _watchdog.alive(int(pid)):
            found.append(container)
    return found
