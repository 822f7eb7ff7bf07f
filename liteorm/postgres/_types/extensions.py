"""Types of extensions that are no text: hstore, and pgvector's vector."""

from __future__ import annotations

import re
import struct
from typing import Any, Final

from liteorm._core.values.quoting import unescaped
from liteorm.postgres._types.forms import Form, Scalar, Unsendable, is_a, wrong_class
from liteorm.postgres._types.numbers import single

_int4 = struct.Struct("!i").unpack_from
_PAIR = r'"((?:[^"\\]|\\.)*)"=>(?:"((?:[^"\\]|\\.)*)"|NULL)(?:, |$)'


def hstore(data: bytes) -> dict[str, str | None]:
    """Read an hstore."""
    found: dict[str, str | None] = {}
    at = 4
    for _ in range(_int4(data)[0]):
        length = _int4(data, at)[0]
        key = data[at + 4 : at + 4 + length].decode()
        at += 4 + length
        length = _int4(data, at)[0]
        at += 4
        if length < 0:
            found[key] = None
        else:
            found[key] = data[at : at + length].decode()
            at += length
    return found


def _hstore_from_text(text: str) -> dict[str, str | None]:
    return {
        unescaped(match[1]): None if match[2] is None else unescaped(match[2])
        for match in re.finditer(_PAIR, text)
    }


def _pairs(value: Any) -> list[tuple[str, str | None]]:
    if not is_a(value, dict):
        raise wrong_class(value, "dict[str, str | None]")
    items: dict[Any, Any] = value
    for key, held in items.items():
        if not isinstance(key, str) or not isinstance(held, str | None):
            raise Unsendable("it has keys or values that are not text, which hstore cannot hold")
    return list(items.items())


def _hstore(value: Any) -> bytes:
    pairs = _pairs(value)
    out = [struct.pack("!i", len(pairs))]
    for key, held in pairs:
        data = key.encode()
        out += [struct.pack("!i", len(data)), data]
        if held is None:
            out.append(b"\xff\xff\xff\xff")
        else:
            data = held.encode()
            out += [struct.pack("!i", len(data)), data]
    return b"".join(out)


def _hstore_text(value: Any) -> str:
    def quoted(text: str | None) -> str:
        if text is None:
            return "NULL"
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    return ", ".join(f"{quoted(key)}=>{quoted(held)}" for key, held in _pairs(value))


def vector(data: bytes) -> list[float]:
    """Read a pgvector vector."""
    count = int.from_bytes(data[:2], "big")
    return list(struct.unpack_from(f"!{count}f", data, 4))


def _vector_from_text(text: str) -> list[float]:
    return [float(number) for number in text.strip("[]").split(",") if number]


def _floats(value: Any) -> list[float]:
    if not is_a(value, list | tuple):
        raise wrong_class(value, "list[float]")
    return [single(item) for item in value]


def _vector(value: Any) -> bytes:
    numbers = _floats(value)
    try:
        return struct.pack(f"!hh{len(numbers)}f", len(numbers), 0, *numbers)
    except struct.error:
        raise Unsendable("it has too many dimensions for a vector") from None


def _vector_text(value: Any) -> str:
    return "[" + ",".join(map(repr, _floats(value))) + "]"


FORMS: Final[dict[str, Form]] = {
    "hstore": Form(
        Scalar("dict[str, str | None]", _hstore, _hstore_text, bound=True),
        hstore,
        None,
        _hstore_from_text,
    ),
    "vector": Form(
        Scalar("list[float]", _vector, _vector_text, bound=True),
        vector,
        None,
        _vector_from_text,
        listed="any",
    ),
}
