# Generated from liteorm/postgres/_async/describing.py by .ci/unasync.py: edit that file, not this one.
"""Asks the server to describe statements, without running them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import psycopg
from psycopg import pq

from liteorm._core.contracts import Session
from liteorm._core.sql.text import SqlText
from liteorm.errors import Deadlock, Error, LockNotAvailable, QueryCanceled
from liteorm.postgres._sync.catalog import ask, load_types
from liteorm.postgres._sync.connection import Wire
from liteorm.postgres._sync.database import DB
from liteorm.postgres._sync.statements import Statements
from liteorm.postgres._describing import nulls
from liteorm.postgres._describing.shapes import (
    Answers,
    Described,
    Null,
    StatementShape,
    catalog_questions,
    numbered,
)
from liteorm.postgres._session.options import wrong_session
from liteorm.postgres._session.protocol import descriptions_step
from liteorm.postgres._types.coded import Encoded
from liteorm.postgres._types.registry import KnownTypes, TypeRegistry

__all__ = ["describe_all", "describe", "load_new_types"]

_AT_ONCE: Final = 100
"""Statements described in one round trip."""
_PASSING: Final = (QueryCanceled, LockNotAvailable, Deadlock)
"""Say nothing of the statement that is described: what others did has kept the server from it."""


def describe(session: Session, sql: SqlText) -> StatementShape:
    """Return a statement's columns and parameters as the server sees them; nothing is run.

    Whether a column can be NULL follows from the server's own reading of the statement, for which
    a temporary function is created and rolled back. In a transaction, a statement that the server
    refuses fails the transaction, as if it had been run.

    Args:
        session: A database or a transaction.
        sql: The statement, with `%s` or `%(name)s` for parameters.

    Raises:
        Error: What the server says of the statement, as the fitting class.

    Example:
        >>> shape = describe(db, "SELECT id FROM users WHERE name = %s")
        >>> shape.columns[0].type, shape.parameters
        ('integer', ('text',))
    """
    if not isinstance(session, Statements):
        raise wrong_session(describe, session, DB)
    [found] = describe_all(session, [sql])
    if isinstance(found, Error):
        try:
            raise found
        finally:
            del found  # see `because`
    return found.shape(session._state.types.known)


def describe_all(
    session: Statements,
    texts: Sequence[Any],
    nulls: Sequence[Mapping[int, Null]] | None = None,
    sent: Sequence[Sequence[int]] | None = None,
    analysed: Sequence[bool] | None = None,
) -> list[Described | Error]:
    """Describe several statements over one connection; what is wrong with one spoils no other.

    Args:
        session: A database; in a transaction, the first statement that is refused is the last.
        texts: The statements.
        nulls: For each statement, which of its parameters `$1` … are known to be NULL or not.
        sent: For each statement, the types of its parameters, 0 for one that the server decides.
        analysed: For each statement, whether to find out what can be NULL in its columns.
    """
    registry = session._state.types
    alone: Any = texts[0] if len(texts) == 1 else None
    with session._connection("describe", alone if isinstance(alone, str) else None) as wire:
        found: list[Described | Error] = []
        for start in range(0, len(texts), _AT_ONCE):
            items = [
                _read_text(
                    wire, texts[n], sent[n] if sent else (), analysed[n] if analysed else True
                )
                for n in range(start, min(start + _AT_ONCE, len(texts)))
            ]
            found += _described(wire, items)
            wire.renew()
        good = [item for item in found if isinstance(item, Described)]
        load_new_types(wire, registry, {oid for item in good for oid in item.oids})
        if good:
            known = (
                [nulls[n] for n, item in enumerate(found) if isinstance(item, Described)]
                if nulls
                else None
            )
            inside = wire.pgconn.transaction_status != pq.TransactionStatus.IDLE
            _ask(wire, catalog_questions(good, known, inside=inside))
            inner = {oid for item in good for oid in item.inner_oids}
            load_new_types(wire, registry, inner)
    return found


def load_new_types(
    wire: Wire, registry: TypeRegistry, oids: Iterable[int]
) -> KnownTypes:
    """Look up those types that are not known yet; return what is known with them."""
    known = registry.known
    new = {oid for oid in oids if oid not in known.types or known.wants_money((oid,))}
    return load_types(wire, registry, new) if new else known


def _read_text(
    wire: Wire, text: Any, sent: Sequence[int], analysed: bool
) -> Described | Error:
    try:
        item = numbered(text)
    except Error as exc:
        error = wire.translated(exc, str(text))
        assert isinstance(error, Error)
        return error
    item.sent = tuple(sent)
    item.analysed = analysed
    return item


def _described(
    wire: Wire, items: Sequence[Described | Error]
) -> list[Described | Error]:
    """Have the texts described in one round trip, and read the answers."""
    asked = [item for item in items if isinstance(item, Described)]
    results = iter(
        wire.wait(
            descriptions_step(wire.pgconn, [(item.text.encode(), item.sent) for item in asked])
        )
        if asked
        else ()
    )
    found: list[Described | Error] = []
    for item in items:
        if isinstance(item, Described):
            result = next(results)
            if result.status == pq.ExecStatus.FATAL_ERROR:
                found.append(_refused(wire, item, result))
                continue
            item.read(result)
        found.append(item)
    return found


def _refused(wire: Wire, item: Described, result: pq.abc.PGresult) -> Error:
    exc = psycopg.errors.error_from_result(result, encoding=wire.info.encoding)
    error = wire.translated(exc, item.text)
    if not isinstance(error, Error):
        raise exc
    if isinstance(error, _PASSING):
        raise error from exc
    error.__cause__ = exc
    return error


def _ask(wire: Wire, questions: Answers) -> None:
    """Put each of the catalog's questions to the server, and give the answers back."""
    rows: list[tuple[Any, ...]] | None = None
    while True:
        try:
            query, params = questions.send(rows) if rows is not None else next(questions)
        except StopIteration:
            return
        try:
            rows = ask(wire, query.encode(), [*map(Encoded, params)] or None)
        except psycopg.Error as exc:
            passing = isinstance(wire.translated(exc), _PASSING)
            if wire.closed or passing or not isinstance(query, nulls.Trial):
                raise
            rows = [(exc.diag.message_primary or "",)]
        wire.renew()
