"""docs/findings.md: each kind of finding has a section, whose examples give it and mend it."""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from liteorm import postgres
from liteorm._check import check
from liteorm._check.problems import Code
from liteorm_testing import Server, database

PAGE = (Path(__file__).parent.parent.parent / "docs" / "findings.md").read_text("utf-8")
WITHOUT_EXAMPLE = {"not-described", "seq-scan", "stub-outdated"}


def blocks(text: str, language: str = "python") -> list[str]:
    """Return the code blocks of a part of the page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


START, *PARTS = re.split(r"^### `", PAGE, flags=re.M)
SECTIONS = {part.split("`")[0]: blocks(part) for part in PARTS}


@pytest.fixture(scope="module")
def db(liteorm_server: Server) -> Iterator[postgres.DB]:
    """A database with the page's schema."""
    [schema] = blocks(START, "sql")
    with database(liteorm_server, schema) as made, postgres.open(made.dsn, max_size=2) as opened:
        yield opened


def test_each_kind_has_a_section() -> None:
    """No code is without its section, and none has one that does not exist."""
    assert set(SECTIONS) == set(get_args(Code))
    assert {code for code, found in SECTIONS.items() if not found} == WITHOUT_EXAMPLE


def codes(db: postgres.DB, *parts: str) -> list[str]:
    """Return the codes of what is found in a module with some lines."""
    [first] = blocks(START)
    module = types.ModuleType("page")
    sys.modules["page"] = module
    try:
        for part in (first, *parts):
            exec(part, vars(module))
        return [finding.code for finding in check(db, module)]
    finally:
        del sys.modules["page"]


@pytest.mark.parametrize("code", sorted(set(SECTIONS) - WITHOUT_EXAMPLE))
def test_the_examples_give_their_finding(db: postgres.DB, code: str) -> None:
    """The first block gives exactly that finding, the second none."""
    wrong, right = SECTIONS[code]
    assert set(codes(db, wrong)) == {code}
    given = re.findall(r"^class \w+\(liteorm\..*?(?=^\w)", wrong, re.M | re.S)
    assert codes(db, *given, right) == []
