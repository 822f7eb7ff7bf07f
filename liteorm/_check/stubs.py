"""Stubs of modules that load statements from .sql files: a typed function for each statement."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal, Union, get_args, get_origin

import attrs

from liteorm._check.answers import Answer, Answers, Query
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
    imports, blocks = _own_text(module, {name: _class_name(name, "") for name in found})
    for name, statements in found.items():
        inner: list[str] = []
        for item in statements.values():
            inner.append(_class_name(name, item.name or ""))
            parameters = list(_parameters(item, described.get(id(item), {}), spelling))
            lines = list(_statement_class(inner[-1], item, parameters, spelling))
            blocks.append(Block("class", lines))
        blocks.append(Block("class", list(_loaded_class(_class_name(name, ""), statements, inner))))
    body = _spaced(blocks)
    imports |= {
        f"import {name}"
        for name in (*_OWN, *spelling.modules)
        if f"{name}." in body and f"import {name} as {name}" not in imports
    }
    return f"{HEADER}\n{_sorted(imports)}\n{body}\n"


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


# What else the module has


@attrs.frozen
class Block:
    """Lines that belong together, and what they are: an import, a class, a function or a name."""

    kind: Literal["class", "def", "name"]
    lines: list[str]


def _own_text(module: ModuleType, loaded: Mapping[str, str]) -> tuple[set[str], list[Block]]:
    """Return the module's own imports, and its other statements as a stub has them."""
    try:
        source = inspect.getsource(module)
    except (OSError, TypeError):
        return set(), [Block("name", [f"{name}: {cls}"]) for name, cls in loaded.items()]
    lines = source.splitlines()
    imports: set[str] = set()
    blocks: list[Block] = []
    for node in _flat(ast.parse(source).body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports |= set(_import(node))
        else:
            blocks += _stubbed(node, lines, loaded, vars(module))
    return imports, blocks


def _flat(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements, those for type checkers and of `try` too."""
    for node in body:
        typed = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if isinstance(node, ast.If | ast.Try) and (typed or isinstance(node, ast.Try)):
            yield from _flat(node.body)
        else:
            yield node


def _import(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """Yield imports so that others can import the names from here, as they can from the module."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            same = "." not in alias.name and alias.asname is None
            yield f"import {alias.name} as {alias.name}" if same else f"import {ast.unparse(alias)}"
    elif node.module != "__future__":
        origin = "." * node.level + (node.module or "")
        for alias in node.names:
            if alias.name == "*":
                yield f"from {origin} import *"
            else:
                yield f"from {origin} import {alias.name} as {alias.asname or alias.name}"


def _stubbed(
    node: ast.stmt, lines: list[str], loaded: Mapping[str, str], names: Mapping[str, Any]
) -> Iterator[Block]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield Block("def", _function(node, lines))
        case ast.ClassDef():
            yield Block("class", list(_class(node, lines)))
        case ast.Assign(targets=[ast.Name(id=name)]) if name in loaded:
            yield Block("name", [f"{name}: {loaded[name]}"])
        case ast.AnnAssign(target=ast.Name(id=name)) if name in loaded:
            yield Block("name", [f"{name}: {loaded[name]}"])
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if _is_literal(value):
            if name == "__all__":
                yield Block("name", _written(node, lines))
            else:
                yield Block("name", [f"{name}: {_plain(names.get(name))}"])
        case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
            text = ast.unparse(annotation)
            keeps = text.rpartition(".")[2] in ("Final", "TypeAlias", "ClassVar")
            yield Block("name", _written(node, lines) if keeps else [f"{name}: {text}"])
        case ast.Assign():
            yield Block("name", _written(node, lines))
        case ast.If() if ast.unparse(node.test).startswith(("sys.version_info", "sys.platform")):
            yield Block("class", _written(node, lines))
        case _:
            return


def _is_literal(value: ast.expr) -> bool:
    kinds = (ast.Constant, ast.List, ast.Dict, ast.Set, ast.Tuple, ast.UnaryOp, ast.JoinedStr)
    return isinstance(value, kinds)


def _plain(value: Any) -> str:
    """Return the type of a constant."""
    if value is None:
        return "None"
    name = type(value).__name__
    if type(value) in (list, set):
        return f"{name}[typing.Any]"
    if type(value) is dict:
        return "dict[typing.Any, typing.Any]"
    if type(value) is tuple:
        return "tuple[typing.Any, ...]"
    return name if type(value).__module__ == "builtins" else "typing.Any"


def _written(node: ast.stmt | ast.expr, lines: list[str]) -> list[str]:
    return lines[node.lineno - 1 : node.end_lineno]


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> list[str]:
    """Return a function's decorators and signature as they are written."""
    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    return [*(head := _head(node.body[0], first, lines))[:-1], f"{head[-1]} ..."]


def _head(body: ast.stmt, first: int, lines: list[str]) -> list[str]:
    """Return the lines up to the colon before a body."""
    decorators: list[ast.expr] = getattr(body, "decorator_list", [])
    start = min([body.lineno, *(each.lineno for each in decorators)])
    head = lines[first - 1 : start - 1]
    if body.lineno == start:
        head.append(lines[start - 1][: body.col_offset])
    while not _code(head[-1]).endswith(":"):
        head.pop()
    return [*head[:-1], _code(head[-1])]


def _code(line: str) -> str:
    """Return the last line of a signature, or one below it, without its comment."""
    quote = ""
    for place, character in enumerate(line):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "#":
            return line[:place].rstrip()
    return line.rstrip()


def _class(node: ast.ClassDef, lines: list[str]) -> Iterator[str]:
    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    head = _head(node.body[0], first, lines)
    inner: list[str] = []
    for each in node.body:
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            inner += _function(each, lines)
        elif isinstance(each, ast.ClassDef):
            inner += _class(each, lines)
        elif isinstance(each, ast.Assign | ast.AnnAssign):
            inner += _written(each, lines)
    if inner:
        yield from [*head, *inner]
    else:
        yield from [*head[:-1], f"{head[-1]} ..."]


def _spaced(blocks: Sequence[Block]) -> str:
    """Return the text with the empty lines that formatters put into a stub."""
    text = ""
    for number, block in enumerate(blocks):
        if number:
            before = blocks[number - 1].kind
            apart = block.kind == "class" or before != block.kind
            text += "\n\n" if apart else "\n"
        text += "\n".join(block.lines)
    return text


def _sorted(imports: set[str]) -> str:
    """Return imports in the order of isort: sections, then `import` before `from`."""
    sections: dict[int, list[str]] = {}
    for line in imports:
        top = line.split()[1].split(".")[0]
        if line.startswith("from ."):
            section = 3
        elif top in sys.stdlib_module_names:
            section = 0
        else:
            own = any(
                (base / top).is_dir() or (base / f"{top}.py").exists() for base in (_HERE, _SRC)
            )
            section = 2 if own else 1
        sections.setdefault(section, []).append(line)
    return "\n".join(
        "".join(f"{line}\n" for line in sorted(sections[number], key=_import_order))
        for number in sorted(sections)
    )


_HERE, _SRC = Path(), Path("src")


def _import_order(line: str) -> tuple[Any, ...]:
    words = line.split()
    if words[0] == "import":
        return 0, words[1].lower()
    name = words[3]
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return 1, words[1].lower(), kind, name.lower()
