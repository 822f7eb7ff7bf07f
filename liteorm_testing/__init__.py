"""Disposable PostgreSQL servers, a database per test, and faults on call."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from liteorm_testing._server import Server, ServerNotAvailable
    from liteorm_testing.assertions import Leak, assert_no_leaks, check_statements
    from liteorm_testing.clusters import Cluster, Member, cluster
    from liteorm_testing.commits import FailingCommits, fail_next_commit
    from liteorm_testing.databases import Database, Migration, Schema, database
    from liteorm_testing.faults import (
        deadlock,
        kill_backend,
        lock_timeout,
        serialization_failure,
        statement_timeout,
        too_many_connections,
    )
    from liteorm_testing.network import Proxy
    from liteorm_testing.poolers import Pooler, PoolerMode, pooler
    from liteorm_testing.recorders import (
        AsyncNotifications,
        Notifications,
        Queries,
        Recorded,
        notifications,
        queries,
    )
    from liteorm_testing.servers import server

__all__ = [
    "AsyncNotifications",
    "Cluster",
    "Database",
    "FailingCommits",
    "Leak",
    "Member",
    "Migration",
    "Notifications",
    "Pooler",
    "PoolerMode",
    "Proxy",
    "Queries",
    "Recorded",
    "Schema",
    "Server",
    "ServerNotAvailable",
    "assert_no_leaks",
    "check_statements",
    "cluster",
    "database",
    "deadlock",
    "fail_next_commit",
    "kill_backend",
    "lock_timeout",
    "notifications",
    "pooler",
    "queries",
    "serialization_failure",
    "server",
    "statement_timeout",
    "too_many_connections",
]

# The pytest plugin is a module of this package, and is loaded into test runs that never touch a
# database: they should not wait for the driver to be imported.
_PLACES = {
    "_server": ("Server", "ServerNotAvailable"),
    "assertions": ("Leak", "assert_no_leaks", "check_statements"),
    "clusters": ("Cluster", "Member", "cluster"),
    "commits": ("FailingCommits", "fail_next_commit"),
    "databases": ("Database", "Migration", "Schema", "database"),
    "faults": (
        "deadlock",
        "kill_backend",
        "lock_timeout",
        "serialization_failure",
        "statement_timeout",
        "too_many_connections",
    ),
    "network": ("Proxy",),
    "poolers": ("Pooler", "PoolerMode", "pooler"),
    "recorders": (
        "AsyncNotifications",
        "Notifications",
        "Queries",
        "Recorded",
        "notifications",
        "queries",
    ),
    "servers": ("server",),
}


# Type checkers would take any name for one that is there.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        for module, names in _PLACES.items():
            if name in names:
                value = getattr(importlib.import_module(f"{__name__}.{module}"), name)
                # What lives in a private module shows the path to import it from.
                if getattr(value, "__module__", "").startswith(f"{__name__}._"):
                    from liteorm._core.exporting import shown_in

                    shown_in(value, __name__)
                globals()[name] = value
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
