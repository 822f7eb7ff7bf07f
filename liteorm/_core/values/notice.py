"""What the server says besides its answers."""

from __future__ import annotations

import attrs


@attrs.frozen
class Notice:
    """A notice or warning of the server.

    Args:
        severity: `"WARNING"`, `"NOTICE"`, `"INFO"`, `"LOG"` or `"DEBUG"`, in English.
        sqlstate: The five characters PostgreSQL gave, e.g. `"25P01"`.
        message: What it says.
        detail: More of it, where there is more; it may quote values.
        hint: What to do about it, where the server knows.
    """

    severity: str
    sqlstate: str | None
    message: str
    detail: str | None = None
    hint: str | None = None
