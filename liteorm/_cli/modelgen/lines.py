"""Lines of source, broken where formatters break them."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator

from liteorm._cli.modelgen.styles import WIDTH

__all__ = ["comment", "docstring", "field_lines", "string"]


def field_lines(name: str, annotation: str, marks: list[str], default: str | None) -> Iterator[str]:
    """Yield the lines of a field, broken where formatters break them."""
    value = f" = {default}" if default is not None else ""
    column = f"liteorm.Column({', '.join(marks)})" if marks else ""
    full = f"typing.Annotated[{annotation}, {column}]" if marks else annotation
    head = f"    {name}: {full}"
    if len(head + value) <= WIDTH:
        yield head + value
    elif default is not None and "(" not in default and len(head) + 4 <= WIDTH:
        yield f"{head} = ("
        yield f"        {default}"
        yield "    )"
    elif marks:
        yield f"    {name}: typing.Annotated["
        yield from _inner_lines(annotation, column, marks)
        yield f"    ]{value}"
    elif " | " in re.sub(r"\[.*\]", "", annotation):
        yield f"    {name}: ("
        if len(annotation) + 8 <= WIDTH:
            yield f"        {annotation}"
        else:
            yield from _split_union(annotation, " " * 8)
        yield f"    ){value}"
    elif "[" in annotation:
        outer, _, inner = annotation.partition("[")
        yield f"    {name}: {outer}["
        yield f"        {inner[:-1]}"
        yield f"    ]{value}"
    else:
        yield head + value


def _inner_lines(annotation: str, column: str, marks: list[str]) -> Iterator[str]:
    """Yield what stands in the brackets of Annotated."""
    inner = f"{annotation}, {column}"
    if len(inner) + 8 <= WIDTH:
        yield f"        {inner}"
        return
    if len(annotation) + 9 <= WIDTH:
        yield f"        {annotation},"
    else:
        *parts, last = _split_union(annotation, " " * 8)
        yield from parts
        yield f"{last},"
    if len(column) + 9 <= WIDTH:
        yield f"        {column},"
        return
    yield "        liteorm.Column("
    arguments = ", ".join(marks)
    if len(arguments) + 12 <= WIDTH:
        yield f"            {arguments}"
    else:
        yield from (f"            {mark}," for mark in marks)
    yield "        ),"


def _split_union(annotation: str, indent: str) -> Iterator[str]:
    first, *rest = annotation.split(" | ")
    yield f"{indent}{first}"
    yield from (f"{indent}| {part}" for part in rest)


def docstring(text: str) -> Iterator[str]:
    """Yield the lines of a class's docstring."""
    text = " ".join(text.split()) if "\n" not in text.strip() else text.strip()
    text = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    text = re.sub(r"[\x00-\x09\x0b-\x1f\x7f]", " ", text)
    if text.endswith('"'):
        text = f'{text[:-1]}\\"'
    if "\n" not in text and len(text) + 10 <= WIDTH:
        yield f'    """{text}"""'
        return
    lines = [
        wrapped
        for line in text.splitlines()
        for wrapped in (textwrap.wrap(line.strip(), WIDTH - 7) or [""])
    ]
    yield f'    """{lines[0]}'
    yield from (f"    {line}".rstrip() for line in lines[1:])
    yield '    """'


def comment(text: str) -> Iterator[str]:
    """Yield the lines of a comment above a field."""
    for line in textwrap.wrap(" ".join(text.split()), WIDTH - 6):
        yield f"    # {line}"


def string(text: str) -> str:
    """Return a literal as formatters leave it: in double quotes, if that escapes no more."""
    literal = json.dumps(text, ensure_ascii=not text.isprintable())
    if text.count('"') <= text.count("'"):
        return literal
    inner = re.sub(r"\\(.)|'", lambda m: {'"': '"', None: "\\'"}.get(m[1], m[0]), literal[1:-1])
    return f"'{inner}'"
