"""What was looked for in the driver's inside, by parameters and by the names that functions use."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["MISSING", "inside", "takes", "uses"]

MISSING: Final[list[str]] = []
"""What was looked for in the driver and is not there as it was."""


def takes(owner: Any, name: str, *parameters: str) -> bool:
    """Tell whether a function of the driver has these parameters, and note if it has not."""
    function = getattr(owner, name, None)
    code = getattr(function, "__code__", None)
    if code is not None:
        known = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if known == parameters:
            return True
    MISSING.append(f"{getattr(owner, '__name__', owner)}.{name}")
    return False


def inside(module: str, name: str) -> Any:
    """Return something from a module of the driver, None (and noted) if it is not there."""
    try:
        found = getattr(__import__(module, fromlist=[name]), name, None)
    except ImportError:
        found = None
    if found is None:
        MISSING.append(f"{module}.{name}")
    return found


def uses(owner: Any, name: str, *names: str) -> bool:
    """Tell whether a function of the driver uses these names, and note if it does not."""
    code = getattr(getattr(owner, name, None), "__code__", None)
    if code is not None and set(names) <= set(code.co_names):
        return True
    MISSING.append(f"{getattr(owner, '__name__', owner)}.{name}")
    return False
