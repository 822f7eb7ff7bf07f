"""Constants in a tree: their bytes, as far as something follows from them.

A constant is `("int", number)`, `("bool", …)`, `("text", its bytes)`, or else `(type, bytes)`.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

from liteorm.postgres._describing.nulls.comparing import NUMBERS, is_of
from liteorm.postgres._describing.nulls.nodes import Node
from liteorm.postgres._describing.nulls.values import FALSE, NEVER, NOTHING, TRUE, Value

_BOOL: Final = 16
_INTEGERS: Final = {21: 2, 23: 4, 20: 8}
"""The oids of smallint, integer and bigint, and how many bytes they have."""
_NUMERIC: Final = 1700
_OTHER_NUMBERS: Final = frozenset({_NUMERIC, 700, 701})
"""numeric, real and double precision."""
_TEXTS: Final = frozenset({25, 1043})
"""text and character varying."""


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
    if type_ == _NUMERIC:
        number = _numeric(data)
        return Value(NEVER, const=None if number is None else ("int", number))
    if type_ in _TEXTS:
        whole = int.from_bytes(data[:4], "little") >> 2 == len(data)
        return Value(NEVER, const=("text", data[4:]) if whole else None)
    return Value(NEVER, const=(type_, data))


def recast(const: Any, type_: int) -> Any:
    """Return a constant whose type is only called another, if it compares as it did."""
    if const is None:
        return None
    if type_ in _TEXTS:
        kinds: tuple[str, ...] = ("text",)
    elif type_ == _BOOL:
        kinds = ("bool",)
    else:
        kinds = NUMBERS if type_ in _INTEGERS or type_ in _OTHER_NUMBERS else ()
    return const if is_of(const, kinds) else None


def converted(const: Any, source: str, target: str) -> Any:
    """Return a number that is made another type of number, if it is the same one."""
    if const is None or not is_of(const, NUMBERS):
        return None
    if source in _INTEGER_NAMES and target in (*_INTEGER_NAMES, "numeric"):
        return const
    small = const[0] == "int" and const[1] == int(const[1]) and abs(const[1]) < _EXACT_IN_FLOAT4
    return const if small else None


_INTEGER_NAMES: Final = ("int2", "int4", "int8")
_EXACT_IN_FLOAT4: Final = 2**24


def _numeric(data: bytes) -> int | Fraction | None:
    """Return a number of type numeric: groups of four digits behind a short or a long header.

    https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/numeric.c
    """
    if len(data) < 6 or int.from_bytes(data[:4], "little") >> 2 != len(data):
        return None
    header = int.from_bytes(data[4:6], "little")
    if header & 0xC000 == 0xC000:  # NaN and the infinities
        return None
    if header & 0x8000:
        negative, start = bool(header & 0x2000), 6
        weight = (header & 0x3F) - (0x40 if header & 0x40 else 0)
    else:
        negative, start = bool(header & 0x4000), 8
        weight = int.from_bytes(data[6:8], "little", signed=True)
    found = Fraction(0)
    for place, at in enumerate(range(start, len(data) - 1, 2)):
        digits = int.from_bytes(data[at : at + 2], "little", signed=True)
        found += digits * Fraction(10_000) ** (weight - place)
    found = -found if negative else found
    return int(found) if found.denominator == 1 else found


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
