# Generated from tests/postgres/_async/test_values_as_given.py by .ci/unasync.py: edit that file, not this one.
"""No value that an object has is dropped or changed on its way into a column."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Generic, TypeVar

import attrs
import pytest

import liteorm
from liteorm import Column
from liteorm.postgres import DB

T = TypeVar("T")


@liteorm.table("kept", key="id")
@attrs.define
class Computed:
    """A field that the constructor does not take."""

    id: int
    n: int = attrs.field(init=False, default=5)


@liteorm.table("kept", key="id")
@dataclasses.dataclass
class ComputedData:
    """The same of a dataclass."""

    id: int
    n: int = dataclasses.field(init=False, default=5)


@liteorm.table("kept", key="id")
@attrs.define(init=False)
class OwnInit:
    """A constructor of one's own that does not take it."""

    id: int
    n: int = 5

    def __init__(self, id: int) -> None:
        self.id = id
        self.n = 5


@liteorm.table("kept", key="id")
@attrs.define
class Filled:
    """It is left to the database, and another one has no column."""

    id: int
    other: int = attrs.field(init=False, default=5)
    n: Annotated[int, Column(generated=True)] = attrs.field(init=False, default=5)


WHOLE: dict[str, Callable[[DB, Any], Awaitable[Any]]] = {
    "insert": lambda db, obj: db.insert(obj),
    "upsert": lambda db, obj: db.upsert(obj),
    "insert_returning": lambda db, obj: db.insert_returning([obj]),
    "insert_many": lambda db, obj: db.insert_many([obj]),
    "upsert_many": lambda db, obj: db.upsert_many([obj]),
}


@pytest.fixture
def db(liteorm_db: DB) -> DB:
    """A table."""
    liteorm_db.execute("CREATE TABLE kept (id int PRIMARY KEY, n int)")
    return liteorm_db


@pytest.mark.parametrize("model", [Computed, ComputedData, OwnInit])
def test_a_field_that_would_be_dropped_is_refused(db: DB, model: Any) -> None:
    """A field that the constructor does not take, but that has a column, is named by each call."""
    for name, call in WHOLE.items():
        with pytest.raises(
            liteorm.ModelError, match=r"n is not taken by the constructor"
        ) as caught:
            call(db, model(1))
        assert caught.value.field == "n", name
    assert len(db.query("SELECT FROM kept")) == 0
    # Who names the columns says what is to be left out.
    assert db.insert_many([model(1)], columns="id") == 1
    assert (db.get(model, 1)).id == 1
    assert db.delete(model(1))


def test_what_the_database_fills_may_be_left_out_by_the_constructor(db: DB) -> None:
    """So may what has no column."""
    for name, call in WHOLE.items():
        db.execute("DELETE FROM kept")
        call(db, Filled(1))
        assert liteorm.scan(db.query("SELECT id, n FROM kept"), dict) == [
            {"id": 1, "n": None}
        ], name


@liteorm.table("generic", key="id")
@attrs.define
class Slotted(Generic[T]):
    """A generic class whose objects do not know its arguments."""

    id: int
    v: T | None = None


@liteorm.table("generic", key="id")
@dataclasses.dataclass
class Knowing(Generic[T]):
    """One whose objects do."""

    id: int
    v: T | None = None


@attrs.define
class Inside(Generic[T]):
    """One with a column name, in JSON."""

    a: Annotated[T, Column(name="AA")]
    left: str | liteorm.Unset = liteorm.UNSET


@attrs.define
class Body:
    """A field that is left out."""

    a: int
    b: str | liteorm.Unset = liteorm.UNSET


class Level(enum.Enum):
    """Members by number."""

    LOW = 1


@pytest.mark.parametrize("model", [Slotted, Knowing])
def test_a_generic_class_is_written_as_it_is_read(db: DB, model: Any) -> None:
    """With its arguments, as objects, as `table=` and `returning=`, by every call."""
    db.execute("CREATE TABLE generic (id int PRIMARY KEY, v int)")
    obj = model[int]
    assert db.insert(obj(1, 5)) == db.get(obj, 1) == model(1, 5)
    assert db.insert(model(2, 5), returning=obj) == model(2, 5)
    assert db.insert({"id": 3, "v": 5}, table=obj, returning=obj) == model(3, 5)
    assert db.update(obj(1, 6)) == model(1, 6)
    assert db.upsert(obj(1, 7)) == model(1, 7)
    assert db.upsert(obj(1, 8), update=()) == model(1, 7)
    assert db.patch(obj, 1, {"v": 9}) == model(1, 9)
    assert db.insert_returning([obj(4, 1), obj(5, 2)]) == [model(4, 1), model(5, 2)]
    assert db.insert_many([obj(6, 1)]) == db.insert_many([model(7, 1)], table=obj) == 1
    assert db.upsert_many([obj(6, 2)]) == db.update_many([obj(6, 3)]) == 1
    assert db.delete_many(obj, [6]) == 1
    assert db.delete(obj(7))
    level = model[Level]
    if model is Knowing:
        assert db.insert(level(8, Level.LOW)) == model(8, Level.LOW)
    else:
        with pytest.raises(liteorm.ModelError, match=r"returning=Slotted\[…\]"):
            db.insert(level(8, Level.LOW))
        with pytest.raises(liteorm.ModelError, match=r"returning=Slotted\[…\]"):
            db.insert_returning([level(8, None), level(9, Level.LOW)])
        assert db.insert(level(8, Level.LOW), returning=level) == model(8, Level.LOW)


def test_json_leaves_out_what_is_unset(db: DB) -> None:
    """UNSET inside JSON is left out; a generic class in it keeps its column names."""

    @liteorm.table("bodies", key="id")
    @attrs.define
    class Holder:
        id: int
        one: Body | None = None
        many: list[Inside[int]] | None = None

    db.execute("CREATE TABLE bodies (id int PRIMARY KEY, one jsonb, many jsonb)")
    obj = Holder(1, Body(1), [Inside(2)])
    assert db.insert(obj) == obj
    db.insert_many([attrs.evolve(obj, id=2)])
    db.execute("INSERT INTO bodies VALUES (3, %s, %s)", [Body(1), liteorm.Json([Inside(2)])])
    stored = db.query("SELECT one::text, many::text FROM bodies")
    assert set(stored) == {('{"a": 1}', '[{"AA": 2}]')}
    assert db.get(Holder, 3) == attrs.evolve(obj, id=3)


class Shout:
    """A codec that shows where it acted."""

    def decode(self, value: str) -> str:
        """Take the mark away."""
        return value.removesuffix("!")

    def encode(self, value: str) -> str:
        """Add a mark."""
        return value + "!"


LOUD = Annotated[str, Column(codec=Shout())]


@liteorm.table("heard", key="id")
@attrs.define
class Heard:
    """Codecs inside containers, and arrays of a domain over arrays."""

    id: int
    words: list[LOUD | None]
    sets: list[list[int]]


@liteorm.table("heard", key="id")
@attrs.define
class InJson:
    """A codec where JSON does not reach it."""

    id: int
    body: list[LOUD]


def test_a_codec_inside_a_container_acts_in_both_directions(db: DB) -> None:
    """Each call that writes encodes the elements that reading decodes; NULL passes both."""
    db.execute("""
        CREATE DOMAIN ints AS int[];
        CREATE TABLE heard (id int PRIMARY KEY, words text[], sets ints[], body jsonb)
    """)
    # The elements of an array of a domain over arrays may be of any lengths.
    obj = Heard(1, ["a", None], [[1], [], [2, 3]])
    writes: list[Callable[[], Awaitable[Any]]] = [
        lambda: db.insert(obj),
        lambda: db.update(obj),
        lambda: db.upsert(obj),
        lambda: db.patch(Heard, 1, {"words": obj.words}),
        lambda: db.update_many([obj]),
        lambda: db.upsert_many([obj]),
        lambda: db.insert_many([attrs.evolve(obj, id=2)]),
        lambda: db.insert_returning([attrs.evolve(obj, id=3), attrs.evolve(obj, id=4)]),
    ]
    for write in writes:
        write()
        assert set(db.query("SELECT words::text, sets::text FROM heard")) == {
            ("{a!,NULL}", '{"{1}","{}","{2,3}"}')
        }
        assert db.get(Heard, 1) == obj
    assert (db.get(Heard, 4)).words == ["a", None]


def test_a_codec_that_json_does_not_reach_is_refused(db: DB) -> None:
    """By writing and by reading, before anything is stored."""
    db.execute("CREATE TABLE heard (id int PRIMARY KEY, words text[], body jsonb)")
    writes: list[Callable[[], Awaitable[Any]]] = [
        lambda: db.insert(InJson(1, ["a"])),
        lambda: db.insert_many([InJson(1, ["a"])]),
        lambda: db.execute("SELECT %s::jsonb", [InJson(1, ["a"])]),
    ]
    for write in writes:
        with pytest.raises(liteorm.Error, match="is not reached in JSON"):
            write()
    rows = db.query("""SELECT 1 AS id, '["a"]'::jsonb AS body""")
    with pytest.raises(liteorm.ModelError, match="is not reached in JSON"):
        liteorm.scan(rows, InJson)


def test_a_member_for_a_type_of_its_names_is_refused_with_the_remedy(db: DB) -> None:
    """A bare parameter is sent by its value; the refusal says what to send instead."""
    db.execute("CREATE TYPE lvl AS ENUM ('LOW'); CREATE TABLE leveled (l lvl, ls lvl[])")
    for sql, params in (
        ("INSERT INTO leveled (l) VALUES (%s)", [Level.LOW]),
        ("INSERT INTO leveled (ls) VALUES (%s)", [[Level.LOW]]),
        ("SELECT l FROM leveled WHERE l = %s", [Level.LOW]),
    ):
        with pytest.raises(liteorm.StatementError, match=r"send \.name"):
            db.execute(sql, params)
    assert len(db.query("SELECT FROM leveled")) == 0


def test_a_member_whose_value_is_no_label_is_refused_with_the_remedy(db: DB) -> None:
    """The same where the value is a text: it could have been meant as the label."""
    titled: Any = enum.Enum("Titled", {"LOW": "Low"})
    db.execute("CREATE TYPE lvl AS ENUM ('LOW'); CREATE TABLE leveled (l lvl, ls lvl[])")
    for sql, params in (
        ("INSERT INTO leveled (l) VALUES (%s)", [titled.LOW]),
        ("INSERT INTO leveled (ls) VALUES (%s)", [[titled.LOW]]),
        ("SELECT l FROM leveled WHERE l = %(l)s", {"l": titled.LOW}),
    ):
        with pytest.raises(liteorm.DataError, match=r"send \.name"):
            db.execute(sql, params)
    with pytest.raises(liteorm.DataError) as caught:
        db.execute("INSERT INTO leveled (l) VALUES (%s)", ["Low"])
    assert caught.value.hint is None
    assert len(db.query("SELECT FROM leveled")) == 0
