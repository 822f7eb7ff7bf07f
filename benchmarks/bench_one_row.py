"""One row by primary key, through the pool: where the cost of a call shows.

python benchmarks/bench_one_row.py [--rounds 25] [--calls 200] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import _bench
import psycopg
import psycopg_pool
from _peers import CREATE, Case, Five, has, uri

import liteorm
from liteorm import postgres, scan_one

SQL = "SELECT id, name, email, active, score FROM bench_five WHERE id = %s"
by_id = liteorm.statement(Five, SQL)


def sync_cases(dsn: str, calls: int, stack: contextlib.ExitStack) -> dict[str, Case]:
    """Return the sync cases; each makes `calls` calls."""
    db = stack.enter_context(postgres.open(dsn))
    pool = stack.enter_context(
        psycopg_pool.ConnectionPool(dsn, kwargs={"autocommit": True}, min_size=1, open=True)
    )
    pool.wait()

    def bare(binary: bool) -> Case:
        def run() -> None:
            for key in range(1, calls + 1):
                connection = pool.getconn()
                try:
                    connection.execute(SQL, (key,), binary=binary).fetchone()
                finally:
                    pool.putconn(connection)

        return run

    def scanned() -> None:
        for key in range(1, calls + 1):
            scan_one(db.query(SQL, (key,)), Five)

    def declared() -> None:
        for key in range(1, calls + 1):
            by_id.one(db, key)

    cases: dict[str, Case] = {
        "psycopg pool, binary": bare(True),
        "psycopg pool, text": bare(False),
        "liteorm query + scan_one": scanned,
        "liteorm statement.one": declared,
    }
    if has("sqlalchemy"):
        import sqlalchemy as sa

        engine = sa.create_engine(uri(dsn, "postgresql+psycopg"))
        stack.callback(engine.dispose)
        table = sa.Table("bench_five", sa.MetaData(), autoload_with=engine)

        def core() -> None:
            for key in range(1, calls + 1):
                with engine.connect() as connection:
                    Five(*connection.execute(sa.select(table).where(table.c.id == key)).one())

        cases["SQLAlchemy Core"] = core
    return cases


async def async_cases(
    dsn: str, calls: int, stack: contextlib.AsyncExitStack
) -> dict[str, Callable[[], Awaitable[None]]]:
    """Return the async cases."""
    db = await stack.enter_async_context(await postgres.open_async(dsn))
    pool: Any = psycopg_pool.AsyncConnectionPool(
        dsn, kwargs={"autocommit": True}, min_size=1, open=False
    )
    await stack.enter_async_context(pool)
    await pool.wait()

    async def bare() -> None:
        for key in range(1, calls + 1):
            connection = await pool.getconn()
            try:
                cursor = await connection.execute(SQL, (key,), binary=True)
                await cursor.fetchone()
            finally:
                await pool.putconn(connection)

    async def scanned() -> None:
        for key in range(1, calls + 1):
            scan_one(await db.query(SQL, (key,)), Five)

    cases: dict[str, Callable[[], Awaitable[None]]] = {
        "psycopg async pool, binary": bare,
        "liteorm query + scan_one": scanned,
    }
    if has("asyncpg"):
        import asyncpg

        peer = await asyncpg.create_pool(uri(dsn), min_size=1, max_size=4)
        stack.push_async_callback(peer.close)

        async def fetchrow() -> None:
            sql = SQL.replace("%s", "$1")
            for key in range(1, calls + 1):
                Five(*await peer.fetchrow(sql, key))

        cases["asyncpg pool, Model(*record)"] = fetchrow
    return cases


async def async_times(dsn: str, calls: int, rounds: int) -> dict[str, list[float]]:
    """Measure the async cases in one loop, in turn."""
    from time import perf_counter

    async with contextlib.AsyncExitStack() as stack:
        cases = await async_cases(dsn, calls, stack)
        times: dict[str, list[float]] = {name: [] for name in cases}
        for turn in range(rounds + 1):
            for name, case in cases.items():
                start = perf_counter()
                await case()
                if turn:
                    times[name].append(perf_counter() - start)
    return times


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = {}
    with _bench.database() as dsn, contextlib.ExitStack() as stack:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(CREATE)
        for title, times in (
            (
                "one row by key, sync",
                _bench.interleaved(sync_cases(dsn, options.calls, stack), rounds=options.rounds),
            ),
            ("one row by key, async", asyncio.run(async_times(dsn, options.calls, options.rounds))),
        ):
            _bench.heading(title)
            print(_bench.table(times, next(iter(times)), rows=options.calls, per="call"))
            results[title] = times
    print("\n" + _bench.versions("psycopg", "psycopg-pool"))
    if options.json:
        options.json.write_text(json.dumps(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
