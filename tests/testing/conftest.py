"""Runs of pytest inside a test."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., pytest.RunResult]:
    """Run pytest in a process of its own, the way somebody who installed liteorm does."""
    path = os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.delenv("LITEORM_SERVER", raising=False)
    monkeypatch.delenv("LITEORM_IMAGE", raising=False)
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)

    def run(*arguments: str) -> pytest.RunResult:
        chosen = ["-p", "liteorm_testing.plugin"]
        # pytest-asyncio warns about this option's default.
        options = ["-W", "error", "-o", "asyncio_default_fixture_loop_scope=function"]
        return pytester.runpytest_subprocess(*chosen, *options, *arguments)

    return run


@pytest.fixture
def clean_lock() -> Generator[None]:
    """For tests that call `clean`, and for those with a server that it would remove: one at a time.

    It removes what it finds on the machine, and pytest-xdist runs other tests beside.
    """
    # Anybody may have put something there: no link is followed.
    path = Path(tempfile.gettempdir(), f"liteorm-tests-clean-{os.geteuid()}.lock")
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
