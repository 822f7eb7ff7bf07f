"""What stands for a member of an enum: its value or its name, by one rule for all directions."""

from __future__ import annotations

import datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from liteorm._core.belonging import KEPT, keep, with_class

_SENT: tuple[type, ...] = (
    *(str, bool, int, float, bytes, Decimal, UUID),
    *(datetime.date, datetime.datetime, datetime.time, datetime.timedelta),
)


def is_of(value: Any, plain: Any) -> bool:
    """Tell whether a member's value is of a column's class; True is no int here."""
    if plain is object or (isinstance(value, bool) and plain is not bool):
        return False
    return isinstance(value, plain)


def by_value(cls: type[Enum], plain: Any, labels: tuple[str, ...] = ()) -> bool:
    """Tell whether members of an enum are stored by their values in a column.

    They are if all values are of the column's class; but by name where the column's type is an
    enum that has none of the values among its labels, and all of the names.

    Args:
        cls: The enum.
        plain: The class of the column's plain value.
        labels: The labels of the column's type, if that is an enum.
    """
    try:
        found: bool = cls.__dict__[KEPT]["by value", plain, labels]
    except KeyError:
        found = _by_value(cls, plain, labels)
        keep(cls, ("by value", plain, labels), found)
    return found


def _by_value(cls: type[Enum], plain: Any, labels: tuple[str, ...]) -> bool:
    members = cls.__members__
    if not members or not all(is_of(member.value, plain) for member in members.values()):
        return False
    if not labels or any(member.value in labels for member in members.values()):
        return True
    return not all(name in labels for name in members)


def stored(member: Enum, plain: Any, labels: tuple[str, ...] = ()) -> Any:
    """Return what is stored for a member in a column; the member itself if nothing can be."""
    if by_value(type(member), plain, labels):
        return member.value
    # Flags that stand together have a name that is none of the class's.
    return member.name if plain is str and member.name in type(member).__members__ else member


@with_class
def _is_sent_by_value(cls: type[Enum]) -> bool:
    members = cls.__members__.values()
    kinds = {
        next((kind for kind in _SENT if is_of(member.value, kind)), None) for member in members
    }
    return len(kinds) == 1 and None not in kinds


def parameter_of(member: Enum) -> Any:
    """Return what is sent for a member where no column's type is known.

    Its value, if all values of the enum are of one class that a column can hold; else its name.
    """
    return member.value if _is_sent_by_value(type(member)) else member.name
