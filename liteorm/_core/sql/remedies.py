"""What the server refuses of a statement, in words that name the placeholder and the remedy."""

from __future__ import annotations

import re
from itertools import islice
from typing import Final, NamedTuple

from liteorm._core.sql.lexer import Placeholder, blanked, placeholders, words
from liteorm._core.sql.placeholders import WRITTEN, lost_in

UNTYPED: Final = ("42P18", "42P08")
"""What the server says where it cannot tell a parameter's type."""

_NUMBERED: Final = re.compile(r"\$([1-9][0-9]*)")
_IN: Final = re.compile(r"(?i)\b(not\s+)?in\s*\(?\s*$")
_QUANTIFIED: Final = re.compile(r"(?i)\b(any|all|some)\s*$")
_VALUES: Final = re.compile(r"(?i)\bvalues\s*$")
_EXTRACT: Final = re.compile(r"(?i)\bextract\s*\(\s*$")
_ORDER: Final = re.compile(r"(?i)\border\s+by\b[^()]*$")
# A constant's type before it: `date '2024-01-01'`.
_TYPE: Final = re.compile(
    r"(?i)\b(interval|date|timetz|timestamptz|(?:time|timestamp)(?:\s+with(?:out)?\s+time\s+zone)?"
    r"|uuid|jsonb?|numeric|bytea|inet|cidr|point|text|bool|xml|int4|int8|float8)\s*$"
)
_ARRAY: Final = re.compile(r"operator does not exist: .+ (=|<>) .+\[\]$")
_OTHER_PLACEHOLDER: Final = re.compile(
    r"\?|%\w?|%\([^()%]*\)\w?|(?<![:\w]):\w+|(?<![@\w])@\w+|\{\w*\}"
)
_QUERIES: Final = frozenset(
    {
        *("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "VALUES", "TABLE"),
        *("EXPLAIN", "EXECUTE", "DECLARE", "CALL", "PREPARE", ""),
    }
)
_OF_TWO_WORDS: Final = (["CREATE"], ["ALTER"], ["DROP"], ["COMMENT"])
IN_THE_SQL: Final = (
    "write the value itself in the SQL; the name of a table or column is put in with"
    " liteorm.sql and Ident"
)
ONE_COMMAND: Final = (
    "send each command by itself; only a text without parameters can hold several, with execute"
)


class Advice(NamedTuple):
    """A refusal in the words of the SQL as it was written."""

    message: str
    hint: str | None
    """None where nothing is known beyond what the server says."""
    at: int | None
    """Where in the SQL."""


_OPEN: Final = ": the SQL around it leaves the type open"


def advice(sql: str, code: str, message: str, at: int | None) -> Advice:
    """Return what to say of a refusal.

    Args:
        sql: The statement, as it was written.
        code: The SQLSTATE.
        message: What the server said, with `$1` for the first parameter.
        at: Where in the SQL, if the server said so.
    """
    numbers = numbered_places(sql)
    found = _NUMBERED.search(message)
    number = int(found[1]) if found else 0
    shown = shown_as(sql, numbers, number) or "the placeholder"
    message = _NUMBERED.sub(
        lambda match: shown_as(sql, numbers, int(match[1])) or match[0], message
    )
    first = next((place.start for each, place in numbers if each == number), None)
    hint: str | None = None
    lost = lost_in(sql)
    if code in UNTYPED and _is_without_parameters(sql):
        at = first if at is None else at
        hint = f"{_command(sql)} takes no parameters: {IN_THE_SQL}"
    elif code in UNTYPED:
        # Said once, though the check looks at what a call has said.
        message = message.removesuffix(_OPEN) + _OPEN
        hint = f"say which type is meant by a cast: {shown}::text"
        at = first if at is None else at
    elif code == "42601":
        if first is not None:
            at = first if at is None else at
            hint = _where_none_may_stand(sql, shown, at)
        elif "multiple commands" in message:
            hint = ONE_COMMAND
        elif not numbers and "$1" not in sql and _OTHER_PLACEHOLDER.search(blanked(sql)):
            hint = WRITTEN  # a described text has `$1` for each of its own
        elif at is not None and any(place.start == at for _, place in numbers):
            hint = "the call gave no parameters: without them a % is just a %"
    elif code == "42P02" and first is not None:
        at = first if at is None else at
        hint = f"{_command(sql)} takes no parameters: {IN_THE_SQL}"
    elif code == "42809" and "ANY/ALL (array)" in message:
        hint = "ANY and ALL take a list; one value is compared with = alone"
    elif code == "42883" and (matched := _ARRAY.search(message)):
        after = next((place for _, place in numbers if at is not None and place.start > at), None)
        which = "…" if after is None else sql[after.start : after.end]
        hint = f"write {'= ANY' if matched[1] == '=' else '<> ALL'}({which}), which takes a list"
    if lost is not None and (hint is None or code in UNTYPED):
        hint = f"{lost.sentence.replace('{line}', '')}: {lost.remedy}"
    return Advice(message, hint, at)


def numbered_places(sql: str) -> list[tuple[int, Placeholder]]:
    """Return the placeholders, each with the number that it is sent with."""
    numbers: dict[str | int, int] = {}
    found: list[tuple[int, Placeholder]] = []
    for place in placeholders(sql):
        key = len(numbers) if place.name is None else place.name
        found.append((numbers.setdefault(key, len(numbers) + 1), place))
    return found


def place_written(sql: str, offset: int) -> int:
    """Return where in the SQL as it was written a place is in what was sent, with `$1` in it."""
    places = {place.start: (number, place) for number, place in numbered_places(sql)}
    ours = theirs = 0
    for match in re.finditer(r"%%|%(?:\([^()%]+\))?[sbt]", sql):
        length = len(f"${places[match.start()][0]}") if match.start() in places else 1
        if theirs + (match.start() - ours) >= offset:
            break
        theirs += match.start() - ours + length
        ours = match.end()
    return ours + offset - theirs


def shown_as(sql: str, numbers: list[tuple[int, Placeholder]], number: int) -> str | None:
    """Return a parameter's placeholder; None if there is none of that number."""
    place = next((place for each, place in numbers if each == number), None)
    return None if place is None else sql[place.start : place.end]


def _command(sql: str) -> str:
    """Return the command that a statement is: `SELECT`, `CREATE TABLE`."""
    first = list(islice(words(sql), 2))
    return " ".join(first if first[:1] in _OF_TWO_WORDS else first[:1])


def _is_without_parameters(sql: str) -> bool:
    command = _command(sql)
    return command not in _QUERIES and command != "CREATE TABLE"  # AS SELECT takes them


def _where_none_may_stand(sql: str, shown: str, at: int) -> str:
    """Return the remedy for a placeholder where the grammar takes none."""
    before = blanked(sql[:at])
    if (inside := _IN.search(before)) and before[: inside.start()].rstrip().endswith(")"):
        return (
            "a list of rows goes as a list for each column:"
            " IN (SELECT * FROM unnest(%(first)s::type[], %(second)s::type[]))"
        )
    if inside:
        return f"write {'<> ALL' if inside[1] else '= ANY'}({shown}), which takes a list"
    if word := _QUANTIFIED.search(before):
        return f"write {word[1].upper()}({shown}), with parentheses"
    if type_ := _TYPE.search(before):
        name = " ".join(type_[1].split())
        return f"a type's name before a value takes a literal only: write {shown}::{name}"
    if _VALUES.search(before):
        return (
            "VALUES takes a placeholder for each value of a row, (%s, %s); many rows are stored"
            " with insert_many or execute_many"
        )
    if _EXTRACT.search(before):
        return f"write date_part({shown}, …)"
    command = _command(sql)
    if command == "SET":
        return (
            f"SET takes no parameters: write SELECT set_config('name', {shown}, true),"
            " or give transaction(settings={...})"
        )
    if command == "NOTIFY":
        return f"NOTIFY takes no parameters: call postgres.notify, or SELECT pg_notify({shown}, …)"
    if command in ("LISTEN", "UNLISTEN"):
        return f"{command} takes no parameters: call postgres.listen, which takes any name"
    if command not in _QUERIES:
        return f"{command} takes no parameters: {IN_THE_SQL}"
    if _ORDER.search(before):
        return (
            "a placeholder stands for a value; words such as DESC are put in with liteorm.sql, or"
            " chosen with choices= of a statement"
        )
    return (
        "a placeholder stands for a value; the name of a table or column is put in with"
        " liteorm.sql and Ident"
    )
