"""Declared statements and t-strings, called on a real server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest

import liteorm
from liteorm.postgres import AsyncDB, describe_async, open_async

pytestmark = pytest.mark.anyio


@attrs.define
class User:
    """A row of the table."""

    id: int
    name: str


SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL, "50%" int);
INSERT INTO users VALUES (1, 'Ada', 50), (2, 'Bob', NULL), (3, 'Cy', NULL);
"""

by_id = liteorm.statement(User, "SELECT id, name FROM users WHERE id = %(id)s")
after = liteorm.statement(User, "SELECT id, name FROM users WHERE id > %s ORDER BY id")
names = liteorm.statement(str, "SELECT name FROM users WHERE name LIKE '%' ORDER BY 1")
rename = liteorm.statement(None, "UPDATE users SET name = %(name)s WHERE id = %(id)s")
renamed = liteorm.statement(User, "UPDATE users SET name = %s WHERE id > %s RETURNING id, name")
loose = liteorm.statement(User, "SELECT *, 1 AS more FROM users ORDER BY id", extra="ignore")
marked = liteorm.statement(User, 'SELECT id AS "id!", name AS "name!" FROM users WHERE id = 1')
slow = liteorm.statement(str, "SELECT pg_sleep(20)::text", timeout=0.05)


@pytest.fixture
async def db(liteorm_async_db: AsyncDB) -> AsyncDB:
    """A database with a few users."""
    await liteorm_async_db.execute(SCHEMA)
    return liteorm_async_db


async def test_each_call_keeps_its_promise(db: AsyncDB) -> None:
    """`all`, `one` and `optional` give what their names say, with parameters of either kind."""
    assert await by_id.one(db, id=2) == User(2, "Bob")
    assert await by_id.optional(db, id=2) == User(2, "Bob")
    assert await by_id.optional(db, id=9) is None
    assert await after.all(db, 1) == [User(2, "Bob"), User(3, "Cy")]
    assert await names.all(db) == ["Ada", "Bob", "Cy"]
    with pytest.raises(liteorm.NoRows):
        await by_id.one(db, id=9)
    with pytest.raises(liteorm.TooManyRows):
        await after.one(db, 0)
    with pytest.raises(liteorm.TooManyRows):
        await after.optional(db, 0)


async def test_a_statement_runs_in_a_transaction(db: AsyncDB) -> None:
    """Any session will do; what was done in a transaction is undone with it."""
    with pytest.raises(LookupError):
        async with db.transaction() as tx:
            assert (await rename.execute(tx, id=1, name="Eve")).rows_affected == 1
            assert await by_id.one(tx, id=1) == User(1, "Eve")
            raise LookupError
    assert await by_id.one(db, id=1) == User(1, "Ada")
    assert await renamed.all(db, "Zed", 2) == [User(3, "Zed")]


async def test_rows_are_streamed_into_objects(db: AsyncDB) -> None:
    """`iter` is entered as a context manager and gives an iterator of objects."""
    found = []
    async with after.iter(db, 1) as users:
        async for user in users:
            found.append(user)
    assert found == [User(2, "Bob"), User(3, "Cy")]


async def test_more_columns_may_be_allowed(db: AsyncDB) -> None:
    """`extra` is handed on to `scan`."""
    assert (await loose.all(db))[0] == User(1, "Ada")
    with pytest.raises(liteorm.ScanError, match="no field of User"):
        await liteorm.statement(User, "SELECT *, 1 AS more FROM users").all(db)


async def test_a_mark_is_no_part_of_the_name(db: AsyncDB) -> None:
    """A column named `"id!"` fills the field `id`."""
    assert await marked.one(db) == User(1, "Ada")


async def test_a_placeholder_in_quotes_is_text(db: AsyncDB) -> None:
    """Without parameters a % is just a %, also where a letter after it could make it more."""
    ends = liteorm.statement(str, "SELECT name FROM users WHERE name LIKE '%b' -- not %s\n")
    assert await ends.all(db) == ["Bob"]
    assert (await describe_async(db, ends.sql)).parameters == ()


@pytest.mark.parametrize(
    ("sql", "sentence", "remedy"),
    [
        ("SELECT %s,\n%(id)s", "mixes %s and %(name)s: %s, and %(id)s in line 2", "one kind"),
        ("SELECT %(id)s,\n'%s'", "mixes %s and %(name)s: %(id)s, and %s in line 2", "one kind"),
        ("SELECT %(id)s\nWHERE 'a' LIKE 'a%'", "a lone % in line 2", "write %% for a %"),
        ("SELECT %(id)s, 5 % 2", "a lone % in line 1", "write %% for a %"),
    ],
)
async def test_wrong_placeholders_say_where_and_what_to_do(
    db: AsyncDB, sql: Any, sentence: str, remedy: str
) -> None:
    """Not in the driver's words, whichever call meets them."""
    for call in (
        lambda: db.query(sql, {"id": 1}),
        lambda: db.execute(sql, {"id": 1}),
        lambda: db.execute_many(sql, [{"id": 1}]),
    ):
        with pytest.raises(liteorm.StatementError) as caught:
            await call()
        assert sentence in str(caught.value)
        assert remedy in str(caught.value)


async def in_a_batch(session: Any) -> None:
    """Send it with others."""
    async with session.batch() as batch:
        batch.all(slow)


async def streamed(session: Any) -> None:
    """Stream its rows."""
    async with slow.iter(session) as rows:
        assert [row async for row in rows] == []


async def copied(session: Any) -> None:
    """Copy its rows out."""
    async with session.copy_out(slow) as blocks:
        assert [block async for block in blocks] == []


@pytest.mark.parametrize(
    "call", [slow.one, slow.all, slow.optional, slow.execute, in_a_batch, streamed, copied]
)
async def test_a_statement_may_have_a_timeout(db: AsyncDB, call: Any) -> None:
    """Each call is bounded by what the declaration says."""
    with pytest.raises(liteorm.StatementTimeout):
        await call(db)
    with pytest.raises(liteorm.StatementTimeout):
        async with db.transaction() as tx:
            await call(tx)


async def test_statements_in_files_are_called_by_name(db: AsyncDB, tmp_path: Path) -> None:
    """A loaded statement does what its header says when it is called."""
    (tmp_path / "users.sql").write_text(
        "-- name: user :one -> User\nSELECT id, name FROM users WHERE id = %(id)s;\n"
        "-- name: maybe :optional -> User\nSELECT id, name FROM users WHERE id = %s;\n"
        "-- name: users :all -> User\nSELECT id, name FROM users ORDER BY id;\n"
        "-- name: each :iter -> str\nSELECT name FROM users ORDER BY id;\n"
        "-- name: clear :execute\nDELETE FROM users WHERE name LIKE 'B%';\n"
    )
    queries = liteorm.load(tmp_path)
    assert await queries.user(db, id=1) == User(1, "Ada")
    assert await queries.maybe(db, 9) is None
    assert len(await queries.users(db)) == 3
    async with queries.each(db) as found:
        assert [name async for name in found] == ["Ada", "Bob", "Cy"]
    assert await queries.clear(db) == liteorm.Result(1, "DELETE")
    assert await queries.user.optional(db, id=2) is None


async def test_identifiers_chosen_at_run_time(db: AsyncDB) -> None:
    """A quoted name may have a % in it, with parameters and without."""
    column = liteorm.Ident("50%")
    plain = liteorm.sql("SELECT {} FROM users WHERE id = 1", column)
    filtered = liteorm.sql("SELECT {} FROM users WHERE id = %s", column)
    assert liteorm.scan_one(await db.query(plain), int) == 50
    assert liteorm.scan_one(await db.query(filtered, [1]), int) == 50
    assert await liteorm.statement(int, filtered).one(db, 1) == 50
    assert await liteorm.statement(int, plain).one(db) == 50


@liteorm.statement(
    User,
    """
    SELECT {columns} FROM users
    WHERE id %% 10 > 0
      AND name = ANY(%(names)s)  --? names
      --? least {
      AND id >= %(least)s
      --? }
      AND "50%%" IS NOT NULL     --? filled
    ORDER BY {sort}
    LIMIT %(limit)s
    """,
    choices={"sort": {"id": "id", "name": liteorm.sql("{} DESC", liteorm.Ident("name"))}},
)
def listed(
    names: list[str] | None = None,
    least: int | None = None,
    filled: bool = False,
    sort: Literal["id", "name"] = "id",
    *,
    limit: int = 10,
) -> None:
    """Users, filtered."""


async def test_optional_parts_and_choices_run(db: AsyncDB) -> None:
    """Every combination is valid SQL with just its parameters."""
    everyone = [User(1, "Ada"), User(2, "Bob"), User(3, "Cy")]
    assert await listed.all(db) == everyone
    assert await listed.all(db, sort="name") == everyone[::-1]
    assert await listed.all(db, ["Bob", "Cy"], least=3) == [User(3, "Cy")]
    assert await listed.all(db, filled=True) == [User(1, "Ada")]
    assert await listed.one(db, limit=1) == User(1, "Ada")
    assert await listed.optional(db, names=[]) is None
    async with listed.iter(db, least=2) as users:
        assert [user async for user in users] == everyone[1:]
    with pytest.raises(ValueError, match="sort must be one of 'id', 'name'"):
        await listed.all(db, sort="age")  # type: ignore[arg-type]
    for variant in listed.variants():
        shape = await describe_async(db, liteorm.sql(variant.sql.replace("{", "{{")))
        assert shape.names == variant.names


@liteorm.statement(None, "UPDATE users SET name = %s WHERE id > %s")
def rename_after(name: str, after: int = 0) -> None:
    """Rename all users after one."""


async def test_a_command_takes_positions_with_defaults(db: AsyncDB) -> None:
    """A statement without rows is executed, its arguments bound by the signature."""
    assert (await rename_after.execute(db, "Zed", after=1)).rows_affected == 2
    assert (await rename_after.execute(db, "Zed")).rows_affected == 3


async def test_the_name_is_in_errors_and_events(liteorm_database: Any, tmp_path: Path) -> None:
    """Errors, observers and logs say which declared statement it was."""
    seen: list[tuple[str, str | None]] = []

    class Watch:
        def before(self, event: liteorm.QueryEvent) -> None:
            seen.append((event.operation, event.statement))

        def after(self, event: liteorm.QueryEvent) -> None:
            pass

    file = tmp_path / "a.sql"
    file.write_text("-- name: halve :one -> int\nSELECT 1 / %(by)s;\n")
    halve = liteorm.load(file).halve
    async with await open_async(liteorm_database.dsn, observers=[Watch()]) as db:
        await db.execute(SCHEMA)
        await listed.all(db)
        async with listed.iter(db) as users:
            assert [user.id async for user in users] == [1, 2, 3]
        await rename_after.execute(db, "a")
        with pytest.raises(
            liteorm.DataError, match=r"division by zero \(statement halve\)"
        ) as caught:
            await halve.one(db, by=0)
        assert caught.value.statement == "halve"
        with pytest.raises(liteorm.TooManyRows, match=r"\(statement listed\)"):
            await listed.one(db)
        await by_id.one(db, id=1)
    assert seen[1:] == [
        ("query", "listed"),
        ("stream", "listed"),
        ("execute", "rename_after"),
        ("query", "halve"),
        ("query", "listed"),
        ("query", None),
    ]


async def test_errors_while_streaming_name_the_statement(db: AsyncDB) -> None:
    """So does what only a later row shows, and what the server says on entering."""

    @liteorm.statement(int, "SELECT 6 / (3 - n) FROM generate_series(1, %(last)s) n")
    def parts(last: int) -> None:
        """Divide."""

    @liteorm.statement(int, "SELECT 1 FROM nowhere")
    def nowhere() -> None:
        """Select from what is not there."""

    with pytest.raises(liteorm.DataError) as caught:
        async with parts.iter(db, 3) as numbers:
            _ = [number async for number in numbers]
    assert caught.value.statement == "parts"
    with pytest.raises(liteorm.UndefinedTable) as missing:
        async with nowhere.iter(db) as numbers:
            _ = [number async for number in numbers]
    assert missing.value.statement == "nowhere"


async def test_values_in_sql_are_sent_as_parameters(db: AsyncDB) -> None:
    """Wherever SQL is taken, what stands in braces is a parameter, whatever it is."""
    evil = "'; DROP TABLE users; --"
    where = liteorm.sql(" OR ").join([liteorm.sql("id = {}", 2), liteorm.sql("name = {}", evil)])
    found = liteorm.sql(
        "SELECT {} FROM users WHERE id % 5 > 0 AND ({})", liteorm.columns(User), where
    )
    assert liteorm.scan(await db.query(found), User) == [User(2, "Bob")]
    changed = await db.execute(liteorm.sql("UPDATE users SET name = {} WHERE id = {}", evil, 3))
    assert changed.rows_affected == 1
    async with db.stream(found) as rows:
        assert [user async for user in liteorm.scan_iter(rows, User)] == [
            User(2, "Bob"),
            User(3, evil),
        ]
    assert len(await liteorm.statement(User, found).all(db)) == 2
    ids = liteorm.sql("SELECT id FROM users WHERE id = ANY({}) ORDER BY {by:i}", [1, 3], by="id")
    assert liteorm.scan(await db.query(ids), int) == [1, 3]
    with pytest.raises(TypeError, match="params must be None"):
        await db.query(found, [1])
    with pytest.raises(TypeError, match="params must be None"):
        await db.execute_many(found, [[1]])


@pytest.mark.skipif(sys.version_info < (3, 14), reason="t-strings need Python 3.14")
async def test_t_strings_go_wherever_sql_goes(db: AsyncDB) -> None:
    """Values are sent as parameters, `:i` quotes an identifier."""

    def template(source: str, **names: Any) -> Any:
        return eval(source, names)

    evil = "'; DROP TABLE users; --"
    ada = template("t'SELECT id, name FROM users WHERE name = {name}'", name="Ada")
    assert liteorm.scan_one(await db.query(ada), User) == User(1, "Ada")
    none = template("t'SELECT id, name FROM users WHERE name = {name}'", name=evil)
    assert liteorm.scan(await db.query(none), User) == []
    percent = template("t'SELECT {c:i} FROM users WHERE id % 5 = {n}'", c="50%", n=1)
    assert liteorm.scan_one(await db.query(percent), int) == 50
    update = template("t'UPDATE {t:i} SET name = {name} WHERE id = {n}'", t="users", name=evil, n=2)
    assert await db.execute(update) == liteorm.Result(1, "UPDATE")
    every = template("t'SELECT name FROM {t:i} WHERE id = ANY({ids})'", t="users", ids=[2])
    async with db.stream(every) as rows:
        assert [name async for name in liteorm.scan_iter(rows, str)] == [evil]
    statement = liteorm.statement(User, ada)
    assert await statement.one(db) == User(1, "Ada")
    async with statement.iter(db) as users:
        assert [user async for user in users] == [User(1, "Ada")]
