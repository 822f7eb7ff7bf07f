"""A forked child of a process that has databases open: it refuses, sends nothing, never hangs."""

from __future__ import annotations

import gc
import os
import signal
import threading
import traceback
import warnings
from collections.abc import Callable, Generator
from contextlib import ExitStack
from typing import Any

import attrs
import psycopg
import pytest

import liteorm
from liteorm import postgres
from liteorm.postgres import DB, listen, open
from liteorm_testing import Database

pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")

COMMITTING = ("transaction", "savepoint", "on a connection", "batch")
SERIES = "SELECT generate_series(1, 200000)"


@liteorm.table("item", key="id")
@attrs.frozen
class Item:
    """A row."""

    id: int


def in_child(work: Callable[[], Any]) -> int:
    """Run something in a forked child; return how that ended: 0 if well."""
    child = os.fork()
    if child == 0:  # pragma: no cover
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(20)
        warnings.simplefilter("error", ResourceWarning)
        code = 2
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1]


@pytest.fixture
def db(liteorm_database: Any) -> Generator[DB]:
    """A database with enough connections for all at once."""
    with open(liteorm_database.dsn, max_size=10) as opened:
        opened.execute("CREATE TABLE item (id int PRIMARY KEY)")
        yield opened


def refused(call: Callable[[], Any]) -> None:
    """See that a call is refused in words."""
    with pytest.raises(liteorm.PoolClosed, match="parent process"):
        call()


class Held:
    """One thing that is open, what uses it, and what shows that it goes on in the parent."""

    def __init__(self, db: DB, kind: str) -> None:
        self.stack = ExitStack()
        enter = self.stack.enter_context
        self.uses: list[Callable[[], Any]]
        self.goes_on: Callable[[], Any]
        if kind in ("transaction", "savepoint", "on a connection"):
            outer: Any = enter(db.connection()) if kind == "on a connection" else db
            tx: Any = enter(outer.transaction())
            if kind == "savepoint":
                tx = enter(tx.transaction())
            self.uses = [
                lambda: tx.query("SELECT 1"),
                lambda: tx.insert_many([Item(1)]),
                lambda: tx.transaction().__enter__(),
                lambda: tx.stream(SERIES).__enter__(),
                lambda: tx.copy_out(SERIES).__enter__(),
                lambda: _batched(tx),
                lambda: tx.commit(),
                lambda: tx.rollback(),
            ]
            self.goes_on = lambda: tx.execute("INSERT INTO item VALUES (1)")
        elif kind == "connection":
            session = enter(db.connection())
            session.execute("SET application_name = 'mine'")
            self.uses = [
                lambda: session.query("SELECT 1"),
                lambda: session.transaction().__enter__(),
                lambda: session.copy_out(SERIES).__enter__(),
            ]
            self.goes_on = lambda: list(session.query("SHOW application_name")) == [("mine",)]
        elif kind == "stream":
            rows = iter(enter(db.stream(SERIES)))
            next(rows)
            self.uses = [lambda: list(rows)]
            self.goes_on = lambda: sum(1 for _ in rows) == 199_999
        elif kind == "copy_out":
            blocks = enter(db.copy_out(SERIES))
            first = len(next(blocks))
            self.uses = [lambda: list(blocks)]
            self.goes_on = lambda: first + sum(map(len, blocks)) == 1_288_895
        elif kind == "batch":
            batch = enter(db.batch())
            pending = batch.query("SELECT 1")
            self.uses = []
            self.goes_on = lambda: pending is not None
        else:
            listener = enter(listen(db, "a"))
            self.uses = [
                lambda: listener.receive(timeout=0.1),
                lambda: listener.add("b"),
                lambda: listener.remove("a"),
            ]

            def hears() -> bool:
                postgres.notify(db, "a", "x")
                return listener.receive(timeout=20).payload == "x"

            self.goes_on = hears


def _batched(session: Any) -> None:
    with session.batch() as batch:
        batch.query("SELECT 1")


KINDS = (
    *("transaction", "savepoint", "on a connection", "connection", "stream", "copy_out"),
    *("batch", "listener"),
)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_open_goes_on_in_the_parent(db: DB, kind: str) -> None:
    """In the child it is refused, and left, left by an error or collected without a byte sent."""
    held = [Held(db, kind)]

    def child(leaving: str) -> None:
        for use in held[0].uses:
            refused(use)
        if leaving == "left":
            if kind in COMMITTING:
                # What was to be done at its end is not done, and that is said.
                refused(held[0].stack.close)
            else:
                held[0].stack.close()
        elif leaving == "raised":
            held[0].stack.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
        held.clear()
        gc.collect()
        db.close()

    for leaving in ("left", "raised", "collected"):
        assert in_child(lambda leaving=leaving: child(leaving)) == 0, leaving  # type: ignore[misc]
    assert held[0].goes_on()
    held[0].stack.close()
    assert db.stats().lost == 0
    assert len(db.query("SELECT 1")) == 1


def test_a_lent_connection(liteorm_database: Any) -> None:
    """One that somebody else owns is not used in the child either."""
    with psycopg.connect(liteorm_database.dsn) as owner:
        session = postgres.session(owner)
        session.execute("CREATE TABLE item (id int)")
        assert in_child(lambda: refused(lambda: session.query("SELECT 1"))) == 0
        assert in_child(lambda: refused(lambda: postgres.session(owner).query("SELECT 1"))) == 0
        assert list(session.query("SELECT count(*) FROM item")) == [(0,)]


@attrs.frozen
class Plain:
    """A row whose values are taken as they come."""

    a: Any


def _model(number: int) -> Any:
    return attrs.make_class(f"Model{number}", {"a": attrs.field(type=list[tuple[int, str]])})


def test_at_random_points_nothing_hangs(db: DB, liteorm_database: Database) -> None:
    """Threads of the parent hold whatever they hold: the child refuses, reads, opens its own."""
    ends = threading.Event()
    failures: list[BaseException] = []

    def busy(work: Callable[[int], Any]) -> None:
        number = 0
        try:
            while not ends.is_set():
                number += 1
                work(number)
        except BaseException as exc:
            failures.append(exc)

    def scans(number: int) -> None:
        rows = db.query(f"SELECT array[row({number}, 'x')] AS a")  # type: ignore[arg-type]
        liteorm.scan(rows, _model(number))
        db.clear_types()

    with listen(db, "a") as listener:

        def listens(number: int) -> None:
            listener.add(str(number % 5))
            postgres.notify(db, "a", "x")
            listener.receive(timeout=20)
            listener.remove(str(number % 5))

        def writes(number: int) -> None:
            with db.transaction() as tx:
                tx.insert_many([Item(number)])
                tx.rollback()

        rows = db.query("SELECT array[row(1, 'x')] AS a, 'x'::text AS b")

        def child(number: int) -> None:
            refused(lambda: db.query("SELECT 1"))
            refused(lambda: listener.receive(timeout=1))
            model = attrs.make_class(
                f"Child{number}",
                {"a": attrs.field(type=list[tuple[int, str]]), "b": attrs.field(type=str)},
            )
            assert liteorm.scan_one(rows, model).b == "x"
            gc.collect()
            listener.close()
            db.close()
            if number % 5 == 0:
                with open(liteorm_database.dsn, max_size=1) as own:
                    assert liteorm.scan_one(own.query("SELECT array[row(1, 'x')]"), list[Any])

        threads = [threading.Thread(target=busy, args=[work]) for work in (scans, listens, writes)]
        for thread in threads:
            thread.start()
        try:
            codes = [in_child(lambda number=number: child(number)) for number in range(15)]  # type: ignore[misc]
        finally:
            ends.set()
            for thread in threads:
                thread.join()
    assert codes == [0] * 15
    assert failures == []


@pytest.mark.parametrize("lock", ["types", "pool"])
def test_a_lock_that_is_held(liteorm_database: Database, lock: str) -> None:
    """The thread that would let it go is not in the child: reading and collecting do without."""
    databases = [open(liteorm_database.dsn, max_size=1)]
    state = databases[0]._state
    rows = databases[0].query("SELECT array[row(1, 'x')] AS a")
    known = state.types.known
    held: Any = state.types.known._lock if lock == "types" else state.pool._sched._lock
    taken, ends = threading.Event(), threading.Event()

    def hold() -> None:
        with held:
            taken.set()
            ends.wait()

    def child() -> None:
        list(rows)
        assert liteorm.scan_one(rows, Plain).a == [(1, "x")]
        known.plain_oid(known.types[2287])  # an array of records, as another scan asks for
        del state.pool
        databases.clear()
        gc.collect()

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    try:
        code = in_child(child)
    finally:
        ends.set()
        thread.join()
        databases[0].close()
    assert code == 0
