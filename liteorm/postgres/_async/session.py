"""What a database and a transaction have in common: statements, streams, tables."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from liteorm._core.contracts import Names, Params
from liteorm._core.sql.text import SqlText, rendered
from liteorm._core.values.results import Result
from liteorm.postgres._async import pipeline, writes
from liteorm.postgres._async.statements import AsyncStatements
from liteorm.postgres._async.stream import AsyncRowStream, AsyncStreaming

__all__ = ["AsyncAnySession"]

T = TypeVar("T")


class AsyncAnySession(AsyncStatements):
    """Every call that a session has; how a connection is had for each is the subclass's."""

    async def execute_many(
        self, sql: SqlText, seq_of_params: Iterable[Params] | AsyncIterable[Params]
    ) -> Result:
        """Run a statement once for each of the parameters, pipelined, all or nothing.

        Args:
            sql: The statement, with `%s` or `%(name)s` for parameters.
            seq_of_params: A sequence or a mapping for each run; consumed as they are sent.
        """
        return await pipeline.execute_many(self, sql, seq_of_params)

    def stream(
        self, sql: SqlText, params: Params = None, *, batch_size: int = 1000
    ) -> AbstractAsyncContextManager[AsyncRowStream]:
        """Run a statement and receive its rows as they come, in bounded memory.

        Leaving the block early cancels the statement on the server.

        Args:
            sql: The statement, with `%s` or `%(name)s` for parameters.
            params: A sequence or a mapping to match; without it a `%` is just a `%`.
            batch_size: Rows received at a time.
        """
        if batch_size < 1:
            raise ValueError("batch_size must be at least 1")
        text, values = rendered(sql, params)
        self._check_text(text)
        return AsyncStreaming(self._connection("stream", text, values), text, values, batch_size)

    async def insert(self, obj: T) -> T:
        """Insert an object's row; return the row as stored, as a new object."""
        return await writes.insert(self, obj)

    async def update(self, obj: T) -> T:
        """Update the row with the object's key; return the row as stored, as a new object.

        Raises:
            NoRows: If there is no such row.
        """
        return await writes.update(self, obj)

    async def upsert(self, obj: T, conflict: Names = None) -> T:
        """Insert an object's row, or update the one in its place; return the row as stored.

        Args:
            obj: The object.
            conflict: Fields that say which row is in its place; the key by default.
        """
        return await writes.upsert(self, obj, conflict)

    async def delete(self, obj: Any) -> bool:
        """Delete the row with the object's key; return whether there was one."""
        return await writes.delete(self, obj)

    async def get(self, model: type[T], key: Any) -> T:
        """Return the object with that key.

        Args:
            model: A class with a table.
            key: The key's value; a tuple if it has several columns.

        Raises:
            NoRows: If there is no such row.
        """
        return await writes.get(self, model, key)

    async def insert_many(
        self,
        objs: Iterable[Any] | AsyncIterable[Any],
        *,
        table: str | None = None,
        columns: Names = None,
        progress: Callable[[int], object] | None = None,
    ) -> int:
        """Insert all of the objects by binary COPY, or none; return how many.

        Args:
            objs: The objects; consumed as they are sent.
            table: The table, `"name"` or `"schema.name"`; the class's own by default.
            columns: Fields to send; all that the database does not fill by default.
            progress: Called with the number of rows so far.
        """
        return await writes.insert_many(self, objs, table=table, columns=columns, progress=progress)

    async def upsert_many(
        self,
        objs: Iterable[Any] | AsyncIterable[Any],
        *,
        conflict: Names = None,
        update: Names = None,
        table: str | None = None,
    ) -> int:
        """Insert or update the rows of all of the objects, or none; return how many.

        Args:
            objs: The objects; consumed as they are sent.
            conflict: Fields that say which row is in an object's place; the key by default.
            update: Fields to update; all others by default, `()` to leave such rows alone.
            table: The table, `"name"` or `"schema.name"`; the class's own by default.

        Raises:
            DataError: If the same key comes twice.
        """
        return await writes.upsert_many(self, objs, conflict=conflict, update=update, table=table)

    async def insert_returning(self, objs: Iterable[T]) -> list[T]:
        """Insert the objects' rows; return the rows as stored, in the same order."""
        return await writes.insert_returning(self, objs)
