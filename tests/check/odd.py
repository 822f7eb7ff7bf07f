"""What is rare in queries, and was once taken for never NULL: parts for random queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.check.queries import Columns, Queries

SCHEMA = """
CREATE TYPE two AS (a int, b int);
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE FUNCTION mood_int(mood) RETURNS int IMMUTABLE STRICT LANGUAGE sql
    AS $$SELECT CASE WHEN $1 = 'glad' THEN 1 END$$;
CREATE CAST (mood AS int) WITH FUNCTION mood_int(mood) AS ASSIGNMENT;
CREATE TABLE m (id int NOT NULL, at timestamptz NOT NULL, n int, mood mood NOT NULL, clock time);
INSERT INTO m VALUES (1, 'infinity', 1, 'glad'), (2, '-infinity', NULL, 'sad'),
                     (3, '2024-01-01', 3, 'glad');
CREATE TABLE named (id int NOT NULL, length int, upper text);
INSERT INTO named VALUES (1, NULL, NULL), (2, 2, 'x');
CREATE FUNCTION most(VARIADIC int[]) RETURNS int IMMUTABLE STRICT LANGUAGE sql
    AS 'SELECT max(x) FROM unnest($1) x';
CREATE VIEW rolled AS SELECT coalesce(id, 0) AS id, n, t, count(*)::int AS k, coalesce(n, 1) AS m
    FROM a GROUP BY ROLLUP (1), CUBE (n, t);
CREATE TABLE made (id int NOT NULL, n int NOT NULL, o int,
                   s int GENERATED ALWAYS AS (n + 1) STORED,
                   CONSTRAINT here CHECK (o IS NOT NULL) NO INHERIT);
DO $$ BEGIN
    -- PostgreSQL 15 and older want the same expression in all tables.
    IF current_setting('server_version_num')::int < 160000 THEN
        CREATE TABLE made_below () INHERITS (made);
    ELSE
        EXECUTE 'CREATE TABLE made_below (s int GENERATED ALWAYS AS (nullif(n, n)) STORED)
                 INHERITS (made)';
    END IF;
END $$;
INSERT INTO made (id, n, o) VALUES (1, 1, 1);
INSERT INTO made_below (id, n) VALUES (2, 2);
CREATE TABLE parted (id int NOT NULL, n int NOT NULL, o int,
                     s int GENERATED ALWAYS AS (n + 1) STORED) PARTITION BY LIST (id);
DO $$ BEGIN
    IF current_setting('server_version_num')::int < 160000 THEN
        CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
    ELSE
        EXECUTE 'CREATE TABLE parted_1 PARTITION OF parted
            (s GENERATED ALWAYS AS (nullif(n, n)) STORED, CHECK (o IS NOT NULL)) FOR VALUES IN (1)';
    END IF;
END $$;
CREATE TABLE parted_rest PARTITION OF parted DEFAULT;
INSERT INTO parted (id, n, o) VALUES (1, 1, 1), (2, 2, NULL);
CREATE TABLE alike (id int NOT NULL, n int NOT NULL, o int,
                    s int GENERATED ALWAYS AS (n + 1) STORED,
                    r int GENERATED ALWAYS AS (o + 1) STORED) PARTITION BY LIST (id);
CREATE TABLE alike_1 PARTITION OF alike FOR VALUES IN (1);
CREATE TABLE alike_rest (r int GENERATED ALWAYS AS (o + 1) STORED, n int NOT NULL, o int,
                         s int GENERATED ALWAYS AS (n + 1) STORED, id int NOT NULL);
ALTER TABLE alike ATTACH PARTITION alike_rest DEFAULT;
INSERT INTO alike (id, n, o) VALUES (1, 1, 1), (2, 2, NULL);
CREATE TABLE lists (id int NOT NULL, arr int[], p point);
INSERT INTO lists VALUES (1, '{1,NULL}', NULL), (2, NULL, '(1,1)'), (3, '{}', NULL);
CREATE DOMAIN counted AS int DEFAULT 7;
CREATE TABLE checked (id int NOT NULL, d counted, x int, y int, z text,
                      CHECK (x IS NOT NULL OR y IS NOT NULL), CHECK ((x IS NULL) = (z IS NULL)));
INSERT INTO checked VALUES (1, 1, 1, NULL, 'x'), (2, NULL, NULL, 2, NULL), (3, 3, 3, 3, '');
CREATE TABLE ruled (id int NOT NULL, n int, t text, f bool, x int, y int, z int, u text,
                    CHECK (t <> 'x' OR x IS NOT NULL), CHECK (n NOT IN (1, 2) OR u IS NOT NULL),
                    CHECK (CASE WHEN f THEN y IS NOT NULL ELSE true END),
                    CHECK ((t IN ('y', 'z')) = (z IS NOT NULL)), CHECK (n >= 0 AND n <= 3),
                    CHECK (n <= 2 OR (x > 1 AND t IS NOT NULL)));
CREATE FUNCTION rule(salt text) RETURNS void LANGUAGE sql BEGIN ATOMIC
    DELETE FROM ruled;
    INSERT INTO ruled SELECT 1, n, t, f, x, y, z, u
    FROM unnest(ARRAY[0, 1, 2, 3, NULL]) n, unnest(ARRAY['', 'x', 'y', NULL]) t,
         unnest(ARRAY[true, false, NULL]) f, unnest(ARRAY[1, 2, NULL]) x,
         unnest(ARRAY[1, NULL]) y, unnest(ARRAY[1, NULL]) z, unnest(ARRAY['u', NULL]) u
    WHERE (t <> 'x' OR x IS NOT NULL) IS NOT FALSE AND (f IS NOT TRUE OR y IS NOT NULL)
      AND (n NOT IN (1, 2) OR u IS NOT NULL) IS NOT FALSE
      AND ((t IN ('y', 'z')) = (z IS NOT NULL)) IS NOT FALSE
      AND (n <= 2 OR (x > 1 AND t IS NOT NULL)) IS NOT FALSE
    ORDER BY md5(concat_ws(',', salt, n, t, f, x, y, z, u)) LIMIT 9;
END;
SELECT rule('');
"""

TABLES = {
    "m": {"id": "int", "at": "ts", "n": "int", "mood": "mood", "clock": "time"},
    "named": {"id": "int", "length": "int", "upper": "text"},
    "rolled": {"id": "int", "n": "int", "t": "text", "k": "int", "m": "int"},
    "made": {"id": "int", "n": "int", "o": "int", "s": "int"},
    "parted": {"id": "int", "n": "int", "o": "int", "s": "int"},
    "alike": {"id": "int", "n": "int", "o": "int", "s": "int", "r": "int"},
    "lists": {"id": "int", "arr": "ints", "p": "point"},
    "ruled": {"id": "int", "n": "int", "t": "text", "f": "bool"}
    | {"x": "int", "y": "int", "z": "int", "u": "text"},
    "checked": {"id": "int", "d": "int", "x": "int", "y": "int", "z": "text"},
}


def source(queries: Queries) -> tuple[str, Columns]:
    """Return a function in FROM, and the columns it brings; its alias is one of them."""
    alias = queries.alias()
    p, q = f"{alias}.p", f"{alias}.q"
    return queries.random.choice(
        [
            (f"jsonb_array_elements_text('[\"x\", null]') {alias}", [(alias, "text")]),
            (f"string_to_table('x,,y', ',', '') AS {alias} (p)", [(alias, "text")]),
            (f"unnest(ARRAY[1, NULL]) {alias}", [(alias, "int")]),
            (f"unnest(ARRAY(SELECT n FROM a)) {alias}", [(alias, "int")]),
            (f"unnest(ARRAY(SELECT id FROM a)) {alias}", [(alias, "int")]),
            (f"unnest(ARRAY[1, 2], ARRAY['x']) {alias} (p, q)", [(p, "int"), (q, "text")]),
            (
                f"ROWS FROM (generate_series(1, 2), generate_series(1, 1)) {alias} (p, q)",
                [(p, "int"), (q, "int")],
            ),
            (f"regexp_split_to_table('xy', '') {alias} (p)", [(p, "text")]),
            (
                f"jsonb_to_recordset('[{{\"p\": 1}}, {{}}]') AS {alias} (p int, q text)",
                [(p, "int"), (q, "text")],
            ),
            (
                f"jsonb_each_text('{{\"k\": null}}') {alias}",
                [(f"{alias}.key", "text"), (f"{alias}.value", "text")],
            ),
            (f"(VALUES (1, 'x'), (NULL, 'y')) {alias} (p, q)", [(p, "int"), (q, "text")]),
            (f"coalesce(odd(2), odd(3)) {alias}", [(alias, "int")]),
        ]
    )


def expressions(queries: Queries, type_: str, columns: Columns, depth: int) -> list[str]:
    """Return expressions of a type over some columns."""
    x, y = (queries.expression("int", columns, depth - 1) for _ in range(2))
    t, u = (queries.expression("text", columns, depth - 1) for _ in range(2))
    e, f = (queries.expression(type_, columns, depth - 1) for _ in range(2))
    of = {kind: [name for name, its in columns if its == kind] for kind in ("ts", "mood", "ints")}
    named = [name for name, _ in columns if name.count(".") == 1]
    every = [
        f"(SELECT {e} UNION ALL SELECT {f} LIMIT 1 OFFSET 1)",
        f"(SELECT {e} UNION ALL SELECT {f} WHERE {y} > 1 OFFSET 1)",
        f"(SELECT {e} EXCEPT SELECT {f})",
        f"(SELECT {e} INTERSECT SELECT {f})",
        f"(VALUES ({e}))",
        f"(WITH w AS (SELECT {e} AS x) SELECT x FROM w WHERE x IS NOT NULL)",
        f"CASE {x} WHEN {y} THEN {e} WHEN 1 THEN {f} ELSE {e} END",
        f"(SELECT {e} FROM generate_series(1, 1))",
        f"(SELECT q.x FROM (SELECT {e} AS x, {f} AS y) q WHERE q.x IS NOT NULL OR q.y IS NULL)",
    ]
    match type_:
        case "int":
            return [
                *every,
                *(f"extract(month FROM {c})::int" for c in of["ts"]),
                *(f"date_part('year', {c})::int" for c in of["ts"]),
                *(f"{c}::int" for c in of["mood"]),
                *(f"{c}[1]" for c in of["ints"]),
                *(f"cardinality({c})" for c in of["ints"]),
                *(f"length({c.split('.')[0]})" for c in named if c.endswith(".length")),
                *constants(queries, columns, "int", ["nullif({}, {})"]),
                f"most({x}, {y})",
                f"most(VARIADIC ARRAY[{x}, {y}])",
                f"(ARRAY[{x}, {y}])[2]",
                f"cardinality(ARRAY[{x}] || {y})",
                f"(jsonb_build_object('k', {x}) -> 'k')::text::int",
                f"coalesce(array_length(ARRAY[{x}], 1), {y})",
                f"(ROW({x}, {y})::two).b",
            ]
        case "text":
            return [
                *every,
                *(f"{c}::time::text" for c in of["ts"]),
                *(f"{c}::timetz::text" for c in of["ts"]),
                *(f"to_char({c}, 'YYYY')" for c in of["ts"]),
                *(f"upper({c.split('.')[0]})" for c in named if c.endswith(".upper")),
                *constants(queries, columns, "text", ["nullif({}, {})"]),
                f"concat_ws({t}, {u}, {x})",
                f"format({t}, {u})",
                f"array_to_string(ARRAY[{t}, {u}], ',')",
                f"(string_to_array({t}, {u}))[1]",
                f"lower(int4range({x}, NULL))::text",
                f"int4range({x}, NULL)::text",
            ]
        case _:
            return [*every, *conditions(queries, columns, depth)]


def conditions(queries: Queries, columns: Columns, depth: int) -> list[str]:
    """Return conditions over some columns."""
    x, y = (queries.expression("int", columns, depth - 1) for _ in range(2))
    t, u = (queries.expression("text", columns, depth - 1) for _ in range(2))
    ints = [name for name, type_ in columns if type_ == "ints"]
    return [
        *told(queries, columns),
        f"({x} = ANY (ARRAY[ARRAY[{y}, 1], ARRAY[2, {x}]]))",
        f"({x} <> ALL (ARRAY[ARRAY[{y}, 1], ARRAY[2, 3]]))",
        *(f"({x} = ANY (ARRAY[{c}, {c}]))" for c in ints),
        *(f"({x} <> ALL ({c}))" for c in ints),
        f"({x} <> ALL (ARRAY(SELECT n FROM empty)))",
        f"({x} = ANY (ARRAY(SELECT n FROM a)))",
        f"({x} <> ALL (ARRAY[]::int[] || ARRAY[]::int[]))",
        f"(({x}, {t}) IS NOT NULL)",
        f"(({x}, {t}) IS NULL)",
        f"(({x}, {y}) < ({y}, 1))",
        f"({x} IS NOT DISTINCT FROM {y})",
        f"(({x}, {t}) IS DISTINCT FROM ({y}, {u}))",
        f"(nullif({x}, 1) = 2)",
        f"(coalesce({t}, '') <> '')",
        f"({x} IS NULL OR {x} > {y})",
        f"({x} IS NOT NULL AND {x} > 1)",
        f"({x} IS NULL AND {y} IS NULL)",
        f"(most({x}, {y}) > 0)",
        f"(greatest({x}, {y}) > 1)",
        f"(({x} > 1) IS DISTINCT FROM ({y} > 1))",
        f"({t} SIMILAR TO {u})",
        f"({x} > ALL (SELECT n FROM empty))",
        f"({x} IN (SELECT n FROM a WHERE n IS NOT NULL))",
        f"(NOT EXISTS (SELECT FROM a WHERE a.n = {x}))",
    ]


_CONSTANTS = {"int": ["0", "1", "2", "3", "-1"], "text": ["''", "'x'", "'y'", "'z'"]}


def constants(queries: Queries, columns: Columns, type_: str, forms: list[str]) -> list[str]:
    """Return forms of a column and of one to three constants."""
    named = [name for name, of in columns if of == type_]
    if not named:
        return []
    column = queries.random.choice(named)
    listed = queries.random.sample(_CONSTANTS[type_], 3)
    return [form.format(column, *listed) for form in forms]


def told(queries: Queries, columns: Columns) -> list[str]:
    """Return conditions that tell a column's value, or what it is not."""
    both = ["({} = {})", "({} <> {})", "({} IN ({}, {}))", "({} NOT IN ({}, {}))"]
    both += [
        "({0} = {1} OR {0} = {2})",
        "({0} <> {1} AND {0} <> {2})",
        "({} <> ALL (ARRAY[{}, {}]))",
    ]
    numbers = ["({} > {})", "({1} >= {0})", "({0} > {1} AND {0} <= {2})", "({0}::numeric <> {1})"]
    ones = constants(queries, columns, "int", [queries.random.choice([*both, *numbers])])
    twos = constants(queries, columns, "text", [queries.random.choice(both)])
    bools = [name for name, of in columns if of == "bool"]
    words = ("{}", "(NOT {})", "({} IS TRUE)", "({} IS NOT TRUE)", "({} = true)", "({} <> false)")
    truths = [queries.random.choice(words)]
    threes = [form.format(queries.random.choice(bools)) for form in truths if bools]
    return 3 * [*ones, *twos, *threes]


def aggregates(queries: Queries, type_: str, columns: Columns, depth: int) -> list[str]:
    """Return aggregates of a type."""
    x = queries.expression(type_, columns, depth - 1)
    plain = queries.random.choice([name for name, its in columns if its == type_] or ["1"])
    if type_ == "int":
        return [
            f"(SELECT max({plain}))",
            f"(SELECT count({plain})::int FROM empty)",
            f"(SELECT sum({plain})::int FROM empty LIMIT 1)",
            f"CASE WHEN count(*) = 0 THEN 0 ELSE (sum({x}) / count(*))::int END",
            f"CASE WHEN count({x}) > 0 THEN max({x}) ELSE 0 END",
            f"CASE WHEN count({x}) = 0 THEN 0 ELSE min({x}) END",
            f"mode() WITHIN GROUP (ORDER BY {x})",
            f"percentile_disc(0.5) WITHIN GROUP (ORDER BY {x})",
            f"stddev_pop({x})::int",
            f"var_samp({x})::int",
            f"(SELECT q.x FROM (SELECT max({plain}) AS x) q)" if plain != "1" else "count(*)::int",
        ]
    if type_ == "text":
        return [
            f"array_agg({x})::text",
            f"(array_agg({x}) FILTER (WHERE {queries.condition(columns, 1)}))::text",
            f"jsonb_agg({x})::text",
            f"string_agg({x}, NULL)",
            f"xmlagg(xmlforest({x} AS x))::text",
            f"xmlagg(CASE WHEN {queries.condition(columns, 1)} THEN xmlelement(name x, {x}) END)"
            "::text",
            f"max({x}) FILTER (WHERE {queries.condition(columns, 1)})",
        ]
    return [f"bool_or({x})", f"(count({x}) > 0 AND max({x}::int) > 0)"]


def assigned(queries: Queries, name: str, type_: str, seen: Columns) -> tuple[str, str]:
    """Return what an assignment to a column names, and a value that it is cast from."""
    x = queries.expression("int", seen, 1)
    of = {kind: [its for its, has in seen if has == kind] for kind in ("ts", "mood", "ints")}
    moments = [*of["ts"], "'infinity'::timestamptz", "'2024-01-01'::timestamptz"]
    match type_:
        case "ints":
            return queries.random.choice(
                [(name, f"ARRAY[{x}]"), (f"{name}[1]", x), (f"{name}[1:2]", f"ARRAY[{x}, 1]")]
            )
        case "point":
            return f"{name}[{queries.one_of('0', '1')}]", f"{x}::float8"
        case "time" | "ts":
            return name, queries.random.choice(moments)
        case "mood":
            return name, queries.one_of("'sad'", "'glad'", *of["mood"])
        case "int" if of["mood"] and queries.chance(0.3):
            return name, queries.random.choice(of["mood"])
        case _:
            return name, queries.expression(type_, seen, 1)


CHANGES = [
    "INSERT INTO lists (id, arr[1]) VALUES (9, 1) RETURNING arr, p",
    "INSERT INTO lists (id, p[0]) VALUES (9, 1) RETURNING arr, p",
    "INSERT INTO lists (id, arr[1]) VALUES (9, NULL), (8, 2) RETURNING arr",
    "UPDATE lists SET arr[1] = 2 RETURNING arr",
    "UPDATE lists SET p[0] = 2 RETURNING p",
    "UPDATE m SET clock = at RETURNING clock",
    "INSERT INTO m (id, at, mood, clock) SELECT id, at, mood, at FROM m RETURNING clock, n",
    "INSERT INTO a (id, t, f, n) SELECT id + 100, 'x', true, mood::int FROM m RETURNING n",
    "UPDATE a SET n = n - 1 WHERE n >= 1 RETURNING n, u",
    "UPDATE a SET (n, u) = (SELECT max(id), max(t) FROM empty) RETURNING n, u",
    "UPDATE a SET n = b.n FROM b LEFT JOIN c ON c.id = b.n WHERE b.id = a.id RETURNING a.n, c.id",
    "UPDATE made SET n = 3 RETURNING s, o",
    "INSERT INTO checked (id, x, z) VALUES (9, 1, 'a') RETURNING d, x, y, z",
    "INSERT INTO checked (id, y) VALUES (9, 1) RETURNING d, x, y, coalesce(x, y), z",
    "UPDATE checked SET x = NULL, z = NULL, y = 1 RETURNING x, y, z, coalesce(x, y)",
    "DELETE FROM checked WHERE x IS NULL RETURNING x, y, z",
    "DELETE FROM m USING a WHERE a.n = m.n RETURNING m.n, a.u, m.clock",
    "INSERT INTO a (id, t, f) VALUES (1, 'x', true) ON CONFLICT (id) DO UPDATE SET n = excluded.n"
    " WHERE a.n IS NOT NULL RETURNING n, u",
    "INSERT INTO a (id, t, f, n) VALUES (1, 'x', true, 5) ON CONFLICT (id) DO UPDATE"
    " SET n = excluded.n, u = 'z' RETURNING n, u",
    "WITH d AS (DELETE FROM b RETURNING *) SELECT d.n, d.t, a.n FROM d LEFT JOIN a ON a.id = d.id",
]
"""Changes that return what is easily taken for NOT NULL, or for NULL."""

NEWER = {
    17: [
        "MERGE INTO a USING b ON a.id = b.id WHEN MATCHED AND b.n > 1 THEN UPDATE SET n = b.n"
        " RETURNING b.n, a.n, merge_action()",
        "MERGE INTO a USING (SELECT DISTINCT id, max(t) AS t FROM b GROUP BY id) b ON a.id = b.id"
        " WHEN MATCHED THEN DELETE"
        " WHEN NOT MATCHED THEN INSERT (id, t, f) VALUES (b.id, 'x', true)"
        " RETURNING b.id, b.t, a.n, a.t",
        "MERGE INTO a USING (b JOIN (SELECT 'x' AS x, id FROM c) q ON q.id = b.id) ON a.id = b.n"
        " WHEN MATCHED THEN UPDATE SET n = 2 WHEN NOT MATCHED BY SOURCE THEN UPDATE SET n = 1"
        " RETURNING b.n, q.x, q.id",
        "MERGE INTO a USING c ON a.id = c.n + 100 WHEN NOT MATCHED BY SOURCE THEN UPDATE SET n = 1"
        " WHEN NOT MATCHED BY TARGET THEN INSERT (id, t, f) VALUES (c.n + 100, c.t, true)"
        " RETURNING c.n, a.n, a.u, c.t",
    ],
    18: [
        "UPDATE a SET n = 1 WHERE n IS NULL RETURNING old.n, new.n, n",
        "DELETE FROM a RETURNING old.t, new.t, old.n",
        "INSERT INTO a (id, t, f) VALUES (1, 'x', true), (99, 'y', true)"
        " ON CONFLICT (id) DO UPDATE SET n = 1 RETURNING old.id, new.id, old.n, new.n",
        "INSERT INTO a (id, t, f) VALUES (98, 'x', true) RETURNING old.t, new.t, old, new",
        "MERGE INTO a USING c ON a.id = c.n WHEN MATCHED THEN UPDATE SET n = 1"
        " WHEN NOT MATCHED THEN INSERT (id, t, f) VALUES (c.n + 100, 'z', true)"
        " RETURNING old.t, new.t, old.n, new.n",
    ],
}
"""The same, of what only newer versions have."""


def asked_again(queries: Queries, depth: int) -> tuple[str, list[str]]:
    """Return a SELECT of what its own conditions ask for, or of a share of a whole table."""
    source, columns = queries.source(depth)
    x, y = (queries.expression("int", columns, 1) for _ in range(2))
    t = queries.expression("text", columns, 1)
    text, type_ = queries.random.choice(
        [
            (f"nullif({x}, {y})", "int"),
            (f"odd({x})", "int"),
            (f"sometimes({x})", "int"),
            (f"({x} + sometimes({y}))", "int"),
            (f"({x} * {y})", "int"),
            (f"substring({t} from 'q')", "text"),
            (f"nullif({t}, 'x')", "text"),
            (f"CASE WHEN {x} > 1 THEN {y} END", "int"),
        ]
    )
    said = queries.one_of(
        f"{text} IS NOT NULL",
        f"NOT ({text} IS NULL)",
        f"{text} = {text}",
        f"coalesce({text} IS NOT NULL AND {x} = {x}, false)",
        f"({text} IS NOT NULL OR {y} IS NOT NULL)",
    )
    if queries.chance(0.3):
        # What is said in a join says nothing of rows without a partner.
        alias = queries.alias()
        word = queries.one_of("LEFT JOIN", "RIGHT JOIN", "JOIN")
        return f"SELECT {text} FROM {source} {word} a {alias} ON {said}", [type_]
    if queries.chance(0.3):
        tail = queries.one_of("", "", " HAVING count(*) > 0")
        grouped = queries.one_of(f"({text})", f"ROLLUP (({text}))", f"ROLLUP (({text}), ({x} + 0))")
        if text.startswith("sometimes"):
            grouped = f"({text})"
        return f"SELECT {text} FROM {source} WHERE {said} GROUP BY {grouped}{tail}", [type_]
    return f"SELECT {text}, max({text}) OVER () FROM {source} WHERE {said}", [type_, type_]


def totals(queries: Queries) -> tuple[str, list[str]]:
    """Return a SELECT of totals that a subquery or a WITH query computes, beside rows of tables."""
    table = queries.one_of("a", "b", "c", "parent", "made", "parted", "empty")
    other = queries.one_of(table, table, table, f"ONLY {table}", "empty")
    tail = queries.one_of("", "", "", " WHERE id > 2", " HAVING count(*) > 2", " LIMIT 1")
    total = f"SELECT max(id) x, sum(n)::int y, count(*)::int z FROM {other}{tail}"
    rows = queries.one_of(
        table,
        f"(SELECT id FROM {table} WHERE n > 1)",
        f"(SELECT id FROM {table} GROUP BY {queries.one_of('id', 'ROLLUP (id)')})",
        f"(SELECT c.id FROM c LEFT JOIN {table} q ON q.id = c.n)",
        f"(SELECT max(id) AS id FROM {table})",
    )
    word = queries.one_of("CROSS JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "JOIN")
    on = "" if word == "CROSS JOIN" else queries.one_of(" ON true", " ON r.id = s.x")
    if on == " ON true" and word == "FULL JOIN":
        on = " ON r.id = s.x"
    if queries.chance(0.3):
        share = f"(SELECT {queries.one_of('x', 'y', 'x + z')} FROM s)"
        shown = f"r.id AS c0, {share} AS c1, s.x AS c2"
        return f"WITH s AS ({total}) SELECT {shown} FROM {rows} r, s", ["int"] * 3
    if queries.chance(0.3):
        shown = "r.id AS c0, (SELECT x FROM s) AS c1, (SELECT max(y) FROM s) AS c2"
        return f"WITH s AS ({total}) SELECT {shown} FROM {rows} r", ["int"] * 3
    ones = [f"{rows} r", f"({total}) s"]
    left, right = ones if queries.chance(0.5) else ones[::-1]
    shown = "r.id AS c0, s.x AS c1, s.y AS c2, s.z AS c3, s.x + s.z AS c4"
    return f"SELECT {shown} FROM {left} {word} {right}{on}", ["int"] * 5


def shares(queries: Queries) -> tuple[str, list[str]]:
    """Return a SELECT of an aggregate over a whole table, beside rows of that table."""
    if queries.chance(0.4):
        return totals(queries)
    table = queries.one_of("a", "b", "c", "parent", "made", "parted", "empty")
    other = queries.one_of(table, table, table, f"ONLY {table}", "empty")
    tail = queries.one_of("", "", "", " WHERE id > 2", " HAVING count(*) > 2", " LIMIT NULL")
    share = f"(SELECT {queries.one_of('max(id)', 'sum(id)::int', 'max(n)')} FROM {other}{tail})"
    word = queries.one_of("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")
    beside = queries.one_of(
        "", "", f" {word} c z ON z.id = r.id", f" {word} empty z ON z.id = r.id"
    )
    if queries.chance(0.3):
        return f"SELECT {share}, count(*)::int FROM {table} r{beside}", ["int", "int"]
    if queries.chance(0.3):
        keys = queries.one_of("r.id", "ROLLUP (r.id)", "GROUPING SETS ((r.id), ())")
        return f"SELECT {share}, sum({share})::int FROM {table} r{beside} GROUP BY {keys}", [
            "int",
            "int",
        ]
    return f"SELECT r.id, {share} FROM {table} r{beside}", ["int", "int"]


_RULED = (
    *("{}.t = 'x'", "{}.t IN ('x')", "{}.t <> ''", "{}.n IN (1, 2)", "{}.n = 1", "{}.n >= 3"),
    *("{}.n > 0", "{}.n <> 0", "{}.f", "NOT {}.f", "{}.t IN ('y', 'z')", "{}.t = 'y'", "{}.n = 3"),
)
"""What the CHECKs of `ruled` ask for."""


def ruled(queries: Queries) -> tuple[str, list[str]]:
    """Return a SELECT from a table whose CHECKs ask for columns, by conditions that tell others."""
    of = TABLES["ruled"]
    one, two = ([(f"{alias}.{name}", type_) for name, type_ in of.items()] for alias in "rs")

    def said(columns: Columns) -> str:
        alias = columns[0][0].partition(".")[0]
        word = queries.one_of(" AND ", " AND ", " OR ")
        found = word.join(
            queries.one_of(*_RULED).format(alias)
            if queries.chance(0.7)
            else queries.random.choice(told(queries, columns))
            for _ in range(queries.random.randint(1, 2))
        )
        return f"({found})"

    asked, also = queries.one_of("x", "y", "z", "u", "n", "t"), queries.one_of("x", "z", "u")
    text = queries.one_of("r.t || 'a'", "substring(r.t from 'x')", "nullif(r.t, 'x')", "upper(r.u)")
    otherwise = queries.one_of("r.u", "r.t", "''")
    other = queries.one_of("z", "n") if of[asked] == "int" else "u"
    where = f" WHERE {said(one)}" if queries.chance(0.8) else ""
    if queries.chance(0.2):
        keys = queries.one_of("r.id", "ROLLUP (r.id)", "r.id, ROLLUP (r.n)")
        first = queries.one_of(
            f"max(r.{asked})", f"(array_agg(r.{asked}) FILTER (WHERE {said(one)}))"
        )
        shown = f"{first}::{of[asked] if 'max' in first else 'text'} AS c0"
        shown += f", min({text}) AS c1, max(nullif(r.n, 0)) AS c2"
        types = [of[asked] if "max" in first else "text", "text", "int"]
        return f"SELECT {shown} FROM ruled r{where} GROUP BY {keys}", types
    items = {
        **{f"r.{name}": of[name] for name in ("x", "y", "z", "u")},
        f"nullif(r.n, {queries.one_of('0', '1')})": "int",
        f"CASE WHEN {text} IS NOT NULL THEN {text} ELSE {otherwise} END": "text",
        f"CASE WHEN {said(one)} THEN r.{asked} ELSE r.{other} END": of[asked],
        f"CASE WHEN {said(one)} THEN nullif(r.n, 0) WHEN {said(one)} THEN r.x ELSE r.y END": "int",
        f"({text} IS NULL OR {text} <> 'y')": "bool",
    }
    joined = ""
    if queries.chance(0.6):
        word = queries.one_of("JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")
        more = f" AND {said(queries.random.choice((one, two)))}" if word != "FULL JOIN" else ""
        joined = f" {word} ruled s ON r.n = s.x{more}"
        items |= {f"s.{name}": of[name] for name in ("x", "y", "z", "u")}
        items |= {f"CASE WHEN {said(two)} THEN s.{also} ELSE s.{also} END": of[also]}
        items |= {"nullif(s.n, 0)": "int"}
    shown = ", ".join(f"{item} AS c{n}" for n, item in enumerate(items))
    return f"SELECT {shown} FROM ruled r{joined}{where}", list(items.values())
