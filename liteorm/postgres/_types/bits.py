"""bytea, bit and varbit."""

from __future__ import annotations

import struct
from typing import Any, Final

from liteorm.postgres._types.forms import Form, Scalar, Unsendable, is_a, wrong_class
from liteorm.postgres._types.strings import text_of, written


def _bytes(value: Any) -> bytes:
    if not is_a(value, bytes | bytearray | memoryview):
        raise wrong_class(value, "bytes")
    return bytes(value)


def _bytes_text(value: Any) -> str:
    return "\\x" + _bytes(value).hex()


def digits(data: bytes) -> str:
    """Read a bit string into its digits."""
    count = int.from_bytes(data[:4], "big")
    return "".join(f"{byte:08b}" for byte in data[4:])[:count]


def _bits(value: Any) -> bytes:
    text = text_of(value)
    if text.strip("01"):
        raise Unsendable("it has other characters than 0 and 1")
    padded = text.ljust((len(text) + 7) // 8 * 8, "0")
    data = bytes(int(padded[i : i + 8], 2) for i in range(0, len(padded), 8))
    return struct.pack("!i", len(text)) + data


FORMS: Final[dict[str, Form]] = {
    "bytea": Form(Scalar("bytes", _bytes, _bytes_text, bytes, dumper=17)),
    "bit": Form(written(_bits), digits),
    "varbit": Form(written(_bits), digits),
}
