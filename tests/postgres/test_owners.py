"""Event loops, threads of a pool, forked children, interruptions at random: who owns what."""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
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


@contextmanager
def _made_around(block: Any) -> Generator[Any]:
    with block as tx:
        yield tx


ENTERED: dict[str, Callable[[Any], Any]] = {
    "block": lambda block: block.__enter__,
    "exit stack": lambda block: functools.partial(ExitStack().enter_context, block),
    "generator": lambda block: _made_around(block).__enter__,
}


@pytest.mark.parametrize("how", ENTERED)
def test_a_block_that_is_left_open_by_a_pools_thread_is_nobody_elses(
    liteorm_database: Any, how: str
) -> None:
    """`run_in_executor(None, block.__enter__)`: what the thread does next is a stranger's work."""
    with open(liteorm_database.dsn, max_size=4) as db, ThreadPoolExecutor(1) as threads:
        block = db.transaction()
        enter = ENTERED[how](block)
        tx = threads.submit(enter).result()
        assert threads.submit(db.run, lambda tx: tx.query("SELECT 1")).result()
        tx.rollback()


def test_a_block_in_a_pools_thread_is_seen(liteorm_database: Any) -> None:
    """Where it is left by the job that entered it, `run` inside is refused as anywhere."""

    def plain(db: Any) -> None:
        with db.transaction():
            db.run(lambda tx: tx.query("SELECT 1"))

    def stacked(db: Any) -> None:
        with ExitStack() as stack:
            stack.enter_context(_made_around(db.transaction()))
            db.run(lambda tx: tx.query("SELECT 1"))

    with open(liteorm_database.dsn, max_size=4) as db, ThreadPoolExecutor(1) as threads:
        for job in (plain, stacked):
            with pytest.raises(liteorm.TransactionError, match="inside an open transaction"):
                threads.submit(job, db).result()


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
        lambda: db.run(lambda tx: tx.query("SELECT 1")),
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


class Shooter:
    """Interrupts the main thread at random points, with KeyboardInterrupt."""

    def __init__(self) -> None:
        self.armed, self._ends = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._shoot, daemon=True)
        self._before: Any = None
        self._callbacks: list[Any] = []

    def _hit(self, _: int, frame: Any) -> None:
        while frame is not None:
            if frame.f_code.co_name == "__del__":
                return  # what is raised there goes nowhere; the next shot comes at once
            frame = frame.f_back
        if self.armed.is_set():
            self.armed.clear()
            raise KeyboardInterrupt

    def _shoot(self) -> None:
        main = threading.main_thread().ident
        assert main is not None
        while not self._ends.is_set():
            if self.armed.wait(1):
                time.sleep(random.random() * 0.003)
                signal.pthread_kill(main, signal.SIGUSR2)
                time.sleep(0.0002)

    def __enter__(self) -> Shooter:
        # Hypothesis watches the collector, where what is raised goes nowhere either.
        self._callbacks, gc.callbacks[:] = gc.callbacks[:], []
        # What is lost is found without the collector: it may be long in coming.
        gc.disable()
        self._before = signal.signal(signal.SIGUSR2, self._hit)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self.armed.clear()
        self._thread.join()
        signal.signal(signal.SIGUSR2, self._before)
        gc.callbacks[:] = self._callbacks
        gc.enable()


# A callback of a weak reference may be hit, where what is raised goes nowhere.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_interruptions_at_random_points_lose_no_connection(
    liteorm_database: Any, witness: Witness
) -> None:
    """KeyboardInterrupt anywhere, again and again, with a pool of one: it is there at once."""
    witness.run("CREATE TABLE item (id int PRIMARY KEY, name text)")
    witness.run("INSERT INTO item VALUES (0, 'a')")
    random.seed(12)
    hits = 0
    with Shooter() as shooter, open(liteorm_database.dsn, max_size=1, timeout=15) as db:
        names = list(WORKS)
        while hits < INTERRUPTS:
            work = WORKS[names[hits % len(names)]]
            shooter.armed.set()
            try:
                while shooter.armed.is_set():
                    work(db)
            except KeyboardInterrupt:
                hits += 1
            assert list(db.query("SELECT 1")) == [(1,)]
        shooter.armed.clear()
        assert db.stats().in_use == 0
        assert db.stats().size == 1
    assert witness.ask("SELECT count(*) FROM item WHERE id > 0") == [(0,)]


def _read_some(db: Any) -> None:
    with db.stream("SELECT generate_series(1, 3000)", batch_size=100) as rows:
        next(iter(rows))


def _copy_some(db: Any) -> None:
    with db.copy_out("SELECT generate_series(1, 3000)") as blocks:
        next(iter(blocks))


def _send_together(db: Any) -> None:
    with db.batch() as batch:
        batch.query("SELECT 1")
        batch.query("UPDATE item SET name = 'b' WHERE id = 0")


def _hold(db: Any) -> None:
    with db.connection() as connection:
        connection.execute("SET application_name = 'x'")
        with connection.transaction() as tx:
            tx.query("SELECT 1")


def _nest(db: Any) -> None:
    with db.transaction() as tx:
        with tx.transaction() as inner:
            inner.insert_many([Item(1), Item(2)])
        with tx.stream("SELECT generate_series(1, 3000)", batch_size=100) as rows:
            next(iter(rows))
        tx.rollback()


def _listen(db: Any) -> None:
    with listen(db, "a") as listener:
        listener.add("b")
        try:
            listener.receive(timeout=0.001)
        except TimeoutError:
            pass


def _write_and_undo(db: Any) -> None:
    tx = db.begin()
    try:
        tx.insert(Item(1))
        tx.upsert_many([Item(1), Item(3)])
        tx.execute_many("INSERT INTO item VALUES (%s)", [[4], [5]])
    finally:
        tx.rollback()


INTERRUPTS = 2000
WORKS: dict[str, Callable[[Any], Any]] = {
    "query": lambda db: db.query("SELECT 1"),
    "run": lambda db: db.run(lambda tx: tx.execute("UPDATE item SET name = 'c'")),
    "patch": lambda db: db.patch(Item, 0, {}),
    "writes": _write_and_undo,
    "stream": _read_some,
    "copy_out": _copy_some,
    "batch": _send_together,
    "connection": _hold,
    "nested": _nest,
    "listener": _listen,
}
