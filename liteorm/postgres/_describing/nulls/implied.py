"""Which columns are not NULL in the rows that a condition lets through."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from liteorm.postgres._describing.nulls.grammar import kind, name_of, strings
from liteorm.postgres._describing.nulls.scope import Col, Level

Cols = set[Col]
_Rule = Callable[[Level, Any], Cols]


def if_true(level: Level, node: Any) -> Cols:
    """Return columns that are not NULL where the condition is true."""
    match kind(node):
        case "BoolExpr":
            return _by_logic(level, node, "AND_EXPR", if_true, if_false)
        case "NullTest" if node.nulltesttype.name == "IS_NOT_NULL":
            return if_known(level, node.arg)
        case "BooleanTest":
            return _by_test(level, node)
        case "A_Expr" if node.kind.name == "AEXPR_OP_ANY":
            return _operands(level, node)
        case "SubLink" if node.subLinkType.name == "ANY_SUBLINK":
            name = name_of(node.operName)[1] if node.operName else "="
            return if_known(level, node.testexpr) if _strict_operator(level, name) else set()
        case _:
            return if_known(level, node)


def if_false(level: Level, node: Any) -> Cols:
    """Return columns that are not NULL where the condition is false."""
    match kind(node):
        case "BoolExpr":
            return _by_logic(level, node, "OR_EXPR", if_false, if_true)
        case "NullTest" if node.nulltesttype.name == "IS_NULL":
            return if_known(level, node.arg)
        case _:
            return if_known(level, node)


def if_not_true(level: Level, node: Any) -> Cols:
    """Return columns that are not NULL where the condition is false or NULL: beyond a WHEN."""
    match kind(node):
        case "BoolExpr" if node.boolop.name == "OR_EXPR":
            return _union(if_not_true(level, arg) for arg in node.args)
        case "NullTest" if node.nulltesttype.name == "IS_NULL":
            return if_known(level, node.arg)
        case _:
            return set()


def if_known(level: Level, node: Any) -> Cols:
    """Return columns whose NULL would make the expression NULL."""
    match kind(node):
        case "ColumnRef":
            col = level.find(strings(node.fields))
            return {col} if col is not None else set()
        case "A_Expr":
            return _if_operator_known(level, node)
        case "FuncCall":
            return _if_call_known(level, node)
        case "TypeCast" | "CollateClause" if not level.facts.foreign_casts:
            return if_known(level, node.arg)
        case "BoolExpr" if node.boolop.name == "NOT_EXPR":
            return if_known(level, node.args[0])
        case _:
            return set()


def _union(sets: Iterable[Cols]) -> Cols:
    found: Cols = set()
    return found.union(*sets)


def _by_logic(level: Level, node: Any, every: str, rule: _Rule, opposite: _Rule) -> Cols:
    if node.boolop.name == "NOT_EXPR":
        return opposite(level, node.args[0])
    sets = [rule(level, arg) for arg in node.args]
    if node.boolop.name == every:
        return _union(sets)
    first, *rest = sets
    return first.intersection(*rest)


def _by_test(level: Level, node: Any) -> Cols:
    match node.booltesttype.name:
        case "IS_TRUE":
            return if_true(level, node.arg)
        case "IS_FALSE":
            return if_false(level, node.arg)
        case "IS_NOT_UNKNOWN":
            return if_known(level, node.arg)
        case _:
            return set()


def _if_operator_known(level: Level, node: Any) -> Cols:
    match node.kind.name:
        case "AEXPR_OP" | "AEXPR_LIKE" | "AEXPR_ILIKE":
            return _operands(level, node)
        case "AEXPR_IN" if _strict_operator(level, "="):
            return if_known(level, node.lexpr)
        case "AEXPR_BETWEEN" | "AEXPR_BETWEEN_SYM" if _strict_operator(level, ">="):
            return if_known(level, node.lexpr)
        case _:
            return set()


def _operands(level: Level, node: Any) -> Cols:
    if not _strict_operator(level, name_of(node.name)[1]):
        return set()
    sides = [side for side in (node.lexpr, node.rexpr) if side is not None]
    # A row compares field by field: (a, b) = (1, 2) can be false while b is NULL.
    if any(kind(side) == "RowExpr" for side in sides):
        return set()
    return _union(if_known(level, side) for side in sides)


def _strict_operator(level: Level, name: str) -> bool:
    return name in level.facts.strict_operators


def _if_call_known(level: Level, node: Any) -> Cols:
    name = name_of(node.funcname)[1]
    special = node.over or node.agg_filter or node.agg_star or node.func_variadic
    if special or name not in level.facts.strict_functions:
        return set()
    return _union(if_known(level, arg) for arg in node.args or ())
