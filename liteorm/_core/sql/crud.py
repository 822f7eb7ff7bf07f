"""Model → the text of INSERT, UPDATE, upsert, DELETE, get, and of what bulk loads need.

Pure: nothing here runs SQL or knows a driver. Text is built once for each (model, table, shape).
Field names come in, quoted column names go out.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from liteorm._core.models.classes import Field, Model, Table, model_of, table_named
from liteorm._core.models.hints import Hint
from liteorm._core.sql.text import quoted
from liteorm.errors import ModelError


def near_name(name: str, known: Iterable[str]) -> str | None:
    """Return the name that was probably meant."""
    from difflib import get_close_matches  # for errors only

    near = get_close_matches(name, list(known), 1)
    return near[0] if near else None


def model_of_object(obj: Any) -> Model:
    """Return the model of an object to be written; a plain dict is its own model.

    Raises:
        ModelError: Its class has no fields.
    """
    cls: Any = obj.__class__
    return _dict_model(tuple(obj)) if cls is dict else model_of(cls)


@functools.lru_cache(maxsize=512)
def _dict_model(keys: tuple[Any, ...]) -> Model:
    if not keys or not all(isinstance(key, str) for key in keys):
        raise ModelError(
            "a dict to be written needs column names as its keys",
            model="dict",
            hint="expected at least one key, and strings only",
        )
    anything = Hint("any", object, optional=True, annotation=Any)
    fields = tuple(Field(key, key, key, anything, required=True) for key in keys)
    return Model(cls=dict, name="dict", kind="typeddict", fields=fields)


def table_for(model: Model, given: str | None = None) -> Table:
    """Return the table of a model's objects: the one given, else the class's own.

    Raises:
        ModelError: There is neither.
    """
    if given is not None:
        split = table_named(given)
        return attrs.evolve(split, key=model.table.key if model.table else ())
    if model.table is None:
        raise ModelError(
            f"{model.name} has no table",
            model=model.name,
            hint="give table= where it is taken; a dict does not know its TypedDict, nor its table"
            if model.cls is dict
            else f'put @liteorm.table("...") on {model.name}, or give table= where it is taken',
        )
    return model.table


def fields_named(model: Model, names: str | Iterable[str], argument: str) -> tuple[Field, ...]:
    """Return the fields with these names.

    Raises:
        ModelError: There is no such field.
    """
    found: list[Field] = []
    for name in (names,) if isinstance(names, str) else names:
        field = model.field(name)
        if field is None:
            known = [field.init_name for field in model.fields]
            near = near_name(str(name), known)
            raise ModelError(
                f"{argument}: {model.name} has no field {name!r}, it has {', '.join(known)}",
                model=model.name,
                field=str(name),
                hint=f"did you mean {near!r}?" if near else None,
            )
        if field not in found:
            found.append(field)
    return tuple(found)


def sent_fields(model: Model, columns: str | Iterable[str] | None = None) -> tuple[Field, ...]:
    """Return the fields that are sent: those asked for, else all that the database does not fill.

    Raises:
        ModelError: One asked for is filled by the database, or there is none at all.
    """
    if columns is None:
        fields = tuple(field for field in model.fields if not field.generated)
    else:
        fields = fields_named(model, columns, "columns")
        for field in fields:
            if field.generated:
                raise ModelError(
                    f"columns: {model.name}.{field.init_name} is generated, it is never sent",
                    model=model.name,
                    field=field.name,
                )
    if not fields:
        raise ModelError(
            f"{model.name} has no field to send",
            model=model.name,
            hint="every field is marked generated=True, or columns= is empty",
        )
    return fields


def key_fields(model: Model, table: Table) -> tuple[Field, ...]:
    """Return the fields of the primary key.

    Raises:
        ModelError: The class does not say which they are.
    """
    if not table.key:
        raise ModelError(
            f"{model.name} has no key",
            model=model.name,
            hint="give conflict= the fields that say which row is in the place"
            if model.cls is dict
            else f'put @liteorm.table("{table.text}", key="...") on {model.name}, or give conflict='
            " where it is taken",
        )
    return fields_named(model, table.key, "key")


def conflict_fields(
    model: Model, table: Table, conflict: str | Iterable[str] | None, sent: Sequence[Field]
) -> tuple[Field, ...]:
    """Return the fields whose unique constraint decides between INSERT and UPDATE.

    Raises:
        ModelError: One of them is not sent, so that it could never be in conflict.
    """
    fields = (
        key_fields(model, table) if conflict is None else fields_named(model, conflict, "conflict")
    )
    if not fields:
        raise ModelError("conflict: expected at least one field", model=model.name)
    for field in fields:
        if field not in sent:
            raise ModelError(
                f"{model.name}.{field.init_name} is generated, never sent, "
                "and so never in conflict with a row",
                model=model.name,
                field=field.name,
                hint="give conflict= the fields of another unique constraint",
            )
    return fields


@attrs.frozen
class TableStatement:
    """SQL text, and the fields whose values it takes, in order."""

    sql: str
    fields: tuple[Field, ...]


def _names(fields: Iterable[Field], prefix: str = "") -> str:
    return ", ".join(prefix + quoted(field.column) for field in fields)


def table_name(table: Table) -> str:
    """Return the quoted name of a table."""
    return quoted(table.schema, table.name) if table.schema else quoted(table.name)


def _percent(text: str) -> str:
    # In a statement with parameters the driver takes a single % for a placeholder.
    return text.replace("%", "%%")


def _matches(fields: Iterable[Field]) -> str:
    return " AND ".join(f"{_percent(quoted(field.column))} = %s" for field in fields)


def _set_excluded(fields: Iterable[Field]) -> str:
    return ", ".join(
        f"{quoted(field.column)} = EXCLUDED.{quoted(field.column)}" for field in fields
    )


@functools.lru_cache(maxsize=1024)
def insert_statement(model: Model, table: Table) -> TableStatement:
    """Return INSERT … RETURNING of one row."""
    fields = tuple(field for field in model.fields if not field.generated)
    into = f"INSERT INTO {table_name(table)}"
    returning = f" RETURNING {_names(model.fields)}"
    if not fields:
        return TableStatement(_percent(f"{into} DEFAULT VALUES{returning}"), ())
    values = ", ".join(["%s"] * len(fields))
    return TableStatement(
        f"{_percent(into)} ({_percent(_names(fields))}) VALUES ({values}){_percent(returning)}",
        fields,
    )


@functools.lru_cache(maxsize=1024)
def update_statement(model: Model, table: Table) -> TableStatement:
    """Return UPDATE … RETURNING by key; without anything to set, the row is only read."""
    keys = key_fields(model, table)
    changed = tuple(f for f in model.fields if not f.generated and f not in keys)
    if not changed:
        return get_statement(model, table)
    name = _percent(table_name(table))
    assignments = ", ".join(f"{_percent(quoted(field.column))} = %s" for field in changed)
    return TableStatement(
        f"UPDATE {name} SET {assignments} WHERE {_matches(keys)} "
        f"RETURNING {_percent(_names(model.fields))}",
        (*changed, *keys),
    )


@functools.lru_cache(maxsize=1024)
def upsert_statement(
    model: Model, table: Table, conflict: tuple[str, ...] | None
) -> TableStatement:
    """Return INSERT … ON CONFLICT DO UPDATE … RETURNING of one row."""
    fields = sent_fields(model)
    targets = conflict_fields(model, table, conflict, fields)
    # DO NOTHING would return no row; setting a key column to itself changes nothing.
    changed = tuple(field for field in fields if field not in targets) or targets[:1]
    values = ", ".join(["%s"] * len(fields))
    return TableStatement(
        f"INSERT INTO {_percent(table_name(table))} ({_percent(_names(fields))}) "
        f"VALUES ({values}) ON CONFLICT ({_percent(_names(targets))}) "
        f"DO UPDATE SET {_percent(_set_excluded(changed))} "
        f"RETURNING {_percent(_names(model.fields))}",
        fields,
    )


@functools.lru_cache(maxsize=1024)
def delete_statement(model: Model, table: Table) -> TableStatement:
    """Return DELETE by key; a row comes back if there was one."""
    keys = key_fields(model, table)
    return TableStatement(
        f"DELETE FROM {_percent(table_name(table))} WHERE {_matches(keys)} RETURNING true", keys
    )


@functools.lru_cache(maxsize=1024)
def get_statement(model: Model, table: Table) -> TableStatement:
    """Return SELECT by key."""
    keys = key_fields(model, table)
    return TableStatement(
        f"SELECT {_percent(_names(model.fields))} FROM {_percent(table_name(table))} "
        f"WHERE {_matches(keys)}",
        keys,
    )


def copy_text(table: str, fields: Iterable[Field], *, binary: bool) -> str:
    """Return COPY … FROM STDIN into a table whose name is quoted already."""
    return f"COPY {table} ({_names(fields)}) FROM STDIN{' (FORMAT binary)' if binary else ''}"


def staging_text(staging: str, table: Table, fields: Iterable[Field]) -> str:
    """Return CREATE TEMPORARY TABLE with the columns' types and nothing else of the table."""
    return (
        f"CREATE TEMPORARY TABLE {staging} ON COMMIT DROP AS "
        f"SELECT {_names(fields)} FROM {table_name(table)} WITH NO DATA"
    )


def merge_text(
    staging: str,
    table: Table,
    fields: Sequence[Field],
    conflict: Sequence[Field],
    update: Sequence[Field],
) -> str:
    """Return INSERT … SELECT … ON CONFLICT from the staging table.

    The rows are taken in the order of their keys, so that two of these at the same time lock rows
    in the same order and cannot wait for each other.
    """
    action = f"UPDATE SET {_set_excluded(update)}" if update else "NOTHING"
    return (
        f"INSERT INTO {table_name(table)} ({_names(fields)}) "
        f"SELECT {_names(fields)} FROM {staging} ORDER BY {_names(conflict)} "
        f"ON CONFLICT ({_names(conflict)}) DO {action}"
    )


def duplicates_text(staging: str, conflict: Sequence[Field]) -> str:
    """Return the query which finds out whether a key comes twice in the staging table."""
    some = " AND ".join(f"{quoted(field.column)} IS NOT NULL" for field in conflict)
    return (
        f"SELECT 1 FROM {staging} WHERE {some} "
        f"GROUP BY {_names(conflict)} HAVING count(*) > 1 LIMIT 1"
    )


def unnest_text(
    model: Model,
    table: Table,
    fields: Sequence[Field],
    types: Sequence[tuple[str, str]],
    merge: bool,
) -> str:
    """Return the INSERT of all rows given as one array for each column.

    Args:
        model: The model; all of its columns come back.
        table: Where the rows go.
        fields: The fields sent.
        types: For each the type of the array's elements, and the cast to the column ("" for none).
        merge: MERGE can return the row's number beside the row, so that the order of the result
            does not matter; before PostgreSQL 17 it could not. There the rows come back in the
            order in which they are inserted, which ORDER BY decides.
    """
    aliases = [f"c{place}" for place in range(len(fields))]
    arrays = ", ".join(f"%s::{_percent(element)}[]" for element, _ in types)
    source = f"unnest({arrays}) WITH ORDINALITY AS s({', '.join(aliases)}, n)"
    values = ", ".join(
        f"s.{alias}{_percent(cast)}" for alias, (_, cast) in zip(aliases, types, strict=True)
    )
    name, columns = _percent(table_name(table)), _percent(_names(fields))
    if not merge:
        returned = _percent(_names(model.fields))
        return (
            f"INSERT INTO {name} ({columns}) SELECT {values} FROM {source} ORDER BY s.n "
            f"RETURNING {returned}"
        )
    returned = _percent(_names(model.fields, "t."))
    outs = [f"r{place}" for place in range(len(model.fields))]
    renamed = ", ".join(
        f"m.{out} AS {_percent(quoted(field.column))}"
        for out, field in zip(outs, model.fields, strict=True)
    )
    return (
        f"WITH m (n, {', '.join(outs)}) AS (MERGE INTO {name} AS t USING {source} ON false "
        f"WHEN NOT MATCHED THEN INSERT ({columns}) VALUES ({values}) "
        f"RETURNING s.n, {returned}) SELECT {renamed} FROM m ORDER BY m.n"
    )


def value_of(model: Model, field: Field, obj: Any) -> Any:
    """Return what an object has for a field, its codec not yet applied."""
    return obj[field.name] if model.kind == "typeddict" else getattr(obj, field.name)


_ONE_VALUE = frozenset({"scalar", "enum", "literal"})
"""Kinds of annotations that no tuple is a value of."""


def key_values(model: Model, keys: Sequence[Field], key: Any) -> list[Any]:
    """Return the parameters for a key: one value, or a tuple (or list) for several fields.

    A tuple will do for one field too, unless the field itself may hold one.

    Raises:
        ModelError: It has another number of values than the key has fields.
    """
    one = len(keys) == 1 and not (isinstance(key, tuple) and keys[0].hint.kind in _ONE_VALUE)
    values: list[Any] = [*key] if not one and isinstance(key, tuple | list) else [key]
    if len(values) != len(keys):
        wanted = "one value" if len(keys) == 1 else f"a tuple of {len(keys)} values"
        raise ModelError(
            f"the key of {model.name} is ({', '.join(f.init_name for f in keys)}): expected "
            f"{wanted}, got {len(values)}",
            model=model.name,
        )
    return [
        field.codec.encode(value) if field.codec and value is not None else value
        for field, value in zip(keys, values, strict=True)
    ]
