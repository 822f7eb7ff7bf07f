"""`liteorm demo`: the main features, one after the other, on real data and a real server."""

from __future__ import annotations

import argparse
import asyncio
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import attrs
import psycopg
import psycopg.rows
from rich.console import Console
from rich.pretty import Pretty
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import liteorm
from liteorm import postgres
from liteorm._cli.airports import (
    LANDINGS,
    RUNWAYS,
    SCHEMA,
    Airport,
    Landing,
    News,
    Region,
    Runway,
    Wrong,
    airports,
)
from liteorm._cli.declared import check_module, choose_parts, patch_stale_row, send_batch
from liteorm._cli.stage import announce, complain


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `liteorm demo`."""
    parser.add_argument(
        "--server",
        default="embedded",
        metavar="KIND",
        help="embedded (default), local, docker, auto, or a DSN to make a database on",
    )
    parser.add_argument(
        "--rounds", type=int, default=7, metavar="N", help="rounds of the speed test (default 7)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the tour."""
    console = Console(highlight=False)
    began = time.perf_counter()
    with fresh_database(console, arguments.server) as dsn:
        with postgres.open(dsn, application_name="liteorm-demo") as db:
            load_airports(console, db)
            scan_objects(console, db)
            show_wrong_type(console, db)
            show_broken_constraint(console, db)
            choose_parts(console, db)
            check_module(console, db)
            patch_stale_row(console, db)
            send_batch(console, db)
            retry_conflict(console, db)
            listen_and_notify(console, db)
            stream_rows(console, db)
            asyncio.run(query_concurrently(console, dsn))
            compare_speed(console, db, dsn, max(arguments.rounds, 1))
    console.print(f"\nDone in {time.perf_counter() - began:.1f} s; the server is gone again.")
    return 0


@contextmanager
def fresh_database(console: Console, kind: str) -> Generator[str]:
    """Start a server that is gone afterwards; give the address of an empty database on it."""
    import liteorm_testing

    announce(console, "A server and a pool", "with postgres.open(dsn) as db:")
    began = time.perf_counter()
    with liteorm_testing.server(kind) as server, liteorm_testing.database(server) as database:
        seconds = time.perf_counter() - began
        console.print(f"PostgreSQL {server.version} ({server.kind}) answers after {seconds:.2f} s")
        yield database.dsn


def load_airports(console: Console, db: postgres.DB) -> None:
    """Create the tables and fill them by COPY."""
    announce(console, "Bulk load: binary COPY", "db.insert_many(airports, progress=bar)")
    countries, found = airports()
    for statement in SCHEMA:
        db.execute(statement)
    db.insert_many(countries)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    began = time.perf_counter()
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("airports", total=len(found))
        rows = db.insert_many(found, progress=lambda done: progress.update(bar, completed=done))
    seconds = time.perf_counter() - began
    console.print(f"{rows:,} objects stored in {seconds:.2f} s: {rows / seconds:,.0f} rows/s")


def scan_objects(console: Console, db: postgres.DB) -> None:
    """Show a query's rows as typed objects."""
    announce(
        console,
        "Typed objects: nested, enum, NULL, numeric, array, jsonb",
        'rows = db.query(sql + " WHERE a.icao = ANY(%s)", [["VNKT", "LSZJ"]])\n'
        "landings = liteorm.scan(rows, Landing)",
    )
    rows = db.query(LANDINGS + " WHERE a.icao = ANY(%s) ORDER BY a.icao", [["VNKT", "LSZJ"]])
    for landing in liteorm.scan(rows, Landing):
        console.print(Pretty(landing))


def show_wrong_type(console: Console, db: postgres.DB) -> None:
    """Show what a wrong annotation looks like."""
    announce(
        console,
        "Types that do not lie",
        'liteorm.scan(db.query("SELECT icao, elevation …"), Wrong)  # elevation: float',
    )
    try:
        liteorm.scan(db.query("SELECT icao, elevation FROM airports"), Wrong)
    except liteorm.ScanError as error:
        complain(console, "liteorm.ScanError", str(error))


def show_broken_constraint(console: Console, db: postgres.DB) -> None:
    """Show what a broken constraint looks like."""
    announce(
        console, "Errors with names, not codes", "db.insert(airport)   # its key is there already"
    )
    try:
        db.insert(db.get(Airport, "EDDF"))
    except liteorm.UniqueViolation as error:
        parts = (f"{name}={getattr(error, name)!r}" for name in ("table", "constraint", "sqlstate"))
        complain(console, "liteorm.UniqueViolation", "\n".join([str(error), *parts]))


def retry_conflict(console: Console, db: postgres.DB) -> None:
    """Let two threads change the same row at once; the loser's transaction is run again."""
    announce(
        console,
        "A transaction that retries itself",
        'db.run(raise_the_field, isolation="serializable")   # from two threads at once',
    )
    both_have_read = threading.Barrier(2, timeout=30)
    attempts: list[str] = []

    def raise_the_field(tx: postgres.Tx) -> None:
        first = len(attempts) < 2
        attempts.append(threading.current_thread().name)
        rows = tx.query("SELECT elevation FROM airports WHERE icao = 'EHAM'")
        elevation = liteorm.scan_one(rows, Decimal)
        if first:
            both_have_read.wait()
        tx.execute("UPDATE airports SET elevation = %s WHERE icao = 'EHAM'", [elevation + 1])

    def work() -> None:
        db.run(raise_the_field, isolation="serializable")

    before = db.get(Airport, "EHAM").elevation
    threads = [threading.Thread(target=work, name=name) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = db.get(Airport, "EHAM").elevation
    console.print(
        f"2 threads, {len(attempts)} attempts ({', '.join(attempts)}): the server refused one with "
        f"SerializationFailure, and it was run again.\nSchiphol rose from {before} to {after} ft."
    )


def listen_and_notify(console: Console, db: postgres.DB) -> None:
    """Send an object to everybody who listens, at commit."""
    announce(
        console,
        "Listen and notify",
        'postgres.notify(tx, "news", News("EHAM", …))   # delivered at commit\n'
        "listener.receive(timeout=5).load(News)",
    )
    with postgres.listen(db, "news") as listener:
        with db.transaction() as tx:
            postgres.notify(tx, "news", News("EHAM", "raised by two feet"))
        received = listener.receive(timeout=5)
    console.print(f"received on {received.channel!r}: {received.load(News)}")


def stream_rows(console: Console, db: postgres.DB) -> None:
    """Read all airports without ever holding them all."""
    announce(
        console,
        "Streams: bounded memory",
        "with db.stream(sql) as stream:\n    for landing in liteorm.scan_iter(stream, Landing):",
    )
    highest: dict[Region, Landing] = {}
    count = 0
    with db.stream(LANDINGS) as stream:
        for landing in liteorm.scan_iter(stream, Landing):
            count += 1
            region = landing.country.region
            if region not in highest or landing.elevation > highest[region].elevation:
                highest[region] = landing
    top = max(highest.values(), key=lambda landing: landing.elevation)
    console.print(f"{count:,} objects seen; the highest: {top.name}, {top.elevation} ft")


async def query_concurrently(console: Console, dsn: str) -> None:
    """Do the same with asyncio: equal names, awaited."""
    announce(
        console,
        "Async: the same names, awaited",
        "async with await postgres.open_async(dsn) as adb:\n"
        "    await asyncio.gather(*(count(region) for region in Region))",
    )
    async with await postgres.open_async(dsn, max_size=4) as adb:

        async def count(region: Region) -> int:
            rows = await adb.query(
                "SELECT count(*) FROM airports JOIN countries ON code = country WHERE region = %s",
                [region],
            )
            return liteorm.scan_one(rows, int)

        counts = await asyncio.gather(*(count(region) for region in Region))
        stats = adb.stats()
    named = zip(Region, counts, strict=True)
    console.print(", ".join(f"{region.value} {number:,}" for region, number in named))
    console.print(f"{len(counts)} queries at once over {stats.size} connections")


def compare_speed(console: Console, db: postgres.DB, dsn: str, rounds: int) -> None:
    """Time one query as tuples, by class_row and by scan, in turns; print each one's best."""
    announce(console, "What the objects cost", "liteorm.scan(db.query(sql), Runway)")
    with psycopg.connect(dsn, autocommit=True) as connection:

        def by_tuple_row() -> list[Any]:
            with connection.cursor(binary=True) as cursor:
                return cursor.execute(RUNWAYS).fetchall()

        def by_class_row() -> list[Any]:
            with connection.cursor(
                binary=True, row_factory=psycopg.rows.class_row(Runway)
            ) as cursor:
                return cursor.execute(RUNWAYS).fetchall()

        def by_scan() -> list[Any]:
            return liteorm.scan(db.query(RUNWAYS), Runway)

        contestants: dict[str, Callable[[], list[Any]]] = {
            "tuple_row: tuples": by_tuple_row,
            "class_row: objects": by_class_row,
            "liteorm.scan: checked objects": by_scan,
        }
        best = dict.fromkeys(contestants, float("inf"))
        rows = 0
        for _ in range(rounds):
            for name, read in contestants.items():
                began = time.perf_counter()
                result = read()
                best[name] = min(best[name], time.perf_counter() - began)
                rows = len(result)
                del result
    table = Table("", "rows", "seconds", "rows/s", "× tuple_row")
    for column in table.columns[1:]:
        column.justify = "right"
    floor = next(iter(best.values()))
    for name, seconds in best.items():
        per_second = f"{rows / seconds:,.0f}"
        table.add_row(name, f"{rows:,}", f"{seconds:.4f}", per_second, f"{seconds / floor:.2f}")
    console.print(table)
    console.print(
        f"best of {rounds} rounds in turns, {len(attrs.fields(Runway))} columns", style="dim"
    )
