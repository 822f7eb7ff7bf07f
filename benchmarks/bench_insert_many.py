"""insert_many against a hand-written COPY loop, asyncpg, sqlspec, executemany and SQLAlchemy.

python benchmarks/bench_insert_many.py [--rows 100000] [--rounds 7] [--scale 5000000]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import json
import sys
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

import _bench
import attrs

import liteorm
from liteorm import postgres

CREATE = """
DROP TABLE IF EXISTS bench_rows;
CREATE TABLE bench_rows (
    id int8, name text, email text, active bool, score float8, at timestamptz
)
"""
COLUMNS = ("id", "name", "email", "active", "score", "at")
TYPES = ("int8", "text", "text", "bool", "float8", "timestamptz")
COPY = f"COPY bench_rows ({', '.join(COLUMNS)}) FROM STDIN (FORMAT binary)"
INSERT = f"INSERT INTO bench_rows ({', '.join(COLUMNS)}) VALUES (%s, %s, %s, %s, %s, %s)"
START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
SLOW_ROWS = 20_000


@liteorm.table("bench_rows")
@attrs.define
class Row:
    """One row of the benchmark."""

    id: int
    name: str
    email: str
    active: bool
    score: float
    at: dt.datetime


def rows(count: int) -> Iterator[Row]:
    """Make the objects one by one."""
    for i in range(count):
        yield Row(
            i, f"name {i}", f"user{i}@example.com", i % 3 == 0, i * 0.5,
            START + dt.timedelta(seconds=i),
        )  # fmt: skip


def fast_cases(
    dsn: str, objs: list[Row], loop: asyncio.AbstractEventLoop, stack: contextlib.ExitStack
) -> dict[str, Callable[[], Any]]:
    """Return the bulk loads."""
    import asyncpg
    import psycopg

    db = postgres.open(dsn)
    adb = loop.run_until_complete(postgres.open_async(dsn))
    conn = psycopg.connect(dsn, autocommit=True)
    aconn = loop.run_until_complete(psycopg.AsyncConnection.connect(dsn, autocommit=True))
    pg = loop.run_until_complete(asyncpg.connect(dsn_uri(dsn)))
    stack.callback(db.close)
    stack.callback(conn.close)
    stack.callback(lambda: loop.run_until_complete(adb.close()))
    stack.callback(lambda: loop.run_until_complete(aconn.close()))
    stack.callback(lambda: loop.run_until_complete(pg.close()))

    def by_hand() -> None:
        with conn.cursor() as cursor, cursor.copy(COPY) as copy:
            copy.set_types(TYPES)
            write_row = copy.write_row
            for o in objs:
                write_row((o.id, o.name, o.email, o.active, o.score, o.at))

    async def by_hand_async() -> None:
        async with aconn.cursor() as cursor, cursor.copy(COPY) as copy:
            copy.set_types(TYPES)
            write_row = copy.write_row
            for o in objs:
                await write_row((o.id, o.name, o.email, o.active, o.score, o.at))

    async def with_asyncpg() -> None:
        await pg.copy_records_to_table(
            "bench_rows",
            records=((o.id, o.name, o.email, o.active, o.score, o.at) for o in objs),
            columns=COLUMNS,
        )

    cases: dict[str, Callable[[], Any]] = {
        "psycopg write_row, by hand": by_hand,
        "liteorm insert_many": lambda: db.insert_many(objs),
        "psycopg write_row, by hand, async": lambda: loop.run_until_complete(by_hand_async()),
        "liteorm insert_many, async": lambda: loop.run_until_complete(adb.insert_many(objs)),
        "asyncpg copy_records_to_table": lambda: loop.run_until_complete(with_asyncpg()),
    }
    if sqlspec := sqlspec_case(dsn, objs, loop, stack):
        cases["sqlspec load_from_records (asyncpg)"] = sqlspec
    return cases


def dsn_uri(dsn: str) -> str:
    """Return a DSN as the URI that asyncpg and SQLAlchemy want."""
    if "://" in dsn:
        return dsn
    import psycopg

    p = psycopg.conninfo.conninfo_to_dict(dsn)
    return (
        f"postgresql://{p.get('user', 'postgres')}@{p.get('host', 'localhost')}"
        f":{p.get('port', 5432)}/{p.get('dbname', 'postgres')}"
    )


def sqlspec_case(
    dsn: str, objs: list[Row], loop: asyncio.AbstractEventLoop, stack: contextlib.ExitStack
) -> Callable[[], Any] | None:
    """Return sqlspec's bulk load, None without sqlspec (which wants pyarrow for it)."""
    try:
        import pyarrow  # noqa: F401
        from sqlspec.adapters.asyncpg import AsyncpgConfig
    except ImportError:
        return None
    config = AsyncpgConfig(connection_config={"dsn": dsn_uri(dsn), "min_size": 1, "max_size": 2})

    stack.callback(lambda: loop.run_until_complete(config.close_pool()))

    async def load() -> None:
        async with config.provide_session() as session:
            await session.load_from_records(
                "bench_rows",
                [(o.id, o.name, o.email, o.active, o.score, o.at) for o in objs],
                columns=list(COLUMNS),
            )

    return lambda: loop.run_until_complete(load())


def slow_cases(
    dsn: str, objs: list[Row], stack: contextlib.ExitStack
) -> dict[str, Callable[[], Any]]:
    """Return the loads by INSERT."""
    import psycopg
    import sqlalchemy as sa

    conn = psycopg.connect(dsn, autocommit=True)
    engine = sa.create_engine(dsn_uri(dsn).replace("postgresql://", "postgresql+psycopg://"))
    table = sa.Table("bench_rows", sa.MetaData(), autoload_with=engine)
    db = postgres.open(dsn)
    stack.callback(db.close)
    stack.callback(conn.close)
    stack.callback(engine.dispose)

    def executemany() -> None:
        with conn.transaction(), conn.cursor() as cursor:
            cursor.executemany(
                INSERT, [(o.id, o.name, o.email, o.active, o.score, o.at) for o in objs]
            )

    def insertmanyvalues() -> None:
        # Without RETURNING SQLAlchemy would hand the rows to executemany.
        with engine.begin() as connection:
            connection.execute(
                sa.insert(table).returning(table.c.id),
                [{name: getattr(o, name) for name in COLUMNS} for o in objs],
            )

    return {
        "liteorm insert_many": lambda: db.insert_many(objs),
        "psycopg executemany": executemany,
        "SQLAlchemy insertmanyvalues": insertmanyvalues,
    }


def scaled(dsn: str, count: int) -> None:
    """Load `count` rows from a generator; print seconds and peak memory as JSON."""
    with postgres.open(dsn) as db:
        db.execute(CREATE)
        db.insert_many(rows(1000))
        db.execute("TRUNCATE bench_rows")
        # What making the objects alone costs is not the load's.
        start = perf_counter()
        for _ in rows(count):
            pass
        made = perf_counter() - start
        peak = _bench.Peak()
        start = perf_counter()
        assert db.insert_many(rows(count)) == count
        seconds = perf_counter() - start - made
        print(json.dumps({"seconds": seconds, "mib": peak.mib()}))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--scale", type=int, default=5_000_000)
    parser.add_argument("--child", nargs=2)
    options = parser.parse_args()
    if options.child:
        scaled(options.child[0], int(options.child[1]))
        return
    with _bench.database() as dsn:
        loop = asyncio.new_event_loop()
        db = postgres.open(dsn)
        db.execute(CREATE)

        def empty() -> None:
            db.execute("TRUNCATE bench_rows")

        objs = list(rows(options.rows))
        _bench.heading(f"insert_many, {options.rows:,} objects of 6 columns")
        with contextlib.ExitStack() as stack:
            cases = fast_cases(dsn, objs, loop, stack)
            times = _bench.interleaved(cases, rounds=options.rounds, before=empty)
        print(_bench.table(times, "psycopg write_row, by hand", rows=options.rows))
        _bench.heading(f"against INSERT, {SLOW_ROWS:,} objects")
        with contextlib.ExitStack() as stack:
            cases = slow_cases(dsn, objs[:SLOW_ROWS], stack)
            times = _bench.interleaved(cases, rounds=max(3, options.rounds // 3), before=empty)
        print(_bench.table(times, "liteorm insert_many", rows=SLOW_ROWS))
        _bench.heading("growing, fed by a generator (the objects' own making taken off)")
        print("| rows | µs per row | peak memory above the start, MiB |\n|---:|---:|---:|")
        for count in (1_000, 10_000, 100_000, 1_000_000, 5_000_000):
            if count <= options.scale:
                answer = _bench.peak_in_child(__file__, "--child", dsn, str(count))
                print(
                    f"| {count:,} | {answer['seconds'] / count * 1e6:.3f} | {answer['mib']:.1f} |"
                )
        db.execute("DROP TABLE bench_rows")
        db.close()
        loop.close()
        print("\n" + _bench.versions("psycopg", "asyncpg", "sqlspec", "sqlalchemy"))


if __name__ == "__main__":
    sys.exit(main())
