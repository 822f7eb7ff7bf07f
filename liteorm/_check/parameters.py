"""A statement's parameters against the types declared for them."""

from __future__ import annotations

import decimal
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, cast

import attrs

from liteorm._check.answers import Answer
from liteorm._check.problems import Problem
from liteorm._core.models.classes import model_of
from liteorm._core.models.hints import Codec, Hint, hint_of, shown
from liteorm._core.scanning.fit import Fitter, Place
from liteorm._core.scanning.types import PgType, underlying
from liteorm._core.statements.statement import Statement, names_in, style_of
from liteorm._core.values.json import Json
from liteorm.errors import ModelError, ScanError

_NUMBERS: dict[Any, tuple[Any, ...]] = {
    int: (int, float, decimal.Decimal),
    float: (float, decimal.Decimal),
    decimal.Decimal: (decimal.Decimal, float),
}
# The driver leaves the type of a str open, so the server reads it as whatever it needs there.
_NOT_FROM_STR = (bool, int, float, decimal.Decimal, bytes)


@attrs.frozen
class _Declared:
    name: str
    hint: Hint
    codec: Codec | None = None


def known_nulls(statement: Statement[Any]) -> dict[int, bool | None]:
    """Return which of `$1` … can be NULL, by the declared types."""
    try:
        declared = _declared(statement)
    except ModelError:
        return {}
    if declared is None:
        return {}
    named = {item.name: item.hint for item in declared}
    order = names_in(statement.sql) or list(named)
    return {number: _nullable(named[name]) for number, name in enumerate(order, 1) if name in named}


def _nullable(hint: Hint) -> bool | None:
    return None if hint.kind == "any" else hint.optional


def parameter_problems(
    statement: Statement[Any], answer: Answer, codecs: Mapping[Any, Codec]
) -> Iterator[Problem]:
    """Yield what does not fit between the placeholders and the declared types."""
    try:
        declared = _declared(statement)
    except ModelError as error:
        yield Problem("error", error.message, error.hint)
        return
    if declared is None:
        return
    owner = "params" if isinstance(statement.params, Mapping) else shown(statement.params)
    if style_of(statement.sql) == "named":
        yield from _name_problems(declared, answer.shape.names, owner)
        types = dict(zip(answer.shape.names, answer.parameters, strict=True))
        pairs = [(item, types[item.name]) for item in declared if item.name in types]
    else:
        if len(declared) != len(answer.parameters):
            yield Problem(
                "error",
                f"the SQL takes {_counted(len(answer.parameters))};"
                f" {owner} declares {len(declared)}",
                "declare one for each %s, in their order",
            )
            return
        pairs = list(zip(declared, answer.parameters, strict=True))
    for item, type_ in pairs:
        if problem := _misfit(item, type_, owner, codecs):
            yield problem


def _counted(count: int) -> str:
    return "1 parameter" if count == 1 else f"{count or 'no'} parameters"


def _declared(statement: Statement[Any]) -> list[_Declared] | None:
    params = statement.params
    if params is None:
        return None
    if isinstance(params, Mapping):
        named = cast("Mapping[str, Any]", params)
        return [
            _Declared(name, hint_of(annotation, model="params", field=name))
            for name, annotation in named.items()
        ]
    return [
        _Declared(field.init_name, field.hint, field.codec) for field in model_of(params).fields
    ]


def _name_problems(
    declared: list[_Declared], used: tuple[str, ...], owner: str
) -> Iterator[Problem]:
    names = [item.name for item in declared]
    for name in used:
        if name not in names:
            near = get_close_matches(name, names, 1)
            yield Problem(
                "error",
                f"the SQL uses %({name})s; {owner} declares {', '.join(names) or 'nothing'}",
                f"did you mean %({near[0]})s?" if near else f"declare {name} in {owner}",
            )
    for name in names:
        if name not in used:
            yield Problem(
                "warning",
                f"{owner} declares {name}, which the SQL does not use",
                "remove it, or use it",
            )


def _misfit(
    item: _Declared, type_: PgType, owner: str, codecs: Mapping[Any, Codec]
) -> Problem | None:
    hint = item.hint
    if item.codec is not None or hint.type in codecs or _fits(type_, hint, codecs):
        return None
    python = "" if type_.shown in ("object", type_.name) else f" ({type_.shown})"
    return Problem(
        "error",
        f'parameter "{item.name}" is {type_.name}{python}; {owner}.{item.name} is {hint.text}',
        _remedy(item, type_),
    )


def _remedy(item: _Declared, type_: PgType) -> str:
    kind = underlying(type_).base
    if kind in ("json", "jsonb"):
        return "send it as JSON: declare it liteorm.Json, and pass liteorm.Json(value)"
    if item.hint.kind == "sequence" and type_.kind != "array":
        return f"compare with = ANY(%({item.name})s), which takes a list"
    if type_.shown == "object":
        return f"cast the placeholder to what is sent: %({item.name})s::type"
    return (
        f"declare it {type_.shown}, or cast the placeholder to what is sent: %({item.name})s::type"
    )


def _fits(type_: PgType, hint: Hint, codecs: Mapping[Any, Codec]) -> bool:
    base = underlying(type_)
    if hint.kind in ("any", "none") or base.kind in ("unreadable", "record"):
        return True
    if hint.kind == "union":
        return any(_fits(type_, member, codecs) for member in hint.args)
    if hint.type is Json or base.base in ("json", "jsonb"):
        return base.base in ("json", "jsonb") and (
            hint.type in (Json, str) or hint.kind in ("model", "mapping", "tuple")
        )
    if hint.kind == "scalar" and hint.type is str:
        return base.kind in ("base", "enum") and base.python not in _NOT_FROM_STR
    if hint.kind == "scalar" and hint.type in _NUMBERS:
        return base.python in _NUMBERS[hint.type]
    try:
        Fitter(codecs).fit(type_, hint, Place("", None, ""))
    except (ScanError, ModelError):
        return False
    return True
