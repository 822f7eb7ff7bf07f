"""The server's own reading of a statement: the text of its node trees, as Python objects.

`pg_proc.prosqlbody`, `pg_rewrite.ev_action`, `pg_attrdef.adbin` and `pg_constraint.conbin` hold
what `nodeToString` wrote
(https://github.com/postgres/postgres/blob/master/src/backend/nodes/outfuncs.c):
`{KIND :field value …}`, `(list of values)`, `<>` for nothing, a backslash before what is literal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from attrs import Factory, define

_TOKEN: Final = re.compile(r"[(){}]|(?:\\.|[^\s(){}\\])+", re.S)
_ESCAPE: Final = re.compile(r"\\(.)", re.S)
_MARKERS: Final = frozenset("iobx")
"""What a list of integers, oids or members of a set begins with."""

# Where in the text it stood, how it was written, and what other fields already say.
_UNESSENTIAL: Final = frozenset(
    {"location", "varnosyn", "varattnosyn", "varnullingrels", "vartypmod", "funcformat"}
)


@define(eq=False)
class Node:
    """A node: `node["field"]` is a text, a Node, a list, or None."""

    kind: str
    fields: dict[str, Any] = Factory(dict[str, Any])
    _key: str | None = None

    def __getitem__(self, name: str) -> Any:
        """Return a field; None where this version of PostgreSQL has none of this name."""
        return self.fields.get(name)

    def number(self, name: str) -> int:
        """Return a field that is a number; 0 where there is none."""
        return int(self.fields.get(name) or 0)

    def flag(self, name: str) -> bool:
        """Return a field that is true or false."""
        return bool(self.fields.get(name) == "true")

    def nodes(self, name: str) -> list[Any]:
        """Return a field that is a list; empty where there is none."""
        found = self.fields.get(name)
        return found if type(found) is list else []

    def numbers(self, name: str) -> list[int]:
        """Return a field that is a list of numbers."""
        return [int(item) for item in self.nodes(name)]

    @property
    def key(self) -> str:
        """The same text for nodes that mean the same at one place."""
        if self._key is None:
            inner = (
                f":{name} {_key_of(value)}"
                for name, value in self.fields.items()
                if name not in _UNESSENTIAL
            )
            self._key = f"{{{self.kind} {' '.join(inner)}}}"
        return self._key

    def walk(self) -> Iterator[Node]:
        """Yield this node and all below it."""
        stack: list[Any] = [self]
        while stack:
            top = stack.pop()
            if isinstance(top, Node):
                yield top
                stack.extend(top.fields.values())
            elif type(top) is list:
                stack.extend(top)


def _key_of(value: Any) -> str:
    if isinstance(value, Node):
        return value.key
    if type(value) is list:
        return f"({' '.join(_key_of(item) for item in value)})"
    return str(value)


def read_nodes(text: str) -> Any:
    """Return what a text of the catalog means: a Node, or a list of such.

    Raises:
        ValueError: It is not written as PostgreSQL 14 to 19 write it.
    """
    top: list[Any] = []
    stack: list[tuple[Any, list[Any]]] = [(None, top)]
    kind = False
    for match in _TOKEN.finditer(text):
        token = match[0]
        if kind:
            stack[-1] = (token, [])
            kind = False
        elif token == "{":
            stack.append(("", []))
            kind = True
        elif token == "(":
            stack.append((None, []))
        elif token in ("}", ")"):
            name, content = stack.pop()
            if not stack or (name is None) != (token == ")"):
                raise ValueError("the brackets of a node tree do not match")
            stack[-1][1].append(_list_of(content) if name is None else _node_of(name, content))
        else:
            stack[-1][1].append(token)
    if len(stack) != 1 or len(top) != 1:
        raise ValueError("a node tree does not end where its text ends")
    return top[0]


def _list_of(content: list[Any]) -> list[Any]:
    if content and type(content[0]) is str and content[0] in _MARKERS:
        content = content[1:]
    return [_plain(item) for item in content]


def _node_of(kind: str, content: list[Any]) -> Node:
    node = Node(kind)
    position = 0
    while position < len(content):
        label = content[position]
        if type(label) is not str or not label.startswith(":"):
            raise ValueError("a node's field has no name")
        value = content[position + 1] if position + 1 < len(content) else None
        position += 2
        if value == "[" or (position < len(content) and content[position] == "["):
            # The bytes of a constant: "4 [ 1 0 0 0 ]".
            end = content.index("]", position)
            value, position = [int(item) for item in content[position + 1 : end]], end + 1
        node.fields[label[1:]] = _plain(value)
    return node


def _plain(value: Any) -> Any:
    if type(value) is not str:
        return value
    if value == "<>":
        return None
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    return _ESCAPE.sub(r"\1", value)
