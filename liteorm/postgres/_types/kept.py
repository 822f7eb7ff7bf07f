"""Values that a column takes, and its field could not be read back from: refused before they go.

Only what costs values that fit nothing, or next to nothing, is looked at.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID

import attrs

from liteorm._core.models.classes import model_of_hint
from liteorm._core.models.hints import Hint
from liteorm._core.scanning.types import PgType, underlying
from liteorm._core.values.interval import Interval, timedelta_of
from liteorm._core.values.json import Json
from liteorm._core.values.members import by_value, is_of, stored
from liteorm.errors import DataError, ModelError
from liteorm.postgres._types.forms import Encoder, Unsendable, wrong_class

__all__ = ["json_kept", "kept"]

Check = Callable[[Any], None]
_PLAIN: Final[frozenset[Any]] = frozenset(
    {bool, int, float, Decimal, str, bytes, UUID, date, time, datetime, timedelta}
)


def kept(encoder: Encoder, hint: Hint) -> Encoder:
    """Return an encoder that refuses values which an annotation's class would not be read from."""
    type_ = encoder.pgtype
    if hint.kind == "scalar":
        if underlying(type_).base == "interval" and hint.type is timedelta:
            return _checked(encoder, _check_length)
        plain = underlying(type_).python
        if hint.type is not plain and {hint.type, plain} <= _PLAIN:
            # Whoever reads it casts; what is no value of the field's class is none of its either.
            return _checked(encoder, _class_check(hint.type))
        return encoder
    if underlying(type_).base == "bpchar":
        return encoder  # what is read is padded
    if hint.kind == "enum":
        return _checked(encoder, _enum_check(type_, hint))
    return _foreseen(_checked(encoder, _literal_check(type_, hint)), hint)


def _foreseen(encoder: Encoder, hint: Hint) -> Encoder:
    """Return an encoder that has what it makes of a Literal's values at hand."""
    values = [value for value in hint.literals if value.__class__ in _HASHED]

    def at_hand(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
        made: dict[Any, Any] = {}
        for value in values:
            with contextlib.suppress(Exception):  # what does not fit is told when it comes
                made[value] = call(value)

        def encode(value: Any) -> Any:
            # True is no 1 here.
            found = made.get(value) if value.__class__ in _HASHED else None
            return call(value) if found is None else found

        return encode

    binary = encoder.binary
    return attrs.evolve(
        encoder,
        ready=at_hand(encoder.ready),
        binary=at_hand(binary) if binary else None,
    )


def _checked(encoder: Encoder, check: Check) -> Encoder:
    def after(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def encode(value: Any) -> Any:
            check(value)
            return call(value)

        return encode

    return attrs.evolve(
        encoder,
        fast=None,
        unless="",
        strict=False,
        ready=after(encoder.ready),
        binary=after(encoder.binary) if encoder.binary else None,
        text=after(encoder.text),
    )


def _class_check(cls: type) -> Check:
    taken = (float, int) if cls is float else cls

    def check(value: Any) -> None:
        if not isinstance(value, taken):
            raise wrong_class(value, cls.__name__)

    return check


def _check_length(value: Any) -> None:
    if value.__class__ is Interval:
        try:
            timedelta_of(value)
        except DataError as exc:
            raise Unsendable(f"it {exc.message}, and could not be read back") from exc


def _plain_class(type_: PgType) -> tuple[Any, tuple[str, ...]]:
    base = underlying(type_)
    return (str, base.labels) if base.kind == "enum" else (base.python, ())


def _enum_check(type_: PgType, hint: Hint) -> Check:
    plain, labels = _plain_class(type_)
    cls: type[Enum] = hint.type
    by = by_value(cls, plain, labels)

    def check(value: Any) -> None:
        if value.__class__ is cls:
            return
        found = stored(value, plain, labels) if isinstance(value, Enum) else value
        try:
            known = cls(found) if by else cls.__members__[found]
        except (ValueError, KeyError, TypeError):
            known = None
        if known is None:
            raise Unsendable(f"it is no value of {hint.text}, and could not be read back")

    return check


def _literal_check(type_: PgType, hint: Hint) -> Check:
    plain, labels = _plain_class(type_)
    values = [stored(x, plain, labels) if isinstance(x, Enum) else x for x in hint.literals]
    found = frozenset(value for value in values if is_of(value, plain))

    def check(value: Any) -> None:
        if value.__class__ in _HASHED and value in found:
            return
        given = stored(value, plain, labels) if isinstance(value, Enum) else value
        if not (is_of(given, plain) and given in found):
            raise Unsendable(f"it is none of {hint.text}, and could not be read back")

    return check


_HASHED: Final = frozenset({str, int, bytes})
_WRITTEN: Final[frozenset[Any]] = frozenset({str, bool, int, float})


def _json_check(hint: Hint) -> Check:
    check = _class_check(hint.type)

    def checked(value: Any) -> None:
        value = value.value if value.__class__ is Json else value
        if not (value is None and hint.optional):
            check(value.value if isinstance(value, Enum) else value)

    return checked


def _beginning(hint: Hint) -> bytes:
    """Return the characters that JSON of an annotation begins with, none if it may be anything."""
    match hint.kind:
        case "mapping":
            found = b"{"
        case "sequence" | "tuple":
            found = b"["
        case "model":
            found = b"{" if _is_object(hint) else b""
        case _:
            found = b""
    return found + b"n" if found and hint.optional else found


def _is_object(hint: Hint) -> bool:
    try:
        return model_of_hint(hint).kind in ("attrs", "dataclass", "typeddict")
    except ModelError:
        return False


def json_kept(encoder: Encoder, hint: Hint) -> Encoder:
    """Return an encoder that refuses JSON which is of another kind than the annotation."""
    if hint.kind == "scalar":
        return _checked(encoder, _json_check(hint)) if hint.type in _WRITTEN else encoder
    beginning = _beginning(hint)
    binary, text = encoder.binary, encoder.text
    if not beginning or binary is None:
        return encoder
    at = 1 if underlying(encoder.pgtype).base == "jsonb" else 0
    written = beginning.decode()

    def encoded(value: Any) -> Any:
        data = binary(value)
        if data[at] not in beginning:
            raise _other_kind(hint)
        return data

    def worded(value: Any) -> str:
        found = text(value)
        if found[0] not in written:
            raise _other_kind(hint)
        return found

    return attrs.evolve(encoder, ready=encoded, binary=encoded, text=worded)


def _other_kind(hint: Hint) -> Unsendable:
    return Unsendable(f"its JSON is of another kind than {hint.text}, and could not be read back")
