"""What the user has a say in when a connection is made: its DSN, and how it begins."""

from __future__ import annotations

import time
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo

import liteorm
from liteorm.postgres import AsyncDB, open_async
from liteorm_testing import kill_backend

pytestmark = pytest.mark.anyio


async def test_a_function_gives_the_dsn_of_each_connection(liteorm_database: Any) -> None:
    """A password that expires: each new connection asks anew."""
    async with await open_async(liteorm_database.dsn) as admin:
        await admin.execute(
            "DO $$ BEGIN CREATE ROLE liteorm_rotating LOGIN; "
            "EXCEPTION WHEN duplicate_object THEN END $$"
        )
        words: list[str] = ["first"]
        asked: list[str] = []

        async def dsn() -> str:
            asked.append(words[-1])
            return make_conninfo(liteorm_database.dsn, user="liteorm_rotating", password=words[-1])

        await admin.execute("ALTER ROLE liteorm_rotating PASSWORD 'first'")
        async with await open_async(dsn) as db:
            assert len(await db.query("SELECT 1")) == 1
            words.append("second")
            await admin.execute("ALTER ROLE liteorm_rotating PASSWORD 'second'")
            await admin.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE usename = 'liteorm_rotating'"
            )
            assert len(await db.query("SELECT 1")) == 1
            assert asked[-1] == "second"
            assert "second" not in repr(db)


async def test_a_plain_function_gives_the_dsn_too(liteorm_database: Any) -> None:
    """One that is no coroutine function."""
    async with await open_async(lambda: str(liteorm_database.dsn)) as db:
        assert len(await db.query("SELECT 1")) == 1


async def test_functions_that_give_no_dsn(liteorm_database: Any) -> None:
    """One that raises, gives something else, or takes too long, fails the opening and says so."""

    def raising() -> str:
        raise ValueError("secret")

    def slow() -> str:
        time.sleep(1.0)
        return ""

    with pytest.raises(liteorm.ConnectFailed, match="failed with ValueError") as caught:
        await open_async(raising)
    assert "secret" not in str(caught.value)
    assert isinstance(caught.value.__cause__, ValueError)
    with pytest.raises(liteorm.ConnectFailed, match="returned int, expected a str"):
        await open_async(lambda: 5)  # type: ignore[arg-type, return-value]
    with pytest.raises(liteorm.ConnectFailed, match=r"did not answer within 0\.2 s"):
        await open_async(slow, timeout=0.2)


async def test_each_new_connection_is_prepared(liteorm_database: Any) -> None:
    """on_connect runs on each, and again after a reset that undid it."""
    calls: list[str] = []

    async def on_connect(session: Any) -> None:
        calls.append("called")
        await session.execute("SET application_name = 'prepared'")
        await session.query("SELECT 1")

    async def name(db: AsyncDB) -> str:
        return liteorm.scan_one(await db.query("SHOW application_name"), str)

    async with await open_async(liteorm_database.dsn, max_size=1, on_connect=on_connect) as db:
        assert await name(db) == "prepared"
        assert len(calls) == 1
        await db.execute("SET application_name = 'other'")
        assert await name(db) == "prepared"
        assert len(calls) == 2
        async with db.connection() as connection:
            await connection.execute("SET search_path = pg_catalog")
        assert await name(db) == "prepared"
        assert len(calls) == 3
        kill_backend(db)
        assert await name(db) == "prepared"
        assert len(calls) == 4


async def test_an_on_connect_that_fails_later_fails_no_finished_call(
    liteorm_database: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """After the reset of a connection: what was stored is no error; the connection is replaced."""
    calls: list[Any] = []

    async def on_connect(session: Any) -> None:
        calls.append(session)
        if len(calls) in (2, 4):
            raise ZeroDivisionError

    async with await open_async(liteorm_database.dsn, max_size=1, on_connect=on_connect) as db:
        await db.execute("CREATE TABLE stored (a int); SET my.x = '1'")
        assert len(await db.query("SELECT * FROM stored")) == 0
        async with db.transaction() as tx:
            await tx.execute("INSERT INTO stored VALUES (1)")
            await tx.execute("SET my.x = '1'")
        assert len(await db.query("SELECT * FROM stored")) == 1
        assert len(calls) == 5
    assert caplog.text.count("on_connect failed on a connection that was reset") == 2


async def test_an_on_connect_that_fails(liteorm_database: Any) -> None:
    """Its error is that of opening."""

    async def on_connect(session: Any) -> None:
        await session.execute("SELECT * FROM nothing")

    with pytest.raises(liteorm.UndefinedTable):
        await open_async(liteorm_database.dsn, on_connect=on_connect)
