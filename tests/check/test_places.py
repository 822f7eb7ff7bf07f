"""Findings point at the token: the placeholder, or the expression of the column."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from textwrap import dedent

import pytest

from liteorm._check.places import spot_of
from liteorm._cli import main
from liteorm_testing import Database, Server, database

SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL, mood text);
CREATE TABLE "ö" (id int PRIMARY KEY, "ä" text);
"""


@pytest.fixture(scope="module")
def made(liteorm_server: Server) -> Iterator[Database]:
    """A database with a small schema."""
    with database(liteorm_server, SCHEMA) as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory for a module of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield tmp_path
    sys.modules.pop("placed", None)


def pointed_at(folder: Path, made: Database, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the text that each finding of the module `placed` points at, to the line's end."""
    importlib.invalidate_caches()
    main(["check", "placed", "--dsn", made.dsn, "--format", "json"])
    found: list[str] = []
    for finding in json.loads(capsys.readouterr().out)["findings"]:
        lines = (folder / finding["file"]).read_text().splitlines()
        found.append(lines[finding["line"] - 1][(finding["column"] or 1) - 1 :])
    return found


CASES = [
    ('statement(str, "SELECT mood FROM users")', ["mood FROM"]),
    ('statement(tuple[str, str], "SELECT name \\\n, mood FROM users")', ["mood FROM"]),
    ("statement(str, r\"SELECT '\\d' || mood FROM users\")", ["'\\d' || mood"]),
    ('statement(str, "SELECT \'\\x41\' || mood" " FROM users")', ["'\\x41' || mood"]),
    (
        'statement(str, """\n    SELECT\n      lower(mood) AS low\n    FROM users""")',
        ["lower(mood)"],
    ),
    ('statement(str, "SELECT m"\n   # in two pieces\n   "ood FROM users")', ["mood", "m"]),
    ('statement(str, \'SELECT "ä" FROM "ö"\')', ['"ä" FROM']),
    ("statement(tuple[str, str], \"SELECT '%%', mood FROM users WHERE id = %s\")", ["mood FROM"]),
    ('statement(str, "SELECT name FROM users WHERE idd = 1")', ["idd = 1"]),
    (
        'statement(str, "SELECT name FROM users WHERE name = %(n)s AND id = %(n)s",'
        ' params={"n": int})',
        ["= %(n)s AND"],
    ),
    (
        'statement(str, "SELECT name FROM users WHERE id = %(a)s AND id = %(b)s",'
        ' params={"a": int})',
        ["%(b)s"],
    ),
    ('statement(str, "SELECT name FROM users WHERE id = %s", params={"a": str})', ["%s"]),
    ("statement(str, \"INSERT INTO users VALUES (1, '') RETURNING mood\")", ["mood"]),
    ('statement(tuple[int, str], "SELECT * FROM (SELECT id, mood FROM users) x")', ["*"]),
    ('statement(str, "SELECT mood FROM users UNION SELECT name FROM users")', ["mood FROM"]),
    ('statement(str, "WITH x AS (SELECT 1 AS a) SELECT mood FROM users")', ["mood FROM"]),
    (
        'statement(str, dedent("""\n    SELECT\n      lower(mood) AS low\n\n    FROM users\n"""))',
        ["lower(mood)"],
    ),
    ('statement(str, """\n    SELECT\n      mood\n    FROM users\n""".strip())', ["mood"]),
    ('statement(str, cleandoc("""\n    SELECT\n      mood\n    FROM users\n"""))', ["mood"]),
    ("statement(str, \"SELECT '\U0001f600' || mood FROM users\")", ["'\U0001f600' || mood"]),
    ('statement(tuple[str, str], "SELECT name,\\t\t mood FROM users")', ["mood FROM"]),
    ("statement(int, \"SELECT id FROM users WHERE name LIKE 'a%' AND id = %s\")", ["%' AND"]),
]


@pytest.mark.parametrize(("written", "tokens"), CASES)
def test_findings_point_at_their_token(
    folder: Path,
    made: Database,
    capsys: pytest.CaptureFixture[str],
    written: str,
    tokens: list[str],
) -> None:
    """Whatever the way in which the string is written."""
    text = (
        "from inspect import cleandoc\nfrom textwrap import dedent\n"
        "from liteorm import statement\n\n"
        f"other = 'SELECT 1'\nfound = {written}\n"
    )
    (folder / "placed.py").write_text(text)
    found = pointed_at(folder, made, capsys)
    assert len(found) == 1
    assert found[0].startswith(tuple(tokens)), found


TEMPLATES = [
    ('statement(str, t"SELECT mood FROM users WHERE id = {five}")', "mood FROM"),
    ('statement(str, t"SELECT {name:i}, 1 FROM users WHERE id = {five} AND idd = 1")', "idd = 1"),
    ('statement(str, t"SELECT {name:i} || mood FROM users")', "{name:i} || mood"),
    ("statement(str, rt\"SELECT '\\d' || mood FROM users WHERE id = {five}\")", "'\\d' || mood"),
    ("statement(str, t\"SELECT '\\x41' || mood FROM users\")", "'\\x41' || mood"),
    ('statement(str, t"""\n  SELECT\n    mood\n  FROM users WHERE id = {five}\n""")', "mood"),
    ('statement(str, t"SELECT mood FROM users WHERE " t"id = {five} AND nope = 1")', "nope = 1"),
    (
        'statement(str, t\'SELECT name FROM users WHERE id = { {"a": 5}["a"]} AND no = 1\')',
        "no = 1",
    ),
]


@pytest.mark.skipif(sys.version_info < (3, 14), reason="t-strings came with Python 3.14")
@pytest.mark.parametrize(("written", "token"), TEMPLATES)
def test_findings_point_into_templates(
    folder: Path, made: Database, capsys: pytest.CaptureFixture[str], written: str, token: str
) -> None:
    """Past what is put in, whatever became of it."""
    (folder / "placed.py").write_text(
        "from liteorm import Ident, statement\n\nfive, name = 5, Ident('mood')\n"
        f"found = {written}\n"
    )
    [found] = pointed_at(folder, made, capsys)
    assert found.startswith(token)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_findings_point_into_sql_files(
    folder: Path, made: Database, capsys: pytest.CaptureFixture[str], end: str
) -> None:
    """The second statement of a file, below its comments, however its lines end."""
    (folder / "q.sql").write_text(
        dedent("""
        -- name: fine :all -> str
        SELECT mood AS "mood!" FROM users;

        -- name: moods :all -> str
        -- Moods.
        SELECT
            mood
        FROM users
        WHERE id = 1;
        """),
        newline=end,
    )
    (folder / "placed.py").write_text("import liteorm\nq = liteorm.load('q.sql')\n")
    assert pointed_at(folder, made, capsys) == ["mood"]


def test_what_is_not_found_points_at_the_statement(
    folder: Path, made: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """SQL that is put together has no place of its own."""
    (folder / "placed.py").write_text(
        "from liteorm import statement\ntext = ' '.join(['SELECT mood', 'FROM users'])\n"
        "found = statement(str, text)\n"
    )
    assert pointed_at(folder, made, capsys) == ["found = statement(str, text)"]


def test_a_file_that_cannot_be_read_has_no_places(tmp_path: Path) -> None:
    """A module without a source, or with one that is broken, is no reason to fail."""
    assert spot_of(str(tmp_path / "gone.py"), 1, "SELECT 1", 0) is None
    (tmp_path / "broken.py").write_text("x = '''")
    assert spot_of(str(tmp_path / "broken.py"), 1, "SELECT 1", 0) is None


def test_sarif_has_rules_and_regions(
    folder: Path, made: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each finding is a result with its rule, file, line and column."""
    (folder / "placed.py").write_text(
        "from liteorm import statement\nfound = statement(str, 'SELECT mood FROM users')\n"
    )
    assert main(["check", "placed", "--dsn", made.dsn, "--format", "sarif"]) == 1
    log = json.loads(capsys.readouterr().out)
    assert log["version"] == "2.1.0"
    [run] = log["runs"]
    # A name that says the same as the id is against the standard (SARIF1001).
    assert run["tool"]["driver"]["rules"] == [{"id": "null-column"}]
    assert run["tool"]["driver"]["version"] == version("liteorm")
    [result] = run["results"]
    assert (result["ruleId"], result["ruleIndex"], result["level"]) == ("null-column", 0, "error")
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "placed.py"
    assert place["region"] == {"startLine": 2, "startColumn": 32}
    assert "can be NULL" in result["message"]["text"]


def test_a_constant_above_is_pointed_at(
    folder: Path, made: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """Text that has a name of its own is found there, unless it stands there twice."""
    head = "from liteorm import statement\nSQL = 'SELECT mood FROM users'\n"
    (folder / "placed.py").write_text(head + "found = statement(str, SQL)\n")
    assert pointed_at(folder, made, capsys) == ["mood FROM users'"]
    sys.modules.pop("placed")
    twice = head + head.partition("\n")[2] + "\nfound = statement(str, SQL)\n"
    (folder / "placed.py").write_text(twice)
    assert pointed_at(folder, made, capsys) == ["found = statement(str, SQL)"]
