"""What comparing gives where only a constant, a few constants or a range are known.

Beside single constants there are `("among", constants)`, `("except", constants)` and
`("range", least, with it, most, with it)`, whose ends may be None. NaN is the largest number, as
the server orders it.
"""

from __future__ import annotations

from typing import Any, Final

NUMBERS: Final = ("int", "range")
_NOTHING: Final = ("among", frozenset[Any]())
POSITIVE: Final = ("range", 1, True, None, False)
"""A count that is not 0."""

_MOST: Final = 64
_MIRRORED: Final = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


def is_of(const: Any, kinds: tuple[str, ...]) -> bool:
    """Return whether all that a constant may be is of some kinds."""
    if const[0] in ("among", "except"):
        return all(is_of(one, kinds) for one in const[1])
    return const[0] in kinds


def compared(name: str, one: Any, two: Any, *, exact: bool) -> bool | None:
    """Return what comparing constants gives; None if it is not certain.

    Args:
        name: The name of the operator.
        one: What is known of its left side.
        two: What is known of its right side.
        exact: It takes for equal only what has the same bytes.
    """
    if one is None or two is None or name not in _MIRRORED:
        return None
    if "except" in (one[0], two[0]):
        return _with_exceptions(name, one, two, exact=exact)
    if "among" in (one[0], two[0]):
        found = {
            compared(name, a, b, exact=exact) for a in members_of(one) for b in members_of(two)
        }
        return found.pop() if len(found) == 1 else None
    if one[0] in NUMBERS and two[0] in NUMBERS:
        return _ordered(name, _range(one), _range(two))
    if one[0] != two[0] or name not in ("=", "<>") or one[0] in NUMBERS:
        return None
    if one == two:
        return name == "="
    return name == "<>" if exact or one[0] == "bool" else None


def members_of(const: Any) -> list[Any]:
    """Return each of several constants; of what is none of several, itself."""
    return list(const[1]) if const[0] == "among" else [const]


def _with_exceptions(name: str, one: Any, two: Any, *, exact: bool) -> bool | None:
    if one[0] == two[0] or name not in ("=", "<>"):
        return None
    out, other = (one, two) if one[0] == "except" else (two, one)
    if not (exact or is_of(out, ("int", "bool"))) or not set(members_of(other)) <= out[1]:
        return None
    return name == "<>"


def _range(const: Any) -> Any:
    return ("range", const[1], True, const[1], True) if const[0] == "int" else const


def _ordered(name: str, one: Any, two: Any) -> bool | None:
    if name in ("=", "<>"):
        if _below(one, two) or _below(two, one):
            return name == "<>"
        same = one == two and one[1] is not None and one[1] == one[3]
        return (name == "=") if same else None
    if name in (">", ">="):
        one, two, name = two, one, _MIRRORED[name]
    if name == "<":
        return True if _below(one, two) else False if _below(two, one, touching=True) else None
    return True if _below(one, two, touching=True) else False if _below(two, one) else None


def _below(one: Any, two: Any, *, touching: bool = False) -> bool:
    """Return whether all of a range is below all of another."""
    _, _, _, most, with_most = one
    _, least, with_least, _, _ = two
    if most is None or least is None:
        return False
    return bool(most < least or (most == least and (touching or not (with_most and with_least))))


def meet(one: Any, two: Any) -> Any:
    """Return what is known of that of which both are known."""
    if "range" in (one[0], two[0]) and one[0] in NUMBERS and two[0] in NUMBERS:
        return _narrowed(_range(one), _range(two))
    if one[0] == two[0] == "except":
        return ("except", one[1] | two[1]) if len(one[1] | two[1]) <= _MOST else one
    if one[0] in ("except", "range"):
        one, two = two, one
    if one[0] in ("except", "range"):
        return _without_ends(one, two) if one[0] == "range" else _without_ends(two, one)
    kept = [member for member in members_of(one) if _may_be(member, two)]
    return among(kept) if kept else _NOTHING


def is_nothing(const: Any) -> bool:
    """Return whether nothing is so: what is known contradicts itself."""
    if const is None or const[0] != "range":
        return bool(const == _NOTHING)
    _, least, with_least, most, with_most = const
    if least is None or most is None:
        return False
    return bool(least > most or (least == most and not (with_least and with_most)))


def _may_be(const: Any, two: Any) -> bool:
    match two[0]:
        case "except":
            return const not in two[1]
        case "range":
            return compared("=", const, two, exact=False) is not False
        case _:
            return const in members_of(two)


def _narrowed(one: Any, two: Any) -> Any:
    """Return a range between the ends of both."""
    lows = [(r[1], not r[2]) for r in (one, two) if r[1] is not None]
    highs = [(r[3], r[4]) for r in (one, two) if r[3] is not None]
    least, without = max(lows) if lows else (None, True)
    most, with_most = min(highs) if highs else (None, False)
    if least is not None and least == most and with_most and not without:
        return ("int", least)
    return ("range", least, not without, most, with_most)


def _without_ends(range_: Any, out: Any) -> Any:
    """Return a range without an end that it cannot be."""
    _, least, with_least, most, with_most = range_
    with_least = with_least and ("int", least) not in out[1]
    return ("range", least, with_least, most, with_most and ("int", most) not in out[1])


def among(consts: list[Any]) -> Any:
    """Return what one of several constants is; None if nothing follows from them."""
    members = [member for const in consts for member in members_of(const)]
    if not members or len(members) > _MOST or any(m[0] in ("range", "except") for m in members):
        return None
    return members[0] if len(set(members)) == 1 else ("among", frozenset(members))
