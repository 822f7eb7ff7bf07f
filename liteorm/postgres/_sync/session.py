# Generated from liteorm/postgres/_async/session.py by .ci/unasync.py: edit that file, not this one.
"""What a database and a transaction have in common: statements, streams, tables.

What few programs need is imported by the first call.
"""

from __future__ import annotations

from collections.abc import Iterator, Iterable
from contextlib import AbstractContextManager

from liteorm._core.batches import Batch, Runs, called
from liteorm._core.contracts import CopyFormat, Params
from liteorm._core.sql.text import SqlText, rendered
from liteorm._core.values.results import Result
from liteorm.postgres._sync.row_calls import RowCalls
from liteorm.postgres._sync.stream import RowStream, Streaming
from liteorm.postgres._session.options import check_seconds

__all__ = ["AnySession"]


class AnySession(RowCalls):
    """Every call that a session has; how a connection is had for each is the subclass's."""

    def execute_many(
        self, sql: SqlText, seq_of_params: Iterable[Params]
    ) -> Result:
        """Run a statement once for each of the parameters, pipelined, all or nothing.

        Args:
            sql: The statement, with `%s` or `%(name)s` for parameters.
            seq_of_params: A sequence or a mapping for each run; consumed as they are sent.
        """
        from liteorm.postgres._sync import pipeline

        return pipeline.execute_many(self, sql, seq_of_params)

    def batch(self) -> AbstractContextManager[Batch]:
        """Send several statements in one round trip, when the block is left.

        On a database they are one transaction, in a transaction a part of it. An error names the
        statement, and nothing of the batch is stored.
        """
        from liteorm.postgres._sync.batching import Batching

        return Batching(self)

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
        from liteorm.postgres._sync.copy_out import CopyingOut
        from liteorm.postgres._session.copying_out import copy_out_text

        copy_out_text("", format, header)
        text, values, timeout = called(sql, params)
        self._check_text(text)
        use = self._connection("copy_out", text, values)
        return CopyingOut(use, text, values, format, header, timeout)

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
        if batch_size < 1:
            raise ValueError("batch_size must be at least 1")
        text, values = rendered(sql, params)
        self._check_text(text)
        if timeout is not None:
            check_seconds("timeout", timeout)
        use = self._connection("stream", text, values)
        return Streaming(use, text, values, batch_size, timeout)
