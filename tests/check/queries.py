"""Random queries over a few small tables with NULLs, to hold claims against what comes out."""

from __future__ import annotations

import re
from random import Random

from attrs import define, field

from tests.check import odd
from tests.check.fed import fed

SCHEMA = """
CREATE TABLE a (id int PRIMARY KEY, n int, t text NOT NULL, u text, f bool NOT NULL, g bool);
CREATE TABLE b (id int NOT NULL, a_id int, n int NOT NULL, t text, j jsonb,
                s int GENERATED ALWAYS AS (n + 1) STORED);
CREATE TABLE c (id int NOT NULL, n int NOT NULL, t text NOT NULL, u text, CHECK (u IS NOT NULL));
CREATE TABLE empty (id int NOT NULL, n int, t text NOT NULL, f bool NOT NULL);
CREATE TABLE parent (id int NOT NULL, n int NOT NULL);
CREATE TABLE child () INHERITS (parent);
CREATE VIEW v AS SELECT a.id, a.n, b.t, b.n AS m FROM a LEFT JOIN b ON b.a_id = a.id;
CREATE VIEW w AS SELECT id, count(*)::int AS n, max(t) AS t FROM c GROUP BY id;
CREATE FUNCTION odd(n int) RETURNS int IMMUTABLE STRICT LANGUAGE sql AS 'SELECT nullif(n % 2, 0)';
CREATE FUNCTION sometimes(n int) RETURNS int VOLATILE LANGUAGE plpgsql AS
    'BEGIN RETURN CASE WHEN random() < 0.5 THEN n END; END';
CREATE TABLE triggered (id int, n int, t text NOT NULL DEFAULT 'd');
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN new.n = NULL; RETURN new; END';
CREATE TRIGGER meddling BEFORE INSERT OR UPDATE ON triggered FOR EACH ROW EXECUTE FUNCTION meddle();
INSERT INTO triggered VALUES (1, 1, 'x'), (NULL, 2, 'y');
INSERT INTO a VALUES (1, NULL, 'x', NULL, true, NULL), (2, 2, '', 'y', false, true),
                     (3, 3, 'z', NULL, true, false), (4, NULL, 'x', 'x', false, NULL);
INSERT INTO b VALUES (1, 1, 5, NULL, '{"k": null}'), (1, 2, 0, 'q', '1'), (2, NULL, 1, NULL, NULL),
                     (7, 9, 3, 'x', 'null'), (7, NULL, 3, 'y', '[]');
INSERT INTO c VALUES (1, 1, 'x', 'y'), (1, 2, 'y', 'z'), (3, 0, '', 'x');
INSERT INTO child VALUES (1, 1), (2, 5);
"""
SCHEMA += odd.SCHEMA

TABLES = {
    "a": {"id": "int", "n": "int", "t": "text", "u": "text", "f": "bool", "g": "bool"},
    "b": {"id": "int", "a_id": "int", "n": "int", "t": "text", "j": "jsonb", "s": "int"},
    "c": {"id": "int", "n": "int", "t": "text", "u": "text"},
    "empty": {"id": "int", "n": "int", "t": "text", "f": "bool"},
    "parent": {"id": "int", "n": "int"},
    "v": {"id": "int", "n": "int", "t": "text", "m": "int"},
    "w": {"id": "int", "n": "int", "t": "text"},
    **odd.TABLES,
}

LIMITS = ("LIMIT 1", "LIMIT 0", "LIMIT 2 OFFSET 0", "OFFSET 1", "LIMIT NULL")
Columns = list[tuple[str, str]]
"""What an expression may name, and its type."""


@define
class Queries:
    """Makes queries out of random choices; each is one that PostgreSQL accepts."""

    random: Random
    aliases: int = field(default=0)
    asked: Columns = field(factory=list[tuple[str, str]])
    """Expressions that conditions asked for, and their types."""

    def one_of(self, *choices: str) -> str:
        """Return one of the choices."""
        return self.random.choice(choices)

    def chance(self, share: float) -> bool:
        """Return True with this probability."""
        return self.random.random() < share

    def alias(self) -> str:
        """Return a name that nothing else has."""
        self.aliases += 1
        return f"r{self.aliases}"

    def query(self, depth: int = 2, outer: Columns | None = None) -> tuple[str, list[str]]:
        """Return a query and the types of its columns."""
        kinds = self.random.choices(
            ["select", "set", "with", "values", "recursive", "again", "shares", "ruled", "fed"],
            [10, 2, 2, 1, 1, 2, 1, 2, 3],
        )
        match kinds[0] if depth else "select":
            case "set":
                return self.set_operation(depth)
            case "again":
                return odd.asked_again(self, depth - 1)
            case "shares":
                return odd.shares(self)
            case "ruled":
                return odd.ruled(self)
            case "fed":
                return fed(self)
            case "with":
                inner, types = self.query(depth - 1)
                name = self.alias()
                columns = [f"c{n}" for n in range(len(types))]
                head = f"WITH {name} ({', '.join(columns)}) AS ({inner}) "
                source = (name, [(f"{name}.{c}", t) for c, t in zip(columns, types, strict=True)])
                body, result = self.select(depth - 1, outer, source)
                return head + body, result
            case "values":
                rows = [
                    (self.one_of("1", "NULL::int", "2"), self.one_of("'x'", "NULL", "''"))
                    for _ in range(2)
                ]
                return f"VALUES {', '.join(f'({a}, {b})' for a, b in rows)}", ["int", "text"]
            case "recursive":
                name = self.alias()
                start = self.one_of("id", "n", "1", "NULL::int")
                step = self.one_of("x + 1", "nullif(x, 2)", "coalesce(y, 1)", "y")
                return (
                    f"WITH RECURSIVE {name} (x, y, d) AS (SELECT {start}, id, 0 FROM a UNION ALL"
                    f" SELECT {step}, x, d + 1 FROM {name} WHERE d < 3) SELECT x, y, d FROM {name}",
                    ["int", "int", "int"],
                )
            case _:
                return self.select(depth, outer)

    def set_operation(self, depth: int) -> tuple[str, list[str]]:
        """Return a UNION, INTERSECT or EXCEPT of two one-column queries."""
        type_ = self.one_of("int", "text", "bool")
        word = self.one_of("UNION", "UNION ALL", "INTERSECT", "EXCEPT", "EXCEPT ALL")
        sides = []
        for _ in range(2):
            source, columns = self.source(depth - 1)
            expression = self.expression(type_, columns, depth)
            where = self.where(columns, depth)
            sides.append(f"(SELECT {expression} AS c0 FROM {source}{where})")
        return f"{sides[0]} {word} {sides[1]}", [type_]

    def select(
        self,
        depth: int,
        outer: Columns | None = None,
        given: tuple[str, Columns] | None = None,
    ) -> tuple[str, list[str]]:
        """Return a SELECT, perhaps grouped."""
        source, columns = given or self.source(depth)
        seen = columns + (outer or [])
        where = self.where(seen, depth)
        how = self.random.choices(["plain", "grouped", "aggregate", "star"], [6, 3, 1, 1])[0]
        if how == "star":
            return f"SELECT * FROM {source}{where}", [t for _, t in columns]
        types = [self.one_of("int", "text", "bool") for _ in range(self.random.randint(1, 4))]
        tail = where
        if how == "grouped" and self.chance(0.3):
            return self.grouped_by_expression(source, columns, where, types, depth)
        if how == "plain":
            items = [self.expression(t, seen, depth, window=True) for t in types]
        else:
            keys = self.random.sample(columns, min(len(columns), 2)) if how == "grouped" else []
            keys = [key for key in keys if key[1] not in ("jsonb", "point")]
            items = [self.aggregate(t, keys, columns, depth) for t in types]
            if keys:
                tail += f" GROUP BY {self.grouping([name for name, _ in keys])}"
                items = [
                    self.told_by_grouping(*pair, keys) for pair in zip(items, types, strict=True)
                ]
            if self.chance(0.2):
                tail += " HAVING count(*) > 0"
        shown = ", ".join(f"{item} AS c{n}" for n, item in enumerate(items))
        distinct = "DISTINCT " if self.chance(0.1) else ""
        return f"SELECT {distinct}{shown} FROM {source}{tail}", types

    def grouped_by_expression(
        self, source: str, columns: Columns, where: str, types: list[str], depth: int
    ) -> tuple[str, list[str]]:
        """Return a SELECT that groups by an expression, named by its text or its position."""
        key = self.expression(types[0], columns, 1)
        other, of = self.random.choice(
            [column for column in columns if column[1] in ("int", "text", "bool")] or [("1", "int")]
        )
        items = [key]
        for type_ in types[1:]:
            most = "bool_or" if type_ == "bool" else "max"
            shown = (
                other if of == type_ else f"{most}({self.expression(type_, columns, depth - 1)})"
            )
            again = key if types[0] == type_ else shown
            items.append(
                self.one_of(
                    shown,
                    f"CASE WHEN {key} IS NULL THEN {shown} ELSE {again} END",
                    f"CASE WHEN {other} IS NOT NULL THEN {again} END",
                    f"coalesce({again}, {shown})",
                )
            )
        named = (
            self.one_of("1", "1", "c0")
            if not any(name.endswith("c0") for name, _ in columns)
            else "1"
        )
        keys = self.grouping([named, other]) if other != "1" else f"ROLLUP ({named})"
        shown = ", ".join(f"{item} AS c{n}" for n, item in enumerate(items))
        having = f" HAVING {self.one_of(key, other)} IS NOT NULL" if self.chance(0.2) else ""
        return f"SELECT {shown} FROM {source}{where} GROUP BY {keys}{having}", types

    def told_by_grouping(self, item: str, type_: str, keys: Columns) -> str:
        """Return an item, or a CASE that asks whether the row leaves a key out."""
        fitting = [name for name, of in keys if of == type_]
        if not fitting or self.chance(0.7):
            return item
        asked = self.one_of(f"grouping({keys[0][0]})", f"grouping({keys[-1][0]}, {keys[0][0]})")
        compared = self.one_of("= 1", "= 0", "> 0", "< 2", "<> 0", ">= 2")
        return f"CASE WHEN {asked} {compared} THEN {item} ELSE {self.random.choice(fitting)} END"

    def table_with_n(self) -> str:
        """Return a table to aggregate over."""
        names = [name for name, columns in TABLES.items() if "n" in columns]
        only = self.one_of("", "", "", "ONLY ")
        if only:
            names = ["parent", "a", "made"]
        tail = self.one_of("", "", "", " WHERE n > 1", " TABLESAMPLE SYSTEM (0)" if only else "")
        return f"{only}{self.random.choice(names)}{tail}"

    def grouping(self, keys: list[str]) -> str:
        """Return what follows GROUP BY."""
        listed = ", ".join(keys)
        return self.one_of(
            listed,
            listed,
            f"ROLLUP ({listed})",
            f"CUBE ({listed})",
            f"GROUPING SETS (({listed}), ({keys[0]}), ())",
            f"{keys[0]}, ROLLUP ({keys[-1]})",
        )

    def source(self, depth: int) -> tuple[str, Columns]:
        """Return something for FROM, and the columns it brings."""
        kind = self.random.choices(
            ["table", "join", "using", "subquery", "lateral", "list", "alias", "function", "odd"],
            [4, 6, 1, 2, 1, 1, 1, 1, 1],
        )[0]
        if depth <= 0 or kind == "table":
            table, alias = self.random.choice(list(TABLES)), self.alias()
            return f"{table} {alias}", [(f"{alias}.{c}", t) for c, t in TABLES[table].items()]
        if kind == "odd":
            return odd.source(self)
        if kind == "join":
            left, one = self.source(depth - 1)
            right, two = self.source(depth - 1)
            word = self.one_of("JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")
            # FULL JOIN takes only conditions that can be hashed or merged.
            condition = (
                self.equality(one, two) if word == "FULL JOIN" else (self.condition(one + two, 1))
            )
            return f"({left} {word} {right} ON {condition})", one + two
        if kind == "using":
            one, two = self.random.sample([t for t in TABLES if t != "v"], 2)
            x, y = self.alias(), self.alias()
            word = self.one_of("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")
            columns = [("id", "int")] if self.chance(0.3) else []
            columns += [(f"{x}.{c}", t) for c, t in TABLES[one].items()]
            columns += [(f"{y}.{c}", t) for c, t in TABLES[two].items()]
            alias = self.alias()
            rest = [f"{x}.{next(iter(TABLES[one]))} AS p, {y}.id AS q"]
            return (
                f"(SELECT id AS k, {', '.join(rest)} FROM {one} {x} {word} {two} {y} USING (id))"
                f" {alias}",
                [(f"{alias}.k", "int"), (f"{alias}.p", "int"), (f"{alias}.q", "int")],
            )
        if kind == "lateral":
            left, one = self.source(depth - 1)
            inner, types = self.select(depth - 1, one)
            alias = self.alias()
            word = self.one_of("LEFT JOIN LATERAL", "JOIN LATERAL")
            names = [f"c{n}" for n in range(len(types))]
            return (
                f"({left} {word} ({inner}) {alias} ({', '.join(names)}) ON true)",
                one + [(f"{alias}.{c}", t) for c, t in zip(names, types, strict=True)],
            )
        if kind == "list":
            left, one = self.source(depth - 1)
            right, two = self.source(depth - 1)
            return f"({left} CROSS JOIN {right})", one + two
        if kind == "alias":
            alias = self.alias()
            word = self.one_of("JOIN", "LEFT JOIN", "RIGHT JOIN")
            return (
                f"(a x{alias} {word} c y{alias} ON x{alias}.n = y{alias}.n) AS {alias} (k, m)",
                [(f"{alias}.k", "int"), (f"{alias}.m", "int")],
            )
        if kind == "function":
            alias = self.alias()
            return f"generate_series(1, 2) {alias}", [(alias, "int")]
        inner, types = self.query(depth - 1)
        alias = self.alias()
        names = [f"c{n}" for n in range(len(types))]
        return (
            f"({inner}) {alias} ({', '.join(names)})",
            [(f"{alias}.{c}", t) for c, t in zip(names, types, strict=True)],
        )

    def where(self, columns: Columns, depth: int) -> str:
        """Return a WHERE clause, or nothing."""
        return f" WHERE {self.condition(columns, 2)}" if self.chance(0.5) else ""

    def equality(self, one: Columns, two: Columns) -> str:
        """Return a condition between two sides of integers, if both have one."""
        left = [name for name, type_ in one if type_ == "int"]
        right = [name for name, type_ in two if type_ == "int"]
        if not left or not right:
            return "1 = 1"
        return f"{self.random.choice(left)} = {self.random.choice(right)}"

    def condition(self, columns: Columns, depth: int) -> str:
        """Return something true, false or NULL."""
        if depth <= 0:
            return self.expression("bool", columns, 0)
        if self.chance(0.25):
            return self.random.choice(odd.conditions(self, columns, depth))
        x = self.expression("int", columns, depth - 1)
        y = self.expression("int", columns, depth - 1)
        t = self.expression("text", columns, depth - 1)
        self.asked = [*self.asked, (x, "int"), (t, "text")][-12:]
        p, q = (self.condition(columns, depth - 1) for _ in range(2))
        return self.one_of(
            f"({x} = {y})",
            f"({x} > {y})",
            f"({x} IS NOT NULL)",
            f"({t} IS NOT NULL)",
            f"({x} IS NULL)",
            f"({p} AND {q})",
            f"({p} OR {q})",
            f"(NOT {p})",
            f"({p} IS TRUE)",
            f"({p} IS NOT FALSE)",
            f"({p} IS FALSE)",
            f"({p} IS UNKNOWN)",
            f"({p} IS NOT UNKNOWN)",
            f"({x} IN ({y}, 1))",
            f"({x} NOT IN ({y}, 1))",
            f"({x} = ANY (ARRAY[{y}, 2]))",
            f"({x} <> ALL (ARRAY[{y}, 2]))",
            f"({x} = ANY (ARRAY[]::int[]))",
            f"({x} <> ALL (ARRAY[]::int[]))",
            f"({x} IN (SELECT n FROM a))",
            f"({x} NOT IN (SELECT id FROM empty))",
            f"({x} BETWEEN {y} AND 3)",
            f"({x} NOT BETWEEN 2 AND {y})",
            f"({t} LIKE '%')",
            f"({x} IS DISTINCT FROM {y})",
            f"(({x}, {y}) = (1, 2))",
            f"(({x}, {y}) <> (1, 2))",
            f"(length({t}) >= 0)",
            f"(odd({x}) = 1)",
            f"(sometimes({x}) IS NOT NULL)",
            f"(num_nulls({x}, {t}) = 0)",
            f"(num_nulls({x}, {y}) < {self.one_of('1', '2')})",
            f"(num_nonnulls({x}, {t}) {self.one_of('= 1', '>= 2', '> 0')})",
            f"EXISTS (SELECT FROM c WHERE c.n = {x})",
            f"(coalesce({x}, 1) > 0)",
            f"(CASE WHEN {p} THEN {x} > 0 ELSE true END)",
        )

    def asked_before(self, type_: str, columns: Columns) -> list[str]:
        """Return expressions over these columns that a condition asks for."""
        here = {name.partition(".")[0] for name, _ in columns}
        return [
            text
            for text, of in self.asked
            if of == type_
            and "SELECT" not in text
            and len(named := set(re.findall(r"\b[xy]?r\d+\b", text))) > 0
            and named <= here
            and all(name in dict(columns) for name in re.findall(r"\b[xy]?r\d+(?:\.\w+)?", text))
        ]

    def expression(self, type_: str, columns: Columns, depth: int, *, window: bool = False) -> str:
        """Return an expression of a type."""
        names = [name for name, of in columns if of == type_]
        if depth <= 0 or self.chance(0.35):
            literals = {"int": ["1", "0"], "text": ["'x'::text", "''::text"], "bool": ["true"]}[
                type_
            ]
            if self.chance(0.08):
                return f"NULL::{type_}"
            return self.random.choice(names or literals)
        again = self.asked_before(type_, columns)
        if again and self.chance(0.3):
            return self.random.choice(again)
        if self.chance(0.2):
            return self.random.choice(odd.expressions(self, type_, columns, depth))
        x, y = (self.expression("int", columns, depth - 1) for _ in range(2))
        t, u = (self.expression("text", columns, depth - 1) for _ in range(2))
        p = self.condition(columns, depth - 1)
        e, f = (self.expression(type_, columns, depth - 1) for _ in range(2))
        shared = [
            f"coalesce({e}, {f})",
            f"CASE WHEN {p} THEN {e} ELSE {f} END",
            f"CASE WHEN {p} THEN {e} END",
            f"CASE WHEN {e} IS NULL THEN {f} ELSE {e} END",
            f"CASE WHEN {e} IS NULL OR {p} THEN {f} ELSE {e} END",
            f"CASE WHEN {e} IS NOT NULL THEN {e} ELSE {f} END",
            f"nullif({e}, {f})",
            f"(SELECT {e})",
            f"(SELECT {e} WHERE {p})",
            f"greatest({e}, {f})" if type_ != "bool" else f"({e} AND {f})",
        ]
        if window:
            shared += [
                f"lag({e}) OVER (ORDER BY {x})",
                f"lag({e}, 1, {f}) OVER (ORDER BY {x})",
                f"first_value({e}) OVER (PARTITION BY {x})",
                f"last_value({e}) OVER (ORDER BY {x} ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING)",
            ]
        special = {
            "int": [
                f"({x} + {y})",
                f"({x} * {y})",
                f"length({t})",
                f"abs({x})",
                f"odd({x})",
                f"sometimes({x})",
                f"(SELECT max({self.one_of('id', 'id', 'n')}) FROM {self.table_with_n()})",
                f"({x} + (SELECT sum(n)::int FROM {self.table_with_n()}))",
                f"{x}::text::int",
                f"position({t} IN {u})",
                f"(SELECT count(*)::int FROM a {self.one_of('', *LIMITS)})",
                f"(SELECT count(*)::int FROM a WHERE a.n = {x})",
                "(SELECT max(id) FROM empty)",
                f"(SELECT n FROM a WHERE id = {x} LIMIT 1)",
                f"cardinality(ARRAY[{x}])",
                f"array_length(ARRAY(SELECT 1 WHERE {p}), 1)",
                f"num_nulls({x}, {t})",
                *(
                    [
                        f"(max({x}) OVER (PARTITION BY {y}))",
                        f"(max({x}) OVER (ORDER BY {y} ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING))",
                        f"(max({x}) OVER (ORDER BY {y} ROWS BETWEEN CURRENT ROW AND CURRENT ROW"
                        " EXCLUDE CURRENT ROW))",
                        f"(max({x}) OVER (ORDER BY {y} RANGE BETWEEN 1 PRECEDING AND CURRENT ROW))",
                        "(row_number() OVER ())::int",
                        f"(count({x}) OVER (PARTITION BY {t}))::int",
                    ]
                    if window
                    else []
                ),
            ],
            "text": [
                f"({t} || {u})",
                f"upper({t})",
                f"{x}::text",
                f"concat({t}, {x})",
                f"substring({t} from 1)",
                f"substring({t} from 'q')",
                f"replace({t}, 'x', 'y')",
                f"(jsonb_build_object('k', {t}) ->> 'k')",
                f"jsonb_build_object('k', {t})::text",
                f"left({t}, {x})",
                f"to_char({x}, {t})",
                f"format('a', {t})",
            ],
            "bool": [
                self.condition(columns, depth - 1),
                f"({x} = {y})",
                f"(NOT {e})",
                f"({e} OR {f})",
                f"{x} = ANY (ARRAY[{y}])",
                f"{x} IN (SELECT n FROM a)",
                f"({t} ~ 'x')",
                f"({x} IS DISTINCT FROM {y})",
                f"starts_with({t}, {u})",
            ],
        }[type_]
        return self.random.choice(shared + special * 2)

    def aggregate(self, type_: str, keys: Columns, columns: Columns, depth: int) -> str:
        """Return an expression over a group: a key, an aggregate, or both."""
        named = [name for name, of in keys if of == type_]
        if named and self.chance(0.4):
            return self.random.choice(named)
        if self.chance(0.3):
            return self.random.choice(odd.aggregates(self, type_, columns, depth))
        x = self.expression(type_, columns, depth - 1)
        p = self.condition(columns, 1)
        filtered = f" FILTER (WHERE {p})" if self.chance(0.3) else ""
        choices = {
            "int": [
                f"max({x}){filtered}",
                f"count({x}){filtered}::int",
                f"coalesce(min({x}){filtered}, 0)",
                f"sum({x}){filtered}::int",
                f"(max({x}) + 1)",
                f"cardinality(array_agg({x}){filtered})",
                f"stddev({x})::int",
                f"(max(max({x})) OVER ())",
            ],
            "text": [f"max({x}){filtered}", f"string_agg({x}, ','){filtered}", f"min({x})"],
            "bool": [f"bool_and({x}){filtered}", f"every({x})", f"(max({x}::int) > 0)"],
        }[type_]
        return self.random.choice(choices)
