"""How the rows of a statement are streamed, and what is said where it is done otherwise."""

from __future__ import annotations

from typing import Any

import pytest

import liteorm
from liteorm.postgres import DB, open, open_async
from liteorm_testing import Database

pytestmark = pytest.mark.anyio


@liteorm.statement(int, "SELECT generate_series(1, %(last)s::int)")
def numbers(last: int) -> None:
    """Numbers up to one."""


def test_a_block_is_entered(liteorm_database: Database) -> None:
    """Looping over it, or taking the next of it, says how."""
    with open(liteorm_database.dsn) as db:
        block: Any = numbers.iter(db, 2)
        for use in (list, next):
            with pytest.raises(TypeError, match=r"not something for `for`: with numbers.iter\("):
                use(block)
        with pytest.raises(TypeError, match=r"not something for `await`: with numbers.iter\("):
            block.__await__()
        with block as objects:
            assert list(objects) == [1, 2]


async def test_a_block_of_an_async_session_is_entered(liteorm_database: Database) -> None:
    """The same, in the words of async code."""
    async with await open_async(liteorm_database.dsn) as db:
        block: Any = numbers.iter(db, 2)
        with pytest.raises(TypeError, match=r"for `async for`: async with numbers.iter\("):
            async for _ in block:
                pass
        with pytest.raises(TypeError, match=r"for `await`: async with numbers.iter\("):
            await block
        async with block as objects:
            assert [each async for each in objects] == [1, 2]


async def test_a_block_is_entered_as_its_session_has_it(liteorm_database: Database) -> None:
    """The wrong kind of `with` is told from the right one."""
    async with await open_async(liteorm_database.dsn) as adb:
        block: Any = numbers.iter(adb, 2)
        with pytest.raises(TypeError, match="an async session is entered with `async with`, not"):
            block.__enter__()
    with open(liteorm_database.dsn) as db:
        block = numbers.iter(db, 2)
        with pytest.raises(TypeError, match="a sync session is entered with `with`, not `async w"):
            await block.__aenter__()


def test_a_class_of_sessions_is_no_session() -> None:
    """It has all of the names that a session has."""
    given: Any = DB
    with pytest.raises(TypeError, match="not with the class DB"):
        numbers.one(given, 1)
