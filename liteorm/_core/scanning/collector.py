"""The cyclic garbage collector, kept off while a large result is built."""

from __future__ import annotations

import gc
import os
import threading


class GarbageCollectorPause:
    """Keeps the cyclic garbage collector off while a large result is built.

    Building objects sets off collections, each of which walks all that was built so far, finds
    nothing, and together they cost as much as the building. The switch belongs to the whole
    process, so threads are counted: the last to leave restores what the first one found. Garbage
    that other threads make meanwhile is collected then.
    """

    def __init__(self) -> None:
        # Reentrant: a signal's handler may scan, too.
        self._lock = threading.RLock()
        self._depth = 0
        self._was_enabled = False
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forked)

    def _forked(self) -> None:
        # The threads that were scanning are not in the child.
        if self._depth and self._was_enabled:
            gc.enable()
        self._lock = threading.RLock()
        self._depth = 0

    def __enter__(self) -> None:
        with self._lock:
            if self._depth == 0:
                self._was_enabled = gc.isenabled()
                gc.disable()
            self._depth += 1

    def __exit__(self, *exc: object) -> None:
        with self._lock:
            self._depth -= 1
            if self._depth == 0 and self._was_enabled:
                gc.enable()


pause = GarbageCollectorPause()
