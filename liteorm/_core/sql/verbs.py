"""The verb of a statement: what it does, whatever stands before it in its text."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Final

from liteorm._core.sql.lexer import tokens

__all__ = ["verb_of", "verbs_of"]

_VERBS: Final = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "TABLE"})
"""What may follow the queries of a WITH."""
_SHORT: Final = 4000
"""Characters of a text up to which its verb is kept."""


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
    for kind, begin, end, _ in tokens(text):
        piece = text[begin:end].upper() if kind == "word" else text[begin:end]
        if kind == "end":
            if within is not None:
                yield "WITH"
            depth, within, told = 0, None, False
        elif kind == "other" and piece in ("(", ")"):
            depth += 1 if piece == "(" else -1
        elif (
            kind != "word"
            or told
            or (within is not None and (depth != within or piece not in _VERBS))
        ):
            continue
        elif piece == "WITH" and within is None:
            within = depth
        else:
            within, told = None, True
            yield piece
    if within is not None:
        yield "WITH"
