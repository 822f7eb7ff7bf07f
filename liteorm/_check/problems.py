"""What a check finds, before it is known where."""

from __future__ import annotations

from typing import Final, Literal

import attrs

Code = Literal[
    "column-type",
    "columns",
    "constraint-class",
    "constraint-name",
    "constraint-never",
    "enum-label",
    "inside-names",
    "inside-null",
    "inside-type",
    "inside-unknown",
    "model",
    "no-rows",
    "not-checked",
    "not-described",
    "null-column",
    "null-unknown",
    "parameter-count",
    "parameter-name",
    "parameter-outside",
    "parameter-type",
    "parameter-untyped",
    "placeholder",
    "refused",
    "seq-scan",
    "stub-outdated",
    "table-column",
    "table-generated",
    "table-key",
    "table-missing",
    "table-null",
    "table-type",
    "table-unsent",
]
"""The kinds of problems; docs/findings.md has a section for each."""

UNTOLD: Final = "how it comes about is not followed"
"""Why something may be NULL where the description gives no reason."""


@attrs.frozen
class Problem:
    """One sentence, and how to mend it."""

    level: Literal["error", "warning"]
    code: Code
    message: str
    hint: str | None = None
    at: int | None = None
    """Where in the SQL as it was written."""
    field: str | None = None
    """The field of a class with a table."""

    def when(self, condition: str) -> Problem:
        """Return the same problem with the condition under which it comes up."""
        return attrs.evolve(self, message=f"{condition}: {self.message}") if condition else self
