"""What Python says of a class and of its annotations: of which kind it is, what they resolve to."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import sys
import types
import typing
from typing import Any, Literal, Union, get_args, get_origin

import attrs

from liteorm._core.values.interval import Interval
from liteorm.errors import ModelError


def shown(annotation: Any) -> str:
    """Return an annotation as source text, short names only."""
    if annotation is None or annotation is types.NoneType:
        return "None"
    if annotation is Any:
        return "Any"
    origin = get_origin(annotation)
    if origin is typing.Annotated:
        return shown(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return " | ".join(shown(arg) for arg in get_args(annotation))
    if origin is Literal:
        return f"Literal[{', '.join(map(_shown_literal, get_args(annotation)))}]"
    if origin is not None:
        name = getattr(origin, "__name__", None) or str(origin)
        if not hasattr(annotation, "__args__"):
            return str(name)  # `typing.List` alone
        inner = ", ".join("..." if arg is Ellipsis else shown(arg) for arg in get_args(annotation))
        return f"{name}[{inner or '()'}]"
    return str(getattr(annotation, "__qualname__", None) or annotation).rsplit(".<locals>.")[-1]


def _shown_literal(value: Any) -> str:
    return str(value) if isinstance(value, enum.Enum) else repr(value)


def is_model(tp: Any) -> bool:
    """Tell whether a class has named fields that a row can fill."""
    return (
        isinstance(tp, type)
        and tp is not Interval
        and (
            attrs.has(tp)
            or dataclasses.is_dataclass(tp)
            or is_namedtuple(tp)
            or is_typeddict(tp)
            or is_struct(tp)
            or is_pydantic(tp)
        )
    )


def is_namedtuple(tp: Any) -> bool:
    """Tell whether a class was made by `NamedTuple` or `namedtuple`."""
    return isinstance(tp, type) and tuple in tp.__mro__ and hasattr(tp, "_fields")


def is_typeddict(tp: Any) -> bool:
    """Tell whether a class is a TypedDict, of `typing` or of `typing_extensions`."""
    return isinstance(tp, type) and dict in tp.__mro__ and hasattr(tp, "__required_keys__")


def is_struct(tp: Any) -> bool:
    """Tell whether a class is a msgspec Struct."""
    return isinstance(tp, type) and hasattr(tp, "__struct_fields__")


def is_pydantic(tp: Any) -> bool:
    """Tell whether a class is a Pydantic model; Pydantic itself is never imported."""
    return isinstance(tp, type) and any(
        base.__name__ == "BaseModel" and base.__module__ == "pydantic.main"
        for base in tp.__mro__[1:]
    )


def shown_reference(reference: str | typing.ForwardRef) -> str:
    """Return the text of a forward reference."""
    return reference if isinstance(reference, str) else reference.__forward_arg__


def annotations_of(cls: type) -> dict[str, Any]:
    """Return the resolved annotations of a class, those of its bases included.

    A name that the class's module does not have is looked for among the locals of the function
    which defines the class, as long as that function is still running.

    Raises:
        ModelError: a name in a string annotation means nothing.
    """
    try:
        return typing.get_type_hints(cls, include_extras=True)
    except Exception as first:
        # Locals of a function are out of reach for get_type_hints; a class defined in the
        # function that now scans with it is common in tests and scripts.
        localns = _enclosing_locals(cls)
        localns.setdefault(cls.__name__, cls)
        try:
            return typing.get_type_hints(cls, localns=localns, include_extras=True)
        except NameError as error:
            field = _field_naming(cls, error.name)
            where = f"{cls.__name__}.{field}" if field else cls.__name__
            raise ModelError(
                f"{where}: the name {error.name!r} in its annotation cannot be resolved",
                model=cls.__name__,
                field=field,
                hint="define or import that name in the module of the class"
                " (not under TYPE_CHECKING)",
            ) from None
        except Exception:
            raise ModelError(
                f"{cls.__name__}: its annotations cannot be read: {first}",
                model=cls.__name__,
                field=None,
            ) from first


def _enclosing_locals(cls: type) -> dict[str, Any]:
    """Return the locals of the running functions in which a class was defined."""
    outer = cls.__qualname__.rpartition(".<locals>.")[0]
    found: dict[str, Any] = {}
    frame = inspect.currentframe()
    while outer and frame is not None:
        if (
            frame.f_code.co_qualname == outer or outer.startswith(frame.f_code.co_qualname + ".")
        ) and frame.f_globals.get("__name__") == cls.__module__:
            for name, value in frame.f_locals.items():
                found.setdefault(name, value)
        frame = frame.f_back
    return found


def _field_naming(cls: type, name: str | None) -> str | None:
    for base in cls.__mro__:
        for field, annotation in written_annotations(base).items():
            if isinstance(annotation, str) and name is not None and name in annotation:
                return field
    return None


def written_annotations(cls: type) -> dict[str, Any]:
    """Return the annotations in the body of a class itself, as they are written there."""
    if sys.version_info >= (3, 14):
        as_text = 4  # annotationlib.Format.STRING
        return dict(inspect.get_annotations(cls, format=as_text))
    return dict(vars(cls).get("__annotations__", {}))
