# Generated from tests/postgres/_async/test_dead_network.py by .ci/unasync.py: edit that file, not this one.
"""A network in which nothing arrives, not even an acknowledgement: whatever waits for it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

import liteorm
from liteorm.postgres import listen, open
from liteorm_testing import Proxy
from tests.postgres.support import Background, Witness, until, silence, with_params


# As the defaults are, but in seconds instead of a minute.
QUICK = {
    "tcp_user_timeout": 1500,
    "keepalives_idle": 1,
    "keepalives_interval": 1,
    "keepalives_count": 2,
    "connect_timeout": 2,
}
SERIES = "SELECT generate_series(1, 100000000)"


@liteorm.table("item", key="id")
@attrs.frozen
class Item:
    """A row."""

    id: int


def read(rows: Any) -> None:
    """Read to the end."""
    for _ in rows:
        pass


def batched(session: Any) -> None:
    """Send two statements."""
    with session.batch() as batch:
        batch.query("SELECT 1")
        batch.query("SELECT 2")


def copied(session: Any) -> None:
    """Send more than any buffer takes."""
    session.insert_many(Item(number) for number in range(10_000_000))


def test_whatever_waits_ends(liteorm_database: Any, witness: Witness) -> None:
    """What was sent before and what is sent after; COMMIT says that its outcome is not known."""
    witness.run("CREATE TABLE item (id int)")
    with Proxy(liteorm_database.dsn) as proxy:
        dsn = with_params(proxy.dsn, **QUICK)
        db = open(dsn, min_size=20, max_size=20, timeout=20, num_workers=10)
        with Background() as background:
            streaming, copying = db.stream(SERIES), db.copy_out(SERIES)
            holding = db.connection()
            stream, blocks = streaming.__enter__(), copying.__enter__()
            connection = holding.__enter__()
            listener = listen(db, "a", heartbeat=600)
            txs = [db.begin() for _ in range(6)]
            asked = background.start(db.query, "SELECT pg_sleep(600)")
            receiving = background.start(listener.receive)
            until(lambda: witness.running("pg_sleep(600)"), "the query")
            until(listener._receiving.locked, "the listener")

            with silence(proxy):
                calls: dict[str, tuple[Callable[..., Any], Any]] = {
                    "stream": (read, stream),
                    "copy_out": (read, blocks),
                    "query": (txs[0].query, "SELECT 1"),
                    "insert_many": (copied, txs[1]),
                    "execute_many": (lambda tx: tx.execute_many("SELECT %s", [[1], [2]]), txs[2]),
                    "batch": (batched, txs[3]),
                    "savepoint": (lambda tx: tx.transaction().__enter__(), txs[4]),
                    "query on a connection": (connection.query, "SELECT 1"),
                    "execute": (db.execute, "SELECT 1; SELECT 2"),
                }
                running = {name: background.start(*call) for name, call in calls.items()}
                running |= {"a query that runs": asked, "listener": receiving}
                committing = background.start(txs[5].commit)
                for name, handle in running.items():
                    with pytest.raises(liteorm.ConnectionLost):
                        handle.result(), name
                with pytest.raises(liteorm.CommitUnknown):
                    committing.result()
                for tx in txs[:5]:
                    tx.rollback()
                for block in (streaming, copying, holding):
                    block.__exit__(None, None, None)
                listener.close()
            assert list(db.query("SELECT 1")) == [(1,)]
            assert db.stats().in_use == 0
        db.close()
