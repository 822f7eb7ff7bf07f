"""A column that is said to be never NULL is never NULL: random queries on real data."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import liteorm
from liteorm import postgres
from liteorm.postgres._describing.shapes import Described
from liteorm.postgres._sync.describing import describe_all
from liteorm_testing import Server, database
from tests.check.changes import change
from tests.check.odd import CHANGES, NEWER
from tests.check.queries import SCHEMA, Queries


@pytest.fixture(scope="module")
def db(liteorm_server: Server) -> Iterator[postgres.DB]:
    """A database with small tables that have NULLs."""
    with (
        database(liteorm_server, SCHEMA) as made,
        postgres.open(made.dsn, max_size=2, statement_timeout=10) as opened,
    ):
        yield opened


REFUSED = ("42803", "0A000")
"""A subquery in what is grouped by, of which the server says that it is not grouped; XML in a
server that was built without it."""


def broken_claims(db: postgres.DB, seeds: list[int]) -> tuple[list[str], int, int]:
    """Return queries that do not keep what was said of them, the claims, and all columns."""
    texts = [Queries(Random(seed)).query()[0] for seed in seeds]
    broken: list[str] = []
    claims = columns = 0
    for seed, text, found in zip(seeds, texts, describe_all(db, texts), strict=True):
        if isinstance(found, liteorm.Error) and found.sqlstate in REFUSED:
            continue
        assert isinstance(found, Described), f"{found}\n{text}"
        try:
            rows = list(db.query(text))  # type: ignore[arg-type]
        except liteorm.DataError:  # Python has no infinite datetime
            continue
        except liteorm.Error as error:
            # A scalar subquery with two rows, a sum too large, a lateral join that PostgreSQL's
            # planner cannot order (XX000): nothing came out.
            if error.sqlstate in ("21000", "22003", "22012", "57014", "XX000"):
                continue
            raise
        columns += len(found.nulls)
        claims += sum(out.nullable is False for out in found.nulls)
        broken += [f"seed {seed}, {what} of: {text}" for what in unkept(found, rows)]
    return broken, claims, columns


def unkept(found: Described, rows: list[tuple[Any, ...]]) -> Iterator[str]:
    """Yield the columns with a NULL although they have none, or with one of its own.

    Columns whose joins are all among another's are NULL only where that one is too.
    """
    for position, out in enumerate(found.nulls):
        if out.nullable is False and any(row[position] is None for row in rows):
            yield f"column {position + 1}"
        if out.nullable_within is not False or not out.joins:
            continue
        for other, its in enumerate(found.nulls):
            if out.joins <= its.joins and any(
                row[position] is None and row[other] is not None for row in rows
            ):
                yield f"column {position + 1} beside column {other + 1}"


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, 10**9))
def test_a_claim_of_not_null_holds(db: postgres.DB, seed: int) -> None:
    """No random query gives a NULL in a column that the analysis says has none."""
    broken, _, _ = broken_claims(db, [seed * 10 + n for n in range(10)])
    assert broken == []


def broken_changes(db: postgres.DB, texts: list[str]) -> tuple[list[str], int, int]:
    """Return changes that return NULL where none was expected, the claims, and all columns."""
    broken: list[str] = []
    claims = columns = 0
    for text, found in zip(texts, describe_all(db, texts), strict=True):
        if not isinstance(found, Described):
            continue
        try:
            with db.transaction() as tx:
                rows = list(tx.query(text))  # type: ignore[arg-type]
                raise LookupError
        except LookupError:
            columns += len(found.nulls)
            claims += sum(out.nullable is False for out in found.nulls)
            broken += [f"{what} of: {text}" for what in unkept(found, rows)]
        except liteorm.Error:  # a constraint, a row touched twice: nothing came out
            continue
    return broken, claims, columns


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, 10**9))
def test_a_claim_about_a_change_holds(db: postgres.DB, liteorm_server: Server, seed: int) -> None:
    """What INSERT, UPDATE, DELETE and MERGE return keeps the analysis' word, triggers or not."""
    version = int(liteorm_server.version.split(".")[0])
    texts = [change(Queries(Random(seed * 10 + n)), version) for n in range(10)]
    assert broken_changes(db, texts)[0] == []


def test_a_claim_about_an_odd_change_holds(db: postgres.DB, liteorm_server: Server) -> None:
    """So do those that assign what casts make NULL, touch elements, and merge."""
    version = int(liteorm_server.version.split(".")[0])
    newer = [text for since, texts in NEWER.items() if since <= version for text in texts]
    assert broken_changes(db, [*CHANGES, *newer])[0] == []


def test_claims_are_not_rare(db: postgres.DB) -> None:
    """The analysis would be sound, and useless, if it never claimed anything."""
    _, claims, columns = broken_claims(db, list(range(150)))
    assert claims > columns * 0.2
