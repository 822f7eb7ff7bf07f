"""An exception at any line between the pool and a statement: no connection is lost or lent twice.

The interpreter looks for signals after calls, in loops and where functions begin; a line of them is
all of that. Only where a `with` block ends it does not, and neither is anything raised there here.
"""

from __future__ import annotations

import asyncio
import linecache
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

import liteorm
from liteorm.postgres import AsyncDB, open, open_async
from liteorm.postgres._async import borrow as aborrow
from liteorm.postgres._driver import pool as idle
from liteorm.postgres._session import primitives
from liteorm.postgres._sync import borrow
from tests.threads import traced

LEAST = 25
"""So many lines are gone through at least, between taking one and giving it back."""


class Interruption(BaseException):
    """What the handler of a signal raises; no Exception, so that nothing takes it for an error."""


class Handled(Exception):
    """What the handler of another raises."""


@contextmanager
def raising(step: int, kind: type[BaseException], *modules: Any) -> Generator[list[str]]:
    """Raise at this line of the modules, counted as they are run; name the place."""
    places: list[str] = []
    files = {module.__file__ for module in modules}
    entered: set[tuple[int, int]] = set()
    left = step

    def trace(frame: Any, event: str, _: object) -> Any:
        nonlocal left
        path, line = frame.f_code.co_filename, frame.f_lineno
        if path not in files:
            return None
        if event != "line" or frame.f_code.co_name == "__del__":
            return trace
        if linecache.getline(path, line).lstrip().startswith(("with ", "async with ")):
            if (id(frame), line) in entered:
                return trace
            entered.add((id(frame), line))
        if not _called_from_here(frame):
            return trace
        left -= 1
        if left == 0:
            places.append(f"{path}:{line}")
            raise kind
        return trace

    with traced(trace):
        yield places


def _called_from_here(frame: Any) -> bool:
    """Say whether it is work of ours: what ends the pool's own tasks ends them for good."""
    while frame is not None:
        if frame.f_code.co_filename == __file__:
            return True
        frame = frame.f_back
    return False


def check_whole(db: Any) -> None:
    """The one connection is idle in the pool, once, and nobody waits."""
    inside: list[object] = [*db._state.pool._pool]
    assert len({id(connection) for connection in inside}) == len(inside) <= 1
    assert (db.stats().in_use, db.stats().waiting, db.stats().size) == (0, 0, 1)


def _query(db: Any) -> None:
    db.query("SELECT 1")


def _fail(db: Any) -> None:
    with pytest.raises(liteorm.Error):
        db.query("SELECT 1/0")


def _transact(db: Any) -> None:
    with db.transaction() as tx:
        tx.query("SELECT 1")


SYNC: dict[str, Callable[[Any], None]] = {
    "query": _query,
    "an error": _fail,
    "a transaction": _transact,
}


# What is lost says so, and raised that would hold the connection.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("kind", [Interruption, Handled, KeyboardInterrupt])
@pytest.mark.parametrize("what", SYNC)
def test_an_interruption_at_any_line_loses_none(
    liteorm_database: Any, what: str, kind: type[BaseException]
) -> None:
    """With a pool of one: it is there at once, whatever line the exception came at."""
    with open(liteorm_database.dsn, max_size=1, timeout=15) as db:
        db.query("SELECT 1")
        step, places = 0, ["the first"]
        while places:
            step += 1
            try:
                with raising(step, kind, idle, borrow, primitives) as places:
                    SYNC[what](db)
            except kind:
                assert places
            assert list(db.query("SELECT 8")) == [(8,)], places
            check_whole(db)
        assert step > LEAST


async def _aquery(db: AsyncDB) -> None:
    await db.query("SELECT 1")


async def _afail(db: AsyncDB) -> None:
    with pytest.raises(liteorm.Error):
        await db.query("SELECT 1/0")


async def _atransact(db: AsyncDB) -> None:
    async with db.transaction() as tx:
        await tx.query("SELECT 1")


async def _aqueue(db: AsyncDB) -> None:
    await asyncio.gather(*(_one_of_several(db) for _ in range(3)))


async def _one_of_several(db: AsyncDB) -> None:
    # Whoever keeps the exception keeps what was interrupted, and its connection, from the others.
    with suppress(Interruption, Handled, asyncio.CancelledError):
        await db.query("SELECT 1")


ASYNC: dict[str, Callable[[AsyncDB], Any]] = {
    "query": _aquery,
    "an error": _afail,
    "a transaction": _atransact,
    "those who wait": _aqueue,
}


@pytest.mark.anyio
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("kind", [Interruption, Handled, asyncio.CancelledError])
@pytest.mark.parametrize("what", ASYNC)
async def test_an_interruption_of_a_task_at_any_line_loses_none(
    liteorm_database: Any, what: str, kind: type[BaseException]
) -> None:
    """The same in asyncio, where a cancellation too may be raised where a task goes on."""
    async with await open_async(liteorm_database.dsn, max_size=1, timeout=15) as db:
        await db.query("SELECT 1")
        step, places = 0, ["the first"]
        while places:
            step += 1
            try:
                with raising(step, kind, idle, aborrow) as places:
                    await ASYNC[what](db)
            except kind:
                assert places
            assert list(await db.query("SELECT 8")) == [(8,)], places
            await asyncio.sleep(0)
            check_whole(db)
        assert step > LEAST


@contextmanager
def interrupted_finalizers() -> Generator[list[str]]:
    """Raise where a connection's finalizer begins, as a handler of a signal may."""
    places: list[str] = []

    def trace(frame: Any, event: str, _: object) -> Any:
        if event == "call" and frame.f_code.co_qualname in ("Wire.__del__", "AsyncWire.__del__"):
            places.append(frame.f_code.co_qualname)
            raise Interruption
        return None

    hook = sys.unraisablehook
    # That of pytest keeps the exception, and with it the connection.
    sys.unraisablehook = lambda _: None
    try:
        with traced(trace):
            yield places
    finally:
        sys.unraisablehook = hook


BETWEEN = ["borrowed", "taken"]
"""Lost by whoever works with it, and on its way out of the pool."""


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("lost", BETWEEN)
def test_an_interrupted_finalizer_loses_no_place(liteorm_database: Any, lost: str) -> None:
    """What is raised in a finalizer is dropped by Python: the place is filled all the same."""
    with open(liteorm_database.dsn, max_size=1, timeout=15) as db:
        for _ in range(3):
            if lost == "borrowed":
                wire: Any = borrow.borrow(db._state)
            else:
                wire = idle.take_idle(db._state.pool)
            with interrupted_finalizers() as places:
                del wire
            assert places == ["Wire.__del__"]
            assert list(db.query("SELECT 8")) == [(8,)]
            check_whole(db)


@pytest.mark.anyio
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("lost", BETWEEN)
async def test_an_interrupted_finalizer_loses_no_place_of_a_task(
    liteorm_database: Any, lost: str
) -> None:
    """The same in asyncio."""
    async with await open_async(liteorm_database.dsn, max_size=1, timeout=15) as db:
        for _ in range(3):
            if lost == "borrowed":
                wire: Any = await aborrow.borrow(db._state)
            else:
                wire = idle.atake_idle(db._state.pool)
            with interrupted_finalizers() as places:
                del wire
            assert places == ["AsyncWire.__del__"]
            assert list(await db.query("SELECT 8")) == [(8,)]
            check_whole(db)
