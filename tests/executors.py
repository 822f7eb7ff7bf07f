"""A pytest plugin that lets both executors read each chunk of rows, and compares what they make.

``pytest -p tests.executors …`` makes the whole suite a test of their difference.
"""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import attrs

from liteorm._core.scanning.scanner import Scanner

counts = {"compiled": 0, "declined": 0, "generated": 0}
_chunk = Scanner.chunk
_several = Scanner.several


def described(value: Any, depth: int = 0) -> Any:
    """Return what can be seen of a value: classes and contents, also where equality says less."""
    cls = type(value)
    if depth > 50:
        return cls
    if cls in (list, tuple):
        return cls, [described(item, depth + 1) for item in value]
    if cls is dict:
        return cls, [
            (described(key, depth + 1), described(item, depth + 1)) for key, item in value.items()
        ]
    if cls in (set, frozenset):
        return cls, sorted(repr(described(item, depth + 1)) for item in value)
    if attrs.has(cls):
        inside = {a.name: getattr(value, a.name, "not set") for a in attrs.fields(cls)}
        return cls, described({**inside, **getattr(value, "__dict__", {})}, depth + 1)
    return cls, repr(value)


def _both(
    self: Scanner, rows: Any, start: int, stop: int, first: int = 0, *, late: bool = False
) -> list[Any]:
    if self.executor is None:
        counts["generated"] += 1
        return _chunk(self, rows, start, stop, first)
    compiled = self.executor.build(rows.handle, start, stop)
    counts["declined" if compiled is None else "compiled"] += 1
    generated = _chunk(attrs.evolve(self, executor=None), rows, start, stop, first)
    assert compiled is None or described(compiled) == described(generated)
    return generated if compiled is None else compiled


def _in_chunks(self: Scanner, rows: Any, first: int = 0) -> Any:
    """Read streams in chunks as well, and so by both."""
    chunks: Any = SimpleNamespace(executor=None, chunk=self.chunk)
    chunks._before = partial(Scanner._before, chunks)
    return _several(chunks, rows, first)


def pytest_configure() -> None:
    """Take the place of the scanner's methods."""
    Scanner.chunk = _both  # type: ignore[method-assign]
    Scanner.several = _in_chunks  # type: ignore[method-assign]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many chunks each executor has read, so that a run without one is seen."""
    terminalreporter.write_line(f"chunks of rows, by who read them: {counts}")
