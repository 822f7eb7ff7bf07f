"""Quotes inside the text forms of arrays, composites, ranges and hstore."""

from __future__ import annotations

import re


def unescaped(text: str) -> str:
    """Return the text inside quotes, its escapes undone."""
    return re.sub(r"(?s)\\(.)|\"(\")", lambda match: match[1] or match[2], text)


def quoted(text: str) -> str:
    """Return text in quotes, as the input of arrays, composites and ranges takes it."""
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
