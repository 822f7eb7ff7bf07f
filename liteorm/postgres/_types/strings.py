"""What is a str in Python and its own text on the wire, enums included."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from liteorm._core.scanning.types import PgType
from liteorm._core.values.members import stored
from liteorm.postgres._types.forms import (
    TEXT_OID,
    Encoder,
    Form,
    Scalar,
    Unsendable,
    text_bytes,
    wrong_class,
)


def text_of(value: Any) -> str:
    """Return a str that PostgreSQL's text can hold, as a plain str."""
    if not isinstance(value, str):
        raise wrong_class(value, "str")
    if "\0" in value:
        raise Unsendable("PostgreSQL's text cannot hold the character NUL")
    return str.__str__(value)


def written(ready: Callable[[Any], Any]) -> Scalar:
    """Return how a type is sent that is a str in Python and not its own text in binary."""
    return Scalar("str", ready, text_of, bound=True)


TEXT_ONLY: Final = Scalar("str", text_of, text_of)
"""Any other base type: given as its text, which the server parses."""


def versioned_text(data: bytes) -> str:
    """Read text behind a version byte: jsonpath, ltree, lquery, ltxtquery."""
    return data[1:].decode()


def _versioned(value: Any) -> bytes:
    # The binary form of jsonpath and of the ltree types is a version number, then the text.
    return b"\x01" + text_of(value).encode()


def _one_byte(value: Any) -> bytes:
    data = text_of(value).encode()
    if len(data) > 1:
        raise Unsendable('it has more than the one byte that "char" holds')
    return data or b"\0"


def one_byte_text(data: bytes) -> str:
    """Read "char", whose zero byte is the empty string, as it is in PostgreSQL's text form."""
    return "" if data == b"\0" else data.decode()


def _name(value: Any) -> str:
    text = text_of(value)
    if len(text.encode()) > _NAME_BYTES:
        # As text the server would cut it, and says so of binary only.
        raise Unsendable(f"it is longer than the {_NAME_BYTES} bytes of a name")
    return text


def enum_encoder(type_: PgType) -> Encoder:
    """Return how the labels of an enum are sent."""

    def label(value: Any) -> str:
        if isinstance(value, Enum):
            value = stored(value, str, type_.labels)
        if not isinstance(value, str):
            raise wrong_class(value, "str or an Enum member")
        return str.__str__(value)

    return Encoder(
        type_,
        "str or an Enum member",
        fast=str,
        unless="",
        dumper=TEXT_OID,
        ready=label,
        binary=lambda value: label(value).encode(),
        text=label,
        bound=False,
        strict=True,
    )


_NAME_BYTES: Final = 63
_TEXT: Final = Scalar("str", text_of, text_of, str, dumper=TEXT_OID, strict=True)
_PLAIN: Final = Form(_TEXT, text_bytes)
_VERSIONED: Final = Form(written(_versioned), versioned_text)

FORMS: Final[dict[str, Form]] = {
    "text": _PLAIN,
    "varchar": _PLAIN,
    "bpchar": _PLAIN,
    "name": Form(
        Scalar("str", _name, _name, dumper=TEXT_OID),
        text_bytes,
    ),
    "xml": _PLAIN,
    "citext": _PLAIN,
    "refcursor": _PLAIN,
    "char": Form(written(_one_byte), one_byte_text),
    "cstring": Form(None, text_bytes),
    "unknown": Form(None, text_bytes),
    "jsonpath": _VERSIONED,
    "ltree": _VERSIONED,
    "lquery": _VERSIONED,
    "ltxtquery": _VERSIONED,
}
