"""A class with a table against the table: columns, types, what an insert sends, the key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

import attrs

from liteorm._check.answers import TableAnswer, TableColumn
from liteorm._check.problems import UNTOLD, Problem
from liteorm._core.models.hints import Codec
from liteorm._core.models.model import Field, Model, Table
from liteorm._core.scanning.fit import Fitter, Place
from liteorm.errors import ModelError, ScanError


def table_problems(
    model: Model, table: Table, answer: TableAnswer, codecs: Mapping[Any, Codec]
) -> Iterator[Problem]:
    """Yield what does not fit between a class and its table."""
    columns = {column.name: column for column in answer.columns}
    for field in model.fields:
        column = columns.get(field.column)
        problems = (
            [_no_column(model, field, answer)]
            if column is None
            else _column_problems(model, field, column, answer, codecs)
        )
        for problem in problems:
            yield attrs.evolve(problem, field=field.name)
    if answer.writable:
        yield from _unsent(model, answer)
        yield from _key_problems(model, table, answer)


def _no_column(model: Model, field: Field, answer: TableAnswer) -> Problem:
    names = [column.name for column in answer.columns]
    near = get_close_matches(field.column, names, 1)
    return Problem(
        "error",
        "table-column",
        f'{answer.name} has no column "{field.column}" for {model.name}.{field.name};'
        f" its columns are {', '.join(names)}",
        f'did you mean "{near[0]}"? Annotated[..., Column(name="{near[0]}")] names it'
        if near
        else "add the column, or leave the field out of the class",
    )


def _column_problems(
    model: Model,
    field: Field,
    column: TableColumn,
    answer: TableAnswer,
    codecs: Mapping[Any, Codec],
) -> Iterator[Problem]:
    where, target = f"{answer.name}.{column.name}", f"{model.name}.{field.name}"
    hint = field.hint
    place = Place(model.name, field.name, column.name, annotation=hint.text, nullable=hint.optional)
    try:
        Fitter(codecs).fit(column.type, hint, place, codec=field.codec)
    except (ScanError, ModelError) as error:
        yield Problem("error", "table-type", f"{answer.name}: {error.message}", error.hint)
    if column.nullable and not hint.optional:
        yield Problem(
            "error",
            "table-null",
            f"{where} can be NULL; {target} is {hint.text}",
            f"make the field optional: {hint.text} | None"
            + (", or the column NOT NULL" if answer.writable else ""),
        )
    elif column.nullable is None and not column.not_null and not hint.optional:
        yield Problem(
            "warning",
            "table-null",
            f"{where} is not known to be never NULL ({column.reason or UNTOLD});"
            f" {target} is {hint.text}",
            f"make the field optional: {hint.text} | None",
        )
    if not answer.writable:
        return
    if column.always and not field.generated:
        yield Problem(
            "error",
            "table-generated",
            f"{where} is GENERATED ALWAYS; an insert of {model.name} would send it",
            f"annotate {target}: Annotated[{hint.text}, Column(generated=True)]",
        )
    elif field.generated and not column.default and not answer.triggers:
        yield Problem(
            "error",
            "table-generated",
            f"{target} is generated=True; {where} has no default, identity or expression",
            "give the column a default, or send the field",
        )
    elif (
        column.not_null
        # None can still be read where a domain refuses it, see `domain_with_a_hole.sql`.
        and column.nullable is False
        and hint.optional
        and hint.kind != "any"
        and not field.generated
    ):
        yield Problem(
            "warning",
            "table-null",
            f"{target} is {hint.text}; {where} is NOT NULL, so None cannot be stored",
            "take None out of the annotation, or mark the field generated=True",
        )


def _unsent(model: Model, answer: TableAnswer) -> Iterator[Problem]:
    sent = {field.column for field in model.fields}
    for column in answer.columns:
        if column.not_null and not column.default and column.name not in sent:
            filled = "; a BEFORE INSERT trigger may fill it" if answer.triggers else ""
            yield Problem(
                "warning" if answer.triggers else "error",
                "table-unsent",
                f"{answer.name}.{column.name} is NOT NULL without a default;"
                f" an insert of {model.name} does not send it{filled}",
                f"add a field {column.name} to {model.name}, or give the column a default",
            )


def _key_problems(model: Model, table: Table, answer: TableAnswer) -> Iterator[Problem]:
    if not table.key:
        return
    fields = [model.field(name) for name in table.key]
    columns = sorted(field.column for field in fields if field is not None)
    if tuple(columns) in {tuple(sorted(key)) for key in answer.keys}:
        return
    known = ", ".join(f"({', '.join(key)})" for key in answer.keys) or "none"
    yield Problem(
        "error",
        "table-key",
        f"key ({', '.join(table.key)}) of {model.name} is not unique in {answer.name};"
        f" its unique keys are {known}",
        "name a primary key or a unique constraint without a condition",
    )
