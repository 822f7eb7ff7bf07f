# Generated from liteorm/postgres/_async/positions.py by .ci/unasync.py: edit that file, not this one.
"""Reading one's own writes from a replica: where the primary is, and waiting until one is there."""

from __future__ import annotations

import re
from time import monotonic
from typing import Final

from liteorm._core.contracts import Session
from liteorm.postgres._sync.database import DB
from liteorm.postgres._sync.statements import Statements
from liteorm.postgres._session.options import check_seconds, wrong_session
from liteorm.postgres._session.primitives import sleep

__all__ = ["position", "wait_for"]

_POSITION: Final = re.compile(r"[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}")
_PAGE: Final = 8192
_PAGE_HEADER: Final = 24
_FIRST_PAUSE: Final = 0.002
_LONGEST_PAUSE: Final = 0.05


def position(session: Session) -> str:
    """Return how far the server's log of changes goes, such as `"0/3A1F2C8"`.

    Asked of the primary after a commit, it covers all that was committed by then. A replica gives
    what it has replayed.

    Args:
        session: A database or a transaction.

    Example:
        ```
        there = position(primary)
        wait_for(replica, there, timeout=5)
        ```
    """
    if not isinstance(session, Statements):
        raise wrong_session(position, session, DB)
    # Not the flushed position: a commit with synchronous_commit = off lies behind it.
    rows = session.query(
        "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()"
        " ELSE pg_current_wal_insert_lsn() END::text"
    )
    [(found,)] = rows
    return _end_of_record(found or "0/0")


def wait_for(session: Session, position: str, timeout: float = 10.0) -> None:
    """Wait until a replica shows all that the primary had at a position.

    On a primary, one just promoted too, it returns at once. The replica is asked again and again,
    each time on a connection of the pool: where a pool leads to several replicas, take one of
    them with `db.connection()` and read from that.

    Args:
        session: A database, or a session of one connection.
        position: What `position` gave.
        timeout: Seconds to wait at most.

    Raises:
        TimeoutError: The replica was not there in time.

    Example:
        ```
        there = position(primary)
        wait_for(replica, there, timeout=5)
        ```
    """
    if not isinstance(session, Statements):
        raise wrong_session(wait_for, session, DB)
    if not isinstance(position, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"position is a str, not {type(position).__name__}")
    if not _POSITION.fullmatch(position):
        raise ValueError("position is none: expected what position() gives, like '0/3A1F2C8'")
    check_seconds("timeout", timeout)
    deadline, pause = monotonic() + timeout, _FIRST_PAUSE
    while True:
        rows = session.query(
            "SELECT NOT pg_is_in_recovery()"
            " OR coalesce(pg_last_wal_replay_lsn() >= %s::text::pg_lsn, false)",
            [position],
            timeout=max(deadline - monotonic(), 0.001),
        )
        [(reached,)] = rows
        if reached:
            return
        if (left := deadline - monotonic()) <= 0:
            raise TimeoutError(f"the replica was not at that position within {timeout:g} s")
        sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST_PAUSE)


def _end_of_record(position: str) -> str:
    """Return where the last record ends, for a place behind the header of a page without any.

    There the next record will begin; a replica stays before the header until it comes.
    """
    high, low = position.split("/")
    at = int(low, 16)
    return f"{high}/{at - _PAGE_HEADER:X}" if at % _PAGE == _PAGE_HEADER else position
