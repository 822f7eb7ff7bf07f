"""SQL scripts, run as psql runs them: with transactions of their own, and rows after COPY."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from attrs import frozen

from liteorm import postgres
from liteorm._core.sql.lexer import blanked, tokens, words
from liteorm.postgres._session.translate import translate

_FRAME: Final = re.compile(r"\\(?:un)?restrict\b[^\n]*")
_FROM_STDIN: Final = re.compile(r"\bFROM\s+STDIN\b", re.IGNORECASE)
_END_OF_ROWS: Final = re.compile(r"^\\\.[^\S\n]*$", re.MULTILINE)


@frozen
class _Piece:
    """Part of a script: statements, or a COPY and its rows. Places are numbers of characters."""

    start: int
    end: int
    rows: tuple[int, int] | None = None


def run_script(db: postgres.DB, place: str, text: str) -> None:
    """Run a script in a session of its own.

    Args:
        db: A pool of one connection.
        place: What to call the script in notes of errors.
        text: The script.

    Raises:
        Error: The server refuses it; a note says where.
        ValueError: It leaves a transaction open.
    """
    text = _without_frame(text)
    with postgres.pool(db).connection() as connection:
        for piece in _pieces(text):
            try:
                if piece.rows is None:
                    connection.execute(text[piece.start : piece.end])
                else:
                    _copy_in(connection, text, piece)
            except Exception as error:
                raise _refused(error, place, text, piece) from error
        if connection.info.transaction_status != 0:  # libpq's number for idle
            raise ValueError(f"{place} leaves a transaction open: it has a BEGIN without COMMIT")
        # The next file begins as in a session of its own: pg_dump empties the search path.
        connection.execute("DISCARD ALL")


def _without_frame(text: str) -> str:
    r"""Blank the commands \restrict and \unrestrict, which frame what pg_dump writes."""
    if "restrict" not in text:
        return text
    parts: list[str] = []
    done = 0
    reading = tokens(text)
    while (token := next(reading, None)) is not None:
        begins = token.kind == "other" and text[token.start - 1 : token.start] in ("", "\n")
        frame = _FRAME.match(text, token.start) if begins else None
        if frame is not None:
            parts += [text[done : frame.start()], " " * len(frame[0])]
            done = frame.end()
            reading = tokens(text, done)
    return "".join([*parts, text[done:]])


def _pieces(text: str) -> Iterator[_Piece]:
    """Cut a script at each COPY that brings rows along."""
    piece = statement = 0
    reading = tokens(text)
    while (token := next(reading, None)) is not None:
        if token.kind != "end":
            continue
        position = token.end
        if _is_copy_in(text, statement, position):
            if text[piece:statement].strip():
                yield _Piece(piece, statement)
            line = text.find("\n", position) + 1 or len(text)
            last = _END_OF_ROWS.search(text, line)
            rows = (line, last.start() if last else len(text))
            yield _Piece(statement, position - 1, rows)
            piece = position = last.end() if last else len(text)
            reading = tokens(text, position)
        statement = position
    if text[piece:].strip():
        yield _Piece(piece, len(text))


def _is_copy_in(text: str, start: int, end: int) -> bool:
    if next(words(text, start), None) != "COPY":
        return False
    return _FROM_STDIN.search(blanked(text[start:end])) is not None


def _copy_in(connection: Any, text: str, piece: _Piece) -> None:
    assert piece.rows is not None
    with connection.cursor().copy(text[piece.start : piece.end]) as rows:
        rows.write(text[slice(*piece.rows)])


def _refused(error: Exception, place: str, text: str, piece: _Piece) -> BaseException:
    """The error of liteorm's that fits, with the place in the user's SQL as a note."""
    known = translate(error)
    # The driver's error has the place as a number of characters, unless it is about no place.
    position = getattr(getattr(error, "diag", None), "statement_position", None)
    where = f"in {place}"
    if position is not None or piece.rows is not None:
        start = piece.start + len(text[piece.start :]) - len(text[piece.start :].lstrip())
        reached = text[: piece.start + int(position)] if position is not None else text[: start + 1]
        lines = reached.splitlines() or [""]
        where += f", line {len(lines)}"
        if lines[-1].lstrip().startswith("\\"):
            where += (
                ": what begins with a backslash is a command of psql and no SQL; leave it out, "
                "or give a function that runs psql"
            )
    elif piece.start:
        where += f", after line {text.count(chr(10), 0, piece.start) + 1}"
    if getattr(error, "sqlstate", None) == "25001":
        where += "; the statements of one file are one transaction: give this one its own file"
    known.add_note(where)
    return known
