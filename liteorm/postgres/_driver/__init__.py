"""Every touch of psycopg's and psycopg_pool's inside: what they offer without promising it.

Each name is held against what was read in 3.3 once, when this package is imported, by its
parameters. Where one is other than known, a public way is taken in its place, slower or with less
to tell, and the logger `liteorm` says so once. Beside each stands what upstream would have to
offer for it to go.
"""

from __future__ import annotations

import logging

import psycopg

from liteorm.postgres._driver.known import MISSING
from liteorm.postgres._driver.pool import (
    abandon,
    aput_idle,
    atake_idle,
    belong_to,
    has_queue,
    held_safely,
    leave_queue,
    put_idle,
    queue_up,
    replace_lost,
    take_idle,
)
from liteorm.postgres._driver.statements import (
    CLOSES_STATEMENTS,
    COUNTS_RESULTS,
    KNOWN_QUERY,
    NOT_PREPARED,
    PREPARES,
    TO_PREPARE,
    Form,
    PostgresQuery,
    WaitTimeout,
    form_of,
    format_row_binary,
    format_row_text,
    name_of_prepared,
    name_unguessably,
    prepared_statements,
    register_dumper,
    register_loader,
)

__all__ = [
    "CLOSES_STATEMENTS",
    "COUNTS_RESULTS",
    "KNOWN_QUERY",
    "MISSING",
    "NOT_PREPARED",
    "PREPARES",
    "TO_PREPARE",
    "Form",
    "PostgresQuery",
    "WaitTimeout",
    "abandon",
    "aput_idle",
    "atake_idle",
    "belong_to",
    "form_of",
    "format_row_binary",
    "format_row_text",
    "has_queue",
    "held_safely",
    "leave_queue",
    "name_of_prepared",
    "name_unguessably",
    "prepared_statements",
    "put_idle",
    "queue_up",
    "register_dumper",
    "register_loader",
    "replace_lost",
    "take_idle",
]

if MISSING:
    logging.getLogger("liteorm").warning(
        "psycopg %s is not as liteorm knows it (%s): public ways are taken, which are slower",
        psycopg.__version__,
        ", ".join(MISSING),
    )
