"""The cyclic garbage collector, at rest while a large result is built."""

from __future__ import annotations

import gc
import os
from time import monotonic

LONGEST = 1.0
"""Seconds after which the collector comes back although a scan goes on."""

BETWEEN = 0.25
"""Seconds for which it then stays, before it may rest again."""


_RESTING = 1_999_999_973
"""The threshold of a collector that rests: more objects than there will be, and nobody's choice."""


class Pause:
    """The rest of the cyclic garbage collector, shared by all threads.

    Building objects sets off collections, each of which walks all that was built so far, finds
    nothing, and together they cost as much as the building. The switch belongs to the whole
    process, so scans are counted: the last to end puts back what the first one found. Garbage
    that other threads make meanwhile is collected then.

    The switch is the threshold, not `gc.disable()`: who calls that, or `gc.enable()`, while a
    scan goes on finds it as it was left. That the collector rests is told by the threshold
    alone, and there is no lock: an exception may come between any two steps, and a finaliser or
    the handler of a signal may scan, too.
    """

    def __init__(self) -> None:
        self._holds: set[int] = set()
        self._thresholds = gc.get_threshold()
        self._since = self._until = self._back = 0.0
        self.wanted = True
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forked)

    def _forked(self) -> None:
        # The threads that were scanning are not in the child.
        self._holds = set()
        self._put_back()

    def rest(self, hold: Hold) -> None:
        """Let the collector rest from here on, if it may."""
        self._holds.add(id(hold))
        self.look()

    def look(self) -> None:
        """Bring the collector back after its longest rest, and let it rest again in time."""
        now = monotonic()
        thresholds = gc.get_threshold()
        if thresholds[0] == _RESTING:
            if now - self._since > LONGEST:
                self._put_back()
                self._back = now
        elif thresholds[0] and self.wanted and now - self._back >= BETWEEN:
            if now - self._until >= BETWEEN:
                # Scans that follow each other closely are one rest.
                self._since = now
            self._thresholds = thresholds
            gc.set_threshold(_RESTING, *thresholds[1:])

    def end(self, hold: Hold) -> None:
        """Put the collector back if this was the last scan."""
        self._holds.discard(id(hold))
        if not self._holds:
            self._put_back()

    def _put_back(self) -> None:
        # Another threshold than ours is somebody's wish.
        if gc.get_threshold()[0] == _RESTING:
            self._until = monotonic()
            gc.set_threshold(*self._thresholds)


_PAUSE = Pause()


class Hold:
    """One scan's wish for rest, from `with` on; given up with the object, whatever happens.

    An exception can arrive between any two steps, also before `with` has begun its block: what
    is not left then is given up when the frame that holds this object goes.
    """

    __slots__ = ("_held", "look")

    def __init__(self) -> None:
        self._held = True
        self.look = _PAUSE.look
        _PAUSE.rest(self)

    def __enter__(self) -> Hold:
        return self

    def __exit__(self, *exc: object) -> None:
        self.__del__()

    def __del__(self) -> None:
        # An exception may have come before there was anything to give up.
        if getattr(self, "_held", False):
            _PAUSE.end(self)
            self._held = False


def catch_up() -> None:
    """Let a round of the collector that is due begin now."""
    # A new object sets it off; newer Pythons begin it with the next call.
    for _ in range(2):
        _new()


def _new() -> set[int]:
    return set()


def pause_collector(on: bool) -> None:
    """Say whether the cyclic garbage collector may rest while a large result is scanned.

    It does by default, for a second at a time at most: its rounds would walk all objects made so
    far and find nothing. The switch is for the whole process.

    Args:
        on: False to leave the collector alone from now on.

    Example:
        >>> liteorm.pause_collector(False)
        >>> liteorm.pause_collector(True)
    """
    _PAUSE.wanted = on
