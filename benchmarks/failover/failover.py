"""Money transfers through liteorm while Patroni changes the primary.

    pip install 'patroni[etcd3,psycopg3]'; apt-get install postgresql etcd-server
    python benchmarks/failover/failover.py            every change, with threads and with tasks
    python benchmarks/failover/failover.py kill       one of switchover, kill, freeze

For each it prints what was acknowledged, the longest time in which nothing was, the errors that the
callers got, and what is stored in the end: nothing acknowledged may be lost, nothing doubled, and
the sum must be what it was.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import logging
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
from patroni_group import Group, Node, group, until

import liteorm
from liteorm import postgres

ACCOUNTS, EACH, WORKERS = 50, 1000, 8
OPTIONS: dict[str, Any] = {"max_size": WORKERS, "timeout": 60.0, "statement_timeout": 3.0}
CHANGES = ("switchover", "kill", "freeze")
SCHEMA = f"""
DROP TABLE IF EXISTS account, transfer;
CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL);
CREATE TABLE transfer (id int NOT NULL);
INSERT INTO account SELECT n, {EACH} FROM generate_series(1, {ACCOUNTS}) n
"""
MOVE = "UPDATE account SET balance = balance + %s WHERE id = %s"
NOTE = "INSERT INTO transfer VALUES (%s)"


@attrs.define(eq=False)
class Told:
    """What the callers were told."""

    ended: bool = False
    times: dict[int, float] = attrs.Factory(dict[int, float])
    errors: Counter[str] = attrs.Factory(Counter[str])
    unknown: set[int] = attrs.Factory(set[int])
    again: int = 0

    def failed(self, number: int, error: liteorm.Error) -> None:
        self.errors[type(error).__name__] += 1
        if isinstance(error, liteorm.CommitUnknown):
            self.unknown.add(number)


def pair() -> tuple[int, int, int]:
    one, two = sorted(random.sample(range(1, ACCOUNTS + 1), 2))
    return random.randint(-5, 5), one, two


def threads(dsn: str, told: Told, began: threading.Event) -> None:
    numbers = itertools.count(1)

    def transfer(tx: postgres.Tx, number: int) -> None:
        amount, one, two = pair()
        tx.execute(MOVE, [-amount, one])
        tx.execute(MOVE, [amount, two])
        tx.execute(NOTE, [number])

    def work(db: postgres.DB) -> None:
        while not told.ended:
            number = next(numbers)
            try:
                db.run(partial(transfer, number=number))
                told.times[number] = time.monotonic()
            except liteorm.Error as error:
                told.failed(number, error)

    with postgres.open(dsn, **OPTIONS) as db:
        began.set()
        workers = [threading.Thread(target=work, args=(db,)) for _ in range(WORKERS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()


def tasks(dsn: str, told: Told, began: threading.Event) -> None:
    numbers = itertools.count(1)

    async def transfer(tx: postgres.AsyncTx, number: int) -> None:
        amount, one, two = pair()
        await tx.execute(MOVE, [-amount, one])
        await tx.execute(MOVE, [amount, two])
        await tx.execute(NOTE, [number])

    async def work(db: postgres.AsyncDB) -> None:
        while not told.ended:
            number = next(numbers)
            try:
                await db.run(partial(transfer, number=number))
                told.times[number] = time.monotonic()
            except liteorm.Error as error:
                told.failed(number, error)

    async def main() -> None:
        async with await postgres.open_async(dsn, **OPTIONS) as db:
            began.set()
            await asyncio.gather(*(work(db) for _ in range(WORKERS)))

    asyncio.run(main())


def measured(made: Group, change: str, way: Callable[..., None]) -> str:
    """Run one change under load; return its row of the table."""
    until(made.whole, "all members are there")
    with postgres.open(made.dsn, max_size=1) as db:
        db.execute(SCHEMA)
    told, began = Told(), threading.Event()
    load = threading.Thread(target=way, args=(made.dsn, told, began))
    load.start()
    began.wait(60)
    time.sleep(3)
    at, before = time.monotonic(), made.leader()
    gone: Node | None = None
    if change == "switchover":
        made.switchover()
    else:
        gone = made.kill() if change == "kill" else made.freeze()
    until(lambda: made.leader() not in (None, before), "another member is the primary")
    promoted = time.monotonic() - at
    until(lambda: any(t > at + promoted + 1 for t in list(told.times.values())), "it goes on")
    time.sleep(5)
    told.ended = True
    load.join()
    if gone is not None and change == "kill":
        made.start(gone)
    elif gone is not None:
        gone.signal(signal.SIGCONT)
    return row(made, change, way.__name__, told, at)


def row(made: Group, change: str, way: str, told: Told, at: float) -> str:
    # A primary that thaws takes itself for one until its Patroni ends that.
    until(made.whole, "all members are there again")
    with postgres.open(made.dsn, max_size=1) as db:
        stored = Counter(liteorm.scan(db.query("SELECT id FROM transfer"), int))
        total = liteorm.scan_one(db.query("SELECT sum(balance)::int8 FROM account"), int)
    times = [at, *sorted(t for t in told.times.values() if t > at)]
    pause = max(b - a for a, b in itertools.pairwise(times))
    lost = sum(number not in stored for number in told.times)
    doubled = sum(count > 1 for count in stored.values())
    untold = sum(n not in told.times and n not in told.unknown for n in stored)
    errors = ", ".join(f"{n} {name}" for name, n in sorted(told.errors.items())) or "none"
    kept = "kept" if total == ACCOUNTS * EACH else f"{total - ACCOUNTS * EACH:+d}"
    cells = (change, way, len(told.times), f"{pause:.1f} s", errors, lost, doubled, untold, kept)
    return "| " + " | ".join(map(str, cells)) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("changes", nargs="*", metavar="|".join(CHANGES), default=[])
    chosen = parser.parse_args().changes or list(CHANGES)
    if wrong := set(chosen) - set(CHANGES):
        parser.error(f"no such change: {', '.join(wrong)}")
    # What the pool says of each attempt to connect meanwhile.
    logging.disable(logging.WARNING)
    head = ("change", "load", "acknowledged", "pause", "errors", "lost", "doubled", "untold", "sum")
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head), flush=True)
    with group() as made:
        for change in chosen:
            for way in (threads, tasks):
                print(measured(made, change, way), flush=True)


if __name__ == "__main__":
    main()
