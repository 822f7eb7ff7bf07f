"""Some fields of a row, and versions that guard against lost updates."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any

import attrs
import pytest

import liteorm
from liteorm import UNSET, Column, Unset
from liteorm.postgres import AsyncDB
from tests.postgres.support import AsyncBackground

pytestmark = pytest.mark.anyio

SCHEMA = """
CREATE TABLE ticket (
    id int PRIMARY KEY, title text NOT NULL, status text, version int NOT NULL DEFAULT 1,
    shout text GENERATED ALWAYS AS (upper(title)) STORED,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN NEW.updated_at := clock_timestamp(); RETURN NEW; END';
CREATE TRIGGER touch BEFORE UPDATE ON ticket FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TABLE part (a int, b text, n int, PRIMARY KEY (a, b));
"""


@liteorm.table("ticket", key="id")
@attrs.frozen
class Free:
    """A row without a guard."""

    id: int
    _title: str
    status: str | None = None
    shout: Annotated[str | None, Column(generated=True)] = None


@liteorm.table("ticket", key="id", version="version")
@attrs.frozen
class Counted:
    """A row with a version that is counted."""

    id: int
    title: str
    status: str | None = None
    version: int = 1


@liteorm.table("ticket", key="id", version="updated_at")
@attrs.frozen
class Stamped:
    """A row with a version that a trigger keeps."""

    id: int
    title: str
    updated_at: Annotated[dt.datetime | None, Column(generated=True)] = None


@liteorm.table("ticket", key="id", version="xmin")
@attrs.frozen
class System:
    """A row with the server's own version."""

    id: int
    title: str
    xmin: Annotated[int | None, Column(generated=True)] = None


@liteorm.table("part", key=("a", "b"))
@attrs.frozen
class Part:
    """A row with a key of two columns."""

    a: int
    b: str
    n: int | None = None


GUARDED = [Counted, Stamped, System]


def version_of(obj: Any) -> Any:
    """Return an object's version."""
    return getattr(obj, type(obj).__liteorm_table__.version)


@pytest.fixture
async def db(liteorm_async_db: AsyncDB) -> AsyncDB:
    """A database with the tables and a row."""
    await liteorm_async_db.execute(SCHEMA)
    await liteorm_async_db.execute("INSERT INTO ticket (id, title, status) VALUES (1, 'a', 'new')")
    return liteorm_async_db


async def test_only_what_changes_is_written(db: AsyncDB) -> None:
    """The row comes back as stored, what the database fills included."""
    assert await db.patch(Free, 1, {"title": "b"}) == Free(1, "b", "new", "B")
    assert await db.patch(Free, 1, {"status": None}) == Free(1, "b", None, "B")
    assert await db.patch(Free, 1, {"_title": "c", "status": UNSET}) == Free(1, "c", None, "C")
    async with db.transaction() as tx:
        assert (await tx.patch(Free, 1, {"title": "d"})).shout == "D"
    assert await db.patch(Free, 1, {}) == await db.get(Free, 1)
    await db.insert(Part(1, "x"))
    assert await db.patch(Part, (1, "x"), {"n": 5}) == Part(1, "x", 5)


@attrs.frozen
class AttrsPatch:
    """Changes as an attrs object."""

    title: str | Unset = UNSET
    status: str | Unset | None = UNSET


@dataclass
class DataPatch:
    """Changes as a dataclass."""

    title: str | Unset = UNSET
    status: str | Unset | None = UNSET


@pytest.mark.parametrize("cls", [AttrsPatch, DataPatch])
async def test_changes_of_an_object_are_its_set_fields(db: AsyncDB, cls: Any) -> None:
    """UNSET is left alone, None is written."""
    assert await db.patch(Free, 1, cls(title="b")) == Free(1, "b", "new", "B")
    assert await db.patch(Free, 1, cls(status=None)) == Free(1, "b", None, "B")
    assert await db.patch(Free, 1, cls()) == Free(1, "b", None, "B")


async def test_changes_of_a_struct(db: AsyncDB) -> None:
    """A msgspec Struct says UNSET the same way."""
    msgspec = pytest.importorskip("msgspec")
    made = msgspec.defstruct("Patch", [("title", str, UNSET), ("status", Any, UNSET)])
    assert await db.patch(Free, 1, made(status="x")) == Free(1, "a", "x", "A")


async def test_changes_of_a_pydantic_model(db: AsyncDB) -> None:
    """Of a Pydantic model those count that were given, whatever the defaults are."""
    pydantic = pytest.importorskip("pydantic")
    made: Any = pydantic.create_model("Patch", title=(str, "?"), status=(str | None, None))
    assert await db.patch(Free, 1, made(title="b")) == Free(1, "b", "new", "B")
    assert await db.patch(Free, 1, made(status=None)) == Free(1, "b", None, "B")


@pytest.mark.parametrize(
    ("model", "changes", "error", "words"),
    [
        (Free, {"titel": "x"}, liteorm.ModelError, "changes: Free has no field 'titel'"),
        (Free, {7: "x"}, liteorm.ModelError, "changes: Free has no field 7"),
        (Free, {"id": 2}, liteorm.ModelError, "changes: Free.id is the key"),
        (Free, {"shout": "x"}, liteorm.ModelError, "changes: Free.shout is generated"),
        (Counted, {"version": 5}, liteorm.ModelError, "Counted.version is the version"),
        (Stamped, {"updated_at": None}, liteorm.ModelError, "Stamped.updated_at is generated"),
        (Free, {"title": 5}, liteorm.DataError, "Free.title does not fit column"),
        (Free, None, TypeError, "a mapping of field names or an object with fields, not NoneType"),
        (Free, "title", TypeError, "not str"),
        (Free, [("title", "x")], TypeError, "not list"),
        (int, {"title": "x"}, liteorm.ModelError, "int has no fields"),
        (AttrsPatch, {"title": "x"}, liteorm.ModelError, "AttrsPatch has no table"),
    ],
)
async def test_changes_that_cannot_be(
    db: AsyncDB, model: Any, changes: Any, error: Any, words: str
) -> None:
    """A wrong name, a field that is not written, a wrong value: said before anything is stored."""
    with pytest.raises(error, match=words):
        await db.patch(model, 1, changes)
    assert await db.get(Free, 1) == Free(1, "a", "new", "A")


async def test_a_field_given_by_two_names_is_refused(db: AsyncDB) -> None:
    """Which of the two values is meant is not guessed; the same name is once in any mapping."""
    with pytest.raises(liteorm.ModelError, match="'_title' and 'title' are one field"):
        await db.patch(Free, 1, {"_title": "a", "title": "b"})


async def test_a_version_where_there_is_none(db: AsyncDB) -> None:
    """A guard that would guard nothing is refused, and so is one of another type."""
    with pytest.raises(liteorm.ModelError, match="Free has no version"):
        await db.patch(Free, 1, {"title": "x"}, version=1)
    with pytest.raises(liteorm.DataError, match=r"Counted.version does not fit"):
        await db.patch(Counted, 1, {"title": "x"}, version="1")
    with pytest.raises(liteorm.DataError, match=r"Free.id does not fit"):
        await db.patch(Free, "1", {"title": "x"})


async def test_an_absent_row(db: AsyncDB) -> None:
    """NoRows, with and without a version, with and without changes."""
    for changes in ({"title": "x"}, {}):
        with pytest.raises(liteorm.NoRows, match=r'table "ticket" has no row with that key'):
            await db.patch(Counted, 7, changes)
        with pytest.raises(liteorm.NoRows):
            await db.patch(Counted, 7, changes, version=1)
    with pytest.raises(liteorm.NoRows):
        await db.update(Counted(7, "x"))
    assert await db.delete(Counted(7, "x")) is False


@pytest.mark.parametrize("model", GUARDED)
async def test_a_version_that_has_passed(db: AsyncDB, model: Any) -> None:
    """update, delete and patch take effect only while the stored version is the object's."""
    read = await db.get(model, 1)
    written = await db.update(attrs.evolve(read, title="b"))
    assert version_of(written) != version_of(read)
    for call in (
        lambda: db.update(attrs.evolve(read, title="c")),
        lambda: db.delete(read),
        lambda: db.patch(model, 1, {"title": "c"}, version=version_of(read)),
        lambda: db.patch(model, 1, {}, version=version_of(read)),
    ):
        with pytest.raises(liteorm.StaleRow, match='the row in table "ticket" has another') as err:
            await call()
        assert err.value.retryable is False
    patched = await db.patch(model, 1, {"title": "d"}, version=version_of(written))
    assert patched.title == "d"
    assert await db.patch(model, 1, {}, version=version_of(patched)) == patched
    assert await db.delete(patched) is True


async def test_a_patch_without_a_version_raises_it_as_well(db: AsyncDB) -> None:
    """Whoever read the row before learns of it."""
    assert (await db.patch(Counted, 1, {"title": "b"})).version == 2
    assert (await db.patch(Counted, 1, {})).version == 2
    with pytest.raises(liteorm.StaleRow):
        await db.update(Counted(1, "c", version=1))
    assert (await db.update(Counted(1, "c", version=2), columns="title")).version == 3


async def test_update_of_some_columns(db: AsyncDB) -> None:
    """The others stay as they are; names that cannot be are refused."""
    changed = await db.update(Free(1, "b", "other"), columns=["title"])
    assert changed == Free(1, "b", "new", "B")
    brief = await db.update(Free(1, "c"), columns="title", returning=Stamped)
    assert brief.title == "c"
    for columns, words in (
        ("id", "columns: Free.id is the key"),
        ("shout", "columns: Free.shout is generated"),
        (["titel"], "columns: Free has no field 'titel'"),
    ):
        with pytest.raises(liteorm.ModelError, match=words):
            await db.update(Free(1, "d"), columns=columns)
    with pytest.raises(TypeError, match="columns takes field names"):
        await db.update(Free(1, "d"), columns=5)  # type: ignore[call-overload]
    assert (await db.update(Free(1, "d", "z"), columns=())).status == "new"


@pytest.mark.parametrize("model", GUARDED)
async def test_of_many_at_once_one_wins(db: AsyncDB, model: Any) -> None:
    """Of tasks that patch one row with one version exactly one writes; the others learn so."""
    for _ in range(5):
        read = await db.get(model, 1)
        outcomes: list[str] = []

        async def attempt(number: int, held: Any, outcomes: list[str]) -> None:
            try:
                await db.patch(model, 1, {"title": f"by {number}"}, version=version_of(held))
                outcomes.append("written")
            except liteorm.StaleRow:
                outcomes.append("stale")

        async with AsyncBackground() as background:
            running = [background.start(attempt, n, read, outcomes) for n in range(12)]
            for each in running:
                await each.result()
        assert sorted(outcomes) == ["stale"] * 11 + ["written"]


@pytest.mark.parametrize(
    ("decorate", "words"),
    [
        ({"version": "nope"}, "has version 'nope', which is no field"),
        ({"version": "id"}, "is both the key and the version"),
        ({"version": "title"}, "expected an int, or a field that the database fills, got str"),
    ],
)
async def test_a_version_that_cannot_be(db: AsyncDB, decorate: Any, words: str) -> None:
    """An unknown field, the key, a field of another type: said when the class is first used."""

    @liteorm.table("ticket", key="id", **decorate)
    @attrs.frozen
    class Odd:
        id: int
        title: str

    with pytest.raises(liteorm.ModelError, match=words):
        await db.get(Odd, 1)


async def test_a_stale_row_in_a_transaction_leaves_it_usable(db: AsyncDB) -> None:
    """Nothing has failed on the server."""
    async with db.transaction() as tx:
        with pytest.raises(liteorm.StaleRow):
            await tx.patch(Counted, 1, {"title": "x"}, version=99)
        await tx.patch(Counted, 1, {"title": "y"})
    assert (await db.get(Counted, 1)).title == "y"


async def test_an_update_that_a_trigger_suppresses(db: AsyncDB) -> None:
    """With the right version it is not called stale."""
    await db.execute("""
        CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER a_keep BEFORE UPDATE ON ticket FOR EACH ROW EXECUTE FUNCTION keep();
    """)
    with pytest.raises(liteorm.NoRows, match="a trigger or rule of ticket"):
        await db.update(Counted(1, "x"))
