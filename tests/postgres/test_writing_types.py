"""What goes in by any writing call comes out equal, for every type of the table."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import liteorm
from liteorm import Column, Interval, Multirange, Range, postgres, scan
from liteorm_testing import Server, database
from tests.postgres.type_cases import CASES, Case

EXTENSION_NAMES = ["citext", "hstore", "ltree", "vector"]
# Arrays have no arrays of their own.
NO_ARRAY = ("[]", "oidvector", "int2vector")

Write = Callable[[postgres.DB, list[Any]], None]


@pytest.fixture(scope="module")
def db(liteorm_server: Server) -> Iterator[postgres.DB]:
    """One database for the module, with the extensions that its server has files for."""
    with database(liteorm_server) as made, postgres.open(made.dsn) as db:
        for name in available(db):
            db.execute(liteorm.sql("CREATE EXTENSION {}", liteorm.Ident(name)))
        db.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
        db.execute("CREATE TYPE place AS (street text, number int)")
        db.execute("CREATE DOMAIN positive AS int CHECK (VALUE > 0)")
        yield db


@pytest.fixture(scope="module")
def extensions(db: postgres.DB) -> set[str]:
    """The extensions in the database."""
    return available(db)


def available(db: postgres.DB) -> set[str]:
    """Return the extensions which the server has files for."""
    names = scan(db.query("SELECT name::text FROM pg_available_extensions"), str)
    return set(names) & set(EXTENSION_NAMES)


def run(db: postgres.DB, text: Any) -> None:
    """Run DDL whose text is put together by the test."""
    db.execute(text)


def by_insert(db: postgres.DB, objs: list[Any]) -> None:
    """Write one by one; each comes back as it went in."""
    assert [db.insert(obj) for obj in objs] == objs


def by_update(db: postgres.DB, objs: list[Any]) -> None:
    """Insert without values, then update."""
    bare = [{"id": obj.id} for obj in objs]
    db.insert_many(bare, table="stored")
    assert [db.update(obj) for obj in objs] == objs


def by_upsert(db: postgres.DB, objs: list[Any]) -> None:
    """Upsert twice: the row is inserted, then updated."""
    assert [db.upsert(obj) for obj in objs] == objs
    assert [db.upsert(obj) for obj in objs] == objs


def by_insert_many(db: postgres.DB, objs: list[Any]) -> None:
    """Write by COPY."""
    assert db.insert_many(objs) == len(objs)


def by_upsert_many(db: postgres.DB, objs: list[Any]) -> None:
    """Write by COPY into a temporary table, half of the rows being there already."""
    db.insert_many([{"id": obj.id} for obj in objs[::2]], table="stored")
    assert db.upsert_many(objs) == len(objs)


def by_insert_returning(db: postgres.DB, objs: list[Any]) -> None:
    """Write by arrays."""
    assert db.insert_returning(objs) == objs


WRITES = [by_insert, by_update, by_upsert, by_insert_many, by_upsert_many, by_insert_returning]


def model_with(annotation: Any, *, lists: bool) -> Any:
    """Return a class for the table `stored`."""
    fields = {"id": attrs.field(type=int), "value": attrs.field(type=annotation)}
    if lists:
        fields["many"] = attrs.field(type=list[annotation] | None)
    return liteorm.table("stored", key="id")(attrs.make_class("Stored", fields))


def needs(case: Case, extensions: set[str]) -> None:
    """Pass over a type whose extension the server does not come with."""
    owner = {"lquery": "ltree"}.get(case.type, case.type)
    if owner in EXTENSION_NAMES and owner not in extensions:
        pytest.skip(f"this server has no {owner}")


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.__name__)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_value_comes_back_equal(
    db: postgres.DB, extensions: set[str], case: Case, write: Write
) -> None:
    """A value, NULL, and lists of both are stored as they are by each of the calls."""
    needs(case, extensions)
    lists = not case.type.endswith(NO_ARRAY)
    many = f", many {case.type}[]" if lists else ""
    run(db, f"DROP TABLE IF EXISTS stored; CREATE TABLE stored (id int PRIMARY KEY, "
            f"value {case.type}{many})")  # fmt: skip
    annotation: Any = case.annotation if case.annotation is Any else case.annotation | None
    model = model_with(annotation, lists=lists)
    rows = [model(1, case.value, *([[case.value, None]] * lists)), model(2, None, *([[]] * lists))]
    rows.append(model(3, case.value, *([None] * lists)))
    write(db, rows)
    assert scan(db.query("SELECT * FROM stored ORDER BY id"), model) == rows


@pytest.mark.parametrize("write", [by_insert_many, by_upsert_many], ids=["copy", "upsert"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_type_without_binary_form_takes_the_others_with_it(
    db: postgres.DB, extensions: set[str], case: Case, write: Write
) -> None:
    """Beside a column whose type has no binary form here, every type is stored all the same."""
    needs(case, extensions)
    lists = not case.type.endswith(NO_ARRAY)
    many = f", many {case.type}[]" if lists else ""
    run(db, "DROP TABLE IF EXISTS stored; CREATE TABLE stored (id int PRIMARY KEY, words tsvector, "
            f"value {case.type}{many})")  # fmt: skip
    annotation: Any = case.annotation if case.annotation is Any else case.annotation | None
    fields = {
        "id": attrs.field(type=int),
        "words": attrs.field(type=str),
        "value": attrs.field(type=annotation),
    }
    if lists:
        fields["many"] = attrs.field(type=list[annotation] | None)
    model: Any = liteorm.table("stored", key="id")(attrs.make_class("Stored", fields))
    rows = [
        model(1, "'it''s' 'x'", case.value, *([[case.value, None]] * lists)),
        model(2, "", None, *([None] * lists)),
    ]
    write(db, rows)
    assert scan(db.query("SELECT * FROM stored ORDER BY id"), model) == rows


class Mood(enum.Enum):
    """Members by value."""

    SAD = "sad"
    OK = "ok"


class Size(enum.IntEnum):
    """Members that are ints."""

    S = 1
    L = 2**31


class Name(enum.Enum):
    """Members whose values no column could hold: stored by name."""

    sad = (1, 2)
    ok = (3, 4)


@attrs.frozen
class Place:
    """A composite."""

    street: str | None
    number: int | None


@attrs.frozen
class Details:
    """A document."""

    tags: list[str]
    at: dt.datetime
    place: Place | None = None


class Doubled:
    """A codec."""

    def decode(self, value: Any) -> Any:
        """Halve."""
        return value // 2

    def encode(self, value: Any) -> Any:
        """Double."""
        return value * 2


MIXED = """
DROP TABLE IF EXISTS mixed;
CREATE TABLE mixed (
    id int PRIMARY KEY, big int8, small int2, number numeric, amount float8, single float4,
    word text, flag bool, raw bytea, day date, moment timestamptz, local timestamp, clock time,
    span interval, long interval, uid uuid, mood mood, moods mood[], named mood, size int8,
    place place, places place[], doc jsonb, plain json, span4 int4range, spans nummultirange,
    texts text[], matrix int4[], positive positive, positives positive[], doubled int
)
"""


@liteorm.table("mixed", key="id")
@attrs.frozen
class Mixed:
    """A row of everything."""

    id: int
    big: int | None
    small: int | None
    number: Decimal | None
    amount: float | None
    single: float | None
    word: str | None
    flag: bool | None
    raw: bytes | None
    day: dt.date | None
    moment: dt.datetime | None
    local: dt.datetime | None
    clock: dt.time | None
    span: dt.timedelta | None
    long: Interval | None
    uid: UUID | None
    mood: Mood | None
    moods: list[Mood | None] | None
    named: Name | None
    size: Size | None
    place: Place | None
    places: list[Place | None] | None
    doc: Details | None
    plain: dict[str, Any] | None
    span4: Range[int] | None
    spans: Multirange[Decimal] | None
    texts: list[str | None] | None
    matrix: list[list[int]] | None
    positive: int | None
    positives: list[int] | None
    doubled: Annotated[int | None, Column(codec=Doubled())]


def ints(bits: int) -> st.SearchStrategy[int]:
    """Integers of a width."""
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=True, places=None).filter(
    lambda d: not d.is_finite() or abs(d.adjusted()) < 1000
)
MOMENTS = st.datetimes(timezones=st.just(dt.UTC))
PLACES = st.builds(Place, st.none() | TEXT, st.none() | ints(32)).filter(
    # Where every optional part is NULL, PostgreSQL's IS NULL and the mapper's rule see no object.
    lambda place: place.street is not None or place.number is not None
)


@st.composite
def ranges(draw: Any, values: st.SearchStrategy[Any], bounds: list[str]) -> Range[Any]:
    """Ranges in the form in which PostgreSQL stores them."""
    lower, upper = draw(st.none() | values), draw(st.none() | values)
    if lower is not None and upper is not None and upper < lower:
        lower, upper = upper, lower
    return Range(lower, upper, draw(st.sampled_from(bounds)))


FINITE = st.decimals(-1000, 1000, allow_nan=False, places=3)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "big": ints(64),
    "small": ints(16),
    "number": DECIMALS,
    "amount": st.floats(allow_nan=False),
    "single": st.floats(width=32, allow_nan=False),
    "word": TEXT,
    "flag": st.booleans(),
    "raw": st.binary(max_size=20),
    "day": st.dates(),
    "moment": MOMENTS,
    "local": st.datetimes(),
    "clock": st.times(),
    "span": st.timedeltas(dt.timedelta(-100_000), dt.timedelta(100_000)),
    "long": st.builds(Interval, ints(31), ints(31), ints(63)),
    "uid": st.uuids(),
    "mood": st.sampled_from(Mood),
    "moods": st.lists(st.none() | st.sampled_from(Mood), max_size=3),
    "named": st.sampled_from(Name),
    "size": st.sampled_from(Size),
    "place": PLACES,
    "places": st.lists(st.none() | PLACES, max_size=3),
    "doc": st.builds(Details, st.lists(TEXT, max_size=2), MOMENTS, st.none() | PLACES),
    "plain": st.dictionaries(TEXT, st.none() | ints(54) | TEXT | st.booleans(), max_size=3),
    "span4": ranges(ints(32).filter(lambda n: n < 2**31 - 1), ["[)"]),
    "spans": st.lists(ranges(FINITE, ["[)", "[]", "(]", "()"]), max_size=4).map(Multirange),
    "texts": st.lists(st.none() | TEXT, max_size=4),
    "matrix": st.lists(st.lists(ints(32), min_size=2, max_size=2), max_size=3),
    "positive": st.integers(1, 2**31 - 1),
    "positives": st.lists(st.integers(1, 2**31 - 1), max_size=3),
    "doubled": ints(30),
}
ROWS = st.lists(
    st.fixed_dictionaries({name: st.none() | values for name, values in VALUES.items()}),
    min_size=1,
    max_size=4,
).map(lambda rows: [Mixed(id=place, **row) for place, row in enumerate(rows)])


@pytest.fixture(scope="module")
def mixed(db: postgres.DB) -> postgres.DB:
    """The database with the table of everything."""
    db.execute(MIXED)
    return db


@pytest.mark.parametrize(
    "write", [w for w in WRITES if w is not by_update], ids=lambda write: write.__name__
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=ROWS)
def test_rows_of_everything_come_back_equal(
    mixed: postgres.DB, write: Write, rows: list[Mixed]
) -> None:
    """Any rows of any values that the types can hold come back as the same objects."""
    mixed.execute("DELETE FROM mixed")
    if write is by_upsert_many:
        assert mixed.upsert_many(rows) == len(rows)
    else:
        write(mixed, rows)
    assert scan(mixed.query("SELECT * FROM mixed ORDER BY id"), Mixed) == rows
