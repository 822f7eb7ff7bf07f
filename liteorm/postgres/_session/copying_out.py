"""COPY … TO STDOUT: its text, and its data in blocks, without I/O of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from psycopg import errors as driver
from psycopg import pq
from psycopg.abc import PQGen
from psycopg.generators import fetch_many, send
from psycopg.waiting import Ready, Wait

from liteorm._core.sql.lexer import placeholders, tokens
from liteorm.errors import StatementError
from liteorm.postgres._session.outcomes import after_its_rows
from liteorm.postgres._session.protocol import lost_refused, other_names_refused

__all__ = ["CopyOut", "check_parameters", "copy_out_text", "one_query"]

_FORMATS: Final = ("csv", "text", "binary")
_BLOCK: Final = 128 * 1024
_OUT: Final = pq.ExecStatus.COPY_OUT
_FATAL: Final = pq.ExecStatus.FATAL_ERROR
_OPTIONS: Final = {"csv": "FORMAT csv", "text": "FORMAT text", "binary": "FORMAT binary"}


def copy_out_text(query: str, format: str, header: bool) -> str:
    """Return COPY (query) TO STDOUT.

    Raises:
        ValueError: There is no such format, or it has no header.
    """
    if format not in _FORMATS:
        raise ValueError(f"format must be one of {', '.join(_FORMATS)}, not {format!r}")
    if header and format == "binary":
        raise ValueError("the binary format has no header")
    options = _OPTIONS[format] + (", HEADER" if header else "")
    # The query may end in a comment.
    return f"COPY ({query}\n) TO STDOUT ({options})"


def one_query(sql: str) -> str:
    """Return the query without the semicolon at its end, which COPY does not take."""
    if ";" not in sql:
        return sql
    last = None
    for token in tokens(sql):
        if token.kind not in ("space", "comment"):
            last = token
    return sql if last is None or last.kind != "end" else sql[: last.start] + sql[last.end :]


def check_parameters(query: str, params: Any) -> None:
    """Refuse what the driver would write into the text, or leave out of it, without a word.

    Raises:
        StatementError: A placeholder stands inside quotes, or a name is not the query's.
    """
    lost_refused(query)
    if isinstance(params, Mapping):
        names = dict.fromkeys(found.name for found in placeholders(query))
        if None not in names and params.keys() != names.keys():
            raise other_names_refused(params, [name for name in names if name is not None])


class CopyOut:
    """The data of one COPY as it comes.

    Args:
        wire: The connection; None when the block has been left, whoever still holds this.
    """

    def __init__(self, wire: Any) -> None:
        self.wire: Any = wire
        self._pgconn = wire.pgconn
        self.ended = False
        self.left = False
        self.rows = 0

    def lose(self) -> None:
        """Give nothing any more: the block was lost, and its statement is ended."""
        self.left, self.wire = True, None

    def begin(self, text: str) -> PQGen[None]:
        """Send the command; return when data is about to come."""
        # Not as a simple query, which is answered for when it has committed: see `_finish`.
        self._pgconn.send_query_params(text.encode(), None)
        yield from send(self._pgconn)
        results = yield from fetch_many(self._pgconn)
        if results and results[0].status == _OUT:
            return
        self.ended = True
        for result in results:
            if result.status == _FATAL:
                raise driver.error_from_result(result)
        raise StatementError("the statement of copy_out gives no rows to be copied")

    def block(self) -> PQGen[bytes | None]:
        """Receive what there is, some rows at a time; None at the end."""
        parts: list[Any] = []
        size = 0
        while not self.ended:
            count, data = self._pgconn.get_copy_data(1)
            if count > 0:
                self.rows += 1
                parts.append(data)
                size += count
                if size >= _BLOCK:
                    break
            elif count < 0:
                self.ended = True
                yield from self._finish()
            elif parts:
                break
            else:
                # A wait that was given up and begun anew says nothing at first.
                while not ((yield Wait.R) or Ready.NONE) & Ready.R:
                    continue
                self._pgconn.consume_input()
        return b"".join(parts) if parts else None

    def rest(self) -> PQGen[None]:
        """Receive what is left, to be thrown away."""
        while (yield from self.block()) is not None:
            pass

    def _finish(self) -> PQGen[None]:
        results = yield from fetch_many(self._pgconn)
        for result in results:
            if result.status == _FATAL:
                error = driver.error_from_result(result)
                try:
                    raise error if result is results[0] else after_its_rows(error)
                finally:
                    del error  # see `because`
