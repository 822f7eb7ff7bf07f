"""Run every python block of README.md and docs/ against a real server.

How a page is written so that it can be run:

- The blocks of one page run in order, in one module, on a fresh database; ``dsn`` holds its
  address. ``await`` may stand at the top level: the page has one event loop.
- The working directory is an empty folder of the page's own, importable. Pools left open in the
  page's names are closed at its end.
- A comment on the line before a block says what is special about it:

  ``<!-- raises: ScanError -->``   the block must end in this exception
  ``<!-- output -->``              a text block: what the block before it printed, and, if it
                                   raised, ``ScanError: message`` as a traceback ends with
  ``<!-- file: app/models.py -->`` a block of any language: written to that file, not run; a
                                   file called ``test_*.py`` is run by pytest at the page's end
  ``<!-- file: test_x.py, with asyncpg -->``  only where this package or program is installed
  ``<!-- since 3.14 -->``          run from this Python on
  ``<!-- with asyncpg -->``        run only where this package or program is installed

- ``<!-- setup`` … ``-->`` around lines of Python is run like a block and is not shown.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import importlib.util
import inspect
import io
import os
import re
import shutil
import subprocess
import sys
import textwrap
import types
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

FENCE = re.compile(
    r"(?:^[ ]*<!--[ ](?P<mark>\w+:?[^\n]*?)[ ]-->\n\s*?)?"
    r"^(?P<indent>[ ]*)```[ ]*(?P<language>\w+)[^\n]*\n(?P<body>.*?)^(?P=indent)```[ ]*$"
    r"|^[ ]*<!--[ ]setup\n(?P<setup>.*?)^[ ]*-->",
    re.MULTILINE | re.DOTALL,
)


# Of a python block that is run.
MARKS = ("", "raises", "since", "with")


@attrs.frozen
class Block:
    """A fenced block or a hidden setup of a page."""

    language: str
    text: str
    line: int
    mark: str
    argument: str


def blocks(page: Path) -> Iterator[Block]:
    """Yield what a page has to run, write or compare, in order."""
    text = page.read_text("utf-8")
    for found in FENCE.finditer(text):
        group = "body" if found["setup"] is None else "setup"
        mark, _, argument = (found["mark"] or "").replace(":", "").partition(" ")
        yield Block(
            language=found["language"] or "python",
            text=textwrap.dedent(found[group]),
            line=text.count("\n", 0, found.start(group)),
            mark=mark,
            argument=argument.strip(),
        )


def run_block(block: Block, page: Path, module: types.ModuleType, runner: asyncio.Runner) -> str:
    """Run one block; the result is what it printed, with the last lines of its traceback."""
    printed = io.StringIO()
    # Blank lines before the code make a traceback point into the page.
    code = compile(
        "\n" * block.line + block.text,
        str(page),
        "exec",
        flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
        dont_inherit=True,
    )
    try:
        with contextlib.redirect_stdout(printed):
            if code.co_flags & inspect.CO_COROUTINE:
                runner.run(eval(code, module.__dict__))
            else:
                exec(code, module.__dict__)
    except Exception as error:
        if block.mark != "raises" or block.argument not in {c.__name__ for c in type(error).mro()}:
            raise
        printed.write(
            "\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", [])])
        )
    else:
        assert block.mark != "raises", f"{page.name}:{block.line}: no {block.argument} was raised"
    return printed.getvalue()


def close_pools(module: types.ModuleType, runner: asyncio.Runner) -> None:
    """Close every session that a page left open in its names."""
    from liteorm.postgres import DB, AsyncDB

    for value in list(vars(module).values()):
        if isinstance(value, AsyncDB):
            runner.run(value.close())
        elif isinstance(value, DB):
            value.close()


def run_test_files(folder: Path, dsn: str) -> None:
    """Run the test files that a page wrote, with the plugin loaded as it is for its users."""
    if not any(folder.rglob("test_*.py")):
        return
    (folder / "pytest.ini").write_text("[pytest]\n")
    environment = {**os.environ, "LITEORM_SERVER": dsn}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "liteorm_testing.plugin", str(folder)]
    run = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def is_installed(name: str) -> bool:
    """Tell whether there is a package or a program of this name."""
    return importlib.util.find_spec(name) is not None or shutil.which(name) is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_runs(
    page: Path,
    liteorm_database: object,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every python block of a page runs, raises and prints what the page says."""
    dsn: str = liteorm_database.dsn  # type: ignore[attr-defined]
    module = types.ModuleType(f"page_{page.stem.replace('-', '_')}")
    module.__dict__["dsn"] = dsn
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.chdir(tmp_path)
    # A page may start Python itself; a bare checkout is importable there as well.
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    known_modules = set(sys.modules)
    printed: str | None = ""  # None after a block that was left out
    with asyncio.Runner() as runner:
        try:
            for block in blocks(page):
                if block.mark == "output":
                    assert printed is None or printed.strip() == block.text.strip(), (
                        f"{page.name}:{block.line}"
                    )
                elif block.mark == "file":
                    name, _, package = block.argument.partition(", with ")
                    if package and not is_installed(package):
                        continue
                    path = tmp_path / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(block.text, "utf-8")
                elif block.language == "python" and block.mark in MARKS:
                    if block.mark == "with" and not is_installed(block.argument):
                        printed = None
                        continue
                    since = block.argument.split(".") if block.mark == "since" else ["3"]
                    if sys.version_info >= tuple(map(int, since)):
                        printed = run_block(block, page, module, runner)
                else:
                    assert block.language != "python", f"{page.name}:{block.line}: {block.mark}?"
        finally:
            close_pools(module, runner)
            for name in set(sys.modules) - known_modules:
                if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
                    del sys.modules[name]
    run_test_files(tmp_path, dsn)
