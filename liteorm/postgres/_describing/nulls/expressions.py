"""Whether an expression can be NULL."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from liteorm.postgres._describing.nulls import builtins as known
from liteorm.postgres._describing.nulls.calls import call
from liteorm.postgres._describing.nulls.facts import Null
from liteorm.postgres._describing.nulls.grammar import kind, name_of, strings
from liteorm.postgres._describing.nulls.implied import if_not_true, if_true
from liteorm.postgres._describing.nulls.scope import Col, Level, Output

Value = tuple[Null, bool]
"""Can it be NULL; is it of a plain type (see `ColumnFacts.plain`)."""

UNKNOWN: Value = (None, False)
Subquery = Callable[[Any, Level], Output]


def any_of(nulls: Iterable[Null]) -> Null:
    """Return what is known of something that is NULL when any part is."""
    found = set(nulls)
    return True if True in found else None if None in found else False


def all_of(nulls: Iterable[Null]) -> Null:
    """Return what is known of something that is NULL only when every part is."""
    found = set(nulls)
    return False if False in found else None if None in found else True


class Evaluator:
    """Evaluates expressions at one query level."""

    def __init__(self, level: Level, subquery: Subquery) -> None:
        self.level = level
        self._subquery = subquery

    def __call__(self, node: Any) -> Value:
        """Return what is known of an expression's value."""
        rule = getattr(self, f"_{kind(node)}", None)
        if rule is None:
            return UNKNOWN
        value: Value = rule(node)
        return value

    def null(self, node: Any) -> Null:
        """Return whether an expression can be NULL."""
        return self(node)[0]

    def _ColumnRef(self, node: Any) -> Value:  # noqa: N802 (the node's name)
        col = self.level.find(strings(node.fields))
        if col is None or (self.level.opaque and not self.level.aggregating):
            return UNKNOWN
        return self.level.null_of(col), col.plain

    def _A_Const(self, node: Any) -> Value:  # noqa: N802
        return bool(node.isnull), True

    def _ParamRef(self, node: Any) -> Value:  # noqa: N802
        return self.level.params.get(node.number), False

    def _TypeCast(self, node: Any) -> Value:  # noqa: N802
        null, plain = self(node.arg)
        target = name_of(node.typeName.names)[1] in self.level.facts.plain_types
        # Read by the type's input function, or cast element by element: never NULL by itself.
        constant = kind(node.arg) in ("A_Const", "ParamRef", "A_ArrayExpr", "RowExpr")
        if null is False and not constant and not (plain and target):
            return None, target
        if self.level.facts.foreign_casts and not constant:
            return None, target
        return null, target

    def _CollateClause(self, node: Any) -> Value:  # noqa: N802
        return self(node.arg)

    def _BoolExpr(self, node: Any) -> Value:  # noqa: N802
        return any_of(self.null(arg) for arg in node.args), True

    def _NullTest(self, _: Any) -> Value:  # noqa: N802
        return False, True

    _BooleanTest = _GroupingFunc = _NullTest

    def _MergeSupportFunc(self, _: Any) -> Value:  # noqa: N802
        return False, True

    def _A_ArrayExpr(self, _: Any) -> Value:  # noqa: N802
        return False, False

    _RowExpr = _JsonObjectConstructor = _JsonArrayConstructor = _A_ArrayExpr

    def _JsonIsPredicate(self, node: Any) -> Value:  # noqa: N802
        return self.null(node.expr), True

    def _SQLValueFunction(self, node: Any) -> Value:  # noqa: N802
        return (None if node.op.name == "SVFOP_CURRENT_SCHEMA" else False), True

    def _CoalesceExpr(self, node: Any) -> Value:  # noqa: N802
        values = [self(arg) for arg in node.args]
        return all_of(null for null, _ in values), all(plain for _, plain in values)

    _MinMaxExpr = _CoalesceExpr

    def _CaseExpr(self, node: Any) -> Value:  # noqa: N802
        values: list[Value] = []
        passed: set[Col] = set()
        for when in node.args:
            condition: set[Col] = set()
            if node.arg is None:
                condition = if_true(self.level, when.expr)
            with self.level.assuming(condition | passed):
                values.append(self(when.result))
            if node.arg is None:
                passed |= if_not_true(self.level, when.expr)
        with self.level.assuming(passed):
            values.append((True, True) if node.defresult is None else self(node.defresult))
        return any_of(null for null, _ in values), all(plain for _, plain in values)

    def _A_Indirection(self, node: Any) -> Value:  # noqa: N802
        return (True if self.null(node.arg) else None), False

    def _A_Expr(self, node: Any) -> Value:  # noqa: N802
        match node.kind.name:
            case "AEXPR_DISTINCT" | "AEXPR_NOT_DISTINCT":
                return False, True
            case "AEXPR_NULLIF":
                return True, self(node.lexpr)[1]
            case "AEXPR_OP" | "AEXPR_LIKE" | "AEXPR_ILIKE":
                return self._operator(node)
            case "AEXPR_OP_ANY" | "AEXPR_OP_ALL":
                return self._over_array(node)
            case "AEXPR_IN" | "AEXPR_BETWEEN" | "AEXPR_NOT_BETWEEN":
                return self._comparison(node)
            case "AEXPR_BETWEEN_SYM" | "AEXPR_NOT_BETWEEN_SYM":
                return self._comparison(node)
            case _:
                return UNKNOWN

    def _operator(self, node: Any) -> Value:
        name = name_of(node.name)[1]
        sides = [self._side(side) for side in (node.lexpr, node.rexpr) if side is not None]
        null = any_of(side[0] for side in sides)
        plain = all(side[1] for side in sides)
        facts = self.level.facts
        # Two geometric paths may add up to NULL; everything else here is total.
        total = name in known.TOTAL_OPERATORS and (name != "+" or plain)
        if total and name not in facts.foreign_operators:
            return (null if null is not True or name in facts.strict_operators else None), plain
        return (True if null is True and name in facts.strict_operators else None), False

    def _side(self, node: Any) -> Value:
        if kind(node) == "RowExpr":
            values = [self(arg) for arg in node.args]
            return any_of(null for null, _ in values), all(plain for _, plain in values)
        return self(node)

    def _over_array(self, node: Any) -> Value:
        if kind(node.rexpr) != "A_ArrayExpr":
            return (True if self.null(node.rexpr) else None), True
        name = name_of(node.name)[1]
        nulls = [self.null(node.lexpr), *(self.null(item) for item in node.rexpr.elements or ())]
        total = name in known.TOTAL_OPERATORS and name not in self.level.facts.foreign_operators
        return (any_of(nulls) if total else None), True

    def _comparison(self, node: Any) -> Value:
        if self.level.facts.foreign_operators & {"=", "<>", "<", ">", "<=", ">="}:
            return None, True
        sides = [node.lexpr, *node.rexpr]
        return any_of(self._side(side)[0] for side in sides), True

    def _SubLink(self, node: Any) -> Value:  # noqa: N802
        name = node.subLinkType.name
        if name == "EXISTS_SUBLINK":
            return False, True
        if name == "ARRAY_SUBLINK":
            return False, False
        output = self._subquery(node.subselect, self.level.inner())
        if name == "EXPR_SUBLINK" and output.columns is not None and len(output.columns) == 1:
            [column] = output.columns
            # No row gives NULL, but whether one is there is seldom written in the query.
            return (column.null if column.null or output.certain else None), column.plain
        return None, False

    def _FuncCall(self, node: Any) -> Value:  # noqa: N802
        return call(self, node)
