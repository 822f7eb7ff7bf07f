"""Calls that give a value although not for all values: of a time that is not infinite, say."""

from __future__ import annotations

from typing import Any, Final

from liteorm.postgres._describing.nulls.catalog import Catalog
from liteorm.postgres._describing.nulls.functions import text_of
from liteorm.postgres._describing.nulls.nodes import Node

_MONOTONIC: Final = frozenset(
    {"epoch", "julian", "year", "isoyear", "decade", "century", "millennium"}
)
"""Fields that `extract` gives of an infinite timestamp too; the others are NULL there."""

_OF_FINITE: Final = frozenset(
    {
        *("time(timestamp)", "time(timestamptz)", "timetz(timestamptz)"),
        *("to_char(timestamp,text)", "to_char(timestamptz,text)", "to_char(interval,text)"),
    }
)
"""Give a value of what is not infinite; with a text it must not be empty."""

_CLOCKS: Final = frozenset({1299, 2647, 2648, 2649})
"""The oids of `now` and its likes."""
_NO_CURRENT_TIME: Final = 9
"""From this number on, what SQL's own words give is no time: `current_user` and the like."""

_KEEPING: Final = {"date": 0, "timestamp": 0, "timestamptz": 0, "date_trunc": 1, "timezone": 1}
"""Functions that give no infinity of what is none, and the place of the time."""
_SHIFTING: Final = frozenset({"date_pli", "date_mii"})
"""A date and a number of days."""
_SHIFTING_BY: Final = frozenset(
    f"{type_}_{how}_interval"
    for type_ in ("date", "timestamp", "timestamptz")
    for how in ("pl", "mi")
)
"""A time and an interval, which may be infinite itself since PostgreSQL 17."""

_SIZES: Final = {1082: 4, 1114: 8, 1184: 8}
_INTERVAL: Final = 1186
_BOOL: Final = 16


def total_field(catalog: Catalog, signature: str, args: list[Any]) -> bool:
    """Return whether `extract` gives a value: a field that infinity has, or no infinity."""
    if signature.endswith((",time)", ",timetz)")) or is_finite(catalog, args[1]):
        return True
    return (text_of(args[0]) or "").lower() in _MONOTONIC


def total_here(catalog: Catalog, signature: str, args: list[Any]) -> bool:
    """Return whether a call gives a value, although its function does not for all values."""
    if any(isinstance(arg, Node) and arg.kind == "NAMEDARGEXPR" for arg in args):
        return False
    if signature.startswith("jsonb_path_exists"):
        # Errors are raised, unless it is to be silent.
        return signature.endswith(",jsonb,bool)") and (len(args) < 4 or _is_false(args[3]))
    if len(args) > 1 and not text_of(args[1]):
        return False
    if signature == "to_number(text,text)":
        return True
    return signature in _OF_FINITE and is_finite(catalog, args[0])


def _is_false(node: Any) -> bool:
    return (
        isinstance(node, Node)
        and node.kind == "CONST"
        and node.number("consttype") == _BOOL
        and not node.flag("constisnull")
        and not any(node.nodes("constvalue"))
    )


def is_finite(catalog: Catalog, node: Any) -> bool:
    """Return whether a date, a time or an interval cannot be infinite: `current_date - 7`."""
    if not isinstance(node, Node):
        return False
    match node.kind:
        case "CONST":
            return _is_finite_constant(node)
        case "SQLVALUEFUNCTION":
            return node.number("op") < _NO_CURRENT_TIME
        case "FUNCEXPR" | "OPEXPR":
            oid = node.number("funcid" if node.kind == "FUNCEXPR" else "opfuncid")
            function = catalog.functions.get(oid)
            if oid in _CLOCKS or function is None or not function.own:
                return oid in _CLOCKS
            args = node.nodes("args")
            if function.name in _SHIFTING:
                return is_finite(catalog, args[0])
            if function.name in _SHIFTING_BY:
                return all(is_finite(catalog, arg) for arg in args)
            place = _KEEPING.get(function.name)
            return place is not None and place < len(args) and is_finite(catalog, args[place])
        case _:
            return False


def _is_finite_constant(node: Node) -> bool:
    type_, content = node.number("consttype"), node.nodes("constvalue")
    if node.flag("constisnull"):
        return False
    if type_ == _INTERVAL:
        # Infinite is what has the largest or the smallest of everything.
        return len(content) == 16 and not _is_extreme(content[8:12])
    size = _SIZES.get(type_)
    return size is not None and not _is_extreme(content[:size])


def _is_extreme(content: list[int]) -> bool:
    number = int.from_bytes(bytes(item % 256 for item in content), "little", signed=True)
    most = 1 << (8 * len(content) - 1)
    return number in (most - 1, -most)
