"""How long `liteorm check` takes for 200 statements: collecting, describing, analysing, comparing.

    python benchmarks/bench_check.py [--dsn DSN]

The statements are those of the checker's tests that are right, as often as needed. Without a DSN an
embedded server is started. Prints Markdown: the best of five runs, each with a new connection.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from liteorm import postgres  # noqa: E402
from liteorm._check import LiveAnswers, Subject, check_all, collect  # noqa: E402
from liteorm_testing import database, server  # noqa: E402

STATEMENTS = 200


@contextmanager
def filled_database(dsn: str | None) -> Iterator[str]:
    """Have a database with the schema of the tests."""
    schema = ROOT / "tests" / "check" / "files" / "shop.sql"
    with server(kind=dsn or "embedded") as started, database(started, schema) as made:
        yield made.dsn


def measured(dsn: str, subjects: list[Subject]) -> tuple[float, int]:
    """Return the seconds one check takes, and how much it finds."""
    began = time.perf_counter()
    with postgres.open(dsn, max_size=1) as db:
        findings = check_all(LiveAnswers(db), subjects)
    return time.perf_counter() - began, len(findings)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dsn")
    arguments = parser.parse_args()
    began = time.perf_counter()
    found = collect(["tests.check.right"])
    collecting = time.perf_counter() - began
    subjects = (found * (STATEMENTS // len(found) + 1))[:STATEMENTS]
    with filled_database(arguments.dsn) as dsn:
        runs = [measured(dsn, subjects) for _ in range(5)]
    print("| step | seconds |\n|---|---|")
    print(f"| import and collect {len(found)} statements | {collecting:.3f} |")
    print(f"| connect and check {STATEMENTS} statements | {min(runs)[0]:.3f} |")
    print(f"\n{runs[0][1]} findings.")


if __name__ == "__main__":
    main()
