"""The text of writing statements, and the code that takes objects apart."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import attrs
import pytest

import liteorm
from liteorm import Column
from liteorm._core.models.classes import model_of
from liteorm._core.models.extract import Extraction, extractor, parameters
from liteorm._core.models.model import Field, Model, Table
from liteorm._core.sql import bulk, crud, writable


@liteorm.table("app.users", key="id")
@attrs.define
class User:
    """A class with everything that matters to the text."""

    name: str
    percent: Annotated[int, Column("100%")]
    id: Annotated[int | None, Column(generated=True)] = None


MODEL = model_of(User)
TABLE = writable.table_for(MODEL)
ALL = '"name", "100%%", "id"'


@pytest.mark.parametrize(
    ("build", "sql"),
    [
        (
            lambda model, table: crud.insert_statement(model, table, model),
            f'INSERT INTO "app"."users" ("name", "100%%") VALUES (%s, %s) RETURNING {ALL}',
        ),
        (
            lambda model, table: crud.update_statement(model, table, model),
            f'UPDATE "app"."users" SET "name" = %s, "100%%" = %s WHERE "id" = %s RETURNING {ALL}',
        ),
        (
            lambda model, table: crud.upsert_statement(model, table, model, ("name",)).statement,
            'INSERT INTO "app"."users" ("name", "100%%") VALUES (%s, %s) ON CONFLICT ("name") '
            f'DO UPDATE SET "100%%" = EXCLUDED."100%%" RETURNING {ALL}',
        ),
        (crud.delete_statement, 'DELETE FROM "app"."users" WHERE "id" = %s RETURNING true'),
        (crud.get_statement, f'SELECT {ALL} FROM "app"."users" WHERE "id" = %s'),
    ],
)
def test_statements(build: Any, sql: str) -> None:
    """Quoted names, a doubled % where the driver looks for placeholders."""
    assert build(MODEL, TABLE).sql == sql


def test_bulk_statements() -> None:
    """COPY takes no parameters, so a % stays as it is."""
    sent = writable.sent_fields(MODEL)
    keys = writable.fields_named(MODEL, "name", "conflict")
    assert bulk.copy_text('"t"', sent, binary=True) == (
        'COPY "t" ("name", "100%") FROM STDIN (FORMAT binary)'
    )
    assert bulk.copy_text('"t"', sent, binary=False) == 'COPY "t" ("name", "100%") FROM STDIN'
    assert bulk.staging_text('"s"', TABLE, sent) == (
        'CREATE TEMPORARY TABLE "s" ON COMMIT DROP AS '
        'SELECT "name", "100%" FROM "app"."users" WITH NO DATA'
    )
    assert bulk.merge_text('"s"', TABLE, sent, keys, sent[1:]) == (
        'INSERT INTO "app"."users" ("name", "100%") SELECT "name", "100%" FROM "s" '
        'ORDER BY "name" ON CONFLICT ("name") DO UPDATE SET "100%" = EXCLUDED."100%"'
    )
    assert bulk.merge_text('"s"', TABLE, sent, keys, ()).endswith("DO NOTHING RETURNING 1")
    assert "count(*) > 1" in bulk.duplicates_text('"s"', keys)


@pytest.mark.parametrize("merge", [True, False])
def test_array_statements(merge: bool) -> None:
    """One array for each column; MERGE gives the number of each row, else ORDER BY decides."""
    types = [("text", ""), ("text", "::int4[]")]
    sql = bulk.insert_returning_text(MODEL, TABLE, writable.sent_fields(MODEL), types, merge=merge)
    assert "unnest(%s::text[], %s::text[]) WITH ORDINALITY AS s(c0, c1, n)" in sql
    assert "s.c1::int4[]" in sql
    assert ("MERGE INTO" in sql) is merge
    assert ("ORDER BY m.n" if merge else "ORDER BY s.n RETURNING") in sql


def test_tables() -> None:
    """The one given goes before the class's own; the key stays the class's."""
    assert writable.table_for(MODEL, "other") == Table(None, "other", ("id",))
    assert crud.table_name(Table(None, 'a"b')) == '"a""b"'
    plain = writable.model_of_object({"a": 1})
    assert writable.table_for(plain, "x.y") == Table("x", "y")
    with pytest.raises(liteorm.ModelError, match="dict has no table\ngive table="):
        writable.table_for(plain)
    with pytest.raises(liteorm.ModelError, match="dict has no key\ngive conflict="):
        writable.key_fields(plain, Table(None, "t"))
    for bad in ({}, {1: 2}):
        with pytest.raises(liteorm.ModelError, match="column names as its keys"):
            writable.model_of_object(bad)


def test_field_names() -> None:
    """Fields are named as they are; the near miss is offered."""
    assert [f.name for f in writable.fields_named(MODEL, ["name", "name"], "x")] == ["name"]
    with pytest.raises(liteorm.ModelError, match="did you mean 'name'"):
        writable.fields_named(MODEL, "nmae", "columns")
    with pytest.raises(liteorm.ModelError, match="never sent"):
        writable.sent_fields(MODEL, ["id"])
    with pytest.raises(liteorm.ModelError, match="no field to send"):
        writable.sent_fields(MODEL, [])
    with pytest.raises(liteorm.ModelError, match="at least one"):
        writable.conflict_fields(MODEL, TABLE, [], MODEL.fields)


def test_key_values() -> None:
    """One value, or a tuple of as many as the key has fields."""
    one, two = MODEL.fields[:1], MODEL.fields[:2]
    anything = [attrs.evolve(one[0], hint=attrs.evolve(one[0].hint, kind="any"))]
    assert writable.key_values(MODEL, one, 1) == writable.key_values(MODEL, one, (1,)) == [1]
    assert writable.key_values(MODEL, one, [1, 2]) == [[1, 2]]
    assert writable.key_values(MODEL, anything, (1, 2)) == [(1, 2)]
    assert writable.key_values(MODEL, two, (1, None)) == [1, None]
    with pytest.raises(liteorm.ModelError, match="tuple of 2 values, got 1"):
        writable.key_values(MODEL, two, 1)
    with pytest.raises(liteorm.ModelError, match="expected one value, got 2"):
        writable.key_values(MODEL, one, (1, 2))


def ready(value: Any) -> Any:
    """Stand for an encoder."""
    return ("ready", value)


def packed(model: Model, parts: list[Extraction], objs: list[Any], *, trusting: bool) -> list[Any]:
    """Return the rows that the generated code packs."""
    rows: list[Any] = []
    encode = extractor(model, parts, trusting=trusting)
    encode(objs, lambda row, state, buffer: buffer.append(row), None, rows)
    return rows


def test_generated_code_looks_at_values() -> None:
    """A value of the expected class passes, None too, all others are made ready."""
    name, percent, _ = MODEL.fields
    parts = [
        Extraction(name, str, "", ready, strict=True),
        Extraction(percent, int, "not 0 <= {v} <= 9", ready),
    ]
    objs: list[Any] = [User("a", 1), User(None, 10), User(5, None)]  # type: ignore[arg-type]
    careful = [("a", 1), (None, ("ready", 10)), (("ready", 5), None)]
    assert packed(MODEL, parts, objs, trusting=False) == careful
    assert packed(MODEL, parts, objs, trusting=True) == [*careful[:2], (5, None)]
    take = parameters(MODEL, parts)
    assert [take(obj) for obj in objs] == careful
    assert parameters(MODEL, [])(objs[0]) == ()
    assert inspect.getsource(take) == (
        "def parameters(obj):\n"
        "    value_name = obj.name\n"
        "    if type(value_name) is not class_0 and value_name is not None:\n"
        "        value_name = ready_0(value_name)\n"
        "    value_percent = obj.percent\n"
        "    if (type(value_percent) is not class_1 or not 0 <= value_percent <= 9)"
        " and value_percent is not None:\n"
        "        value_percent = ready_1(value_percent)\n"
        "    return (value_name, value_percent,)\n"
    )


def test_generated_code_takes_any_name() -> None:
    """Keys of dicts are never source; nor are attributes that the compiler would rewrite."""
    odd = ["a b", "class", "x']; import os", "ﬁ", "é", "3"]
    row: Any = dict.fromkeys(odd, 1)
    model = writable.model_of_object(row)
    parts = [Extraction(field, int, "", ready) for field in model.fields]
    assert packed(model, parts, [row], trusting=True) == [(1,) * len(odd)]
    with pytest.raises(KeyError):
        packed(model, parts, [row | {"more": 1}], trusting=True)
    holder: Any = type("Holder", (), row)
    fields = [Field(name, name, name, model.fields[0].hint, required=True) for name in odd]
    attributes = Model(cls=holder, name="Holder", kind="attrs", fields=tuple(fields))
    parts = [Extraction(field, int, "", ready) for field in fields]
    assert packed(attributes, parts, [holder()], trusting=False) == [(1,) * len(odd)]
    assert [writable.value_of(attributes, field, holder()) for field in fields] == [1] * len(odd)


def test_generated_code_calls_codecs() -> None:
    """A field's codec goes first, and sees no None."""

    class Double:
        def decode(self, value: Any) -> Any:
            return value

        def encode(self, value: Any) -> Any:
            return value * 2

    field = attrs.evolve(MODEL.fields[1], codec=Double())
    parts = [Extraction(field, int, "", ready, strict=True)]
    objs: list[Any] = [User("a", 4), User("a", None)]  # type: ignore[arg-type]
    assert packed(MODEL, parts, objs, trusting=True) == [(8,), (None,)]
    assert writable.key_values(MODEL, [field], 3) == [6]
