"""What stands before the classes of a file: the imports that they need."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping, Sequence

_MODULES = ("dataclasses", "datetime", "decimal", "enum", "ipaddress", "typing", "uuid")
_OTHERS = ("attrs", "liteorm", "msgspec", "pydantic")
_FUTURE = "from __future__ import annotations"

_HEADER = '''"""Classes for the tables, views and types of a schema, written by `liteorm models`.

Run it again after a change of the schema. A class is written anew only if its table or
type has changed; what was edited by hand in the others stays.
"""

from __future__ import annotations
'''


def fresh_header(body: str, modules: Sequence[str]) -> str:
    """Return the header of a file that is all ours.

    Args:
        body: The classes.
        modules: Where the classes of types of the user's own are.
    """
    needed = _needed(body, modules)
    rooms = (_MODULES, _OTHERS, tuple(modules))
    groups = [[name for name in needed if name in each] for each in rooms]
    imports = ["".join(f"import {name}\n" for name in group) for group in groups if group]
    return "\n".join([_HEADER, *imports])


def header_for(
    header: str,
    names: Collection[str],
    written: Sequence[str],
    kept: Sequence[str],
    modules: Sequence[str],
) -> tuple[str, list[str]]:
    """Return a file's header with the imports that its classes need, and the classes' texts.

    Where its name stands for something else in the file (`from datetime import datetime`), a module
    is imported under another, which the texts then use.

    Args:
        header: What stands before the first class now.
        names: What is bound by the file's own statements.
        written: The texts of classes that are new.
        kept: Those of classes that stay as they are.
        modules: Where the classes of types of the user's own are.
    """
    bound = _imported(header)
    needed = _needed("\n".join(written), modules)
    others = [name for name in _needed("\n".join(kept), modules) if name not in needed]
    # `import a.b` binds a, which is no obstacle for what else is in it.
    other = set(names) - {name.partition(".")[0] for name, as_ in bound.items() if name == as_}
    free = {name for name in needed + others if name.partition(".")[0] not in other}
    missing = [name for name in (*needed, *others) if name in free and bound.get(name) != name]
    taken = [name for name in needed if name not in free]
    renamed = {name: bound.get(name) or _another_name(name, names) for name in taken}
    if not renamed and header.startswith(_HEADER) and _only_ours(header):
        return fresh_header("\n".join([*written, *kept]), modules), list(written)
    lines = [f"import {name}\n" for name in missing]
    lines += [f"import {name} as {renamed[name]}\n" for name in taken if name not in bound]
    return _with_imports(header, lines), [_renamed(text, renamed) for text in written]


def _imported(header: str) -> dict[str, str]:
    """Return the modules that a header imports, each with its name there; its own if it has it."""
    found: dict[str, str] = {}
    for node in ast.parse(header).body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname is None:
                    found[alias.name] = alias.name
                else:
                    found.setdefault(alias.name, alias.asname)
    return found


def _another_name(module: str, names: Collection[str]) -> str:
    name = f"{module.replace('.', '_')}_"
    while name in names:
        name += "_"
    return name


def _renamed(text: str, names: Mapping[str, str]) -> str:
    """Return source in which modules are called by other names."""
    lines = text.encode().splitlines(keepends=True)
    for node in sorted(_modules_in(text, names), key=lambda node: node.col_offset, reverse=True):
        line, end = lines[node.lineno - 1], node.end_col_offset or 0
        new = names[ast.unparse(node)].encode()
        lines[node.lineno - 1] = line[: node.col_offset] + new + line[end:]
    return b"".join(lines).decode()


def _modules_in(text: str, names: Collection[str]) -> Iterator[ast.expr]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in names:
            yield node.value


def _needed(body: str, modules: Sequence[str]) -> list[str]:
    known = (*_MODULES, *_OTHERS, *modules)
    used = {ast.unparse(node) for node in _modules_in(body, known)}
    return [name for name in known if name in used]


def _with_imports(header: str, imports: Sequence[str]) -> str:
    """Return a header with further imports, and with annotations that are not evaluated."""
    # As the parser counts them: a form feed or U+2028 ends no line.
    lines = re.findall(r"[^\n]*\n|[^\n]+", header)
    at = _after_imports(header)
    added = "".join(imports)
    if at and added:
        lines.insert(at, added)
    elif added:
        start = _beginning(header)
        lines.insert(start, f"\n{added}" if start else f"{added}\n\n")
    if not _has_future(header):
        start = _beginning(header)
        lines.insert(start, f"\n{_FUTURE}\n" if start else f"{_FUTURE}\n\n")
    return "".join(lines)


def _has_future(header: str) -> bool:
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(alias.name == "annotations" for alias in node.names)
        for node in ast.parse(header).body
    )


def _only_ours(header: str) -> bool:
    known = {f"import {name}" for name in (*_MODULES, *_OTHERS)}
    rest = header.removeprefix(_HEADER).splitlines()
    return all(not line or line in known for line in rest)


def _after_imports(text: str) -> int:
    """Return the number of lines up to the last import; 0 if there is none."""
    found = [n for n in ast.parse(text).body if isinstance(n, ast.Import | ast.ImportFrom)]
    return max((node.end_lineno or 0 for node in found), default=0)


def _beginning(text: str) -> int:
    """Return the number of lines after which a module's statements begin, imports first."""
    body = ast.parse(text).body
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        return body[0].end_lineno or 0
    lines = text.split("\n")
    comments = next((n for n, line in enumerate(lines) if not line.startswith("#")), 0)
    if comments and not lines[comments].strip():
        return comments
    # What speaks of the line below stays with it, but nothing goes before how the file is read.
    first = [line.startswith("#!") or "coding" in line for line in lines[: min(comments, 2)]]
    return len(first) if any(first) else 0
