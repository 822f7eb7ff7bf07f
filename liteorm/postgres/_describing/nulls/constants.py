"""Constants in a tree: their bytes, as far as something follows from them."""

from __future__ import annotations

from typing import Any, Final

from liteorm.postgres._describing.nulls.nodes import Node
from liteorm.postgres._describing.nulls.values import FALSE, NEVER, NOTHING, POSITIVE, TRUE, Value

_BOOL: Final = 16
_INTEGERS: Final = {21: 2, 23: 4, 20: 8}
"""The oids of smallint, integer and bigint, and how many bytes they have."""


def constant(node: Node) -> Value:
    """Return the value of a constant."""
    if node.flag("constisnull"):
        return NOTHING
    type_, data = node.number("consttype"), _bytes(node)
    if type_ == _BOOL:
        return TRUE if any(data) else FALSE
    if type_ in _INTEGERS and len(data) >= _INTEGERS[type_]:
        size = _INTEGERS[type_]
        return Value(NEVER, const=("int", int.from_bytes(data[:size], _order(node), signed=True)))
    return Value(NEVER, const=(type_, data))


def _bytes(node: Node) -> bytes:
    return bytes(item % 256 for item in node.nodes("constvalue"))


def _order(_: Node) -> Any:
    # Written as the server's machine has them in memory; all that matter today are little-endian.
    return "little"


def is_true(node: Any) -> bool:
    """Return whether a condition is no condition, or the constant TRUE."""
    if node is None:
        return True
    return isinstance(node, Node) and node.kind == "CONST" and constant(node) is TRUE


def plain_elements(node: Node) -> list[int] | None:
    """Return the states of a constant array's elements: known only if none is NULL.

    In its bytes, the number of dimensions and the offset of the data follow the length; the offset
    is 0 where there is no map of NULLs.
    """
    data = _bytes(node)
    if node.flag("constisnull") or node.number("constlen") != -1 or len(data) < 12:
        return None
    if not any(data[4:8]):
        return []
    return [NEVER] if not any(data[8:12]) else None


def compared(name: str, one: Any, two: Any) -> bool | None:
    """Return what comparing constants gives; None if it is not certain."""
    if one is None or two is None:
        return None
    if one[0] == two[0] == "int":
        rule = _ORDER.get(name)
        return None if rule is None else bool(rule(one[1], two[1]))
    if "between" in (one[0], two[0]):
        return _range_compared(name, one, two)
    if one == two and one != POSITIVE:
        return {"=": True, "<>": False}.get(name)
    if one[0] == two[0] == "bool":
        return {"=": False, "<>": True}.get(name)
    if one == POSITIVE and two[0] == "int":
        return _count_compared(name, two[1])
    if two == POSITIVE and one[0] == "int":
        return _count_compared(_MIRRORED.get(name, ""), one[1])
    return None


def _range_compared(name: str, one: Any, two: Any) -> bool | None:
    """Compare a number between two others with a number."""
    if one[0] != "between":
        one, two, name = two, one, _MIRRORED.get(name, "")
    rule = _ORDER.get(name)
    if rule is None or two[0] != "int":
        return None
    found = {bool(rule(number, two[1])) for number in range(one[1], one[2] + 1)}
    return found.pop() if len(found) == 1 else None


_ORDER: Final[dict[str, Any]] = {
    "=": int.__eq__,
    "<>": int.__ne__,
    "<": int.__lt__,
    "<=": int.__le__,
    ">": int.__gt__,
    ">=": int.__ge__,
}
_MIRRORED: Final = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


def _count_compared(name: str, number: int) -> bool | None:
    """Compare a count of 1 or more with a number."""
    if number <= 0:
        return {"=": False, "<>": True, ">": True, ">=": True, "<": False, "<=": False}.get(name)
    if number == 1:
        return {">=": True, "<": False}.get(name)
    return None
