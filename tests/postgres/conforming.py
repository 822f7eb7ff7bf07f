"""Whether a value is what an annotation says: read from `typing` alone."""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import types
import typing
from typing import Any

import attrs

from liteorm import Multirange, Range

_CONTAINERS: dict[Any, type] = {
    list: list,
    set: set,
    frozenset: frozenset,
    collections.abc.Sequence: list,
}


def conforms(value: Any, annotation: Any) -> bool:
    """Tell whether a value is an instance of an annotation, in all its depth.

    Classes must be exact: True is no int here, and a datetime no date.
    """
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is Any or annotation is object:
        return _is_plain(value)
    if annotation is None or annotation is types.NoneType:
        return value is None
    if origin is typing.Annotated:
        return conforms(value, args[0])
    if origin in (typing.Union, types.UnionType):
        return any(conforms(value, arg) for arg in args)
    if origin is typing.Literal:
        return any(type(value) is type(arg) and value == arg for arg in args)
    if origin is tuple or annotation is tuple:
        return _class_of(value) is tuple and _tuple_conforms(value, args)
    if origin in _CONTAINERS or annotation in _CONTAINERS:
        container = _CONTAINERS[origin or annotation]
        items: Any = value
        return type(value) is container and all(conforms(i, args[0]) for i in items if args)
    if origin is dict or annotation is dict:
        pairs: Any = value
        return type(value) is dict and all(
            conforms(k, args[0]) and conforms(v, args[1]) for k, v in pairs.items() if args
        )
    if origin is Range:
        return _class_of(value) is Range and all(
            bound is None or conforms(bound, args[0]) for bound in (value.lower, value.upper)
        )
    if origin is Multirange:
        inner: Any = Range
        return _class_of(value) is Multirange and all(conforms(r, inner[args[0]]) for r in value)
    if _has_fields(annotation):
        return _fields_conform(value, annotation)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return isinstance(value, annotation)
    return type(value) is annotation


def _tuple_conforms(value: tuple[Any, ...], args: tuple[Any, ...]) -> bool:
    if not args:
        return True
    if len(args) == 2 and args[1] is Ellipsis:
        return all(conforms(item, args[0]) for item in value)
    return len(value) == len(args) and all(map(conforms, value, args))


def _class_of(value: object) -> Any:
    return type(value)


def _is_plain(value: Any) -> bool:
    """Tell whether a value for Any is a plain one: nothing of the mapper's inside, no raw bytes."""
    if {tuple, list} & {*_class_of(value).__mro__}:
        return _class_of(value) in (tuple, list) and all(map(_is_plain, value))
    return type(value).__name__ not in ("JsonText", "Pair", "Record")


def _has_fields(annotation: Any) -> bool:
    return isinstance(annotation, type) and _is_record(annotation)


def _is_record(annotation: Any) -> bool:
    return (
        attrs.has(annotation)
        or dataclasses.is_dataclass(annotation)
        or hasattr(annotation, "_fields")
        or hasattr(annotation, "__required_keys__")
    )


def _fields_conform(value: Any, cls: Any) -> bool:
    hints = typing.get_type_hints(cls, include_extras=True)
    if hasattr(cls, "__required_keys__"):
        return (
            _class_of(value) is dict
            and cls.__required_keys__ <= value.keys() <= hints.keys()
            and all(conforms(item, hints[name]) for name, item in value.items())
        )
    return type(value) is cls and all(
        conforms(getattr(value, name), hint) for name, hint in hints.items()
    )
