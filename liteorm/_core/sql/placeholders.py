"""The placeholders of a text: how it takes its parameters, and which."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

from liteorm._core.patterns import pattern
from liteorm._core.sql.lexer import place, placeholders, tokens
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


WRITTEN: Final = "a placeholder of any type is written %s or %(name)s"
_MEANT: Final = pattern(r"[a-z](?![a-z])|\(")
"""What stands behind a % that was meant for a placeholder: `%d`, `%(id)`."""


class Fault(NamedTuple):
    """What is wrong with a text's placeholders: where that begins, a sentence, and the remedy.

    `{line}` in the sentence is where the line is to stand.
    """

    start: int
    sentence: str
    remedy: str


def fault_in(sql: str) -> StatementError | None:
    """Return what is wrong with the placeholders of a text that is sent with parameters."""
    fault = _lone_in(sql) or _mixed_in(sql)
    if fault is None:
        return None
    line = place(sql, fault.start)[0]
    sentence = fault.sentence.replace("{line}", f" in line {line}")
    return StatementError(sentence, hint=fault.remedy, sql=sql)


def _lone_in(sql: str) -> Fault | None:
    for match in _PERCENT.finditer(sql):
        if match[0] == "%":
            remedy = "write %% for a % that is part of the SQL"
            if _MEANT.match(sql, match.end()):
                remedy += f"; {WRITTEN}"
            sentence = "a lone %{line} of a statement with placeholders"
            return Fault(match.start(), sentence, remedy)
    return None


def _mixed_in(sql: str) -> Fault | None:
    found = placeholders(sql)
    for other in found:
        if (other.name is None) != (found[0].name is None):
            kinds = [sql[each.start : each.end] for each in (found[0], other)]
            return Fault(
                other.start,
                f"the statement mixes %s and %(name)s: {kinds[0]}, and {kinds[1]}{{line}}",
                "use one kind of placeholder",
            )
    return None


def lost_in(sql: str) -> Fault | None:
    """Return the first placeholder inside a literal or a quoted name, whose value would be lost."""
    for kind, start, end, _ in tokens(sql, placeholders=True):
        if kind not in ("string", "dollar", "quoted"):
            continue
        for found in _PERCENT.finditer(sql, start, end):
            if found[0] not in ("%", "%%"):
                return Fault(
                    found.start(),
                    f"{found[0]}{{line}} stands inside quotes, where no value is put in",
                    "put it outside, and join texts in SQL: '%%' || %(name)s || '%%';"
                    " a % that is part of the SQL is written %%",
                )
    return None
