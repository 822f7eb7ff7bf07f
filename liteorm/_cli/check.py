"""`liteorm check`: declared statements, tables and constraint names against a real schema."""

from __future__ import annotations

import argparse
import functools
import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

import liteorm
from liteorm import postgres
from liteorm._check import (
    FileAnswers,
    Finding,
    LiveAnswers,
    Plans,
    RecordingAnswers,
    Subject,
    check_all,
    collect,
    counted,
    custom_types,
    github_lines,
    json_text,
    sarif_text,
)
from liteorm._cli import installed_version
from liteorm._cli.asking import add_timeout, asked
from liteorm.postgres._describing.shapes import plain_adapters, sent_oid

_FOLDER = ".liteorm"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `liteorm check`."""
    parser.add_argument(
        "modules", nargs="+", metavar="MODULE", help="module or package to import and check"
    )
    add_sources(parser)
    parser.add_argument(
        "--write",
        nargs="?",
        const=Path(_FOLDER),
        type=Path,
        metavar="FOLDER",
        help=f"write a description of each statement (default folder: {_FOLDER})",
    )
    parser.add_argument(
        "--format",
        choices=("rich", "github", "json", "sarif"),
        default="rich",
        help="how findings are shown (default: rich)",
    )
    parser.add_argument(
        "--plans",
        type=_rows,
        metavar="ROWS",
        help="warn of statements whose plan reads a table of at least so many rows from end to end",
    )
    parser.add_argument("--strict", action="store_true", help="fail on warnings too")


def _rows(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rows")
    return int(text)


def add_sources(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that say where the schema comes from."""
    parser.add_argument(
        "--dsn",
        default=os.environ.get("LITEORM_DSN"),
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
        const=Path(_FOLDER),
        type=Path,
        metavar="FOLDER",
        help=f"check against written descriptions, without a server (default: {_FOLDER})",
    )
    add_timeout(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check the modules; the result is 1 if something is wrong, 2 if nothing could be checked."""
    if problem := _misused(arguments):
        return _refused(problem)
    # As `python -m` does: modules of the working directory can be named.
    sys.path.insert(0, os.getcwd())
    if problem := misused_schema(arguments.schema):
        return _refused(problem)
    try:
        subjects = collect(arguments.modules)
        types = custom_types(arguments.modules)
    except ImportError as error:
        return _refused(f"a module cannot be imported: {error}")
    if not subjects:
        return _refused(
            "no statement, table or constraint name is declared in "
            f"{', '.join(arguments.modules)}: nothing was checked"
        )
    try:
        findings = _findings(arguments, subjects, types)
    except liteorm.Error:
        raise  # some are OSErrors too
    except OSError as error:
        return _refused(f"{error.filename or 'a file'}: {error.strerror or error}")
    _show(arguments.format, subjects, findings)
    wrong = [f for f in findings if f.level == "error" or arguments.strict]
    return 1 if wrong else 0


def _refused(problem: str) -> int:
    print(f"liteorm check: {problem}", file=sys.stderr)
    return 2


def _findings(
    arguments: argparse.Namespace,
    subjects: Sequence[Subject],
    types: Sequence[postgres.CustomType],
) -> list[Finding]:
    if arguments.frozen is not None:
        oid = functools.partial(sent_oid, adapters=plain_adapters(types))
        return check_all(FileAnswers(arguments.frozen, types), subjects, oid=oid)
    with database_of(arguments, types) as db:
        oid = functools.partial(sent_oid, adapters=db._state.adapters)
        plans = None if arguments.plans is None else Plans.of(db, arguments.plans)
        live = LiveAnswers(db)
        if arguments.write is None:
            return check_all(live, subjects, plans=plans, oid=oid)
        recording = RecordingAnswers(live, arguments.write, subjects, arguments.modules)
        findings = check_all(recording, subjects, plans=plans, oid=oid)
    recording.write()
    return findings


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


def _misused(arguments: argparse.Namespace) -> str | None:
    if problem := misused_modules(arguments.modules):
        return problem
    if arguments.frozen is not None:
        if arguments.write is not None:
            return "--frozen reads descriptions and --write writes them: give one of the two"
        if arguments.plans is not None:
            return "--plans asks a server: it does not go with --frozen"
        if not arguments.frozen.is_dir():
            return f"there is no folder {arguments.frozen}; make it with liteorm check --write"
        return None
    if arguments.schema is None and not arguments.dsn:
        return "give --dsn, --schema or --frozen: statements are checked against a schema"
    return None


def misused_schema(place: str | None) -> str | None:
    """Return what is wrong with the place of a schema, None if nothing is."""
    from liteorm_testing._schema import schema_at

    try:
        if place is not None:
            schema_at(place)
    except ValueError as error:
        return str(error)
    return None


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
        yield arguments.dsn
        return
    from liteorm_testing import database, server
    from liteorm_testing._schema import schema_at

    schema = schema_at(arguments.schema)
    with server(kind=arguments.server) as started, database(started, schema) as made:
        yield made.dsn


def _show(form: str, subjects: Sequence[Subject], findings: Sequence[Finding]) -> None:
    if form == "json":
        print(json_text(subjects, findings))
        return
    if form == "sarif":
        print(sarif_text(findings, installed_version()))
        return
    if form == "github":
        for line in github_lines(findings):
            print(line)
        print(counted(subjects, findings))
        return
    console = Console(highlight=False)
    if findings:
        console.print(_table(findings))
    console.print(Text(counted(subjects, findings), style="red" if findings else "green"))


def _table(findings: Sequence[Finding]) -> Table:
    table = Table(show_lines=True)
    table.add_column("where", overflow="fold")
    table.add_column("what", overflow="fold", ratio=1)
    styles = {"error": "bold red", "warning": "yellow"}
    for finding in findings:
        subject = finding.subject
        where = Text(f"{subject.name}\n").append(finding.where, style="dim")
        what = Text(finding.level, style=styles[finding.level])
        what.append(f": {finding.message}", style="default").append(
            f" [{finding.code}]", style="dim"
        )
        if finding.hint:
            what.append(f"\n{finding.hint}", style="cyan")
        table.add_row(where, what)
    return table
