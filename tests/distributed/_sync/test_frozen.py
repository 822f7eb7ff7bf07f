# Generated from tests/distributed/_async/test_frozen.py by .ci/unasync.py: edit that file, not this one.
"""A primary that is frozen, or that the network has swallowed: no call outlasts its bounds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import liteorm
from liteorm.postgres import DB, Tx, open, position
from liteorm.postgres._sync import connection
from liteorm_testing import Cluster, Proxy, cluster
from tests.distributed.load import Ledger
from tests.postgres.support import Background, with_params


LIMIT = 0.5
"""Seconds a statement may take; the answer is waited for five more."""
BOUND = 30.0
"""Seconds in which each of the calls has to end, many of them at once on a busy machine."""

Call = Callable[[DB], Awaitable[Any]]


def _query(db: DB) -> None:
    db.query("SELECT 1")


def _with_its_own_timeout(db: DB) -> None:
    db.query("SELECT 1", timeout=0.2)


def _execute(db: DB) -> None:
    db.execute("UPDATE account SET balance = balance")


def _execute_many(db: DB) -> None:
    db.execute_many("UPDATE account SET balance = 0 WHERE id = %s", [(1,)])


def _insert_many(db: DB) -> None:
    db.insert_many([{"id": 1000, "balance": 0}], table="account")


def _batch(db: DB) -> None:
    with db.batch() as batch:
        batch.query("UPDATE account SET balance = 0 RETURNING id")


def _stream(db: DB) -> None:
    with db.stream("SELECT 1") as rows:
        assert [row for row in rows]


def _copy_out(db: DB) -> None:
    with db.copy_out("SELECT 1") as blocks:
        assert [block for block in blocks]


def _transaction(db: DB) -> None:
    with db.transaction() as tx:
        tx.query("SELECT 1")


def _position(db: DB) -> None:
    position(db)


def _connection(db: DB) -> None:
    with db.connection() as one:
        one.query("SELECT 1")


CALLS: list[Call] = [
    *(_query, _with_its_own_timeout, _execute, _execute_many, _insert_many, _batch, _stream),
    *(_copy_out, _transaction, _position, _connection),
]


@pytest.mark.parametrize("how", ["frozen", "vanished"])
def test_every_call_ends_and_says_that_the_server_did_not_answer(how: str) -> None:
    """Statements end in StatementTimeout, COMMIT in CommitUnknown; then the server is back."""
    ended: dict[str, BaseException | None] = {}

    def ends(name: str, call: Callable[..., Awaitable[Any]], *args: Any) -> None:
        try:
            call(*args)
            ended[name] = None
        except liteorm.Error as error:
            ended[name] = error

    with cluster(standbys=1) as two, Proxy(two.primary.dsn) as proxy:
        size = len(CALLS) + 4
        with open(
            proxy.dsn, min_size=size, max_size=size, statement_timeout=LIMIT, timeout=20
        ) as db:
            db.execute(Ledger.SCHEMA)
            writing = db.begin()
            writing.execute("INSERT INTO transfer VALUES (1, 1)")
            undone = db.begin()
            undone.execute("INSERT INTO transfer VALUES (2, 2)")
            (two.primary.pause if how == "frozen" else proxy.blackhole)()
            with Background() as background:
                started = [
                    *(background.start(ends, call.__name__, call, db) for call in CALLS),
                    background.start(ends, "commit", writing.commit),
                    background.start(ends, "rollback", undone.rollback),
                ]
                for one in started:
                    one.result(BOUND)
            (two.primary.resume if how == "frozen" else proxy.restore)()
            unknown = {"_batch", "commit"}
            assert ended.pop("rollback") is None
            for name, error in ended.items():
                wanted = liteorm.CommitUnknown if name in unknown else liteorm.StatementTimeout
                assert isinstance(error, wanted), (name, error)
            found = db.query("SELECT id FROM transfer")
            assert (2,) not in list(found)


@pytest.mark.parametrize("how", ["frozen", "vanished"])
def test_without_any_bound_a_silent_server_is_looked_for(
    monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """With the defaults of `open` every call ends: the server answers nobody any more."""
    monkeypatch.setattr(connection, "SILENCE", 1.0)
    monkeypatch.setattr(connection, "PROBE", 0.5)
    ended: dict[str, BaseException | None] = {}

    def ends(name: str, call: Callable[..., Awaitable[Any]], *args: Any) -> None:
        try:
            call(*args)
            ended[name] = None
        except liteorm.Error as error:
            ended[name] = error

    with cluster(standbys=1) as two, Proxy(two.primary.dsn) as proxy:
        size = len(CALLS) + 4
        with open(proxy.dsn, min_size=size, max_size=size, timeout=20) as db:
            db.execute(Ledger.SCHEMA)
            writing = db.begin()
            writing.execute("INSERT INTO transfer VALUES (1, 1)")
            (two.primary.pause if how == "frozen" else proxy.blackhole)()
            with Background() as background:
                started = [
                    *(background.start(ends, call.__name__, call, db) for call in CALLS),
                    background.start(ends, "commit", writing.commit),
                ]
                for one in started:
                    one.result(BOUND)
            (two.primary.resume if how == "frozen" else proxy.restore)()
            timed = ended.pop("_with_its_own_timeout")
            assert isinstance(timed, liteorm.StatementTimeout)
            for name, error in ended.items():
                unknown = name in ("_batch", "commit")
                wanted = liteorm.CommitUnknown if unknown else liteorm.ConnectionLost
                assert isinstance(error, wanted), (name, error)
                if not unknown:
                    assert "answered nobody" in str(error)
            assert list(db.query("SELECT 1")) == [(1,)]


@pytest.mark.parametrize("unix", [False, True], ids=["tcp", "socket"])
def test_a_long_statement_is_left_alone_while_others_are_answered(
    three: Cluster, monkeypatch: pytest.MonkeyPatch, unix: bool
) -> None:
    """Silence alone means nothing: a statement takes as long as it takes."""
    monkeypatch.setattr(connection, "SILENCE", 0.1)
    dsn = three.primary.dsn
    if unix:
        assert three.primary.socket is not None
        dsn = with_params(dsn, host=str(three.primary.socket))

    def insert(db: DB) -> None:
        db.insert_many([{"n": 1}], table="slow")

    with open(dsn, max_size=3) as db:
        assert len(db.query("SELECT pg_sleep(1)")) == 1
        db.execute("CREATE TABLE IF NOT EXISTS slow (n int)")
        with Background() as background:
            with db.transaction() as tx:
                tx.execute("LOCK slow")
                waiting = background.start(insert, db)
                tx.query("SELECT pg_sleep(0.5)")
                assert not waiting.done()
            waiting.result()
        assert list(db.query("SELECT count(*) >= 0 FROM slow")) == [(True,)]
        with db.stream("SELECT n, pg_sleep(0.3) FROM generate_series(1, 3) n") as rows:
            assert len([row for row in rows]) == 3


def test_a_frozen_primary_is_left_for_the_promoted_standby() -> None:
    """Behind several hosts the next connections find the one that was promoted meanwhile."""
    with cluster(standbys=2, synchronous=True) as three:
        dsn = with_params(three.dsn, connect_timeout=2)
        with open(dsn, max_size=2, statement_timeout=LIMIT, timeout=30) as db:
            db.execute("CREATE TABLE t (n int)")
            frozen = three.primary
            three.catch_up()
            frozen.pause()
            three.standbys[0].promote()
            # The connections that lead to the frozen one are found out by who uses them.
            failed = 0
            for n in range(10):
                try:
                    db.execute("INSERT INTO t VALUES (%s)", [n])
                    break
                except liteorm.StatementTimeout as error:
                    failed += error.server is not None
            assert 1 <= failed <= 2
            assert len(db.query("SELECT * FROM t")) == 1
            frozen.resume()


def test_close_ends_while_the_server_is_frozen(three: Cluster) -> None:
    """Whoever still waits is cut off, and closing is over in its bounds."""
    db = open(three.primary.dsn, max_size=2)

    def waits(tx: Tx) -> None:
        tx.query("SELECT 1")

    three.primary.pause()
    try:
        with Background() as background:
            waiting = background.start(db.run, waits)
            closing = background.start(db.close)
            closing.result(BOUND)
            with pytest.raises((liteorm.ConnectionLost, liteorm.PoolClosed)):
                waiting.result(BOUND)
    finally:
        three.primary.resume()
