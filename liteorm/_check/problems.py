"""What a check finds, before it is known where."""

from __future__ import annotations

from typing import Literal

import attrs


@attrs.frozen
class Problem:
    """One sentence, and how to mend it."""

    level: Literal["error", "warning"]
    code: str
    """The kind of problem; docs/checking.md has a section for each."""
    message: str
    hint: str | None = None
    at: int | None = None
    """Where in the SQL as it was written."""

    def when(self, condition: str) -> Problem:
        """Return the same problem with the condition under which it comes up."""
        return attrs.evolve(self, message=f"{condition}: {self.message}") if condition else self
