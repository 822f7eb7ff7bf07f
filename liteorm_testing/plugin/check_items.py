"""The tests that `--liteorm-check` adds: one for each thing that a module declares."""

from __future__ import annotations

from typing import Any, cast

import pytest

__all__ = ["SUBJECTS", "CheckItem", "add_items"]

SUBJECTS = pytest.StashKey[list[Any]]()


def add_items(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item], modules: list[str]
) -> None:
    """Add a test for each statement, table and constraint name that some modules declare."""
    from liteorm._check import collect

    parent = _common_parent(session, items)
    try:
        subjects = collect(modules)
        if not subjects:
            names = ", ".join(modules)
            raise ImportError(f"{names}: no statement, table or constraint name is declared there")
    except Exception as error:
        kind = "" if isinstance(error, ImportError) else f"{type(error).__name__}: "
        problem = f"--liteorm-check: {kind}{error}"
        if not hasattr(config, "workerinput"):
            raise pytest.UsageError(problem) from error
        # A worker of pytest-xdist has no way to refuse the command line.
        items.append(CheckItem.failing(parent, problem))
        return
    config.stash[SUBJECTS] = subjects
    items.extend(CheckItem.of(parent, subject) for subject in subjects)


def _common_parent(session: pytest.Session, items: list[pytest.Item]) -> Any:
    """Return the folder that has all tests: overrides of `liteorm_schema` in it are seen."""
    chains = [
        [node for node in item.listchain() if isinstance(node, pytest.Directory)] for item in items
    ]
    shared = [nodes[0] for nodes in zip(*chains, strict=False) if len(set(nodes)) == 1]
    return shared[-1] if shared else session


class CheckItem(pytest.Function):
    """A statement, table or constraint name, held against the schema."""

    subject: Any = None

    @classmethod
    def of(cls, parent: Any, subject: Any) -> pytest.Item:
        """Return the test of a subject."""

        def checked(liteorm_check_findings: Any) -> None:
            found = [item for item in liteorm_check_findings if item.subject is subject]
            text = "\n".join(str(item) for item in found)
            if any(item.level == "error" for item in found):
                pytest.fail(text, pytrace=False)
            if text:
                print(text)

        name = f"liteorm-check[{subject.module}:{subject.name}]"
        item = cast(Any, cls).from_parent(parent, name=name, callobj=checked)
        item.subject = subject
        return cast(pytest.Item, item)

    @classmethod
    def failing(cls, parent: Any, problem: str) -> pytest.Item:
        """Return a test that fails with a sentence."""

        def failing() -> None:
            pytest.fail(problem, pytrace=False)

        item = cast(Any, cls).from_parent(parent, name="liteorm-check", callobj=failing)
        return cast(pytest.Item, item)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Say where the subject is declared."""
        if self.subject is None:
            return self.path, None, self.name
        return self.subject.file, max(self.subject.line - 1, 0), self.name
