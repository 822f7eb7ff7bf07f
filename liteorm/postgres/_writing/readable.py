"""Whether what comes back of a write can be read, known before anything is sent."""

from __future__ import annotations

from liteorm._core.models.classes import Model
from liteorm._core.scanning.scan import scanner_for
from liteorm._core.scanning.types import underlying
from liteorm.errors import ScanError
from liteorm.postgres._types.registry import KnownTypes
from liteorm.postgres._writing.tables import check_returned
from liteorm.postgres._writing.targets import Target

__all__ = ["check_readable"]


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
    scanner_for(model.cls, shape)
    if not inserts:
        return
    sent = {column.field.column for column in target.columns}
    for field, column in zip(model.fields, columns, strict=True):
        if column.left_null and column.name not in sent and not field.hint.optional:
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
