"""Reading rows into objects: liteorm beside what people write by hand and other libraries.

    python benchmarks/bench_scan.py [--rounds 9] [--json FILE]

Whole calls are timed, statement, transfer and objects, since that is what users wait for; a last
table times the mapping alone, on rows received already.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import _bench
import psycopg
from _peers import CREATE, Case, Eight, Five, FrozenEight, FrozenFive, Peers

from liteorm import postgres, scan


def mapping_only(dsn: str, table: str, model: type, frozen: type, width: int, stack: Any) -> Any:
    """Return cases over rows that were received before the clock starts."""
    connection = stack.enter_context(psycopg.connect(dsn, autocommit=True))
    cursor = connection.cursor(binary=True)
    cursor.execute(f"SELECT * FROM {table}")
    rows = postgres.rows(cursor)
    names = ", ".join(f"v{i}" for i in range(width))
    scope: dict[str, Any] = {"cursor": cursor, "Model": model}
    exec(
        "def read():\n"
        "    cursor.scroll(0, mode='absolute')\n"
        "    out = []\n"
        "    while chunk := cursor.fetchmany(256):\n"
        f"        out += [Model({names}) for {names} in chunk]\n"
        "    return out\n",
        scope,
    )

    def tuples() -> Any:
        cursor.scroll(0, mode="absolute")
        return cursor.fetchall()

    cases: dict[str, Case] = {
        "psycopg by hand": scope["read"],
        "liteorm scan": lambda: scan(rows, model),
        "liteorm scan, frozen class": lambda: scan(rows, frozen),
        "psycopg tuple_row": tuples,
    }
    return cases


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results: dict[str, dict[str, list[float]]] = {}
    with _bench.database() as dsn, contextlib.ExitStack() as stack:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(CREATE)
        peers = Peers(dsn, stack)
        for title, rows, cases in (
            ("100,000 rows of 5 columns", 100_000, peers.plain("bench_five", Five, FrozenFive, 5)),
            (
                "100,000 rows of 8 columns",
                100_000,
                peers.plain("bench_eight", Eight, FrozenEight, 8),
            ),
            ("20,000 rows with jsonb into a class", 20_000, peers.json()),
            (
                "mapping alone, 5 columns",
                100_000,
                mapping_only(dsn, "bench_five", Five, FrozenFive, 5, stack),
            ),
            (
                "mapping alone, 8 columns",
                100_000,
                mapping_only(dsn, "bench_eight", Eight, FrozenEight, 8, stack),
            ),
        ):
            _bench.heading(title)
            times = _bench.interleaved(cases, rounds=options.rounds)
            print(_bench.table(times, next(iter(cases)), rows=rows), flush=True)
            results[title] = times
    print("\n" + _bench.versions("psycopg", "attrs", "msgspec"))
    if options.json:
        options.json.write_text(json.dumps(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
