"""What a text is judged to be before it is sent, in linear time whatever stands in it."""

from __future__ import annotations

import time

import pytest

from liteorm.postgres._session.commands import changes_settings, may_last

EVIL = [
    *("SELECT set_config(", "set_config(1,", "set_config[", "set_config()", "set_config(,)"),
    *("pg_advisory_lock", "into ", "SELECT 1 INTO ", "CREATE OR REPLACE ", "CREATE TABLE pg_temp."),
    *(
        "DECLARE c CURSOR ",
        "DECLARE c WITH ",
        "COPY ",
        "COPY (",
        "SET ",
        "SET LOCAL ",
        "SET LOCAL.",
    ),
    *("(", "[", ")", "]", ",", "(,", "/*", "'", '"', "$a$", "reset ", "search_path", "role"),
    *("SELECT set_config('a', 'b', true);", "SET LOCAL a = 1;", "START ", "PREPARE ", "BEGIN"),
]


@pytest.mark.parametrize("piece", EVIL)
def test_evil_text_is_judged_in_linear_time(piece: str) -> None:
    """100 kB of any piece, and less of it inside a call."""
    began = time.process_time()
    for before in ("", "SELECT set_config(", "SELECT 1 INTO "):
        text = before + piece * ((5_000 if before else 100_000) // len(piece))
        may_last(text)
        changes_settings(b"SELECT", text, None)
    # Processor time, of which it takes half a second; in quadratic time it would be minutes.
    assert time.process_time() - began < 20


@pytest.mark.parametrize(
    ("text", "lasts"),
    [
        ("SELECT set_config('a', 'b', false)", True),
        ("SELECT set_config('a', f(1, 'x'), false), 2", True),
        ("SELECT set_config('a', 'b', true)", False),
        ("SELECT f(set_config('a', 'b', true), false)", False),
        ("SELECT (set_config('a', (SELECT x[1, 2]), 'off'))", True),
        ("SELECT \"set_config\"('a', 'b', FALSE)", True),
        ("SELECT 'set_config(1, 2, false)'", False),
        ("SELECT pg_advisory_lock(1)", True),
        ("SELECT pg_advisory_xact_lock(1)", False),
        ("SET local.a = 1", True),
        ("SET LOCAL a.b = 1", False),
        ("SET LOCAL a = 1", False),
        ("SET transaction.a = 1", True),
        ("SET TRANSACTION READ ONLY", False),
        ("SET CONSTRAINTS a.b DEFERRED", False),
        ("SET CONSTRAINTS ALL DEFERRED", False),
    ],
)
def test_what_may_stay_behind(text: str, lasts: bool) -> None:
    """Commands and calls are told by their tokens."""
    assert may_last(text) is lasts
