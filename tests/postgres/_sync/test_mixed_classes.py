# Generated from tests/postgres/_async/test_mixed_classes.py by .ci/unasync.py: edit that file, not this one.
"""Objects of several classes in one call: what one has more than the first is never dropped."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest

import liteorm
from liteorm.postgres import DB



@liteorm.table("animal", key="id")
@attrs.define
class Animal:
    """The class of the first object."""

    id: int
    name: str


@attrs.define
class Dog(Animal):
    """A field more."""

    breed: str = "any"


@liteorm.table("dog", key="id")
@attrs.define
class Stray(Animal):
    """A table of its own."""


class Cat(Animal):
    """Neither: only behaviour."""

    def purr(self) -> str:
        """Behave."""
        return self.name


@attrs.define
class Stone:
    """Another class."""

    id: int
    name: str


CALLS: list[Callable[[DB, list[Any]], Awaitable[Any]]] = [
    lambda db, objects: db.insert_many(objects),
    lambda db, objects: db.upsert_many(objects),
    lambda db, objects: db.insert_returning(objects),
]


@pytest.fixture
def db(liteorm_db: DB) -> DB:
    """A database with the tables."""
    liteorm_db.execute("""
        CREATE TABLE animal (id int PRIMARY KEY, name text, breed text);
        CREATE TABLE dog (id int PRIMARY KEY, name text);
    """)
    return liteorm_db


@pytest.mark.parametrize("place", [1, 40])
@pytest.mark.parametrize("call", CALLS, ids=["insert_many", "upsert_many", "insert_returning"])
def test_an_object_of_another_class_is_named(db: DB, call: Any, place: int) -> None:
    """A field or a table more than the first one's class has: refused, and nothing is stored."""
    cases: list[tuple[Any, str]] = [
        (Dog(999, "d", "collie"), r"class Dog, expected Animal .* fields of its own \(breed\)"),
        (Stray(999, "s"), "class Stray, expected Animal .* table of its own"),
        (Stone(999, "x"), "class Stone, expected Animal"),
    ]
    for other, sentence in cases:
        objects = [Animal(n, "a") for n in range(place)]
        for _ in range(2):
            with pytest.raises(
                liteorm.DataError, match=f"object {place} is of {sentence}"
            ) as caught:
                call(db, [*objects, other])
            assert caught.value.row == place
            assert list(db.query("SELECT * FROM animal")) == []
    with pytest.raises(liteorm.DataError, match="object 1 is of class Animal, expected Dog"):
        call(db, [Dog(1, "d"), Animal(2, "a")])


@pytest.mark.parametrize("call", CALLS, ids=["insert_many", "upsert_many", "insert_returning"])
def test_a_subclass_that_adds_nothing_is_fine(db: DB, call: Any) -> None:
    """Neither fields nor a table: its objects go with the others."""
    call(db, [Animal(1, "a"), Cat(2, "c")])
    assert len(db.query("SELECT * FROM animal")) == 2
