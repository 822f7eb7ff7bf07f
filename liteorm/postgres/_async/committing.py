"""COMMIT, and what its answers mean."""

from __future__ import annotations

from liteorm.errors import CommitUnknown, ConnectionLost, Error, TransactionAborted
from liteorm.postgres._async.connection import AsyncWire
from liteorm.postgres._session.outcomes import because, is_interruption, leaves_commit_open
from liteorm.postgres._session.translate import lost

__all__ = ["aborted", "commit"]


async def commit(wire: AsyncWire, swallowed: BaseException | None = None) -> None:
    """Commit the transaction of a connection.

    Args:
        wire: The connection.
        swallowed: The first error in the transaction, if one was swallowed.

    Raises:
        TransactionAborted: The server rolled back.
        CommitUnknown: COMMIT was sent and its outcome is not known.
        ConnectionLost: The connection went away before.
    """
    if wire.closed or (wire.spoken_to and not wire.hear()):
        raise _lost_before_commit(wire)
    wire.limit(None)
    try:
        tag = await wire.command("COMMIT")
    except BaseException as exc:
        if is_interruption(exc):
            raise exc from _commit_unknown("this task was interrupted")
        left_open = leaves_commit_open(exc)
        exc = because(wire.translated(exc, "COMMIT"), exc)
        if wire.closed or wire.timed_out or left_open:
            why = "the connection was lost" if wire.closed else "the server could not finish"
            unknown = _commit_unknown("it took too long" if wire.timed_out else why)
            unknown.sqlstate = getattr(exc, "sqlstate", None)
            unknown.server = wire.server
            exc = because(unknown, exc)
            del unknown
        raise exc
    if wire.timed_out:
        # Cancelled while it waited for a standby: stored here, and perhaps only here.
        raise _commit_unknown("it took too long, and was cancelled")
    if tag != "COMMIT":
        raise aborted("transaction", swallowed) from swallowed


def aborted(what: str, cause: BaseException | None) -> TransactionAborted:
    """Return the error for work that the server rolled back because an error was swallowed."""
    return TransactionAborted(
        f"the {what} was rolled back, not committed: an error inside it was swallowed",
        hint="let errors leave the block, or put what may fail into a savepoint of its own",
        sqlstate=cause.sqlstate if isinstance(cause, Error) else None,
        retryable=cause.retryable if isinstance(cause, Error) else None,
    )


def _commit_unknown(why: str) -> CommitUnknown:
    return CommitUnknown(
        f"{why} during COMMIT: the work may or may not be stored",
        hint="look whether it is there before doing it again",
    )


def _lost_before_commit(wire: AsyncWire) -> ConnectionLost:
    error = lost(None, wire, "COMMIT")
    error.message += " before COMMIT was sent; nothing has been stored"
    return error
