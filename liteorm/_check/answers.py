"""What the checks ask a database: a protocol, and the live answers."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any, Protocol

import attrs

from liteorm._check.problems import Problem
from liteorm._core.models.model import Table
from liteorm._core.scanning.types import PgType
from liteorm._core.sql.text import quoted
from liteorm.errors import Error
from liteorm.postgres import DB, AsyncDB, StatementShape, open
from liteorm.postgres._describing.nulls.catalog import DOMAIN_REFUSES_NULL
from liteorm.postgres._describing.shapes import ColumnShape, InsideShape, Null, numbered
from liteorm.postgres._sync.describing import describe_all, load_new_types


@attrs.frozen
class Query:
    """A statement to describe, and which of its parameters are known to be NULL or not."""

    sql: Any
    nulls: Mapping[int, Null] = attrs.Factory(dict[int, Null])
    sent: tuple[int, ...] = ()
    """The types that the parameters are sent with, 0 for literals; the server decides of others."""
    analysed: bool = True
    """What can be NULL in the columns is asked too."""


@attrs.frozen
class Answer:
    """What a database says of a statement."""

    shape: StatementShape
    columns: tuple[PgType, ...]
    parameters: tuple[PgType, ...]
    insides: tuple[InsideShape | None, ...] = ()
    """What is inside each column that the statement puts together."""


@attrs.frozen
class Refusal:
    """What is wrong with a statement, and how to mend it if that is known."""

    message: str
    hint: str | None = None
    sqlstate: str | None = None
    at: int | None = None
    """Where in the SQL as it was written."""


@attrs.frozen
class TableColumn:
    """A column of a table."""

    name: str
    type: PgType
    not_null: bool
    """Storing NULL is refused, by the column or by its domain."""
    nullable: Null
    """Reading can give NULL, as in `ColumnShape`."""
    default: bool
    """The database has a value for it: a default, an identity, an expression."""
    always: bool
    """Nothing but DEFAULT may be sent."""
    reason: str = ""
    """Why it is not known whether reading can give NULL."""


@attrs.frozen
class TableAnswer:
    """What a database says of a table."""

    name: str
    writable: bool
    triggers: bool
    """A BEFORE INSERT trigger sees each row, and may fill columns."""
    columns: tuple[TableColumn, ...]
    keys: tuple[tuple[str, ...], ...]
    """Columns of each unique index without a condition; the primary key's first."""


@attrs.frozen
class ConstraintAnswer:
    """A constraint or unique index of some name."""

    kind: str
    """As in pg_constraint: p, u, f, c, x, n; t for a constraint trigger."""
    of: str
    """Its table or domain."""
    never: str | None = None
    """Why no error carries its name, if none does."""


Reply = Answer | Refusal
Asking = Generator[list[Query], list[Reply], list[Problem]]
"""Yields questions, is sent their answers, returns the problems."""


class Answers(Protocol):
    """Where answers come from: a server, or files."""

    def statements(self, queries: Sequence[Query]) -> list[Answer | Refusal]:
        """Describe statements."""
        ...

    def tables(self, tables: Sequence[Table]) -> list[TableAnswer | Refusal]:
        """Describe tables."""
        ...

    def constraints(self, names: Sequence[str]) -> dict[str, list[ConstraintAnswer]]:
        """Return the constraints and unique indexes that there are of each name."""
        ...


class LiveAnswers:
    """Answers of a running server."""

    def __init__(self, db: DB) -> None:
        self._db = db

    def statements(self, queries: Sequence[Query]) -> list[Answer | Refusal]:
        """Describe statements; nothing is run."""
        found = describe_all(
            self._db,
            [query.sql for query in queries],
            [query.nulls for query in queries],
            [query.sent for query in queries],
            [query.analysed for query in queries],
        )
        known = self._db._state.types.known
        return [
            self._refusal(query, item)
            if isinstance(item, Error)
            else Answer(item.shape(known), *item.types(known), item.insides(known))
            for query, item in zip(queries, found, strict=True)
        ]

    def _refusal(self, query: Query, error: Error) -> Refusal:
        hint = error.hint
        if error.sqlstate == "42P01":
            hint = self._near_relation(error.message) or hint
        return Refusal(error.message, hint, error.sqlstate, _place(query, error))

    def _near_relation(self, message: str) -> str | None:
        name = message.split('"')[1] if message.count('"') >= 2 else ""
        names: dict[str, str] = dict(self._db.query(_RELATIONS))
        # The schema counts if one was written, so that a misspelt one is found too.
        wanted = names if "." in name else {short: short for short in names.values()}
        near = get_close_matches(name, list(wanted), 1)
        return f"did you mean {near[0]}?" if near else None

    def tables(self, tables: Sequence[Table]) -> list[TableAnswer | Refusal]:
        """Describe tables by the catalog."""
        names = [
            quoted(table.schema, table.name) if table.schema else quoted(table.name)
            for table in tables
        ]
        rows = {row[0]: row for row in self._db.query(_TABLES, (names,))}
        oids = [row[1] for row in rows.values()]
        columns = list(self._db.query(_COLUMNS, (oids,)))
        types = self._types({row[2] for row in columns})
        nulls = self._nulls([name for name in names if name in rows])
        found: list[TableAnswer | Refusal] = []
        for table, name in zip(tables, names, strict=True):
            if name not in rows:
                found.append(self._no_table(table))
                continue
            _, oid, shown, kind, triggers, keys = rows[name]
            own = tuple(
                TableColumn(
                    column,
                    types[type_],
                    not_null,
                    None if (read := nulls.get((name, column))) is None else read.nullable,
                    default,
                    always,
                    "" if read is None else read.reason,
                )
                for of, column, type_, not_null, default, always in columns
                if of == oid
            )
            unique = tuple(tuple(key.split("\n")) for key in keys)
            found.append(TableAnswer(shown, kind in ("r", "p"), triggers, own, unique))
        return found

    def _nulls(self, names: list[str]) -> dict[tuple[str, str], ColumnShape]:
        """Return, for each table and column, what reading all of it can give."""
        answers = self.statements([Query(f"SELECT * FROM {name}") for name in names])
        return {
            (name, column.name): column
            for name, answer in zip(names, answers, strict=True)
            if isinstance(answer, Answer)
            for column in answer.shape.columns
        }

    def _no_table(self, table: Table) -> Refusal:
        message = f'table "{table.text}" does not exist'
        return Refusal(message, self._near_relation(message))

    def _types(self, oids: set[int]) -> dict[int, PgType]:
        registry = self._db._state.types
        with self._db._connection("describe") as wire:
            known = load_new_types(wire, registry, oids)
        return {oid: known.types[oid] for oid in oids}

    def constraints(self, names: Sequence[str]) -> dict[str, list[ConstraintAnswer]]:
        """Look constraints and unique indexes up by name."""
        found: dict[str, list[ConstraintAnswer]] = {}
        for name, kind, of, partitioned, enforced in self._db.query(
            _CONSTRAINTS, [list(names)] * 2
        ):
            never = _NEVER["n"] if kind == "n" else None
            if partitioned and kind in ("p", "u", "x"):
                never = _NEVER["partitioned"]
            elif not enforced:
                never = _NEVER["not enforced"]
            found.setdefault(name, []).append(ConstraintAnswer(kind, of, never))
        return found


def _place(query: Query, error: Error) -> int | None:
    """Return where in the SQL the server points at."""
    diagnosis = getattr(error.__cause__, "diag", None)
    position = getattr(diagnosis, "statement_position", None)
    return numbered(query.sql).written(int(position) - 1) if position else None


@contextmanager
def live_answers(db: DB | AsyncDB) -> Generator[LiveAnswers]:
    """Have the answers of a database; an async one is asked over a connection of its own."""
    if isinstance(db, DB):
        yield LiveAnswers(db)
        return
    state = db._state
    with open(state.conninfo, max_size=1, types=state.types.custom.given) as own:
        yield LiveAnswers(own)


_RELATIONS = """
SELECT n.nspname || '.' || c.relname, c.relname::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relnamespace NOT IN (
    'pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace)
ORDER BY 1
"""

_TABLES = """
SELECT name, c.oid::int8, n.nspname || '.' || c.relname, c.relkind::text,
       EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal
               AND t.tgtype & 7 = 7 AND t.tgenabled <> 'D'),
       ARRAY(SELECT string_agg(a.attname, E'\\n' ORDER BY a.attname)
             FROM pg_index i JOIN pg_attribute a
                  ON a.attrelid = c.oid AND a.attnum = ANY((i.indkey::int2[])[0:i.indnkeyatts - 1])
             WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
                   AND i.indexprs IS NULL
             GROUP BY i.indexrelid, i.indisprimary
             ORDER BY NOT i.indisprimary, i.indexrelid)::text[]
FROM unnest(%s::text[]) name
JOIN pg_class c ON c.oid = to_regclass(name) JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""

_COLUMNS = f"""
SELECT a.attrelid::int8, a.attname::text, a.atttypid::int8,
       a.attnotnull OR {DOMAIN_REFUSES_NULL.format("t")},
       a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL,
       a.attidentity = 'a' OR a.attgenerated <> ''
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = ANY(%s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
"""

_CONSTRAINTS = """
SELECT k.conname::text, k.contype::text,
       CASE WHEN k.conrelid <> 0 THEN k.conrelid::regclass::text
            ELSE k.contypid::regtype::text END,
       coalesce(c.relkind = 'p', false),
       coalesce((to_jsonb(k) ->> 'conenforced')::bool, true)
FROM pg_constraint k LEFT JOIN pg_class c ON c.oid = k.conrelid
WHERE k.conname = ANY(%s)
UNION ALL
SELECT c.relname::text, 'u', i.indrelid::regclass::text, c.relkind = 'I', true
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relname = ANY(%s) AND i.indisunique
      AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid
                      AND k.contype IN ('p', 'u', 'x'))
ORDER BY 1, 3, 2
"""

_NEVER = {
    "n": "the error for a NULL names the column, not the constraint",
    "partitioned": "an error names the index of the partition that it met",
    "not enforced": "it is NOT ENFORCED",
}
