# Generated from liteorm/postgres/_async/limits.py by .ci/unasync.py: edit that file, not this one.
"""How long what a connection does may take, and what the server was told of that."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import Connection, Cursor, pq
from psycopg.abc import PQGen

from liteorm.errors import StatementError
from liteorm.postgres._session.beginning import LIMIT, Begin
from liteorm.postgres._session.options import ANSWER_GRACE
from liteorm.postgres._session.protocol import text_step
from liteorm.postgres._session.receiving import wait_io
from liteorm.postgres._session.state import CLEANUP_BOUND, PoolState, keep
from liteorm.postgres._types.quiet import said

__all__ = ["Limits"]

logger: Final = logging.getLogger("liteorm")

_IDLE: Final = pq.TransactionStatus.IDLE
_told: Final[dict[str, float]] = {}
"""What a statement_timeout means in seconds, by how it is given, as a server has said."""
# Not from the view of all settings: that takes milliseconds, more than the limit may be.
_SETTINGS_SQL: Final = f"{LIMIT}, pg_catalog.current_schemas(true)::text"
_PATH: Final = b"search_path"
_READ: Final = frozenset({b"UTF8", b"SQL_ASCII", None})
"""Encodings of the client that are read as UTF-8; a pooler may not tell which it is."""


class Limits(Connection[tuple[Any, ...]]):
    """A connection that knows its bounds."""

    state: PoolState
    deadline: float | None = None
    """When the operation that runs is to be cancelled, on the monotonic clock."""
    limited_since: float | None = None
    """When a statement began that the server's statement_timeout is over."""
    lasting: float | None = None
    """How long the deadline is from the last answer on."""
    bounded: bool = False
    """The deadline is the one of `open(statement_timeout=…)`, for each statement; not a call's."""
    own_limit: float | None = None
    """The server's statement_timeout if it is other than the pool's; 0.0 is for none."""
    timed_out: bool = False
    """The deadline passed."""
    late: bool = False
    """So it did for a step of the operation, whose answer came all the same."""
    drop_late: bool = False
    """Past the deadline the connection is dropped at once, not cancelled."""
    path: str | None = None
    """The schemas that names are looked for in, where they may have been changed."""
    told_path: bytes | None = None
    """The search_path as the server reported it when that was last looked at: from 18 on."""
    assumed: tuple[str, tuple[str, ...]] | None = None
    """How the transaction began, where the path is what was told after an earlier such BEGIN."""
    relearnt: bool = False
    """It has changed them, or its time limit, after its beginning."""
    dirty: bool = False
    """Something stays behind that the next borrower must not see."""
    raised: bool = False
    """So does a statement_timeout of ours, until `lower_limit`."""
    lent: bool = False
    """It is somebody else's."""
    receive: Any = staticmethod(wait_io)
    """Waits for the answer to a statement."""
    flow: Any = staticmethod(wait_io)
    """Waits for a part of what is long: rows of a stream, data of a COPY."""
    held: bool = False
    """Somebody has it for a block: what he sets in autocommit holds until its end."""

    if TYPE_CHECKING:
        # Of the class below this one: the driver's does not take what waits.
        def wait(
            self,
            gen: PQGen[Any],
            interval: float = 0.1,
            timeout: float | None = None,
            io: Any = wait_io,
        ) -> Any: ...

    def command(self, sql: str) -> str:
        """Run a transaction command; return the server's word for what it did."""
        results: list[Any] = self.wait(text_step(self.pgconn, sql), io=self.receive)
        return (results[-1].command_status or b"").decode()

    @property
    def statement_timed_out(self) -> bool:
        """Whether the server's statement_timeout has passed for the running statement."""
        since, limit = self.limited_since, self.server_limit
        if since is None or limit is None or not self.bounded:
            return False
        return monotonic() - since >= limit * 0.98

    @property
    def server_limit(self) -> float | None:
        """The statement_timeout that is set on the server, None for none."""
        own = self.own_limit
        return self.state.statement_timeout if own is None else own or None

    def limit(self, timeout: float | None, *, drop: bool = False) -> None:
        """Set the bounds of the operation that begins; past them, cancel it or drop all.

        Args:
            timeout: Seconds; None for what `open(statement_timeout=…)` says of each statement.
            drop: Drop the connection then.
        """
        now = monotonic()
        state = self.state
        self.timed_out = False
        self.drop_late = drop
        self.limited_since = now if state.statement_timeout is not None else None
        self.bounded = timeout is None
        if timeout is None and (limit := self.server_limit) is not None:
            # Where the server keeps the time it has had its chance: a cancel would not help.
            self.drop_late = drop or state.server_keeps_timeout
            timeout = limit + (ANSWER_GRACE if state.server_keeps_timeout else 0.0)
        self.lasting = timeout
        self.deadline = None if timeout is None else now + timeout

    def renew(self, statements: int = 1) -> None:
        """Count anew: something was answered, or the time since was not the server's."""
        if self.bounded and self.lasting is not None:
            more = (statements - 1) * (self.server_limit or 0.0)
            self.deadline = monotonic() + self.lasting + more

    def bound(self, timeouts: Sequence[float | None]) -> None:
        """Bound several statements that are sent together: where it can, the server keeps the time.

        Args:
            timeouts: Seconds for each; None for what `open(statement_timeout=…)` says.
        """
        usual = self.server_limit
        seconds = [usual if timeout is None else timeout for timeout in timeouts]
        known = [each for each in seconds if each is not None]
        whole = sum(known) if len(known) == len(seconds) else None
        if whole is not None and (
            self.state.server_keeps_timeout or len(timeouts) > timeouts.count(None)
        ):
            whole += ANSWER_GRACE
        self.lasting = whole
        self.deadline = None if whole is None else monotonic() + whole

    def unlimit(self) -> None:
        """Lift the bounds: the operation has ended, and its error is told."""
        self.deadline = self.limited_since = self.lasting = None
        self.timed_out = False

    def raise_limit(self, timeout: float | None) -> bool:
        """Let the server take longer than the pool's statement_timeout; say whether it had to.

        Args:
            timeout: Seconds, which are the client's to keep; None for any time.
        """
        limit = self.server_limit
        if limit is None or not self.state.server_keeps_timeout:
            return False
        if timeout is not None and timeout <= limit:
            return False
        milliseconds = 0 if timeout is None else ceil((timeout + ANSWER_GRACE) * 1000)
        if self.pgconn.transaction_status == _IDLE:
            # Reset before its next use if it does not come to `lower_limit`.
            self.raised = True
            self.command(f"SET statement_timeout = {milliseconds}")
        else:
            self.command(f"SET LOCAL statement_timeout = {milliseconds}")
        return True

    def lower_limit(self) -> None:
        """Take back what `raise_limit` did, unless the transaction's end will."""
        status = self.pgconn.transaction_status
        if status == _IDLE:
            self.limit(CLEANUP_BOUND, drop=True)
            own = self.own_limit
            back = "RESET statement_timeout"
            if own is not None:
                back = f"SET statement_timeout = {ceil(own * 1000)}"
            self.command(back)
            self.raised = False
        elif status == pq.TransactionStatus.INTRANS:
            milliseconds = ceil((self.server_limit or 0.0) * 1000)
            self.limit(CLEANUP_BOUND, drop=True)
            self.command(f"SET LOCAL statement_timeout = {milliseconds}")

    def begin(self, begin: Begin) -> None:
        """Begin a transaction; note what it has changed that has to be known.

        What a time limit means in milliseconds is asked once. So is where a role or a path leads,
        as long as only the statements that the server keeps prepared depend on it: the server
        plans them anew where names have come to mean something else.
        """
        self.relearnt = False
        if begin.unasked is None:
            self.wait(text_step(self.pgconn, begin.sent), io=self.receive)
            return
        state = self.state
        limit = None if begin.limit is None else _told.get(begin.limit)
        place = None if begin.moves is None else (begin.shown, begin.moves)
        # Who writes objects, has set a path before, or uses an owner's connection, asks each time.
        usual = self.path is None and not self.lent and begin.shown not in state.named
        path = state.paths.get(place) if usual and place is not None else None
        if (begin.limit is None) is (limit is None) and (place is None) is (path is None):
            self.wait(text_step(self.pgconn, begin.unasked), io=self.receive)
            if place is not None:
                self.moved(path)
                self.assumed = place
        else:
            results: list[Any] = self.wait(
                text_step(self.pgconn, begin.sent), io=self.receive
            )
            told = [(each.get_value(0, 0) or b"").decode() for each in results if each.nfields]
            if begin.limit is not None:
                limit = int(told.pop()) / 1000
                keep(_told, begin.limit, limit)
            if place is not None:
                path = told[0]
                if usual:
                    keep(state.paths, place, path)
                self.moved(path)
        if limit is not None and state.statement_timeout is not None:
            self.own_limit = limit

    def ask_path(self) -> None:
        """Ask where names lead, where that is assumed: what a table is known for depends on it.

        A schema made meanwhile, or opened to the role, counts at once. From now on the question
        goes along with each BEGIN like this one.
        """
        if self.assumed is None:
            return
        begun, _ = self.assumed
        self._learn()
        keep(self.state.named, begun, None)

    def learn_settings(self) -> None:
        """Ask for what has been changed: the statement_timeout and, in a transaction, the path.

        Raises:
            StatementError: It was the client_encoding.
        """
        self._keep_encoding()
        status = self.pgconn.transaction_status
        inside = status == pq.TransactionStatus.INTRANS
        if not inside and not (self.held and status == _IDLE):
            return
        if inside:
            self.relearnt = True
            self._learn()
            return
        # What has changed it is done and holds: its call does not fail because this does.
        late = self.timed_out, self.late
        self.limit(CLEANUP_BOUND, drop=True)
        try:
            self._learn()
        except psycopg.Error as exc:
            logger.debug("what was set could not be asked for: %s", said(exc))
        finally:
            self.limit(None)
            self.timed_out, self.late = late

    def _keep_encoding(self) -> None:
        """Refuse another encoding than UTF-8: all that is sent and read would be taken for it."""
        encoding = None if self.closed else self.pgconn.parameter_status(b"client_encoding")
        if encoding in _READ:
            return
        self.command("SET client_encoding TO 'UTF8'")
        was = (encoding or b"").decode()
        raise StatementError(
            f"client_encoding was set to {was}, expected UTF8, which liteorm "
            "speaks; it is UTF8 again, and what else the statement did stands",
            hint="leave client_encoding as it is: convert_to(value, 'LATIN1') gives other bytes",
        )

    def _learn(self) -> None:
        cursor = Cursor(self)
        cursor.execute(_SETTINGS_SQL, prepare=False)
        [row] = cursor.fetchall()
        self.moved(row[1])
        if self.state.statement_timeout is not None:
            self.own_limit = int(row[0]) / 1000

    def moved(self, path: str | None) -> None:
        """Note which schemas names are looked for in from now on."""
        self.path = path
        self.assumed = None
        self.told_path = None if self.closed else self.pgconn.parameter_status(_PATH)

    def look_around(self) -> None:
        """Notice a search_path that was changed by what no text tells: a function, its owner."""
        told = self.told_path if self.closed else self.pgconn.parameter_status(_PATH)
        if told != self.told_path:
            self.told_path = told
            self.assumed = None
            self.path = None if told is None else f"reported {told.decode()}"
