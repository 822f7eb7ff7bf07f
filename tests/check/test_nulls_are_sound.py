"""A column that is said to be never NULL is never NULL: random queries on real data."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import liteorm
from liteorm import postgres
from liteorm.postgres._describing.shapes import Described
from liteorm.postgres._sync.describing import describe_all
from liteorm_testing import Server, database
from tests.check.queries import SCHEMA, Queries, change


@pytest.fixture(scope="module")
def db(liteorm_server: Server) -> Iterator[postgres.DB]:
    """A database with small tables that have NULLs."""
    with (
        database(liteorm_server, SCHEMA) as made,
        postgres.open(made.dsn, max_size=2, statement_timeout=10) as opened,
    ):
        yield opened


def broken_claims(db: postgres.DB, seeds: list[int]) -> tuple[list[str], int, int]:
    """Return queries with a NULL in a column claimed free of it, the claims, and all columns."""
    texts = [Queries(Random(seed)).query()[0] for seed in seeds]
    broken: list[str] = []
    claims = columns = 0
    for seed, text, found in zip(seeds, texts, describe_all(db, texts), strict=True):
        assert isinstance(found, Described), f"{found}\n{text}"
        try:
            rows = list(db.query(text))  # type: ignore[arg-type]
        except liteorm.Error as error:
            # A scalar subquery with two rows, a sum too large, a lateral join that PostgreSQL's
            # planner cannot order (XX000): nothing came out.
            if error.sqlstate in ("21000", "22003", "22012", "57014", "XX000"):
                continue
            raise
        columns += len(found.nulls)
        for position, out in enumerate(found.nulls):
            claims += out.nullable is False
            if out.nullable is False and any(row[position] is None for row in rows):
                broken.append(f"seed {seed}, column {position + 1} of: {text}")
    return broken, claims, columns


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


def broken_changes(db: postgres.DB, seeds: list[int]) -> tuple[list[str], int, int]:
    """Return changes that return NULL where none was expected, the claims, and the rows seen."""
    texts = [change(Queries(Random(seed))) for seed in seeds]
    broken: list[str] = []
    claims = seen = 0
    for seed, text, found in zip(seeds, texts, describe_all(db, texts), strict=True):
        if not isinstance(found, Described):
            continue
        try:
            with db.transaction() as tx:
                rows = list(tx.query(text))  # type: ignore[arg-type]
                raise LookupError
        except LookupError:
            pass
        except liteorm.Error:  # a constraint, a row touched twice: nothing came out
            continue
        seen += len(rows)
        for position, out in enumerate(found.nulls):
            claims += out.nullable is False
            if out.nullable is False and any(row[position] is None for row in rows):
                broken.append(f"seed {seed}, column {position + 1} of: {text}")
    return broken, claims, seen


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, 10**9))
def test_a_claim_about_a_change_holds(db: postgres.DB, seed: int) -> None:
    """What INSERT, UPDATE and DELETE return keeps the analysis' word, triggers or not."""
    broken, _, _ = broken_changes(db, [seed * 10 + n for n in range(10)])
    assert broken == []


def test_claims_are_not_rare(db: postgres.DB) -> None:
    """The analysis would be sound, and useless, if it never claimed anything."""
    _, claims, columns = broken_claims(db, list(range(150)))
    assert claims > columns * 0.2
