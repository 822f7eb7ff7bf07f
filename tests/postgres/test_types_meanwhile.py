"""What is known of types changes while results are being read: each is read as it came."""

from __future__ import annotations

import enum
import sys
import threading
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

import liteorm
from liteorm import postgres, scan
from liteorm.postgres._reading import results
from liteorm.postgres._sync.catalog import load_types


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


class Named(enum.Enum):
    """An enum whose values are labels at first, and whose names are later."""

    fine = "ok"
    bad = "sad"


def test_what_is_made_of_a_changed_type_changes_with_it(db: postgres.DB) -> None:
    """Composites, arrays and arrays of composites know the labels that their parts have now."""
    texts: list[tuple[Any, Any]] = [
        ("SELECT ROW('{}', 1)::pair", tuple[tuple[Named, int]]),
        ("SELECT ARRAY['{}']::mood[]", list[Named]),
        ("SELECT ARRAY[ROW('{}', 1)::pair]", list[tuple[Named, int]]),
    ]
    for text, model in texts:
        assert "fine" in str(scan(db.query(text.format("ok")), model))
    db.execute("ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'")
    db.execute("ALTER TYPE mood RENAME VALUE 'sad' TO 'bad'")
    [oid] = scan(db.query("SELECT 'mood'::regtype::oid::int8"), int)
    with db._connection("test") as wire:
        load_types(wire, db._state.types, [oid])
    for text, model in texts:
        assert "fine" in str(scan(db.query(text.format("fine")), model))


@pytest.mark.parametrize("native", [True, False])
def test_records_of_a_column_differ_from_row_to_row(
    db: postgres.DB, native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every row's types are looked up, not only those of the first; NULL says nothing."""
    if not native:
        monkeypatch.setattr(results, "record_types", lambda *_, **__: None)
    rows = db.query(
        "SELECT CASE n WHEN 1 THEN NULL WHEN 2 THEN ROW(1) WHEN 3 THEN ROW('ok'::mood) "
        "ELSE ROW(ROW('sad', 2)::pair) END AS v FROM generate_series(1, 4) AS n"
    )
    assert list(rows) == [(None,), ((1,),), (("ok",),), ((("sad", 2),),)]
    assert list(
        db.query(
            "SELECT ARRAY[CASE n WHEN 1 THEN ROW(1) ELSE ROW('ok'::mood) END] "
            "FROM generate_series(1, 2) AS n"
        )
    ) == [([(1,)],), ([("ok",)],)]


@attrs.define
class Grown:
    """A composite, before and after it has got an attribute."""

    a: int
    b: int = 0


@pytest.mark.parametrize(
    ("model", "wrapped"),
    [
        (tuple[tuple[int, Grown]], "ROW(0, {})"),
        (list[tuple[int, Grown]], "ARRAY[ROW(0, {})]"),
        (tuple[int, tuple[int, Grown]], "1, ROW(0, {})"),
    ],
)
def test_what_one_pool_knows_of_records_is_no_other_pools(
    liteorm_database: Any, model: Any, wrapped: str
) -> None:
    """The same result looks the same to both until the values in the records are read."""
    dsn = liteorm_database.dsn
    with postgres.open(dsn) as first, postgres.open(dsn) as second:
        first.execute("CREATE TYPE grown AS (a int)")
        one: Any = f"SELECT {wrapped.format('ROW(1)::grown')} AS v"
        before = first.query(one)
        assert "b=0" in str(scan(before, model))
        first.execute("ALTER TYPE grown ADD ATTRIBUTE b int")
        two: Any = f"SELECT {wrapped.format('ROW(1, 2)::grown')} AS v"
        assert "b=2" in str(scan(second.query(two), model))
        assert "b=0" in str(scan(before, model))
