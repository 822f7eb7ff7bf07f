"""liteorm: a typed, SQL-first micro-ORM for PostgreSQL.

The driver-free half: models, scanning, statements, values and errors. Databases are opened with
`liteorm.postgres`.
"""

from typing import TYPE_CHECKING

from liteorm import errors, observe
from liteorm._core.batches import Batch, Pending
from liteorm._core.contracts import AsyncRowStream, AsyncSession, Params, RowStream, Session
from liteorm._core.exporting import imported_later, shown_in
from liteorm._core.models.classes import table
from liteorm._core.models.hints import Codec, Column
from liteorm._core.scanning.collector import pause_collector
from liteorm._core.scanning.notification import Notification
from liteorm._core.scanning.scan import explain_plan, scan, scan_iter, scan_one, scan_optional
from liteorm._core.sql.columns import columns
from liteorm._core.sql.conflict import Constraint
from liteorm._core.sql.text import Ident, Sql, SqlText, sql
from liteorm._core.values.interval import Interval
from liteorm._core.values.json import Json
from liteorm._core.values.notice import Notice
from liteorm._core.values.pool import PoolStats
from liteorm._core.values.ranges import Multirange, Range
from liteorm._core.values.results import Result, Rows
from liteorm.errors import (
    CheckViolation,
    CommitUnknown,
    ConnectFailed,
    ConnectionLost,
    DataError,
    Deadlock,
    DiskFull,
    Error,
    ExclusionViolation,
    ForeignKeyViolation,
    InFailedTransaction,
    InsufficientPrivilege,
    IntegrityError,
    LockNotAvailable,
    ModelError,
    NoRows,
    NotNullViolation,
    OutOfMemory,
    PoolClosed,
    PoolTimeout,
    QueryCanceled,
    ReadOnlyTransaction,
    ResourceError,
    ScanError,
    SerializationFailure,
    SqlSyntaxError,
    StaleRow,
    StatementError,
    StatementTimeout,
    TooManyConnections,
    TooManyRows,
    TransactionAborted,
    TransactionError,
    UndefinedColumn,
    UndefinedFunction,
    UndefinedTable,
    UniqueViolation,
)
from liteorm.observe import Observer, QueryEvent

if TYPE_CHECKING:
    from liteorm._core.models.unset import UNSET, Unset
    from liteorm._core.statements.declaring import statement
    from liteorm._core.statements.files import load
    from liteorm._core.statements.statement import Command, Statement

__all__ = [
    "UNSET",
    "AsyncRowStream",
    "AsyncSession",
    "Batch",
    "CheckViolation",
    "Codec",
    "Column",
    "Command",
    "CommitUnknown",
    "ConnectFailed",
    "ConnectionLost",
    "Constraint",
    "DataError",
    "Deadlock",
    "DiskFull",
    "Error",
    "ExclusionViolation",
    "ForeignKeyViolation",
    "Ident",
    "InFailedTransaction",
    "InsufficientPrivilege",
    "IntegrityError",
    "Interval",
    "Json",
    "LockNotAvailable",
    "ModelError",
    "Multirange",
    "NoRows",
    "NotNullViolation",
    "Notice",
    "Notification",
    "Observer",
    "OutOfMemory",
    "Params",
    "Pending",
    "PoolClosed",
    "PoolStats",
    "PoolTimeout",
    "QueryCanceled",
    "QueryEvent",
    "Range",
    "ReadOnlyTransaction",
    "ResourceError",
    "Result",
    "RowStream",
    "Rows",
    "ScanError",
    "SerializationFailure",
    "Session",
    "Sql",
    "SqlSyntaxError",
    "SqlText",
    "StaleRow",
    "Statement",
    "StatementError",
    "StatementTimeout",
    "TooManyConnections",
    "TooManyRows",
    "TransactionAborted",
    "TransactionError",
    "UndefinedColumn",
    "UndefinedFunction",
    "UndefinedTable",
    "UniqueViolation",
    "Unset",
    "columns",
    "errors",
    "explain_plan",
    "load",
    "observe",
    "pause_collector",
    "scan",
    "scan_iter",
    "scan_one",
    "scan_optional",
    "sql",
    "statement",
    "table",
]

_LATER = {
    # They are msgspec's, which a program that writes no such field need not load.
    "_core.models.unset": ("UNSET", "Unset"),
    "_core.statements.declaring": ("Command", "Statement", "statement"),
    "_core.statements.files": ("load",),
}
"""What is imported when it is asked for: some programs need none of it."""


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


# Type checkers would take any name for one that is there.
if not TYPE_CHECKING:
    __getattr__ = imported_later(__name__, _LATER)

for _name in __all__:
    if _name in globals():
        shown_in(globals()[_name], __name__)
