"""The placeholders of a text: how it takes its parameters, and which."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from liteorm._core.patterns import pattern
from liteorm._core.sql.lexer import place, placeholders
from liteorm.errors import StatementError

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


_PERCENT: Final = pattern(r"%(?:%|(?:\([^()%]++\))?[sbt])?")


def fault_in(sql: str) -> StatementError | None:
    """Return what is wrong with the placeholders of a text that is sent with parameters."""
    for match in _PERCENT.finditer(sql):
        if match[0] == "%":
            return StatementError(
                f"a lone % in line {place(sql, match.start())[0]} of a statement with placeholders",
                hint="write %% for a % that is part of the SQL",
                sql=sql,
            )
    found = placeholders(sql)
    for other in found:
        if (other.name is None) != (found[0].name is None):
            line = place(sql, other.start)[0]
            kinds = [sql[each.start : each.end] for each in (found[0], other)]
            return StatementError(
                f"the statement mixes %s and %(name)s: {kinds[0]}, and {kinds[1]} in line {line}",
                hint="use one kind of placeholder",
                sql=sql,
            )
    return None
