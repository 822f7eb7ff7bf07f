# Generated from tests/postgres/_async/test_commit_outcomes.py by .ci/unasync.py: edit that file, not this one.
"""COMMIT and what its answers mean, and state that a session believes or leaves behind."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

import liteorm
from liteorm.postgres import DB, open
from tests.postgres.support import Witness


SCHEMA = """
CREATE TABLE item (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'no' USING ERRCODE = current_setting('my.code');
END $$;
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON item
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
"""


@liteorm.table("item", key="id")
@attrs.frozen
class Item:
    """A row of the table."""

    id: int
    n: int = 0


def committed(db: DB, code: str) -> None:
    """Commit what the server answers with that code."""
    with db.transaction() as tx:
        tx.execute("SELECT set_config('my.code', %s, true)", [code])
        tx.execute("INSERT INTO item VALUES (1)")


@pytest.mark.parametrize("code", ["08006", "08P01", "58000", "58030", "XX000", "XX001", "40003"])
def test_an_answer_to_commit_that_leaves_it_open(
    liteorm_db: DB, code: str
) -> None:
    """Connection, system and internal errors, and 40003: CommitUnknown, with the error as cause."""
    liteorm_db.execute(SCHEMA)
    with pytest.raises(liteorm.CommitUnknown) as caught:
        committed(liteorm_db, code)
    assert isinstance(caught.value.__cause__, liteorm.Error)
    assert caught.value.__cause__.sqlstate == caught.value.sqlstate == code
    assert caught.value.retryable is False


def test_a_commit_that_a_call_makes_by_itself(
    liteorm_db: DB,
) -> None:
    """What a call stores in a transaction of its own has the same rule."""
    liteorm_db.execute(SCHEMA)
    liteorm_db.execute("""
        CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION 'no' USING ERRCODE = '58030';
        END $$;
    """)
    for call in ("insert_returning", "upsert_many"):
        with pytest.raises(liteorm.CommitUnknown):
            getattr(liteorm_db, call)([Item(1), Item(2)])
    with pytest.raises(liteorm.CommitUnknown):
        liteorm_db.execute_many("INSERT INTO item VALUES (%s)", [[1], [2]])


@pytest.mark.parametrize("code", ["23505", "40001", "53100", "57014", "P0001", "42501"])
def test_an_answer_to_commit_that_is_a_refusal(liteorm_db: DB, code: str) -> None:
    """Whatever else the server says is its word: nothing is stored."""
    liteorm_db.execute(SCHEMA)
    with pytest.raises(liteorm.Error) as caught:
        committed(liteorm_db, code)
    assert not isinstance(caught.value, liteorm.CommitUnknown)
    assert caught.value.sqlstate == code


@pytest.mark.parametrize(("code", "retryable"), [("40001", True), ("40P01", True), ("57P01", None)])
def test_what_ends_the_connection_of_an_idle_transaction(
    liteorm_db: DB, code: str, retryable: bool | None
) -> None:
    """A recovery conflict or a deadlock with one may be tried again; other reasons do not say."""
    with liteorm_db.transaction() as tx:
        tx._wire.fatal = (code, "terminating connection due to conflict with recovery")
        tx._wire.pgconn.finish()
        with pytest.raises(liteorm.ConnectionLost) as caught:
            tx.query("SELECT 1")
        with pytest.raises(liteorm.ConnectionLost) as at_commit:
            tx.commit()
    for error in (caught.value, at_commit.value):
        assert (error.sqlstate, error.retryable) == (code, retryable)


def test_a_commit_that_was_cancelled_from_here(
    liteorm_database: Any, witness: Witness
) -> None:
    """An answer that came after the client's own cancel, whatever it says, is CommitUnknown."""
    witness.run("""
        CREATE TABLE item (id int PRIMARY KEY);
        CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            BEGIN PERFORM pg_sleep(10); EXCEPTION WHEN query_canceled THEN NULL; END; RETURN NULL;
        END $$;
        CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON item
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow();
    """)
    with open(
        liteorm_database.dsn, statement_timeout=0.3, prepare=False, max_size=1
    ) as db:
        with pytest.raises(liteorm.CommitUnknown) as caught:
            with db.transaction() as tx:
                tx.execute("INSERT INTO item VALUES (1)")
        assert isinstance(caught.value, liteorm.TransactionError)
    assert witness.ask("SELECT count(*) FROM item") == [(1,)]


FORGETTING = ["DISCARD ALL", "DEALLOCATE ALL", "SELECT 1; DEALLOCATE ALL"]


@pytest.mark.parametrize("sql", [*FORGETTING, None])
def test_no_statement_is_believed_prepared_that_is_not(
    liteorm_database: Any, witness: Witness, sql: Any
) -> None:
    """After DISCARD ALL, ours or the user's, every call goes on working."""
    witness.run("CREATE TABLE item (id int PRIMARY KEY, n int NOT NULL DEFAULT 0)")
    reset: Any = "auto" if sql else "always"
    with open(liteorm_database.dsn, reset=reset, max_size=1) as db:
        for n in range(40):
            assert db.insert_many([Item(n)]) == 1
            db.query("SELECT %s::int", [n])
            db.update(Item(n, 1))
            db.execute("UPDATE item SET n = 2 WHERE id = %s", [n])
            db.execute_many("UPDATE item SET n = 3 WHERE id = %s", [[n]])
            with db.transaction() as tx:
                tx.query("SELECT %s::int", [n])
                tx.execute("SELECT %s::int", [n])
            if sql and n % 8 == 7:
                db.execute(sql)
    assert witness.ask("SELECT count(*), min(n) FROM item") == [(40, 3)]


def test_the_question_about_a_table_is_prepared_anew(
    liteorm_database: Any, witness: Witness
) -> None:
    """Where the server has dropped it unseen: in a function, or behind a pooler."""
    witness.run("CREATE TABLE item (id int PRIMARY KEY, n int NOT NULL DEFAULT 0)")
    unseen = "DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$"
    with open(liteorm_database.dsn, max_size=1) as db:
        for n in range(10):
            assert db.insert_many([Item(n)]) == 1
            db.execute(unseen)
        for n in range(10, 20):
            with pytest.raises(liteorm.Error, match="does not exist"):
                with db.transaction() as tx:
                    tx.insert_many([Item(n)])
                    tx.execute(unseen)
                    tx.insert_many([Item(-n)])
            # what failed with its transaction does not fail the next
            assert db.insert_many([Item(n)]) == 1
    assert witness.ask("SELECT count(*), min(id) FROM item") == [(20, 0)]


SETTING = [
    ("execute", "SET application_name = 'leaked'"),
    ("execute", "SET LOCAL lock_timeout = 1; SET application_name = 'leaked'"),
    ("execute", "SET application_name = 'leaked'; SELECT 1"),
    ("execute_many", "SET application_name = 'leaked'"),
    ("query", "SET application_name = 'leaked'"),
]


@pytest.mark.parametrize(("call", "sql"), SETTING)
@pytest.mark.parametrize("inside", [False, True])
def test_what_was_set_is_not_seen_by_the_next(
    liteorm_database: Any, call: str, sql: Any, inside: bool
) -> None:
    """Each statement of a script is judged by itself, through whatever call it came."""

    def change(session: Any) -> None:
        getattr(session, call)(sql, *([[()]] if call == "execute_many" else []))

    with open(liteorm_database.dsn, application_name="mine", max_size=1) as db:
        if inside:
            with db.transaction() as tx:
                change(tx)
        else:
            change(db)
        rows = db.query("SELECT current_setting('application_name')")
        assert liteorm.scan_one(rows, str) == "mine"
