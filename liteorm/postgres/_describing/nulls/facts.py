"""What the catalog says about the names in a statement; the rules rest on this and on nothing else.

Loading is a generator of queries, so that a sync and an async connection can both drive it.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from attrs import Factory, define, frozen

Null = bool | None
"""True: NULL for some data. False: never NULL. None: not known."""

Query = tuple[str, tuple[Any, ...]]
Loading = Generator[Query, list[tuple[Any, ...]], None]


@define
class Names:
    """Names that statements use, without their schemas."""

    relations: set[str] = Factory(set[str])
    functions: set[str] = Factory(set[str])
    operators: set[str] = Factory(set[str])
    types: set[str] = Factory(set[str])

    def update(self, other: Names) -> None:
        """Take in the names of another statement."""
        self.relations |= other.relations
        self.functions |= other.functions
        self.operators |= other.operators
        self.types |= other.types


@frozen
class ColumnFacts:
    """A column of a table or view."""

    name: str
    null: Null
    plain: bool
    """Of an enum, or a scalar or array type of PostgreSQL's own that is neither JSON nor geometric:
    casts of its values, and sums, are never NULL."""
    default: bool = False
    generated: str | None = None


@frozen
class RelationFacts:
    """A table, view, materialised or foreign table."""

    schema: str
    name: str
    kind: str
    columns: tuple[ColumnFacts, ...]
    definition: str | None = None
    checks: tuple[str, ...] = ()
    triggers: bool = False
    """A trigger may change a row before it is stored."""
    rules: bool = False


@define
class Facts:
    """The part of the catalog that some statements rest on."""

    path: tuple[str, ...] = ()
    relations: dict[tuple[str, str], RelationFacts] = Factory(dict[tuple[str, str], RelationFacts])
    strict_functions: set[str] = Factory(set[str])
    """Every function of this name gives NULL for a NULL argument."""
    foreign_functions: set[str] = Factory(set[str])
    """A function of this name is neither PostgreSQL's own nor of an extension known here."""
    strict_operators: set[str] = Factory(set[str])
    foreign_operators: set[str] = Factory(set[str])
    plain_types: set[str] = Factory(set[str])
    """Every type of this name is plain, as `ColumnFacts.plain` says, or a domain over such."""
    foreign_casts: bool = False
    memo: dict[tuple[str, str], tuple[tuple[Null, bool, Null], ...]] = Factory(
        dict[tuple[str, str], tuple[tuple[Null, bool, Null], ...]]
    )
    """What has been found out about a relation's columns: views are read once."""

    def relation(self, schema: str | None, name: str) -> RelationFacts | None:
        """Return what a name in FROM means, by the search path."""
        for place in (schema,) if schema else self.path:
            if found := self.relations.get((place, name)):
                return found
        return None


def gather_facts(names: Names) -> Generator[Query, list[tuple[Any, ...]], Facts]:
    """Load the facts for some names, and for the names which their views use in turn."""
    from liteorm.postgres._describing.nulls.grammar import names_in, parsed

    facts = Facts()
    [(path,)] = yield _PATH, ()
    facts.path = tuple(path)
    known = Names()
    wanted = names
    while True:
        yield from _load_relations(facts, wanted.relations - known.relations)
        found = Names()
        for relation in facts.relations.values():
            if relation.name in wanted.relations:
                for text in _texts(relation):
                    tree = parsed(text)
                    if tree is not None:
                        found.update(names_in(tree))
        known.update(wanted)
        if found.relations <= known.relations:
            known.update(found)
            break
        wanted = found
    yield from _load_routines(facts, known)
    return facts


def _texts(relation: RelationFacts) -> list[str]:
    texts = [f"SELECT {column.generated}" for column in relation.columns if column.generated]
    if relation.definition:
        texts.append(relation.definition)
    return texts


def _load_relations(facts: Facts, names: set[str]) -> Loading:
    if not names:
        return
    columns: dict[int, list[ColumnFacts]] = {}
    rows = yield _RELATIONS, (sorted(names),)
    for oid, name, not_null, unenforced, domain, plain, default, generated in (
        yield (
            _COLUMNS,
            ([row[0] for row in rows],),
        )
    ):
        # A domain's own NOT NULL has holes: a scalar subquery without a row passes it.
        null: Null = (
            None if (not_null and unenforced) or (not not_null and domain) else not not_null
        )
        columns.setdefault(oid, []).append(ColumnFacts(name, null, plain, default, generated))
    for oid, schema, name, kind, definition, checks, triggers, rules in rows:
        facts.relations[schema, name] = RelationFacts(
            schema,
            name,
            kind,
            tuple(columns.get(oid, ())),
            definition,
            tuple(checks),
            triggers,
            rules,
        )


def _load_routines(facts: Facts, names: Names) -> Loading:
    for name, strict, foreign in (yield _FUNCTIONS, (_TRUSTED, sorted(names.functions))):
        facts.strict_functions |= {name} if strict else _NONE
        facts.foreign_functions |= {name} if foreign else _NONE
    operators = sorted(names.operators | _IMPLIED)
    for name, strict, foreign in (yield _OPERATORS, (_TRUSTED, operators)):
        facts.strict_operators |= {name} if strict else _NONE
        facts.foreign_operators |= {name} if foreign else _NONE
    for (name,) in (yield _TYPES, (sorted(names.types),)):
        facts.plain_types.add(name)
    [(facts.foreign_casts,)] = yield _CASTS, ()


# Their operators and functions with names of PostgreSQL's own behave as those do: tried and read.
_TRUSTED = ["citext", "cube", "hstore", "ltree", "pg_trgm", "pgcrypto", "uuid-ossp", "vector"]

_NONE: frozenset[str] = frozenset()

# BETWEEN, IN, USING and CASE x WHEN mean these without naming them.
_IMPLIED = {"=", "<>", "<", ">", "<=", ">="}

_PATH = "SELECT current_schemas(true)::text[]"

_RELATIONS = """
SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text,
       CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
       ARRAY(SELECT pg_get_expr(k.conbin, k.conrelid) FROM pg_constraint k
             WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.convalidated
                   AND NOT k.connoinherit AND c.relkind <> 'f')::text[],
       EXISTS (WITH RECURSIVE tree AS (
                   SELECT c.oid UNION
                   SELECT i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid)
               SELECT FROM pg_trigger t JOIN tree ON t.tgrelid = tree.oid
               WHERE NOT t.tgisinternal AND t.tgtype & 66 <> 0 AND t.tgtype & 1 <> 0),
       c.relkind <> 'v' AND c.relhasrules
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = ANY(%s) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""

# A parent's NOT NULL says nothing about a child that lost it, a foreign table's is not enforced,
# and since PostgreSQL 18 one may be NOT VALID: only what holds in every child is a proof.
_COLUMNS = """
SELECT c.oid, a.attname::text,
       NOT EXISTS (
           WITH RECURSIVE tree AS (
               SELECT c.oid UNION
               SELECT i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid)
           SELECT FROM tree JOIN pg_attribute d ON d.attrelid = tree.oid
           WHERE d.attname = a.attname AND NOT d.attisdropped AND (
               NOT d.attnotnull
               OR EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = tree.oid
                          AND k.contype = 'n' AND k.conkey[1] = d.attnum AND NOT k.convalidated))),
       EXISTS (
           WITH RECURSIVE tree AS (
               SELECT c.oid UNION
               SELECT i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid)
           SELECT FROM tree JOIN pg_class t ON t.oid = tree.oid WHERE t.relkind = 'f'),
       t.typtype = 'd' AND t.typnotnull,
       t.typtype = 'e' OR t.typtype = 'b' AND t.typnamespace = 'pg_catalog'::regnamespace
           AND t.typname NOT IN ('json', 'jsonb') AND t.typcategory <> 'G',
       a.atthasdef OR a.attidentity <> '',
       CASE WHEN a.attgenerated <> '' THEN pg_get_expr(f.adbin, f.adrelid) END
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef f ON f.adrelid = c.oid AND f.adnum = a.attnum
WHERE c.oid = ANY(%s::oid[])
ORDER BY c.oid, a.attnum
"""

_FUNCTIONS = """
SELECT p.proname::text, bool_and(p.proisstrict AND p.prokind = 'f'),
       bool_or(p.pronamespace <> 'pg_catalog'::regnamespace AND x.extname IS NULL)
FROM pg_proc p
LEFT JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
LEFT JOIN pg_extension x ON x.oid = d.refobjid AND x.extname = ANY(%s)
WHERE p.proname = ANY(%s)
GROUP BY p.proname
"""

# What orders or hashes an index cannot give NULL for two values: the index would be broken.
_OPERATORS = """
SELECT o.oprname::text, bool_and(p.proisstrict),
       bool_or(o.oprnamespace <> 'pg_catalog'::regnamespace AND x.extname IS NULL
               AND NOT EXISTS (SELECT FROM pg_amop m JOIN pg_am a ON a.oid = m.amopmethod
                               WHERE m.amopopr = o.oid AND a.amname IN ('btree', 'hash')))
FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode
LEFT JOIN pg_depend d ON d.classid = 'pg_operator'::regclass AND d.objid = o.oid
                     AND d.deptype = 'e'
LEFT JOIN pg_extension x ON x.oid = d.refobjid AND x.extname = ANY(%s)
WHERE o.oprname = ANY(%s)
GROUP BY o.oprname
"""

_TYPES = """
SELECT t.typname::text FROM pg_type t
LEFT JOIN pg_type b ON b.oid = t.typbasetype
WHERE t.typname = ANY(%s)
GROUP BY t.typname
HAVING bool_and(t.typtype = 'e'
    OR coalesce(b.typtype, t.typtype) = 'b'
       AND coalesce(b.typname, t.typname) NOT IN ('json', 'jsonb')
       AND coalesce(b.typcategory, t.typcategory) <> 'G'
       AND coalesce(b.typnamespace, t.typnamespace) = 'pg_catalog'::regnamespace)
"""

_CASTS = """
SELECT EXISTS (SELECT FROM pg_cast c
               JOIN pg_type s ON s.oid = c.castsource JOIN pg_type t ON t.oid = c.casttarget
               JOIN pg_proc p ON p.oid = c.castfunc
               WHERE p.pronamespace <> 'pg_catalog'::regnamespace
                 AND (s.typnamespace = 'pg_catalog'::regnamespace OR s.typtype = 'e')
                 AND (t.typnamespace = 'pg_catalog'::regnamespace OR t.typtype = 'e'))
"""
