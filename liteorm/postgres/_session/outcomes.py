"""What an error means for what was sent before it."""

from __future__ import annotations

import contextlib

__all__ = ["mark_stored"]


def mark_stored(exc: BaseException) -> None:
    """Say of an error that what the call did is stored all the same."""
    exc.add_note("what the call did is stored: the error came afterwards, reading it back")
    # An exception of the user's may take no attributes.
    with contextlib.suppress(AttributeError, TypeError):
        exc.stored = True  # type: ignore[attr-defined]
