"""Findings as text for people, for GitHub's annotations, as JSON and as SARIF."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from liteorm._check.checking import Finding
from liteorm._check.subjects import Subject, relative


def counted(subjects: Sequence[Subject], findings: Sequence[Finding]) -> str:
    """Return the closing line: what was checked, and how much was found."""
    kinds = Counter(subject.kind for subject in subjects)
    what = ", ".join(_number(kinds[kind], kind) for kind in ("statement", "table", "constraint"))
    levels = Counter(finding.level for finding in findings)
    found = ", ".join(_number(levels[level], level) for level in ("error", "warning"))
    return f"checked {what}: {found}"


def _number(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def github_lines(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield workflow commands, which GitHub shows at the lines of a change."""
    for finding in findings:
        text = f"{finding.message} [{finding.code}]"
        text = text if finding.hint is None else f"{text}\n{finding.hint}"
        subject = finding.subject
        column = "" if finding.column is None else f",col={finding.column}"
        yield (
            f"::{finding.level} file={_property(relative(subject.file))},line={finding.line}"
            f"{column},title={_property(subject.name)}::{_data(text)}"
        )


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def json_text(subjects: Sequence[Subject], findings: Sequence[Finding]) -> str:
    """Return everything as one JSON object."""
    kinds = Counter(subject.kind for subject in subjects)
    return json.dumps(
        {
            "checked": {kind: kinds[kind] for kind in ("statement", "table", "constraint")},
            "findings": [
                {
                    "level": finding.level,
                    "code": finding.code,
                    "kind": finding.subject.kind,
                    "name": finding.subject.name,
                    "module": finding.subject.module,
                    "file": relative(finding.subject.file),
                    "line": finding.line,
                    "column": finding.column,
                    "message": finding.message,
                    "hint": finding.hint,
                }
                for finding in findings
            ],
        },
        indent=1,
        ensure_ascii=False,
    )


def sarif_text(findings: Sequence[Finding], version: str) -> str:
    """Return the findings in SARIF 2.1.0, which code hosts and editors read."""
    codes = sorted({finding.code for finding in findings})
    driver = {
        "name": "liteorm check",
        "version": version,
        "rules": [{"id": code} for code in codes],
    }
    results = [_sarif_result(finding, codes.index(finding.code)) for finding in findings]
    return json.dumps(
        {
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [
                {
                    "tool": {"driver": driver},
                    "columnKind": "unicodeCodePoints",
                    "results": results,
                }
            ],
        },
        indent=1,
        ensure_ascii=False,
    )


def _sarif_result(finding: Finding, rule: int) -> dict[str, Any]:
    text = finding.message if finding.hint is None else f"{finding.message}\n{finding.hint}"
    location: dict[str, Any] = {
        "logicalLocations": [
            {"fullyQualifiedName": f"{finding.subject.module}.{finding.subject.name}"}
        ]
    }
    if finding.subject.file:
        region = {"startLine": max(finding.line, 1)}
        if finding.column is not None:
            region["startColumn"] = finding.column
        location["physicalLocation"] = {
            "artifactLocation": {"uri": _uri(relative(finding.subject.file))},
            "region": region,
        }
    return {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": finding.level,
        "message": {"text": text},
        "locations": [location],
    }


def _uri(file: str) -> str:
    path = Path(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
