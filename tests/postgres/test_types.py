"""Hold every type of the table to what it promises: scan, NULL, arrays, COPY back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import pytest

import liteorm
from liteorm import postgres, scan, scan_one
from liteorm._core.scanning.types import BUILTINS, EXTENSIONS
from liteorm_testing import Server, database
from tests.postgres.type_cases import CASES, Case

# One value has several texts: white space in JSON, -1 second as -1 day + 23:59:59
TEXT_VARIES = {"json", "interval"}
# Their text depends on the server's settings, or is a name and not the oid.
NO_TEXT = {"money", "regclass", "regtype"}
EXTENSION_NAMES = ["citext", "hstore", "ltree", "vector"]


@pytest.fixture(scope="module")
def db(liteorm_server: Server) -> Iterator[postgres.DB]:
    """One database for the module, with the extensions that its server has files for."""
    with database(liteorm_server) as made, postgres.open(made.dsn) as db:
        for name in available(db):
            db.execute(liteorm.sql("CREATE EXTENSION {}", liteorm.Ident(name)))
        yield db


def has_arrays(case: Case) -> bool:
    """Tell whether ARRAY[...] of the type's values is another type than the type's own."""
    return "[]" not in case.type and case.type not in ("oidvector", "int2vector")


def available(db: postgres.DB) -> set[str]:
    """Return the extensions which the server has files for."""
    names = scan(db.query("SELECT name::text FROM pg_available_extensions"), str)
    return set(names) & set(EXTENSION_NAMES)


@pytest.fixture(scope="module")
def extensions(db: postgres.DB) -> set[str]:
    """The extensions in the database."""
    return available(db)


def needs(case: Case, extensions: set[str]) -> None:
    """Pass over a type whose extension the server does not come with."""
    owner = {"lquery": "ltree"}.get(case.type, case.type)
    if owner in EXTENSION_NAMES and owner not in extensions:
        pytest.skip(f"this server has no {owner}")


def select(db: postgres.DB, expression: str) -> liteorm.Rows:
    """Run a SELECT whose text is put together by the test."""
    return db.query(f"SELECT {expression} AS value")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def one(rows: liteorm.Rows, annotation: Any) -> Any:
    """Scan the only value; in a tuple, so that a dict is the column's and not the row's."""
    return scan_one(rows, tuple[annotation])[0]


def quoted(text: str) -> str:
    """Return a string literal."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_value_arrives_as_annotated(db: postgres.DB, extensions: set[str], case: Case) -> None:
    """Each value equals its Python form, and has its class."""
    needs(case, extensions)
    rows = select(db, f"{quoted(case.literal)}::{case.type}")
    value = one(rows, case.annotation)
    assert value == case.value
    assert type(value) is type(case.value)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_null_needs_an_optional_field(db: postgres.DB, extensions: set[str], case: Case) -> None:
    """NULL is None where the annotation allows it, and an error naming column and row elsewhere."""
    needs(case, extensions)
    rows = select(db, f"NULL::{case.type}")
    if case.annotation is Any:
        assert one(rows, Any) is None
        return
    assert one(rows, case.annotation | None) is None
    with pytest.raises(liteorm.ScanError, match="is NULL") as caught:
        one(rows, case.annotation)
    assert (caught.value.column, caught.value.row) == ("value", 0)


@pytest.mark.parametrize("case", [c for c in CASES if has_arrays(c)], ids=str)
def test_an_array_holds_the_same_values(db: postgres.DB, extensions: set[str], case: Case) -> None:
    """An array of a type gives a list of what the type gives, NULL included."""
    needs(case, extensions)
    element: Any = case.annotation
    literal = f"ARRAY[{quoted(case.literal)}::{case.type}, NULL]"
    assert one(select(db, literal), list[element | None]) == [case.value, None]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_value_goes_back_by_copy(db: postgres.DB, extensions: set[str], case: Case) -> None:
    """What scan gave is stored by insert_many as the same value, to the letter."""
    needs(case, extensions)
    annotation: Any = case.annotation
    model = attrs.make_class(
        "Stored", {"value": attrs.field(type=annotation | None if annotation is not Any else Any)}
    )
    create = f"DROP TABLE IF EXISTS stored; CREATE TABLE stored (value {case.type})"
    db.execute(create)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    rows = select(db, f"{quoted(case.literal)}::{case.type}")
    objects = [*scan(rows, model), model(None)]
    assert db.insert_many(objects, table="stored") == 2
    if case.type in TEXT_VARIES or case.annotation in (set[str | None], frozenset[str]):
        stored = db.query("SELECT value FROM stored WHERE value IS NOT NULL")
        assert scan(stored, model) == objects[:1]
        return
    literal = quoted(case.literal)
    same = f"SELECT value::text IS NOT DISTINCT FROM ({literal}::{case.type})::text FROM stored"
    assert sorted(scan(db.query(same), bool)) == [False, True]  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    assert scan(db.query("SELECT value FROM stored WHERE value IS NOT NULL"), model) == objects[:1]


@pytest.mark.parametrize("case", [c for c in CASES if c.type not in NO_TEXT], ids=str)
def test_text_cursors_give_the_same(db: postgres.DB, extensions: set[str], case: Case) -> None:
    """A psycopg cursor in text form gives what a binary one gives."""
    needs(case, extensions)
    sql = f"SELECT {quoted(case.literal)}::{case.type} AS value"
    with postgres.pool(db).connection() as connection:
        rows = postgres.rows(connection.execute(sql, binary=False))
        assert one(rows, case.annotation) == case.value


@pytest.mark.parametrize("case", [c for c in CASES if c.type in NO_TEXT], ids=str)
def test_text_that_does_not_tell_the_value_is_refused(db: postgres.DB, case: Case) -> None:
    """Money and reg types, whose text depends on the server, ask for a binary cursor."""
    sql = f"SELECT {quoted(case.literal)}::{case.type} AS value"
    with postgres.pool(db).connection() as connection:
        rows = postgres.rows(connection.execute(sql, binary=False))
        with pytest.raises(liteorm.DataError, match="binary=True") as caught:
            one(rows, case.annotation)
    assert (caught.value.column, caught.value.row) == ("value", 0)


def test_every_type_of_the_table_has_a_case() -> None:
    """No row of the table is without a test."""
    tested = {case.type.partition("(")[0].strip('"') for case in CASES}
    untestable = {"unknown", "cstring", "void", "refcursor", "xml", "ltxtquery"} | {
        row.name for row in BUILTINS if row.name.startswith("reg")
    }
    assert {row.name for row in (*BUILTINS, *EXTENSIONS)} - tested - untestable == set()


@pytest.mark.parametrize(
    ("expression", "annotation", "expected"),
    [
        ("pg_notify('a', 'b')", None, None),
        ("'x'::refcursor", str, "x"),
        ("'pg_catalog.now'::regproc", int, 1299),
        ("ROW(1, 'a', NULL::int)", tuple[Any, ...], (1, "a", None)),
    ],
)
def test_odd_types(db: postgres.DB, expression: str, annotation: Any, expected: object) -> None:
    """Types outside the cases give a plain value too."""
    assert one(select(db, expression), annotation) == expected


def test_a_reg_type_gives_the_oid(db: postgres.DB) -> None:
    """What a reg type names is given by its oid, whatever that is on this server."""
    rows = db.query("SELECT 'english'::regconfig, 'english'::regconfig::oid")
    first, second = scan_one(rows, tuple[int, int])
    assert first == second > 0


def test_a_type_without_binary_form_says_to_cast(db: postgres.DB) -> None:
    """A type that the server cannot send in binary ends in an error which names the cast."""
    with pytest.raises(liteorm.Error, match="text"):
        db.query("SELECT acldefault('r', 10)")


@pytest.mark.parametrize(
    ("literal", "type_"),
    [
        ("infinity", "date"),
        ("4713-01-01 BC", "date"),
        ("infinity", "timestamp"),
        ("20000-01-01", "timestamptz"),
        ("24:00", "time"),
        ("24:00+00", "timetz"),
        ("1 mon", "interval"),
    ],
)
def test_what_python_cannot_hold_is_an_error_only_where_asked_for(
    db: postgres.DB, literal: str, type_: str
) -> None:
    """A value outside Python's classes is a DataError naming column and row, and harms no other."""
    sql = (
        f"SELECT n AS id, CASE WHEN n = 300 THEN '{literal}'::{type_} END AS value"
        " FROM generate_series(0, 400) n"
    )
    rows = db.query(sql)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]

    @attrs.define
    class OnlyId:
        id: int

    assert len(scan(rows, OnlyId, extra="ignore")) == 401
    with pytest.raises(liteorm.DataError) as caught:
        scan(rows, dict[str, Any])
    error = caught.value
    assert (error.column, error.row) == ("value", 300)
    assert error.__cause__ is not None
