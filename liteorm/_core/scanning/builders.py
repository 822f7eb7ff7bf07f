"""What builds objects of a class fastest: the class itself, or a function that fills its slots."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from liteorm._core.models.model import Model


def constructor(model: Model) -> Callable[..., Any]:
    """Return what builds objects of a class fastest, with the same outcome.

    A frozen class stores each argument through `object.__setattr__`, several times the cost of a
    plain store. Where its constructor does nothing else, a function does that fills the slots
    of a new object. Not where objects have a `__dict__`: filled from outside it would lose the
    compact form in which objects of a class share their keys.
    """
    cls: Any = model.cls
    if not (model.frozen and model.plain and model.fields) or cls.__dictoffset__:
        return model.cls
    slots: list[Any] = [getattr(cls, field.name, None) for field in model.fields]
    if not all(isinstance(slot, types.MemberDescriptorType) for slot in slots):
        return model.cls
    names = [field.init_name for field in model.fields if not field.kw_only]
    keywords = [field.init_name for field in model.fields if field.kw_only]
    taken = {*names, *keywords}
    obj, new, made = (_other_name(name, taken) for name in ("obj", "new", "made"))
    stores = [_other_name(f"set{place}", taken) for place in range(len(slots))]
    arguments = ", ".join([*names, *(["*", *keywords] if keywords else [])])
    body = "".join(
        f"    {store}({obj}, {field.init_name})\n"
        for store, field in zip(stores, model.fields, strict=True)
    )
    text = f"def build({arguments}):\n    {obj} = {new}({made})\n{body}    return {obj}\n"
    scope: dict[str, Any] = {new: object.__new__, made: cls}
    scope |= {store: slot.__set__ for store, slot in zip(stores, slots, strict=True)}
    exec(text, scope)
    build: Callable[..., Any] = scope["build"]
    return build


def _other_name(name: str, taken: set[str]) -> str:
    """Return a name that no argument has."""
    while name in taken:
        name += "_"
    return name
