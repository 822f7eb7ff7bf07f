"""A statement's rows as a stream, of either kind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any

from liteorm._core.scanning.scan import scan_iter
from liteorm.errors import Error

__all__ = ["Streamed"]

# Which of the two kinds of streams comes in is known to callers, by the overloads of `iter`.
_iterate: Callable[..., Any] = scan_iter


class Streamed:
    """Enters a stream, of either kind, and scans what comes."""

    __slots__ = ("_statement", "_stream")

    def __init__(self, stream: Any, statement: Any) -> None:
        self._stream = stream
        self._statement = statement

    if not TYPE_CHECKING:

        def __iter__(self) -> Any:
            raise self._not_entered("for")

        __next__ = __iter__

        def __aiter__(self) -> Any:
            raise self._not_entered("async for")

        def __await__(self) -> Any:
            raise self._not_entered("await")

    def _not_entered(self, word: str) -> TypeError:
        entering = "async with" if hasattr(self._stream, "__aenter__") else "with"
        return TypeError(
            f"{self._name}.iter() gives a block to enter, not something for `{word}`: "
            f"{entering} {self._name}.iter(session, …) as objects"
        )

    @property
    def _name(self) -> str:
        return self._statement.name or "statement"

    def _check_kind(self, entering: str, other: str, method: str) -> None:
        """Refuse to be entered as the other kind of session has it."""
        if not hasattr(self._stream, method):
            kind = "an async" if other == "async with" else "a sync"
            raise TypeError(
                f"{self._name}.iter() of {kind} session is entered with `{other}`, not `{entering}`"
            )

    def __enter__(self) -> Any:
        self._check_kind("with", "async with", "__enter__")
        try:
            stream = self._stream.__enter__()
        except Error as error:
            self._statement._sign(error)
            raise
        objects = _iterate(stream, self._statement.model, extra=self._statement.extra)
        return objects if self._statement.name is None else self._naming(objects)

    def _naming(self, objects: Iterator[Any]) -> Iterator[Any]:
        try:
            yield from objects
        except Error as error:
            self._statement._sign(error)
            raise

    def __exit__(self, *exc: Any) -> Any:
        return self._stream.__exit__(*exc)

    async def __aenter__(self) -> Any:
        self._check_kind("async with", "with", "__aenter__")
        stream = await self._statement._awaited(self._stream.__aenter__())
        objects = _iterate(stream, self._statement.model, extra=self._statement.extra)
        return objects if self._statement.name is None else self._naming_async(objects)

    async def _naming_async(self, objects: AsyncIterator[Any]) -> AsyncIterator[Any]:
        try:
            async for each in objects:
                yield each
        except Error as error:
            self._statement._sign(error)
            raise

    async def __aexit__(self, *exc: Any) -> Any:
        return await self._stream.__aexit__(*exc)
