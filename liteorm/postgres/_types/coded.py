"""A pool's codecs, applied once: what a codec gives is sent as it is, and given to no other one."""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Final

import attrs

from liteorm._core.models.annotations import is_model, is_namedtuple
from liteorm._core.models.hints import Codec
from liteorm._core.values.json import Json
from liteorm._core.values.ranges import Multirange, Range, multirange_of, range_of
from liteorm.postgres._types.forms import ARRAYS, is_a

__all__ = ["CONTAINERS", "LEAVES", "Coded", "Encoded", "codec_of"]

LEAVES: Final[frozenset[Any]] = frozenset(
    [
        *(str, int, float, bool, type(None), bytes, decimal.Decimal, uuid.UUID),
        *(datetime.datetime, datetime.date, datetime.time, datetime.timedelta),
    ]
)
CONTAINERS: Final[tuple[type[Any], ...]] = (*ARRAYS, Range, Multirange)
"""Classes of parameters inside which there are values for codecs; JSON sees to its own."""


def codec_of(cls: type[Any], codecs: Mapping[Any, Codec]) -> Codec | None:
    """Return the codec of a class: its own or that of its nearest base.

    A datetime is no date here, nor a bool an int; and a member of an enum, which is read back by
    its class, is no number or text for which there may be a codec.
    """
    if not codecs:
        return None
    member = issubclass(cls, Enum)
    for base in cls.__mro__:
        if base in codecs and (not member or issubclass(base, Enum)):
            return codecs[base]
        if base in LEAVES:
            return None
    return None


@attrs.frozen(eq=False, repr=False)
class Encoded:
    """A parameter to which no codec of the pool is applied: a codec of its own has made it.

    Args:
        value: What is sent.
    """

    value: Any

    def __repr__(self) -> str:
        # What a log of parameters shows where they are asked for.
        return repr(self.value)


class Coded:
    """Values as the codecs of a pool have them sent.

    Args:
        codecs: Codecs by Python class.
    """

    def __init__(self, codecs: Mapping[type, Codec]) -> None:
        self._codecs = codecs

    def plain(self, value: Any) -> Any:
        """Return what is sent for a value, through its codec, or those of what is inside it."""
        cls: type[Any] = value.__class__
        if cls is Encoded:
            return _finished(value.value)
        codec = codec_of(cls, self._codecs)
        return self._inside(value) if codec is None else _finished(codec.encode(value))

    def _inside(self, value: Any) -> Any:
        if is_a(value, ARRAYS):
            return self._each(value)
        if is_a(value, Range):
            return self._bounds(value)
        if is_a(value, Multirange):
            return multirange_of([self._bounds(each) for each in value])
        return value

    def _each(self, items: Iterable[Any]) -> Any:
        # By class, not by item: most lists are long and flat.
        if not any(map(self._is_changed, set(map(type, items)))):
            return items
        # a list in a list is a further dimension, and no value of its own
        return [
            item
            if item is None
            else self._each(item)
            if item.__class__ in ARRAYS
            else self.plain(item)
            for item in items
        ]

    def _is_changed(self, cls: type[Any]) -> bool:
        return issubclass(cls, CONTAINERS) or codec_of(cls, self._codecs) is not None

    def _bounds(self, of: Range[Any]) -> Range[Any]:
        if of.is_empty:
            return of
        lower, upper = (
            None if bound is None else self.plain(bound) for bound in (of.lower, of.upper)
        )
        return range_of(lower, upper, of.bounds)


def _finished(value: Any) -> Any:
    """Return what a codec gave, in which nothing is given to another one, as it is read."""
    if is_a(value, ARRAYS):
        return [_finished(each) for each in value] if _holds_json(value) else value
    return Encoded(value) if _is_json(value.__class__) else value


def _holds_json(items: Iterable[Any]) -> bool:
    return any(issubclass(cls, ARRAYS) or _is_json(cls) for cls in set(map(type, items)))


def _is_json(cls: Any) -> bool:
    return issubclass(cls, dict | Json) or (is_model(cls) and not is_namedtuple(cls))
