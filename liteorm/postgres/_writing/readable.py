"""Whether what comes back of a write can be read, known before anything is sent."""

from __future__ import annotations

from typing import Final

from liteorm._core.models.model import Model
from liteorm._core.scanning.scan import scanner_for
from liteorm._core.scanning.types import MOMENTS, underlying
from liteorm.errors import ScanError
from liteorm.postgres._types.registry import KnownTypes
from liteorm.postgres._writing.tables import check_returned
from liteorm.postgres._writing.targets import Target

__all__ = ["check_readable", "readable_if", "refuse_null"]

# What any value of these types becomes in Python; of moments Python holds some.
_ANY: Final = frozenset(
    {
        *("int2", "int4", "int8", "float4", "float8", "numeric", "bool"),
        *("text", "varchar", "bpchar", "uuid", "bytea"),
    }
)
_WITHIN: Final = "BETWEEN '0002-01-01' AND '9998-12-31'"


def check_readable(known: KnownTypes, target: Target, model: Model, inserts: bool) -> None:
    """Refuse a class whose objects the table's rows cannot fill.

    The shape is that of RETURNING, so that the scanner which is made here is the one used later.

    Args:
        known: The pool's types, those of the columns among them.
        target: Where the objects go, with the table's columns.
        model: What the row comes back as.
        inserts: The row is a new one: what nothing fills is NULL in it.

    Raises:
        UndefinedColumn: A field has no column.
        ScanError: A column's type does not fit its field, or is sure to be NULL.
    """
    check_returned(model, target.table, target.table_columns)
    by_name = {column.name: column for column in target.table_columns}
    if any(field.column not in by_name for field in model.fields) or not model.fields:
        return  # a system column, or a dict that takes what there is
    columns = [by_name[field.column] for field in model.fields]
    names = tuple(column.name.encode() for column in columns)
    # A result has the types below its domains.
    oids = tuple(underlying(known.types[column.oid]).oid for column in columns)
    shape = known.shape(names, oids)
    scanner_for(model.bound or model.cls, shape)
    if inserts:
        refuse_null(target, model)


def refuse_null(target: Target, model: Model) -> None:
    """Refuse a class that a new row could not fill, as nothing else fills what is not sent.

    Raises:
        ScanError: A column is sure to be NULL, and its field is never None.
    """
    by_name = {column.name: column for column in target.table_columns}
    sent = {column.field.column for column in target.columns}
    for field in model.fields:
        column = by_name.get(field.column)
        if column is None or column.name in sent or field.hint.optional:
            continue
        if column.left_null:
            raise ScanError(
                f'column "{column.name}" of {target.table.text} is NULL in a new row: '
                f"{model.name}.{field.init_name} is not sent and nothing fills the column",
                model=model.name,
                field=field.init_name,
                column=column.name,
                table=target.table.name,
                schema=target.table.schema,
                remedy="give the column a default, make the field optional, or send it",
            )


def readable_if(known: KnownTypes, target: Target, model: Model) -> list[str] | None:
    """Return the conditions on a row's columns r0, r1, … under which it can be read for certain.

    None if that is not for the server to say: an enum, JSON, a codec, a validator.
    """
    by_name = {column.name: column for column in target.table_columns}
    data = model.plain or model.kind in ("namedtuple", "typeddict")
    hooked = model.kind != "struct" or hasattr(model.cls, "__post_init__")
    if (hooked and not data) or not model.fields or model.cls is dict:
        return None
    conditions: list[str] = []
    for place, field in enumerate(model.fields):
        column = by_name.get(field.column)
        if column is None or field.codec is not None or field.hint.kind != "scalar":
            return None
        base = underlying(known.types[column.oid]).base
        if base in MOMENTS:
            within = f"r{place} {_WITHIN}"
            conditions.append(f"coalesce({within}, true)" if field.hint.optional else within)
        elif base not in _ANY:
            return None
        elif not field.hint.optional:
            conditions.append(f"r{place} IS NOT NULL")
    return conditions
