"""Which constraint a server means that names it in its text only: Citus's shards, postgres_fdw.

What another server refuses comes without the fields that name table and constraint, and Citus's
COPY without its SQLSTATE too. The sentences below have been the same since PostgreSQL 13.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

import attrs

from liteorm._core.patterns import pattern

__all__ = ["Violation", "violation_in"]

_TEXTS: Final = tuple(
    (code, pattern(text, re.DOTALL))
    for code, text in (
        ("23505", r'duplicate key value violates unique constraint "(?P<constraint>.+)"'),
        ("23P01", r'conflicting key value violates exclusion constraint "(?P<constraint>.+)"'),
        (
            "23514",
            r'new row for relation "(?P<table>.+)" violates check constraint "(?P<constraint>.+)"',
        ),
        ("23514", r'value for domain .+ violates check constraint "(?P<constraint>.+)"'),
        (
            "23502",
            r'null value in column "(?P<column>.+)" of relation "(?P<table>.+)" '
            "violates not-null constraint",
        ),
        (
            "23503",
            r'insert or update on table "(?P<table>.+)" '
            r'violates foreign key constraint "(?P<constraint>.+)"',
        ),
        (
            "23503",
            r'update or delete on table ".+" violates foreign key constraint "(?P<constraint>.+)" '
            r'on table "(?P<table>.+)"',
        ),
        (
            "23001",
            r'update or delete on table ".+" violates RESTRICT setting of foreign key constraint '
            r'"(?P<constraint>.+)" on table "(?P<table>.+)"',
        ),
    )
)
_CLASS: Final = "23"
_INTERNAL: Final = "XX000"
"""What Citus gives a violation met by COPY."""
_FOREIGN: Final = "remote SQL command"
"""In the CONTEXT of what postgres_fdw hands on: names there are the other server's own."""
_SHARD: Final = pattern(r"(?P<name>.+)_(?P<number>[0-9]{6,})", re.DOTALL)
_CUT: Final = pattern(r"(?P<start>.+)_[0-9a-f]{8}_[0-9]{6,}", re.DOTALL)
"""A name that left no room for the shard's number: its beginning, a hash, the number."""
_LONGEST: Final = 60


@attrs.frozen
class Violation:
    """What a text says of a violated constraint."""

    sqlstate: str
    constraint: str | None
    table: str | None
    column: str | None


def violation_in(
    code: str, message: str, context: str | None, known: Collection[str]
) -> Violation | None:
    """Return which constraint a text is about, if it is one of these texts.

    Args:
        code: The SQLSTATE.
        message: The server's sentence.
        context: The server's CONTEXT.
        known: Names of constraints that somebody waits for.
    """
    if code[:2] != _CLASS and code != _INTERNAL:
        return None
    for told, sentence in _TEXTS:
        found = sentence.fullmatch(message)
        if found is None or code not in (told, _INTERNAL):
            continue
        groups = found.groupdict()
        constraint, table = groups.get("constraint"), groups.get("table")
        if _FOREIGN not in (context or ""):
            constraint, table = _own_names(constraint, table, known)
        return Violation(told, constraint, table, groups.get("column"))
    return None


def _own_names(
    constraint: str | None, table: str | None, known: Collection[str]
) -> tuple[str | None, str | None]:
    """Return the names that constraint and table have where they are not those of a shard."""
    shard = _SHARD.fullmatch(table) if table else None
    number = shard["number"] if shard else None
    return (
        None if constraint is None else _own_name(constraint, number, table is not None, known),
        shard["name"] if shard else table,
    )


def _own_name(
    constraint: str, number: str | None, beside_table: bool, known: Collection[str]
) -> str:
    if constraint in known or (found := _SHARD.fullmatch(constraint)) is None:
        return constraint
    if beside_table and found["number"] != number:
        # Its own name ends like this: the number of the shard is that of the table.
        return constraint
    cut = _CUT.fullmatch(constraint)
    if cut is not None and len(constraint.encode()) >= _LONGEST:
        meant = [name for name in known if name.startswith(cut["start"])]
        return meant[0] if len(meant) == 1 else constraint
    return found["name"]
