"""insert_returning against a pipeline of inserts; insert and get of one row against bare psycopg.

python benchmarks/bench_writes.py [--rows 10000] [--single 2000] [--rounds 7]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Callable
from typing import Annotated, Any

import _bench
import attrs

import liteorm
from liteorm import Column, postgres

CREATE = """
DROP TABLE IF EXISTS bench_writes;
CREATE TABLE bench_writes (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, n int, score float8, at timestamptz
)
"""
INSERT = """
INSERT INTO bench_writes (name, n, score) VALUES (%s, %s, %s) RETURNING id, name, n, score
"""
GET = "SELECT id, name, n, score FROM bench_writes WHERE id = %s"


@liteorm.table("bench_writes", key="id")
@attrs.define
class Row:
    """One row of the benchmark."""

    name: str
    n: int
    score: float
    id: Annotated[int | None, Column(generated=True)] = None


def returning_cases(dsn: str, objs: list[Row], stack: contextlib.ExitStack) -> Any:
    """Return the ways to insert many rows and have them back."""
    import psycopg
    import sqlalchemy as sa
    from bench_insert_many import dsn_uri

    db = stack.enter_context(postgres.open(dsn))
    conn = stack.enter_context(psycopg.connect(dsn, autocommit=True))
    engine = sa.create_engine(dsn_uri(dsn).replace("postgresql://", "postgresql+psycopg://"))
    stack.callback(engine.dispose)
    table = sa.Table("bench_writes", sa.MetaData(), autoload_with=engine)

    def pipeline() -> list[Row]:
        with conn.pipeline(), conn.transaction():
            cursors = [
                conn.cursor(binary=True).execute(INSERT, (o.name, o.n, o.score)) for o in objs
            ]
            return [Row(name, n, score, id_) for c in cursors for id_, name, n, score in c]

    def one_by_one() -> list[Row]:
        with db.transaction() as tx:
            return [tx.insert(o) for o in objs]

    def insertmanyvalues() -> list[Row]:
        insert = sa.insert(table).returning(
            table.c.id, table.c.name, table.c.n, table.c.score, sort_by_parameter_order=True
        )
        with engine.begin() as connection:
            rows = connection.execute(
                insert, [{"name": o.name, "n": o.n, "score": o.score} for o in objs]
            )
            return [Row(name, n, score, id_) for id_, name, n, score in rows]

    return {
        "liteorm insert_returning": lambda: db.insert_returning(objs),
        "psycopg, inserts in a pipeline": pipeline,
        "liteorm insert in a loop": one_by_one,
        "SQLAlchemy insertmanyvalues, sorted": insertmanyvalues,
    }


def single_cases(dsn: str, count: int, stack: contextlib.ExitStack) -> dict[str, Callable[[], Any]]:
    """Return one-row calls through pools, sync."""
    from psycopg_pool import ConnectionPool

    db = stack.enter_context(postgres.open(dsn))
    pool = stack.enter_context(
        ConnectionPool(dsn, min_size=1, max_size=10, kwargs={"autocommit": True}, open=True)
    )
    row = Row("name", 5, 1.5)

    def bare_insert() -> None:
        for _ in range(count):
            conn = pool.getconn()
            cursor = conn.cursor(binary=True)
            cursor.execute(INSERT, (row.name, row.n, row.score))
            id_, name, n, score = cursor.fetchone()
            pool.putconn(conn)
            Row(name, n, score, id_)

    def bare_get() -> None:
        for key in range(1, count + 1):
            conn = pool.getconn()
            cursor = conn.cursor(binary=True)
            cursor.execute(GET, (key,))
            id_, name, n, score = cursor.fetchone()
            pool.putconn(conn)
            Row(name, n, score, id_)

    def insert() -> None:
        for _ in range(count):
            db.insert(row)

    def get() -> None:
        for key in range(1, count + 1):
            db.get(Row, key)

    return {
        "psycopg pool, INSERT RETURNING": bare_insert,
        "liteorm insert": insert,
        "psycopg pool, SELECT by key": bare_get,
        "liteorm get": get,
    }


def async_cases(
    dsn: str, count: int, loop: asyncio.AbstractEventLoop, stack: contextlib.ExitStack
) -> dict[str, Callable[[], Any]]:
    """Return one-row calls through pools, async."""
    from psycopg_pool import AsyncConnectionPool

    async def opened() -> Any:
        pool = AsyncConnectionPool(
            dsn, min_size=1, max_size=10, kwargs={"autocommit": True}, open=False
        )
        await pool.open(wait=True)
        return pool, await postgres.open_async(dsn)

    pool, db = loop.run_until_complete(opened())
    stack.callback(lambda: loop.run_until_complete(pool.close()))
    stack.callback(lambda: loop.run_until_complete(db.close()))
    row = Row("name", 5, 1.5)

    async def bare(sql: str, parameters: Callable[[int], Any]) -> None:
        for key in range(1, count + 1):
            conn = await pool.getconn()
            cursor = conn.cursor(binary=True)
            await cursor.execute(sql, parameters(key))
            id_, name, n, score = await cursor.fetchone()
            await pool.putconn(conn)
            Row(name, n, score, id_)

    async def insert() -> None:
        for _ in range(count):
            await db.insert(row)

    async def get() -> None:
        for key in range(1, count + 1):
            await db.get(Row, key)

    return {
        "psycopg async pool, INSERT RETURNING": lambda: loop.run_until_complete(
            bare(INSERT, lambda _: (row.name, row.n, row.score))
        ),
        "liteorm insert, async": lambda: loop.run_until_complete(insert()),
        "psycopg async pool, SELECT by key": lambda: loop.run_until_complete(
            bare(GET, lambda key: (key,))
        ),
        "liteorm get, async": lambda: loop.run_until_complete(get()),
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--single", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    objs = [Row(f"name {i}", i, i * 0.5) for i in range(options.rows)]
    loop = asyncio.new_event_loop()
    with contextlib.ExitStack() as stack:
        dsn = stack.enter_context(_bench.database())
        db = stack.enter_context(postgres.open(dsn))
        db.execute(CREATE)

        def empty() -> None:
            db.execute("TRUNCATE bench_writes RESTART IDENTITY")

        _bench.heading(f"insert_returning, {options.rows:,} objects")
        cases = returning_cases(dsn, objs, stack)
        times = _bench.interleaved(cases, rounds=options.rounds, before=empty)
        print(_bench.table(times, "liteorm insert_returning", rows=options.rows))

        db.insert_many([Row("name", 5, 1.5)] * options.single)

        def filled() -> None:
            empty()
            db.insert_many([Row("name", 5, 1.5)] * options.single)

        _bench.heading("one row, through a pool")
        cases = single_cases(dsn, options.single, stack)
        cases |= async_cases(dsn, options.single, loop, stack)
        times = _bench.interleaved(cases, rounds=options.rounds, before=filled)
        for floor in list(cases)[::2]:
            ours = list(cases)[list(cases).index(floor) + 1]
            both = {name: times[name] for name in (floor, ours)}
            print(_bench.table(both, floor, rows=options.single, per="call"), "\n")
        print(_bench.versions("psycopg", "psycopg-pool", "sqlalchemy"))
        db.execute("DROP TABLE bench_writes")
    loop.close()


if __name__ == "__main__":
    sys.exit(main())
