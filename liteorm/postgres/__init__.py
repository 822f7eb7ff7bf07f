"""liteorm on PostgreSQL: the only place that knows the driver, psycopg."""

from __future__ import annotations

from liteorm._core.values.notification import Notification
from liteorm.postgres._async.database import AsyncDB, open_async
from liteorm.postgres._async.describing import describe_async
from liteorm.postgres._async.listener import AsyncListener, listen_async, notify_async
from liteorm.postgres._async.transaction import AsyncTx
from liteorm.postgres._describing.shapes import ColumnShape, StatementShape
from liteorm.postgres._handover import pool, rows
from liteorm.postgres._sync.database import DB, open
from liteorm.postgres._sync.describing import describe
from liteorm.postgres._sync.listener import Listener, listen, notify
from liteorm.postgres._sync.transaction import Tx

__all__ = [
    "DB",
    "AsyncDB",
    "AsyncListener",
    "AsyncTx",
    "ColumnShape",
    "Listener",
    "Notification",
    "StatementShape",
    "Tx",
    "describe",
    "describe_async",
    "listen",
    "listen_async",
    "notify",
    "notify_async",
    "open",
    "open_async",
    "pool",
    "rows",
]

# Reprs, tracebacks and documentation show where users import from.
for _name in __all__:
    _export = globals()[_name]
    if getattr(_export, "__module__", "").startswith("liteorm.postgres._"):
        _export.__module__ = __name__
