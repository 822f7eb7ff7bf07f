"""A commit that waits for a standby which does not answer, until the client cancels the wait."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any, Final

import pytest

import liteorm
from liteorm.postgres import open_async
from liteorm_testing import Server, database
from tests.postgres._async import late_calls
from tests.postgres._async.late_calls import alone, transactional
from tests.postgres._async.test_late_failures import SCHEMA, stored
from tests.postgres.support import Witness

pytestmark = pytest.mark.anyio

CALLS: Final = [
    getattr(late_calls, f"_{name}")
    for name in (
        *("insert", "upsert", "update_seen", "patch_counted", "insert_returning", "insert_many"),
        *("upsert_many", "update_many", "execute", "execute_script", "execute_many", "query"),
        *("declared_one", "stream", "stream_first", "copy_out", "batch", "built", "delete_many"),
    )
]
"""One for each way of sending."""


async def failure(way: Any, *args: Any) -> liteorm.Error | None:
    """Return what a call raises."""
    try:
        await way(*args)
    except liteorm.Error as exc:
        return exc
    return None


@pytest.mark.parametrize("way", [alone, transactional], ids=lambda way: way.__name__)
async def test_what_is_stored_here_alone_is_not_reported_as_done(
    own_server: Server, way: Any
) -> None:
    """No call returns; the error says that it is stored, or that nobody knows."""
    keys = itertools.count(100)
    with database(own_server) as made, Witness(made.dsn) as witness:
        witness.run(SCHEMA)
        witness.run("SET synchronous_commit = local")
        witness.run(f'ALTER DATABASE "{made.name}" SET synchronous_commit = on')
        async with await open_async(
            made.dsn, statement_timeout=0.4, prepare=False, max_size=1
        ) as db:
            await way(db, late_calls._upsert, next(keys), 7)
            for call in CALLS:
                # What they look up in the catalog is known then.
                await way(db, call, next(keys), 7)
            witness.run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
            witness.run("SELECT pg_reload_conf()")
            try:
                # It takes a while until every process of the server has seen it.
                for _ in range(50):
                    with contextlib.suppress(liteorm.CommitUnknown):
                        await transactional(db, late_calls._upsert, next(keys), next(keys))
                        continue
                    break
                for call in CALLS:
                    before = stored(witness)
                    error = await failure(way, db, call, next(keys), next(keys))
                    unknown = isinstance(error, liteorm.CommitUnknown)
                    assert unknown or isinstance(error, liteorm.StatementTimeout), call.__name__
                    if isinstance(error, liteorm.StatementTimeout):
                        assert error.stored == (stored(witness) != before), call.__name__
                    if way is transactional:
                        assert unknown, call.__name__
            finally:
                witness.run("ALTER SYSTEM RESET synchronous_standby_names")
                witness.run("SELECT pg_reload_conf()")
