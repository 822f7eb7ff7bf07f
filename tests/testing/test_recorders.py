"""Recorders: statements, notifications, connections that were left open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

import liteorm
from liteorm import postgres
from liteorm.postgres import DB, AsyncDB
from liteorm_testing import (
    Database,
    assert_no_leaks,
    check_statements,
    database,
    notifications,
    queries,
)


@attrs.frozen
class Job:
    id: int
    kind: str


def test_statements_are_counted_with_their_texts(liteorm_db: DB) -> None:
    """Statements of the database and of its transactions count, BEGIN and COMMIT do not."""
    with queries(liteorm_db) as ran:
        liteorm_db.query("SELECT 1")
        with liteorm_db.transaction() as tx:
            tx.execute("SELECT 2")
    liteorm_db.query("SELECT 3")
    assert ran.count == len(ran) == 2
    assert ran.texts == ["SELECT 1", "SELECT 2"]
    assert [one.operation for one in ran] == ["query", "execute"]
    assert ran[0].rows == 1
    ran.assert_count(2)


def test_a_failed_statement_is_recorded_with_its_error(liteorm_db: DB) -> None:
    """What a statement failed with is kept."""
    with queries(liteorm_db) as ran, pytest.raises(liteorm.UndefinedTable):
        liteorm_db.query("SELECT * FROM nowhere")
    assert isinstance(ran[0].error, liteorm.UndefinedTable)


def test_a_statement_in_a_loop_is_named(liteorm_db: DB) -> None:
    """The failure says which statement ran again and again, and never with its values."""
    with queries(liteorm_db) as ran:
        for n in (4711, 4712, 4713):
            liteorm_db.query("SELECT name FROM (SELECT 'x' AS name) AS t WHERE %s > 0", [n])
    with pytest.raises(AssertionError, match=r"expected 1 statement, 3 statements ran") as caught:
        ran.assert_count(1)
    message = str(caught.value)
    assert "N+1? this statement ran 3 times" in message
    assert "SELECT name FROM" in message
    assert "4711" not in message
    assert list(ran.repeated().values()) == [3]


@pytest.mark.anyio
async def test_statements_of_async_sessions_are_recorded(liteorm_async_db: AsyncDB) -> None:
    """Plain `with` does for an AsyncDB too."""
    with queries(liteorm_async_db) as ran:
        await liteorm_async_db.query("SELECT 1")
    ran.assert_count(1)
    ran.clear()
    ran.assert_count(0)


def test_notifications_are_expected_in_any_order(liteorm_db: DB) -> None:
    """What was expected is taken off the list, as text or as the object it was made from."""
    with notifications(liteorm_db, "jobs", "other") as came:
        assert list(came) == []
        postgres.notify(liteorm_db, "jobs", "1")
        postgres.notify(liteorm_db, "other", Job(2, "mail"))
        assert came.expect(Job(2, "mail")).channel == "other"
        assert came.expect("1").channel == "jobs"
        came.expect_none()
        assert came.all() == []


def test_what_came_instead_is_listed(liteorm_db: DB) -> None:
    """The failure lists what came and asks about the commit."""
    with notifications(liteorm_db, "jobs") as came:
        postgres.notify(liteorm_db, "jobs", "1")
        with pytest.raises(AssertionError, match=r"jobs '1'\. Was the transaction .* committed\?"):
            came.expect("2", timeout=0.1)
        with pytest.raises(AssertionError, match="expected no notification; these came: jobs '1'"):
            came.expect_none()


def test_an_uncommitted_notification_has_not_come(liteorm_db: DB) -> None:
    """What a transaction sends arrives at its commit."""
    with notifications(liteorm_db, "jobs") as came:
        with liteorm_db.transaction() as tx:
            postgres.notify(tx, "jobs", "1")
            came.expect_none()
        came.expect("1")


@pytest.mark.anyio
async def test_notifications_of_async_sessions(liteorm_async_db: AsyncDB) -> None:
    """On an AsyncDB the calls are awaited."""
    async with notifications(liteorm_async_db, "jobs") as came:
        assert [one async for one in came] == []
        await came.expect_none()
        await postgres.notify_async(liteorm_async_db, "jobs", "1")
        await came.expect("1")
        await came.expect_none()
        with pytest.raises(AssertionError, match="none came"):
            await came.expect("1", timeout=0.05)


def test_notifications_need_a_channel(liteorm_db: DB) -> None:
    """Listening to nothing is a mistake."""
    with pytest.raises(ValueError, match="channel"):
        notifications(liteorm_db)


MODULE = """
import attrs, liteorm

@attrs.frozen
class User:
    id: int
    name: str

users = liteorm.statement(User, "SELECT id, {column} FROM users")
"""


def test_declared_statements_are_held_against_the_database(
    liteorm_db: DB, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fits passes; what does not is listed with file and line."""
    liteorm_db.execute("CREATE TABLE users (id int NOT NULL, name text NOT NULL, age int NOT NULL)")
    (tmp_path / "kit_fits.py").write_text(MODULE.format(column="name"))
    (tmp_path / "kit_does_not.py").write_text(MODULE.format(column="age AS name"))
    monkeypatch.syspath_prepend(tmp_path)
    check_statements(liteorm_db, "kit_fits")
    with pytest.raises(AssertionError, match=r"1 problem found:\n.*kit_does_not\.py:9.*"):
        check_statements(liteorm_db, "kit_fits", "kit_does_not")


def test_a_leaked_connection_is_named(liteorm_database: Database) -> None:
    """The failure says who left it: application, state, last statement."""
    assert_no_leaks(liteorm_database)
    with postgres.open(liteorm_database.dsn, application_name="forgetful") as db:
        with db.begin() as tx:
            tx.query("SELECT 1 AS forgotten")
            with pytest.raises(
                AssertionError,
                match=r"1 connection was left open:\n.*'forgetful'.*idle in transaction.*forgotten",
            ):
                assert_no_leaks(liteorm_database)
    assert_no_leaks(liteorm_database)


def test_a_database_may_have_idle_connections_of_its_own(
    liteorm_database: Database, liteorm_db: DB
) -> None:
    """A DB's idle connections are no leak; an open transaction and a stranger are."""
    liteorm_db.query("SELECT 1")
    assert_no_leaks(liteorm_db)
    with liteorm_db.begin() as tx:
        tx.query("SELECT 1")
        with pytest.raises(AssertionError, match="idle in transaction"):
            assert_no_leaks(liteorm_db)
    with postgres.open(liteorm_database.dsn, application_name="stranger"):
        with pytest.raises(AssertionError, match="stranger"):
            assert_no_leaks(liteorm_db)


def test_what_is_no_database_is_refused(liteorm_db: DB, liteorm_database: Database) -> None:
    """Each recorder and assertion says what it takes."""
    given: Any = liteorm_database
    with pytest.raises(TypeError, match="queries takes a DB or AsyncDB"), queries(given):
        pass
    with pytest.raises(TypeError, match="notifications takes a DB or AsyncDB"):
        notifications(given, "jobs")
    with pytest.raises(TypeError, match="check_statements takes a DB or AsyncDB"):
        check_statements(given, "json")
    with pytest.raises(TypeError, match="a Database or DB or AsyncDB, not str"):
        assert_no_leaks(given.dsn)
    with pytest.raises(TypeError, match="database takes a Server, not str"), database(given.dsn):
        pass


def test_a_check_of_nothing_is_an_error(liteorm_db: DB) -> None:
    """A module that declares nothing would pass for ever."""
    with pytest.raises(ValueError, match="json: no statement, table or constraint name"):
        check_statements(liteorm_db, "json")
    with pytest.raises(ValueError, match="needs a module"):
        check_statements(liteorm_db)


def test_recorders_do_not_disturb_the_application(liteorm_db: DB) -> None:
    """Whoever listens to the same channel gets what was sent there, and nothing of the kit's."""
    with (
        postgres.listen(liteorm_db, "jobs") as application,
        notifications(liteorm_db, "jobs") as one,
        notifications(liteorm_db, "jobs") as other,
    ):
        one.expect_none()
        other.expect_none()
        postgres.notify(liteorm_db, "jobs", "1")
        one.expect("1")
        other.expect("1")
        assert application.receive(timeout=5).payload == "1"
        one.expect_none()
        other.expect_none()
        with pytest.raises(TimeoutError):
            application.receive(timeout=0.1)


@pytest.mark.anyio
async def test_leaks_of_an_async_database_are_named(liteorm_async_db: AsyncDB) -> None:
    """The call is awaited on an AsyncDB."""
    await liteorm_async_db.query("SELECT 1")
    await assert_no_leaks(liteorm_async_db)
    async with await liteorm_async_db.begin() as tx:
        await tx.query("SELECT 1 AS forgotten")
        with pytest.raises(AssertionError, match=r"idle in transaction.*forgotten"):
            await assert_no_leaks(liteorm_async_db)
    await assert_no_leaks(liteorm_async_db)
