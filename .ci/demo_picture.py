#!/usr/bin/env python3
"""Records steps of `liteorm demo` as the picture in the README: docs/assets/demo.svg."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme

import liteorm_testing
from liteorm import postgres
from liteorm._cli.airports import SCHEMA, airports
from liteorm._cli.declared import check_module, choose_parts
from liteorm._cli.demo import show_wrong_type

PICTURE = Path(__file__).resolve().parent.parent / "docs/assets/demo.svg"

# The docs' colours: petrol, amber, and red for what is wrong.
THEME = TerminalTheme(
    (15, 26, 29),
    (221, 231, 232),
    [
        *((22, 38, 42), (255, 157, 143), (155, 216, 164), (246, 183, 60)),
        *((127, 208, 220), (201, 179, 245), (111, 198, 212), (221, 231, 232)),
    ],
)
# rich's own frame loads a font from another host; this one takes the reader's.
FRAME = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">
<title>liteorm demo, a part of it</title>
<style>
.{unique_id}-matrix {{ font: {char_height}px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono",
monospace; line-height: {line_height}px; font-variant-east-asian: full-width; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def picture(dsn: str) -> str:
    """Run the steps on an empty database; the result is the text of the picture."""
    console = Console(
        record=True, width=84, file=io.StringIO(), force_terminal=True, highlight=False,
        color_system="standard", legacy_windows=False,
    )  # fmt: skip
    with postgres.open(dsn) as db:
        for statement in SCHEMA:
            db.execute(statement)
        countries, found = airports()
        db.insert_many(countries)
        db.insert_many(found)
        show_wrong_type(console, db)
        choose_parts(console, db)
        check_module(console, db)
    return console.export_svg(
        title="$ liteorm demo", theme=THEME, code_format=FRAME, unique_id="demo"
    )


if __name__ == "__main__":
    with liteorm_testing.server("auto") as server, liteorm_testing.database(server) as database:
        PICTURE.write_text(picture(database.dsn), "utf-8")
