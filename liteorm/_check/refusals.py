"""What the server refuses, in words that name the placeholder and the remedy."""

from __future__ import annotations

import re
from typing import Final

from liteorm._check.answers import Refusal
from liteorm._check.problems import Code, Problem
from liteorm._core.sql.remedies import advice
from liteorm.errors import Error
from liteorm.postgres._describing.shapes import numbered

_CODES: Final[dict[str, Code]] = {
    "missing": "not-described",
    "42P18": "parameter-untyped",
    "42P08": "parameter-untyped",
}
_REMEDIES: Final = {
    "22P02": "write it as the type's input takes it, or cast it to another type",
    "3F000": "create the schema, or correct its name",
    "42702": "say which one is meant: alias.column",
    "42803": "add the column to GROUP BY, or aggregate it",
    "42804": "cast one side to the type of the other",
    "42883": "no function of that name takes these types: correct the name, or cast the arguments",
    "428C9": "leave the column out: the database fills it",
    "0A000": "PostgreSQL cannot do this: write it another way",
}
_LONE: Final = re.compile(r"%(?!%|[sbt]|\([^()%]+\)[sbt])")


def refused(sql: str, refusal: Refusal) -> Problem:
    """Return the problem of a statement that is refused."""
    try:
        numbered(sql)
    except Error:
        lone = re.search(_LONE, sql.replace("%%", "  "))
        mixed = "mixes" in refusal.message
        at = None if lone is None or mixed else lone.start()
        return Problem("error", "placeholder", refusal.message, refusal.hint, at)
    sqlstate = refusal.sqlstate or ""
    told = advice(sql, sqlstate, refusal.message, refusal.at)
    code = _CODES.get(sqlstate, "refused")
    if sqlstate == "42601" and told.hint is not None and told.message != refusal.message:
        code = "placeholder"
    hint = told.hint or refusal.hint
    if sqlstate == "428C9":
        hint = _REMEDIES[sqlstate]  # the error's own is about writing objects
    elif "multiple commands" in refusal.message:
        hint = "declare each command as a statement of its own"
    hint = hint or _REMEDIES.get(sqlstate) or _line(sql, told.at)
    return Problem("error", code, told.message, hint, told.at)


def _line(sql: str, at: int | None) -> str | None:
    if at is None:
        return None
    number, lines = sql.count("\n", 0, at), sql.split("\n")
    return f"see line {number + 1} of the SQL: {lines[number].strip()}"
