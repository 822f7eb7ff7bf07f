"""The proxy: every way in which a network misbehaves, on real connections."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from typing import Any

import pytest

import liteorm
from liteorm import postgres
from liteorm.postgres import DB
from liteorm_testing import Database, Proxy


@pytest.fixture
def proxy(liteorm_database: Database) -> Generator[Proxy]:
    """A proxy in front of the test's database."""
    with Proxy(liteorm_database.dsn) as proxy:
        yield proxy


@pytest.fixture
def db(proxy: Proxy) -> Generator[DB]:
    """Sessions that go through the proxy."""
    with postgres.open(proxy.dsn, min_size=1, max_size=2, timeout=5) as db:
        yield db


def test_it_passes_everything_on(db: DB, proxy: Proxy) -> None:
    """Without a fault a proxy is not noticed, also by large results and COPY."""
    rows = db.query("SELECT n, repeat('x', 1000) FROM generate_series(1, 20000) AS n")
    assert len(liteorm.scan(rows, tuple[int, str])) == 20000
    assert proxy.connections >= 1


def test_cut_resets_connections_and_refuses_new_ones(db: DB, proxy: Proxy) -> None:
    """A statement on a cut connection is a lost connection, a new one cannot be made."""
    with db.begin() as tx:
        tx.query("SELECT 1")
        proxy.cut()
        with pytest.raises(liteorm.ConnectionLost):
            tx.query("SELECT 1")
    with pytest.raises(liteorm.ConnectFailed):
        postgres.open(proxy.dsn, timeout=5)


def test_restore_ends_a_cut(proxy: Proxy) -> None:
    """After restore connections can be made again."""
    proxy.cut()
    proxy.restore()
    with postgres.open(proxy.dsn) as db:
        assert liteorm.scan_one(db.query("SELECT 1"), int) == 1


def test_delay_holds_answers_back_until_restored(db: DB, proxy: Proxy) -> None:
    """An answer comes no earlier than the delay, and at once after restore."""
    db.query("SELECT 1")
    proxy.delay(0.3)
    began = time.monotonic()
    db.query("SELECT 1")
    assert time.monotonic() - began >= 0.3
    proxy.delay(3600)
    proxy.restore()
    db.query("SELECT 1")


def test_a_blackhole_answers_nothing_until_restored(db: DB, proxy: Proxy) -> None:
    """What was sent into a blackhole arrives when it is gone, on the same connection."""
    pid = liteorm.scan_one(db.query("SELECT pg_backend_pid()"), int)
    proxy.blackhole()
    answered: list[int] = []
    asking = threading.Thread(
        target=lambda: answered.append(liteorm.scan_one(db.query("SELECT pg_backend_pid()"), int))
    )
    asking.start()
    asking.join(0.1)
    assert not answered
    proxy.restore()
    asking.join()
    assert answered == [pid]


def test_a_lost_reply_to_commit_leaves_the_work_stored(db: DB, proxy: Proxy) -> None:
    """The commit reached the server, whose answer is lost: the outcome is unknown."""
    db.execute("CREATE TABLE t (n int)")
    proxy.drop_reply_to("COMMIT")
    with pytest.raises(liteorm.CommitUnknown):
        with db.transaction() as tx:
            tx.execute("INSERT INTO t VALUES (1)")
    assert liteorm.scan(db.query("SELECT n FROM t"), int) == [1]


def test_a_lost_reply_strikes_once(db: DB, proxy: Proxy) -> None:
    """Only the next statement that begins with the words is struck."""
    proxy.drop_reply_to("select  2")
    assert liteorm.scan_one(db.query("SELECT 1"), int) == 1
    assert proxy.dropped == 0
    with pytest.raises(liteorm.ConnectionLost):
        db.query("SELECT 2")
    assert liteorm.scan_one(db.query("SELECT 2"), int) == 2
    assert proxy.dropped == 1


def test_drops_can_be_taken_back(db: DB, proxy: Proxy) -> None:
    """A drop that has not struck is forgotten by restore."""
    proxy.drop_reply_to("SELECT 2")
    proxy.restore()
    assert liteorm.scan_one(db.query("SELECT 2"), int) == 2


def test_a_cancel_request_passes(db: DB, proxy: Proxy) -> None:
    """Cancelling goes through a proxy as well: it is a connection of its own."""
    with pytest.raises(liteorm.StatementTimeout):
        db.query("SELECT pg_sleep(30)", timeout=0.1)
    assert liteorm.scan_one(db.query("SELECT 1"), int) == 1


def test_several_hosts_are_refused() -> None:
    """A proxy stands in front of one server."""
    with pytest.raises(ValueError, match="several hosts"):
        Proxy("postgresql://a,b/name")


def test_a_closed_proxy_says_so() -> None:
    """Outside its block a proxy has no connection string."""
    proxy = Proxy("postgresql://localhost/name")
    with pytest.raises(RuntimeError, match="with"):
        _ = proxy.dsn
    with pytest.raises(RuntimeError, match="with"):
        proxy.cut()


def test_what_no_network_does_is_refused(proxy: Proxy, liteorm_database: Database) -> None:
    """A delay of less than nothing, a statement without words, a proxy in front of no DSN."""
    with pytest.raises(ValueError, match="0 or more, not -1"):
        proxy.delay(-1)
    for statement, times in (("  ", 1), ("COMMIT", 0)):
        with pytest.raises(ValueError, match="first words of a statement"):
            proxy.drop_reply_to(statement, times=times)
    given: Any = liteorm_database
    with pytest.raises(TypeError, match=r"takes a str, not .*Database"):
        Proxy(given)


def test_restore_lets_go_what_is_held_back(db: DB, proxy: Proxy) -> None:
    """An answer that is on its way does not wait for the rest of its delay."""
    db.query("SELECT 1")
    proxy.delay(3600)
    answered: list[int] = []
    asking = threading.Thread(
        target=lambda: answered.append(liteorm.scan_one(db.query("SELECT 1"), int))
    )
    asking.start()
    asking.join(0.2)
    assert not answered
    proxy.restore()
    asking.join(20)
    assert answered == [1]


@pytest.mark.parametrize(
    ("dsn", "message"),
    [
        ("host=localhost port=12x", "the port of the DSN is no number"),
        ("postgresql://localhost/x?sslmode=verify-full", "sslmode=verify-full would fail"),
    ],
)
def test_a_dsn_that_cannot_be_proxied_is_refused(dsn: str, message: str) -> None:
    """What would fail later, at the first connection, is said at once."""
    with pytest.raises(ValueError, match=message):
        Proxy(dsn)
