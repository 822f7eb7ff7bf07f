"""What a statement needs that may be left before its end: in a stream, or a COPY."""

from __future__ import annotations

from typing import Final

from psycopg import pq

from liteorm.postgres._async.connection import AsyncWire
from liteorm.postgres._async.statements import AsyncUse

__all__ = ["AsyncProtection"]

_IDLE: Final = pq.TransactionStatus.IDLE
_INTRANS: Final = pq.TransactionStatus.INTRANS
_INERROR: Final = pq.TransactionStatus.INERROR


class AsyncProtection:
    """A savepoint around a statement: leaving it early cancels it, and spoils no transaction."""

    def __init__(self, savepoint: str) -> None:
        self._savepoint = savepoint
        self._saved = False

    async def begin(self, wire: AsyncWire, use: AsyncUse, timeout: float | None) -> float | None:
        """Set the savepoint, and the bound for the first answer; return that for each.

        The server's own limit is lifted: it would count what the reader takes in between.
        """
        if wire.pgconn.transaction_status != _IDLE:
            await wire.command(f"SAVEPOINT {self._savepoint}")
            self._saved = True
        if wire.server_limit is not None:
            if timeout is None:
                timeout = wire.server_limit
            await use.lift(wire)
        if timeout is not None:
            wire.limit(timeout)
        return timeout

    async def release(self, wire: AsyncWire) -> None:
        """Keep what the statement did, which has come to its end."""
        if self._saved and wire.pgconn.transaction_status == _INTRANS:
            wire.limit(None)
            await wire.command(f"RELEASE SAVEPOINT {self._savepoint}")

    async def again(self, wire: AsyncWire) -> None:
        """Go back to before the statement, which is to be sent once more."""
        if self._saved and wire.pgconn.transaction_status == _INERROR:
            await wire.command(f"ROLLBACK TO SAVEPOINT {self._savepoint}")

    async def undo(self, wire: AsyncWire) -> None:
        """Go back to before the statement if it was cancelled."""
        if self._saved and wire.pgconn.transaction_status == _INERROR:
            await wire.command(f"ROLLBACK TO SAVEPOINT {self._savepoint}")
        if self._saved and wire.pgconn.transaction_status == _INTRANS:
            await wire.command(f"RELEASE SAVEPOINT {self._savepoint}")
