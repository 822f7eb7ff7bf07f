# Generated from tests/distributed/_async/test_poolers.py by .ci/unasync.py: edit that file, not this one.
"""PgBouncer, old and new, in transaction and session mode: two at once, and what is refused."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import psycopg
import pytest

import liteorm
from liteorm.postgres import (
    DB,
    Tx,
    describe,
    listen,
    notify,
    open,
)
from liteorm_testing import Database, Pooler, Server, database
from tests.distributed.programs import KINDS, Kind
from tests.postgres.support import Background, Witness


OWNERS = ("first", "second")
_SCHEMA = """
CREATE TABLE item (id int PRIMARY KEY, owner text NOT NULL, other int NOT NULL DEFAULT 0);
INSERT INTO item SELECT n, CASE WHEN n <= 500 THEN 'first' ELSE 'second' END
  FROM generate_series(1, 1000) n;
"""
_PREPARED = "SELECT statement FROM pg_prepared_statements"


@pytest.fixture(params=KINDS, scope="module")
def kind(request: pytest.FixtureRequest) -> Kind:
    """A version of PgBouncer."""
    made: Kind = request.param
    return made


@pytest.fixture(scope="module")
def behind(liteorm_server: Server) -> Generator[Database]:
    """The database that all of them stand before."""
    with database(liteorm_server, _SCHEMA) as made:
        yield made


@pytest.fixture(scope="module")
def between(kind: Kind, behind: Database) -> Generator[Pooler]:
    """PgBouncer in transaction mode, whose clients share two connections."""
    with kind.before(behind) as made:
        yield made


@pytest.fixture
def witness(behind: Database) -> Generator[Witness]:
    """Somebody who looks at the database from outside."""
    with Witness(behind.dsn) as seeing:
        yield seeing


@pytest.fixture
def db(between: Pooler) -> Generator[DB]:
    """An application, opened with nothing but the DSN."""
    with open(between.dsn) as opened:
        yield opened


def _work_of_two(dsn: str, **options: Any) -> tuple[list[object], list[liteorm.Error]]:
    """Let two applications work at once; return wrong answers, and errors."""
    wrong: list[object] = []
    failed: list[liteorm.Error] = []

    def ask(session: DB | Tx, owner: str) -> None:
        rows = session.query(f"SELECT '{owner}', count(*) FROM item WHERE owner = '{owner}'")
        if list(rows) != [(owner, 500)]:
            wrong.append(list(rows))
        # It would remove nothing, and the other's query in its place would give a row.
        wrong.extend(session.query(f"DELETE FROM item WHERE id < 0 AND owner = '{owner}'"))

    def use(db: DB, owner: str) -> None:
        for _ in range(25):
            try:
                ask(db, owner)
                with db.transaction() as tx:
                    ask(tx, owner)
            except liteorm.Error as error:
                failed.append(error)

    with (
        open(dsn, **options) as one,
        open(dsn, **options) as two,
        Background() as background,
    ):
        uses = [
            background.start(use, db, owner)
            for db, owner in zip((one, two), OWNERS, strict=True)
            for _ in range(3)
        ]
        for handle in uses:
            handle.result()
    return wrong, failed


def test_two_applications_never_see_each_others_rows(
    between: Pooler, witness: Witness
) -> None:
    """Every answer is the one of its own statement, whatever the pooler does with names."""
    wrong, failed = _work_of_two(between.dsn)
    assert (wrong, failed) == ([], [])
    assert witness.ask("SELECT count(*) FROM item") == [(1000,)]


def test_without_the_detection_statements_fail_and_are_never_exchanged(
    between: Pooler, kind: Kind, witness: Witness
) -> None:
    """Told to prepare where names are not kept apart: errors with the remedy, no wrong rows."""
    wrong, failed = _work_of_two(between.dsn, prepare=True)
    assert wrong == []
    assert witness.ask("SELECT count(*) FROM item") == [(1000,)]
    assert bool(failed) is not kind.keeps_apart
    assert {error.sqlstate for error in failed} <= {"26000", "42P05"}
    assert all("prepare=False" in str(error.hint) for error in failed)


def test_names_that_clients_share_are_exchanged(kind: Kind, behind: Database) -> None:
    """The driver alone, in the same place, runs one application's statement for the other."""
    asked = {owner: f"SELECT '{owner}'" for owner in OWNERS}
    with (
        kind.before(behind) as made,
        psycopg.connect(made.dsn, autocommit=True, prepare_threshold=0) as one,
        psycopg.connect(made.dsn, autocommit=True, prepare_threshold=0) as two,
    ):
        # Each prepares on a connection of its own, and then they change places.
        with one.transaction():
            assert one.execute(asked["first"]).fetchone() == ("first",)
            assert two.execute(asked["second"]).fetchone() == ("second",)
            found = two.execute(asked["second"]).fetchone()
        with two.transaction():
            # The connection that was lent last is lent first.
            two.execute("SELECT 1", prepare=False)
            found = one.execute(asked["first"]).fetchone()
    assert found == (("first",) if kind.keeps_apart else ("second",))


def test_statements_are_prepared_where_they_are_kept_apart(db: DB, kind: Kind) -> None:
    """There it saves the server's time; elsewhere nothing is prepared at all."""
    for _ in range(12):
        db.query("SELECT count(*) FROM item")
        db.query("SELECT owner FROM item WHERE id = %s", [1])
    found = [text for _ in range(4) for (text,) in db.query(_PREPARED)]
    assert ("SELECT owner FROM item WHERE id = $1" in found) is kind.keeps_apart


def test_a_changed_table_is_noticed_by_what_was_prepared(
    db: DB, witness: Witness
) -> None:
    """A plan that has gone stale is run again, as often as it takes; in `run` the transaction."""
    witness.run("DROP TABLE IF EXISTS changing; CREATE TABLE changing (id int)")

    def columns(tx: Tx) -> tuple[str, ...]:
        return (tx.query("SELECT * FROM changing WHERE id = 1")).columns

    for _ in range(8):
        db.query("SELECT * FROM changing WHERE id = 1")
    for number in range(2):
        witness.run(f"ALTER TABLE changing ADD COLUMN more_{number} int")
        for _ in range(14):
            rows = db.query("SELECT * FROM changing WHERE id = 1")
            assert len(rows.columns) == 2 + number
            assert len(db.run(columns)) == 2 + number


def test_the_drivers_deallocate_all_does_no_harm(
    db: DB, witness: Witness, between: Pooler
) -> None:
    """The driver drops all it has prepared when a plan went stale: others keep theirs."""
    witness.run("DROP TABLE IF EXISTS renamed; CREATE TABLE renamed (id int, owner text)")
    witness.run("INSERT INTO renamed VALUES (1, 'x')")
    question = "SELECT owner FROM renamed WHERE id = %s"
    with open(between.dsn) as other:
        for each in (db, other):
            for _ in range(8):
                each.query(question, [1])
        witness.run("ALTER TABLE renamed RENAME COLUMN owner TO was_owner")
        witness.run("ALTER TABLE renamed ADD COLUMN owner int")
        for _ in range(8):
            for each in (db, other):
                assert list(each.query(question, [1])) == [(None,)]


@pytest.mark.parametrize(
    "sql",
    [
        "SET work_mem = '1MB'",
        "SELECT set_config('work_mem', '1MB', false)",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_try_advisory_lock(1)",
        "DEALLOCATE ALL",
        "LISTEN a",
        "PREPARE p AS SELECT 1",
        "CREATE TEMP TABLE t (n int)",
    ],
)
def test_what_belongs_to_a_session_is_refused(db: DB, sql: Any) -> None:
    """Before it is sent, whatever the pooler keeps apart."""
    with pytest.raises(liteorm.StatementError, match="pooler in transaction mode"):
        db.execute(sql)


def test_listeners_and_held_connections_are_refused(db: DB) -> None:
    """They would wait for ever, or be another's."""
    with pytest.raises(liteorm.StatementError, match="pooler is in between"):
        listen(db, "a")
    with pytest.raises(liteorm.StatementError, match="pooler in transaction mode"):
        with db.connection():
            pass


def test_what_is_given_instead_works(db: DB) -> None:
    """Settings and locks of a transaction, and a description that is the statement's own."""
    with db.transaction(settings={"work_mem": "3MB"}) as tx:
        assert list(tx.query("SHOW work_mem")) == [("3MB",)]
        tx.query("SELECT pg_advisory_xact_lock(1)")
    shape = describe(db, "SELECT owner FROM item WHERE id = %s")
    assert [column.name for column in shape.columns] == ["owner"]


def test_session_mode_has_everything(kind: Kind, behind: Database) -> None:
    """With the mode said, a connection is one session of the server."""
    with kind.before(behind, "session", size=8) as made:
        with open(made.dsn, pooler="session", max_size=3) as db:
            with listen(db, "a") as listener:
                notify(db, "a", "x")
                assert (listener.receive(timeout=5)).payload == "x"
            with db.connection() as connection:
                connection.execute("SET work_mem = '3MB'")
                connection.query("SELECT pg_advisory_lock(1)")
                assert list(connection.query("SHOW work_mem")) == [("3MB",)]
                assert list(connection.query("SELECT pg_advisory_unlock(1)")) == [(True,)]
            assert list(db.query("SHOW work_mem")) != [("3MB",)]
