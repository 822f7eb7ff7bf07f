"""What all tests share. The plugin under test is also the one that runs them."""

from __future__ import annotations

import importlib.metadata
import signal

import pytest

# An installed liteorm brings its plugin along; a bare checkout has to name it.
_INSTALLED = any(
    point.value == "liteorm_testing.plugin"
    for point in importlib.metadata.entry_points(group="pytest11")
)
pytest_plugins = ["pytester"] if _INSTALLED else ["pytester", "liteorm_testing.plugin"]

# A run in the background of a shell that has no job control (CI, nohup) is started with Ctrl-C
# ignored, and so would be every process that the tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def anyio_backend() -> str:
    """The event loop of async tests: psycopg knows asyncio only."""
    return "asyncio"
