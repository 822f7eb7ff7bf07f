"""The database that a command asks, and how long it waits for answers."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import liteorm
from liteorm import postgres

FOLDER = ".liteorm"
"""Where descriptions are, unless another folder is named."""
_USUAL = 30
_LONGEST = 1_000_000
"""Seconds: the server counts milliseconds in 32 bits."""


def add_sources(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that say where the schema comes from."""
    parser.add_argument(
        "--dsn",
        help="the database to ask (default: the environment's LITEORM_DSN)",
    )
    parser.add_argument(
        "--schema",
        metavar="PATH",
        help="a .sql file, a folder of them, or module:name of a function that is given a DSN, or "
        "of a Migration; a disposable server is started and filled with it",
    )
    parser.add_argument(
        "--server",
        default="auto",
        metavar="KIND",
        help="for --schema: auto (default), docker, embedded, local, or a DSN",
    )
    parser.add_argument(
        "--frozen",
        nargs="?",
        const=Path(FOLDER),
        type=Path,
        metavar="FOLDER",
        help=f"check against written descriptions, without a server (default: {FOLDER})",
    )
    add_timeout(parser)


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


def misused_modules(names: Sequence[str]) -> str | None:
    """Return what is wrong with the names of modules, None if nothing is."""
    for name in names:
        if "/" in name or os.sep in name or name.endswith(".py"):
            path = Path(name).with_suffix("")
            parts = [part for part in path.parts if part not in (".", "..", path.anchor)]
            return f"{name} is a path; give the name of the module: {'.'.join(parts)}"
        if not all(part.isidentifier() for part in name.split(".")):
            return f"{name!r} is no name of a module, such as shop.statements"
    return None


def misused_sources(arguments: argparse.Namespace) -> str | None:
    """Return what is wrong with the options that say where the schema comes from, if anything.

    Modules of the working directory are to be found by then.
    """
    from liteorm_testing._schema import schema_at
    from liteorm_testing.servers import asked as server_asked

    given = [name for name in ("dsn", "schema", "frozen") if getattr(arguments, name) is not None]
    if len(given) > 1:
        return f"--{given[0]} and --{given[1]}: give one of the two"
    if arguments.frozen is not None and not arguments.frozen.is_dir():
        return f"there is no folder {arguments.frozen}; make it with liteorm check --write"
    try:
        if arguments.schema is not None:
            schema_at(arguments.schema)
            server_asked(arguments.server)
    except ValueError as error:
        return str(error)
    return None


def dsn_of(arguments: argparse.Namespace) -> str | None:
    """Return the database that is named, by the environment if by nothing else."""
    return arguments.dsn or os.environ.get("LITEORM_DSN")


@contextmanager
def database_of(
    arguments: argparse.Namespace, types: Sequence[postgres.CustomType]
) -> Generator[postgres.DB]:
    """Open the database that is asked."""
    with _dsn(arguments) as dsn, asked(dsn, "check", arguments.timeout, types) as db:
        yield db


@contextmanager
def _dsn(arguments: argparse.Namespace) -> Generator[str]:
    if arguments.schema is None:
        yield dsn_of(arguments) or ""
        return
    from liteorm_testing import database, server
    from liteorm_testing._schema import schema_at

    schema = schema_at(arguments.schema)
    with server(kind=arguments.server) as started, database(started, schema) as made:
        yield made.dsn
