"""Databases made ahead of the tests and dropped behind them, on threads of their own."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from attrs import define, field

SPARE: Final = 3  # copies kept ready for each template
# Two of each kind of thread keep two cores of the server busy: copying a database and dropping one
# are work for one core each, and a few short tests use up what one thread makes.
_HANDS: Final = 2
_BACKLOG: Final = 8  # dropped databases that may wait before a new one has to ...
_PATIENCE: Final = 5.0  # ... for so many seconds, should one resist


@define
class _Shelf:
    """The copies of one template."""

    template: str
    ready: deque[str] = field(factory=deque[str])
    making: int = 0
    asked: int = 0
    failed: bool = False

    @property
    def short(self) -> bool:
        """Whether one more copy is to be made: somebody asked twice, and may ask again."""
        return self.asked > 1 and not self.failed and len(self.ready) + self.making < SPARE


class Stock:
    """Copies of templates kept ready, and databases that are dropped when there is time.

    Args:
        make: Makes a copy of the template of that name, and gives the copy's name.
        drop: Drops the database of that name.
    """

    def __init__(self, make: Callable[[str], str], drop: Callable[[str], None]) -> None:
        self._make = make
        self._drop = drop
        self._shelves: dict[str, _Shelf] = {}
        self._unwanted: deque[str] = deque()
        self._changed = threading.Condition()
        self._threads: dict[str, list[threading.Thread]] = {}
        self._ended = False

    def take(self, template: str) -> str:
        """Give a fresh copy's name: one that is ready, or soon will be, or that is made now."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._ended or len(self._unwanted) <= _BACKLOG, _PATIENCE
            )
            shelf = self._shelves.setdefault(template, _Shelf(template))
            shelf.asked += 1
            if shelf.short:
                self._hire("make", self._make_ahead)
            # One that is half made is ready sooner than one that is only begun.
            self._changed.wait_for(lambda: shelf.ready or not shelf.making)
            if shelf.ready:
                self._changed.notify_all()
                return shelf.ready.popleft()
        return self._make(template)

    def give_back(self, *names: str) -> None:
        """Have databases dropped."""
        with self._changed:
            self._unwanted.extend(names)
            self._hire("drop", self._drop_behind)

    def close(self, timeout: float) -> bool:
        """Begin nothing new, and tell whether what was begun is done within so many seconds."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        deadline = time.monotonic() + timeout
        threads = [thread for threads in self._threads.values() for thread in threads]
        for thread in threads:
            thread.join(max(deadline - time.monotonic(), 0))
        return not any(thread.is_alive() for thread in threads)

    def _hire(self, what: str, run: Callable[[], None]) -> None:
        threads = self._threads.setdefault(what, [])
        while len(threads) < _HANDS and not self._ended:
            name = f"liteorm-testing-{what}-{len(threads) + 1}"
            threads.append(threading.Thread(target=run, name=name, daemon=True))
            threads[-1].start()
        self._changed.notify_all()

    def _shortest(self) -> _Shelf | None:
        short = (shelf for shelf in self._shelves.values() if shelf.short)
        return min(short, key=lambda shelf: len(shelf.ready) + shelf.making, default=None)

    def _make_ahead(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ended or self._shortest() is not None)
                shelf = self._shortest()
                if self._ended or shelf is None:
                    return
                shelf.making += 1
            made: str | None = None
            try:
                made = self._make(shelf.template)
            except Exception:
                pass  # tests make their own copies then, and report what is wrong
            finally:
                with self._changed:
                    shelf.making -= 1
                    if made is None:
                        shelf.failed = True
                    else:
                        shelf.ready.append(made)
                    self._changed.notify_all()

    def _drop_behind(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ended or bool(self._unwanted))
                if self._ended:
                    return
                name = self._unwanted.popleft()
                self._changed.notify_all()
            # What cannot be dropped goes with the server, or with the run's other databases.
            with contextlib.suppress(Exception):
                self._drop(name)
