"""Aggregates that a row feeds, or may not feed: random queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.check.queries import Queries

_COLUMNS = {
    "a": ("id", "n"),
    "b": ("id", "a_id", "n", "s"),
    "parted": ("id", "n", "o", "s"),
    "made": ("id", "n", "o", "s"),
    "alike": ("n", "o", "r"),
    "checked": ("d", "x", "y"),
    "ruled": ("n", "x", "y", "z"),
    "empty": ("id", "n"),
}
"""Tables, and columns of theirs that are numbers."""


_ASKED = (
    *("{0} > {2}", "{0} IS NOT NULL", "{0} = {1}", "{0} <= {2}", "{0} <> {2}", "{0} >= {2}"),
    "NOT {0} < {2}",
)


def fed(queries: Queries) -> tuple[str, list[str]]:
    """Return a SELECT of aggregates that the rows beside them may feed."""
    table = queries.random.choice(list(_COLUMNS))
    makers = (_shares, _shares, _filters, _windows, _grouping, _computed, _cases)
    maker = queries.random.choice(makers)
    text, count = maker(queries, table)
    return text, ["int"] * count


def _said(queries: Queries, table: str, alias: str) -> str:
    """Return a condition on a row of a table."""
    x, y = (f"{alias}.{queries.random.choice(_COLUMNS[table])}" for _ in range(2))
    asked = queries.one_of(*_ASKED)
    more = queries.one_of(
        "{}", "{}", "{} AND {}", "({} OR {})", "({}) IS NOT FALSE", "({}) IS TRUE"
    )
    number = queries.one_of("0", "1", "2", "3")
    parts = asked.format(x, y, number), asked.format(y, x, number)
    return more.format(*parts)


def _total(queries: Queries, table: str, alias: str = "") -> str:
    """Return an aggregate over rows of a table."""
    dot = f"{alias}." if alias else ""
    x, y = (f"{dot}{queries.random.choice(_COLUMNS[table])}" for _ in range(2))
    return queries.one_of(
        f"sum({x})",
        f"max({x})",
        f"max({x} + {y})",
        f"min(coalesce({x}, {y}))",
        f"min(nullif({x}, 1))",
        f"sum({x}) / nullif(count({y}), 0)",
        f"sum({x}) / nullif(count(*), 0)",
        f"nullif(count({x}), 0)",
        "nullif(count(*), 0)",
        f"nullif(regr_count({x}, {y}), 0)",
        f"nullif(sum({x}), 0)",
        f"count({x})",
        f"sum({x}) FILTER (WHERE {y} IS NOT NULL)",
        f"sum(sometimes({x}))",
    )


def _shares(queries: Queries, table: str) -> tuple[str, int]:
    """Return totals of a whole table beside rows of it."""
    other = queries.one_of(table, table, table, table, f"ONLY {table}")
    tail = queries.one_of("", "", "", "", " WHERE id > 2", " HAVING count(*) > 2", " LIMIT 1")
    tail = "" if "WHERE" in tail and "id" not in _COLUMNS[table] else tail
    totals = [f"({_total(queries, table)})::int" for _ in range(2)]
    where = f" WHERE {_said(queries, table, 'r')}" if queries.chance(0.7) else ""
    rows, said = f"{table} r", _said(queries, table, "r")
    if queries.chance(0.4):
        word = queries.one_of("JOIN", "LEFT JOIN", "RIGHT JOIN")
        on = queries.one_of("true", _said(queries, table, "s"), said)
        rows = f"{table} r {word} {table} s ON {on}"
    elif queries.chance(0.2):
        rows = f"(SELECT * FROM {table} LIMIT 2) r"
    one, two = (f"(SELECT {total} FROM {other}{tail})" for total in totals)
    column = f"r.{queries.random.choice(_COLUMNS[table])}"
    match queries.random.randrange(5):
        case 0:
            shown = (
                f"{one} AS c0, CASE WHEN {said} THEN {two} ELSE 0 END AS c1, {column} * {one} AS c2"
            )
            return f"SELECT {shown} FROM {rows}{where}", 3
        case 1:
            word = queries.one_of("CROSS JOIN", "LEFT JOIN", "RIGHT JOIN")
            on = "" if word == "CROSS JOIN" else f" ON {queries.one_of('true', 'q.x > 1', said)}"
            inner = f"(SELECT {totals[0]} AS x, {totals[1]} AS y FROM {other}{tail}) q"
            shown = "q.x AS c0, nullif(q.y, 0) AS c1, q.x + q.y AS c2"
            return f"SELECT {shown} FROM {rows} {word} {inner}{on}{where}", 3
        case 2:
            head = f"WITH q AS (SELECT {totals[0]} AS x, {totals[1]} AS y FROM {other}{tail})"
            shown = f"{column} * q.x AS c0, (SELECT y FROM q) AS c1"
            return f"{head} SELECT {shown} FROM {rows}, q{where}", 2
        case 3:
            keys = queries.one_of(column, f"ROLLUP ({column})", f"GROUPING SETS (({column}), ())")
            having = queries.one_of("", "", f" HAVING {column} IS NOT NULL", " HAVING count(*) > 1")
            shown = f"{column} AS c0, {one} AS c1, sum({two})::int AS c2"
            return f"SELECT {shown} FROM {rows}{where} GROUP BY {keys}{having}", 3
        case _:
            return f"SELECT {one} AS c0, {two} AS c1, nullif({two}, 0) AS c2 FROM {rows}{where}", 3


def _filters(queries: Queries, table: str) -> tuple[str, int]:
    """Return aggregates whose FILTER asks for what WHERE or HAVING asks for."""
    asked = [_said(queries, table, "r") for _ in range(2)]
    where = queries.one_of(f" WHERE {asked[0]}", f" WHERE {asked[0]} AND {asked[1]}", "")
    key = f"r.{queries.random.choice(_COLUMNS[table])}"
    x, y = (f"r.{queries.random.choice(_COLUMNS[table])}" for _ in range(2))
    said = queries.one_of(*asked, *asked, f"{x} IS NOT NULL", "true", f"{key} IS NOT NULL")
    passing = f"FILTER (WHERE {said})"
    having = queries.one_of(
        "",
        "",
        f" HAVING count(*) {passing} > 0",
        f" HAVING count({y}) {passing} > 1",
        f" HAVING {key} IS NOT NULL",
    )
    grouped = queries.one_of(
        f" GROUP BY {key}", f" GROUP BY ROLLUP ({key})", f" GROUP BY GROUPING SETS (({key}), ())"
    )
    shown = (
        f"max({x}) {passing} AS c0, sum({x} + {y}) {passing}::int AS c1,"
        f" cardinality(array_agg({y}) {passing}) AS c2, nullif(count({y}) {passing}, 0)::int AS c3,"
        f" nullif(regr_count({x}, {y}) {passing}, 0)::int AS c6,"
        f" CASE WHEN count(*) {passing} > 0 THEN min({y}) {passing} ELSE 0 END AS c4,"
        f" CASE count({x}) {passing} WHEN 0 THEN 0 ELSE max({y}) {passing} END AS c5"
    )
    return f"SELECT {shown} FROM {table} r{where}{grouped}{having}", 7


def _windows(queries: Queries, table: str) -> tuple[str, int]:
    """Return counts and totals over frames."""
    x, y = (f"r.{queries.random.choice(_COLUMNS[table])}" for _ in range(2))
    said = _said(queries, table, "r")
    where = queries.one_of(
        "", f" WHERE {said}", f" WHERE {said}", f" WHERE {_said(queries, table, 'r')}"
    )
    over = queries.one_of(
        "()",
        f"(PARTITION BY {y})",
        f"(ORDER BY {y})",
        f"(ORDER BY {y} ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING)",
        f"(ORDER BY {y} RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING)",
        f"(ORDER BY {y} ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW)",
        f"(ORDER BY {y} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE TIES)",
    )
    passing = queries.one_of("", "", f" FILTER (WHERE {said})", f" FILTER (WHERE {x} IS NOT NULL)")
    shown = (
        f"nullif(count(*){passing} OVER {over}, 0)::int AS c0,"
        f" nullif(count({x}){passing} OVER {over}, 0)::int AS c1,"
        f" sum({x}){passing} OVER {over}::int AS c2,"
        f" CASE WHEN {said} THEN max({y}){passing} OVER {over} ELSE 0 END AS c3"
    )
    source = f"{table} r"
    if queries.chance(0.3):
        other = queries.random.choice(list(_COLUMNS))
        joined = f"s.{_COLUMNS[other][0]}"
        word = queries.one_of("LEFT JOIN", "RIGHT JOIN")
        source = f"{table} r {word} {other} s ON {joined} = {y}"
    if queries.chance(0.3):
        shown = f"max({x}) OVER {over} AS c0, nullif(count({x}) OVER {over}, 0)::int AS c1"
        grouped = queries.one_of(f"{x}, {y}", f"ROLLUP ({x}, {y})")
        return f"SELECT {shown} FROM {source}{where} GROUP BY {grouped}", 2
    return f"SELECT {shown} FROM {source}{where}", 4


def _grouping(queries: Queries, table: str) -> tuple[str, int]:
    """Return what grouping sets leave out, by what GROUPING tells of several."""
    x, y = (f"r.{name}" for name in queries.random.sample(_COLUMNS[table], 2))
    asked = [
        queries.one_of(f"grouping({x}, {y})", f"grouping({y}, {x})", f"grouping({x})")
        for _ in range(2)
    ]
    test = queries.one_of(
        *(
            "{} = 0",
            "{} IN (0, 1)",
            "{} NOT IN (2, 3)",
            "{} < 2",
            "{} <> 3",
            "{} IN (1)",
            "NOT {} > 0",
        ),
        *("{} = 1", "{} BETWEEN 1 AND 2", "{} = ANY ('{{0,2}}')"),
    )
    having = queries.one_of("", "", f" HAVING {test.format(asked[0])}")
    if having and queries.chance(0.3):
        having += queries.one_of(f" AND {asked[1]} = 0", f" OR {asked[1]} = 0", f" AND {x} > 1")
    sets = queries.one_of(
        f"CUBE ({x}, {y})",
        f"ROLLUP ({x}, {y})",
        f"GROUPING SETS (({x}), ({y}))",
        f"{x}, ROLLUP ({y})",
        f"GROUPING SETS (({x}, {y}), ({y}), ())",
    )
    shown = (
        f"{x} AS c0, {y} AS c1, nullif({asked[0]}, 0) AS c2,"
        f" CASE WHEN {test.format(asked[1])} THEN {x} ELSE {queries.one_of('0', y)} END AS c3,"
        f" CASE {asked[0]} WHEN 0 THEN {x} WHEN 1 THEN {y} ELSE 0 END AS c4"
    )
    where = queries.one_of("", f" WHERE {x} > 0 AND {y} IS NOT NULL", f" WHERE {y} >= 0")
    text = f"SELECT {shown} FROM {table} r{where} GROUP BY {sets}{having}"
    if queries.chance(0.3):
        return f"SELECT c0, c1, nullif(c2, 1), c3 + c4 FROM ({text}) q", 4
    return text, 5


def _cases(queries: Queries, table: str) -> tuple[str, int]:
    """Return CASEs without ELSE, whose conditions may leave nothing out."""
    columns = _COLUMNS[table]
    x, y = (f"r.{queries.random.choice(columns)}" for _ in range(2))
    number, other = queries.one_of("0", "1", "2"), queries.one_of("0", "1", "2")
    ways = [
        (f"{x} > {number}", f"{x} <= {number}", f"{x} < {number}"),
        (f"{x} = {number}", f"{x} <> {number}", f"{x} <> {other}"),
        (f"{x} >= {number}", f"{x} < {number}", f"{x} < {other}"),
        (f"{x} IN (0, 1)", f"{x} NOT IN (0, 1)", f"{x} NOT IN (0, {other})"),
        (f"{x} < {number} OR {y} > 1", f"{x} >= {number}", f"{x} > {other}"),
    ]
    one, two, three = queries.random.choice(ways)
    tail = queries.one_of("", "", f" WHEN {_said(queries, table, 'r')} THEN 4")
    where = queries.one_of(
        "",
        f" WHERE {x} IN (0, 1, 2)",
        f" WHERE {x} = {number} OR {x} = {other}",
        f" WHERE {x} BETWEEN 0 AND 1",
        f" WHERE {_said(queries, table, 'r')}",
    )
    joined = queries.one_of("", "", f" RIGHT JOIN {table} s ON {_said(queries, table, 'r')}")
    shown = (
        f"CASE WHEN {one} THEN 1 WHEN {queries.one_of(two, two, three)} THEN 2{tail} END AS c0,"
        f" CASE {x} WHEN {number} THEN 1 WHEN {other} THEN 2{queries.one_of('', ' WHEN 0 THEN 0')}"
        f" END AS c1, CASE WHEN {one} THEN 1 WHEN NOT ({queries.one_of(one, three)}) THEN {y} END"
        f" AS c2, CASE WHEN {two} THEN 1 ELSE CASE WHEN {one} THEN 2 END END AS c3"
    )
    return f"SELECT {shown} FROM {table} r{joined}{where}", 4


def _computed(queries: Queries, table: str) -> tuple[str, int]:
    """Return what a subquery computes, compared with constants."""
    columns = _COLUMNS[table]
    keys = queries.one_of("", f" GROUP BY r.{columns[0]}", f" GROUP BY ROLLUP (r.{columns[0]})")
    where = f" WHERE {_said(queries, table, 'r')}" if queries.chance(0.6) else ""
    if queries.chance(0.4):
        x, y, keys = f"r.{columns[0]}", f"r.{queries.random.choice(columns)}", ""
        items = [
            queries.one_of("1", "0", f"coalesce({x}, 1)", x),
            f"CASE WHEN {x} > 1 THEN 2 ELSE {y} END",
        ]
    else:
        items = [f"({_total(queries, table, 'r')})::int" for _ in range(2)]
    inner = f"SELECT {items[0]} AS x, {items[1]} AS y FROM {table} r{where}{keys}"
    inner += queries.one_of("", "", "", " UNION ALL SELECT 0, 1", " EXCEPT SELECT 0, 0")
    numbers = [queries.one_of("0", "1", "2", "-1") for _ in range(3)]
    shown = (
        f"nullif(q.x, {numbers[0]}) AS c0, nullif(q.y, {numbers[1]}) AS c1,"
        f" CASE WHEN q.x > {numbers[2]} THEN q.x WHEN q.x IS NULL THEN 0 END AS c2,"
        f" CASE WHEN q.y >= {numbers[2]} THEN 1 WHEN q.y < {numbers[2]} THEN 2 END AS c3,"
        f" nullif((SELECT z.x FROM ({inner}) z LIMIT 1), {numbers[0]}) AS c4"
    )
    joined = queries.one_of("", "", f"{table} s LEFT JOIN ")
    on = f" ON q.x = s.{columns[0]}" if joined else ""
    return f"SELECT {shown} FROM {joined}({inner}) q{on}", 5
