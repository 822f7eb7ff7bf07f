# Generated from tests/distributed/_async/test_failover.py by .ci/unasync.py: edit that file, not this one.
"""Multi-host DSNs, and what a failover is for those who read and write meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from time import monotonic
from typing import Any

import pytest

import liteorm
from liteorm.observe import QueryEvent
from liteorm.postgres import DB, Tx, listen, open, pool
from liteorm.postgres._session.primitives import sleep
from liteorm_testing import Cluster, Member, cluster
from tests.distributed.load import Ledger, in_a_thread
from tests.postgres.support import Background, Witness, until, with_params


_ADDRESS = "SELECT inet_server_port()"


def _port(member: Member) -> int:
    return int(member.dsn.rpartition(":")[2].partition("/")[0])


def _port_of(db: DB) -> int:
    return liteorm.scan_one(db.query(_ADDRESS), int)


class _Watching:
    """Notes which server answered."""

    def __init__(self) -> None:
        self.ports: list[int | None] = []

    def before(self, event: QueryEvent) -> None:
        """An operation begins."""

    def after(self, event: QueryEvent) -> None:
        """An operation has ended."""
        self.ports.append(event.port)


@pytest.mark.parametrize(
    ("wanted", "roles"),
    [
        ("read-write", {True}),
        ("primary", {True}),
        ("standby", {False}),
        ("read-only", {False}),
        ("prefer-standby", {False}),
        ("any", {True, False}),
    ],
)
def test_a_dsn_of_all_leads_to_what_is_wanted(
    three: Cluster, wanted: str, roles: set[bool]
) -> None:
    """Writers get the primary, readers a standby; the error of a refused write names the server."""
    dsn = three.dsn_for(target_session_attrs=wanted)
    watching = _Watching()
    with open(dsn, max_size=1, observers=[watching]) as db:
        port = _port_of(db)
        assert watching.ports[-1] == port
        [member] = [one for one in three.members if _port(one) == port]
        assert member.is_primary in roles
        if not member.is_primary:
            with pytest.raises(liteorm.ReadOnlyTransaction) as caught:
                db.execute("CREATE TABLE refused (n int)")
            assert caught.value.server == f"127.0.0.1:{port}"
            assert f"(server 127.0.0.1:{port})" in str(caught.value)


@pytest.mark.parametrize("wanted", ["standby", "prefer-standby", "read-only", "alone"])
def test_a_write_on_a_standby_is_refused_and_its_connection_stays(
    three: Cluster, wanted: str
) -> None:
    """The pool was to read: nothing is wrong with it. Prepared statements are still there."""
    dsn = three.standbys[0].dsn
    if wanted != "alone":
        dsn = three.dsn_for(target_session_attrs=wanted)
    with open(dsn, max_size=1) as db:
        pid = list(db.query("SELECT pg_backend_pid()"))
        for _ in range(3):
            with pytest.raises(liteorm.ReadOnlyTransaction) as caught:
                db.execute("CREATE TABLE refused (n int)")
            assert caught.value.sqlstate == "25006"
            with pytest.raises(liteorm.ReadOnlyTransaction):
                with db.transaction() as tx:
                    tx.execute("CREATE TABLE refused (n int)")
        assert list(db.query("SELECT pg_backend_pid()")) == pid


@pytest.mark.parametrize(
    ("wanted", "given", "seconds"),
    [
        ("read-write", None, 3600.0),
        ("any", None, 3600.0),
        ("standby", None, 300.0),
        ("prefer-standby", None, 300.0),
        ("standby", 77.0, 77.0),
        ("read-write", 77.0, 77.0),
    ],
)
def test_pools_that_read_are_spread_again_in_minutes(
    three: Cluster, wanted: str, given: float | None, seconds: float
) -> None:
    """A connection of theirs is replaced sooner, so that a standby that came back is used."""
    dsn = three.dsn_for(target_session_attrs=wanted)
    with open(dsn, max_lifetime=given) as db:
        assert pool(db).max_lifetime == seconds


def test_readers_spread_over_standbys_again() -> None:
    """With all on one standby, connections that have lived long enough find the other."""
    with cluster(standbys=2) as three:
        first, second = three.standbys
        second.kill()
        dsn = three.dsn_for(target_session_attrs="standby")
        dsn = with_params(dsn, load_balance_hosts="random")
        with open(dsn, max_size=1, max_lifetime=0.2) as db:
            assert _port_of(db) == _port(first)
            second.start()
            seen: set[int] = set()

            def both() -> bool:
                seen.add(_port_of(db))
                return len(seen) == 2

            deadline = monotonic() + 30
            while not both():
                assert monotonic() < deadline
                sleep(0.05)


def test_run_goes_on_where_a_failover_met_it_before_commit() -> None:
    """The whole transaction runs again on the new primary; what it did before is not there."""
    with cluster(standbys=2, synchronous=True) as three:
        attempts: list[int] = []

        def work(tx: Tx) -> int:
            attempts.append(liteorm.scan_one(tx.query(_ADDRESS), int))
            tx.execute("INSERT INTO done VALUES (%s)", [len(attempts)])
            if len(attempts) == 1:
                three.failover()
            tx.execute("INSERT INTO done VALUES (%s)", [10 * len(attempts)])
            return len(attempts)

        with open(three.dsn, max_size=2, timeout=30) as db:
            db.execute("CREATE TABLE done (n int)")
            assert db.run(work) == 2
            assert attempts[0] != attempts[1] == _port(three.primary)
            rows = db.query("SELECT n FROM done ORDER BY n")
            assert liteorm.scan(rows, int) == [2, 20]


Call = Callable[[Tx], Awaitable[Any]]


def _query(tx: Tx) -> None:
    tx.query("SELECT 1")


def _execute(tx: Tx) -> None:
    tx.execute("UPDATE account SET balance = balance")


def _execute_many(tx: Tx) -> None:
    tx.execute_many("UPDATE account SET balance = %s WHERE id = %s", [(0, 1), (0, 2)])


def _insert_many(tx: Tx) -> None:
    tx.insert_many([{"id": 1000, "balance": 0}], table="account")


def _stream(tx: Tx) -> None:
    with tx.stream("SELECT * FROM account") as rows:
        assert [row for row in rows]


def _copy_out(tx: Tx) -> None:
    with tx.copy_out("SELECT * FROM account") as blocks:
        assert [block for block in blocks]


def _batch(tx: Tx) -> None:
    with tx.batch() as batch:
        batch.query("SELECT 1")


def _savepoint(tx: Tx) -> None:
    with tx.transaction() as inner:
        inner.execute("SELECT 1")


def _nothing(tx: Tx) -> None:
    """Leave it to COMMIT, which is not sent into a connection that is known to be gone."""


CALLS: list[Call] = [
    *(_query, _execute, _execute_many, _insert_many, _stream, _copy_out, _batch, _savepoint),
    _nothing,
]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__.strip("_"))
def test_run_tries_again_whichever_call_met_the_loss(
    liteorm_database: Any, call: Call
) -> None:
    """A session ended by the server before COMMIT was sent: nothing is stored, so it runs again."""
    attempts = 0

    def work(tx: Tx) -> None:
        nonlocal attempts
        attempts += 1
        tx.execute("UPDATE account SET balance = balance + 1 WHERE id = 1")
        if attempts == 1:
            [(pid,)] = tx.query("SELECT pg_backend_pid()")
            witness.ask("SELECT pg_terminate_backend(%s, 10000)", [pid])
        call(tx)

    with Witness(liteorm_database.dsn) as witness:
        witness.run(Ledger.SCHEMA)
        with open(liteorm_database.dsn, max_size=2) as db:
            db.run(work)
            assert attempts == 2
            question = "SELECT balance FROM account WHERE id = 1"
            if call is not _execute_many:
                assert witness.ask(question) == [(101,)]


def test_run_does_not_take_another_databases_loss_for_its_own(liteorm_database: Any) -> None:
    """A ConnectionLost that `fn` brought from elsewhere is not known to have done nothing."""
    attempts = 0

    def work(tx: Tx) -> None:
        nonlocal attempts
        attempts += 1
        tx.query("SELECT 1")
        [(pid,)] = other.query("SELECT pg_backend_pid()")
        other.query("SELECT pg_terminate_backend(%s), pg_sleep(5)", [pid])

    with (
        open(liteorm_database.dsn, max_size=2) as db,
        open(liteorm_database.dsn, max_size=1) as other,
    ):
        with pytest.raises(liteorm.ConnectionLost) as caught:
            db.run(work)
    assert attempts == 1
    assert caught.value.server is not None


@pytest.mark.parametrize("how", ["failover", "switchover"])
def test_load_through_a_change_of_the_primary(how: str, capsys: Any) -> None:
    """Transfers at once from many: the sum is kept, what was acknowledged is stored, once."""
    with cluster(standbys=2, synchronous=True) as three:
        with open(three.dsn, max_size=8, timeout=30, statement_timeout=5) as db:
            ledger = Ledger()
            db.execute(Ledger.SCHEMA)

            def transfer(tx: Tx, number: int) -> None:
                amount, one, two = ledger.pair()
                tx.execute(Ledger.TAKE, [amount, one])
                tx.execute(Ledger.GIVE, [amount, two])
                tx.execute(Ledger.NOTE, [number, amount])

            def work(worker: int) -> None:
                number = worker * 1_000_000
                while not ledger.ended:
                    number += 1
                    try:
                        db.run(partial(transfer, number=number))
                        ledger.done(number)
                    except liteorm.Error as error:
                        unknown = isinstance(error, liteorm.CommitUnknown)
                        ledger.failed(number, error, unknown)

            with Background() as background:
                works = [background.start(work, worker) for worker in range(6)]
                until(lambda: len(ledger.acknowledged) > 50, "the load has begun")
                changed = three.failover if how == "failover" else three.switchover
                began = monotonic()
                change = background.start(in_a_thread, changed)
                change.result(40)
                before = len(ledger.acknowledged)
                until(lambda: len(ledger.acknowledged) > before + 50, "it goes on")
                ledger.ended = True
                for handle in works:
                    handle.result(40)
            total = liteorm.scan_one(db.query(Ledger.SUM), int)
            ledger.judge(total, liteorm.scan(db.query(Ledger.STORED), int))
        with capsys.disabled():
            print(f"\n{how}: {ledger.told(began)}")


def test_a_listener_goes_on_at_the_new_primary() -> None:
    """It says that something may have been missed, then hears what the new primary tells."""
    with cluster(standbys=1) as two:
        gaps: list[bool] = []
        with open(two.dsn, max_size=3, timeout=30) as db:
            with listen(db, "a", on_gap=lambda: gaps.append(True)) as listener:
                two.failover()
                with Background() as background:
                    heard = background.start(listener.receive, 30)
                    until(lambda: bool(gaps), "the gap is told")
                    db.query("SELECT pg_notify('a', 'after')")
                    assert (heard.result(30)).payload == "after"
        assert gaps == [True]
