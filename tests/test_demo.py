"""What `liteorm demo` shows, and the picture of it in the README."""

from __future__ import annotations

import importlib.util
import re
import types
from pathlib import Path

import pytest

from liteorm._cli import main
from liteorm_testing import Database

ROOT = Path(__file__).resolve().parent.parent

STEPS = [
    "Bulk load: binary COPY",
    "Typed objects",
    "Types that do not lie",
    "Errors with names, not codes",
    "A declared statement with optional parts",
    "The check that runs in CI",
    "PATCH without lost updates",
    "A batch: one round trip",
    "A transaction that retries itself",
    "Listen and notify",
    "Streams: bounded memory",
    "Async: the same names, awaited",
    "What the objects cost",
]
SHOWN = [
    'column "elevation" is numeric (Decimal); Wrong.elevation is float',
    "Airport, FR, ",
    'error: column "iata" can',
    "Gates(icao='EHAM', open=23, version=2)",
    "liteorm.StaleRow",
    "Amsterdam Airport Schiphol, one of ",
]


def recorder() -> types.ModuleType:
    """Return the script that draws the picture as a module."""
    spec = importlib.util.spec_from_file_location("demo_picture", ROOT / ".ci/demo_picture.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def words(svg: str) -> list[str]:
    """Return the text of a picture, piece by piece, but for what the airports' data decide."""
    found = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    return [text for text in found if not text.endswith("ft")]


def test_demo_shows_every_main_feature(
    liteorm_database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every step has its heading, in order, and what it is about is seen."""
    assert main(["demo", "--server", liteorm_database.dsn, "--rounds", "1"]) == 0
    out = capsys.readouterr().out
    places = [out.index(step) for step in STEPS]
    assert places == sorted(places)
    assert [each for each in SHOWN if each not in out] == []


def test_picture_in_the_readme_is_what_the_demo_shows(liteorm_database: Database) -> None:
    """`.ci/demo_picture.py` draws it anew; no font comes from another host."""
    committed = (ROOT / "docs/assets/demo.svg").read_text("utf-8")
    assert words(committed) == words(recorder().picture(liteorm_database.dsn))
    assert "url(http" not in committed
