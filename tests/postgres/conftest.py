"""Servers that a test may break, and others that stand between."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from liteorm import postgres
from liteorm_testing import Server, database, server
from tests.postgres.support import Pair, Witness, pgbouncer, pgbouncer_program


@pytest.fixture(scope="module")
def own_server(liteorm_server: Server) -> Generator[Server]:
    """A server of the module's own, to be paused and restarted."""
    if liteorm_server.kind == "dsn":
        pytest.skip("the server of the run is not ours to restart")
    with server(kind=liteorm_server.kind, image=liteorm_server.image) as started:
        yield started


@pytest.fixture(scope="module")
def module_db(liteorm_server: Server) -> Generator[postgres.DB]:
    """One database for all tests of a module, each of which leaves it as it was."""
    with database(liteorm_server) as made, postgres.open(made.dsn) as opened:
        yield opened


@pytest.fixture
def witness(liteorm_database: Any) -> Generator[Witness]:
    """Somebody who looks at the test's database from outside."""
    with Witness(liteorm_database.dsn) as seeing:
        yield seeing


@pytest.fixture
def open_folder() -> Generator[Path]:
    """A folder that server programs reach under another user: pytest's own lets nobody in."""
    with tempfile.TemporaryDirectory(prefix="liteorm-test-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def pair(open_folder: Path) -> Generator[Pair]:
    """A primary and its standby."""
    with Pair(open_folder) as started:
        yield started


@pytest.fixture
def through_pgbouncer(liteorm_database: Any, open_folder: Path) -> Generator[str]:
    """The DSN of the test's database through PgBouncer in transaction mode."""
    if pgbouncer_program() is None:
        pytest.skip("PgBouncer is not installed (Debian: apt-get install pgbouncer)")
    with pgbouncer(liteorm_database.dsn, open_folder) as dsn:
        yield dsn
