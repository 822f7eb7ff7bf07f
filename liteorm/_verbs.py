"""The verb of a statement: what it does, whatever stands before it in its text."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Final

__all__ = ["verb_of", "verbs_of"]

_VERBS: Final = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "TABLE"})
"""What may follow the queries of a WITH."""
_SHORT: Final = 4000
"""Characters of a text up to which its verb is kept."""
_PIECE: Final = r"""--[^\n]*+
    | (?P<block>/\*)
    | [eE]'(?:[^'\\]|\\.|'')*+'?
    | '(?:[^']|'')*+'?
    | "[^"]*+"?
    | \$(?P<tag>\w*)\$ (?:.*?\$(?P=tag)\$|.*)
    | (?P<word>\w++)
    | (?P<mark>[();])
    | ."""


def verb_of(text: str) -> str | None:
    """Return the verb of a text's first statement."""
    return _kept(text) if len(text) <= _SHORT else next(verbs_of(text), None)


@functools.lru_cache(256)
def _kept(text: str) -> str | None:
    return next(verbs_of(text), None)


def verbs_of(text: str) -> Iterator[str]:
    """Yield the verb of each statement of a text."""
    depth = 0
    within = None  # the parentheses in which a WITH stands
    told = False
    for piece in _pieces(text):
        if piece == ";":
            if within is not None:
                yield "WITH"
            depth, within, told = 0, None, False
        elif piece in ("(", ")"):
            depth += 1 if piece == "(" else -1
        elif told or (within is not None and (depth != within or piece not in _VERBS)):
            continue
        elif piece == "WITH" and within is None:
            within = depth
        else:
            within, told = None, True
            yield piece
    if within is not None:
        yield "WITH"


def _pieces(text: str) -> Iterator[str]:
    """Yield the words, parentheses and semicolons of a text, without literals and comments."""
    match_at = _piece().match
    at = 0
    while (match := match_at(text, at)) is not None:
        at = match.end()
        if match["block"]:
            at = _end_of_comment(text, at)
        elif match["word"]:
            yield match["word"].upper()
        elif match["mark"]:
            yield match["mark"]


@functools.cache
def _piece() -> re.Pattern[str]:
    """Compile the pattern when somebody watches."""
    return re.compile(_PIECE, re.DOTALL | re.VERBOSE)


def _end_of_comment(text: str, at: int) -> int:
    """Return where a comment ends; there may be others in it."""
    depth = 1
    while depth:
        opened, closed = text.find("/*", at), text.find("*/", at)
        if closed < 0:
            return len(text)
        inner = 0 <= opened < closed
        depth += 1 if inner else -1
        at = (opened if inner else closed) + 2
    return at
