"""Arrays: split, put together, in binary (arrayfuncs.c) and in text."""

from __future__ import annotations

import re
import struct
from typing import Any, Final

from liteorm._core.scanning.types import PgType, underlying
from liteorm._core.values.quoting import quoted, unescaped
from liteorm.errors import DataError
from liteorm.postgres._types.forms import (
    ARRAYS,
    Encoder,
    FromText,
    Unsendable,
    encoded_inside,
    is_a,
    wrong_class,
)

_int4 = struct.Struct("!i").unpack_from
_int32 = struct.Struct("!i").pack
_head = struct.Struct("!iiI")
_dimension = struct.Struct("!ii").pack

NULL: Final = b"\xff\xff\xff\xff"
"""The length that stands for NULL in arrays and composites."""
ZERO_BASED: Final = {22: "int2vector", 30: "oidvector"}
"""Arrays that count from 0, and whose text form is no array's."""

_ELEMENT = r'"((?:[^"\\]|\\.)*)"|((?:[^",{}\\]|\\.)*)'
_BOX = r"()([^;{}]*)"
"""An element of box[], the only type whose elements are not split by commas."""


def dimensions_of(data: bytes) -> list[int]:
    """Return the size of each dimension of an array, none for an empty one."""
    count = _int4(data)[0]
    return [_int4(data, 12 + 8 * place)[0] for place in range(count)]


def all_elements(data: bytes) -> list[bytes | None]:
    """Return the bytes of an array's elements; None is NULL."""
    at = 12 + 8 * _int4(data)[0]
    found: list[bytes | None] = []
    while at < len(data):
        length = _int4(data, at)[0]
        at += 4
        if length < 0:
            found.append(None)
        else:
            found.append(data[at : at + length])
            at += length
    return found


def shaped(items: list[Any], dimensions: list[int]) -> list[Any]:
    """Return the elements of an array as lists inside lists."""
    for size in dimensions[:0:-1]:
        items = [items[at : at + size] for at in range(0, len(items), size)]
    return items


def elements_of(data: bytes) -> tuple[int, list[bytes]]:
    """Return the element oid of an array and the bytes of its elements which are not NULL."""
    dimensions, _, oid = _head.unpack_from(data)
    at = 12 + 8 * dimensions
    found: list[bytes] = []
    while dimensions and at < len(data):
        length = _int4(data, at)[0]
        at += 4
        if length >= 0:
            found.append(data[at : at + length])
            at += length
    return oid, found


def split_numbers(text: str) -> list[int]:
    """Read the text form of int2vector and oidvector."""
    return [int(number) for number in text.split()]


def array_from_text(element: PgType, read: FromText) -> FromText:
    """Return the reader of the text form of arrays of an element type."""
    pattern = re.compile(_BOX if underlying(element).base == "box" else _ELEMENT, re.S)

    def parse(text: str) -> list[Any]:
        # Bounds other than 1 are written in front: [0:2]={...}
        text = text[text.index("{") :]
        stack: list[list[Any]] = []
        at = 0
        while True:
            character = text[at]
            if character == "{":
                stack.append([])
                at += 1
            elif character == "}":
                done = stack.pop()
                at += 1
                if not stack:
                    return done
                stack[-1].append(done)
            elif character in ",;":
                at += 1
            else:
                match = pattern.match(text, at)
                assert match is not None
                at = match.end()
                bare = match[2]
                if bare is None:
                    stack[-1].append(read(unescaped(match[1])))
                else:
                    stack[-1].append(None if bare == "NULL" else read(unescaped(bare)))

    return parse


class Array:
    """Lists, tuples and sets of any depth, on their way to the server.

    Args:
        type_: The array type.
        element: How an element is sent.
        nested: The classes whose values among the elements are a further dimension.
        depth: How many dimensions the field's annotation has; by default any number.
        required: None is none of the elements' values.
    """

    def __init__(
        self,
        type_: PgType,
        element: Encoder,
        nested: tuple[type, ...],
        depth: int | None = None,
        required: bool = False,
    ) -> None:
        self.element = element
        self.has_binary = element.binary is not None
        self.lower = 0 if type_.oid in ZERO_BASED else 1
        self.oid = element.pgtype.oid
        self.nested = nested
        self.depth = depth
        self.required = required

    def _items(self, value: Any) -> tuple[list[int], list[Any]]:
        """Return the dimensions, and all elements in one list."""
        if not is_a(value, ARRAYS):
            raise wrong_class(value, f"a list for {self.element.pgtype.name}[]")
        items: list[Any] = list(value)
        dims = [len(items)]
        nested = self.nested
        while nested and any(issubclass(cls, nested) for cls in set(map(type, items))):
            if not all(isinstance(item, nested) for item in items):
                raise Unsendable("its lists are not all of the same depth")
            lengths = set(map(len, items))
            if len(lengths) > 1:
                raise Unsendable("its lists are not all of the same length")
            dims.append(lengths.pop())
            items = [inner for item in items for inner in item]
        if len(dims) > 6:
            raise Unsendable("it has more than the 6 dimensions that PostgreSQL has")
        if len(dims) > 1 and not items:
            raise Unsendable("PostgreSQL has no array of empty lists: it would come back as []")
        if self.depth is not None and items and len(dims) != self.depth:
            raise Unsendable(
                f"it has {len(dims)} dimensions, and would be read back into {self.depth}"
            )
        return (dims if items else []), items

    def _null(self, place: int) -> str:
        """Return the text form of None.

        Raises:
            Unsendable: It could not be read back.
        """
        if self.required:
            raise Unsendable(f"element {place} is None, which could not be read back")
        return "NULL"

    def binary(self, value: Any) -> bytes:
        """Return the binary form."""
        dims, items = self._items(value)
        out = [b""]
        null = 0
        encode = self.element.binary
        assert encode is not None
        for place, item in enumerate(items):
            if item is None:
                self._null(place)
                null = 1
                out.append(NULL)
                continue
            try:
                data = encode(item)
            except (Unsendable, DataError, ValueError, TypeError, ArithmeticError):
                data = encoded_inside(f"element {place}", encode, item)
            out.append(_int32(len(data)))
            out.append(data)
        head = _head.pack(len(dims), null, self.oid)
        out[0] = head + b"".join(_dimension(dim, self.lower) for dim in dims)
        return b"".join(out)

    def text(self, value: Any) -> str:
        """Return the text form."""
        dims, items = self._items(value)
        if self.lower == 0:
            return " ".join(self.element.text(item) for item in items)
        if not dims:
            return "{}"
        parts = [
            self._null(place)
            if item is None
            else quoted(encoded_inside(f"element {place}", self.element.text, item))
            for place, item in enumerate(items)
        ]
        # box is the one built-in type whose array elements are not separated by commas
        comma = ";" if self.element.pgtype.base == "box" else ","
        for dim in reversed(dims):
            parts = ["{" + comma.join(parts[i : i + dim]) + "}" for i in range(0, len(parts), dim)]
        return parts[0]
