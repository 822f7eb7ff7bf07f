"""A snapshot of a connection pool."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class PoolStats:
    """A snapshot of a connection pool.

    Args:
        size: Connections there are, in use and idle.
        in_use: Connections that are lent out.
        idle: Connections that wait for work.
        waiting: Callers that wait for a connection now.
        min_size: The size the pool keeps when nothing happens.
        max_size: The size the pool never goes past.
        requests: How often a connection was asked for.
        wait_count: How many of these had to wait.
        wait_seconds: Seconds waited in all.
        timeouts: How many gave up waiting (`PoolTimeout`), or failed otherwise.
        connects: Connections attempted.
        connect_errors: Connections that could not be made.
        lost: Connections found to be lost.
    """

    size: int
    in_use: int
    idle: int
    waiting: int
    min_size: int = 0
    max_size: int = 0
    requests: int = 0
    wait_count: int = 0
    wait_seconds: float = 0.0
    timeouts: int = 0
    connects: int = 0
    connect_errors: int = 0
    lost: int = 0
