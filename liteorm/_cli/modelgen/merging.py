"""New blocks into an old file: what did not change in the schema stays as it is in the file."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Sequence

import attrs

from liteorm._cli.modelgen.writing import Block

_MODULES = ("dataclasses", "datetime", "decimal", "enum", "ipaddress", "typing", "uuid")
_OTHERS = ("attrs", "liteorm", "msgspec", "pydantic")
_MARK = re.compile(r"# liteorm models: (?P<key>.+) (?P<digest>[0-9a-f]{12})")
_FUTURE = "from __future__ import annotations"

_HEADER = '''"""Classes for the tables, views and types of a schema, written by `liteorm models`.

Run it again after a change of the schema. A class is written anew only if its table or
type has changed; what was edited by hand in the others stays.
"""

from __future__ import annotations
'''


@attrs.frozen
class Kept:
    """A block of the old file: its mark, its class, and what follows up to the next mark."""

    key: str
    digest: str
    name: str | None
    text: str
    after: str


@attrs.frozen
class OldFile:
    """A file as it was: what stands before the first mark, and the blocks."""

    header: str
    blocks: tuple[Kept, ...]
    names: frozenset[str]
    """The names of what is not written by us."""

    @property
    def class_names(self) -> dict[str, str]:
        """The names that classes have, by the keys of their blocks."""
        return {block.key: block.name for block in self.blocks if block.name is not None}


def read_old(text: str) -> OldFile:
    """Read a file that `merged` wrote, or that somebody wrote by hand.

    Raises:
        SyntaxError: It is not Python.
    """
    tree = ast.parse(text)
    # As the parser counts them: a form feed or U+2028 ends no line.
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    marks = [
        (number, match) for number, line in enumerate(lines) if (match := _MARK.match(line.strip()))
    ]
    ends = [*[number for number, _ in marks[1:]], len(lines)][: len(marks)]
    blocks: list[Kept] = []
    written: set[str] = set()
    for (start, match), end in zip(marks, ends, strict=True):
        found = next((c for c in _classes(tree) if start < _first_line(c) <= end), None)
        stop = start + 1 if found is None else found.end_lineno or end
        name = None if found is None else found.name
        if name is not None:
            written.add(name)
        class_text, after = "".join(lines[start + 1 : stop]), "".join(lines[stop:end])
        blocks.append(Kept(_key_from(match["key"]), match["digest"], name, class_text, after))
    header = "".join(lines[: marks[0][0]] if marks else lines)
    names = frozenset(_bound(tree)) - written
    return OldFile(header, tuple(blocks), names)


def _classes(tree: ast.Module) -> Iterator[ast.ClassDef]:
    return (node for node in tree.body if isinstance(node, ast.ClassDef))


def _first_line(node: ast.ClassDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _bound(tree: ast.Module) -> Iterator[str]:
    """Yield the names that a module's own statements bind."""
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                yield name
            case ast.AsyncFunctionDef(name=name):
                yield name
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from ((alias.asname or alias.name).split(".")[0] for alias in names)
            case ast.Assign(targets=targets):
                yield from (target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case _:
                pass


def merged(
    blocks: Sequence[Block],
    old: OldFile | None = None,
    *,
    partial: bool = False,
    modules: Sequence[str] = (),
) -> str:
    """Return the text of the file.

    Args:
        blocks: The classes of the schema as it is now.
        old: The file as it was, if there was one.
        partial: They are not all: what the file has for other tables stays.
        modules: Where the classes of types of the user's own are.
    """
    if old is None or not (old.header.strip() or old.blocks):
        body = "\n\n".join(f"{_mark(block)}{block.text}" for block in blocks)
        header = _fresh_header(body, modules)
        return f"{header}\n\n{body}" if body else header
    fresh = {block.key: block for block in blocks}
    pieces: list[str] = []
    for kept in old.blocks:
        block = fresh.pop(kept.key, None)
        if block is not None:
            same = block.digest == kept.digest and kept.name is not None
            pieces.append(f"{_mark(block)}{kept.text if same else block.text}{kept.after}")
        elif partial:
            pieces.append(
                f"# liteorm models: {_key_text(kept.key)} {kept.digest}\n{kept.text}{kept.after}"
            )
        elif kept.after.strip():
            pieces.append(kept.after.lstrip("\n"))
    new = [f"{_mark(block)}{block.text}" for block in fresh.values()]
    body = _with_new(pieces, old.blocks[-1].after if old.blocks else "", new)
    return _spaced(_header(old, body, modules), body)


def _with_new(pieces: list[str], last: str, new: list[str]) -> str:
    """Return the body with new blocks behind the last one, before what is the user's there."""
    if not new:
        return "".join(pieces)
    added = "\n\n".join(new)
    if pieces and last.strip() and pieces[-1].endswith(last):
        before = "".join(pieces)[: -len(last)]
        return f"{before.rstrip()}\n\n\n{added}\n\n{last.lstrip()}"
    before = "".join(pieces).rstrip()
    return f"{before}\n\n\n{added}" if before else added


def _spaced(header: str, body: str) -> str:
    return f"{header.rstrip()}\n\n\n{body.lstrip()}" if body.strip() else header


def _mark(block: Block) -> str:
    return f"# liteorm models: {_key_text(block.key)} {block.digest}\n"


def _key_text(key: str) -> str:
    """Return a key in one line: as it is, or as a string if it could end the comment."""
    plain = key.isprintable() and not key.startswith('"') and "  " not in key
    return key if plain else json.dumps(key)


def _key_from(text: str) -> str:
    if not text.startswith('"'):
        return text
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return found if isinstance(found, str) else text


def _needed(body: str, modules: Sequence[str]) -> list[str]:
    used = {
        ast.unparse(node.value)
        for node in ast.walk(ast.parse(body))
        if isinstance(node, ast.Attribute)
    }
    return [name for name in (*_MODULES, *_OTHERS, *modules) if name in used]


def _fresh_header(body: str, modules: Sequence[str]) -> str:
    needed = _needed(body, modules)
    rooms = (_MODULES, _OTHERS, tuple(modules))
    groups = [[name for name in needed if name in each] for each in rooms]
    imports = ["".join(f"import {name}\n" for name in group) for group in groups if group]
    return "\n".join([_HEADER, *imports])


def _header(old: OldFile, body: str, modules: Sequence[str]) -> str:
    """Return what stands before the classes, with the imports that they need."""
    missing = [
        name
        for name in _needed(body, modules)
        # `import a.b` binds a alone
        if name not in old.names and f"import {name}\n" not in old.header
    ]
    future = _FUTURE not in old.header
    if not missing and not future:
        return old.header
    if old.header.startswith(_HEADER) and _only_ours(old.header):
        return _fresh_header(body, modules)
    lines = old.header.splitlines(keepends=True)
    at = _after_imports(old.header)
    added = "".join(f"import {name}\n" for name in missing)
    if at and missing:
        lines.insert(at, added)
    elif missing:
        start = _after_docstring(old.header)
        lines.insert(start, f"\n{added}" if start else f"{added}\n\n")
    if future:
        start = _after_docstring(old.header)
        lines.insert(start, f"\n{_FUTURE}\n" if start else f"{_FUTURE}\n\n")
    return "".join(lines)


def _only_ours(header: str) -> bool:
    known = {f"import {name}" for name in (*_MODULES, *_OTHERS)}
    rest = header.removeprefix(_HEADER).splitlines()
    return all(not line or line in known for line in rest)


def _after_imports(text: str) -> int:
    """Return the number of lines up to the last import; 0 if there is none."""
    found = [n for n in ast.parse(text).body if isinstance(n, ast.Import | ast.ImportFrom)]
    return max((node.end_lineno or 0 for node in found), default=0)


def _after_docstring(text: str) -> int:
    body = ast.parse(text).body
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        return body[0].end_lineno or 0
    return 0
