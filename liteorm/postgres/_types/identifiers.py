"""What names something: uuid, oids, transactions, rows' places, positions in the log; and void."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from liteorm._core.scanning.types import ROWS
from liteorm.postgres._types.exact import exact_text
from liteorm.postgres._types.forms import Form, Scalar, Unsendable, untold, wrong_class
from liteorm.postgres._types.numbers import int_between, int_text
from liteorm.postgres._types.strings import text_of, written


def _uuid(value: Any) -> UUID:
    if not isinstance(value, UUID):
        raise wrong_class(value, "UUID")
    return value


def nothing(data: bytes) -> None:
    """Read void."""


def uint(data: bytes) -> int:
    """Read an oid, xid or xid8."""
    return int.from_bytes(data, "big")


def _unsigned(size: str, from_text: Callable[[str], Any] = int) -> Form:
    check = int_between(0, 2**32 - 1 if size == "I" else 2**64 - 1)

    def ready(value: Any) -> bytes:
        return struct.pack("!" + size, check(value))

    return Form(Scalar("int", ready, int_text, bound=True), uint, None, from_text)


def tid(data: bytes) -> str:
    """Read a tuple's address."""
    block, offset = struct.unpack("!IH", data)
    return f"({block},{offset})"


def _tid(value: Any) -> bytes:
    found = re.fullmatch(r"\((\d{1,10}),(\d{1,5})\)", text_of(value))
    try:
        if found:
            return struct.pack("!IH", int(found[1]), int(found[2]))
    except struct.error:
        pass
    raise Unsendable("it is not a row's place such as (0,1)")


def lsn(data: bytes) -> str:
    """Read a write-ahead log position."""
    high, low = struct.unpack("!II", data)
    return f"{high:X}/{low:X}"


def _lsn(value: Any) -> bytes:
    found = re.fullmatch(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})", text_of(value))
    if not found:
        raise Unsendable("it is not a log position such as 16/B374D848")
    return struct.pack("!II", int(found[1], 16), int(found[2], 16))


FORMS: Final[dict[str, Form]] = {
    "uuid": Form(Scalar("UUID", _uuid, exact_text, UUID, dumper=2950)),
    "pg_lsn": Form(written(_lsn), lsn),
    "tid": Form(written(_tid), tid),
    "oid": _unsigned("I"),
    "xid": _unsigned("I"),
    "cid": _unsigned("I"),
    "xid8": _unsigned("Q"),
    "void": Form(read=nothing, from_text=lambda text: None),
    # the oid of what they name; as text they are the name
    **{name: _unsigned("I", untold(name)) for name in ROWS if name.startswith("reg")},
}
