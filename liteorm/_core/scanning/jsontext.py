"""JSON text into declared types, by msgspec; imported when the first JSON comes."""

from __future__ import annotations

import decimal
import json
import re
import typing
from collections.abc import Callable, Mapping
from typing import Any

from liteorm._core.belonging import with_class
from liteorm._core.models.annotations import is_pydantic, shown
from liteorm._core.models.hints import Codec
from liteorm._core.patterns import pattern
from liteorm._core.scanning.jsonclasses import (
    NO_CLASSES,
    ByClass,
    Inside,
    adapter_of,
    address_classes,
    built,
    holds_decimals,
    marked,
    prove,
    stands_for,
    through,
)
from liteorm._core.scanning.jsonpydantic import JsonMisfit, validated
from liteorm.errors import ModelError

if typing.TYPE_CHECKING:
    import msgspec

_AT = pattern(r" - at `([^`]*)`$")
_VALUE_IN_MESSAGE = pattern(
    r"^(Invalid (?:enum |literal )?value|Object contains unknown field) .*", re.S
)
"""Sentences of msgspec which quote what the JSON holds."""


class Decodes(typing.Protocol):
    """What decodes JSON text into one type."""

    def decode(self, text: bytes | str, /) -> Any:
        """Return the object that the text says."""


class _Exactly:
    """Decodes what has numbers in it that Python makes under the process's decimal context.

    Where that does not trap what is no number, NaN would be made of it.
    """

    def __init__(self, decoder: Decodes) -> None:
        self._decode = decoder.decode

    def decode(self, text: bytes | str, /) -> Any:
        """Return the object that the text says."""
        context = decimal.getcontext()
        if context.traps[decimal.InvalidOperation]:
            return self._decode(text)
        with decimal.localcontext(context) as strict:
            strict.traps[decimal.InvalidOperation] = True
            return self._decode(text)


def decoder_for(annotation: Any, codecs: Mapping[Any, Codec] | None = None) -> Decodes:
    """Return the decoder for a type.

    Args:
        annotation: The type.
        codecs: Codecs by class, for what is inside it.

    Raises:
        ModelError: the type, or one inside it, is none that JSON could hold.
    """
    if codecs:
        # not to be kept longer than the pool's own plans
        return _decoder(annotation, ByClass(codecs))
    try:
        return _decoder_for(annotation)
    except ModelError:
        raise
    except TypeError:
        # metadata in an Annotated may have no hash
        return _decoder(annotation, NO_CLASSES)


@with_class
def _decoder_for(annotation: Any) -> Decodes:
    return _decoder(annotation, NO_CLASSES)


def _decoder(annotation: Any, by_class: ByClass) -> Decodes:
    import msgspec

    try:
        readable = marked(annotation, by_class)
        prove(readable, by_class)
        made: msgspec.json.Decoder[Any] = msgspec.json.Decoder(readable, dec_hook=_hook(by_class))
        return _Exactly(made) if holds_decimals(annotation) else made
    except ModelError:
        raise
    except Exception as error:
        # also what reading the annotations of the classes inside raises
        hint = (
            "define the classes in the JSON at the top level of a module: their names are looked"
            " for there"
            if isinstance(error, NameError)
            else "annotate the field with attrs classes, dataclasses, dicts, lists and scalars,"
            " or give it a codec"
        )
        raise ModelError(
            f"JSON cannot be decoded into {shown(annotation)}: {error}", hint=hint
        ) from error


def decode_plain(text: bytes) -> Any:
    """Decode JSON text into dicts, lists and scalars."""
    import msgspec

    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        # numbers beyond a double are valid in PostgreSQL and out of msgspec's range
        return json.loads(text)


def _hook(by_class: ByClass) -> Callable[[Any, Any], Any]:
    """Return what builds the types that msgspec does not know, from what JSON has of them."""

    def from_json(tp: Any, value: Any) -> Any:
        if tp is object:
            return value
        if (adapter := adapter_of(tp)) is not None:
            return validated(adapter, value)
        if (annotation := stands_for(tp)) is not None:
            return built(annotation, value, from_json, by_class)
        if (codec := by_class.codec_for(tp)) is not None:
            return through(codec, value)
        return _from_json(tp, value)

    return from_json


def _from_json(tp: Any, value: Any) -> Any:
    if getattr(tp, "__module__", None) == "ipaddress":
        return _address((tp,), value)
    if classes := address_classes(tp):
        return _address(classes, value)
    if is_pydantic(tp):
        return validated(tp, value)
    raise ModelError(
        f"JSON cannot be decoded into {shown(tp)}",
        hint="annotate the field with attrs classes, dataclasses, dicts, lists and scalars,"
        " or give it a codec",
    )


def _address(classes: tuple[Any, ...], value: Any) -> Any:
    for cls in classes:
        try:
            if isinstance(value, str):
                return cls(value)
        except ValueError:
            pass
    # whose own sentence quotes the value
    raise JsonMisfit(f"Expected an `{' | '.join(cls.__name__ for cls in classes)}`")


def _parts(error: Exception) -> tuple[str, str | None]:
    """Return msgspec's sentence, and the path inside the JSON that it ends with."""
    text, path = str(error), None
    # Of objects built by ourselves the path inside comes before the path to them.
    while (at := _AT.search(text)) is not None:
        path = at[1] if path is None else path + at[1].removeprefix("$")
        text = text[: at.start()]
    return text, path


def misfit_sentence(error: Exception) -> str:
    """Return msgspec's sentence without the value that some of its forms quote."""
    text, path = _parts(error)
    sentence = _VALUE_IN_MESSAGE.sub(r"\1", text)
    return sentence if path is None else f"{sentence} at {path}"


def path_in(error: Exception) -> str:
    """Return the path inside the JSON that a sentence of msgspec ends with."""
    return _parts(error)[1] or "$"


def raised_inside(error: Exception) -> Exception | None:
    """Return what a validator or hook of the user's class raised, which msgspec has wrapped."""
    cause = error.__cause__
    if not isinstance(cause, Exception) or isinstance(cause, JsonMisfit | Inside):
        return None
    return cause


def is_json_error(error: BaseException) -> bool:
    """Tell whether an exception is msgspec's."""
    return type(error).__module__.partition(".")[0] == "msgspec"
