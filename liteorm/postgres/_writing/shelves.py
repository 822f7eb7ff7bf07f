"""What a pool has made of classes: it goes with the pool, and with each class."""

from __future__ import annotations

import weakref
from typing import Any, Final, get_origin

from liteorm._core.belonging import is_common, kept, make_room, same

_MOST: Final = 256
_SHELVES: Final = "shelves"


class _Shelf(dict[Any, Any]):
    """What was made of one class."""

    __slots__ = ("__weakref__", "of")

    def __init__(self, of: Any) -> None:
        super().__init__()
        self.of = of


def _one(of: Any) -> Any:
    """Return the one object that stands for a generic class with arguments."""
    return of if isinstance(of, type) or get_origin(of) is None else same(of)


class Shelves:
    """What was made of classes, by class and key; a class holds its own shelf.

    What is put there must not refer to the pool's shelves.
    """

    def __init__(self) -> None:
        self._known: dict[int, weakref.ref[_Shelf]] = {}
        self._own: dict[Any, _Shelf] = {}

    def get(self, of: Any, key: Any) -> Any:
        """Return what was put there, None if nothing was."""
        of = _one(of)
        known = self._known.get(id(of))
        shelf = known() if known is not None else None
        return shelf.get(key) if shelf is not None and shelf.of is of else None

    def put(self, of: Any, key: Any, made: Any) -> None:
        """Put something on the shelf of a class, or of anything else, which then stays."""
        shelf = self._shelf(_one(of))
        make_room(shelf, _MOST)
        shelf[key] = made

    def _shelf(self, of: Any) -> _Shelf:
        known = self._known.get(id(of))
        shelf = known() if known is not None else None
        if shelf is not None and shelf.of is of:
            return shelf
        shelf = _Shelf(of)
        place = kept(of) if isinstance(of, type) or get_origin(of) is not None else None
        if place is None or is_common(place):
            make_room(self._own, _MOST)
            self._own[of] = shelf
        else:
            shelves = place.get(_SHELVES)
            if shelves is None:
                shelves = place.setdefault(
                    _SHELVES, weakref.WeakKeyDictionary[Shelves, dict[Any, _Shelf]]()
                )
            # Where two threads come at once, one shelf is that of both.
            shelf = shelves.setdefault(self, {}).setdefault(of, shelf)
        self._remember(id(of), shelf)
        return shelf

    def _remember(self, place: int, shelf: _Shelf) -> None:
        known = self._known

        def drop(gone: weakref.ref[_Shelf]) -> None:
            if known.get(place) is gone:
                known.pop(place, None)

        known[place] = weakref.ref(shelf, drop)
