"""Connection strings read and changed without a driver."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from liteorm_testing import _dsn

_TEXT = st.text(st.characters(exclude_categories=("C",)), min_size=1, max_size=12)


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://user:p%40ss@localhost:5433/name?sslmode=require",
        "postgres://localhost",
        "postgresql:///name?host=/run/postgresql&port=5433",
        "postgresql://a:1,b:2/name?target_session_attrs=read-write",
        "postgresql://[::1]:5432/name",
        "host=localhost port=5433 user='a b' password='it\\'s' dbname=name",
        "host = localhost  dbname=x\\ y",
        "postgresql://user@/name",
    ],
)
def test_both_forms_are_read_as_libpq_reads_them(dsn: str) -> None:
    """What the kit reads is what libpq reads, and what it writes means the same."""
    expected = {key: str(value) for key, value in conninfo_to_dict(dsn).items()}
    assert _dsn.parse(dsn) == expected
    rebuilt = conninfo_to_dict(_dsn.build(_dsn.parse(dsn)))
    assert {key: str(value) for key, value in rebuilt.items()} == expected


@given(user=_TEXT, password=_TEXT, dbname=_TEXT)
def test_any_name_and_password_survive(user: str, password: str, dbname: str) -> None:
    """Special characters come back from both forms."""
    parts = {"user": user, "password": password, "dbname": dbname, "host": "localhost"}
    assert conninfo_to_dict(_dsn.build(parts)) == parts
    assert _dsn.parse(make_conninfo("", **parts)) == parts


def test_a_shown_connection_string_has_no_password() -> None:
    """The form for messages leaves the password out, and only that."""
    shown = _dsn.without_password("postgresql://user:secret@localhost/name")
    assert shown == "postgresql://user@localhost/name"
    for odd in (
        "user:sec/ret@localhost/name",
        "user:sec?ret@localhost/name",
        "u:#sec@localhost/name",
    ):
        shown = _dsn.without_password(f"postgresql://{odd}")
        assert shown == "postgresql://...@localhost/name"
