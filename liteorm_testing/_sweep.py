"""Databases of runs on a server: which run a name belongs to, whether it lives, removal."""

from __future__ import annotations

import re
from typing import Any, Final

from attrs import field, frozen

import liteorm
from liteorm import Ident, postgres
from liteorm.postgres._session.state import PoolState
from liteorm_testing import _dsn

APPLICATION: Final = "liteorm_testing"
LOCK_CLASS: Final = 0x6C6F7274  # "lort": marks our advisory locks among an application's
_OPTIONS: Final = " ".join(
    f"-c {name}=0"
    for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
)
_NAME: Final = re.compile(r"liteorm_(?P<kept>kept_)?(?P<run>[0-9a-f]{8})_")


def server_version(dsn: str) -> str:
    """What a server says its version is."""
    with admin(dsn, 1) as db:
        return liteorm.scan_one(db.query("SHOW server_version"), str).split()[0]


def admin(dsn: str, size: int) -> postgres.DB:
    """Sessions of the kit's own, which no role's timeouts end, and which no test's log shows."""
    parts = _dsn.parse(dsn)
    parts["options"] = f"{parts.get('options', '')} {_OPTIONS}".strip()
    # DDL makes every prepared statement stale, and would send DEALLOCATE ALL after each.
    db = postgres.open(
        _dsn.build(parts),
        min_size=1,
        max_size=size,
        application_name=APPLICATION,
        prepare=False,
    )
    db._state.__class__ = _Untold
    return db


class _Untold(PoolState):
    """The state of sessions whose statements nobody is told of."""

    __slots__ = ()

    def begin_event(self, *_: Any, **__: Any) -> None:
        """Make no event of it."""


def lock_key(run: str) -> int:
    """A run's id as the signed number that advisory locks take."""
    value = int(run, 16)
    return value - (1 << 32) if value >= 1 << 31 else value


def kept_name(name: str) -> str:
    """The name of a database that is kept for a look at it; no sweep removes it unasked."""
    return name.replace("liteorm_", "liteorm_kept_", 1)


@frozen
class Removed:
    """What became of databases that were to be dropped.

    Attributes:
        gone: The names of those that are gone.
        left: Those that the server would not drop, and its reason.
    """

    gone: list[str] = field(factory=list[str])
    left: dict[str, str] = field(factory=dict[str, str])


def remove_run(dsn: str, run: str, worker: str | None = None) -> Removed:
    """Drop the databases of a run, or of one of its workers."""
    prefix = f"liteorm_{run}_" + (f"{worker}_" if worker else "")
    with admin(dsn, 1) as db:
        return _remove(db, [name for name in _names(db) if name.startswith(prefix)])


def sweep(dsn: str, *, kept: bool = False, dry_run: bool = False) -> Removed:
    """Drop the databases of runs that are over, whose advisory lock is free; tell which are gone.

    Args:
        dsn: Any database of the server.
        kept: Also those that --liteorm-keep kept.
        dry_run: Only say which.
    """
    with admin(dsn, 1) as db:
        # Names first: a run takes its lock before it makes a database, so whoever has one by then
        # is seen among the locks.
        names = _names(db)
        locks = db.query(
            "SELECT objid::int8 FROM pg_locks WHERE locktype = 'advisory' AND classid = %s "
            "AND objsubid = 2",
            [LOCK_CLASS],
        )
        running = {f"{key:08x}" for key in liteorm.scan(locks, int)}

        def abandoned(name: str) -> bool:
            found = _NAME.match(name)
            return found is not None and (
                (found["run"] not in running) if found["kept"] is None else kept
            )

        unwanted = [name for name in names if abandoned(name)]
        return Removed(unwanted) if dry_run else _remove(db, unwanted)


def _names(db: postgres.DB) -> list[str]:
    """The databases that may be dropped: not this one, and no other role's."""
    return liteorm.scan(
        db.query(
            "SELECT datname::text FROM pg_database WHERE datname <> current_database() "
            "AND pg_has_role(datdba, 'USAGE') ORDER BY 1"
        ),
        str,
    )


def _remove(db: postgres.DB, names: list[str]) -> Removed:
    """Drop databases, and tell which are gone: one that cannot be dropped keeps no other."""
    removed = Removed()
    for name in names:
        try:
            db.execute(liteorm.sql("ALTER DATABASE {} IS_TEMPLATE false", Ident(name)))
            db.execute(liteorm.sql("DROP DATABASE IF EXISTS {} WITH (FORCE)", Ident(name)))
        except liteorm.Error as error:
            # Another sweep may be at it: what is gone is gone.
            if error.sqlstate != "3D000":
                removed.left[name] = "; ".join(filter(None, (error.message, error.detail)))
                continue
        removed.gone.append(name)
    return removed
