"""What is shown as a part of the package that users import it from."""

from __future__ import annotations

import typing
from typing import Any


def shown_in(export: Any, module: str) -> None:
    """Let reprs, tracebacks, pickles and documentation show where users import from.

    The annotations of a class are read in the module that its name says: they are told where
    they were written, so that `typing.get_type_hints` still finds what they mean.
    """
    if isinstance(export, type):
        written: dict[str, Any] = getattr(export, "__annotations__", {})
        for name, annotation in written.items():
            if isinstance(annotation, str):
                written[name] = typing.ForwardRef(
                    annotation, is_argument=False, module=export.__module__, is_class=True
                )
    export.__module__ = module
