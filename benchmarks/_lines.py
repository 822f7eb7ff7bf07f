"""The table of works with the compiled half and without: measured, shown with its goals, merged."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import _bench
import attrs

Case = Callable[[], Any]
Goals = Mapping[str, tuple[float, float | None]]
"""By floor: the most with the compiled half, and without (None: no more than it was)."""


def twin(model: type, **types: Any) -> Any:
    """Return the same class once more, to be planned apart."""
    attrs.resolve_types(model)
    fields = {a.name: attrs.field(type=types.get(a.name, a.type)) for a in attrs.fields(model)}
    return attrs.make_class(model.__name__, fields)


def alone(case: Case) -> Case:
    """Return a case that runs without liteorm-native."""

    def run() -> Any:
        os.environ["LITEORM_NATIVE"] = "0"
        try:
            return case()
        finally:
            del os.environ["LITEORM_NATIVE"]

    return run


def ratios(times: Sequence[float], floor: Sequence[float]) -> tuple[float, float]:
    """Return how many times the floor's time: of the minima, and the median of each round's."""
    rounds = [time / other for time, other in zip(times, floor, strict=True)]
    return min(times) / min(floor), statistics.median(rounds)


class Lines:
    """The table as it grows.

    Args:
        rounds: How often each case runs.
        word: What a line's name has in it, to be measured.
    """

    def __init__(self, rounds: int, word: str = "") -> None:
        self.rounds = rounds
        self.word = word
        self.found: list[dict[str, Any]] = []
        print("Ratios of minima / medians of the rounds' ratios; * is beyond its goal by both.\n")
        print("| work | floor | goal | bound | with | without |\n|---|---|---:|---:|---:|---:|")

    def add(
        self,
        work: str,
        floors: dict[str, Case],
        with_: Case,
        without: Case,
        *,
        goals: Goals | None = None,
        bound: Case | None = None,
        floor_without: Case | None = None,
        rounds: int | None = None,
        before: Case | None = None,
        cpu: str | None = None,
    ) -> None:
        """Measure a line, or one for each floor.

        Args:
            work: What is done.
            floors: What it is compared with.
            with_: The work with the compiled half.
            without: The work without it.
            goals: What is to be reached.
            bound: What every way of doing it takes at least.
            floor_without: What `without` is compared with, if it is not the floor.
            rounds: How often, if not as often as the others.
            before: Runs before each case.
            cpu: What a further line for the CPU of this process alone is called.
        """
        if self.word not in work:
            return
        cases = {**floors, "with": with_, "without": alone(without)}
        if bound is not None:
            cases["bound"] = bound
        if floor_without is not None:
            cases["floor without"] = alone(floor_without)
        times = _bench.interleaved(cases, rounds=rounds or self.rounds, before=before)
        self.show(work, list(floors), times, goals or {})
        if cpu is not None:
            of_cpu = {name: taken.cpu for name, taken in times.items() if name != "bound"}
            self.show(cpu, list(floors), of_cpu, {f: (goals or {})[f"cpu of {f}"] for f in floors})

    def show(
        self, work: str, floors: list[str], times: Mapping[str, Sequence[float]], goals: Goals
    ) -> None:
        """Print what was measured."""
        for floor in floors:
            goal, goal_without = goals.get(floor, (None, None))
            with_ = ratios(times["with"], times[floor])
            without = ratios(times["without"], times.get("floor without", times[floor]))
            line: dict[str, Any] = {"work": work, "floor": floor, "with": with_, "without": without}
            if "bound" in times:
                line["bound"] = ratios(times["bound"], times[floor])
            self.found.append(line)
            wanted = " / ".join(f"≤ {each:.2f}" for each in (goal, goal_without) if each)
            bound = _cell(line["bound"], None) if "bound" in line else ""
            cells = (bound, _cell(with_, goal), _cell(without, goal_without))
            print(f"| {work} | {floor} | {wanted or '–'} | {' | '.join(cells)} |", flush=True)

    def save(self, file: Path) -> None:
        """Write what was measured, for `merged`."""
        file.write_text(json.dumps({"python": platform.python_version(), "lines": self.found}))


def _cell(ratio: tuple[float, float], goal: float | None) -> str:
    beyond = goal is not None and all(round(each, 2) > goal for each in ratio)
    return f"{ratio[0]:.2f} / {ratio[1]:.2f}{' *' if beyond else ''}"


def merged(files: Sequence[Path]) -> str:
    """Return the table of docs/benchmarks.md from the files of several Pythons: the medians."""
    runs = [json.loads(file.read_text()) for file in files]
    heads = [f"{run['python'].rpartition('.')[0]} with | without | bound" for run in runs]
    lines = [
        f"| work | floor | {' | '.join(heads)} |",
        f"|---|---|{'---:|---:|---:|' * len(runs)}",
    ]
    for line in runs[0]["lines"]:
        key = line["work"], line["floor"]
        cells: list[str] = []
        for run in runs:
            other = next(each for each in run["lines"] if (each["work"], each["floor"]) == key)
            kinds = ("with", "without", "bound")
            cells += [f"{other[kind][1]:.2f}" if kind in other else "" for kind in kinds]
        lines.append(f"| {' | '.join((*key, *cells))} |")
    return "\n".join(lines)
