"""What PostgreSQL writes into JSON by itself is read back, beside what liteorm writes."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, TypedDict, cast

import attrs
import msgspec
import pytest

import liteorm
from liteorm import Interval, Json, Multirange, Range, postgres, scan_one
from liteorm_testing import Server, database

UTC = dt.UTC


@pytest.fixture(scope="module")
def db(liteorm_server: Server) -> Iterator[postgres.DB]:
    """One database."""
    schema = "CREATE TYPE spans AS RANGE (SUBTYPE = interval)"
    with database(liteorm_server, schema) as made, postgres.open(made.dsn) as db:
        yield db


CASES: list[tuple[str, Any, Any]] = [
    ("'\\x00ff'::bytea", bytes, b"\x00\xff"),
    ("'1 day 02:03:04.5'::interval", dt.timedelta, dt.timedelta(1, 7384, 500_000)),
    ("'-1 mon 1 day -2:03:04.5'::interval", Interval, Interval(-1, 1, -7_384_500_000)),
    ("'12:00+02'::timetz", dt.time, dt.time(12, tzinfo=dt.timezone(dt.timedelta(hours=2)))),
    ("'12:00:01.5'::time", dt.time, dt.time(12, 0, 1, 500_000)),
    ("int4range(1, 5)", Range[int], Range(1, 5)),
    ("'empty'::int4range", Range[int], Range[int].empty()),
    ("numrange(NULL, 1.5, '[]')", Range[Decimal], Range(None, Decimal("1.5"), "[]")),
    ("daterange('2020-01-01', NULL)", Range[dt.date], Range(dt.date(2020, 1, 1), None)),
    (
        "tstzrange('2020-01-01 00:00+00', NULL)", Range[dt.datetime],
        Range(dt.datetime(2020, 1, 1, tzinfo=UTC), None),
    ),
    (
        "spans('-1 day 02:00', '3 days -00:00:01')", Range[dt.timedelta],
        Range(dt.timedelta(-1, 7200), dt.timedelta(3, -1)),
    ),
    (
        "spans('1 mon', '1 year -2 days')", Range[Interval],
        Range(Interval(1), Interval(12, -2)),
    ),
    (
        "'{[1,2),[5,7)}'::int4multirange", Multirange[int],
        Multirange([Range(1, 2), Range(5, 7)]),
    ),
]  # fmt: skip


class Dict(TypedDict):
    """A field in a TypedDict."""

    value: bytes


@dataclasses.dataclass
class Private:
    """A private field beside it."""

    _data: bytes
    span: dt.timedelta


class Packed(msgspec.Struct, rename="upper"):
    """A Struct with other names."""

    data: bytes
    n: int = 3


@pytest.mark.parametrize(("sql", "type_", "value"), CASES, ids=lambda case: str(case)[:20])
@pytest.mark.parametrize("call", ["to_jsonb", "to_json"])
def test_what_postgresql_writes_is_read(
    db: postgres.DB, sql: str, type_: Any, value: Any, call: str
) -> None:
    """Each form fills its class alone, in containers and in classes, and so does liteorm's own."""
    model: Any = attrs.make_class("Holder", {"value": attrs.field(type=type_)})
    for text, annotation, expected in (
        (f"{call}({sql})", type_, value),
        (f"{call}(ARRAY[{sql}])", list[type_], [value]),
        (f"{call}(row_to_json(t)) FROM (SELECT {sql} AS value) t", model, model(value)),
        (f"{call}(json_build_object('a', {sql}))", dict[str, type_ | None], {"a": value}),
    ):
        wanted: Any = tuple.__class_getitem__(annotation)
        found = scan_one(db.query(cast("Any", f"SELECT {text}")), wanted)
        assert found == (expected,)
        assert scan_one(db.query("SELECT %s::jsonb", [Json(value)]), tuple[type_]) == (value,)


def test_an_interval_is_read_in_both_styles(db: postgres.DB) -> None:
    """The style of ISO 8601 is read as well; of others the error says which are."""
    sql = "SELECT to_jsonb('-1 mon 8 days -2:03:04.5'::interval)"
    value = Interval(-1, 8, -7_384_500_000)
    for style in ("postgres", "iso_8601"):
        with db.transaction() as tx:
            tx.execute(cast("Any", f"SET LOCAL intervalstyle = {style}"))
            assert scan_one(tx.query(sql), tuple[Interval]) == (value,)
    with db.transaction() as tx:
        tx.execute("SET LOCAL intervalstyle = sql_standard")
        with pytest.raises(liteorm.ScanError, match="style postgres or iso_8601"):
            scan_one(tx.query(sql), tuple[Interval])


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        ({"value": b"a"}, Dict),
        (Private(b"a", dt.timedelta(3)), Private),
        (Packed(b"a"), Packed),
        ({b"a": 1}, dict[bytes, int]),
    ],
    ids=lambda value: str(value)[:20],
)
def test_other_classes_go_through_json_as_before(db: postgres.DB, value: Any, type_: Any) -> None:
    """TypedDicts, private fields, Structs and keys come back as they went."""
    assert scan_one(db.query("SELECT %s::jsonb", [Json(value)]), tuple[type_]) == (value,)


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ('"\\\\xzz"', bytes), ('"1 mon"', dt.timedelta), ('"[1,x)"', Range[int]), ("5", bytes),
        ('"[5,1)"', Range[int]), ('"25:00:00+02"', dt.time), ('"PX"', Interval),
        ('"(1"', Range[int]),
    ],
)  # fmt: skip
def test_a_misfit_names_the_path_and_no_value(db: postgres.DB, text: str, type_: Any) -> None:
    """What is in neither form is an error at its path, without the value."""
    with pytest.raises(liteorm.ScanError, match=r"\$\[0\]") as caught:
        scan_one(db.query("SELECT %s::jsonb", [f"[{text}]"]), tuple[list[type_]])
    assert text.strip('"') not in str(caught.value) or text == "5"
