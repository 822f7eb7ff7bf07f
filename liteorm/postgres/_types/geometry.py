"""The geometric types, read into their text forms; a point also as two floats."""

from __future__ import annotations

import re
import struct
from typing import Any, Final

from liteorm._core.scanning.types import Pair
from liteorm._core.values.texts import number_text, point_text
from liteorm.postgres._types.forms import Form, Scalar, Unsendable, is_a, wrong_class
from liteorm.postgres._types.numbers import double

_doubles = struct.Struct("!d").iter_unpack


def pair(data: bytes) -> Pair:
    """Read a point into its coordinates."""
    return Pair(*(number for (number,) in _doubles(data)))


def pair_from_text(text: str) -> Pair:
    """Read the text form of a point into its coordinates."""
    return Pair(*(float(number) for number in text.strip("()").split(",")))


def _points(data: bytes) -> list[str]:
    numbers = [number for (number,) in _doubles(data)]
    return [point_text(both) for both in zip(numbers[::2], numbers[1::2], strict=True)]


def point(data: bytes) -> str:
    """Read a point into its text form."""
    return _points(data)[0]


def lseg(data: bytes) -> str:
    """Read a line segment into its text form."""
    return f"[{','.join(_points(data))}]"


def box(data: bytes) -> str:
    """Read a box into its text form."""
    return ",".join(_points(data))


def path(data: bytes) -> str:
    """Read a path into its text form: parentheses if it is closed, brackets if it is open."""
    text = ",".join(_points(data[5:]))
    return f"({text})" if data[0] else f"[{text}]"


def polygon(data: bytes) -> str:
    """Read a polygon into its text form."""
    return f"({','.join(_points(data[4:]))})"


def line(data: bytes) -> str:
    """Read a line into its text form."""
    return f"{{{','.join(number_text(number) for (number,) in _doubles(data))}}}"


def circle(data: bytes) -> str:
    """Read a circle into its text form."""
    x, y, radius = (number for (number,) in _doubles(data))
    return f"<{point_text((x, y))},{number_text(radius)}>"


def _point_parts(value: Any) -> tuple[float, float]:
    if is_a(value, tuple | list):
        if len(value) == 2:
            return double(value[0]), double(value[1])
    elif isinstance(value, str):
        found = re.fullmatch(r"\s*\(?\s*([^,()\s]+)\s*,\s*([^,()\s]+)\s*\)?\s*", value)
        if found:
            try:
                return float(found[1]), float(found[2])
            except ValueError:
                pass
        raise Unsendable("it is not a point: expected (x,y)")
    raise wrong_class(value, "tuple[float, float] or str")


def _point(value: Any) -> bytes:
    return struct.pack("!dd", *_point_parts(value))


def _point_text(value: Any) -> str:
    x, y = _point_parts(value)
    return f"({x!r},{y!r})"


FORMS: Final[dict[str, Form]] = {
    "point": Form(
        Scalar("tuple[float, float]", _point, _point_text, bound=True),
        point,
        pair,
        listed="tuple",
    ),
    "line": Form(read=line),
    "lseg": Form(read=lseg),
    "box": Form(read=box),
    "path": Form(read=path),
    "polygon": Form(read=polygon),
    "circle": Form(read=circle),
}
