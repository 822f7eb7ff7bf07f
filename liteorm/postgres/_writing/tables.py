"""What the catalog says of a table: its columns, and which ways to write to it there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import attrs

from liteorm._core.models.classes import Field, Model, Table
from liteorm._core.sql.near import near_name
from liteorm.errors import UndefinedColumn

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
       c.kind, c.rules, c.secured, c.foreign_parts, c.distributed, c.packable, c.constraints
  FROM (SELECT r.oid, r.relkind::text AS kind, r.relhastriggers AS triggers,
               EXISTS (SELECT FROM pg_catalog.pg_rewrite w
                        WHERE w.ev_class = r.oid AND w.ev_type <> '1') AS rules,
               row_security_active(r.oid) AS secured,
               r.relkind = 'p' AND EXISTS (
                   SELECT FROM pg_partition_tree(r.oid) f
                     JOIN pg_catalog.pg_class o ON o.oid = f.relid
                    WHERE o.relkind = 'f') AS foreign_parts,
               EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE e.extname = 'citus')
                   AS distributed,
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
gets a value of its own. Then what decides on the ways to
write to it, and its constraints on one column. A system column may be the version of a row."""

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


@attrs.frozen
class Traits:
    """What of a table decides on the ways to write to it.

    Args:
        kind: The catalog's letter: r(elation), p(artitioned), v(iew), f(oreign).
        rules: It has rules.
        secured: Row-level security holds for this role.
        foreign_parts: Some of its partitions are foreign tables.
        distributed: Citus is here, and its tables look like others.
        packable: Each column's type has binary input, which binary COPY asks for also of the
            columns that it does not fill.
        constraints: Those on one column: name, column.
    """

    kind: str = "r"
    rules: bool = False
    secured: bool = False
    foreign_parts: bool = False
    distributed: bool = False
    packable: bool = True
    constraints: tuple[tuple[str, str], ...] = ()

    @property
    def takes_copy(self) -> bool:
        """Whether rows can be put in by COPY."""
        return not self.secured

    @property
    def takes_with(self) -> bool:
        """Whether a statement that writes to it can be part of another one."""
        return not self.rules and self.keeps_order

    @property
    def takes_merge(self) -> bool:
        """Whether MERGE can write to it."""
        return self.takes_with and self.kind in "rp"

    @property
    def keeps_order(self) -> bool:
        """Whether rows are given back in the order in which they are inserted."""
        return not (self.distributed or self.foreign_parts)


def columns_of(rows: Iterable[tuple[Any, ...]]) -> list[TableColumn]:
    """Return the columns that COLUMNS_SQL found."""
    return [TableColumn(*row[:9]) for row in rows]


def traits_of(rows: Sequence[tuple[Any, ...]]) -> Traits:
    """Return what COLUMNS_SQL found out about the table."""
    if not rows:
        return Traits()
    *found, constraints = rows[0][9:]
    known = tuple(sorted((name, column) for name, column in constraints))
    return attrs.evolve(Traits(*found), constraints=known)


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
