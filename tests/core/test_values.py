"""Values that users receive: ranges, intervals, JSON wrappers, notifications, results."""

from __future__ import annotations

import datetime as dt
import enum
import ipaddress
import pickle
import traceback
from decimal import Decimal
from typing import Annotated, Any

import attrs
import pytest

import liteorm
from liteorm import (
    Column,
    Interval,
    Json,
    Multirange,
    Notification,
    PoolStats,
    Range,
    Result,
    Rows,
    scan_one,
)
from tests.core.rows import rows, shape

NAN = Decimal("NaN")


@pytest.mark.parametrize(
    ("given", "shown", "bounds", "empty"),
    [
        (Range(1, 5), "Range(1, 5, '[)')", "[)", False),
        (Range(1, 5, "[]"), "Range(1, 5, '[]')", "[]", False),
        (Range(None, 5, "[]"), "Range(None, 5, '(]')", "(]", False),
        (Range(1), "Range(1, None, '[)')", "[)", False),
        (Range(), "Range(None, None, '()')", "()", False),
        (Range(3, 3), "Range.empty()", "()", True),
        (Range(3, 3, "()"), "Range.empty()", "()", True),
        (Range(3, 3, "[]"), "Range(3, 3, '[]')", "[]", False),
        (Range.empty(), "Range.empty()", "()", True),
    ],
)
def test_a_range_has_one_form(given: Range[int], shown: str, bounds: str, empty: bool) -> None:
    """Unbounded sides are exclusive and ranges without values are the empty one."""
    assert repr(given) == shown
    assert given.bounds == bounds
    assert given.is_empty is empty
    assert given.lower_inc is (bounds[0] == "[")
    assert given.upper_inc is (bounds[1] == "]")
    assert given.lower_inf is (given.lower is None and not empty)
    assert given.upper_inf is (given.upper is None and not empty)
    assert pickle.loads(pickle.dumps(given)) == given


def test_equal_ranges_have_equal_hashes() -> None:
    """Equality is by bounds; numbers of different classes are equal as they are elsewhere."""
    assert Range(1, 5) == Range(Decimal(1), Decimal(5))
    assert len({Range(1, 5), Range(1, 5, "[)"), Range(Decimal(1), 5), Range(2, 2)}) == 2
    assert Range(1, 4) != Range(1, 3, "[]")
    assert Range(None, None) != Range.empty()
    assert Range(1, 5) != (1, 5)


def test_a_range_that_cannot_be_is_refused() -> None:
    """Bounds the wrong way round, and bounds that are no brackets."""
    with pytest.raises(ValueError, match="must not be above"):
        Range(5, 1)
    with pytest.raises(ValueError, match="must be one of"):
        Range(1, 5, "[[")
    with pytest.raises(TypeError):
        Range(1, "x")  # type: ignore[arg-type]


def test_the_order_of_text_is_left_to_the_database() -> None:
    """A range of text or of an enum may have bounds that Python would sort the other way."""
    word = Range("ä", "b")
    assert (word.lower, word.upper) == ("ä", "b")
    assert Range("a", "a").is_empty
    assert Multirange([Range("ä", "b"), Range("c", "d")]).ranges[0] == word
    for compare in (lambda: "b" in word, lambda: word.overlaps(Range("a", "c"))):
        with pytest.raises(TypeError, match="in SQL"):
            compare()


@pytest.mark.parametrize(
    ("range_", "inside", "outside"),
    [
        (Range(1, 5), [1, 4, 4.9], [0, 5, None]),
        (Range(1, 5, "(]"), [2, 5], [1, 6]),
        (Range(None, 5), [-(10**9), 4], [5]),
        (Range(5, None, "()"), [6, 10**9], [5]),
        (Range(), [0, -1], [None]),
        (Range.empty(), [], [0, 1]),
        (Range(Decimal(1), NAN, "[]"), [Decimal(1), Decimal("Infinity"), NAN], [Decimal(0)]),
        (Range(Decimal(1), None), [NAN], []),
    ],
)
def test_values_in_a_range(range_: Range[Any], inside: list[Any], outside: list[Any]) -> None:
    """`in` goes by the bounds; NaN is above all, as in PostgreSQL."""
    assert all(value in range_ for value in inside)
    assert not any(value in range_ for value in outside)


def test_ranges_in_ranges() -> None:
    """`in` takes a range too, and the empty one is in all of them."""
    assert Range(2, 3) in Range(1, 5)
    assert Range(1, 5) in Range(1, 5)
    assert Range(1, 5, "[]") not in Range(1, 5)
    assert Range.empty() in Range(1, 5)
    assert Range(1, 5) not in Range.empty()
    assert Range(1, 2) in Range()


def test_ranges_of_dates() -> None:
    """Anything that can be compared can be a bound."""
    year = Range(dt.date(2024, 1, 1), dt.date(2025, 1, 1))
    assert dt.date(2024, 2, 29) in year
    assert year.overlaps(Range(dt.date(2024, 12, 31), None))
    assert year.is_adjacent(Range(dt.date(2025, 1, 1), None))
    assert not year.is_adjacent(Range(dt.date(2025, 1, 1), None, "()"))
    assert not year.is_adjacent(Range[dt.date].empty())
    assert not year.is_adjacent(Range(None, None))


def test_ranges_are_ordered() -> None:
    """Empty first, then by lower and by upper bound."""
    ordered = [
        Range[int].empty(),
        Range(None, 1),
        Range(None, 1, "(]"),
        Range(None, None),
        Range(0, 5),
        Range(0, 5, "[]"),
        Range(0, None),
        Range(0, 5, "()"),
        Range(1, 2),
    ]
    backwards = ordered[::-1]
    assert sorted(backwards) == ordered
    assert ordered[0] <= ordered[0] < ordered[1]
    assert ordered[2] >= ordered[2] > ordered[1]


def test_multiranges_have_one_form() -> None:
    """Sorted, joined where they overlap or touch, without empty ones; a sequence of ranges."""
    made = Multirange([Range(5, 9), Range(1, 3), Range.empty(), Range(2, 4), Range(4, 5, "()")])
    assert repr(made) == "Multirange([Range(1, 4, '[)'), Range(4, 9, '()')])"
    assert Multirange([Range(1, 3), Range(3, 5)]) == Multirange([Range(1, 5)])
    assert list(Multirange([Range(1, 9), Range(2, 3)])) == [Range(1, 9)]
    assert len(Multirange([Range(1, 3, "()"), Range(3, 5, "()")])) == 2
    pair = Multirange([Range(1, 2), Range(5, 9)])
    assert pair[0] == Range(1, 2)
    assert pair[-1:] == Multirange([Range(5, 9)])
    assert hash(pair) == hash(Multirange([Range(5, 9), Range(1, 2)]))
    assert Multirange[int]().is_empty
    assert not pair.is_empty
    assert pickle.loads(pickle.dumps(pair)) == pair


def test_a_multirange_is_made_of_ranges() -> None:
    """Anything else inside is refused by its class."""
    with pytest.raises(TypeError, match="made of ranges, not of int"):
        Multirange([1])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]


def test_values_and_ranges_in_multiranges() -> None:
    """A value, a range or a multirange lies within if all of it does."""
    pair = Multirange([Range(1, 3), Range(5, 9)])
    assert 2 in pair
    assert 4 not in pair
    assert Range(6, 8) in pair
    assert Range(2, 6) not in pair
    assert Range.empty() in Multirange()
    assert pair.contains(Multirange([Range(1, 2), Range(5, 6)]))
    assert not pair.contains(Range(3, 4))
    assert pair.overlaps(Range(2, 6))
    assert pair.overlaps(Multirange([Range(8, 20)]))
    assert not pair.overlaps(Multirange([Range(3, 5)]))


def test_intervals() -> None:
    """Three parts that are kept apart, added part by part."""
    delta = dt.timedelta(days=-1, seconds=5, microseconds=3)
    assert Interval.from_timedelta(delta).to_timedelta() == delta
    assert Interval(1, 2, 3) + Interval(1, 1, 1) - Interval(0, 3, 0) == Interval(2, 0, 4)
    assert -Interval(1, -2, 3) == Interval(-1, 2, -3)
    assert Interval(1, 2, 3) + delta == delta + Interval(1, 2, 3)
    assert Interval(1, 2, 3) + delta == Interval(1, 2, 3) + Interval.from_timedelta(delta)
    assert Interval(1, 2, 3) - delta == -(delta - Interval(1, 2, 3))
    assert Interval(1, 2, 3) - delta == Interval(1, 2, 3) - Interval.from_timedelta(delta)
    for wrong in (1, None, "1 day"):
        with pytest.raises(TypeError, match="unsupported operand"):
            Interval() + wrong  # type: ignore[operator]
        with pytest.raises(TypeError, match="unsupported operand"):
            wrong - Interval()  # type: ignore[operator]
    assert Interval(0, 0, 1)
    assert not Interval()
    with pytest.raises(liteorm.DataError, match="months") as caught:
        Interval(1).to_timedelta()
    assert "liteorm.Interval" in str(caught.value)
    with pytest.raises(liteorm.DataError, match="longer"):
        Interval(0, 2**31 - 1).to_timedelta()


def test_json_wraps_a_value() -> None:
    """Equal by what it holds; it says what it holds."""
    assert Json([1]) == Json([1])
    assert Json([1]) != [1]
    assert Json(1) != Json(2)
    assert len({Json("a"), Json("a")}) == 1
    assert repr(Json(["a"])) == "Json(['a'])"


@attrs.define
class Job:
    """What a notification carries."""

    id: int
    kind: str = "x"


def test_a_notification_loads_its_payload() -> None:
    """JSON into a model; what does not fit says so without the value."""
    assert Notification("jobs", '{"id": 1}', 7).load(Job) == Job(1)
    assert Notification("jobs", "[1, 2]", 7).load(list[int]) == [1, 2]
    with pytest.raises(liteorm.ScanError, match=r'on channel "jobs" does not fit Job: '):
        Notification("jobs", '{"id": "secret"}', 7).load(Job)
    with pytest.raises(liteorm.ScanError, match="is not JSON") as caught:
        Notification("jobs", "secret", 7).load(Job)
    assert "secret" not in str(caught.value)


class Doubled:
    """A codec for numbers that are sent as half of what they are."""

    def decode(self, value: Any) -> Any:
        return value * 2

    def encode(self, value: Any) -> Any:
        return value / 2


@attrs.define
class Detailed:
    """A payload whose fields are mapped as those of a column would be."""

    kind: Annotated[str, Column(name="Kind")]
    size: Annotated[int, Column(codec=Doubled())]
    _token: str = "none"
    net: ipaddress.IPv4Address | None = None


@attrs.define
class Checked:
    id: int = attrs.field(validator=attrs.validators.gt(0))


class Level(enum.Enum):
    LOW = "low"


def test_a_notification_is_decoded_as_a_json_column_is() -> None:
    """Column names, codecs, private fields and addresses; what misfits, and why, in its words."""
    text = '{"Kind": "x", "size": 4, "token": "t", "net": "10.0.0.1"}'
    expected = Detailed("x", 8, "t", ipaddress.IPv4Address("10.0.0.1"))
    column = shape(doc="json")
    assert Notification("jobs", text, 7).load(Detailed) == expected
    assert scan_one(rows(column, (text.encode(),)), tuple[Detailed]) == (expected,)
    for payload, model in [
        ('{"Kind": "x", "size": 4, "net": "secret"}', Detailed),
        ('{"Kind": "x"}', Detailed),
        ('"secret"', Level),
        ('{"id": "secret"}', Job),
        ("[1, null]", list[int]),
        ("nul", int),
    ]:
        with pytest.raises(liteorm.ScanError) as told:
            Notification("jobs", payload, 7).load(model)
        with pytest.raises(liteorm.ScanError) as scanned:
            scan_one(rows(column, (payload.encode(),)), tuple[model])  # type: ignore[valid-type]
        assert "secret" not in "".join(traceback.format_exception(told.value))
        assert told.value.message.endswith(f": {scanned.value.got}")
    with pytest.raises(ValueError, match="must be > 0") as own:
        Notification("jobs", '{"id": -1}', 7).load(Checked)
    assert own.value.__notes__ == [
        'while loading the payload of a notification on channel "jobs", at $'
    ]
    with pytest.raises(liteorm.ModelError, match="JSON cannot be decoded into"):
        Notification("jobs", "1", 7).load(Doubled)


def test_results_and_stats_are_values() -> None:
    """Frozen, equal by their fields."""
    assert Result(1, "INSERT") == Result(rows_affected=1, command="INSERT")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Result(1, "INSERT").command = "x"  # type: ignore[misc]
    assert PoolStats(size=1, in_use=0, idle=1, waiting=0).wait_seconds == 0


class Source:
    """Three rows, the last of which cannot be loaded."""

    names = ("id", "name")
    count = 3

    def __init__(self, *, broken: bool) -> None:
        self.broken = broken

    def loader(self, variants: Any) -> Any:
        """Return the loader."""
        assert variants is None

        def load(start: int, stop: int) -> list[tuple[Any, ...]]:
            if self.broken:
                raise OverflowError
            return [(n, "x") for n in range(start, stop)]

        return load

    def failure(self, start: int, stop: int, variants: Any, error: Exception) -> Exception:
        """Say which row."""
        return liteorm.DataError(f"rows {start} to {stop}")


def test_rows_are_tuples() -> None:
    """Columns, length, and iteration any number of times; a broken cell is named."""
    source: Any = Source(broken=False)
    rows = Rows(source)
    assert rows.columns == ("id", "name")
    assert list(rows) == list(rows) == [(0, "x"), (1, "x"), (2, "x")]
    assert repr(rows) == "<Rows: 3 of (id, name)>"
    broken: Any = Source(broken=True)
    with pytest.raises(liteorm.DataError, match="rows 0 to 3"):
        list(Rows(broken))
