"""New blocks into an old file: what did not change in the schema stays as it is in the file."""

from __future__ import annotations

import re
from collections.abc import Sequence

from liteorm._cli.modelgen.writing import Block

_MODULES = ("datetime", "decimal", "enum", "ipaddress", "typing", "uuid")
_MARK = re.compile(r"^# liteorm models: (?P<key>.+) (?P<digest>[0-9a-f]{12})$", re.M)
_IMPORT = re.compile(r"^(?:import|from) .+$", re.M)

_HEADER = '''"""Classes for the tables, views and types of a schema, written by `liteorm models`.

Run it again after a change of the schema. A class is written anew only if its table or
type has changed; what was edited by hand in the others stays.
"""

from __future__ import annotations
'''


def merged(blocks: Sequence[Block], old: str | None = None, modules: Sequence[str] = ()) -> str:
    """Return the text of the file.

    Args:
        blocks: The classes of the schema as it is now.
        old: The file as it was, if there was one.
        modules: Where the classes of custom types are.
    """
    kept = _kept(old) if old is not None else {}
    texts: list[str] = []
    for block in blocks:
        digest, text = kept.get(block.key, ("", ""))
        body = text if digest == block.digest else block.text
        texts.append(f"# liteorm models: {block.key} {block.digest}\n{body.strip(chr(10))}\n")
    body = "\n\n".join(texts)
    header = _header(body, old, modules)
    return f"{header}\n\n{body}" if texts else header


def _kept(old: str) -> dict[str, tuple[str, str]]:
    marks = list(_MARK.finditer(old))
    ends = [mark.start() for mark in marks[1:]] + [len(old)]
    return {
        mark["key"]: (mark["digest"], old[mark.end() : end])
        for mark, end in zip(marks, ends, strict=True)
    }


def _header(body: str, old: str | None, modules: Sequence[str]) -> str:
    """Return docstring and imports: those needed, and those added by hand."""
    needed = [f"import {name}" for name in _MODULES if re.search(rf"\b{name}\.", body)]
    plain = _MARK.sub("", body)
    others = [f"import {name}" for name in ("attrs", "liteorm", *modules) if f"{name}." in plain]
    if old is None:
        return _joined(_HEADER, needed, others)
    first = _MARK.search(old)
    header = old[: first.start()] if first else old
    present = set(_IMPORT.findall(header))
    missing = [line for line in (*needed, *others) if line not in present]
    if not missing:
        return f"{header.rstrip()}\n"
    written = {f"import {name}" for name in (*_MODULES, "attrs", "liteorm", *modules)}
    added = [line for line in _IMPORT.findall(header) if line not in written]
    future = "from __future__ import annotations"
    if any(line != future for line in added):
        # Somebody's own imports are there: theirs stay as they are, ours go below them.
        return "{}\n{}\n".format(header.rstrip(), "\n".join(missing))
    start = _IMPORT.search(header)
    docstring = header[: start.start()].rstrip() if start else ""
    return _joined(f"{docstring}\n\n{future}\n", needed, others)


def _joined(start: str, *groups: list[str]) -> str:
    parts = [start, *("\n".join(group) + "\n" for group in groups if group)]
    return "\n".join(parts)
