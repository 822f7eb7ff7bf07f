"""The rooms of the house, from low to high, and the imports between them, read from the source.

``python -m tests.test_house`` prints them and draws ``docs/assets/rooms.svg``.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DRAWING = ROOT / "docs/assets/rooms.svg"

# From low to high: a room may import from those above it in this list, and from itself.
ROOMS = [
    "liteorm.errors",
    "liteorm._core.exporting",
    "liteorm._core.belonging",
    "liteorm._core.generated",
    "liteorm._core.living",
    "liteorm._core.locks",
    "liteorm._core.patterns",
    "liteorm._core.values",
    "liteorm._core.models",
    "liteorm._core.sql",
    "liteorm.observe",
    "liteorm._core.batches",
    "liteorm._core.row_contracts",
    "liteorm._core.contracts",
    "liteorm._core.scanning",
    "liteorm._core.statements",
    "liteorm._core",
    "liteorm",
    "liteorm.postgres._driver",
    "liteorm.postgres._types",
    "liteorm.postgres._native",
    "liteorm.postgres._reading",
    "liteorm.postgres._writing",
    "liteorm.postgres._describing",
    "liteorm.postgres._session",
    "liteorm.postgres._async",
    "liteorm.postgres._sync",
    "liteorm.postgres._handover",
    "liteorm.postgres",
    "liteorm._check",
    "liteorm_testing",
    "liteorm_testing.plugin",
    "liteorm._cli",
    "liteorm.__main__",
]
# Where the recursion is the subject, modules may know each other.
RECURSIVE = ("liteorm.postgres._describing.nulls.",)


def modules() -> Iterator[tuple[str, Path, ast.Module]]:
    """Yield name, path and tree of every module of both packages."""
    for package in ("liteorm", "liteorm_testing"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            yield name, path, ast.parse(path.read_text("utf-8"), str(path))


MODULES = {name: (path, tree) for name, path, tree in modules()}


def imported(name: str) -> Iterator[tuple[str, int]]:
    """Yield what a module imports, for type checkers too, as absolute names, with the line."""
    path, tree = MODULES[name]
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield (full if full in MODULES else base), node.lineno


def is_within(name: str, prefix: str) -> bool:
    """Return whether a dotted name is the prefix or below it."""
    return name == prefix or name.startswith(prefix + ".")


def room_of(name: str) -> str:
    """Return the room that a module is in."""
    return max((room for room in ROOMS if is_within(name, room)), key=len)


def arrows() -> dict[str, set[str]]:
    """Return for each room the rooms that it imports from."""
    found: dict[str, set[str]] = {room: set() for room in ROOMS}
    for name in MODULES:
        for target, _ in imported(name):
            if target in MODULES and room_of(target) != room_of(name):
                found[room_of(name)].add(room_of(target))
    return found


def circles() -> list[list[str]]:
    """Return the groups of modules that import each other, each sorted, but for RECURSIVE."""
    known: dict[str, set[str]] = defaultdict(set)
    for name in MODULES:
        known[name] = {target for target, _ in imported(name) if target in MODULES} - {name}
    reached = {name: _reached(name, known) for name in known}
    groups = {
        frozenset({other for other in reached[name] if name in reached[other]} | {name})
        for name in known
    }
    return sorted(
        sorted(group)
        for group in groups
        if len(group) > 1 and not all(name.startswith(RECURSIVE) for name in group)
    )


def _reached(name: str, known: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for target in known[waiting.pop()]:
            if target not in found:
                found.add(target)
                waiting.append(target)
    return found


def lines_in(room: str) -> tuple[int, int]:
    """Return how many modules and lines a room has."""
    paths = [path for name, (path, _) in MODULES.items() if room_of(name) == room]
    return len(paths), sum(path.read_text("utf-8").count("\n") for path in paths)


def described() -> Iterator[str]:
    """Yield a line for each room: its size and what it imports from, from low to high."""
    known = arrows()
    width = max(map(len, ROOMS))
    for room in ROOMS:
        files, lines = lines_in(room)
        if files:
            targets = [target for target in ROOMS if target in known[room]]
            yield f"{room:<{width}}  {files:3} files {lines:6} lines  → {', '.join(targets)}"


def drawing() -> str:
    """Return the rooms as an SVG: a box each, high above low, and the arrows between them.

    An arrow that a way over other rooms implies is left out.
    """
    known = {room: targets for room, targets in arrows().items() if lines_in(room)[0]}
    for room in ("liteorm.postgres._sync", "liteorm._core"):
        known.pop(room, None)
    known = {room: {t for t in targets if t in known} for room, targets in known.items()}
    level: dict[str, int] = {}
    for room in ROOMS:
        if room in known:
            level[room] = 1 + max((level[target] for target in known[room]), default=-1)
    rows = [
        [r for r in ROOMS if level.get(r) == number] for number in range(max(level.values()) + 1)
    ]
    place: dict[str, tuple[float, float]] = {}
    width, height = 900, 62 * len(rows) + 10
    for number, row in enumerate(reversed(rows)):
        for index, room in enumerate(row):
            place[room] = ((index + 0.5) * width / len(row), 62 * number + 28)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        "<title>Rooms and the imports between them</title>",
        "<style>text{font:13px sans-serif;fill:#1f2933;text-anchor:middle}"
        "rect{fill:#eef4fb;stroke:#4a7ab5}path{stroke:#8aa0b8;fill:none}</style>",
    ]
    for room, targets in known.items():
        beyond = set().union(*(_reached(target, known) for target in targets)) if targets else set()
        for target in sorted(targets - beyond):
            (x1, y1), (x2, y2) = place[room], place[target]
            parts.append(f'<path d="M{x1:.0f} {y1 + 17:.0f} L{x2:.0f} {y2 - 17:.0f}"/>')
    for room, (x, y) in place.items():
        parts.append(f'<rect x="{x - 82:.0f}" y="{y - 17:.0f}" width="164" height="34" rx="6"/>')
        shown = room.replace("liteorm.postgres.", "postgres.").replace("liteorm._core.", "_core.")
        parts.append(f'<text x="{x:.0f}" y="{y + 4:.0f}">{escape(shown)}</text>')
    return "\n".join([*parts, "</svg>", ""])
