"""Money transfers while backends are killed and the network is cut: is the sum kept?

    python benchmarks/soak.py [seconds]

Threads, then tasks, then one thread that is interrupted at random points (KeyboardInterrupt, an
exception of a signal's handler) beside others, move money between accounts with `run`. All the
while backends are terminated at random and a proxy resets every connection. At the end the sum
must be what it was, no connection may be left in use or in a transaction, and every worker must
have come back.
"""

from __future__ import annotations

import asyncio
import collections
import logging
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import liteorm
from liteorm import postgres
from liteorm.postgres import DB, AsyncDB, AsyncTx, Tx
from liteorm_testing import Proxy, database, server

ACCOUNTS = 50
START = 1000
THREADS = 16
TASKS = 200
MOVE = "UPDATE account SET balance = balance + %s WHERE id = %s"
LOST = (liteorm.ConnectionLost, liteorm.ConnectFailed, liteorm.PoolTimeout)


class Score:
    """What happened, counted."""

    def __init__(self) -> None:
        self.done = 0
        self.outcomes: collections.Counter[str] = collections.Counter()

    def failed(self, error: liteorm.Error) -> None:
        self.outcomes[type(error).__name__] += 1


def pick() -> tuple[int, int, int]:
    one, other = random.sample(range(ACCOUNTS), 2)
    return one, other, random.randint(1, 100)


def transfer(tx: Tx) -> None:
    one, other, amount = pick()
    tx.execute(MOVE, [-amount, one])
    tx.execute(MOVE, [amount, other])


async def transfer_async(tx: AsyncTx) -> None:
    one, other, amount = pick()
    await tx.execute(MOVE, [-amount, one])
    await tx.execute(MOVE, [amount, other])


def threads(dsn: str, seconds: float) -> tuple[Score, Any]:
    """Transfer in threads for a while."""
    score, end = Score(), time.monotonic() + seconds
    with postgres.open(dsn, max_size=8, timeout=20, statement_timeout=5) as db:

        def work(db: DB) -> None:
            while time.monotonic() < end:
                try:
                    db.run(transfer, attempts=20)
                    score.done += 1
                except liteorm.Error as error:
                    score.failed(error)

        workers = [threading.Thread(target=work, args=(db,), daemon=True) for _ in range(THREADS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(seconds + 40)
        hanging = sum(worker.is_alive() for worker in workers)
        return score, (db.stats(), hanging)


async def tasks(dsn: str, seconds: float) -> tuple[Score, Any]:
    """Transfer in tasks for a while; some are cancelled on the way."""
    score, end = Score(), time.monotonic() + seconds
    async with await postgres.open_async(dsn, max_size=8, timeout=20, statement_timeout=5) as db:

        async def work(db: AsyncDB) -> None:
            while time.monotonic() < end:
                try:
                    # One in twenty is cancelled at a random moment.
                    limit = random.random() * 0.05 if random.random() < 0.05 else None
                    async with asyncio.timeout(limit):
                        await db.run(transfer_async, attempts=20)
                    score.done += 1
                except liteorm.Error as error:
                    score.failed(error)
                except TimeoutError:
                    score.outcomes["cancelled"] += 1

        workers = [asyncio.create_task(work(db)) for _ in range(TASKS)]
        _, hanging = await asyncio.wait(workers, timeout=seconds + 40)
        return score, (db.stats(), len(hanging))


class SoftLimit(Exception):
    """What a handler of a signal raises, as Celery's does."""


class Interrupts:
    """Raises exceptions in the main thread at random points, where it lets them."""

    def __init__(self) -> None:
        self.armed = threading.Event()
        self.count = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._main = threading.main_thread().ident or 0

    def _handle(self, *_: object) -> None:
        if self.armed.is_set():
            self.armed.clear()
            self.count += 1
            raise KeyboardInterrupt if self.count % 2 else SoftLimit

    def _run(self) -> None:
        while not self._stop.is_set():
            if self.armed.wait(0.1):
                time.sleep(random.random() * 0.02)
                signal.pthread_kill(self._main, signal.SIGUSR2)

    def __enter__(self) -> Interrupts:
        signal.signal(signal.SIGUSR2, self._handle)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.armed.clear()
        self._stop.set()
        self._thread.join()


def interrupted(dsn: str, seconds: float) -> tuple[Score, Any]:
    """Transfer in the main thread, interrupted all the time, and in a few others."""
    score, end = Score(), time.monotonic() + seconds
    with postgres.open(dsn, max_size=3, timeout=20, statement_timeout=5) as db:

        def work() -> None:
            while time.monotonic() < end:
                try:
                    db.run(transfer, attempts=20)
                    score.done += 1
                except liteorm.Error as error:
                    score.failed(error)

        others = [threading.Thread(target=work, daemon=True) for _ in range(2)]
        for other in others:
            other.start()
        with Interrupts() as interrupts:
            while time.monotonic() < end:
                interrupts.armed.set()
                try:
                    work()
                except (KeyboardInterrupt, SoftLimit) as exc:
                    unknown = isinstance(exc.__cause__, liteorm.CommitUnknown)
                    score.outcomes["interrupted in COMMIT" if unknown else "interrupted"] += 1
        for other in others:
            other.join(seconds + 40)
        hanging = sum(other.is_alive() for other in others)
        # Each place of the pool is good for something still, unless it has just been killed.
        for _ in range(20):
            try:
                with db.transaction(), db.transaction(), db.transaction():
                    break
            except LOST as error:
                score.failed(error)
        return score, (db.stats(), hanging)


class Trouble:
    """Terminates backends and cuts connections at random, until told to stop."""

    def __init__(self, dsn: str, proxy: Proxy) -> None:
        self._dsn, self._proxy = dsn, proxy
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.killed = self.cuts = 0

    def _run(self) -> None:
        kill = (
            "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity"
            " WHERE application_name = 'liteorm soak' ORDER BY random() LIMIT 2) x"
        )
        with postgres.open(self._dsn) as db:
            while not self._stop.wait(random.uniform(0.1, 0.5)):
                if random.random() < 0.2:
                    self._proxy.cut()
                    self._stop.wait(random.uniform(0, 0.2))
                    self._proxy.restore()
                    self.cuts += 1
                elif random.random() < 0.2:
                    self._proxy.drop_reply_to("COMMIT")
                else:
                    self.killed += liteorm.scan_one(db.query(kill), int)

    def __enter__(self) -> Trouble:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._proxy.restore()


def round_of(name: str, dsn: str, seconds: float, work: Callable[[str], Any]) -> bool:
    """Run one round and print its figures; return whether all is well."""
    with postgres.open(dsn) as db, Proxy(dsn) as proxy:
        db.execute("DROP TABLE IF EXISTS account; CREATE TABLE account (id int, balance int)")
        db.execute_many(
            "INSERT INTO account VALUES (%s, %s)", [(n, START) for n in range(ACCOUNTS)]
        )
        db.execute("ALTER TABLE account ADD PRIMARY KEY (id)")
        through = f"{proxy.dsn}{'&' if '?' in proxy.dsn else '?'}application_name=liteorm%20soak"
        with Trouble(dsn, proxy) as trouble:
            score, (stats, hanging) = work(through)
        time.sleep(0.5)
        total = liteorm.scan_one(db.query("SELECT sum(balance) FROM account"), int)
        left = liteorm.scan_one(
            db.query(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'liteorm soak'"
            ),
            int,
        )
    well = total == ACCOUNTS * START and not hanging and not stats.in_use and not left
    print(f"{name}: {score.done} transfers, {score.done / seconds:.0f}/s in {seconds:g} s")
    print(f"  trouble: {trouble.killed} backends killed, {trouble.cuts} cuts")
    print(f"  errors users saw: {dict(score.outcomes.most_common()) or 'none'}")
    print(f"  sum {total} of {ACCOUNTS * START}: {'kept' if total == ACCOUNTS * START else 'LOST'}")
    print(f"  hanging {hanging}, in use {stats.in_use}, left on the server {left}")
    print(f"  {stats}")
    return well


def main(seconds: float) -> int:
    """Run the three rounds."""

    def in_tasks(dsn: str) -> Any:
        return asyncio.run(tasks(dsn, seconds))

    # Every lost connection would be a line of the pool's log.
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    # Transfers in both directions meet in deadlocks; by default the server waits a second first.
    settings = {"deadlock_timeout": "20ms"}
    with server("embedded", settings=settings) as started, database(started) as made:
        well = [
            round_of(f"{THREADS} threads", made.dsn, seconds, lambda dsn: threads(dsn, seconds)),
            round_of(f"{TASKS} tasks", made.dsn, seconds, in_tasks),
            round_of("interrupts", made.dsn, seconds, lambda dsn: interrupted(dsn, seconds)),
        ]
    print("all is well" if all(well) else "NOT WELL")
    return 0 if all(well) else 1


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 30.0))
