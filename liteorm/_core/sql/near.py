"""The name that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable


def near_name(name: str, known: Iterable[str]) -> str | None:
    """Return the name that was probably meant."""
    from difflib import get_close_matches  # for errors only

    near = get_close_matches(name, list(known), 1)
    return near[0] if near else None
