"""Several statements, one Sync: sent together, answered together, without I/O of its own.

Not the driver's `pipeline()`: this sends a Flush after its last Sync, for which PgBouncer lends a
server that nobody gives back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from math import ceil
from typing import Any, Final, NamedTuple

from psycopg import errors as driver
from psycopg import pq
from psycopg.abc import PQGen
from psycopg.adapt import Transformer
from psycopg.generators import fetch_many, pipeline_communicate

from liteorm.postgres._session.protocol import NamedQuery

__all__ = ["Failure", "Sent", "pipeline_step"]

_SYNC: Final = pq.ExecStatus.PIPELINE_SYNC
_GOOD: Final = {pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK, pq.ExecStatus.EMPTY_QUERY}
# A setting of our own holds what was there before: what a transaction has set may not be known.
_KEEP: Final = (
    "SELECT pg_catalog.set_config('liteorm.limit',"
    " pg_catalog.current_setting('statement_timeout'), true)"
)
_AS_BEFORE: Final = (
    "SELECT pg_catalog.set_config('statement_timeout',"
    " pg_catalog.current_setting('liteorm.limit'), true)"
)
_ABORTED: Final = pq.ExecStatus.PIPELINE_ABORTED


class Failure(Exception):
    """One of the statements failed.

    Args:
        place: Which one, counted from 0; the number of all of them for COMMIT.
        reason: What it failed with.
    """

    def __init__(self, place: int, reason: Exception) -> None:
        super().__init__(f"statement {place}")
        self.place = place
        self._reason: Exception | None = reason

    def take(self) -> Exception:
        """Return the reason, once: raised in the place of this it will have this as its context."""
        reason, self._reason = self._reason, None
        assert reason is not None
        self.__cause__ = self.__context__ = None
        reason.__cause__ = reason.__cause__  # this itself is not to be told
        return reason


def pipeline_step(wire: Any, calls: Sequence[Any], alone: bool) -> PQGen[list[Any]]:
    """Run statements (`sql`, `params`, `timeout`) in one round trip; return the result of each.

    Args:
        wire: The connection.
        calls: The statements.
        alone: They are a transaction of their own: BEGIN and COMMIT go along.

    Raises:
        Failure: One of them failed, before anything was sent or at the server.
    """
    pgconn = wire.pgconn
    sends = _sends(wire, calls)
    if alone:
        end = _Send(len(calls), _plain(pgconn, "COMMIT"))
        sends = [_Send(0, _plain(pgconn, "BEGIN")), *sends, end]
    commands = [send.call for send in sends]
    try:
        pgconn.enter_pipeline_mode()
        answers = yield from _answers(pgconn, deque([*commands, pgconn.pipeline_sync]))
    finally:
        # An interruption may come before anything was sent: a transaction then goes on without
        # it. Where an answer is still to come this is refused, and the connection is dropped.
        with suppress(driver.OperationalError):
            pgconn.exit_pipeline_mode()
    results: list[Any] = []
    for send, answer in zip(sends, answers, strict=True):
        for result in answer:
            if result.status not in _GOOD and result.status != _ABORTED:
                raise Failure(send.place, driver.error_from_result(result))
        if send.counts:
            results.append(answer[0])
    return results


class Sent(NamedTuple):
    """A statement of a pipeline, as `pipeline_step` takes it."""

    sql: str
    params: Any = None
    timeout: float | None = None


class _Send(NamedTuple):
    """Something to be sent, for the statement at this place; whether it is the statement."""

    place: int
    call: Callable[[], None]
    counts: bool = False


def _sends(wire: Any, calls: Sequence[Any]) -> list[_Send]:
    """Return what sends the statements, each within its own timeout, which the server keeps."""
    pgconn = wire.pgconn
    sends: list[_Send] = []
    limited = False
    for place, call in enumerate(calls):
        if call.timeout is not None:
            if not limited:
                sends.append(_Send(place, _plain(pgconn, _KEEP)))
            limit = f"SET LOCAL statement_timeout = {max(1, ceil(call.timeout * 1000))}"
            sends.append(_Send(place, _plain(pgconn, limit)))
        elif limited:
            sends.append(_Send(place, _plain(pgconn, _AS_BEFORE)))
        limited = call.timeout is not None
        sends.append(_Send(place, _sender(wire, place, call.sql, call.params), True))
    if limited:
        sends.append(_Send(len(calls) - 1, _plain(pgconn, _AS_BEFORE)))
    return sends


def _answers(pgconn: Any, commands: deque[Callable[[], None]]) -> PQGen[list[list[Any]]]:
    """Send all and receive all, as either side is ready for it."""
    count = len(commands)
    found: list[list[Any]] = yield from pipeline_communicate(pgconn, commands)
    while len(found) < count:
        found.append((yield from fetch_many(pgconn)))
    return [answer for answer in found if answer and answer[0].status != _SYNC]


def _plain(pgconn: Any, text: str) -> Callable[[], None]:
    return partial(pgconn.send_query_params, text.encode(), None)


def _sender(wire: Any, place: int, sql: str, params: Any) -> Callable[[], None]:
    """Return what sends a statement; its parameters are dumped at once."""
    # One transformer for each: it keeps the dumpers of the statement that it has seen last.
    query = NamedQuery(Transformer(wire))
    text: Any = sql
    try:
        query.convert(text, params)
    except Exception as exc:
        raise Failure(place, exc) from exc
    return partial(
        wire.pgconn.send_query_params,
        query.query,
        query.params,
        param_types=query.types,
        param_formats=query.formats,
        result_format=pq.Format.BINARY,
    )
