"""The columns of a model as SQL: `columns(User, "u", into="author")`."""

from __future__ import annotations

from typing import Any

from liteorm._core.models.classes import model_of
from liteorm._core.sql.text import Ident, Sql, made


def columns(model: type[Any], alias: str | None = None, *, into: str | None = None) -> Sql:
    """Return the columns that a model's fields are filled from, as a piece of SQL.

    A field whose type is a class is one column: JSON, or a composite. Names are quoted.

    Args:
        model: A class that `scan` takes.
        alias: The table, or its alias in the statement, to which the columns belong.
        into: The nested field (dotted, if it is deeper) that they are to fill.

    Raises:
        ModelError: The model has no fields.

    Example:
        >>> print(liteorm.columns(User))
        "id", "name"
        >>> print(liteorm.columns(User, "u", into="author"))
        "u"."id" AS "author.id", "u"."name" AS "author.name"
    """
    parts: list[str | Ident] = []
    for field in model_of(model).fields:
        if parts:
            parts.append(", ")
        parts.append(Ident(field.column) if alias is None else Ident(alias, field.column))
        if into is not None:
            parts += [" AS ", Ident(f"{into}.{field.column}")]
    return made(parts)
