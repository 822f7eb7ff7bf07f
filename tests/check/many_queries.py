"""Runs many more random queries than the tests do.

    python -m tests.check.many_queries --count=200000 --start=0 --server=local

It ends with 1, and prints the query, if one gives a NULL that was ruled out.
"""

from __future__ import annotations

import argparse
import sys
from time import monotonic

from liteorm import postgres
from liteorm_testing import database, server
from tests.check.queries import SCHEMA
from tests.check.test_nulls_are_sound import broken_claims

AT_ONCE = 250


def main() -> int:
    """Run the queries of a row of seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", default="embedded")
    parser.add_argument("--start", type=int, default=0, help="the first seed")
    parser.add_argument("--count", type=int, default=10_000)
    given = parser.parse_args()
    claims = columns = found = 0
    began = monotonic()
    with (
        server(given.server) as started,
        database(started, SCHEMA) as made,
        postgres.open(made.dsn, max_size=1, statement_timeout=120) as db,
    ):
        end = given.start + given.count
        for start in range(given.start, end, AT_ONCE):
            seeds = list(range(start, min(start + AT_ONCE, end)))
            broken, kept, seen = broken_claims(db, seeds)
            print(*broken, sep="\n", end="\n" if broken else "")
            found, claims, columns = found + len(broken), claims + kept, columns + seen
            done = seeds[-1] + 1 - given.start
            if done % 5000 == 0 or done == given.count:
                print(
                    f"{done} queries, {columns} columns, {claims} said to be never NULL,"
                    f" {found} broken, {monotonic() - began:.0f} s",
                    flush=True,
                )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
