"""Ranges and multiranges, in binary (rangetypes.c, multirangetypes.c) and in text."""

from __future__ import annotations

import struct
from typing import Any

from liteorm._core.values.quoting import quoted
from liteorm._core.values.ranges import Multirange, Range, multirange_of, range_of
from liteorm.postgres._types.forms import Encoder, Load, encoded_inside, is_a, wrong_class

_int4 = struct.Struct("!i").unpack_from
_int32 = struct.Struct("!i").pack

_EMPTY, _LOWER_INC, _UPPER_INC, _LOWER_INF, _UPPER_INF = 0x01, 0x02, 0x04, 0x08, 0x10


def range_reader(load_bound: Load) -> Load:
    """Return the reader of ranges over a subtype."""

    def read(data: bytes) -> Range[Any]:
        flags = data[0]
        if flags & _EMPTY:
            return Range[Any].empty()
        lower = upper = None
        at = 1
        if not flags & _LOWER_INF:
            length = _int4(data, at)[0]
            lower = load_bound(data[at + 4 : at + 4 + length])
            at += 4 + length
        if not flags & _UPPER_INF:
            length = _int4(data, at)[0]
            upper = load_bound(data[at + 4 : at + 4 + length])
        bounds = ("[" if flags & _LOWER_INC else "(") + ("]" if flags & _UPPER_INC else ")")
        return range_of(lower, upper, bounds)

    return read


def multirange_reader(read_range: Load) -> Load:
    """Return the reader of multiranges over a range type."""

    def read(data: bytes) -> Multirange[Any]:
        ranges: list[Range[Any]] = []
        at = 4
        for _ in range(_int4(data)[0]):
            length = _int4(data, at)[0]
            ranges.append(read_range(data[at + 4 : at + 4 + length]))
            at += 4 + length
        return multirange_of(ranges)

    return read


def _framed(data: Any) -> bytes:
    return b"%s%s" % (_int32(len(data)), data)


class RangeOf:
    """Ranges on their way to the server."""

    def __init__(self, element: Encoder) -> None:
        self.element = element
        self.has_binary = element.binary is not None

    def _checked(self, value: Any) -> Range[Any]:
        if not is_a(value, Range):
            raise wrong_class(value, "Range")
        whole: Range[Any] = value
        return whole

    def binary(self, value: Any) -> bytes:
        """Return the binary form."""
        whole = self._checked(value)
        if whole.is_empty:
            return bytes((_EMPTY,))
        flags = (_LOWER_INC * whole.lower_inc) | (_UPPER_INC * whole.upper_inc)
        out = b""
        assert self.element.binary is not None
        if whole.lower is None:
            flags |= _LOWER_INF
        else:
            out += _framed(encoded_inside("its lower bound", self.element.binary, whole.lower))
        if whole.upper is None:
            flags |= _UPPER_INF
        else:
            out += _framed(encoded_inside("its upper bound", self.element.binary, whole.upper))
        return bytes((flags,)) + out

    def text(self, value: Any) -> str:
        """Return the text form."""
        whole = self._checked(value)
        if whole.is_empty:
            return "empty"
        lower, upper = (
            ""
            if bound is None
            else quoted(encoded_inside(f"its {name} bound", self.element.text, bound))
            for name, bound in (("lower", whole.lower), ("upper", whole.upper))
        )
        return f"{whole.bounds[0]}{lower},{upper}{whole.bounds[1]}"


class MultirangeOf:
    """Multiranges on their way to the server."""

    def __init__(self, element: Encoder) -> None:
        self.element = element
        self.has_binary = element.binary is not None

    def _checked(self, value: Any) -> Multirange[Any]:
        if not is_a(value, Multirange):
            raise wrong_class(value, "Multirange")
        whole: Multirange[Any] = value
        return whole

    def binary(self, value: Any) -> bytes:
        """Return the binary form."""
        whole = self._checked(value)
        assert self.element.binary is not None
        return _int32(len(whole)) + b"".join(
            _framed(encoded_inside(f"range {place}", self.element.binary, part))
            for place, part in enumerate(whole)
        )

    def text(self, value: Any) -> str:
        """Return the text form."""
        whole = self._checked(value)
        return "{" + ",".join(self.element.text(part) for part in whole) + "}"
