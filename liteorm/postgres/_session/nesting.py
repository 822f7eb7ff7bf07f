"""Which transactions are open around the code that runs, by its context."""

from __future__ import annotations

import weakref
from contextvars import ContextVar
from typing import Any, Final

__all__ = ["entered", "is_inside"]

# Not by thread or task: these have numbers that are used again, work for strangers, and hand
# transactions on. Weak, and asked whether they have ended: a transaction may end elsewhere.
_AROUND: Final[ContextVar[tuple[weakref.ref[Any], ...]]] = ContextVar("liteorm_around", default=())


def _open(reference: weakref.ref[Any]) -> Any:
    tx = reference()
    return tx if tx is not None and tx._ended is None else None


def entered(tx: Any) -> None:
    """Note that a transaction was opened here."""
    around = tuple(reference for reference in _AROUND.get() if _open(reference) is not None)
    _AROUND.set((*around, weakref.ref(tx)))


def is_inside(state: Any) -> bool:
    """Say whether a transaction of a pool is open around the caller."""
    found = (_open(reference) for reference in _AROUND.get())
    return any(tx is not None and tx._state is state for tx in found)
