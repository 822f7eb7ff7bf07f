"""What databases start with: SQL text, files of it, or a program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from attrs import define

from liteorm_testing import _dsn
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


def sql_of(schema: str | Path | None) -> Iterator[str]:
    if schema is None:
        return
    if isinstance(schema, str):
        yield schema
    elif schema.is_dir():
        files = sorted(schema.rglob("*.sql"))
        if not files:
            raise ValueError(f"liteorm_schema names the folder {schema}, which has no .sql files")
        for path in files:
            yield path.read_text(encoding="utf-8")
    else:
        yield schema.read_text(encoding="utf-8")


def fill(dsn: str, schema: Schema) -> None:
    if isinstance(schema, Migration):
        schema.apply(dsn)
    elif schema is None or isinstance(schema, (str, Path)):
        with admin(dsn, 1) as db:
            for sql in sql_of(schema):
                # The user's own text, which may hold several statements.
                db.execute(_dsn.trusted(sql))
    else:
        schema(dsn)
