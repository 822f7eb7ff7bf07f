"""msgspec Structs, Pydantic models and SQLModel classes: read, nested, in JSON, written."""

from __future__ import annotations

import datetime as dt
import importlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Annotated, Any, Generic, Literal, TypeVar

import attrs
import msgspec
import pytest
import sqlmodel
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    ValidationError,
    field_validator,
)

import liteorm
from liteorm import Column, DataError, Json, ModelError, ScanError, postgres, scan, scan_one, table
from tests.postgres.scanning import query

T = TypeVar("T")


class Author(BaseModel):
    """A small model."""

    id: int
    name: str


@table("book", key="id")
class Book(BaseModel):
    """Aliases, defaults, a validator, a nested model."""

    model_config = ConfigDict(extra="allow")

    id: int
    title: str = Field(alias="Title of")
    price: float | None = None
    made: dt.date = dt.date(2020, 1, 1)
    tags: list[str] = []
    meta: Author | None = None

    @field_validator("price")
    @classmethod
    def not_negative(cls, value: float | None) -> float | None:
        """Refuse a negative price."""
        if value is not None and value < 0:
            raise ValueError("negative")
        return value


class Page(BaseModel, Generic[T]):
    """A generic model."""

    item: T
    n: int


class Cat(BaseModel):
    """One of a union."""

    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    """Another one."""

    kind: Literal["dog"]
    name: str


class Owner(BaseModel):
    """A union that a field tells apart, and one that is tried."""

    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    others: list[Cat | Dog] = []
    maybe: Cat | Dog | None = None


@attrs.frozen
class Kennel:
    """An attrs class with a union of models in it."""

    pet: Cat | Dog
    by_name: dict[str, Cat | Dog]


class Named(BaseModel):
    """Other ways to name a field; one of them is a keyword of Python."""

    a: int = Field(validation_alias=AliasChoices("first", "second"))
    b: int = Field(alias="class")
    c: Annotated[int, Column(name="third")]


class Point(msgspec.Struct, rename="camel", frozen=True):
    """A Struct whose fields have other names outside."""

    point_x: int
    point_y: int = 0


class Circle(msgspec.Struct, tag="circle"):
    """One of a tagged union."""

    r: float


class Square(msgspec.Struct, tag="square"):
    """The other one."""

    a: float


class Keyword(msgspec.Struct, kw_only=True):
    """Keyword-only."""

    a: int


class Both(Keyword):
    """Positional after keyword-only."""

    b: str


class Box(msgspec.Struct, Generic[T]):
    """A generic Struct."""

    item: T


class Hero(sqlmodel.SQLModel, table=True):
    """A table of SQLModel's."""

    id: int | None = sqlmodel.Field(default=None, primary_key=True)
    name: str


class HeroPublic(sqlmodel.SQLModel):
    """A model of SQLModel's without a table."""

    id: int
    name: str


@pytest.fixture
def db(liteorm_database: Any) -> Iterator[postgres.DB]:
    """An open database with a table of books."""
    with postgres.open(liteorm_database.dsn) as db:
        db.execute(
            'CREATE TABLE book (id int PRIMARY KEY, "Title of" text, price float8, made date,'
            " tags text[], meta jsonb)"
        )
        yield db


BOOK = Book(**{"id": 1, "Title of": "x", "meta": Author(id=1, name="n")})


@pytest.mark.parametrize(
    ("sql", "model", "wanted"),
    [
        ("SELECT 1 AS id, 'x' AS name", Author, Author(id=1, name="x")),
        (
            """SELECT 1 AS id, 't' AS "Title of", 2.5::float8 AS price""",
            Book,
            Book(**{"id": 1, "Title of": "t", "price": 2.5}),
        ),
        ("SELECT 1 AS item, 5 AS n", Page[int], Page[int](item=1, n=5)),
        (
            """SELECT '{"id": 1, "name": "x"}'::jsonb AS item, 5 AS n""",
            Page[Author],
            Page[Author](item=Author(id=1, name="x"), n=5),
        ),
        (
            """SELECT 1 AS "item.id", 'a' AS "item.name", 5 AS n""",
            Page[Author],
            Page[Author](item=Author(id=1, name="a"), n=5),
        ),
        (
            'SELECT 1 AS first, 2 AS "class", 3 AS third',
            Named,
            Named(**{"first": 1, "class": 2, "c": 3}),
        ),
        ("SELECT ROW(1, 'x')", tuple[Author], (Author(id=1, name="x"),)),
        ("SELECT 1 AS id, 'x' AS name", HeroPublic, HeroPublic(id=1, name="x")),
        ('SELECT 1 AS "pointX"', Point, Point(1)),
        ('SELECT 2 AS "pointY", 1 AS "pointX"', Point, Point(1, 2)),
        ("SELECT 'b' AS b, 1 AS a", Both, Both("b", a=1)),
        ("SELECT 1 AS item", Box[int], Box(1)),
        ("""SELECT '{"pointX": 7}'::jsonb""", tuple[Point], (Point(7),)),
        (
            """SELECT '[{"type": "circle", "r": 1.5}, {"type": "square", "a": 2}]'::jsonb""",
            tuple[list[Circle | Square]],
            ([Circle(1.5), Square(2.0)],),
        ),
        ("SELECT ARRAY[ROW(1, 2), ROW(3, 4)]", tuple[list[Point]], ([Point(1, 2), Point(3, 4)],)),
    ],
)
def test_rows_become_objects(db: postgres.DB, sql: str, model: Any, wanted: Any) -> None:
    """By alias and rename, with defaults, generics, dotted names, records and JSON."""
    [found] = scan(query(db, sql), model)
    assert found == wanted
    assert type(found) is type(wanted)


def test_a_table_of_sqlmodel_is_filled(db: postgres.DB) -> None:
    """An object of a SQLModel table is one that SQLAlchemy would take."""
    [hero] = scan(db.query("SELECT 1 AS id, 'x' AS name"), Hero)
    assert (hero.id, hero.name) == (1, "x")
    assert hero.model_fields_set == {"id", "name"}


def test_fields_that_are_set_are_known(db: postgres.DB) -> None:
    """Only the columns that came count as set."""
    [book] = scan(db.query("""SELECT 1 AS id, 't' AS "Title of" """), Book)
    assert book.model_fields_set == {"id", "title"}


def test_what_a_validator_raises_comes_through(db: postgres.DB) -> None:
    """Pydantic's error arrives as it is, with a note that names column and row."""
    sql = """SELECT n AS id, 't' AS "Title of", (1 - n)::float8 AS price
               FROM generate_series(1, 3) AS n ORDER BY n"""
    with pytest.raises(ValidationError, match="negative") as caught:
        scan(db.query(sql), Book)
    assert caught.value.__notes__ == ['while scanning Book: column "price", row 1']


def test_unions_of_models_are_read_from_json(db: postgres.DB) -> None:
    """Pydantic chooses among the models of a union, wherever the union stands in JSON."""
    cat, dog = Cat(kind="cat", lives=9), Dog(kind="dog", name="Rex")
    owner = Owner(pet=dog, others=[cat, dog], maybe=cat)
    rows = db.query("SELECT %s AS pet, %s AS others, %s AS maybe", [dog, Json([cat, dog]), cat])
    assert scan(rows, Owner) == [owner]
    assert scan(db.query("SELECT %s", [owner]), tuple[Owner]) == [(owner,)]
    kennel = Kennel(cat, {"a": dog, "b": cat})
    rows = db.query("SELECT %s AS pet, %s AS by_name", [cat, Json(kennel.by_name)])
    assert scan(rows, Kennel) == [kennel]


@pytest.mark.parametrize("model", [Owner, Kennel])
def test_a_tag_that_no_model_has_is_not_quoted(db: postgres.DB, model: Any) -> None:
    """What stands in the JSON is in no message."""
    rows = db.query("SELECT %s AS pet, '{}'::jsonb AS by_name", [{"kind": "secret", "lives": 1}])
    with pytest.raises(ScanError, match='column "pet", row 0, does not decode') as caught:
        scan(rows, model, extra="ignore")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("sql", "model", "sentence"),
    [
        (
            """SELECT 1 AS id, 't' AS "Title of", 2.5 AS price""",
            Book,
            "numeric .Decimal.; Book.price",
        ),
        ("""SELECT 1 AS id, 't' AS "Title of", 5 AS other""", Book, "no field of Book for column"),
        ("SELECT 1 AS id, 'x' AS title", Book, '"Title of"'),
        ("SELECT 1 AS point_x", Point, '"pointX"'),
        (
            """SELECT '[{"id": 1, "name": "x"}, {"id": "secret"}]'::jsonb""",
            tuple[list[Author]],
            r"valid integer.* in Author.id at \$\[1\]",
        ),
        ("""SELECT '{"type": "other"}'::jsonb""", tuple[Circle | Square], r"at `?\$.type"),
        ("""SELECT '{"point_x": 1}'::jsonb""", tuple[Point], "pointX"),
    ],
)
def test_what_does_not_fit_is_a_scan_error(
    db: postgres.DB, sql: Any, model: Any, sentence: str
) -> None:
    """Types, names and JSON are held against the model before it sees them; no value is told."""
    with pytest.raises(ScanError, match=sentence) as caught:
        scan(db.query(sql), model)
    assert "secret" not in str(caught.value)


class Root(RootModel[int]):
    """Wraps one value."""


class Inside(BaseModel):
    """Taken from inside other data."""

    a: int = Field(validation_alias=AliasPath("x", 0))


class Unresolved(BaseModel):
    """Names a class that is nowhere."""

    a: Nowhere  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (Root, "RootModel"),
        (Inside, "a path inside other data"),
        (Unresolved, "model_rebuild"),
    ],
)
def test_models_that_cannot_be_mapped_say_why(db: postgres.DB, model: Any, sentence: str) -> None:
    """What no row can fill is a ModelError with the remedy."""
    with pytest.raises(ModelError) as caught:
        scan(db.query("SELECT 1 AS a"), model)
    assert sentence in str(caught.value)


def test_a_class_that_nothing_maps_is_told_what_would(db: postgres.DB) -> None:
    """The error names the kinds of classes there are."""

    class Plain:
        """No fields."""

    with pytest.raises((ModelError, ScanError), match="attrs") as caught:
        scan(db.query("SELECT 1 AS a, 2 AS b"), Plain)
    assert "Struct" in str(caught.value)
    assert "Pydantic" in str(caught.value)


def test_objects_are_written(db: postgres.DB) -> None:
    """Insert, update, upsert, COPY and the calls that return rows take them as any class."""
    assert db.insert(BOOK) == BOOK
    assert db.get(Book, 1) == BOOK
    other = BOOK.model_copy(update={"id": 2})
    assert db.insert_many([other]) == 1
    assert db.upsert_many([other, BOOK]) == 2
    changed = BOOK.model_copy(update={"title": "y"})
    assert db.update(changed) == changed
    assert db.upsert(BOOK) == BOOK
    third = BOOK.model_copy(update={"id": 3})
    assert db.insert_returning([third]) == [third]
    assert db.delete(third)
    db.execute('CREATE TABLE point ("pointX" int, "pointY" int)')
    assert db.insert_many([Point(1), Point(2, 3)], table="point") == 2
    rows = db.query('SELECT * FROM point ORDER BY "pointX"')
    assert scan(rows, Point) == [Point(1, 0), Point(2, 3)]
    db.execute("CREATE TABLE hero (id int, name text)")
    assert db.insert_many([Hero(id=1, name="x")], table="hero") == 1


def test_objects_are_parameters_and_json(db: postgres.DB) -> None:
    """As a parameter an object is jsonb under the names that JSON has."""
    for value in (Point(1, 2), BOOK, HeroPublic(id=1, name="x"), Circle(1.0)):
        [stored] = scan(db.query("SELECT %s::jsonb", [value]), tuple[type(value)])
        assert stored == (value,)
    both = scan_one(db.query("SELECT %s::jsonb", [Json([Point(1), BOOK])]), Any)
    assert both[0] == {"pointX": 1, "pointY": 0}
    assert both[1]["Title of"] == "x"
    for bad in (Circle(float("nan")), Book.model_construct(id=1, price=float("inf"))):
        with pytest.raises(DataError, match="NaN"):
            db.query("SELECT %s::jsonb", [bad])


def test_objects_stand_in_composites_and_json_columns(db: postgres.DB) -> None:
    """A composite takes a model by attribute names, a jsonb column any of them."""

    class Holder(msgspec.Struct):
        """A composite and JSON."""

        author: Author
        point: Point

    db.execute("CREATE TYPE author AS (id int, name text)")
    db.execute("CREATE TABLE holder (author author, point jsonb)")
    held = Holder(Author(id=1, name="x"), Point(4))
    assert db.insert_many([held], table="holder") == 1
    assert scan(db.query("SELECT * FROM holder"), Holder) == [held]


@pytest.mark.anyio
async def test_the_async_half_takes_them_too(liteorm_async_db: postgres.AsyncDB) -> None:
    """Reading and writing are the same on an asynchronous session."""
    await liteorm_async_db.execute("CREATE TABLE author (id int PRIMARY KEY, name text)")
    authors = [Author(id=n, name="x") for n in range(3)]
    assert await liteorm_async_db.insert_many(authors, table="author") == 3
    rows = await liteorm_async_db.query("SELECT * FROM author ORDER BY id")
    assert scan(rows, Author) == authors


def test_pydantic_is_never_imported_by_liteorm() -> None:
    """Whoever does not use Pydantic does not pay for it."""
    code = (
        "import sys, attrs, liteorm\n"
        "from liteorm._core.models.classes import model_of\n"
        "import liteorm.postgres\n"
        "print('pydantic' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
    assert importlib.util.find_spec("pydantic") is not None
    assert liteorm.table is table
