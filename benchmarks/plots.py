"""Draw the plots of docs/benchmarks.md from what the benchmarks measured.

python benchmarks/bench_scan.py --json scan.json
python benchmarks/plots.py scan.json docs/assets
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
# The same picture from the same numbers: no date, no random ids in the file.
mpl.rcParams["svg.hashsalt"] = "liteorm"
from matplotlib import pyplot as plt  # noqa: E402


def draw(title: str, times: dict[str, list[float]], rows: int, file: Path) -> None:
    """Draw the medians as bars, the least times as marks on them."""
    names = sorted(times, key=lambda name: statistics.median(times[name]))
    middle = [statistics.median(times[name]) / rows * 1e6 for name in names]
    least = [min(times[name]) / rows * 1e6 for name in names]
    colours = ["#3f51b5" if name.startswith("liteorm") else "#b0bec5" for name in names]
    figure, axes = plt.subplots(figsize=(8, 0.42 * len(names) + 1))
    axes.barh(names, middle, color=colours)
    axes.plot(least, names, "|", color="#263238", markersize=14)
    axes.invert_yaxis()
    axes.set_xlabel("µs per row, median (mark: least)")
    axes.set_title(title, loc="left")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)


def main() -> int:
    """Draw one file for each table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for results in options.results:
        for title, times in json.loads(results.read_text()).items():
            rows = int(title.split()[0].replace(",", "")) if title[0].isdigit() else 100_000
            name = "".join(c if c.isalnum() else "-" for c in title.lower())
            draw(title, times, rows, options.folder / f"{name}.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
