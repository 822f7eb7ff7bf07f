# Generated from tests/postgres/_async/test_listener.py by .ci/unasync.py: edit that file, not this one.
"""LISTEN and NOTIFY: honest gaps, a heartbeat, channels that come and go."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import attrs
import msgspec
import psycopg
import pydantic
import pytest

import liteorm
from liteorm import Notification
from liteorm.postgres import (
    DB,
    Listener,
    Tx,
    listen,
    notify,
    open,
    session,
)
from liteorm.postgres._sync import listener as listener_module
from liteorm.postgres._session.notifying import Backoff
from liteorm.postgres._session.primitives import sleep
from liteorm_testing import Proxy, kill_backend
from tests.postgres.support import Background, Pair, Witness, until


NAMES = ["plain", "With Case", 'quo"ted', "semi;colon", "ünïcode", "%s", "x" * 63, "ü" * 31]


@attrs.frozen
class Job:
    """A payload."""

    id: int
    tags: list[str]


@pytest.fixture
def db(liteorm_database: Any) -> Any:
    """A small pool."""
    with open(liteorm_database.dsn, max_size=3) as opened:
        yield opened


class Calls:
    """Counts how often it was called."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        """Count."""
        self.count += 1


@pytest.mark.parametrize("channel", NAMES)
def test_channels_of_any_name(db: DB, channel: str) -> None:
    """Channel names are identifiers: any characters, up to 63 bytes, case counts."""
    with listen(db, channel) as listener:
        assert listener.channels == (channel,)
        notify(db, channel, "hello")
        received = listener.receive(timeout=5)
        assert (received.channel, received.payload) == (channel, "hello")
        assert received.pid > 0


def test_payloads_as_json(db: DB) -> None:
    """Objects, dicts and lists travel as JSON and are loaded into a model."""
    with listen(db, "jobs") as listener:
        notify(db, "jobs", Job(1, ["a", "ü"]))
        notify(db, "jobs", {"id": 2, "tags": []})
        notify(db, "jobs", [1, 2])
        assert (listener.receive(timeout=5)).load(Job) == Job(1, ["a", "ü"])
        assert (listener.receive(timeout=5)).load(Job) == Job(2, [])
        third = listener.receive(timeout=5)
        assert third.load(list[int]) == [1, 2]
        with pytest.raises(liteorm.ScanError):
            third.load(Job)


class Task(pydantic.BaseModel):
    """A payload that Pydantic checks."""

    id: int
    due: dt.date | None = None
    name: Annotated[str, pydantic.Field(alias="taskName")] = ""


class Step(msgspec.Struct, rename="camel"):
    """A payload with other names in JSON."""

    step_no: int


@attrs.frozen
class Renamed:
    """A payload with a Pydantic model inside, and a column's name."""

    number: Annotated[int, liteorm.Column(name="no")]
    task: Task


@pytest.mark.parametrize(
    "sent",
    [
        Task.model_validate({"id": 1, "due": "2024-01-02", "taskName": "a"}),
        Step(step_no=1),
        Renamed(1, Task(id=2)),
        [Task(id=3)],
    ],
)
def test_payloads_of_every_kind_of_model(db: DB, sent: Any) -> None:
    """What is sent as JSON is loaded again, by the names that it has in a jsonb column."""
    model = list[Task] if isinstance(sent, list) else type(sent)
    with listen(db, "jobs") as listener:
        notify(db, "jobs", sent)
        assert (listener.receive(timeout=5)).load(model) == sent
        notify(db, "jobs", {"id": "word"})
        with pytest.raises(liteorm.ScanError, match="payload") as caught:
            (listener.receive(timeout=5)).load(model)
        assert "word" not in str(caught.value)


def test_a_lent_connection_is_not_listened_on(liteorm_database: Any) -> None:
    """A listener needs a connection of a pool of its own, and says so."""
    with psycopg.Connection.connect(liteorm_database.dsn) as owner:
        with pytest.raises(TypeError, match="a connection of its own"):
            listen(session(owner), "news")


def test_in_a_transaction_it_is_delivered_at_commit(db: DB) -> None:
    """A notification sent through a Tx arrives when that commits, and not if it rolls back."""
    with listen(db, "news") as listener:
        with db.transaction() as tx:
            notify(tx, "news", "kept")
            with pytest.raises(TimeoutError):
                listener.receive(timeout=0.2)
        tx = db.begin()
        notify(tx, "news", "dropped")
        tx.rollback()
        assert (listener.receive(timeout=5)).payload == "kept"
        with pytest.raises(TimeoutError):
            listener.receive(timeout=0.2)


@pytest.mark.parametrize("payload", ["x" * 8000, "ü" * 4000, {"a": "x" * 8000}, "a\0b", "\ud800"])
def test_a_payload_too_long_is_refused(db: DB, payload: Any) -> None:
    """A payload of 8,000 bytes or more, or one that cannot be text, is a DataError at once."""
    with db.transaction() as tx:
        with pytest.raises(liteorm.DataError):
            notify(tx, "a", payload)
        notify(tx, "a", "x" * 7999)


@pytest.mark.parametrize("channel", ["x" * 64, "ü" * 32, "", "a\0b"])
def test_a_channel_name_too_long_is_refused(db: DB, channel: str) -> None:
    """A name that LISTEN would cut is a DataError, for listening and for notifying."""
    with pytest.raises(liteorm.DataError):
        notify(db, channel)
    with pytest.raises(liteorm.DataError):
        listen(db, channel)
    with listen(db, "a") as listener:
        with pytest.raises(liteorm.DataError):
            listener.add(channel)


def test_iteration_ends_with_close(db: DB) -> None:
    """Iterating gives notifications until the listener is closed, from another task or thread."""
    seen: list[str] = []

    def read(listener: Listener) -> None:
        for notification in listener:
            seen.append(notification.payload)

    listener = listen(db, "a")
    with Background() as background:
        reading = background.start(read, listener)
        notify(db, "a", "1")
        notify(db, "a", "2")
        until(lambda: seen == ["1", "2"])
        listener.close()
        reading.result()
    with pytest.raises(liteorm.PoolClosed, match="listener is closed"):
        listener.receive()
    listener.close()


def test_close_gives_the_connection_back(liteorm_database: Any, witness: Witness) -> None:
    """After close the connection listens to nothing and serves the next statement."""
    with open(liteorm_database.dsn, max_size=1) as db:
        with listen(db, "a", "b"):
            assert db.stats().in_use == 1
        assert db.stats().in_use == 0
        notify(db, "a", "nobody")
        rows = db.query("SELECT count(*) FROM pg_listening_channels()")
        assert list(rows) == [(0,)]
        assert db.stats().connects == 1


def test_two_receivers_at_once(db: DB) -> None:
    """A second receive at the same time is an error that says so; the first goes on."""
    with listen(db, "a") as listener, Background() as background:
        first = background.start(listener.receive)
        until(lambda: listener._receiving.locked())
        with pytest.raises(liteorm.TransactionError, match="another task or thread"):
            listener.receive(timeout=1)
        notify(db, "a", "x")
        assert (first.result()).payload == "x"


def test_add_and_remove_while_receiving(db: DB) -> None:
    """Fault: LISTEN and UNLISTEN during a receive. They take effect at once; nothing is lost."""
    with listen(db, "a") as listener, Background() as background:
        for turn in range(20):
            receiving = background.start(listener.receive)
            listener.add("b")
            listener.remove("a")
            notify(db, "a", "no")
            notify(db, "b", str(turn))
            received = receiving.result()
            assert (received.channel, received.payload) == ("b", str(turn))
            listener.add("a")
            listener.remove("b")
        assert listener.channels == ("a",)


def test_nothing_after_remove(db: DB) -> None:
    """What had arrived for a channel and was not received is gone once remove has returned."""
    with listen(db, "a", "b") as listener:
        for number in range(50):
            notify(db, "a", str(number))
        notify(db, "b", "kept")
        assert (listener.receive(timeout=5)).channel == "a"
        listener.remove("a")
        kept = listener.receive(timeout=5)
        assert kept == Notification(channel="b", payload="kept", pid=kept.pid)
        with pytest.raises(TimeoutError):
            listener.receive(timeout=0.1)
        listener.add("a")
        with pytest.raises(TimeoutError):
            listener.receive(timeout=0.1)


def test_arrivals_during_a_statement_of_the_listener(db: DB) -> None:
    """Notifications that come together with the answer to LISTEN are kept, in order."""
    with listen(db, "a") as listener:
        for number in range(100):
            notify(db, "a", str(number))
            if number % 10 == 0:
                listener.add(f"other {number}")
        got = [(listener.receive(timeout=5)).payload for _ in range(100)]
        assert got == [str(number) for number in range(100)]


def test_a_killed_backend_without_on_gap(db: DB) -> None:
    """Fault: the listener's backend is killed. Without on_gap, receive raises ConnectionLost."""
    with listen(db, "a") as listener:
        notify(db, "a", "before")
        listener.add("b")
        kill_backend(listener)
        assert (listener.receive(timeout=5)).payload == "before"
        for _ in range(2):
            with pytest.raises(liteorm.ConnectionLost, match="administrator") as caught:
                listener.receive(timeout=5)
            assert "missed" in str(caught.value)
        with pytest.raises(liteorm.ConnectionLost):
            listener.add("c")
    assert len(db.query("SELECT 1")) == 1
    until(lambda: db.stats().in_use == 0)


def test_a_killed_backend_with_on_gap(db: DB) -> None:
    """With on_gap it connects again, listens to every channel, calls on_gap once, and goes on."""
    gap = Calls()
    with (
        listen(db, "a", "b", on_gap=gap) as listener,
        Background() as background,
    ):
        for turn in range(1, 4):
            kill_backend(listener)
            receiving = background.start(listener.receive)
            until(lambda wanted=turn: gap.count == wanted)  # type: ignore[misc]
            notify(db, "b", str(turn))
            assert (receiving.result()).payload == str(turn)
        assert gap.count == 3
        assert listener.channels == ("a", "b")


def test_a_gap_handler_that_fails_is_called_again(db: DB) -> None:
    """An exception of on_gap arrives at receive, and the gap is told again by the next one."""
    calls: list[int] = []

    def gap() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise KeyError("mine")

    with listen(db, "a", on_gap=gap) as listener:
        kill_backend(listener)
        with pytest.raises(KeyError, match="mine"):
            listener.receive(timeout=5)
        with pytest.raises(TimeoutError):
            listener.receive(timeout=0.2)
        with pytest.raises(TimeoutError):
            listener.receive(timeout=0.2)
    assert len(calls) == 2


def test_a_gap_handler_may_use_the_listener(db: DB) -> None:
    """on_gap can add channels and query: nothing is locked while it runs."""
    listeners: list[Listener] = []

    def gap() -> None:
        listeners[0].add("b")
        db.query("SELECT 1")

    with listen(db, "a", on_gap=gap) as listener:
        listeners.append(listener)
        kill_backend(listener)
        with pytest.raises(TimeoutError):
            listener.receive(timeout=0.5)
        notify(db, "b", "x")
        assert (listener.receive(timeout=5)).channel == "b"


def test_a_half_open_connection_without_on_gap(liteorm_database: Any) -> None:
    """Fault: the listener's link is half open. The heartbeat finds out: ConnectionLost."""
    with Proxy(liteorm_database.dsn) as proxy:
        with open(proxy.dsn, max_size=2) as db:
            listener = listen(db, "a", heartbeat=0.3)
            proxy.blackhole()
            with pytest.raises(liteorm.ConnectionLost, match="did not answer"):
                listener.receive(timeout=15)
            proxy.restore()
            listener.close()


def test_a_half_open_connection_with_on_gap(liteorm_database: Any) -> None:
    """With on_gap, receive keeps its own timeout while the link is dead, and recovers after."""
    gap = Calls()
    with Proxy(liteorm_database.dsn) as proxy:
        with open(proxy.dsn, max_size=2) as db:
            with listen(db, "a", heartbeat=0.3, on_gap=gap) as listener:
                proxy.cut()
                with pytest.raises(TimeoutError):
                    listener.receive(timeout=1)
                assert gap.count == 0
                proxy.restore()
                with Background() as background:
                    receiving = background.start(listener.receive)
                    until(lambda: gap.count == 1)
                    notify(db, "a", "again")
                    assert (receiving.result()).payload == "again"


def test_a_quiet_connection_is_kept(db: DB) -> None:
    """Heartbeats on a healthy, quiet link lose nothing and raise nothing."""
    with listen(db, "a", heartbeat=0.05) as listener:
        with pytest.raises(TimeoutError):
            listener.receive(timeout=0.5)
        notify(db, "a", "x")
        assert (listener.receive(timeout=5)).payload == "x"


def _flood(db: DB, count: int) -> None:
    sql = "SELECT count(pg_notify('a', i::text)) FROM generate_series(1, %s) i"
    db.query(sql, [count])


def test_thousands_of_notifications(db: DB) -> None:
    """Thousands in one go arrive complete and in order."""
    with listen(db, "a") as listener:
        _flood(db, 20_000)
        got = [int((listener.receive(timeout=10)).payload) for _ in range(20_000)]
        assert got == list(range(1, 20_001))


def test_a_slow_consumer(db: DB) -> None:
    """Fault: a consumer that does not come. They wait with the server; memory here is bounded."""
    with listen(db, "a") as listener:
        _flood(db, 20_000)
        assert (listener.receive(timeout=10)).payload == "1"
        assert len(listener._queue) < 10_000


def test_a_consumer_far_too_slow(db: DB, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the limit of what is held, the rest is a gap: told, never silent."""
    monkeypatch.setattr(listener_module, "QUEUE_LIMIT", 1000)
    gap = Calls()
    with listen(db, "a", on_gap=gap) as listener:
        _flood(db, 5000)
        # Its answer comes after everything that waits in front of it.
        listener.add("b")
        got = [int((listener.receive(timeout=10)).payload) for _ in range(1000)]
        assert got == list(range(1, 1001))
        with pytest.raises(TimeoutError):
            listener.receive(timeout=1)
        assert gap.count == 1
        notify(db, "b", "goes on")
        assert (listener.receive(timeout=5)).payload == "goes on"


def test_closing_the_database_ends_a_receive(liteorm_database: Any) -> None:
    """A receive that waits while its database is closed ends in PoolClosed at once."""
    db = open(liteorm_database.dsn, max_size=2)
    listener = listen(db, "a")
    with Background() as background:
        receiving = background.start(listener.receive)
        until(lambda: listener._receiving.locked())
        db.close()
        with pytest.raises(liteorm.PoolClosed, match="database was closed"):
            receiving.result()


def test_a_listener_in_an_exhausted_pool(liteorm_database: Any) -> None:
    """A listener takes a connection of the pool; without one it is a PoolTimeout."""
    with open(liteorm_database.dsn, max_size=1, timeout=0.3) as db:
        with listen(db, "a"):
            with pytest.raises(liteorm.PoolTimeout):
                listen(db, "b")


def test_notify_through_a_finished_transaction(db: DB) -> None:
    """Notify through a Tx that has ended is the same clear error as any statement."""
    tx: Tx = db.begin()
    tx.commit()
    with pytest.raises(liteorm.TransactionError, match="has ended"):
        notify(tx, "a", "x")


@pytest.mark.parametrize("heartbeat", [0, -1])
def test_a_heartbeat_must_be_positive(db: DB, heartbeat: float) -> None:
    """A heartbeat of nothing is refused."""
    with pytest.raises(ValueError, match="positive"):
        listen(db, "a", heartbeat=heartbeat)


@pytest.mark.parametrize("closing", ["listener", "database"])
def test_closing_ends_a_receive_that_connects_again(
    liteorm_database: Any, closing: str
) -> None:
    """The network is away: receive goes on trying, and ends at once when the listener is closed."""
    with Proxy(liteorm_database.dsn) as proxy:
        with (
            open(proxy.dsn, max_size=2, timeout=600) as db,
            Background() as background,
        ):
            listener = listen(db, "a", on_gap=lambda: None)
            receiving = background.start(listener.receive)
            proxy.cut()
            until(lambda: listener._wire is None, "the loss")
            (listener.close() if closing == "listener" else db.close())
            with pytest.raises(liteorm.PoolClosed):
                receiving.result()
            proxy.restore()


def test_a_standby_is_no_end(pair: Pair) -> None:
    """One that meets a standby goes on trying, until it is promoted."""
    calls: list[int] = []
    with (
        open(pair.dsn(attributes="any"), timeout=5) as db,
        listen(db, "a", on_gap=lambda: calls.append(1)) as listener,
        Background() as background,
    ):
        receiving = background.start(listener.receive)
        pair.stop_primary()
        until(lambda: listener._wire is None, "the loss")
        sleep(1.0)
        assert not receiving.done()
        pair.promote()
        until(lambda: calls == [1], "the gap")
        notify(db, "a", "x")
        assert (receiving.result()).payload == "x"


def test_a_server_that_starts_is_no_end(pair: Pair) -> None:
    """One that meets a server which is starting up (57P03) goes on trying, until it has started."""
    calls: list[int] = []
    with (
        open(pair.dsn_of(0), timeout=1) as db,
        listen(db, "a", on_gap=lambda: calls.append(1)) as listener,
        Background() as background,
    ):
        receiving = background.start(listener.receive)
        pair.stop_primary()
        until(lambda: listener._wire is None, "the loss")
        pair.start_slowly()
        until(lambda: "database system is" in (db._state.connect_error or ""), "its refusal")
        assert not receiving.done()
        until(lambda: calls == [1], "the gap")
        # The pool's own next attempt may be seconds away.
        with open(pair.dsn_of(0)) as other:
            notify(other, "a", "x")
        assert (receiving.result()).payload == "x"


@pytest.mark.parametrize("closing", ["listener", "database"])
@pytest.mark.parametrize("met", ["a standby", "a server that starts"])
def test_closing_ends_a_receive_that_waits_to_try_again(
    pair: Pair, met: str, closing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the wait until the next attempt is."""
    waits: list[float] = []

    def pause(_: Any) -> float:
        waits.append(600.0)
        return 600.0

    attributes = pair.dsn(attributes="any") if met == "a standby" else pair.dsn_of(0)
    with (
        open(attributes, timeout=1) as db,
        Background() as background,
    ):
        listener = listen(db, "a", on_gap=lambda: None)
        monkeypatch.setattr(Backoff, "pause", pause)
        receiving = background.start(listener.receive)
        pair.stop_primary()
        if met != "a standby":
            until(lambda: listener._wire is None, "the loss")
            pair.start_slowly()
        until(lambda: bool(waits), "the wait")
        assert not receiving.done()
        (listener.close() if closing == "listener" else db.close())
        with pytest.raises(liteorm.PoolClosed):
            receiving.result()


@pytest.mark.parametrize("closing", ["listener", "database"])
def test_closing_does_not_wait_for_a_silent_server(
    liteorm_database: Any, closing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection over which it would listen again never answers: closing ends the attempt."""
    with Proxy(liteorm_database.dsn) as proxy:
        with (
            open(proxy.dsn, min_size=3, max_size=3) as db,
            Background() as background,
        ):
            listener = listen(db, "a", on_gap=lambda: None)
            monkeypatch.setattr(listener_module, "CLEANUP_BOUND", 600.0)
            receiving = background.start(listener.receive)
            proxy.blackhole()
            wire = listener._wire
            assert wire is not None
            wire.cut()
            until(lambda: listener._trying is not None, "the attempt")
            closed = background.start(listener.close if closing == "listener" else db.close)
            with pytest.raises(liteorm.PoolClosed):
                receiving.result()
            closed.result()
            proxy.restore()


def test_a_closed_listener_leaves_the_driver_as_it_was(liteorm_database: Any) -> None:
    """The driver's own way with notifications is back on the connection that returns."""
    with open(liteorm_database.dsn, min_size=1, max_size=1) as db:
        with db._connection("test", "", ()) as wire:
            before = wire.pgconn.notify_handler
            assert before is not None
        for fails in (False, True):
            if fails:
                db._state.pooled = True
                with pytest.raises(liteorm.StatementError, match="a pooler is in between"):
                    listen(db, "a")
                db._state.pooled = False
            else:
                (listen(db, "a")).close()
            with db._connection("test", "", ()) as again:
                assert again is wire
                assert again.pgconn.notify_handler is before
                heard: list[str] = []

                def hear(note: Any, heard: list[str] = heard) -> None:
                    heard.append(note.payload)

                again.add_notify_handler(hear)
                again.run("LISTEN b", ())
                again.run("NOTIFY b, 'x'", ())
                again.run("UNLISTEN b", ())
                again.remove_notify_handler(hear)
                assert heard == ["x"]
