"""Connections of the kit's own, beside those that a test looks at."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from liteorm import postgres
from liteorm.postgres import DB
from liteorm_testing.databases import Database


@contextmanager
def helper_of(x: Any) -> Generator[DB]:
    """Connections of our own to the same database, by the same way: through a proxy too."""
    with postgres.open(
        dsn_of(x), min_size=1, max_size=3, application_name="liteorm_testing", num_workers=1
    ) as helper:
        yield helper


def dsn_of(x: Any) -> str:
    """The connection string of a database, a transaction or a listener, with its password."""
    if isinstance(x, Database):
        return x.dsn
    state = x._state
    if state.dsn_source is None:
        return str(state.conninfo)
    return str(state.conninfo_of(_asked(state.dsn_source)))


def _asked(source: Callable[[], Any]) -> Any:
    """Ask a function for the DSN that holds now; in a thread, as the caller's loop may run."""
    with ThreadPoolExecutor(1) as thread:
        found = thread.submit(source).result()
        if inspect.iscoroutine(found):
            found = thread.submit(asyncio.run, found).result()
    return found
