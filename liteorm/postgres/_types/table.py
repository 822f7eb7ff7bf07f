"""The table of base types, one line for each family; a type is added in the family's file."""

from __future__ import annotations

from typing import Final

from liteorm.postgres._types import (
    bits,
    extensions,
    geometry,
    identifiers,
    json,
    network,
    numbers,
    search,
    strings,
    times,
)
from liteorm.postgres._types.forms import Form

FORMS: Final[dict[str, Form]] = {
    **numbers.FORMS,
    **strings.FORMS,
    **search.FORMS,
    **bits.FORMS,
    **times.FORMS,
    **network.FORMS,
    **json.FORMS,
    **geometry.FORMS,
    **identifiers.FORMS,
    **extensions.FORMS,
}
"""How each base type of `liteorm._core.scanning.types` is read and sent, by its internal name."""
