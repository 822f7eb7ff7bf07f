"""Objects inside objects: 500 parents with 20 children each, in one query.

    python benchmarks/bench_nested.py [--rounds 15]

The floor is asyncpg, with its records turned into objects by hand.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable
from typing import Any

import _bench
import attrs
import psycopg
from _peers import Peers, uri, without_native
from psycopg.types.composite import CompositeInfo, register_composite

from liteorm import scan


@attrs.define
class Child:
    """What an array holds."""

    id: int
    name: str
    score: float


@attrs.define
class Parent:
    """A row of each query."""

    id: int
    name: str
    children: list[Child]


for _model in (Child, Parent):
    attrs.resolve_types(_model)

CREATE = """
CREATE TABLE bench_parent AS SELECT g AS id, 'parent ' || g AS name FROM generate_series(1, 500) g;
CREATE TABLE bench_child AS
SELECT p.id AS parent, c AS id, 'child ' || c AS name, c * 1.5::float8 AS score
  FROM bench_parent p, generate_series(1, 20) c;
CREATE TYPE bench_item AS (id int, name text, score float8);
CREATE TABLE bench_row AS SELECT id, name, score FROM bench_child WHERE parent = 1;
ANALYZE;
"""
_QUERY = """
SELECT p.id, p.name, array_agg({child} ORDER BY c.id) AS children
  FROM bench_parent p JOIN bench_child c ON c.parent = p.id GROUP BY p.id, p.name ORDER BY p.id
"""
QUERIES = {
    "anonymous ROW(…)": _QUERY.format(child="ROW(c.id, c.name, c.score)"),
    "composites": _QUERY.format(child="ROW(c.id, c.name, c.score)::bench_item"),
    "array_agg(t) of a table": """
SELECT p.id, p.name, array_agg(t ORDER BY t.id) AS children
  FROM bench_parent p JOIN bench_row t ON true GROUP BY p.id, p.name ORDER BY p.id
""",
}


def cases(peers: Peers, sql: str) -> dict[str, Callable[[], Any]]:
    """Return the readers of one query."""
    import asyncpg

    connection = peers.loop.run_until_complete(asyncpg.connect(uri(peers.dsn)))
    peers.stack.callback(lambda: peers.loop.run_until_complete(connection.close()))

    async def with_asyncpg() -> list[Parent]:
        return [
            Parent(id, name, [Child(*child) for child in children])
            for id, name, children in await connection.fetch(sql)
        ]

    for name in ("bench_item", "bench_row"):
        info = CompositeInfo.fetch(peers.connection, name)
        assert info is not None
        register_composite(info, peers.connection)

    def with_psycopg() -> list[Parent]:
        cursor = peers.connection.cursor(binary=True)
        return [
            Parent(id, name, [Child(*child) for child in children])
            for id, name, children in cursor.execute(sql)
        ]

    return {
        "asyncpg by hand": peers.awaited(with_asyncpg),
        "psycopg by hand": with_psycopg,
        "liteorm scan": lambda: scan(peers.db.query(sql), Parent),
        "liteorm scan, without liteorm-native": without_native(peers.db, sql, Parent),
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    with _bench.database() as dsn, contextlib.ExitStack() as stack:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(CREATE)
        peers = Peers(dsn, stack)
        for title, sql in QUERIES.items():
            _bench.heading(f"500 × 20, {title}")
            times = _bench.interleaved(cases(peers, sql), rounds=options.rounds)
            print(_bench.table(times, "asyncpg by hand", rows=10_000, per="child"), flush=True)
    print("\n" + _bench.versions("psycopg", "asyncpg", "attrs"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
