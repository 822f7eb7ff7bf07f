"""The placeholders of a text: how it takes its parameters, and which."""

from __future__ import annotations

from typing import Literal, TypeAlias

from liteorm._core.sql.lexer import placeholders

Style: TypeAlias = Literal["named", "positional", "none"]


def style_of(sql: str) -> Style:
    """Return how a text takes its parameters, by its placeholders alone.

    Where all of them are in strings or comments (`LIKE '%son'`) it takes none, and a `%` is just a
    `%`. Beside a real one the driver replaces these too.
    """
    named = {found.name is not None for found in placeholders(sql) if not found.inside}
    if not named:
        return "none"
    return "named" if True in named else "positional"


def names_in(sql: str) -> list[str]:
    """Return the names of the `%(name)s` placeholders, in the order they come."""
    return list(dict.fromkeys(found.name for found in placeholders(sql) if found.name is not None))
