"""Waiting in asyncio with a socket that the event loop goes on knowing, and what may happen."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import liteorm
from liteorm.postgres import AsyncDB, open_async
from liteorm.postgres._session import receiving
from tests.threads import traced

DESCRIPTORS = Path("/proc/self/fd")


def receiver_of(db: AsyncDB) -> receiving.AsyncReceiver:
    """Return what waits for answers on the only connection, which is idle."""
    state: Any = db._state
    [wire] = state.pool._pool
    receiver: receiving.AsyncReceiver = wire._receiver
    return receiver


@contextmanager
def calls_of(*names: str) -> Generator[list[str]]:
    """Note which functions of the module are called."""
    called: list[str] = []

    def note(frame: Any, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename == receiving.__file__ and code.co_name in names:
            called.append(code.co_name)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield called
    finally:
        sys.setprofile(before)


@pytest.mark.anyio
async def test_the_loop_is_told_of_a_connection_once(liteorm_database: Any) -> None:
    """It knows the socket from one statement to the next, and one timer does for all."""
    async with await open_async(liteorm_database.dsn, max_size=1) as db:
        await db.query("SELECT 1")
        receiver = receiver_of(db)
        with calls_of("_set_timer", "_forget", "read") as called:
            for number in range(20):
                assert list(await db.query("SELECT %s::int", (number,))) == [(number,)]
        assert set(called) == {"read"}
        assert asyncio.get_running_loop().remove_reader(receiver._fd)


@pytest.mark.anyio
async def test_the_loop_knows_the_socket_of_a_stream_and_of_a_copy_too(
    liteorm_database: Any,
) -> None:
    """Their parts are read where the loop says so, and none is looked for."""
    async with await open_async(liteorm_database.dsn, max_size=1) as db:
        await db.query("SELECT 1")
        receiver = receiver_of(db)
        looked: list[int] = []
        rows = "SELECT repeat('x', 1000) FROM generate_series(1, 2000)"
        async with db.stream(rows, batch_size=100) as stream:
            if receiver._soon is not None:
                receiver._soon = looked.append
            with calls_of("read") as of_stream:
                assert [len(text) async for (text,) in stream] == [1000] * 2000
        with calls_of("read") as of_copy:
            async with db.copy_out(rows) as blocks:
                read = 0
                async for block in blocks:
                    looked.clear()
                    read += len(block)
        assert read > 2_000_000
        assert len(of_stream) > 5
        assert len(of_copy) > 5
        assert looked == []


@pytest.mark.anyio
async def test_no_answer_is_looked_for_while_others_have_work(liteorm_database: Any) -> None:
    """They have the time that the server takes."""
    async with await open_async(liteorm_database.dsn, max_size=1) as db:
        await db.query("SELECT 1")
        receiver = receiver_of(db)
        if receiver._soon is None:
            pytest.skip("nothing is looked for without the compiled half")
        looked: list[int] = []
        receiver._soon = looked.append

        async def work() -> None:
            while True:
                await asyncio.sleep(0)

        await db.query("SELECT 1")
        assert looked == [receiver._fd]
        worker = asyncio.create_task(work())
        await asyncio.sleep(0)
        for _ in range(20):
            await db.query("SELECT 1")
        worker.cancel()
        assert looked == [receiver._fd]


@pytest.mark.anyio
async def test_an_idle_connection_that_is_spoken_to_keeps_no_loop_busy(
    liteorm_database: Any,
) -> None:
    """The loop hears of it once; the next statement runs on another connection."""
    async with (
        await open_async(liteorm_database.dsn, max_size=1) as db,
        await open_async(liteorm_database.dsn, max_size=1) as other,
    ):
        [(pid,)] = await db.query("SELECT pg_backend_pid()")
        receiver = receiver_of(db)
        with calls_of("_forget", "read") as called:
            await other.execute("SELECT pg_terminate_backend(%s)", (pid,))
            while receiver._known:
                await asyncio.sleep(0.01)
            # By now the other side has hung up, too, and there is something to read all the time.
            for _ in range(20):
                await asyncio.sleep(0.01)
        assert called.count("_forget") == 1
        assert list(await db.query("SELECT 2")) == [(2,)]


@pytest.mark.anyio
@pytest.mark.parametrize("size", [1, 100_000, 30_000_000])
async def test_what_comes_or_goes_in_many_pieces(liteorm_database: Any, size: int) -> None:
    """A great parameter waits for the socket to take it, a great row for the rest of it."""
    async with await open_async(liteorm_database.dsn, max_size=1) as db:
        for _ in range(8):  # the sixth time it is prepared
            [(length, text)] = await db.query(
                "SELECT length(%s::text), repeat('y', %s::int)", ("x" * size, size)
            )
            assert (length, len(text)) == (size, size)


@pytest.mark.anyio
async def test_whoever_waits_hears_that_it_is_closed(liteorm_database: Any) -> None:
    """Closed by somebody else under a statement it ends at once, however long its server takes."""
    async with await open_async(liteorm_database.dsn, max_size=1) as db:
        state: Any = db._state
        waiting = asyncio.ensure_future(db.query("SELECT pg_sleep(600)"))
        while not state.borrowed:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        [wire] = state.lent()
        wire.drop()
        del wire
        with pytest.raises(liteorm.errors.ConnectionLost):
            await waiting
        del waiting
        assert list(await db.query("SELECT 2")) == [(2,)]


@pytest.mark.anyio
async def test_a_warning_is_logged_in_the_context_of_its_statement(liteorm_database: Any) -> None:
    """What a filter of the application reads there is what the task has set."""
    task: contextvars.ContextVar[int] = contextvars.ContextVar("task")
    seen: list[int] = []

    class Filter(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            seen.append(task.get())
            return True

    async def warned(number: int) -> None:
        task.set(number)
        await db.execute("DO $$ BEGIN RAISE WARNING 'look'; END $$", ())

    noting = Filter()
    logger = logging.getLogger("liteorm")
    logger.addFilter(noting)
    try:
        async with await open_async(liteorm_database.dsn, max_size=2) as db:
            await asyncio.gather(*(warned(number) for number in range(6)))
    finally:
        logger.removeFilter(noting)
    assert sorted(seen) == list(range(6))


@pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="needs /proc")
def test_no_descriptor_is_left(liteorm_database: Any) -> None:
    """Whether a connection is closed, lost, or forgotten with its database and its loop."""

    async def closed() -> None:
        async with await open_async(liteorm_database.dsn, max_size=1) as db:
            await db.query("SELECT 1")

    async def lost() -> None:
        async with await open_async(liteorm_database.dsn, max_size=1) as db:
            await db.query("SELECT 1")
            state: Any = db._state
            wire = await state.pool.getconn()
            state.borrowed[wire.reference] = 0.0
            del wire
            assert list(await db.query("SELECT 2")) == [(2,)]

    async def forgotten() -> None:
        db = await open_async(liteorm_database.dsn, max_size=1)
        await db.query("SELECT 1")

    def count() -> int:
        gc.collect()
        return len(os.listdir(DESCRIPTORS))

    for case in (closed, lost, forgotten):
        asyncio.run(case())
        before = count()
        for _ in range(3):
            asyncio.run(case())
        assert count() <= before, case.__name__


class Interruption(BaseException):
    """What a handler of a signal raises; no Exception, so that nothing takes it for an error."""


class Handled(Exception):
    """What another handler raises."""


@contextmanager
def raising(step: int, kind: type[BaseException], function: str) -> Generator[list[int]]:
    """Raise at this line of a function of the module, counted as they are run."""
    places: list[int] = []
    left = step

    def trace(frame: Any, event: str, _: object) -> Any:
        nonlocal left
        code = frame.f_code
        if code.co_filename != receiving.__file__ or code.co_name != function:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                places.append(frame.f_lineno)
                raise kind
        return trace

    with traced(trace):
        yield places


async def _fail(db: AsyncDB) -> None:
    with pytest.raises(liteorm.Error):
        await db.query("SELECT 1/0")


WORKS: dict[str, Callable[[AsyncDB], Any]] = {
    "an answer": lambda db: db.query("SELECT 1"),
    "an error": _fail,
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("kind", [Interruption, Handled])
@pytest.mark.parametrize("function", ["wait", "read", "_readable"])
@pytest.mark.parametrize("work", WORKS)
def test_an_interruption_at_any_line_ends_the_wait(
    liteorm_database: Any, work: str, function: str, kind: type[BaseException]
) -> None:
    """Nobody waits for what has come, and the next statement gets its own answer."""

    def told(loop: object, context: object) -> None:
        """Hear what was raised where the loop calls, if it is not about a step."""

    async def every_line() -> int:
        asyncio.get_running_loop().set_exception_handler(told)
        async with await open_async(liteorm_database.dsn, max_size=1, timeout=15) as db:
            await db.query("SELECT 1")
            step, places = 0, [0]
            while places:
                step += 1
                try:
                    with raising(step, kind, function) as places:
                        await asyncio.wait_for(WORKS[work](db), 20)
                except (kind, asyncio.CancelledError):
                    assert places
                assert list(await db.query("SELECT %s::int", (step,))) == [(step,)], places
                assert db.stats().in_use == 0
            return step

    assert asyncio.run(every_line()) > 2
