"""What the tests of scanning share: queries put together by the test, and values in a tuple."""

from __future__ import annotations

from typing import Any

from liteorm import Rows, postgres, scan_one


def query(db: postgres.DB, sql: str) -> Rows:
    """Run text that the test has put together."""
    return db.query(sql)  # pyright: ignore[reportArgumentType]


def run(db: postgres.DB, sql: str) -> None:
    """Run statements that the test has put together."""
    db.execute(sql)  # pyright: ignore[reportArgumentType]


def value_of(db: postgres.DB, expression: str, annotation: Any) -> Any:
    """Scan one expression; in a tuple, so that a class or dict is the column's, not the row's."""
    return scan_one(query(db, f"SELECT {expression} AS v"), tuple[annotation])[0]
