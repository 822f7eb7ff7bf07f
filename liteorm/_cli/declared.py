"""The demo's steps about declared statements, the check of them, batches and patches."""

from __future__ import annotations

import importlib
import sys
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Literal

import attrs
from rich.console import Console

import liteorm
from liteorm import postgres
from liteorm._cli.airports import LANDINGS, Landing, Region
from liteorm._cli.stage import announce, complain


@liteorm.statement(
    Landing,
    LANDINGS
    + """
WHERE true
  AND c.region = %(region)s     --? region
  AND a.elevation > %(above)s   --? above
ORDER BY {sort} LIMIT 2""",
    choices={"sort": {"name": "a.name, a.icao", "highest": "a.elevation DESC, a.icao"}},
)
def landings(
    region: Region | None = None,
    above: Decimal | None = None,
    sort: Literal["name", "highest"] = "name",
) -> None:
    """Where one can land."""


landing = liteorm.statement(Landing, LANDINGS + " WHERE a.icao = %(icao)s")
how_many = liteorm.statement(int, "SELECT count(*) FROM airports WHERE country = %(country)s")


@liteorm.table("gates", key="icao", version="version")
@attrs.frozen
class Gates:
    """How many gates of an airport are open; its version guards against lost updates."""

    icao: str
    open: int
    version: int = 1


GATES = "CREATE TABLE gates (icao text PRIMARY KEY, open int NOT NULL, version int NOT NULL)"

# What the check is shown: iata may be NULL, and the class says it is not.
APPROACHES = """\
import attrs
import liteorm


@attrs.frozen
class Approach:
    name: str
    iata: str


approaches = liteorm.statement(Approach, "SELECT name, iata FROM airports")
"""


def choose_parts(console: Console, db: postgres.DB) -> None:
    """Show one statement with parts left out and put in, and a choice of order."""
    announce(
        console,
        "A declared statement with optional parts",
        "WHERE true\n"
        "  AND c.region = %(region)s     --? region\n"
        "  AND a.elevation > %(above)s   --? above\n"
        "ORDER BY {sort}\n\n"
        'landings.all(db, region=Region.EUROPE, sort="highest")',
    )
    for found in landings.all(db, region=Region.EUROPE, sort="highest"):
        console.print(f"{found.name}, {found.country.code}, {found.elevation} ft")


def patch_stale_row(console: Console, db: postgres.DB) -> None:
    """Let two clients change the row that both have read; the second is told."""
    announce(
        console,
        "PATCH without lost updates",
        'db.patch(Gates, "EHAM", {"open": 23}, version=1)\n'
        'db.patch(Gates, "EHAM", {"open": 25}, version=1)   # had read version 1, too',
    )
    db.execute(GATES)
    db.insert(Gates("EHAM", 24))
    console.print(db.patch(Gates, "EHAM", {"open": 23}, version=1))
    try:
        db.patch(Gates, "EHAM", {"open": 25}, version=1)
    except liteorm.StaleRow as error:
        complain(console, "liteorm.StaleRow", str(error))


def send_batch(console: Console, db: postgres.DB) -> None:
    """Send different statements in one round trip."""
    announce(
        console,
        "A batch: one round trip, each result typed",
        "with db.batch() as batch:\n"
        '    airport = batch.one(landing, icao="EHAM")\n'
        '    count = batch.one(how_many, country="NL")',
    )
    with db.batch() as batch:
        airport = batch.one(landing, icao="EHAM")
        count = batch.one(how_many, country="NL")
    console.print(f"{airport.result().name}, one of {count.result()}")


def check_module(console: Console, db: postgres.DB) -> None:
    """Check the statements of a module that does not fit the schema."""
    from liteorm_testing import check_statements

    announce(console, "The check that runs in CI", "$ liteorm check approaches")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "approaches.py").write_text(APPROACHES, "utf-8")
        sys.path.insert(0, folder)
        importlib.invalidate_caches()
        try:
            check_statements(db, "approaches")
        except AssertionError as found:
            findings = str(found).partition("\n")[2]
            complain(console, "liteorm check", findings.replace(f"{folder}/", ""))
        finally:
            sys.path.remove(folder)
            sys.modules.pop("approaches", None)
