# Generated from tests/postgres/_async/test_metrics.py by .ci/unasync.py: edit that file, not this one.
"""Durations and pools as OpenTelemetry's metrics; spans named by what is done."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import liteorm
from liteorm.observe import QueryEvent, operation_name
from liteorm.postgres import open



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
    assert [point.value for point in found["db.client.connection.max"]] == [7]
    assert "db.client.connection.count" not in points(reader)


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
