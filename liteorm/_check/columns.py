"""A statement's columns against its model: names, types, and what can be NULL."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from liteorm._check.answers import Answer
from liteorm._check.insides import inside_problems
from liteorm._check.problems import UNTOLD, Code, Problem
from liteorm._check.targets import Targets
from liteorm._core.models.annotations import shown
from liteorm._core.models.hints import Codec
from liteorm._core.scanning.fit import Members, Place
from liteorm._core.scanning.plan import Build, Leaf, Node, plan_scan
from liteorm._core.scanning.shape import Shape
from liteorm._core.scanning.types import PgType, types_in, underlying
from liteorm._core.statements.statement import Command
from liteorm.errors import ModelError, ScanError
from liteorm.postgres._describing.shapes import ColumnShape


def column_problems(
    statement: Command, answer: Answer, codecs: Mapping[Any, Codec]
) -> Iterator[Problem]:
    """Yield what does not fit between the result and the model."""
    columns = answer.shape.columns
    names = [column.name for column in columns]
    targets = Targets(statement.sql)
    if statement.model is None:
        return
    if not columns:
        yield Problem(
            "error",
            "no-rows",
            f"the statement gives no rows; {shown(statement.model)} is made from columns",
            "add RETURNING, or declare it with None and call .execute",
        )
        return
    shape = Shape(tuple(column.name for column in columns), answer.columns, codecs)
    try:
        plan = plan_scan(statement.model, shape, statement.extra)
    except (ScanError, ModelError) as error:
        made_of = {inner.name for type_ in answer.columns for inner in types_in(type_)}
        misfit = isinstance(error, ScanError) and error.got in made_of
        code: Code = "column-type" if misfit else "columns"
        code = "model" if isinstance(error, ModelError) else code
        index = _column_meant(error, names)
        at = None if index is None else targets.of(index, names)
        hint = error.hint or "change the SELECT, or the type"
        if index is not None and columns[index].column != names[index]:
            hint = _of_expression(hint, names[index])
        yield Problem("error", code, error.message, hint, at)
        return
    found = [
        *_leaf_problems(plan.root, columns, answer.columns, ()),
        *inside_problems(statement.model, plan.root, answer.insides, names, codecs),
    ]
    for index, problem in found:
        yield attrs.evolve(problem, at=targets.of(index, names))


def _of_expression(hint: str, name: str) -> str:
    """Return a remedy that casts what has the name of a column, and is none."""
    written = rf'cast it: (?:{re.escape(name)}|"{re.escape(name)}")::([^,]+)'
    return re.sub(written, lambda found: f'cast it: …::{found[1]} AS "{name}"', hint, count=1)


def _column_meant(error: ScanError | ModelError, names: Sequence[str]) -> int | None:
    """Return the column that an error is about, if it is about one."""
    if error.column in names:
        return names.index(error.column)
    said = re.findall(r'column "([^"]*)"', error.message)
    return next((names.index(name) for name in said if name in names), None)


def _leaf_problems(
    node: Node,
    columns: tuple[ColumnShape, ...],
    types: tuple[PgType, ...],
    inside: tuple[str, ...],
    part: tuple[int, ...] = (),
) -> Iterator[tuple[int, Problem]]:
    """Yield the columns that can be NULL where the model has no place for it.

    An optional part is None where all columns of `part` are NULL. So one of them may be NULL in a
    row in which its outer join found no partner, if all others are NULL in that row too.
    """
    if isinstance(node, Leaf):
        for problem in _label_problems(node, types[node.column]):
            yield node.column, problem
        column = columns[node.column]
        if not node.nullable and not column.name.endswith("!"):
            others = [columns[position] for position in part]
            for problem in _null_problems(column, node.place, inside, others):
                yield node.column, problem
        return
    if node.absent is not None:
        part = node.absent
    if isinstance(node, Build):
        for field, inner in node.arguments:
            names = (
                inside if isinstance(inner, Leaf) else (*inside, f"{node.model.name}.{field.name}")
            )
            yield from _leaf_problems(inner, columns, types, names, part)
        return
    for _, inner in node.items:
        yield from _leaf_problems(inner, columns, types, inside, part)


def _null_problems(
    column: ColumnShape, place: Place, inside: tuple[str, ...], part: list[ColumnShape]
) -> Iterator[Problem]:
    """Yield what is wrong with a column for a place that is not optional."""
    if column.nullable is False:
        return
    if not part:
        yield (_can_be_null if column.nullable else _may_be_null)(column, place, inside)
    elif column.nullable_within:
        yield _can_be_null(column, place, inside)
    elif column.nullable_within is None or not column.joins:
        yield _may_be_null(column, place, inside)
    elif any(not set(column.joins) <= set(other.joins) for other in part):
        yield _can_be_null_alone(column, place, inside)


def _label_problems(leaf: Leaf, type_: PgType) -> Iterator[Problem]:
    """Yield labels of an enum in the database that Python has no member for."""
    type_ = underlying(type_)
    step = leaf.step
    if type_.kind != "enum" or not isinstance(step, Members):
        return
    if step.others or any("_missing_" in vars(cls) for cls in step.enums):
        return
    known = {value for value, _ in step.values}
    if missing := [label for label in type_.labels if label not in known]:
        labels = ", ".join(f'"{label}"' for label in missing)
        yield Problem(
            "warning",
            "enum-label",
            f'column "{leaf.place.column}" is {type_.name}, which has {labels};'
            f" {step.shown} has no member for it",
            f"add it to {step.shown}, or keep such rows out of the query",
        )


def _can_be_null(column: ColumnShape, place: Place, inside: tuple[str, ...]) -> Problem:
    because, filtered = "", ""
    remedy = _optional(place)
    if column.nullable_within is False:
        because = " where an outer join finds no partner"
        if inside:
            remedy = f"make {inside[-1]} optional"
    elif column.nullable_within and column.column is not None:
        because = f" ({column.table}.{column.column} has no NOT NULL)"
        filtered = f" or WHERE {column.column} IS NOT NULL"
    return Problem(
        "error",
        "null-column",
        f'column "{column.name}" can be NULL{because}; {_declared(place)}',
        f"{remedy}, or keep NULL out: coalesce(...){filtered};"
        f" if you know that it is never NULL, name it {_marked(column)}",
    )


def _can_be_null_alone(column: ColumnShape, place: Place, inside: tuple[str, ...]) -> Problem:
    part = inside[-1] if inside else "the part"
    return Problem(
        "error",
        "null-column",
        f'column "{column.name}" can be NULL where other columns of {part} are not: an outer join'
        f" that they do not come from finds no partner; {_declared(place)}",
        f"{_optional(place)}, or take all of {part} from one outer join"
        f" (parentheses around its inner joins); if you know that it is never NULL alone, name it"
        f" {_marked(column)}",
    )


def _may_be_null(column: ColumnShape, place: Place, _: tuple[str, ...] = ()) -> Problem:
    reason = f" ({column.reason or UNTOLD})"
    return Problem(
        "warning",
        "null-unknown",
        f'column "{column.name}" is not known to be never NULL{reason}; {_declared(place)}',
        f"name it {_marked(column)} if you know that it is not,"
        f" use coalesce(...), or {_optional(place)}",
    )


def _declared(place: Place) -> str:
    if place.field is None:
        return f"the statement gives {place.annotation}"
    return f"{place.target} is {place.annotation}"


def _optional(place: Place) -> str:
    if place.field is None:
        return f"declare the statement with {place.annotation} | None"
    return f"make the field optional: {place.annotation} | None"


def _marked(column: ColumnShape) -> str:
    return 'AS "name!"' if column.name == "?column?" else f'AS "{column.name}!"'
