"""What a session promises, whatever backend is behind it, sync and async."""

from __future__ import annotations

from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

from liteorm._core.sql.text import SqlText
from liteorm._core.values.results import Result, Rows

T = TypeVar("T")

Params: TypeAlias = Sequence[Any] | Mapping[str, Any] | None
"""Parameters of a statement: by place (`%s`) or by name (`%(name)s`)."""

Names: TypeAlias = str | Sequence[str] | None
"""One field name or several."""

Isolation: TypeAlias = Literal[
    "read uncommitted", "read committed", "repeatable read", "serializable"
]
"""How well transactions are kept apart, in PostgreSQL's words."""

Extra: TypeAlias = Literal["error", "ignore"]
"""What becomes of columns that no field takes."""


class RowStream(Protocol):
    """Rows of a statement as they arrive; read it with `scan_iter`, or iterate over tuples."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        ...

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Iterate over the rows as tuples of plain values."""
        ...

    def _batches(self) -> Iterator[Rows]: ...


class Session(Protocol):
    """A database, or a transaction in it: whatever runs statements."""

    def query(self, sql: SqlText, params: Params = None, *, timeout: float | None = None) -> Rows:
        """Run a statement and receive all of its rows.

        Args:
            sql: The statement, with `%s` or `%(name)s` for parameters.
            params: A sequence or a mapping to match; without it a `%` is just a `%`.
            timeout: Seconds after which the statement is cancelled.

        Raises:
            StatementTimeout: If it took longer than `timeout`.
            Error: What the server says, as the fitting class.
        """
        ...

    def execute(
        self, sql: SqlText, params: Params = None, *, timeout: float | None = None
    ) -> Result:
        """Run a statement for its effect. Without `params` it may be several, split by `;`.

        Args:
            sql: The statement, with `%s` or `%(name)s` for parameters.
            params: A sequence or a mapping to match; without it a `%` is just a `%`.
            timeout: Seconds after which the statement is cancelled.

        Raises:
            StatementTimeout: If it took longer than `timeout`.
            Error: What the server says, as the fitting class.
        """
        ...

    def execute_many(self, sql: SqlText, seq_of_params: Iterable[Params]) -> Result:
        """Run a statement once for each of the parameters, pipelined, all or nothing.

        Args:
            sql: The statement, with `%s` or `%(name)s` for parameters.
            seq_of_params: A sequence or a mapping for each run; consumed as they are sent.
        """
        ...

    def stream(
        self, sql: SqlText, params: Params = None, *, batch_size: int = 1000
    ) -> AbstractContextManager[RowStream]:
        """Run a statement and receive its rows as they come, in bounded memory.

        Leaving the block early cancels the statement on the server.

        Args:
            sql: The statement, with `%s` or `%(name)s` for parameters.
            params: A sequence or a mapping to match; without it a `%` is just a `%`.
            batch_size: Rows received at a time.
        """
        ...

    def transaction(
        self,
        *,
        isolation: Isolation | None = None,
        read_only: bool | None = None,
        deferrable: bool | None = None,
    ) -> AbstractContextManager[Session]:
        """Open a transaction for a block; in a transaction, a savepoint (without options).

        Leaving the block commits; an exception rolls back and goes on.

        Args:
            isolation: How well it is kept apart from others; the server's default if None.
            read_only: Whether writes are refused.
            deferrable: Whether a serializable read-only transaction may wait for a safe start.

        Raises:
            TransactionAborted: If an error was swallowed inside, so that nothing was stored.
            CommitUnknown: If the connection went away during COMMIT.
        """
        ...

    def insert(self, obj: T) -> T:
        """Insert an object's row; return the row as stored, as a new object."""
        ...

    def update(self, obj: T) -> T:
        """Update the row with the object's key; return the row as stored, as a new object.

        Raises:
            NoRows: If there is no such row.
        """
        ...

    def upsert(self, obj: T, conflict: Names = None) -> T:
        """Insert an object's row, or update the one in its place; return the row as stored.

        Args:
            obj: The object.
            conflict: Fields that say which row is in its place; the key by default.
        """
        ...

    def delete(self, obj: Any) -> bool:
        """Delete the row with the object's key; return whether there was one."""
        ...

    def get(self, model: type[T], key: Any) -> T:
        """Return the object with that key.

        Args:
            model: A class with a table.
            key: The key's value; a tuple if it has several columns.

        Raises:
            NoRows: If there is no such row.
        """
        ...

    def insert_many(
        self,
        objs: Iterable[Any],
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
        ...

    def upsert_many(
        self,
        objs: Iterable[Any],
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
        ...

    def insert_returning(self, objs: Iterable[T]) -> list[T]:
        """Insert the objects' rows; return the rows as stored, in the same order."""
        ...


class AsyncRowStream(Protocol):
    """Rows of a statement as they arrive; read it with `scan_iter`, or iterate over tuples."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        ...

    def __aiter__(self) -> AsyncIterator[tuple[Any, ...]]:
        """Iterate over the rows as tuples of plain values."""
        ...

    def _batches(self) -> AsyncIterator[Rows]: ...


class AsyncSession(Protocol):
    """A database, or a transaction in it: whatever runs statements."""

    async def query(
        self, sql: SqlText, params: Params = None, *, timeout: float | None = None
    ) -> Rows:
        """Run a statement and receive all of its rows.

        Args:
            sql: The statement, with `%s` or `%(name)s` for parameters.
            params: A sequence or a mapping to match; without it a `%` is just a `%`.
            timeout: Seconds after which the statement is cancelled.

        Raises:
            StatementTimeout: If it took longer than `timeout`.
            Error: What the server says, as the fitting class.
        """
        ...

    async def execute(
        self, sql: SqlText, params: Params = None, *, timeout: float | None = None
    ) -> Result:
        """Run a statement for its effect. Without `params` it may be several, split by `;`.

        Args:
            sql: The statement, with `%s` or `%(name)s` for parameters.
            params: A sequence or a mapping to match; without it a `%` is just a `%`.
            timeout: Seconds after which the statement is cancelled.

        Raises:
            StatementTimeout: If it took longer than `timeout`.
            Error: What the server says, as the fitting class.
        """
        ...

    async def execute_many(
        self, sql: SqlText, seq_of_params: Iterable[Params] | AsyncIterable[Params]
    ) -> Result:
        """Run a statement once for each of the parameters, pipelined, all or nothing.

        Args:
            sql: The statement, with `%s` or `%(name)s` for parameters.
            seq_of_params: A sequence or a mapping for each run; consumed as they are sent.
        """
        ...

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
        ...

    def transaction(
        self,
        *,
        isolation: Isolation | None = None,
        read_only: bool | None = None,
        deferrable: bool | None = None,
    ) -> AbstractAsyncContextManager[AsyncSession]:
        """Open a transaction for a block; in a transaction, a savepoint (without options).

        Leaving the block commits; an exception rolls back and goes on.

        Args:
            isolation: How well it is kept apart from others; the server's default if None.
            read_only: Whether writes are refused.
            deferrable: Whether a serializable read-only transaction may wait for a safe start.

        Raises:
            TransactionAborted: If an error was swallowed inside, so that nothing was stored.
            CommitUnknown: If the connection went away during COMMIT.
        """
        ...

    async def insert(self, obj: T) -> T:
        """Insert an object's row; return the row as stored, as a new object."""
        ...

    async def update(self, obj: T) -> T:
        """Update the row with the object's key; return the row as stored, as a new object.

        Raises:
            NoRows: If there is no such row.
        """
        ...

    async def upsert(self, obj: T, conflict: Names = None) -> T:
        """Insert an object's row, or update the one in its place; return the row as stored.

        Args:
            obj: The object.
            conflict: Fields that say which row is in its place; the key by default.
        """
        ...

    async def delete(self, obj: Any) -> bool:
        """Delete the row with the object's key; return whether there was one."""
        ...

    async def get(self, model: type[T], key: Any) -> T:
        """Return the object with that key.

        Args:
            model: A class with a table.
            key: The key's value; a tuple if it has several columns.

        Raises:
            NoRows: If there is no such row.
        """
        ...

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
        ...

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
        ...

    async def insert_returning(self, objs: Iterable[T]) -> list[T]:
        """Insert the objects' rows; return the rows as stored, in the same order."""
        ...
