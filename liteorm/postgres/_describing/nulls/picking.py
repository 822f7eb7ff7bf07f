"""What is picked out of a stored value and may not be there: a key, an element, a bound.

Nothing but the value decides whether it is there, and any value may be stored: `data ->> 'name'` is
NULL for some data. That holds for a column of a table that no condition, constraint or other part
of the statement says anything of, because whatever does may let only such values through that have
the key.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from attrs import evolve

from liteorm.postgres._describing.nulls import calls
from liteorm.postgres._describing.nulls.catalog import Relation
from liteorm.postgres._describing.nulls.constants import plain_elements
from liteorm.postgres._describing.nulls.levels import Level, Out
from liteorm.postgres._describing.nulls.nodes import Node
from liteorm.postgres._describing.nulls.values import SOME, UNKNOWN

Place = tuple[int, int]
"""The number of something in FROM, and of its column."""

_FIRST_OWN_OID: Final = 16384
"""Tables and types from this oid on are the user's.

https://www.postgresql.org/docs/current/system-catalog-initial-data.html
"""

_BY_KEY: Final = frozenset({"->", "->>"})
_BY_PATH: Final = frozenset({"#>", "#>>"})
_OF_JSON: Final = ("json_", "jsonb_")
_OF_NOTHING: Final = frozenset(
    {
        *("array_length(anyarray,int4)", "array_upper(anyarray,int4)"),
        *("array_lower(anyarray,int4)", "array_ndims(anyarray)", "array_dims(anyarray)"),
        *("array_position(anycompatiblearray,anycompatible)", "lower(anyrange)"),
        "upper(anyrange)",
    }
)
"""Functions that give NULL of an empty array or range, with their arguments."""


def open_columns(relation: Relation) -> frozenset[int]:
    """Return the columns of a table that may hold any value of their type."""
    if relation.kind != "r" or relation.foreign or relation.oid < _FIRST_OWN_OID:
        return frozenset()
    generated = [c.generated for c in relation.columns.values() if c.generated is not None]
    said = {number for _, number in places([*relation.checks, *generated])}
    if 0 in said:
        return frozenset()
    return frozenset(
        number
        for number, column in relation.columns.items()
        if number > 0
        and number not in said
        and column.generated is None
        and 0 < column.type < _FIRST_OWN_OID
    )


def places(trees: list[Any]) -> Iterator[Place]:
    """Yield the columns that trees name, as of any level."""
    for node in Node("", {"": trees}).walk():
        if node.kind == "VAR":
            yield node.number("varno"), node.number("varattno")


def decided(query: Node) -> frozenset[Place]:
    """Return the columns that decide which rows a query gives."""
    trees: list[Any] = [query["jointree"], query["havingQual"]]
    for entry in query.nodes("rtable"):
        trees += [entry[name] for name in ("subquery", "functions", "values_lists", "tablefunc")]
    return frozenset(places(trees))


def picked(level: Level, query: Node, item: Any, out: Out) -> Out:
    """Return what is known of a column of a select list, if it is picked out of a stored value."""
    if out.state != UNKNOWN or query.flag("hasTargetSRFs") or level.rolled:
        return out
    if not _may_miss(level, decided(query), item):
        return out
    whole = None if out.whole is None else max(out.whole, SOME)
    within = None if out.within is None else max(out.within, SOME)
    return evolve(out, null=max(out.null, SOME), whole=whole, within=within, why="")


def _may_miss(level: Level, said: frozenset[Place], node: Any) -> bool:
    """Return whether an expression is NULL where something is not in a stored value."""
    if not isinstance(node, Node):
        return False
    match node.kind:
        case "RELABELTYPE" | "COERCEVIAIO":
            return _may_miss(level, said, node["arg"])
        case "VAR":
            expression = _behind(level, node)
            return expression is not None and _may_miss(level, said, expression)
        case "SUBSCRIPTINGREF":
            sliced = node.nodes("reflowerindexpr") or node["refassgnexpr"] is not None
            return not sliced and _is_open(level, said, node["refexpr"])
        case "OPEXPR" | "FUNCEXPR":
            args = node.nodes("args")
            if not args or node.flag("funcretset") or node.flag("opretset"):
                return False
            if _picks(level, node, args) and _is_open(level, said, args[0]):
                return True
            oid = node.number("opfuncid" if node.kind == "OPEXPR" else "funcid")
            return calls.strict(level, oid) and any(_may_miss(level, said, arg) for arg in args)
        case _:
            return False


def _picks(level: Level, node: Node, args: list[Any]) -> bool:
    catalog = level.analysis.catalog
    if node.kind == "FUNCEXPR":
        function = catalog.functions.get(node.number("funcid"))
        return function is not None and function.own and function.signature in _OF_NOTHING
    operator = catalog.operators.get(node.number("opno"))
    function = catalog.functions.get(node.number("opfuncid"))
    if operator is None or function is None or not operator.own:
        return False
    if not function.name.startswith(_OF_JSON):
        return False
    # `data #> '{}'` is the value itself.
    return operator.name in _BY_KEY or (
        operator.name in _BY_PATH and args[1].kind == "CONST" and bool(plain_elements(args[1]))
    )


def _is_open(level: Level, said: frozenset[Place], node: Any) -> bool:
    if not isinstance(node, Node) or node.kind != "VAR":
        return False
    behind = _behind(level, node)
    if behind is not None:
        return _is_open(level, said, behind)
    number, column = node.number("varno"), node.number("varattno")
    if node.number("varlevelsup") or node.number("varreturningtype"):
        return False
    rel = level.rels.get(number)
    return rel is not None and column in rel.open and not {(number, column), (number, 0)} & said


def _behind(level: Level, node: Node) -> Any:
    """Return the expression that a column of a join or of GROUP BY stands for."""
    rel = level.rels.get(node.number("varno"))
    if node.number("varlevelsup") or rel is None or rel.aliases is None:
        return None
    number = node.number("varattno")
    return rel.aliases[number - 1] if 0 < number <= len(rel.aliases) else None
