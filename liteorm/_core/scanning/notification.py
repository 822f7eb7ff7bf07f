"""A notification, and how its JSON payload is decoded."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from liteorm.errors import ScanError

if TYPE_CHECKING:
    from liteorm._core.models.hints import Codec

T = TypeVar("T")


# Codecs of the pool that a notification came from, by its identity: they are no part of its value.
_codecs: dict[int, tuple[weakref.ref[Notification], Mapping[Any, Codec]]] = {}


@attrs.frozen
class Notification:
    """A message received on a channel.

    Args:
        channel: The channel's name.
        payload: The text that was sent with it, `""` for none.
        pid: The process id of the server session which sent it.
    """

    channel: str
    payload: str
    pid: int

    def load(self, model: type[T]) -> T:
        """Decode the payload, a JSON text, into `model`, by the rules of a json column.

        Raises:
            ScanError: If the payload is not JSON or does not fit the model.
            ModelError: If the model is none that JSON could hold.
        """
        # Few notifications are JSON, and what decodes it takes longest to import.
        from liteorm._core.models.annotations import shown
        from liteorm._core.scanning import jsontext

        payload = f'payload of a notification on channel "{self.channel}"'
        decoder = jsontext.decoder_for(model, _codecs.get(id(self), (None, None))[1])
        try:
            decoded: T = decoder.decode(self.payload)
        except UnicodeError:
            raise ScanError(f"{payload} is not JSON: it has characters that are none") from None
        except Exception as error:
            if not jsontext.is_json_error(error):
                raise
            inner = jsontext.raised_inside(error)
            if inner is not None:
                inner.add_note(f"while loading the {payload}, at {jsontext.path_in(error)}")
                raise inner from inner.__cause__
            sentence = jsontext.misfit_sentence(error)
            if type(error).__name__ != "ValidationError":
                raise ScanError(f"{payload} is not JSON: {sentence}") from None
            raise ScanError(f"{payload} does not fit {shown(model)}: {sentence}") from None
        return decoded


def read_with(notification: Notification, codecs: Mapping[Any, Codec]) -> None:
    """Let a notification be decoded by the codecs of its pool."""
    key = id(notification)
    _codecs[key] = weakref.ref(notification, lambda _: _codecs.pop(key, None)), codecs
