"""The name that PostgreSQL gives a column without AS (FigureColname in its parser)."""

from __future__ import annotations

from typing import Any

from liteorm.postgres._describing.nulls.grammar import kind, strings

_FIXED = {
    "A_ArrayExpr": "array",
    "CoalesceExpr": "coalesce",
    "GroupingFunc": "grouping",
    "JsonArrayAgg": "json_arrayagg",
    "JsonArrayConstructor": "json_array",
    "JsonObjectAgg": "json_objectagg",
    "JsonObjectConstructor": "json_object",
    "MergeSupportFunc": "merge_action",
    "RowExpr": "row",
}


def title_of(node: Any) -> str:
    """Return the name of an unnamed column of a result."""
    return _named(node)[0] or "?column?"


def _named(node: Any) -> tuple[str, int]:
    """Return a name and how well it fits: 2 for a proper one, 1 for a type's, 0 for none."""
    match kind(node):
        case "ColumnRef":
            return _last(strings(node.fields))
        case "A_Indirection":
            names = [item.sval for item in node.indirection if kind(item) == "String"]
            return (names[-1], 2) if names else _named(node.arg)
        case "FuncCall":
            return _last(strings(node.funcname))
        case "A_Expr" if node.kind.name == "AEXPR_NULLIF":
            return "nullif", 2
        case "TypeCast":
            name, fit = _named(node.arg)
            return (name, fit) if fit > 1 else (strings(node.typeName.names)[-1], 1)
        case "CollateClause":
            return _named(node.arg)
        case "CaseExpr":
            name, fit = _named(node.defresult) if node.defresult is not None else ("", 0)
            return (name, fit) if fit > 1 else ("case", 1)
        case "MinMaxExpr":
            return ("greatest" if node.op.name == "IS_GREATEST" else "least"), 2
        case "SQLValueFunction":
            return node.op.name.removeprefix("SVFOP_").removesuffix("_N").lower(), 2
        case "SubLink":
            return _sublink(node)
        case other:
            return (_FIXED[other], 2) if other in _FIXED else ("", 0)


def _last(names: tuple[str, ...]) -> tuple[str, int]:
    return (names[-1], 2) if names and names[-1] != "*" else ("", 0)


def _sublink(node: Any) -> tuple[str, int]:
    match node.subLinkType.name:
        case "EXISTS_SUBLINK":
            return "exists", 2
        case "ARRAY_SUBLINK":
            return "array", 2
        case "EXPR_SUBLINK":
            query = node.subselect
            while query.op.name != "SETOP_NONE":
                query = query.larg
            if query.targetList:
                target = query.targetList[0]
                return (target.name, 2) if target.name else _named(target.val)
        case _:
            pass
    return "", 0
