"""liteorm on PostgreSQL: the only place that knows the driver, psycopg."""

from __future__ import annotations

from typing import TYPE_CHECKING

from liteorm._core.exporting import imported_later
from liteorm._core.scanning.notification import Notification

if TYPE_CHECKING:
    from liteorm.postgres._async.database import AsyncDB, open_async
    from liteorm.postgres._async.describing import describe_async
    from liteorm.postgres._async.listener import AsyncListener, listen_async, notify_async
    from liteorm.postgres._async.positions import position_async, wait_for_async
    from liteorm.postgres._async.transaction import AsyncTx
    from liteorm.postgres._describing.shapes import ColumnShape, StatementShape
    from liteorm.postgres._handover import pool, rows, session, session_async
    from liteorm.postgres._sync.database import DB, open
    from liteorm.postgres._sync.describing import describe
    from liteorm.postgres._sync.listener import Listener, listen, notify
    from liteorm.postgres._sync.positions import position, wait_for
    from liteorm.postgres._sync.transaction import Tx
    from liteorm.postgres._types.custom import CustomType

__all__ = [
    "DB",
    "AsyncDB",
    "AsyncListener",
    "AsyncTx",
    "ColumnShape",
    "CustomType",
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
    "position",
    "position_async",
    "rows",
    "session",
    "session_async",
    "wait_for",
    "wait_for_async",
]

_LATER = {
    "_async.database": ("AsyncDB", "open_async"),
    "_async.describing": ("describe_async",),
    "_async.listener": ("AsyncListener", "listen_async", "notify_async"),
    "_async.positions": ("position_async", "wait_for_async"),
    "_async.transaction": ("AsyncTx",),
    "_describing.shapes": ("ColumnShape", "StatementShape"),
    "_handover": ("pool", "rows", "session", "session_async"),
    "_sync.database": ("DB", "open"),
    "_sync.describing": ("describe",),
    "_sync.listener": ("Listener", "listen", "notify"),
    "_sync.positions": ("position", "wait_for"),
    "_sync.transaction": ("Tx",),
    "_types.custom": ("CustomType",),
}
"""What is imported when it is asked for: few programs need both halves, and all of either."""


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


# Type checkers would take any name for one that is there.
if not TYPE_CHECKING:
    __getattr__ = imported_later(__name__, _LATER)
