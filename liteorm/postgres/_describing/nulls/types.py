"""The type of an expression in a tree."""

from __future__ import annotations

from typing import Any, Final

from liteorm.postgres._describing.nulls.nodes import Node

_FIELDS: Final = (
    *("vartype", "consttype", "paramtype", "funcresulttype", "opresulttype", "resulttype"),
    *("coalescetype", "minmaxtype", "casetype", "aggtype", "wintype", "array_typeid", "row_typeid"),
    *("refrestype", "resultType"),
)


_BOOL: Final = 16
_CONDITIONS: Final = frozenset(
    {
        *("BOOLEXPR", "NULLTEST", "BOOLEANTEST", "SCALARARRAYOPEXPR", "ROWCOMPAREEXPR"),
        *("ROWCOMPARE", "DISTINCTEXPR", "JSONISPREDICATE", "CURRENTOFEXPR"),
    }
)
_SCALAR: Final = 4


def type_of(node: Any) -> int:
    """Return the oid of an expression's type; 0 where the node does not say it."""
    if not isinstance(node, Node):
        return 0
    if node.kind in _CONDITIONS:
        return _BOOL
    if node.kind == "SUBLINK":
        return _of_subquery(node)
    return next((node.number(name) for name in _FIELDS if name in node.fields), 0)


def _of_subquery(node: Node) -> int:
    kind = node.number("subLinkType")
    if kind < _SCALAR:  # EXISTS, ALL, ANY and a row that is compared
        return _BOOL
    query = node["subselect"]
    entries = query.nodes("targetList") if isinstance(query, Node) else []
    return type_of(entries[0]["expr"]) if kind == _SCALAR and entries else 0
