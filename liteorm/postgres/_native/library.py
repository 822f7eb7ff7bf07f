"""liteorm-native, and the libpq that the driver has loaded: found once, or why not."""

from __future__ import annotations

import logging
import os
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from psycopg import pq, waiting

__all__ = ["Unavailable", "library", "module", "record_types", "waiter"]

logger: Final = logging.getLogger("liteorm")

# As in native/src/module.c: counted up whenever what is called there changes.
_INTERFACE: Final = 5


class Unavailable(Exception):
    """There is no compiled executor here; the message says why."""


def module() -> Any:
    """Return liteorm-native's module, unless it is switched off.

    Raises:
        Unavailable: it is off or not installed, or the driver's libpq cannot be found.
    """
    if os.environ.get("LITEORM_NATIVE") == "0":
        raise Unavailable("LITEORM_NATIVE is 0")
    found = _found()
    if isinstance(found, str):
        raise Unavailable(found)
    return found[0]


def record_types(result: Any, column: int, *, arrays: bool) -> tuple[int, ...] | None:
    """Return the types inside the anonymous records of a column; None: look at each value."""
    try:
        module()
    except Unavailable:
        return None
    found: tuple[int, ...] | None = library().record_types(result.pgresult_ptr, column, arrays)
    return found


def waiter(expired: type[Exception]) -> Any:
    """Return what waits on one connection, in threads; None: the driver does.

    Args:
        expired: What a wait raises that has lasted too long.
    """
    try:
        native = module()
    except Unavailable:
        return None
    # Another one was asked for, or the thread is no thread: gevent.
    if waiting.wait is not getattr(waiting, "wait_c", None):
        return None
    # On Windows there is none.
    made = getattr(native, "Waiter", None)
    return None if made is None else made(expired)


def library() -> Any:
    """Return the functions of the driver's libpq, as `module` has found them."""
    found = _found()
    assert not isinstance(found, str)
    return found[1]


@cache
def _found() -> tuple[Any, Any] | str:
    try:
        native = import_module("liteorm_native")
    except ImportError as error:
        if error.name == "liteorm_native" and isinstance(error, ModuleNotFoundError):
            return "liteorm-native is not installed"
        # It is there, and will not be loaded: without a GIL, or made for another Python.
        logger.warning("scanning without liteorm-native: %s", error)
        return f"liteorm-native: {error}"
    interface = getattr(native, "INTERFACE", 1)
    if interface != _INTERFACE:
        reason = (
            "the liteorm-native installed belongs to another liteorm (its interface is "
            f"{interface}, wanted is {_INTERFACE}): install liteorm[binary] anew"
        )
        logger.warning("scanning without liteorm-native: %s", reason)
        return reason
    for path in _paths():
        try:
            found = native.Library(path)
        except LookupError:
            continue
        # Another libpq than the driver's would take its results for what they are not.
        if found.version == pq.version():
            return native, found
    return f"the libpq of psycopg's implementation {pq.__impl__} cannot be found"


def _paths() -> list[str]:
    """Return the files through which the driver's libpq may be reached; all are loaded already."""
    if pq.__impl__ == "python":
        name = getattr(getattr(sys.modules.get("psycopg.pq._pq_ctypes"), "pq", None), "_name", None)
        return [name] if isinstance(name, str) else []
    package = "psycopg_binary" if pq.__impl__ == "binary" else "psycopg_c"
    file = getattr(sys.modules.get(f"{package}.pq"), "__file__", None)
    if file is None:
        return []
    if sys.platform != "win32":
        # The search for a symbol goes on from a module to what it is linked with.
        return [file]
    # There it does not; wheels have their libraries in a folder beside the package.
    return [str(path) for path in Path(file).parent.parent.glob(f"{package}.libs/libpq*.dll")]
