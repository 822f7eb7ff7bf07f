"""What a statement gave: the outcome of a command, the rows of a query."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import attrs

from liteorm.errors import Error, mark_stored

# As many rows as scanning takes at a time: few live tuples keep the garbage collector cheap.
_CHUNK = 256


@attrs.frozen
class Result:
    """What a statement without rows of interest did.

    Args:
        rows_affected: Rows inserted, updated, deleted, selected or copied; 0 for other commands.
        command: The server's word for it, such as `"INSERT"`, `"UPDATE"` or `"CREATE TABLE"`.
    """

    rows_affected: int
    command: str


class RowSource(Protocol):
    """The rows of one result, in memory, as a backend has them."""

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def count(self) -> int: ...

    def loader(self, variants: None) -> Any:
        """Return the function that loads rows [start, stop) as plain tuples."""
        ...

    def failure(self, start: int, stop: int, variants: None, error: Exception) -> Error:
        """Return the error that names the first column and row of a chunk that cannot load."""
        ...


class Rows:
    """The rows of a query, fully received and independent of the connection.

    `scan` and its siblings turn them into objects, any number of times. Iterating gives plain
    tuples.
    """

    __slots__ = ("_source",)

    def __init__(self, source: RowSource) -> None:
        self._source = source

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return self._source.names

    def __len__(self) -> int:
        return self._source.count

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        source = self._source
        load = source.loader(None)
        for start in range(0, source.count, _CHUNK):
            stop = min(start + _CHUNK, source.count)
            try:
                chunk = load(start, stop)
            except Exception as error:
                raise source.failure(start, stop, None, error) from error
            yield from chunk

    def _failed(self, exc: BaseException) -> None:
        """Say of an error in reading them if what gave the rows is stored all the same."""
        if getattr(self._source, "stored", False):
            mark_stored(exc)

    def __repr__(self) -> str:
        return f"<Rows: {len(self)} of ({', '.join(self.columns)})>"
