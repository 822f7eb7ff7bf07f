"""Event loops, threads of a pool, forked children, interruptions at random: who owns what."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs
import pytest

import liteorm
from liteorm import postgres
from liteorm.postgres import AsyncDB, listen, open, open_async
from tests.postgres.support import Witness

ELSEWHERE = "opened in another event loop"


@liteorm.table("item", key="id")
@attrs.frozen
class Item:
    """A row."""

    id: int


def test_a_transaction_of_a_pools_thread_is_nobody_elses(liteorm_database: Any) -> None:
    """Begun in a thread that serves strangers, or that has ended: theirs run works all the same."""
    with open(liteorm_database.dsn, max_size=4) as db, ThreadPoolExecutor(1) as threads:
        tx = threads.submit(db.begin).result()
        assert threads.submit(db.run, lambda tx: tx.query("SELECT 1")).result()
        tx.rollback()
        for _ in range(5):
            box: list[Any] = []
            thread = threading.Thread(target=lambda box=box: box.append(db.begin()))
            thread.start()
            thread.join()
            # The number of a thread that has ended is soon used again.
            thread = threading.Thread(
                target=lambda box=box: box.append(db.run(lambda tx: tx.query("SELECT 1")))
            )
            thread.start()
            thread.join()
            box[0].rollback()
            assert len(box) == 2


async def _opened(dsn: str) -> tuple[AsyncDB, Any, Any, Any]:
    db = await open_async(dsn, max_size=4)
    await db.query("SELECT 1")
    streaming = db.stream("SELECT generate_series(1, 10000)")
    await streaming.__aenter__()
    return db, await db.begin(), await postgres.listen_async(db, "a"), streaming


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_another_event_loop_gets_a_clear_sentence(liteorm_database: Any) -> None:
    """At once and from everything, also from close; in its own loop all goes on."""
    own = asyncio.new_event_loop()
    db, tx, listener, streaming = own.run_until_complete(_opened(liteorm_database.dsn))

    async def refused() -> None:
        calls: list[Callable[[], Any]] = [
            lambda: db.query("SELECT 1"),
            lambda: db.insert_many([Item(1)]),
            lambda: db.begin(),
            lambda: db.run(lambda tx: tx.query("SELECT 1")),
            lambda: db.close(),
            lambda: tx.query("SELECT 1"),
            lambda: tx.commit(),
            lambda: tx.rollback(),
            lambda: listener.receive(timeout=1),
            lambda: listener.add("b"),
            lambda: listener.close(),
            lambda: streaming._stream._next(),
        ]
        for call in calls:
            with pytest.raises(liteorm.PoolClosed, match=ELSEWHERE):
                await call()

    async def ended() -> None:
        await tx.commit()
        await listener.close()
        await streaming.__aexit__(None, None, None)
        assert list(await db.query("SELECT 1")) == [(1,)]
        await db.close()

    asyncio.run(refused())
    own.run_until_complete(ended())
    own.close()


async def _closing_is_cancelled(dsn: str) -> None:
    db = await open_async(dsn, max_size=2)
    tx = await db.begin()
    closing = asyncio.create_task(db.close(timeout=30))
    await asyncio.sleep(0.05)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    with pytest.raises(liteorm.PoolClosed):
        await db.query("SELECT 1")
    with pytest.raises(liteorm.Error):
        await tx.query("SELECT 1")
    await tx.rollback()
    await db.close()
    assert postgres.pool(db).closed
    await db.close()


def test_closing_that_was_cancelled_can_be_done_again(liteorm_database: Any) -> None:
    """The second one finishes; a third has nothing to do."""
    asyncio.run(_closing_is_cancelled(liteorm_database.dsn))


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_forked_child_sends_nothing(liteorm_database: Any, witness: Witness) -> None:
    """Tx, listener and stream refuse there, and are left, closed and collected in silence."""
    with open(liteorm_database.dsn, max_size=4) as db:
        db.query("SELECT 1")
        with (
            db.transaction() as tx,
            listen(db, "a") as listener,
            db.stream("SELECT generate_series(1, 100000)") as stream,
        ):
            tx.execute("CREATE TABLE item (id int)")
            rows = iter(stream)
            next(rows)
            child = os.fork()
            if child == 0:  # pragma: no cover
                os._exit(_of_child(db, tx, listener, stream))
            assert os.waitpid(child, 0)[1] == 0
            assert sum(1 for _ in rows) == 99_999
            postgres.notify(db, "a", "x")
            assert listener.receive(timeout=10).payload == "x"
            tx.execute("INSERT INTO item VALUES (1)")
        assert db.get is not None
        assert len(db.query("SELECT * FROM item")) == 1
    assert db.stats().lost == 0


def _of_child(db: Any, tx: Any, listener: Any, stream: Any) -> int:  # pragma: no cover
    calls: list[Callable[[], Any]] = [
        lambda: db.query("SELECT 1"),
        lambda: tx.query("SELECT 1"),
        lambda: tx.commit(),
        lambda: tx.rollback(),
        lambda: tx.transaction().__enter__(),
        lambda: listener.receive(timeout=0.1),
        lambda: listener.add("b"),
        lambda: list(stream),
    ]
    try:
        for place, call in enumerate(calls, 10):
            try:
                call()
            except liteorm.PoolClosed as error:
                if "parent process" not in str(error):
                    return 3
            except BaseException:
                return place
            else:
                return place + 100
        tx.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
        gc.collect()
        listener.close()
        db.close()
    except BaseException:
        return 2
    return 0


def test_interruptions_at_random_points_lose_no_connection(
    liteorm_database: Any, witness: Witness
) -> None:
    """KeyboardInterrupt anywhere, 2,000 times, with a pool of one: it is there afterwards."""
    witness.run("CREATE TABLE item (id int)")
    random.seed(12)
    main, ends = threading.main_thread().ident, threading.Event()
    armed = threading.Event()
    assert main is not None

    def handler(*_: object) -> None:
        if armed.is_set():
            armed.clear()
            raise KeyboardInterrupt

    def shoot() -> None:
        while not ends.is_set():
            if armed.wait(1):
                time.sleep(random.random() * 0.003)
                signal.pthread_kill(main, signal.SIGUSR2)
                time.sleep(0.0002)

    before = signal.signal(signal.SIGUSR2, handler)
    shooter = threading.Thread(target=shoot, daemon=True)
    shooter.start()
    hits = 0
    try:
        with open(liteorm_database.dsn, max_size=1, timeout=15) as db:
            works: list[Callable[[], Any]] = [
                lambda: db.query("SELECT 1"),
                lambda: db.run(lambda tx: tx.execute("INSERT INTO item VALUES (1)")),
                lambda: db.insert_many([Item(1), Item(2)]),
                lambda: _read_some(db),
            ]
            while hits < 2000:
                work = works[hits % len(works)]
                armed.set()
                try:
                    while armed.is_set():
                        work()
                except KeyboardInterrupt:
                    hits += 1
            ends.set()
            armed.clear()
            assert list(db.query("SELECT 1")) == [(1,)]
            assert db.stats().in_use == 0
            assert db.stats().size == 1
    finally:
        ends.set()
        armed.clear()
        shooter.join()
        signal.signal(signal.SIGUSR2, before)


def _read_some(db: Any) -> None:
    with db.stream("SELECT generate_series(1, 3000)", batch_size=100) as rows:
        next(iter(rows))
