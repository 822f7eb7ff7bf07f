"""Run every script of examples/."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "examples"

# A line that the script must print, as a sign that it did its work.
PRINTED = {
    "async_queries": "[0, 1, 4, 9, 16, 25, 36, 49, 64, 81]",
    "bookings": "async: True True",
    "bulk_load": "Airport(icao=",
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
