"""What sessions add: settings of a transaction, batches over a slow network, COPY out.

python benchmarks/bench_sessions.py [--rounds 200] [--calls 50] [--rows 1000000] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import _bench
import psycopg

import liteorm
from liteorm import postgres
from liteorm_testing import Proxy

DELAY = 0.02
ROWS = (
    "SELECT n AS id, 'name ' || n AS name, n * 0.5 AS score, now() AS seen "
    "FROM generate_series(1, {}) n"
)

OPTIONS: dict[str, dict[str, Any]] = {
    "bare": {},
    "one setting": {"settings": {"app.tenant": "b"}},
    "three settings": {"settings": {"app.tenant": "b", "app.user": 7, "lock_timeout": "5s"}},
    "setting and role": {"settings": {"app.tenant": "b"}, "role": "bench_tenant"},
    "search_path": {"settings": {"search_path": "public"}},
}
# The same as texts, for a bare connection: what nobody can do with less.
TEXTS: dict[str, bytes] = {
    "bare": b"BEGIN",
    "one setting": b"BEGIN; SET LOCAL app.tenant = 'b'",
    "three settings": b"BEGIN; SET LOCAL app.tenant = 'b'; SET LOCAL app.\"user\" = '7'; "
    b"SET LOCAL lock_timeout = '5s'",
    "setting and role": b"BEGIN; SET LOCAL app.tenant = 'b'; SET LOCAL ROLE bench_tenant",
    "search_path": b"BEGIN; SET LOCAL search_path = 'public'",
}


def settings_cases(
    db: Any, connection: psycopg.Connection, calls: int, *, query: bool
) -> dict[str, Callable[[], None]]:
    """Return transactions with settings, ours and bare ones; each case makes `calls` of them."""

    def case(options: dict[str, Any]) -> Callable[[], None]:
        def run() -> None:
            for _ in range(calls):
                with db.transaction(**options) as tx:
                    if query:
                        tx.query("SELECT 1")

        return run

    def driver(text: bytes) -> Callable[[], None]:
        def run() -> None:
            for _ in range(calls):
                connection.execute(text)
                if query:
                    connection.execute("SELECT 1").fetchall()
                connection.execute("COMMIT")

        return run

    def libpq(text: bytes) -> Callable[[], None]:
        send = connection.pgconn.exec_

        def run() -> None:
            for _ in range(calls):
                send(text)
                if query:
                    send(b"SELECT 1")
                send(b"COMMIT")

        return run

    cases: dict[str, Callable[[], None]] = {}
    for name, options in OPTIONS.items():
        cases[name] = case(options)
        cases[f"{name}, psycopg"] = driver(TEXTS[name])
        cases[f"{name}, libpq"] = libpq(TEXTS[name])
    return cases


def settings(db: Any, dsn: str, rounds: int, calls: int) -> dict[str, Any]:
    """Measure what settings cost beside a transaction without, and beside the bare texts."""
    measured: dict[str, Any] = {}
    for title, query in (("BEGIN and COMMIT", False), ("with one SELECT 1", True)):
        _bench.heading(f"transaction(settings=…): {title}")
        with psycopg.connect(dsn, autocommit=True) as connection:
            cases = settings_cases(db, connection, calls, query=query)
            times = _bench.interleaved(cases, rounds=rounds)
        print("| case | µs, least | × bare | × psycopg | psycopg × bare | libpq × bare |")
        print("|---|---:|---:|---:|---:|---:|")
        found: dict[str, Any] = {}
        for name in OPTIONS:
            found[name] = {
                "us": min(times[name]) / calls * 1e6,
                "bare": _bench.ratio(times, name, "bare"),
                "psycopg": _bench.ratio(times, name, f"{name}, psycopg"),
                "psycopg_bare": _bench.ratio(times, f"{name}, psycopg", "bare, psycopg"),
                "libpq_bare": _bench.ratio(times, f"{name}, libpq", "bare, libpq"),
            }
            figures = [
                found[name][key] for key in ("bare", "psycopg", "psycopg_bare", "libpq_bare")
            ]
            ratios = " | ".join(f"{least:.2f}, {median:.2f}" for least, median in figures)
            print(f"| {name} | {found[name]['us']:.1f} | {ratios} |")
        print("\nEach ratio: of the least times, of the medians.")
        measured[title] = found
    return measured


def batches(dsn: str) -> dict[str, Any]:
    """Count the round trips of a detail page, and time it with 20 ms for each."""
    statements = [
        liteorm.statement(int, "SELECT 0 WHERE %(id)s > 0"),
        liteorm.statement(int, "SELECT 1 WHERE %(id)s > 0"),
        liteorm.statement(int, "SELECT 2 WHERE %(id)s > 0"),
    ]
    found: dict[str, Any] = {}
    with Proxy(dsn) as proxy, postgres.open(proxy.dsn) as db:

        def one_by_one() -> None:
            for statement in statements:
                statement.one(db, id=1)

        def batch() -> None:
            with db.batch() as sent:
                results = [sent.one(statement, id=1) for statement in statements]
            assert [result.result() for result in results] == [0, 1, 2]

        def begun() -> None:
            with db.transaction():
                pass

        def begun_with_settings() -> None:
            with db.transaction(**OPTIONS["setting and role"]):
                pass

        for call in (one_by_one, batch, begun, begun_with_settings):
            call()
            before = proxy.round_trips
            call()
            trips = proxy.round_trips - before
            proxy.delay(DELAY)
            start = perf_counter()
            call()
            found[call.__name__] = (trips, perf_counter() - start)
            proxy.delay(0)
    _bench.heading(f"Round trips, and milliseconds over a proxy with {DELAY * 1000:.0f} ms")
    for name, (trips, seconds) in found.items():
        print(f"| {name} | {trips} | {seconds * 1000:.1f} |")
    return found


def drain_driver(dsn: str, rows: int) -> int:
    """Read all with psycopg's own copy(); return the bytes."""
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        with cursor.copy(f"COPY ({ROWS.format(rows)}) TO STDOUT (FORMAT csv)") as copy:
            return sum(len(block) for block in copy)


def drain_ours(db: Any, rows: int) -> int:
    """Read all with copy_out; return the bytes."""
    with db.copy_out(ROWS.format(rows)) as blocks:
        return sum(len(block) for block in blocks)


def copies(dsn: str, rows: int) -> dict[str, Any]:
    """Measure `copy_out` beside psycopg's copy(), and the peak memory of each."""
    with postgres.open(dsn) as db:
        assert drain_driver(dsn, 1000) == drain_ours(db, 1000)
        cases: dict[str, Callable[[], Any]] = {
            "psycopg copy()": lambda: drain_driver(dsn, rows),
            "liteorm copy_out": lambda: drain_ours(db, rows),
        }
        times = _bench.interleaved(cases, rounds=5)
    _bench.heading(f"{rows} rows out as CSV")
    print(_bench.table(times, "psycopg copy()", rows=rows))
    found: dict[str, Any] = {"ratio": _bench.ratio(times, "liteorm copy_out", "psycopg copy()")}
    for kind in ("driver", "ours"):
        told = _bench.peak_in_child(__file__, "--child", kind, "--dsn", dsn, "--rows", str(rows))
        found[kind] = told["mib"]
        print(f"peak memory above the start, {kind}: {told['mib']:.1f} MiB")
    return found


def child(kind: str, dsn: str, rows: int) -> None:
    """Print the peak memory of one way, in a process of its own."""
    with postgres.open(dsn) as db:
        read = drain_driver if kind == "driver" else drain_ours
        place: Any = dsn if kind == "driver" else db
        read(place, 1000)
        peak = _bench.Peak()
        read(place, rows)
        print(json.dumps({"mib": peak.mib()}))


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", choices=("driver", "ours"))
    parser.add_argument("--dsn")
    args = parser.parse_args()
    if args.child:
        child(args.child, args.dsn, args.rows)
        return 0
    print(_bench.versions("psycopg"))
    with _bench.database() as dsn, postgres.open(dsn, min_size=1) as db:
        db.execute(
            "DO $$ BEGIN CREATE ROLE bench_tenant; EXCEPTION WHEN duplicate_object THEN END $$"
        )
        measured = {
            "settings": settings(db, dsn, args.rounds, args.calls),
            "trips": batches(dsn),
            "copy_out": copies(dsn, args.rows),
        }
    if args.json:
        args.json.write_text(json.dumps(measured, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
