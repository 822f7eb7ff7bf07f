"""The names by which a module holds its statements, and the lines that bind them."""

from __future__ import annotations

import ast
import collections
import contextlib
import enum
import functools
import inspect
import os
import re
import sys
import sysconfig
import types
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final, cast

from liteorm._core.statements.statement import Command

_DEEPEST: Final = 10
"""How many things may stand inside each other."""
_PLAIN: Final = frozenset({type(None), bool, bytes, complex, float, int, str, ModuleType})
_MAPPINGS: Final = (dict, types.MappingProxyType, collections.ChainMap, collections.UserDict)
_SEQUENCES: Final = (list, tuple, collections.deque, collections.UserList)
_REMEMBERING: Final = type(functools.cache(len))
NOT_THE_USERS: Final = (
    *{sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")},
    str(Path(__file__).parent.parent) + os.sep,
)
"""Where code is that is not the user's: Python's, that of libraries, and liteorm's own."""
_NAME: Final = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")


class Scope:
    """A module, the names in it, and those that its own text assigns."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.name = module.__name__
        self.bound = dict(bound_in(module))

    @functools.cached_property
    def file(self) -> str:
        """The module's file."""
        return getattr(self.module, "__file__", None) or sys.executable

    @functools.cached_property
    def _tree(self) -> ast.Module | None:
        try:
            return ast.parse(inspect.getsource(self.module))
        except (OSError, TypeError, SyntaxError):
            return None

    @functools.cached_property
    def assigned(self) -> dict[str, tuple[int, int]] | None:
        """First and last line for each name assigned, not imported; None without a source."""
        return None if self._tree is None else dict(_assigned(self._tree.body, ""))

    @functools.cached_property
    def _helpers(self) -> set[int]:
        """The lines inside functions."""
        found: set[int] = set()
        for node in ast.walk(self._tree or ast.Module([], [])):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found.update(range(node.body[0].lineno, (node.end_lineno or 0) + 1))
            elif isinstance(node, ast.Lambda):
                found.update(range(node.lineno, (node.end_lineno or 0) + 1))
        return found

    def line_of(self, name: str) -> int | None:
        """Return the line that assigns a name, None where it comes from elsewhere."""
        if self.assigned is None:
            return 1
        span = self._span(name)
        return None if span is None else span[0]

    def import_of(self, name: str) -> int | None:
        """Return the line that imports a name, or what it begins with; None where none does."""
        first = _NAME.match(name)
        name = first[0].partition(".")[0] if first else name
        for node in ast.walk(self._tree or ast.Module([], [])):
            if isinstance(node, ast.Import | ast.ImportFrom):
                for alias in node.names:
                    if name == (alias.asname or alias.name) or alias.name == "*":
                        return node.lineno
        return None

    def line_for(self, name: str, item: Command) -> int:
        """Return the line of a statement of this module: where it is bound, if a helper made it."""
        made_here = item.file != self.file or item.line not in self._helpers
        span = None if made_here else self._span(name)
        return item.line if span is None or span[0] <= item.line <= span[1] else span[0]

    def _span(self, name: str) -> tuple[int, int] | None:
        match = _NAME.match(name)
        known = match[0] if match else name
        assigned = self.assigned or {}
        while known not in assigned and "." in known:
            known = known.rpartition(".")[0]
        return assigned.get(known)


def _assigned(body: Iterable[ast.AST], prefix: str) -> Iterator[tuple[str, tuple[int, int]]]:
    for node in body:
        first, last = getattr(node, "lineno", 1), getattr(node, "end_lineno", None) or 1
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                first = node.decorator_list[0].lineno if node.decorator_list else first
                yield prefix + node.name, (first, last)
            case ast.ClassDef(name=name, body=inside):
                yield prefix + name, (first, last)
                yield from _assigned(inside, f"{prefix}{name}.")
            case ast.AnnAssign(value=None) | ast.Import() | ast.ImportFrom():
                pass
            case _:
                inner: list[ast.AST] = []
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
                        inner.append(child)
                    else:
                        yield from ((prefix + name, (first, last)) for name in _stored(child))
                yield from _assigned(inner, prefix)


def _stored(node: ast.AST) -> Iterator[str]:
    """Yield the names that an expression or a target binds."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            yield inner.id


def bound_in(module: ModuleType) -> Iterator[tuple[str, Command]]:
    """Yield statements with the names by which a module holds them, the shortest first.

    Those are its own, those of its classes and objects, of containers, of what functions have as
    defaults and closures, of bound methods and partial calls.
    """
    held: list[tuple[str, Any]] = [
        (name, value)
        for name, value in list(vars(module).items())
        if is_a(value, Command) or not name.startswith("__")
    ]
    seen: dict[int, Any] = {}
    for _ in range(_DEEPEST):
        inside: list[tuple[str, Any]] = []
        for name, value in held:
            if is_a(value, Command):
                yield name, value
            elif type(value) not in _PLAIN and id(value) not in seen:
                seen[id(value)] = value  # kept, so that no other object gets its id
                inside += _parts(name, value, module.__name__)
        held = inside


def is_a(value: Any, kind: type | tuple[type, ...]) -> bool:
    """Tell whether a value is of a class, by its type alone: a proxy's `__class__` may raise."""
    return issubclass(cast("type[Any]", type(value)), kind)


def _parts(name: str, value: Any, module: str) -> Iterator[tuple[str, Any]]:
    """Yield what a value holds, each by its name."""
    kind = cast("type[Any]", type(value))
    if is_a(value, _MAPPINGS):
        pairs = [pair for pair in _pairs(value) if type(pair[1]) not in _PLAIN]
        yield from ((f"{name}[{_shown(key)}]", item) for key, item in pairs)
    elif is_a(value, _SEQUENCES):
        items = enumerate(_items(value))
        yield from ((f"{name}[{n}]", item) for n, item in items if type(item) not in _PLAIN)
    elif is_a(value, (set, frozenset)):
        held = [item for item in cast("set[Any]", value) if is_a(item, Command)]
        held.sort(key=lambda item: (item.file, item.line, item.sql))
        yield from ((f"{name}{{{n}}}", item) for n, item in enumerate(held))
    elif is_a(value, (functools.partial, functools.partialmethod)):
        call = cast("functools.partial[Any]", value)
        yield name, call.func
        yield from ((f"{name}({n})", item) for n, item in enumerate(call.args))
        yield from ((f"{name}({key})", item) for key, item in call.keywords.items())
    elif is_a(value, property):
        yield name, value.fget
    elif is_a(value, functools.cached_property):
        yield name, cast("functools.cached_property[Any]", value).func
    elif kind is types.MethodType:
        yield name, value.__self__
    elif kind is _REMEMBERING:
        yield name, value.__wrapped__
    elif kind is types.FunctionType:
        if _is_made_in(value, module):
            yield from _in_function(name, value)
    elif is_a(value, type):
        if _is_made_in(value, module):
            yield from _in_class(name, value)
    elif kind is types.SimpleNamespace or kind.__module__ == module or _is_users(kind):
        yield from ((f"{name}.{inner}", item) for inner, item in _attributes(value).items())
        for inner, slot in _slots(kind):
            with contextlib.suppress(AttributeError):  # nothing is in it
                yield f"{name}.{inner}", slot.__get__(value)


def _pairs(value: Any) -> list[tuple[Any, Any]]:
    """Return what is in a mapping, whatever its class makes of it."""
    if is_a(value, dict):
        return list(cast("Any", dict).items(value))
    if is_a(value, collections.ChainMap):
        return [pair for each in reversed(value.maps) if is_a(each, dict) for pair in _pairs(each)]
    return _pairs(value.data) if is_a(value, collections.UserDict) else list(value.items())


def _items(value: Any) -> list[Any]:
    value = value.data if is_a(value, collections.UserList) else value
    kind: Any = next(each for each in _SEQUENCES if is_a(value, each))
    return list(kind.__iter__(value))


def _shown(key: Any) -> str:
    """Return a key as a name shows it."""
    try:
        return repr(key)
    except Exception:  # a class of the user's may raise anything there
        return f"<{type(key).__name__}>"


def _attributes(value: Any) -> dict[str, Any]:
    try:
        return dict(object.__getattribute__(value, "__dict__"))
    except AttributeError:
        return {}


def _is_made_in(value: types.FunctionType | type, module: str) -> bool:
    """Tell whether a module has defined a function or class, or had it made for itself."""
    return value.__module__ == module or "<locals>" in value.__qualname__


def _is_users(kind: type) -> bool:
    """Tell whether a class is of the user's code: the objects of libraries are not looked into."""
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return file is not None and not str(file).startswith(NOT_THE_USERS)


def _slots(cls: type) -> list[tuple[str, types.MemberDescriptorType]]:
    return [
        (name, item)
        for base in cls.__mro__
        for name, item in list(vars(base).items())
        if type(item) is types.MemberDescriptorType and not name.startswith("__")
    ]


def _in_function(name: str, function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    code = function.__code__
    defaults = function.__defaults__ or ()
    given = code.co_varnames[: code.co_argcount][code.co_argcount - len(defaults) :]
    pairs = {**dict(zip(given, defaults, strict=True)), **(function.__kwdefaults__ or {})}
    yield from ((f"{name}({inner})", item) for inner, item in pairs.items())
    for inner, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield f"{name}({inner})", cell.cell_contents
        except ValueError:
            continue  # nothing is in it yet
    attributes = list(vars(function).items())
    yield from ((f"{name}.{key}", item) for key, item in attributes if key != "__wrapped__")


def _in_class(name: str, cls: type) -> Iterator[tuple[str, Any]]:
    own_words = "__"
    if issubclass(cls, enum.Enum):
        members = list(cls.__members__.items())
        yield from ((f"{name}.{inner}", member._value_) for inner, member in members)
        own_words = "_"  # what the members are kept in
    attributes: dict[str, Any] = dict(vars(cast("type", cls)))
    for inner, item in attributes.items():
        if inner == "__attrs_attrs__":
            yield from ((f"{name}.{field.name}", field.default) for field in item)
        elif inner == "__dataclass_fields__":
            yield from ((f"{name}.{key}", field.default) for key, field in item.items())
        elif not inner.startswith(own_words):
            is_static = is_a(item, (staticmethod, classmethod))
            held: Any = item.__func__ if is_static else item
            yield f"{name}.{inner}", held
