"""What type checkers know about the testing kit; checked, never executed."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import assert_type

import liteorm
import liteorm_testing as kit
from liteorm.postgres import DB, AsyncDB


def sync_sessions(db: DB, database: kit.Database) -> None:
    assert_type(kit.deadlock(db), None)
    assert_type(kit.assert_no_leaks(db), None)
    assert_type(kit.assert_no_leaks(database), None)
    assert_type(kit.kill_backend(database), int)
    with kit.queries(db) as ran, kit.notifications(db, "jobs") as came:
        assert_type(ran.texts, list[str])
        assert_type(came.expect("1"), liteorm.Notification)
    with kit.fail_next_commit(database, liteorm.Deadlock) as commits:
        assert_type(commits.failed, int)
    with kit.Proxy(database.dsn) as proxy:
        assert_type(proxy.dropped, int)


async def async_sessions(db: AsyncDB) -> None:
    assert_type(kit.deadlock(db), Awaitable[None])
    assert_type(kit.assert_no_leaks(db), Awaitable[None])
    with kit.queries(db) as ran:
        assert_type(ran.count, int)
    async with kit.notifications(db, "jobs") as came:
        assert_type(await came.expect("1"), liteorm.Notification)


def servers() -> None:
    with kit.server(kind="embedded") as server, kit.database(server, "SELECT 1") as database:
        assert_type(server, kit.Server)
        assert_type(database, kit.Database)
