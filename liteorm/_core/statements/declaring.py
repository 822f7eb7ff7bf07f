"""`statement`: declare SQL with the class that its rows become."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from liteorm._core.sql.text import SqlText, rendered
from liteorm._core.statements.misuse import check_options
from liteorm._core.statements.statement import Command, Extra, Statement
from liteorm._core.statements.written import contents_of
from liteorm.errors import StatementError

if TYPE_CHECKING:
    from typing_extensions import TypeForm

T = TypeVar("T")


@overload
def statement(
    model: None,
    sql: SqlText,
    *,
    params: type[Any] | Mapping[str, Any] | None = None,
    choices: Mapping[str, Mapping[str, SqlText]] | None = None,
    extra: Extra = "error",
    timeout: float | None = None,
) -> Command[...]: ...
@overload
def statement(
    model: type[T],
    sql: SqlText,
    *,
    params: type[Any] | Mapping[str, Any] | None = None,
    choices: Mapping[str, Mapping[str, SqlText]] | None = None,
    extra: Extra = "error",
    timeout: float | None = None,
) -> Statement[T, ...]: ...
@overload
def statement(
    model: TypeForm[T],
    sql: SqlText,
    *,
    params: type[Any] | Mapping[str, Any] | None = None,
    choices: Mapping[str, Mapping[str, SqlText]] | None = None,
    extra: Extra = "error",
    timeout: float | None = None,
) -> Statement[T, ...]: ...
def statement(
    model: Any,
    sql: SqlText,
    *,
    params: type[Any] | Mapping[str, Any] | None = None,
    choices: Mapping[str, Mapping[str, SqlText]] | None = None,
    extra: Extra = "error",
    timeout: float | None = None,
) -> Command[...]:
    """Declare a statement: its SQL, and the class that each of its rows becomes.

    Nothing is run until it is called. `liteorm check` holds it against a real schema. As a
    decorator it takes its parameters from a function's signature, which then types every call.

    A line that ends in `--? name …` is part of the SQL only if none of these parameters is None;
    `--? name {` and `--? }` on lines of their own hold several. `{columns}` stands for the
    columns of the model, `{name}` for a choice.

    Args:
        model: What `scan` takes; None for a statement without rows, which has `execute` alone.
        sql: The text, with `%s` or `%(name)s` placeholders. Values in a t-string or a `Sql` are
            sent with every call, which then takes no parameters.
        params: The types of the parameters, for `liteorm check`: a TypedDict, an attrs class or
            a mapping of name to annotation.
        choices: For each name in braces, the SQL for each word that may be given for it.
        extra: As for `scan`.
        timeout: Seconds that each call but `iter` may take.

    Raises:
        StatementError: A mark, a choice or a placeholder is wrong.

    Example:
        >>> user_by_id = liteorm.statement(User, "SELECT id, name FROM users WHERE id = %(id)s")
        >>> user_by_id.one(db, id=5)
        User(id=5, name='Ada')
    """
    frame = sys._getframe(1)
    origin = (frame.f_globals.get("__name__", ""), frame.f_code.co_filename, frame.f_lineno)
    if params is not None and not isinstance(sql, str) and rendered(sql)[1] is not None:
        raise StatementError(
            "the SQL has values of its own, and params= declares others",
            hint="write placeholders, %(name)s, for what each call gives",
        )
    check_options(extra, timeout)
    kind: Any = Command if model is None else Statement
    contents = contents_of(sql, model, choices)
    made: Command[...] = kind(
        model, contents, params=params, extra=extra, timeout=timeout, origin=origin
    )
    return made
