"""Which statements read a large table from end to end, by the server's own plans."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from liteorm._check.problems import Problem
from liteorm._core.sql.lexer import tokens
from liteorm.errors import ConnectionLost, Error, QueryCanceled, StatementError
from liteorm.postgres import DB
from liteorm.postgres._describing.shapes import numbered
from liteorm.postgres._session.commands import count_statements
from liteorm.postgres._session.protocol import text_step

FIRST_VERSION = 160000
"""The server version that has EXPLAIN (GENERIC_PLAN)."""

_SIZES = """
SELECT n.nspname || '.' || c.relname,
       CASE WHEN c.reltuples < 0 THEN pg_relation_size(c.oid) / 100 ELSE c.reltuples END::int8
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm', 'p')
"""


@attrs.frozen
class Plans:
    """Plans of statements, and how large the tables are.

    Args:
        db: The database; its tables should be as large as those that count, and analysed.
        rows: A table of fewer rows may be read whole.
    """

    db: DB
    rows: int
    _sizes: Mapping[str, int]

    @classmethod
    def of(cls, db: DB, rows: int) -> Plans:
        """Read the sizes of a database's tables.

        Raises:
            StatementError: The server has no generic plans.
        """
        [(version,)] = db.query("SELECT current_setting('server_version_num')::int")
        if version < FIRST_VERSION:
            raise StatementError("--plans needs PostgreSQL 16 or newer: EXPLAIN (GENERIC_PLAN)")
        return cls(db, rows, dict(db.query(_SIZES)))

    def problems(self, sql: str) -> Iterator[Problem]:
        """Yield a warning for each large table that a statement reads whole."""
        if count_statements(sql) > 1:
            return  # all but the first would run
        try:
            text = f"EXPLAIN (GENERIC_PLAN, VERBOSE, FORMAT JSON) {numbered(sql).text}"
            with self.db._connection("explain") as wire:
                # As a simple query: any other wants values for the placeholders.
                [result] = wire.wait(text_step(wire.pgconn, text))
                explained = json.loads(result.get_value(0, 0))
        except (QueryCanceled, ConnectionLost):
            raise
        except Error:
            return  # nothing that has a plan, or refused, which the check says already
        told: set[str] = set()
        for node in _nodes(explained[0]["Plan"]):
            name = f"{node.get('Schema')}.{node.get('Relation Name')}"
            size = self._sizes.get(name, 0)
            if node["Node Type"] == "Seq Scan" and size >= self.rows and name not in told:
                told.add(name)
                yield _problem(sql, node, name, size)


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    inner: Sequence[Mapping[str, Any]] = plan.get("Plans", ())
    for node in inner:
        yield from _nodes(node)


def _problem(sql: str, node: Mapping[str, Any], name: str, size: int) -> Problem:
    table = node["Relation Name"]
    named = (
        t.start for t in tokens(sql, placeholders=True) if _name(sql[t.start : t.end]) == table
    )
    condition = node.get("Filter")
    return Problem(
        "warning",
        "seq-scan",
        f"the plan reads all of {name}, about {size} rows",
        f"add an index that serves {condition}"
        if condition
        else "limit the rows by a condition on an indexed column, if not all are needed",
        next(named, None),
    )


def _name(text: str) -> str:
    """Return the name that a token is, as PostgreSQL has it."""
    return text[1:-1].replace('""', '"') if text.startswith('"') else text.lower()
