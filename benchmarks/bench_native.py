"""What liteorm-native is worth: each work with it and without, side by side with its floor.

    python benchmarks/bench_native.py [--rounds 9] [--json FILE]
    python benchmarks/bench_native.py --only stream --line stored   # the lines with this word alone
    python benchmarks/bench_native.py --docs FILE FILE   # the table of docs/benchmarks.md

Every case of a line runs in turn in one process, and what is printed are ratios. Cases without it
have classes of their own, planned while LITEORM_NATIVE is 0. It takes about four minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import _bench
import attrs
import psycopg
import psycopg_pool
from _lines import Lines, merged, twin
from _peers import CREATE, Address, Eight, Five, Located, Peers, by_hand, uri
from bench_insert_many import COLUMNS, COPY, TYPES, Row, rows
from bench_insert_many import CREATE as CREATE_ROWS
from bench_models import models
from bench_nested import CREATE as CREATE_NESTED
from bench_nested import QUERIES, Child, Parent
from bench_nested import cases as nested_cases
from bench_statements import ONE, PAGE, by_id, page
from psycopg.generators import copy_end, copy_to

import liteorm
from liteorm import postgres, scan, scan_iter, scan_one

Case = Callable[[], Any]
BY_KEY = "SELECT * FROM bench_five WHERE id = %s"


def reading(lines: Lines, peers: Peers) -> None:
    """Measure whole tables."""
    db, plain, connection = peers.db, peers.plain_db, peers.connection
    for work, table, model, goals in (
        ("100,000 × 5 columns", "bench_five", Five, (0.7, 1.0)),
        ("100,000 × 8 columns", "bench_eight", Eight, (0.5, 0.6)),
    ):
        sql = f"SELECT * FROM {table}"
        other = twin(model)

        def tuples(sql: str = sql) -> Any:
            return connection.execute(sql, binary=True).fetchall()

        lines.add(
            work,
            {
                "the loop by hand": by_hand(connection, model, sql, len(attrs.fields(model))),
                "tuple_row": tuples,
            },
            lambda sql=sql, model=model: scan(db.query(sql), model),
            lambda sql=sql, model=other: scan(plain.query(sql), model),
            goals={
                floor: (goal, None)
                for floor, goal in zip(("the loop by hand", "tuple_row"), goals, strict=True)
            },
            bound=peers.received(sql),
        )
    held = [Five(i, "", "", True, 0.0) for i in range(300_000)]
    sql = "SELECT * FROM bench_five"
    other = twin(Five)
    lines.add(
        "100,000 × 5 columns beside 300,000 live objects",
        {"the loop by hand": by_hand(connection, Five, sql, 5)},
        lambda: scan(db.query(sql), Five),
        lambda: scan(plain.query(sql), other),
        goals={"the loop by hand": (0.6, None)},
    )
    del held
    sql = "SELECT id, address FROM bench_json"
    located = twin(Located, address=twin(Address))
    lines.add(
        "20,000 × jsonb",
        {"msgspec by hand": peers.json()["psycopg and msgspec by hand"]},
        lambda: scan(db.query(sql), Located),
        lambda: scan(plain.query(sql), located),
        goals={"msgspec by hand": (0.8, None)},
    )
    parent = twin(Parent, children=list[twin(Child)])
    for title, nested in QUERIES.items():
        floors = nested_cases(peers, nested)
        lines.add(
            f"500 × 20 {title}",
            {name: floors[name] for name in ("asyncpg by hand", "psycopg by hand")},
            lambda sql=nested: scan(db.query(sql), Parent),
            lambda sql=nested: scan(plain.query(sql), parent),
            goals={"asyncpg by hand": (0.8, 2.2)},
            bound=peers.received(nested),
        )


def one_row(lines: Lines, peers: Peers, calls: int = 200) -> None:
    """Measure one row by its key."""
    other = twin(Five)
    pool: Any = peers.stack.enter_context(
        psycopg_pool.ConnectionPool(peers.dsn, kwargs={"autocommit": True}, min_size=1, open=True)
    )

    def bare() -> None:
        for key in range(1, calls + 1):
            with pool.connection() as connection:
                Five(*connection.execute(BY_KEY, (key,), binary=True).fetchone())

    def scanned(db: Any, model: Any) -> Case:
        def run() -> None:
            for key in range(1, calls + 1):
                scan_one(db.query(BY_KEY, (key,)), model)

        return run

    def received() -> None:
        for key in range(1, calls + 1):
            pgconn.exec_prepared(b"bound", [b"%d" % key], None, psycopg.pq.Format.BINARY)

    pgconn = peers.connection.pgconn
    pgconn.prepare(b"bound", BY_KEY.replace("%s", "$1").encode())
    floors: dict[str, Case] = {"psycopg's pool": bare}
    goals = dict.fromkeys(("psycopg's pool", "cpu of psycopg's pool"), (0.8, None))
    work = "one row by key"
    cpu = f"{work}, client's CPU"
    with_, without = scanned(peers.db, Five), scanned(peers.plain_db, other)
    lines.add(work, floors, with_, without, goals=goals, bound=received, cpu=cpu)
    asyncio.run(_one_row_async(lines, peers.dsn, calls))


async def _one_row_async(lines: Lines, dsn: str, calls: int) -> None:
    import asyncpg

    other = twin(Five)
    async with contextlib.AsyncExitStack() as stack:
        db = await stack.enter_async_context(await postgres.open_async(dsn, max_size=10))
        os.environ["LITEORM_NATIVE"] = "0"
        plain = await stack.enter_async_context(
            await postgres.open_async(dsn, min_size=10, max_size=10)
        )
        while plain.stats().idle < 10:
            await asyncio.sleep(0.01)
        del os.environ["LITEORM_NATIVE"]
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

        def scanned(db: Any, model: Any) -> Any:
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

        works: list[tuple[str, dict[str, Any], Any, float]] = [
            ("one row by key, async", {"psycopg's pool": bare}, in_turn, 0.85),
            (
                "one row by key, 100 tasks, pool of 10",
                {"asyncpg's pool": with_asyncpg},
                at_once,
                0.8,
            ),
        ]
        for work, floor, run, goal in works:
            cases = {**floor, "with": scanned(db, Five), "without": scanned(plain, other)}
            times: dict[str, list[float]] = {name: [] for name in cases}
            of_cpu: dict[str, list[float]] = {name: [] for name in cases}
            for turn in range(2 * lines.rounds + 1):
                for name, one in cases.items():
                    if name == "without":
                        os.environ["LITEORM_NATIVE"] = "0"
                    gc.collect()
                    start, of_process = perf_counter(), process_time()
                    await run(one)
                    os.environ.pop("LITEORM_NATIVE", None)
                    if turn:
                        times[name].append(perf_counter() - start)
                        of_cpu[name].append(process_time() - of_process)
            goals = dict.fromkeys(floor, (goal, None))
            lines.show(work, list(floor), times, goals)
            lines.show(f"{work}, client's CPU", list(floor), of_cpu, goals)


def declared(lines: Lines, peers: Peers, calls: int = 200) -> None:
    """Measure statements declared over a signature beside query and scan of the same SQL."""
    db = peers.db
    floor = "query + scan"

    def one() -> None:
        for key in range(1, calls + 1):
            by_id.one(db, key)

    def scanned_one() -> None:
        for key in range(1, calls + 1):
            scan_one(db.query(ONE, {"id": key}), Five)

    def pages() -> None:
        for key in range(1, calls + 1):
            page.all(db, key, active=True)

    def scanned_pages() -> None:
        for key in range(1, calls + 1):
            scan(db.query(PAGE, {"after": key, "active": True, "limit": 50}), Five)

    for work, case, scanned in (
        ("a statement with a signature, .one", one, scanned_one),
        ("a statement with parts and choices, .all of 50", pages, scanned_pages),
    ):
        goals = {floor: (1.05, None)}
        lines.add(work, {floor: scanned}, case, case, goals=goals, floor_without=scanned)


def writing(lines: Lines, peers: Peers, count: int) -> None:
    """Measure a bulk load, on the clock and by the client's CPU."""
    objects = list(rows(count))
    other = liteorm.table("bench_rows")(twin(Row))
    others = [other(*(getattr(row, name) for name in COLUMNS)) for row in objects]
    connection, db, plain = peers.connection, peers.db, peers.plain_db

    def hand() -> None:
        with connection.cursor() as cursor, cursor.copy(COPY) as copy:
            copy.set_types(TYPES)
            write_row = copy.write_row
            for o in objects:
                write_row((o.id, o.name, o.email, o.active, o.score, o.at))

    def sent() -> None:
        connection.pgconn.exec_(COPY.encode())
        for block in blocks:
            connection.wait(copy_to(connection.pgconn, block))
        connection.wait(copy_end(connection.pgconn, None))

    connection.execute(CREATE_ROWS)
    hand()
    with connection.cursor().copy("COPY bench_rows TO STDOUT (FORMAT binary)") as copy:
        data = b"".join(copy)
    blocks = [data[at : at + 65536] for at in range(0, len(data), 65536)]
    lines.add(
        f"insert_many of {count:,} × 6",
        {"write_row by hand": hand},
        lambda: db.insert_many(objects),
        lambda: plain.insert_many(others),
        goals={"write_row by hand": (0.95, None), "cpu of write_row by hand": (0.4, None)},
        bound=sent,
        before=lambda: connection.execute(CREATE_ROWS),
        cpu=f"insert_many of {count:,} × 6, client's CPU",
    )


def streaming(lines: Lines, peers: Peers, count: int) -> None:
    """Measure streams; their CPU too, since a server on the same machine takes the most."""
    rows = (
        "SELECT g::int8 AS id, 'name ' || g AS name, 'user' || g || '@example.com' AS email,"
        f" g % 3 = 0 AS active, g * 1.1::float8 AS score FROM generate_series(1, {count}) g"
    )
    stored = f"CREATE UNLOGGED TABLE bench_stored AS {rows}; VACUUM ANALYZE bench_stored"
    for command in stored.split("; "):
        peers.connection.execute(command.encode())
    other = twin(Five)
    for kind, text in (("stored", "SELECT * FROM bench_stored"), ("generated", rows)):
        sql: Any = text

        def hand(sql: Any = sql) -> int:
            cursor = peers.connection.cursor(binary=True)
            return sum(1 for row in cursor.stream(sql, size=1000) if Five(*row))

        def scanned(db: Any, model: Any, sql: Any = sql) -> Case:
            def run() -> int:
                with db.stream(sql) as stream:
                    return sum(1 for _ in scan_iter(stream, model))

            return run

        work = f"a stream of {count:,} {kind} rows × 5"
        floor = "psycopg stream by hand"
        lines.add(
            work,
            {floor: hand},
            scanned(peers.db, Five),
            scanned(peers.plain_db, other),
            goals={floor: (0.6, None), f"cpu of {floor}": (0.6, None)},
            bound=peers.served(text),
            rounds=max(3, lines.rounds // 3),
            cpu=f"{work}, client's CPU",
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
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--stream", type=int, default=2_000_000)
    parser.add_argument("--only", nargs="*", default=[], metavar="PART")
    parser.add_argument("--line", default="", metavar="WORD")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--docs", nargs="+", type=Path)
    options = parser.parse_args()
    if options.docs:
        print(merged(options.docs))
        return 0
    began = perf_counter()
    with prepared() as peers:
        lines = Lines(options.rounds, options.line)
        parts: dict[str, Case] = {
            "read": lambda: reading(lines, peers),
            "one": lambda: one_row(lines, peers),
            "declared": lambda: declared(lines, peers),
            "models": lambda: models(lines, peers),
            "write": lambda: writing(lines, peers, options.rows),
            "stream": lambda: streaming(lines, peers, options.stream),
        }
        for name in options.only or parts:
            parts[name]()
    if options.json:
        lines.save(options.json)
    print("\n" + _bench.versions("liteorm-native", "psycopg", "asyncpg", "attrs"), end=", ")
    print(f"{perf_counter() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
