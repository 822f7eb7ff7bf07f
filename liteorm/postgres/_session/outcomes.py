"""What an error means for what was sent before it."""

from __future__ import annotations

from typing import Any, Final

import psycopg

from liteorm.errors import Error, StatementTimeout

__all__ = [
    "after_its_rows",
    "because",
    "came_late",
    "is_interruption",
    "is_over",
    "leaves_commit_open",
    "leaves_statement_open",
]

# Classes of SQLSTATE with which a COMMIT may have been answered although it has happened, or will:
# connection exception, system error, internal error.
_UNCERTAIN: Final = ("08", "58", "XX")
_COMPLETION_UNKNOWN: Final = "40003"


def because(error: BaseException, cause: BaseException | None) -> Any:
    """Return an error with its cause, to be raised; it may be the cause itself.

    A variable that holds an exception in a frame of its traceback makes a cycle, and the frame, its
    connection with it, stays until the collector comes. The name of an `except` is deleted when its
    block is left, whatever other names there are is not: this is to be assigned to it.
    """
    if error is not cause and error.__cause__ is None:
        error.__cause__ = cause
    return error


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


def came_late(stored: bool) -> StatementTimeout:
    """Return the error for a statement that our cancel did not stop.

    Its answer was on its way, or it waited for a standby: it is stored here, perhaps only here.
    """
    error = StatementTimeout(
        "the statement's answer came after its timeout",
        hint="outside a transaction, what it did is stored",
    )
    error.stored = stored
    return error


def after_its_rows(exc: psycopg.Error, what: str = "the statement's commit") -> psycopg.Error:
    """Note of an error that its statement had been done before: it is its own COMMIT's answer."""
    exc.__dict__[_COMMITTING] = what
    return exc


def leaves_statement_open(exc: psycopg.Error) -> str | None:
    """Say what failed if a statement outside a transaction may be stored in spite of its error."""
    return exc.__dict__.get(_COMMITTING) if leaves_commit_open(exc) else None


_COMMITTING: Final = "answers the statement's own COMMIT"
