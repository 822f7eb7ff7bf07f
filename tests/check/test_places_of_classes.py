"""Where findings about classes and names of constraints point: at the field, at the key."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from liteorm import postgres
from liteorm._check import check
from liteorm_testing import Database, Server, database

SCHEMA = """
CREATE TABLE users (
    id int PRIMARY KEY, name text NOT NULL, age int, made int GENERATED ALWAYS AS (1) STORED
);
"""

FILES = {
    "placed_errors.py": """
        import liteorm

        class Taken(liteorm.UniqueViolation):
            pass

        ERRORS: dict[str, type[liteorm.IntegrityError]] = {
            "users_pkey": Taken,
            "é_gone": Taken, "gone": Taken,
            **{
                "also_gone": Taken,
            },
        }
        MORE = dict(
            gone_too=Taken,
        )
        """,
    "placed_base.py": """
        import attrs

        @attrs.define
        class Named:
            nam: str
        """,
    "placed_models.py": """
        import typing
        import attrs
        import liteorm
        import placed_base
        from os import (
            path,
        )
        from placed_errors import ERRORS, Taken
        from placed_errors import MORE as RENAMED

        class Outer:
            @liteorm.table("users", key="age")
            @attrs.define
            class User:
                id: str
                name: typing.Annotated[
                    str | None, liteorm.Column()
                ]
                age: int; made: int = 0

        if True:
            @liteorm.table("users")
            @attrs.define
            class Other(placed_base.Named):
                id: int
                name: str
                é: int = 0; ç: int = 0
        """,
}


@pytest.fixture(scope="module")
def made(liteorm_server: Server) -> Iterator[Database]:
    """A database with a table."""
    with database(liteorm_server, SCHEMA) as found:
        yield found


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with the modules."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(dedent(text), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield tmp_path
    for name in FILES:
        sys.modules.pop(name.removesuffix(".py"), None)


def pointed(made: Database, *modules: str) -> list[str]:
    """Return each finding's place, and what is written there."""
    with postgres.open(made.dsn) as db:
        found = check(db, modules)
    shown: list[str] = []
    for finding in found:
        line = Path(finding.subject.file).read_text(encoding="utf-8").split("\n")[finding.line - 1]
        text = line.strip() if finding.column is None else line[finding.column - 1 :]
        shown.append(f"{finding.code} {Path(finding.subject.file).stem} {text}")
    return shown


def test_a_constraint_points_at_its_key(made: Database) -> None:
    """In the dict that names it, whichever module has it too."""
    expected = [
        'constraint-name placed_errors "é_gone": Taken, "gone": Taken,',
        'constraint-name placed_errors "gone": Taken,',
        'constraint-name placed_errors "also_gone": Taken,',
        "constraint-name placed_errors gone_too=Taken,",
    ]
    assert pointed(made, "placed_errors") == expected
    both = pointed(made, "placed_models", "placed_errors")
    assert [one for one in both if one.startswith("constraint")] == expected


def test_a_constraint_of_a_module_that_is_not_checked_points_at_the_import(made: Database) -> None:
    """Not at the first line."""
    found = [one for one in pointed(made, "placed_models") if one.startswith("constraint")]
    assert found == [
        *["constraint-name placed_models from placed_errors import ERRORS, Taken"] * 3,
        "constraint-name placed_models from placed_errors import MORE as RENAMED",
    ]


def test_a_table_points_at_the_field(made: Database) -> None:
    """At the class for what no field of its own text is about."""
    found = [one for one in pointed(made, "placed_models") if one.startswith("table")]
    assert found == [
        "table-type placed_models id: str",
        "table-null placed_models name: typing.Annotated[",
        "table-null placed_models age: int; made: int = 0",
        "table-generated placed_models made: int = 0",
        'table-key placed_models @liteorm.table("users", key="age")',
        'table-column placed_models @liteorm.table("users")',
        "table-column placed_models é: int = 0; ç: int = 0",
        "table-column placed_models ç: int = 0",
    ]
