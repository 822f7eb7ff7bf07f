# Generated from tests/postgres/_async/test_statements.py by .ci/unasync.py: edit that file, not this one.
"""Declared statements and t-strings, called on a real server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest

import liteorm
from liteorm.postgres import DB, describe, open



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
def db(liteorm_db: DB) -> DB:
    """A database with a few users."""
    liteorm_db.execute(SCHEMA)
    return liteorm_db


def test_each_call_keeps_its_promise(db: DB) -> None:
    """`all`, `one` and `optional` give what their names say, with parameters of either kind."""
    assert by_id.one(db, id=2) == User(2, "Bob")
    assert by_id.optional(db, id=2) == User(2, "Bob")
    assert by_id.optional(db, id=9) is None
    assert after.all(db, 1) == [User(2, "Bob"), User(3, "Cy")]
    assert names.all(db) == ["Ada", "Bob", "Cy"]
    with pytest.raises(liteorm.NoRows):
        by_id.one(db, id=9)
    with pytest.raises(liteorm.TooManyRows):
        after.one(db, 0)
    with pytest.raises(liteorm.TooManyRows):
        after.optional(db, 0)


def test_a_statement_runs_in_a_transaction(db: DB) -> None:
    """Any session will do; what was done in a transaction is undone with it."""
    with pytest.raises(LookupError):
        with db.transaction() as tx:
            assert (rename.execute(tx, id=1, name="Eve")).rows_affected == 1
            assert by_id.one(tx, id=1) == User(1, "Eve")
            raise LookupError
    assert by_id.one(db, id=1) == User(1, "Ada")
    assert renamed.all(db, "Zed", 2) == [User(3, "Zed")]


def test_rows_are_streamed_into_objects(db: DB) -> None:
    """`iter` is entered as a context manager and gives an iterator of objects."""
    found = []
    with after.iter(db, 1) as users:
        for user in users:
            found.append(user)
    assert found == [User(2, "Bob"), User(3, "Cy")]


def test_more_columns_may_be_allowed(db: DB) -> None:
    """`extra` is handed on to `scan`."""
    assert (loose.all(db))[0] == User(1, "Ada")
    with pytest.raises(liteorm.ScanError, match="no field of User"):
        liteorm.statement(User, "SELECT *, 1 AS more FROM users").all(db)


def test_a_mark_is_no_part_of_the_name(db: DB) -> None:
    """A column named `"id!"` fills the field `id`."""
    assert marked.one(db) == User(1, "Ada")


def test_a_placeholder_in_quotes_is_text(db: DB) -> None:
    """Without parameters a % is just a %, also where a letter after it could make it more."""
    ends = liteorm.statement(str, "SELECT name FROM users WHERE name LIKE '%b' -- not %s\n")
    assert ends.all(db) == ["Bob"]
    assert (describe(db, ends.sql)).parameters == ()


@pytest.mark.parametrize(
    ("sql", "sentence", "remedy"),
    [
        ("SELECT %s,\n%(id)s", "mixes %s and %(name)s: %s, and %(id)s in line 2", "one kind"),
        ("SELECT %(id)s,\n'%s'", "mixes %s and %(name)s: %(id)s, and %s in line 2", "one kind"),
        ("SELECT %(id)s\nWHERE 'a' LIKE 'a%'", "a lone % in line 2", "write %% for a %"),
        ("SELECT %(id)s, 5 % 2", "a lone % in line 1", "write %% for a %"),
    ],
)
def test_wrong_placeholders_say_where_and_what_to_do(
    db: DB, sql: Any, sentence: str, remedy: str
) -> None:
    """Not in the driver's words, whichever call meets them."""
    for call in (
        lambda: db.query(sql, {"id": 1}),
        lambda: db.execute(sql, {"id": 1}),
        lambda: db.execute_many(sql, [{"id": 1}]),
    ):
        with pytest.raises(liteorm.StatementError) as caught:
            call()
        assert sentence in str(caught.value)
        assert remedy in str(caught.value)


def in_a_batch(session: Any) -> None:
    """Send it with others."""
    with session.batch() as batch:
        batch.all(slow)


def streamed(session: Any) -> None:
    """Stream its rows."""
    with slow.iter(session) as rows:
        assert [row for row in rows] == []


def copied(session: Any) -> None:
    """Copy its rows out."""
    with session.copy_out(slow) as blocks:
        assert [block for block in blocks] == []


@pytest.mark.parametrize(
    "call", [slow.one, slow.all, slow.optional, slow.execute, in_a_batch, streamed, copied]
)
def test_a_statement_may_have_a_timeout(db: DB, call: Any) -> None:
    """Each call is bounded by what the declaration says."""
    with pytest.raises(liteorm.StatementTimeout):
        call(db)
    with pytest.raises(liteorm.StatementTimeout):
        with db.transaction() as tx:
            call(tx)


def test_statements_in_files_are_called_by_name(db: DB, tmp_path: Path) -> None:
    """A loaded statement does what its header says when it is called."""
    (tmp_path / "users.sql").write_text(
        "-- name: user :one -> User\nSELECT id, name FROM users WHERE id = %(id)s;\n"
        "-- name: maybe :optional -> User\nSELECT id, name FROM users WHERE id = %s;\n"
        "-- name: users :all -> User\nSELECT id, name FROM users ORDER BY id;\n"
        "-- name: each :iter -> str\nSELECT name FROM users ORDER BY id;\n"
        "-- name: clear :execute\nDELETE FROM users WHERE name LIKE 'B%';\n"
    )
    queries = liteorm.load(tmp_path)
    assert queries.user(db, id=1) == User(1, "Ada")
    assert queries.maybe(db, 9) is None
    assert len(queries.users(db)) == 3
    with queries.each(db) as found:
        assert [name for name in found] == ["Ada", "Bob", "Cy"]
    assert queries.clear(db) == liteorm.Result(1, "DELETE")
    assert queries.user.optional(db, id=2) is None


def test_identifiers_chosen_at_run_time(db: DB) -> None:
    """A quoted name may have a % in it, with parameters and without."""
    column = liteorm.Ident("50%")
    plain = liteorm.sql("SELECT {} FROM users WHERE id = 1", column)
    filtered = liteorm.sql("SELECT {} FROM users WHERE id = %s", column)
    assert liteorm.scan_one(db.query(plain), int) == 50
    assert liteorm.scan_one(db.query(filtered, [1]), int) == 50
    assert liteorm.statement(int, filtered).one(db, 1) == 50
    assert liteorm.statement(int, plain).one(db) == 50


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


def test_optional_parts_and_choices_run(db: DB) -> None:
    """Every combination is valid SQL with just its parameters."""
    everyone = [User(1, "Ada"), User(2, "Bob"), User(3, "Cy")]
    assert listed.all(db) == everyone
    assert listed.all(db, sort="name") == everyone[::-1]
    assert listed.all(db, ["Bob", "Cy"], least=3) == [User(3, "Cy")]
    assert listed.all(db, filled=True) == [User(1, "Ada")]
    assert listed.one(db, limit=1) == User(1, "Ada")
    assert listed.optional(db, names=[]) is None
    with listed.iter(db, least=2) as users:
        assert [user for user in users] == everyone[1:]
    with pytest.raises(ValueError, match="sort must be one of 'id', 'name'"):
        listed.all(db, sort="age")  # type: ignore[arg-type]
    for variant in listed.variants():
        shape = describe(db, liteorm.sql(variant.sql.replace("{", "{{")))
        assert shape.names == variant.names


@liteorm.statement(None, "UPDATE users SET name = %s WHERE id > %s")
def rename_after(name: str, after: int = 0) -> None:
    """Rename all users after one."""


def test_a_command_takes_positions_with_defaults(db: DB) -> None:
    """A statement without rows is executed, its arguments bound by the signature."""
    assert (rename_after.execute(db, "Zed", after=1)).rows_affected == 2
    assert (rename_after.execute(db, "Zed")).rows_affected == 3


def test_the_name_is_in_errors_and_events(liteorm_database: Any, tmp_path: Path) -> None:
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
    with open(liteorm_database.dsn, observers=[Watch()]) as db:
        db.execute(SCHEMA)
        listed.all(db)
        with listed.iter(db) as users:
            assert [user.id for user in users] == [1, 2, 3]
        rename_after.execute(db, "a")
        with pytest.raises(
            liteorm.DataError, match=r"division by zero \(statement halve\)"
        ) as caught:
            halve.one(db, by=0)
        assert caught.value.statement == "halve"
        with pytest.raises(liteorm.TooManyRows, match=r"\(statement listed\)"):
            listed.one(db)
        by_id.one(db, id=1)
    assert seen[1:] == [
        ("query", "listed"),
        ("stream", "listed"),
        ("execute", "rename_after"),
        ("query", "halve"),
        ("query", "listed"),
        ("query", None),
    ]


def test_errors_while_streaming_name_the_statement(db: DB) -> None:
    """So does what only a later row shows, and what the server says on entering."""

    @liteorm.statement(int, "SELECT 6 / (3 - n) FROM generate_series(1, %(last)s) n")
    def parts(last: int) -> None:
        """Divide."""

    @liteorm.statement(int, "SELECT 1 FROM nowhere")
    def nowhere() -> None:
        """Select from what is not there."""

    with pytest.raises(liteorm.DataError) as caught:
        with parts.iter(db, 3) as numbers:
            _ = [number for number in numbers]
    assert caught.value.statement == "parts"
    with pytest.raises(liteorm.UndefinedTable) as missing:
        with nowhere.iter(db) as numbers:
            _ = [number for number in numbers]
    assert missing.value.statement == "nowhere"


def test_values_in_sql_are_sent_as_parameters(db: DB) -> None:
    """Wherever SQL is taken, what stands in braces is a parameter, whatever it is."""
    evil = "'; DROP TABLE users; --"
    where = liteorm.sql(" OR ").join([liteorm.sql("id = {}", 2), liteorm.sql("name = {}", evil)])
    found = liteorm.sql(
        "SELECT {} FROM users WHERE id % 5 > 0 AND ({})", liteorm.columns(User), where
    )
    assert liteorm.scan(db.query(found), User) == [User(2, "Bob")]
    changed = db.execute(liteorm.sql("UPDATE users SET name = {} WHERE id = {}", evil, 3))
    assert changed.rows_affected == 1
    with db.stream(found) as rows:
        assert [user for user in liteorm.scan_iter(rows, User)] == [
            User(2, "Bob"),
            User(3, evil),
        ]
    assert len(liteorm.statement(User, found).all(db)) == 2
    ids = liteorm.sql("SELECT id FROM users WHERE id = ANY({}) ORDER BY {by:i}", [1, 3], by="id")
    assert liteorm.scan(db.query(ids), int) == [1, 3]
    with pytest.raises(TypeError, match="params must be None"):
        db.query(found, [1])
    with pytest.raises(TypeError, match="params must be None"):
        db.execute_many(found, [[1]])


@pytest.mark.skipif(sys.version_info < (3, 14), reason="t-strings need Python 3.14")
def test_t_strings_go_wherever_sql_goes(db: DB) -> None:
    """Values are sent as parameters, `:i` quotes an identifier."""

    def template(source: str, **names: Any) -> Any:
        return eval(source, names)

    evil = "'; DROP TABLE users; --"
    ada = template("t'SELECT id, name FROM users WHERE name = {name}'", name="Ada")
    assert liteorm.scan_one(db.query(ada), User) == User(1, "Ada")
    none = template("t'SELECT id, name FROM users WHERE name = {name}'", name=evil)
    assert liteorm.scan(db.query(none), User) == []
    percent = template("t'SELECT {c:i} FROM users WHERE id % 5 = {n}'", c="50%", n=1)
    assert liteorm.scan_one(db.query(percent), int) == 50
    update = template("t'UPDATE {t:i} SET name = {name} WHERE id = {n}'", t="users", name=evil, n=2)
    assert db.execute(update) == liteorm.Result(1, "UPDATE")
    every = template("t'SELECT name FROM {t:i} WHERE id = ANY({ids})'", t="users", ids=[2])
    with db.stream(every) as rows:
        assert [name for name in liteorm.scan_iter(rows, str)] == [evil]
    statement = liteorm.statement(User, ada)
    assert statement.one(db) == User(1, "Ada")
    with statement.iter(db) as users:
        assert [user for user in users] == [User(1, "Ada")]
