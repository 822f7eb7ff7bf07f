"""A statement declared over a signature beside query and scan of the same SQL, through the pool.

python benchmarks/bench_statements.py [--rounds 25] [--calls 200] [--json FILE]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from pathlib import Path
from typing import Literal

import _bench
import psycopg
from _peers import CREATE, Case, Five

import liteorm
from liteorm import postgres, scan, scan_one

ONE = "SELECT id, name, email, active, score FROM bench_five WHERE id = %(id)s"
PAGE = """
SELECT id, name, email, active, score FROM bench_five
WHERE id > %(after)s AND active = %(active)s
ORDER BY id LIMIT %(limit)s
"""


@liteorm.statement(Five, ONE)
def by_id(id: int) -> None:
    """One row."""


@liteorm.statement(
    Five,
    """
    SELECT {columns} FROM bench_five
    WHERE id > %(after)s
      AND active = %(active)s  --? active
      AND name = %(name)s      --? name
    ORDER BY {sort}
    LIMIT %(limit)s
    """,
    choices={"sort": {"id": "id", "name": "name, id"}},
)
def page(
    after: int,
    active: bool | None = None,
    name: str | None = None,
    sort: Literal["id", "name"] = "id",
    limit: int = 50,
) -> None:
    """A page of rows."""


def cases_of(dsn: str, calls: int, stack: contextlib.ExitStack) -> list[dict[str, Case]]:
    """Return the cases of one row, and of a page of fifty."""
    db = stack.enter_context(postgres.open(dsn))

    def scanned() -> None:
        for key in range(1, calls + 1):
            scan_one(db.query(ONE, {"id": key}), Five)

    def declared() -> None:
        for key in range(1, calls + 1):
            by_id.one(db, key)

    def scanned_page() -> None:
        for key in range(1, calls + 1):
            scan(db.query(PAGE, {"after": key, "active": True, "limit": 50}), Five)

    def declared_page() -> None:
        for key in range(1, calls + 1):
            page.all(db, key, active=True)

    return [
        {"query + scan_one": scanned, "statement with a signature, .one": declared},
        {
            "query + scan": scanned_page,
            "statement with optional parts and choices, .all": declared_page,
        },
    ]


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
        titles = ("one row by key", "a page of 50 rows")
        for title, cases in zip(titles, cases_of(dsn, options.calls, stack), strict=True):
            times = _bench.interleaved(cases, rounds=options.rounds)
            _bench.heading(title)
            print(_bench.table(times, next(iter(times)), rows=options.calls, per="call"))
            results[title] = times
    print("\n" + _bench.versions("psycopg", "psycopg-pool"))
    if options.json:
        options.json.write_text(json.dumps(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
