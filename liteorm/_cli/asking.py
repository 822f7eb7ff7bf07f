"""The database that a command asks, and how long it waits for answers."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Generator, Sequence
from contextlib import contextmanager

import liteorm
from liteorm import postgres

_USUAL = 30
_LONGEST = 1_000_000
"""Seconds: the server counts milliseconds in 32 bits."""


def add_timeout(parser: argparse.ArgumentParser) -> None:
    """Declare how long a server is waited for."""
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=float(_USUAL),
        metavar="SECONDS",
        help=f"how long the server may take to connect, and for each answer (default: {_USUAL})",
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return seconds


@contextmanager
def asked(
    dsn: str, command: str, timeout: float, types: Sequence[postgres.CustomType]
) -> Generator[postgres.DB]:
    """Open a database for a command.

    Raises:
        StatementTimeout: An answer took longer than `timeout` seconds.
    """
    # That a connection was lost is said once, by the error.
    logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())
    try:
        with postgres.open(
            dsn,
            timeout=timeout,
            statement_timeout=timeout,
            application_name=f"liteorm-{command}",
            types=types,
        ) as db:
            yield db
    except liteorm.StatementTimeout:
        raise liteorm.StatementTimeout(
            f"the server did not answer within {timeout:g} s: it may be stopped, or what is asked"
            " about is locked; --timeout SECONDS waits longer"
        ) from None
