"""Commands that the server describes without looking at their names: checked, or said not to be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import liteorm
from liteorm import postgres
from liteorm._check import (
    FileAnswers,
    Finding,
    LiveAnswers,
    Plans,
    RecordingAnswers,
    Subject,
    check_all,
)
from liteorm_testing import Server, database

SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE logs (at date, what text);
CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM users;
CREATE VIEW seen AS SELECT id FROM users;
CREATE PROCEDURE tidy(n int) LANGUAGE sql AS 'SELECT 1';
"""


@pytest.fixture(scope="module")
def db(liteorm_server: Server) -> Iterator[postgres.DB]:
    """A database with a small schema."""
    with (
        database(liteorm_server, SCHEMA) as made,
        postgres.open(made.dsn, max_size=2) as opened,
    ):
        yield opened


def subject(sql: str, model: type | None = None, params: object = None) -> Subject:
    """Return a statement as it is checked."""
    item = liteorm.statement(model, sql, params=params)  # type: ignore[call-overload]  # pyright: ignore
    return Subject("statement", "it", "module", __file__, 1, item)


def found(db: postgres.DB, sql: str, model: type | None = None) -> list[Finding]:
    """Return what is found in a statement."""
    return check_all(LiveAnswers(db), [subject(sql, model)])


WRONG = (
    "COPY (SELECT {} FROM users) TO '/dev/null'",
    "COPY ( (SELECT {}) UNION SELECT 1 ) TO '/dev/null' WITH (FORMAT csv)",
    "COPY (UPDATE users SET {} = 1 RETURNING id) TO '/dev/null'",
    "COPY {} TO '/dev/null'",
    "COPY public.{} (a) TO '/dev/null'",
    "COPY users (id, {}) FROM '/dev/null'",
    "COPY users (id) FROM '/dev/null' WITH (FORMAT csv) WHERE id > 1 AND {} = 2",
    "/* c */ copy users(name,{}) from program 'true'",
    "CREATE VIEW v AS SELECT {} FROM users",
    "CREATE OR REPLACE TEMP VIEW v (a, b) WITH (security_barrier) AS TABLE {}",
    "CREATE VIEW v AS SELECT id FROM users WHERE {} = 1 WITH LOCAL CHECK OPTION",
    "CREATE RECURSIVE VIEW v (n) AS SELECT 1 UNION ALL SELECT n + {} FROM v",
    "CREATE RECURSIVE VIEW public.v (n) AS VALUES (1) UNION ALL SELECT n + {} FROM v;",
    "CREATE TABLE t AS SELECT {} FROM users",
    "CREATE MATERIALIZED VIEW m AS SELECT {} FROM users WITH NO DATA",
    "SELECT {} INTO TEMP t FROM users",
    "PREPARE p AS SELECT {} FROM users",
    "PREPARE p (int, numeric(6, 2)) AS SELECT id + $1, {} * $2 FROM users",
    "DECLARE c NO SCROLL CURSOR WITH HOLD FOR SELECT {} FROM users",
    "EXPLAIN SELECT {} FROM users",
    "EXPLAIN (ANALYZE, FORMAT json) (SELECT {} FROM users)",
    "EXPLAIN CREATE TABLE t AS SELECT {} FROM users",
    "TRUNCATE {}",
    "TRUNCATE TABLE ONLY users, public.{} RESTART IDENTITY CASCADE",
    "LOCK TABLE logs, ONLY {} IN SHARE MODE NOWAIT",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY {} WITH DATA",
    "SET {} = 1",
    "SET LOCAL {} TO 'a'",
    "RESET {}",
    "SHOW {}",
    "CALL {}(1)",
)


@pytest.mark.parametrize("sql", WRONG)
def test_a_wrong_name_is_found(db: postgres.DB, sql: str) -> None:
    """It is an error that names it, where the server knows a place, at its place."""
    [finding] = found(db, sql.format("nopes"))
    assert (finding.level, finding.code) == ("error", "refused")
    assert "nopes" in finding.message
    pointed = check_at(db, sql.format("nopes"))
    assert pointed in (None, "nopes")
    assert pointed or sql.startswith(("SET", "RESET", "SHOW"))


def check_at(db: postgres.DB, sql: str) -> str | None:
    """Return the word that the one problem of a statement points at."""
    from liteorm._check.statements import statement_problems
    from liteorm.postgres._describing.shapes import sent_oid

    asking = statement_problems(subject(sql).item, {}, sent_oid)
    live = LiveAnswers(db)
    queries = next(asking)
    while True:
        try:
            queries = asking.send(live.statements(queries) if queries else [])
        except StopIteration as end:
            [problem] = end.value
            at = problem.at
            if at is None:
                return None
            begin = sql.index("nopes")
            return "nopes" if sql[at:].startswith(("nopes", "public.nopes")) else str((at, begin))


RIGHT = (
    "COPY (SELECT id FROM users) TO '/dev/null'",
    "COPY users TO '/dev/null'",
    "COPY users (id, name) FROM '/dev/null' WHERE id > 1",
    "CREATE VIEW v AS SELECT name FROM users WITH CASCADED CHECK OPTION",
    "CREATE RECURSIVE VIEW v (n) AS SELECT 1 UNION ALL SELECT n + 1 FROM v WHERE n < 9",
    "CREATE TEMP TABLE t (a) AS SELECT id FROM users",
    "CREATE MATERIALIZED VIEW m AS SELECT id FROM users;",
    "PREPARE p AS SELECT id FROM users",
    "PREPARE p (int, text[]) AS SELECT id + $1 FROM users WHERE name = ANY($2) LIMIT $1",
    "DECLARE c CURSOR WITH HOLD FOR SELECT id FROM users",
    "EXPLAIN SELECT id FROM users",
    "TRUNCATE users, logs",
    "TRUNCATE ONLY users",
    "TRUNCATE TABLE users *",
    "REFRESH MATERIALIZED VIEW counted",
    "SET statement_timeout = 0",
    "SET SESSION my.own = 'a'",
    "SET TIME ZONE 'UTC'",
    "SET ROLE NONE",
    "RESET ALL",
    "SHOW search_path",
    "CALL tidy(1)",
    "LISTEN here",
    "NOTIFY here, 'a'",
    "DISCARD PLANS",
    "VALUES (1)",
    "TABLE users",
    "WITH a AS (SELECT 1) SELECT * FROM a",
    "(SELECT 1)",
)


@pytest.mark.parametrize("sql", RIGHT)
def test_what_is_right_passes(db: postgres.DB, sql: str) -> None:
    """Nothing is said of it, and the server runs it."""
    assert found(db, sql) == []
    with db.begin() as tx:
        tx.execute(sql)  # pyright: ignore


UNKNOWN = (
    "CREATE INDEX ON logs (at)",
    "CREATE TABLE t (a int)",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE RULE r AS ON INSERT TO logs DO NOTHING",
    "ALTER TABLE logs ADD b int",
    "COMMENT ON TABLE logs IS 'x'",
    "DROP TABLE logs",
    "GRANT SELECT ON logs TO public",
    "ANALYZE logs",
    "REINDEX TABLE logs",
    "SET CONSTRAINTS users_pkey IMMEDIATE",
    "SET LOCAL ROLE postgres",
    "EXECUTE p",
    "EXPLAIN EXECUTE p",
    "CREATE TABLE t AS EXECUTE p",
    "FETCH 1 FROM c",
    "DO 'BEGIN END'",
    "PREPARE p AS SELECT id FROM users WHERE id = $1",
)


@pytest.mark.parametrize("sql", UNKNOWN)
def test_what_is_not_looked_at_is_a_warning(db: postgres.DB, sql: str) -> None:
    """It says which command is not checked, and what to do."""
    [finding] = found(db, sql)
    assert (finding.level, finding.code) == ("warning", "not-checked")
    assert finding.message.startswith(sql.split()[0])
    assert finding.hint


@pytest.mark.parametrize("sql", ["EXECUTE p (1)", "FETCH ALL FROM c"])
def test_rows_of_what_the_session_prepared_are_possible(db: postgres.DB, sql: str) -> None:
    """That it gives no rows is not said: the server knows them only where it was prepared."""
    assert [finding.code for finding in found(db, sql, int)] == ["not-checked"]


NO_PARAMETERS = (
    "COPY (SELECT id FROM users WHERE id = {}) TO '/dev/null'",
    "CREATE VIEW v AS SELECT id FROM users WHERE id = {}",
    "CREATE MATERIALIZED VIEW m AS SELECT id FROM users WHERE id = {}",
    "CREATE INDEX ON logs (at) WHERE what = {}",
    "CREATE TABLE t (a int DEFAULT {})",
    "ALTER TABLE logs ADD b int DEFAULT {}",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN {}",
    "EXECUTE p ({})",
    "EXPLAIN (VERBOSE) EXECUTE p (1, {})",
    "CREATE TABLE t AS EXECUTE p ({})",
)


@pytest.mark.parametrize("kind", ["%s", "%(n)s"])
@pytest.mark.parametrize("sql", NO_PARAMETERS)
def test_a_placeholder_where_the_server_takes_none_is_found(
    db: postgres.DB, sql: str, kind: str
) -> None:
    """Whatever its type is; every call fails."""
    params = {"n": int}
    item = subject(sql.format(kind), params=params)
    errors = [f for f in check_all(LiveAnswers(db), [item]) if f.level == "error"]
    assert [finding.code for finding in errors] == ["placeholder"]
    with db.begin() as tx, pytest.raises(liteorm.Error):
        tx.execute(sql.format(kind), {"n": 70000} if "(" in kind else [70000])  # pyright: ignore


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE t AS SELECT id FROM users WHERE id = %(n)s",
        "DECLARE c CURSOR FOR SELECT id FROM users WHERE id = %(n)s",
        "EXPLAIN SELECT id FROM users WHERE id = %(n)s",
        "CALL tidy(%(n)s)",
    ],
)
def test_a_placeholder_where_the_server_takes_one_is_right(db: postgres.DB, sql: str) -> None:
    """Nothing is said of it, and it runs."""
    item = subject(sql, params={"n": int})
    assert check_all(LiveAnswers(db), [item]) == []
    with db.begin() as tx:
        item.item.execute(tx, n=70000)


@pytest.mark.parametrize("sql", ["COPY users FROM STDIN", "COPY (TABLE users) TO STDOUT", "COMMIT"])
def test_what_liteorm_never_sends_is_found(db: postgres.DB, sql: str) -> None:
    """The check says what each call says."""
    [finding] = found(db, sql)
    with pytest.raises(liteorm.StatementError) as caught:
        db.execute(sql)  # pyright: ignore
    assert (finding.level, finding.message) == ("error", caught.value.message)


def test_the_queries_inside_are_described_in_files(db: postgres.DB, tmp_path: Path) -> None:
    """Offline they give the same; another package's descriptions leave them alone."""
    subjects = [subject(sql.format("nopes")) for sql in WRONG] + [subject(sql) for sql in RIGHT]
    recording = RecordingAnswers(LiveAnswers(db), tmp_path, subjects, ["module"])
    live = [str(finding) for finding in check_all(recording, subjects)]
    recording.write()
    other = RecordingAnswers(LiveAnswers(db), tmp_path, [], ["other"])
    other.write()
    assert [str(finding) for finding in check_all(FileAnswers(tmp_path), subjects)] == live


SCRIPT = "CREATE TEMP TABLE made (a int); INSERT INTO made VALUES (1)"


def test_a_script_is_not_checked_and_runs(db: postgres.DB) -> None:
    """Several commands are no error where they can run: for their effect, without parameters."""
    item = subject(SCRIPT)
    [finding] = check_all(LiveAnswers(db), [item])
    assert (finding.level, finding.code) == ("warning", "not-checked")
    assert "2 commands" in finding.message
    assert item.item.execute(db).rows_affected == 1


@pytest.mark.parametrize(
    ("model", "sql", "arguments"),
    [(int, "SELECT 1; SELECT 2", ()), (None, "SELECT 1; SELECT %s", (1,))],
)
def test_a_script_for_its_rows_or_with_parameters_is_refused(
    db: postgres.DB, model: type | None, sql: str, arguments: tuple[int, ...]
) -> None:
    """The check says what the call says."""
    item = subject(sql, model)
    [finding] = check_all(LiveAnswers(db), [item])
    assert (finding.level, finding.code) == ("error", "refused")
    with pytest.raises(liteorm.Error, match="multiple commands"):
        item.item.execute(db, *arguments) if model is None else item.item.all(db)


def test_plans_run_nothing_of_a_script(db: postgres.DB) -> None:
    """Only the first of several commands would be explained, so none is."""
    if int(_version(db)) < 160000:
        pytest.skip("needs EXPLAIN (GENERIC_PLAN) of PostgreSQL 16")
    plans = Plans.of(db, 1)
    item = subject("SELECT 1; INSERT INTO users VALUES (7, 'planned')")
    check_all(LiveAnswers(db), [item], plans=plans)
    assert list(db.query("SELECT id FROM users WHERE id = 7")) == []


def _version(db: postgres.DB) -> str:
    [(version,)] = db.query("SHOW server_version_num")
    return str(version)
