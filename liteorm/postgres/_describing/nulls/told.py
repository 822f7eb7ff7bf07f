"""What conditions and CHECK constraints tell of columns: `status = 'sent'`, `n > 0`, `NOT paid`.

A column is one of the constants told of it, or NULL. That follows from a condition that is not
false, so from a CHECK too: each of these comparisons is NULL only if its column is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from attrs import frozen

from liteorm.postgres._describing.nulls.comparing import NUMBERS, among, is_of, meet
from liteorm.postgres._describing.nulls.levels import Col, Level, Rel
from liteorm.postgres._describing.nulls.nodes import Node
from liteorm.postgres._describing.nulls.values import Value

Evaluate = Callable[[Level, Any], Value]
Told = dict[Col, Any]

_MIRRORED: Final = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
_OPPOSITE: Final = {"=": "<>", "<>": "=", "<": ">=", ">": "<=", "<=": ">", ">=": "<"}
_EXACT: Final = frozenset(
    {"texteq", "textne", "enum_eq", "enum_ne", "uuid_eq", "uuid_ne", "booleq", "boolne"}
)
"""Operators that take for equal only what has the same bytes."""
_DETERMINISTIC: Final = frozenset({0, 100, 950, 951})
"""No collation, the database's own, "C" and "POSIX"; others may take different texts for equal."""
_IS_TRUE, _IS_NOT_TRUE, _IS_FALSE, _IS_NOT_FALSE = 0, 1, 2, 3
_BOOL: Final = 16


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
        told = _Telling(level, rels, evaluate).of(condition.node, holds=True)
        for col, const in told.items():
            found.setdefault(col, []).append((const, condition.needs))
    return found


def told_in(level: Level, node: Any, evaluate: Evaluate, *, holds: bool, test: Any = None) -> Told:
    """Return what a condition tells of columns: where it is not false, or where it is not true.

    Args:
        level: The level that it is of.
        node: The condition.
        evaluate: What finds out what is known of an expression.
        holds: Whether it is not false, or else not true.
        test: What the CASE compares that it is of.
    """
    return _Telling(level, level.rels, evaluate, test).of(node, holds=holds)


@frozen
class _Telling:
    """Finds what a condition tells, about the columns of some tables."""

    level: Level
    rels: dict[int, Rel]
    evaluate: Evaluate
    test: Any = None

    def of(self, node: Any, *, holds: bool) -> Told:
        """Return what is told where a condition is not false, or (it does not hold) not true."""
        if not isinstance(node, Node):
            return {}
        match node.kind:
            case "BOOLEXPR":
                return self._of_several(node, holds=holds)
            case "VAR" if node.number("vartype") == _BOOL:
                return _one(self._column(node), ("bool", holds))
            case "BOOLEANTEST":
                # Of IS NOT, NULL comes through too.
                truth = node.number("booltesttype") in (_IS_TRUE, _IS_NOT_FALSE)
                told = node.number("booltesttype") <= _IS_NOT_FALSE
                return _one(self._column(node["arg"]), ("bool", truth == holds)) if told else {}
            case "OPEXPR":
                return self._compared(node, holds=holds)
            case "SCALARARRAYOPEXPR":
                return self._listed(node, holds=holds)
            case _:
                return {}

    def _of_several(self, node: Node, *, holds: bool) -> Told:
        args = node.nodes("args")
        if node["boolop"] == "not":
            return self.of(args[0], holds=not holds)
        parts = [self.of(arg, holds=holds) for arg in args]
        found = parts[0]
        for part in parts[1:]:
            found = both(found, part) if (node["boolop"] == "and") == holds else _any(found, part)
        return found

    def _column(self, node: Any) -> Col | None:
        """Return the column of a table that an expression is, under whatever type's name."""
        while isinstance(node, Node) and (
            (node.kind == "RELABELTYPE" and node.number("resulttype") in _PLAIN)
            or (node.kind == "CASETESTEXPR" and self.test is not None)
        ):
            node = node["arg"] if node.kind == "RELABELTYPE" else self.test
        if not isinstance(node, Node) or node.kind != "VAR" or node.number("varattno") <= 0:
            return None
        if node.number("varlevelsup") or node.number("varreturningtype"):
            return None
        rel = self.rels.get(node.number("varno"))
        plain = rel is not None and rel.aliases is None
        return rel.col(node.number("varattno")) if rel is not None and plain else None

    def _compared(self, node: Node, *, holds: bool) -> Told:
        operator = self.level.analysis.catalog.operators.get(node.number("opno"))
        args = node.nodes("args")
        if operator is None or not operator.own or operator.name not in _MIRRORED or len(args) != 2:
            return {}
        name, (one, two) = operator.name, args
        col, other = self._column(one), two
        if col is None:
            col, other, name = self._column(two), one, _MIRRORED[name]
        if col is None:
            return {}
        name = name if holds else _OPPOSITE[name]
        return _one(col, _side(name, self._constant(other), exact=is_exact(self.level, node)))

    def _constant(self, node: Any) -> Any:
        """Return the constant that an expression of constants is."""
        if not isinstance(node, Node) or any(part.kind in _NOT_CONSTANT for part in node.walk()):
            return None
        const = self.evaluate(self.level, node).const
        return None if const is None or const[0] in ("among", "except", "range") else const

    def _listed(self, node: Node, *, holds: bool) -> Told:
        """Return what `x IN (…)` and `x NOT IN (…)` tell."""
        operator = self.level.analysis.catalog.operators.get(node.number("opno"))
        scalar, array = node.nodes("args")
        col = self._column(scalar)
        if operator is None or not operator.own or col is None:
            return {}
        consts = [self._constant(item) for item in elements_of(array)]
        if not consts or None in consts:
            return {}
        if (operator.name, node.flag("useOr")) not in (("=", True), ("<>", False)):
            return {}
        if node.flag("useOr") != holds:
            return _one(col, ("except", frozenset(consts)))
        exact = is_exact(self.level, node) or all(is_of(const, NUMBERS) for const in consts)
        return _one(col, among(consts) if exact else None)


def _one(col: Col | None, const: Any) -> Told:
    return {} if col is None or const is None else {col: const}


def both(one: Told, two: Told) -> Told:
    """Return what is told where both conditions tell it."""
    found = {**one, **two}
    return {
        col: meet(one[col], two[col]) if col in one and col in two else const
        for col, const in found.items()
    }


def _any(one: Told, two: Told) -> Told:
    """Return what is told where either condition tells it."""
    joined = {col: among([const, two[col]]) for col, const in one.items() if col in two}
    return {col: const for col, const in joined.items() if const is not None}


_PLAIN: Final = frozenset({16, 20, 21, 23, 25, 700, 701, 1700})


_NOT_CONSTANT: Final = frozenset({"VAR", "PARAM", "QUERY", "AGGREF", "WINDOWFUNC", "CASETESTEXPR"})


def _side(name: str, const: Any, *, exact: bool) -> Any:
    """Return what is known of what compares so with a constant."""
    if const is None:
        return None
    number = is_of(const, NUMBERS)
    match name:
        case "=":
            return const if exact or number else None
        case "<>" if const[0] == "bool":
            return ("bool", not const[1])
        case "<>":
            return ("except", frozenset({const}))
        case _ if not number:
            return None
        case ">" | ">=":
            return ("range", const[1], name == ">=", None, False)
        case _:
            return ("range", None, False, const[1], name == "<=")


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
