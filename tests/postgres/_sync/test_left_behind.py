# Generated from tests/postgres/_async/test_left_behind.py by .ci/unasync.py: edit that file, not this one.
"""What a statement leaves on its connection is seen by nobody else, however it was sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

import liteorm
from liteorm.postgres import DB, open


# What is a word of PostgreSQL's is a name as well: these are settings called `local.tenant` ….
LASTING: list[Any] = [
    "SET app.tenant = 'seven'",
    "SET LOCAL work_mem = '1MB'; SET app.tenant = 'seven'",
    "SET local.tenant = 'seven'",
    "SET /* of */ transaction /* all */ . tenant TO 'seven'",
    "SET constraints.tenant = 'seven'",
]
SEEN: Any = "SELECT coalesce(nullif(concat_ws('', {}), ''), 'nothing')".format(
    ", ".join(
        f"current_setting('{group}.tenant', true)"
        for group in ("app", "local", "transaction", "constraints")
    )
)


def _declared(session: Any, sql: Any, timeout: float | None) -> None:
    liteorm.statement(None, sql).execute(session)


def _in_a_batch(session: Any, sql: Any, timeout: float | None) -> None:
    with session.batch() as batch:
        batch.query(sql)


def _in_a_transaction(session: Any, sql: Any, timeout: float | None) -> None:
    with session.transaction() as tx:
        tx.execute(sql, timeout=timeout)


def _in_a_stream(session: Any, sql: Any, timeout: float | None) -> None:
    with pytest.raises(liteorm.Error):
        with session.stream(sql, timeout=timeout):
            pass


CALLS: dict[str, Callable[[Any, Any, float | None], Awaitable[Any]]] = {
    "execute": lambda db, sql, timeout: db.execute(sql, timeout=timeout),
    "query": lambda db, sql, timeout: db.query(sql, timeout=timeout),
    "execute_many": lambda db, sql, timeout: db.execute_many(sql, [(), ()]),
    "statement": _declared,
    "batch": _in_a_batch,
    "transaction": _in_a_transaction,
    "stream": _in_a_stream,
}
TIMES: dict[str, tuple[float | None, float | None]] = {
    "no limit": (None, None),
    "a limit": (None, 20),
    "a longer limit": (5, 20),
    "a shorter limit": (20, 5),
}


@pytest.mark.parametrize("sql", LASTING)
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("times", TIMES)
def test_the_next_borrower_sees_nothing(
    liteorm_database: Any, sql: Any, call: str, times: str
) -> None:
    """Whatever call sets something, and whatever limits it has: it is gone afterwards."""
    if ";" in sql and call not in ("execute", "statement", "transaction"):
        return  # only those take a script
    usual, own = TIMES[times]
    with open(liteorm_database.dsn, max_size=1, statement_timeout=usual) as db:
        CALLS[call](db, sql, own)
        assert liteorm.scan_one(db.query(SEEN), str) == "nothing"


def test_what_a_stream_cannot_give_is_not_run(liteorm_db: DB) -> None:
    """A statement without rows is refused before it is sent, in a transaction as well."""
    db = liteorm_db
    db.execute("CREATE TABLE item (id int)")
    for _ in range(2):
        with pytest.raises(liteorm.StatementError, match="gives no rows"):
            with db.stream("INSERT INTO item VALUES (1)"):
                pass
    with db.transaction() as tx:
        with pytest.raises(liteorm.StatementError, match="gives no rows"):
            with tx.stream("INSERT INTO item VALUES (2)"):
                pass
        tx.execute("INSERT INTO item VALUES (3)")
    assert [*db.query("SELECT id FROM item")] == [(3,)]


def test_a_limit_of_its_own_stays_with_a_held_connection(liteorm_database: Any) -> None:
    """What a borrower has set holds after a call with a longer limit."""
    with (
        open(liteorm_database.dsn, max_size=1, statement_timeout=20) as db,
        db.connection() as held,
    ):
        held.execute("SET statement_timeout = '10s'")
        held.query("SELECT 1", timeout=60)
        assert [*held.query("SHOW statement_timeout")] == [("10s",)]
        with pytest.raises(liteorm.StatementTimeout):
            held.execute("SET statement_timeout = '100ms'; SELECT pg_sleep(30)")


def _in_a_stream_that_is_read(session: Any, sql: Any, timeout: float | None) -> None:
    with session.stream(sql, timeout=timeout) as stream:
        for _ in stream:
            pass


ENCODINGS: list[Any] = [
    "SET client_encoding = 'LATIN9'",
    "SET NAMES 'LATIN9'",
    "SELECT set_config('client_encoding', 'LATIN9', false)",
]
WRITTEN: Final = "é€\U0001f600"


@pytest.mark.parametrize("sql", ENCODINGS)
@pytest.mark.parametrize("call", [call for call in CALLS if call != "execute_many"])
@pytest.mark.parametrize("inside", ["a connection", "a transaction"])
def test_another_encoding_changes_no_value(
    liteorm_database: Any, sql: Any, call: str, inside: str
) -> None:
    """It is refused, and whatever the session does then is stored and read as it was given."""
    if call == "stream" and not sql.startswith("SELECT"):
        return  # which a stream does not run
    calls = {**CALLS, "stream": _in_a_stream_that_is_read}
    with (
        open(liteorm_database.dsn, max_size=1) as db,
        open(liteorm_database.dsn, max_size=1) as other,
    ):
        other.execute("CREATE TABLE note (how text, value text)")
        block = db.connection() if inside == "a connection" else db.transaction()
        with block as session:
            with pytest.raises(liteorm.StatementError, match="client_encoding was set to LATIN9"):
                calls[call](session, sql, None)
            text: Any = f"INSERT INTO note VALUES ('text', '{WRITTEN}')"
            session.execute(text)
            session.execute("INSERT INTO note VALUES (%s, %s)", ["parameter", WRITTEN])
            rows = [{"how": "COPY", "value": WRITTEN}]
            assert session.insert_many(rows, table="note") == 1
            read = liteorm.scan(session.query("SELECT value FROM note"), str)
            assert read == [WRITTEN] * 3
        stored = liteorm.scan(other.query("SELECT value FROM note"), str)
        assert stored == [WRITTEN] * 3
