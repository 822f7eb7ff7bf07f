"""Which modules have stubs of ours, and where these are."""

from __future__ import annotations

import ast
from pathlib import Path
from types import ModuleType
from typing import Final

from liteorm._core.statements.files import Statements

HEADER: Final = (
    "# Written by `liteorm stubs`: run it again after a change of the SQL or the module.\n"
)


def loads(module: ModuleType) -> dict[str, Statements]:
    """Return what a module has loaded, by the names it is bound to."""
    return {
        name: value for name, value in vars(module).items() if issubclass(type(value), Statements)
    }


def stub_path(module: ModuleType) -> Path | None:
    """Return where a module's stub belongs, None if it is in no file."""
    file = getattr(module, "__file__", None)
    return Path(file).with_suffix(".pyi") if file else None


def meaning_of(stub: str) -> list[str]:
    """Return what a stub says, however a formatter and a sorter of imports have laid it out."""
    try:
        body = ast.parse(stub).body
    except SyntaxError:
        return [stub]
    said: list[str] = []
    imported: list[str] = []
    for line in body:
        if isinstance(line, (ast.Import, ast.ImportFrom)):
            source = line.module if isinstance(line, ast.ImportFrom) else None
            imported += [f"{source} {name.name} {name.asname}" for name in line.names]
        else:
            said.append(ast.dump(line))
    return [*sorted(imported), *said]
