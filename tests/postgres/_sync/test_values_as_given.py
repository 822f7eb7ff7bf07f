# Generated from tests/postgres/_async/test_values_as_given.py by .ci/unasync.py: edit that file, not this one.
"""No value that an object has is dropped or changed on its way into a column."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import attrs
import pytest

import liteorm
from liteorm import Column
from liteorm.postgres import DB



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
