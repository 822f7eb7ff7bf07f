"""Hold the reference against the exports: each name once, each call of a session once."""

from __future__ import annotations

import importlib
import inspect
import re
import types
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import liteorm
from liteorm import postgres
from tests.test_house import EXPORTS

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = [*sorted((DOCS / "reference").glob("*.md")), DOCS / "testing-reference.md"]

DIRECTIVE = re.compile(
    # What comes from another package has no docstring of ours: a heading with its name's anchor.
    r"^ *(?:::: |### \w+ \{ #)(?P<path>[\w.]+)(?:\n +options:\n +members: \[(?P<members>.*)\])?",
    re.MULTILINE,
)
SHOWN = [match for page in PAGES for match in DIRECTIVE.finditer(page.read_text("utf-8"))]

# A session's calls are spread over the pages by subject; a transaction and a pool add their own.
SESSIONS: list[tuple[type[Any], type[Any] | None]] = [
    (liteorm.Session, None),
    (liteorm.AsyncSession, None),
    (postgres.DB, liteorm.Session),
    (postgres.AsyncDB, liteorm.AsyncSession),
    (postgres.Tx, postgres.DB),
    (postgres.AsyncTx, postgres.AsyncDB),
]


def public_calls(cls: type[Any] | None) -> set[str]:
    """Return the names of a class's methods that users call."""
    found = inspect.getmembers(cls, callable) if cls is not None else []
    return {name for name, _ in found if not name.startswith("_")}


def resolved(path: str) -> Any:
    """Return what a directive of the reference names."""
    module_name, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module_name), name)


def test_reference_has_each_exported_name_once() -> None:
    """What is exported is in the reference, once, whatever modules it can be imported from."""
    exported = {
        id(value): path
        for path, value in reversed(EXPORTS.items())
        if not isinstance(value, types.ModuleType)
    }
    of_classes = tuple(f"{path}." for path in EXPORTS if inspect.isclass(EXPORTS[path]))
    shown = Counter(
        id(resolved(found["path"])) for found in SHOWN if not found["path"].startswith(of_classes)
    )
    assert sorted(path for one, path in exported.items() if one not in shown) == []
    assert sorted(exported[one] for one, times in shown.items() if times > 1) == []


@pytest.mark.parametrize(("cls", "base"), SESSIONS, ids=lambda cls: cls and cls.__name__)
def test_reference_has_each_call_of_a_session_once(cls: type[Any], base: type[Any] | None) -> None:
    """Each call is shown once, with its class or under its subject."""
    path = next(path for path, value in EXPORTS.items() if value is cls)
    shown = Counter[str]()
    for found in SHOWN:
        if found["path"] == path:
            shown.update(found["members"].split(", "))
        elif found["path"].startswith(f"{path}."):
            shown[found["path"].removeprefix(f"{path}.")] += 1
    assert shown == Counter(public_calls(cls) - public_calls(base))


def test_reference_has_the_attributes_of_errors() -> None:
    """The table of attributes has what the errors' constructors take and what they declare."""
    had: set[tuple[str, str]] = set()
    for name, cls in inspect.getmembers(liteorm.errors, inspect.isclass):
        if issubclass(cls, liteorm.Error) and "__init__" in vars(cls):
            taken = inspect.signature(cls.__init__).parameters.values()
            own = {one.name for one in taken if one.kind is not inspect.Parameter.VAR_KEYWORD}
            had |= {
                (attribute, name) for attribute in own - {"self", *liteorm.Error.__annotations__}
            }
    had -= {
        (attribute, name) for attribute, name in had if name != "Error" and attribute == "message"
    }
    had |= {(attribute, "Error") for attribute in liteorm.Error.__annotations__}
    table = re.findall(
        r"^\| `(\w+)` \| (`.*?`) \|",
        (DOCS / "reference/errors.md").read_text("utf-8"),
        re.MULTILINE,
    )
    told = {(name, one) for name, owners in table for one in re.findall(r"`(\w+)`", owners)}
    assert told == had
