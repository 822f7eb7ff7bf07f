# Generated from tests/postgres/_async/test_writing_rows.py by .ci/unasync.py: edit that file, not this one.
"""insert, get, update, upsert, delete: one row at a time, by key."""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, TypedDict

import attrs
import pytest

import liteorm
from liteorm import Column
from liteorm.postgres import DB, open


SCHEMA = """
CREATE SCHEMA app;
CREATE TABLE app.users (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    shout text GENERATED ALWAYS AS (upper(name)) STORED,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE part (a int, b text, n int, PRIMARY KEY (a, b));
CREATE TABLE only_key (id int PRIMARY KEY);
CREATE TABLE filled (id serial PRIMARY KEY, at date DEFAULT '2024-01-01');
"""


@liteorm.table("app.users", key="id")
@attrs.frozen
class User:
    """A row that the database completes."""

    name: str
    id: Annotated[int | None, Column(generated=True)] = None
    shout: Annotated[str | None, Column(generated=True)] = None
    at: Annotated[dt.datetime | None, Column(generated=True)] = None


@liteorm.table("part", key=("a", "b"))
@dataclass
class Part:
    """A row with a key of two columns."""

    a: int
    b: str
    n: int | None = None


@liteorm.table("part", key=("a", "b"))
class PartTuple(NamedTuple):
    """The same as a NamedTuple."""

    a: int
    b: str
    n: int | None = None


@liteorm.table("only_key", key="id")
@attrs.define
class OnlyKey:
    """Nothing but a key."""

    id: int


@liteorm.table("filled", key="id")
@attrs.define
class Filled:
    """Nothing that is sent."""

    id: Annotated[int | None, Column(generated=True)] = None
    at: Annotated[dt.date | None, Column(generated=True)] = None


@pytest.fixture
def db(liteorm_db: DB) -> DB:
    """A database with the tables."""
    liteorm_db.execute(SCHEMA)
    return liteorm_db


def test_insert_gives_the_row_as_stored(db: DB) -> None:
    """A new object comes back, with what the database filled; the one given is as it was."""
    given = User("ann")
    stored = db.insert(given)
    assert (stored.id, stored.shout) == (1, "ANN")
    assert stored.at is not None
    assert stored.at.tzinfo is not None
    assert given == User("ann")
    assert db.get(User, 1) == stored


def test_update_rereads_what_the_database_fills(db: DB) -> None:
    """Generated columns are not sent and come back fresh."""
    stored = db.insert(User("ann"))
    changed = db.update(attrs.evolve(stored, name="bob", shout="nonsense"))
    assert (changed.id, changed.name, changed.shout) == (1, "bob", "BOB")


def test_absent_rows(db: DB) -> None:
    """An absent row: NoRows from get and update, False from delete."""
    with pytest.raises(liteorm.NoRows, match=r'"app.users" has no row with that key \(id\)'):
        db.get(User, 7)
    with pytest.raises(LookupError):
        db.update(User("x", id=7))
    assert db.delete(User("x", id=7)) is False


def test_delete(db: DB) -> None:
    """True when there was a row."""
    stored = db.insert(User("ann"))
    assert db.delete(stored) is True
    assert db.delete(stored) is False


def test_a_row_that_a_trigger_suppresses_is_an_error(db: DB) -> None:
    """There is no stored row to return: said of the table, not of a result."""
    db.execute("""
        CREATE FUNCTION drop_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER drop_it BEFORE INSERT ON only_key FOR EACH ROW EXECUTE FUNCTION drop_it();
    """)
    for call in (db.insert, db.upsert):
        with pytest.raises(liteorm.NoRows, match="a trigger or rule of only_key suppressed it"):
            call(OnlyKey(1))


def test_a_key_of_one_field_may_be_a_tuple(db: DB) -> None:
    """A tuple of one value is that value; one of more is refused before anything is sent."""
    db.insert(OnlyKey(7))
    assert db.get(OnlyKey, (7,)) == db.get(OnlyKey, 7) == OnlyKey(7)
    with pytest.raises(liteorm.ModelError, match=r"OnlyKey is \(id\): expected one value, got 2"):
        db.get(OnlyKey, (7, 8))


@pytest.mark.parametrize("cls", [Part, PartTuple])
def test_composite_keys(db: DB, cls: Any) -> None:
    """A key of several columns is a tuple, in the order in which the class names it."""
    one, other = cls(1, "x", 5), cls(1, "y", 6)
    assert db.insert(one) == one
    assert db.insert(other) == other
    assert db.get(cls, (1, "y")) == other
    assert db.update(cls(1, "x", 7)) == cls(1, "x", 7)
    assert db.delete(other) is True
    assert db.get(cls, (1, "x")) == cls(1, "x", 7)
    with pytest.raises(liteorm.ModelError, match="expected a tuple of 2 values, got 1"):
        db.get(cls, 1)


def test_upsert_inserts_then_updates(db: DB) -> None:
    """By the key first, then by what is asked for."""
    assert db.upsert(Part(1, "x", 5)) == Part(1, "x", 5)
    assert db.upsert(Part(1, "x", 6)) == Part(1, "x", 6)
    first = db.upsert(User("ann"), conflict="name")
    again = db.upsert(User("ann"), conflict=["name"])
    assert again.id == first.id
    assert db.upsert(OnlyKey(1)) == OnlyKey(1) == db.upsert(OnlyKey(1))


def test_upsert_by_a_key_that_is_never_sent_is_refused(db: DB) -> None:
    """A generated key cannot be in conflict: the error says what to give."""
    with pytest.raises(liteorm.ModelError, match="never in conflict") as caught:
        db.upsert(User("ann"))
    assert "conflict=" in str(caught.value)


def test_a_row_of_nothing_but_defaults(db: DB) -> None:
    """A class without a field to send inserts the defaults; update reads the row."""
    assert db.insert(Filled()) == Filled(1, dt.date(2024, 1, 1))
    assert db.update(Filled(1)) == Filled(1, dt.date(2024, 1, 1))
    assert db.insert(OnlyKey(3)) == db.update(OnlyKey(3))


def test_in_a_transaction(db: DB) -> None:
    """Single-row calls are part of the transaction they are made in."""
    with pytest.raises(ZeroDivisionError):
        with db.transaction() as tx:
            stored = tx.insert(User("ann"))
            assert tx.get(User, stored.id) == stored
            raise ZeroDivisionError
    with pytest.raises(liteorm.NoRows):
        db.get(User, 1)


def test_constraints_are_named(db: DB) -> None:
    """A violation names table and constraint, and the connection goes on."""
    db.insert(User("ann"))
    with pytest.raises(liteorm.UniqueViolation) as caught:
        db.insert(User("ann"))
    error = caught.value
    assert (error.schema, error.table, error.constraint) == ("app", "users", "users_name_key")
    assert (db.insert(User("bob"))).name == "bob"


def test_a_value_that_cannot_be_sent_names_its_field(db: DB) -> None:
    """A DataError with field and column, and without the value."""
    for wrong in ("secret\0", "secret\ud800", b"secret", 5, ["secret"]):
        bad: Any = wrong
        with pytest.raises(liteorm.DataError) as caught:
            db.insert(User(bad))
        assert (caught.value.field, caught.value.column) == ("name", "name")
        assert "User.name" in str(caught.value)
        assert "secret" not in str(caught.value)
    with pytest.raises(liteorm.DataError) as caught:
        db.update(Part(2**31, "x"))
    assert caught.value.field == "a"


def test_dict_and_bare_classes_have_no_table(db: DB) -> None:
    """A class that does not say where it is stored cannot be written one by one."""

    class Row(TypedDict):
        id: int

    row: Row = {"id": 1}
    with pytest.raises(liteorm.ModelError, match="has no table"):
        db.insert(row)

    @attrs.define
    class Bare:
        id: int

    with pytest.raises(liteorm.ModelError, match="Bare has no table"):
        db.get(Bare, 1)

    @liteorm.table("only_key")
    @attrs.define
    class Keyless:
        id: int

    with pytest.raises(liteorm.ModelError, match="Keyless has no key"):
        db.get(Keyless, 1)
    with pytest.raises(liteorm.ModelError, match="int has no fields"):
        db.insert(5)


def test_missing_tables_and_columns(db: DB) -> None:
    """What the database does not have is named, with the near miss."""

    @liteorm.table("app.user", key="id")
    @attrs.define
    class NoTable:
        id: int

    with pytest.raises(liteorm.UndefinedTable, match=r'"app.user" does not exist'):
        db.insert(NoTable(1))

    @liteorm.table("app.users", key="id")
    @attrs.define
    class NoColumn:
        id: int
        nmae: str

    with pytest.raises(liteorm.UndefinedColumn, match='did you mean "name"') as caught:
        db.insert(NoColumn(1, "x"))
    assert caught.value.column == "nmae"


def test_types_that_changed_are_looked_up_again(db: DB) -> None:
    """A type dropped and created again, an attribute or a label added: the next insert knows."""

    @attrs.define
    class Place:
        street: str
        number: int = 5

    @attrs.define
    class Street:
        street: str

    @liteorm.table("kinds", key="id")
    @attrs.define
    class Row:
        id: int
        kinds: list[str]
        place: Place | Street | None = None

    create = """
        CREATE TYPE kind AS ENUM ('a'); CREATE TYPE place AS (street text);
        CREATE TABLE kinds (id int PRIMARY KEY, kinds kind[], place place)
    """
    drop = "DROP TABLE kinds; DROP TYPE kind, place"

    def stored(place: Any, *kinds: str) -> None:
        row = Row(1, list(kinds), place)
        db.execute("DELETE FROM kinds")
        with contextlib.suppress(liteorm.ScanError):  # a union cannot be scanned
            db.insert(row)
        assert list(db.query("SELECT kinds FROM kinds")) == [(list(kinds),)]

    db.execute(create)
    stored(Street("x"), "a")
    db.execute(drop)
    db.execute(create)
    stored(Street("x"), "a")
    db.execute("ALTER TYPE kind ADD VALUE 'b'")
    db.execute("ALTER TYPE place ADD ATTRIBUTE number int")
    stored(Place("x"), "a", "b")
    db.execute("ALTER TYPE place DROP ATTRIBUTE number")
    with pytest.raises(liteorm.Error, match="number"):
        db.insert_many([Row(2, ["b"], Place("x"))])
    assert db.insert_many([Row(2, ["b"], Street("x"))]) == 1


@pytest.mark.parametrize(
    "ident", ['a"b', "a%sb", "%(x)s", "Ünï cödé", "x; DROP TABLE app.users", "--"]
)
def test_odd_names(db: DB, ident: str) -> None:
    """Names of tables and columns are quoted, whatever is in them."""
    name = liteorm.Ident(ident)
    db.execute(
        liteorm.sql(
            "CREATE TABLE {} ({} int PRIMARY KEY, {} text)", name, name, liteorm.Ident(ident + "2")
        )
    )

    @attrs.define
    class Odd:
        key: Annotated[int, Column(ident)]
        value: Annotated[str, Column(ident + "2")]

    odd: Any = liteorm.table(ident, schema="public", key="key")(Odd)
    assert db.insert(odd(1, "x")) == odd(1, "x")
    assert db.update(odd(1, "y")) == odd(1, "y") == db.get(odd, 1)
    assert db.upsert(odd(1, "z")) == odd(1, "z")
    assert db.insert_many([odd(2, "a"), odd(3, "b")]) == 2
    assert db.upsert_many([odd(3, "c"), odd(4, "d")]) == 2
    assert db.insert_returning([odd(5, "e"), odd(6, "f")]) == [odd(5, "e"), odd(6, "f")]
    assert db.delete(odd(1, "?")) is True
    found = liteorm.scan(db.query(liteorm.sql("SELECT * FROM {} ORDER BY 1", name)), odd)
    assert [row.value for row in found] == ["a", "c", "d", "e", "f"]


HOSTILE = [
    "'", '"', "\\", "\\.", "\\N", "\t", "\n", "\r\n", "\v\f\b", "{}", "{NULL}", '"a",b', "NULL", "",
    " ", "'; DROP TABLE part; --", "%s", "%(a)s", "$1", "\x01\x7f", "\u2028", "😀", "(a,b)",
]  # fmt: skip


def test_hostile_values_are_stored_verbatim(db: DB) -> None:
    """Whatever a text holds, it is stored as it is, by every call, alone and in lists."""
    db.execute(
        "CREATE TABLE hostile (id int PRIMARY KEY, word text, words text[], raw tsvector)"
    )

    @liteorm.table("hostile", key="id")
    @attrs.frozen
    class Hostile:
        id: int
        word: str
        words: list[str]

    @liteorm.table("hostile", key="id")
    @attrs.frozen
    class AsText(Hostile):
        raw: str = ""

    for cls in (Hostile, AsText):
        rows = [cls(place, text, [text, *HOSTILE]) for place, text in enumerate(HOSTILE)]
        columns = ", ".join(field.name for field in attrs.fields(cls))
        select: Any = f"SELECT {columns} FROM hostile ORDER BY id"
        db.execute("DELETE FROM hostile")
        assert [db.insert(row) for row in rows] == rows
        db.execute("DELETE FROM hostile")
        assert db.insert_many(rows) == len(rows)
        assert liteorm.scan(db.query(select), cls) == rows
        assert db.upsert_many(rows) == len(rows)
        assert liteorm.scan(db.query(select), cls) == rows
        db.execute("DELETE FROM hostile")
        assert db.insert_returning(rows) == rows
        assert [db.get(cls, row.id) for row in rows] == rows


def test_a_call_is_one_statement(liteorm_database: Any) -> None:
    """Observers see one statement for each call, also for the first of a class."""

    class Seen:
        def __init__(self) -> None:
            self.operations: list[str] = []

        def before(self, event: Any) -> None:
            """Not of interest."""

        def after(self, event: Any) -> None:
            """Take note."""
            self.operations.append(event.operation)

    seen = Seen()
    with open(liteorm_database.dsn, observers=[seen]) as db:
        db.execute(SCHEMA)
        seen.operations.clear()
        db.insert(Part(1, "a"))
        db.insert_returning([Part(2, "a")])
        db.insert_many([Part(3, "a")])
        assert len(seen.operations) == 3
