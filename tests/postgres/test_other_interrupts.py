"""Interruptions that are not Ctrl-C: what a signal's handler raises, SystemExit, a BaseException.

They come in synchronous code; asyncio has tasks to cancel, see test_cancellation.py.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any

import attrs
import pytest

import liteorm
from liteorm.postgres import DB, open
from liteorm.postgres._session import pipelining
from liteorm.postgres._sync import connection
from liteorm_testing import Proxy
from tests.postgres.support import Witness, until
from tests.threads import traced


class SoftTimeLimit(Exception):
    """As Celery raises in a handler of SIGUSR1."""


class Timeout(BaseException):
    """As gevent raises, through whatever waits."""


KINDS = [SoftTimeLimit, Timeout, SystemExit, TimeoutError]


@pytest.fixture
def db(liteorm_database: Any) -> Generator[DB]:
    """A database with one connection."""
    with open(liteorm_database.dsn, max_size=1) as opened:
        opened.execute("""
            CREATE TABLE item (id int);
            CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                PERFORM pg_sleep(30); RETURN NULL;
            END $$;
            CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON item
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow();
        """)
        yield opened


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def raised(request: Any) -> Generator[type[BaseException]]:
    """An exception that the handler of SIGUSR1 raises."""
    kind: type[BaseException] = request.param

    def handler(*_: object) -> None:
        raise kind

    before = signal.signal(signal.SIGUSR1, handler)
    yield kind
    signal.signal(signal.SIGUSR1, before)


def _sleeping(witness: Witness) -> bool:
    return bool(witness.others("state = 'active' AND wait_event = 'PgSleep'"))


def _interrupted(witness: Witness, kind: type[BaseException], call: Callable[[], Any]) -> Any:
    """Make a call that sleeps on the server, and interrupt it; return what it raised."""

    def interrupt() -> None:
        until(lambda: _sleeping(witness), "the statement")
        os.kill(os.getpid(), signal.SIGUSR1)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(kind) as caught:
        call()
    thread.join()
    assert not _sleeping(witness)
    return caught.value


def test_a_setting_whose_answer_was_not_seen_is_undone(
    liteorm_database: Any, witness: Witness, raised: type[BaseException]
) -> None:
    """Fault: interrupted when the server has set it and the answer is on its way."""
    with Proxy(liteorm_database.dsn) as proxy, open(proxy.dsn, max_size=1, min_size=1) as db:
        db.query("SELECT 1")
        proxy.delay(0.5)
        done = "state = 'idle' AND query LIKE 'SET app%'"

        def interrupt() -> None:
            until(lambda: witness.others(done), "the setting")
            os.kill(os.getpid(), signal.SIGUSR1)

        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(raised):
            db.execute("SET app.tenant = 'seven'")
        thread.join()
        proxy.restore()
        seen = db.query("SELECT coalesce(current_setting('app.tenant', true), '')")
        assert list(seen) == [("",)]


def _stream(db: Any) -> None:
    with db.stream("SELECT pg_sleep(30)") as rows:
        list(rows)


def _copy_out(db: Any) -> None:
    with db.copy_out("SELECT pg_sleep(30)") as blocks:
        list(blocks)


def _batch(db: Any) -> None:
    with db.batch() as batch:
        batch.query("SELECT pg_sleep(30)")


def _savepoint(db: Any) -> None:
    with db.transaction() as inner:
        inner.query("SELECT pg_sleep(30)")


SLOW: Any = """
CREATE TABLE slow (id int PRIMARY KEY, name text);
INSERT INTO slow VALUES (1);
CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN PERFORM pg_sleep(30); RETURN coalesce(new, old); END';
CREATE TRIGGER slow BEFORE INSERT OR UPDATE OR DELETE ON slow FOR EACH ROW EXECUTE FUNCTION sleep();
"""


@liteorm.table("slow", key="id")
@attrs.frozen
class Slow:
    """A row of a table that takes long to write."""

    id: int
    name: str = "x"


CALLS: dict[str, Callable[[Any], Any]] = {
    "query": lambda db: db.query("SELECT pg_sleep(30)"),
    "execute": lambda db: db.execute("SELECT 1; SELECT pg_sleep(30)"),
    "execute_many": lambda db: db.execute_many("SELECT pg_sleep(%s)", [[30], [30]]),
    "stream": _stream,
    "copy_out": _copy_out,
    "batch": _batch,
    "savepoint": _savepoint,
}


WRITES: dict[str, Callable[[Any], Any]] = {
    "update": lambda db: db.update(Slow(1)),
    "patch": lambda db: db.patch(Slow, 1, {"name": "z"}),
    "insert_many": lambda db: db.insert_many([Slow(2)]),
    "upsert_many": lambda db: db.upsert_many([Slow(1)]),
    "update_many": lambda db: db.update_many([Slow(1)]),
    "delete_many": lambda db: db.delete_many(Slow, [1]),
    "insert_returning": lambda db: db.insert_returning([Slow(2)]),
}


def test_every_write_is_stopped(db: DB, witness: Witness) -> None:
    """Also what takes several statements, or a COPY; nothing of it is stored."""
    db.execute(SLOW)
    kind = SoftTimeLimit
    before = signal.signal(signal.SIGUSR1, lambda _, __: _raise(kind))
    try:
        for call in WRITES.values():
            _interrupted(witness, kind, lambda call=call: call(db))  # type: ignore[misc]
            assert db.stats().in_use == 0
            with pytest.raises(ZeroDivisionError):
                with db.transaction() as tx:
                    _interrupted(witness, kind, lambda call=call: call(tx))  # type: ignore[misc]
                    raise ZeroDivisionError
            assert list(db.query("SELECT id, name FROM slow")) == [(1, None)]
    finally:
        signal.signal(signal.SIGUSR1, before)


def _raise(kind: type[BaseException]) -> None:
    raise kind


def test_the_statement_is_stopped_on_the_server(
    db: DB, witness: Witness, raised: type[BaseException]
) -> None:
    """Whatever it was that interrupted: it arrives, and nothing goes on running."""
    for call in CALLS.values():
        _interrupted(witness, raised, lambda call=call: call(db))  # type: ignore[misc]
        assert list(db.query("SELECT 1")) == [(1,)]
        with pytest.raises(ZeroDivisionError):
            with db.transaction() as tx:
                _interrupted(witness, raised, lambda call=call: call(tx))  # type: ignore[misc]
                raise ZeroDivisionError
        assert list(db.query("SELECT 1")) == [(1,)]


def test_commit_is_unknown_then(db: DB, witness: Witness, raised: type[BaseException]) -> None:
    """In COMMIT the interruption has a CommitUnknown as its cause."""

    def store() -> None:
        with db.transaction() as tx:
            tx.execute("INSERT INTO item VALUES (1)")

    for call in (store, lambda: db.run(lambda tx: tx.execute("INSERT INTO item VALUES (1)"))):
        exc = _interrupted(witness, raised, call)
        assert isinstance(exc.__cause__, liteorm.CommitUnknown)
    assert list(db.query("SELECT * FROM item")) == []


def _interrupted_at(step: int, call: Callable[[], Any]) -> bool:
    """Make a call that is interrupted at this line of what sends a batch; say whether it was."""
    left = step
    files = [module.__file__ for module in (pipelining, connection)]

    def trace(frame: Any, event: str, _: object) -> Any:
        nonlocal left
        if frame.f_code.co_filename not in files:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                raise SoftTimeLimit
        return trace

    try:
        with traced(trace):
            call()
    except SoftTimeLimit:
        return True
    return False


def _both(session: Any) -> None:
    with session.batch() as batch:
        batch.execute("INSERT INTO plain VALUES (1)")
        batch.query("INSERT INTO plain VALUES (2) RETURNING id")


def test_a_batch_interrupted_at_any_line_leaves_no_half_of_it(db: DB) -> None:
    """In a transaction: it goes on or is over; outside, the next call is answered."""
    db.execute("CREATE TABLE plain (id int)")
    halves: Any = "SELECT count(*) FILTER (WHERE id = 1), count(*) FILTER (WHERE id = 2) FROM plain"
    step, went_on, interrupted = 0, 0, True
    while interrupted:
        step += 1
        interrupted = _interrupted_at(step, lambda: _both(db))
        assert db.stats().in_use == 0
        [(ones, twos)] = db.query(halves)
        assert ones == twos
        with suppress(liteorm.Error), db.transaction() as tx:
            interrupted |= _interrupted_at(step, lambda: _both(tx))
            assert list(tx.query("SELECT 7")) == [(7,)]
            went_on += 1
        assert db.stats().in_use == 0
        assert list(db.query("SELECT 8")) == [(8,)]
    assert step > 20
    assert went_on > 10
