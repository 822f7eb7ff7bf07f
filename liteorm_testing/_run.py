"""One run of the tests: its server, started when first asked for, and what is shared between tests.

Under pytest-xdist the controller owns the server; workers ask it over a loopback connection, so
that the server starts only if a test needs it, and lives and dies with the controller.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from multiprocessing import AuthenticationError
from multiprocessing.connection import (
    Client,
    Connection,
    Listener,
    answer_challenge,
    deliver_challenge,
)
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from attrs import frozen

from liteorm_testing._launched import LogFile
from liteorm_testing._server import Server, ServerNotAvailable
from liteorm_testing.servers import KINDS, asked, choose, end, start

if TYPE_CHECKING:
    from liteorm.postgres import DB
    from liteorm_testing._copies import Copies
    from liteorm_testing._schema import Schema
    from liteorm_testing.databases import Database


class SchemaFailed(RuntimeError):
    """The template of a schema could not be made; the message says why, and where."""


class Run:
    """A run of the tests in one process.

    Args:
        kind: The server that was asked for.
        image: The Docker image, if one was named.
        settings: Settings of a server that the run starts.
        worker: "main", or the name of a worker.
        broker: In a worker, where the controller answers.
        tell: Called with a sentence about the server when it is chosen.
    """

    def __init__(
        self,
        *,
        kind: str,
        image: str | None,
        settings: Mapping[str, str],
        worker: str,
        broker: tuple[int, str] | None,
        tell: Callable[[str], None],
    ) -> None:
        self._kind = kind
        self._image = image
        self._settings = settings
        self._worker = worker
        self._broker = broker
        self._tell = tell
        self._servers = ExitStack()
        self._sessions = ExitStack()
        self.keep_servers = False
        """Set when a database is kept for a look at it: its server has to stay."""
        self._ended = False
        self._lock = threading.Lock()
        self._server: Server | None = None
        self._problem: str | None = None
        self._listener: Listener | None = None
        self._address: tuple[int, str] | None = None
        self._workers = 0
        self._common: dict[tuple[str, str, str], Database] = {}
        self._common_dbs: dict[str, DB] = {}
        self._schema_problems: dict[tuple[str, int], tuple[object, str]] = {}

    def described(self) -> str:
        """The server that was asked for; which one it will be, nobody has looked yet."""
        try:
            given = asked(self._kind)
        except ValueError as error:
            return str(error)
        if given == "auto":
            return "auto (chosen when a test first asks for it)"
        if given in KINDS:
            return f"{given} (asked for)"
        ignored = "; liteorm_settings are for servers that the run starts"
        return f"dsn ({given}){ignored if self._settings else ''}"

    def server(self) -> Server:
        """The run's server; the first call starts it."""
        with self._lock:
            if self._problem is not None:
                raise ServerNotAvailable(self._problem)
            if self._server is None:
                try:
                    self._server = self._from_controller() if self._broker else self._start()
                except Exception as error:
                    # The next test need not wait for the same failure.
                    self._problem = str(error)
                    raise
            return self._server

    def owns(self, server: Server) -> bool:
        """Whether it is the run's own server, and not one that a test project put in its place."""
        return server is self._server

    def fresh(self, server: Server, schema: Schema) -> Database:
        """A database for one test."""
        from liteorm_testing.databases import make

        copies, _ = self._prepared(server, schema)
        return make(copies, schema)

    def common(self, server: Server, isolation: str, schema: Schema) -> Database:
        """The database of all tests with this isolation."""
        _, template = self._prepared(server, schema)
        key = (server.run, isolation, template)
        if key not in self._common:
            self._common[key] = self.fresh(server, schema)
        return self._common[key]

    def _prepared(self, server: Server, schema: Schema) -> tuple[Copies, str]:
        """What makes databases, and its template; what is wrong with a schema is found out once."""
        from liteorm_testing._copies import copies_of

        key = (server.run, id(schema))
        known = self._schema_problems.get(key)
        if known is not None:
            raise SchemaFailed(known[1])
        copies = copies_of(server)
        try:
            return copies, copies.template(schema)
        except Exception as error:
            text = "\n".join([f"{error}", *getattr(error, "__notes__", ())])
            if not isinstance(error, (ConnectionError, TimeoutError)):
                # The schema is kept as well: another object could get its id otherwise.
                self._schema_problems[key] = (schema, text)
            if has_a_traceback(schema):
                raise  # its own says more
            raise SchemaFailed(text) from error

    def common_db(self, database: Database) -> DB:
        """A `DB` on a common database that stays open between tests."""
        if database.name not in self._common_dbs:
            from liteorm import postgres

            opened = postgres.open(database.dsn, application_name="liteorm_tx")
            self._common_dbs[database.name] = self._sessions.enter_context(opened)
        return self._common_dbs[database.name]

    def discard(self, database: Database) -> None:
        """Let the next test have another common database: this one is not as it was."""
        self._common = {key: one for key, one in self._common.items() if one is not database}

    def close(self) -> None:
        """End what this process started, sessions first."""
        self._ended = True
        if self._listener is not None:
            self._listener.close()
        self._sessions.close()
        if self.keep_servers and self._server is not None:
            self._server._leave()
        self._servers.close()

    def hand_out(self) -> tuple[int, str]:
        """Where workers may ask for the server: a port and a key."""
        self._workers += 1
        if self._address is None:
            key = os.urandom(16)
            # All workers may ask at once; one that found the queue full would wait for ever.
            self._listener = Listener(("127.0.0.1", 0), backlog=512)
            _, port = cast("tuple[str, int]", self._listener.address)
            self._address = (port, key.hex())
            threading.Thread(
                target=self._listen, args=(key,), name="liteorm-broker", daemon=True
            ).start()
        return self._address

    def _start(self) -> Server:
        from liteorm_testing._copies import copies_of

        # PostgreSQL's own default for one process, more for each further worker of a parallel run.
        connections = str(100 + 40 * max(self._workers - 1, 0))
        settings = {"max_connections": connections, **self._settings}
        choice = choose(self._kind, self._image)
        if self._kind == "auto":
            self._tell(f"server {choice}")
        server = self._servers.enter_context(start(choice, settings=settings))
        server._shared = True
        if self._workers:
            copies_of(server)  # claims the run: workers make databases, but do not own it
        return server

    def _from_controller(self) -> Server:
        answer = self._ask("server")
        if isinstance(answer, str):
            raise ServerNotAvailable(answer)
        file = Path(answer["socket"] or "", "log")
        server = Server(**answer)
        server._log = LogFile(file) if answer["socket"] else _AskedLog(self._ask)
        server._worker = self._worker
        self._servers.callback(end, server)
        return server

    def _ask(self, *question: object) -> Any:
        assert self._broker is not None
        port, key = self._broker
        with Client(("127.0.0.1", port), authkey=bytes.fromhex(key)) as connection:
            connection.send(question)
            return connection.recv()

    def _listen(self, key: bytes) -> None:
        assert self._listener is not None
        while True:
            try:
                connection = self._listener.accept()
            except OSError:
                if self._ended:
                    return
                continue
            threading.Thread(target=self._answer, args=(connection, key), daemon=True).start()

    def _answer(self, connection: Connection[Any, Any], key: bytes) -> None:
        with connection, contextlib.suppress(EOFError, OSError, AuthenticationError):
            # What `Client` does at its end. Here and not in `accept`, where one client that says
            # nothing would keep all others waiting.
            deliver_challenge(connection, key)
            answer_challenge(connection, key)
            question, *arguments = connection.recv()
            if question == "log":
                connection.send(self._server.log(since=arguments[0]) if self._server else "")
                return
            try:
                server = self.server()
            except Exception as error:
                connection.send(str(error))
            else:
                connection.send(server._described())


def has_a_traceback(schema: object) -> bool:
    """Whether a schema is a function of the user's, in which something has gone wrong."""
    return callable(schema) or callable(getattr(schema, "apply", None))


@frozen
class _AskedLog:
    """A container's log, which only the controller can read; its marks are times."""

    ask: Callable[..., Any]

    def log(self, since: float) -> str:
        return str(self.ask("log", since))

    def log_mark(self) -> float:
        return time.time()
