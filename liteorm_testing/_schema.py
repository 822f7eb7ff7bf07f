"""What databases start with: SQL text, files of it, or a program."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

from liteorm_testing._migration import Migration
from liteorm_testing._scripts import run_script
from liteorm_testing._sweep import admin

Schema: TypeAlias = str | Path | Migration | Callable[[str], object] | None
"""SQL text, a .sql file, a folder of them, a callable that is given a DSN, or nothing."""


def schema_at(place: str) -> Schema:
    """What a command line names: a path, or an object in a module, such as "shop.db:migrate".

    Raises:
        ValueError: Nothing is there; the message says what was looked for.
    """
    module, colon, name = place.partition(":")
    names = [*module.split("."), *name.split(".")]
    if not colon or Path(place).exists() or not all(one.isidentifier() for one in names):
        if not Path(place).exists():
            raise ValueError(f"there is no {place}")
        return Path(place)
    try:
        found: Any = importlib.import_module(module)
    except Exception as error:
        raise ValueError(f"{place}: {error} ({type(error).__name__})") from error
    for one in name.split("."):
        if not hasattr(found, one):
            raise ValueError(f"{place}: {module} has no {name}")
        found = getattr(found, one)
    try:
        check(found)
    except TypeError as error:
        raise ValueError(f"{place}: {error}") from error
    schema: Schema = found
    return schema


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
    known = schema is None or isinstance(schema, (str, Path, Migration))
    if not known and not callable(program):
        raise TypeError(
            "a schema is SQL text, a pathlib.Path, a Migration, a function that is given a DSN, "
            f"or None, not {type(program).__name__}"
        )
    if isinstance(schema, str) and _is_a_path(schema.strip()):
        raise ValueError(
            f"the schema is the text {schema!r}, which is no SQL: for a file give "
            f"pathlib.Path({schema.strip()!r})"
        )


def _is_a_path(text: str) -> bool:
    """Whether a text is meant for a path: it ends like one, or something is there."""
    if re.fullmatch(r"\S+\.sql", text):
        return True
    try:
        return bool(text) and "\n" not in text and Path(text).exists()
    except (OSError, ValueError):
        return False  # too long for one, or with a NUL


def fill(dsn: str, schema: Schema) -> None:
    """Make a schema in an empty database."""
    if schema is None or isinstance(schema, (str, Path)):
        with admin(dsn, 1) as db:
            for place, text in sql_of(schema):
                run_script(db, place, text)
        return
    made = schema.run(dsn) if isinstance(schema, Migration) else schema(dsn)
    if inspect.isawaitable(made):
        if inspect.iscoroutine(made):
            made.close()
        raise TypeError(_NOT_AWAITED)
