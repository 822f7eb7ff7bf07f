"""A TCP proxy in front of a server, for what networks do: delay, cut, swallow, lose an answer."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable
from typing import Final, TypeVar

from attrs import define, field

from liteorm_testing import _dsn
from liteorm_testing._arguments import expect

__all__ = ["Proxy"]

_SSL_REQUEST: Final = 80877103
_GSSENC_REQUEST: Final = 80877104

_T = TypeVar("_T")


class Proxy:
    """A TCP proxy between a client and a PostgreSQL server.

    Connect through `dsn`, and make the network misbehave at a moment of your choosing. All of
    it is real: a cut connection is reset by TCP, a delayed answer is late. The proxy speaks
    plain text to both sides, so `sslmode=require` does not work through it.

    Args:
        dsn: The server to stand in front of.

    Example:
        >>> import liteorm, pytest
        >>> from liteorm import postgres
        >>> from liteorm_testing import Proxy, server
        >>> with server(kind="embedded") as s, Proxy(s.dsn) as p, postgres.open(p.dsn) as db:
        ...     with pytest.raises(liteorm.ConnectionLost), db.transaction() as tx:
        ...         p.cut()
        ...         tx.query("SELECT 1")
    """

    def __init__(self, dsn: str) -> None:
        expect(dsn, str, "a Proxy, in front of a DSN,")
        self._upstream = _address_of(dsn)
        self._given = dsn
        self._port = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._links: set[_Link] = set()
        self._stop = asyncio.Event()
        self._conditions = _Conditions()

    @property
    def dsn(self) -> str:
        """The connection string that leads through the proxy."""
        if not self._port:
            raise RuntimeError("the proxy is not open; use it in a `with` statement")
        return _dsn.replace(
            self._given, host="127.0.0.1", hostaddr=None, port=str(self._port), gssencmode=None
        )

    @property
    def connections(self) -> int:
        """How many client connections are open through the proxy now."""
        return self._call(lambda: len(self._links))

    @property
    def round_trips(self) -> int:
        """How many answers have come to their end so far, each with the server ready again.

        Statements that go together in a pipeline count once.
        """
        return self._conditions.answered

    @property
    def dropped(self) -> int:
        """How many answers `drop_reply_to` has lost so far."""
        return self._conditions.dropped

    def __enter__(self) -> Proxy:
        opened = threading.Event()
        listener = socket.create_server(("127.0.0.1", 0))
        self._port = listener.getsockname()[1]
        self._thread = threading.Thread(
            target=self._run, args=(listener, opened), name="liteorm-proxy", daemon=True
        )
        self._thread.start()
        opened.wait()
        return self

    def __exit__(self, *_: object) -> None:
        loop, thread = self._loop, self._thread
        assert loop is not None
        assert thread is not None
        loop.call_soon_threadsafe(self._stop.set)
        thread.join()
        self._loop = self._thread = None
        self._port = 0

    def delay(self, seconds: float) -> None:
        """Hold back everything the server sends by so many seconds, until `restore`.

        Raises:
            ValueError: It is less than nothing.
        """
        if not seconds >= 0:
            raise ValueError(f"a delay is so many seconds, 0 or more, not {seconds}")
        self._call(lambda: setattr(self._conditions, "delay", seconds))

    def cut(self) -> None:
        """Reset every connection now, and refuse new ones until `restore`."""

        def cut() -> None:
            self._conditions.refuse = True
            for link in list(self._links):
                link.reset()

        self._call(cut)

    def blackhole(self) -> None:
        """Pass nothing on in either direction, connections staying open, until `restore`.

        New connections are taken and never answered. What was sent meanwhile arrives after
        `restore`, as with a cable that is plugged in again.
        """
        self._call(self._conditions.flowing.clear)

    def drop_reply_to(self, statement: str, *, times: int = 1) -> None:
        """Let the server carry out a statement and lose its answer.

        The next statement that begins with these words reaches the server and is carried out;
        then, instead of passing the answer on, the connection is reset.

        Args:
            statement: The first words of the statement, such as "COMMIT"; case and spaces do
                not matter.
            times: How many statements it strikes.

        Raises:
            ValueError: The statement has no words, or `times` is no positive number.
        """
        words = _normal(statement)
        if not words or times < 1:
            raise ValueError("drop_reply_to takes the first words of a statement, and times >= 1")
        self._call(lambda: self._conditions.drops.extend([words] * times))

    def restore(self) -> None:
        """End delay, cut and blackhole, and forget drops that have not struck yet."""

        def restore() -> None:
            self._conditions.delay = 0.0
            self._conditions.refuse = False
            self._conditions.drops.clear()
            self._conditions.flowing.set()
            self._conditions.restored.set()

        self._call(restore)

    def _lead_to(self, dsn: str) -> None:
        """Stand in front of another server from now on: what is open is reset."""

        def lead() -> None:
            self._upstream = _address_of(dsn)
            for link in list(self._links):
                link.reset()

        self._call(lead)

    def _call(self, action: Callable[[], _T]) -> _T:
        """Run something in the proxy's loop, where all of its state lives."""
        loop = self._loop
        if loop is None:
            raise RuntimeError("the proxy is not open; use it in a `with` statement")

        async def call() -> _T:
            return action()

        return asyncio.run_coroutine_threadsafe(call(), loop).result()

    def _run(self, listener: socket.socket, opened: threading.Event) -> None:
        asyncio.run(self._serve(listener, opened))

    async def _serve(self, listener: socket.socket, opened: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        tasks: set[asyncio.Task[None]] = set()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            link = _Link(self._conditions, self._upstream, reader, writer)
            if self._conditions.refuse:
                link.reset()
                return
            self._links.add(link)
            task = asyncio.create_task(link.run())
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            task.add_done_callback(lambda _: self._links.discard(link))

        server = await asyncio.start_server(connected, sock=listener)
        opened.set()
        await self._stop.wait()
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _address_of(dsn: str) -> tuple[str, int]:
    """Where a DSN leads, if a proxy can stand there."""
    parts = _dsn.parse(dsn)
    host = parts.get("hostaddr") or parts.get("host") or "127.0.0.1"
    port = parts.get("port") or "5432"
    if "," in host or "," in port:
        raise ValueError("a Proxy stands in front of one server; the DSN names several hosts")
    if not port.isdecimal():
        # Without what stands there: a password with a slash in it would.
        raise ValueError("the port of the DSN is no number")
    if (sslmode := parts.get("sslmode")) in ("require", "verify-ca", "verify-full"):
        raise ValueError(
            f"a Proxy reads what passes, so nothing is encrypted, and sslmode={sslmode} would "
            "fail: leave it out of the DSN"
        )
    return host, int(port)


@define
class _Conditions:
    """How the network is at the moment; read and changed in the proxy's loop only."""

    delay: float = 0.0
    refuse: bool = False
    drops: list[str] = field(factory=list[str])
    dropped: int = 0
    answered: int = 0
    flowing: asyncio.Event = field(factory=asyncio.Event)
    restored: asyncio.Event = field(factory=asyncio.Event)

    def __attrs_post_init__(self) -> None:
        self.flowing.set()

    def strikes(self, statement: str) -> bool:
        """Whether the answer to this statement is to be lost; uses the order up."""
        text = _normal(statement)
        for words in self.drops:
            if text == words or text.startswith((words + " ", words + ";")):
                self.drops.remove(words)
                self.dropped += 1
                return True
        return False


def _normal(statement: str) -> str:
    return re.sub(r"\s+", " ", statement).strip().upper()


class _Link:
    """One client's connection and the one to the server that belongs to it."""

    def __init__(
        self,
        conditions: _Conditions,
        upstream: tuple[str, int],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._conditions = conditions
        self._address = upstream
        self._client_reader, self._client = reader, writer
        self._server: asyncio.StreamWriter | None = None
        self._statements: dict[bytes, str] = {}
        self._portals: dict[bytes, str] = {}
        # ReadyForQuery messages that the server owes: one for the start, then one for every
        # simple query and every Sync.
        self._owed = 1
        # How many of them are still to be passed on before the answer that is to be lost.
        self._lose_after: int | None = None

    def reset(self) -> None:
        """End the connection as TCP does when a machine is gone: with RST, nothing flushed."""
        for writer in (self._client, self._server):
            if writer is not None:
                with contextlib.suppress(OSError):
                    writer.get_extra_info("socket").setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                    )
                writer.transport.abort()

    async def run(self) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._run()
        finally:
            for writer in (self._client, self._server):
                if writer is not None:
                    writer.close()

    async def _run(self) -> None:
        first = await self._first_packet()
        await self._conditions.flowing.wait()
        host, port = self._address
        if host.startswith("/"):
            reader, self._server = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        else:
            reader, self._server = await asyncio.open_connection(host, port)
        self._server.write(first)
        pumps = [
            asyncio.create_task(self._requests(self._server)),
            asyncio.create_task(self._answers(reader)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _first_packet(self) -> bytes:
        """The startup (or cancel) packet; offers of encryption are declined on the way."""
        while True:
            head = await self._client_reader.readexactly(8)
            length, code = struct.unpack("!ii", head)
            if code not in (_SSL_REQUEST, _GSSENC_REQUEST):
                return head + await self._client_reader.readexactly(length - 8)
            await self._conditions.flowing.wait()
            self._client.write(b"N")

    async def _requests(self, server: asyncio.StreamWriter) -> None:
        frames = _Frames()
        while data := await self._client_reader.read(65536):
            for frame in frames.feed(data):
                self._note_request(frame)
            await self._conditions.flowing.wait()
            server.write(data)
            await server.drain()
        await self._conditions.flowing.wait()

    def _note_request(self, frame: bytes) -> None:
        kind, body = frame[:1], frame[5:]
        statement: str | None = None
        if kind == b"Q":
            statement = body[:-1].decode(errors="replace")
        elif kind == b"P":
            name, _, rest = body.partition(b"\0")
            self._statements[name] = rest.partition(b"\0")[0].decode(errors="replace")
        elif kind == b"B":
            portal, _, rest = body.partition(b"\0")
            self._portals[portal] = self._statements.get(rest.partition(b"\0")[0], "")
        elif kind == b"E":
            statement = self._portals.get(body.partition(b"\0")[0])
        if statement and self._lose_after is None and self._conditions.strikes(statement):
            self._lose_after = self._owed
        if kind in (b"Q", b"S", b"F"):
            self._owed += 1

    async def _answers(self, reader: asyncio.StreamReader) -> None:
        """Read from the server and pass on when it is time, so that delays do not add up."""
        queue: asyncio.Queue[tuple[float, bytes | None]] = asyncio.Queue(64)
        sender = asyncio.create_task(self._send(queue))
        loop = asyncio.get_running_loop()
        frames = _Frames()
        try:
            while data := await reader.read(65536):
                passed = b"".join(frame for frame in frames.feed(data) if self._note_answer(frame))
                if self._lose_after == -1:
                    self.reset()
                    return
                await queue.put((loop.time() + self._conditions.delay, passed))
            await queue.put((loop.time() + self._conditions.delay, None))
            await sender
        finally:
            sender.cancel()

    def _note_answer(self, frame: bytes) -> bool:
        """Whether a message of the server may pass."""
        losing = self._lose_after == 0
        if frame[:1] == b"Z":
            self._owed -= 1
            self._conditions.answered += 1
            if self._lose_after is not None:
                self._lose_after -= 1
        return not losing

    async def _send(self, queue: asyncio.Queue[tuple[float, bytes | None]]) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, data = await queue.get()
            while self._conditions.delay and (wait := due - loop.time()) > 0:
                # `restore` ends the wait of what is on its way, too.
                self._conditions.restored.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._conditions.restored.wait(), wait)
            await self._conditions.flowing.wait()
            if data is None:
                return
            self._client.write(data)
            await self._client.drain()


class _Frames:
    """Cuts a stream of bytes into PostgreSQL's messages: a letter, a length, a body."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        pending = self._pending
        pending += data
        frames: list[bytes] = []
        start = 0
        while len(pending) - start >= 5:
            end = start + 1 + int.from_bytes(pending[start + 1 : start + 5])
            if end > len(pending):
                break
            frames.append(bytes(pending[start:end]))
            start = end
        del pending[:start]
        return frames
