"""Asks the server to describe statements, without running them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg
from psycopg import AsyncCursor
from psycopg.rows import tuple_row

from liteorm._core.sql.text import SqlText
from liteorm.errors import Error
from liteorm.postgres._async.catalog import load_types
from liteorm.postgres._async.connection import AsyncWire
from liteorm.postgres._async.database import AsyncDB
from liteorm.postgres._async.statements import AsyncStatements
from liteorm.postgres._async.transaction import AsyncTx
from liteorm.postgres._describing.shapes import (
    Answers,
    Described,
    Null,
    StatementShape,
    catalog_questions,
    numbered,
)
from liteorm.postgres._session.options import wrong_session
from liteorm.postgres._session.protocol import describe_step
from liteorm.postgres._types.registry import TypeRegistry

__all__ = ["describe_all", "describe_async", "load_new_types"]


async def describe_async(session: AsyncDB | AsyncTx, sql: SqlText) -> StatementShape:
    """Return a statement's columns and parameters as the server sees them; nothing is run.

    Whether a column can be NULL is said if pglast (of the extra `cli`) is installed. In a
    transaction, a statement that the server refuses fails the transaction, as if it had been run.

    Args:
        session: A database or a transaction.
        sql: The statement, with `%s` or `%(name)s` for parameters.

    Raises:
        Error: What the server says of the statement, as the fitting class.

    Example:
        >>> shape = await describe_async(db, "SELECT id FROM users WHERE name = %s")
        >>> shape.columns[0].type, shape.parameters
        ('integer', ('text',))
    """
    if not isinstance(session, AsyncStatements):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise wrong_session(describe_async, session, AsyncDB)
    [found] = await describe_all(session, [sql])
    if isinstance(found, Error):
        raise found
    return found.shape(session._state.types)


async def describe_all(
    session: AsyncDB | AsyncTx,
    texts: Sequence[Any],
    nulls: Sequence[Mapping[int, Null]] | None = None,
) -> list[Described | Error]:
    """Describe several statements over one connection; what is wrong with one spoils no other.

    Args:
        session: A database; in a transaction, the first statement that is refused is the last.
        texts: The statements.
        nulls: For each statement, which of its parameters `$1` … are known to be NULL or not.
    """
    found: list[Described | Error] = []
    registry = session._state.types
    alone: Any = texts[0] if len(texts) == 1 else None
    async with session._connection("describe", alone if isinstance(alone, str) else None) as wire:
        for text in texts:
            found.append(await _described(wire, text))
        good = [item for item in found if isinstance(item, Described)]
        await load_new_types(wire, registry, {oid for item in good for oid in item.oids})
        if good:
            known = (
                [nulls[n] for n, item in enumerate(found) if isinstance(item, Described)]
                if nulls
                else None
            )
            await _ask(wire, catalog_questions(good, known))
    return found


async def load_new_types(wire: AsyncWire, registry: TypeRegistry, oids: Iterable[int]) -> None:
    """Look up those types that are not known yet."""
    new = {oid for oid in oids if oid not in registry.types or registry.wants_money((oid,))}
    if new:
        await load_types(wire, registry, new)


async def _described(wire: AsyncWire, text: Any) -> Described | Error:
    try:
        item = numbered(text)
        result = await wire.wait(describe_step(AsyncCursor(wire), item.text, None))
    except (Error, psycopg.Error) as exc:
        error = wire.translated(exc, str(text))
        if wire.closed or not isinstance(error, Error):
            raise
        error.__cause__ = exc if error is not exc else None
        return error
    item.read(result)
    return item


async def _ask(wire: AsyncWire, questions: Answers) -> None:
    """Put each of the catalog's questions to the server, and give the answers back."""
    rows: list[tuple[Any, ...]] | None = None
    while True:
        try:
            query, params = questions.send(rows) if rows is not None else next(questions)
        except StopIteration:
            return
        cursor = wire.cursor(row_factory=tuple_row)
        await cursor.execute(query.encode(), params or None)
        rows = await cursor.fetchall()
