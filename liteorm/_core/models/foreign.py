"""Classes of msgspec and Pydantic: which they are, and their fields as the mapper takes them."""

from __future__ import annotations

import sys
import typing
from collections.abc import Iterator
from typing import Any

import attrs

from liteorm._core.models.annotations import is_pydantic
from liteorm._core.models.hints import Column
from liteorm.errors import ModelError


@attrs.frozen(eq=False, repr=False)
class ForeignField:
    """What a class of another library says of one of its fields."""

    name: str
    init_name: str
    """The constructor's keyword; Pydantic's may be no identifier."""
    column: str
    """The name in JSON, which is the column's unless `Column(name=...)` says otherwise."""
    annotation: Any
    required: bool
    kw_only: bool


def struct_fields(cls: Any) -> Iterator[ForeignField]:
    """Yield the fields of a msgspec Struct."""
    import msgspec

    positional = set(cls.__match_args__)
    for info in msgspec.structs.fields(cls):
        missing = (info.default, info.default_factory)
        yield ForeignField(
            name=info.name,
            init_name=info.name,
            column=info.encode_name,
            annotation=info.type,
            required=all(each is msgspec.NODEFAULT for each in missing),
            kw_only=info.name not in positional,
        )


def pydantic_fields(cls: Any, shown_name: str) -> Iterator[ForeignField]:
    """Yield the fields of a Pydantic model.

    Raises:
        ModelError: It has no fields of its own, or names in its annotations mean nothing yet.
    """
    if any(base.__name__ == "RootModel" and is_pydantic(base) for base in cls.__mro__):
        raise ModelError(
            f"{shown_name} is a RootModel, which wraps one value and has no fields for columns",
            model=shown_name,
            hint="scan into the type that it wraps, and build it from that",
        )
    if not cls.__pydantic_complete__ and not cls.model_rebuild(raise_errors=False):
        raise ModelError(
            f"{shown_name} is not fully defined: a name in its annotations cannot be resolved",
            model=shown_name,
            hint=f"define or import that name, then call {shown_name}.model_rebuild()",
        )
    by_alias = cls.model_config.get("validate_by_alias", True)
    for name, info in cls.model_fields.items():
        key = _alias(info, name, shown_name) if by_alias else name
        columns = [extra for extra in info.metadata if isinstance(extra, Column)]
        annotation = info.annotation
        if info.discriminator is not None:
            # Which of a union's models it is, the field says. Pydantic is loaded, and never by us.
            told = sys.modules["pydantic"].Field(discriminator=info.discriminator)
            annotation = typing.Annotated[annotation, told]
        yield ForeignField(
            name=name,
            init_name=key,
            column=key,
            annotation=typing.Annotated[(annotation, *columns)] if columns else annotation,
            required=info.is_required(),
            kw_only=True,
        )


def _alias(info: Any, name: str, shown_name: str) -> str:
    """Return the name under which a model takes a field."""
    alias = info.validation_alias or info.alias or name
    if isinstance(alias, str):
        return alias
    for choice in getattr(alias, "choices", ()):
        if isinstance(choice, str):
            return choice
    raise ModelError(
        f"{shown_name}.{name} is taken from a path inside other data, which no column is",
        model=shown_name,
        field=name,
        hint="give the field an alias that is a name",
    )
