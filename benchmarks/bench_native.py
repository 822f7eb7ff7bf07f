"""What liteorm-native is worth: each work with it and without, side by side with its floor.

    python benchmarks/bench_native.py [--rounds 7] [--rows 100000] [--stream 2000000]

Every case of a line runs in turn in one process, and what is printed are ratios of medians. Cases
without it have classes and a pool of their own, planned while LITEORM_NATIVE is 0.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import statistics
import sys
from collections.abc import Callable, Iterator
from time import perf_counter, process_time
from typing import Any

import _bench
import attrs
import psycopg
import psycopg_pool
from _peers import CREATE, Address, Eight, Five, Located, Peers, by_hand, uri
from bench_insert_many import COLUMNS, COPY, TYPES, Row, rows
from bench_insert_many import CREATE as CREATE_ROWS
from bench_nested import CREATE as CREATE_NESTED
from bench_nested import QUERIES, Child, Parent
from bench_nested import cases as nested_cases

import liteorm
from liteorm import postgres, scan, scan_iter, scan_one

Case = Callable[[], Any]
BY_KEY = "SELECT * FROM bench_five WHERE id = %s"


def twin(model: type, **types: Any) -> Any:
    """Return the same class once more, to be planned apart."""
    attrs.resolve_types(model)
    fields = {a.name: attrs.field(type=types.get(a.name, a.type)) for a in attrs.fields(model)}
    return attrs.make_class(model.__name__, fields)


def alone(case: Case) -> Case:
    """Return a case that runs without liteorm-native."""

    def run() -> Any:
        os.environ["LITEORM_NATIVE"] = "0"
        try:
            return case()
        finally:
            del os.environ["LITEORM_NATIVE"]

    return run


class Lines:
    """The table as it grows."""

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        print("| work | floor | with | without |\n|---|---|---:|---:|")

    def add(self, work: str, floors: dict[str, Case], with_: Case, without: Case) -> None:
        """Measure a line, or one for each floor; the client's CPU too where the work says so."""
        cases = {**floors, "with": with_, "without": alone(without)}
        times = _bench.interleaved(cases, rounds=self.rounds)
        self.show(work, floors, times, statistics.median)

    def show(self, work: str, floors: Any, times: Any, middle: Callable[[Any], float]) -> None:
        """Print what was measured."""
        for floor in floors:
            with_, without = (
                f"{middle(times[name]) / middle(times[floor]):.2f}" for name in ("with", "without")
            )
            print(f"| {work} | {floor} | {with_} | {without} |", flush=True)


def reading(lines: Lines, peers: Peers) -> None:
    """Measure whole tables."""
    db, connection = peers.db, peers.connection
    for work, table, model, width in (
        ("100,000 × 5 columns", "bench_five", Five, 5),
        ("100,000 × 8 columns", "bench_eight", Eight, 8),
    ):
        sql = f"SELECT * FROM {table}"
        other = twin(model)

        def tuples(sql: str = sql) -> Any:
            return connection.execute(sql, binary=True).fetchall()

        lines.add(
            work,
            {"the loop by hand": by_hand(connection, model, sql, width), "tuple_row": tuples},
            lambda sql=sql, model=model: scan(db.query(sql), model),
            lambda sql=sql, model=other: scan(db.query(sql), model),
        )
    held = [Five(i, "", "", True, 0.0) for i in range(300_000)]
    sql = "SELECT * FROM bench_five"
    other = twin(Five)
    lines.add(
        "100,000 × 5 columns beside 300,000 live objects",
        {"the loop by hand": by_hand(connection, Five, sql, 5)},
        lambda: scan(db.query(sql), Five),
        lambda: scan(db.query(sql), other),
    )
    del held
    sql = "SELECT id, address FROM bench_json"
    located = twin(Located, address=twin(Address))
    lines.add(
        "20,000 × jsonb",
        {"msgspec by hand": peers.json()["psycopg and msgspec by hand"]},
        lambda: scan(db.query(sql), Located),
        lambda: scan(db.query(sql), located),
    )
    parent = twin(Parent, children=list[twin(Child)])
    for title, nested in QUERIES.items():
        floors = nested_cases(peers, nested)
        lines.add(
            f"500 × 20 {title}",
            {name: floors[name] for name in ("asyncpg by hand", "psycopg by hand")},
            lambda sql=nested: scan(db.query(sql), Parent),
            lambda sql=nested: scan(db.query(sql), parent),
        )


def one_row(lines: Lines, peers: Peers, calls: int = 200) -> None:
    """Measure one row by its key."""
    db, other = peers.db, twin(Five)
    pool: Any = peers.stack.enter_context(
        psycopg_pool.ConnectionPool(peers.dsn, kwargs={"autocommit": True}, min_size=1, open=True)
    )

    def bare() -> None:
        for key in range(1, calls + 1):
            with pool.connection() as connection:
                Five(*connection.execute(BY_KEY, (key,), binary=True).fetchone())

    def scanned(model: Any) -> Case:
        def run() -> None:
            for key in range(1, calls + 1):
                scan_one(db.query(BY_KEY, (key,)), model)

        return run

    lines.add("one row by key", {"psycopg's pool": bare}, scanned(Five), scanned(other))
    asyncio.run(_one_row_async(lines, peers.dsn, calls))


async def _one_row_async(lines: Lines, dsn: str, calls: int) -> None:
    import asyncpg

    other = twin(Five)
    async with contextlib.AsyncExitStack() as stack:
        db = await stack.enter_async_context(await postgres.open_async(dsn, max_size=10))
        pool = await stack.enter_async_context(
            psycopg_pool.AsyncConnectionPool(
                dsn, kwargs={"autocommit": True}, min_size=1, max_size=10, open=False
            )
        )
        peer = await stack.enter_async_context(asyncpg.create_pool(uri(dsn), max_size=10))

        async def bare(key: int) -> None:
            async with pool.connection() as connection:
                cursor = await connection.execute(BY_KEY, (key,), binary=True)
                row: Any = await cursor.fetchone()
                Five(*row)

        async def with_asyncpg(key: int) -> None:
            Five(*await peer.fetchrow(BY_KEY.replace("%s", "$1"), key))

        def scanned(model: Any) -> Any:
            async def one(key: int) -> None:
                scan_one(await db.query(BY_KEY, (key,)), model)

            return one

        async def in_turn(one: Any) -> None:
            for key in range(1, calls + 1):
                await one(key)

        async def at_once(one: Any) -> None:
            async def several(first: int) -> None:
                for key in range(first, first + 5):
                    await one(key)

            await asyncio.gather(*(several(1 + 5 * task) for task in range(100)))

        for work, floor, run in (
            ("one row by key, async", {"psycopg's pool": bare}, in_turn),
            ("one row by key, 100 tasks, pool of 10", {"asyncpg's pool": with_asyncpg}, at_once),
        ):
            cases = {**floor, "with": scanned(Five), "without": scanned(other)}
            times: dict[str, list[float]] = {name: [] for name in cases}
            for turn in range(lines.rounds + 1):
                for name, one in cases.items():
                    if name == "without":
                        os.environ["LITEORM_NATIVE"] = "0"
                    gc.collect()
                    start = perf_counter()
                    await run(one)
                    os.environ.pop("LITEORM_NATIVE", None)
                    if turn:
                        times[name].append(perf_counter() - start)
            lines.show(work, floor, times, statistics.median)


def writing(lines: Lines, peers: Peers, count: int) -> None:
    """Measure a bulk load, on the clock and by the client's CPU."""
    objects = list(rows(count))
    other = liteorm.table("bench_rows")(twin(Row))
    others = [other(*(getattr(row, name) for name in COLUMNS)) for row in objects]
    connection, db = peers.connection, peers.db

    def hand() -> None:
        with connection.cursor() as cursor, cursor.copy(COPY) as copy:
            copy.set_types(TYPES)
            write_row = copy.write_row
            for o in objects:
                write_row((o.id, o.name, o.email, o.active, o.score, o.at))

    cases = {
        "write_row by hand": hand,
        "with": lambda: db.insert_many(objects),
        "without": alone(lambda: db.insert_many(others)),
    }
    times = _bench.interleaved(
        cases, rounds=lines.rounds, before=lambda: connection.execute(CREATE_ROWS)
    )
    work = f"insert_many of {count:,} × 6"
    lines.show(work, ["write_row by hand"], times, statistics.median)
    lines.show(
        f"{work}, client's CPU",
        ["write_row by hand"],
        times,
        lambda taken: statistics.median(taken.cpu),
    )


def streaming(lines: Lines, peers: Peers, count: int) -> None:
    """Measure a stream; its CPU too, since a server on the same machine takes the most."""
    sql: Any = (
        "SELECT g::int8 AS id, 'name ' || g AS name, 'user' || g || '@example.com' AS email,"
        f" g % 3 = 0 AS active, g * 1.1::float8 AS score FROM generate_series(1, {count}) g"
    )
    other = twin(Five)

    def hand() -> int:
        cursor = peers.connection.cursor(binary=True)
        return sum(1 for row in cursor.stream(sql, size=1000) if Five(*row))

    def scanned(model: Any) -> Case:
        def run() -> int:
            with peers.db.stream(sql) as stream:
                return sum(1 for _ in scan_iter(stream, model))

        return run

    cases = {
        "psycopg stream by hand": hand,
        "with": scanned(Five),
        "without": alone(scanned(other)),
    }
    times = _bench.interleaved(cases, rounds=max(2, lines.rounds // 3))
    work = f"a stream of {count:,} × 5"
    lines.show(work, ["psycopg stream by hand"], times, statistics.median)
    lines.show(
        f"{work}, client's CPU",
        ["psycopg stream by hand"],
        times,
        lambda taken: statistics.median(taken.cpu),
    )


@contextlib.contextmanager
def prepared() -> Iterator[Peers]:
    """Give the peers of a database with every table."""
    with _bench.database() as dsn, contextlib.ExitStack() as stack:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(CREATE)
            connection.execute(CREATE_NESTED)
            connection.execute(CREATE_ROWS)
        yield Peers(dsn, stack)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--stream", type=int, default=2_000_000)
    options = parser.parse_args()
    began = process_time()
    with prepared() as peers:
        lines = Lines(options.rounds)
        reading(lines, peers)
        one_row(lines, peers)
        writing(lines, peers, options.rows)
        streaming(lines, peers, options.stream)
    print("\n" + _bench.versions("liteorm-native", "psycopg", "asyncpg", "attrs"), end=", ")
    print(f"{process_time() - began:.0f} s of CPU")
    return 0


if __name__ == "__main__":
    sys.exit(main())
