# Generated from tests/postgres/_async/test_notices.py by .ci/unasync.py: edit that file, not this one.
"""Notices and warnings of the server: to the user's function, else warnings to the logger."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import liteorm
from liteorm import Session, Notice
from liteorm.postgres import DB, open
from tests.postgres.support import Witness


RAISING = """
DO $$ BEGIN
    RAISE NOTICE 'one' USING DETAIL = 'more', HINT = 'do', ERRCODE = '01004';
    RAISE INFO 'two';
    RAISE WARNING 'three';
END $$
"""


def test_the_user_gets_every_notice(liteorm_database: Any) -> None:
    """Severity, code, text, detail and hint, whatever runs and wherever."""
    seen: list[Notice] = []
    with open(liteorm_database.dsn, on_notice=seen.append) as db:
        db.execute(RAISING)
        assert seen == [
            Notice("NOTICE", "01004", "one", "more", "do"),
            Notice("INFO", "00000", "two"),
            Notice("WARNING", "01000", "three"),
        ]
        seen.clear()
        with db.transaction() as tx:
            tx.execute("DROP TABLE IF EXISTS nothing")
            tx.query("SELECT 1")
        assert [(notice.severity, notice.sqlstate) for notice in seen] == [("NOTICE", "00000")]


def test_warnings_reach_the_logger(
    liteorm_db: DB, caplog: pytest.LogCaptureFixture
) -> None:
    """What would do nothing in silence is told: SET LOCAL outside a transaction."""
    with caplog.at_level(logging.INFO, "liteorm"):
        liteorm_db.execute("SET LOCAL lock_timeout = 1")
        liteorm_db.execute(RAISING)
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert told == [
        "the server says: SET LOCAL can only be used in transaction blocks (25P01)",
        "the server says: three (01000)",
    ]


def test_a_function_that_fails_spoils_nothing(
    liteorm_database: Any, witness: Witness, caplog: pytest.LogCaptureFixture
) -> None:
    """The statement goes on; the logger has the exception."""
    witness.run("CREATE TABLE item (id int)")

    def fail(notice: Notice) -> None:
        raise ZeroDivisionError

    with open(liteorm_database.dsn, on_notice=fail) as db:
        db.execute("DO $$ BEGIN RAISE NOTICE 'x'; INSERT INTO item VALUES (1); END $$")
    assert witness.ask("SELECT * FROM item") == [(1,)]
    assert "on_notice failed" in caplog.text


def test_what_cannot_take_a_notice_is_refused(liteorm_database: Any) -> None:
    """What cannot be called is refused when the database is opened."""
    wrong: list[Any] = [1, "print"]
    for on_notice in wrong:
        with pytest.raises(TypeError, match="on_notice must be a function"):
            open(liteorm_database.dsn, on_notice=on_notice)


class Stop(BaseException):
    """What no function of the library may take for its own."""


def _in_a_batch(session: Session) -> None:
    with session.batch() as batch:
        batch.query(RAISING)


def _in_a_stream(session: Session) -> None:
    with session.stream("SELECT shout(g) FROM generate_series(1, 9) g") as rows:
        for _ in rows:
            pass


def _in_a_copy(session: Session) -> None:
    with session.copy_out("SELECT shout(g) FROM generate_series(1, 9) g") as blocks:
        for _ in blocks:
            pass


def _at_commit(session: Session) -> None:
    with session.transaction() as tx:
        tx.execute("INSERT INTO loud VALUES (1)")


CALLS: dict[str, Callable[[Session], Awaitable[Any]]] = {
    "execute": lambda session: session.execute(RAISING),
    "query": lambda session: session.query("SELECT shout(1)"),
    "execute_many": lambda session: session.execute_many("SELECT shout(%s)", [(1,), (2,)]),
    "batch": _in_a_batch,
    "stream": _in_a_stream,
    "copy_out": _in_a_copy,
    "commit": _at_commit,
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", [Stop, KeyboardInterrupt, SystemExit])
def test_an_interruption_in_the_function_comes_through(
    liteorm_database: Any, kind: type[BaseException], call: str
) -> None:
    """Libpq calls it, where nothing can be raised: whoever waits raises it, and nobody later."""
    armed = False

    def on_notice(_: Notice) -> None:
        if armed:
            raise kind

    with open(liteorm_database.dsn, max_size=1, on_notice=on_notice) as db:
        db.execute("""
            CREATE FUNCTION shout(n int) RETURNS int LANGUAGE plpgsql
              AS $$ BEGIN RAISE NOTICE 'here'; RETURN n; END $$;
            CREATE TABLE loud (id int);
            CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql
              AS $$ BEGIN RAISE NOTICE 'here'; RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER late AFTER INSERT ON loud
              DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late();
        """)
        armed = True
        with pytest.raises(kind) as caught:
            CALLS[call](db)
        armed = False
        if call == "commit":
            assert isinstance(caught.value.__cause__, liteorm.CommitUnknown)
        assert [*db.query("SELECT 1")] == [(1,)]
        assert db.stats().in_use == 0
