"""Draws the bars of the home page from the first table of docs/benchmarks.md; a hook of MkDocs."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

CASES = {
    "psycopg tuple_row": "psycopg, untyped tuples",
    "liteorm scan": "liteorm, checked objects",
    "psycopg by hand": "psycopg, loop by hand",
    "psycopg class_row": "psycopg class_row",
    "asyncpg, Model(*record)": "asyncpg, Model(*record)",
    "SQLAlchemy Core": "SQLAlchemy Core",
    "SQLAlchemy ORM": "SQLAlchemy ORM",
}
ROW = re.compile(r"^\| ([^|]+?) \| ([\d.]+) \| ([\d.]+) \|", re.MULTILINE)


def medians(page: str) -> dict[str, float]:
    """Return the median µs for a row of each case in the first table of the page."""
    found: dict[str, float] = {}
    for case, _, median in ROW.findall(page):
        if case in found:
            break
        found[case] = float(median)
    return found


def bars(page: str) -> str:
    """Return the picture: one bar for each case, as long as its median."""
    times = medians(page)
    longest = max(times[case] for case in CASES)
    lines = ["<figure><dl>"]
    for case, label in CASES.items():
        ours = ' class="lo-ours"' if label.startswith("liteorm") else ""
        width = 100 * times[case] / longest
        lines.append(
            f"<div{ours}><dt>{html.escape(label)}</dt>"
            f'<dd><i style="width:{width:.1f}%"></i><b>{times[case]:.1f}</b></dd></div>'
        )
    lines.append(
        "</dl><figcaption>µs for a row of five columns, the whole call; median</figcaption>"
    )
    return "\n".join([*lines, "</figure>"])


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: object) -> str:
    """Put the bars where the home page wants them."""
    if page.file.src_uri != "index.md":
        return markdown
    benchmarks = Path(config.docs_dir, "benchmarks.md").read_text("utf-8")
    return markdown.replace("<!-- bars -->", bars(benchmarks))
