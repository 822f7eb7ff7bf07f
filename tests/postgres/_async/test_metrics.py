"""Durations and pools as OpenTelemetry's metrics; spans named by what is done."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from psycopg.conninfo import conninfo_to_dict, make_conninfo

import liteorm
from liteorm.observe import QueryEvent, operation_name
from liteorm.postgres import open_async
from liteorm_testing import Proxy

pytestmark = pytest.mark.anyio


def points(reader: InMemoryMetricReader) -> dict[str, list[Any]]:
    """Return the data points of each instrument."""
    data: Any = reader.get_metrics_data()
    scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics]
    return {m.name: list(m.data.data_points) for scope in scopes for m in scope.metrics}


async def test_metrics_of_operations_and_pools(liteorm_database: Any) -> None:
    """Names, units and attributes are those of the conventions."""
    reader = InMemoryMetricReader()
    observer = liteorm.observe.metrics(meter_provider=MeterProvider([reader]))
    async with await open_async(liteorm_database.dsn, max_size=7, observers=[observer]) as db:
        await db.query("/* why */ (SELECT 1)")
        with pytest.raises(liteorm.UndefinedTable):
            await db.query("SELECT 1 FROM nothing")
        async with db.transaction():
            found = points(reader)
    durations = found["db.client.operation.duration"]
    assert {point.attributes["db.operation.name"] for point in durations} == {"SELECT", "BEGIN"}
    assert {point.attributes.get("error.type") for point in durations} == {None, "42P01"}
    counts = {
        point.attributes["db.client.connection.state"]: point.value
        for point in found["db.client.connection.count"]
    }
    assert counts["used"] == 1
    for name, value in (("max", 7), ("idle.max", 7), ("idle.min", 1), ("pending_requests", 0)):
        assert [point.value for point in found[f"db.client.connection.{name}"]] == [value]
    words = conninfo_to_dict(liteorm_database.dsn)
    pool = f"{words['host']}:{words['port']}/{words['dbname']}"
    for name, count in (("create_time", 1), ("wait_time", 3), ("use_time", 2)):
        [point] = found[f"db.client.connection.{name}"]
        assert point.attributes == {"db.client.connection.pool.name": pool}
        assert point.count == count, name
        assert point.explicit_bounds[:2] == (0.001, 0.005)
    assert "db.client.connection.count" not in points(reader)


async def test_waits_that_are_given_up_are_counted(liteorm_database: Any) -> None:
    """And an observer that fails at it disturbs nobody."""

    class Failing:
        def before(self, event: QueryEvent) -> None:
            """Do nothing."""

        def after(self, event: QueryEvent) -> None:
            """Do nothing."""

        def watch_pool(self, name: str, stats_of: Any) -> Any:
            """Be told, and fail."""
            return lambda what, seconds: 1 / 0

    reader = InMemoryMetricReader()
    observer = liteorm.observe.metrics(meter_provider=MeterProvider([reader]))
    async with await open_async(
        liteorm_database.dsn, max_size=1, timeout=0.2, observers=[Failing(), observer]
    ) as db:
        async with db.transaction():
            with pytest.raises(liteorm.PoolTimeout):
                await db.query("SELECT 1")
        [point] = points(reader)["db.client.connection.timeouts"]
    assert point.value == 1


async def test_the_server_named_is_the_one_that_answered(liteorm_database: Any) -> None:
    """Of two hosts the first is down, or goes down later: events name the other one."""
    seen: list[QueryEvent] = []

    class Seen:
        def before(self, event: QueryEvent) -> None:
            """Wait for the end."""

        def after(self, event: QueryEvent) -> None:
            """Keep it."""
            seen.append(event)

    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    observers: list[Any] = [Seen(), liteorm.observe.opentelemetry(tracer_provider=provider)]
    words = conninfo_to_dict(liteorm_database.dsn)
    with Proxy(liteorm_database.dsn) as proxy:
        first = conninfo_to_dict(proxy.dsn)
        hosts = {
            "host": f"{first['host']},{words['host']}",
            "port": f"{first['port']},{words['port']}",
            "connect_timeout": "3",
        }
        dsn = make_conninfo("", **{**words, **hosts})
        async with await open_async(dsn, max_size=1, observers=observers) as db:
            await db.query("SELECT 1")
            assert str(seen[-1].port) == str(first["port"])
            proxy.cut()
            seen.clear()
            await db.query("SELECT 2")
            async with db.transaction() as tx, tx.transaction():
                await tx.execute("SELECT 3")
            async with db.connection() as connection, connection.transaction():
                pass
            with pytest.raises(liteorm.UndefinedTable):
                await db.execute("SELECT 4 FROM nothing")
    assert {"query", "begin", "savepoint", "release", "commit"} < {e.operation for e in seen}
    assert {str(event.port) for event in seen} == {str(words["port"])}
    named = spans.get_finished_spans()[-1].attributes
    assert named is not None
    assert str(named["server.port"]) == str(words["port"])


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("select 1", "SELECT"),
        ("-- a comment\n  INSERT INTO t VALUES (1)", "INSERT"),
        ("/* a */ ((SELECT 1))", "SELECT"),
        ("", "query"),
        ("-- nothing", "query"),
        (None, "query"),
    ],
)
def test_an_operation_is_named_by_its_first_word(sql: str | None, name: str) -> None:
    """Comments and parentheses before it do not matter."""
    assert operation_name(QueryEvent(operation="query", sql=sql)) == name
