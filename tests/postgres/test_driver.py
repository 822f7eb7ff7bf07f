"""The driver's inside is held against what is known of it; where it differs, all goes on."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path

import pytest

from liteorm.postgres import _driver
from liteorm.postgres._driver import statements
from liteorm_testing import Database

ROOT = Path(__file__).resolve().parents[2]

CHANGES = {
    "statements": (
        "import psycopg._queries as q; old = q.PostgresQuery.convert\n"
        "q.PostgresQuery.convert = lambda self, query, vars, other=None: old(self, query, vars)"
    ),
    "what is prepared": (
        "import psycopg._preparing as p; old = p.PrepareManager.get\n"
        "p.PrepareManager.get = lambda *args: old(*args)"
    ),
    "the names of what is prepared": (
        "import collections, psycopg._preparing as p\n"
        "class Names(collections.UserDict):\n"
        "    def move_to_end(self, key): self[key] = self.pop(key)\n"
        "    def clear(self): self.data.clear()\n"
        "    def popitem(self, last=True): key = next(iter(self)); return key, self.pop(key)\n"
        "p.OrderedDict = Names"
    ),
    "the rows of COPY": (
        "import psycopg._copy_base as c\n"
        "c.format_row_binary = c.format_row_text = lambda row, tx, out, more: None"
    ),
    "answers": (
        "import psycopg; old = psycopg.Cursor._set_results\n"
        "psycopg.Cursor._set_results = lambda self, results, more=None: old(self, results)"
    ),
    "a row of COPY": "import psycopg._copy_base as c; del c.format_row_text",
    "the pool's idle ones": (
        "import psycopg_pool; old = psycopg_pool.ConnectionPool._get_ready_connection\n"
        "psycopg_pool.ConnectionPool._get_ready_connection = lambda *args: old(*args)"
    ),
    "the pool's queue": "import psycopg_pool.pool as p; p.WaitingClient.fail = lambda *args: False",
}
"""What another version might do to the driver, before liteorm is imported."""

STATEMENTS = """
import attrs, logging, sys
from decimal import Decimal
import liteorm
from liteorm import postgres, scan, scan_one
from liteorm.postgres import _driver
from liteorm.postgres._driver import statements

@liteorm.table("things", key="id")
@attrs.define
class Thing:
    id: int
    name: str | None
    price: Decimal | None = None

@liteorm.table("odd", key="id")
@attrs.define
class Odd:
    id: int
    acl: str | None
    name: str

def refused(kind, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except kind as error:
        return error
    raise AssertionError(f"{kind} was not raised")

with postgres.open(sys.argv[1], max_size=2) as db:
    db.execute("DROP TABLE IF EXISTS things, odd")
    db.execute("CREATE TABLE things (id int PRIMARY KEY, name text, price numeric)")
    db.execute("CREATE TABLE odd (id int PRIMARY KEY, acl aclitem, name text)")
    things = [Thing(n, "n\\t\\\\" if n % 2 else None, Decimal(n) / 4) for n in range(2000)]
    assert db.insert_many(things) == 2000
    odd = [Odd(1, None, "a\\tb\\\\\\n"), Odd(2, None, "\\x08")]
    assert db.insert_many(odd) == 2
    assert scan(db.query("SELECT id, NULL::text AS acl, name FROM odd ORDER BY id"), Odd) == odd
    for _ in range(12):
        rows = db.query("SELECT id, name, price FROM things WHERE id = %s OR id = %s", [7, 8])
        assert scan(rows, Thing) == things[7:9]
        sql = "SELECT %(a)s::int + %(b)s::int + %(a)s::int, '100%%'"
        assert scan_one(db.query(sql, {"a": 1, "b": 2}), tuple[int, str]) == (4, "100%")
    db.execute("ALTER TABLE things ALTER name TYPE varchar(50)")
    assert db.get(Thing, 7) == things[7]
    assert db.insert(Thing(9000, "x")) == Thing(9000, "x")
    with db.stream("SELECT id FROM things WHERE id < %s ORDER BY id", [900]) as stream:
        assert [row[0] for row in stream] == list(range(900))
    error = refused(liteorm.UniqueViolation, db.execute_many,
        "INSERT INTO things VALUES (%s, %s)", [(9001, "a"), (7, "b"), (9002, "c")])
    assert db.execute_many("INSERT INTO things VALUES (%s)", [(9003,), (9004,)]).rows_affected == 2
    refused(liteorm.Error, db.query, "SELECT %s", [1, 2])
    refused(liteorm.Error, db.query, "SELECT %(a)s", {"b": 1})
    refused(liteorm.StatementTimeout, db.query, "SELECT pg_sleep(20)", timeout=0.2)
    assert db.execute("SELECT 1; DELETE FROM things WHERE id = 1; SELECT 2").command == "SELECT"
    with db.transaction() as tx:
        tx.execute("DELETE FROM things")
    assert scan_one(db.query("SELECT count(*) FROM things"), int) == 0
    with postgres.listen(db, "x") as listener:
        postgres.notify(db, "x", "hello")
        assert listener.receive(timeout=20).payload == "hello"
print(*_driver.MISSING, sep="\\n")
"""


def run(dsn: str, change: str) -> subprocess.CompletedProcess[str]:
    """Run statements of every kind in a process whose driver was changed before."""
    command = [sys.executable, "-c", f"{change}\n{STATEMENTS}", dsn]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=100)


def test_the_driver_is_as_known() -> None:
    """With the versions that are asked for nothing is missing."""
    assert _driver.MISSING == []


def test_nothing_is_logged_while_all_is_as_known(liteorm_database: Database) -> None:
    """The statements pass with the driver as it is, without a word."""
    # The driver and its pool log on their own, what they replace for example.
    named = 'import logging; logging.basicConfig(format="%(name)s says: %(message)s")'
    done = run(liteorm_database.dsn, named)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
    assert "liteorm says:" not in done.stderr


@pytest.mark.parametrize("change", CHANGES)
def test_another_inside_takes_the_public_way(liteorm_database: Database, change: str) -> None:
    """Where the driver's inside is not as known, statements run, and the log says so once."""
    done = run(liteorm_database.dsn, CHANGES[change])
    assert done.returncode == 0, done.stderr
    missing = done.stdout.split()
    assert missing
    said = [line for line in done.stderr.splitlines() if "is not as liteorm knows it" in line]
    assert len(said) == 1
    assert all(name in said[0] for name in missing)


def test_what_a_wait_raises_is_found_by_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its private name, the class of a wait's timeout is had from a wait."""
    known = _driver.WaitTimeout
    monkeypatch.setattr(statements, "errors", types.SimpleNamespace())
    monkeypatch.setattr(statements, "MISSING", [])
    assert statements._timeout_class() is known
    assert statements.MISSING == ["psycopg.errors._WaitTimeout"]
