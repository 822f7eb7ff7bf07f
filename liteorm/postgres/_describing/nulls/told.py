"""What conditions and CHECK constraints tell of columns: `status = 'sent'`, `n > 0`, `NOT paid`.

A column is one of the constants told of it, or NULL. That follows from a condition that is not
false, so from a CHECK too: each of these comparisons is NULL only if its column is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from liteorm.postgres._describing.nulls.comparing import NUMBERS, among, is_of, meet
from liteorm.postgres._describing.nulls.levels import Col, Level, Rel
from liteorm.postgres._describing.nulls.nodes import Node
from liteorm.postgres._describing.nulls.values import Value

Evaluate = Callable[[Level, Any], Value]
Told = dict[Col, Any]

_MIRRORED: Final = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
_EXACT: Final = frozenset(
    {"texteq", "textne", "enum_eq", "enum_ne", "uuid_eq", "uuid_ne", "booleq", "boolne"}
)
"""Operators that take for equal only what has the same bytes."""
_DETERMINISTIC: Final = frozenset({0, 100, 950, 951})
"""No collation, the database's own, "C" and "POSIX"; others may take different texts for equal."""
_IS_TRUE, _IS_NOT_TRUE, _IS_FALSE, _IS_NOT_FALSE = 0, 1, 2, 3
_BOOL: Final = 16
_NAMES: Final = frozenset(_MIRRORED)


def is_exact(level: Level, node: Node) -> bool:
    """Return whether a comparison takes for equal only what has the same bytes."""
    function = level.analysis.catalog.functions.get(node.number("opfuncid"))
    exact = function is not None and function.own and function.name in _EXACT
    return exact and node.number("inputcollid") in _DETERMINISTIC


def told_by(level: Level, evaluate: Evaluate) -> dict[Col, list[tuple[Any, frozenset[int]]]]:
    """Return what a level's conditions tell of columns, each with the joins that it needs."""
    found: dict[Col, list[tuple[Any, frozenset[int]]]] = {}
    for condition in level.conditions:
        rels = level.rels if condition.table is None else {1: condition.table}
        for col, const in _told(level, rels, condition.node, evaluate).items():
            found.setdefault(col, []).append((const, condition.needs))
    return found


def _told(level: Level, rels: dict[int, Rel], node: Any, evaluate: Evaluate) -> Told:
    if not isinstance(node, Node):
        return {}
    match node.kind:
        case "BOOLEXPR":
            return _of_several(level, rels, node, evaluate)
        case "VAR" if node.number("vartype") == _BOOL:
            return _one(_column(rels, node), ("bool", True))
        case "BOOLEANTEST":
            # Of IS NOT, NULL comes through too.
            truth = node.number("booltesttype") in (_IS_TRUE, _IS_NOT_FALSE)
            told = node.number("booltesttype") <= _IS_NOT_FALSE
            return _one(_column(rels, node["arg"]), ("bool", truth)) if told else {}
        case "OPEXPR":
            return _compared(level, rels, node, evaluate)
        case "SCALARARRAYOPEXPR":
            return _listed(level, rels, node, evaluate)
        case _:
            return {}


def _one(col: Col | None, const: Any) -> Told:
    return {} if col is None or const is None else {col: const}


def _of_several(level: Level, rels: dict[int, Rel], node: Node, evaluate: Evaluate) -> Told:
    args = node.nodes("args")
    if node["boolop"] == "not":
        plain = isinstance(args[0], Node) and args[0].kind == "VAR"
        return _one(_column(rels, args[0]) if plain else None, ("bool", False))
    parts = [_told(level, rels, arg, evaluate) for arg in args]
    found = dict(parts[0])
    for part in parts[1:]:
        if node["boolop"] == "and":
            found = {
                col: meet(found[col], part[col])
                if col in found and col in part
                else found.get(col) or part[col]
                for col in {**found, **part}
            }
        else:
            joined = {col: among([const, part[col]]) for col, const in found.items() if col in part}
            found = {col: const for col, const in joined.items() if const is not None}
    return found


def _column(rels: dict[int, Rel], node: Any) -> Col | None:
    """Return the column of a table that an expression is, or is only called another type of."""
    while isinstance(node, Node) and node.kind == "RELABELTYPE" and is_plain(node):
        node = node["arg"]
    if not isinstance(node, Node) or node.kind != "VAR" or node.number("varattno") <= 0:
        return None
    if node.number("varlevelsup") or node.number("varreturningtype"):
        return None
    rel = rels.get(node.number("varno"))
    return rel.col(node.number("varattno")) if rel is not None and rel.aliases is None else None


def is_plain(node: Node) -> bool:
    """Return whether what a RelabelType gives compares as a text, a number or a truth value."""
    return node.number("resulttype") in _PLAIN


_PLAIN: Final = frozenset({16, 20, 21, 23, 25, 700, 701, 1700})


def _compared(level: Level, rels: dict[int, Rel], node: Node, evaluate: Evaluate) -> Told:
    operator = level.analysis.catalog.operators.get(node.number("opno"))
    args = node.nodes("args")
    if operator is None or not operator.own or operator.name not in _NAMES or len(args) != 2:
        return {}
    name, (one, two) = operator.name, args
    col, other = _column(rels, one), two
    if col is None:
        col, other, name = _column(rels, two), one, _MIRRORED[name]
    if col is None:
        return {}
    return _one(col, _side(name, _constant(level, other, evaluate), exact=is_exact(level, node)))


def _constant(level: Level, node: Any, evaluate: Evaluate) -> Any:
    """Return the constant that an expression of constants is."""
    if not isinstance(node, Node) or any(part.kind in _NOT_CONSTANT for part in node.walk()):
        return None
    const = evaluate(level, node).const
    return None if const is None or const[0] in ("among", "except", "range") else const


_NOT_CONSTANT: Final = frozenset({"VAR", "PARAM", "QUERY", "AGGREF", "WINDOWFUNC", "CASETESTEXPR"})


def _side(name: str, const: Any, *, exact: bool) -> Any:
    """Return what is known of what compares so with a constant."""
    if const is None:
        return None
    number = is_of(const, NUMBERS)
    match name:
        case "=":
            return const if exact or number else None
        case "<>":
            return ("except", frozenset({const}))
        case _ if not number:
            return None
        case ">" | ">=":
            return ("range", const[1], name == ">=", None, False)
        case _:
            return ("range", None, False, const[1], name == "<=")


def _listed(level: Level, rels: dict[int, Rel], node: Node, evaluate: Evaluate) -> Told:
    """Return what `x IN (…)` and `x NOT IN (…)` tell."""
    operator = level.analysis.catalog.operators.get(node.number("opno"))
    scalar, array = node.nodes("args")
    col = _column(rels, scalar)
    if operator is None or not operator.own or col is None:
        return {}
    consts = [_constant(level, item, evaluate) for item in elements_of(array)]
    if not consts or None in consts:
        return {}
    if operator.name == "=" and node.flag("useOr"):
        exact = is_exact(level, node) or all(is_of(const, NUMBERS) for const in consts)
        return _one(col, among(consts) if exact else None)
    if operator.name == "<>" and not node.flag("useOr"):
        return _one(col, ("except", frozenset(consts)))
    return {}


def elements_of(array: Any) -> list[Any]:
    """Return the elements of an array that is written with its elements."""
    while isinstance(array, Node) and array.kind == "RELABELTYPE":
        array = array["arg"]
    if not isinstance(array, Node) or array.flag("multidims"):
        return []
    if array.kind == "ARRAYCOERCEEXPR":
        # text of character varying: the elements stay as they are.
        plain = isinstance(array["elemexpr"], Node) and array["elemexpr"].kind == "RELABELTYPE"
        return elements_of(array["arg"]) if plain and array.number("resulttype") == 1009 else []
    return array.nodes("elements") if array.kind in ("ARRAYEXPR", "ARRAY") else []
