"""The functions and operators that the analysis of NULLs trusts, run with odd values."""

from __future__ import annotations

import psycopg

from liteorm_testing import Server
from tests.check.total_functions import wrongly_trusted


def test_what_is_trusted_never_gives_null(liteorm_server: Server) -> None:
    """No listed function gives NULL for values that are not; by hand, it is run with more."""
    with psycopg.connect(liteorm_server.dsn, autocommit=True) as connection:
        connection.execute("SET statement_timeout = '2s'")
        wrong, ran, calls = wrongly_trusted(connection, 4)
    assert wrong == []
    assert ran > 1000
    assert calls > 3000
