"""Classes inside JSON whose fields have other names or codecs there: as outside, so inside.

msgspec knows neither. Where a class has such a field, or holds one that has, a class of our own
stands for it in what msgspec decodes, and objects are built from that.
"""

from __future__ import annotations

import functools
import types
import typing
from typing import Any

from liteorm._core.models.classes import Field, model_of
from liteorm._core.models.hints import Hint, is_model
from liteorm.errors import ModelError

_STANDS_FOR = "__liteorm_stands_for__"


def is_special(cls: Any) -> bool:
    """Tell whether a class, or one inside it, has a field with another name or a codec."""
    return is_model(cls) and _is_special(cls, frozenset())


def _is_special(cls: Any, around: frozenset[Any]) -> bool:
    if cls in around:
        return False
    try:
        fields = model_of(cls).fields
    except (ModelError, TypeError):
        return False
    around = around | {cls}
    return any(
        field.codec is not None
        or (field.hint.column is not None and field.hint.column.name is not None)
        or any(_is_special(inner, around) for inner in _classes_in(field.hint))
        for field in fields
    )


def _classes_in(hint: Hint) -> list[Any]:
    if hint.kind == "model":
        return [hint.type]
    return [cls for arg in hint.args for cls in _classes_in(arg)]


def marked(annotation: Any) -> Any:
    """Return an annotation with our own classes in place of those that are special."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        inner = marked(args[0])
        return annotation if inner is args[0] else inner
    if is_special(origin or annotation):
        return _marker(annotation)
    if not args or origin is typing.Literal:
        return annotation
    inside = tuple(map(marked, args))
    if all(new is old for new, old in zip(inside, args, strict=True)):
        return annotation
    if origin in (typing.Union, types.UnionType):
        return typing.Union[inside]  # noqa: UP007
    return origin[inside]


class Inside(ValueError):
    """A misfit inside an object of a special class, with the path from there."""


class _Stand(type):
    """The class of what stands for others: their objects are its instances, for msgspec."""

    def __instancecheck__(cls, instance: object) -> bool:
        return True


@functools.lru_cache(maxsize=1024)
def _marker(annotation: Any) -> Any:
    name = getattr(typing.get_origin(annotation) or annotation, "__name__", "object")
    return _Stand(name, (), {_STANDS_FOR: annotation})


def stands_for(tp: Any) -> Any:
    """Return the annotation that a class of ours stands for, or None."""
    return getattr(tp, _STANDS_FOR, None)


def built(annotation: Any, value: Any, dec_hook: Any) -> Any:
    """Build an object of a special class from decoded JSON."""
    import msgspec

    shape, fields = _shape(annotation)
    try:
        found = msgspec.convert(value, shape, dec_hook=dec_hook)
    except msgspec.ValidationError as error:
        if error.__cause__ is not None and not isinstance(error.__cause__, Inside):
            raise  # what a hook or validator raised
        # msgspec adds its own path to this, and would not to its own
        raise Inside(str(error)) from None
    arguments: dict[str, Any] = {}
    for place, field in enumerate(fields):
        one = getattr(found, f"f{place}")
        if one is msgspec.UNSET:
            continue
        if field.codec is not None and one is not None:
            one = field.codec.decode(one)
        arguments[field.init_name] = one
    return (typing.get_origin(annotation) or annotation)(**arguments)


@functools.lru_cache(maxsize=1024)
def _shape(annotation: Any) -> tuple[Any, tuple[Field, ...]]:
    import msgspec

    fields = tuple(model_of(annotation).fields)
    members: list[Any] = []
    for place, field in enumerate(fields):
        type_ = Any if field.codec is not None else marked(field.hint.annotation)
        if field.required:
            members.append((f"f{place}", type_))
        else:
            members.append((f"f{place}", type_ | msgspec.UnsetType, msgspec.UNSET))
    renamed = {f"f{place}": field.column for place, field in enumerate(fields)}
    name = getattr(typing.get_origin(annotation) or annotation, "__name__", "object")
    return msgspec.defstruct(name, members, rename=renamed, kw_only=True), fields
