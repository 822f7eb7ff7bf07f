"""What the server says unasked: notices for the user, and its last words for errors."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from liteorm._core.values.notice import Notice
from liteorm.postgres._session.translate import one_line

__all__ = ["NoticeWatch", "OnNotice", "check_on_notice"]

logger: Final = logging.getLogger("liteorm")

OnNotice: TypeAlias = Callable[[Notice], object]

_LAST_WORDS: Final = ("FATAL", "PANIC")
_LOUD: Final = ("WARNING", "ERROR")


def check_on_notice(on_notice: OnNotice | None) -> OnNotice | None:
    """Return the function that takes notices, which is called in the middle of a statement."""
    if on_notice is None:
        return None
    if not callable(on_notice):
        raise TypeError(f"on_notice must be a function, not {type(on_notice).__name__}")
    if inspect.iscoroutinefunction(on_notice):
        raise TypeError(
            "on_notice is called while a statement runs, where nobody awaits: give a plain function"
        )
    return on_notice


class NoticeWatch:
    """Hands notices on, and keeps what the server says before it closes an idle connection.

    Args:
        attributes: The connection's; a reference to itself would keep it alive.
        on_notice: The user's function; without it, warnings go to the logger.
    """

    def __init__(self, attributes: dict[str, Any], on_notice: OnNotice | None) -> None:
        self._attributes = attributes
        self._on_notice = on_notice

    def __call__(self, diag: Any) -> None:
        severity = diag.severity_nonlocalized or diag.severity or ""
        if severity in _LAST_WORDS:
            self._attributes["fatal"] = (diag.sqlstate, diag.message_primary)
            return
        message = diag.message_primary or ""
        if self._on_notice is None:
            if severity in _LOUD:
                logger.warning("the server says: %s (%s)", one_line(message), diag.sqlstate)
            return
        notice = Notice(severity, diag.sqlstate, message, diag.message_detail, diag.message_hint)
        try:
            self._on_notice(notice)
        except Exception:
            # The driver would only log it as well: the statement goes on.
            logger.exception("on_notice failed")
        except BaseException as exc:
            # libpq calls this, and cannot be broken off: Ctrl-C would be lost here, and SystemExit
            # end the process at once. Whoever waits for the statement raises it.
            self._attributes["broken_off"] = exc
