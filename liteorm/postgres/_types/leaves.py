"""What is in a list before it becomes an array, in one form that holds every element.

psycopg takes the dumper of the last element for all of them, if the types that the dumpers of the
elements' classes send are the same: what one class holds and another does not would be lost. An
array is made of elements of one class therefore, or is refused.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_interface
from typing import Any, Final
from uuid import UUID

from liteorm._core.values.interval import Interval
from liteorm._core.values.ranges import Multirange, Range
from liteorm.errors import DataError
from liteorm.postgres._types.forms import ARRAYS

Convert = Callable[[Any], Any]

_SIMPLE: Final = frozenset(
    {type(None), bool, int, float, str, bytes, Decimal, UUID, datetime.date, dict}
)
_ADDRESSES: Final = (IPv4Address, IPv6Address)
_INTERFACES: Final = (IPv4Interface, IPv6Interface)
_ZONED: Final = (datetime.datetime, datetime.time)


def as_lists(value: Any) -> list[Any]:
    """Return an array value with lists in place of tuples and sets."""
    items: list[Any] = value if value.__class__ is list else list(value)
    # By class, not by item: most lists are long and flat.
    if any(issubclass(cls, ARRAYS) for cls in set(map(type, items))):
        items = [as_lists(item) if isinstance(item, ARRAYS) else item for item in items]
        if _is_hollow(items):
            raise DataError("PostgreSQL has no array of empty lists: it would come back as []")
    return items


def _is_hollow(items: list[Any]) -> bool:
    return all(item.__class__ is list and _is_hollow(item) for item in items)


def leaves(items: list[Any]) -> Iterator[Any]:
    """Yield what is in a list of lists, but for None."""
    item: Any
    for item in items:
        if item.__class__ is list:
            yield from leaves(item)
        elif item is not None:
            yield item


def evened(items: list[Any], converts: Callable[[type], Convert | None]) -> tuple[list[Any], bool]:
    """Return the elements in one form, and whether their type is for the statement to say.

    Args:
        items: The elements, as lists.
        converts: Gives for a class what makes the plain value that is sent, if there is such.

    Raises:
        DataError: The elements cannot be in one array.
    """
    classes: set[type] = set(map(type, items))
    if list in classes:
        classes = set(map(type, leaves(items)))
    if classes <= _SIMPLE:
        return items, False
    literal = any(issubclass(cls, Range | Multirange) for cls in classes)
    found = {cls: convert for cls in classes if (convert := converts(cls)) is not None}
    if found:

        def plain(leaf: Any) -> Any:
            nonlocal literal
            convert = found.get(leaf.__class__)
            if convert is None:
                return leaf
            value = convert(leaf)
            literal = literal or (isinstance(leaf, Enum) and isinstance(value, str))
            return value

        # What a codec makes may have to be made plain in turn.
        items, inner = evened(_each(items, plain), converts)
        return items, literal or inner
    if any(issubclass(cls, _ZONED) for cls in classes):
        _check_zones(items)
    if len(classes) > 1:
        items = _widest(items, classes)
    return items, literal


def _each(items: list[Any], change: Convert) -> list[Any]:
    return [
        None if item is None else _each(item, change) if item.__class__ is list else change(item)
        for item in items
    ]


def _widest(items: list[Any], classes: set[type]) -> list[Any]:
    """Make one class of two of which one holds whatever the other does."""
    if Interval in classes:
        return _each(items, _as_interval)
    if any(issubclass(cls, _INTERFACES) for cls in classes):
        return _each(items, _as_interface)
    return items


def _as_interval(leaf: Any) -> Any:
    return Interval.from_timedelta(leaf) if isinstance(leaf, datetime.timedelta) else leaf


def _as_interface(leaf: Any) -> Any:
    if isinstance(leaf, _ADDRESSES) and not isinstance(leaf, _INTERFACES):
        return ip_interface(leaf)
    return leaf


def _check_zones(items: list[Any]) -> None:
    """Refuse moments with and without a time zone in one array: it has one type."""
    zoned = {leaf.tzinfo is not None for leaf in leaves(items) if isinstance(leaf, _ZONED)}
    if len(zoned) > 1:
        raise DataError(
            "some of its elements have a time zone and some have none",
            hint="give a zone to all of them or to none: an array has one type",
        )
