"""Assertions about a database: who is still connected, and whether declared SQL fits it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from types import ModuleType
from typing import Final, overload

from attrs import frozen

import liteorm
from liteorm.postgres import DB, AsyncDB
from liteorm_testing._arguments import expect
from liteorm_testing.databases import Database
from liteorm_testing.recorders import one_line

__all__ = ["Leak", "assert_no_leaks", "check_statements"]


@frozen
class Leak:
    """A connection that was left open.

    Attributes:
        pid: The server's process.
        application: Its application_name.
        client: Where it comes from.
        state: "idle", "idle in transaction", "active", ...
        seconds: For how long it has been in that state.
        statement: The last statement's text.
    """

    pid: int
    application: str
    client: str
    state: str
    seconds: float
    statement: str

    def __str__(self) -> str:
        return (
            f"pid {self.pid}, application {self.application or 'without a name'!r}, "
            f"from {self.client}, {self.state} for {self.seconds:.1f} s, "
            f"last statement: {one_line(self.statement) or 'none'}"
        )


_LEAVING: Final = 1.0  # seconds that a connection which was just closed may be on its way out
_OPEN_IN: Final = """
    SELECT pid, coalesce(application_name, '') AS application,
           coalesce(client_addr::text || ':' || client_port, 'the socket') AS client,
           coalesce(state, 'unknown') AS state,
           coalesce(extract(epoch FROM clock_timestamp() - state_change), 0)::float8 AS seconds,
           coalesce(query, '') AS statement
    FROM pg_stat_activity
    WHERE datname = %s AND backend_type = 'client backend' AND pid <> pg_backend_pid()
    ORDER BY backend_start
"""
_OPEN: Final = _OPEN_IN.replace("%s", "current_database()")


@overload
def assert_no_leaks(target: Database | DB) -> None: ...
@overload
def assert_no_leaks(target: AsyncDB) -> Awaitable[None]: ...
def assert_no_leaks(target: Database | DB | AsyncDB) -> Awaitable[None] | None:
    """Fail if somebody left a connection open, or a transaction.

    Args:
        target: A `Database`: nobody may be connected to it. A `DB`: it may have idle
            connections, and nothing else may be connected to its database. On an `AsyncDB`, await
            the call.

    Raises:
        AssertionError: It names each connection that was left: application, state, statement.
    """
    __tracebackhide__ = True
    expect(target, (Database, DB, AsyncDB), "assert_no_leaks")
    if isinstance(target, AsyncDB):
        return _assert_no_leaks_async(target)
    deadline = time.monotonic() + _LEAVING
    while leaks := _leaks(target):
        if time.monotonic() > deadline:
            raise _left_open(leaks)
        time.sleep(0.005)
    return None


async def _assert_no_leaks_async(target: AsyncDB) -> None:
    __tracebackhide__ = True
    deadline = time.monotonic() + _LEAVING
    while leaks := _strangers(target, liteorm.scan(await target.query(_OPEN), Leak)):
        if time.monotonic() > deadline:
            raise _left_open(leaks)
        await asyncio.sleep(0.005)


def _leaks(target: Database | DB) -> list[Leak]:
    if isinstance(target, Database):
        return liteorm.scan(target._ask(_OPEN_IN, [target.name]), Leak)
    return _strangers(target, liteorm.scan(target.query(_OPEN), Leak))


def _strangers(target: DB | AsyncDB, found: list[Leak]) -> list[Leak]:
    """Those that are not the pool's own and at rest."""
    resting = {wire.pgconn.backend_pid for wire in list(target._state.pool._pool)}
    return [leak for leak in found if leak.state != "idle" or leak.pid not in resting]


def _left_open(leaks: list[Leak]) -> AssertionError:
    text = "".join(f"\n  {leak}" for leak in leaks)
    count = "1 connection was" if len(leaks) == 1 else f"{len(leaks)} connections were"
    return AssertionError(f"{count} left open:{text}")


def check_statements(db: DB | AsyncDB, *modules: ModuleType | str) -> None:
    """Fail unless what some modules declare fits the database: statements, tables, constraints.

    It is `liteorm check` as an assertion: the server describes every statement, none is run.

    Args:
        db: The database.
        modules: Modules or their names, packages with all that is in them.

    Raises:
        AssertionError: It lists what does not fit, where it is written, and how to mend it.
        ValueError: There is nothing to check: no module, or modules that declare nothing.

    Example:
        >>> from liteorm_testing import check_statements
        >>> def test_the_statements_fit_the_schema(liteorm_db):
        ...     check_statements(liteorm_db, "myapp")
    """
    from liteorm._check import check, collect

    __tracebackhide__ = True
    expect(db, (DB, AsyncDB), "check_statements")
    if not modules:
        raise ValueError("check_statements needs a module to look into, or its name")
    if not collect(modules) and not db._state.constraint_errors:
        names = ", ".join(one if isinstance(one, str) else one.__name__ for one in modules)
        raise ValueError(f"{names}: no statement, table or constraint name is declared there")
    findings = [finding for finding in check(db, modules) if finding.level == "error"]
    if findings:
        count = "1 problem" if len(findings) == 1 else f"{len(findings)} problems"
        raise AssertionError(f"{count} found:\n" + "\n".join(map(str, findings)))
