# Generated from tests/postgres/_async/test_copy_as_text.py by .ci/unasync.py: edit that file, not this one.
"""COPY from or to the client, given as text where a statement belongs."""

from __future__ import annotations

from typing import Any

import pytest

import liteorm
from liteorm.postgres import DB


TEXTS = [
    "COPY mark TO STDOUT",
    "/* a -- b */ COPY mark FROM STDIN (FORMAT binary)",
    "-- x\n  copy mark (id) from stdin;",
    "SELECT 1; COPY (SELECT 1) TO STDOUT",
]


def call(session: Any, name: str, text: str) -> None:
    """Give a text to one of the calls."""
    if name in ("query", "execute"):
        getattr(session, name)(text)
    elif name == "execute_many":
        session.execute_many(text, [[], []])
    elif name == "batch":
        with session.batch() as batch:
            batch.query(text)
    else:
        with getattr(session, name)(text) as rows:
            for _ in rows:
                pass


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    "name", ["query", "execute", "execute_many", "batch", "stream", "copy_out"]
)
def test_it_is_refused_before_it_is_sent(
    liteorm_db: DB, name: str, text: str
) -> None:
    """Nothing waits for data that never comes, no connection is lost, a transaction goes on."""
    db = liteorm_db
    db.execute("CREATE TABLE mark (id int PRIMARY KEY)")
    with pytest.raises(liteorm.StatementError, match="COPY from or to the client"):
        call(db, name, text)
    with db.transaction() as tx:
        tx.execute("INSERT INTO mark VALUES (1)")
        with pytest.raises(liteorm.StatementError, match="COPY from or to the client"):
            call(tx, name, text)
    assert list(db.query("SELECT id FROM mark")) == [(1,)]
    assert db.stats().lost == 0
