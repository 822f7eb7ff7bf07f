"""Ctrl-C in synchronous code, and what a process leaves behind when it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

import liteorm
from liteorm.postgres import DB, open
from liteorm_testing import Proxy
from tests.postgres.support import Witness, until

TIMED = """
import atexit, time
atexit.register(lambda: print(time.monotonic() - ended))
{code}
ended = time.monotonic()
"""
"""Says how long a process took to end, apart from what it did before."""
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def db(liteorm_database: Any) -> Generator[DB]:
    """A database with one connection."""
    with open(liteorm_database.dsn, max_size=1) as opened:
        yield opened


def _interrupt_when(condition: Any) -> threading.Thread:
    def run() -> None:
        until(condition)
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_ctrl_c_cancels_the_running_query(db: DB, witness: Witness) -> None:
    """KeyboardInterrupt during a query: the server stops, the connection is good."""
    pid = liteorm.scan_one(db.query("SELECT pg_backend_pid()"), int)
    thread = _interrupt_when(lambda: witness.running("pg_sleep"))
    with pytest.raises(KeyboardInterrupt):
        db.query("SELECT pg_sleep(30)")
    thread.join()
    assert not witness.running("pg_sleep(30)")
    assert liteorm.scan_one(db.query("SELECT pg_backend_pid()"), int) == pid


@pytest.mark.parametrize("read", [DB.stream, DB.copy_out], ids=["stream", "copy_out"])
def test_ctrl_c_while_data_comes(db: DB, witness: Witness, read: Any) -> None:
    """KeyboardInterrupt between rows or blocks: the server stops, the connection is good."""
    pid = liteorm.scan_one(db.query("SELECT pg_backend_pid()"), int)
    thread = _interrupt_when(lambda: witness.running("pg_sleep"))
    with pytest.raises(KeyboardInterrupt):
        with read(
            db, "SELECT repeat('x', 20000), pg_sleep(0.01)::text FROM generate_series(1, 3000)"
        ) as data:
            for _ in data:
                pass
    thread.join()
    assert not witness.running("pg_sleep(0.01)")
    assert liteorm.scan_one(db.query("SELECT pg_backend_pid()"), int) == pid


def test_ctrl_c_in_a_transaction_rolls_back(db: DB, witness: Witness) -> None:
    """KeyboardInterrupt inside a transaction block: rolled back, nothing left open."""
    db.execute("CREATE TABLE item (id int)")
    thread = _interrupt_when(lambda: witness.running("pg_sleep"))
    with pytest.raises(KeyboardInterrupt):
        with db.transaction() as tx:
            tx.execute("INSERT INTO item VALUES (1)")
            tx.query("SELECT pg_sleep(30)")
    thread.join()
    assert list(db.query("SELECT count(*) FROM item")) == [(0,)]
    assert db.stats().in_use == 0


def test_ctrl_c_during_commit(liteorm_database: Any) -> None:
    """KeyboardInterrupt during COMMIT surfaces, and its cause is a CommitUnknown."""
    with Proxy(liteorm_database.dsn) as proxy, open(proxy.dsn, max_size=1) as db:
        reached = threading.Event()
        thread = _interrupt_when(reached.is_set)
        with pytest.raises(KeyboardInterrupt) as caught:
            with db.transaction() as tx:
                tx.query("SELECT 1")
                proxy.delay(1)
                reached.set()
        thread.join()
        proxy.restore()
        assert isinstance(caught.value.__cause__, liteorm.CommitUnknown)
        assert len(db.query("SELECT 1")) == 1


def test_ctrl_c_while_waiting_for_a_connection(db: DB) -> None:
    """KeyboardInterrupt while queued for a connection loses none."""
    with db.transaction():
        thread = _interrupt_when(lambda: db.stats().waiting == 1)
        with pytest.raises(KeyboardInterrupt):
            db.query("SELECT 1")
        thread.join()
    assert len(db.query("SELECT 1")) == 1


def test_ctrl_c_while_receiving(db: DB) -> None:
    """KeyboardInterrupt while a listener waits; the listener can be closed and is whole."""
    from liteorm.postgres import listen

    with listen(db, "a") as listener:
        thread = _interrupt_when(listener._receiving.locked)
        with pytest.raises(KeyboardInterrupt):
            listener.receive()
        thread.join()
        with pytest.raises(TimeoutError):
            listener.receive(timeout=0.05)
    assert len(db.query("SELECT 1")) == 1


@pytest.mark.parametrize(
    "code",
    [
        "from liteorm.postgres import open; db = open({dsn!r}, min_size=2); db.query('SELECT 1')",
        "from liteorm.postgres import open, listen; db = open({dsn!r}); l = listen(db, 'a')",
        "from liteorm.postgres import open; db = open({dsn!r}); tx = db.begin()",
        "import asyncio; from liteorm.postgres import open_async\n"
        "async def main(): global db; db = await open_async({dsn!r}); await db.query('SELECT 1')\n"
        "asyncio.run(main())",
    ],
    ids=["pool", "listener", "transaction", "async"],
)
def test_a_database_never_closed_does_not_hold_up_the_exit(
    liteorm_database: Any, witness: Witness, code: str
) -> None:
    """A process that forgets to close ends at once and leaves no connection behind."""
    done = subprocess.run(
        [sys.executable, "-c", TIMED.format(code=code.format(dsn=liteorm_database.dsn))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    # The pool's threads would hold it up for five seconds each.
    assert float(done.stdout) < 4
    until(lambda: not witness.others())


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_forked_child_leaves_the_parents_connections_alone(db: DB) -> None:
    """A child that ends normally does not close the sockets it shares with its parent."""
    db.query("SELECT 1")
    child = os.fork()
    if child == 0:  # pragma: no cover
        try:
            db.query("SELECT 1")
        except liteorm.PoolClosed as error:
            os._exit(0 if "parent process" in str(error) else 1)
        os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert len(db.query("SELECT 1")) == 1
