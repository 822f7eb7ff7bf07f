"""Arrays, ranges, multiranges and composites, put together from what is inside them.

In the binary form that PostgreSQL's receive functions read (arrayfuncs.c, rangetypes.c,
multirangetypes.c, rowtypes.c), and in the text form for what has no binary one.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from liteorm._core.models.classes import model_of
from liteorm._core.models.hints import is_model
from liteorm._core.scanning.types import PgType
from liteorm._core.values.ranges import Multirange, Range
from liteorm.errors import DataError, ModelError
from liteorm.postgres._types.dumpers import reason_of
from liteorm.postgres._types.json import is_a
from liteorm.postgres._types.scalars import Misfit, misfit

_ARRAYS = (list, tuple, set, frozenset)
_NULL = b"\xff\xff\xff\xff"
_int32 = struct.Struct("!i").pack
_array_head = struct.Struct("!iiI").pack
_array_dim = struct.Struct("!ii").pack
# These two are arrays that count from 0.
_ZERO_BASED = (22, 30)

_EMPTY, _LOWER_INC, _UPPER_INC, _LOWER_INF, _UPPER_INF = 0x01, 0x02, 0x04, 0x08, 0x10


@attrs.frozen(eq=False)
class Encoder:
    """How the values of one type are sent.

    Args:
        pgtype: The type.
        expected: The Python classes it takes, in words.
        fast: The class whose values may go to the dumper without a look, but for `unless`.
        unless: A condition, as source over `{v}`, under which such a value must be looked at.
        dumper: The oid whose compiled dumper packs what `ready` gives.
        ready: Turns any other value into what the dumper takes; raises Misfit.
        binary: Gives the binary form of any value; None if the type has none.
        text: Gives the text form of any value.
        strict: Whether that dumper raises for every value it cannot send as what it is.
        bound: Whether a parameter has to say its type.
    """

    pgtype: PgType
    expected: str
    fast: type | None
    unless: str
    dumper: int
    ready: Callable[[Any], Any]
    binary: Callable[[Any], Any] | None
    text: Callable[[Any], str]
    bound: bool
    strict: bool = False


class Parts:
    """A type with other types inside: its binary and text forms."""

    has_binary = True

    def binary(self, value: Any) -> bytes:
        raise NotImplementedError

    def text(self, value: Any) -> str:
        raise NotImplementedError


def _inside(place: str, encode: Callable[[Any], Any], value: Any) -> Any:
    """Encode a part, saying which one it was when it does not fit."""
    try:
        return encode(value)
    except Misfit as exc:
        raise Misfit(f"{place}: {exc}") from exc.__cause__
    except DataError as exc:
        raise Misfit(f"{place}: {exc.message}") from exc
    except (ValueError, TypeError, OverflowError, struct.error) as exc:
        raise Misfit(f"{place}: {reason_of(exc)}") from exc


def _framed(data: Any) -> bytes:
    return b"%s%s" % (_int32(len(data)), data)


class Array(Parts):
    """Lists, tuples and sets of any depth."""

    def __init__(self, type_: PgType, element: Encoder) -> None:
        self.element = element
        self.has_binary = element.binary is not None
        self.lower = 0 if type_.oid in _ZERO_BASED else 1
        self.oid = element.pgtype.oid
        # What is itself given as a list or tuple cannot also be a further dimension.
        kind = element.pgtype
        while kind.kind == "domain" and kind.element is not None:
            kind = kind.element
        if kind.base in ("json", "jsonb", "vector") or kind.kind == "multirange":
            self.nested: tuple[type, ...] = ()
        elif kind.kind in ("composite", "record") or kind.base == "point":
            self.nested = (list,)
        else:
            self.nested = _ARRAYS

    def _items(self, value: Any) -> tuple[list[int], list[Any]]:
        """Return the dimensions, and all elements in one list."""
        if not is_a(value, _ARRAYS):
            raise misfit(value, f"a list for {self.element.pgtype.name}[]")
        items: list[Any] = list(value)
        dims = [len(items)]
        nested = self.nested
        while nested and any(issubclass(cls, nested) for cls in set(map(type, items))):
            if not all(isinstance(item, nested) for item in items):
                raise Misfit("its lists are not all of the same depth")
            lengths = set(map(len, items))
            if len(lengths) > 1:
                raise Misfit("its lists are not all of the same length")
            dims.append(lengths.pop())
            items = [inner for item in items for inner in item]
        if len(dims) > 6:
            raise Misfit("it has more than the 6 dimensions that PostgreSQL has")
        return (dims if items else []), items

    def binary(self, value: Any) -> bytes:
        dims, items = self._items(value)
        out = [b""]
        null = 0
        encode = self.element.binary
        assert encode is not None
        for place, item in enumerate(items):
            if item is None:
                null = 1
                out.append(_NULL)
                continue
            try:
                data = encode(item)
            except (Misfit, DataError, ValueError, TypeError, ArithmeticError):
                data = _inside(f"element {place}", encode, item)
            out.append(_int32(len(data)))
            out.append(data)
        head = _array_head(len(dims), null, self.oid)
        out[0] = head + b"".join(_array_dim(dim, self.lower) for dim in dims)
        return b"".join(out)

    def text(self, value: Any) -> str:
        dims, items = self._items(value)
        if self.lower == 0:
            return " ".join(self.element.text(item) for item in items)
        if not dims:
            return "{}"
        parts = [
            "NULL"
            if item is None
            else _quoted(_inside(f"element {place}", self.element.text, item))
            for place, item in enumerate(items)
        ]
        for dim in reversed(dims):
            parts = [
                "{" + self._delimiter().join(parts[i : i + dim]) + "}"
                for i in range(0, len(parts), dim)
            ]
        return parts[0]

    def _delimiter(self) -> str:
        # box is the one built-in type whose array elements are not separated by commas.
        return ";" if self.element.pgtype.base == "box" else ","


def _quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


class RangeOf(Parts):
    """Ranges."""

    def __init__(self, element: Encoder) -> None:
        self.element = element
        self.has_binary = element.binary is not None

    def _checked(self, value: Any) -> Range[Any]:
        if not is_a(value, Range):
            raise misfit(value, "Range")
        whole: Range[Any] = value
        return whole

    def binary(self, value: Any) -> bytes:
        whole = self._checked(value)
        if whole.is_empty:
            return bytes((_EMPTY,))
        flags = (_LOWER_INC * whole.lower_inc) | (_UPPER_INC * whole.upper_inc)
        out = b""
        assert self.element.binary is not None
        if whole.lower is None:
            flags |= _LOWER_INF
        else:
            out += _framed(_inside("its lower bound", self.element.binary, whole.lower))
        if whole.upper is None:
            flags |= _UPPER_INF
        else:
            out += _framed(_inside("its upper bound", self.element.binary, whole.upper))
        return bytes((flags,)) + out

    def text(self, value: Any) -> str:
        whole = self._checked(value)
        if whole.is_empty:
            return "empty"
        lower, upper = (
            "" if bound is None else _quoted(_inside(f"its {name} bound", self.element.text, bound))
            for name, bound in (("lower", whole.lower), ("upper", whole.upper))
        )
        return f"{whole.bounds[0]}{lower},{upper}{whole.bounds[1]}"


class MultirangeOf(Parts):
    """Multiranges."""

    def __init__(self, element: Encoder) -> None:
        self.element = element
        self.has_binary = element.binary is not None

    def _checked(self, value: Any) -> Multirange[Any]:
        if not is_a(value, Multirange):
            raise misfit(value, "Multirange")
        whole: Multirange[Any] = value
        return whole

    def binary(self, value: Any) -> bytes:
        whole = self._checked(value)
        assert self.element.binary is not None
        return _int32(len(whole)) + b"".join(
            _framed(_inside(f"range {place}", self.element.binary, part))
            for place, part in enumerate(whole)
        )

    def text(self, value: Any) -> str:
        whole = self._checked(value)
        return "{" + ",".join(self.element.text(part) for part in whole) + "}"


class Composite(Parts):
    """Objects by attribute name, dicts by key, plain tuples by position."""

    def __init__(self, type_: PgType, parts: list[tuple[str, Encoder]]) -> None:
        self.type = type_
        self.parts = parts
        self.names = [name for name, _ in parts]
        self.has_binary = all(encoder.binary is not None for _, encoder in parts)

    def _values(self, value: Any) -> list[Any]:
        if is_a(value, Mapping):
            self._check_names(list(value))
            return [value[name] for name in self.names]
        if is_model(type(value)):
            try:
                fields = model_of(type(value)).by_column
            except ModelError as exc:
                raise Misfit(exc.message) from exc
            self._check_names(list(fields))
            return [_field_value(fields[name], value) for name in self.names]
        if is_a(value, tuple | list):
            items: list[Any] = list(value)
            if len(items) != len(self.names):
                raise Misfit(f"it has {len(items)} items, {self.type.name} has {len(self.names)}")
            return items
        raise misfit(value, f"an object with the attributes of {self.type.name}")

    def _check_names(self, given: list[str]) -> None:
        if missing := [name for name in self.names if name not in given]:
            raise Misfit(f"it has no {', '.join(missing)}, as {self.type.name} has")
        if extra := [str(name) for name in given if name not in self.names]:
            raise Misfit(f"it has {', '.join(extra)}, which {self.type.name} has not")

    def binary(self, value: Any) -> bytes:
        out = [_int32(len(self.parts))]
        for (name, encoder), item in zip(self.parts, self._values(value), strict=True):
            out.append(struct.pack("!I", encoder.pgtype.oid))
            if item is None:
                out.append(_NULL)
            else:
                assert encoder.binary is not None
                out.append(_framed(_inside(f"its {name}", encoder.binary, item)))
        return b"".join(out)

    def text(self, value: Any) -> str:
        items = zip(self.parts, self._values(value), strict=True)
        return (
            "("
            + ",".join(
                "" if item is None else _quoted(_inside(f"its {name}", encoder.text, item))
                for (name, encoder), item in items
            )
            + ")"
        )


def _field_value(field: Any, obj: Any) -> Any:
    value = getattr(obj, field.name)
    return field.codec.encode(value) if field.codec and value is not None else value
