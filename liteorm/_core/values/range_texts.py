"""Ranges and multiranges as PostgreSQL writes them in text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from liteorm._core.values.quoting import unescaped
from liteorm._core.values.ranges import Multirange, Range

_BOUND = r'(?:"((?:[^"\\]|\\.|"")*)"|([^,"\])]*))'
_RANGE = r'empty|[\[(](?:"(?:[^"\\]|\\.|"")*"|[^"\])])*[\])]'


def _bound(match: re.Match[str]) -> str | None:
    return unescaped(match[1]) if match[1] is not None else (match[2] or None)


def range_from_text(read: Callable[[str], Any]) -> Callable[[str], Range[Any]]:
    """Return the reader of the text form of ranges over a subtype."""
    bound = re.compile(_BOUND)

    def parse(text: str) -> Range[Any]:
        if text == "empty":
            return Range[Any].empty()
        first = bound.match(text, 1)
        assert first is not None
        second = bound.match(text, first.end() + 1)
        assert second is not None
        lower, upper = _bound(first), _bound(second)
        return Range(
            None if lower is None else read(lower),
            None if upper is None else read(upper),
            text[0] + text[-1],
        )

    return parse


def multirange_from_text(read_range: Callable[[str], Any]) -> Callable[[str], Multirange[Any]]:
    """Return the reader of the text form of multiranges over a range type."""
    return lambda text: Multirange(read_range(match[0]) for match in re.finditer(_RANGE, text))
