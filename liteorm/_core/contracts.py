"""What a session promises, whatever backend is behind it, sync and async."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from decimal import Decimal
from typing import Any, Literal, Protocol, TypeAlias

from liteorm._core.batches import Batch, Runs
from liteorm._core.row_contracts import AsyncRowCalls, RowCalls
from liteorm._core.sql.text import SqlText
from liteorm._core.values.results import Result, Rows

Params: TypeAlias = Sequence[Any] | Mapping[str, Any] | None
"""Parameters of a statement: by place (`%s`) or by name (`%(name)s`)."""

Isolation: TypeAlias = Literal[
    "read uncommitted", "read committed", "repeatable read", "serializable"
]
"""How well transactions are kept apart, in PostgreSQL's words."""

Settings: TypeAlias = Mapping[str, str | int | float | Decimal]
"""Values of the server's settings, by name; a bool is an int."""

CopyFormat: TypeAlias = Literal["csv", "text", "binary"]
"""The formats that COPY knows."""

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


class Session(RowCalls, Protocol):
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

    def batch(self) -> AbstractContextManager[Batch]:
        """Send several statements in one round trip, when the block is left.

        On a database they are one transaction, in a transaction a part of it. An error names the
        statement, and nothing of the batch is stored.
        """
        ...

    def copy_out(
        self,
        sql: SqlText | Runs[...],
        params: Params = None,
        *,
        format: CopyFormat = "csv",
        header: bool = False,
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Read the rows of a query as the data of COPY … TO STDOUT, in blocks of bytes.

        In bounded memory; leaving the block early cancels the statement on the server.

        Args:
            sql: The query, with `%s` or `%(name)s` for parameters, which are written into it as
                literals: COPY takes none. Or a declared statement.
            params: A sequence or a mapping to match; without it a `%` is just a `%`.
            format: `"csv"`, `"text"` or `"binary"`.
            header: Whether the first line has the names of the columns.
        """
        ...

    def stream(
        self,
        sql: SqlText,
        params: Params = None,
        *,
        batch_size: int = 1000,
        timeout: float | None = None,
    ) -> AbstractContextManager[RowStream]:
        """Run a statement and receive its rows as they come, in bounded memory.

        Leaving the block early cancels the statement on the server.

        Args:
            sql: The statement, with `%s` or `%(name)s` for parameters.
            params: A sequence or a mapping to match; without it a `%` is just a `%`.
            batch_size: Rows received at a time.
            timeout: Seconds that the server may take for the next rows; the time that is spent
                reading in between is not counted.
        """
        ...

    def transaction(
        self,
        *,
        isolation: Isolation | None = None,
        read_only: bool | None = None,
        deferrable: bool | None = None,
        settings: Settings | None = None,
        role: str | None = None,
    ) -> AbstractContextManager[Session]:
        """Open a transaction for a block; in a transaction, a savepoint (without options).

        Leaving the block commits; an exception rolls back and goes on.

        Args:
            isolation: How well it is kept apart from others; the server's default if None.
            read_only: Whether writes are refused.
            deferrable: Whether a serializable read-only transaction may wait for a safe start.
            settings: Settings that hold until its end (`set_config(name, value, true)`).
            role: The role that it runs as until its end.

        Raises:
            TransactionAborted: If an error was swallowed inside, so that nothing was stored.
            CommitUnknown: If the connection went away during COMMIT.
        """
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


class AsyncSession(AsyncRowCalls, Protocol):
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

    def batch(self) -> AbstractAsyncContextManager[Batch]:
        """Send several statements in one round trip, when the block is left.

        On a database they are one transaction, in a transaction a part of it. An error names the
        statement, and nothing of the batch is stored.
        """
        ...

    def copy_out(
        self,
        sql: SqlText | Runs[...],
        params: Params = None,
        *,
        format: CopyFormat = "csv",
        header: bool = False,
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Read the rows of a query as the data of COPY … TO STDOUT, in blocks of bytes.

        In bounded memory; leaving the block early cancels the statement on the server.

        Args:
            sql: The query, with `%s` or `%(name)s` for parameters, which are written into it as
                literals: COPY takes none. Or a declared statement.
            params: A sequence or a mapping to match; without it a `%` is just a `%`.
            format: `"csv"`, `"text"` or `"binary"`.
            header: Whether the first line has the names of the columns.
        """
        ...

    def stream(
        self,
        sql: SqlText,
        params: Params = None,
        *,
        batch_size: int = 1000,
        timeout: float | None = None,
    ) -> AbstractAsyncContextManager[AsyncRowStream]:
        """Run a statement and receive its rows as they come, in bounded memory.

        Leaving the block early cancels the statement on the server.

        Args:
            sql: The statement, with `%s` or `%(name)s` for parameters.
            params: A sequence or a mapping to match; without it a `%` is just a `%`.
            batch_size: Rows received at a time.
            timeout: Seconds that the server may take for the next rows; the time that is spent
                reading in between is not counted.
        """
        ...

    def transaction(
        self,
        *,
        isolation: Isolation | None = None,
        read_only: bool | None = None,
        deferrable: bool | None = None,
        settings: Settings | None = None,
        role: str | None = None,
    ) -> AbstractAsyncContextManager[AsyncSession]:
        """Open a transaction for a block; in a transaction, a savepoint (without options).

        Leaving the block commits; an exception rolls back and goes on.

        Args:
            isolation: How well it is kept apart from others; the server's default if None.
            read_only: Whether writes are refused.
            deferrable: Whether a serializable read-only transaction may wait for a safe start.
            settings: Settings that hold until its end (`set_config(name, value, true)`).
            role: The role that it runs as until its end.

        Raises:
            TransactionAborted: If an error was swallowed inside, so that nothing was stored.
            CommitUnknown: If the connection went away during COMMIT.
        """
        ...
