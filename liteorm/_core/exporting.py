"""What is shown as a part of the package that users import it from, and imported when asked for."""

from __future__ import annotations

import sys
import typing
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def shown_in(export: Any, module: str) -> None:
    """Let reprs, tracebacks, pickles and documentation show where users import from.

    The annotations of a class are read in the module that its name says: they are told where
    they were written, so that `typing.get_type_hints` still finds what they mean. What is no
    class or function of a private module below is left as it is.
    """
    if not getattr(export, "__module__", "").startswith(f"{module}._"):
        return
    if isinstance(export, type):
        written: dict[str, Any] = getattr(export, "__annotations__", {})
        for name, annotation in written.items():
            if isinstance(annotation, str):
                written[name] = typing.ForwardRef(
                    annotation, is_argument=False, module=export.__module__, is_class=True
                )
    export.__module__ = module


def imported_later(package: str, places: Mapping[str, tuple[str, ...]]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package that imports some names when they are asked for.

    Args:
        package: The package's name.
        places: What is exported from each module, whose name is without the package's. All of
            a module comes with the first of its names, so that none shows a private path.
    """
    homes = {name: place for place, names in places.items() for name in names}

    def exported(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(f"{package}.{homes[name]}")
        found = vars(sys.modules[package])
        for each in places[homes[name]]:
            found[each] = getattr(module, each)
            shown_in(found[each], package)
        return found[name]

    return exported
