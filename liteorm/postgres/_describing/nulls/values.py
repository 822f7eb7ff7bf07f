"""What is known of a value: whether it can be NULL, and of a condition, whether it can be true."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from attrs import evolve, frozen

Null = bool | None
"""True: NULL for some data. False: never NULL. None: not known."""

NEVER: Final = 0
UNKNOWN: Final = 1
SOME: Final = 2
"""NULL for some data."""
ALWAYS: Final = 3


@frozen
class Value:
    """What is known of an expression's value; what nothing is known of can be anything."""

    null: int = UNKNOWN
    true: bool = True
    false: bool = True
    """Whether a condition can come out so; of other types these say nothing."""
    blurred: bool = False
    """Something assumed to be NULL went into what is not followed: what can be may not be."""
    const: Any = None
    """The constant that it is whenever it is not NULL, or what is known of it as a constant."""
    why: str = ""
    """What stands in the way of knowing more."""

    @property
    def can_be_null(self) -> bool:
        """Whether NULL cannot be ruled out."""
        return self.null != NEVER


VALUE: Final = Value(NEVER)
NOTHING: Final = Value(ALWAYS, true=False, false=False)
TRUE: Final = Value(NEVER, true=True, false=False, const=("bool", True))
FALSE: Final = Value(NEVER, true=False, false=True, const=("bool", False))


def unknown(why: str, *, blurred: bool = False) -> Value:
    """Return the value that nothing is known of."""
    return Value(UNKNOWN, blurred=blurred, why=why)


def shown(null: int) -> Null:
    """Return what a state means to the user."""
    return {NEVER: False, UNKNOWN: None}.get(null, True)


def any_null(nulls: Iterable[int]) -> int:
    """Return the state of what is NULL when any part is."""
    return max(nulls, default=NEVER)


def all_null(nulls: Iterable[int]) -> int:
    """Return the state of what is NULL only when every part is."""
    return min(nulls, default=ALWAYS)


def either(values: Iterable[Value]) -> Value:
    """Return what is known of a value that is one of several, nobody knows which."""
    found = list(values)
    if not found:
        return NOTHING
    nulls = {value.null for value in found}
    if len(nulls) == 1:
        null = found[0].null
    elif ALWAYS in nulls or SOME in nulls:
        null = SOME
    else:
        null = UNKNOWN
    consts = {value.const for value in found if value.null != ALWAYS}
    return Value(
        null,
        any(value.true for value in found),
        any(value.false for value in found),
        any(value.blurred for value in found),
        consts.pop() if len(consts) == 1 else None,
        next((value.why for value in found if value.why), ""),
    )


def negated(value: Value) -> Value:
    """Return NOT of a condition."""
    const = value.const
    const = ("bool", not const[1]) if const is not None and const[0] == "bool" else None
    return evolve(value, true=value.false, false=value.true, const=const)


def conjoined(values: list[Value]) -> Value:
    """Return AND of conditions: false if one is, else NULL if one is, else true."""
    return negated(disjoined([negated(value) for value in values]))


def disjoined(values: list[Value]) -> Value:
    """Return OR of conditions: true if one is, else NULL if one is, else false."""
    if any(value.null == NEVER and not value.false for value in values):
        return TRUE
    # One that cannot be true decides nothing but between false and NULL.
    never = all(value.null == NEVER for value in values)
    null = NEVER if never else max(value.null for value in values)
    if null == ALWAYS and not all(value.null == ALWAYS or not value.true for value in values):
        null = SOME if not any(value.null == UNKNOWN for value in values) else UNKNOWN
    true = any(value.true for value in values)
    false = all(value.false for value in values)
    blurred = any(value.blurred for value in values)
    return Value(null, true, false, blurred, why=next((v.why for v in values if v.why), ""))
