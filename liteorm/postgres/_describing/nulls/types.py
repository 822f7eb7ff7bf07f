"""The type of an expression in a tree."""

from __future__ import annotations

from typing import Any, Final

from liteorm.postgres._describing.nulls.nodes import Node

_FIELDS: Final = (
    *("vartype", "consttype", "paramtype", "funcresulttype", "opresulttype", "resulttype"),
    *("coalescetype", "minmaxtype", "casetype", "aggtype", "wintype", "array_typeid", "row_typeid"),
    *("refrestype", "resultType"),
)


def type_of(node: Any) -> int:
    """Return the oid of an expression's type; 0 where the node does not say it."""
    if not isinstance(node, Node):
        return 0
    return next((node.number(name) for name in _FIELDS if name in node.fields), 0)
