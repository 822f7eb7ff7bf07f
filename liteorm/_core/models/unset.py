"""msgspec's mark of a field that has no value, apart from None: `UNSET`, of type `Unset`."""

from __future__ import annotations

from msgspec import UNSET
from msgspec import UnsetType as Unset

__all__ = ["UNSET", "Unset"]
