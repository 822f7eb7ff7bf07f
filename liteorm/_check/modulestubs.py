"""What a module has besides the statements that it loads, as a stub says it."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import attrs


@attrs.frozen
class Block:
    """Lines that belong together, and what they are: an import, a class, a function or a name."""

    kind: Literal["class", "def", "name"]
    lines: list[str]


def own_text(module: ModuleType, loaded: Mapping[str, str]) -> tuple[set[str], list[Block]]:
    """Return the module's own imports, and its other statements as a stub has them."""
    try:
        source = inspect.getsource(module)
    except (OSError, TypeError):
        return set(), [Block("name", [f"{name}: {cls}"]) for name, cls in loaded.items()]
    lines = source.splitlines()
    imports: set[str] = set()
    blocks: list[Block] = []
    for node in _signatures(list(_flat(ast.parse(source).body))):
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


def _signatures(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements without the functions behind overloads: a stub has no implementation."""
    overloaded: set[str] = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            decorators = [ast.unparse(each).rpartition(".")[2] for each in node.decorator_list]
            if "overload" in decorators:
                overloaded.add(node.name)
            elif node.name in overloaded:
                continue
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
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda()):
            yield Block("name", [f"{name}: collections.abc.Callable[..., typing.Any]"])
        case ast.Assign(targets=targets) if len(targets) > 1 or isinstance(targets[0], ast.Tuple):
            found = [
                each.id
                for target in targets
                for each in ast.walk(target)
                if isinstance(each, ast.Name)
            ]
            yield Block(
                "name", [f"{name}: {_plain(names[name])}" for name in found if name in names]
            )
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
    for each in _signatures(node.body):
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            inner += _function(each, lines)
        elif isinstance(each, ast.ClassDef):
            inner += _class(each, lines)
        elif isinstance(each, ast.AnnAssign):
            inner += _field(each, lines)
        elif isinstance(each, ast.Assign):
            inner += _written(each, lines)
    if inner:
        yield from [*head, *inner]
    else:
        yield from [*head[:-1], f"{head[-1]} ..."]


def _field(node: ast.AnnAssign, lines: list[str]) -> list[str]:
    """Return a field: of `field(factory=list)` only that it has a default, if it says no more."""
    written = _written(node, lines)
    if not isinstance(node.value, ast.Call):
        return written
    words = {each.arg for each in node.value.keywords}
    if words <= _SILENT | _DEFAULTS:
        has = bool(words & _DEFAULTS or node.value.args)
        indent = written[0][: node.col_offset]
        head = f"{indent}{ast.unparse(node.target)}: {ast.unparse(node.annotation)}"
        return [f"{head} = ..." if has else head]
    return [f"{written[0]}  # noqa: PYI015", *written[1:]]


_DEFAULTS = {"default", "factory", "default_factory"}
_SILENT = {"compare", "eq", "hash", "metadata", "on_setattr", "order", "repr", "validator"}
"""What a field may say that is of no matter to those who make or read objects."""


def spaced(blocks: Sequence[Block]) -> str:
    """Return the text with the empty lines that formatters put into a stub."""
    text = ""
    for number, block in enumerate(blocks):
        if number:
            before = blocks[number - 1].kind
            apart = block.kind == "class" or before != block.kind
            text += "\n\n" if apart else "\n"
        text += "\n".join(block.lines)
    return text


def is_needed(line: str, body: str) -> bool:
    """Tell whether an import is of use: others can import the name from here, or it is used."""
    words = line.split()
    if words[0] == "from" or (len(words) == 4 and words[1] == words[3]):
        return True
    return re.search(rf"\b{re.escape(words[-1].split('.')[0])}\b", body) is not None


def sorted_imports(imports: set[str]) -> str:
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
        return 0, words[1].lower(), words[3] if len(words) > 2 else ""
    name = words[3]
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return 1, words[1].lower(), kind, name.lower()
