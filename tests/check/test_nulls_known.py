"""Where NOT NULL can be trusted, and where it only looks so."""

from __future__ import annotations

from typing import Any

import pytest

import liteorm
from liteorm import postgres
from liteorm_testing import Server, database

SCHEMA = """
CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL, m int, j jsonb NOT NULL DEFAULT '{}',
                r int4range NOT NULL DEFAULT '[1,2)', at timestamp NOT NULL DEFAULT now(),
                name text NOT NULL DEFAULT 'x', p path NOT NULL DEFAULT '((0,0),(1,1))');
CREATE TABLE u (id int NOT NULL, t_id int NOT NULL REFERENCES t, x text);
CREATE SCHEMA mine;
CREATE DOMAIN present AS int NOT NULL;
CREATE TYPE pair AS (a int, b int);
CREATE TYPE colour AS ENUM ('red');
"""


@pytest.fixture(scope="module")
def db(liteorm_server: Server) -> Any:
    """A database with a few tables."""
    with database(liteorm_server, SCHEMA) as made, postgres.open(made.dsn, max_size=1) as opened:
        yield opened


def nulls(session: Any, sql: Any) -> list[bool | None]:
    """Return what is known of each column."""
    return [column.nullable for column in postgres.describe(session, sql).columns]


YES, NO, MAYBE = True, False, None


@pytest.mark.parametrize(
    ("setup", "sql", "expected"),
    [
        # What a catalog that says NOT NULL does not promise
        ("CREATE TABLE p (a int NOT NULL); CREATE TABLE q () INHERITS (p)", "SELECT a FROM p", NO),
        (
            "CREATE TABLE p (a int); CREATE TABLE q (a int NOT NULL) INHERITS (p)",
            "SELECT a FROM p",
            YES,
        ),
        ("CREATE TABLE d (a present)", "SELECT a FROM d", MAYBE),
        ("CREATE TABLE d (a present NOT NULL)", "SELECT a FROM d", NO),
        (
            "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;"
            "CREATE FOREIGN TABLE f (a int NOT NULL) SERVER s",
            "SELECT a FROM f",
            MAYBE,
        ),
        ("CREATE MATERIALIZED VIEW mv AS SELECT n FROM t", "SELECT n FROM mv", MAYBE),
        ("CREATE MATERIALIZED VIEW mv AS SELECT m FROM t", "SELECT m FROM mv", YES),
        # What proves more than the catalog says
        ("CREATE TABLE c (a int, CHECK (a IS NOT NULL AND a > 0))", "SELECT a FROM c", NO),
        ("CREATE TABLE c (a int, CHECK (a > 0))", "SELECT a FROM c", YES),
        (
            "CREATE TABLE c (a int); ALTER TABLE c ADD CHECK (a IS NOT NULL) NOT VALID",
            "SELECT a FROM c",
            YES,
        ),
        (
            "CREATE TABLE g (a int NOT NULL, b int GENERATED ALWAYS AS (a + 1) STORED)",
            "SELECT b FROM g",
            NO,
        ),
        (
            "CREATE TABLE g (a int, b int GENERATED ALWAYS AS (a + 1) STORED)",
            "SELECT b FROM g",
            YES,
        ),
        (
            "CREATE TABLE g (a int NOT NULL, b int GENERATED ALWAYS AS (a + 1) STORED)"
            " PARTITION BY LIST (a); CREATE TABLE h PARTITION OF g DEFAULT",
            "SELECT b FROM g",
            NO,
        ),
        (
            "CREATE TABLE g (a int NOT NULL, b int GENERATED ALWAYS AS (a + 1) STORED)"
            " PARTITION BY LIST (a); CREATE TABLE h PARTITION OF g DEFAULT",
            "INSERT INTO g VALUES (1) RETURNING b",
            NO,
        ),
        (
            "CREATE TABLE g (a int NOT NULL, c int, b int GENERATED ALWAYS AS (c + 1) STORED);"
            " CREATE TABLE h () INHERITS (g)",
            "SELECT b FROM g",
            YES,
        ),
        ("", "SELECT has_table_privilege('t', 'SELECT')", NO),
        ("", "SELECT has_table_privilege(id::oid, 'SELECT') FROM t", MAYBE),
        ("CREATE VIEW v AS SELECT n FROM t", "SELECT n FROM v", NO),
        (
            "CREATE VIEW v AS SELECT n FROM t; CREATE VIEW w (k) AS SELECT * FROM v",
            "SELECT k FROM w",
            NO,
        ),
        # Names that mean something else here
        (
            "CREATE FUNCTION public.upper(int) RETURNS text LANGUAGE sql AS 'SELECT NULL'",
            "SELECT upper(name) FROM t",
            NO,
        ),
        (
            "CREATE FUNCTION public.upper(int) RETURNS text LANGUAGE sql AS 'SELECT NULL'",
            "SELECT pg_catalog.upper(name) FROM t",
            NO,
        ),
        (
            "CREATE FUNCTION plus(pair, pair) RETURNS int LANGUAGE sql AS 'SELECT NULL::int';"
            "CREATE OPERATOR + (leftarg = pair, rightarg = pair, function = plus)",
            "SELECT n + 1 FROM t",
            NO,
        ),
        (
            "CREATE FUNCTION same(pair, text) RETURNS bool LANGUAGE sql AS 'SELECT true';"
            "CREATE OPERATOR ~ (leftarg = pair, rightarg = text, function = same)",
            "SELECT x FROM u WHERE x ~ 'a'",
            NO,
        ),
        ("CREATE TABLE mine.t (n int)", "SELECT n FROM mine.t", YES),
        ("CREATE TABLE mine.t (n int); SET search_path = mine, public", "SELECT n FROM t", YES),
        ("CREATE TEMP TABLE t (n int)", "SELECT n FROM t", YES),
        ("", "WITH t AS (SELECT m AS n FROM t) SELECT n FROM t", YES),
        ("", "WITH t AS (SELECT m AS n FROM t) SELECT n FROM public.t", NO),
        ("", "WITH RECURSIVE a AS (SELECT n FROM t), t AS (SELECT 1 AS n) SELECT n FROM a", NO),
        # Values that give NULL although nothing was
        ("", "SELECT lower(r) FROM t", YES),
        ("", "SELECT upper(lower(name)) FROM t", NO),
        ("", "SELECT lower(name) FROM t", NO),
        ("", "SELECT extract(month FROM at) FROM t", MAYBE),
        ("", "SELECT extract(epoch FROM at) FROM t", NO),
        ("", "SELECT to_char(at, 'YYYY') FROM t", MAYBE),
        ("", "SELECT p + p FROM t", MAYBE),
        ("", "SELECT (j -> 'a')::int FROM t", YES),
        ("", "SELECT j ->> 'a', j #>> '{a,b}' FROM t", YES),
        ("", "SELECT upper(j -> 'a' ->> 'b') FROM t", YES),
        ("", "SELECT t.j ->> 'a' FROM u LEFT JOIN t USING (id)", YES),
        ("", "SELECT j['a'] FROM t", YES),
        ("", "SELECT j ->> name FROM t WHERE n > 1 GROUP BY j ->> name", YES),
        ("CREATE VIEW v AS SELECT j ->> 'a' AS a FROM t", "SELECT a FROM v", YES),
        ("CREATE VIEW v AS SELECT j ->> 'a' AS a FROM t", "SELECT a FROM v WHERE a > 'b'", NO),
        # ... unless something says more of what is stored
        ("", "SELECT j #> '{}' FROM t", MAYBE),
        ("", "SELECT coalesce(j ->> 'a', '') FROM t", NO),
        ("", "SELECT CASE WHEN j ->> 'a' IS NULL THEN '' ELSE j ->> 'a' END FROM t", NO),
        ("", "SELECT j ->> 'a' FROM t WHERE j ? 'a'", MAYBE),
        ("", "SELECT j ->> 'a' FROM t JOIN u ON u.x = j ->> 'a'", NO),
        ("", "SELECT j ->> 'a' FROM t, LATERAL (SELECT 1 WHERE t.j ? 'a') q", MAYBE),
        ("", "SELECT j ->> 'a' FROM t WHERE EXISTS (SELECT FROM u WHERE u.x = t.j ->> 'a')", MAYBE),
        ("", "SELECT jsonb_object_keys(j), j ->> 'a' FROM t", MAYBE),
        ("", "SELECT j ->> 'a' FROM t, jsonb_each(j)", MAYBE),
        ("", "SELECT jsonb_build_object('a', n) ->> 'a' FROM t", MAYBE),
        ("CREATE TABLE c (j jsonb NOT NULL CHECK (j ? 'a'))", "SELECT j ->> 'a' FROM c", MAYBE),
        (
            "CREATE TABLE c (j jsonb NOT NULL,"
            " a text NOT NULL GENERATED ALWAYS AS (j ->> 'a') STORED)",
            "SELECT j ->> 'a' FROM c",
            MAYBE,
        ),
        (
            "CREATE DOMAIN doc AS jsonb CHECK (VALUE ? 'a'); CREATE TABLE c (j doc NOT NULL)",
            "SELECT j ->> 'a' FROM c",
            MAYBE,
        ),
        ("", "UPDATE t SET j = '{\"a\": 1}' RETURNING j ->> 'a'", MAYBE),
        ("", "SELECT j::int FROM t", MAYBE),
        ("", "SELECT n::text::int FROM t", NO),
        ("", "SELECT substring(name FROM 'b') FROM t", MAYBE),
        ("", "SELECT substring(name FROM 2) FROM t", NO),
        ("", "SELECT array_length(ARRAY[n], 2) FROM t", MAYBE),
        ("", "SELECT (ARRAY[n])[2] FROM t", MAYBE),
        ("CREATE TABLE l (a int[] NOT NULL)", "SELECT array_length(a, 1) FROM l", YES),
        ("CREATE TABLE l (a int[] NOT NULL)", "SELECT a[1] + 1 FROM l", YES),
        ("CREATE TABLE l (a int[] NOT NULL)", "SELECT a[1:2] FROM l", MAYBE),
        ("CREATE TABLE l (a int[] NOT NULL CHECK (a[1] > 0))", "SELECT a[1] FROM l", MAYBE),
        ("", "SELECT (ROW(n, m)::pair).b FROM t", YES),
        ("", "SELECT generate_series(1, 2), generate_series(1, n) FROM t", MAYBE),
        ("", "SELECT 'red'::colour FROM t", NO),
        # Rows that outer joins and groups make up
        ("", "SELECT t.n FROM u LEFT JOIN t ON t.id = u.t_id", YES),
        ("", "SELECT t.n FROM u LEFT JOIN t ON t.id = u.t_id WHERE t.name <> ''", NO),
        ("", "SELECT t.n FROM u LEFT JOIN t ON t.id = u.t_id WHERE t.m IS NULL", YES),
        ("", "SELECT t.n FROM u LEFT JOIN t ON t.id = u.t_id WHERE t IS NOT NULL", NO),
        ("", "SELECT t.n FROM u LEFT JOIN t ON true JOIN u v ON v.id = t.id", NO),
        ("", "SELECT t.n FROM (u LEFT JOIN t ON true) LEFT JOIN u v ON v.id = t.id", YES),
        ("", "SELECT sum(n) FROM t GROUP BY ()", YES),
        ("", "SELECT sum(n) FROM t GROUP BY GROUPING SETS (())", YES),
        ("", "SELECT sum(n) FROM t GROUP BY name", NO),
        ("", "SELECT stddev(n) FROM t GROUP BY name", YES),
        ("", "SELECT upper(name) FROM t GROUP BY ROLLUP (upper(name))", YES),
        ("", "SELECT upper(name) FROM t GROUP BY ROLLUP (name)", YES),
        # Changes
        ("", "INSERT INTO t (id, n, m) VALUES (1, 2, 3) RETURNING m", NO),
        ("", "INSERT INTO t (id, n) VALUES (1, 2) RETURNING m", YES),
        ("", "UPDATE t SET m = 3 RETURNING m", NO),
        ("", "UPDATE t SET m = NULL WHERE m = 3 RETURNING m", YES),
        ("", "UPDATE t SET n = 3 WHERE m = 3 RETURNING m", NO),
        ("", "DELETE FROM t WHERE m = 3 RETURNING m", NO),
        (
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';"
            "CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()",
            "UPDATE t SET m = 3 RETURNING m",
            MAYBE,
        ),
        ("CREATE VIEW v AS SELECT id, n, m FROM t", "UPDATE v SET m = 3 RETURNING n", MAYBE),
        ("", "WITH x AS (INSERT INTO u VALUES (1, 2, 'a') RETURNING *) SELECT x FROM x", NO),
    ],
)
def test_what_is_known(db: postgres.DB, setup: Any, sql: str, expected: bool | None) -> None:
    """Each rule, and the exception that it must not fall for."""
    with pytest.raises(LookupError), db.transaction() as tx:
        if setup:
            tx.execute(setup)
        assert nulls(tx, sql)[-1:] == [expected]
        raise LookupError


@pytest.mark.parametrize(
    ("version", "setup", "sql", "expected"),
    [
        (
            16,
            "CREATE TABLE g (a int NOT NULL, b int GENERATED ALWAYS AS (a + 1) STORED);"
            " CREATE TABLE h (b int GENERATED ALWAYS AS (nullif(a, 1)) STORED) INHERITS (g)",
            "SELECT b FROM g",
            MAYBE,
        ),
        (17, "", "SELECT JSON_EXISTS(j, '$.a') FROM t", NO),
        (17, "", "SELECT JSON_EXISTS(j, '$.a' UNKNOWN ON ERROR) FROM t", MAYBE),
        (
            18,
            "CREATE TABLE n (a int); ALTER TABLE n ADD CONSTRAINT k NOT NULL a NOT VALID",
            "SELECT a FROM n",
            YES,
        ),
        (
            18,
            "CREATE TABLE p (a int, CONSTRAINT k NOT NULL a NO INHERIT);"
            "CREATE TABLE q () INHERITS (p)",
            "SELECT a FROM p",
            YES,
        ),
        (18, "", "UPDATE t SET m = 1 RETURNING old.n, new.m", NO),
        (18, "", "INSERT INTO t (id, n) VALUES (1, 2) RETURNING old.n", YES),
        (18, "", "DELETE FROM t RETURNING new.n", YES),
        (18, "", "DELETE FROM t RETURNING old.n", NO),
        (
            18,
            "CREATE TABLE g (a int NOT NULL, b int GENERATED ALWAYS AS (a + 1) VIRTUAL)",
            "SELECT b FROM g",
            NO,
        ),
        (
            17,
            "",
            "MERGE INTO t USING u ON t.id = u.t_id WHEN MATCHED THEN UPDATE SET m = 1"
            " RETURNING merge_action(), u.id, t.n",
            NO,
        ),
        (
            17,
            "",
            "MERGE INTO t USING u ON t.id = u.t_id WHEN NOT MATCHED BY SOURCE THEN DELETE"
            " RETURNING t.n, u.id",
            YES,
        ),
    ],
)
def test_what_is_known_of_newer_versions(
    db: postgres.DB, version: int, setup: Any, sql: str, expected: bool | None
) -> None:
    """What newer servers can say has its own exceptions."""
    if liteorm.scan_one(db.query("SHOW server_version_num"), str) < f"{version}0000":
        pytest.skip(f"needs PostgreSQL {version}")
    test_what_is_known(db, setup, sql, expected)
