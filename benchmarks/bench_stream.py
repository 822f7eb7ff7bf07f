"""Two million rows as a stream: rows per second and peak memory, beside psycopg's own ways.

    python benchmarks/bench_stream.py [--rows 2000000] [--rounds 3]

Each case runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from time import perf_counter
from typing import Any

import _bench
import psycopg
from _peers import Five

from liteorm import postgres, scan_iter

SQL = (
    "SELECT g::int8 AS id, 'name ' || g AS name, 'user' || g || '@example.com' AS email,"
    " g % 3 = 0 AS active, g * 1.1::float8 AS score FROM generate_series(1, {}) g"
)


def liteorm_stream(dsn: str, sql: str) -> int:
    with postgres.open(dsn) as db, db.stream(sql) as stream:  # type: ignore[arg-type]
        return sum(1 for _ in scan_iter(stream, Five))


def psycopg_chunks(dsn: str, sql: str) -> int:
    """psycopg's stream() in libpq's chunked mode, objects made by hand."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.cursor(binary=True)
        return sum(1 for row in cursor.stream(sql, size=1000) if Five(*row))


def psycopg_server_cursor(dsn: str, sql: str) -> int:
    """A server-side cursor with fetchmany, objects made by hand."""
    with psycopg.connect(dsn) as connection:
        count = 0
        with connection.cursor("bench", binary=True) as cursor:
            cursor.execute(sql)
            while rows := cursor.fetchmany(1000):
                count += sum(1 for a, b, c, d, e in rows if Five(a, b, c, d, e))
        return count


CASES: dict[str, Any] = {
    "psycopg stream(size=1000), Model(*row)": psycopg_chunks,
    "psycopg server-side cursor, Model(...)": psycopg_server_cursor,
    "liteorm stream + scan_iter": liteorm_stream,
}


def child(name: str, dsn: str, rows: int) -> None:
    """Run one case; print its seconds and peak."""
    with postgres.open(dsn) as db:  # what connecting and importing takes comes before the start
        db.query("SELECT 1")
    CASES[name](dsn, SQL.format(1000))
    peak = _bench.Peak()
    start = perf_counter()
    count = CASES[name](dsn, SQL.format(rows))
    seconds = perf_counter() - start
    assert count == rows
    print(json.dumps({"seconds": seconds, "mib": peak.mib()}))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", nargs=2)
    options = parser.parse_args()
    if options.child:
        child(*options.child, options.rows)
        return 0
    seconds: dict[str, list[float]] = {name: [] for name in CASES}
    peaks: dict[str, list[float]] = {name: [] for name in CASES}
    with _bench.database() as dsn:
        for _ in range(options.rounds):
            for name in CASES:
                got = _bench.peak_in_child(
                    __file__, "--child", name, dsn, "--rows", str(options.rows)
                )
                seconds[name].append(got["seconds"])
                peaks[name].append(got["mib"])
    _bench.heading(f"a stream of {options.rows:,} rows of 5 columns")
    best = max(options.rows / min(seconds[name]) for name in list(CASES)[:2])
    print("| case | rows per s, most | median | × psycopg's best, most | peak MiB above start |")
    print("|---|---:|---:|---:|---:|")
    for name in CASES:
        fastest = options.rows / min(seconds[name])
        print(
            f"| {name} | {fastest:,.0f} | {options.rows / statistics.median(seconds[name]):,.0f} "
            f"| {fastest / best:.2f} | {max(peaks[name]):.1f} |"
        )
    print("\n" + _bench.versions("psycopg"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
