"""What an error means for what was sent before it."""

from __future__ import annotations

from typing import Any, Final

import psycopg

from liteorm.errors import Error

__all__ = ["is_interruption", "is_over", "leaves_commit_open"]

# Classes of SQLSTATE with which a COMMIT may have been answered although it has happened, or will:
# connection exception, system error, internal error.
_UNCERTAIN: Final = ("08", "58", "XX")
_COMPLETION_UNKNOWN: Final = "40003"


def is_interruption(exc: BaseException) -> bool:
    """Say whether something from outside ended a wait.

    Ctrl-C, a task's cancellation, SystemExit, a timeout of gevent's, what a handler of a signal
    raised (Celery's soft time limit is a plain Exception): whatever is not the driver's or ours.
    """
    return not isinstance(exc, psycopg.Error | Error)


def is_over(gen: Any) -> bool:
    """Say whether a generator has ended."""
    return getattr(gen, "gi_frame", gen) is None


def leaves_commit_open(exc: BaseException) -> bool:
    """Say whether the server's answer to COMMIT leaves open whether it has happened."""
    code = exc.sqlstate if isinstance(exc, psycopg.Error) else None
    return code is not None and (code[:2] in _UNCERTAIN or code == _COMPLETION_UNKNOWN)
