"""A notification, and how its JSON payload is decoded."""

from __future__ import annotations

import re
from typing import TypeVar

import attrs

from liteorm.errors import ScanError

T = TypeVar("T")


def _without_value(reason: str) -> str:
    """Cut the value out of msgspec's sentence about an enum or a tag that it does not know."""
    return re.sub(r"^(Invalid (?:enum )?value) .*?( - at `[^`]*`)?$", r"\1\2", reason, flags=re.S)


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
        """Decode the payload, a JSON text, into `model`.

        Raises:
            ScanError: If the payload is not JSON or does not fit the model.
        """
        import msgspec

        try:
            return msgspec.json.decode(self.payload, type=model)
        except msgspec.ValidationError as exc:
            raise ScanError(
                f'payload of a notification on channel "{self.channel}" '
                f"does not fit {getattr(model, '__qualname__', model)}: {_without_value(str(exc))}"
            ) from exc
        except (msgspec.DecodeError, UnicodeError) as exc:
            raise ScanError(
                f'payload of a notification on channel "{self.channel}" is not JSON: {exc}'
            ) from exc
