"""Objects that are known as long as somebody else holds them."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Generic, TypeVar

__all__ = ["Living"]

T = TypeVar("T")


class Living(Generic[T]):
    """A set that holds none of its objects, and may be gone through while threads add others.

    A `WeakSet` may not, before Python 3.14: it would raise for having changed meanwhile.
    """

    def __init__(self) -> None:
        self._known = weakref.WeakKeyDictionary[T, None]()

    def add(self, one: T) -> None:
        """Know an object from now on."""
        self._known[one] = None

    def discard(self, one: T) -> None:
        """Know it no longer."""
        self._known.pop(one, None)

    def __iter__(self) -> Iterator[T]:
        # The list is made in one step, which no other thread comes into.
        for reference in self._known.keyrefs():
            one = reference()
            if one is not None:
                yield one
