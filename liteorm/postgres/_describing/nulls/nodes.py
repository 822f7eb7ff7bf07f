"""The server's own reading of a statement: the text of its node trees, as Python objects.

`pg_proc.prosqlbody`, `pg_rewrite.ev_action`, `pg_attrdef.adbin` and `pg_constraint.conbin` hold
what `nodeToString` wrote
(https://github.com/postgres/postgres/blob/master/src/backend/nodes/outfuncs.c):
`{KIND :field value …}`, `(list of values)`, `<>` for nothing, a backslash before what is literal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, cast

from attrs import Factory, define

_TOKEN: Final = re.compile(r"[(){}]|(?:\\.|[^\s(){}\\])+", re.S)
_ESCAPE: Final = re.compile(r"\\(.)", re.S)
_MARKERS: Final = ("i", "o", "b", "x")
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
        return items_of(self.fields.get(name))

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
            inner = top
            if type(top) is Node:
                yield top
                inner = top.fields.values()
            # Most values are texts, which are not worth a turn.
            stack += [value for value in inner if type(value) in _INNER]


_INNER: Final = (Node, list)


def items_of(value: Any) -> list[Any]:
    """Return the items of what is a list; of what is none there are none."""
    return cast("list[Any]", value) if type(value) is list else []


def _key_of(value: Any) -> str:
    if isinstance(value, Node):
        return value.key
    if type(value) is list:
        return f"({' '.join(_key_of(item) for item in items_of(value))})"
    return str(value)


def read_nodes(text: str) -> Any:
    """Return what a text of the catalog means: a Node, or a list of such.

    Raises:
        ValueError: It is not written as PostgreSQL 14 to 19 write it.
    """
    top: list[Any] = []
    # What is open: lists, and nodes with the name of the field whose value is next.
    stack: list[tuple[list[Any], Node | None]] = []
    values: list[Any] = top
    node: Node | None = None
    tokens = iter(_TOKEN.findall(text))
    for token in tokens:
        if token == "{":
            stack.append((values, node))
            values, node = [], Node(next(tokens, ""))
        elif token == "(":
            stack.append((values, node))
            values, node = [], None
        elif token in ("}", ")"):
            if not stack or (token == "}") != (node is not None):
                raise ValueError("the brackets of a node tree do not match")
            found: Any = values
            if node is not None:
                _fill(node, values)
                found = node
            elif values and values[0] in _MARKERS:
                found = values[1:]
            values, node = stack.pop()
            values.append(found)
        elif token == "<>":
            values.append(None)
        else:
            values.append(_plain(token) if "\\" in token or token[0] == '"' else token)
    if stack or len(top) != 1:
        raise ValueError("a node tree does not end where its text ends")
    return top[0]


def _fill(node: Node, content: list[Any]) -> None:
    """Sort what stands in a node by its fields."""
    fields = node.fields
    if "[" not in content:
        labels = content[::2]
        if not all(type(label) is str and label[:1] == ":" for label in labels):
            raise ValueError("a node's field has no name")
        values = content[1::2]
        if len(values) < len(labels):
            values.append(None)
        fields.update(zip([label[1:] for label in labels], values, strict=True))
        return
    position, end = 0, len(content)
    while position < end:
        label = content[position]
        if type(label) is not str or label[:1] != ":":
            raise ValueError("a node's field has no name")
        value = content[position + 1] if position + 1 < end else None
        position += 2
        if position < end and content[position] == "[":
            # The bytes of a constant: "4 [ 1 0 0 0 ]".
            close = content.index("]", position)
            value, position = [int(item) for item in content[position + 1 : close]], close + 1
        fields[label[1:]] = value


def _plain(token: str) -> str:
    if token[0] == token[-1] == '"' and len(token) > 1:
        token = token[1:-1]
    return _ESCAPE.sub(r"\1", token) if "\\" in token else token
