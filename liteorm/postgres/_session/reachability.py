"""Whether a server that is silent for long answers anybody: what ends a wait that has no bound."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from pathlib import PurePosixPath
from typing import Any, Final

__all__ = ["aanswers", "answers", "place_of"]

_PROTOCOL: Final = 196608
_TIMES: Final = 2

Place = tuple[str, int, bytes]
"""Host or address, or the folder of the socket; the port; and what a client begins with.

Not the question for TLS, which a proxy answers by itself. What follows, a question for the password
or a refusal, is the server's.
"""


def place_of(pgconn: Any) -> Place:
    """Return where a connection leads to."""
    words = (b"user", pgconn.user, b"database", pgconn.db, b"")
    told = struct.pack("!I", _PROTOCOL) + b"".join(word + b"\0" for word in words)
    host = (pgconn.hostaddr or pgconn.host).decode()
    return host, int(pgconn.port.decode()), struct.pack("!I", len(told) + 4) + told


def answers(place: Place, seconds: float) -> bool:
    """Say whether a server takes connections there; False if it is silent twice that long.

    One that refuses is none that is frozen or out of reach: what waits for it will be told.
    """
    for _ in range(_TIMES):
        try:
            with _connected(place, seconds) as asking:
                asking.sendall(place[2])
                asking.recv(1)
            return True
        except ConnectionError:
            return True
        except OSError:
            continue
    return False


def _connected(place: Place, seconds: float) -> socket.socket:
    host, port, _ = place
    if not host.startswith("/"):
        return socket.create_connection((host, port), timeout=seconds)
    asking = socket.socket(socket.AF_UNIX)
    try:
        asking.settimeout(seconds)
        asking.connect(_file(host, port))
    except BaseException:
        asking.close()
        raise
    return asking


def _file(folder: str, port: int) -> str:
    return str(PurePosixPath(folder) / f".s.PGSQL.{port}")


async def aanswers(place: Place, seconds: float) -> bool:
    """Say whether a server takes connections there; False if it is silent twice that long."""
    for _ in range(_TIMES):
        try:
            async with asyncio.timeout(seconds):
                await _ask(place)
            return True
        except ConnectionError:
            return True
        except OSError:
            continue
    return False


async def _ask(place: Place) -> None:
    host, port, begin = place
    if host.startswith("/"):
        reading, writing = await asyncio.open_unix_connection(_file(host, port))
    else:
        reading, writing = await asyncio.open_connection(host, port)
    try:
        writing.write(begin)
        await reading.read(1)
    finally:
        writing.close()
        with contextlib.suppress(OSError):
            await writing.wait_closed()
