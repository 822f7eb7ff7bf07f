#!/usr/bin/env python3
"""Says what is wrong with the built docs; exits with 1 if anything is. `.ci/run docs` runs it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

# What somebody who builds a backend looks for, and the page that has to be among what is found.
WORDS = {
    "FastAPI": "web/",
    "Pydantic": "web/",
    "pagination": "web/",
    "RLS": "web/",
    "PATCH": "web/",
    "upsert": "writing/",
    "CSV": "web/",
    "queue": "recipes/",
    "replica": "pooling/",
    "PgBouncer": "pooling/",
    "Citus": "",
}
# Elements that a browser loads by itself, and the attribute that says from where.
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}


class Loads(HTMLParser):
    """Collects what a page makes a browser load."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the address of an element that is loaded."""
        told = dict(attrs)
        # A page's name for itself is not loaded.
        if tag in LOADED and told.get("rel") not in ("canonical", "prev", "next"):
            self.addresses.append(told.get(LOADED[tag]) or "")


def loaded_from_elsewhere(site: Path) -> Iterator[str]:
    """Yield what pages and style sheets load from another host."""
    for page in sorted(site.rglob("*.html")):
        loads = Loads()
        loads.feed(page.read_text("utf-8"))
        for address in loads.addresses:
            if re.match(r"(https?:)?//", address):
                yield f"{page.relative_to(site)} loads {address}"
    for sheet in sorted(site.rglob("*.css")):
        for address in re.findall(r"url\(\s*['\"]?((?:https?:)?//[^)]+)", sheet.read_text("utf-8")):
            yield f"{sheet.relative_to(site)} loads {address}"


def not_found(site: Path) -> Iterator[str]:
    """Yield the words that the search would not find, or not on their page."""
    index = json.loads((site / "search/search_index.json").read_text("utf-8"))
    for word, page in WORDS.items():
        found = {
            entry["location"].partition("#")[0]
            for entry in index["docs"]
            if re.search(rf"\b{word}", f"{entry['title']} {entry['text']}", re.IGNORECASE)
        }
        if not any(location.startswith(page) for location in found):
            yield f"search: {word} is not on {page or 'any page'}, only on {sorted(found)}"


def main(site: Path) -> int:
    """Print what is wrong; the exit status says whether anything is."""
    wrong = [*loaded_from_elsewhere(site), *not_found(site)]
    for line in wrong:
        print(line)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
