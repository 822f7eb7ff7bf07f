"""What a test says with the mark `liteorm` about its transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

__all__ = ["transaction_options"]


def transaction_options(node: pytest.Item) -> dict[str, Any]:
    """Return the options that `liteorm_tx` begins with: settings and role."""
    marker = node.get_closest_marker("liteorm")
    given: Mapping[str, Any] = marker.kwargs if marker is not None else {}
    return {name: given[name] for name in ("settings", "role") if name in given}
