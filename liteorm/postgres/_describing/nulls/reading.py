"""Has the server read statements, and gives back the trees that it made of them.

The body of a function written `BEGIN ATOMIC … END` is stored as the server's parser understood it:
names, types, operators and casts resolved, as they will be when the statement runs. So a function
is created in the session's temporary schema and rolled back; its body is never run.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from liteorm.postgres._describing.nulls.nodes import Node, items_of, read_nodes

__all__ = ["Trial", "Unread", "read_trees"]


class Trial(str):
    """A command that may fail: its answer is no row, or one with the server's message."""


@frozen
class Unread:
    """Why the server's reading of a statement could not be had."""

    message: str


Reading = Generator[tuple[str, tuple[Any, ...]], list[tuple[Any, ...]], "list[Node | Unread]"]


def read_trees(statements: Sequence[tuple[str, Sequence[int]]], *, inside: bool) -> Reading:
    """Read statements, given with the oids of their parameters' types.

    Args:
        statements: Text with `$1` …, which the server has described already.
        inside: A transaction is open, and stays so.
    """
    oids = sorted({oid for _, parameters in statements for oid in parameters})
    types: Mapping[int, str] = dict((yield _TYPES, (oids,)))
    opening = "SAVEPOINT liteorm_reading" if inside else "BEGIN READ WRITE"
    if refused := (yield Trial(opening), ()):
        return [Unread(refused[0][0])] * len(statements)
    refusals: dict[int, str] = {}
    for number, (text, parameters) in enumerate(statements):
        arguments = ", ".join(types.get(oid, "pg_catalog.text") for oid in parameters)
        command = _CREATE.format(number=number, arguments=arguments, text=text)
        if refused := (yield Trial(command), ()):
            yield Trial("ROLLBACK TO liteorm_statement; RELEASE liteorm_statement"), ()
            refusals[number] = refused[0][0]
    bodies: dict[str, str] = dict((yield _BODIES, ()))
    closing = "ROLLBACK TO liteorm_reading; RELEASE liteorm_reading" if inside else "ROLLBACK"
    yield Trial(closing), ()
    return [
        Unread(refusals[number])
        if number in refusals
        else _query_of(bodies.get(f"liteorm_reading_{number}", ""))
        for number in range(len(statements))
    ]


def _query_of(text: str) -> Node | Unread:
    try:
        found = read_nodes(text)
    except ValueError as error:
        return Unread(str(error))
    # A list of statements, each of which rules might have made several of.
    while len(items := items_of(found)) == 1:
        found = items[0]
    return found if isinstance(found, Node) else Unread("it is not one statement")


_TYPES: Final = "SELECT oid::int8, format_type(oid, NULL) FROM unnest(%s::oid[]) oid"

# The line break ends a comment in the text.
_CREATE: Final = """SAVEPOINT liteorm_statement; \
CREATE FUNCTION pg_temp.liteorm_reading_{number} ({arguments}) RETURNS void LANGUAGE sql
BEGIN ATOMIC {text}
; END; RELEASE liteorm_statement"""

_BODIES: Final = r"""
SELECT proname::text, prosqlbody::text FROM pg_proc
WHERE proname LIKE 'liteorm\_reading\_%' AND pronamespace = pg_my_temp_schema()
"""
