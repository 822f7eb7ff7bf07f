"""How one base type is read and sent: the form that each file of a family fills in.

Strict on purpose. psycopg's compiled dumpers, when chosen by the column's type, take what they are
given: they cut integers to their width, take any object for a bool, and read dates and times out
of whatever lies in memory. Here a value passes only if its class is one that the column's type
means; the compiled dumper then sees nothing else.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final, Literal

import attrs
import psycopg

from liteorm._core.scanning.types import PgType
from liteorm.errors import DataError

Load = Callable[[bytes], Any]
"""Reads the binary form."""
LoaderFor = Callable[[int], Load]
"""Returns the loader of a type by its oid."""
LoadValues = Callable[[list[bytes | None]], tuple[Any, ...]]
"""Loads the fields of a record; None is NULL."""
ValuesFor = Callable[[tuple[int, ...]], LoadValues]
"""Returns what loads the fields of records with these types."""
FromText = Callable[[str], Any]
"""Reads the text form."""

TEXT_OID: Final = 25
BYTEA_OID: Final = 17

ARRAYS: Final = (list, tuple, set, frozenset)
"""The classes whose values are arrays."""


class Unsendable(Exception):
    """A value that a column cannot take; says why, without the value and without the place."""


def wrong_class(value: Any, expected: str) -> Unsendable:
    """Return the error for a value of the wrong class."""
    name = type(value).__qualname__
    article = "an" if name[:1].lower() in "aeiou" else "a"
    return Unsendable(f"it is {article} {name}, expected {expected}")


@attrs.frozen(eq=False, repr=False)
class Scalar:
    """How values of one base type are sent.

    Args:
        expected: The Python classes it takes, in words.
        ready: Turns a value into one of class `fast` (or, without `dumper`, into bytes).
        text: Gives the text form of a value that `ready` has passed.
        fast: The class whose values need no look, but for `unless`.
        unless: A condition, as source over `{v}`, under which a `fast` value must be looked at.
        dumper: The oid whose compiled dumper packs a ready value; 0 if `ready` gives bytes.
        strict: Whether that dumper raises for a value of any other class that it cannot send as
            what it is.
        bound: Whether a parameter must say the column's type, because its Python class does not.
    """

    expected: str
    ready: Callable[[Any], Any]
    text: Callable[[Any], str]
    fast: type | None = None
    unless: str = ""
    dumper: int = 0
    strict: bool = False
    bound: bool = False


@attrs.frozen(eq=False, repr=False)
class Form:
    """How one base type is read and sent.

    Args:
        sent: How its values are sent; None if nobody sends them but as text.
        read: Reads its binary form into the plain value; None if the driver does.
        deep: Reads it into what a declared type around it is built from, where that differs.
        from_text: Reads its text form; None if the driver does, or if the text is the value.
        listed: Whether its plain value is a list or tuple itself, which in an array must not be
            taken for a further dimension.
    """

    sent: Scalar | None = None
    read: Load | None = None
    deep: Load | None = None
    from_text: FromText | None = None
    listed: Literal["", "tuple", "any"] = ""


@attrs.frozen(eq=False, repr=False)
class Encoder:
    """How the values of one type are sent, whatever the type.

    Args:
        pgtype: The type.
        expected: The Python classes it takes, in words.
        fast: The class whose values may go to the dumper without a look, but for `unless`.
        unless: A condition, as source over `{v}`, under which such a value must be looked at.
        dumper: The oid whose compiled dumper packs what `ready` gives.
        ready: Turns any other value into what the dumper takes; raises Unsendable.
        binary: Gives the binary form of any value; None if the type has none.
        text: Gives the text form of any value.
        strict: Whether that dumper raises for every value it cannot send as what it is.
        bound: Whether a parameter has to say its type.
        coded: Whether a parameter has to say that no codec is for it any more.
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
    coded: bool = False


def text_bytes(data: bytes) -> str:
    """Read a binary form that is the text; the loaders put the driver's compiled one here."""
    return data.decode()


def untold(name: str) -> FromText:
    """Return what refuses the text form of a type that does not tell the value."""

    def refuse(text: str) -> Any:
        raise DataError(
            f"is {name}, whose text form does not tell its value",
            hint="ask for binary results: cursor(binary=True)",
        )

    return refuse


def is_a(value: Any, kinds: Any) -> bool:
    """Return `isinstance(value, kinds)`; type checkers go on taking the value for Any."""
    return isinstance(value, kinds)


def reason_of(failure: BaseException) -> str:
    """Return why a value could not be encoded, without the value."""
    if isinstance(failure, UnicodeEncodeError):
        return "its text has a lone surrogate, which UTF-8 has no bytes for"
    text = str(failure)
    if "NUL" in text or "null" in text:
        return "PostgreSQL's text cannot hold the character NUL"
    if isinstance(failure, OverflowError | struct.error):
        return "it is out of range"
    if isinstance(failure, RecursionError):
        return "it contains itself"
    if isinstance(failure, psycopg.Error | TypeError) and ("mixed" in text or "nested" in text):
        return text
    if isinstance(failure, psycopg.Error) and "empty lists" in text:
        return text
    return "its type is not one that can be sent here"


def encoded_inside(place: str, encode: Callable[[Any], Any], value: Any) -> Any:
    """Encode a part of a value, saying which one it was when it does not fit."""
    try:
        return encode(value)
    except Unsendable as exc:
        raise Unsendable(f"{place}: {exc}") from exc.__cause__
    except DataError as exc:
        raise Unsendable(f"{place}: {exc.message}") from exc
    except (ValueError, TypeError, OverflowError, struct.error) as exc:
        raise Unsendable(f"{place}: {reason_of(exc)}") from exc
