"""Arguments that cannot be meant: each is refused in words that say what was expected."""

from __future__ import annotations

from typing import Any

import pytest

import liteorm
from liteorm import postgres
from liteorm.postgres import AsyncDB, describe_async, listen_async, notify_async, open_async
from tests.postgres.support import with_params

pytestmark = pytest.mark.anyio


@pytest.fixture
async def db(liteorm_async_db: AsyncDB) -> AsyncDB:
    """A database of the test's own."""
    return liteorm_async_db


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"timeout": 0}, ValueError, "timeout must be positive"),
        ({"timeout": -1}, ValueError, "timeout must be positive"),
        ({"timeout": None}, TypeError, "timeout must be a number of seconds, not NoneType"),
        ({"statement_timeout": 0}, ValueError, "or None for no limit"),
        ({"statement_timeout": "5s"}, TypeError, "statement_timeout must be a number of seconds"),
    ],
)
async def test_times_of_open(
    liteorm_database: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    """A time that is none is refused before anything is connected."""
    with pytest.raises(error, match=message):
        await open_async(liteorm_database.dsn, **options)


async def test_a_missing_dsn() -> None:
    """What an unset variable of the environment gives is no DSN."""
    dsn: Any = None
    with pytest.raises(TypeError, match="the DSN must be a str, not NoneType"):
        await open_async(dsn)


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://127.0.0.1:sec/ret@127.0.0.1/db",
        "postgresql://127.0.0.1:987/ret@127.0.0.1/db",
        "host=127.0.0.1 port=sec",
    ],
)
async def test_a_slash_in_a_password_does_not_show_its_pieces(dsn: str) -> None:
    """Cut at a slash, a password looks like a port and a database; neither is shown."""
    with pytest.raises(liteorm.ConnectFailed, match="percent-encode") as caught:
        await open_async(dsn)
    assert not any(piece in str(caught.value) for piece in ("sec", "ret", "987"))
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("timeout", [0, -1.5])
async def test_a_timeout_that_is_over_already(db: AsyncDB, timeout: float) -> None:
    """A deadline that has passed is a StatementTimeout; nothing is run."""
    async with db.transaction() as tx:
        for session in (db, tx):
            for call in (session.query, session.execute):
                with pytest.raises(liteorm.StatementTimeout, match="had passed before it began"):
                    await call("CREATE TABLE never (id int)", timeout=timeout)
        assert len(await tx.query("SELECT 1 WHERE to_regclass('never') IS NULL")) == 1


@pytest.mark.parametrize(
    "params", [5, "ab", b"ab", {1, 2}, iter([1])], ids=lambda p: type(p).__name__
)
async def test_parameters_that_are_no_sequence(db: AsyncDB, params: Any) -> None:
    """One value that is not in a list is told by its type, whichever call it is given to."""
    sql = "SELECT %s::int"
    message = f"a sequence such as a list, or a mapping, not {type(params).__name__}"
    for call in (db.query, db.execute):
        with pytest.raises(TypeError, match=message):
            await call(sql, params)
    with pytest.raises(TypeError, match=message):
        async with db.stream(sql, params):
            pass
    with pytest.raises(TypeError, match=message):
        await db.execute_many(sql, [[1], params])
    assert db.stats().in_use == 0


@pytest.mark.parametrize("sql", ["COPY pg_class TO STDOUT", "COPY pg_class FROM STDIN"])
async def test_copy_is_refused_in_the_same_words(db: AsyncDB, sql: Any) -> None:
    """Whichever call COPY is sent through, the error says what does it."""
    for call in (db.query, db.execute):
        with pytest.raises(liteorm.StatementError, match="insert_many"):
            await call(sql)


async def test_an_error_of_several_lines_is_shown_as_one(db: AsyncDB) -> None:
    """str() is one line and then the hint; the message is whole."""
    with pytest.raises(liteorm.Error) as caught:
        await db.execute(
            "DO $$ BEGIN RAISE EXCEPTION E'first\n  second\n' USING HINT = 'do this'; END $$"
        )
    assert str(caught.value) == "first; second\ndo this"
    assert caught.value.message == "first\n  second\n"


@pytest.mark.parametrize(
    ("options", "error"),
    [({"heartbeat": None}, TypeError), ({"on_gap": 5}, TypeError), ({"heartbeat": 0}, ValueError)],
)
async def test_arguments_of_listen(
    db: AsyncDB, options: dict[str, Any], error: type[Exception]
) -> None:
    """What cannot be called, or waited for, is refused before anything is listened to."""
    with pytest.raises(error, match=next(iter(options))):
        await listen_async(db, "a", **options)
    assert db.stats().in_use == 0


async def test_a_session_of_the_other_kind(db: AsyncDB) -> None:
    """The functions of one kind name their twin when they get the other kind's session."""
    # The twin of a source cannot name the other kind: both are found by what they are not.
    kinds: list[Any] = [postgres.__dict__["DB"], postgres.__dict__["AsyncDB"]]
    [cls] = [kind for kind in kinds if kind is not type(db)]
    other = object.__new__(cls)
    calls: list[Any] = [
        lambda: listen_async(other, "a"),
        lambda: notify_async(other, "a"),
        lambda: describe_async(other, "SELECT 1"),
    ]
    for call in calls:
        with pytest.raises(TypeError, match=rf"not {type(other).__name__}: use \w+\(\) for that"):
            await call()
    nothing: Any = 5
    with pytest.raises(TypeError, match="not int"):
        await notify_async(nothing, "a")


class Taken(liteorm.UniqueViolation):
    """An error with a constructor of its own."""

    def __init__(self, message: str) -> None:
        super().__init__(message)


async def test_an_error_class_with_a_constructor_of_its_own(liteorm_database: Any) -> None:
    """It is raised like any other, with all that the server said."""
    own = {"once_pkey": Taken}
    async with await open_async(liteorm_database.dsn, constraint_errors=own) as db:
        await db.execute("CREATE TABLE once (id int PRIMARY KEY)")
        await db.execute("INSERT INTO once VALUES (1)")
        with pytest.raises(Taken) as caught:
            await db.execute("INSERT INTO once VALUES (1)")
    assert (caught.value.table, caught.value.sqlstate) == ("once", "23505")
    assert "duplicate key" in str(caught.value)


async def test_a_pool_that_cannot_be_filled(db: AsyncDB, liteorm_database: Any) -> None:
    """What the server says of the second connection is told with its SQLSTATE."""
    role = f"few_{liteorm_database.name}"
    await db.execute(
        liteorm.sql("CREATE ROLE {} LOGIN PASSWORD 'few' CONNECTION LIMIT 1", liteorm.Ident(role))
    )
    try:
        dsn = with_params(liteorm_database.dsn, user=role, password="few")
        with pytest.raises(liteorm.ConnectFailed, match="too many connections") as caught:
            await open_async(dsn, min_size=2, timeout=1)
        assert caught.value.sqlstate == "53300"
    finally:
        await db.execute(liteorm.sql("DROP ROLE {}", liteorm.Ident(role)))


async def test_a_number_of_parameters_in_plain_words(db: AsyncDB) -> None:
    """One is not several."""
    with pytest.raises(liteorm.StatementError, match="2 placeholders but 1 parameter was passed"):
        await db.query("SELECT %s, %s", [1])


async def test_a_statement_without_a_model_has_execute_alone(db: AsyncDB) -> None:
    """What reads rows says what to do; the rest of the attributes are as ever."""
    command: Any = liteorm.statement(None, "SELECT 1")
    for name in ("all", "one", "optional", "iter"):
        with pytest.raises(AttributeError, match=f"has no {name}: .* it has execute alone"):
            getattr(command, name)
    async with db.batch() as batch:
        with pytest.raises(TypeError, match="takes a statement that gives rows"):
            batch.one(command)
    with pytest.raises(AttributeError, match="'Command' object has no attribute 'first'"):
        _ = command.first
    assert (await command.execute(db)).command == "SELECT"
