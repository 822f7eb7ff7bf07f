"""What is known of types changes while results are being read: each is read as it came."""

from __future__ import annotations

import enum
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import liteorm
from liteorm import postgres, scan


class Mood(enum.Enum):
    """Labels of the type."""

    SAD = "sad"
    OK = "ok"


@pytest.fixture
def db(liteorm_database: Any) -> Iterator[postgres.DB]:
    """A database with user's types: an enum, a composite with it, an array of that."""
    with postgres.open(liteorm_database.dsn, max_size=8) as db:
        db.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
        db.execute("CREATE TYPE pair AS (m mood, n int)")
        yield db


QUERIES: list[tuple[Any, Any, Any]] = [
    ("SELECT 'ok'::mood", Mood, [Mood.OK]),
    ("SELECT ARRAY['ok', 'sad']::mood[]", list[Mood], [[Mood.OK, Mood.SAD]]),
    ("SELECT ROW('ok', 1)::pair", tuple[tuple[Mood, int]], [((Mood.OK, 1),)]),
    ("SELECT ARRAY[ROW('ok', 1)::pair]", list[tuple[Mood, int]], [[(Mood.OK, 1)]]),
    ("SELECT ROW('ok'::mood, 1)", tuple[tuple[Mood, int]], [((Mood.OK, 1),)]),
    ("SELECT 1.5::numeric::money", Any, None),
]


@pytest.mark.parametrize(("sql", "model", "wanted"), QUERIES)
def test_rows_are_read_as_they_came(db: postgres.DB, sql: Any, model: Any, wanted: Any) -> None:
    """Types that are forgotten between query and scan are those of the rows all the same."""
    rows = db.query(sql)
    first = [tuple(map(str, row)) for row in rows]
    db.clear_types()
    assert [tuple(map(str, row)) for row in rows] == first
    if wanted is not None:
        assert scan(rows, model) == wanted
    rows = db.query(sql)
    db.clear_types()
    db.query("SELECT 'ok'::mood")
    if wanted is not None:
        assert scan(rows, model) == wanted


def test_rows_of_a_type_that_was_made_anew(db: postgres.DB) -> None:
    """Rows of before are read with the type of before, rows of after with the new one."""
    before = db.query("SELECT ROW('ok', 1)::pair AS v")
    assert scan(before, tuple[tuple[Mood, int]]) == [((Mood.OK, 1),)]
    db.execute("ALTER TYPE pair ADD ATTRIBUTE t text")
    after = db.query("SELECT ROW('sad', 2, 'x')::pair AS v")
    assert scan(after, tuple[tuple[Mood, int, str]]) == [((Mood.SAD, 2, "x"),)]
    assert scan(before, tuple[tuple[Mood, int]]) == [((Mood.OK, 1),)]


def test_threads_read_while_types_are_looked_up_and_forgotten(db: postgres.DB) -> None:
    """Whatever others look up or forget meanwhile, no read ends in an error about types."""
    wrong: list[BaseException] = []
    over = threading.Event()

    def read(number: int) -> None:
        sql, model, wanted = QUERIES[number % 5]
        try:
            for _ in range(150):
                rows = db.query(sql)
                if scan(rows, model) != wanted:
                    wrong.append(AssertionError(sql))
        except liteorm.Error as error:
            wrong.append(error)

    def forget() -> None:
        while not over.wait(0.0005):
            db.clear_types()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.00005)
    try:
        forgetting = threading.Thread(target=forget)
        readers = [threading.Thread(target=read, args=(number,)) for number in range(5)]
        forgetting.start()
        for thread in readers:
            thread.start()
        for thread in readers:
            thread.join()
        over.set()
        forgetting.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []
