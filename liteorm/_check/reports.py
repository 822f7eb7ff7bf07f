"""Findings as text for people, for GitHub's annotations, and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence

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
        text = finding.message if finding.hint is None else f"{finding.message}\n{finding.hint}"
        subject = finding.subject
        yield (
            f"::{finding.level} file={_property(relative(subject.file))},line={subject.line},"
            f"title={_property(subject.name)}::{_data(text)}"
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
                    "kind": finding.subject.kind,
                    "name": finding.subject.name,
                    "module": finding.subject.module,
                    "file": relative(finding.subject.file),
                    "line": finding.subject.line,
                    "message": finding.message,
                    "hint": finding.hint,
                }
                for finding in findings
            ],
        },
        indent=1,
        ensure_ascii=False,
    )
