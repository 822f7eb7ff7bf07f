"""What the catalog says of a table: its columns, and which ways to write to it there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import attrs

from liteorm._core.models.model import Field, Model, Table
from liteorm._core.sql.near import near_name
from liteorm.errors import Error, UndefinedColumn

COLUMNS_SQL: Final = """
SELECT a.attname, a.atttypid::int8, format_type(a.atttypid, a.atttypmod),
       CASE t.typtype WHEN 'd' THEN (
           WITH RECURSIVE b(oid) AS (
               SELECT t.typbasetype
                UNION ALL
               SELECT y.typbasetype
                 FROM b JOIN pg_catalog.pg_type y ON y.oid = b.oid AND y.typtype = 'd')
           SELECT format_type(b.oid, -1)
             FROM b JOIN pg_catalog.pg_type y ON y.oid = b.oid AND y.typtype <> 'd')
            ELSE format_type(a.atttypid, -1) END,
       CASE WHEN t.typtype IN ('c', 'd') OR t.typarray = 0 OR t.typcategory = 'A' THEN '' ELSE
            format_type(a.atttypid, -1) END,
       NOT (a.attnotnull OR t.typnotnull OR a.atthasdef OR a.attidentity <> '' OR a.attnum < 0
            OR t.typdefault IS NOT NULL OR c.kind <> 'r' OR c.triggers OR c.rules),
       CASE t.typtype WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod)
            ELSE format_type(a.atttypid, a.atttypmod) END,
       a.attidentity = 'a' OR a.attgenerated <> '',
       (a.attidentity <> '' OR a.atthasdef AND a.attgenerated = '') AND NOT c.triggers,
       NOT (a.attnotnull OR t.typnotnull OR c.kind NOT IN ('r', 'p') OR c.fills OR c.rules),
       a.attidentity = 'a',
       c.kind, c.rules, c.insert_rules, c.secured, c.foreign_parts, c.distributed, c.packable,
       c.constraints
  FROM (SELECT r.oid, r.relkind::text AS kind, r.relhastriggers AS triggers,
               EXISTS (SELECT FROM pg_catalog.pg_rewrite w
                        WHERE w.ev_class = r.oid AND w.ev_type <> '1') AS rules,
               EXISTS (SELECT FROM pg_catalog.pg_rewrite w
                        WHERE w.ev_class = r.oid AND w.ev_type = '3') AS insert_rules,
               row_security_active(r.oid) AS secured,
               r.relhastriggers AND EXISTS (
                   SELECT FROM pg_catalog.pg_trigger g
                    WHERE g.tgrelid = r.oid AND NOT g.tgisinternal AND g.tgtype & 66 <> 0)
               OR r.relkind = 'p' AND EXISTS (
                   SELECT FROM pg_partition_tree(r.oid) f
                     JOIN pg_catalog.pg_trigger g ON g.tgrelid = f.relid
                    WHERE NOT g.tgisinternal AND g.tgtype & 66 <> 0) AS fills,
               r.relkind = 'p' AND EXISTS (
                   SELECT FROM pg_partition_tree(r.oid) f
                     JOIN pg_catalog.pg_class o ON o.oid = f.relid
                    WHERE o.relkind = 'f') AS foreign_parts,
               to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL AS distributed,
               NOT EXISTS (
                   SELECT FROM pg_catalog.pg_attribute i
                     JOIN pg_catalog.pg_type y ON y.oid = i.atttypid
                    WHERE i.attrelid = r.oid AND i.attnum > 0 AND NOT i.attisdropped
                      AND y.typreceive = 0) AS packable,
               ARRAY(SELECT ARRAY[k.conname::text, o.attname::text]
                       FROM pg_catalog.pg_constraint k
                       JOIN pg_catalog.pg_attribute o
                         ON o.attrelid = k.conrelid AND k.conkey = ARRAY[o.attnum]
                      WHERE k.conrelid = r.oid) AS constraints
          FROM pg_catalog.pg_class r
         WHERE r.oid = to_regclass(%s)
        OFFSET 0) c
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
 WHERE NOT a.attisdropped
 ORDER BY a.attnum
"""
"""The columns of a table: name, type, its name with length and precision, its name for a cast (of a
domain that of its base: a cast to the domain would cut to its length, an assignment does not), and
that again if unnest can make one column of an array of it (which it cannot of an array of arrays,
nor of composites), and whether a row inserted without it is sure to have NULL there. With -1 it is
`bpchar` and not `character`, a cast to which cuts to one. Then what a domain is based on, with
length and precision, whether nothing but DEFAULT may be sent, and whether a row inserted without it
gets a value of its own, and whether NULL is stored there as NULL: nothing refuses it, and there is
no rule or trigger before the row is stored that could fill it (66: BEFORE, INSTEAD). Then whether
COPY stores a number where INSERT takes none. Then what decides on the ways to write to it, and its
constraints on one column. A system column may be the version of a row."""

DISTRIBUTED_SQL: Final = """
SELECT EXISTS (SELECT FROM pg_catalog.pg_dist_partition WHERE logicalrelid = to_regclass(%s))
"""
"""Whether Citus has a table on several servers; where Citus is not, there is nothing to ask."""

_OF_COLUMN: Final = 11
_NO_CONFLICT: Final = frozenset({"42P10", "0A000"})
_SYSTEM: Final = frozenset({"xmin", "xmax", "cmin", "cmax", "ctid", "tableoid"})


@attrs.frozen
class TableColumn:
    """A column as the catalog has it.

    Args:
        name: Its name.
        oid: Its type.
        shown: The type's name for messages.
        type_name: The type's name for a cast.
        element_name: The same if the type can be the element of an array for unnest, else "".
        left_null: A row inserted without it has NULL there: nothing fills it.
        declared: As `shown`, of a domain what it is based on.
        filled: The database fills it, always.
        fresh: A row inserted without it gets a number or default.
        nullable: NULL that is sent is stored.
        identity: The numbers in it are the database's, always.
    """

    name: str
    oid: int
    shown: str
    type_name: str
    element_name: str
    left_null: bool
    declared: str = ""
    filled: bool = False
    fresh: bool = False
    nullable: bool = False
    identity: bool = False


@attrs.frozen
class Traits:
    """What of a table decides on the ways to write to it.

    Args:
        kind: The catalog's letter: r(elation), p(artitioned), v(iew), f(oreign).
        rules: It has rules.
        insert_rules: Some of them are for INSERT.
        secured: Row-level security holds for this role.
        foreign_parts: Some of its partitions are foreign tables.
        distributed: Its rows are on the servers of a Citus cluster.
        packable: Each column's type has binary input, which binary COPY asks for also of the
            columns that it does not fill.
        constraints: Those on one column: name, column.
    """

    kind: str = "r"
    rules: bool = False
    insert_rules: bool = False
    secured: bool = False
    foreign_parts: bool = False
    distributed: bool = False
    packable: bool = True
    constraints: tuple[tuple[str, str], ...] = ()

    @property
    def takes_copy(self) -> bool:
        """Whether rows put in by COPY are stored as INSERT stores them: COPY runs no rules."""
        return not (self.secured or self.insert_rules) and self.kind != "v"

    @property
    def takes_with(self) -> bool:
        """Whether a statement that writes to it can be part of another one."""
        return not (self.rules or self.distributed or self.foreign_parts)

    @property
    def takes_merge(self) -> bool:
        """Whether MERGE can write to it."""
        return self.takes_with and self.kind in "rp"

    @property
    def keeps_order(self) -> bool:
        """Whether rows are given back in the order in which they are inserted."""
        return not self.distributed

    @property
    def why_no_conflict(self) -> str | None:
        """Why ON CONFLICT cannot be used on it, None if nothing is known against it."""
        if self.kind == "f":
            return "it is a foreign table, whose unique indexes are not known here"
        if self.foreign_parts:
            return "some of its partitions are foreign tables, which no unique index spans"
        if self.rules:
            return "it has rules"
        if self.kind == "v":
            return "it is a view, and only a simple one stands for the indexes of its table"
        return None


def columns_of(rows: Iterable[tuple[Any, ...]]) -> list[TableColumn]:
    """Return the columns that COLUMNS_SQL found."""
    return [TableColumn(*row[:_OF_COLUMN]) for row in rows]


def traits_of(rows: Sequence[tuple[Any, ...]]) -> Traits:
    """Return what COLUMNS_SQL found out about the table."""
    if not rows:
        return Traits()
    *found, constraints = rows[0][_OF_COLUMN:]
    known = tuple(sorted((name, column) for name, column in constraints))
    return attrs.evolve(Traits(*found), constraints=known)


def explain_conflict(error: Error, traits: Traits, table: Table) -> None:
    """Say why the server refuses ON CONFLICT on a table, where that is known."""
    if error.sqlstate in _NO_CONFLICT and (why := traits.why_no_conflict) is not None:
        error.message = f"{table.text} takes no ON CONFLICT: {why} ({error.message})"
        error.args = (error.message,)
        error.hint = (
            "write what is there with update_many and the rest with insert_many, "
            "or upsert into the table that holds the rows"
        )
        error.table, error.schema = table.name, table.schema


def check_returned(returned: Model, table: Table, columns: Iterable[TableColumn]) -> None:
    """Refuse a model that cannot be read from a table.

    Raises:
        UndefinedColumn: A field has no column.
    """
    known = {column.name for column in columns}
    for field in returned.fields:
        if known and field.column not in known and field.column not in _SYSTEM:
            raise no_column(table, returned, field, "comes from", known)


def no_column(
    table: Table, model: Model, field: Field, how: str, known: Iterable[str]
) -> UndefinedColumn:
    """Return the error for a field that has no column."""
    near = near_name(field.column, known)
    return UndefinedColumn(
        f'table "{table.text}" has no column "{field.column}", '
        f"which {model.name}.{field.init_name} {how}",
        sqlstate="42703",
        table=table.name,
        schema=table.schema,
        column=field.column,
        hint=f'did you mean "{near}"?' if near else None,
    )
