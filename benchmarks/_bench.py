"""What the benchmarks share: a server, interleaved timing, ratios, peak memory, Markdown.

Times are only comparable within one run on one machine, so every case of a table runs in turn,
round after round, and what is printed are ratios of minima and of medians.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

DSN = "LITEORM_BENCH_DSN"


@contextlib.contextmanager
def database() -> Iterator[str]:
    """Give the DSN of a database: that of LITEORM_BENCH_DSN, else one on a disposable server."""
    if given := os.environ.get(DSN):
        yield given
        return
    import liteorm_testing

    with liteorm_testing.server() as server, liteorm_testing.database(server) as made:
        yield made.dsn


class Times(list[float]):
    """Seconds of a case, round by round, and beside them the CPU seconds of this process.

    On a machine that does other things too, the latter still say what the client's side costs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cpu: list[float] = []


def interleaved(
    cases: Mapping[str, Callable[[], Any]],
    *,
    rounds: int,
    before: Callable[[], Any] | None = None,
) -> dict[str, Times]:
    """Run all cases in turn, `rounds` times; return each one's seconds.

    The order turns by one each round, so that no case always follows the same one. The garbage
    collector runs before each case and not on purpose during one.
    """
    times = {name: Times() for name in cases}
    names = list(cases)
    for name in names:  # warm up: imports, plans, caches, pages of the table
        if before:
            before()
        cases[name]()
    for turn in range(rounds):
        at = turn % len(names)
        for name in names[at:] + names[:at]:
            if before:
                before()
            gc.collect()
            start, cpu = perf_counter(), process_time()
            cases[name]()
            times[name].append(perf_counter() - start)
            times[name].cpu.append(process_time() - cpu)
    return times


def table(
    times: Mapping[str, Sequence[float]],
    floor: str,
    *,
    rows: Mapping[str, int] | int = 1,
    per: str = "row",
) -> str:
    """Return a Markdown table: time for each row, and how many times the floor's.

    Args:
        times: Seconds of each case.
        floor: The case that the others are compared with.
        rows: Rows of a case, of each or of all.
        per: What a row is called.
    """

    def count(name: str) -> int:
        return rows if isinstance(rows, int) else rows[name]

    best = {name: min(all_) / count(name) for name, all_ in times.items()}
    middle = {name: statistics.median(all_) / count(name) for name, all_ in times.items()}
    cpu = {name: least_cpu(all_) / count(name) for name, all_ in times.items()}
    lines = [
        f"| case | µs per {per}, least | median | × floor, least | × floor, median "
        "| client's CPU, least | × floor |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {name} | {best[name] * 1e6:.3f} | {middle[name] * 1e6:.3f} "
        f"| {best[name] / best[floor]:.2f} | {middle[name] / middle[floor]:.2f} "
        f"| {cpu[name] * 1e6:.3f} | {cpu[name] / cpu[floor]:.2f} |"
        for name in times
    ]
    return "\n".join(lines)


def least_cpu(times: Sequence[float]) -> float:
    """Return the least CPU seconds of a case."""
    return min(times.cpu) if isinstance(times, Times) else float("nan")


def ratio(times: Mapping[str, Sequence[float]], name: str, floor: str) -> tuple[float, float]:
    """Return how many times the floor's time a case takes: of minima, of medians."""
    return (
        min(times[name]) / min(times[floor]),
        statistics.median(times[name]) / statistics.median(times[floor]),
    )


def heading(title: str) -> None:
    """Print a title."""
    print(f"\n### {title}\n")


def versions(*packages: str) -> str:
    """Return a line that says on what this was measured."""
    from importlib.metadata import version

    parts = [f"{name} {version(name)}" for name in packages]
    return f"Python {platform.python_version()}, {', '.join(parts)}, {os.cpu_count()} CPUs"


def peak_in_child(file: str, *arguments: str) -> dict[str, Any]:
    """Run `file` with arguments in a process of its own; return the JSON of its last line."""
    done = subprocess.run(
        [sys.executable, file, *arguments], check=True, capture_output=True, text=True
    )
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


class Peak:
    """Peak memory of this process above where it began, in MiB (Linux).

    Not getrusage: its maximum is handed on from the parent process and never goes down.
    """

    def __init__(self) -> None:
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")
        self._start = self._high()

    @staticmethod
    def _high() -> float:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("no VmHWM in /proc/self/status")

    def mib(self) -> float:
        """Return it."""
        return self._high() - self._start
