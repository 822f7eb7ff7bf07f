"""A ledger that is written to while servers come and go, and what must hold of it afterwards."""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import Any

ACCOUNTS = 20
_EACH = 100


class Ledger:
    """What was acknowledged, what failed and how; for any number of threads."""

    SCHEMA = f"""
    CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL);
    CREATE TABLE transfer (id int NOT NULL, amount int NOT NULL);
    INSERT INTO account SELECT n, {_EACH} FROM generate_series(1, {ACCOUNTS}) n;
    """
    TAKE = "UPDATE account SET balance = balance - %s WHERE id = %s"
    GIVE = "UPDATE account SET balance = balance + %s WHERE id = %s"
    NOTE = "INSERT INTO transfer VALUES (%s, %s)"
    SUM = "SELECT sum(balance)::int8 FROM account"
    STORED = "SELECT id FROM transfer"

    def __init__(self) -> None:
        self.ended = False
        self.acknowledged: list[int] = []
        self.unknown: list[int] = []
        self.errors: Counter[str] = Counter()
        self._times: list[float] = []
        self._lock = threading.Lock()

    def pair(self) -> tuple[int, int, int]:
        """Return an amount and two accounts, in the order in which they are locked."""
        one, two = sorted(random.sample(range(1, ACCOUNTS + 1), 2))
        return random.randint(-5, 5), one, two

    def done(self, number: int) -> None:
        """Note that a transfer was acknowledged."""
        with self._lock:
            self.acknowledged.append(number)
            self._times.append(monotonic())

    def failed(self, number: int, error: Exception, unknown: bool) -> None:
        """Note that one failed, and whether it may be stored all the same."""
        with self._lock:
            self.errors[type(error).__name__] += 1
            if unknown:
                self.unknown.append(number)

    def judge(self, total: int, stored: list[int]) -> None:
        """Hold what is stored against what was told."""
        counts = Counter(stored)
        assert total == ACCOUNTS * _EACH
        assert not [number for number, count in counts.items() if count > 1], "doubled"
        assert not set(self.acknowledged) - set(stored), "lost"
        assert not set(stored) - set(self.acknowledged) - set(self.unknown), "not told of"

    def pause(self, began: float) -> float:
        """Return the longest time without an acknowledgement since then, in seconds."""
        times = [began, *(time for time in self._times if time >= began)]
        return max(b - a for a, b in itertools.pairwise(times))

    def told(self, began: float) -> str:
        """Return the figures as a line."""
        errors = ", ".join(f"{count} {name}" for name, count in self.errors.items()) or "none"
        return (
            f"{len(self.acknowledged)} acknowledged, longest pause {self.pause(began):.2f} s, "
            f"errors: {errors}"
        )


async def ain_a_thread(fn: Callable[[], Any]) -> Any:
    """Call what blocks, while the event loop goes on."""
    return await asyncio.to_thread(fn)


def in_a_thread(fn: Callable[[], Any]) -> Any:
    """Call what blocks: whoever calls this is in a thread already."""
    return fn()
