"""A statement's parameters: the types declared for them, and those that the server expects."""

from __future__ import annotations

import decimal
import enum
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, cast

import attrs

from liteorm._check.problems import Problem
from liteorm._core.models.annotations import shown
from liteorm._core.models.classes import model_of
from liteorm._core.models.hints import Codec, Hint, hint_of
from liteorm._core.scanning.fit import Fitter, Place
from liteorm._core.scanning.types import PgType, underlying
from liteorm._core.sql.lexer import tokens
from liteorm._core.sql.placeholders import WRITTEN, Fault
from liteorm._core.sql.remedies import numbered_places
from liteorm._core.statements.statement import Command
from liteorm._core.values.json import Json
from liteorm._core.values.members import parameter_of
from liteorm.errors import ModelError, ScanError

_NUMBERS: dict[Any, tuple[Any, ...]] = {
    int: (int, float, decimal.Decimal),
    float: (float, decimal.Decimal),
    decimal.Decimal: (decimal.Decimal, float),
}
_NUMBER = re.compile(r"\$[0-9]+")
# The driver leaves the type of a str open, so the server reads it as whatever it needs there.
_NOT_FROM_STR = (bool, int, float, decimal.Decimal, bytes)


@attrs.frozen
class Declared:
    """A parameter's name and the annotation declared for it."""

    name: str
    hint: Hint
    codec: Codec | None = None

    @property
    def nullable(self) -> bool | None:
        """Whether None may come; None where anything may."""
        return None if self.hint.kind == "any" else self.hint.optional


def owner_of(statement: Command) -> str:
    """Return what declares the parameters, as messages name it."""
    if statement.signature is not None:
        return str(statement.name)
    return "params" if isinstance(statement.params, Mapping) else shown(statement.params)


def declared_of(statement: Command) -> list[Declared] | None:
    """Return the declared parameters; None where none are.

    Raises:
        ModelError: An annotation is none that a parameter could have.
    """
    params = statement.params
    if params is None:
        return None
    if isinstance(params, Mapping):
        named = cast("Mapping[str, Any]", params)
        return [
            Declared(name, hint_of(annotation, model="params", field=name))
            for name, annotation in named.items()
        ]
    return [Declared(field.init_name, field.hint, field.codec) for field in model_of(params).fields]


def count_problem(declared: Sequence[Declared], count: int, owner: str) -> Problem:
    """Return the problem of another number of `%s` than of declared types."""
    taken = "1 parameter" if count == 1 else f"{count or 'no'} parameters"
    return Problem(
        "error",
        "parameter-count",
        f"the SQL takes {taken}; {owner} declares {len(declared)}",
        "declare one for each %s, in their order",
    )


def name_problems(
    declared: Sequence[Declared],
    used: Mapping[str, int],
    owner: str,
    every: Sequence[Declared] | None = None,
    lost: Fault | None = None,
) -> Iterator[Problem]:
    """Yield names that only the SQL or only the declaration has.

    Args:
        declared: The parameters of a variant.
        used: The names in the SQL, and where each comes first.
        owner: What declares the parameters.
        every: Those of all variants, of which one may have been meant.
        lost: The first placeholder that stands inside quotes.
    """
    known = [item.name for item in every or declared]
    names = [item.name for item in declared]
    for name, at in used.items():
        if name not in names:
            near = get_close_matches(name, known, 1)
            yield Problem(
                "error",
                "parameter-name",
                f"the SQL uses %({name})s; {owner} declares {', '.join(known) or 'nothing'}",
                f"did you mean %({near[0]})s?" if near else f"declare {name} in {owner}",
                at,
            )
    for name in names:
        if name not in used:
            yield Problem(
                "error",
                "parameter-name",
                f"{owner} declares {name}, which the SQL does not use: a call that gives it"
                " is refused",
                f"{lost.sentence.replace('{line}', '')}: {lost.remedy}"
                if lost is not None and lost.sentence.startswith(f"%({name})")
                else "remove it, or use it",
                None if lost is None else lost.start,
            )


def numbered_problem(sql: str, count: int) -> Problem | None:
    """Return the problem of a parameter by number, which the server knows and no call sends.

    Args:
        sql: The statement.
        count: How many parameters the server found in it.
    """
    known = max((number for number, _ in numbered_places(sql)), default=0)
    if count <= known:
        return None
    numbers = [t for t in tokens(sql) if _NUMBER.fullmatch(sql, t.start, t.end)]
    unknown = [t for t in numbers if int(sql[t.start + 1 : t.end]) > known]
    shown = sql[unknown[0].start : unknown[0].end] if unknown else "$1"
    return Problem(
        "error",
        "placeholder",
        f"the statement has a parameter by number ({shown}), for which there is no value",
        WRITTEN,
        unknown[0].start if unknown else None,
    )


def parameter_problem(
    item: Declared, type_: PgType, owner: str, codecs: Mapping[Any, Codec], at: int | None
) -> Problem | None:
    """Return the problem of a type that the server expects and the annotation does not give."""
    hint = item.hint
    if item.codec is not None or hint.type in codecs or _fits(type_, hint, codecs):
        return None
    python = "" if type_.shown in ("object", type_.name) else f" ({type_.shown})"
    return Problem(
        "error",
        "parameter-type",
        f'parameter "{item.name}" is {type_.name}{python}; {owner}.{item.name} is {hint.text}',
        _remedy(item, type_),
        at,
    )


def labels_problem(item: Declared, type_: PgType, owner: str, at: int | None) -> Problem | None:
    """Return the problem of values that the annotation has, and the database's enum has not."""
    base, hint = underlying(type_), item.hint
    if base.kind == "array" and base.element is not None and hint.kind == "sequence":
        base, hint = underlying(base.element), hint.args[0]
    if item.codec is not None or base.kind != "enum":
        return None
    members: list[Any] = []
    for one in hint.args if hint.kind == "union" else (hint,):
        members += one.literals if one.kind == "literal" else ()
        members += list(one.type) if one.kind == "enum" else ()
    sent = [parameter_of(m) if isinstance(m, enum.Enum) else m for m in members]
    missing = [f'"{value}"' for value in sent if value is not None and value not in base.labels]
    if not missing:
        return None
    return Problem(
        "warning" if len(missing) < len(sent) else "error",
        "enum-label",
        f'parameter "{item.name}" is {base.name}, which has no {", ".join(missing)};'
        f" {owner}.{item.name} is sent so",
        f"add it to {base.name}, or take it out of {hint.text}",
        at,
    )


def _remedy(item: Declared, type_: PgType) -> str:
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
