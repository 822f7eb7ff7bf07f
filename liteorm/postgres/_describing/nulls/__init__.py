"""Which columns of a statement's result can be NULL, from the server's own reading of it.

Every answer is one of three: False (proven never NULL), True (NULL for some data) and None (not
known). False is claimed only where it follows from the statement and the constraints; whatever
there is no rule for is not known.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from liteorm.postgres._describing.nulls.analysis import result_columns
    from liteorm.postgres._describing.nulls.catalog import Catalog, load_catalog
    from liteorm.postgres._describing.nulls.insides import parts_in
    from liteorm.postgres._describing.nulls.levels import Inside, Out
    from liteorm.postgres._describing.nulls.reading import Trial, Unread, read_trees
    from liteorm.postgres._describing.nulls.values import UNKNOWN

__all__ = [
    "UNKNOWN",
    "Catalog",
    "Inside",
    "Out",
    "Trial",
    "Unread",
    "load_catalog",
    "parts_in",
    "read_trees",
    "result_columns",
    "unread_column",
]


_PLACES = {
    "result_columns": "analysis",
    "Catalog": "catalog",
    "load_catalog": "catalog",
    "Inside": "levels",
    "Out": "levels",
    "parts_in": "insides",
    "Trial": "reading",
    "Unread": "reading",
    "read_trees": "reading",
    "UNKNOWN": "values",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is: most processes describe nothing."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    return found


def unread_column(unread: Unread) -> Out:
    """Return what is known of a column of a statement that the server did not read for us."""
    from liteorm.postgres._describing.nulls.levels import Out
    from liteorm.postgres._describing.nulls.values import UNKNOWN

    return Out(UNKNOWN, why=f"the server's reading could not be had: {unread.message}")
