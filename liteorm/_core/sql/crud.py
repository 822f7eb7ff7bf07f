"""Model → the text of INSERT, UPDATE, upsert, DELETE and SELECT of one row, by key.

Pure: nothing here runs SQL or knows a driver. Text is built once for each combination of model,
table and fields. Fields come in, quoted column names go out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from liteorm._core.models.model import Field, Model, Table
from liteorm._core.sql.conflict import Constraint
from liteorm._core.sql.text import Ident, Sql, quoted, sql
from liteorm._core.sql.writable import (
    Conflict,
    conflict_fields,
    key_fields,
    update_fields,
    version_of,
    without,
    written_fields,
)
from liteorm.errors import ModelError


@attrs.frozen
class TableStatement:
    """SQL text, and the fields whose values it takes, in order."""

    sql: str
    fields: tuple[Field, ...]


def names(fields: Iterable[Field], prefix: str = "") -> str:
    """Return the quoted columns of fields."""
    return ", ".join(prefix + quoted(field.column) for field in fields)


def table_name(table: Table) -> str:
    """Return the quoted name of a table."""
    return quoted(table.schema, table.name) if table.schema else quoted(table.name)


def percent(text: str) -> str:
    """Return text for a statement with parameters, where the driver takes a % for a placeholder."""
    return text.replace("%", "%%")


def set_excluded(fields: Iterable[Field]) -> str:
    """Return the assignments of what was to be inserted."""
    return ", ".join(
        f"{quoted(field.column)} = EXCLUDED.{quoted(field.column)}" for field in fields
    )


def all_columns(model: Model) -> str:
    """Return the columns that a model is read from."""
    # A dict says what was written, not what there is.
    return "*" if model.cls is dict else names(model.fields)


def _matches(fields: Iterable[Field]) -> str:
    return " AND ".join(f"{percent(quoted(field.column))} = %s" for field in fields)


def _is_version(field: Field) -> str:
    # A row without a version is no other one than an object without.
    operator = "IS NOT DISTINCT FROM" if field.hint.optional else "="
    return f"{percent(quoted(field.column))} {operator} %s"


def _insert_text(table: Table, fields: Sequence[Field]) -> str:
    into = percent(f"INSERT INTO {table_name(table)}")
    if not fields:
        return f"{into} DEFAULT VALUES"
    values = ", ".join(["%s"] * len(fields))
    return f"{into} ({percent(names(fields))}) VALUES ({values})"


def insert_statement(
    model: Model, table: Table, returned: Model, unset: tuple[Field, ...] = ()
) -> TableStatement:
    """Return INSERT … RETURNING of one row."""
    fields = without((field for field in model.fields if not field.generated), unset)
    returning = percent(all_columns(returned))
    return TableStatement(f"{_insert_text(table, fields)} RETURNING {returning}", fields)


def update_statement(
    model: Model,
    table: Table,
    returned: Model,
    columns: tuple[str, ...] | None = None,
    unset: tuple[Field, ...] = (),
) -> TableStatement:
    """Return UPDATE … RETURNING by key; without anything to set, the row is only read."""
    changed = without(written_fields(model, table, columns), unset)
    version = version_of(model, table)
    compared = (version.field,) if version is not None and version.known else ()
    return changes_statement(model, table, returned, changed, compared)


def changes_statement(
    model: Model,
    table: Table,
    returned: Model,
    changed: tuple[Field, ...],
    compared: tuple[Field, ...],
) -> TableStatement:
    """Return UPDATE of some fields by key; without anything to set, the row is only read.

    Args:
        model: The model of the objects.
        table: Their table.
        returned: What the row is read as.
        changed: The fields that are set.
        compared: The version, where it is compared.
    """
    keys = key_fields(model, table)
    where = " AND ".join([_matches(keys), *map(_is_version, compared)])
    name, returning = percent(table_name(table)), percent(all_columns(returned))
    if not changed:
        return TableStatement(f"SELECT {returning} FROM {name} WHERE {where}", (*keys, *compared))
    assignments = [f"{percent(quoted(field.column))} = %s" for field in changed]
    version = version_of(model, table)
    if version is not None and version.raised:
        column = percent(quoted(version.field.column))
        assignments.append(f"{column} = {column} + 1")
    return TableStatement(
        f"UPDATE {name} SET {', '.join(assignments)} WHERE {where} RETURNING {returning}",
        (*changed, *keys, *compared),
    )


def age_statement(model: Model, table: Table) -> TableStatement:
    """Return the question whether the row of a key has the version of an object."""
    version = version_of(model, table)
    keys = key_fields(model, table)
    assert version is not None
    return TableStatement(
        f"SELECT {_is_version(version.field)} FROM {percent(table_name(table))} "
        f"WHERE {_matches(keys)}",
        (version.field, *keys),
    )


def conflict_text(conflict: Sql | Constraint | Sequence[Field]) -> str:
    """Return what stands behind ON CONFLICT; a % is single."""
    if isinstance(conflict, Constraint):
        return f"ON CONSTRAINT {quoted(conflict.name)}"
    if isinstance(conflict, Sql):
        return conflict.text()
    return f"({names(conflict)})"


@attrs.frozen
class Place:
    """What says which row is in the place of another.

    Args:
        conflict: What stands behind ON CONFLICT.
        keys: The fields that tell it, if they are all sent; none where only the server knows.
        computed: The fields among them that the database computes.
    """

    conflict: Sql | Constraint | tuple[Field, ...]
    keys: tuple[Field, ...] = ()
    computed: tuple[Field, ...] = ()


def place_of(model: Model, table: Table, conflict: Conflict, sent: Sequence[Field]) -> Place:
    """Return what says which row is in the place of an object's.

    Raises:
        ModelError: A name is no field, or a field that is not sent.
    """
    if isinstance(conflict, Sql | Constraint):
        return Place(conflict)
    keys = conflict_fields(model, table, conflict, sent)
    computed = tuple(field for field in keys if field.generated)
    if computed:
        listed = sql(", ").join(Ident(field.column) for field in keys)
        return Place(sql("({})", listed), computed=computed)
    return Place(keys, keys)


@attrs.frozen
class Upsert:
    """An upsert of one row.

    Args:
        place: What says which row is in the place.
        statement: The statement; of DO NOTHING it gives the row that was made, if one was.
        found: SELECT of the row that is in the place, None where only the server knows which.
        locked: DO UPDATE that changes nothing and gives the row that is in the place.
    """

    place: Place
    statement: TableStatement
    found: TableStatement | None
    locked: TableStatement


def upsert_statement(
    model: Model,
    table: Table,
    returned: Model,
    conflict: Conflict = None,
    update: tuple[str, ...] | None = None,
    unset: tuple[Field, ...] = (),
) -> Upsert:
    """Return INSERT … ON CONFLICT … RETURNING of one row.

    Raises:
        ModelError: A name is no field, or a field of the conflict is not sent.
    """
    fields = without((field for field in model.fields if not field.generated), unset)
    if not fields:
        raise ModelError(f"{model.name} has no field to send", model=model.name)
    place = place_of(model, table, conflict, fields)
    targets = place.keys
    changed = update_fields(model, update, fields, without(fields, targets))
    insert = f"{_insert_text(table, fields)} ON CONFLICT {percent(conflict_text(place.conflict))}"
    returning = percent(all_columns(returned))
    # A row that is there and not changed is not returned; its own value changes nothing.
    same = quoted((targets or fields)[0].column)
    kept = percent(f"{same} = {quoted(table.name)}.{same}")
    locked = TableStatement(f"{insert} DO UPDATE SET {kept} RETURNING {returning}", fields)
    if update is None or changed:
        if not changed:
            return Upsert(place, locked, None, locked)
        assignments = percent(set_excluded(changed))
        made = TableStatement(f"{insert} DO UPDATE SET {assignments} RETURNING {returning}", fields)
        return Upsert(place, made, None, locked)
    made = TableStatement(f"{insert} DO NOTHING RETURNING {returning}", fields)
    if not targets:
        return Upsert(place, made, None, locked)
    found = TableStatement(
        f"SELECT {returning} FROM {percent(table_name(table))} WHERE {_matches(targets)}", targets
    )
    # Both in one statement. A row that came after it had begun is not seen by its SELECT.
    both = TableStatement(
        f"WITH made AS ({made.sql}) SELECT {returning} FROM made UNION ALL ({found.sql} "
        "AND NOT EXISTS (SELECT FROM made))",
        (*fields, *targets),
    )
    return Upsert(place, both, found, locked)


def delete_statement(model: Model, table: Table) -> TableStatement:
    """Return DELETE by key and version; a row comes back if there was one."""
    keys = key_fields(model, table)
    version = version_of(model, table)
    compared = (version.field,) if version is not None and version.known else ()
    where = " AND ".join([_matches(keys), *map(_is_version, compared)])
    return TableStatement(
        f"DELETE FROM {percent(table_name(table))} WHERE {where} RETURNING true",
        (*keys, *compared),
    )


def get_statement(model: Model, table: Table) -> TableStatement:
    """Return SELECT by key."""
    keys = key_fields(model, table)
    return TableStatement(
        f"SELECT {percent(all_columns(model))} FROM {percent(table_name(table))} "
        f"WHERE {_matches(keys)}",
        keys,
    )
