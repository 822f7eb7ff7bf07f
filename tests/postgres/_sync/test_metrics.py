# Generated from tests/postgres/_async/test_metrics.py by .ci/unasync.py: edit that file, not this one.
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
from liteorm.postgres import open
from liteorm_testing import Proxy



def points(reader: InMemoryMetricReader) -> dict[str, list[Any]]:
    """Return the data points of each instrument."""
    data: Any = reader.get_metrics_data()
    scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics]
    return {m.name: list(m.data.data_points) for scope in scopes for m in scope.metrics}


def test_metrics_of_operations_and_pools(liteorm_database: Any) -> None:
    """Names, units and attributes are those of the conventions."""
    reader = InMemoryMetricReader()
    observer = liteorm.observe.metrics(meter_provider=MeterProvider([reader]))
    with open(liteorm_database.dsn, max_size=7, observers=[observer]) as db:
        db.query("/* why */ (SELECT 1)")
        with pytest.raises(liteorm.UndefinedTable):
            db.query("SELECT 1 FROM nothing")
        with db.transaction():
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


def test_waits_that_are_given_up_are_counted(liteorm_database: Any) -> None:
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
    with open(
        liteorm_database.dsn, max_size=1, timeout=0.2, observers=[Failing(), observer]
    ) as db:
        with db.transaction():
            with pytest.raises(liteorm.PoolTimeout):
                db.query("SELECT 1")
        [point] = points(reader)["db.client.connection.timeouts"]
    assert point.value == 1


def test_the_server_named_is_the_one_that_answered(liteorm_database: Any) -> None:
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
        with open(dsn, max_size=1, observers=observers) as db:
            db.query("SELECT 1")
            assert str(seen[-1].port) == str(first["port"])
            proxy.cut()
            seen.clear()
            db.query("SELECT 2")
            with db.transaction() as tx, tx.transaction():
                tx.execute("SELECT 3")
            with db.connection() as connection, connection.transaction():
                pass
            with pytest.raises(liteorm.UndefinedTable):
                db.execute("SELECT 4 FROM nothing")
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
        ("/* a /* in */ another */ UPDATE t SET a = 1", "UPDATE"),
        ("/* never closed SELECT 1", "query"),
        (
            "WITH a AS (SELECT 1), b(c) AS (DELETE FROM t RETURNING 1) INSERT INTO t VALUES (1)",
            "INSERT",
        ),
        ("(WITH RECURSIVE a AS (SELECT 1) (SELECT 2) UNION SELECT 1)", "SELECT"),
        (
            "with a as (select ')', $x$)$x$, \"(\", E'\\')' /* ) */ -- )\n) merge into t",
            "MERGE",
        ),
        ("WITH half of it", "WITH"),
        (";; SELECT 1", "SELECT"),
        ("SELECT 1; DELETE FROM t", "SELECT"),
        ("/* long */" + "(" * 5000 + "VALUES (1)", "VALUES"),
        ("", "query"),
        ("-- nothing", "query"),
        (None, "query"),
    ],
)
def test_an_operation_is_named_by_its_first_word(sql: str | None, name: str) -> None:
    """Comments, parentheses and the queries of a WITH before it do not matter."""
    assert operation_name(QueryEvent(operation="query", sql=sql)) == name


@pytest.mark.parametrize(
    ("operation", "sql", "size", "name"),
    [
        *(("commit", None, None, "COMMIT"), ("release", None, None, "RELEASE")),
        *(("copy_out", "SELECT 1", None, "COPY"), ("update_many", "WITH a ...", None, "UPDATE")),
        ("batch", "SELECT 1", 1, "SELECT"),
        ("batch", "SELECT 1;\nWITH a AS (SELECT 1) SELECT 1", 2, "BATCH SELECT"),
        ("batch", "SELECT ';';\nDELETE FROM t;", 2, "BATCH"),
        ("batch", "WITH half;\nWITH half", 2, "BATCH WITH"),
        ("execute_many", "INSERT INTO t VALUES (%s)", 1, "INSERT"),
        ("execute_many", "INSERT INTO t VALUES (%s)", None, "BATCH INSERT"),
        ("execute_many", "INSERT INTO t VALUES (%s)", 0, "BATCH INSERT"),
    ],
)
def test_several_operations_are_a_batch(
    operation: str, sql: str | None, size: int | None, name: str
) -> None:
    """Of one alone nothing says so; what all of them do is said."""
    assert operation_name(QueryEvent(operation=operation, sql=sql, size=size)) == name


def test_spans_of_batches(liteorm_database: Any) -> None:
    """They have their size, the names of their statements, and are no batch if they are one."""
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    observer = liteorm.observe.opentelemetry(tracer_provider=provider)
    first, second = [declared(f"SELECT {number}", name) for number, name in enumerate("ab")]
    many = [declared("SELECT 1", name * 60) for name in "abcdefg"]
    with open(liteorm_database.dsn, observers=[observer]) as db:
        for statements in ([first], [first, first], [first, second], many):
            with db.batch() as batch:
                for statement in statements:
                    batch.one(statement)
        db.execute("CREATE TABLE t (a int)")
        for count in (0, 1, 2, 1500):
            db.execute_many("INSERT INTO t VALUES (%s)", ([n] for n in range(count)))
    told = [
        (span.name, (span.attributes or {}).get("db.operation.batch.size"))
        for span in spans.get_finished_spans()
        if (span.attributes or {})["db.operation.name"] not in ("BEGIN", "COMMIT", "CREATE")
    ]
    insert = f"INSERT {liteorm_database.name}"
    names = ", ".join(name * 60 for name in "abcd")
    assert told == [
        *(("a", None), ("BATCH a", 2), ("BATCH a, b", 2), (f"BATCH {names}", 7)),
        *(
            (f"BATCH {insert}", 0),
            (insert, None),
            (f"BATCH {insert}", 2),
            (f"BATCH {insert}", 1500),
        ),
    ]


def declared(sql: Any, name: str) -> Any:
    """Return a statement with that name."""

    def function() -> None: ...

    function.__name__ = function.__qualname__ = name
    return liteorm.statement(int, sql)(function)


def test_pools_on_one_database_are_told_apart(liteorm_database: Any) -> None:
    """The second one has a number; the name of one that is closed is free again."""
    reader = InMemoryMetricReader()
    observer = liteorm.observe.metrics(meter_provider=MeterProvider([reader]))

    def sizes() -> dict[str, int]:
        return {
            point.attributes["db.client.connection.pool.name"].partition("#")[2]: point.value
            for point in points(reader)["db.client.connection.max"]
        }

    with open(liteorm_database.dsn, max_size=3, observers=[observer]) as first:
        with open(liteorm_database.dsn, max_size=5, observers=[observer]):
            assert sizes() == {"": 3, "2": 5}
        first.close()
        with open(liteorm_database.dsn, max_size=7, observers=[observer]):
            assert sizes() == {"": 7}
