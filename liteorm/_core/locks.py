"""Locks that an exception out of a signal's handler does not leave behind."""

from __future__ import annotations

import sys
from typing import Any, Final

__all__ = ["Safely", "safely"]

_ONCE: Final = (True,)


class Safely:
    """Holds a lock for a block, from whose beginning on it is given back whatever is raised.

    `with lock:` does not promise that in Python 3.14: a handler may run when the lock has been
    taken and the block has not begun, and what it raises (Ctrl-C, a time limit) leaves it locked.

    Args:
        lock: One of `threading`.
    """

    __slots__ = ("_acquire", "_exit", "_release", "locked")

    def __init__(self, lock: Any) -> None:
        self._acquire, self._release, self._exit = lock.acquire, lock.release, lock.__exit__
        self.locked: Any = getattr(lock, "locked", None)

    def __enter__(self) -> None:
        # Taken and noted in one step: no handler runs inside what is written in C.
        held: list[bool] = []
        try:
            held.extend(map(self._acquire, _ONCE))
        except BaseException:
            if held:
                self._release()
            raise

    @property
    def __exit__(self) -> Any:
        # Not a function in Python, at whose first line a handler may run.
        return self._exit


def safely(lock: Any) -> Any:
    """Return the lock, or what holds it safely where `with` alone does not."""
    return Safely(lock) if sys.version_info[:2] == (3, 14) else lock
