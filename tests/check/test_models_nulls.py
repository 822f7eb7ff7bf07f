"""Where classes that `liteorm models` writes have no place for NULL: where none can be read."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

import liteorm
from liteorm import postgres
from liteorm._cli import main
from liteorm._cli.modelgen import read_schema
from liteorm_testing import Database, Server, database

KEPT_OUT = {
    "alone": "CHECK (array_position({}, NULL) IS NULL)",
    '"Odd ""name"""': "CHECK (array_position({}, NULL) IS NULL)",
    "short varchar(3)[]": "CHECK (array_position({}, NULL) IS NULL)",
}
LET_IN = {
    "or_other": "CHECK (array_position({}, NULL) IS NULL OR id > 3)",
    "negated": "CHECK (NOT (array_position({}, NULL) IS NULL))",
    "like_other int[]": "",
    "likexother int[]": "CHECK (array_position({}, NULL) IS NULL)",
    "not_inherited": "CHECK (array_position({}, NULL) IS NULL) NO INHERIT",
    "from_second": "CHECK (array_position({}, NULL, 2) IS NULL)",
    "not_null": "CHECK ({} IS NOT NULL)",
}


def column(declared: str, check: str) -> str:
    """Return the declaration of an array."""
    name = declared if declared.startswith('"') else declared.split()[0]
    type_ = declared.removeprefix(name).strip()
    return f"{name} {type_ or 'text[]'} NOT NULL {check.format(name)}"


COLUMNS = ",\n".join(column(*each) for each in (*KEPT_OUT.items(), *LET_IN.items()))
SCHEMA = f"""
CREATE TABLE arrays (id int, {COLUMNS}, late text[] NOT NULL);
ALTER TABLE arrays ADD CHECK (array_position(late, NULL) IS NULL) NOT VALID;
CREATE TABLE plain (id int PRIMARY KEY, name text NOT NULL, note text);
CREATE TABLE parent (id int NOT NULL);
CREATE TABLE child () INHERITS (parent);
CREATE TABLE parted (id int NOT NULL) PARTITION BY LIST (id);
CREATE VIEW seen AS TABLE plain;
"""


@pytest.fixture(scope="module")
def made(liteorm_server: Server) -> Iterator[Database]:
    """A database with arrays, some of which hold no NULL."""
    with database(liteorm_server, SCHEMA) as found:
        yield found


def test_elements_are_never_null_only_where_a_check_says_just_that(made: Database) -> None:
    """What may hold for another column, for some rows or some tables, is no promise."""
    with postgres.open(made.dsn) as db:
        [relation] = read_schema(db, tables=["arrays"]).relations
    free = {column.facts.name for column in relation.columns if column.facts.null_free}
    assert free == {"alone", 'Odd "name"', "short", "likexother"}


def test_without_the_servers_reading_not_null_is_what_it_says(
    made: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """A role may have no right to make the temporary function that it takes: that is told."""
    with postgres.open(made.dsn) as db:
        db.execute(
            "DO $$ BEGIN CREATE ROLE models_reader; EXCEPTION WHEN duplicate_object THEN END $$"
        )
        db.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO models_reader")
        name = liteorm.Ident(made.name)
        db.execute(liteorm.sql("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC", name))
    reader = f"{made.dsn}?options=-crole%3Dmodels_reader"
    assert main(["models", "--dsn", reader, "--table", "plain"]) == 0
    told = capsys.readouterr()
    assert "    id: int\n    name: str\n    note: str | None = None\n" in told.out
    assert told.err == ""
    assert main(["models", "--dsn", reader, "--table", "parted", "--table", "parent"]) == 0
    told = capsys.readouterr()
    assert told.out.count("    id: int\n") == 1  # a parent has rows of its children
    assert told.out.count("    id: int | None = None\n") == 1
    assert main(["models", "--dsn", reader, "--table", "seen"]) == 0
    told = capsys.readouterr()
    assert "    name: str | None\n" in told.out
    assert re.fullmatch(
        r"what can be NULL in public\.seen is not known .*permission denied.*\n", told.err
    )
