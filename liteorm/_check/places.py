"""From a place in a statement's SQL to line and column of the file that it is written in."""

from __future__ import annotations

import ast
import functools
import io
import re
import textwrap
import tokenize
from collections.abc import Iterator
from pathlib import Path

import attrs

Spot = tuple[int, int]
"""Line and column, both counted from 1."""

_PREFIX = re.compile(r"(?i)(?P<prefix>[a-z]*)(?P<quotes>'''|\"\"\"|'|\")")
_ESCAPE = re.compile(
    r"\\(?:\n|N\{[^}]*\}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|.)", re.S
)
_HOLE = "\0"
"""Stands in a t-string for what is put in: a placeholder, an identifier, other SQL."""
_KNOWN = frozenset("\n\\'\"abfnrtvxNuU01234567")


@attrs.frozen
class Literal:
    """A string in a source file: its value, and where each of its characters is written."""

    text: str
    spots: tuple[Spot, ...]


def spot_of(file: str, line: int, sql: str, at: int) -> Spot | None:
    """Return where a place in a statement's SQL is written, None if that is not to be found.

    Args:
        file: The file that declares the statement.
        line: The line of its declaration.
        sql: Its text.
        at: The place in the text.
    """
    try:
        found = _in_sql_file(file, line, sql) if file.endswith(".sql") else _in_python(file, sql)
    except (OSError, SyntaxError, ValueError, tokenize.TokenError):
        return None
    written = [literal for literal in found if literal.spots]
    after = [literal for literal in written if literal.spots[-1][0] >= line]
    if not after and len(written) == 1:
        after = written  # a constant above
    if not after or at > len(sql):
        return None
    return after[0].spots[min(at, len(sql) - 1)]


@functools.lru_cache(maxsize=64)
def _source(file: str, _changed: int) -> str:
    if file.endswith(".sql"):
        return Path(file).read_bytes().decode("utf-8-sig")  # its line ends are part of the SQL
    with tokenize.open(file) as opened:
        return opened.read()


def text_of(file: str) -> str:
    """Return the text of a source file, read again where it has changed."""
    return _source(file, Path(file).stat().st_mtime_ns)


def _in_sql_file(file: str, line: int, sql: str) -> list[Literal]:
    text = text_of(file)
    start = 0
    for _ in range(line - 1):
        start = text.index("\n", start) + 1
    begin = text.index(sql, start)
    return [Literal(sql, tuple(_spots(text, begin, len(sql))))]


def _spots(text: str, begin: int, count: int) -> Iterator[Spot]:
    line = text.count("\n", 0, begin) + 1
    column = begin - (text.rfind("\n", 0, begin) + 1) + 1
    for character in text[begin : begin + count]:
        yield line, column
        line, column = (line + 1, 1) if character == "\n" else (line, column + 1)


def _in_python(file: str, sql: str) -> list[Literal]:
    """Return the strings that are the SQL, as they stand or as `dedent` and `strip` leave them."""
    literals = _literals(text_of(file))
    found = [literal for literal in literals if literal.text == sql]
    found += [_filled(literal, sql) for literal in literals if _HOLE in literal.text]
    if any(literal.spots for literal in found):
        return found
    first = sql.strip().partition("\n")[0].strip()
    near = [_dedented(literal) for literal in literals if first and first in literal.text]
    return [part for part in (_part(one, sql) for one in (*near, *literals)) if part is not None]


def _filled(literal: Literal, sql: str) -> Literal:
    """Return a t-string with what came into its holes; nothing if the SQL is not made of it."""
    pieces = literal.text.split(_HOLE)
    match = re.fullmatch("(.*?)".join(map(re.escape, pieces)), sql, re.S)
    spots: list[Spot] = []
    start = 0
    for number, piece in enumerate(pieces if match is not None else ()):
        end = start + len(piece)
        spots += literal.spots[start:end]
        if match is not None and number < len(pieces) - 1:
            spots += [literal.spots[end]] * len(match[number + 1])
        start = end + 1
    return Literal(sql, tuple(spots))


def _dedented(literal: Literal) -> Literal:
    """Return a string as `textwrap.dedent` leaves it."""
    kept: list[Spot] = []
    start = 0
    before = literal.text.split("\n")
    after = textwrap.dedent(literal.text).split("\n")
    for old, new in zip(before, after, strict=True):
        end = start + len(old)
        kept += literal.spots[end - len(new) : end + 1]  # with the line's end
        start = end + 1
    return Literal("\n".join(after), tuple(kept))


def _part(literal: Literal, sql: str) -> Literal | None:
    """Return the SQL in a string that has only space around it."""
    if literal.text.strip() != sql.strip():
        return None
    begin = literal.text.find(sql)
    return Literal(sql, literal.spots[begin : begin + len(sql)]) if begin >= 0 else None


@functools.lru_cache(maxsize=64)
def _literals(source: str) -> tuple[Literal, ...]:
    """Return all strings of a module; those that stand beside each other are one."""
    found: list[Literal] = []
    run: list[Literal] = []
    inside = 0
    """How deep in a t-string: its pieces are tokens of their own."""
    braces = 0
    """How deep in what is put into it, a format included."""
    raw = False
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        name = tokenize.tok_name[token.type]
        if name == "TSTRING_START":
            inside += 1
            raw = raw if inside > 1 else "r" in token.string.lower()
        elif name == "TSTRING_END":
            inside -= 1
        elif inside:
            if name == "TSTRING_MIDDLE" and not braces:
                run.append(_unescaped(token.string, token.start, raw=raw))
            elif token.string == "{" and not braces:
                run.append(Literal(_HOLE, ((token.start[0], token.start[1] + 1),)))
            if token.type == tokenize.OP:
                braces += {"{": 1, "}": -1}.get(token.string, 0)
        elif token.type == tokenize.STRING:
            run.append(_decoded(token.string, token.start))
        elif run and token.type not in (tokenize.NL, tokenize.COMMENT):
            found.append(_joined(run))
            run = []
    return tuple(found)


def _joined(run: list[Literal]) -> Literal:
    return Literal(
        "".join(part.text for part in run), tuple(spot for part in run for spot in part.spots)
    )


def _moved(spots: tuple[Spot, ...], start: tuple[int, int]) -> Iterator[Spot]:
    for line, column in spots:
        yield line + start[0] - 1, column + (start[1] if line == 1 else 0)


def _decoded(written: str, start: tuple[int, int]) -> Literal:
    match = _PREFIX.match(written)
    if match is None or set(match["prefix"].lower()) & {"b", "f"}:
        return Literal("", ())
    raw = "r" in match["prefix"].lower()
    return _unescaped(written, start, match.end(), len(match["quotes"]), raw=raw)


def _unescaped(
    written: str, start: tuple[int, int], before: int = 0, after: int = 0, *, raw: bool
) -> Literal:
    """Return a string by what stands between its quotes."""
    end = len(written) - after
    spots = list(_moved(tuple(_spots(written, 0, len(written))), start))
    text: list[str] = []
    kept: list[Spot] = []
    position = before
    while position < end:
        escape = None if raw else _ESCAPE.match(written, position, end)
        piece = written[position] if escape is None else _value(escape[0])
        text.append(piece)
        kept += [spots[position]] * len(piece)
        position = position + 1 if escape is None else escape.end()
    return Literal("".join(text), tuple(kept))


def _value(escape: str) -> str:
    if escape[1] not in _KNOWN:
        return escape
    value: str = ast.literal_eval(f'"""{escape}"""')
    return value
