"""Answers in files: written once against a server, then checked without one.

One small file for each statement, table and constraint, named after what was asked, so that two
branches which add statements do not touch the same file.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import attrs

from liteorm._check.answers import (
    Answer,
    Answers,
    ConstraintAnswer,
    Query,
    Refusal,
    TableAnswer,
    TableColumn,
)
from liteorm._check.answertext import answer_from_json, answer_to_json
from liteorm._check.subjects import Subject
from liteorm._check.typetext import type_from_json, type_to_json
from liteorm._check.unread import queries_in
from liteorm._core.models.model import Table
from liteorm._core.scanning.types import BY_OID
from liteorm.postgres import CustomType

MISSING = "missing"
"""Stands for an SQLSTATE where nothing is known."""
_SAYS = {"statement": ("described",), "table": ("columns", "keys"), "constraint": ("found",)}
"""What is in a file beside `for`, by the first word of its name: others' files are left alone."""
_MISSING = "run liteorm check --write against a server, and commit the file"


class RecordingAnswers:
    """Passes questions on, and keeps the answers for their files.

    Args:
        answers: Where they come from.
        folder: Where the files are.
        subjects: What is checked: a file says which modules it is for.
        modules: The modules and packages that were asked for; what is for others stays.
    """

    def __init__(
        self,
        answers: Answers,
        folder: Path,
        subjects: Sequence[Subject] = (),
        modules: Sequence[str] = (),
    ) -> None:
        self._answers = answers
        self._folder = folder
        self._modules = tuple(modules)
        self._owners: dict[str, set[str]] = {}
        for subject in subjects:
            for name in _subject_files(subject):
                self._owners.setdefault(name, set()).add(subject.module)
        self._contents: dict[str, dict[str, Any]] = {}
        self._described: dict[str, dict[str, Answer | Refusal]] = {}

    def statements(self, queries: Sequence[Query]) -> list[Answer | Refusal]:
        """Describe statements."""
        found = self._answers.statements(queries)
        for query, answer in zip(queries, found, strict=True):
            self._described.setdefault(query.sql, {})[_asked(query)] = answer
        for sql in dict.fromkeys(query.sql for query in queries):
            self._keep(_query_file(sql), _described_to_json(sql, self._described[sql]))
        return found

    def tables(self, tables: Sequence[Table]) -> list[TableAnswer | Refusal]:
        """Describe tables."""
        found = self._answers.tables(tables)
        for table, answer in zip(tables, found, strict=True):
            if isinstance(answer, TableAnswer):
                self._keep(_name_file("table", table.text), _table_to_json(answer))
        return found

    def constraints(self, names: Sequence[str]) -> dict[str, list[ConstraintAnswer]]:
        """Look constraints up."""
        found = self._answers.constraints(names)
        for name, of_name in found.items():
            content = {"name": name, "found": [attrs.asdict(one) for one in of_name]}
            self._keep(_name_file("constraint", name), content)
        return found

    def write(self) -> None:
        """Write the files that differ, and remove those that nothing asks for any more.

        Raises:
            OSError: A file cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        for name, content in self._contents.items():
            before = _content(self._folder / name) or {}
            others = self._others(before)
            owners = sorted(others | self._owners.get(name, set()))
            if others and "described" in content:
                content = _with_others(content, before)
            _write(self._folder / name, {"for": owners, **content})
        for path in sorted(self._folder.glob("*.json")):
            stored = _content(path)
            if path.name in self._contents or stored is None:
                continue
            if others := self._others(stored):
                _write(path, {**stored, "for": sorted(others)})
            else:
                path.unlink()

    def _others(self, content: Mapping[str, Any]) -> set[str]:
        """Return the modules that a file is for and that were not asked for now."""
        return {
            owner
            for owner in content.get("for", ())
            if not any(f"{owner}.".startswith(f"{module}.") for module in self._modules)
        }

    def _keep(self, name: str, content: dict[str, Any]) -> None:
        self._contents[name] = content


def _content(path: Path) -> dict[str, Any] | None:
    """Return what a file says, None if there is none or it is not one of ours."""
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(content, dict):
        return None
    said = cast("dict[str, Any]", content)
    parts = _SAYS.get(path.name.partition("-")[0])
    return said if parts is not None and {"for", *parts} <= set(said) else None


def _write(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


class FileAnswers:
    """Answers from files that `RecordingAnswers` wrote.

    Args:
        folder: Where the files are.
        types: The types of the application's own.
    """

    def __init__(self, folder: Path, types: Sequence[CustomType] = ()) -> None:
        self._folder = folder
        self._customs = {custom.name: custom.python for custom in types}

    def statements(self, queries: Sequence[Query]) -> list[Answer | Refusal]:
        """Read the files of statements."""
        return [self._described(query) for query in queries]

    def _described(self, query: Query) -> Answer | Refusal:
        content = self._read(_query_file(query.sql)) or {"described": []}
        for described in content["described"]:
            if _asked(query) in described["asked"]:
                return answer_from_json(described, self._customs)
        return Refusal("there is no description of this statement", _MISSING, MISSING)

    def tables(self, tables: Sequence[Table]) -> list[TableAnswer | Refusal]:
        """Read the files of tables."""
        return [
            Refusal(f'there is no description of table "{table.text}"', _MISSING)
            if (content := self._read(_name_file("table", table.text))) is None
            else _table_from_json(content, self._customs)
            for table in tables
        ]

    def constraints(self, names: Sequence[str]) -> dict[str, list[ConstraintAnswer]]:
        """Read the files of constraints."""
        contents = {name: self._read(_name_file("constraint", name)) for name in names}
        return {
            name: [ConstraintAnswer(**one) for one in content["found"]]
            for name, content in contents.items()
            if content
        }

    def _read(self, name: str) -> dict[str, Any] | None:
        return _content(self._folder / name)


def _subject_files(subject: Subject) -> list[str]:
    if subject.kind == "statement":
        texts = [variant.sql for variant in subject.item.variants()]
        return [_query_file(sql) for text in texts for sql in (text, *queries_in(text))]
    if subject.kind == "stub":
        return []
    if subject.kind == "constraint":
        return [_name_file("constraint", subject.name)]
    table = cast(Table, vars(subject.item)["__liteorm_table__"])
    return [_name_file("table", table.text)]


def _query_file(sql: str) -> str:
    return f"statement-{hashlib.sha256(sql.encode()).hexdigest()[:20]}.json"


def _asked(query: Query) -> str:
    """Return in one line how the parameters are sent, and which can be NULL."""
    nulls = {True: " or NULL", False: ""}
    count = max([len(query.sent), *query.nulls]) if query.nulls or query.sent else 0
    words: list[str] = []
    for number in range(1, count + 1):
        oid = query.sent[number - 1] if number <= len(query.sent) else 0
        null = query.nulls.get(number)
        word = BY_OID[oid].name if oid in BY_OID else "literal"
        words.append(word + (" or unknown" if null is None else nulls[null]))
    return ", ".join(words)


def _described_to_json(sql: str, found: Mapping[str, Answer | Refusal]) -> dict[str, Any]:
    """Return all that was said of a statement."""
    contents = {
        asked: attrs.asdict(answer) if isinstance(answer, Refusal) else answer_to_json(answer)
        for asked, answer in found.items()
    }
    return {"sql": sql, "described": _grouped(contents)}


def _grouped(contents: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return answers by what was asked, equal ones once."""
    described: list[dict[str, Any]] = []
    for asked, content in sorted(contents.items()):
        for other in described:
            if {**other, "asked": None} == {"asked": None, **content}:
                other["asked"].append(asked)
                break
        else:
            described.append({"asked": [asked], **content})
    return described


def _with_others(content: dict[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return answers with those that are stored for other modules: they may ask in other words."""
    contents: dict[str, dict[str, Any]] = {}
    for described in (*stored["described"], *content["described"]):
        said = {key: value for key, value in described.items() if key != "asked"}
        contents.update(dict.fromkeys(described["asked"], said))
    return {**content, "described": _grouped(contents)}


def _name_file(kind: str, name: str) -> str:
    plain = re.sub(r"[^a-z0-9_.]", "-", name.lower())
    digest = "" if plain == name else f"-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return f"{kind}-{plain}{digest}.json"


def _table_to_json(answer: TableAnswer) -> dict[str, Any]:
    content: dict[str, Any] = attrs.asdict(answer, recurse=False)
    content["columns"] = [
        {
            key: type_to_json(column.type) if key == "type" else value
            for key, value in attrs.asdict(column, recurse=False).items()
            if key != "reason" or value
        }
        for column in answer.columns
    ]
    return content


def _table_from_json(content: dict[str, Any], customs: Mapping[str, Any]) -> TableAnswer:
    columns = tuple(
        TableColumn(
            name=column["name"],
            type=type_from_json(column["type"], customs),
            not_null=column["not_null"],
            nullable=column["nullable"],
            default=column["default"],
            always=column["always"],
            reason=column.get("reason", ""),
        )
        for column in content["columns"]
    )
    keys = tuple(tuple(key) for key in content["keys"])
    return TableAnswer(
        name=content["name"],
        writable=content["writable"],
        triggers=content["triggers"],
        columns=columns,
        keys=keys,
    )
