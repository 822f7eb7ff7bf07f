"""PostgreSQL's lexical rules: where the literals, names, comments and statements of a text are.

Everything here is linear in the length of the text, whatever stands in it: each pattern is
possessive or followed by nothing that can fail, and what is not closed reaches to the end. The
rules are those of PostgreSQL's scan.l with `standard_conforming_strings` on:
https://www.postgresql.org/docs/current/sql-syntax-lexical.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple, TypeAlias, cast

from liteorm._core.patterns import pattern

Kind: TypeAlias = Literal[
    "space",
    "comment",
    "string",
    "dollar",
    "quoted",
    "word",
    "number",
    "parameter",
    "placeholder",
    "percent",
    "end",
    "other",
]
"""What a token is; `percent` is `%%`, `end` a semicolon, `parameter` is `$1`."""

TEXTS: Final = frozenset({"comment", "string", "dollar", "quoted"})
"""Tokens whose inside is no part of a statement's form."""

_LETTER: Final = r"A-Za-z_\x80-\U0010ffff"
_START: Final = pattern(
    rf"""(?P<space>[ \t\n\r\f\v]++)
    | (?P<comment>--[^\n\r]*+)
    | (?P<block>/\*)
    | (?P<escape>[eE]')
    | (?P<string>(?:[uU]&|[bBxXnN])?')
    | (?P<quoted>(?:[uU]&)?")
    | (?P<dollar>\$(?:[{_LETTER}][{_LETTER}0-9]*+)?\$)
    | (?P<parameter>\$[0-9]++)
    | (?P<word>[{_LETTER}][{_LETTER}0-9$]*+)
    | (?P<number>0[xX](?:_?[0-9a-fA-F])++
        | (?:[0-9](?:_?[0-9])*+(?:\.(?!\.)(?:[0-9](?:_?[0-9])*+)?)?|\.[0-9](?:_?[0-9])*+)
          (?:[eE][+-]?[0-9]++)?)
    | (?P<percent>%%)
    | (?P<placeholder>%(?:\([^()%]++\))?[sbt])
    | (?P<end>;)
    | (?P<other>\.\.|.)""",
    re.VERBOSE | re.DOTALL,
)
# What follows the quote that opens a string. The closing quote is what may be missing.
_STANDARD: Final = pattern(r"(?:[^']++|'')*+(')?")
_ESCAPE: Final = pattern(r"(?:[^'\\]++|\\.|'')*+(')?", re.DOTALL)
_QUOTED: Final = pattern(r'(?:[^"]++|"")*+(")?')
_NESTING: Final = pattern(r"/\*|\*/")
# A string goes on after white space with a line's end in it, and comments of that line.
_GOES_ON: Final = pattern(
    r"(?:[ \t\f\v]++|--[^\n\r]*+)*+[\n\r](?:[ \t\n\r\f\v]++|--[^\n\r]*+[\n\r])*+'"
)
_INK: Final = pattern(r"[^\n]")
# What no expression begins with: a CASE before it is the name of a column (`SELECT 1 case`).
_AFTER_A_NAME: Final = frozenset(
    {
        *(",", ";", ")", "FROM", "INTO", "WHERE", "GROUP", "HAVING", "WINDOW"),
        *("UNION", "INTERSECT", "EXCEPT", "ORDER", "LIMIT", "OFFSET", "FETCH", "FOR"),
    }
)
_PLACEHOLDER: Final = pattern(r"%(?:%|(?:\(([^()%]++)\))?[sbt])")


class Token(NamedTuple):
    """A piece of the text, from `start` to `end`; `closed` is false if its end is missing."""

    kind: Kind
    start: int
    end: int
    closed: bool = True


class Placeholder(NamedTuple):
    """A `%s` (without a name) or `%(name)s`; `inside` says that it stands in a literal or comment.

    The driver replaces those inside as well.
    """

    name: str | None
    start: int
    end: int
    inside: bool


def tokens(text: str, start: int = 0, *, placeholders: bool = False) -> Iterator[Token]:
    """Yield the tokens of a text; together they are all of it.

    Args:
        text: The SQL.
        start: Where to begin, which must be the start of a token.
        placeholders: Whether `%s`, `%(name)s` and `%%` are tokens, and not operators.
    """
    match_at = _START.match
    length = len(text)
    position = start
    while position < length:
        match = match_at(text, position)
        assert match is not None
        kind = match.lastgroup
        end = match.end()
        closed = True
        if kind == "string" or kind == "escape":
            end, closed = _end_of_string(text, end, _ESCAPE if kind == "escape" else _STANDARD)
            kind = "string"
        elif kind == "quoted":
            end, closed = _end_of_quotes(text, end, _QUOTED)
        elif kind == "block":
            end, closed = _end_of_comment(text, end)
            kind = "comment"
        elif kind == "dollar":
            end = text.find(match[0], end)
            closed = end >= 0
            end = end + len(match[0]) if closed else length
        elif (kind == "percent" or kind == "placeholder") and not placeholders:
            kind = "other"
            end = position + 1
        yield Token(cast("Kind", kind), position, end, closed)
        position = end


def _end_of_quotes(text: str, start: int, closing: re.Pattern[str]) -> tuple[int, bool]:
    match = closing.match(text, start)
    assert match is not None
    # Only the end of the text stops a literal before its closing quote.
    return (match.end(), True) if match[1] else (len(text), False)


def _end_of_string(text: str, start: int, closing: re.Pattern[str]) -> tuple[int, bool]:
    """Find the end of a string, and of what goes on in the same way on later lines."""
    while True:
        start, closed = _end_of_quotes(text, start, closing)
        more = _GOES_ON.match(text, start) if closed else None
        if more is None:
            return start, closed
        start = more.end()


def gaps(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Yield what stands between the parts of a string that goes on in a later line."""
    pattern = _ESCAPE if text[start] in "eE" else _STANDARD
    position = text.index("'", start) + 1
    while True:
        position, closed = _end_of_quotes(text, position, pattern)
        more = _GOES_ON.match(text, position) if closed else None
        if more is None:
            return
        yield position, more.end() - 1
        position = more.end()


def _end_of_comment(text: str, start: int) -> tuple[int, bool]:
    depth = 1
    for match in _NESTING.finditer(text, start):
        depth += 1 if match[0] == "/*" else -1
        if not depth:
            return match.end(), True
    return len(text), False


def blanked(text: str) -> str:
    """Return the text with spaces for what stands in literals, quoted names and comments.

    Every other character keeps its place, and line ends stay.
    """
    parts: list[str] = []
    for kind, start, end, _ in tokens(text):
        part = text[start:end]
        parts.append(_INK.sub(" ", part) if kind in TEXTS else part)
    return "".join(parts)


def placeholders(text: str) -> list[Placeholder]:
    """Return the placeholders as the driver sees them, in the order they come."""
    found: list[Placeholder] = []
    for kind, start, end, _ in tokens(text, placeholders=True):
        if kind == "placeholder":
            name = text[start + 2 : end - 2] if text[start + 1] == "(" else None
            found.append(Placeholder(name, start, end, False))
        elif kind in TEXTS and "%" in text[start:end]:
            for match in _PLACEHOLDER.finditer(text, start, end):
                if match[0] != "%%":
                    found.append(Placeholder(match[1], match.start(), match.end(), True))
    return found


def statements(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each statement of a script stands, without its semicolon and what is around it.

    A semicolon in parentheses (CREATE RULE) or in a function's BEGIN ATOMIC body ends none.
    """
    first = last = -1
    form = _Form()
    for kind, start, end, _ in tokens(text):
        if kind == "space" or kind == "comment":
            continue
        if kind == "end" and form.may_end():
            if first >= 0:
                yield first, last
            first = -1
            form = _Form()
            continue
        form.take(text[start:end].upper() if kind == "word" else text[start])
        if first < 0:
            first = start
        last = end
    if first >= 0:
        yield first, last


class _Form:
    """Follows the words of one statement into and out of parentheses and a BEGIN ATOMIC body."""

    def __init__(self) -> None:
        self._depth = 0
        self._head: list[str] = []
        self._before = ""
        self._in_body = False
        # The parentheses around each CASE that is open in the body.
        self._cases: list[int] = []

    def may_end(self) -> bool:
        """Return whether a semicolon here is the statement's end."""
        return not self._depth and not self._in_body

    def take(self, word: str) -> None:
        """Take notice of a word (in capitals) or a sign."""
        before, self._before = self._before, word
        if len(self._head) < 4:
            self._head.append(word)
        if self._in_body:
            self._take_in_body(word, before)
        elif word == "ATOMIC" and before == "BEGIN" and not self._depth:
            head = [word for word in self._head if word not in ("OR", "REPLACE")]
            self._in_body = head[:2] in (["CREATE", "FUNCTION"], ["CREATE", "PROCEDURE"])
        if word == "(":
            self._depth += 1
        elif word == ")" and self._depth:
            self._depth -= 1

    def _take_in_body(self, word: str, before: str) -> None:
        if before == "CASE" and self._cases and word in _AFTER_A_NAME:
            self._cases.pop()
        # After a dot or AS, a keyword is a name.
        if before in (".", "AS"):
            self._before = ""
        elif word == "CASE":
            self._cases.append(self._depth)
        elif word == "END":
            if self._cases:
                if self._cases[-1] == self._depth:
                    self._cases.pop()
            elif before in (";", "ATOMIC"):
                self._in_body = False


def words(text: str, start: int = 0) -> Iterator[str]:
    """Yield the words that a statement begins with, in capitals, up to the first other token."""
    for kind, begin, end, _ in tokens(text, start):
        if kind == "word":
            yield text[begin:end].upper()
        elif kind != "space" and kind != "comment":
            return


def writes(text: str) -> bool:
    """Say whether a statement writes, itself or in its WITH: `AS (UPDATE …`."""
    before = ("", "")
    first = ""
    for kind, begin, end, _ in tokens(text):
        if kind in ("space", "comment"):
            continue
        word = text[begin:end].upper() if kind == "word" else text[begin:end]
        if word in _WRITING and (
            not first or before in _OPENING or (first == "WITH" and before[1] == ")")
        ):
            return True
        first = first or word
        before = (before[1], word)
    return False


_WRITING: Final = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE"})
_OPENING: Final = frozenset({("AS", "("), ("MATERIALIZED", "(")})


def place(text: str, position: int) -> tuple[int, int]:
    """Return line and column of a character, both counted from 1."""
    line_start = text.rfind("\n", 0, position) + 1
    return text.count("\n", 0, position) + 1, position - line_start + 1
