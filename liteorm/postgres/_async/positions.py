"""Reading one's own writes from a replica: where the primary is, and waiting until one is there."""

from __future__ import annotations

from math import ceil
from time import monotonic
from typing import Final

from liteorm._core.contracts import AsyncSession
from liteorm._core.patterns import pattern
from liteorm.errors import Error, StatementTimeout
from liteorm.postgres._async.database import AsyncDB
from liteorm.postgres._async.lookup import own_text
from liteorm.postgres._async.statements import AsyncStatements
from liteorm.postgres._session.options import ANSWER_GRACE, check_seconds, wrong_session
from liteorm.postgres._session.primitives import asleep
from liteorm.postgres._types.coded import Encoded

__all__ = ["position_async", "wait_for_async"]

_POSITION: Final = pattern(r"[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}")
_PAGE_HEADER: Final = 24
_SEGMENT_HEADER: Final = 40
_FIRST_PAUSE: Final = 0.002
_LONGEST_PAUSE: Final = 0.05
_POSITION_SQL: Final = """
SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
            ELSE pg_current_wal_insert_lsn() END::text,
       current_setting('wal_block_size')::int8,
       pg_size_bytes(current_setting('wal_segment_size'))
"""
_MISSING_SQL: Final = """
SELECT CASE WHEN pg_is_in_recovery()
            THEN greatest(pg_wal_lsn_diff(%s::text::pg_lsn,
                                          coalesce(pg_last_wal_replay_lsn(), '0/0')), 0)::int8
            ELSE 0::int8 END,
       current_setting('server_version_num')::int4
"""
_WAITS_ITSELF: Final = 190000
"""Since this version a replica waits by itself: WAIT FOR LSN."""


async def position_async(session: AsyncSession) -> str:
    """Return how far the server's log of changes goes, such as `"0/3A1F2C8"`.

    Asked of the primary after a commit, it covers all that was committed by then. A replica gives
    what it has replayed.

    Args:
        session: A database or a transaction.

    Example:
        ```
        there = await position_async(primary)
        await wait_for_async(replica, there, timeout=5)
        ```
    """
    if not isinstance(session, AsyncStatements):
        raise wrong_session(position_async, session, AsyncDB)
    # Not the flushed position: a commit with synchronous_commit = off lies behind it.
    [(found, page, segment)] = await session.query(_POSITION_SQL)
    return _end_of_record(found or "0/0", page, segment)


async def wait_for_async(session: AsyncSession, position: str, timeout: float = 10.0) -> None:
    """Wait until a replica shows all that the primary had at a position.

    On a primary, one just promoted too, it returns at once. The replica is asked again and again,
    each time on a connection of the pool: where a pool leads to several replicas, take one of
    them with `db.connection()` and read from that.

    Args:
        session: A database, or a session of one connection.
        position: What `position_async` gave.
        timeout: Seconds to wait at most.

    Raises:
        TimeoutError: The replica was not there in time; it says how many bytes are missing.

    Example:
        ```
        there = await position_async(primary)
        await wait_for_async(replica, there, timeout=5)
        ```
    """
    if not isinstance(session, AsyncStatements):
        raise wrong_session(wait_for_async, session, AsyncDB)
    if not isinstance(position, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"position is a str, not {type(position).__name__}")
    if not _POSITION.fullmatch(position):
        raise ValueError("position is none: expected what position() gives, like '0/3A1F2C8'")
    check_seconds("timeout", timeout)
    deadline, pause = monotonic() + timeout, _FIRST_PAUSE
    missing: int | None = None
    try:
        while True:
            left = max(deadline - monotonic(), 0.001)
            [(missing, version)] = await session.query(
                _MISSING_SQL, [Encoded(position)], timeout=left
            )
            if not missing:
                return
            if (left := deadline - monotonic()) <= 0:
                break
            itself = version >= _WAITS_ITSELF and session._autocommit
            if not (itself and await _waited_there(session, position, left)):
                await asleep(min(pause, left))
                pause = min(2 * pause, _LONGEST_PAUSE)
    except StatementTimeout as exc:
        raise _not_there(timeout, missing) from exc
    raise _not_there(timeout, missing)


async def _waited_there(session: AsyncStatements, position: str, seconds: float) -> bool:
    """Let the replica wait, and ask afterwards; False if it does not know how."""
    # A command without parameters. It holds no snapshot, so it stands in no transaction.
    text = f"WAIT FOR LSN '{position}' WITH (TIMEOUT '{ceil(seconds * 1000)}ms', NO_THROW)"
    try:
        await session.query(own_text(text), timeout=seconds + ANSWER_GRACE)
    except (StatementTimeout, ConnectionError):
        raise
    except Error:
        return False
    return True


def _not_there(timeout: float, missing: int | None) -> TimeoutError:
    """Return the error for a replica that is behind."""
    how_far = "it did not answer" if missing is None else f"{missing} bytes are missing there"
    return TimeoutError(f"the replica was not at that position within {timeout:g} s: {how_far}")


def _end_of_record(position: str, page: int, segment: int) -> str:
    """Return where the last record ends, for a place behind a header with nothing after it.

    There the next record will begin; a replica stays before the header until it comes. The first
    page of a segment has a longer one.
    """
    high, low = position.split("/")
    at = int(low, 16)
    if at % segment == _SEGMENT_HEADER:
        at -= _SEGMENT_HEADER
    elif at % page == _PAGE_HEADER:
        at -= _PAGE_HEADER
    return f"{high}/{at:X}"
