"""Expressions that a condition says something of: `nullif(n, 2) IS NOT NULL`, `a + b > 0`.

The same expression gives the same value wherever it stands in the query, if it is computed from the
same row by what neither is random nor asks for anything else. The columns that it is computed from
are part of its atom, so that a row after a change is another one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

from attrs import evolve

from liteorm.postgres._describing.nulls.functions import STEADY
from liteorm.postgres._describing.nulls.levels import Level
from liteorm.postgres._describing.nulls.nodes import Node, items_of
from liteorm.postgres._describing.nulls.values import NEVER, NOTHING, SOME, UNKNOWN, Value

_COMPUTED: Final = frozenset(
    {
        *("FUNCEXPR", "OPEXPR", "NULLIFEXPR", "COALESCEEXPR", "COALESCE", "CASEEXPR", "CASE"),
        *("MINMAXEXPR", "MINMAX", "SUBSCRIPTINGREF", "FIELDSELECT", "COERCEVIAIO"),
        *("SCALARARRAYOPEXPR", "BOOLEXPR", "RELABELTYPE"),
    }
)
_PLAIN: Final = _COMPUTED | {
    *("VAR", "CONST", "CASEWHEN", "WHEN", "CASETESTEXPR", "COLLATEEXPR", "NULLTEST"),
    *("BOOLEANTEST", "DISTINCTEXPR", "ARRAYEXPR", "ARRAY", "ROWEXPR", "ROW", "PARAM"),
}
"""What an expression may be made of. No subquery, no aggregate."""

_MOST: Final = 24


def said_of(level: Level) -> Iterator[Any]:
    """Yield the atoms of the expressions that a level's conditions name: that they are NULL."""
    found: dict[str, Any] = {}
    for condition in level.conditions:
        if condition.table is not None or len(found) >= _MOST:
            continue
        for node in condition.node.walk():
            if node.kind in _COMPUTED and node.key not in found:
                columns = _columns(level, node)
                if columns:
                    found[node.key] = ("expression", node.key, columns)
    level.expressions = found
    yield from found.values()


def asked_in(level: Level, node: Node, value_of: Callable[[Level, Any], Value]) -> list[Any]:
    """Return the atoms of what an expression is made of more than once: it asks for it itself.

    `CASE WHEN data ->> 'k' IS NOT NULL THEN data ->> 'k' ELSE '' END`
    """
    parts = list(_own_parts(node))
    if not any(part.kind in _ASKING for part in parts):
        return []
    often = Counter(part.key for part in parts if part.kind in _COMPUTED)
    found: dict[str, Any] = {}
    for part in parts:
        if often[part.key] < 2 or part.key in found or len(found) == _MOST_ASKED:
            continue
        columns = _columns(level, part)
        atom = ("expression", part.key, columns)
        null = value_of(level, part).null if columns else NEVER
        if null in (UNKNOWN, SOME) and level.env.get(atom) is None:
            found[part.key] = atom
            if null == UNKNOWN:
                level.blurred.add(atom)
    level.expressions = {**level.expressions, **found}
    return list(found.values())


_ASKING: Final = frozenset({"CASEEXPR", "CASE", "BOOLEXPR"})
_MOST_ASKED: Final = 3


def _own_parts(node: Node) -> Iterator[Node]:
    """Yield what is computed from the row that the expression is of, but no conditions' own."""
    stack: list[Any] = [node]
    while stack:
        top = stack.pop()
        if not isinstance(top, Node):
            stack.extend(items_of(top))
        elif top.kind not in ("QUERY", "AGGREF", "WINDOWFUNC"):
            yield top
            stack.extend(top.fields.values())


def as_said(level: Level, node: Node, value: Value) -> Value:
    """Return what is known of an expression, with what is assumed of the very same one."""
    atom = level.expressions.get(node.key)
    if atom is None or value.null not in (UNKNOWN, SOME) or (level.grouped and level.rolled):
        return value
    assumed = level.env.get(atom)
    if assumed is None or _columns(level, node) != atom[2]:
        return value
    return NOTHING if assumed else evolve(value, null=NEVER)


def _columns(level: Level, node: Node) -> tuple[Any, ...]:
    """Return the columns that an expression is computed from; none if it may give different values.

    Each is the column of one reading of a row: that of another version of the row is not the same.
    """
    found: list[Any] = []
    for part in node.walk():
        if not _is_steady(level, node, part):
            return ()
        if part.kind != "VAR":
            continue
        rel = level.rels.get(part.number("varno"))
        if rel is None or rel.aliases is not None:
            return ()
        if part.number("varlevelsup") or part.number("varreturningtype"):
            return ()
        found.append(rel.col(part.number("varattno")))
    return tuple(found)


def _is_steady(level: Level, whole: Node, part: Node) -> bool:
    if part.kind not in _PLAIN or part.flag("funcretset") or part.flag("opretset"):
        return False
    if part.kind == "PARAM":
        return part.number("paramkind") == 0
    if part.kind == "CASETESTEXPR":
        # What is compared stands in the same expression.
        return whole.kind in ("CASEEXPR", "CASE") and whole["arg"] is not None
    if part.kind == "SUBSCRIPTINGREF":
        return part["refassgnexpr"] is None
    for name in ("funcid", "opfuncid"):
        if name in part.fields and not _is_steady_function(level, part.number(name)):
            return False
    return True


def _is_steady_function(level: Level, oid: int) -> bool:
    function = level.analysis.catalog.functions.get(oid)
    if function is None:
        return False
    return function.volatility == "i" or (
        function.volatility == "s" and function.own and function.name in STEADY
    )
