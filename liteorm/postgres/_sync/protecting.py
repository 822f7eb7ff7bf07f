# Generated from liteorm/postgres/_async/protecting.py by .ci/unasync.py: edit that file, not this one.
"""What a statement needs that may be left before its end: in a stream, or a COPY."""

from __future__ import annotations

from typing import Final

from psycopg import pq

from liteorm.postgres._sync.connection import Wire
from liteorm.postgres._sync.statements import Use

__all__ = ["Protection"]

_IDLE: Final = pq.TransactionStatus.IDLE
_INTRANS: Final = pq.TransactionStatus.INTRANS
_INERROR: Final = pq.TransactionStatus.INERROR


class Protection:
    """A savepoint around a statement: leaving it early cancels it, and spoils no transaction."""

    def __init__(self, savepoint: str) -> None:
        self._savepoint = savepoint
        self._saved = False

    def begin(self, wire: Wire, use: Use, timeout: float | None) -> float | None:
        """Set the savepoint, and the bound for the first answer; return that for each.

        The server's own limit is lifted: it would count what the reader takes in between.
        """
        if wire.pgconn.transaction_status != _IDLE:
            wire.command(f"SAVEPOINT {self._savepoint}")
            self._saved = True
        if wire.server_limit is not None:
            if timeout is None:
                timeout = wire.server_limit
            use.lift(wire)
        if timeout is not None:
            wire.limit(timeout)
        return timeout

    def release(self, wire: Wire) -> None:
        """Keep what the statement did, which has come to its end."""
        if self._saved and wire.pgconn.transaction_status == _INTRANS:
            wire.limit(None)
            wire.command(f"RELEASE SAVEPOINT {self._savepoint}")

    def again(self, wire: Wire) -> None:
        """Go back to before the statement, which is to be sent once more."""
        if self._saved and wire.pgconn.transaction_status == _INERROR:
            wire.command(f"ROLLBACK TO SAVEPOINT {self._savepoint}")

    def undo(self, wire: Wire) -> None:
        """Go back to before the statement if it was cancelled."""
        if self._saved and wire.pgconn.transaction_status == _INERROR:
            wire.command(f"ROLLBACK TO SAVEPOINT {self._savepoint}")
        if self._saved and wire.pgconn.transaction_status == _INTRANS:
            wire.command(f"RELEASE SAVEPOINT {self._savepoint}")
