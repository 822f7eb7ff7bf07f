"""Stubs of modules that load statements from .sql files: a typed function for each statement."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, Final, Literal, Union, get_args, get_origin

import attrs

from liteorm._check.answers import Answer, Answers, Query
from liteorm._check.modulestubs import Block, is_needed, own_text, sorted_imports, spaced
from liteorm._check.parameters import Declared, declared_of
from liteorm._check.stubfiles import HEADER, loads
from liteorm._core.scanning.types import PgType, python_name, underlying
from liteorm._core.statements.files import LoadedStatement, Statements
from liteorm.errors import ModelError

_OWN: Final = ("collections.abc", "contextlib", "typing")
_WIDTH: Final = 88
_METHODS: Final = {
    "all": "list[{}]",
    "one": "{}",
    "optional": "{} | None",
}


@attrs.frozen
class _Parameter:
    name: str
    annotation: str


def stub_of(module: ModuleType, answers: Answers | None) -> str:
    """Return the stub of a module.

    Args:
        module: A module that has loaded statements.
        answers: What says the types of parameters that are not declared; None: nothing does.
    """
    spelling = _Spelling(module)
    found = loads(module)
    items = [item for each in found.values() for item in each.values()]
    described = _described(items, answers)
    imports, blocks = own_text(module, {name: _class_name(name, "") for name in found})
    for name, statements in found.items():
        inner: list[str] = []
        for item in statements.values():
            inner.append(_class_name(name, item.name or ""))
            parameters = list(_parameters(item, described.get(id(item), {}), spelling))
            lines = list(_statement_class(inner[-1], item, parameters, spelling))
            blocks.append(Block("class", lines))
        blocks.append(Block("class", list(_loaded_class(_class_name(name, ""), statements, inner))))
    body = spaced(blocks)
    imports = {line for line in imports if is_needed(line, body)}
    imports |= {
        f"import {name}"
        for name in (*_OWN, *spelling.modules)
        if f"{name}." in body and f"import {name} as {name}" not in imports
    }
    return f"{HEADER}\n{sorted_imports(imports)}\n{body}\n"


def undeclared(statements: Mapping[str, Statements]) -> list[str]:
    """Return the statements whose parameters only a server can tell the types of."""
    return [
        item.name or ""
        for each in statements.values()
        for item in each.values()
        if item.params is None and any(variant.names for variant in item.variants())
    ]


def _class_name(name: str, statement: str) -> str:
    words = re.split(r"_+", f"{name}_{statement}")
    return "_" + "".join(word[:1].upper() + word[1:] for word in words if word)


# What the server says


def _described(
    items: Sequence[LoadedStatement], answers: Answers | None
) -> dict[int, dict[str, PgType]]:
    """Return the types of the parameters of statements that declare none, by name or number."""
    if answers is None:
        return {}
    asked = [
        (item, variant)
        for item in items
        if item.params is None
        for variant in item.variants()
        if "%" in variant.sql
    ]
    queries = [Query(variant.sql) for _, variant in asked]
    found: dict[int, dict[str, PgType]] = {}
    for (item, _), answer in zip(asked, answers.statements(queries) if asked else (), strict=True):
        if isinstance(answer, Answer):
            names = answer.shape.names or [str(n) for n in range(len(answer.parameters))]
            types_ = found.setdefault(id(item), {})
            for name, type_ in zip(names, answer.parameters, strict=True):
                types_.setdefault(name, type_)
    return found


def _parameters(
    item: LoadedStatement, described: Mapping[str, PgType], spelling: _Spelling
) -> Iterator[_Parameter]:
    try:
        declared = declared_of(item)
    except ModelError:
        declared = None
    annotations: dict[str, Declared] = {each.name: each for each in declared or ()}
    choices = item.choices
    sent = {name for variant in item.variants() for name in variant.names}
    if not item.names and declared is not None:
        for each in declared:
            yield _Parameter(each.name, spelling.of(each.hint.annotation))
        return
    for name in item.names or tuple(described):
        if name in choices:
            words = ", ".join(_quoted(word) for word in choices[name])
            yield _Parameter(name, f"typing.Literal[{words}]")
        elif name in annotations:
            yield _Parameter(name, spelling.of(annotations[name].hint.annotation))
        elif item.names and name not in sent:
            yield _Parameter(name, "bool")
        else:
            type_ = described.get(name)
            annotation = "typing.Any" if type_ is None else _of_type(type_, spelling)
            optional = "" if annotation == "typing.Any" else " | None"
            yield _Parameter(name if item.names else f"p{int(name) + 1}", annotation + optional)


def _quoted(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _of_type(type_: PgType, spelling: _Spelling) -> str:
    """Return the annotation of a parameter that the server expects."""
    base = underlying(type_)
    if base.kind == "array" and base.element is not None:
        return f"list[{_of_type(base.element, spelling)}]"
    if base.kind == "enum":
        return "str"
    if base.kind in ("range", "multirange") and base.element is not None:
        inner = base.element if base.kind == "range" else base.element.element or base.element
        name = "Range" if base.kind == "range" else "Multirange"
        return f"{spelling.liteorm}.{name}[{_of_type(inner, spelling)}]"
    if base.kind != "base" or not isinstance(base.python, type) or base.python is object:
        return "typing.Any"
    if python_name(base.python) in ("dict", "list"):
        return "typing.Any"
    return spelling.of(base.python)


# How types are written in the stub


class _Spelling:
    """Writes annotations with the names that a module has, or with whole paths."""

    def __init__(self, module: ModuleType) -> None:
        self._names = {
            id(value): name
            for name, value in vars(module).items()
            if isinstance(value, type) and name == value.__name__
        }
        self.modules: set[str] = set()

    @property
    def liteorm(self) -> str:
        """The package's name, which is imported."""
        self.modules.add("liteorm")
        return "liteorm"

    def of(self, annotation: Any) -> str:
        """Return an annotation as source text."""
        if annotation is None or annotation is types.NoneType:
            return "None"
        if annotation is Any or annotation is object:
            return "typing.Any" if annotation is Any else "object"
        if annotation is Ellipsis:
            return "..."
        if id(annotation) in self._names:
            return self._names[id(annotation)]
        origin, args = get_origin(annotation), get_args(annotation)
        if origin is typing.Annotated:
            return self.of(args[0])
        if origin in (Union, types.UnionType):
            return " | ".join(self.of(arg) for arg in args)
        if origin is Literal:
            return f"typing.Literal[{', '.join(self._literal(arg) for arg in args)}]"
        if origin is not None:
            inner = ", ".join(self.of(arg) for arg in args)
            return f"{self.of(origin)}[{inner}]" if inner else self.of(origin)
        if isinstance(annotation, type | typing.NewType):
            return self._path(annotation)
        return "typing.Any"

    def _literal(self, value: Any) -> str:
        if isinstance(value, str):
            return _quoted(value)
        return f"{self.of(type(value))}.{value.name}" if hasattr(value, "name") else repr(value)

    def _path(self, cls: Any) -> str:
        module, name = cls.__module__, getattr(cls, "__qualname__", cls.__name__)
        if module == "builtins":
            return str(name)
        if "<locals>" in name:
            return "typing.Any"
        if module.startswith("liteorm."):
            module = "liteorm"
        if module not in _OWN:
            self.modules.add(module)
        return f"{module}.{name}"


# The classes of statements


def _statement_class(
    name: str, item: LoadedStatement, parameters: Sequence[_Parameter], spelling: _Spelling
) -> Iterator[str]:
    yield f"class {name}:"
    if item.doc:
        yield f"    # {' '.join(item.doc.split())}"
    yield "    name: str"
    yield "    sql: str"
    yield "    doc: str"
    by_name = bool(item.names)
    model = spelling.of(item.model)
    kinds = ["execute"] if item.kind == "execute" else [*_METHODS, "iter", "execute"]
    for method, kind in (("__call__", item.kind), *((kind, kind) for kind in kinds)):
        result, later = _results(kind, model, spelling)
        for session, given in (("Session", result), ("AsyncSession", later)):
            yield "    @typing.overload"
            yield from _def(method, f"{spelling.liteorm}.{session}", parameters, by_name, given)


def _results(kind: str, model: str, spelling: _Spelling) -> tuple[str, str]:
    """Return what a call gives on a session, and on an async one."""
    if kind == "iter":
        inner = "collections.abc.{}Iterator[" + model + "]"
        return (
            f"contextlib.AbstractContextManager[{inner.format('')}]",
            f"contextlib.AbstractAsyncContextManager[{inner.format('Async')}]",
        )
    if kind == "execute":
        result = f"{spelling.liteorm}.Result"
    else:
        result = _METHODS[kind].format(model)
        if kind == "optional" and (model == "None" or model.endswith("| None")):
            result = model
    return result, f"collections.abc.Coroutine[typing.Any, typing.Any, {result}]"


def _def(
    name: str, session: str, parameters: Sequence[_Parameter], by_name: bool, result: str
) -> Iterator[str]:
    given = [f"{parameter.name}: {parameter.annotation}" for parameter in parameters]
    pieces = ["self", f"session: {session}"]
    pieces += ["/", *(["*"] if given else []), *given] if by_name or not given else [*given, "/"]
    line = f"    def {name}({', '.join(pieces)}) -> {result}: ..."
    if len(line) <= _WIDTH:
        yield line
        return
    inner = f"        {', '.join(pieces)}"
    yield f"    def {name}("
    if len(inner) <= _WIDTH:
        yield inner
    else:
        yield from (f"        {piece}," for piece in pieces)
    yield from _wrapped("    ) -> ", result, ": ...")


def _wrapped(before: str, text: str, after: str) -> Iterator[str]:
    """Yield a type in one line, or with what is in its brackets on lines of its own."""
    if len(before + text + after) <= _WIDTH or "[" not in text or not text.endswith("]"):
        yield f"{before}{text}{after}"
        return
    indent = " " * (len(before) - len(before.lstrip()))
    outer, _, inner = text[:-1].partition("[")
    yield f"{before}{outer}["
    parts = _arguments(inner)
    if len(parts) == 1:
        yield from _wrapped(f"{indent}    ", inner, "")
    elif len(indent) + 4 + len(inner) <= _WIDTH:
        yield f"{indent}    {inner}"
    else:
        for part in parts:
            yield from _wrapped(f"{indent}    ", part, ",")
    yield f"{indent}]{after}"


def _arguments(text: str) -> list[str]:
    """Split the arguments of a generic type."""
    found, depth = [""], 0
    for character in text:
        depth += (character == "[") - (character == "]")
        if character == "," and not depth:
            found.append("")
        else:
            found[-1] += character
    return [part.strip() for part in found]


def _loaded_class(name: str, statements: Statements, classes: Sequence[str]) -> Iterator[str]:
    yield f"class {name}(collections.abc.Mapping[str, typing.Any]):"
    for each, cls in zip(statements, classes, strict=True):
        yield f"    {each}: {cls}"
    yield "    def __getitem__(self, name: str) -> typing.Any: ..."
    yield "    def __iter__(self) -> collections.abc.Iterator[str]: ..."
    yield "    def __len__(self) -> int: ..."
