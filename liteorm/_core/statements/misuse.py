"""What is said of a statement that is declared or called with something else than it takes."""

from __future__ import annotations

from numbers import Real
from typing import Any, Final

__all__ = ["check_options", "check_session", "no_function", "unwrapped"]

_STATIC: Final[Any] = staticmethod
_OF_CLASS: Final[Any] = classmethod


def unwrapped(function: Any) -> Any:
    """Return the function in a static method, anything else as it is."""
    return function.__func__ if isinstance(function, _STATIC) else function


def no_function(given: object) -> TypeError:
    """Return the refusal of what is no function to declare a statement over."""
    remedy = "to run it, call .execute, .all, .one, .optional or .iter"
    if isinstance(given, _OF_CLASS):
        remedy = "inside a class write @staticmethod below the declaration"
    return TypeError(
        f"a statement is declared over a function, not {type(given).__name__}; {remedy}"
    )


def check_session(session: Any, name: str | None, error: Exception) -> None:
    """Refuse what is no session, where an error came of it.

    Raises:
        TypeError: It is none.
    """
    if not isinstance(error, AttributeError | TypeError):
        return
    if hasattr(session, "insert_many") and not isinstance(session, type):
        return
    what = f"the class {session.__name__}" if isinstance(session, type) else _a(session)
    if hasattr(session, "__await__"):
        remedy = "await it first"
    elif hasattr(session, "cursor"):
        remedy = "wrap it: liteorm.postgres.session(connection), session_async for an async one"
    else:
        remedy = "the parameters follow it"
    raise TypeError(
        f"{name or 'a statement'} is called with a session first, such as a DB or a Tx, not with "
        f"{what}: {remedy}"
    ) from None


def _a(value: object) -> str:
    name = type(value).__name__
    return "None" if value is None else f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def check_options(extra: object, timeout: object) -> None:
    """Refuse options of a declaration that no call could use.

    Raises:
        TypeError: The timeout is no number.
        ValueError: `extra` is none of its words, or the timeout is not positive.
    """
    if extra not in ("error", "ignore"):
        raise ValueError(f"extra is {extra!r}; expected 'error' or 'ignore'")
    if timeout is None:
        return
    if not isinstance(timeout, Real):
        raise TypeError(
            f"timeout must be a number of seconds, or None, not {type(timeout).__name__}"
        )
    if not float(timeout) > 0:
        raise ValueError("timeout must be positive, or None")
