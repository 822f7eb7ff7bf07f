"""What libpq is told when a database is opened, and how long opening may take."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

import liteorm
from liteorm import postgres
from liteorm.postgres import CustomType
from liteorm.postgres._session.state import CLEANUP_BOUND
from liteorm_testing import Proxy

pytestmark = pytest.mark.anyio


def _told(dsn: str, **options: Any) -> dict[str, str]:
    """Return what a connection was made with, and two settings it has."""
    with postgres.open(dsn, **options) as db, postgres.pool(db).connection() as connection:
        told = dict(connection.info.get_parameters())
        for name in ("statement_timeout", "lock_timeout"):
            told[name] = connection.execute(f"SHOW {name}").fetchone()[0]
        return told


@pytest.fixture
def service(liteorm_database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A service file, which says more than where the database is."""

    def write(text: str) -> str:
        path = tmp_path / "services"
        path.write_text(f"[other]\nconnect_timeout=1\n[mine]\n# more\n{text}\n[last]\nuser=x\n")
        monkeypatch.setenv("PGSERVICEFILE", str(path))
        return f"{liteorm_database.dsn}?service=mine"

    return write


def test_a_dead_network_is_found_in_a_minute(liteorm_database: Any) -> None:
    """What is sent and never acknowledged counts as well as silence; the DSN may say otherwise."""
    told = _told(liteorm_database.dsn)
    assert told["tcp_user_timeout"] == "60000"
    assert (told["keepalives_idle"], told["connect_timeout"]) == ("30", "10")
    assert _told(f"{liteorm_database.dsn}?tcp_user_timeout=5000")["tcp_user_timeout"] == "5000"


@pytest.mark.parametrize("limit", [None, 7.0])
def test_options_from_elsewhere_are_kept(
    liteorm_database: Any, monkeypatch: pytest.MonkeyPatch, limit: float | None
) -> None:
    """PGOPTIONS, the DSN's own, a service file's: statement_timeout comes beside them."""
    expected = ("7s" if limit else "0", "3s")
    monkeypatch.setenv("PGOPTIONS", "-c lock_timeout=3s")
    told = _told(liteorm_database.dsn, statement_timeout=limit)
    assert (told["statement_timeout"], told["lock_timeout"]) == expected
    monkeypatch.setenv("PGOPTIONS", "-c lock_timeout=9s")
    own = f"{liteorm_database.dsn}?options=-c%20lock_timeout%3D3s"
    told = _told(own, statement_timeout=limit)
    assert (told["statement_timeout"], told["lock_timeout"]) == expected


@pytest.mark.parametrize("limit", [None, 7.0])
def test_a_service_file_is_not_hidden(service: Any, limit: float | None) -> None:
    """Its options, keepalives, timeouts and what is wanted of the host."""
    dsn = service(
        "options=-c lock_timeout=3s\nkeepalives_idle=11\nconnect_timeout=4\n"
        "tcp_user_timeout=9000\ntarget_session_attrs=read-write"
    )
    told = _told(dsn, statement_timeout=limit)
    assert (told["statement_timeout"], told["lock_timeout"]) == ("7s" if limit else "0", "3s")
    assert (told["keepalives_idle"], told["keepalives_interval"]) == ("11", "10")
    assert (told["connect_timeout"], told["tcp_user_timeout"]) == ("4", "9000")
    assert told["target_session_attrs"] == "read-write"


@pytest.fixture
def silent() -> Generator[str]:
    """The DSN of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        yield f"postgresql://user@127.0.0.1:{port}/db?connect_timeout=0&sslmode=disable"


async def test_opening_ends_with_its_timeout(silent: str) -> None:
    """A server that never answers, with no timeout of its own: ConnectFailed all the same."""
    with pytest.raises(liteorm.ConnectFailed, match=r"within 0\.2 s"):
        postgres.open(silent, timeout=0.2)
    with pytest.raises(liteorm.ConnectFailed, match=r"within 0\.2 s"):
        await postgres.open_async(silent, timeout=0.2)


class Swallowing:
    """Hands connections on to a server, until one of its clients says a word; then nothing more.

    Args:
        dsn: Where the server is.
        word: What a client says before.
        connections: How many connections it takes at all; more are left waiting.
    """

    def __init__(self, dsn: str, word: bytes, connections: int = 99) -> None:
        self._parts: dict[str, Any] = dict(conninfo_to_dict(dsn))
        self._word = word
        self._left = connections
        self._deaf = threading.Event()
        self._sockets: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.dsn = make_conninfo(dsn, host="127.0.0.1", port=self._server.getsockname()[1])
        self._start(self._accept)

    def _start(self, function: Any, *args: Any) -> None:
        threading.Thread(target=function, args=args, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._server.accept()[0]
                self._sockets.append(client)
                self._left -= 1
                if self._left >= 0:
                    where = (self._parts["host"], int(self._parts["port"]))
                    server = socket.create_connection(where)
                    self._sockets.append(server)
                    self._start(self._hand_on, client, server, self._word)
                    self._start(self._hand_on, server, client, None)

    def _hand_on(self, one: socket.socket, other: socket.socket, word: bytes | None) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                if word is not None and word in data:
                    self._deaf.set()
                if not self._deaf.is_set():
                    other.sendall(data)
            other.close()

    def __enter__(self) -> Swallowing:
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._server, *self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def _ask(session: Any) -> None:
    session.query("SELECT 'on_connect'")


async def _ask_async(session: Any) -> None:
    await session.query("SELECT 'on_connect'")


POINT: Any = CustomType(
    name="point", python=complex, decode=lambda data: complex(str(data)), encode=bytes
)
MOMENTS: dict[str, tuple[bytes, int, dict[str, Any], dict[str, Any]]] = {
    "while it looks for a pooler": (b"pg_backend_pid", 99, {}, {}),
    "in on_connect": (
        b"'on_connect'",
        99,
        {"on_connect": _ask},
        {"on_connect": _ask_async},
    ),
    "while it looks up types": (b"typarray", 99, {"types": [POINT]}, {}),
    "at the second connection": (b"never said", 1, {"min_size": 2}, {}),
}


@pytest.mark.parametrize("moment", MOMENTS)
async def test_opening_ends_with_its_timeout_wherever_the_server_falls_silent(
    liteorm_database: Any, moment: str
) -> None:
    """Soon after its timeout, that is: it does not wait for a connection that it gives up."""
    word, connections, options, of_async = MOMENTS[moment]
    with Swallowing(liteorm_database.dsn, word, connections) as between:
        began = time.monotonic()
        with pytest.raises(liteorm.ConnectFailed):
            postgres.open(between.dsn, timeout=1.5, **options)
        assert time.monotonic() - began < 1.5 + CLEANUP_BOUND - 1
    with Swallowing(liteorm_database.dsn, word, connections) as between:
        began = time.monotonic()
        with pytest.raises(liteorm.ConnectFailed):
            await postgres.open_async(between.dsn, timeout=1.5, **{**options, **of_async})
        assert time.monotonic() - began < 1.5 + CLEANUP_BOUND - 1


async def test_a_pooler_that_breaks_off_is_our_error(liteorm_database: Any) -> None:
    """What fails after the connection was made, and before the database is open, is ours too."""
    with Proxy(liteorm_database.dsn) as proxy:
        proxy.drop_reply_to("SELECT")
        with pytest.raises(liteorm.ConnectFailed):
            postgres.open(proxy.dsn, prepare=False)
        proxy.restore()
        proxy.drop_reply_to("SELECT")
        with pytest.raises(liteorm.ConnectFailed):
            await postgres.open_async(proxy.dsn, prepare=False)
