"""What the server says of a value names the field and the object, whatever call sent it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Annotated, Any, cast

import attrs
import pytest

import liteorm
from liteorm import Column
from liteorm.postgres import AsyncDB

pytestmark = pytest.mark.anyio

SCHEMA = """
CREATE DOMAIN short AS varchar(3);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN given AS int NOT NULL;
CREATE TABLE held (
    id int PRIMARY KEY, name varchar(5), code short, pad bpchar(2), tags varchar(2)[], small int2,
    price numeric(4, 2), rough numeric(2, -1), bits varbit(3), flags bit(2), body jsonb, plain text,
    many text[], n int CHECK (n > 0), needed int NOT NULL DEFAULT 1, unlike int UNIQUE,
    other int REFERENCES held, at positive, sure given DEFAULT 1, upto int, least int,
    CHECK (least < upto)
);
"""


@liteorm.table("held", key="id")
@attrs.define
class Held:
    """A row of columns that refuse some values."""

    id: int = 1
    name: Any = None
    code: Any = None
    pad: Any = None
    tags: Any = None
    small: Any = None
    price: Any = None
    rough: Any = None
    bits: Any = None
    flags: Any = None
    body: Any = None
    plain: Any = None
    many: Any = None
    n: Any = 1
    needed: Any = 1
    unlike: Any = None
    other: Any = None
    at: Any = None
    sure: Any = 1
    upto: Any = 2
    least: Any = 1


BAD: list[tuple[str, Any, str | None]] = [
    ("name", "123456", "22001"),
    ("code", "1234", "22001"),
    ("pad", "123", "22001"),
    ("tags", ["ab", "abc"], "22001"),
    ("small", 40_000, None),
    ("price", Decimal("99.995"), "22003"),
    ("price", Decimal("Infinity"), "22003"),
    ("rough", Decimal(995), "22003"),
    ("bits", "1111", "22001"),
    ("flags", "111", "22026"),
    ("body", {"a": ["\0"]}, "22P05"),
    ("plain", "\0", None),
    ("many", ["a", "\0"], None),
    ("n", -1, "23514"),
    ("needed", None, "23502"),
    ("unlike", 7, "23505"),
    ("other", 99, "23503"),
    ("at", -1, "23514"),
    ("sure", None, "23502"),
]
"""A field, a value that its column refuses, and the code if only the server knows."""

Call = Callable[[AsyncDB, Held, Held], Awaitable[Any]]
ONE: dict[str, Call] = {
    "insert": lambda db, new, old: db.insert(new),
    "update": lambda db, new, old: db.update(old),
    "upsert": lambda db, new, old: db.upsert(new),
    "upsert, there": lambda db, new, old: db.upsert(old),
    "upsert, nothing": lambda db, new, old: db.upsert(new, update=()),
    "patch": lambda db, new, old: db.patch(Held, 1, attrs.asdict(old, filter=is_no_key)),
}
MANY: dict[str, Call] = {
    "insert_returning": lambda db, new, old: db.insert_returning([Held(5), new, Held(6)]),
    "insert_many": lambda db, new, old: db.insert_many([Held(5), new, Held(6)]),
    "upsert_many": lambda db, new, old: db.upsert_many([Held(5), new, Held(6)]),
    "update_many": lambda db, new, old: db.update_many([Held(2), old]),
}


def is_no_key(attribute: attrs.Attribute[Any], value: object) -> bool:
    """Tell whether a field may be patched."""
    return attribute.name != "id"


@pytest.fixture
async def db(liteorm_async_db: AsyncDB) -> AsyncDB:
    """The table, with rows."""
    await liteorm_async_db.execute(SCHEMA)
    await liteorm_async_db.insert_many([Held(1), Held(2), Held(3, unlike=7)])
    return liteorm_async_db


@pytest.mark.parametrize("call", ONE)
async def test_a_call_for_one_object_names_the_field(db: AsyncDB, call: str) -> None:
    """The server's refusal names field, column and table, and never the value."""
    for field, value, code in BAD:
        with pytest.raises(liteorm.Error) as caught:
            await ONE[call](db, Held(9, **{field: value}), Held(1, **{field: value}))
        error = caught.value
        assert (error.field, error.column, error.table, error.row) == (field, field, "held", None)
        assert f"Held.{field}" in str(error)
        assert code is None or error.sqlstate == code
        assert value in (None, "\0") or f" {value}" not in str(error)


@pytest.mark.parametrize("call", MANY)
async def test_a_call_for_many_objects_names_the_object_too(db: AsyncDB, call: str) -> None:
    """Which object it was is told where the value itself breaks what the column declares."""
    for field, value, code in BAD:
        with pytest.raises(liteorm.Error) as caught:
            await MANY[call](db, Held(9, **{field: value}), Held(1, **{field: value}))
        error = caught.value
        assert (error.field, error.column, error.table) == (field, field, "held")
        assert f"Held.{field}" in str(error)
        known = (code or "22")[:2] == "22" or (call == "insert_many" and code != "23503")
        assert error.row == 1 or (error.row is None and not known)


async def test_a_constraint_on_two_columns_blames_neither(db: AsyncDB) -> None:
    """What more than one column could be the reason of names the constraint alone."""
    with pytest.raises(liteorm.CheckViolation) as caught:
        await db.insert(Held(9, least=5))
    assert (caught.value.field, caught.value.constraint) == (None, "held_check")


async def test_what_a_trigger_did_is_not_blamed_on_a_field(db: AsyncDB) -> None:
    """A value that a trigger computed too long is none of the object's."""
    await db.execute("""
        CREATE FUNCTION lengthen() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN new.name := new.plain || 'more'; RETURN new; END $$;
        CREATE TRIGGER lengthen BEFORE INSERT ON held FOR EACH ROW EXECUTE FUNCTION lengthen();
    """)
    with pytest.raises(liteorm.DataError) as caught:
        await db.insert(Held(9, plain="abcdef"))
    assert (caught.value.field, caught.value.sqlstate) == (None, "22001")


async def test_a_codec_that_fails_does_not_hide_the_error(db: AsyncDB) -> None:
    """The server's sentence is told although the value cannot be looked at again."""

    class Once:
        calls = 0

        def decode(self, value: str) -> str:
            return value

        def encode(self, value: str) -> str:
            self.calls += 1
            if self.calls > 2:
                raise LookupError
            return value

    @liteorm.table("held", key="id")
    @attrs.define
    class Coded:
        id: int
        name: Annotated[str, Column(codec=Once())]

    with pytest.raises(liteorm.DataError) as caught:
        await db.insert(Coded(9, "123456"))
    assert caught.value.sqlstate == "22001"


async def test_none_where_the_database_would_fill_the_column_has_the_remedy(db: AsyncDB) -> None:
    """Fields of the `id: int | None = None` kind are told how the database fills them."""
    await db.execute("""
        CREATE TABLE filled (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
            at int NOT NULL DEFAULT 1, plain int NOT NULL)
    """)

    @liteorm.table("filled", key="id")
    @attrs.define
    class Filled:
        id: int | None = None
        at: int | None = 1
        plain: int | None = 1

    calls: list[Callable[[Filled], Awaitable[Any]]] = [
        lambda one: db.insert(one),
        lambda one: db.insert_many([one]),
        lambda one: db.insert_returning([one]),
        lambda one: db.upsert(one),
        lambda one: db.upsert_many([one]),
    ]
    for call in calls:
        for one, field in (
            (Filled(), "id"),
            (Filled(1, None), "at"),
            (Filled(1, 1, None), "plain"),
        ):
            with pytest.raises(liteorm.NotNullViolation) as caught:
                await call(one)
            assert caught.value.field == field
            told = "Column(generated=True)" in (caught.value.hint or "")
            assert told == (field != "plain")


async def test_a_field_that_the_database_fills_is_named(db: AsyncDB) -> None:
    """Who sends what is GENERATED ALWAYS is told to mark the field, by every call."""
    await db.execute("""
        CREATE TABLE made (id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED);
        INSERT INTO made VALUES (1, 1)
    """)

    @liteorm.table("made", key="id")
    @attrs.define
    class Made:
        id: int
        a: int
        twice: int

    calls: list[Callable[[], Awaitable[Any]]] = [
        lambda: db.insert(Made(2, 1, 2)),
        lambda: db.update(Made(1, 1, 2)),
        lambda: db.upsert(Made(1, 1, 2)),
        lambda: db.patch(Made, 1, {"twice": 2}),
        lambda: db.insert_returning([Made(2, 1, 2)]),
        lambda: db.insert_many([Made(2, 1, 2)]),
        lambda: db.upsert_many([Made(2, 1, 2)]),
        lambda: db.update_many([Made(1, 1, 2)]),
    ]
    for call in calls:
        with pytest.raises(liteorm.StatementError) as caught:
            await call()
        assert (caught.value.field, caught.value.table) == ("twice", "made")
        assert "Column(generated=True)" in str(caught.value)


async def test_a_conflict_over_a_column_that_the_database_computes(db: AsyncDB) -> None:
    """`conflict=` takes a generated column, which is computed of what is sent."""
    await db.execute("""
        CREATE TABLE user_names (id int PRIMARY KEY, name text,
            folded text GENERATED ALWAYS AS (lower(name)) STORED UNIQUE,
            number int GENERATED BY DEFAULT AS IDENTITY UNIQUE)
    """)

    @liteorm.table("user_names", key="id")
    @attrs.define
    class Name:
        id: int
        name: str
        folded: Annotated[str, Column(generated=True)] = ""
        number: Annotated[int, Column(generated=True)] = 0

    first = await db.upsert(Name(1, "Ann"), conflict="folded")
    assert first == Name(1, "Ann", "ann", first.number)
    again = await db.upsert(Name(2, "ANN"), conflict="folded", update="name")
    assert again == Name(1, "ANN", "ann", first.number)
    assert await db.upsert(Name(3, "aNN"), conflict="folded", update=()) == again
    assert await db.upsert_many([Name(1, "ann"), Name(4, "Bob")], conflict="folded") == 2
    assert await db.upsert_many([Name(5, "BOB")], conflict=["folded"], update=()) == 0
    with pytest.raises(liteorm.DataError, match="comes twice"):
        await db.upsert_many([Name(6, "x"), Name(7, "X")], conflict="folded", update=())
    with pytest.raises(liteorm.ModelError, match="never in conflict"):
        await db.upsert(Name(1, "y"), "number")
    with pytest.raises(liteorm.ModelError, match="never in conflict"):
        await db.upsert_many([Name(1, "y")], conflict="number")


@pytest.mark.parametrize("version", ["xmin", "ctid", "xmax"])
async def test_a_system_column_may_be_the_version(db: AsyncDB, version: str) -> None:
    """Every table has the columns of the system, which are compared as they are asked for."""
    made: Any = attrs.make_class(
        "Row",
        {
            "id": attrs.field(type=int),
            "plain": attrs.field(type=str),
            version: attrs.field(
                type=cast("Any", Annotated[Any, Column(generated=True)]), default=None
            ),
        },
    )
    model = liteorm.table("held", key="id", version=version)(made)
    row = await db.insert(model(40, "a"))
    assert (await db.update(attrs.evolve(row, plain="b"))).plain == "b"
    if version != "xmax":
        with pytest.raises(liteorm.StaleRow):
            await db.patch(model, 40, {"plain": "c"}, version=getattr(row, version))


LONG: list[tuple[str, str, Any]] = [
    ("domain", "short", "1234"),
    ("domain of a domain", "shorter", "1234"),
    ("domain of an array", "shorts", ["1234"]),
    ("array of a domain", "short[]", ["1234"]),
    ("domain of bits", "few", "1010"),
    ("domain of padded text", "padded", "1234"),
    ("range's bound", "texts", liteorm.Range("1234", "2345")),
    ("attribute", "pair", ("1234", 1)),
]


@pytest.mark.parametrize(("kind", "type_", "value"), LONG)
async def test_no_call_cuts_a_value(db: AsyncDB, kind: str, type_: str, value: Any) -> None:
    """What is too long for its type is refused by every call, wherever the length is declared."""
    await db.execute("""
        CREATE DOMAIN shorter AS short; CREATE DOMAIN shorts AS varchar(3)[];
        CREATE DOMAIN few AS varbit(3); CREATE DOMAIN padded AS bpchar(3);
        CREATE TYPE texts AS RANGE (SUBTYPE = short); CREATE TYPE pair AS (a varchar(3), b int)
    """)
    await db.execute(cast("Any", f"ALTER TABLE held ADD long {type_}"))

    @liteorm.table("held", key="id")
    @attrs.define
    class Long:
        id: int
        long: Any

    new, old = Long(9, value), Long(1, value)
    calls: list[Callable[[], Awaitable[Any]]] = [
        lambda: db.insert(new),
        lambda: db.update(old),
        lambda: db.upsert(old),
        lambda: db.patch(Long, 1, {"long": value}),
        lambda: db.insert_returning([new]),
        lambda: db.insert_many([new]),
        lambda: db.upsert_many([new]),
        lambda: db.update_many([old]),
    ]
    for call in calls:
        with pytest.raises(liteorm.DataError, match="too long") as caught:
            await call()
        assert caught.value.sqlstate == "22001"


async def test_numbers_that_are_the_databases_are_refused_by_copy_too(db: AsyncDB) -> None:
    """Of GENERATED ALWAYS AS IDENTITY no call stores a number, with one sentence and one hint."""
    await db.execute(
        "CREATE TABLE numbered (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int)"
    )

    @liteorm.table("numbered", key="id")
    @attrs.define
    class Numbered:
        id: Any
        a: int

    calls: list[Callable[[], Awaitable[Any]]] = [
        lambda: db.insert(Numbered(2, 1)),
        lambda: db.upsert(Numbered(2, 1)),
        lambda: db.insert_returning([Numbered(2, 1)]),
        lambda: db.insert_many([Numbered(2, 1)]),
        lambda: db.insert_many([Numbered(2, 1)], columns=["id"]),
        lambda: db.upsert_many([Numbered(2, 1)]),
    ]
    for call in calls:
        with pytest.raises(liteorm.StatementError, match=r'value into column "id"') as caught:
            await call()
        error = caught.value
        assert (error.sqlstate, error.field, error.column) == ("428C9", "id", "id")
        assert error.table == "numbered"
        assert "Column(generated=True)" in (error.hint or "")
    assert await db.insert_many([Numbered(liteorm.UNSET, 1)]) == 1
    assert [*(await db.query("SELECT a FROM numbered"))] == [(1,)]


async def test_what_an_upsert_is_refused_for_is_named(db: AsyncDB) -> None:
    """The field of a constraint on one column, and the object where there is but one it can be."""
    await db.execute(
        "CREATE TABLE few (id int PRIMARY KEY, n int CHECK (n > 0), need int NOT NULL)"
    )

    @liteorm.table("few", key="id")
    @attrs.define
    class Few:
        id: int
        n: int
        need: Any = 1

    cases: list[tuple[list[Few], str, int | None]] = [
        ([Few(1, -1)], "n", 0),
        ([Few(1, 1), Few(2, -1)], "n", None),
        ([Few(1, 1), Few(2, 1, None)], "need", 1),
    ]
    for objects, field, row in cases:
        with pytest.raises(liteorm.IntegrityError) as caught:
            await db.upsert_many(objects)
        assert (caught.value.field, caught.value.row) == (field, row)
