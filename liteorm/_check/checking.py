"""The checks of one run: what is asked, in few round trips, and what is found."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TypeVar

import attrs

from liteorm import errors
from liteorm._check.answers import (
    Answers,
    Asking,
    ConstraintAnswer,
    Query,
    Refusal,
    live_answers,
)
from liteorm._check.declarations import field_spot, key_spot
from liteorm._check.places import Spot, spot_of
from liteorm._check.plans import Plans
from liteorm._check.problems import Code, Problem
from liteorm._check.sent import Oid
from liteorm._check.statements import statement_problems
from liteorm._check.stubfiles import meaning_of
from liteorm._check.stubs import stub_of
from liteorm._check.subjects import Subject, collect, relative
from liteorm._check.tables import table_problems
from liteorm._check.variants import told
from liteorm._core.models.classes import model_of
from liteorm._core.models.hints import Codec
from liteorm._core.models.model import Table
from liteorm.postgres import DB, AsyncDB
from liteorm.postgres._describing.shapes import sent_oid

T = TypeVar("T")


@attrs.frozen
class Finding:
    """Something wrong, or not known to be right, and how to mend it."""

    level: Literal["error", "warning"]
    code: Code
    """The kind of finding."""
    subject: Subject
    message: str
    hint: str | None = None
    line: int = 1
    column: int | None = None
    """Where in the subject's file: the placeholder or the expression, where it is found."""

    @property
    def where(self) -> str:
        """File, line and column, as tools that jump to them expect."""
        place = f"{relative(self.subject.file)}:{self.line}"
        return place if self.column is None else f"{place}:{self.column}"

    def __str__(self) -> str:
        hint = f"\n    {self.hint}" if self.hint else ""
        return (
            f"{self.where}: {self.subject.name}: {self.level}: {self.message} [{self.code}]{hint}"
        )


_Found = list[tuple[Subject, Problem]]


def check(
    db: DB | AsyncDB, modules: Iterable[ModuleType | str] | ModuleType | str
) -> list[Finding]:
    """Check what some modules declare against a database; nothing is run.

    The names in the database's own `constraint_errors` are checked too.
    """
    listed = [modules] if isinstance(modules, ModuleType | str) else list(modules)
    subjects = collect(listed)
    given: Mapping[str, Any] = db._state.constraint_errors
    known = {subject.name for subject in subjects if subject.kind == "constraint"}
    subjects += [
        Subject("constraint", name, cls.__module__, _file_of(cls), 1, (name, cls))
        for name, cls in given.items()
        if name not in known
    ]
    with live_answers(db) as answers:
        oid = functools.partial(sent_oid, adapters=db._state.adapters)
        return check_all(answers, subjects, codecs=db._state.codecs, oid=oid)


def check_all(
    answers: Answers,
    subjects: Sequence[Subject],
    *,
    codecs: Mapping[Any, Codec] | None = None,
    oid: Oid = sent_oid,
    plans: Plans | None = None,
) -> list[Finding]:
    """Check subjects against answers, and return what is found in the subjects' order.

    Args:
        answers: What is asked.
        subjects: What is checked.
        codecs: Codecs by class.
        oid: Gives the type that a parameter is sent with.
        plans: The server's plans, if large tables that are read whole are to be warned of.
    """
    found: list[tuple[Subject, Problem]] = []
    found += _check_statements(answers, _of(subjects, "statement"), codecs or {}, oid)
    if plans is not None:
        for subject in _of(subjects, "statement"):
            variants = subject.item.variants()
            read = [list(plans.problems(variant.sql)) for variant in variants]
            found += [(subject, problem) for problem in told(variants, read)]
    found += _check_tables(answers, _of(subjects, "table"), codecs or {})
    found += _check_constraints(answers, _of(subjects, "constraint"))
    found += _check_stubs(answers, _of(subjects, "stub"))
    order = {id(subject): number for number, subject in enumerate(subjects)}
    found.sort(key=lambda pair: order[id(pair[0])])
    return [_finding(subject, problem) for subject, problem in found]


def _finding(subject: Subject, problem: Problem) -> Finding:
    line, column = subject.line, None
    spot: Spot | None = None
    if problem.at is not None and subject.kind == "statement":
        item = subject.item
        spot = spot_of(subject.file, line, item.written, problem.at)
        if spot is None and item.file == subject.file and item.line != line:
            spot = spot_of(subject.file, item.line, item.written, problem.at)  # in its helper
    elif problem.field is not None:
        spot = field_spot(subject.file, subject.name, problem.field)
    elif subject.kind == "constraint":
        spot = key_spot(subject.file, line, subject.name)
    line, column = spot or (line, None)
    return Finding(
        problem.level, problem.code, subject, problem.message, problem.hint, line, column
    )


def _check_stubs(answers: Answers, subjects: list[Subject]) -> _Found:
    found: _Found = []
    for subject in subjects:
        text = stub_of(subject.item, answers)
        if meaning_of(Path(subject.file).read_text(encoding="utf-8")) != meaning_of(text):
            problem = Problem(
                "error",
                "stub-outdated",
                "the stub is out of date: it is not what the module and its SQL are now",
                f"run liteorm stubs {subject.module}",
            )
            found.append((subject, problem))
    return found


def _of(subjects: Sequence[Subject], kind: str) -> list[Subject]:
    return [subject for subject in subjects if subject.kind == kind]


def _check_statements(
    answers: Answers, subjects: list[Subject], codecs: Mapping[Any, Codec], oid: Oid
) -> _Found:
    running: list[tuple[Subject, Asking]] = []
    waiting: list[list[Query]] = []
    found: _Found = []
    for subject in subjects:
        asking = statement_problems(subject.item, codecs, oid)
        running.append((subject, asking))
        waiting.append(next(asking))
    # Each round asks for all statements at once.
    while running:
        asked = [query for queries in waiting for query in queries]
        replies = iter(answers.statements(asked) if asked else ())
        going: list[tuple[Subject, Asking]] = []
        questions: list[list[Query]] = []
        for (subject, asking), queries in zip(running, waiting, strict=True):
            try:
                questions.append(asking.send([next(replies) for _ in queries]))
                going.append((subject, asking))
            except StopIteration as end:
                problems: list[Problem] = end.value
                found += [(subject, problem) for problem in dict.fromkeys(problems)]
        running, waiting = going, questions
    return found


def _check_tables(answers: Answers, subjects: list[Subject], codecs: Mapping[Any, Codec]) -> _Found:
    found: _Found = []
    asked: list[tuple[Subject, Table]] = []
    for subject in subjects:
        try:
            table = model_of(subject.item).table
        except errors.ModelError as error:
            found.append((subject, Problem("error", "model", error.message, error.hint)))
            continue
        assert table is not None
        asked.append((subject, table))
    if not asked:
        return found
    replies = answers.tables([table for _, table in asked])
    for (subject, table), answer in zip(asked, replies, strict=True):
        if isinstance(answer, Refusal):
            found.append((subject, Problem("error", "table-missing", answer.message, answer.hint)))
        else:
            problems = table_problems(model_of(subject.item), table, answer, codecs)
            found += [(subject, problem) for problem in problems]
    return found


_VIOLATIONS: dict[str, type[errors.IntegrityError]] = {
    "p": errors.UniqueViolation,
    "u": errors.UniqueViolation,
    "f": errors.ForeignKeyViolation,
    "c": errors.CheckViolation,
    "x": errors.ExclusionViolation,
    "n": errors.NotNullViolation,
}


def _check_constraints(answers: Answers, subjects: list[Subject]) -> _Found:
    if not subjects:
        return []
    answered = answers.constraints(list(dict.fromkeys(subject.name for subject in subjects)))
    found: _Found = []
    for subject in subjects:
        name, cls = subject.item
        problem = _constraint_problem(name, cls, answered.get(name, ()))
        if problem is not None:
            found.append((subject, problem))
    return found


def _constraint_problem(
    name: str, cls: type[errors.IntegrityError], found: Sequence[ConstraintAnswer]
) -> Problem | None:
    if not found:
        return Problem(
            "error",
            "constraint-name",
            f'no constraint or unique index is named "{name}"',
            f"{cls.__name__} is never raised for it: see \\d of the table for its names",
        )
    raised = [one for one in found if one.never is None]
    if not raised:
        first = found[0]
        return Problem(
            "warning",
            "constraint-never",
            f'constraint "{name}" of {first.of} comes in no error: {first.never}',
            f"{cls.__name__} is never raised for it: "
            + (
                "name the partitions' own constraints"
                if first.kind in ("p", "u", "x")
                else "catch liteorm.NotNullViolation, and look at its column"
                if first.kind == "n"
                else "leave it out"
            ),
        )
    fitting = [_VIOLATIONS.get(one.kind) for one in raised]
    if any(violation is None or issubclass(cls, violation) for violation in fitting):
        return None
    violation = fitting[0]
    assert violation is not None
    return Problem(
        "error",
        "constraint-class",
        f'constraint "{name}" raises {violation.__name__}; {cls.__name__} is none',
        f"derive {cls.__name__} from liteorm.{violation.__name__}",
    )


def _file_of(cls: type) -> str:
    try:
        return inspect.getfile(cls)
    except (OSError, TypeError):
        return ""
