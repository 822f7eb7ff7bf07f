"""The parse tree that pglast makes of a statement, and the few questions asked of any node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pglast import Error as ParseError
from pglast import ast, parse_sql

from liteorm.postgres._describing.nulls.facts import Names


def parsed(sql: str) -> Any | None:
    """Return the parse tree of one statement, or None if it is none, or several, or not SQL."""
    try:
        statements = parse_sql(sql)
    except ParseError:
        return None
    return statements[0].stmt if len(statements) == 1 else None


def kind(node: Any) -> str:
    """Return the name of a node's class: `SelectStmt`, `ColumnRef`."""
    return type(node).__name__


def children(node: Any) -> Iterator[Any]:
    """Yield the nodes directly below a node."""
    for name in node.__slots__:
        yield from _nodes(getattr(node, name, None))


def _nodes(value: Any) -> Iterator[Any]:
    # Not isinstance: a checker would take the elements for unknown, and complain of each use.
    if type(value) in (tuple, list):
        for item in value:
            yield from _nodes(item)
    elif isinstance(value, ast.Node):
        yield value


def walk(node: Any) -> Iterator[Any]:
    """Yield a node and all nodes below it."""
    stack = [node]
    while stack:
        top = stack.pop()
        yield top
        stack.extend(children(top))


def strings(items: Any) -> tuple[str, ...]:
    """Return the text of a list of String nodes; "*" for a star."""
    return tuple("*" if kind(item) == "A_Star" else item.sval for item in items or ())


def name_of(items: Any) -> tuple[str | None, str]:
    """Return schema and name of a function, operator or type."""
    *before, name = strings(items)
    return (before[-1] if before else None), name


def names_in(tree: Any) -> Names:
    """Return the relations, functions, operators and types that a statement names."""
    names = Names()
    for node in walk(tree):
        match kind(node):
            case "RangeVar":
                names.relations.add(node.relname)
            case "FuncCall":
                names.functions.add(name_of(node.funcname)[1])
            case "A_Expr":
                names.operators.add(name_of(node.name)[1])
            case "SubLink" if node.operName:
                names.operators.add(name_of(node.operName)[1])
            case "TypeName":
                names.types.add(name_of(node.names)[1] if node.names else "")
            case _:
                pass
    return names
