# Generated from tests/postgres/_async/test_observing.py by .ci/unasync.py: edit that file, not this one.
"""Observers, the log of statements, and OpenTelemetry spans."""

from __future__ import annotations

import logging
from typing import Any

import attrs
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

import liteorm
from liteorm.observe import Observer, QueryEvent, opentelemetry
from liteorm.postgres import describe, listen, notify, open



@liteorm.table("item", key="id")
@attrs.frozen
class Item:
    """A row of the table."""

    id: int


class Recorder:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.events: list[QueryEvent] = []

    def before(self, event: QueryEvent) -> None:
        """Take notice."""
        assert event.duration is None
        self.begun.append(event.operation)

    def after(self, event: QueryEvent) -> None:
        """Take notice."""
        assert event.duration is not None
        self.events.append(event)


class Broken:
    """An observer that fails."""

    def before(self, event: QueryEvent) -> None:
        """Fail."""
        raise RuntimeError("before")

    def after(self, event: QueryEvent) -> None:
        """Fail."""
        raise RuntimeError("after")


def test_observers_are_told_of_everything(liteorm_database: Any) -> None:
    """Statements, begin, commit, rollback, savepoints, COPY, streams and LISTEN are all told."""
    recorder = Recorder()
    assert isinstance(recorder, Observer)
    with open(liteorm_database.dsn, observers=[recorder]) as db:
        db.execute("CREATE TABLE item (id int PRIMARY KEY)")
        with db.transaction() as tx:
            tx.insert_many([Item(1), Item(2)])
            with tx.transaction() as inner:
                inner.query("SELECT id FROM item WHERE id = %s", [1])
        with pytest.raises(KeyError):
            with db.transaction():
                raise KeyError
        with db.stream("SELECT id FROM item") as stream:
            assert len([row for row in stream]) == 2
        with listen(db, "a"):
            notify(db, "a")
    operations = [event.operation for event in recorder.events]
    for operation in (
        *("execute", "begin", "insert_many", "savepoint", "query", "release", "commit"),
        *("rollback", "stream", "listen", "notify"),
    ):
        assert operation in operations, operation
    assert sorted(recorder.begun) == sorted(operations)
    by_operation = {event.operation: event for event in recorder.events}
    assert by_operation["query"].sql == "SELECT id FROM item WHERE id = %s"
    assert by_operation["query"].params == [1]
    assert by_operation["query"].rows == 1
    assert by_operation["stream"].rows == 2
    assert by_operation["insert_many"].rows == 2
    assert by_operation["query"].database == liteorm_database.name
    assert all(event.duration is not None and event.duration >= 0 for event in recorder.events)
    assert all(event.start > 1_600_000_000 for event in recorder.events)


def test_observers_see_what_is_described(liteorm_database: Any) -> None:
    """The event of a description has the statement that was asked about."""
    recorder = Recorder()
    with open(liteorm_database.dsn, observers=[recorder]) as db:
        describe(db, "SELECT 1 AS one")
    [event] = [event for event in recorder.events if event.operation == "describe"]
    assert event.sql == "SELECT 1 AS one"


def test_observers_see_the_error(liteorm_database: Any) -> None:
    """The event of a failed statement holds the liteorm error."""
    recorder = Recorder()
    with open(liteorm_database.dsn, observers=[recorder]) as db:
        with pytest.raises(liteorm.UndefinedTable) as caught:
            db.query("SELECT * FROM nothing")
        assert recorder.events[-1].error is caught.value
        db.execute("CREATE TABLE item (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
        with pytest.raises(liteorm.UniqueViolation):
            with db.transaction() as tx:
                tx.execute("INSERT INTO item VALUES (1), (1)")
        assert recorder.events[-1].operation == "commit"
        assert isinstance(recorder.events[-1].error, liteorm.UniqueViolation)


def test_a_broken_observer_breaks_nothing(
    liteorm_database: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """What an observer raises is logged, and the statement goes on."""
    with open(liteorm_database.dsn, observers=[Broken()]) as db:
        assert len(db.query("SELECT 1")) == 1
    assert "observer" in caplog.text


def test_the_log_of_statements(
    liteorm_database: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """At DEBUG each statement is logged, without parameters unless log_params says so."""
    sql = "SELECT %s::text"
    with open(liteorm_database.dsn) as db:
        db.query(sql, ["before"])
        assert sql not in caplog.text
        caplog.set_level(logging.DEBUG, "liteorm")
        db.query(sql, ["hidden"])
        with pytest.raises(liteorm.DataError):
            db.query("SELECT 1 / %s", [0])
    assert f"1 rows: {sql}" in caplog.text
    assert "hidden" not in caplog.text
    assert "failed: DataError (22012)" in caplog.text
    caplog.clear()
    with open(liteorm_database.dsn, log_params=True) as db:
        db.query(sql, ["shown"])
        db.execute("CREATE TABLE item (id int PRIMARY KEY, note json)")
        db.insert({"id": 1, "note": {"a": "seen"}}, table="item")
        db.insert_returning([Item(2), Item(3)])
    assert "with ['shown']" in caplog.text
    assert "object at 0x" not in caplog.text
    assert "with (1, <" in caplog.text


def test_a_password_is_in_no_event_and_no_record(
    liteorm_database: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the log nor events hold the DSN's password, whatever happens."""
    caplog.set_level(logging.DEBUG)
    recorder = Recorder()
    dsn = liteorm_database.dsn.replace("postgres@", "postgres:very-secret@", 1)
    with open(dsn, observers=[recorder]) as db:
        db.query("SELECT 1")
    with pytest.raises(liteorm.ConnectFailed):
        open(dsn.replace(liteorm_database.name, "no_such_database"))
    assert "very-secret" not in caplog.text
    assert all("very-secret" not in repr(attrs.asdict(event)) for event in recorder.events)


def test_opentelemetry_spans(liteorm_database: Any) -> None:
    """Each operation is a client span with the stable attributes and no parameter values."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    observer = opentelemetry(tracer_provider=provider)
    with open(liteorm_database.dsn, observers=[observer]) as db:
        db.query("select %s::text", ["hidden"])
        with pytest.raises(liteorm.UndefinedTable):
            db.execute("INSERT INTO nothing VALUES (1)")
    good, bad = exporter.get_finished_spans()
    assert good.kind is SpanKind.CLIENT
    assert good.name == f"SELECT {liteorm_database.name}"
    assert dict(good.attributes or {}) == {
        "db.system.name": "postgresql",
        "db.operation.name": "SELECT",
        "db.namespace": liteorm_database.name,
        "db.query.text": "select %s::text",
        "db.response.returned_rows": 1,
        "server.address": db._state.host,
        "server.port": db._state.port,
    }
    assert bad.status.status_code is StatusCode.ERROR
    assert bad.attributes is not None
    assert bad.attributes["db.response.status_code"] == "42P01"
    assert bad.attributes["error.type"] == "42P01"
    assert "hidden" not in repr([span.attributes for span in (good, bad)])


@pytest.mark.parametrize("params", [["shown"], {"a": "shown"}])
def test_opentelemetry_with_parameters(liteorm_database: Any, params: Any) -> None:
    """Parameters are recorded only when asked for, by place or name."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    observer = opentelemetry(tracer_provider=provider, log_params=True)
    sql: Any = "SELECT %s::text" if isinstance(params, list) else "SELECT %(a)s::text"
    with open(liteorm_database.dsn, observers=[observer]) as db:
        db.query(sql, params)
    [span] = exporter.get_finished_spans()
    key = "0" if isinstance(params, list) else "a"
    assert (span.attributes or {})[f"db.query.parameter.{key}"] == "shown"
