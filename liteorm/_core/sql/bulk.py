"""The text that bulk loads need: COPY, a staging table, arrays. Many rows in one statement.

Pure: nothing here runs SQL or knows a driver. Fields come in, quoted column names go out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from liteorm._core.models.model import Field, Model, Table
from liteorm._core.sql.conflict import Constraint
from liteorm._core.sql.crud import (
    all_columns,
    conflict_text,
    names,
    percent,
    set_excluded,
    table_name,
)
from liteorm._core.sql.text import Sql, quoted
from liteorm._core.sql.writable import key_fields, version_of

Types: TypeAlias = Sequence[tuple[str, str]]
"""For each array the type of its elements, and the cast to the column ("" for none)."""


def copy_text(table: str, fields: Iterable[Field], *, binary: bool) -> str:
    """Return COPY … FROM STDIN into a table whose name is quoted already."""
    return f"COPY {table} ({names(fields)}) FROM STDIN{' (FORMAT binary)' if binary else ''}"


def staging_text(staging: str, table: Table, fields: Iterable[Field]) -> str:
    """Return CREATE TEMPORARY TABLE with the columns' types and nothing else of the table."""
    return (
        f"CREATE TEMPORARY TABLE {staging} ON COMMIT DROP AS "
        f"SELECT {names(fields)} FROM {table_name(table)} WITH NO DATA"
    )


def merge_text(
    staging: str,
    table: Table,
    fields: Sequence[Field],
    conflict: Sequence[Field] | Sql | Constraint,
    update: Sequence[Field],
    order: Sequence[Field] = (),
) -> str:
    """Return INSERT … SELECT … ON CONFLICT from the staging table.

    The rows are taken in the order of their keys, so that two of these at the same time lock rows
    in the same order and cannot wait for each other.

    Args:
        staging: The quoted name of the staging table.
        table: Where the rows go.
        fields: The fields sent.
        conflict: What says which row is in the place of another.
        update: The fields that are written to a row that is there; none for DO NOTHING.
        order: The fields that the rows are sorted by, if not those of the conflict.
    """
    # What was made is counted by its rows: a distributed table's answer counts the others too.
    action = f"UPDATE SET {set_excluded(update)}" if update else "NOTHING RETURNING 1"
    by = () if isinstance(conflict, Sql | Constraint) else conflict
    sort = names(order or by)
    return (
        f"INSERT INTO {table_name(table)} ({names(fields)}) "
        f"SELECT {names(fields)} FROM {staging}{f' ORDER BY {sort}' if sort else ''} "
        f"ON CONFLICT {conflict_text(conflict)} DO {action}"
    )


def touching_text(
    staging: str, table: Table, fields: Sequence[Field], conflict: Sql | Constraint
) -> str:
    """Return the upsert that changes nothing, and fails if two rows have the same place."""
    same = quoted(fields[0].column)
    return (
        f"INSERT INTO {table_name(table)} ({names(fields)}) SELECT {names(fields)} FROM {staging} "
        f"ON CONFLICT {conflict_text(conflict)} DO UPDATE SET {same} = {quoted(table.name)}.{same}"
    )


def duplicates_text(staging: str, conflict: Sequence[Field]) -> str:
    """Return the query which finds out whether a key comes twice in the staging table."""
    some = " AND ".join(f"{quoted(field.column)} IS NOT NULL" for field in conflict)
    return (
        f"SELECT 1 FROM {staging} WHERE {some} "
        f"GROUP BY {names(conflict)} HAVING count(*) > 1 LIMIT 1"
    )


def _unnested(types: Types) -> str:
    arrays = ", ".join(f"%s::{percent(element)}[]" for element, _ in types)
    aliases = ", ".join(f"c{place}" for place in range(len(types)))
    return f"unnest({arrays}) WITH ORDINALITY AS s({aliases}, n)"


def _values(types: Types) -> list[str]:
    return [f"s.c{place}{percent(cast)}" for place, (_, cast) in enumerate(types)]


def arrays_text(table: Table, fields: Sequence[Field], types: Types) -> str:
    """Return the INSERT of all rows given as one array for each column, in their order."""
    return (
        f"INSERT INTO {percent(table_name(table))} ({percent(names(fields))}) "
        f"SELECT {', '.join(_values(types))} FROM {_unnested(types)} ORDER BY s.n"
    )


def insert_returning_text(
    returned: Model,
    table: Table,
    fields: Sequence[Field],
    types: Types,
    *,
    merge: bool,
) -> str:
    """Return the INSERT of arrays that gives the rows as stored, in their order.

    Args:
        returned: The model whose columns come back.
        table: Where the rows go.
        fields: The fields sent.
        types: The types of the arrays.
        merge: MERGE can return the row's number beside the row, so that the order of the result
            does not matter; before PostgreSQL 17 it could not. There the rows come back in the
            order in which they are inserted, which ORDER BY decides.
    """
    if not merge or returned.cls is dict:
        return f"{arrays_text(table, fields, types)} RETURNING {percent(all_columns(returned))}"
    outs, renamed = _outs(returned)
    return f"{_merging(returned, table, fields, types, outs)} SELECT {renamed} FROM m ORDER BY m.n"


NOT_ALL = "liteorm: not all rows "
"""What the error says that ends a guarded insert."""


def guarded_insert_text(
    returned: Model,
    table: Table,
    fields: Sequence[Field],
    types: Types,
    conditions: Sequence[str],
    *,
    merge: bool,
) -> str:
    """Return the same as a statement that fails if a row does not come back, or unreadable.

    So that its COMMIT can go along with it. Its last parameter is the number of rows.
    """
    outs, renamed = _outs(returned)
    if merge:
        insert, order = _merging(returned, table, fields, types, outs), " ORDER BY m.n"
    else:
        # The rows of a WITH are kept in the order in which they come.
        inner = f"{arrays_text(table, fields, types)} RETURNING {percent(names(returned.fields))}"
        insert, order = f"WITH m ({', '.join(outs)}) AS ({inner})", ""
    good = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    # A cast that fails, of a text which is not known before the rows are there.
    guard = (
        f"CASE WHEN (SELECT count(*) FROM m{good}) = %s::int8 THEN true "
        f"ELSE ('{NOT_ALL}' || (SELECT count(*) FROM m))::bool END"
    )
    return f"{insert} SELECT {renamed} FROM m WHERE {guard}{order}"


def _outs(returned: Model) -> tuple[list[str], str]:
    outs = [f"r{place}" for place in range(len(returned.fields))]
    renamed = ", ".join(
        f"m.{out} AS {percent(quoted(field.column))}"
        for out, field in zip(outs, returned.fields, strict=True)
    )
    return outs, renamed


def _merging(
    returned: Model, table: Table, fields: Sequence[Field], types: Types, outs: Sequence[str]
) -> str:
    return (
        f"WITH m (n, {', '.join(outs)}) AS (MERGE INTO {percent(table_name(table))} AS t "
        f"USING {_unnested(types)} ON false WHEN NOT MATCHED THEN "
        f"INSERT ({percent(names(fields))}) VALUES ({', '.join(_values(types))}) "
        f"RETURNING s.n, {percent(names(returned.fields, 't.'))})"
    )


def _setting(
    model: Model, table: Table, changed: Sequence[Field], sources: Sequence[str]
) -> tuple[str, str]:
    """Return the SET and WHERE of an UPDATE from rows that have changes, keys and version."""
    version = version_of(model, table)
    keys = key_fields(model, table)
    compared = (version.field,) if version is not None and version.known else ()
    assignments = [
        f"{quoted(field.column)} = {source}"
        for field, source in zip(changed, sources, strict=False)
    ]
    if version is not None and version.raised:
        column = quoted(version.field.column)
        assignments.append(f"{column} = t.{column} + 1")
    rest = sources[len(changed) :]
    conditions = [
        f"t.{quoted(field.column)} = {source}" for field, source in zip(keys, rest, strict=False)
    ]
    conditions += [
        f"t.{quoted(field.column)} IS NOT DISTINCT FROM {source}"
        for field, source in zip(compared, rest[len(keys) :], strict=True)
    ]
    return ", ".join(assignments), " AND ".join(conditions)


def update_arrays_text(model: Model, table: Table, changed: Sequence[Field], types: Types) -> str:
    """Return the UPDATE of all rows given as arrays: changes, then keys, then the version.

    It gives the number of rows written and whether a key comes twice: then nothing is written.
    """
    columns = ", ".join(f"{value} AS c{place}" for place, value in enumerate(_values(types)))
    first = len(changed)
    keys = ", ".join(f"c{place}" for place in range(first, first + len(key_fields(model, table))))
    assignments, where = _setting(model, table, changed, [f"s.c{n}" for n in range(len(types))])
    target, assignments, where = map(percent, (table_name(table), assignments, where))
    return (
        # Sorted, so that two of these at the same time lock rows in the same order.
        f"WITH s AS MATERIALIZED (SELECT {columns} FROM {_unnested(types)} ORDER BY {keys}), "
        f"twice AS MATERIALIZED (SELECT FROM s GROUP BY {keys} HAVING count(*) > 1 LIMIT 1), "
        f"w AS (UPDATE {target} AS t SET {assignments} FROM s "
        f"WHERE {where} AND NOT EXISTS (SELECT FROM twice) RETURNING 1) "
        "SELECT (SELECT count(*) FROM w), EXISTS (SELECT FROM twice)"
    )


def update_staged_text(staging: str, model: Model, table: Table, changed: Sequence[Field]) -> str:
    """Return the UPDATE of all rows of the staging table."""
    version = version_of(model, table)
    compared = (version.field,) if version is not None and version.known else ()
    sources = [
        f"s.{quoted(field.column)}" for field in (*changed, *key_fields(model, table), *compared)
    ]
    assignments, where = _setting(model, table, changed, sources)
    return f"UPDATE {table_name(table)} AS t SET {assignments} FROM {staging} AS s WHERE {where}"


def delete_arrays_text(table: Table, keys: Sequence[Field], types: Types) -> str:
    """Return the DELETE of all rows whose keys are given as arrays."""
    source = f"SELECT {', '.join(_values(types))} FROM {_unnested(types)}"
    columns = percent(names(keys))
    row = f"({columns})" if len(keys) > 1 else columns
    return f"DELETE FROM {percent(table_name(table))} WHERE {row} IN ({source})"
