# Generated from liteorm/postgres/_async/meeting.py by .ci/unasync.py: edit that file, not this one.
"""The first connection of a pool: what stands between it and the server, and what is safe there."""

from __future__ import annotations

import os
from collections.abc import Callable
from time import monotonic
from typing import Final

import psycopg

from liteorm.errors import ConnectFailed
from liteorm.postgres._sync.connection import Wire
from liteorm.postgres._session.primitives import within
from liteorm.postgres._session.protocol import probe_step
from liteorm.postgres._session.state import PoolState
from liteorm.postgres._session.translate import connect_failed

__all__ = ["first_wire"]

_REFUSED_OPTION: Final = "unsupported startup parameter"


def first_wire(
    state: PoolState, timeout: float, without_options: Callable[[], str]
) -> Wire:
    """Connect for the first time, and find out what stands in between.

    Args:
        state: What is to be opened; what was found out is noted there.
        timeout: Seconds it may take in all.
        without_options: Gives libpq's words without startup options of ours.
    """
    deadline = monotonic() + timeout

    def meet(wire: Wire) -> None:
        wire.limit(max(deadline - monotonic(), 0.001), drop=True)
        try:
            _find_out(state, wire)
        finally:
            wire.unlimit()

    state.meet = meet
    while True:
        left = max(deadline - monotonic(), 0.001)
        try:
            return within(left, Wire.connect, state.conninfo, **state.connect_kwargs)
        except TimeoutError as exc:
            raise ConnectFailed(f"no connection could be made within {timeout:g} s") from exc
        except psycopg.Error as exc:
            ours = state.server_keeps_timeout and state.statement_timeout is not None
            if not ours or _REFUSED_OPTION not in str(exc):
                raise connect_failed(exc) from exc
            # A pooler that knows no statement_timeout at startup: the client keeps it.
            state.server_keeps_timeout = False
            state.conninfo = without_options()


def _find_out(state: PoolState, wire: Wire) -> None:
    """Note whether a pooler stands between, and whether statements may be prepared."""
    found = wire.wait(probe_step(wire.pgconn, f"liteorm_{os.urandom(16).hex()}".encode()))
    if found is None:
        result = wire.run("SELECT pg_catalog.pg_backend_pid()::text")
        found = result.get_value(0, 0) or b"", True
    process, own_name = found
    # A pooler announces a process that is not the server's, and is a session's of its own only.
    between = process != str(wire.pgconn.backend_pid).encode()
    state.pooled = state.pooler == "transaction" or (between and state.pooler is None)
    if state.prepare is None:
        # Under the name it was given, the next client would meet the statement too.
        state.prepares = not (state.pooled and own_name)
    else:
        state.prepares = state.prepare
    if between or state.pooled:
        # A pooler may be told to swallow the startup option.
        state.server_keeps_timeout = False
