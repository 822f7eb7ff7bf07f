"""Watching what a session does: observers, logging, OpenTelemetry.

An observer is any object with ``before(event)`` and ``after(event)``. It is told about every
statement, commit, rollback, COPY, stream and LISTEN of the sessions it was given to with
``open(..., observers=[...])``. Log records at level DEBUG of the logger ``liteorm`` ride on the
same event.
"""

from __future__ import annotations

import inspect
import itertools
import logging
import time
from collections.abc import Callable, Container, Sequence
from typing import Any, Final, Protocol, runtime_checkable

import attrs

from liteorm._core.sql.verbs import verb_of, verbs_of
from liteorm.errors import Error

__all__ = ["Observer", "QueryEvent", "metrics", "opentelemetry"]

logger: Final = logging.getLogger("liteorm")


@attrs.define(eq=False, kw_only=True)
class QueryEvent:
    """One operation of a session, told to observers before and after it.

    Args:
        operation: What is done: ``"query"``, ``"execute"``, ``"stream"``, ``"insert_many"``,
            ``"begin"``, ``"commit"``, ``"rollback"``, ``"listen"`` and so on.
        statement: The name of the declared statement, None where it has none; of a batch the
            names of all that have one, with commas.
        sql: The text, None where there is none to show.
        params: Its parameters as given. They are values: think before you store them.
        start: When it began, in seconds since the epoch.
        duration: Seconds it took; None before its end.
        rows: Rows received, affected or copied; None where that has no meaning.
        size: How many statements a batch has, or for how many sets of parameters `execute_many`
            runs its own, which may be known at its end only; None for all else.
        error: What it failed with: a liteorm error, or what else came through.
        database: Name of the database.
        host: Host of the server that answers; before it is known, the one first connected to.
        port: Its port.
    """

    operation: str
    statement: str | None = None
    sql: str | None = None
    params: Any = None
    start: float = attrs.field(factory=time.time)
    duration: float | None = None
    rows: int | None = None
    size: int | None = None
    error: BaseException | None = None
    database: str | None = None
    host: str | None = None
    port: int | None = None
    _clock: float = attrs.field(factory=time.perf_counter, init=False, repr=False)

    def __repr__(self) -> str:
        # Without params: a repr ends up in logs.
        return (
            f"<QueryEvent {self.operation} sql={self.sql!r} duration={self.duration} "
            f"rows={self.rows} error={type(self.error).__name__ if self.error else None}>"
        )


@runtime_checkable
class Observer(Protocol):
    """What is told about each operation. What it raises is logged and otherwise ignored."""

    def before(self, event: QueryEvent, /) -> None:
        """Take notice that an operation is about to begin."""
        ...

    def after(self, event: QueryEvent, /) -> None:
        """Take notice that it has ended; `duration`, `rows` and `error` are filled in."""
        ...


def checked(observers: Sequence[Observer]) -> tuple[Observer, ...]:
    """Return observers; they are told in the middle of a call, where nobody awaits."""
    for observer in observers:
        methods = [getattr(observer, name, None) for name in ("before", "after")]
        if not all(map(callable, methods)) or isinstance(observer, type):
            kind = type(observer).__name__
            what = f"the class {observer.__name__}" if isinstance(observer, type) else f"a {kind}"
            raise TypeError(
                f"observers are objects with the methods before(event) and after(event), not {what}"
            )
        if any(map(inspect.iscoroutinefunction, methods)):
            raise TypeError(f"observers: {type(observer).__name__} must have plain methods")
    return tuple(observers)


def tell_before(observers: Sequence[Observer], event: QueryEvent) -> None:
    """Tell every observer that an operation begins."""
    for observer in observers:
        try:
            observer.before(event)
        except Exception:
            logger.exception("observer %r failed before %s", observer, event.operation)


def tell_after(
    observers: Sequence[Observer],
    event: QueryEvent,
    error: BaseException | None,
    log_params: bool,
) -> None:
    """Fill in how an operation ended, write the log record, tell every observer."""
    event.duration = time.perf_counter() - event._clock
    event.error = error
    if logger.isEnabledFor(logging.DEBUG):
        _log(event, log_params)
    for observer in reversed(observers):
        try:
            observer.after(event)
        except Exception:
            logger.exception("observer %r failed after %s", observer, event.operation)


def _log(event: QueryEvent, log_params: bool) -> None:
    text = "%s %.3f ms"
    values: list[Any] = [event.operation, (event.duration or 0.0) * 1000]
    if event.rows is not None:
        text += ", %d rows"
        values.append(event.rows)
    if event.statement is not None:
        text += ", %s"
        values.append(event.statement)
    if event.sql is not None:
        text += ": %s"
        values.append(event.sql)
    if log_params and event.params is not None:
        text += " with %r"
        values.append(event.params)
    if event.error is not None:
        # The class and the code only: what a user's own exception says may quote values.
        text += " failed: %s"
        code = event.error.sqlstate if isinstance(event.error, Error) else None
        values.append(type(event.error).__name__ + (f" ({code})" if code else ""))
    logger.debug(text, *values)


def opentelemetry(*, tracer_provider: Any = None, log_params: bool = False) -> Observer:
    """Make an observer that records a client span for each operation.

    Needs the extra ``otel``. Names follow OpenTelemetry's stable conventions for databases:
    the span is called by the declared statement, or by operation and database, with
    ``db.system.name``, ``db.namespace``, ``db.operation.name``, ``db.query.summary``,
    ``db.query.text``, ``db.operation.batch.size``, ``server.address``, ``server.port``,
    ``db.response.returned_rows`` and, on failure, ``error.type`` (the SQLSTATE, else the class of
    the error) and ``db.response.status_code``.

    Args:
        tracer_provider: Where spans go; the globally set provider by default.
        log_params: Also record parameters, as ``db.query.parameter.<name or place>``.

    Raises:
        ImportError: If the extra ``otel`` is not installed.

    Example:
        ``db = liteorm.postgres.open(dsn, observers=[liteorm.observe.opentelemetry()])``
    """
    return _SpanObserver(tracer_provider, log_params)


_VERBS: Final = {
    "copy_out": "COPY",
    "insert_returning": "INSERT",
    "update_many": "UPDATE",
    "upsert_many": "INSERT",
}
"""Calls whose text begins with something else, or is the query of what is sent."""
_COMMANDS: Final = frozenset({"commit", "rollback", "savepoint", "release", "listen"})
"""Operations that are commands of the server, sent without a text to be shown."""


def operation_name(event: QueryEvent) -> str:
    """Return a statement's verb, whatever comments, parentheses and WITH stand before it.

    BATCH for several statements, or one with several sets of parameters; before the verb if all
    have the same.
    """
    if event.operation in _VERBS:
        return _VERBS[event.operation]
    text = event.sql or ""
    if _is_batch(event):
        verbs = set(verbs_of(text))
        return f"BATCH {verbs.pop()}" if len(verbs) == 1 else "BATCH"
    if (verb := verb_of(text)) is not None:
        return verb
    return event.operation.upper() if event.operation in _COMMANDS else event.operation


def _is_batch(event: QueryEvent) -> bool:
    """Tell whether it is several operations: one alone is none, by the conventions."""
    return event.operation in ("batch", "execute_many") and event.size != 1


def metrics(*, meter_provider: Any = None) -> Observer:
    """Make an observer that measures operations and the pool with OpenTelemetry.

    Needs the extra ``otel``. It gives the instruments of the stable conventions for databases
    (``db.client.operation.duration``) and those of pools: ``db.client.connection.count``,
    ``.idle.max``, ``.idle.min``, ``.max``, ``.pending_requests``, ``.timeouts``, ``.create_time``,
    ``.wait_time`` and ``.use_time``. A pool is called ``host:port/database``, the second one with
    that name ``host:port/database#2``.

    Args:
        meter_provider: Where measurements go; the globally set provider by default.

    Raises:
        ImportError: If the extra ``otel`` is not installed.

    Example:
        ``db = liteorm.postgres.open(dsn, observers=[liteorm.observe.metrics()])``
    """
    return _MetricsObserver(meter_provider)


_SCHEMA: Final = "https://opentelemetry.io/schemas/1.33.0"
"""The first version of the conventions in which those for databases are stable."""
_LONGEST: Final = 255
"""Characters of a summary, by the conventions."""
_POOL: Final = "db.client.connection.pool.name"
_GAUGES: Final[tuple[tuple[str, str, Callable[[Any], dict[str, int]]], ...]] = (
    ("count", "{connection}", lambda stats: {"idle": stats.idle, "used": stats.in_use}),
    ("max", "{connection}", lambda stats: {"": stats.max_size}),
    # As many as there are may be idle, until they have been for too long.
    ("idle.max", "{connection}", lambda stats: {"": stats.max_size}),
    ("idle.min", "{connection}", lambda stats: {"": stats.min_size}),
    ("pending_requests", "{request}", lambda stats: {"": stats.waiting}),
)
_DURATIONS: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10)
"""The bounds of the buckets, as the conventions have them."""


class _MetricsObserver:
    """Records how long each operation took, and how full the pools are."""

    def __init__(self, meter_provider: Any) -> None:
        from opentelemetry import metrics as api

        meter: Any = api.get_meter(
            "liteorm", _version(), meter_provider=meter_provider, schema_url=_SCHEMA
        )
        self._observation: Any = api.Observation
        self._pools: list[tuple[str, Any]] = []

        def histogram(name: str, text: str) -> Any:
            return meter.create_histogram(
                f"db.client.{name}", "s", text, explicit_bucket_boundaries_advisory=_DURATIONS
            )

        self._duration = histogram("operation.duration", "Duration of database client operations.")
        self._times = {
            "create": histogram("connection.create_time", "Time to make a connection."),
            "wait": histogram("connection.wait_time", "Time to get a connection of the pool."),
            "use": histogram("connection.use_time", "Time from taking to giving back."),
        }
        self._timeouts: Any = meter.create_counter(
            "db.client.connection.timeouts", "{timeout}", "Waits for a connection given up."
        )
        for name, unit, read in _GAUGES:
            meter.create_observable_up_down_counter(
                f"db.client.connection.{name}", [self._observing(read)], unit
            )

    def _observing(self, read: Callable[[Any], dict[str, int]]) -> Any:
        def observe(_: Any) -> Any:
            for name, stats_of in self._pools:
                stats = stats_of()
                for state, value in read(stats).items() if stats is not None else ():
                    more = {"db.client.connection.state": state} if state else {}
                    yield self._observation(value, {_POOL: name, **more})

        return observe

    def watch_pool(self, name: str, stats_of: Any) -> Callable[[str, float], None]:
        """Observe a pool; `stats_of` gives None once it is closed.

        Returns what is to be told of its connections: (create, wait or use; seconds), and
        (timeout, seconds) when a wait was given up.
        """
        self._pools = [pool for pool in self._pools if pool[1]() is not None]
        name = _free_name(name, {pool[0] for pool in self._pools})
        self._pools.append((name, stats_of))
        attributes = {_POOL: name}

        def tell(what: str, seconds: float) -> None:
            if what == "timeout":
                self._timeouts.add(1, attributes)
            else:
                self._times[what].record(seconds, attributes)

        return tell

    def before(self, event: QueryEvent) -> None:
        """Wait for the end."""

    def after(self, event: QueryEvent) -> None:
        attributes = _attributes(event)
        if event.error is not None:
            code = event.error.sqlstate if isinstance(event.error, Error) else None
            attributes["error.type"] = code or type(event.error).__qualname__
            attributes["db.response.status_code"] = code
        self._duration.record(event.duration or 0.0, _known(attributes))


def _free_name(name: str, taken: Container[str]) -> str:
    """Return the name, with a number if another pool has it: their measurements would be added."""
    names = itertools.chain([name], (f"{name}#{number}" for number in itertools.count(2)))
    return next(each for each in names if each not in taken)


def _attributes(event: QueryEvent) -> dict[str, Any]:
    """Return what spans and measurements have in common."""
    return {
        "db.system.name": "postgresql",
        "db.operation.name": operation_name(event),
        "db.namespace": event.database,
        "db.query.summary": _summary(event),
        "server.address": event.host,
        "server.port": event.port,
    }


def _summary(event: QueryEvent) -> str | None:
    """Return the name of the declared statement, or of those of a batch."""
    if event.statement is None or not _is_batch(event):
        return event.statement
    summary = f"BATCH {event.statement}"
    # No name is cut in two.
    return summary if len(summary) <= _LONGEST else summary[: summary.rindex(",", 0, _LONGEST)]


def _size(event: QueryEvent) -> int | None:
    """Return of how many operations a batch is."""
    return event.size if _is_batch(event) else None


def _version() -> str:
    """Return the version of what makes spans and measurements."""
    from importlib import metadata

    try:
        return metadata.version("liteorm")
    except metadata.PackageNotFoundError:  # pragma: no cover - a folder on the path
        return ""


def _known(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value is not None}


class _SpanObserver:
    """Opens a span before an operation and ends it after."""

    def __init__(self, tracer_provider: Any, log_params: bool) -> None:
        from opentelemetry import trace

        self._tracer = trace.get_tracer("liteorm", _version(), tracer_provider, _SCHEMA)
        self._kind = trace.SpanKind.CLIENT
        self._failed = trace.StatusCode.ERROR
        self._log_params = log_params
        self._spans: dict[QueryEvent, Any] = {}

    def before(self, event: QueryEvent) -> None:
        attributes: dict[str, Any] = {
            **_attributes(event),
            "db.query.text": event.sql,
            "db.operation.batch.size": _size(event),
        }
        if self._log_params and event.params is not None:
            params: Any = event.params
            pairs: Any = params.items() if hasattr(params, "items") else enumerate(params)
            for key, value in pairs:
                attributes[f"db.query.parameter.{key}"] = str(value)
        name: str = attributes["db.operation.name"]
        if event.statement is not None:
            # The low-cardinality name that OpenTelemetry asks for, where there is one.
            name = attributes["db.query.summary"]
        elif event.database:
            name = f"{name} {event.database}"
        self._spans[event] = self._tracer.start_span(
            name,
            kind=self._kind,
            attributes=_known(attributes),
        )

    def after(self, event: QueryEvent) -> None:
        span = self._spans.pop(event, None)
        if span is None:
            return
        # Of several hosts the one that answered is known by now, and how many sets there were.
        for name, value in (
            ("server.address", event.host),
            ("server.port", event.port),
            ("db.operation.batch.size", _size(event)),
        ):
            if value is not None:
                span.set_attribute(name, value)
        if event.rows is not None and event.operation in ("query", "stream"):
            span.set_attribute("db.response.returned_rows", event.rows)
        if event.error is not None:
            code = event.error.sqlstate if isinstance(event.error, Error) else None
            if code:
                span.set_attribute("db.response.status_code", code)
            span.set_attribute("error.type", code or type(event.error).__qualname__)
            span.set_status(self._failed)
        span.end()
