"""New blocks into an old file: what did not change in the schema stays as it is in the file."""

from __future__ import annotations

import ast
import io
import json
import re
import symtable
import tokenize
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import attrs

from liteorm._cli.modelgen.imports import fresh_header, header_for
from liteorm._cli.modelgen.writing import Block

_MARK = re.compile(r"# liteorm models: (?P<key>.+) (?P<digest>[0-9a-f]{12})")


@attrs.frozen
class Source:
    """A Python file's text, and how it is written: by its first lines, as Python reads it."""

    text: str | None = None
    encoding: str = "utf-8"
    newline: str = "\n"

    @classmethod
    def read(cls, path: Path) -> Source:
        """Read a file.

        Raises:
            OSError: It cannot be read.
            SyntaxError: It names an encoding that there is none of, or is in another.
        """
        content = path.read_bytes()
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        text = content.decode(encoding)
        newline = "\r\n" if "\r\n" in text else "\n"
        return cls(text.replace("\r\n", "\n").replace("\r", "\n"), encoding, newline)

    def encoded(self, text: str) -> bytes:
        """Return another text as it is written.

        Raises:
            UnicodeError: The file's encoding has no form for it.
        """
        return text.replace("\n", self.newline).encode(self.encoding)


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
    text = text if text.endswith("\n") or not text else f"{text}\n"
    tree = ast.parse(text)
    # As the parser counts them: a form feed or U+2028 ends no line.
    lines = re.findall(r"[^\n]*\n", text)
    marks = list(_marks(lines))
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
    names = frozenset(_bound(text)) - written
    return OldFile(header, tuple(blocks), names)


def _marks(lines: list[str]) -> Iterator[tuple[int, re.Match[str]]]:
    """Yield the marks: comments at the beginning of a line, the first for each class.

    What looks like one inside a literal is none; a copy of a marked class is the user's.
    """
    known: set[str] = set()
    read = iter(lines)
    for token in tokenize.generate_tokens(lambda: next(read, "")):
        if token.type == tokenize.COMMENT and token.start[1] == 0:
            match = _MARK.match(token.string.rstrip())
            if match is not None and match["key"] not in known:
                known.add(match["key"])
                yield token.start[0] - 1, match


def _classes(tree: ast.Module) -> Iterator[ast.ClassDef]:
    return (node for node in tree.body if isinstance(node, ast.ClassDef))


def _first_line(node: ast.ClassDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _bound(text: str) -> Iterator[str]:
    """Yield the names that a module's own statements bind."""
    for symbol in symtable.symtable(text, "models", "exec").get_symbols():
        if symbol.is_assigned() or symbol.is_imported():
            yield symbol.get_name()


def merged(
    blocks: Sequence[Block],
    old: OldFile | None = None,
    *,
    partial: bool = False,
    whole: Collection[str] = (),
    modules: Sequence[str] = (),
) -> str:
    """Return the text of the file.

    Args:
        blocks: The classes of the schema as it is now.
        old: The file as it was, if there was one.
        partial: They are not all: what the file has for other tables stays.
        whole: Schemas of which they are all nevertheless.
        modules: Where the classes of types of the user's own are.
    """
    if old is None or not (old.header.strip() or old.blocks):
        body = "\n\n".join(f"{_mark(block)}{block.text}" for block in blocks)
        header = fresh_header(body, modules)
        return f"{header}\n\n{body}" if body else header
    kept = {b.key: b.text for b in old.blocks if b.name is not None}
    digests = {b.key: b.digest for b in old.blocks}
    stays = {b.key for b in blocks if b.key in kept and digests[b.key] == b.digest}
    rewritten = [block.text for block in blocks if block.key not in stays]
    header, texts = header_for(
        old.header, old.names, rewritten, [kept[key] for key in stays], modules
    )
    again = dict(zip(rewritten, texts, strict=True))
    fresh = {
        block.key: _mark(block) + (kept[block.key] if block.key in stays else again[block.text])
        for block in blocks
    }
    pieces: list[str] = []
    for was in old.blocks:
        text = fresh.pop(was.key, None)
        if text is not None:
            pieces.append(f"{text}{was.after}")
        elif partial and not _is_within(was.key, whole):
            pieces.append(
                f"# liteorm models: {_key_text(was.key)} {was.digest}\n{was.text}{was.after}"
            )
        elif was.after.strip():
            pieces.append(was.after.lstrip("\n"))
    body = _with_new(pieces, old.blocks[-1].after if old.blocks else "", list(fresh.values()))
    return _spaced(header, body)


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


def _is_within(key: str, schemas: Collection[str]) -> bool:
    """Tell whether a block is for something in one of the schemas; not where dots leave it open."""
    schema, _, name = key.partition(" ")[2].partition(".")
    return schema in schemas and "." not in name


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
