# Generated from tests/postgres/_async/test_insert_many.py by .ci/unasync.py: edit that file, not this one.
"""insert_many: COPY of any iterable, all rows or none, and which object was at fault."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from time import sleep
from typing import Annotated, Any, NamedTuple, TypedDict

import attrs
import pytest

import liteorm
from liteorm import Column
from liteorm.postgres import DB, Tx
from liteorm.postgres._writing.copy import Objection


SCHEMA = """
CREATE TABLE item (
    id int PRIMARY KEY, name text NOT NULL, price numeric CHECK (price >= 0), at timestamptz
)
"""


@liteorm.table("item", key="id")
@attrs.frozen
class Item:
    """What is loaded."""

    id: int
    name: str | None = "x"
    price: Decimal | None = None
    at: dt.datetime | None = None


class ItemTuple(NamedTuple):
    """The same as a NamedTuple."""

    id: int
    name: str = "x"


class ItemDict(TypedDict):
    """The same as a TypedDict."""

    id: int
    name: str


@pytest.fixture
def db(liteorm_db: DB) -> DB:
    """A database with the table."""
    liteorm_db.execute(SCHEMA)
    return liteorm_db


def ids(session: DB | Tx) -> list[int]:
    """Return what is stored."""
    return liteorm.scan(session.query("SELECT id FROM item ORDER BY id"), int)


def items(count: int) -> Iterator[Item]:
    """Make objects one by one."""
    for number in range(count):
        yield Item(number)


def items_in_time(count: int) -> Iterator[Item]:
    """Make objects one by one, asynchronously."""
    for number in range(count):
        yield Item(number)


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 1000])
def test_any_iterable(db: DB, count: int) -> None:
    """Lists, generators and asynchronous generators of any length, all of it stored."""
    for objs in (list(items(count)), items(count), items_in_time(count), tuple(items(count))):
        assert db.insert_many(objs) == count
        assert ids(db) == list(range(count))
        db.execute("TRUNCATE item")


@pytest.mark.parametrize(
    "objs",
    [
        [ItemTuple(1, "a"), ItemTuple(2, "b")],
        [ItemDict(id=1, name="a"), ItemDict(id=2, name="b")],
        [{"name": "a", "id": 1}, {"id": 2, "name": "b"}],
    ],
    ids=["NamedTuple", "TypedDict", "dict"],
)
def test_other_kinds_of_rows(db: DB, objs: list[Any]) -> None:
    """NamedTuples, TypedDicts and plain dicts are rows too; the keys are the columns."""
    assert db.insert_many(objs, table="item") == 2
    rows = db.query("SELECT id, name FROM item ORDER BY id")
    assert list(rows) == [(1, "a"), (2, "b")]


def test_objects_are_taken_as_they_are_sent(db: DB) -> None:
    """No more objects are taken than about one buffer's worth ahead of the server."""
    taken = 0
    seen: list[tuple[int, int]] = []

    def big() -> Iterator[Item]:
        nonlocal taken
        for taken in range(1, 301):
            yield Item(taken, "x" * 100_000)

    def progress(rows: int) -> None:
        seen.append((rows, taken))

    assert db.insert_many(big(), progress=progress) == 300
    assert seen[-1] == (300, 300)
    assert all(ahead - rows <= 16 for rows, ahead in seen)


def test_progress_is_told_seldom(db: DB) -> None:
    """Progress grows, ends with the number of rows, and is not told for every row."""
    seen: list[int] = []
    assert db.insert_many(items(50_000), progress=seen.append) == 50_000
    assert seen == sorted(seen)
    assert seen[-1] == 50_000
    assert len(seen) < 500


def test_a_subset_of_columns(db: DB) -> None:
    """Only the fields asked for are sent; the table's defaults fill the rest."""
    db.execute("ALTER TABLE item ALTER name SET DEFAULT 'default'")
    assert db.insert_many([Item(1, "given")], columns=["id"]) == 1
    assert db.insert_many([Item(2, "given")], columns=("id", "name")) == 1
    assert list(db.query("SELECT id, name FROM item ORDER BY id")) == [
        (1, "default"),
        (2, "given"),
    ]
    with pytest.raises(liteorm.ModelError, match="did you mean 'name'"):
        db.insert_many([Item(3)], columns=["id", "nmae"])


def test_generated_columns_are_not_sent(db: DB) -> None:
    """What the database fills is left to it."""
    db.execute(
        "CREATE TABLE made (id int GENERATED ALWAYS AS IDENTITY, n int, "
        "twice int GENERATED ALWAYS AS (n * 2) STORED)"
    )

    @liteorm.table("made")
    @attrs.define
    class Made:
        n: int
        id: Annotated[int | None, Column(generated=True)] = None
        twice: Annotated[int | None, Column(generated=True)] = None

    assert db.insert_many([Made(1), Made(2)]) == 2
    rows = liteorm.scan(db.query("SELECT * FROM made ORDER BY id"), Made)
    assert rows == [Made(1, 1, 2), Made(2, 2, 4)]
    with pytest.raises(liteorm.ModelError, match="generated, it is never sent"):
        db.insert_many([Made(1)], columns="id")


def test_kinds_of_tables(db: DB) -> None:
    """Partitioned, temporary and child tables take rows, and a view that takes them at all."""
    db.execute("""
        CREATE TABLE parted (id int, name text) PARTITION BY RANGE (id);
        CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
        CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20);
        CREATE TABLE child (id int REFERENCES item);
        CREATE VIEW seen AS SELECT id, name FROM item;
        CREATE VIEW counted AS SELECT count(*)::int AS id, '' AS name FROM item;
    """)
    rows = [{"id": number, "name": "x"} for number in range(20)]
    assert db.insert_many(rows, table="parted") == 20
    assert list(db.query("SELECT count(*) FROM parted_2")) == [(10,)]
    with db.transaction() as tx:
        tx.execute("CREATE TEMPORARY TABLE passing (id int, name text) ON COMMIT DROP")
        assert tx.insert_many(rows, table="passing") == 20
    with pytest.raises(liteorm.ForeignKeyViolation) as caught:
        db.insert_many([{"id": 1}], table="child")
    assert (caught.value.table, caught.value.constraint) == ("child", "child_id_fkey")
    assert db.insert_many(rows, table="seen") == 20
    with pytest.raises(liteorm.Error, match="view"):
        db.insert_many(rows, table="counted")
    with pytest.raises(liteorm.UndefinedTable, match=r'"nowhere\.item"'):
        db.insert_many(rows, table="nowhere.item")
    with pytest.raises(liteorm.ModelError, match="2 dots"):
        db.insert_many(rows, table="a.b.c")


def test_triggers_fire(db: DB) -> None:
    """Row-level triggers see each row, also those that talk."""
    db.execute("""
        CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE NOTICE 'row'; NEW.name := upper(NEW.name); RETURN NEW; END $$;
        CREATE TRIGGER shout BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION shout();
    """)
    assert db.insert_many(items(5000)) == 5000
    assert list(db.query("SELECT DISTINCT name FROM item")) == [("X",)]


def test_suppressed_rows_are_not_counted(db: DB) -> None:
    """A trigger may drop rows; the result is the number of those that were stored."""
    db.execute("""
        CREATE FUNCTION drop_it() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN IF NEW.id % 3 = 0 THEN RETURN NULL; END IF; RETURN NEW; END $$;
        CREATE TRIGGER drop_it BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION drop_it();
    """)
    assert db.insert_many(Item(n) for n in range(300)) == 200
    assert len(ids(db)) == 200


def test_atomic_outside_and_part_of_a_transaction(db: DB) -> None:
    """Outside a transaction all rows or none; inside, they go with it."""
    with pytest.raises(liteorm.UniqueViolation):
        db.insert_many([Item(1), Item(2), Item(1)])
    assert ids(db) == []
    with pytest.raises(KeyError):
        with db.transaction() as tx:
            assert tx.insert_many(items(100)) == 100
            assert len(ids(tx)) == 100
            raise KeyError
    assert ids(db) == []


@pytest.mark.parametrize("at", [0, 5, 16, 700, 30_000])
def test_an_error_of_the_iterable_comes_through(db: DB, at: int) -> None:
    """What the iterable raises arrives as it is; nothing is stored, the connection goes on."""

    def broken() -> Iterator[Item]:
        yield from items(at)
        raise RuntimeError("mine")

    def broken_in_time() -> Iterator[Item]:
        for item in items(at):
            yield item
        raise RuntimeError("mine")

    for objs in (broken(), broken_in_time()):
        with pytest.raises(RuntimeError, match="mine"):
            db.insert_many(objs)
    assert ids(db) == []
    assert db.insert_many(items(2)) == 2
    assert db.stats().connects == 1


def test_an_error_of_progress_comes_through(db: DB) -> None:
    """A callable that raises ends the load."""

    def progress(rows: int) -> None:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        db.insert_many((Item(n, "x" * 1000) for n in range(300_000)), progress=progress)
    assert ids(db) == []


def test_an_error_of_the_last_progress_stores_nothing(db: DB) -> None:
    """A callable that raises when all rows were sent ends the load too: all rows or none."""

    def progress(rows: int) -> None:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        db.insert_many(items(3), progress=progress)
    assert ids(db) == []
    assert db.insert_many(items(3)) == 3
    assert db.stats().connects == 1


def bad_at(place: int, count: int, /, **wrong: Any) -> Iterator[Item]:
    """Make objects of which one is bad."""
    for number in range(count):
        yield Item(**({"id": number} | (wrong if number == place else {})))


NAIVE = dt.datetime(2024, 1, 1)


@pytest.mark.parametrize("at", [0, 7, 16, 2500])
@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"id": "secret"}, "it is a str, expected int"),
        ({"id": 2**31}, "out of range"),
        ({"id": 10**30}, "out of range"),
        ({"id": 1.0}, "it is a float, expected int"),
        ({"name": 5}, "it is an int, expected str"),
        ({"name": b"secret"}, "it is a bytes, expected str"),
        ({"name": "secret\ud800"}, "lone surrogate"),
        ({"price": 1.5}, "it is a float, expected Decimal"),
        ({"price": "secret"}, "it is a str, expected Decimal"),
        ({"at": NAIVE}, "without a time zone"),
        ({"at": NAIVE.date()}, "it is a date, expected datetime"),
        ({"at": "2024-01-01"}, "it is a str, expected datetime"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else value[:24],
)
def test_a_value_that_does_not_fit_names_itself(
    db: DB, at: int, wrong: dict[str, Any], reason: str
) -> None:
    """A DataError with object, field and column, never the value; nothing is stored."""
    (field,) = wrong
    with pytest.raises(liteorm.DataError) as caught:
        db.insert_many(bad_at(at, 3000, **wrong))
    error = caught.value
    assert (error.row, error.field, error.column, error.table) == (at, field, field, "item")
    assert str(error).startswith(f'Item.{field} of object {at} does not fit column "{field}"')
    assert reason in str(error)
    assert "secret" not in str(error)
    assert ids(db) == []


@pytest.mark.parametrize("at", [0, 7, 16, 2500])
@pytest.mark.parametrize(
    ("wrong", "error", "field"),
    [
        ({"id": 1}, liteorm.UniqueViolation, "id"),
        ({"name": None}, liteorm.NotNullViolation, "name"),
        ({"price": Decimal(-1)}, liteorm.CheckViolation, "price"),
        ({"name": "secret\0"}, liteorm.DataError, "name"),
    ],
    ids=["unique", "not null", "check", "nul"],
)
def test_a_row_that_the_server_refuses_names_itself(
    db: DB, at: int, wrong: dict[str, Any], error: type[liteorm.Error], field: str | None
) -> None:
    """The server's error says which object it was."""
    db.insert_many([Item(1)])
    with pytest.raises(error) as caught:
        db.insert_many(
            attrs.evolve(item, id=item.id + 10 if item.id != 1 or at != 1 else 1)
            for item in bad_at(at, 3000, **(wrong | ({"id": -9} if "id" in wrong else {})))
        )
    assert caught.value.row == at
    assert caught.value.field == field
    assert caught.value.table == "item"
    assert f"object {at})" in str(caught.value)
    assert ids(db) == [1]


def test_the_server_is_heard_before_the_iterable_ends(db: DB) -> None:
    """After the server has refused a row, an endless iterable is not read for ever."""

    def endless() -> Iterator[Item]:
        number = 0
        while True:
            yield Item(number if number != 3 else 2)
            number += 1

    with pytest.raises(liteorm.UniqueViolation) as caught:
        db.insert_many(endless())
    assert caught.value.row == 3
    assert db.insert_many(items(3)) == 3
    assert db.stats().connects == 1


def test_objects_of_another_class(db: DB) -> None:
    """A stranger among the objects is named; objects without fields are refused."""

    @attrs.define
    class Stranger:
        id: int

    with pytest.raises(liteorm.DataError, match=r"object 1 is of class .*Stranger, expected"):
        db.insert_many([Item(1), Stranger(2)])
    with pytest.raises(liteorm.DataError, match="other keys than the first one: expected id, name"):
        db.insert_many([{"id": 1, "name": "x"}, {"id": 2}], table="item")
    with pytest.raises(liteorm.DataError, match="other keys"):
        db.insert_many(
            [{"id": 1, "name": "x"}, {"id": 2, "name": "x", "price": None}], table="item"
        )
    for objs in ([1, 2], ["x"], [None], [{}]):
        with pytest.raises(liteorm.ModelError):
            db.insert_many(objs, table="item")
    not_iterable: Any = 5
    with pytest.raises(TypeError):
        db.insert_many(not_iterable)
    assert ids(db) == []


def test_subclasses_of_plain_values(db: DB) -> None:
    """Subclasses of str, int and Decimal are stored as what they are, also late in the load."""

    class Word(str):
        __slots__ = ()

    class Number(int):
        pass

    class Amount(Decimal):
        pass

    objs = [*items(600), Item(Number(1000), Word("word"), Amount("1.5")), Item(True + 1000)]
    assert db.insert_many(objs) == 602
    rows = db.query("SELECT id, name, price FROM item WHERE id > 999 ORDER BY id")
    assert list(rows) == [(1000, "word", Decimal("1.5")), (1001, "x", None)]


def test_a_column_type_may_change_between_two_loads(db: DB) -> None:
    """Binary data is made for the type that the column has now."""
    rows: list[Any] = [{"id": 1, "v": 5}]
    db.execute("CREATE TABLE changing (id int, v int8)")
    assert db.insert_many(rows, table="changing") == 1
    db.execute("ALTER TABLE changing ALTER v TYPE timestamptz USING now()")
    with pytest.raises(liteorm.DataError, match="it is an int, expected datetime"):
        db.insert_many(rows, table="changing")
    db.execute("DROP TABLE changing; CREATE TABLE changing (v float8, id numeric)")
    assert db.insert_many(rows, table="changing") == 1
    assert list(db.query("SELECT v, id FROM changing")) == [(5.0, Decimal(1))]


def test_codecs_of_fields_and_of_classes(liteorm_db: DB, db: DB) -> None:
    """A field's codec encodes; what it raises arrives as it is, with a note that says where."""

    class Cents:
        def decode(self, value: Any) -> Any:
            return int(value * 100)

        def encode(self, value: Any) -> Any:
            if value < 0:
                raise ArithmeticError("mine")
            return Decimal(value) / 100

    @liteorm.table("item")
    @attrs.define
    class Priced:
        id: int
        price: Annotated[int | None, Column(codec=Cents())]
        name: str = "x"

    assert db.insert_many([Priced(1, 150), Priced(2, None)]) == 2
    found = liteorm.scan(db.query("SELECT id, price, name FROM item ORDER BY id"), Priced)
    assert found == [Priced(1, 150), Priced(2, None)]
    for call in (db.insert_many, db.insert_returning):
        with pytest.raises(ArithmeticError, match="mine") as caught:
            call([Priced(3, 1), Priced(4, -1)])
        assert caught.value.__notes__ == ["while sending Priced.price of object 1"]
    with pytest.raises(ArithmeticError, match="mine") as caught:
        db.insert(Priced(3, -1))
    assert caught.value.__notes__ == ["while sending Priced.price"]


def test_notices_of_a_slow_copy_are_no_refusal(db: DB) -> None:
    """The server talks, then the source takes its time: the COPY goes on all the same."""
    db.execute("""
        CREATE FUNCTION talk() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE NOTICE 'row'; RETURN NEW; END $$;
        CREATE TRIGGER talk BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION talk();
    """)

    def slow() -> Iterator[Item]:
        for number in range(30_000):
            if number % 10_000 == 9_999:
                sleep(2 * Objection.PATIENCE)
            yield Item(number, "x" * 100)

    assert db.insert_many(slow()) == 30_000
