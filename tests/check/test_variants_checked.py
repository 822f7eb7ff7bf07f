"""The check describes each variant of a statement, and says in which one something is wrong."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from liteorm._cli import main
from liteorm_testing import Database, Server, database

SCHEMA = """
CREATE TYPE status AS ENUM ('open', 'done');
CREATE TABLE tickets (
    id int PRIMARY KEY, tenant int NOT NULL, subject text NOT NULL, status status NOT NULL,
    created timestamptz NOT NULL DEFAULT now(), author int
);
CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL);
"""
NUMBERS = itertools.count()
HEAD = """
from __future__ import annotations
from datetime import datetime
from enum import Enum
from typing import Literal
import attrs
import liteorm

class Status(Enum):
    OPEN = "open"
    DONE = "done"

@attrs.define
class Ticket:
    id: int
    subject: str

"""
RIGHT = '''
@liteorm.statement(Ticket, """
    SELECT {columns} FROM tickets
    WHERE tenant = %(tenant)s
      AND status = %(status)s                      --? status
      AND (created, id) < (%(at)s, %(id)s)         --? at id
      --? mine {
      AND author IS NOT NULL
      --? }
    ORDER BY {sort}
    LIMIT %(limit)s
""", choices={"sort": {"newest": "created DESC, id DESC", "title": "subject, id"}})
def tickets(tenant: int, status: Status | None = None, at: datetime | None = None,
            id: int | None = None, mine: bool = False,
            sort: Literal["newest", "title"] = "newest", limit: int = 50) -> None:
    """The tickets of a tenant."""

named = liteorm.statement(Ticket, """
    SELECT {columns} FROM tickets
    WHERE tenant = %(tenant)s  --? tenant
""", params={"tenant": int | None})
'''


@pytest.fixture(scope="module")
def made(liteorm_server: Server) -> Iterator[Database]:
    """A database with tickets."""
    with database(liteorm_server, SCHEMA) as found:
        yield found


@pytest.fixture
def checked(
    made: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Any]:
    """Return a function that checks a module and returns its findings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    # A name of its own: what a test before declared may still be there.
    name = f"listed{next(NUMBERS)}"

    def check(body: str, *arguments: str) -> list[dict[str, Any]]:
        if sys.modules.get(name) is None:
            (tmp_path / f"{name}.py").write_text(HEAD + dedent(body))
        main(["check", name, "--format", "json", *(arguments or ("--dsn", made.dsn))])
        found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["findings"]
        return found

    yield check
    sys.modules.pop(name, None)


def test_variants_that_are_right_give_nothing(checked: Any) -> None:
    """A parameter of a part is not None there, flags and choices are none of the server's."""
    assert checked(RIGHT) == []


STATEMENT = '''
@liteorm.statement(Ticket, """
{text}
""", choices={{"sort": {{"newest": "id DESC", "title": {title!r}}}}})
def tickets(tenant: int, name: str | None = None, at: datetime | None = None,
            sort: Literal["newest", "title"] = "newest") -> None:
    """The tickets of a tenant."""
'''
TEXT = """
SELECT t.id, subject
FROM tickets t
JOIN people p ON p.id = t.author   --? name
WHERE tenant = %(tenant)s
  AND p.name = %(name)s            --? name
  AND created < %(at)s             --? at
ORDER BY {sort}"""


@pytest.mark.parametrize(
    ("old", "new", "title", "sentence", "line"),
    [
        ("", "", "titel", 'sort="title": column "titel" does not exist', 27),
        ("subject", "subjet", "id", 'column "subjet" does not exist', 21),
        ("--? name\nWHERE", "--? at\nWHERE", "id", "with name alone: missing FROM-clause", 25),
        ("%(at)s", "%(at)s::int", "id", 'sort="newest": cannot cast type timestamp', 26),
        ("subject", "author", "id", "no field", None),
    ],
)
def test_findings_say_in_which_variant(
    checked: Any, old: str, new: str, title: str, sentence: str, line: int | None
) -> None:
    """What is wrong everywhere is said once, the rest with the first variant that has it."""
    text = TEXT.replace(old, new, 1) if old else TEXT
    found = checked(STATEMENT.format(text=text, title=title))
    assert sentence in found[0]["message"]
    assert len([each for each in found if "does not exist" in each["message"]]) <= 1
    if line is not None:
        assert found[0]["line"] == line


def test_types_are_those_of_the_signature(checked: Any) -> None:
    """A misfit names the function, and what a part makes NULL is seen."""
    found = checked(
        '''
        @liteorm.statement(Ticket, """
            SELECT {columns} FROM tickets WHERE tenant = %(tenant)s
              AND status = %(status)s  --? status
        """)
        def tickets(tenant: str, status: int | None = None) -> None:
            """Two that do not fit."""
        '''
    )
    assert [each["code"] for each in found] == ["parameter-type", "parameter-type"]
    messages = "\n".join(each["message"] for each in found)
    assert "tickets.tenant is str" in messages
    assert 'with all optional parts: parameter "status"' in messages
    assert "tickets.status is int" in messages


def test_descriptions_hold_every_variant(checked: Any, made: Database, tmp_path: Path) -> None:
    """What `--write` wrote gives the same findings with `--frozen`."""
    body = STATEMENT.format(text=TEXT, title="titel")
    live = checked(body, "--dsn", made.dsn, "--write")
    assert checked(body, "--frozen") == live
    assert len(list((tmp_path / ".liteorm").glob("statement-*"))) == 5


def test_a_misspelt_parameter_is_compared_with_those_of_all_variants(checked: Any) -> None:
    """The one that was meant may belong to another optional part."""
    body = """
    named = liteorm.statement(Ticket, '''
        SELECT {columns} FROM tickets
        WHERE tenant = %(tenant)s
          AND author = %(auther)s  --? auther
          AND id <> %(author)s     --? author
          AND id > %(after)s       --? after
    ''', params={"tenant": int, "author": int | None, "after": int | None})
    """
    found = [each for each in checked(dedent(body)) if "auther" in each["message"]]
    assert found
    for each in found:
        assert each["hint"] == "did you mean %(author)s?"
        assert "declares tenant, author, after" in each["message"]
