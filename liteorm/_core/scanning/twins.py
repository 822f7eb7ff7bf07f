"""What builds objects of a class fastest: the class itself, or a subclass that may store."""

from __future__ import annotations

import typing
import weakref
from typing import Any

from liteorm._core.models.classes import Model

# A twin is a subclass and keeps its class alive: it lives as long as a scanner builds with it.
_twins: weakref.WeakKeyDictionary[type, weakref.ref[type]] = weakref.WeakKeyDictionary()


def constructor(model: Model) -> type:
    """Return what builds objects of a class fastest, with the same outcome.

    A frozen class stores each argument through `object.__setattr__`, three times the cost of a
    plain store. Where its constructor does nothing else, objects are built by a subclass that may
    store, and are then given their class.
    """
    cls = model.cls
    if not (model.frozen and model.plain and model.fields):
        return cls
    bases = [base for base in cls.__mro__ if base not in (object, typing.Generic)]
    if any("__init_subclass__" in vars(base) for base in bases):
        # The twin would be announced to the user's hook.
        return cls
    known = _twins.get(cls)
    twin = known() if known is not None else None
    if twin is None:
        twin = _unfrozen(model)
        _twins[cls] = weakref.ref(twin)
    return twin


def _unfrozen(model: Model) -> type:
    names = [field.init_name for field in model.fields if not field.kw_only]
    keywords = [field.init_name for field in model.fields if field.kw_only]
    obj, frozen = (_other_name(name, {*names, *keywords}) for name in ("self", "frozen"))
    arguments = ", ".join([obj, *names, *(["*", *keywords] if keywords else [])])
    body = "".join(f"    {obj}.{field.name} = {field.init_name}\n" for field in model.fields)
    text = f"def __init__({arguments}):\n{body}    {obj}.__class__ = {frozen}\n"
    scope: dict[str, Any] = {frozen: model.cls}
    exec(text, scope)
    return type(
        model.cls.__name__,
        (model.cls,),
        {
            "__slots__": (),
            "__init__": scope["__init__"],
            # Both, or the type keeps a slow slot for attribute stores.
            "__setattr__": object.__setattr__,
            "__delattr__": object.__delattr__,
            "__module__": model.cls.__module__,
            "__qualname__": model.cls.__qualname__,
            "__doc__": f"Builds {model.cls.__qualname__}; no object keeps this class.",
        },
    )


def _other_name(name: str, taken: set[str]) -> str:
    """Return a name that no argument has."""
    while name in taken:
        name += "_"
    return name
