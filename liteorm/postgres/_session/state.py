"""The state that all sessions of one pool share."""

from __future__ import annotations

import atexit
import logging
import os
import weakref
from asyncio import _get_running_loop
from collections.abc import Mapping
from time import monotonic
from typing import Any, Final, Literal

import attrs
from psycopg.adapt import AdaptersMap
from psycopg_pool import ConnectionPool

from liteorm._core.living import Living
from liteorm._core.models.hints import Codec
from liteorm._core.values.pool import PoolStats
from liteorm.errors import Error, PoolClosed, PoolTimeout
from liteorm.observe import Observer, QueryEvent, logger, tell_after, tell_before
from liteorm.postgres._driver import abandon
from liteorm.postgres._session.meters import Meters
from liteorm.postgres._session.notices import OnNotice
from liteorm.postgres._types.registry import TypeRegistry

PoolerMode = Literal["session", "transaction"]
"""What a connection of a pooler is lent for."""

LIFETIME: Final = 3600.0
"""Seconds after which a connection is replaced, if `open` is not told otherwise."""
READING_LIFETIME: Final = 300.0
"""The same where standbys are asked for: after a failover the pool spreads over them again."""

CLEANUP_BOUND: Final = 5.0
"""Seconds that cleaning up (a rollback, a cancel, a reset) may take before the connection goes."""
BRIEFLY: Final = 0.5
"""The same for a connection that is not made yet: whoever gave up does not wait for it."""

_DEBUG: Final = logging.DEBUG


_MOST_KEPT: Final = 256


def keep(known: dict[Any, Any], key: Any, value: Any) -> None:
    """Keep an answer of the server; beyond some hundreds all are asked for anew."""
    if len(known) >= _MOST_KEPT:
        known.clear()
    known[key] = value


@attrs.frozen(eq=False, repr=False)
class Adapters:
    """What connections take their loaders and dumpers from."""

    adapters: AdaptersMap
    connection: Any = None


@attrs.define(eq=False, repr=False, kw_only=True)
class PoolState:
    """What the sessions of one pool share. One per DB; the pool itself is set once it exists."""

    conninfo: str = attrs.field(repr=False)
    connect_kwargs: dict[str, Any] = attrs.field(repr=False)
    context: Adapters = attrs.field(repr=False)
    types: TypeRegistry = attrs.field(repr=False)
    observers: tuple[Observer, ...] = ()
    log_params: bool = False
    on_notice: OnNotice | None = None
    statement_timeout: float | None = None
    server_keeps_timeout: bool = True
    prepare: bool | None = None
    pooler: PoolerMode | None = None
    reset_always: bool = False
    constraint_errors: Mapping[str, type[Error]] = attrs.field(factory=dict[str, type[Error]])
    codecs: Mapping[type, Codec] = attrs.field(factory=dict[type, Codec])
    timeout: float = 30.0
    wants_writable: bool = False
    reads: bool = False
    """Standbys were asked for, of which there may be several."""
    several_hosts: bool = False
    database: str | None = None
    host: str | None = None
    port: int | None = None

    pool: Any = attrs.field(default=None, init=False)
    writing: Any = attrs.field(default=None, init=False, repr=False)
    """What writing calls know about tables (`_copy.Writing`), made by the first of them."""
    spare: list[Any] = attrs.field(factory=list[Any], init=False, repr=False)
    """The connection that opening has made; whoever makes one for the pool pops it from here."""
    pooled: bool = attrs.field(default=False, init=False)
    """A pooler in transaction mode stands between (found out when opening)."""
    prepares: bool = attrs.field(default=True, init=False)
    """Whether statements are prepared (found out when opening)."""
    meet: Any = attrs.field(default=None, init=False, repr=False)
    """Finds that out on the first connection, before anything else runs on it."""
    loop: Any = attrs.field(default=None, init=False, repr=False)
    """The event loop that the connections belong to."""
    borrowed: dict[Any, float] = attrs.field(factory=dict[Any, float], init=False, repr=False)
    """Weak references to the connections in use, and since when: who uses one holds it."""
    waiting: set[object] = attrs.field(factory=set[object], init=False, repr=False)
    listeners: Living[Any] = attrs.field(factory=Living[Any], init=False, repr=False)
    paths: dict[tuple[str, tuple[str, ...]], str] = attrs.field(
        factory=dict[tuple[str, tuple[str, ...]], str], init=False, repr=False
    )
    """Where names are looked for after a BEGIN, by its text and the values that change it."""
    named: dict[str, None] = attrs.field(factory=dict[str, None], init=False, repr=False)
    """The texts of those in whose transactions that has to be known, not assumed."""
    streamed: set[str] = attrs.field(factory=set[str], init=False, repr=False)
    """Statements whose result types are known, so that a stream need not ask before."""
    connect_error: str | None = attrs.field(default=None, init=False, repr=False)
    dsn_source: Any = attrs.field(default=None, init=False, repr=False)
    """The function that gives the DSN, for each new connection."""
    conninfo_of: Any = attrs.field(default=None, init=False, repr=False)
    """Makes libpq's words of what it gives."""
    connected: Any = attrs.field(default=None, init=False, repr=False)
    """Prepares a new connection, or one that has been reset, as the user wants it."""
    meters: Meters | None = None
    """Tells observers that watch pools of its connections; None if there are none."""
    blocked: bool = attrs.field(default=False, init=False)
    """No connection is to be had any more; `refusal` says why."""
    closed: bool = attrs.field(default=False, init=False)
    """Closing has come to its end."""
    forked: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        _STATES.add(self)

    @property
    def lifetime(self) -> float:
        """Seconds after which a connection is replaced, if nobody said how many."""
        return READING_LIFETIME if self.reads else LIFETIME

    @property
    def adapters(self) -> AdaptersMap:
        """Loaders and dumpers of every connection of the pool."""
        return self.context.adapters

    def forget(self, *, types: bool = True) -> None:
        """Forget what was learnt of tables, and of types: the catalog is asked again."""
        if self.writing is not None:
            self.writing.forget()
        if types:
            self.types.clear()
        self.streamed.clear()

    def watched(self) -> None:
        """Let observers that watch pools know of this one."""
        reference = weakref.ref(self)

        def stats() -> PoolStats | None:
            state = reference()
            return None if state is None or state.blocked else state.stats()

        name = f"{self.host}:{self.port}/{self.database}"
        if self.meters is not None and not self.meters.watch(self.observers, name, stats):
            self.meters = None

    def begin_event(
        self,
        operation: str,
        sql: str | None,
        params: Any = None,
        wire: Any = None,
        size: int | None = None,
    ) -> QueryEvent | None:
        """Tell observers that an operation begins; None if nobody watches."""
        if not (self.observers or logger.isEnabledFor(_DEBUG)):
            return None
        event = QueryEvent(
            operation=operation,
            statement=getattr(sql, "statement", None),
            sql=sql,
            params=params,
            size=size,
            database=self.database,
            host=self.host,
            port=self.port,
        )
        self.reached(event, wire)
        tell_before(self.observers, event)
        return event

    def reached(self, event: QueryEvent | None, wire: Any) -> None:
        """Note which server an operation went to: not all of a pool's need lead to one."""
        if event is not None and wire is not None and wire.address is not None:
            event.host, event.port = wire.address

    def end_event(self, event: QueryEvent | None, error: BaseException | None = None) -> None:
        """Tell observers that an operation has ended."""
        if event is not None:
            tell_after(self.observers, event, error, self.log_params)

    def refusal(self) -> Error:
        """Say why no connection can be had any more."""
        if self.forked:
            return PoolClosed(
                "this database was opened in the parent process",
                hint="open it anew in the child: sockets cannot be shared between processes",
            )
        if self.is_elsewhere:
            return PoolClosed(
                "this database was opened in another event loop",
                hint="open one in each event loop: connections belong to the loop that made them",
            )
        return PoolClosed("the database has been closed")

    @property
    def is_elsewhere(self) -> bool:
        """Whether the caller is in a forked child, or in another event loop."""
        return self.forked or (self.loop is not None and self.loop is not _get_running_loop())

    def check_here(self) -> None:
        """Refuse to work in a forked child, or in another event loop."""
        if self.is_elsewhere:
            raise self.refusal()

    def lent(self) -> list[Any]:
        """Return the connections in use."""
        return [wire for reference in list(self.borrowed) if (wire := reference()) is not None]

    def timed_out(self, timeout: float) -> PoolTimeout:
        """Describe a pool that had no connection in time."""
        stats = self.stats()
        now = monotonic()
        longest = max((now - since for since in list(self.borrowed.values())), default=0.0)
        message = (
            f"no connection became free within {timeout:g} s: {stats.in_use} of at most "
            f"{stats.max_size} in use (the longest for {longest:.1f} s), {stats.waiting} waiting"
        )
        hint = "give connections back sooner, or open with a larger max_size"
        if stats.in_use < stats.max_size:
            hint = f"the last attempt to connect failed: {self.connect_error}"
            if self.connect_error is None:
                hint = "connections are being made, but did not come in time"
        return PoolTimeout(message, hint=hint)

    def stats(self) -> PoolStats:
        """Take a snapshot of the pool."""
        told: dict[str, int] = self.pool.get_stats()
        in_use = len(self.borrowed)
        return PoolStats(
            size=in_use + told["pool_available"],
            in_use=in_use,
            idle=told["pool_available"],
            # The pool counts those who gave up until the next give-back; this does not.
            waiting=len(self.waiting),
            min_size=told["pool_min"],
            max_size=told["pool_max"],
            requests=told.get("requests_num", 0),
            wait_count=told.get("requests_queued", 0),
            wait_seconds=told.get("requests_wait_ms", 0) / 1000,
            timeouts=told.get("requests_errors", 0),
            connects=told.get("connections_num", 0),
            connect_errors=told.get("connections_errors", 0),
            lost=told.get("connections_lost", 0) + told.get("returns_bad", 0),
        )

    def met(self, pgconn: Any) -> None:
        """Take note of which database was reached; the DSN may have left it to defaults."""
        self.database = pgconn.db.decode()
        host, port = address_of(pgconn)
        self.host, self.port = host or self.host, port or self.port


def server_of(pgconn: Any) -> str | None:
    """Return host and port of the server that a connection leads to."""
    host = pgconn.host.decode() or pgconn.hostaddr.decode()
    return f"{host}:{pgconn.port.decode()}" if host else None


# A child process must not use its parent's sockets; marking costs the others nothing.
_STATES = Living[PoolState]()


def _mark_forked() -> None:
    for state in list(_STATES):
        state.forked = state.blocked = True
        abandon(state.pool)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_mark_forked)


def _close_forgotten() -> None:
    # The threads of a pool that nobody closed would hold up the end of the process for seconds.
    for state in list(_STATES):
        has_threads = isinstance(state.pool, ConnectionPool)
        if has_threads and not state.blocked:
            state.blocked = True
            state.pool.close(timeout=1.0)


atexit.register(_close_forgotten)


def address_of(pgconn: Any) -> tuple[str | None, int | None]:
    """Return the host and the port that a connection was made to."""
    return (pgconn.host or pgconn.hostaddr).decode() or None, port_of(pgconn.port.decode())


def first_of(value: Any) -> str | None:
    """Return the first of the values that a DSN has for several hosts."""
    return str(value).split(",")[0] or None if value else None


def port_of(value: Any) -> int | None:
    """Return the first port of a DSN as a number."""
    first = first_of(value)
    return int(first) if first and first.isdigit() else None
