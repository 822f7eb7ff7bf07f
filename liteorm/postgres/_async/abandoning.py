"""Streams and COPYs that were lost without an end: the next call on their connection ends them."""

from __future__ import annotations

import logging
import weakref
from typing import Any, Final, NamedTuple

import psycopg

from liteorm.postgres._async.connection import AsyncWire
from liteorm.postgres._async.protecting import AsyncProtection
from liteorm.postgres._session.copying_out import CopyOut
from liteorm.postgres._session.primitives import afinish
from liteorm.postgres._session.protocol import drain_step
from liteorm.postgres._types.quiet import said

__all__ = ["abandon_reading", "end_abandoned", "take_over"]

logger: Final = logging.getLogger("liteorm")


class Abandoned(NamedTuple):
    """What nobody can end any more: a finalizer may not wait."""

    reader: weakref.ref[Any] | None
    """What rows or blocks are read with, if it is still there."""
    copies: bool
    protection: AsyncProtection


def abandon_reading(
    wire: AsyncWire, reader: Any, copies: bool, protection: AsyncProtection
) -> None:
    """Note that the block of a stream or a COPY was lost, which has the connection still."""
    found = None if reader is None else weakref.ref(reader)
    wire.abandoned = Abandoned(found, copies, protection)


def take_over(wire: AsyncWire) -> bool:
    """Say whether the connection is free for the caller, but for what was lost on it."""
    # One of several callers: `pop` of a dict is for one.
    found = wire.__dict__.pop("abandoned", None)
    if found is None:
        return False
    wire.ending = found
    return True


async def end_abandoned(wire: AsyncWire) -> None:
    """Stop what was lost, if it still runs, and undo its savepoint."""
    found: Abandoned | None = wire.ending
    if found is not None:
        wire.ending = None
        await afinish(_end(wire, found))


async def _end(wire: AsyncWire, found: Abandoned) -> None:
    reader = None if found.reader is None else found.reader()
    if reader is not None:
        reader.lose()
    wire.loss_told = False  # another one is another
    if wire.closed:
        return
    rest: Any = CopyOut(wire).rest() if found.copies else drain_step(wire.pgconn)
    await wire.stop_copying(rest)
    try:
        await found.protection.undo(wire)
        if wire.state.statement_timeout is not None and wire.state.server_keeps_timeout:
            await wire.lower_limit()
    except psycopg.Error as exc:
        logger.debug("what was lost could not be ended: %s", said(exc))
    finally:
        wire.unlimit()
