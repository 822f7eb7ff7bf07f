"""What tests of sessions need besides the kit: things at the same time, a standby, a pooler."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import functools
import os
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Coroutine, Generator, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from liteorm_testing import Proxy, _binaries

PATIENCE = 20.0


class AsyncHandle:
    """Something that runs in the background."""

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task = task

    async def result(self, timeout: float = PATIENCE) -> Any:
        """Wait for it and return, or raise, what came of it."""
        async with asyncio.timeout(timeout):
            return await self._task

    def done(self) -> bool:
        """Return whether it has ended."""
        return self._task.done()


class AsyncBackground:
    """Runs functions at the same time as the test: tasks here, threads in the twin."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[Any]] = []

    def start(self, fn: Callable[..., Coroutine[Any, Any, Any]], *args: Any) -> AsyncHandle:
        """Start a function."""
        task = asyncio.create_task(fn(*args))
        self._tasks.append(task)
        return AsyncHandle(task)

    async def __aenter__(self) -> AsyncBackground:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Handle:
    """Something that runs in the background."""

    def __init__(self, future: Future[Any]) -> None:
        self._future = future

    def result(self, timeout: float = PATIENCE) -> Any:
        """Wait for it and return, or raise, what came of it."""
        return self._future.result(timeout)

    def done(self) -> bool:
        """Return whether it has ended."""
        return self._future.done()


class Background:
    """Runs functions at the same time as the test, in threads."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []

    def start(self, fn: Callable[..., Any], *args: Any) -> Handle:
        """Start a function."""
        future: Future[Any] = Future()

        def run() -> None:
            try:
                future.set_result(fn(*args))
            except BaseException as exc:
                future.set_exception(exc)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        self._threads.append(thread)
        return Handle(future)

    def __enter__(self) -> Background:
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join(PATIENCE)


async def auntil(condition: Callable[[], object], what: str = "it") -> None:
    """Wait for a condition that another task, thread or process will bring about."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come about in {PATIENCE} s"
        await asyncio.sleep(0.01)


def until(condition: Callable[[], object], what: str = "it") -> None:
    """Wait for a condition that another task, thread or process will bring about."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come about in {PATIENCE} s"
        time.sleep(0.01)


class Witness:
    """Looks at a server from outside, with a connection that is not liteorm's."""

    def __init__(self, dsn: str) -> None:
        self._connection = psycopg.connect(
            dsn, autocommit=True, application_name="witness", connect_timeout=10
        )

    def ask(self, sql: str, params: Any = None) -> list[tuple[Any, ...]]:
        """Run a query and return its rows."""
        return self._connection.execute(sql, params).fetchall()

    def run(self, sql: str, params: Any = None) -> None:
        """Run a statement."""
        self._connection.execute(sql, params)

    def others(self, where: str = "true") -> list[tuple[Any, ...]]:
        """Return pid, state and query of the client connections of the database but its own."""
        return self.ask(
            "SELECT pid, state, query FROM pg_stat_activity WHERE datname = current_database() "
            "AND backend_type = 'client backend' AND pid <> pg_backend_pid() "
            f"AND application_name NOT IN ('witness', 'liteorm_testing') AND {where} ORDER BY pid"
        )

    def running(self, words: str) -> bool:
        """Return whether a statement with these words runs now."""
        return any(words in query for _, _, query in self.others("state = 'active'"))

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def __enter__(self) -> Witness:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


# A filter of packets that takes none: one instruction, "return 0" (linux/filter.h).
_TAKE_NONE = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
_SO_ATTACH_FILTER, _SO_DETACH_FILTER = 26, 27


@contextlib.contextmanager
def silence(proxy: Proxy) -> Generator[None]:
    """Let what is sent to a proxy not even be acknowledged, as if its machine were gone.

    A proxy alone cannot do that: the system acknowledges whatever it does not read.
    """
    proxy.blackhole()
    program = struct.pack("HP", 1, ctypes.addressof(_TAKE_NONE))
    ends = [link._client.get_extra_info("socket") for link in list(proxy._links)]
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
    try:
        yield
    finally:
        for end in ends:
            if end.fileno() >= 0:
                end.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
        proxy.cut()
        proxy.restore()


def free_port() -> int:
    """Return a port nobody uses at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def with_params(dsn: str, **params: str | int | None) -> str:
    """Return the DSN with parameters replaced."""
    return make_conninfo(dsn, **params)


@functools.cache
def binaries() -> Path:
    """Return the folder of server programs."""
    found = _binaries.embedded_binaries() or _binaries.local_binaries()
    assert found is not None
    return found


class Pair:
    """A primary and a standby made from it by pg_basebackup."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._account = _binaries.Account.current()
        self._programs = _binaries.reachable(binaries(), self._account)
        self.ports = (free_port(), free_port())
        self._processes: list[subprocess.Popen[bytes]] = []

    def _run(self, *command: str) -> None:
        process = self._account.popen(
            [str(self._programs / command[0]), *command[1:]], stdout=subprocess.PIPE
        )
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output.decode()

    def _start(self, data: Path, port: int, *, wait: bool = True) -> None:
        process = self._account.popen(
            [
                *(str(self._programs / "postgres"), "-D", str(data), "-p", str(port)),
                *("-c", "fsync=off", "-c", "wal_level=replica", "-c", "max_wal_senders=4"),
                *("-c", "unix_socket_directories=", "-c", "listen_addresses=127.0.0.1"),
                *("-c", "shared_buffers=16MB", "-c", "max_connections=30"),
            ],
            stdout=subprocess.DEVNULL,
        )
        self._processes.append(process)
        if not wait:
            return
        until(functools.partial(_answers, port), f"the server on port {port}")

    def __enter__(self) -> Pair:
        self._account.own(self._folder)
        primary, standby = self._folder / "primary", self._folder / "standby"
        self._run("initdb", "-D", str(primary), "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N")
        self._start(primary, self.ports[0])
        self._run(
            *("pg_basebackup", "-D", str(standby), "-h", "127.0.0.1", "-p", str(self.ports[0])),
            *("-U", "postgres", "-R", "-X", "stream", "-c", "fast", "--no-sync"),
        )
        self._start(standby, self.ports[1])
        return self

    def dsn(self, *, attributes: str = "read-write") -> str:
        """Return a DSN that names both servers."""
        first, second = self.ports
        return (
            f"postgresql://postgres@127.0.0.1:{first},127.0.0.1:{second}/postgres"
            f"?target_session_attrs={attributes}"
        )

    def dsn_of(self, number: int) -> str:
        """Return the DSN of one of them."""
        return f"postgresql://postgres@127.0.0.1:{self.ports[number]}/postgres"

    def stop_primary(self) -> None:
        """End the primary at once."""
        self._processes[0].terminate()
        self._processes[0].send_signal(3)  # SIGQUIT: immediate shutdown
        self._processes[0].wait(30)

    def start_slowly(self) -> None:
        """Start the primary again; for some seconds it says that it is starting up (57P03)."""
        data = self._folder / "primary"
        with (data / "postgresql.auto.conf").open("a") as settings:
            settings.write("restore_command = 'sleep 0.7; false'\nhot_standby = off\n")
        (data / "recovery.signal").touch()
        self._account.own(data / "recovery.signal")
        self._start(data, self.ports[0], wait=False)

    def promote(self) -> None:
        """Make the standby the primary."""
        with Witness(self.dsn_of(1)) as witness:
            witness.run("SELECT pg_promote(true, 30)")

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(3)
        for process in self._processes:
            process.wait(30)


def _answers(port: int) -> bool:
    try:
        psycopg.connect(
            f"host=127.0.0.1 port={port} user=postgres dbname=postgres connect_timeout=2"
        ).close()
    except psycopg.OperationalError:
        return False
    return True


def pgbouncer_program() -> str | None:
    """Return where PgBouncer is, if it is installed."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@contextlib.contextmanager
def pgbouncer(dsn: str, folder: Path, mode: str = "transaction") -> Generator[str]:
    """Run PgBouncer in front of a database; give the DSN that leads through it."""
    program = pgbouncer_program()
    assert program is not None
    parts = conninfo_to_dict(dsn)
    port = free_port()
    account = _binaries.Account.current()
    config, users = folder / "pgbouncer.ini", folder / "users.txt"
    target = " ".join(
        f"{key}={parts[key]}" for key in ("host", "port", "dbname", "password") if parts.get(key)
    )
    users.write_text(f'"{parts.get("user") or "postgres"}" ""\n')
    config.write_text(
        f"[databases]\napp = {target} user={parts.get('user') or 'postgres'}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = any\nauth_file = {users}\npool_mode = {mode}\ndefault_pool_size = 4\n"
        "max_client_conn = 200\n"
    )
    for path in (folder, config, users):
        account.own(path)
    process = account.popen([program, str(config)], stdout=subprocess.DEVNULL)
    through = make_conninfo(
        host="127.0.0.1", port=port, dbname="app", user=parts.get("user") or "postgres"
    )
    try:
        until(functools.partial(_accepts, port), "PgBouncer")
        yield through
    finally:
        process.terminate()
        process.wait(10)


def _accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def numbers(count: int) -> Iterator[int]:
    """Yield so many numbers."""
    yield from range(count)
