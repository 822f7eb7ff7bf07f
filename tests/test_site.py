"""What the home page shows is what the benchmarks say; what the check of the built docs finds."""

from __future__ import annotations

import importlib.util
import json
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def loaded(name: str) -> types.ModuleType:
    """Return a script of .ci as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f".ci/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HOME = loaded("home")
SITE_CHECK = loaded("site_check")


def test_every_bar_of_the_home_page_is_a_line_of_the_benchmarks() -> None:
    """The hook finds each case in the first table of the page, and the longest fills the width."""
    page = (ROOT / "docs/benchmarks.md").read_text("utf-8")
    assert set(HOME.CASES) <= set(HOME.medians(page))
    drawn = HOME.bars(page)
    assert drawn.count("<dt>") == len(HOME.CASES)
    assert drawn.count("width:100.0%") == 1
    assert drawn.count('class="lo-ours"') == 1


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Built docs with nothing wrong."""
    (tmp_path / "search").mkdir()
    entries = [
        {"location": f"{page}#part", "title": word, "text": ""}
        for word, page in SITE_CHECK.WORDS.items()
    ]
    index = json.dumps({"docs": entries})
    (tmp_path / "search/search_index.json").write_text(index, "utf-8")
    (tmp_path / "index.html").write_text(
        '<link rel="canonical" href="https://x/"><img src="a.svg">'
    )
    (tmp_path / "site.css").write_text("b { background: url(a.svg) }")
    return tmp_path


def test_built_docs_with_nothing_wrong_pass(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is said, and the exit status is 0."""
    assert (SITE_CHECK.main(site), capsys.readouterr().out) == (0, "")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("index.html", '<script src="https://x.test/a.js"></script>', "loads https://x.test/a.js"),
        ("a.html", '<img src="//x.test/a.png">', "a.html loads //x.test/a.png"),
        ("site.css", "@import url('https://x.test/a.css')", "site.css loads https://x.test/a.css"),
        ("search/search_index.json", '{"docs": []}', "search: FastAPI is not on web/"),
    ],
)
def test_what_is_wrong_with_built_docs_is_said(
    site: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, said: str
) -> None:
    """What another host is asked for, and a word that the search does not find."""
    (site / name).write_text(text, "utf-8")
    assert SITE_CHECK.main(site) == 1
    assert said in capsys.readouterr().out
