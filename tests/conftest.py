"""What all tests share. The plugin under test is also the one that runs them."""

from __future__ import annotations

import importlib.metadata
import os
import signal
from pathlib import Path

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

# What `make test` leaves to CI, the longest first: what starts servers, poolers, browsers, type
# checkers or whole runs of pytest of its own, what waits for limits to pass, what tries every call
# in every way to fail, and twins that are generated from what does run.
_LEFT_TO_CI = (
    "tests/testing/test_plugin.py",
    "tests/testing/test_mistakes.py",
    "tests/testing/test_nothing_left.py",
    "tests/testing",
    "tests/test_docs.py",
    "tests/test_demo.py",
    "tests/distributed",
    "tests/examples",
    "tests/check/test_models_merged.py",
    "tests/check/test_models_written.py",
    "tests/check/test_stubs.py",
    "tests/postgres/test_forked.py",
    "tests/postgres/test_native_life.py",
    "tests/postgres/test_cancellation.py",
    "tests/postgres/test_idle_interrupts.py",
    "tests/postgres/test_settings.py",
    "tests/check/test_types_sent.py",
    "tests/check/test_findings_page.py",
    "tests/postgres/_async/test_faults.py",
    "tests/postgres/_async/test_late_failures.py",
    "tests/postgres/_async/test_limits.py",
    "tests/postgres/_async/test_ownership.py",
    "tests/postgres/_async/test_pgbouncer.py",
    "tests/postgres/_async/test_quiet_tracebacks.py",
    "tests/postgres/_async/test_standby_silent.py",
    "tests/postgres/_async/test_tenants.py",
    "tests/postgres/_sync",
)
_ROOT = Path(__file__).parent.parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what takes long, in a run of everything that was asked to be a quick one."""
    quick = os.environ.get("LITEORM_TESTS") == "quick"
    if not quick or config.args_source is pytest.Config.ArgsSource.ARGS:
        return None
    return True if collection_path.relative_to(_ROOT).as_posix() in _LEFT_TO_CI else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the files that take longest begin first: a worker runs a file to its end."""
    longest = [_ROOT / path for path in _LEFT_TO_CI]

    def place(item: pytest.Item) -> int:
        folders = (item.path, *item.path.parents)
        return next((at for at, path in enumerate(longest) if path in folders), len(longest))

    items.sort(key=place)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what is left out."""
    quick = os.environ.get("LITEORM_TESTS") == "quick"
    if not quick or config.args_source is pytest.Config.ArgsSource.ARGS:
        return []
    left = [
        path for path in _LEFT_TO_CI if not any(path.startswith(f"{at}/") for at in _LEFT_TO_CI)
    ]
    return [f"a quick run, without {', '.join(left)}; all of it: make test TESTS=all"]


@pytest.fixture
def anyio_backend() -> str:
    """The event loop of async tests: psycopg knows asyncio only."""
    return "asyncio"
