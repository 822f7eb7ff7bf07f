"""Generated source into a function that tracebacks and debuggers can show."""

from __future__ import annotations

import itertools
import linecache
import weakref
from typing import Any

_numbers = itertools.count(1)


def compiled(text: str, scope: dict[str, Any], name: str, title: str) -> tuple[Any, str]:
    """Compile a module's text; return the function called `name` and its file name.

    The file name is no file's, so linecache is given the lines; they go with the function.
    """
    filename = f"<liteorm {title} #{next(_numbers)}>"
    scope["__name__"] = "liteorm.generated"
    exec(compile(text, filename, "exec"), scope)
    function = scope[name]
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    weakref.finalize(function, linecache.cache.pop, filename, None)
    return function, filename
