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
    AsyncDB,
    AsyncListener,
    AsyncTx,
    listen_async,
    notify_async,
    open_async,
    session_async,
)
from liteorm.postgres._async import listener as listener_module
from liteorm.postgres._session.notifying import Backoff
from liteorm.postgres._session.primitives import asleep
from liteorm_testing import Proxy, kill_backend
from tests.postgres.support import AsyncBackground, Pair, Witness, auntil

pytestmark = pytest.mark.anyio

NAMES = ["plain", "With Case", 'quo"ted', "semi;colon", "ünïcode", "%s", "x" * 63, "ü" * 31]


@attrs.frozen
class Job:
    """A payload."""

    id: int
    tags: list[str]


@pytest.fixture
async def db(liteorm_database: Any) -> Any:
    """A small pool."""
    async with await open_async(liteorm_database.dsn, max_size=3) as opened:
        yield opened


class Calls:
    """Counts how often it was called."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self) -> None:
        """Count."""
        self.count += 1


@pytest.mark.parametrize("channel", NAMES)
async def test_channels_of_any_name(db: AsyncDB, channel: str) -> None:
    """Channel names are identifiers: any characters, up to 63 bytes, case counts."""
    async with await listen_async(db, channel) as listener:
        assert listener.channels == (channel,)
        await notify_async(db, channel, "hello")
        received = await listener.receive(timeout=5)
        assert (received.channel, received.payload) == (channel, "hello")
        assert received.pid > 0


async def test_payloads_as_json(db: AsyncDB) -> None:
    """Objects, dicts and lists travel as JSON and are loaded into a model."""
    async with await listen_async(db, "jobs") as listener:
        await notify_async(db, "jobs", Job(1, ["a", "ü"]))
        await notify_async(db, "jobs", {"id": 2, "tags": []})
        await notify_async(db, "jobs", [1, 2])
        assert (await listener.receive(timeout=5)).load(Job) == Job(1, ["a", "ü"])
        assert (await listener.receive(timeout=5)).load(Job) == Job(2, [])
        third = await listener.receive(timeout=5)
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
async def test_payloads_of_every_kind_of_model(db: AsyncDB, sent: Any) -> None:
    """What is sent as JSON is loaded again, by the names that it has in a jsonb column."""
    model = list[Task] if isinstance(sent, list) else type(sent)
    async with await listen_async(db, "jobs") as listener:
        await notify_async(db, "jobs", sent)
        assert (await listener.receive(timeout=5)).load(model) == sent
        await notify_async(db, "jobs", {"id": "word"})
        with pytest.raises(liteorm.ScanError, match="payload") as caught:
            (await listener.receive(timeout=5)).load(model)
        assert "word" not in str(caught.value)


async def test_a_lent_connection_is_not_listened_on(liteorm_database: Any) -> None:
    """A listener needs a connection of a pool of its own, and says so."""
    async with await psycopg.AsyncConnection.connect(liteorm_database.dsn) as owner:
        with pytest.raises(TypeError, match="a connection of its own"):
            await listen_async(session_async(owner), "news")


async def test_in_a_transaction_it_is_delivered_at_commit(db: AsyncDB) -> None:
    """A notification sent through a Tx arrives when that commits, and not if it rolls back."""
    async with await listen_async(db, "news") as listener:
        async with db.transaction() as tx:
            await notify_async(tx, "news", "kept")
            with pytest.raises(TimeoutError):
                await listener.receive(timeout=0.2)
        tx = await db.begin()
        await notify_async(tx, "news", "dropped")
        await tx.rollback()
        assert (await listener.receive(timeout=5)).payload == "kept"
        with pytest.raises(TimeoutError):
            await listener.receive(timeout=0.2)


@pytest.mark.parametrize("payload", ["x" * 8000, "ü" * 4000, {"a": "x" * 8000}, "a\0b", "\ud800"])
async def test_a_payload_too_long_is_refused(db: AsyncDB, payload: Any) -> None:
    """A payload of 8,000 bytes or more, or one that cannot be text, is a DataError at once."""
    async with db.transaction() as tx:
        with pytest.raises(liteorm.DataError):
            await notify_async(tx, "a", payload)
        await notify_async(tx, "a", "x" * 7999)


@pytest.mark.parametrize("channel", ["x" * 64, "ü" * 32, "", "a\0b"])
async def test_a_channel_name_too_long_is_refused(db: AsyncDB, channel: str) -> None:
    """A name that LISTEN would cut is a DataError, for listening and for notifying."""
    with pytest.raises(liteorm.DataError):
        await notify_async(db, channel)
    with pytest.raises(liteorm.DataError):
        await listen_async(db, channel)
    async with await listen_async(db, "a") as listener:
        with pytest.raises(liteorm.DataError):
            await listener.add(channel)


async def test_iteration_ends_with_close(db: AsyncDB) -> None:
    """Iterating gives notifications until the listener is closed, from another task or thread."""
    seen: list[str] = []

    async def read(listener: AsyncListener) -> None:
        async for notification in listener:
            seen.append(notification.payload)

    listener = await listen_async(db, "a")
    async with AsyncBackground() as background:
        reading = background.start(read, listener)
        await notify_async(db, "a", "1")
        await notify_async(db, "a", "2")
        await auntil(lambda: seen == ["1", "2"])
        await listener.close()
        await reading.result()
    with pytest.raises(liteorm.PoolClosed, match="listener is closed"):
        await listener.receive()
    await listener.close()


async def test_close_gives_the_connection_back(liteorm_database: Any, witness: Witness) -> None:
    """After close the connection listens to nothing and serves the next statement."""
    async with await open_async(liteorm_database.dsn, max_size=1) as db:
        async with await listen_async(db, "a", "b"):
            assert db.stats().in_use == 1
        assert db.stats().in_use == 0
        await notify_async(db, "a", "nobody")
        rows = await db.query("SELECT count(*) FROM pg_listening_channels()")
        assert list(rows) == [(0,)]
        assert db.stats().connects == 1


async def test_two_receivers_at_once(db: AsyncDB) -> None:
    """A second receive at the same time is an error that says so; the first goes on."""
    async with await listen_async(db, "a") as listener, AsyncBackground() as background:
        first = background.start(listener.receive)
        await auntil(lambda: listener._receiving.locked())
        with pytest.raises(liteorm.TransactionError, match="another task or thread"):
            await listener.receive(timeout=1)
        await notify_async(db, "a", "x")
        assert (await first.result()).payload == "x"


async def test_add_and_remove_while_receiving(db: AsyncDB) -> None:
    """Fault: LISTEN and UNLISTEN during a receive. They take effect at once; nothing is lost."""
    async with await listen_async(db, "a") as listener, AsyncBackground() as background:
        for turn in range(20):
            receiving = background.start(listener.receive)
            await listener.add("b")
            await listener.remove("a")
            await notify_async(db, "a", "no")
            await notify_async(db, "b", str(turn))
            received = await receiving.result()
            assert (received.channel, received.payload) == ("b", str(turn))
            await listener.add("a")
            await listener.remove("b")
        assert listener.channels == ("a",)


async def test_nothing_after_remove(db: AsyncDB) -> None:
    """What had arrived for a channel and was not received is gone once remove has returned."""
    async with await listen_async(db, "a", "b") as listener:
        for number in range(50):
            await notify_async(db, "a", str(number))
        await notify_async(db, "b", "kept")
        assert (await listener.receive(timeout=5)).channel == "a"
        await listener.remove("a")
        kept = await listener.receive(timeout=5)
        assert kept == Notification(channel="b", payload="kept", pid=kept.pid)
        with pytest.raises(TimeoutError):
            await listener.receive(timeout=0.1)
        await listener.add("a")
        with pytest.raises(TimeoutError):
            await listener.receive(timeout=0.1)


async def test_arrivals_during_a_statement_of_the_listener(db: AsyncDB) -> None:
    """Notifications that come together with the answer to LISTEN are kept, in order."""
    async with await listen_async(db, "a") as listener:
        for number in range(100):
            await notify_async(db, "a", str(number))
            if number % 10 == 0:
                await listener.add(f"other {number}")
        got = [(await listener.receive(timeout=5)).payload for _ in range(100)]
        assert got == [str(number) for number in range(100)]


async def test_a_killed_backend_without_on_gap(db: AsyncDB) -> None:
    """Fault: the listener's backend is killed. Without on_gap, receive raises ConnectionLost."""
    async with await listen_async(db, "a") as listener:
        await notify_async(db, "a", "before")
        await listener.add("b")
        kill_backend(listener)
        assert (await listener.receive(timeout=5)).payload == "before"
        for _ in range(2):
            with pytest.raises(liteorm.ConnectionLost, match="administrator") as caught:
                await listener.receive(timeout=5)
            assert "missed" in str(caught.value)
        with pytest.raises(liteorm.ConnectionLost):
            await listener.add("c")
    assert len(await db.query("SELECT 1")) == 1
    await auntil(lambda: db.stats().in_use == 0)


async def test_a_killed_backend_with_on_gap(db: AsyncDB) -> None:
    """With on_gap it connects again, listens to every channel, calls on_gap once, and goes on."""
    gap = Calls()
    async with (
        await listen_async(db, "a", "b", on_gap=gap) as listener,
        AsyncBackground() as background,
    ):
        for turn in range(1, 4):
            kill_backend(listener)
            receiving = background.start(listener.receive)
            await auntil(lambda wanted=turn: gap.count == wanted)  # type: ignore[misc]
            await notify_async(db, "b", str(turn))
            assert (await receiving.result()).payload == str(turn)
        assert gap.count == 3
        assert listener.channels == ("a", "b")


async def test_a_gap_handler_that_fails_is_called_again(db: AsyncDB) -> None:
    """An exception of on_gap arrives at receive, and the gap is told again by the next one."""
    calls: list[int] = []

    def gap() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise KeyError("mine")

    async with await listen_async(db, "a", on_gap=gap) as listener:
        kill_backend(listener)
        with pytest.raises(KeyError, match="mine"):
            await listener.receive(timeout=5)
        with pytest.raises(TimeoutError):
            await listener.receive(timeout=0.2)
        with pytest.raises(TimeoutError):
            await listener.receive(timeout=0.2)
    assert len(calls) == 2


async def test_a_gap_handler_may_use_the_listener(db: AsyncDB) -> None:
    """on_gap can add channels and query: nothing is locked while it runs."""
    listeners: list[AsyncListener] = []

    async def gap() -> None:
        await listeners[0].add("b")
        await db.query("SELECT 1")

    async with await listen_async(db, "a", on_gap=gap) as listener:
        listeners.append(listener)
        kill_backend(listener)
        with pytest.raises(TimeoutError):
            await listener.receive(timeout=0.5)
        await notify_async(db, "b", "x")
        assert (await listener.receive(timeout=5)).channel == "b"


async def test_a_half_open_connection_without_on_gap(liteorm_database: Any) -> None:
    """Fault: the listener's link is half open. The heartbeat finds out: ConnectionLost."""
    with Proxy(liteorm_database.dsn) as proxy:
        async with await open_async(proxy.dsn, max_size=2) as db:
            listener = await listen_async(db, "a", heartbeat=0.3)
            proxy.blackhole()
            with pytest.raises(liteorm.ConnectionLost, match="did not answer"):
                await listener.receive(timeout=15)
            proxy.restore()
            await listener.close()


async def test_a_half_open_connection_with_on_gap(liteorm_database: Any) -> None:
    """With on_gap, receive keeps its own timeout while the link is dead, and recovers after."""
    gap = Calls()
    with Proxy(liteorm_database.dsn) as proxy:
        async with await open_async(proxy.dsn, max_size=2) as db:
            async with await listen_async(db, "a", heartbeat=0.3, on_gap=gap) as listener:
                proxy.cut()
                with pytest.raises(TimeoutError):
                    await listener.receive(timeout=1)
                assert gap.count == 0
                proxy.restore()
                async with AsyncBackground() as background:
                    receiving = background.start(listener.receive)
                    await auntil(lambda: gap.count == 1)
                    await notify_async(db, "a", "again")
                    assert (await receiving.result()).payload == "again"


async def test_a_quiet_connection_is_kept(db: AsyncDB) -> None:
    """Heartbeats on a healthy, quiet link lose nothing and raise nothing."""
    async with await listen_async(db, "a", heartbeat=0.05) as listener:
        with pytest.raises(TimeoutError):
            await listener.receive(timeout=0.5)
        await notify_async(db, "a", "x")
        assert (await listener.receive(timeout=5)).payload == "x"


async def _flood(db: AsyncDB, count: int) -> None:
    sql = "SELECT count(pg_notify('a', i::text)) FROM generate_series(1, %s) i"
    await db.query(sql, [count])


async def test_thousands_of_notifications(db: AsyncDB) -> None:
    """Thousands in one go arrive complete and in order."""
    async with await listen_async(db, "a") as listener:
        await _flood(db, 20_000)
        got = [int((await listener.receive(timeout=10)).payload) for _ in range(20_000)]
        assert got == list(range(1, 20_001))


async def test_a_slow_consumer(db: AsyncDB) -> None:
    """Fault: a consumer that does not come. They wait with the server; memory here is bounded."""
    async with await listen_async(db, "a") as listener:
        await _flood(db, 20_000)
        assert (await listener.receive(timeout=10)).payload == "1"
        assert len(listener._queue) < 10_000


async def test_a_consumer_far_too_slow(db: AsyncDB, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the limit of what is held, the rest is a gap: told, never silent."""
    monkeypatch.setattr(listener_module, "QUEUE_LIMIT", 1000)
    gap = Calls()
    async with await listen_async(db, "a", on_gap=gap) as listener:
        await _flood(db, 5000)
        # Its answer comes after everything that waits in front of it.
        await listener.add("b")
        got = [int((await listener.receive(timeout=10)).payload) for _ in range(1000)]
        assert got == list(range(1, 1001))
        with pytest.raises(TimeoutError):
            await listener.receive(timeout=1)
        assert gap.count == 1
        await notify_async(db, "b", "goes on")
        assert (await listener.receive(timeout=5)).payload == "goes on"


async def test_closing_the_database_ends_a_receive(liteorm_database: Any) -> None:
    """A receive that waits while its database is closed ends in PoolClosed at once."""
    db = await open_async(liteorm_database.dsn, max_size=2)
    listener = await listen_async(db, "a")
    async with AsyncBackground() as background:
        receiving = background.start(listener.receive)
        await auntil(lambda: listener._receiving.locked())
        await db.close()
        with pytest.raises(liteorm.PoolClosed, match="database was closed"):
            await receiving.result()


async def test_a_listener_in_an_exhausted_pool(liteorm_database: Any) -> None:
    """A listener takes a connection of the pool; without one it is a PoolTimeout."""
    async with await open_async(liteorm_database.dsn, max_size=1, timeout=0.3) as db:
        async with await listen_async(db, "a"):
            with pytest.raises(liteorm.PoolTimeout):
                await listen_async(db, "b")


async def test_notify_through_a_finished_transaction(db: AsyncDB) -> None:
    """Notify through a Tx that has ended is the same clear error as any statement."""
    tx: AsyncTx = await db.begin()
    await tx.commit()
    with pytest.raises(liteorm.TransactionError, match="has ended"):
        await notify_async(tx, "a", "x")


@pytest.mark.parametrize("heartbeat", [0, -1])
async def test_a_heartbeat_must_be_positive(db: AsyncDB, heartbeat: float) -> None:
    """A heartbeat of nothing is refused."""
    with pytest.raises(ValueError, match="positive"):
        await listen_async(db, "a", heartbeat=heartbeat)


@pytest.mark.parametrize("closing", ["listener", "database"])
async def test_closing_ends_a_receive_that_connects_again(
    liteorm_database: Any, closing: str
) -> None:
    """The network is away: receive goes on trying, and ends at once when the listener is closed."""
    with Proxy(liteorm_database.dsn) as proxy:
        async with (
            await open_async(proxy.dsn, max_size=2, timeout=600) as db,
            AsyncBackground() as background,
        ):
            listener = await listen_async(db, "a", on_gap=lambda: None)
            receiving = background.start(listener.receive)
            proxy.cut()
            await auntil(lambda: listener._wire is None, "the loss")
            await (listener.close() if closing == "listener" else db.close())
            with pytest.raises(liteorm.PoolClosed):
                await receiving.result()
            proxy.restore()


async def test_a_standby_is_no_end(pair: Pair) -> None:
    """One that meets a standby goes on trying, until it is promoted."""
    calls: list[int] = []
    async with (
        await open_async(pair.dsn(attributes="any"), timeout=5) as db,
        await listen_async(db, "a", on_gap=lambda: calls.append(1)) as listener,
        AsyncBackground() as background,
    ):
        receiving = background.start(listener.receive)
        pair.stop_primary()
        await auntil(lambda: listener._wire is None, "the loss")
        await asleep(1.0)
        assert not receiving.done()
        pair.promote()
        await auntil(lambda: calls == [1], "the gap")
        await notify_async(db, "a", "x")
        assert (await receiving.result()).payload == "x"


async def test_a_server_that_starts_is_no_end(pair: Pair) -> None:
    """One that meets a server which is starting up (57P03) goes on trying, until it has started."""
    calls: list[int] = []
    async with (
        await open_async(pair.dsn_of(0), timeout=1) as db,
        await listen_async(db, "a", on_gap=lambda: calls.append(1)) as listener,
        AsyncBackground() as background,
    ):
        receiving = background.start(listener.receive)
        pair.stop_primary()
        await auntil(lambda: listener._wire is None, "the loss")
        pair.start_slowly()
        await auntil(lambda: "database system is" in (db._state.connect_error or ""), "its refusal")
        assert not receiving.done()
        await auntil(lambda: calls == [1], "the gap")
        # The pool's own next attempt may be seconds away.
        async with await open_async(pair.dsn_of(0)) as other:
            await notify_async(other, "a", "x")
        assert (await receiving.result()).payload == "x"


@pytest.mark.parametrize("closing", ["listener", "database"])
@pytest.mark.parametrize("met", ["a standby", "a server that starts"])
async def test_closing_ends_a_receive_that_waits_to_try_again(
    pair: Pair, met: str, closing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the wait until the next attempt is."""
    waits: list[float] = []

    def pause(_: Any) -> float:
        waits.append(600.0)
        return 600.0

    attributes = pair.dsn(attributes="any") if met == "a standby" else pair.dsn_of(0)
    async with (
        await open_async(attributes, timeout=1) as db,
        AsyncBackground() as background,
    ):
        listener = await listen_async(db, "a", on_gap=lambda: None)
        monkeypatch.setattr(Backoff, "pause", pause)
        receiving = background.start(listener.receive)
        pair.stop_primary()
        if met != "a standby":
            await auntil(lambda: listener._wire is None, "the loss")
            pair.start_slowly()
        await auntil(lambda: bool(waits), "the wait")
        assert not receiving.done()
        await (listener.close() if closing == "listener" else db.close())
        with pytest.raises(liteorm.PoolClosed):
            await receiving.result()


@pytest.mark.parametrize("closing", ["listener", "database"])
async def test_closing_does_not_wait_for_a_silent_server(
    liteorm_database: Any, closing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection over which it would listen again never answers: closing ends the attempt."""
    with Proxy(liteorm_database.dsn) as proxy:
        async with (
            await open_async(proxy.dsn, min_size=3, max_size=3) as db,
            AsyncBackground() as background,
        ):
            listener = await listen_async(db, "a", on_gap=lambda: None)
            monkeypatch.setattr(listener_module, "CLEANUP_BOUND", 600.0)
            receiving = background.start(listener.receive)
            proxy.blackhole()
            wire = listener._wire
            assert wire is not None
            wire.cut()
            await auntil(lambda: listener._trying is not None, "the attempt")
            closed = background.start(listener.close if closing == "listener" else db.close)
            with pytest.raises(liteorm.PoolClosed):
                await receiving.result()
            await closed.result()
            proxy.restore()


async def test_a_closed_listener_leaves_the_driver_as_it_was(liteorm_database: Any) -> None:
    """The driver's own way with notifications is back on the connection that returns."""
    async with await open_async(liteorm_database.dsn, min_size=1, max_size=1) as db:
        async with db._connection("test", "", ()) as wire:
            before = wire.pgconn.notify_handler
            assert before is not None
        for fails in (False, True):
            if fails:
                db._state.pooled = True
                with pytest.raises(liteorm.StatementError, match="a pooler is in between"):
                    await listen_async(db, "a")
                db._state.pooled = False
            else:
                await (await listen_async(db, "a")).close()
            async with db._connection("test", "", ()) as again:
                assert again is wire
                assert again.pgconn.notify_handler is before
                heard: list[str] = []

                def hear(note: Any, heard: list[str] = heard) -> None:
                    heard.append(note.payload)

                again.add_notify_handler(hear)
                await again.run("LISTEN b", ())
                await again.run("NOTIFY b, 'x'", ())
                await again.run("UNLISTEN b", ())
                again.remove_notify_handler(hear)
                assert heard == ["x"]
