"""`liteorm stubs`: typed functions for the statements that modules load from .sql files."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from liteorm._check import Answers, FileAnswers, LiveAnswers, custom_types, modules_of
from liteorm._check.stubfiles import HEADER, loads, stub_path
from liteorm._check.stubs import stub_of, undeclared
from liteorm._cli.asking import add_sources, database_of, dsn_of, misused_modules, misused_sources


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `liteorm stubs`."""
    parser.add_argument(
        "modules", nargs="+", metavar="MODULE", help="module or package that calls liteorm.load"
    )
    add_sources(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the stubs."""
    sys.path.insert(0, os.getcwd())
    if problem := misused_modules(arguments.modules) or misused_sources(arguments):
        return _refused(problem)
    try:
        modules = [module for module in modules_of(arguments.modules) if loads(module)]
    except ImportError as error:
        return _refused(f"a module cannot be imported: {error}")
    if not modules:
        return _refused(f"no module of {', '.join(arguments.modules)} calls liteorm.load")
    open_ = [
        f"{module.__name__}.{name}" for module in modules for name in undeclared(loads(module))
    ]
    sources = (dsn_of(arguments), arguments.schema, arguments.frozen)
    if open_ and not any(sources):
        return _refused(
            f"the parameters of {open_[0]} have no declared types: give --dsn, --schema or"
            " --frozen, or a -- params: line"
        )
    for module in modules:
        path = stub_path(module)
        if path is not None and path.exists() and not _is_ours(path):
            return _refused(f"{path} is there already, and was not written by liteorm stubs")
    with _answers(arguments, needed=bool(open_)) as answers:
        for module in modules:
            path = stub_path(module)
            assert path is not None
            text = stub_of(module, answers)
            same = path.exists() and path.read_text(encoding="utf-8") == text
            if not same:
                path.write_text(text, encoding="utf-8")
            print(f"{os.path.relpath(path)}: {'unchanged' if same else 'written'}", file=sys.stderr)
    return 0


def _refused(problem: str) -> int:
    print(f"liteorm stubs: {problem}", file=sys.stderr)
    return 2


def _is_ours(path: Path) -> bool:
    return path.read_text(encoding="utf-8").startswith(HEADER)


@contextmanager
def _answers(arguments: argparse.Namespace, *, needed: bool) -> Generator[Answers | None]:
    types = custom_types(arguments.modules)
    if not needed:
        yield None
    elif arguments.frozen is not None:
        yield FileAnswers(arguments.frozen, types)
    else:
        with database_of(arguments, types) as db:
            yield LiveAnswers(db)
