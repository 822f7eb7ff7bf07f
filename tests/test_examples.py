"""Run every script of examples/."""

from __future__ import annotations

import importlib
import runpy
import sys
from pathlib import Path

import pytest

from liteorm._check import check
from liteorm.postgres import DB

FOLDER = Path(__file__).resolve().parent.parent / "examples"

# A line that the script must print, as a sign that it did its work.
PRINTED = {
    "async_queries": "[0, 1, 4, 9, 16, 25, 36, 49, 64, 81]",
    "bookings": "async: True True",
    "bulk_load": "Airport(icao=",
    "list_endpoint": "[39, 35, 27, 23, 15, 11]",
    "listen": "jobs Job(id=2, name='fold')",
    "mistakes": "cast it: price::float8",
    "nested_objects": "Order(id=2, customer=None, lines=[Line(product='milk', quantity=1)])",
    "retry": "sum: 500",
    "streaming": "1,000,000 readings, mean 666.667",
}


def test_every_script_is_run() -> None:
    """No script of the folder is left out below."""
    assert sorted(PRINTED) == sorted(path.stem for path in FOLDER.glob("*.py"))


@pytest.mark.parametrize("name", PRINTED)
def test_script_runs(
    name: str, liteorm_database: object, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script runs on an empty database and prints what it promises."""
    script = runpy.run_path(str(FOLDER / f"{name}.py"), run_name=name)
    script["main"](liteorm_database.dsn)  # type: ignore[attr-defined]
    assert PRINTED[name] in capsys.readouterr().out


def test_the_list_endpoint_is_short_and_checked(liteorm_db: DB) -> None:
    """It has at most 40 lines, and each of its forms fits the schema."""
    text = (FOLDER / "list_endpoint.py").read_text("utf-8")
    endpoint = text[text.index("@liteorm.statement") : text.index("# The end of the endpoint.")]
    assert len(endpoint.strip().splitlines()) <= 40
    sys.path.insert(0, str(FOLDER))
    try:
        module = importlib.import_module("list_endpoint")
        liteorm_db.execute(module.SCHEMA)
        assert len(module.tickets.variants()) == 8
        assert check(liteorm_db, module) == []
    finally:
        sys.path.remove(str(FOLDER))
        sys.modules.pop("list_endpoint", None)
