"""`liteorm check` on many statements: what is wrong is said, what is right is passed over."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from liteorm import postgres
from liteorm._check import Finding, check, collect
from liteorm_testing import Server, database

FILES = Path(__file__).parent / "files"


@pytest.fixture(scope="module")
def db(liteorm_server: Server) -> Iterator[postgres.DB]:
    """A database with the shop's schema."""
    with (
        database(liteorm_server, FILES / "shop.sql") as made,
        postgres.open(made.dsn, max_size=2) as opened,
    ):
        yield opened


def shown(finding: Finding) -> str:
    """Return a finding as the golden file has it."""
    text = f"{finding.subject.name}: {finding.level}: {finding.message}"
    return f"{text}\n    {finding.hint}" if finding.hint else text


def test_right_statements_pass(db: postgres.DB) -> None:
    """Not one error, nor a warning, for statements that are right."""
    subjects = collect(["tests.check.right"])
    assert len(subjects) >= 60
    assert [shown(finding) for finding in check(db, "tests.check.right")] == []


def test_wrong_statements_are_reported(db: postgres.DB) -> None:
    """Each wrong statement is found, with a sentence that says how to mend it.

    `LITEORM_GOLDEN=1` writes the sentences anew, to be read.
    """
    subjects = collect(["tests.check.wrong"])
    assert len(subjects) >= 60
    findings = check(db, "tests.check.wrong")
    assert {finding.subject.name for finding in findings} == {item.name for item in subjects}
    assert [shown(finding) for finding in findings if not finding.hint] == []
    # What is not known says why.
    unknown = [each.message for each in findings if each.code.endswith("-unknown")]
    assert unknown
    assert [each for each in unknown if "never NULL (" not in each] == []
    text = "\n".join(shown(finding) for finding in findings) + "\n"
    golden = FILES / "wrong.txt"
    if os.environ.get("LITEORM_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")
