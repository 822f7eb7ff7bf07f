"""Where in a statement's text each column of its result is made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from liteorm._core.sql.lexer import Token, tokens

_CHANGES: Final = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE"})
_ENDS: Final = frozenset(
    {
        *("INTO", "FROM", "WHERE", "GROUP", "HAVING", "WINDOW", "UNION", "INTERSECT", "EXCEPT"),
        *("ORDER", "LIMIT", "OFFSET", "FETCH", "FOR", ";"),
    }
)
_OPENING: Final = frozenset("([")
_CLOSING: Final = frozenset(")]")


@attrs.frozen
class _Word:
    """A token that is no space or comment: words in capitals, others as they are."""

    text: str
    name: str
    """Of an identifier: its name as PostgreSQL has it."""
    at: int
    depth: int


@attrs.frozen
class _Target:
    at: int
    name: str | None
    star: bool


@attrs.define
class Targets:
    """Finds the expression of a column; the text is read when it is first asked for.

    Args:
        sql: The statement as it was written.
    """

    sql: str
    _found: list[_Target] | None = attrs.field(default=None, init=False)

    def of(self, index: int, names: Sequence[str]) -> int | None:
        """Return where a column's expression begins, None if that is not known.

        Args:
            index: The column.
            names: The names of all columns of the result.
        """
        if self._found is None:
            self._found = list(_targets(list(_words(self.sql))))
        found, count = self._found, len(names)
        stars = [number for number, target in enumerate(found) if target.star]
        if not stars:
            return found[index].at if len(found) == count else None
        if index < stars[0]:
            return found[index].at
        after = len(found) - stars[-1] - 1
        if index >= count - after:
            return found[index - count].at
        named = [target for target in found if target.name == names[index]]
        return named[0].at if len(named) == 1 else found[stars[0]].at


def _words(sql: str) -> Iterator[_Word]:
    depth = 0
    for token in tokens(sql, placeholders=True):
        if token.kind in ("space", "comment"):
            continue
        text = sql[token.start : token.end]
        depth -= text in _CLOSING
        yield _Word(
            text.upper() if token.kind == "word" else text, _name(token, text), token.start, depth
        )
        depth += text in _OPENING


def _name(token: Token, text: str) -> str:
    if token.kind == "word":
        return text.lower()
    return text[1:-1].replace('""', '"') if token.kind == "quoted" and text[0] == '"' else ""


def _targets(words: list[_Word]) -> Iterator[_Target]:
    """Yield the select list of a query, or what a change returns."""
    start, depth = 0, 0
    # The query may stand in parentheses; what is in those of WITH is not it.
    while start < len(words) and words[start].text == "(":
        start, depth = start + 1, depth + 1
    level = [
        (index, word.text)
        for index, word in enumerate(words)
        if index >= start and word.depth == depth
    ]
    first = next((text for _, text in level if text in _CHANGES or text == "SELECT"), None)
    opening = "RETURNING" if first in _CHANGES else "SELECT"
    begin = next((index for index, text in level if text == opening), None)
    if begin is not None:
        end = next((i for i, _ in level if i > begin and _is_end(words, i)), len(words))
        closing = next((i for i in range(begin, end) if words[i].depth < depth), end)
        yield from _read_list(words[_after_distinct(words, begin + 1) : closing], depth)


def _is_end(words: list[_Word], index: int) -> bool:
    before = words[index - 1].text
    return words[index].text in _ENDS and before != "." and before != "DISTINCT"


def _after_distinct(words: list[_Word], index: int) -> int:
    """Skip ALL, DISTINCT and DISTINCT ON (…)."""
    if index < len(words) and words[index].text in ("ALL", "DISTINCT"):
        index += 1
        if words[index].text == "ON":
            depth = words[index].depth
            index += 2
            while words[index].depth > depth:
                index += 1
            index += 1
    return index


def _read_list(words: list[_Word], depth: int) -> Iterator[_Target]:
    item: list[_Word] = []
    for word in (*words, _Word(",", "", 0, depth)):
        if word.text == "," and word.depth == depth:
            if item:
                star = item[-1].text == "*" and (len(item) == 1 or item[-2].text == ".")
                yield _Target(item[0].at, item[-1].name or None, star)
            item = []
        else:
            item.append(word)
