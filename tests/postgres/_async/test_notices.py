"""Notices and warnings of the server: to the user's function, else warnings to the logger."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from liteorm import Notice
from liteorm.postgres import AsyncDB, open_async
from tests.postgres.support import Witness

pytestmark = pytest.mark.anyio

RAISING = """
DO $$ BEGIN
    RAISE NOTICE 'one' USING DETAIL = 'more', HINT = 'do', ERRCODE = '01004';
    RAISE INFO 'two';
    RAISE WARNING 'three';
END $$
"""


async def test_the_user_gets_every_notice(liteorm_database: Any) -> None:
    """Severity, code, text, detail and hint, whatever runs and wherever."""
    seen: list[Notice] = []
    async with await open_async(liteorm_database.dsn, on_notice=seen.append) as db:
        await db.execute(RAISING)
        assert seen == [
            Notice("NOTICE", "01004", "one", "more", "do"),
            Notice("INFO", "00000", "two"),
            Notice("WARNING", "01000", "three"),
        ]
        seen.clear()
        async with db.transaction() as tx:
            await tx.execute("DROP TABLE IF EXISTS nothing")
            await tx.query("SELECT 1")
        assert [(notice.severity, notice.sqlstate) for notice in seen] == [("NOTICE", "00000")]


async def test_warnings_reach_the_logger(
    liteorm_async_db: AsyncDB, caplog: pytest.LogCaptureFixture
) -> None:
    """What would do nothing in silence is told: SET LOCAL outside a transaction."""
    with caplog.at_level(logging.INFO, "liteorm"):
        await liteorm_async_db.execute("SET LOCAL lock_timeout = 1")
        await liteorm_async_db.execute(RAISING)
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert told == [
        "the server says: SET LOCAL can only be used in transaction blocks (25P01)",
        "the server says: three (01000)",
    ]


async def test_a_function_that_fails_spoils_nothing(
    liteorm_database: Any, witness: Witness, caplog: pytest.LogCaptureFixture
) -> None:
    """The statement goes on; the logger has the exception."""
    witness.run("CREATE TABLE item (id int)")

    def fail(notice: Notice) -> None:
        raise ZeroDivisionError

    async with await open_async(liteorm_database.dsn, on_notice=fail) as db:
        await db.execute("DO $$ BEGIN RAISE NOTICE 'x'; INSERT INTO item VALUES (1); END $$")
    assert witness.ask("SELECT * FROM item") == [(1,)]
    assert "on_notice failed" in caplog.text


async def test_what_cannot_take_a_notice_is_refused(liteorm_database: Any) -> None:
    """What cannot be called is refused when the database is opened."""
    wrong: list[Any] = [1, "print"]
    for on_notice in wrong:
        with pytest.raises(TypeError, match="on_notice must be a function"):
            await open_async(liteorm_database.dsn, on_notice=on_notice)
