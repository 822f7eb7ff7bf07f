"""The error of a type that does not fit a field, and what would mend it."""

from __future__ import annotations

from typing import NoReturn

from liteorm._core.models.hints import Hint
from liteorm._core.scanning.steps import ELEMENT, Place
from liteorm._core.scanning.types import (
    FILLED,
    PgType,
    cast_of,
    cast_to,
    python_name,
    row_for,
    underlying,
)
from liteorm.errors import ModelError, ScanError


def mismatch(type_: PgType, hint: Hint, place: Place) -> NoReturn:
    """Refuse a type that fills no such annotation, or a class that no type fills."""
    if hint.kind == "scalar" and hint.type not in FILLED:
        raise unmapped(place.target, hint, place.model, place.field, _remedy(type_, hint, place))
    shown = type_.shown
    python = f" ({shown})" if shown not in ("object", type_.name) else ""
    raise type_misfit(
        f"{place.source} is {type_.name}{python}; {place.wanted}",
        place,
        got=type_.name,
        remedy=_remedy(type_, hint, place),
    )


def unmapped(
    target: str, hint: Hint, model: str, field: str | None, remedy: str | None = None
) -> ModelError:
    """Return the error of a class that no column fills, whatever its type."""
    name = python_name(hint.type)
    where = f"{target}: {name}" if field else name
    return ModelError(
        f"{where} is a class that no column fills",
        model=model,
        field=field,
        hint=(
            remedy
            or "expected an attrs class, a dataclass, a NamedTuple, a TypedDict, a msgspec Struct,"
            " a Pydantic model, or a class that PostgreSQL has a type for"
        )
        + f", or give it a codec: open(codecs={{{name}: ...}})",
    )


def type_misfit(message: str, place: Place, *, got: str, remedy: str | None = None) -> ScanError:
    """Return the error of a type that does not fit a field."""
    return ScanError(
        message,
        model=place.model,
        field=place.field,
        column=place.column,
        expected=place.annotation or place.target,
        got=got,
        remedy=remedy,
    )


def attributes_remedy(missing: list[str], extra: list[str]) -> str:
    """Return what would mend a composite whose attributes are not the fields."""
    parts: list[str] = []
    if missing:
        parts.append(f"give {', '.join(missing)} a default, or the name of an attribute")
    if extra:
        parts.append(f'add fields for {", ".join(extra)}, or scan with extra="ignore"')
    return "; ".join(parts)


def _remedy(type_: PgType, hint: Hint, place: Place) -> str:
    """Return what would mend a mismatch: a cast in the SQL, another annotation, or both."""
    ways: list[str] = []
    target = cast_to(type_, hint.type if hint.kind == "scalar" else None)
    if hint.kind in ("enum", "literal") and type_.kind == "base" and type_.python is not str:
        target = "text" if _wants_text(hint) else None
    if target is not None and place.inside in ("", ELEMENT):
        ways.append(cast_of(place.column, f"{target}[]" if place.inside else target))
    what = "scan into" if place.whole else f"annotate {place.part}"
    shown = type_.shown
    if hint.kind == "model" and place.field and not place.inside:
        ways.append(f'select its fields as "{place.field}.…", or as a composite or jsonb')
    elif shown != "object":
        optional = " | None" if hint.optional else ""
        ways.append(f"{what} {shown}{optional}")
    else:
        row = row_for(underlying(type_))
        names = [python_name(python) for python, _ in row.variants] if row else []
        if names:
            ways.append(f"{what} {' or '.join(names)}")
    return ", or ".join(ways) if ways else "give the field a codec: Column(codec=...)"


def _wants_text(hint: Hint) -> bool:
    if hint.kind == "literal":
        return all(isinstance(value, str) for value in hint.literals)
    return all(isinstance(member.value, str) for member in hint.type)
