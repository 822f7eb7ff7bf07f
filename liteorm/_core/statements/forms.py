"""The text of a statement with optional parts (`--? name`) and choices (`{name}`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeAlias

from attrs import evolve, frozen

from liteorm._core.sql.lexer import TEXTS, gaps, tokens
from liteorm.errors import StatementError

Where: TypeAlias = Callable[[int], str]
"""Says where a line of the text is, for messages."""


@frozen
class Text:
    """Text that is always there, and where it is written; `whole` if it stands for braces there."""

    text: str
    start: int
    whole: bool = False


@frozen
class Choice:
    """A place for the text of the word that a parameter names."""

    name: str
    start: int


@frozen
class Part:
    """What is there only while its parameters are given; `off` are the line ends that stay."""

    names: tuple[str, ...]
    body: tuple[Piece, ...]
    off: Text
    line: int


Piece: TypeAlias = Text | Choice | Part

_BRACES = re.compile(r"\{(\w+)\}")
_LINE = re.compile(r"([^\r\n]*+)(\r\n|\r|\n)?")


def in_line(number: int) -> str:
    """Say where a line is in a text that stands in Python."""
    return f"line {number} of the SQL"


def read_form(text: str, known: Collection[str], where: Where = in_line) -> tuple[Piece, ...]:
    """Cut a text at its optional parts and at the braces that mean something.

    Args:
        text: The SQL, with marks and braces.
        known: The names that mean something in braces; others stay as they are.
        where: Says where a line is.

    Raises:
        StatementError: A mark is wrong.
    """
    return _Reader(text, known, where).read()


@frozen
class _Spot:
    """A mark or braces: where they are, and what they hold."""

    start: int
    end: int
    mark: str | None = None
    name: str = ""


class _Reader:
    def __init__(self, text: str, known: Collection[str], where: Where) -> None:
        self._text = text
        self._known = known
        self._where = where
        self._spots: list[_Spot] = []
        # Literals and comments that reach over the start of a line.
        self._long: list[tuple[int, int]] = []
        self._out: list[Piece] = []
        # The names, the line and the contents so far of the block that is open.
        self._block: tuple[tuple[str, ...], int, list[Piece]] | None = None

    def error(self, line: int, message: str, hint: str) -> StatementError:
        return StatementError(f"{self._where(line)}: {message}", hint=hint)

    def read(self) -> tuple[Piece, ...]:
        self._find_spots()
        spots = iter([*self._spots, _Spot(len(self._text) + 1, 0)])
        spot = next(spots)
        for number, line in enumerate(_LINE.finditer(self._text), 1):
            pieces: list[Piece] = []
            position, mark = line.start(), None
            while spot.start < line.end(1):
                pieces.append(Text(self._text[position : spot.start], position))
                if spot.mark is None:
                    pieces.append(Choice(spot.name, spot.start))
                position, mark = spot.end, spot.mark
                spot = next(spots)
            pieces.append(Text(self._text[position : line.end(1)], position))
            self._take(number, line.start(), pieces, mark, Text(line[2] or "", line.end(1)))
        if self._block is not None:
            names, number, _ = self._block
            raise self.error(
                number,
                f"the part --? {' '.join(names)} {{ is not closed",
                "end it with --? } on a line of its own",
            )
        return joined(self._out)

    def _find_spots(self) -> None:
        text, skipped = self._text, 0
        for kind, start, end, _ in tokens(text):
            if start < skipped:
                continue
            if kind == "comment" and text.startswith("--?", start):
                self._spots.append(_Spot(start, end, text[start + 3 : end].strip()))
            elif kind == "other" and text[start] == "{":
                found = _BRACES.match(text, start)
                if found and found[1] in self._known:
                    skipped = found.end()
                    self._spots.append(_Spot(start, skipped, None, found[1]))
            elif kind in TEXTS:
                self._long.append((start, end))
                if kind == "string" and "--?" in text[start:end]:
                    self._check_gaps(start)

    def _check_gaps(self, start: int) -> None:
        for begin, end in gaps(self._text, start):
            if "--?" in self._text[begin:end]:
                line = len(_LINE_END.findall(self._text, 0, begin)) + 1
                raise self.error(
                    line,
                    "a line with a mark ends inside a literal, which goes on in the next one",
                    "put the whole literal into the line, or a block around it",
                )

    def _take(
        self, number: int, start: int, pieces: list[Piece], mark: str | None, newline: Text
    ) -> None:
        """Take a line, its mark and its end."""
        out = self._out if self._block is None else self._block[2]
        if mark is None:
            out += [*pieces, newline]
            return
        alone = all(isinstance(piece, Text) and not piece.text.strip() for piece in pieces)
        if mark == "}":
            self._close(number, alone)
            self._out.append(newline)
        elif mark.endswith("{"):
            names = self._names(number, mark[:-1])
            self._open(number, names, alone)
            self._out.append(newline)
        else:
            names = self._names(number, mark)
            if any(begin < start < end for begin, end in self._long):
                raise self.error(
                    number,
                    "a line with a mark begins inside a literal or a comment",
                    "put the whole literal into the line, or a block around it",
                )
            if alone:
                raise self.error(
                    number,
                    f"the mark --? {mark} has no SQL before it in its line",
                    "mark the end of the line that is optional, or write --? name { for several",
                )
            body = joined(pieces)
            if isinstance(last := body[-1], Text):
                body = (*body[:-1], evolve(last, text=last.text.rstrip()))
            out += [Part(names, body, Text("", start, whole=True), number), newline]

    def _names(self, number: int, mark: str) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(mark.split()))
        wrong = [name for name in names if not name.isidentifier()]
        if not names or wrong:
            what = f"{wrong[0]!r} in a mark is no name" if wrong else "a mark without a name"
            raise self.error(
                number, what, "write --? and the names of parameters: --? status, --? at id"
            )
        return names

    def _open(self, number: int, names: tuple[str, ...], alone: bool) -> None:
        if not alone:
            raise self.error(
                number, "--? name { stands on a line of its own", "put it on the line above"
            )
        if self._block is not None:
            raise self.error(
                number,
                f"a block in the block of line {self._block[1]}",
                "a block may hold marked lines, not blocks",
            )
        self._block = (names, number, [])

    def _close(self, number: int, alone: bool) -> None:
        if self._block is None:
            raise self.error(number, "--? } closes nothing", "a block begins with --? name {")
        if not alone:
            raise self.error(
                number, "--? } stands on a line of its own", "put it on the line below"
            )
        names, first, body = self._block
        self._block = None
        # Lines that are left out leave their ends, so that the server counts lines as they are.
        start = body[0].start if body and isinstance(body[0], Text) else 0
        off = Text("\n" * (number - first - 1), start, whole=True)
        self._out.append(Part(names, joined(body), off, first))


_LINE_END = re.compile(r"\r\n|\r|\n")


def joined(pieces: list[Piece]) -> tuple[Piece, ...]:
    """Return pieces with neighbouring texts made one."""
    found: list[Piece] = []
    for piece in pieces:
        if not isinstance(piece, Text):
            found.append(piece)
        elif piece.text:
            last = found[-1] if found else None
            if (
                isinstance(last, Text)
                and not (last.whole or piece.whole)
                and last.start + len(last.text) == piece.start
            ):
                found[-1] = evolve(last, text=last.text + piece.text)
            else:
                found.append(piece)
    return tuple(found) or (Text("", 0),)


@frozen(eq=False)
class Form:
    """A text that depends on which parameters are given, and on chosen words."""

    pieces: tuple[Piece, ...]
    choices: Mapping[str, Mapping[str, str]]

    @property
    def parts(self) -> list[Part]:
        """Every optional part, also those in others."""
        return list(_parts(self.pieces))

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The sets of names that parts depend on."""
        return tuple(dict.fromkeys(part.names for part in self.parts))

    def text(self, on: Collection[str], words: Mapping[str, Any]) -> str:
        """Return the text of one combination.

        Args:
            on: The names that parts may depend on and be there.
            words: The chosen word for each choice that is there.

        Raises:
            ValueError: A word is none of the choice's.
        """
        return "".join(each.text for each in self.texts(on, words))

    def texts(self, on: Collection[str], words: Mapping[str, Any]) -> list[Text]:
        """Return the pieces of the text of one combination, with where they are written."""
        return list(self._texts(self.pieces, on, words))

    def _texts(
        self, pieces: tuple[Piece, ...], on: Collection[str], words: Mapping[str, Any]
    ) -> Iterator[Text]:
        for piece in pieces:
            if isinstance(piece, Text):
                yield piece
            elif isinstance(piece, Choice):
                option = self.option(piece.name, words[piece.name])
                yield Text(option, piece.start, whole=True)
            elif all(name in on for name in piece.names):
                yield from self._texts(piece.body, on, words)
            else:
                yield piece.off

    def option(self, name: str, word: Any) -> str:
        """Return what a word of a choice stands for.

        Raises:
            ValueError: There is no such word.
        """
        options = self.choices[name]
        if not isinstance(word, str) or word not in options:
            known = ", ".join(map(repr, options))
            got = repr(word) if isinstance(word, str) else type(word).__name__
            raise ValueError(f"{name} must be one of {known}; got {got}")
        return options[word]

    def all_on(self) -> str:
        """Return the text with every part, and the first word of each choice."""
        return self.text({name for group in self.groups for name in group}, self.first_words())

    def first_words(self) -> dict[str, str]:
        """Return the first word of each choice."""
        return {name: next(iter(options)) for name, options in self.choices.items()}

    def texts_outside(self, name: str) -> str:
        """Return all text that is there without a name: what its parts do not hold."""
        return "\n".join(_outside(self.pieces, name, self.choices))


def _parts(pieces: tuple[Piece, ...]) -> Iterator[Part]:
    for piece in pieces:
        if isinstance(piece, Part):
            yield piece
            yield from _parts(piece.body)


def choices_in(pieces: tuple[Piece, ...]) -> Iterator[str]:
    """Yield the names of the choices that have a place."""
    for piece in pieces:
        if isinstance(piece, Choice):
            yield piece.name
        elif isinstance(piece, Part):
            yield from choices_in(piece.body)


def _outside(
    pieces: tuple[Piece, ...], name: str, choices: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    for piece in pieces:
        if isinstance(piece, Text):
            yield piece.text
        elif isinstance(piece, Choice):
            yield from choices[piece.name].values()
        elif name not in piece.names:
            yield from _outside(piece.body, name, choices)
