"""What the server refuses, in words that name the placeholder and the remedy."""

from __future__ import annotations

import re
from typing import Final

from liteorm._check.answers import Refusal
from liteorm._check.problems import Code, Problem
from liteorm.errors import Error
from liteorm.postgres._describing.shapes import Described, numbered

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
_IN: Final = re.compile(r"(?is)\b(not\s+)?in\s*\(?\s*$")
_LONE: Final = re.compile(r"%(?!%|[sbt]|\([^()%]+\)[sbt])")
_NUMBERED: Final = re.compile(r"\$([1-9][0-9]*)")


def refused(sql: str, refusal: Refusal) -> Problem:
    """Return the problem of a statement that is refused."""
    try:
        read = numbered(sql)
    except Error:
        lone = re.search(_LONE, sql.replace("%%", "  "))
        mixed = "mixes" in refusal.message
        at = None if lone is None or mixed else lone.start()
        return Problem("error", "placeholder", refusal.message, refusal.hint, at)
    message = _NUMBERED.sub(lambda match: _shown(read, int(match[1])), refusal.message)
    code = _CODES.get(refusal.sqlstate or "", "refused")
    found = re.search(_NUMBERED, refusal.message)
    hint, at = refusal.hint, refusal.at
    if code == "parameter-untyped":
        shown = _shown(read, int(found[1])) if found else "the placeholder"
        hint = f"say which type is meant by a cast: {shown}::text"
        message = f"{message}: the SQL around it leaves the type open"
        at = at if at is not None or found is None else _first(read, int(found[1]))
    elif refusal.sqlstate == "42601" and found is not None:
        code, hint = "placeholder", _where_none_may_stand(sql, read, int(found[1]), at)
    elif refusal.sqlstate == "428C9":
        hint = _REMEDIES["428C9"]  # the error's own is about writing objects
    elif "multiple commands" in refusal.message:
        hint = "declare each command as a statement of its own"
    hint = hint or _REMEDIES.get(refusal.sqlstate or "") or _line(sql, at)
    return Problem("error", code, message, hint, at)


def _shown(read: Described, number: int) -> str:
    return f"%({read.names[number - 1]})s" if number <= len(read.names) else "%s"


def _first(read: Described, number: int) -> int | None:
    return next((start for n, start, _ in read.places if n == number), None)


def _where_none_may_stand(sql: str, read: Described, number: int, at: int | None) -> str:
    """Return the remedy for a placeholder where the grammar takes none."""
    shown = _shown(read, number)
    before = sql[: at if at is not None else _first(read, number)]
    if inside := _IN.search(before):
        return f"write {'<> ALL' if inside[1] else '= ANY'}({shown}), which takes a list"
    command = sql.split(None, 1)[0].upper()
    if command == "SET":
        return (
            f"SET takes no parameters: write SELECT set_config('name', {shown}, true),"
            " or give transaction(settings={...})"
        )
    if command == "NOTIFY":
        return f"NOTIFY takes no parameters: call postgres.notify, or SELECT pg_notify({shown}, …)"
    return (
        "a placeholder stands for a value; the name of a table or column is put in with"
        " liteorm.sql and Ident"
    )


def _line(sql: str, at: int | None) -> str | None:
    if at is None:
        return None
    number = sql.count("\n", 0, at)
    return f"see line {number + 1} of the SQL: {sql.splitlines()[number].strip()}"
