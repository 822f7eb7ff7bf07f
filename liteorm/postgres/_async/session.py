"""What a database and a transaction have in common: statements, streams, tables."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from contextlib import AbstractAsyncContextManager

from liteorm._core.contracts import Params
from liteorm._core.sql.text import SqlText, rendered
from liteorm._core.values.results import Result
from liteorm.postgres._async import pipeline
from liteorm.postgres._async.row_calls import AsyncRowCalls
from liteorm.postgres._async.stream import AsyncRowStream, AsyncStreaming

__all__ = ["AsyncAnySession"]


class AsyncAnySession(AsyncRowCalls):
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
