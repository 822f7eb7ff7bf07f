"""Regular expressions that are compiled when they are first used."""

from __future__ import annotations

import re
from typing import Any, cast


class _Waiting:
    """A pattern that is yet to be compiled; compiling some takes longer than all else at import."""

    def __init__(self, text: str, flags: int) -> None:
        self._text = text
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        # Only for what is not there yet: from now on the pattern's own methods are.
        pattern = re.compile(self._text, self._flags)
        for method in ("match", "fullmatch", "search", "finditer", "sub"):
            setattr(self, method, getattr(pattern, method))
        return getattr(pattern, name)


def pattern(text: str, flags: int = 0) -> re.Pattern[str]:
    """Return a pattern that is compiled at its first use."""
    return cast("re.Pattern[str]", _Waiting(text, flags))
