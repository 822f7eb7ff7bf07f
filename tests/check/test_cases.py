"""Reports, one small file each: a schema, a statement, and what `liteorm check` says of it.

A file in `cases/` begins with a sentence. What follows is the schema, after `-- statement` the
statement, and after `-- expected` for each column what its check finds where the field is not
optional: `fits`, `can be NULL` (an error), `NULL inside` (one too) or `not known` (a warning).
Columns with a dot are fields of an optional part.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest

import liteorm
from liteorm import postgres
from liteorm._check.answers import live_answers
from liteorm._check.checking import Finding, check_all
from liteorm._check.files import FileAnswers, RecordingAnswers
from liteorm._check.subjects import collect
from liteorm_testing import Server, database

CASES = sorted(Path(__file__).parent.joinpath("cases").glob("*.sql"))

PYTHON: dict[str, Any] = {
    "boolean": bool,
    "integer": int,
    "bigint": int,
    "text": str,
    "numeric": Decimal,
    "double precision": float,
    "date": date,
    "time without time zone": time,
    "timestamp with time zone": datetime,
    "character varying": str,
    "integer[]": list[int],
    "text[]": list[str],
}

FINDINGS = {"can be NULL": "error", "not known": "warning", "NULL inside": "error"}


@attrs.frozen
class Case:
    """One report."""

    name: str
    since: int
    schema: str
    statement: Any
    expected: dict[str, str]
    runs: bool = True
    xml: bool = False
    """It needs a server that was built with XML."""


def read(path: Path) -> Case:
    """Read a file of `cases/`."""
    text = path.read_text(encoding="utf-8")
    schema, rest = text.split("-- statement\n")
    statement, expected = rest.split("-- expected\n")
    since = re.search(r"^-- since PostgreSQL (\d+)$", schema, re.M)
    columns = dict(re.findall(r"^--   (\S+): (.+)$", expected, re.M))
    version = int(since[1]) if since else 0
    runs = "-- not run" not in schema
    xml = "-- needs XML" in schema
    return Case(path.stem, version, schema, statement.strip(), columns, runs, xml)


@pytest.fixture(scope="module")
def dsn(liteorm_server: Server) -> Iterator[str]:
    """A database with a schema for each case."""
    version = int(liteorm_server.version.split(".")[0])
    parts = [
        f'CREATE SCHEMA "{case.name}"; SET search_path = "{case.name}", public;\n{case.schema}'
        for case in map(read, CASES)
        if case.since <= version
    ]
    with database(liteorm_server, "\n".join(parts)) as made:
        yield made.dsn


def model_of(shape: postgres.StatementShape) -> Any:
    """Return a class in which no field is optional, but for parts."""
    fields: dict[str, Any] = {}
    parts: dict[str, dict[str, Any]] = {}
    for column in shape.columns:
        part, _, name = column.name.rpartition(".")
        (parts.setdefault(part, {}) if part else fields)[name] = PYTHON[column.type]
    for part, inner in parts.items():
        fields[part] = _made(part.title(), inner) | None
    return _made("Row", fields)


def _made(name: str, fields: dict[str, Any]) -> Any:
    return attrs.make_class(name, {field: attrs.field(type=its) for field, its in fields.items()})


def as_expected(findings: list[Finding], columns: list[str]) -> dict[str, str]:
    """Return what is said of each column, in a case's words."""
    said = dict.fromkeys(columns, "fits")
    for finding in findings:
        name = finding.message.split('"')[1]
        word = "not known" if "not known" in finding.message else "can be NULL"
        word = "NULL inside" if finding.code == "inside-null" else word
        assert FINDINGS[word] == finding.level
        said[name] = word
    return said


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_case_is_answered(path: Path, dsn: str, liteorm_server: Server, tmp_path: Path) -> None:
    """A check says of each column what is expected, on a server and from files; and it is so."""
    case = read(path)
    if int(liteorm_server.version.split(".")[0]) < case.since:
        pytest.skip(f"needs PostgreSQL {case.since}")
    options = f"options=-csearch_path%3D{case.name},public"
    with postgres.open(f"{dsn}{'&' if '?' in dsn else '?'}{options}", max_size=1) as db:
        if case.xml and not db.query("SELECT FROM pg_config WHERE setting LIKE '%with-libxml%'"):
            pytest.skip("needs a server that was built with XML")
        model = model_of(postgres.describe(db, case.statement))
        module = ModuleType(case.name)
        module.statement = liteorm.statement(model, case.statement)  # type: ignore[attr-defined]
        subjects = collect([module])
        with live_answers(db) as answers:
            recording = RecordingAnswers(answers, tmp_path, subjects, [case.name])
            live = check_all(recording, subjects)
            recording.write()
        assert as_expected(live, list(case.expected)) == case.expected
        frozen = check_all(FileAnswers(tmp_path), subjects)
        assert [str(finding) for finding in frozen] == [str(finding) for finding in live]
        if case.runs:
            with pytest.raises(LookupError), db.transaction() as tx:
                holds(tx, case, model)
                raise LookupError


def holds(tx: postgres.Tx, case: Case, model: Any) -> None:
    """Run the statement: what fits has no NULL, and what can be NULL is NULL in some row."""
    rows = tx.query(case.statement)
    parts = [name for name in case.expected if "." in name]
    for position, (name, said) in enumerate(case.expected.items()):
        if name in parts or not len(rows):
            continue
        some = any(row[position] is None for row in rows)
        assert said != "fits" or not some, name
        assert said != "can be NULL" or some, name
        if said == "NULL inside":
            assert any(None in row[position] for row in rows), name
    if parts and "can be NULL" not in [case.expected[name] for name in case.expected]:
        liteorm.scan(rows, model)
    elif any(case.expected[name] == "can be NULL" for name in parts):
        with pytest.raises(liteorm.ScanError):
            liteorm.scan(rows, model)


def test_each_published_answer_has_its_case() -> None:
    """Each line of the table in docs/checking.md has a case, and each such case a line."""
    page = Path(__file__).parent.parent.parent / "docs" / "checking.md"
    lines = [line for line in page.read_text("utf-8").splitlines() if "https://github.com/" in line]
    listed = [
        {
            f"published_{name.lower()}_{number}"
            for name, number in re.findall(r"\[(\w+) (\d+)\]", line)
        }
        for line in lines
        if line.startswith("| ")
    ]
    cases = {path.stem for path in CASES if path.stem.startswith("published_")}
    assert cases == set[str]().union(*listed) & cases
    assert all(names & cases for names in listed)
    assert len(listed) >= 27
