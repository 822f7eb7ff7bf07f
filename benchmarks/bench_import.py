"""What `import liteorm`, `import liteorm.postgres` and the first scan cost, with bytecode.

Each import runs in a process of its own, in turn with the others; what is compared with is what an
application with psycopg, its pool and attrs imports anyway.

python benchmarks/bench_import.py [--rounds 15]
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).resolve().parent.parent
BASE = "import psycopg, psycopg_pool, attrs"
CASES = {
    "python": "pass",
    "psycopg, psycopg_pool, attrs": BASE,
    "and liteorm": f"{BASE}\nimport liteorm",
    "and liteorm.postgres": f"{BASE}\nimport liteorm.postgres",
    "and open": f"{BASE}\nfrom liteorm.postgres import open",
    "and open_async": f"{BASE}\nfrom liteorm.postgres import open_async",
    "and both": f"{BASE}\nfrom liteorm.postgres import open, open_async",
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


def _cpu() -> float:
    """Return the seconds of CPU that processes begun here have taken: others disturb them less."""
    taken = resource.getrusage(resource.RUSAGE_CHILDREN)
    return taken.ru_utime + taken.ru_stime


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    # An environment may forbid what every installed program has: bytecode, written once.
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    times: dict[str, list[float]] = {name: [] for name in CASES}
    for number in range(options.rounds + 1):
        for name, code in CASES.items():
            start = _cpu()
            subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=env)
            if number:  # the first round writes the bytecode
                times[name].append(_cpu() - start)
    bare, base = list(times.values())[:2]
    whole = min(base) - min(bare)
    print("| import | ms of CPU, least | median | more than the driver's, least | median | ratio |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, all_ in times.items():
        more = min(all_) - min(base)
        print(
            f"| {name} | {min(all_) * 1e3:.0f} | {statistics.median(all_) * 1e3:.0f} "
            f"| {more * 1e3:.0f} | {(statistics.median(all_) - statistics.median(base)) * 1e3:.0f} "
            f"| {more / whole:.2f} |"
        )
    plans = plan_times(50)
    print(
        f"\nplanning and compiling one scan of 3 columns: {min(plans) * 1e3:.2f} ms least,"
        f" {statistics.median(plans) * 1e3:.2f} ms median"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
