"""Where in a module's text the fields of a class and the names of constraints are written."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Iterator

from liteorm._check.places import Spot, text_of


def field_spot(file: str, qualname: str, field: str) -> Spot | None:
    """Return where a class declares a field, None where its own text does not.

    Args:
        file: The file of its module.
        qualname: The name of the class, with those around it.
        field: The name of the field.
    """
    try:
        text = text_of(file)
        classes = _classes(_parsed(text).body, "", qualname)
    except (OSError, SyntaxError, ValueError):
        return None
    for found in classes:
        for node in found.body:
            match node:
                case ast.AnnAssign(target=ast.Name(id=name) as target) if name == field:
                    return _spot(text, target)
                case ast.Assign(targets=[ast.Name(id=name) as target]) if name == field:
                    return _spot(text, target)
                case _:
                    continue
    return None


def key_spot(file: str, line: int, key: str) -> Spot | None:
    """Return where the statement that begins in some line has a key of a dict, if it has it.

    Args:
        file: The file of its module.
        line: The statement's first line.
        key: The key.
    """
    try:
        text = text_of(file)
        nodes = list(ast.walk(_parsed(text)))
    except (OSError, SyntaxError, ValueError):
        return None
    for node in nodes:
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) and node.lineno == line:
            for inner in ast.walk(node):
                for place in _keys(inner, key):
                    return _spot(text, place)
    return None


@functools.lru_cache(maxsize=16)
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


def _classes(body: Iterable[ast.AST], around: str, qualname: str) -> Iterator[ast.ClassDef]:
    """Yield the classes of a name, also those that a condition decides about."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            name = f"{around}{node.name}"
            if name == qualname:
                yield node
            yield from _classes(node.body, f"{name}.", qualname)
        elif isinstance(node, ast.If | ast.Try | ast.With | ast.For | ast.While | ast.Match):
            inner = [each for each in ast.walk(node) if isinstance(each, ast.ClassDef)]
            yield from (each for each in inner if f"{around}{each.name}" == qualname)


def _keys(node: ast.AST, key: str) -> Iterator[ast.expr | ast.keyword]:
    if isinstance(node, ast.Dict):
        for each in node.keys:
            if isinstance(each, ast.Constant) and each.value == key:
                yield each
    elif isinstance(node, ast.keyword) and node.arg == key:
        yield node


def _spot(text: str, node: ast.expr | ast.keyword) -> Spot:
    """Return line and column in characters, where the parser counts bytes."""
    line = text.split("\n")[node.lineno - 1]
    return node.lineno, len(line.encode()[: node.col_offset].decode()) + 1
