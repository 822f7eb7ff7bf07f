"""Runs many more random queries and changes than the tests do.

    python -m tests.check.many_queries --count=200000 --start=0 --server=local

Each 250 of them get other rows in their tables, and one in five is a change. It ends with 1, and
prints the query, if one gives a NULL that was ruled out.
"""

from __future__ import annotations

import argparse
import sys
from random import Random
from time import monotonic

from liteorm import postgres
from liteorm_testing import database, server
from tests.check.changes import change, filled
from tests.check.queries import SCHEMA, Queries
from tests.check.test_nulls_are_sound import broken_changes, broken_claims

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
        version = int(started.version.split(".")[0])
        end = given.start + given.count
        for start in range(given.start, end, AT_ONCE):
            seeds = range(start, min(start + AT_ONCE, end))
            if start % (4 * AT_ONCE):  # some see the rows that were written by hand
                with db.transaction() as tx:
                    tx.execute(filled(Random(start)))  # type: ignore[arg-type]
            asked = broken_claims(db, [seed for seed in seeds if seed % 5])
            texts = [change(Queries(Random(seed)), version) for seed in seeds if not seed % 5]
            changed = broken_changes(db, texts)
            for broken, kept, seen in (asked, changed):
                print(*broken, sep="\n", end="\n" if broken else "", flush=True)
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
