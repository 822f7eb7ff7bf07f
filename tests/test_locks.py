"""A lock is given back whatever a handler of a signal raises, and wherever it does."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Generator
from typing import Any

import pytest

from liteorm._core.locks import Safely, safely

ROUNDS = 100
pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGUSR2"), reason="no such signal")


class Shots:
    """Interrupts the main thread, again and again, while it is armed."""

    def __init__(self) -> None:
        self.armed, self._ends = False, False
        self._thread = threading.Thread(target=self._shoot, daemon=True)
        self._thread.start()

    def hit(self, *_: Any) -> None:
        """Raise where the main thread is."""
        if self.armed:
            self.armed = False
            raise KeyboardInterrupt

    def _shoot(self) -> None:
        main = threading.main_thread().ident
        assert main is not None
        while not self._ends:
            if self.armed:
                signal.pthread_kill(main, signal.SIGUSR2)
            time.sleep(0.00005)

    def end(self) -> None:
        """Shoot no more."""
        self.armed, self._ends = False, True
        self._thread.join()


@pytest.fixture
def shots() -> Generator[Shots]:
    """What interrupts."""
    made = Shots()
    before = signal.signal(signal.SIGUSR2, made.hit)
    try:
        yield made
    finally:
        made.end()
        signal.signal(signal.SIGUSR2, before)


def _is_free(lock: Any) -> bool:
    """Return whether another thread can have it."""
    found: list[bool] = []
    other = threading.Thread(target=lambda: found.append(lock.acquire(timeout=1)))
    other.start()
    other.join()
    return found == [True]


def _used(shots: Shots, lock: Any) -> None:
    try:
        shots.armed = True
        while shots.armed:
            with lock:
                pass
    except KeyboardInterrupt:
        pass


@pytest.mark.parametrize("kind", [threading.Lock, threading.RLock])
@pytest.mark.parametrize("hold", [Safely, safely])
def test_an_interrupted_block_gives_its_lock_back(shots: Shots, kind: Any, hold: Any) -> None:
    """Hundreds of interruptions in what does nothing but take it: nobody waits for ever."""
    for _ in range(ROUNDS):
        inner = kind()
        _used(shots, hold(inner))
        assert _is_free(inner)


def test_what_waits_for_it_can_be_interrupted(shots: Shots) -> None:
    """It is not taken then, and whoever has it gives it back himself."""
    inner = threading.Lock()
    inner.acquire()
    _used(shots, Safely(inner))
    assert inner.locked()
    inner.release()
    lock = Safely(inner)
    assert lock.locked() is False
    with lock:
        assert lock.locked() is True
