"""What NOTIFY takes, and how long to wait before connecting again. No I/O."""

from __future__ import annotations

import random
import weakref
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from liteorm._core.models.hints import Codec
from liteorm.errors import DataError
from liteorm.postgres._types.json import Written, json_bytes

__all__ = ["Backoff", "checked_channel", "checked_payload", "handed_to"]

# https://www.postgresql.org/docs/current/sql-notify.html; an identifier's length is NAMEDATALEN-1.
_PAYLOAD_LIMIT: Final = 8000
_CHANNEL_LIMIT: Final = 63


def handed_to(listener: Any) -> Callable[[Any], None]:
    """Return what hands notifications to a listener: its connection must not keep it alive."""
    reference = weakref.ref(listener)

    def take(note: Any) -> None:
        known = reference()
        if known is not None:
            known._take(note)

    return take


def checked_channel(channel: str) -> str:
    """Return a channel's name if the server takes it as it is."""
    if not isinstance(channel, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"a channel is a str, not {type(channel).__name__}")
    size = _size(channel, "a channel's name")
    if not size:
        raise DataError("a channel's name must not be empty")
    if size > _CHANNEL_LIMIT:
        raise DataError(
            f"a channel's name has at most {_CHANNEL_LIMIT} bytes, this one has {size}",
            hint="LISTEN would cut it, and hear what is meant for another channel",
        )
    return channel


def checked_payload(payload: Any, codecs: Mapping[type, Codec]) -> str:
    """Return a payload as text if the server takes it; objects are JSON, by the pool's codecs."""
    if isinstance(payload, str):
        text = payload
    else:
        text = json_bytes(payload, Written(codecs) if codecs else None).decode()
    size = _size(text, "a payload")
    if size >= _PAYLOAD_LIMIT:
        raise DataError(
            f"a payload has less than {_PAYLOAD_LIMIT:,} bytes, this one has {size:,}",
            hint="store it in a table and send its key",
        )
    return text


def _size(text: str, what: str) -> int:
    if "\0" in text:
        raise DataError(f"{what} cannot contain the character NUL")
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise DataError(f"{what} holds text that UTF-8 cannot hold") from None


@attrs.define
class Backoff:
    """How long to wait before the next attempt: longer each time, never the same."""

    _attempt: int = 0

    def pause(self) -> float:
        """Return the seconds to wait now: at most five."""
        self._attempt += 1
        return random.uniform(0.5, 1.0) * min(5.0, 0.1 * 2.0**self._attempt)
