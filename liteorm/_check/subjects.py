"""What there is to check in some modules: statements, classes with a table, constraint names."""

from __future__ import annotations

import gc
import importlib
import inspect
import os
import pkgutil
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from types import ModuleType
from typing import Any, Literal, cast

import attrs

from liteorm._check.bindings import NOT_THE_USERS, Scope, bound_in, is_a
from liteorm._check.stubfiles import HEADER, loads, stub_path
from liteorm._core.models.model import Table
from liteorm._core.statements.statement import Command, declared_in
from liteorm.errors import IntegrityError
from liteorm.postgres import CustomType

_TABLE = "__liteorm_table__"


@attrs.frozen
class Subject:
    """One thing to check, and where it is written."""

    kind: Literal["statement", "table", "constraint", "stub"]
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

    A statement that a helper function made belongs to the module that binds it to a name.

    Raises:
        ImportError: One cannot be imported, or raised an exception when it was.
    """
    scopes = [Scope(module) for module in modules_of(modules)]
    statements = _statements(scopes)
    constraints = _constraints(scopes)
    return [
        subject
        for scope in scopes
        for subject in (
            *statements.get(scope.name, ()),
            *_tables(scope.module),
            *constraints.get(scope.name, ()),
            *_stubs(scope.module),
        )
    ]


def _stubs(module: ModuleType) -> Iterator[Subject]:
    """Yield the stub of a module that loads statements, if `liteorm stubs` wrote one."""
    path = stub_path(module)
    there = path is not None and loads(module) and path.exists()
    if there and path is not None and path.read_text(encoding="utf-8").startswith(HEADER):
        yield Subject("stub", module.__name__, module.__name__, str(path), 1, module)


def custom_types(modules: Iterable[ModuleType | str]) -> list[CustomType]:
    """Import modules, and return the types of PostgreSQL that they declare."""
    found: dict[int, CustomType] = {}
    for module in modules:
        for one in _with_submodules(_imported(module)):
            for value in vars(one).values():
                values: Any = value if type(value) in (list, tuple) else (value,)
                found.update({id(item): item for item in values if is_a(item, CustomType)})
    return list(found.values())


def modules_of(modules: Iterable[ModuleType | str]) -> list[ModuleType]:
    """Import modules, packages with all that is in them; each is there once.

    Raises:
        ImportError: One cannot be imported, or raised an exception when it was.
    """
    found: dict[str, ModuleType] = {}
    for module in modules:
        for one in _with_submodules(_imported(module)):
            found.setdefault(one.__name__, one)
    return list(found.values())


def _imported(module: ModuleType | str) -> ModuleType:
    if isinstance(module, ModuleType):
        return module
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            raise
        raise ImportError(f"{module} imports {error.name}, which is not installed") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also pytest's Skipped, and what else is no Exception
        raise ImportError(_raised(module, error)) from error


def _raised(module: str, error: BaseException) -> str:
    """Return in one sentence what a module raised when it was imported."""
    frames = traceback.extract_tb(error.__traceback__)
    # The first is this module's.
    files = [frame for frame in frames[1:] if not frame.filename.startswith("<")]
    own = [frame for frame in files if not frame.filename.startswith(NOT_THE_USERS)]
    place = f" ({relative(own[-1].filename)}:{own[-1].lineno})" if own else ""
    said = str(error)
    if isinstance(error, SyntaxError) and error.filename:
        said, place = error.msg, f" ({relative(error.filename)}:{error.lineno})"
    lines = said.strip().splitlines()
    text = f": {lines[0]}" if lines else ""
    return f"{module} raised {type(error).__name__}{text}{place}"


def _with_submodules(module: ModuleType) -> Iterator[ModuleType]:
    yield module
    path = getattr(module, "__path__", ())
    # What fails is imported again below, and says why.
    for info in pkgutil.walk_packages(path, f"{module.__name__}.", onerror=lambda name: None):
        # A program's __main__ runs the program when it is imported.
        if not info.name.endswith(".__main__"):
            yield _imported(info.name)


def _statements(scopes: Sequence[Scope]) -> dict[str, list[Subject]]:
    """Return the statements of each module."""
    pairs = [(scope, name, item) for scope in scopes for name, item in scope.bound.items()]
    # The name of its own counts, not what holds it.
    pairs.sort(key=lambda pair: not pair[1].replace(".", "").isidentifier())
    names = {id(item): (scope, name) for scope, name, item in reversed(pairs)}
    names |= {
        id(item): (scope, name)
        for scope, name, item in reversed(pairs)
        if item.module != scope.name and scope.line_of(name) is not None
    }
    names |= {
        id(item): (scope, n) for scope, n, item in reversed(pairs) if item.module == scope.name
    }
    declared = {item for scope in scopes for item in declared_in(scope.name)}
    loaded = {
        id(item)
        for scope in scopes
        for each in loads(scope.module).values()
        for item in each.values()
    }
    if any(id(item) not in names and id(item) not in loaded for item in declared):
        # The registry holds statements weakly; one in a reference cycle may be waiting there.
        del declared
        gc.collect()
        declared = {item for scope in scopes for item in declared_in(scope.name)}
    found: dict[str, list[Subject]] = {}
    for item in declared:
        scope, name = names.get(id(item), (None, ""))
        if scope is None or scope.name == item.module:
            name = item.name or name or f"statement in line {item.line}"
            line = item.line if scope is None else scope.line_for(names[id(item)][1], item)
            subject = Subject("statement", name, item.module, item.file, line, item)
            found.setdefault(item.module, []).append(subject)
    for scope, name in names.values():
        item = scope.bound[name]
        if item.module != scope.name and (item in declared or not _is_bound_at_home(item)):
            line = scope.line_of(name)
            if line is None and scope.import_of(name) is not None:
                continue  # importing it is not declaring it
            line = line or 1
            subject = Subject("statement", item.name or name, scope.name, scope.file, line, item)
            found.setdefault(scope.name, []).append(subject)
    for subjects in found.values():
        subjects.sort(key=lambda subject: (subject.file, subject.line))
    return found


def _is_bound_at_home(item: Command) -> bool:
    """Tell whether the module that made a statement has a name for it."""
    home = sys.modules.get(item.module)
    return home is not None and any(other is item for _, other in bound_in(home))


def _tables(module: ModuleType) -> Iterator[Subject]:
    file = getattr(module, "__file__", None) or sys.executable
    for cls in dict.fromkeys(_classes(module, module.__name__)):
        if isinstance(vars(cls).get(_TABLE), Table):
            try:
                line = inspect.getsourcelines(cls)[1]
            except (OSError, TypeError):
                line = 1
            yield Subject("table", cls.__qualname__, module.__name__, file, line, cls)


def _classes(holder: ModuleType | type, module: str) -> Iterator[type]:
    """Yield a module's own classes, and those inside them."""
    for value in list(vars(holder).values()):
        if is_a(value, type) and value.__module__ == module and value is not holder:
            yield value
            if value.__qualname__.startswith(getattr(holder, "__qualname__", "")):
                yield from _classes(value, module)


def _constraints(scopes: Sequence[Scope]) -> dict[str, list[Subject]]:
    """Return the constraint names of each module; a dict counts where it is written."""
    homes: dict[int, tuple[Scope, str, int | None]] = {}
    for scope in scopes:
        for name, value in list(vars(scope.module).items()):
            if _is_constraint_dict(name, value):
                line = scope.line_of(name)
                if id(value) not in homes or homes[id(value)][2] is None:
                    homes[id(value)] = (scope, name, line)
    found: dict[str, list[Subject]] = {}
    for scope, name, line in homes.values():
        for key, cls in vars(scope.module)[name].items():
            at = line or scope.import_of(name) or 1
            subject = Subject("constraint", key, scope.name, scope.file, at, (key, cls))
            found.setdefault(scope.name, []).append(subject)
    return found


def _is_constraint_dict(name: str, value: Any) -> bool:
    if type(value) is not dict or name.startswith("__"):
        return False
    pairs = cast("dict[Any, Any]", value).items()
    return bool(pairs) and all(isinstance(k, str) and _is_violation(cls) for k, cls in pairs)


def _is_violation(value: object) -> bool:
    return is_a(value, type) and issubclass(cast("type", value), IntegrityError)
