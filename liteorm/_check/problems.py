"""What a check finds, before it is known where."""

from __future__ import annotations

from typing import Literal

import attrs


@attrs.frozen
class Problem:
    """One sentence, and how to mend it."""

    level: Literal["error", "warning"]
    message: str
    hint: str | None = None
