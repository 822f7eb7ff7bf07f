"""Classes as the mapper sees them: `model_of(User)` gives fields, columns, defaults and table."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import attrs

from liteorm._core.belonging import keep, kept, let_go
from liteorm._core.models.annotations import is_model, shown
from liteorm._core.models.hints import Hint
from liteorm._core.models.model import TABLE, Model, table_named
from liteorm._core.models.reading import read_model
from liteorm.errors import ModelError

T = TypeVar("T")


def table(
    name: str,
    *,
    key: str | Iterable[str] = (),
    schema: str | None = None,
    version: str | None = None,
) -> Callable[[type[T]], type[T]]:
    """Say in which table the objects of a class are stored.

    Args:
        name: the table. One dot splits schema and table, unless `schema` is given: then the
            name is taken as it is. Identifiers are always quoted, so case counts.
        key: the field, or fields, of the primary key.
        schema: the schema, for names which contain a dot themselves.
        version: the field that guards against lost updates. An int is raised by each update; a
            field that the database fills (`generated=True`, also the system column xmin) is
            compared only.

    Raises:
        ModelError: an empty name, more than one dot, or (at first use) an unknown key field, or a
            version that is neither an int nor generated.

    Example:
        >>> @table("app.users", key="id")
        ... @attrs.define
        ... class User:
        ...     id: int
        ...     name: str
    """
    split = table_named(name, schema)
    keys = (key,) if isinstance(key, str) else tuple(key)

    def decorate(cls: type[T]) -> type[T]:
        setattr(cls, TABLE, attrs.evolve(split, key=keys, version=version))
        _forget(cls)
        return cls

    return decorate


_models: dict[int, weakref.ref[Model]] = {}
"""Models of classes by the class's id, the shorter way; each belongs to its class."""
_epoch = 0


def model_of(tp: Any) -> Model:
    """Understand an attrs class, dataclass, NamedTuple or TypedDict; generic ones with arguments.

    Raises:
        ModelError: it is none of these, or one of its fields cannot be filled from a column.
    """
    known = _models.get(id(tp))
    if known is not None and (found := known()) is not None and found.cls is tp:
        return found
    key = ("model", _epoch, tp)
    try:
        model: Model | None = kept(tp).get(key)
    except TypeError:
        raise ModelError(f"{shown(tp)} is not a class that can be mapped") from None
    if model is None:
        model = read_model(tp)
        keep(tp, key, model)
        if model.cls is tp:
            place = id(tp)
            _models[place] = weakref.ref(model, lambda gone: _drop(place, gone))
        else:
            kept(model.cls)  # a sign that it was used
    return model


def with_anything(cls: Any) -> Any:
    """Return a class; a generic one with Any for each of its type variables."""
    parameters: tuple[Any, ...] = getattr(cls, "__parameters__", ())
    return cls[tuple(Any for _ in parameters)] if parameters and is_model(cls) else cls


def _drop(place: int, gone: weakref.ref[Model]) -> None:
    if _models.get(place) is gone:
        _models.pop(place, None)


def _forget(cls: type) -> None:
    """Forget what was understood of a class, and of those that inherit its table."""
    global _epoch
    for known in (cls, *type.__subclasses__(cls)):
        if known is not cls:
            _forget(known)
        elif let_go(known):
            _models.pop(id(known), None)
            _epoch += 1


def model_of_hint(hint: Hint) -> Model:
    """Understand the class of a hint of kind "model", its type arguments applied."""
    if not hint.bindings:
        return model_of(hint.type)
    return model_of(hint.type[tuple(value for _, value in hint.bindings)])


def clear_models() -> None:
    """Forget every class understood so far."""
    global _epoch
    _models.clear()
    _epoch += 1
