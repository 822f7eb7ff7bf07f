"""Commands that are no queries: what is never sent, and what the server does not look at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from liteorm._check.answers import Asking, Query, Refusal
from liteorm._check.problems import Problem
from liteorm._check.refusals import refused
from liteorm._check.unread import unread_in
from liteorm._core.sql.lexer import placeholders, tokens
from liteorm._core.sql.placeholders import style_of
from liteorm._core.sql.remedies import IN_THE_SQL
from liteorm._core.statements.statement import Command
from liteorm.errors import StatementError
from liteorm.postgres._session.commands import check_text, count_statements

_SCRIPT: Final = "declare each command as a statement of its own"
_AFTER_ORDER: Final = frozenset(
    {
        *(",", ")", ";", "ASC", "DESC", "NULLS", "LIMIT", "OFFSET", "FETCH", "FOR", "HAVING"),
        *("ORDER", "WINDOW", "UNION", "INTERSECT", "EXCEPT", "ROWS", "RANGE", "GROUPS", "USING"),
    }
)
_UNTYPED: Final = frozenset({"42P18", "42P08"})


def script_problem(statement: Command, sql: str) -> Problem | None:
    """Return the warning of several commands in one text, which `execute` runs as a script.

    With parameters, or for its rows, the server takes one command at a time, and says so.
    """
    count = count_statements(sql)
    if statement.model is not None or count == 1 or style_of(sql) != "none":
        return None
    message = f"a script of {count} commands is not checked: the server describes one at a time"
    return Problem("warning", "not-checked", message, _SCRIPT)


def never_sent(sql: str) -> Problem | None:
    """Return the problem of a statement that every call refuses before it is sent."""
    try:
        check_text(sql)
    except StatementError as error:
        return Problem("error", "refused", error.message, error.hint)
    return None


def takes_no_parameters(sql: str) -> Problem | None:
    """Return the problem of a placeholder in a command that has none when it runs."""
    unread = unread_in(sql)
    real = [found for found in placeholders(sql) if not found.inside]
    if unread is None or unread.parameters or not real:
        return None
    if unread.command.startswith(("SET ", "RESET ")):
        return None  # the server says so itself, and there is another way
    return Problem(
        "error",
        "placeholder",
        f"{unread.command} takes no parameters: the server refuses each call",
        IN_THE_SQL,
        real[0].start,
    )


def constant_orders(sql: str) -> Iterator[Problem]:
    """Yield a warning for each placeholder by which rows are ordered or grouped: it orders none."""
    words = [
        (sql[token.start : token.end].upper(), token)
        for token in tokens(sql, placeholders=True)
        if token.kind not in ("space", "comment")
    ]
    for index, (_, token) in enumerate(words):
        if token.kind != "placeholder" or [text for text, _ in words[index - 1 : index]] != ["BY"]:
            continue
        before = words[index - 2][0] if index > 1 else ""
        after = words[index + 1][0] if index + 1 < len(words) else ";"
        if before in ("ORDER", "GROUP", "PARTITION") and after in _AFTER_ORDER:
            yield Problem(
                "warning",
                "placeholder",
                f"{before} BY {sql[token.start : token.end]} goes by the value that is sent, which"
                " is the same for each row, and by no column",
                "choose the column with choices= of a statement, or put it in with liteorm.sql and"
                " Ident",
                token.start,
            )


def command_problems(sql: str, found: list[Problem]) -> Asking:
    """Return what was found, and what is wrong with the names that describing did not look at.

    Args:
        sql: The statement.
        found: What was found with its description.
    """
    unread = unread_in(sql)
    if unread is None:
        return found
    if unread.open:
        found = [problem for problem in found if problem.code != "no-rows"]
    replies = (
        (yield [Query(query.sql, analysed=False) for query in unread.queries])
        if unread.queries
        else []
    )
    problems = list(found)
    for query, reply in zip(unread.queries, replies, strict=True):
        if isinstance(reply, Refusal) and reply.sqlstate not in _UNTYPED:
            at = None if reply.at is None else query.written(reply.at)
            problems.append(refused(sql, attrs.evolve(reply, at=at)))
    if unread.remedy is not None and all(problem.level != "error" for problem in problems):
        message = f"{unread.command} is not checked: the server looks at it only when it runs"
        problems.append(Problem("warning", "not-checked", message, unread.remedy))
    return problems
