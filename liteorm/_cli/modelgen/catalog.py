"""What a schema has, read from the catalog in a few queries."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any, Final

import attrs

import liteorm
from liteorm._check.answers import Answer, LiveAnswers, Query
from liteorm._core.scanning.types import FIRST_USER_OID, PgType
from liteorm._core.sql.text import quoted
from liteorm.postgres import DB
from liteorm.postgres._describing.nulls.catalog import DOMAIN_REFUSES_NULL
from liteorm.postgres._sync.describing import load_new_types


@attrs.frozen
class ForeignKey:
    """A foreign key of one or more columns."""

    columns: list[str]
    schema: str
    table: str
    references: list[str]


@attrs.frozen
class ColumnFacts:
    """A column as the catalog has it."""

    name: str
    type_oid: int
    dimensions: int
    identity: str
    generated: str
    default: str | None
    """What is stored where nothing is sent: the column's own, or that of its domain."""
    comment: str | None
    null_free: bool
    """A CHECK keeps NULL out of the array."""
    refuses_null: bool
    """Its domain, or one below that, is NOT NULL: a NULL that is sent is refused."""
    not_null: bool
    """The catalog alone says that no row has a NULL there."""


@attrs.frozen
class RelationFacts:
    """A table or view as the catalog has it."""

    oid: int
    schema: str
    name: str
    kind: str
    comment: str | None
    key: list[str]
    columns: list[ColumnFacts]
    foreign_keys: list[ForeignKey]


@attrs.frozen
class DatabaseColumn:
    """A column, with its type and whether it can be NULL."""

    facts: ColumnFacts
    type: PgType
    nullable: bool


@attrs.frozen
class Relation:
    """A table or view, with all that a class for it says."""

    facts: RelationFacts
    columns: tuple[DatabaseColumn, ...]
    """Those that can be read."""
    unreadable: tuple[DatabaseColumn, ...]

    @property
    def writable(self) -> bool:
        """Whether rows can be stored in it."""
        return self.facts.kind in ("r", "p", "f")


@attrs.frozen
class TypeName:
    """Where a type of the user's lives, and what its comment says."""

    oid: int
    schema: str
    name: str
    relation: bool
    """It is the row type of a table or view."""
    comment: str | None
    attributes: list[str | None]
    """Comments of a composite's attributes."""


@attrs.frozen
class Schema:
    """Everything that classes are written for."""

    relations: tuple[Relation, ...]
    types: tuple[tuple[TypeName, PgType], ...]
    """Enums and composites, those inside others included."""
    names: dict[int, TypeName]
    """Names of all types in sight, domains and row types too."""
    left_out: tuple[str, ...] = ()
    """Tables that were not taken."""
    unmatched: tuple[str, ...] = ()
    """What should have been left out, and is not there."""
    unknown: tuple[tuple[str, str], ...] = ()
    """Views of which the server did not say what can be NULL in them, each with the reason."""


MIGRATION_TABLES: Final = frozenset(
    {
        *("alembic_version", "ar_internal_metadata", "aerich", "atlas_schema_revisions"),
        *("databasechangelog", "databasechangeloglock", "django_migrations"),
        *("flyway_schema_history", "goose_db_version", "knex_migrations", "knex_migrations_lock"),
        *("piccolo_migrations", "pgmigrations", "schema_migrations", "__diesel_schema_migrations"),
        *("_prisma_migrations", "_sqlx_migrations", "_yoyo_log", "_yoyo_migration"),
        *("_yoyo_version", "yoyo_lock", "south_migrationhistory", "tern_schema_version"),
    }
)
"""Where migration tools keep what they did; no application reads these."""


def read_schema(
    db: DB,
    schemas: Collection[str] = (),
    tables: Collection[str] = (),
    excluded: Collection[str] = (),
) -> Schema:
    """Read the schema of a database.

    Args:
        db: The database.
        schemas: Schemas to take; all of the user's if there are none.
        tables: Tables and views to take, `name` or `schema.name`; all if there are none.
        excluded: Tables and views to leave out, likewise, with `*` for any text. Those of migration
            tools are left out too, unless they are among `tables`.

    Raises:
        UndefinedTable: One of the tables or schemas is not there.
    """
    found = liteorm.scan(db.query(_RELATIONS), RelationFacts)
    _refuse_missing(found, schemas, tables)
    wanted = [facts for facts in found if _wanted(facts, schemas, tables)]
    left_out = [facts for facts in wanted if _excluded(facts, tables, excluded)]
    chosen = [facts for facts in wanted if facts not in left_out]
    types = _load_types(db, {column.type_oid for facts in chosen for column in facts.columns})
    relations, unknown = _relations(db, chosen, types)
    if not tables:
        types.update(_load_types(db, _declared_types(db, schemas)))
    inside = {oid: type_ for top in types.values() for oid, type_ in _parts(top)}
    names = {
        name.oid: name for name in liteorm.scan(db.query(_TYPE_NAMES, (list(inside),)), TypeName)
    }
    written = [
        (name, inside[oid])
        for oid, name in names.items()
        if inside[oid].kind == "enum" or (inside[oid].kind == "composite" and not name.relation)
    ]
    # The row type of a table that is not written itself is a class all the same.
    taken = {(facts.schema, facts.name) for facts in chosen}
    written += [
        (name, inside[oid])
        for oid, name in names.items()
        if name.relation and (name.schema, name.name) not in taken
    ]
    written.sort(key=lambda pair: (pair[1].kind != "enum", pair[0].schema, pair[0].name))
    names_left_out = tuple(f"{facts.schema}.{facts.name}" for facts in left_out)
    unmatched = tuple(one for one in excluded if not any(_matches(facts, one) for facts in found))
    return Schema(tuple(relations), tuple(written), names, names_left_out, unmatched, unknown)


def _excluded(facts: RelationFacts, tables: Collection[str], excluded: Collection[str]) -> bool:
    name, full = facts.name, f"{facts.schema}.{facts.name}"
    if any(_matches(facts, one) for one in excluded):
        return True
    return name in MIGRATION_TABLES and name not in tables and full not in tables


def _matches(facts: RelationFacts, pattern: str) -> bool:
    """Tell whether a relation is meant: `*` is any text, all else stands for itself."""
    form = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
    return any(form.fullmatch(name) for name in (facts.name, f"{facts.schema}.{facts.name}"))


def _wanted(facts: RelationFacts, schemas: Collection[str], tables: Collection[str]) -> bool:
    in_schema = not schemas or facts.schema in schemas
    in_tables = not tables or facts.name in tables or f"{facts.schema}.{facts.name}" in tables
    return in_schema and in_tables


def _refuse_missing(
    found: Sequence[RelationFacts], schemas: Collection[str], tables: Collection[str]
) -> None:
    for schema in schemas:
        if schema not in {facts.schema for facts in found}:
            raise liteorm.UndefinedTable(f'there is no table or view in schema "{schema}"')
    inside = [facts for facts in found if not schemas or facts.schema in schemas]
    known = {name for f in inside for name in (f.name, f"{f.schema}.{f.name}")}
    for table in tables:
        if table not in known:
            among = f" in schema {', '.join(schemas)}" if schemas else ""
            raise liteorm.UndefinedTable(f'there is no table or view "{table}"{among}')


def _load_types(db: DB, oids: set[int]) -> dict[int, PgType]:
    registry = db._state.types
    with db._connection("describe") as wire:
        known = load_new_types(wire, registry, oids)
    return {oid: known.types[oid] for oid in oids}


def _parts(type_: PgType) -> list[tuple[int, PgType]]:
    """Return a type and all it is made of, those of the user's."""
    found = [(type_.oid, type_)] if type_.oid >= FIRST_USER_OID else []
    inner = [attribute.type for attribute in type_.attributes]
    for part in (*([type_.element] if type_.element else []), *inner):
        found += _parts(part)
    return found


def _declared_types(db: DB, schemas: Collection[str]) -> set[int]:
    rows = db.query(_DECLARED_TYPES)
    return {oid for oid, schema in rows if not schemas or schema in schemas}


def _relations(
    db: DB, chosen: Sequence[RelationFacts], types: dict[int, PgType]
) -> tuple[list[Relation], tuple[tuple[str, str], ...]]:
    """Have each relation described, so that NOT NULL means here what it means in a check.

    Where the server's reading cannot be had, the catalog says it of tables, and nobody of views.
    """
    queries = [Query(f"SELECT * FROM {quoted(facts.schema, facts.name)}") for facts in chosen]
    answers = LiveAnswers(db).statements(queries)
    relations: list[Relation] = []
    unknown: dict[str, str] = {}
    for facts, answer in zip(chosen, answers, strict=True):
        nullable: list[Any] = [None] * len(facts.columns)
        if isinstance(answer, Answer):
            nullable = [column.nullable for column in answer.shape.columns]
            reasons = {column.reason for column in answer.shape.columns}
            if facts.kind == "v" and len(reasons) == 1 and set(nullable) == {None}:
                unknown[f"{facts.schema}.{facts.name}"] = reasons.pop()
        columns = [
            DatabaseColumn(
                column,
                types[column.type_oid],
                null if null is not None else not column.not_null,
            )
            for column, null in zip(facts.columns, nullable, strict=True)
        ]
        readable = tuple(c for c in columns if not _unreadable(c.type))
        relations.append(
            Relation(facts, readable, tuple(c for c in columns if _unreadable(c.type)))
        )
    return relations, tuple(unknown.items())


def _unreadable(type_: PgType) -> bool:
    return (
        type_.kind == "unreadable"
        or (type_.element is not None and _unreadable(type_.element))
        or any(_unreadable(attribute.type) for attribute in type_.attributes)
    )


_USERS_OWN = """
    n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = {}.oid AND d.deptype = 'e'
                    AND d.classid = '{}'::regclass)
"""

_RELATIONS: Any = f"""
SELECT c.oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind,
       obj_description(c.oid, 'pg_class') AS comment,
       ARRAY(SELECT a.attname::text FROM pg_constraint k
             CROSS JOIN unnest(k.conkey) WITH ORDINALITY u (number, place)
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.number
             WHERE k.conrelid = c.oid AND k.contype = 'p' ORDER BY u.place) AS key,
       coalesce((SELECT jsonb_agg(jsonb_build_object(
               'name', a.attname, 'type_oid', a.atttypid::int8, 'dimensions', a.attndims,
               'identity', a.attidentity, 'generated', a.attgenerated,
               'default', CASE WHEN a.attgenerated = '' AND a.attidentity = ''
                   THEN coalesce(pg_get_expr(f.adbin, f.adrelid), y.typdefault)
                   ELSE pg_get_expr(f.adbin, f.adrelid) END,
               'refuses_null', {DOMAIN_REFUSES_NULL.format("y")},
               'comment', col_description(c.oid, a.attnum),
               'null_free', EXISTS (
                   SELECT FROM pg_constraint k
                   CROSS JOIN LATERAL pg_get_constraintdef(k.oid) says
                   CROSS JOIN concat('CHECK ((array_position(', quote_ident(a.attname)) begins
                   WHERE k.conrelid = c.oid AND k.contype = 'c'
                   AND k.convalidated AND NOT k.connoinherit AND starts_with(says, begins)
                   AND substr(says, length(begins) + 1)
                       ~ '^, NULL::[^(),]+([(][0-9]+[)])?[)] IS NULL[)][)]$'),
               'not_null', a.attnotnull AND (c.relkind = 'p' OR NOT c.relhassubclass)
                   AND c.relkind <> 'f' AND NOT EXISTS (
                   SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'n'
                   AND k.conkey = ARRAY[a.attnum] AND NOT k.convalidated))
               ORDER BY a.attnum)
           FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid
           LEFT JOIN pg_attrdef f ON f.adrelid = c.oid AND f.adnum = a.attnum
           WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '[]') AS columns,
       coalesce((SELECT jsonb_agg(jsonb_build_object(
               'schema', tn.nspname, 'table', t.relname,
               'columns', ARRAY(SELECT a.attname
                   FROM unnest(k.conkey) WITH ORDINALITY u (number, place)
                   JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number
                   ORDER BY u.place),
               'references', ARRAY(SELECT a.attname
                   FROM unnest(k.confkey) WITH ORDINALITY u (number, place)
                   JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number
                   ORDER BY u.place))
               ORDER BY k.conname)
           FROM pg_constraint k JOIN pg_class t ON t.oid = k.confrelid
           JOIN pg_namespace tn ON tn.oid = t.relnamespace
           WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.conparentid = 0), '[]')
           AS foreign_keys
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
      AND {_USERS_OWN.format("c", "pg_class")}
ORDER BY n.nspname, c.relname
"""

_DECLARED_TYPES: Any = f"""
SELECT t.oid::int8, n.nspname::text FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE (t.typtype = 'e' OR t.typtype = 'c' AND c.relkind = 'c')
      AND {_USERS_OWN.format("t", "pg_type")}
"""

_TYPE_NAMES: Any = """
SELECT t.oid, n.nspname::text AS schema, t.typname::text AS name,
       coalesce(c.relkind <> 'c', false) AS relation,
       coalesce(obj_description(t.oid, 'pg_type'), obj_description(c.oid, 'pg_class')) AS comment,
       ARRAY(SELECT col_description(c.oid, a.attnum) FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
             ORDER BY a.attnum) AS attributes
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE t.oid = ANY(%s::oid[])
"""
