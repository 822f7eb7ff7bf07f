"""What databases start with: SQL text, files of it, or a program."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

from attrs import define

from liteorm import postgres
from liteorm.postgres._translate import translate
from liteorm_testing._sweep import admin


@define(frozen=True)
class Migration:
    """A schema made by a program: what it is called with and what identifies its outcome.

    Args:
        apply: Called once with the connection string of an empty database.
        fingerprint: Changes when the outcome changes, such as the last revision's name. All
            workers of a run share the database built for one fingerprint.
    """

    apply: Callable[[str], object]
    fingerprint: str


Schema: TypeAlias = str | Path | Migration | Callable[[str], object] | None
"""SQL text, a .sql file, a folder of them, a callable that is given a DSN, or nothing."""


# pg_dump frames what it writes with these two commands of psql's.
_OF_PG_DUMP: Final = re.compile(r"^\\(?:un)?restrict\b.*$", re.MULTILINE)


def sql_of(schema: str | Path | None) -> Iterator[tuple[str, str]]:
    """SQL texts in the order in which they are run, each after the name of where it stands."""
    if schema is None:
        return
    if isinstance(schema, str):
        yield "the schema's SQL text", schema
        return
    files = [schema]
    if schema.is_dir():
        files = sorted(schema.rglob("*.sql"))
        if not files:
            raise ValueError(f"the schema is the folder {schema}, which has no .sql files")
    for path in files:
        try:
            # A byte order mark is no SQL.
            yield str(path), path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError(
                f"the schema's file {path} is not in UTF-8 (at byte {error.start}): save it so"
            ) from None
        except FileNotFoundError:
            raise FileNotFoundError(
                f"the schema is the path {path}, where nothing is (relative paths start at the "
                f"working directory, {Path.cwd()})"
            ) from None


_NOT_AWAITED: Final = (
    "a schema's function is called and not awaited, and this is a coroutine function: give one "
    "that runs it, such as lambda dsn: asyncio.run(migrate(dsn))"
)


def check(schema: object) -> None:
    """Refuse what cannot be a schema.

    Raises:
        TypeError: It is of another type, or a coroutine function.
        ValueError: It is a path as text, which would be run as SQL.
    """
    program = schema.apply if isinstance(schema, Migration) else schema
    if inspect.iscoroutinefunction(program):
        raise TypeError(_NOT_AWAITED)
    if schema is not None and not isinstance(schema, (str, Path)) and not callable(program):
        raise TypeError(
            "a schema is SQL text, a pathlib.Path, a Migration, a function that is given a DSN, "
            f"or None, not {type(program).__name__}"
        )
    if isinstance(schema, str) and re.fullmatch(r"\s*\S+\.sql\s*", schema):
        raise ValueError(
            f"the schema is the text {schema!r}, which is no SQL: for a file give "
            f"pathlib.Path({schema.strip()!r})"
        )


def fill(dsn: str, schema: Schema) -> None:
    """Make a schema in an empty database."""
    if schema is None or isinstance(schema, (str, Path)):
        with admin(dsn, 1) as db:
            for place, text in sql_of(schema):
                _run_script(db, place, text)
        return
    made = schema.apply(dsn) if isinstance(schema, Migration) else schema(dsn)
    if inspect.isawaitable(made):
        if inspect.iscoroutine(made):
            made.close()
        raise TypeError(_NOT_AWAITED)


# A table's rows in what pg_dump writes: they stand between the statement and a line of "\.".
_COPY: Final = re.compile(
    r"^(COPY\b[^;]*?\bFROM\s+stdin\b[^;]*);[^\S\n]*\n(.*?)^\\\.[^\S\n]*$",
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)


def _run_script(db: postgres.DB, place: str, text: str) -> None:
    """Run a script as psql would: it may begin and commit transactions, and bring rows along."""
    text = _OF_PG_DUMP.sub("", text)
    with postgres.pool(db).connection() as connection:
        start = 0
        for copy in _COPY.finditer(text):
            _run(connection, place, text, start, copy.start())
            _copy_in(connection, place, text, copy)
            start = copy.end()
        _run(connection, place, text, start, len(text))
        if connection.info.transaction_status != 0:  # libpq's number for idle
            raise ValueError(f"{place} leaves a transaction open: it has a BEGIN without COMMIT")
        # The next file begins as in a session of its own: pg_dump empties the search path.
        connection.execute("DISCARD ALL")


def _run(connection: Any, place: str, text: str, start: int, end: int) -> None:
    try:
        connection.execute(text[start:end])
    except Exception as error:
        raise _refused(error, place, text, start) from error


def _copy_in(connection: Any, place: str, text: str, copy: re.Match[str]) -> None:
    try:
        with connection.cursor().copy(copy[1]) as rows:
            rows.write(copy[2])
    except Exception as error:
        raise _refused(error, place, text, copy.start()) from error


def _refused(error: Exception, place: str, text: str, start: int) -> BaseException:
    """The error of liteorm's that fits, with the place in the user's SQL as a note."""
    known = translate(error)
    # The driver's error has the place as a number of characters.
    position = getattr(getattr(error, "diag", None), "statement_position", None)
    where = f"in {place}"
    if position is not None or start:
        lines = text[: start + int(position or 1)].splitlines() or [""]
        where += f", line {len(lines)}"
        if lines[-1].lstrip().startswith("\\"):
            where += (
                ": what begins with a backslash is a command of psql and no SQL; leave it out, "
                "or give a function that runs psql"
            )
    if getattr(error, "sqlstate", None) == "25001":
        where += "; the statements of one file are one transaction: give this one its own file"
    known.add_note(where)
    return known
