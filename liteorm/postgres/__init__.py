"""liteorm on PostgreSQL: the only place that knows the driver, psycopg."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from liteorm._core.exporting import shown_in
from liteorm._core.scanning.notification import Notification
from liteorm.postgres._sync.database import DB, open
from liteorm.postgres._sync.transaction import Tx
from liteorm.postgres._types.custom import CustomType

if TYPE_CHECKING:
    from liteorm.postgres._async.database import AsyncDB, open_async
    from liteorm.postgres._async.describing import describe_async
    from liteorm.postgres._async.listener import AsyncListener, listen_async, notify_async
    from liteorm.postgres._async.positions import position_async, wait_for_async
    from liteorm.postgres._async.transaction import AsyncTx
    from liteorm.postgres._describing.shapes import ColumnShape, StatementShape
    from liteorm.postgres._handover import pool, rows, session, session_async
    from liteorm.postgres._sync.describing import describe
    from liteorm.postgres._sync.listener import Listener, listen, notify
    from liteorm.postgres._sync.positions import position, wait_for

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
    "_sync.describing": ("describe",),
    "_sync.listener": ("Listener", "listen", "notify"),
    "_sync.positions": ("position", "wait_for"),
}
"""What is imported when it is asked for: few programs need both halves, and all of either."""

_PLACES = {name: module for module, names in _LATER.items() for name in names}


def _shown(export: Any) -> Any:
    if getattr(export, "__module__", "").startswith("liteorm.postgres._"):
        shown_in(export, __name__)
    return export


def __getattr__(name: str) -> Any:
    """Import what has been left for later."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{_PLACES[name]}")
    found = globals()[name] = _shown(getattr(module, name))
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})


for _export in (DB, CustomType, open, Tx):
    _shown(_export)
