"""Objects of any iterable, some at a time: the two forms that differ between the twins."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from itertools import islice
from typing import Any, TypeAlias

__all__ = ["AsyncChunks", "AsyncObjects", "Chunks", "Objects"]

Objects: TypeAlias = Iterable[Any]
AsyncObjects: TypeAlias = Iterable[Any] | AsyncIterable[Any]


class Chunks:
    """Objects of an iterable, taken as they are asked for."""

    def __init__(self, objects: Objects) -> None:
        self._iterator: Iterator[Any] = iter(objects)

    def take(self, count: int) -> list[Any]:
        """Return the next objects, fewer or none at the end."""
        return list(islice(self._iterator, count))


class AsyncChunks:
    """Objects of an iterable or asynchronous iterable, taken as they are asked for."""

    def __init__(self, objects: AsyncObjects) -> None:
        self._iterator: Iterator[Any] | None = None
        self._waiting: AsyncIterator[Any] | None = None
        if isinstance(objects, AsyncIterable):
            self._waiting = aiter(objects)
        else:
            self._iterator = iter(objects)

    async def take(self, count: int) -> list[Any]:
        """Return the next objects, fewer or none at the end."""
        if self._iterator is not None:
            return list(islice(self._iterator, count))
        assert self._waiting is not None
        taken: list[Any] = []
        async for obj in self._waiting:
            taken.append(obj)
            if len(taken) >= count:
                break
        return taken
