"""Objects into rows of COPY's binary form, by the compiled encoder."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from types import MemberDescriptorType
from typing import Any, Final, Protocol
from uuid import UUID

from liteorm._core.models.model import Field, Model
from liteorm.postgres._native.library import Unavailable, module
from liteorm.postgres._types.forms import TEXT_OID, Encoder

__all__ = ["EncodeObjects", "encoder_for"]


class EncodeObjects(Protocol):
    """Appends the rows of objects; False, and nothing appended: they are to be encoded in Python.

    Where only exact ones are wanted, one of another class than the model's is for Python, too.
    """

    def __call__(self, objects: list[Any], buffer: bytearray, exact: bool = False, /) -> bool: ...


_KINDS: Final[dict[tuple[int, Any], str]] = {
    (16, bool): "bool",
    (21, int): "int2",
    (23, int): "int4",
    (20, int): "int8",
    (700, float): "float4",
    (701, float): "float8",
    (TEXT_OID, str): "text",
    (17, bytes): "bytes",
    (1082, dt.date): "date",
    (1083, dt.time): "time",
    (1114, dt.datetime): "timestamp",
    (1184, dt.datetime): "timestamptz",
    (2950, UUID): "uuid",
}
"""How values of an encoder's fast class are written, by its dumper; others the encoder writes."""


def encoder_for(
    model: Model, columns: Sequence[tuple[Field, Encoder, bool]]
) -> EncodeObjects | None:
    """Return what encodes objects of a class; None where that is Python's.

    Args:
        model: The class.
        columns: For each the field, the encoder, and whether None is to be refused.
    """
    try:
        native = module()
    except Unavailable:
        return None
    cls: Any = model.cls
    keys = model.kind == "typeddict"
    specs: list[tuple[Any, ...]] = []
    for field, encoder, required in columns:
        # a codec is the user's, and makes a value of any class
        if encoder.binary is None or field.encode is not None:
            return None
        slot = None if keys else _slot(cls, field.name)
        kind = _KINDS.get((encoder.dumper, encoder.fast), "other")
        inner = (UUID, _slot(UUID, "int")) if kind == "uuid" else ()
        specs.append((kind, field.name, slot, encoder.binary, required, *inner))
    size = len(model.fields) if cls is dict else -1
    if not isinstance(cls, type):
        return None
    encode: EncodeObjects = native.Encoder(cls, keys, size, tuple(specs)).encode
    return encode


def _slot(cls: Any, name: str) -> MemberDescriptorType | None:
    """Return the slot of an attribute that is read from nowhere else."""
    if cls.__getattribute__ is not object.__getattribute__:
        return None
    bases: tuple[type, ...] = cls.__mro__
    found: Any = next((vars(base)[name] for base in bases if name in vars(base)), None)
    return found if isinstance(found, MemberDescriptorType) else None
