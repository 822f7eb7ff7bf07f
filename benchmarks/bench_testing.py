"""A fresh migrated database per test: liteorm_testing, pytest-postgresql, plain testcontainers.

The schema has 30 tables, 120 indexes and 10,000 rows. liteorm_testing and pytest-postgresql work
on the same kind of server (the embedded one, in memory, nothing flushed), so that what is compared
is how they use it. Plain testcontainers is the usual way: a container per run with its defaults,
the schema run into a new database for each test. Run it on a machine with nothing else to do:

    python benchmarks/bench_testing.py [--tests 500] [--image postgres:18-alpine]
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import liteorm
from liteorm import postgres
from liteorm_testing import Server, ServerNotAvailable, _docker, _stock, database, server

ROOT = Path(__file__).resolve().parents[1]
TEST_SECONDS = 0.02


def schema() -> str:
    """30 tables with four indexes each, and 10,000 rows in all."""
    statements: list[str] = []
    for table in range(30):
        rows = 334 if table < 10 else 333
        statements.append(
            f"CREATE TABLE t{table} (id int PRIMARY KEY, name text, amount numeric, "
            "at timestamptz);"
            f"CREATE INDEX ON t{table} (name); CREATE INDEX ON t{table} (amount);"
            f"CREATE INDEX ON t{table} (at, name);"
            f"INSERT INTO t{table} SELECT n, 'name ' || n, n * 1.5, now() "
            f"FROM generate_series(1, {rows}) AS n;"
        )
    return "\n".join(statements)


def milliseconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def told(name: str, samples: list[float]) -> None:
    """Print one line of the table."""
    ordered = sorted(samples)
    middle, late = statistics.median(ordered), ordered[int(len(ordered) * 0.95)]
    print(f"  {name:<58} {middle:9.2f} {late:9.2f}")


def time_starts() -> None:
    """From nothing to the first answer, without and with a data directory in the cache."""

    def first_query(cache: str) -> float:
        os.environ["LITEORM_CACHE"] = cache
        began = time.perf_counter()
        with server(kind="embedded") as s, postgres.open(s.dsn, min_size=1, max_size=1) as db:
            db.query("SELECT 1")
            return (time.perf_counter() - began) * 1000

    cold: list[float] = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as cache:
            Path(cache).chmod(0o755)
            cold.append(first_query(cache))
    with tempfile.TemporaryDirectory() as cache:
        Path(cache).chmod(0o755)
        first_query(cache)
        warm = [first_query(cache) for _ in range(11)]
    del os.environ["LITEORM_CACHE"]
    told("embedded server, nothing to first query, first run", cold)
    told("embedded server, nothing to first query, later runs", warm)


def time_copies(s: Server, tests: int) -> None:
    """The wait for a database, without and with copies made ahead, and what leaving costs."""
    for name, spare in (("without copies made ahead", 0), ("with copies made ahead", 3)):
        _stock.SPARE = spare  # type: ignore[misc]
        waits: list[float] = []
        leaves: list[float] = []
        for _ in range(tests):
            block = database(s, schema())
            waits.append(milliseconds(block.__enter__))
            time.sleep(TEST_SECONDS)
            leaves.append(milliseconds(lambda block=block: block.__exit__(None, None, None)))
        told(f"liteorm_testing, {name}: wait", waits[3:])
        told(f"liteorm_testing, {name}: teardown", leaves[3:])


def time_rollback(s: Server, tests: int) -> None:
    """Isolation by a transaction that is rolled back."""
    with database(s, schema()) as d, postgres.open(d.dsn) as db:

        def once() -> None:
            with db.begin() as tx:
                tx.query("SELECT 1")

        told("liteorm_testing, isolation by rollback", [milliseconds(once) for _ in range(tests)])


def time_testcontainers(image: str, tests: int) -> None:
    """Testcontainers as its guide shows it: one container, the schema run for each test."""
    from testcontainers.community.postgres import PostgresContainer

    began = time.perf_counter()
    with PostgresContainer(image, driver=None) as container:
        dsn = container.get_connection_url()
        print(f"  plain testcontainers, start of {image}: {time.perf_counter() - began:.1f} s")
        waits: list[float] = []
        leaves: list[float] = []
        with postgres.open(dsn) as admin:
            for number in range(tests):
                name = liteorm.Ident(f"test{number}")

                def enter(name: liteorm.Ident = name) -> None:
                    admin.execute(liteorm.sql("CREATE DATABASE {}", name))
                    with postgres.open(dsn.rpartition("/")[0] + f"/{name.names[0]}") as db:
                        db.execute(schema())  # type: ignore[arg-type]

                waits.append(milliseconds(enter))
                drop = liteorm.sql("DROP DATABASE {} WITH (FORCE)", name)
                leaves.append(milliseconds(lambda drop=drop: admin.execute(drop)))
        told("plain testcontainers, schema run for each test: wait", waits)
        told("plain testcontainers, schema run for each test: teardown", leaves)


LITEORM_SUITE = """
    import liteorm, pathlib, pytest

    @pytest.fixture(scope="session")
    def liteorm_schema():
        return pathlib.Path("schema.sql")

    @pytest.mark.parametrize("n", range({tests}))
    def test_it(n, liteorm_db):
        liteorm_db.execute("INSERT INTO t1 VALUES (%s, 'x', 1, now())", [1000 + n])
        assert len(liteorm_db.query("SELECT id FROM t1")) == 335
"""
PYTEST_POSTGRESQL_SUITE = """
    import pathlib, pytest
    from pytest_postgresql import factories

    schema = pathlib.Path("schema.sql").absolute()
    server = factories.postgresql_noproc(
        host="127.0.0.1", port={port}, user="postgres", load=[schema]
    )
    postgresql = factories.postgresql("server")

    @pytest.mark.parametrize("n", range({tests}))
    def test_it(n, postgresql):
        postgresql.execute("INSERT INTO t1 VALUES (%s, 'x', 1, now())", [1000 + n])
        assert len(postgresql.execute("SELECT id FROM t1").fetchall()) == 335
"""


def time_suites(s: Server, tests: int) -> None:
    """The same small tests with the fixtures of one and of the other, whole pytest runs."""
    port = s.dsn.rpartition(":")[2].partition("/")[0]
    suites = {
        "liteorm_testing": (LITEORM_SUITE, ["-p", "liteorm_testing.plugin"]),
        "pytest-postgresql": (PYTEST_POSTGRESQL_SUITE, []),
    }
    seconds: dict[str, float] = {}
    for name, (text, options) in suites.items():
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "schema.sql").write_text(schema())
            suite = textwrap.dedent(text.format(tests=tests, port=port))
            Path(folder, "test_suite.py").write_text(suite)
            command = [sys.executable, "-m", "pytest", "-q", *options, "--durations=0", "-vv"]
            environment = os.environ | {
                "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
                "LITEORM_SERVER": "embedded",
            }
            began = time.perf_counter()
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, check=False
            )
            seconds[name] = time.perf_counter() - began
            if done.returncode:
                print(done.stdout[-3000:], done.stderr[-1000:])
                raise SystemExit(f"the suite of {name} failed")
            for phase in ("setup", "teardown"):
                found = re.findall(rf"([\d.]+)s {phase}", done.stdout)
                told(f"{name}, fixture {phase} in the suite", [float(x) * 1000 for x in found])
    for name, taken in seconds.items():
        print(f"  {name}, suite of {tests} small tests: {taken:.1f} s")
    ratio = seconds["pytest-postgresql"] / seconds["liteorm_testing"]
    print(f"  pytest-postgresql takes {ratio:.1f} times as long")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=500, help="size of the suite")
    parser.add_argument("--samples", type=int, default=60, help="databases for each figure")
    default = (os.environ.get("LITEORM_TEST_IMAGES") or "postgres:18-alpine").split()[0]
    parser.add_argument("--image", default=default)
    given = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores; milliseconds")
    print(f"  {'':<58} {'median':>9} {'95 %':>9}")
    time_starts()
    with server(kind="embedded") as s:
        print(f"  on PostgreSQL {s.version}:")
        time_copies(s, given.samples)
        time_rollback(s, given.samples)
        time_suites(s, given.tests)
    if problem := _docker.problem():
        print(f"  without containers: {problem}")
        return
    try:
        with server(kind="docker", image=given.image) as s:
            print(f"  liteorm_testing on {given.image}:")
            time_copies(s, given.samples)
    except ServerNotAvailable as error:
        print(f"  without containers: {error}")
        return
    time_testcontainers(given.image, min(given.samples, 20))


if __name__ == "__main__":
    main()
