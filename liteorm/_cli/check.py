"""`liteorm check`: declared statements, tables and constraint names against a real schema."""

from __future__ import annotations

import argparse
import functools
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
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
from liteorm._cli.asking import (
    FOLDER,
    add_sources,
    database_of,
    dsn_of,
    misused_modules,
    misused_sources,
)
from liteorm.postgres._describing.shapes import plain_adapters, sent_oid


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `liteorm check`."""
    parser.add_argument(
        "modules", nargs="+", metavar="MODULE", help="module or package to import and check"
    )
    add_sources(parser)
    parser.add_argument(
        "--write",
        nargs="?",
        const=Path(FOLDER),
        type=Path,
        metavar="FOLDER",
        help=f"write a description of each statement (default folder: {FOLDER})",
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


def run(arguments: argparse.Namespace) -> int:
    """Check the modules; the result is 1 if something is wrong, 2 if nothing could be checked."""
    # The output is for the findings: what modules and migrations print is not to stand in it.
    with redirect_stdout(sys.stderr):
        found = _checked(arguments)
    if isinstance(found, str):
        print(f"liteorm check: {found}", file=sys.stderr)
        return 2
    subjects, findings = found
    _show(arguments.format, subjects, findings)
    wrong = [f for f in findings if f.level == "error" or arguments.strict]
    return 1 if wrong else 0


def _checked(arguments: argparse.Namespace) -> tuple[list[Subject], list[Finding]] | str:
    """Return what was checked and what was found; why not, if it could not be done."""
    # As `python -m` does: modules of the working directory can be named.
    sys.path.insert(0, os.getcwd())
    if problem := misused_modules(arguments.modules) or _misused(arguments):
        return problem
    try:
        subjects = collect(arguments.modules)
        types = custom_types(arguments.modules)
    except ImportError as error:
        return f"a module cannot be imported: {error}"
    if not subjects:
        return (
            "no statement, table or constraint name is declared in "
            f"{', '.join(arguments.modules)}: nothing was checked"
        )
    try:
        return subjects, _findings(arguments, subjects, types)
    except liteorm.Error:
        raise  # some are OSErrors too
    except OSError as error:
        return f"{error.filename or 'a file'}: {error.strerror or error}"


def _misused(arguments: argparse.Namespace) -> str | None:
    if arguments.frozen is not None and arguments.write is not None:
        return "--frozen reads descriptions and --write writes them: give one of the two"
    if arguments.frozen is not None and arguments.plans is not None:
        return "--plans asks a server: it does not go with --frozen"
    if problem := misused_sources(arguments):
        return problem
    if arguments.frozen is None and arguments.schema is None and not dsn_of(arguments):
        return "give --dsn, --schema or --frozen: statements are checked against a schema"
    return None


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
