"""JSON text into declared types, by msgspec; imported when the first JSON comes."""

from __future__ import annotations

import functools
import json
import re
import typing
from typing import Any

from liteorm.errors import ModelError

if typing.TYPE_CHECKING:
    import msgspec

_VALUE_IN_MESSAGE = re.compile(
    r"^(Invalid (?:enum value|literal value|value))\b.*?(?= - at|$)", re.S
)


@functools.lru_cache(maxsize=1024)
def decoder_for(annotation: Any) -> msgspec.json.Decoder[Any]:
    """Return the decoder for a type.

    Raises:
        ModelError: the type, or one inside it, is none that JSON could hold.
    """
    import msgspec

    try:
        return msgspec.json.Decoder(annotation, dec_hook=_from_json)
    except (TypeError, RuntimeError) as error:
        raise ModelError(
            f"JSON cannot be decoded into {annotation!r}: {error}",
            hint="annotate the field with attrs classes, dataclasses, dicts, lists and scalars,"
            " or give it a codec",
        ) from error


def decode_plain(text: bytes) -> Any:
    """Decode JSON text into dicts, lists and scalars."""
    import msgspec

    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        # numbers beyond a double are valid in PostgreSQL and out of msgspec's range
        return json.loads(text)


def _from_json(tp: type, value: Any) -> Any:
    """Build the types that msgspec does not know, from the form that JSON gives them."""
    import ipaddress

    if tp.__module__ == ipaddress.__name__ and isinstance(value, str):
        return tp(value)
    raise NotImplementedError(f"{tp.__name__} in JSON")


def misfit_sentence(error: Exception) -> str:
    """Return msgspec's sentence without the value that some of its forms quote."""
    text = str(error)
    return _VALUE_IN_MESSAGE.sub(r"\1", text)


def is_json_error(error: BaseException) -> bool:
    """Tell whether an exception is msgspec's."""
    return type(error).__module__.partition(".")[0] == "msgspec"
