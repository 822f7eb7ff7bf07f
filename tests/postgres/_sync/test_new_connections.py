# Generated from tests/postgres/_async/test_new_connections.py by .ci/unasync.py: edit that file, not this one.
"""What the user has a say in when a connection is made: its DSN, and how it begins."""

from __future__ import annotations

import time
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo

import liteorm
from liteorm.postgres import DB, open
from liteorm_testing import kill_backend



def test_a_function_gives_the_dsn_of_each_connection(liteorm_database: Any) -> None:
    """A password that expires: each new connection asks anew."""
    with open(liteorm_database.dsn) as admin:
        admin.execute(
            "DO $$ BEGIN CREATE ROLE liteorm_rotating LOGIN; "
            "EXCEPTION WHEN duplicate_object THEN END $$"
        )
        words: list[str] = ["first"]
        asked: list[str] = []

        def dsn() -> str:
            asked.append(words[-1])
            return make_conninfo(liteorm_database.dsn, user="liteorm_rotating", password=words[-1])

        admin.execute("ALTER ROLE liteorm_rotating PASSWORD 'first'")
        with open(dsn) as db:
            assert len(db.query("SELECT 1")) == 1
            words.append("second")
            admin.execute("ALTER ROLE liteorm_rotating PASSWORD 'second'")
            admin.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE usename = 'liteorm_rotating'"
            )
            assert len(db.query("SELECT 1")) == 1
            assert asked[-1] == "second"
            assert "second" not in repr(db)


def test_a_plain_function_gives_the_dsn_too(liteorm_database: Any) -> None:
    """One that is no coroutine function."""
    with open(lambda: str(liteorm_database.dsn)) as db:
        assert len(db.query("SELECT 1")) == 1


def test_functions_that_give_no_dsn(liteorm_database: Any) -> None:
    """One that raises, gives something else, or takes too long, fails the opening and says so."""

    def raising() -> str:
        raise ValueError("secret")

    def slow() -> str:
        time.sleep(1.0)
        return ""

    with pytest.raises(liteorm.ConnectFailed, match="failed with ValueError") as caught:
        open(raising)
    assert "secret" not in str(caught.value)
    assert isinstance(caught.value.__cause__, ValueError)
    with pytest.raises(liteorm.ConnectFailed, match="returned int, expected a str"):
        open(lambda: 5)  # type: ignore[arg-type, return-value]
    with pytest.raises(liteorm.ConnectFailed, match=r"did not answer within 0\.2 s"):
        open(slow, timeout=0.2)


def test_each_new_connection_is_prepared(liteorm_database: Any) -> None:
    """on_connect runs on each, and again after a reset that undid it."""
    calls: list[str] = []

    def on_connect(session: Any) -> None:
        calls.append("called")
        session.execute("SET application_name = 'prepared'")
        session.query("SELECT 1")

    def name(db: DB) -> str:
        return liteorm.scan_one(db.query("SHOW application_name"), str)

    with open(liteorm_database.dsn, max_size=1, on_connect=on_connect) as db:
        assert name(db) == "prepared"
        assert len(calls) == 1
        db.execute("SET application_name = 'other'")
        assert name(db) == "prepared"
        assert len(calls) == 2
        with db.connection() as connection:
            connection.execute("SET search_path = pg_catalog")
        assert name(db) == "prepared"
        assert len(calls) == 3
        kill_backend(db)
        assert name(db) == "prepared"
        assert len(calls) == 4


def test_an_on_connect_that_fails_later_fails_no_finished_call(
    liteorm_database: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """After the reset of a connection: what was stored is no error; the connection is replaced."""
    calls: list[Any] = []

    def on_connect(session: Any) -> None:
        calls.append(session)
        if len(calls) in (2, 4):
            raise ZeroDivisionError

    with open(liteorm_database.dsn, max_size=1, on_connect=on_connect) as db:
        db.execute("CREATE TABLE stored (a int); SET my.x = '1'")
        assert len(db.query("SELECT * FROM stored")) == 0
        with db.transaction() as tx:
            tx.execute("INSERT INTO stored VALUES (1)")
            tx.execute("SET my.x = '1'")
        assert len(db.query("SELECT * FROM stored")) == 1
        assert len(calls) == 5
    assert caplog.text.count("on_connect failed on a connection that was reset") == 2


def test_an_on_connect_that_fails(liteorm_database: Any) -> None:
    """Its error is that of opening."""

    def on_connect(session: Any) -> None:
        session.execute("SELECT * FROM nothing")

    with pytest.raises(liteorm.UndefinedTable):
        open(liteorm_database.dsn, on_connect=on_connect)
