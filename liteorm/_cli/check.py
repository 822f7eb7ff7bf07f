"""`liteorm check`: declared statements, tables and constraint names against a real schema."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from liteorm import postgres
from liteorm._check import (
    Answers,
    FileAnswers,
    Finding,
    LiveAnswers,
    RecordingAnswers,
    Subject,
    check_all,
    collect,
    counted,
    github_lines,
    json_text,
    relative,
)

_FOLDER = ".liteorm"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `liteorm check`."""
    parser.add_argument(
        "modules", nargs="+", metavar="MODULE", help="module or package to import and check"
    )
    parser.add_argument(
        "--dsn",
        default=os.environ.get("LITEORM_DSN"),
        help="the database to ask (default: the environment's LITEORM_DSN)",
    )
    parser.add_argument(
        "--schema",
        type=Path,
        metavar="PATH",
        help="a .sql file or a folder of them; a disposable server is started and filled with it",
    )
    parser.add_argument(
        "--server",
        default="auto",
        metavar="KIND",
        help="for --schema: auto (default), docker, embedded, local, or a DSN",
    )
    parser.add_argument(
        "--write",
        nargs="?",
        const=Path(_FOLDER),
        type=Path,
        metavar="FOLDER",
        help=f"write a description of each statement (default folder: {_FOLDER})",
    )
    parser.add_argument(
        "--frozen",
        nargs="?",
        const=Path(_FOLDER),
        type=Path,
        metavar="FOLDER",
        help=f"check against written descriptions, without a server (default: {_FOLDER})",
    )
    parser.add_argument(
        "--format",
        choices=("rich", "github", "json"),
        default="rich",
        help="how findings are shown (default: rich)",
    )
    parser.add_argument("--strict", action="store_true", help="fail on warnings too")


def run(arguments: argparse.Namespace) -> int:
    """Check the modules; the result is 1 if something is wrong, 2 if nothing could be checked."""
    if problem := _misused(arguments):
        print(f"liteorm check: {problem}", file=sys.stderr)
        return 2
    # As `python -m` does: modules of the working directory can be named.
    sys.path.insert(0, os.getcwd())
    try:
        subjects = collect(arguments.modules)
    except ImportError as error:
        print(f"liteorm check: a module cannot be imported: {error}", file=sys.stderr)
        return 2
    with _answers(arguments) as answers:
        findings = check_all(answers, subjects)
        if isinstance(answers, RecordingAnswers):
            answers.remove_others()
    _show(arguments.format, subjects, findings)
    wrong = [f for f in findings if f.level == "error" or arguments.strict]
    return 1 if wrong else 0


def _misused(arguments: argparse.Namespace) -> str | None:
    if arguments.frozen is not None:
        if arguments.write is not None:
            return "--frozen reads descriptions and --write writes them: give one of the two"
        if not arguments.frozen.is_dir():
            return f"there is no folder {arguments.frozen}; make it with liteorm check --write"
        return None
    if arguments.schema is None and not arguments.dsn:
        return "give --dsn, --schema or --frozen: statements are checked against a schema"
    if arguments.schema is not None and not arguments.schema.exists():
        return f"there is no {arguments.schema}"
    return None


@contextmanager
def _answers(arguments: argparse.Namespace) -> Generator[Answers]:
    if arguments.frozen is not None:
        yield FileAnswers(arguments.frozen)
        return
    with _dsn(arguments) as dsn, postgres.open(dsn, application_name="liteorm-check") as db:
        live = LiveAnswers(db)
        yield live if arguments.write is None else RecordingAnswers(live, arguments.write)


@contextmanager
def _dsn(arguments: argparse.Namespace) -> Generator[str]:
    if arguments.schema is None:
        yield arguments.dsn
        return
    from liteorm_testing import database, server

    with server(kind=arguments.server) as started, database(started, arguments.schema) as made:
        yield made.dsn


def _show(form: str, subjects: Sequence[Subject], findings: Sequence[Finding]) -> None:
    if form == "json":
        print(json_text(subjects, findings))
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
        where = Text(f"{subject.name}\n").append(
            f"{relative(subject.file)}:{subject.line}", style="dim"
        )
        what = Text(finding.level, style=styles[finding.level]).append(
            f": {finding.message}", style="default"
        )
        if finding.hint:
            what.append(f"\n{finding.hint}", style="cyan")
        table.add_row(where, what)
    return table
