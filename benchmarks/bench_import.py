"""What `import liteorm` and the first scan cost.

python benchmarks/bench_import.py [--rounds 15]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).resolve().parent.parent
CASES = {
    "python": "pass",
    "import attrs": "import attrs",
    "import liteorm": "import liteorm",
    "import liteorm.postgres": "import liteorm.postgres",
    "import psycopg, psycopg_pool": "import psycopg, psycopg_pool",
}


def plan_times(rounds: int) -> list[float]:
    """Return the seconds of planning and compiling one scan, each for a class not met before."""
    sys.path.insert(0, str(ROOT))
    import attrs

    from liteorm._core.scanning.scan import scanner_for
    from liteorm._core.scanning.shape import Shape
    from liteorm._core.scanning.types import BY_OID

    times = []
    for number in range(rounds + 1):
        model = attrs.make_class(
            f"Model{number}",
            {n: attrs.field(type=t) for n, t in (("id", int), ("name", str), ("email", str))},
        )
        shape = Shape(("id", "name", "email"), (BY_OID[20], BY_OID[25], BY_OID[25]))
        start = perf_counter()
        scanner_for(model, shape)
        times.append(perf_counter() - start)
    return times[1:]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(options.rounds):
        for name, code in CASES.items():
            start = perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
            times[name].append(perf_counter() - start)
    base = "import attrs"
    print("| case | ms, least | median | more than attrs, least | median |")
    print("|---|---:|---:|---:|---:|")
    for name, all_ in times.items():
        least, middle = min(all_) * 1e3, statistics.median(all_) * 1e3
        print(
            f"| {name} | {least:.0f} | {middle:.0f} | {least - min(times[base]) * 1e3:.0f} "
            f"| {middle - statistics.median(times[base]) * 1e3:.0f} |"
        )
    plans = plan_times(50)
    print(
        f"\nplanning and compiling one scan of 3 columns: {min(plans) * 1e3:.2f} ms least,"
        f" {statistics.median(plans) * 1e3:.2f} ms median"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
