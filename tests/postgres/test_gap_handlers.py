"""What a listener that nobody awaits calls after a gap."""

from __future__ import annotations

from typing import Any

import pytest

from liteorm import postgres
from liteorm_testing import kill_backend


def test_a_coroutine_function_is_refused(liteorm_db: postgres.DB) -> None:
    """A coroutine that nobody would await is no silent gap."""

    async def on_gap() -> None:
        raise AssertionError("not run")

    handler: Any = on_gap
    with postgres.listen(liteorm_db, "a", on_gap=handler) as listener:
        kill_backend(listener)
        with pytest.raises(TypeError, match="coroutine function"):
            listener.receive(timeout=10)
