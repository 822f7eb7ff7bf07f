"""Values of subclasses as what PostgreSQL is to have of them.

A subclass may write itself as it likes, a sum of cents with a point for example: what `str` says of
it is for people. Text forms are made of the value itself.
"""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

BASES: Final[tuple[type[Any], ...]] = (int, float, Decimal, datetime, date, time, UUID)
"""Classes whose text form is not the value's own affair; one that is another's comes first."""
_ALONE: Final = frozenset({*BASES, bool, str, bytes, type(None)})


def exact(value: Any) -> Any:
    """Return a number, moment or UUID of a subclass as one of the class itself."""
    if value.__class__ in _ALONE:
        return value
    match value:
        case int():
            return int(value)
        case float():
            return float(value)
        case Decimal():
            return Decimal(value)
        case datetime():
            day = date(value.year, value.month, value.day)
            return datetime.combine(day, _time_of(value), value.tzinfo)
        case date():
            return date(value.year, value.month, value.day)
        case time():
            return _time_of(value).replace(tzinfo=value.tzinfo)
        case UUID():
            return UUID(int=value.int)
        case _:
            return value


def _time_of(value: datetime | time) -> time:
    return time(value.hour, value.minute, value.second, value.microsecond, fold=value.fold)


def exact_text(value: Any) -> str:
    """Return what `str` says of a number or a UUID itself."""
    return str(exact(value))


def iso_text(value: Any) -> str:
    """Return a moment itself in the form of ISO 8601."""
    return str(exact(value).isoformat())
