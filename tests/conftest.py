"""What all tests share. The plugin under test is also the one that runs them."""

from __future__ import annotations

import importlib.metadata

import pytest

# An installed liteorm brings its plugin along; a bare checkout has to name it.
_INSTALLED = any(
    point.value == "liteorm_testing.plugin"
    for point in importlib.metadata.entry_points(group="pytest11")
)
pytest_plugins = ["pytester"] if _INSTALLED else ["pytester", "liteorm_testing.plugin"]


@pytest.fixture
def anyio_backend() -> str:
    """The event loop of async tests: psycopg knows asyncio only."""
    return "asyncio"
