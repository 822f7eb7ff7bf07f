"""tsvector and tsquery, read into their text forms."""

from __future__ import annotations

import struct
from typing import Final

from liteorm.postgres._types.forms import Form

_int4 = struct.Struct("!i").unpack_from
_uint2 = struct.Struct("!H").unpack_from


def _lexeme(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def tsvector(data: bytes) -> str:
    """Read a tsvector into its text form."""
    words: list[str] = []
    at = 4
    for _ in range(_int4(data)[0]):
        end = data.index(b"\0", at)
        word = _lexeme(data[at:end].decode())
        count = _uint2(data, end + 1)[0]
        at = end + 3
        positions = [_uint2(data, at + 2 * index)[0] for index in range(count)]
        at += 2 * count
        marks = ",".join(f"{p & 0x3FFF}{('', 'C', 'B', 'A')[p >> 14]}" for p in positions)
        words.append(f"{word}:{marks}" if marks else word)
    return " ".join(words)


_NOT, _AND, _OR, _PHRASE = 1, 2, 3, 4
_PRIORITY = {_OR: 1, _AND: 2, _PHRASE: 3, _NOT: 4}


class _Query:
    """Reads a tsquery, which is sent in prefix order, the right operand first."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 4

    def take(self) -> tuple[str, int]:
        """Return the text of one node and its operator (0 for a lexeme)."""
        data = self.data
        kind = data[self.at]
        if kind == 1:
            weight, prefix = data[self.at + 1], data[self.at + 2]
            end = data.index(b"\0", self.at + 3)
            text = _lexeme(data[self.at + 3 : end].decode())
            self.at = end + 1
            marks = ("*" if prefix else "") + "".join(
                letter for bit, letter in ((8, "A"), (4, "B"), (2, "C"), (1, "D")) if weight & bit
            )
            return (f"{text}:{marks}" if marks else text), 0
        operator = data[self.at + 1]
        self.at += 2
        if operator == _NOT:
            text, inner = self.take()
            return f"!{self._inside(text, inner, _NOT)}", _NOT
        symbol = "&" if operator == _AND else "|"
        if operator == _PHRASE:
            distance = _uint2(data, self.at)[0]
            self.at += 2
            symbol = "<->" if distance == 1 else f"<{distance}>"
        right, right_operator = self.take()
        left, left_operator = self.take()
        left = self._inside(left, left_operator, operator)
        # A phrase on the right of a phrase keeps its parentheses: <-> is not associative.
        right = self._inside(right, right_operator, operator, right=operator == _PHRASE)
        return f"{left} {symbol} {right}", operator

    def _inside(self, text: str, inner: int, outer: int, *, right: bool = False) -> str:
        if inner and (_PRIORITY[inner] < _PRIORITY[outer] or (right and inner == outer == _PHRASE)):
            return f"( {text} )"
        return text


def tsquery(data: bytes) -> str:
    """Read a tsquery into its text form."""
    return _Query(data).take()[0] if _int4(data)[0] else ""


FORMS: Final[dict[str, Form]] = {
    "tsvector": Form(read=tsvector),
    "tsquery": Form(read=tsquery),
}
