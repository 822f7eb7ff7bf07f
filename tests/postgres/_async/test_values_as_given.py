"""No value that an object has is dropped or changed on its way into a column."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import attrs
import pytest

import liteorm
from liteorm import Column
from liteorm.postgres import AsyncDB

pytestmark = pytest.mark.anyio


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


WHOLE: dict[str, Callable[[AsyncDB, Any], Awaitable[Any]]] = {
    "insert": lambda db, obj: db.insert(obj),
    "upsert": lambda db, obj: db.upsert(obj),
    "insert_returning": lambda db, obj: db.insert_returning([obj]),
    "insert_many": lambda db, obj: db.insert_many([obj]),
    "upsert_many": lambda db, obj: db.upsert_many([obj]),
}


@pytest.fixture
async def db(liteorm_async_db: AsyncDB) -> AsyncDB:
    """A table."""
    await liteorm_async_db.execute("CREATE TABLE kept (id int PRIMARY KEY, n int)")
    return liteorm_async_db


@pytest.mark.parametrize("model", [Computed, ComputedData, OwnInit])
async def test_a_field_that_would_be_dropped_is_refused(db: AsyncDB, model: Any) -> None:
    """A field that the constructor does not take, but that has a column, is named by each call."""
    for name, call in WHOLE.items():
        with pytest.raises(
            liteorm.ModelError, match=r"n is not taken by the constructor"
        ) as caught:
            await call(db, model(1))
        assert caught.value.field == "n", name
    assert len(await db.query("SELECT FROM kept")) == 0
    # Who names the columns says what is to be left out.
    assert await db.insert_many([model(1)], columns="id") == 1
    assert (await db.get(model, 1)).id == 1
    assert await db.delete(model(1))


async def test_what_the_database_fills_may_be_left_out_by_the_constructor(db: AsyncDB) -> None:
    """So may what has no column."""
    for name, call in WHOLE.items():
        await db.execute("DELETE FROM kept")
        await call(db, Filled(1))
        assert liteorm.scan(await db.query("SELECT id, n FROM kept"), dict) == [
            {"id": 1, "n": None}
        ], name
