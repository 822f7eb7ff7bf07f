"""docs/findings.md: each kind of finding has a section, whose examples give it and mend it."""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import pytest

from liteorm import postgres
from liteorm._check import (
    FileAnswers,
    LiveAnswers,
    Plans,
    RecordingAnswers,
    check,
    check_all,
    collect,
)
from liteorm._check.problems import Code
from liteorm._cli import main
from liteorm_testing import Database, Server, database

PAGE = (Path(__file__).parent.parent.parent / "docs" / "findings.md").read_text("utf-8")
APART = {"not-described", "seq-scan", "stub-outdated"}
"""What a statement and a schema alone do not give."""


def blocks(text: str, language: str = "python") -> list[str]:
    """Return the code blocks of a part of the page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


START, *PARTS = re.split(r"^### `", PAGE, flags=re.M)
SECTIONS = {part.split("`")[0]: blocks(part) for part in PARTS}


@pytest.fixture(scope="module")
def made(liteorm_server: Server) -> Iterator[Database]:
    """A database with the page's schema."""
    [schema] = blocks(START, "sql")
    with database(liteorm_server, schema) as found:
        yield found


@pytest.fixture(scope="module")
def db(made: Database) -> Iterator[postgres.DB]:
    """A session on it."""
    with postgres.open(made.dsn, max_size=2) as opened:
        yield opened


def test_each_kind_has_a_section() -> None:
    """No code is without its section, and none has one that does not exist."""
    assert set(SECTIONS) == set(get_args(Code))
    assert all(SECTIONS.values())


@contextmanager
def page(*parts: str) -> Generator[types.ModuleType]:
    """Make a module with some lines."""
    [first] = blocks(START)
    module = types.ModuleType("page")
    sys.modules["page"] = module
    try:
        for part in (first, *parts):
            exec(part, vars(module))
        yield module
    finally:
        del sys.modules["page"]


def codes(db: postgres.DB, *parts: str) -> list[str]:
    """Return the codes of what is found in a module with some lines."""
    with page(*parts) as module:
        return [finding.code for finding in check(db, module)]


@pytest.mark.parametrize("code", sorted(set(SECTIONS) - APART))
def test_the_examples_give_their_finding(db: postgres.DB, code: str) -> None:
    """The first block gives exactly that finding, the second none."""
    wrong, right = SECTIONS[code]
    assert set(codes(db, wrong)) == {code}
    given = re.findall(r"^class \w+\(liteorm\..*?(?=^\w)", wrong, re.M | re.S)
    assert codes(db, *given, right) == []


def test_a_new_statement_is_not_described(db: postgres.DB, tmp_path: Path) -> None:
    """Offline it is not known, until descriptions are written again."""
    old, new = 'old = statement(int, "SELECT 1 AS n")', SECTIONS["not-described"][0]
    for part, before in ((old, ["not-described"]), (new, ["not-described"])):
        with page(part) as module:
            subjects = collect([module])
            assert [found.code for found in check_all(FileAnswers(tmp_path), subjects)] == before
            recording = RecordingAnswers(LiveAnswers(db), tmp_path, subjects, ["page"])
            assert check_all(recording, subjects) == []
            recording.write()
            assert check_all(FileAnswers(tmp_path), subjects) == []


def test_a_stub_of_before_is_outdated(
    db: postgres.DB, made: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement that was added is not in it, until it is written again."""
    part = next(part for part in PARTS if part.startswith("stub-outdated"))
    [sql], [python] = blocks(part, "sql"), blocks(part)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "paged.py").write_text(python)
    stubs = ["stubs", "paged", "--dsn", made.dsn]
    for text, expected in ((sql[: sql.index("-- name: how_many")], []), (sql, ["stub-outdated"])):
        sys.modules.pop("paged", None)
        (tmp_path / "queries.sql").write_text(text)
        if not expected:
            assert main(stubs) == 0
        assert [found.code for found in check(db, "paged")] == expected
    assert main(stubs) == 0
    assert check(db, "paged") == []
    sys.modules.pop("paged")


def test_a_table_read_whole_is_found(db: postgres.DB, liteorm_server: Server) -> None:
    """With `--plans`, until there is an index."""
    if int(liteorm_server.version.split(".")[0]) < 16:
        pytest.skip("needs EXPLAIN (GENERIC_PLAN) of PostgreSQL 16")
    part = next(part for part in PARTS if part.startswith("seq-scan"))
    [index], [wrong, right] = blocks(part, "sql"), blocks(part)
    db.execute("INSERT INTO orders SELECT n, NULL, 1 FROM generate_series(1, 10000) n")
    db.execute("ANALYZE orders")
    for text, rows, expected in ((wrong, 10000, ["seq-scan"]), (wrong, 10001, []), (right, 1, [])):
        if text is right:
            db.execute(index)
        with page(text) as module:
            found = check_all(LiveAnswers(db), collect([module]), plans=Plans.of(db, rows))
            assert [finding.code for finding in found] == expected
