"""A coroutine function given to synchronous code, and a plain one where its answer is awaited."""

from __future__ import annotations

from typing import Any

import pytest

from liteorm.postgres import DB, AsyncDB, open, open_async

pytestmark = pytest.mark.anyio


async def _later(*_: Any) -> Any:
    return "dbname=x"


def _hidden(*_: Any) -> Any:
    return _later()


def test_run_takes_a_plain_function(liteorm_db: DB) -> None:
    """A coroutine function would commit nothing and do its work never."""
    later: Any = _later
    hidden: Any = _hidden
    for fn in (later, hidden):
        with pytest.raises(TypeError, match="a coroutine function was given where nobody awaits"):
            liteorm_db.run(fn)
    assert liteorm_db.stats().in_use == 0
    assert liteorm_db.run(lambda tx: len(tx.query("SELECT 1"))) == 1


async def test_run_awaits_the_answer(liteorm_async_db: AsyncDB) -> None:
    """A plain function whose answer cannot be awaited is told so."""
    other: Any = id
    with pytest.raises(TypeError, match="a plain function was given where its answer is awaited"):
        await liteorm_async_db.run(other)
    assert await liteorm_async_db.run(lambda tx: tx.query("SELECT 1"))


async def test_what_open_is_given(liteorm_database: Any) -> None:
    """Refused before anything is connected; the async one takes both kinds."""
    later: Any = _later
    with pytest.raises(TypeError, match="dsn: a coroutine function was given where nobody awaits"):
        open(later)
    with pytest.raises(TypeError, match="on_connect: a coroutine function was given"):
        open(liteorm_database.dsn, on_connect=_later)

    async def dsn() -> str:
        return str(liteorm_database.dsn)

    async with await open_async(dsn, on_connect=_later) as db:
        assert len(await db.query("SELECT 1")) == 1


class Watching:
    """An observer of the other kind."""

    async def before(self, event: Any) -> None:
        """Nobody awaits this."""

    def after(self, event: Any) -> None:
        """Do nothing."""


async def test_what_is_called_in_the_middle_of_a_statement(
    liteorm_async_db: AsyncDB, liteorm_db: DB, liteorm_database: Any
) -> None:
    """It is a plain function, in both halves."""
    watching: Any = Watching()
    with pytest.raises(TypeError, match="progress: a coroutine function"):
        await liteorm_async_db.insert_many([], table="nothing", progress=_later)
    with pytest.raises(TypeError, match="progress: a coroutine function"):
        liteorm_db.insert_many([], table="nothing", progress=_later)
    with pytest.raises(TypeError, match="observers: Watching must have plain methods"):
        await open_async(liteorm_database.dsn, observers=[watching])
    with pytest.raises(TypeError, match="observers: Watching must have plain methods"):
        open(liteorm_database.dsn, observers=[watching])
    for none, told in ((print, "not a builtin_function"), (Watching, "not the class Watching")):
        nobody: Any = none
        with pytest.raises(TypeError, match=f"objects with the methods .*, {told}"):
            open(liteorm_database.dsn, observers=[nobody])
