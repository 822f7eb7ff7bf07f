# Generated from tests/postgres/_async/test_scan_streams.py by .ci/unasync.py: edit that file, not this one.
"""Streams are scanned as their rows arrive, with the same checks and the same row numbers."""

from __future__ import annotations

import datetime as dt
from typing import Any, LiteralString, NamedTuple

import attrs
import pytest

from liteorm import DataError, ScanError, scan, scan_iter, scan_one
from liteorm._core.scanning.scanner import clear_scanners
from liteorm.postgres import DB



class Row(NamedTuple):
    """One row of the streams here."""

    n: int
    text: str | None = None


@attrs.define
class Slotted:
    """The same in slots, which are filled one object after the other."""

    n: int


@attrs.define
class Checked:
    """The same with a validator, which is called several rows at a time."""

    n: int = attrs.field(validator=attrs.validators.ge(0))


def scanned(db: DB, sql: LiteralString, model: Any, **options: Any) -> list[Any]:
    """Scan a whole stream."""
    with db.stream(sql, batch_size=100) as stream:
        return [obj for obj in scan_iter(stream, model, **options)]


def test_a_stream_is_scanned_whole(liteorm_db: DB) -> None:
    """Every row becomes an object, over any number of batches."""
    found = scanned(liteorm_db, "SELECT n FROM generate_series(0, 1050) AS n", Row)
    assert found == [Row(n) for n in range(1051)]


def test_rows_that_are_there_are_iterated_too(liteorm_db: DB) -> None:
    """`scan_iter` takes what `query` returned as well."""
    rows = liteorm_db.query("SELECT n FROM generate_series(1, 3) AS n")
    assert list(scan_iter(rows, Row)) == [Row(1), Row(2), Row(3)]


def test_a_step_that_was_left_out_is_named(liteorm_db: DB) -> None:
    """What is neither Rows nor a stream is refused with what to do."""
    wrong: list[tuple[Any, Any, str]] = [
        (scan_iter, liteorm_db.stream("SELECT 1"), r"enter session\.stream"),
        (scan, liteorm_db.stream("SELECT 1"), r"enter session\.stream"),
        (scan_one, [(1,)], r"a list cannot be scanned: session\.query gives Rows"),
        (scan_iter, [(1,)], "a list cannot be scanned"),
    ]
    with liteorm_db.stream("SELECT 1") as stream:
        wrong.append((scan_one, stream, "a stream is read by scan_iter"))
        for call, given, sentence in wrong:
            with pytest.raises(TypeError, match=sentence):
                call(given, int)


def test_row_numbers_go_on_across_batches(liteorm_db: DB) -> None:
    """NULL, a value that Python cannot hold: the row is the stream's, not the batch's."""
    with pytest.raises(ScanError, match='column "n", row 777') as caught:
        scanned(
            liteorm_db,
            "SELECT CASE WHEN n <> 777 THEN n END AS n FROM generate_series(0, 2000) AS n",
            Row,
        )
    assert caught.value.row == 777
    with pytest.raises(DataError, match=r'column "row 1" \(date\), row 901') as refused:
        scanned(
            liteorm_db,
            "SELECT CASE WHEN n = 901 THEN date 'infinity' ELSE date '2024-01-01' END AS \"row 1\""
            " FROM generate_series(0, 2000) AS n",
            dt.date,
        )
    assert refused.value.row == 901


@pytest.mark.parametrize("native", ["1", "0"])
@pytest.mark.parametrize("model", [Row, Slotted, Checked, dict[str, int], tuple[int], int])
def test_objects_before_a_row_that_cannot_be_read_are_given(
    liteorm_db: DB, model: Any, native: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each row before it, whoever makes the objects and wherever in a batch it is."""
    monkeypatch.setenv("LITEORM_NATIVE", native)
    clear_scanners()
    sql: LiteralString = """
        SELECT CASE WHEN n <> 1776 THEN n END AS n FROM generate_series(0, 3000) AS n
    """
    seen: list[Any] = []
    with pytest.raises(ScanError, match='column "n", row 1776'):
        with liteorm_db.stream(sql) as stream:
            for obj in scan_iter(stream, model):
                seen.append(obj)
    assert len(seen) == 1776
    clear_scanners()


def test_objects_before_a_bad_row_arrive(liteorm_db: DB) -> None:
    """What came in earlier batches has been handed out when a row fails."""
    seen: list[int] = []
    sql: LiteralString = "SELECT 10 / (500 - n) AS n FROM generate_series(0, 2000) AS n"
    with pytest.raises(DataError, match="division by zero"):
        with liteorm_db.stream(sql, batch_size=100) as stream:
            for n in scan_iter(stream, int):
                seen.append(n)
    assert len(seen) == 500


def test_an_empty_stream_with_the_wrong_shape_is_an_error(liteorm_db: DB) -> None:
    """The columns are held against the model, although no row ever comes."""
    with pytest.raises(ScanError, match="is text"):
        scanned(liteorm_db, "SELECT 'x'::text AS n WHERE false", Row)
    assert scanned(liteorm_db, "SELECT 1 AS n WHERE false", Row) == []


def test_extra_columns_of_a_stream(liteorm_db: DB) -> None:
    """The options are those of scan."""
    sql: LiteralString = "SELECT 1 AS n, 2 AS other"
    with pytest.raises(ScanError, match='"other"'):
        scanned(liteorm_db, sql, Row)
    assert scanned(liteorm_db, sql, Row, extra="ignore") == [Row(1)]
    with pytest.raises(ValueError, match="extra is"):
        scanned(liteorm_db, sql, Row, extra="some")


def test_types_that_only_a_later_batch_shows(liteorm_db: DB) -> None:
    """A type met in the middle of a stream is looked up beside it."""
    liteorm_db.execute("CREATE TYPE late AS ENUM ('a'); CREATE TYPE later AS (x late)")
    found = scanned(
        liteorm_db,
        "SELECT CASE WHEN n < 500 THEN ROW(n, 'x'::text) ELSE ROW(n, ROW(ROW('a'::late)::later))"
        " END AS v FROM generate_series(0, 600) AS n",
        tuple[tuple[Any, ...]],
    )
    assert found[0] == ((0, "x"),)
    assert found[-1] == ((600, (("a",),)),)


def test_a_stream_inside_a_transaction(liteorm_db: DB) -> None:
    """It sees what the transaction wrote, and leaves the transaction usable."""
    with liteorm_db.transaction() as tx:
        tx.execute("CREATE TEMPORARY TABLE t AS SELECT n FROM generate_series(1, 300) AS n")
        with tx.stream("SELECT n FROM t ORDER BY n", batch_size=50) as stream:
            first = [n for n in scan_iter(stream, int)]
        assert first == list(range(1, 301))
        assert (tx.execute("DELETE FROM t")).rows_affected == 300
