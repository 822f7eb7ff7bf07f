"""Parents with lists of children, in the ways that SQL has for it; each gives the same objects.

python benchmarks/bench_children.py [--rounds 15] [--parents 2000] [--children 10] [--json FILE]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from itertools import groupby
from pathlib import Path

import _bench
import attrs
import psycopg
from _peers import Case

import liteorm
from liteorm import postgres, scan

CREATE = """
CREATE TABLE bench_parents AS
SELECT g AS id, 'parent ' || g AS name FROM generate_series(1, %(p)s) g;
ALTER TABLE bench_parents ADD PRIMARY KEY (id);
CREATE TABLE bench_children AS
SELECT g AS id, (g - 1) / %(c)s + 1 AS parent_id, 'title ' || g AS title, g * 1.5::float8 AS score,
       timestamptz '2024-01-01' + g * interval '1 s' AS created
  FROM generate_series(1, %(p)s * %(c)s) g WHERE g %% 20 > 0;
CREATE INDEX ON bench_children (parent_id, id);
ANALYZE bench_parents, bench_children;
"""


@attrs.define
class Child:
    id: int
    title: str
    score: float
    created: str


@attrs.define
class Parent:
    id: int
    name: str
    children: list[Child] = attrs.Factory(list)


@attrs.define
class Row:
    id: int
    name: str
    child: Child | None


@attrs.define
class Owned(Child):
    parent_id: int


FIELDS = "c.id, c.title, c.score, c.created::text AS created"
JSON = f"""
SELECT p.id, p.name, (
    SELECT coalesce(jsonb_agg(c ORDER BY c.id), '[]')
    FROM (SELECT {FIELDS} FROM bench_children c WHERE c.parent_id = p.id) c
) AS children FROM bench_parents p ORDER BY p.id
"""
ARRAY = """
SELECT p.id, p.name, ARRAY(
    SELECT ROW(c.id, c.title, c.score, c.created::text)
    FROM bench_children c WHERE c.parent_id = p.id ORDER BY c.id
) AS children FROM bench_parents p ORDER BY p.id
"""
GROUPED = """
SELECT p.id, p.name, coalesce(
    array_agg(ROW(c.id, c.title, c.score, c.created::text) ORDER BY c.id)
        FILTER (WHERE c.id IS NOT NULL), '{}') AS children
FROM bench_parents p LEFT JOIN bench_children c ON c.parent_id = p.id
GROUP BY p.id, p.name ORDER BY p.id
"""
DOTTED = """
SELECT p.id, p.name, c.id AS "child.id", c.title AS "child.title", c.score AS "child.score",
       c.created::text AS "child.created"
FROM bench_parents p LEFT JOIN bench_children c ON c.parent_id = p.id ORDER BY p.id, c.id
"""
PARENTS = "SELECT id, name FROM bench_parents ORDER BY id"
CHILDREN = f"""
SELECT {FIELDS}, c.parent_id FROM bench_children c WHERE c.parent_id = ANY(%s) ORDER BY c.id
"""


def cases_of(db: postgres.DB) -> dict[str, Case]:
    """Return the ways."""

    def of(text: str) -> Case:
        sql = liteorm.sql(text.replace("{", "{{").replace("}", "}}"))  # type: ignore[arg-type]
        return lambda: scan(db.query(sql), Parent)

    def dotted() -> list[Parent]:
        rows = scan(db.query(DOTTED), Row)
        return [
            Parent(id, name, [row.child for row in group if row.child is not None])
            for (id, name), group in groupby(rows, lambda row: (row.id, row.name))
        ]

    def two() -> list[Parent]:
        parents = scan(db.query(PARENTS), Parent)
        by_id = {parent.id: parent for parent in parents}
        for child in scan(db.query(CHILDREN, [list(by_id)]), Owned):
            by_id[child.parent_id].children.append(child)
        return parents

    return {
        "ARRAY(SELECT ROW(…))": of(ARRAY),
        "array_agg(ROW(…)) over LEFT JOIN": of(GROUPED),
        "jsonb_agg in a subquery": of(JSON),
        "dotted rows, grouped in Python": dotted,
        "two queries, = ANY(ids)": two,
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--parents", type=int, default=2000)
    parser.add_argument("--children", type=int, default=10)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with _bench.database() as dsn, contextlib.ExitStack() as stack:
        sizes = {"p": str(options.parents), "c": str(options.children)}
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(CREATE % sizes)
        cases = cases_of(stack.enter_context(postgres.open(dsn)))
        first, *others = [case() for case in cases.values()]
        assert all(len(other) == len(first) for other in others)
        times = _bench.interleaved(cases, rounds=options.rounds)
        _bench.heading(f"{options.parents} parents with {options.children} children each")
        print(_bench.table(times, next(iter(times)), rows=options.parents, per="parent"))
    print("\n" + _bench.versions("psycopg", "psycopg-pool"))
    if options.json:
        options.json.write_text(json.dumps(times))
    return 0


if __name__ == "__main__":
    sys.exit(main())
