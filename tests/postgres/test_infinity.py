"""Infinite dates, timestamps and intervals: a codec has them, and nobody else is told lies."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Annotated, Any

import attrs
import pytest

import liteorm
from liteorm import Column, Interval, postgres, scan, scan_one
from liteorm_testing import Server, database

UTC = dt.UTC


class Forever:
    """The end of time for what has no end: the largest value of Python's class."""

    def decode(self, value: Any) -> Any:
        """Read a moment or one of the two words."""
        return {"infinity": dt.datetime.max, "-infinity": dt.datetime.min}.get(value, value)

    def encode(self, value: Any) -> Any:
        """Write it back."""
        return {dt.datetime.max: "infinity", dt.datetime.min: "-infinity"}.get(value, value)


class Days:
    """The same for dates."""

    def decode(self, value: Any) -> Any:
        """Read."""
        return dt.date.max if value == "infinity" else value

    def encode(self, value: Any) -> Any:
        """Write."""
        return "infinity" if value == dt.date.max else value


@liteorm.table("prices", key="id")
@attrs.define
class Price:
    """A row that is valid until further notice."""

    id: int
    until: Annotated[dt.datetime, Column(codec=Forever())]
    since: Annotated[dt.datetime, Column(codec=Forever())]
    day: Annotated[dt.date, Column(codec=Days())] = dt.date(2024, 1, 1)


@pytest.fixture(scope="module")
def db(liteorm_server: Server) -> Iterator[postgres.DB]:
    """One database with a table whose defaults are infinite."""
    with database(liteorm_server) as made, postgres.open(made.dsn) as db:
        db.execute("""
            CREATE TABLE prices (id int PRIMARY KEY, until timestamptz DEFAULT 'infinity',
              since timestamp DEFAULT '-infinity', day date DEFAULT 'infinity')
        """)
        yield db


def test_a_codec_has_infinity(db: postgres.DB) -> None:
    """What the database filled in is read, and every call writes it back."""
    db.execute("INSERT INTO prices (id) VALUES (1)")
    query: Any = "SELECT id, until, since, day FROM prices ORDER BY id"
    [first] = scan(db.query(query), Price)
    assert first == Price(1, dt.datetime.max, dt.datetime.min, dt.date.max)
    usual = Price(2, dt.datetime(2024, 1, 2, tzinfo=UTC), dt.datetime(2024, 1, 1))
    assert db.insert(usual) == usual
    both = [first, usual]
    calls: list[Any] = [db.insert_many, db.insert_returning, db.upsert_many]
    calls += [lambda objs: [db.insert(obj) for obj in objs]]
    calls += [lambda objs: [db.upsert(obj) for obj in objs]]
    for call in calls:
        db.execute("TRUNCATE prices")
        call(both)
        assert scan(db.query(query), Price) == both
        stored = "SELECT until = 'infinity' AND since = '-infinity' AND day = 'infinity'"
        assert scan(db.query(f"{stored} FROM prices ORDER BY id"), bool) == [True, False]
        assert [db.update(obj) for obj in both] == both
    with postgres.pool(db).connection() as connection:
        assert scan(postgres.rows(connection.execute(query)), Price) == both


def test_what_is_not_a_word_is_refused(db: postgres.DB) -> None:
    """A codec that gives other text than the two words is refused as ever."""

    class Wrong(Forever):
        def encode(self, value: Any) -> Any:
            return "tomorrow"

    @attrs.define
    class Broken:
        id: int
        until: Annotated[dt.datetime, Column(codec=Wrong())]

    with pytest.raises(liteorm.DataError, match="it is a str, expected datetime"):
        db.insert_many([Broken(5, dt.datetime.max)], table="prices")


@pytest.mark.parametrize("sign", ["", "-"])
def test_an_infinite_interval_says_so(db: postgres.DB, sign: str) -> None:
    """It is no interval of many months, neither alone nor inside others."""
    if scan_one(db.query("SHOW server_version_num"), str) < "170000":
        with pytest.raises(liteorm.Error):
            db.query("SELECT 'infinity'::interval")
        return
    for expression in ("{}", "ARRAY[{}]", "ROW({}, 1)"):
        text: Any = "SELECT " + expression.format(f"'{sign}infinity'::interval") + " AS value"
        rows = db.query(text)
        kinds: dict[str, Any] = {"{}": Interval, "ARRAY[{}]": list[Interval]}
        kind = kinds.get(expression, tuple[Interval, int])
        with pytest.raises(liteorm.DataError, match="infinite") as caught:
            scan(rows, tuple[kind])  # type: ignore[valid-type]
        assert (caught.value.column, caught.value.row) == ("value", 0)


@pytest.mark.parametrize(
    ("expression", "place"),
    [
        ("ROW(1, 'infinity'::date)", 'value 1 of column "value" (date)'),
        ("ROW(ROW('24:00'::time), 2)", 'value 0 of value 0 of column "value" (time'),
        ("ROW('a', 'infinity')::pg_temp.span", 'attribute "until" of column "value" (timestamp'),
        ("ARRAY[ROW('a', 'infinity')::pg_temp.span]", 'attribute "until" of an element of column'),
        ("ARRAY['infinity'::date]", 'column "value" (date[])'),
        ("tstzrange(NULL, 'infinity')", 'column "value" (tstzrange)'),
    ],
)
def test_the_part_that_python_cannot_hold_is_named(
    db: postgres.DB, expression: str, place: str
) -> None:
    """Inside composites, records, arrays and ranges the reason and the attribute are told."""
    with db.transaction() as tx:
        tx.execute("CREATE TYPE pg_temp.span AS (name text, until timestamptz)")
        text: Any = f"SELECT 1 AS id, {expression} AS value"
        rows = tx.query(text)
        with pytest.raises(liteorm.DataError) as caught:
            scan(rows, dict[str, Any])
        assert str(caught.value).startswith(place)
        assert (caught.value.column, caught.value.row) == ("value", 0)
        assert "is outside Python's" in str(caught.value) or "24:00" in str(caught.value)
        tx.execute("DROP TYPE pg_temp.span")
