# Generated from tests/postgres/_async/test_read_back.py by .ci/unasync.py: edit that file, not this one.
"""What cannot be read back is refused before it is stored, or the error says that it is stored."""

from __future__ import annotations

import enum
from typing import Annotated, Any

import attrs
import pytest

import liteorm
from liteorm import Column
from liteorm.postgres import DB, Tx


SCHEMA = """
CREATE TYPE mood AS ENUM ('ok', 'sad');
CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE TABLE item (
    id int PRIMARY KEY, price numeric, note text, made text DEFAULT 'now', mood mood DEFAULT 'ok',
    amount positive DEFAULT 1
);
INSERT INTO item VALUES (1, 1, 'n');
"""


class Mood(enum.Enum):
    """One label less than the type has."""

    OK = "ok"


@liteorm.table("item", key="id")
@attrs.frozen
class Misread:
    """Takes a number, and cannot be given one: numeric is Decimal."""

    id: int
    price: Annotated[float, Column(generated=True)]


@liteorm.table("item", key="id")
@attrs.frozen
class MisreadOther:
    """The column that does not fit is filled by the database."""

    id: int
    made: Annotated[int, Column(generated=True)] = 0


@liteorm.table("item", key="id")
@attrs.frozen
class LeftNull:
    """Nothing fills the column."""

    id: int
    note: Annotated[str, Column(generated=True)] = ""


@liteorm.table("item", key="id")
@attrs.frozen
class Fine:
    """Filled by a default, optional, or below a domain: all of it comes back."""

    id: int
    note: Annotated[str | None, Column(generated=True)] = None
    made: Annotated[str, Column(generated=True)] = ""
    amount: Annotated[int, Column(generated=True)] = 0


@liteorm.table("item", key="id")
@attrs.frozen
class Moody:
    """What a trigger makes of it is not known before."""

    id: int
    note: str
    mood: Annotated[Mood | None, Column(generated=True)] = None


def short(instance: Any, attribute: Any, value: str) -> None:
    """Refuse a long note."""
    if len(value) > 3:
        raise ValueError("too long")


@liteorm.table("item", key="id")
@attrs.define(on_setattr=None)
class Checked:
    """A validator of the user's."""

    id: int
    note: str = attrs.field(validator=short)


@pytest.fixture
def db(liteorm_db: DB) -> DB:
    """A database with the table."""
    liteorm_db.execute(SCHEMA)
    return liteorm_db


def rows(session: DB | Tx) -> list[tuple[Any, ...]]:
    """Return what is stored."""
    return list(session.query("SELECT * FROM item ORDER BY id"))


@pytest.mark.parametrize("call", ["insert", "upsert", "update", "insert_returning"])
def test_a_class_that_does_not_fit_is_refused_before(db: DB, call: str) -> None:
    """Types that do not fit, and columns that nothing fills: nothing is stored, every time."""
    before = rows(db)
    objects: list[Any] = [Misread(1, 2.0), MisreadOther(1)]
    if call in ("insert", "insert_returning"):
        objects = [Misread(2, 2.0), MisreadOther(2), LeftNull(2)]
    for obj in objects:
        for _ in range(2):
            with pytest.raises(liteorm.ScanError) as caught:
                getattr(db, call)([obj] if call == "insert_returning" else obj)
            assert not caught.value.stored
            assert rows(db) == before
    with db.transaction() as tx:
        with pytest.raises(liteorm.ScanError):
            getattr(tx, call)([objects[0]] if call == "insert_returning" else objects[0])
        assert rows(tx) == before


def test_what_fits_is_stored(db: DB) -> None:
    """Defaults, optional fields and domains are no reason to refuse."""
    assert db.insert(Fine(5)) == Fine(5, None, "now", 1)
    assert db.upsert(Fine(5)) == Fine(5, None, "now", 1)
    assert db.update(Fine(5)) == Fine(5, None, "now", 1)
    assert db.insert_returning([Fine(6), Fine(7)]) == [
        Fine(6, None, "now", 1),
        Fine(7, None, "now", 1),
    ]


@pytest.mark.parametrize("call", ["insert", "upsert", "update", "insert_returning"])
def test_what_is_found_afterwards_says_that_it_is_stored(db: DB, call: str) -> None:
    """A label that the enum has not, a validator's refusal: a note, and an attribute."""
    db.execute("""
        CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            NEW.mood := 'sad'; NEW.note := 'longer'; RETURN NEW;
        END $$;
        CREATE TRIGGER spoil BEFORE INSERT OR UPDATE ON item
            FOR EACH ROW EXECUTE FUNCTION spoil();
    """)
    key = 1 if call == "update" else 2
    for obj, wanted in ((Moody(key, "a"), liteorm.ScanError), (Checked(key, "a"), ValueError)):
        many = call == "insert_returning"
        with db.transaction() as tx:
            with pytest.raises(wanted) as inside:
                getattr(tx, call)([obj] if many else obj)
            # Whether it is stored is for the transaction to say.
            assert not getattr(inside.value, "stored", False)
            tx.rollback()
        with pytest.raises(wanted) as caught:
            getattr(db, call)([obj] if many else obj)
        assert caught.value.stored  # type: ignore[attr-defined]
        assert any("is stored" in note for note in caught.value.__notes__)
        assert "longer" in str(rows(db))
        if many:
            db.execute("DELETE FROM item WHERE id = 2")
            with pytest.raises(wanted) as all_or_none:
                db.insert_returning([obj, attrs.evolve(obj, id=3)])
            assert not getattr(all_or_none.value, "stored", False)
            assert len(rows(db)) == 1
        elif key == 2:
            db.execute("DELETE FROM item WHERE id = 2")


@pytest.mark.parametrize("call", ["one", "optional", "all"])
def test_a_declared_statement_says_that_it_is_stored(db: DB, call: str) -> None:
    """What came back cannot be read, or is too many: outside a transaction it is stored."""
    adding: Any = "INSERT INTO item (id, note) SELECT n, 'longer' FROM generate_series(10, {}) AS n"
    returning = " RETURNING id, note"
    misfit = liteorm.statement(Misread, adding.format(10) + returning)
    checked = liteorm.statement(Checked, adding.format(10) + returning)
    many = liteorm.statement(Fine, adding.format(11) + " RETURNING id, note, made, amount")
    reading = liteorm.statement(Checked, "SELECT id, 'longer' AS note FROM item")
    cases: list[tuple[Any, type[Exception]]] = [(misfit, liteorm.ScanError), (checked, ValueError)]
    if call != "all":
        cases.append((many, liteorm.TooManyRows))
    for statement, wanted in cases:
        with db.transaction() as tx:
            with pytest.raises(wanted) as inside:
                getattr(statement, call)(tx)
            assert not getattr(inside.value, "stored", False)
            tx.rollback()
        with pytest.raises(wanted) as caught:
            getattr(statement, call)(db)
        assert caught.value.stored  # type: ignore[attr-defined]
        db.execute("DELETE FROM item WHERE id >= 10")
    with pytest.raises(ValueError, match="too long") as read:
        getattr(reading, call)(db)
    assert not hasattr(read.value, "stored")


@liteorm.table("item", key="id")
@attrs.frozen
class Strict:
    """A note that the column need not have."""

    id: int
    note: str


@liteorm.table("item", key="id")
@attrs.frozen
class Loose:
    """The same, optional."""

    id: int
    note: str | None


NULLS: dict[str, Any] = {
    "insert": lambda s: s.insert(Strict(2, None)),  # type: ignore[arg-type]
    "insert returning": lambda s: s.insert(Loose(2, None), returning=Strict),
    "update": lambda s: s.update(Strict(1, None)),  # type: ignore[arg-type]
    "update returning": lambda s: s.update(Loose(1, None), columns="note", returning=Strict),
    "upsert": lambda s: s.upsert(Strict(2, None)),  # type: ignore[arg-type]
    "patch": lambda s: s.patch(Strict, 1, {"note": None}),
    "insert_returning": lambda s: s.insert_returning([Strict(2, None)]),  # type: ignore[arg-type]
    "insert_returning other": lambda s: s.insert_returning([Loose(2, None)], returning=Strict),
}


@pytest.mark.parametrize("name", NULLS)
def test_none_for_a_field_that_may_not_be_none_is_not_stored(db: DB, name: str) -> None:
    """What could not be read back does not stay, unless a trigger makes a value of it."""
    before = rows(db)
    call = NULLS[name]
    for _ in range(2):
        with pytest.raises(liteorm.ScanError, match=r"is NULL; Strict\.note is str") as caught:
            call(db)
        assert not caught.value.stored
        assert rows(db) == before
        with db.connection() as connection:
            with pytest.raises(liteorm.ScanError):
                call(connection)
        assert rows(db) == before
    db.execute("""
        CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            NEW.note := coalesce(NEW.note, 'filled'); RETURN NEW;
        END $$;
        CREATE TRIGGER fill BEFORE INSERT OR UPDATE ON item
            FOR EACH ROW EXECUTE FUNCTION fill();
    """)
    found = call(db)
    assert (found[0] if isinstance(found, list) else found).note == "filled"
    assert rows(db) != before
