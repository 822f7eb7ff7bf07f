"""Steps of the wire protocol that the driver's cursors do not offer, without I/O of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from psycopg import errors as driver
from psycopg import pq
from psycopg.abc import PQGen
from psycopg.adapt import Transformer
from psycopg.generators import execute, fetch, send
from psycopg.waiting import Ready, Wait

from liteorm._core.sql.lexer import place, placeholders
from liteorm._core.sql.near import other_names
from liteorm._core.sql.placeholders import WRITTEN, Fault, lost_in
from liteorm.errors import StatementError
from liteorm.postgres._driver import (
    CLOSES_STATEMENTS,
    NOT_PREPARED,
    TO_PREPARE,
    Form,
    PostgresQuery,
    form_of,
    name_of_prepared,
    prepared_statements,
)
from liteorm.postgres._session.commands import copy_refused
from liteorm.postgres._session.outcomes import after_its_rows

__all__ = [
    "NamedQuery",
    "arrived",
    "copy_end_step",
    "copy_step",
    "describe_step",
    "descriptions_step",
    "drain_step",
    "leave_step",
    "lost_refused",
    "other_names_refused",
    "probe_step",
    "rest_step",
    "result_step",
    "run_step",
    "script_step",
    "send_step",
    "text_step",
]

_CHUNKS: Final = {pq.ExecStatus.SINGLE_TUPLE, pq.ExecStatus.TUPLES_CHUNK}
_COPYING: Final = {pq.ExecStatus.COPY_IN, pq.ExecStatus.COPY_OUT, pq.ExecStatus.COPY_BOTH}
_GOOD: Final = {pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK, pq.ExecStatus.EMPTY_QUERY}
_FATAL: Final = pq.ExecStatus.FATAL_ERROR
_SYNC: Final = pq.ExecStatus.PIPELINE_SYNC
_LAST_RESULTS: Final = 4
"""The rest of the rows, the end of them, an error after it, the end of all."""
_BINARY: Final = pq.Format.BINARY


_SEQUENCES: Final[frozenset[Any]] = frozenset({tuple, list})


class NamedQuery(PostgresQuery):
    """A statement and its parameters, by name neither too many nor too few.

    The driver takes a mapping that has more than it needs: `stauts="open"` beside `status=None`
    would return all rows.
    """

    __slots__ = ()

    def convert(self, query: Any, vars: Any) -> None:
        """Set up the statement with its parameters."""
        # The driver puts `$1` into literals too. The server then compares with that text, silently
        # where the parameter has a type.
        if vars and query.__class__ is str:
            lost_refused(query)
        PostgresQuery.convert(self, query, vars)

    @staticmethod
    def validate_and_reorder_params(
        parts: list[Any], vars: Any, order: list[str] | None
    ) -> Sequence[Any]:
        """Return the parameters in the statement's order."""
        try:
            found = PostgresQuery.validate_and_reorder_params(parts, vars, order)
        except driver.ProgrammingError:
            if order is not None and isinstance(vars, Mapping):
                raise other_names_refused(vars, order) from None
            raise
        # Sequences are counted by the driver.
        if vars.__class__ not in _SEQUENCES and len(vars) != len(found):
            raise other_names_refused(vars, order or ())
        return found


def lost_refused(sql: str) -> None:
    """Refuse a placeholder that stands inside quotes."""
    if (lost := _lost_in(sql)) is not None:
        raise StatementError(
            lost.sentence.replace("{line}", f" in line {place(sql, lost.start)[0]}"),
            hint=lost.remedy,
        )


@lru_cache(maxsize=1000)
def _lost_in(sql: str) -> Fault | None:
    """Return the placeholder inside quotes, where there are no both kinds: that is said first."""
    if "'" not in sql and '"' not in sql and "$" not in sql:
        return None
    fault = lost_in(sql)
    kinds = {found.name is None for found in placeholders(sql)} if fault is not None else ()
    return fault if len(kinds) == 1 else None


def other_names_refused(given: Any, names: Sequence[str]) -> StatementError:
    """Return the refusal of a mapping with other names than the statement's placeholders."""
    wrong, meant = other_names(given, names)
    takes = ", ".join(names) or "no names"
    hint = meant if names else WRITTEN
    return StatementError(f"{wrong}; the statement takes {takes}", hint=hint)


class _Known:
    """A statement as the driver's manager of prepared ones knows it."""

    __slots__ = ("query", "types")

    def __init__(self, query: bytes, types: tuple[int, ...]) -> None:
        self.query = query
        self.types = types


_forms: Final[dict[Any, Form]] = {}
"""Statements as they are sent, by their text."""
_MOST_FORMS: Final = 500
_LONGEST_FORM: Final = 4096


def _converted_anew(wire: Any, transformer: Any, sql: Any, params: Any) -> NamedQuery:
    """Convert a statement and its parameters, and keep its form for the next time."""
    query = NamedQuery(transformer)
    query.convert(sql, params)
    form = form_of(query) if params and not wire.lent else None
    if form is not None and isinstance(sql, str) and len(sql) < _LONGEST_FORM:
        if len(_forms) >= _MOST_FORMS:
            _forms.clear()
        _forms[sql] = form
    return query


def run_step(
    wire: Any, transformer: Any, sql: Any, params: Any, result_format: int = _BINARY
) -> PQGen[Any]:
    """Run one statement, with a binary result if not said otherwise; return the result.

    What the driver's cursor does, without what it prepares for fetching rows: liteorm loads rows
    in its own way, and this is where the time of a short query goes. So what is known of a text
    that has been run before is not found out again.
    """
    pgconn, prepared = wire.pgconn, prepared_statements(wire)
    form = _forms.get(sql) if params and not wire.lent else None
    values = None if form is None else form.ordered(params)
    if form is not None and values is not None:
        text, data = form.query, transformer.dump_sequence(values, form.formats)
        types, formats = transformer.types or (), transformer.formats
    else:
        query = _converted_anew(wire, transformer, sql, params)
        text, data, types, formats = query.query, query.params, query.types, query.formats
    # Where names lead elsewhere the same text is another statement.
    seen = text if wire.path is None else b"%b\0%b" % (text, wire.path.encode())
    name = name_of_prepared(prepared, seen, types)
    key: Any = None
    known = prepare = None
    if name is None:
        known = _Known(seen, types)
        prepare, name = prepared.get(known)
    if prepare is NOT_PREPARED:
        pgconn.send_query_params(
            text, data, param_formats=formats, param_types=types, result_format=result_format
        )
    else:
        if prepare is TO_PREPARE:
            pgconn.send_prepare(name, text, param_types=types)
            for result in (yield from execute(pgconn)):
                if result.status == _FATAL:
                    raise driver.error_from_result(result)
        pgconn.send_query_prepared(name, data, param_formats=formats, result_format=result_format)
    if known is not None:
        key = prepared.maybe_add_to_cache(known, prepare, name)
    results = yield from execute(pgconn)
    if key is not None:
        prepared.validate(key, prepare, name, results)
    if len(results) != 1 or results[0].status not in _GOOD:
        raise _failure(results, alone=True)
    if prepared._to_flush:
        yield from prepared.maintain_gen(wire)
    return results[0]


def script_step(wire: Any, sql: Any, count: int) -> PQGen[list[Any]]:
    """Run so many statements of one text, split by semicolons; return the result of each.

    Outside a transaction they are one, and the server answers for the last statement when it has
    committed: what that fails with may be the commit's.
    """
    pgconn, prepared = wire.pgconn, prepared_statements(wire)
    alone = pgconn.transaction_status == pq.TransactionStatus.IDLE
    query = PostgresQuery(Transformer(wire))
    query.convert(sql, None)
    pgconn.send_query(query.query)
    key = prepared.maybe_add_to_cache(query, NOT_PREPARED, b"")
    results: list[Any] = yield from execute(pgconn)
    if key is not None:
        # A script is never prepared; what it drops may have been used by what is.
        prepared.validate(key, NOT_PREPARED, b"", results)
    if results[-1].status not in _GOOD:
        error = _failure(results)
        if alone and len(results) >= count and isinstance(error, driver.Error):
            after_its_rows(error, "the script's last statement, or its commit")
        try:
            raise error
        finally:
            del error  # see `because`
    if prepared._to_flush:
        yield from prepared.maintain_gen(wire)
    return results


def text_step(pgconn: Any, text: str) -> PQGen[list[Any]]:
    """Run one or several commands without parameters; return the result of each.

    As one simple query: what the driver's cursor keeps for preparing and fetching costs as much
    again as the command itself.
    """
    pgconn.send_query(text.encode())
    results: list[Any] = yield from execute(pgconn)
    if results[-1].status not in _GOOD:
        raise _failure(results)
    return results


def _failure(results: list[Any], *, alone: bool = False) -> Exception:
    """Return the error among the results of a statement; it may come after its rows.

    Outside a transaction the statement's own commit follows its rows, and there deferred
    constraints and triggers have their say: a statement has ended when the server is ready for
    the next one.
    """
    for before, result in enumerate(results):
        if result.status in _COPYING:
            return copy_refused()
        if result.status not in _GOOD:
            error = driver.error_from_result(result)
            return after_its_rows(error) if alone and before else error
    return driver.InternalError(f"a statement gave {len(results)} results instead of one")


def send_step(wire: Any, sql: str, params: Any, size: int) -> PQGen[None]:
    """Send a statement whose rows are to come in batches of at most `size`."""
    query = _converted(wire, sql, params)
    pgconn = wire.pgconn
    pgconn.send_query_params(
        query.query,
        query.params,
        param_formats=query.formats,
        param_types=query.types,
        result_format=_BINARY,
    )
    if size > 1:
        pgconn.set_chunked_rows_mode(size)
    else:
        pgconn.set_single_row_mode()
    yield from send(pgconn)


def _converted(wire: Any, sql: Any, params: Any) -> PostgresQuery:
    query = NamedQuery(Transformer(wire))
    query.convert(sql, params)
    return query


def copy_step(pgconn: Any, sql: str) -> PQGen[None]:
    """Begin a COPY from the client.

    Not as a simple query, which the server answers for when it has committed: what the COPY fails
    with is told from what its commit fails with.
    """
    pgconn.send_query_params(sql.encode(), None)
    result = (yield from execute(pgconn))[-1]
    if result.status == _FATAL:
        raise driver.error_from_result(result)
    if result.status != pq.ExecStatus.COPY_IN:
        raise StatementError("the statement is no COPY from the client")


def result_step(pgconn: Any) -> PQGen[tuple[Any, bool]]:
    """Receive the next result of a statement; say whether it was the last.

    The last one is given only when the statement has ended well: see `_failure`.
    """
    result: Any = yield from fetch(pgconn)
    if result is None or result.status in _CHUNKS:
        return result, result is None
    if result.status in _COPYING:
        raise StatementError("COPY cannot be streamed", hint="write it as SELECT")
    failed = yield from drain_step(pgconn, result if result.status == _FATAL else None)
    if failed is not None:
        raise _failure([result, failed] if failed is not result else [failed], alone=True)
    return result, True


def rest_step(pgconn: Any) -> PQGen[tuple[list[Any], Any]]:
    """Receive what is left of a statement that is being cancelled: its results, or its error."""
    results: list[Any] = []
    while (result := (yield from fetch(pgconn))) is not None:
        if result.status == _FATAL or result.status in _COPYING:
            return results, (yield from drain_step(pgconn, result))
        results.append(result)
    return results, None


def drain_step(pgconn: Any, failed: Any = None) -> PQGen[Any]:
    """Receive what is left of a statement; return the first result that is an error."""
    try:
        while (result := (yield from fetch(pgconn))) is not None:
            if result.status in _COPYING:
                break  # libpq would say so for ever
            if result.status == _FATAL and failed is None:
                failed = result
    except driver.OperationalError:
        # The reason that the server gave before it hung up says more than that it did.
        if failed is None:
            raise
    return failed


def leave_step(pgconn: Any) -> PQGen[bool]:
    """Receive what is left of a statement that is being cancelled; say if it ended well before."""
    yield from send(pgconn)  # it may have been interrupted while it was sent
    well = False
    while (result := (yield from fetch(pgconn))) is not None:
        well = result.status in _GOOD
        if result.status == pq.ExecStatus.COPY_IN:
            yield from _end_copy(pgconn, b"interrupted")
        elif result.status == pq.ExecStatus.COPY_OUT:
            yield from _skip_copy(pgconn)
    return well


def _skip_copy(pgconn: Any) -> PQGen[None]:
    """Receive the data of a COPY to the client, to be thrown away."""
    while (count := pgconn.get_copy_data(1)[0]) >= 0:
        if count == 0:
            # A wait that was given up and begun anew says nothing at first.
            while not ((yield Wait.R) or Ready.NONE) & Ready.R:
                continue
            pgconn.consume_input()


def arrived(pgconn: Any) -> tuple[bool, bool, Any]:
    """Take what has come of a statement's end, without waiting for more.

    Says whether there is only its end to wait for, and whether it has been done; and gives the
    first result that is an error.
    """
    complete, done, failed, lost = False, False, None, None
    try:
        pgconn.consume_input()
    except driver.OperationalError as exc:
        lost = exc  # what came before it is there
    for _ in range(_LAST_RESULTS):
        if pgconn.is_busy() or (result := pgconn.get_result()) is None:
            break
        if result.status in _GOOD:
            complete = done = True
        elif result.status == _FATAL:
            complete, failed = True, failed or result
        elif result.status in _COPYING:
            break
    if lost is not None and failed is None:
        raise lost
    return complete, done, failed


def copy_end_step(pgconn: Any, reason: bytes | None) -> PQGen[Any]:
    """End a COPY into the server, or break it off with a reason; return its result."""
    yield from _end_copy(pgconn, reason)
    results = yield from execute(pgconn)
    if len(results) != 1 or results[0].status not in _GOOD:
        raise _failure(results, alone=True)
    return results[0]


def _end_copy(pgconn: Any, reason: bytes | None) -> PQGen[None]:
    while pgconn.put_copy_end(reason) == 0:
        yield from send(pgconn)


def describe_step(wire: Any, sql: str, params: Any) -> PQGen[Any]:
    """Ask for the columns of a statement without running it."""
    query = _converted(wire, sql, params)
    pgconn = wire.pgconn
    [result] = yield from descriptions_step(pgconn, [(query.query, query.types)])
    if result.status == _FATAL:
        raise driver.error_from_result(result)
    return result


def descriptions_step(
    pgconn: Any, statements: Sequence[tuple[bytes, Sequence[int]]]
) -> PQGen[list[Any]]:
    """Have statements described in one round trip: the result for each, or its error's.

    Each is Parse, Describe and one Sync: a pooler that lends a server until the Sync must not see
    another one before the Describe, and an error ends what belongs to its own statement only.

    Args:
        pgconn: The driver's connection, with nothing under way.
        statements: The text of each with `$1` …, and the types of its parameters (0: not known).
    """
    pgconn.enter_pipeline_mode()
    for text, types in statements:
        pgconn.send_prepare(b"", text, param_types=types)
        pgconn.send_describe_prepared(b"")
        pgconn.pipeline_sync()
    yield from send(pgconn)
    found: list[Any] = []
    last: Any = None
    while len(found) < len(statements):
        result: Any = yield from fetch(pgconn)
        if result is None:
            continue
        if result.status == _SYNC:
            found.append(last)
            last = None
        elif last is None or last.status != _FATAL:
            last = result
        if pgconn.status == pq.ConnStatus.BAD:
            raise driver.error_from_result(result)
    # After an interruption too: whoever stops a step lets it run to its end, or closes.
    pgconn.exit_pipeline_mode()
    return found


_PROBE: Final = b"""
SELECT pg_catalog.pg_backend_pid()::text,
       EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE name = $1)::text
"""


def probe_step(pgconn: Any, name: bytes) -> PQGen[tuple[bytes, bool] | None]:
    """Ask which server process answers, and whether a statement has the name it was given.

    Parse, the question and Close belong to one Sync, and so to one transaction: a pooler lends
    one server for all of it. None if the server cannot tell.
    """
    pgconn.enter_pipeline_mode()
    pgconn.send_prepare(name, b"SELECT 1")
    pgconn.send_query_params(_PROBE, [name])
    # After the answer: where the pooler has given the statement another name this may fail.
    if CLOSES_STATEMENTS:
        pgconn.send_close_prepared(name)
    else:
        pgconn.send_query_params(b"DEALLOCATE " + name, None)
    pgconn.pipeline_sync()
    yield from send(pgconn)
    found: tuple[bytes, bool] | None = None
    while True:
        result: Any = yield from fetch(pgconn)
        if result is None:
            continue
        if pgconn.status == pq.ConnStatus.BAD:
            raise driver.error_from_result(result)
        if result.status == _SYNC:
            break
        if result.status == pq.ExecStatus.TUPLES_OK:
            found = result.get_value(0, 0), result.get_value(0, 1) == b"true"
    pgconn.exit_pipeline_mode()
    return found
