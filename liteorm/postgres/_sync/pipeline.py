# Generated from liteorm/postgres/_async/pipeline.py by .ci/unasync.py: edit that file, not this one.
"""One statement with many parameter sets, in a pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from psycopg import Cursor

from liteorm._core.sql.text import SqlText, rendered
from liteorm._core.values.results import Result
from liteorm.errors import Error, StatementError
from liteorm.postgres._sync.connection import Wire
from liteorm.postgres._sync.lookup import own_text
from liteorm.postgres._sync.statements import Statements
from liteorm.postgres._driver import COUNTS_RESULTS, KNOWN_QUERY
from liteorm.postgres._session.commands import result_of
from liteorm.postgres._session.outcomes import because
from liteorm.postgres._session.protocol import NamedQuery
from liteorm.postgres._session.translate import is_stale
from liteorm.postgres._types.dumpers import parameter_error
from liteorm.postgres._writing.chunks import Chunks, Objects

_SETS: Final = 1000
"""Parameter sets sent in one go; the source is asked for more between them."""


class CountingCursor(Cursor[Any]):
    """Knows how many parameter sets have been taken and how many have been answered."""

    if KNOWN_QUERY:
        _query_cls = NamedQuery

    taken = 0
    answered = 0
    affected = 0
    last: list[Any]
    current: Any = None

    def counted(self, sets: Iterable[Any]) -> Iterator[Any]:
        """Hand out the parameter sets."""
        for params in sets:
            self.current = params
            yield params
            self.taken += 1

    if COUNTS_RESULTS:

        def _set_results(self, results: Any) -> None:
            self.answered += 1
            self.affected += sum(result.command_tuples or 0 for result in results)
            self.last = results
            super()._set_results(results)

    else:  # pragma: no cover - with another driver, see test_driver.py

        def executemany(self, *args: Any, **kwargs: Any) -> None:
            """Run the sets; their count is known at the end only."""
            super().executemany(*args, **kwargs)
            self.affected += max(self.rowcount, 0)
            self.last = [self.pgresult] if self.pgresult is not None else []
            self.answered = self.taken


def execute_many(
    session: Statements, sql: SqlText, seq_of_params: Objects
) -> Result:
    """Run a statement once for each of the parameter sets, pipelined, all or nothing."""
    text = rendered(sql, ())[0]
    session._check_text(text)
    sets = Chunks(seq_of_params)
    first = sets.take(_SETS)
    again: list[Any] = first if session._autocommit else []
    while True:
        try:
            return _run_sets(session, text, first, sets)
        except Error as exc:
            # Prepared before a type was dropped and created again. What comes after the first
            # sets cannot be asked of the source a second time.
            if not (again and exc.row is not None and exc.row < _SETS and is_stale(exc.__cause__)):
                raise
            again = []


def _run_sets(
    session: Statements, text: str, first: list[Any], sets: Chunks
) -> Result:
    with session.transaction() as tx:
        use = tx._connection("execute_many", text)
        use.size = len(first) if len(first) < _SETS else None
        with use as wire:
            cursor = CountingCursor(wire)
            cursor.last = []
            # It is prepared by its text, which means something else in another search_path.
            sent = text if wire.path is None else f"{text}\n/* {hash(wire.path):x} */"
            taken = first
            while taken:
                # Their answers come together, so that the time is that of all.
                wire.renew(len(taken))
                try:
                    cursor.executemany(own_text(sent), cursor.counted(taken))
                except Exception as exc:
                    wire.forget_stale(exc)
                    exc = because(_of_set(wire, cursor, exc, text), exc)
                    raise exc
                taken = sets.take(_SETS)
            use.size = cursor.taken
            wire.heed(cursor.last, text, cursor.current)
            result = Result(cursor.affected, result_of(cursor.last).command)
            use.rows = result.rows_affected
    return result


def _of_set(
    wire: Wire, cursor: CountingCursor, exc: Exception, sql: str
) -> BaseException:
    """Say which parameter set failed."""
    error = wire.translated(exc, sql, cursor.current)
    if not isinstance(error, Error):
        return error
    place = cursor.answered
    if isinstance(error, StatementError) and error.sqlstate is None:
        place = cursor.taken
    if error.sqlstate is None or cursor.taken == cursor.answered:
        named = parameter_error(exc, cursor.current, wire.adapters)
        if named is not None:
            named.sql = sql
            error, place = named, cursor.taken
    error.row = place
    error.message = f"parameter set {place}: {error.message}"
    error.args = (error.message,)
    return error
