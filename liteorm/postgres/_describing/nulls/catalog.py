"""What the catalog says of what a statement's tree refers to, by oid; the rules rest on this alone.

Loading is a generator of queries, so that a sync and an async connection can both drive it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any, Final

from attrs import Factory, define, frozen

from liteorm.postgres._describing.nulls.nodes import Node, items_of, read_nodes
from liteorm.postgres._describing.nulls.values import NEVER, SOME, UNKNOWN

Loading = Generator[tuple[str, tuple[Any, ...]], list[tuple[Any, ...]], None]


@frozen
class StoredColumn:
    """A column of a table or view."""

    name: str
    null: int
    type: int = 0
    default: Node | None = None
    """What it gets where nothing is sent: its own default, or its domain's."""
    filled: bool = False
    """An identity column, or one with a default that could not be read."""
    generated: Node | None = None


@frozen
class Relation:
    """A table, view, materialised or foreign table."""

    oid: int
    name: str
    kind: str
    columns: dict[int, StoredColumn]
    definition: Node | None = None
    checks: tuple[Node, ...] = ()
    triggers: bool = False
    """A trigger may change a row before it is stored, here or in a partition."""
    rules: bool = False
    varied: bool = False
    """A table below it computes a generated column in another way."""
    secured: bool = False
    """Row security may hide rows of it."""
    foreign: bool = False
    """It, or a table below it, is a foreign one: nothing enforces its constraints."""


@frozen
class Function:
    """A function, or what an operator calls."""

    name: str
    signature: str
    strict: bool
    own: bool
    """One of PostgreSQL's own, or of an extension that was read."""
    operators: frozenset[str] = frozenset()
    """The names of the operators that call it."""
    volatility: str = "v"
    """As in `pg_proc.provolatile`."""


@frozen
class Operator:
    """An operator."""

    name: str
    own: bool
    ordering: bool
    """An index is ordered or hashed by it: it would be broken if it gave NULL for two values."""


@define
class Catalog:
    """The part of the catalog that some statements rest on."""

    relations: dict[int, Relation] = Factory(dict[int, Relation])
    functions: dict[int, Function] = Factory(dict[int, Function])
    operators: dict[int, Operator] = Factory(dict[int, Operator])
    present: set[int] = Factory(set[int])
    """The oids of domains to which NULL cannot be cast."""
    attributes: dict[int, list[str]] = Factory(dict[int, list[str]])
    """The names of composite types' attributes, of one that was dropped an empty one."""


def load_catalog(catalog: Catalog, trees: Iterable[Any]) -> Loading:
    """Load what trees refer to, and what their views, defaults and checks refer to in turn."""
    relations: set[int] = set()
    functions: set[int] = set()
    operators: set[int] = set()
    domains: set[int] = set()
    rows: set[int] = set()
    wanted = list(trees)
    while wanted:
        found: set[int] = set()
        for tree in wanted:
            for node in _nodes_of(tree):
                found |= {node.number("relid")}
                functions |= {node.number(name) for name in _FUNCTION_FIELDS}
                operators |= {node.number("opno")}
                if node.kind == "COERCETODOMAIN":
                    domains |= {node.number("resulttype")}
                elif node.kind in ("ROWEXPR", "ROW"):
                    rows |= {node.number("row_typeid")} - {_RECORD}
        found -= relations
        relations |= found
        wanted.clear()
        if found:
            yield from _load_relations(catalog, found)
            for oid in found & catalog.relations.keys():
                wanted += _trees_of(catalog.relations[oid])
    yield from _load_routines(catalog, functions, operators)
    if domains:
        for oid, not_null, checks in (yield _DOMAINS, (sorted(domains),)):
            if not_null or _refuse_null(checks):
                catalog.present.add(oid)
    if rows:
        catalog.attributes.update((yield _ATTRIBUTES, (sorted(rows),)))


_RECORD: Final = 2249


def _refuse_null(checks: list[str]) -> bool:
    """Return whether one of some CHECKs of domains asks for VALUE IS NOT NULL."""
    return any(_refuses_null(_tree(check)) for check in checks)


def _refuses_null(check: Node | None) -> bool:
    if check is None:
        return False
    match check.kind:
        case "BOOLEXPR" if check["boolop"] == "and":
            return any(_refuses_null(arg) for arg in check.nodes("args"))
        case "NULLTEST":
            value = check["arg"]
            is_value = isinstance(value, Node) and value.kind == "COERCETODOMAINVALUE"
            return is_value and check.number("nulltesttype") == 1 and not check.flag("argisrow")
        case _:
            return False


_FUNCTION_FIELDS: Final = ("funcid", "opfuncid", "aggfnoid", "winfnoid")


def _nodes_of(tree: Any) -> list[Node]:
    return list(Node("", {"": tree}).walk())


def _trees_of(relation: Relation) -> list[Any]:
    columns = relation.columns.values()
    trees: list[Any] = [column.default for column in columns if column.default is not None]
    trees += [column.generated for column in columns if column.generated is not None]
    if relation.definition is not None:
        trees.append(relation.definition)
    return trees + list(relation.checks)


def _tree(text: str | None) -> Node | None:
    """Read an expression or a query; what cannot be read proves nothing."""
    if text is None:
        return None
    try:
        found = read_nodes(text)
    except ValueError:
        return None
    while len(items := items_of(found)) == 1:
        found = items[0]
    return found if isinstance(found, Node) else None


def _load_relations(catalog: Catalog, oids: set[int]) -> Loading:
    columns: dict[int, dict[int, StoredColumn]] = {}
    listed = sorted(oids)
    for oid, number, name, not_null, domain, default, filled, generated, type_, asked in (
        yield _COLUMNS, (listed,)
    ):
        # A domain's own NOT NULL has holes: a scalar subquery without a row passes it.
        null = NEVER if not_null else UNKNOWN if domain or _refuse_null(asked) else SOME
        columns.setdefault(oid, {})[number] = StoredColumn(
            name, null, type_, _tree(default), filled, _tree(generated)
        )
    for oid, name, kind, definition, checks, triggers, rules, varied, secured, foreign in (
        yield _RELATIONS, (listed,)
    ):
        read = [_tree(check) for check in checks]
        catalog.relations[oid] = Relation(
            oid,
            name,
            kind,
            columns.get(oid, {}),
            _tree(definition),
            () if foreign else tuple(check for check in read if check is not None),
            triggers,
            rules,
            varied or foreign,
            secured,
            foreign,
        )


def _load_routines(catalog: Catalog, functions: set[int], operators: set[int]) -> Loading:
    for oid, name, arguments, strict, own, called_by, volatility in (
        yield _FUNCTIONS, (_TRUSTED, sorted(functions))
    ):
        signature = f"{name}({','.join(arguments)})"
        catalog.functions[oid] = Function(
            name, signature, strict, own, frozenset(called_by), volatility
        )
    for oid, name, own, ordering in (yield _OPERATORS, (_TRUSTED, sorted(operators))):
        catalog.operators[oid] = Operator(name, own, ordering)


# Their operators and functions with names of PostgreSQL's own behave as those do: tried and read.
_TRUSTED: Final = [
    *("citext", "cube", "hstore", "ltree", "pg_trgm", "pgcrypto", "uuid-ossp", "vector"),
]

_TREE: Final = """
(WITH RECURSIVE tree AS (
     SELECT c.oid UNION SELECT i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid)
 SELECT {} FROM tree JOIN pg_class t ON t.oid = tree.oid {})
"""
"""A relation with all that inherit from it: what is read from it comes from any of them."""

DOMAIN_REFUSES_NULL: Final = """
EXISTS (WITH RECURSIVE domains AS (
            SELECT {0}.typnotnull, {0}.typbasetype UNION ALL
            SELECT b.typnotnull, b.typbasetype
            FROM domains d JOIN pg_type b ON b.oid = d.typbasetype)
        SELECT FROM domains WHERE typnotnull)
"""
"""A type is a domain that is NOT NULL, or stands on one: it does not inherit the mark."""

_CHAIN: Final = """
    WITH RECURSIVE chain AS (
        SELECT t.oid, t.typbasetype UNION ALL SELECT b.oid, b.typbasetype
        FROM chain JOIN pg_type b ON b.oid = chain.typbasetype)
"""
"""A domain `t` with the domains that it is made of."""

# A CHECK counts where every table below has it too, validated; before 18 all are enforced.
_RELATIONS: Final = f"""
SELECT c.oid::int8, c.oid::regclass::text, c.relkind::text,
       CASE WHEN c.relkind IN ('v', 'm') THEN
           (SELECT r.ev_action::text FROM pg_rewrite r
            WHERE r.ev_class = c.oid AND r.rulename = '_RETURN') END,
       ARRAY(SELECT k.conbin::text FROM pg_constraint k
             WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.convalidated
                   AND (NOT k.connoinherit OR NOT c.relhassubclass)
                   AND coalesce((to_jsonb(k) ->> 'conenforced')::bool, true)
                   AND NOT EXISTS {
    _TREE.format(
        "",
        '''
        WHERE NOT EXISTS (SELECT FROM pg_constraint l
                          WHERE l.conrelid = tree.oid AND l.contype = 'c' AND l.convalidated
                                AND l.conname = k.conname
                                AND coalesce((to_jsonb(l) ->> 'conenforced')::bool, true))''',
    )
})::text[],
       EXISTS {
    _TREE.format(
        "",
        '''
        JOIN pg_trigger g ON g.tgrelid = tree.oid
        WHERE NOT g.tgisinternal AND g.tgtype & 66 <> 0 AND g.tgtype & 1 <> 0''',
    )
},
       c.relkind <> 'v' AND c.relhasrules,
       c.relhassubclass AND EXISTS {
    _TREE.format(
        "",
        '''
        CROSS JOIN pg_attribute q
        JOIN pg_attrdef p ON p.adrelid = q.attrelid AND p.adnum = q.attnum
        LEFT JOIN pg_attribute d ON d.attrelid = tree.oid AND d.attname = q.attname
        LEFT JOIN pg_attrdef e ON e.adrelid = d.attrelid AND e.adnum = d.attnum
        WHERE q.attrelid = c.oid AND q.attgenerated <> '' AND (
            d.attgenerated IS DISTINCT FROM q.attgenerated
            OR pg_get_expr(e.adbin, e.adrelid) IS DISTINCT FROM pg_get_expr(p.adbin, p.adrelid))''',
    )
},
       EXISTS {_TREE.format("", "WHERE t.relrowsecurity")},
       EXISTS {_TREE.format("", "WHERE t.relkind = 'f'")}
FROM pg_class c WHERE c.oid = ANY(%s::oid[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
"""

# A parent's NOT NULL says nothing about a child that lost it, a foreign table's is not enforced,
# and since PostgreSQL 18 one may be NOT VALID: only what holds in every child is a proof.
_COLUMNS: Final = f"""
SELECT c.oid::int8, a.attnum::int4, a.attname::text,
       NOT EXISTS {
    _TREE.format(
        "",
        '''
        JOIN pg_attribute d ON d.attrelid = tree.oid
        WHERE d.attname = a.attname AND NOT d.attisdropped AND (
            NOT d.attnotnull OR t.relkind = 'f'
            OR EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = tree.oid
                       AND k.contype = 'n' AND k.conkey[1] = d.attnum AND NOT k.convalidated))''',
    )
},
       a.attnotnull AND EXISTS {_TREE.format("", "WHERE t.relkind = 'f'")}
           OR {DOMAIN_REFUSES_NULL.format("t")},
       CASE WHEN a.attgenerated = '' THEN coalesce(f.adbin::text, t.typdefaultbin::text) END,
       a.attidentity <> '' OR f.adbin IS NOT NULL OR t.typdefault IS NOT NULL,
       CASE WHEN a.attgenerated <> '' THEN f.adbin::text END,
       a.atttypid::int8,
       CASE WHEN t.typtype = 'd' THEN ARRAY({_CHAIN}
           SELECT k.conbin::text FROM chain JOIN pg_constraint k ON k.contypid = chain.oid
           WHERE k.contype = 'c' AND k.convalidated) ELSE '{{}}' END::text[]
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef f ON f.adrelid = c.oid AND f.adnum = a.attnum
WHERE c.oid = ANY(%s::oid[])
ORDER BY c.oid, a.attnum
"""

_ATTRIBUTES: Final = """
SELECT t.oid::int8, ARRAY(
    SELECT CASE WHEN NOT attisdropped THEN attname ELSE '' END::text
    FROM pg_attribute WHERE attrelid = t.typrelid AND attnum > 0 ORDER BY attnum)::text[]
FROM pg_type t WHERE t.oid = ANY(%s::oid[]) AND t.typrelid <> 0
"""

_DOMAINS: Final = f"""
SELECT t.oid::int8, {DOMAIN_REFUSES_NULL.format("t")},
       ARRAY({_CHAIN} SELECT k.conbin::text FROM chain
             JOIN pg_constraint k ON k.contypid = chain.oid WHERE k.contype = 'c')::text[]
FROM pg_type t WHERE t.oid = ANY(%s::oid[])
"""

_FUNCTIONS: Final = """
SELECT p.oid::int8, p.proname::text,
       ARRAY(SELECT t.typname::text FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY o (oid, n)
             JOIN pg_type t ON t.oid = o.oid ORDER BY o.n)::text[],
       p.proisstrict, p.oid < 16384 OR x.oid IS NOT NULL,
       ARRAY(SELECT DISTINCT o.oprname::text FROM pg_operator o WHERE o.oprcode = p.oid)::text[],
       p.provolatile::text
FROM pg_proc p
LEFT JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
LEFT JOIN pg_extension x ON x.oid = d.refobjid AND x.extname = ANY(%s)
WHERE p.oid = ANY(%s::oid[])
"""

_OPERATORS: Final = """
SELECT o.oid::int8, o.oprname::text,
       o.oid < 16384 OR x.oid IS NOT NULL,
       EXISTS (SELECT FROM pg_amop m JOIN pg_am a ON a.oid = m.amopmethod
               WHERE m.amopopr = o.oid AND a.amname IN ('btree', 'hash'))
FROM pg_operator o
LEFT JOIN pg_depend d ON d.classid = 'pg_operator'::regclass AND d.objid = o.oid
                     AND d.deptype = 'e'
LEFT JOIN pg_extension x ON x.oid = d.refobjid AND x.extname = ANY(%s)
WHERE o.oid = ANY(%s::oid[])
"""
