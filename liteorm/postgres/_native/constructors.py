"""Classes whose objects the compiled executor makes without calling them, and how."""

from __future__ import annotations

import dataclasses
import gc
import sys
from functools import cache
from types import MemberDescriptorType
from typing import Any

import attrs

from liteorm._core.models.model import Model

__all__ = ["filled_up", "store_of"]

Program = tuple[Any, ...]


def filled_up(model: Model, parts: dict[str, Program]) -> Program | None:
    """Return what makes an object by filling it; None where the class itself has to be called.

    Args:
        model: The class.
        parts: What makes the values, by the constructor's keywords; the rest are defaults.
    """
    cls: Any = model.cls
    if model.kind == "namedtuple":
        if not _made_as_tuple(cls):
            return None
    elif not (_is_plain_struct(cls) if model.kind == "struct" else _only_stores(model)):
        return None
    programs = [parts.get(field.init_name) for field in model.fields]
    if None in programs:
        defaults = _defaults(model)
        programs = [
            defaults.get(field.name) if program is None else program
            for field, program in zip(model.fields, programs, strict=True)
        ]
        if None in programs:
            return None
    if model.kind == "namedtuple":
        return ("subtuple", tuple(programs), cls)
    stores = tuple(store_of(cls, field.name) for field in model.fields)
    return ("object", tuple(programs), cls, stores, model.kind == "struct")


def store_of(cls: type, name: str) -> Any:
    """Return where an attribute is stored: its slot, or its name for a class with a dict."""
    found = next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)
    return found if isinstance(found, MemberDescriptorType) else name


def _only_stores(model: Model) -> bool:
    """Tell whether all that a constructor does is to store its arguments."""
    cls: Any = model.cls
    return (
        model.kind in ("attrs", "dataclass")
        and model.plain
        and (model.frozen or cls.__setattr__ is object.__setattr__)
        and not getattr(cls, "__abstractmethods__", None)
    )


def _made_as_tuple(cls: type[Any]) -> bool:
    """Tell whether a NamedTuple is made by what the class statement wrote, and by nothing else."""
    new = cls.__new__
    return (
        type(cls) is type
        and str(getattr(new, "__module__", "")).startswith("namedtuple_")
        and cls.__init__ is object.__init__
        and "__new__" in vars(next(base for base in cls.__mro__ if "_fields" in vars(base)))
    )


def _is_plain_struct(cls: Any) -> bool:
    """Tell whether a Struct is its slots and nothing else, as msgspec itself makes it."""
    import msgspec

    return (
        type(cls) is type(msgspec.Struct)
        and _tells_the_collector_late()
        and not hasattr(cls, "__post_init__")
        and not getattr(cls, "__abstractmethods__", None)
        and cls.__dictoffset__ == 0
        and all(isinstance(store_of(cls, name), MemberDescriptorType) for name in _fields(cls))
    )


def _fields(cls: Any) -> tuple[str, ...]:
    found: tuple[str, ...] = cls.__struct_fields__
    return found


@cache
def _tells_the_collector_late() -> bool:
    """Tell whether msgspec lets the collector know a Struct once it holds what could lead back."""
    import msgspec

    class Probe(msgspec.Struct):
        inside: Any

    probe = Probe(None)
    before = gc.is_tracked(probe)
    probe.inside = []
    return not before and gc.is_tracked(probe)


def _defaults(model: Model) -> dict[str, Program]:
    """Return what gives the defaults that the constructor would: a value, or a call."""
    cls: Any = model.cls
    found: dict[str, Program] = {}
    if model.kind == "attrs":
        factory: Any = attrs.Factory
        for a in attrs.fields(cls):
            default: Any = a.default
            if not isinstance(default, factory):
                _note(found, a.name, default, attrs.NOTHING)
            elif not default.takes_self:
                found[a.name] = ("made", default.factory)
    elif model.kind == "namedtuple":
        found = {name: ("given", value) for name, value in cls._field_defaults.items()}
    else:
        msgspec = sys.modules.get("msgspec") if model.kind == "struct" else None
        missing = dataclasses.MISSING if msgspec is None else msgspec.NODEFAULT
        listed = dataclasses.fields if msgspec is None else msgspec.structs.fields
        for field in listed(cls):
            _note(found, field.name, field.default, missing)
            if field.default_factory is not missing:
                found[field.name] = ("made", field.default_factory)
    return found


def _note(found: dict[str, Program], name: str, default: Any, missing: Any) -> None:
    if default is not missing:
        found[name] = ("given", default)
