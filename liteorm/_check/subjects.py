"""What there is to check in some modules: statements, classes with a table, constraint names."""

from __future__ import annotations

import gc
import importlib
import inspect
import os
import pkgutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any, Literal

import attrs

from liteorm._core.models.classes import Table
from liteorm._core.statements.statement import Statement, declared_in
from liteorm.errors import IntegrityError

_TABLE = "__liteorm_table__"


@attrs.frozen
class Subject:
    """One thing to check, and where it is written."""

    kind: Literal["statement", "table", "constraint"]
    name: str
    module: str
    file: str
    line: int
    item: Any = attrs.field(repr=False, eq=False)

    @property
    def where(self) -> str:
        """File and line, as tools that jump to them expect."""
        return f"{relative(self.file)}:{self.line}"


def relative(path: str) -> str:
    """Return a path as seen from the working directory, if it is below it."""
    try:
        inside = os.path.relpath(path)
    except ValueError:
        return path
    return path if inside.startswith("..") else inside


def collect(modules: Iterable[ModuleType | str]) -> list[Subject]:
    """Import modules, packages with all that is in them, and return what they declare.

    Raises:
        ImportError: One cannot be imported.
    """
    found: list[Subject] = []
    seen: set[str] = set()
    for module in modules:
        for one in _with_submodules(_imported(module)):
            if one.__name__ not in seen:
                seen.add(one.__name__)
                found += _statements(one)
                found += _tables(one)
                found += _constraints(one)
    return found


def _imported(module: ModuleType | str) -> ModuleType:
    return importlib.import_module(module) if isinstance(module, str) else module


def _with_submodules(module: ModuleType) -> Iterator[ModuleType]:
    yield module
    for info in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{module.__name__}."):
        # A program's __main__ runs the program when it is imported.
        if not info.name.endswith(".__main__"):
            yield importlib.import_module(info.name)


def _statements(module: ModuleType) -> Iterator[Subject]:
    # The registry holds statements weakly; one in a reference cycle may still be waiting there.
    gc.collect()
    names = {id(item): name for name, item in _bound(vars(module))}
    for item in declared_in(module.__name__):
        name = item.name or names.get(id(item)) or f"statement in line {item.line}"
        yield Subject("statement", name, module.__name__, item.file, item.line, item)


def _bound(namespace: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield statements with the names they are bound to, in a module and in its classes."""
    for name, value in list(namespace.items()):
        if isinstance(value, Statement):
            yield name, value
        elif inspect.isclass(value) and value.__module__ == namespace.get("__name__"):
            for inner, item in list(vars(value).items()):
                if isinstance(item, Statement):
                    yield f"{name}.{inner}", item


def _tables(module: ModuleType) -> Iterator[Subject]:
    for value in list(vars(module).values()):
        if not inspect.isclass(value) or value.__module__ != module.__name__:
            continue
        if isinstance(vars(value).get(_TABLE), Table):
            try:
                line = inspect.getsourcelines(value)[1]
            except (OSError, TypeError):
                line = 1
            yield Subject("table", value.__qualname__, module.__name__, _file(module), line, value)


def _constraints(module: ModuleType) -> Iterator[Subject]:
    for name, value in list(vars(module).items()):
        if not _is_dict(value) or name.startswith("__") or not value:
            continue
        pairs: list[tuple[Any, Any]] = list(value.items())
        if all(isinstance(key, str) and _is_violation(cls) for key, cls in pairs):
            line = _line_of(module, name)
            for key, cls in pairs:
                yield Subject("constraint", key, module.__name__, _file(module), line, (key, cls))


def _is_dict(value: object) -> bool:
    return isinstance(value, dict)


def _is_violation(value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, IntegrityError)


def _line_of(module: ModuleType, name: str) -> int:
    try:
        lines = inspect.getsource(module).splitlines()
    except (OSError, TypeError):
        return 1
    for number, line in enumerate(lines, 1):
        if line.startswith(name) and line[len(name) :].lstrip()[:1] in ("=", ":"):
            return number
    return 1


def _file(module: ModuleType) -> str:
    return getattr(module, "__file__", None) or sys.executable
