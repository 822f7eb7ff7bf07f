"""The compiled executor gives what the generated code gives: the same objects, the same errors."""

from __future__ import annotations

import dataclasses
import datetime as dt
import gc
import struct
import weakref
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple, TypedDict
from uuid import UUID

import attrs
import msgspec
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.adapt import AdaptersMap

import liteorm
from liteorm import Interval, Rows, explain_plan, scan
from liteorm._core.models.classes import model_of
from liteorm._core.models.model import Table
from liteorm._core.scanning.scan import scanner_for
from liteorm._core.scanning.scanner import clear_scanners
from liteorm._core.scanning.types import BY_OID
from liteorm.postgres._types.encoders import Encoders
from liteorm.postgres._writing.copy import CopyData
from liteorm.postgres._writing.tables import TableColumn, Traits
from liteorm.postgres._writing.targets import SentColumn, Target
from tests.executors import described
from tests.postgres.made import made_rows

native = pytest.importorskip("liteorm_native", reason="liteorm-native is not built here")


class Word(str):
    """A subclass, which no fast way takes."""


INT2, INT4, INT8, TEXT, BYTEA, BOOL = 21, 23, 20, 25, 17, 16
FLOAT4, FLOAT8, NUMERIC, UUID_, INTERVAL = 700, 701, 1700, 2950, 1186
DATE, TIME, TIMESTAMP, TIMESTAMPTZ, JSONB = 1082, 1083, 1114, 1184, 3802


@pytest.fixture(autouse=True, scope="module")
def switched_on() -> Iterator[None]:
    """The executor is on here, also when the suite runs without it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("LITEORM_NATIVE", raising=False)
        clear_scanners()
        yield
    clear_scanners()


def outcome(make: Callable[[], Any]) -> Any:
    """Return what a call gives or raises, so that two can be compared."""
    try:
        return described(make())
    except liteorm.Error as error:
        parts = {name: getattr(error, name, None) for name in ("row", "column", "field", "got")}
        return type(error), str(error), parts, getattr(error, "__notes__", None)
    except Exception as error:
        return type(error), str(error), getattr(error, "__notes__", None)


def streamed(scanner: Any, source: Any) -> tuple[list[Any], Any]:
    """Read as a stream is read; return the objects that were given, and what came then."""
    given: list[Any] = []

    def read() -> None:
        for objects in scanner.several(source, 1000):
            given.extend(map(described, objects))

    return given, outcome(read)


def both(rows: Rows, model: Any) -> tuple[Any, Any]:
    """Scan with the compiled executor and without; return both outcomes."""
    scanner = scanner_for(model, rows._source.shape)  # type: ignore[attr-defined]
    assert scanner.executor is not None, scanner.declined
    source: Any = rows._source
    alone = attrs.evolve(scanner, executor=None)
    assert streamed(scanner, source) == streamed(alone, source)
    return outcome(lambda: scanner.objects(source)), outcome(lambda: alone.objects(source))


@attrs.define
class Slots:
    c0: int
    c1: str


@attrs.frozen
class Frozen:
    c0: int
    c1: str


@attrs.define(slots=False)
class WithDict:
    c0: int
    c1: str


@attrs.frozen(slots=False)
class FrozenWithDict:
    c0: int
    c1: str


@attrs.define(kw_only=True)
class KeywordOnly:
    c0: int
    c1: str


@attrs.define
class WithDefault:
    c0: int
    c1: str
    more: list[int] = attrs.Factory(list[int])


@attrs.define
class Converting:
    c0: int = attrs.field(converter=lambda value: value * 2)
    c1: str = attrs.field(validator=attrs.validators.min_len(1))


@attrs.define
class Computing:
    c0: int
    c1: str
    whole: str = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.whole = f"{self.c0}{self.c1}"


@attrs.define
class Below(Slots):
    pass


@dataclasses.dataclass
class Data:
    c0: int
    c1: str


@dataclasses.dataclass(frozen=True, slots=True)
class FrozenData:
    c0: int
    c1: str


@dataclasses.dataclass
class WatchedData:
    c0: int
    c1: str

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, [value])


class Named(NamedTuple):
    c0: int
    c1: str


class Typed(TypedDict):
    c0: int
    c1: str


@attrs.define
class ManyDefaults:
    c0: int
    a: int = 7
    c1: str = ""
    b: list[int] = attrs.Factory(list[int])
    _c: str = "hidden"


@attrs.define
class FromItself:
    c0: int
    c1: str
    both: str = attrs.field(default=attrs.Factory(lambda it: f"{it.c0}{it.c1}", takes_self=True))


@dataclasses.dataclass
class DataDefaults:
    c0: int
    c1: str
    a: tuple[int, ...] = (1, 2)
    b: dict[str, int] = dataclasses.field(default_factory=dict[str, int])


class NamedDefaults(NamedTuple):
    c0: int
    c1: str
    a: int = 7


class Plain(msgspec.Struct):
    c0: int
    c1: str


class FrozenStruct(msgspec.Struct, frozen=True, cache_hash=True, order=True):
    c0: int
    c1: str


class Uncollected(msgspec.Struct, gc=False):
    c0: int
    c1: str


class Referable(msgspec.Struct, weakref=True):
    c0: int
    c1: str


class StructWithDict(msgspec.Struct, dict=True):
    c0: int
    c1: str


class Renamed(msgspec.Struct, rename={"name": "c1"}, kw_only=True, tag=True):
    name: str
    c0: int


class BelowPlain(Plain):
    a: list[int] = []
    b: dict[str, int] = msgspec.field(default_factory=lambda: {"a": 1})
    c: int | None = None


class Checking(msgspec.Struct):
    c0: int
    c1: str

    def __post_init__(self) -> None:
        self.c1 = f"{self.c1}!"


CLASSES: list[Any] = [
    *(ManyDefaults, FromItself, DataDefaults, NamedDefaults, Plain, FrozenStruct, Uncollected),
    *(Referable, StructWithDict, Renamed, BelowPlain, Checking),
    *(Slots, Frozen, WithDict, FrozenWithDict, KeywordOnly, WithDefault, Converting, Computing),
    *(Below, Data, FrozenData, WatchedData, Named, Typed, dict[str, Any], tuple[int, str]),
]


@pytest.mark.parametrize("model", CLASSES, ids=lambda model: getattr(model, "__name__", str(model)))
def test_objects_of_every_kind_of_class_are_the_same(model: Any) -> None:
    """Slots, dicts, frozen or not, with hooks or without: no difference can be seen."""
    rows = made_rows((INT4, TEXT), [(struct.pack("!i", n), b"text") for n in range(300)])
    compiled, generated = both(rows, model)
    assert compiled == generated
    assert len(scan(rows, model)) == 300


@pytest.mark.parametrize("count", [20, 300])
@pytest.mark.parametrize("model", CLASSES, ids=lambda model: getattr(model, "__name__", str(model)))
def test_the_collector_knows_the_same_objects(model: Any, count: int) -> None:
    """However an object was made, what could be part of a cycle is known to the collector."""
    rows = made_rows((INT4, TEXT), [(struct.pack("!i", n), b"text") for n in range(count)])
    scanner = scanner_for(model, rows._source.shape)  # type: ignore[attr-defined]
    source: Any = rows._source
    made, alone = scanner.objects(source), attrs.evolve(scanner, executor=None).objects(source)
    assert gc.is_tracked(made)
    assert [gc.is_tracked(each) for each in made] == [gc.is_tracked(each) for each in alone]


@pytest.mark.parametrize("model", [Referable, Slots])
def test_what_becomes_a_cycle_later_is_collected(model: Any) -> None:
    """Objects that were made unknown to the collector go with the cycle that they are part of."""
    rows = made_rows((INT4, TEXT), [(struct.pack("!i", n), b"text") for n in range(300)])
    objects: list[Any] = scan(rows, model)
    gone: list[Any] = [weakref.ref(each) for each in objects]
    for at in range(len(objects)):
        objects[at].c0 = objects[at]
    objects.clear()
    assert all(ref() is not None for ref in gone)
    gc.collect()
    assert all(ref() is None for ref in gone)


def test_the_collector_comes_before_new_objects() -> None:
    """A round that a large result sets off does not walk what has just been made."""
    rows = made_rows((INT4, TEXT), [(struct.pack("!i", n), b"text") for n in range(3000)])
    scan(rows, Slots)
    seen: list[int] = []

    def watch(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            seen.append(sum(type(each) is Slots for each in gc.get_objects()))

    gc.collect()
    gc.callbacks.append(watch)
    try:
        made = scan(rows, Slots)
    finally:
        gc.callbacks.remove(watch)
    assert set(seen) == {0}
    assert sum(type(each) is Slots for each in gc.get_objects()) == len(made)


def test_a_plan_says_who_runs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """explain_plan names the executor, and the reason where it is not the compiled one."""
    rows = made_rows((INT4, TEXT), [])
    assert "run by the compiled executor" in explain_plan(rows, Slots)
    monkeypatch.setenv("LITEORM_NATIVE", "0")
    other = attrs.make_class("Other", {"c0": attrs.field(type=int), "c1": attrs.field(type=str)})
    assert "run by the code below: LITEORM_NATIVE is 0" in explain_plan(rows, other)


@pytest.mark.parametrize(
    "cells",
    [
        (None, b"text"),
        (b"\0\0\0", b"text"),
        (b"\0\0\0\1", b"\xff"),
        (b"\0\0\0\1", b""),
    ],
    ids=["NULL", "a short number", "no UTF-8", "what a validator refuses"],
)
def test_what_does_not_fit_is_told_as_ever(cells: tuple[bytes | None, ...]) -> None:
    """The sentence, the row and the column are those of the generated code."""
    rows = made_rows((INT4, TEXT), [(b"\0\0\0\1", b"a"), cells])
    compiled, generated = both(rows, Converting)
    assert compiled == generated


def packed(layout: str, *numbers: Any) -> bytes:
    """Return numbers as the server sends them."""
    return struct.pack(f"!{layout}", *numbers)


EDGES: dict[int, tuple[Any, list[bytes]]] = {
    INT2: (int, [packed("h", n) for n in (0, -1, -(2**15), 2**15 - 1)]),
    INT4: (int, [packed("i", n) for n in (0, -1, -(2**31), 2**31 - 1)]),
    INT8: (int, [packed("q", n) for n in (0, -1, -(2**63), 2**63 - 1)]),
    BOOL: (bool, [b"\0", b"\1", b"\2", b"\xff"]),
    FLOAT4: (float, [packed("f", n) for n in (0.5, -0.0, float("inf"), float("nan"))]),
    FLOAT8: (float, [packed("d", n) for n in (0.1, -0.0, 5e-324, float("-inf"), float("nan"))]),
    TEXT: (str, [b"", b"abc", "ünï😀".encode(), b"\xff", b"\xed\xa0\x80", b"\0"]),
    BYTEA: (bytes, [b"", b"\0\xff"]),
    DATE: (
        dt.date,
        [packed("i", n) for n in (0, -730119, -730120, 2921939, 2921940, 2**31 - 1, -(2**31), 59)],
    ),
    TIME: (dt.time, [packed("q", n) for n in (0, 86399999999, 86400000000, -1)]),
    TIMESTAMP: (
        dt.datetime,
        [
            packed("q", n)
            for n in (
                *(0, -1, 2**63 - 1, -(2**63), -63082281600000000, -63082281600000001),
                *(252455615999999999, 252455616000000000),
            )
        ],
    ),
    INTERVAL: (
        dt.timedelta,
        [
            packed("qii", *parts)
            for parts in (
                (0, 0, 0),
                (-1, 1, 0),
                (5, 6, 7),
                (2**63 - 1, 2**31 - 1, 0),
                (0, -(10**9), 0),
            )
        ],
    ),
    UUID_: (UUID, [bytes(16), bytes(range(16)), b"\xff" * 16]),
    NUMERIC: (
        Decimal,
        [
            packed(f"HhHH{len(digits)}H", len(digits), weight, sign, scale, *digits)
            for weight, sign, scale, digits in (
                *((0, 0, 0, ()), (5, 0, 2, ()), (0, 0xC000, 0, ()), (0, 0xD000, 0, ())),
                *(
                    (0, 0xF000, 0, ()),
                    (0, 0x4000, 0, ()),
                    (0, 0, 2, (1, 5000)),
                    (0, 0, 1, (1, 5500)),
                ),
                *(
                    (-1, 0x4000, 4, (5,)),
                    (-3, 0, 12, (1234,)),
                    (3, 0, 0, (1, 2)),
                    (0, 0, 0, (0, 1)),
                ),
                *((0, 0, 0, (9999,)), (0, 0, 0, (10000,)), (20, 0x4000, 30, (1, 0, 2))),
                *((-20000, 0, 16383, (1,)), (0, 0, 0xFFFF, (1,)), (1, 0x1234, 0, (1,))),
            )
        ],
    ),
    JSONB: (dict[str, int], [b'\1{"a":1}', b"\1null", b"\1[", b"", b"\1"]),
}
EDGES[TIMESTAMPTZ] = EDGES[TIMESTAMP]


@pytest.mark.parametrize("oid", EDGES)
def test_values_at_the_edges_are_read_the_same(oid: int) -> None:
    """Limits, infinities, and bytes that no server sends: one value, or one error."""
    annotation, values = EDGES[oid]
    for data in values:
        rows = made_rows((oid,), [(data,)])
        compiled, generated = both(rows, annotation)
        assert compiled == generated, data.hex()
        # A dict of columns whose absence a JSON column tells is left to the generated code.
        optional = dict[str, int | None] if oid == JSONB else annotation | None
        compiled, generated = both(made_rows((oid,), [(None,), (data,)]), optional)
        assert compiled == generated, data.hex()


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20))
@settings(max_examples=200, deadline=None)
def test_any_moment_is_the_same(microseconds: list[int]) -> None:
    """Days, months and leap years are counted as Python's datetime counts them."""
    wide = [packed("q", number) for number in microseconds]
    near = [
        packed("q", number % 315_537_897_600_000_000 - 63_082_281_600_000_000)
        for number in microseconds
    ]
    dates = [packed("i", number % 3_652_059 - 730_119) for number in microseconds]
    for oid, cells in ((TIMESTAMPTZ, near), (TIMESTAMP, wide), (DATE, dates)):
        compiled, generated = both(made_rows((oid,), [(cell,) for cell in cells]), EDGES[oid][0])
        assert compiled == generated


@pytest.mark.parametrize(
    "inside", ["é", "€", "😀", "\0", "\x7f", b"\x80", b"\xff", b"\xed\xa0\x80"]
)
def test_text_is_the_same_wherever_it_leaves_ascii(inside: str | bytes) -> None:
    """What is looked at eight bytes at a time is decoded as byte by byte, good text and bad."""
    spoiled = inside if isinstance(inside, bytes) else inside.encode()
    for length in (0, 1, 6, 7, 8, 9, 15, 16, 17):
        for at in range(length + 1):
            cell = b"a" * at + spoiled + b"b" * (length - at)
            compiled, generated = both(made_rows((TEXT,), [(cell,)]), str)
            assert compiled == generated


def test_an_interval_keeps_its_parts() -> None:
    """Liteorm's Interval is built as its constructor builds it."""
    rows = made_rows((INTERVAL,), [(packed("qii", -5, 6, -7),)])
    assert both(rows, Interval)[0] == both(rows, Interval)[1]
    assert scan(rows, Interval) == [Interval(-7, 6, -5)]


SCALARS = sorted(EDGES)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[int], list[list[bytes | None]], list[bool]]:
    """Draw columns, rows of good bytes, NULL and spoiled bytes, and which columns may be NULL."""
    oids = draw(st.lists(st.sampled_from(SCALARS), min_size=1, max_size=6))
    count = draw(st.integers(0, 8))
    spoiled = draw(st.booleans())

    def cell(oid: int) -> bytes | None:
        data = draw(st.sampled_from(EDGES[oid][1]) | st.none())
        # psycopg's own loaders of fixed width do not look at the length: it must not get less
        if spoiled and data and draw(st.integers(0, 5)) == 0:
            at = draw(st.integers(0, len(data) - 1))
            data = data[:at] + bytes([draw(st.integers(0, 255))]) + data[at + 1 :]
        return data

    rows = [[cell(oid) for oid in oids] for _ in range(count)]
    return oids, rows, [draw(st.booleans()) for _ in oids]


KINDS = ["attrs", "frozen", "dataclass", "tuple", "dict", "struct", "frozen struct", "namedtuple"]


@given(tables(), st.sampled_from(KINDS))
@settings(max_examples=500, deadline=None)
def test_any_rows_give_the_same_objects_or_the_same_error(
    table: tuple[list[int], list[list[bytes | None]], list[bool]], kind: str
) -> None:
    """Random plans over random rows, good and bad."""
    oids, cells, nullable = table
    hints: list[Any] = [
        EDGES[oid][0] | None if may else EDGES[oid][0]
        for oid, may in zip(oids, nullable, strict=True)
    ]
    model: Any
    names = [f"c{i}" for i in range(len(oids))]
    match kind:
        case "tuple":
            model = tuple[*hints]
        case "dict":
            make: Any = TypedDict
            model = make("D", dict(zip(names, hints, strict=True)))
        case "dataclass":
            model = dataclasses.make_dataclass("M", list(zip(names, hints, strict=True)))
        case "struct" | "frozen struct":
            fields = list(zip(names, hints, strict=True))
            model = msgspec.defstruct("M", fields, frozen=kind != "struct")
        case "namedtuple":
            make = NamedTuple
            model = make("M", list(zip(names, hints, strict=True)))
        case _:
            fields = {n: attrs.field(type=hint) for n, hint in zip(names, hints, strict=True)}
            model = attrs.make_class("M", fields, frozen=kind == "frozen", slots=True)
    compiled, generated = both(made_rows(oids, cells), model)
    assert compiled == generated


def leaf(value: Any, index: int = 0) -> Any:
    """Return the program of a part that may be NULL."""
    return ("leaf", index, value, True)


HOSTILE: dict[str, Any] = {
    "numbers": ("array", INT4, None, False, ("int4",), True),
    "of two dimensions": ("array", TEXT, (list, set), True, ("text", 0), False),
    "pair": ("array_tuple", INT4, 2, ("tuple", (leaf(("int4",)), leaf(("int4",), 1)), ())),
    "numeric": ("numeric", Decimal),
    "vector": ("vector", list),
    "composite": (
        "composite",
        (INT4, TEXT),
        ("tuple", (leaf(("int4",)), leaf(("text", 0), 1)), ()),
    ),
    "range": ("range", liteorm.Range, (liteorm.Range.empty, "()", "[)", "(]", "[]"), ("int4",)),
    "multirange": (
        "multirange",
        ("range", liteorm.Range, (liteorm.Range.empty, "()", "[)", "(]", "[]"), ("int4",)),
        liteorm.Multirange,
    ),
    "record": ("record", lambda oids: records[oids]),
}
_INNER = ("composite", (INT4, 2249), ("tuple", (leaf(("int4",)), leaf(HOSTILE["record"], 1)), ()))
records = {(INT4, 2249): native.Value(_INNER)}
GOOD = {
    "numbers": packed("iiIiiiiii", 1, 1, INT4, 2, 1, 4, 7, -1, 0)[:-4],
    "of two dimensions": packed("iiIiiiii", 2, 0, TEXT, 1, 1, 1, 1, 1) + b"a",
    "pair": packed("iiIiiiiii", 1, 0, INT4, 2, 1, 4, 7, 4, 8),
    "numeric": packed("HhHHHH", 2, 0, 0, 2, 1, 5000),
    "vector": packed("HHff", 2, 0, 1.5, 2.5),
    "composite": packed("iIiiIi", 2, INT4, 4, 7, TEXT, 1) + b"a",
    "range": packed("Biiii", 2, 4, 1, 4, 5),
    "multirange": packed("ii", 1, 17) + packed("Biiii", 2, 4, 1, 4, 5),
    "record": packed("iIiiIi", 2, INT4, 4, 7, 2249, -1),
}


def test_a_tuple_that_somebody_has_found_does_not_change() -> None:
    """Arguments are taken again, of which the collector knows: a tool may hold them."""
    value, good = native.Value(HOSTILE["numeric"]), GOOD["numeric"]
    value.read(good)
    # By identity: tuples of others hold what does not like to be compared.
    singles = [found for found in gc.get_objects() if type(found) is tuple and len(found) == 1]
    held = [found for found in singles if found[0] is None]
    assert value.read(good) == Decimal("1.50")
    # Others take theirs again, too: Python's zip does.
    assert not any(type(found[0]) is str and found[0] == "1.50" for found in held)


@pytest.mark.parametrize("kind", GOOD)
def test_good_bytes_of_nested_values_are_read(kind: str) -> None:
    """What the tests below spoil is good before."""
    assert native.Value(HOSTILE[kind]).read(GOOD[kind]) is not None


@pytest.mark.parametrize("kind", GOOD)
def test_a_value_cut_off_or_followed_by_more_is_declined(kind: str) -> None:
    """No length is taken on trust: neither more nor less than there is."""
    value, good = native.Value(HOSTILE[kind]), GOOD[kind]
    for data in (*(good[:n] for n in range(len(good))), good + b"\0"):
        with pytest.raises(ValueError, match="declined"):
            value.read(data)


@given(st.sampled_from(sorted(GOOD)), st.data())
@settings(max_examples=3000, deadline=None)
def test_hostile_bytes_are_read_or_declined(kind: str, data: st.DataObject) -> None:
    """Counts and lengths that lie, up to 2^31 elements, take neither memory nor time."""
    value, spoiled = native.Value(HOSTILE[kind]), bytearray(GOOD[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(spoiled) - 1))
        word = data.draw(
            st.sampled_from([b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x80\0\0\0", b"\0\0\0\0"])
            | st.binary(min_size=1, max_size=4)
        )
        spoiled[at : at + len(word)] = word[: len(spoiled) - at]
    try:
        value.read(bytes(spoiled))
    except (ValueError, KeyError):
        pass


def test_records_a_thousand_deep_are_declined() -> None:
    """Nesting that only the data tells has an end before the stack has."""
    data = packed("iIiiIi", 2, INT4, 4, 7, 2249, -1)
    for _ in range(1000):
        data = packed("iIiiIi", 2, INT4, 4, 7, 2249, len(data)) + data
    with pytest.raises(ValueError, match="declined"):
        native.Value(HOSTILE["record"]).read(data)


@pytest.mark.parametrize(
    "program",
    [
        *((), ("int5",), ("int4", 1), ("text", -1), ("array",), "int4", ("composite", (23,), ())),
        *(("composite", (INT4,), leaf(("int4",), 1)), ("numeric",), ("call", int, -1, False)),
        *(("interval", Interval, ()), ("uuid", UUID, ("int",), None), ("then", ("int4",))),
        ("composite", (), ("object", (), (), tuple, ())),
    ],
)
def test_a_malformed_program_is_refused(program: Any) -> None:
    """What is no program raises when it is made, and not when it runs."""
    with pytest.raises((ValueError, TypeError)):
        native.Value(program)


INSTANTS = st.datetimes() | st.datetimes(timezones=st.sampled_from([dt.UTC, dt.timezone.min]))
SENT: dict[int, Any] = {
    INT2: st.integers(-(2**15) - 2, 2**15 + 2),
    INT4: st.integers(-(2**31) - 2, 2**31 + 2) | st.booleans(),
    INT8: st.integers(-(2**63) - 2, 2**63 + 2),
    BOOL: st.booleans() | st.integers(0, 1),
    FLOAT4: st.floats() | st.integers(),
    FLOAT8: st.floats() | st.integers(),
    TEXT: st.text(st.characters(codec=None)) | st.sampled_from(["", "\0", Word("sub"), "\ud800"]),
    BYTEA: st.binary() | st.binary().map(bytearray),
    DATE: st.dates() | st.datetimes(),
    TIME: st.times() | st.times(timezones=st.just(dt.UTC)),
    TIMESTAMP: INSTANTS,
    TIMESTAMPTZ: INSTANTS,
    UUID_: st.uuids(),
    NUMERIC: st.decimals() | st.integers(),
    INTERVAL: st.timedeltas(),
    JSONB: st.dictionaries(st.text("ab"), st.integers(0, 9)),
}


@st.composite
def outgoing(draw: st.DrawFn) -> tuple[list[int], list[list[Any]]]:
    """Draw columns and the values for them, of which some do not fit."""
    oids = draw(st.lists(st.sampled_from(sorted(SENT)), min_size=1, max_size=5))
    strange = st.sampled_from([1, "x", None, object(), dt.date.min, b"", msgspec.UNSET])
    value = {oid: SENT[oid] if draw(st.booleans()) else SENT[oid] | strange for oid in oids}
    return oids, draw(st.lists(st.tuples(*(value[oid] for oid in oids)).map(list), max_size=5))


@given(outgoing(), st.sampled_from(["slots", "dict", "dataclass", "namedtuple", "keys"]))
@settings(max_examples=500, deadline=None)
def test_any_objects_are_encoded_the_same(
    drawn: tuple[list[int], list[list[Any]]], kind: str
) -> None:
    """The bytes of a COPY, or the error that names the value, are those of the Python code."""
    oids, rows = drawn
    names = [f"c{i}" for i in range(len(oids))]
    make = makers(kind, names)
    model = model_of(make)
    adapters = AdaptersMap(psycopg.adapters)
    encoders = Encoders(adapters)
    columns = tuple(
        SentColumn(field, TableColumn(field.column, oid, BY_OID[oid].name, "", "", True), encoder)
        for field, oid in zip(model.fields, oids, strict=True)
        for encoder in [encoders.for_type(BY_OID[oid])]
    )
    target = Target(model, Table(None, "t"), columns, (), Traits())
    objects = [make(**dict(zip(names, row, strict=True))) for row in rows]
    assert target.compiled is not None

    def encoded(*, compiled: bool) -> bytes:
        data = CopyData(target, adapters)
        if not compiled:
            data._compiled = None
        data.add(objects)
        return bytes(data.last())

    assert outcome(lambda: encoded(compiled=True)) == outcome(lambda: encoded(compiled=False))


def makers(kind: str, names: list[str]) -> Any:
    """Return a class with these fields, of any type."""
    match kind:
        case "slots" | "dict":
            return attrs.make_class(
                "M", {n: attrs.field(type=Any) for n in names}, slots=kind == "slots"
            )
        case "dataclass":
            return dataclasses.make_dataclass("M", [(n, Any) for n in names])
        case "namedtuple":
            make: Any = NamedTuple
            return make("M", [(n, Any) for n in names])
        case _:
            make = TypedDict
            return make("M", dict.fromkeys(names, Any))
