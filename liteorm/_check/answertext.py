"""What is said of a statement, as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from liteorm._check.answers import Answer, Refusal
from liteorm._check.typetext import type_from_json, type_to_json
from liteorm._core.scanning.types import PgType
from liteorm.postgres._describing.shapes import ColumnShape, InsideShape, PartShape, StatementShape


def answer_to_json(answer: Answer) -> dict[str, Any]:
    """Return all that `answer_from_json` needs."""
    insides = answer.insides or (None,) * len(answer.columns)
    return {
        "columns": [
            _column_to_json(column, type_, inside)
            for column, type_, inside in zip(
                answer.shape.columns, answer.columns, insides, strict=True
            )
        ],
        "parameters": [type_to_json(type_) for type_ in answer.parameters],
        "names": list(answer.shape.names),
    }


def answer_from_json(content: dict[str, Any], customs: Mapping[str, Any]) -> Answer | Refusal:
    """Return what was said."""
    if "message" in content:
        return Refusal(content["message"], content["hint"], content["sqlstate"], content["at"])
    types, columns, insides = _columns_from_json(content["columns"], customs)
    parameters = tuple(type_from_json(type_, customs) for type_ in content["parameters"])
    names = tuple(content["names"])
    shape = StatementShape(columns, tuple(type_.name for type_ in parameters), names)
    known = tuple(type_ for type_ in types if type_ is not None)
    return Answer(shape, known, parameters, insides)


def _column_to_json(
    column: ColumnShape, type_: PgType | None, inside: InsideShape | None
) -> dict[str, Any]:
    content: dict[str, Any] = {
        "name": column.name,
        "type": None if type_ is None else type_to_json(type_),
        "table": column.table,
        "column": column.column,
        "nullable": column.nullable,
        "nullable_within": column.nullable_within,
    }
    if column.joins:
        content["joins"] = list(column.joins)
    if column.reason:
        content["reason"] = column.reason
    if inside is not None:
        content["inside"] = {
            "form": inside.form,
            "named": inside.named,
            "parts": [_column_to_json(p.column, p.type, p.inside) for p in inside.parts],
        }
    return content


def _columns_from_json(
    contents: Iterable[dict[str, Any]], customs: Mapping[str, Any]
) -> tuple[tuple[PgType | None, ...], tuple[ColumnShape, ...], tuple[InsideShape | None, ...]]:
    types: list[PgType | None] = []
    columns: list[ColumnShape] = []
    insides: list[InsideShape | None] = []
    for content in contents:
        type_ = None if content["type"] is None else type_from_json(content["type"], customs)
        types.append(type_)
        columns.append(
            ColumnShape(
                name=content["name"],
                type="" if type_ is None else type_.name,
                oid=0 if type_ is None else type_.oid,
                table=content["table"],
                column=content["column"],
                nullable=content["nullable"],
                nullable_within=content["nullable_within"],
                joins=tuple(content.get("joins", ())),
                reason=content.get("reason", ""),
            )
        )
        insides.append(_inside_from_json(content.get("inside"), customs))
    return tuple(types), tuple(columns), tuple(insides)


def _inside_from_json(
    content: dict[str, Any] | None, customs: Mapping[str, Any]
) -> InsideShape | None:
    if content is None:
        return None
    types, columns, insides = _columns_from_json(content["parts"], customs)
    parts = tuple(
        PartShape(column, type_, inside)
        for column, type_, inside in zip(columns, types, insides, strict=True)
    )
    return InsideShape(content["form"], parts, content["named"])
