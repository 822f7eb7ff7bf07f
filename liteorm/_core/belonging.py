"""What is made of a class is kept on the class, and goes with it.

A table from classes to what was made of them would hold them for good: what is made of a class
refers to it. An attribute of the class's own does not; the two go together, as one circle.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, Concatenate, Final, ParamSpec, TypeVar, get_args, get_origin

__all__ = ["KEPT", "Kept", "is_common", "keep", "kept", "let_go", "make_room", "same", "with_class"]

P = ParamSpec("P")
T = TypeVar("T")

KEPT: Final = "__liteorm_kept__"
"""The attribute of a class, read by who is in a hurry."""
_MOST: Final = 512
"""How much is kept of one class, and of all types without a class of the application's."""
_HEAP_TYPE: Final = 1 << 9


class Kept(dict[Any, Any]):
    """What was made of one class, by what it was made for."""

    def __reduce__(self) -> Any:
        # A class may be pickled by value; what was made of it is made again.
        return Kept, ()


_common: Final = Kept()
_beginning: Final[dict[int, Kept]] = {}
"""By a class's id what is about to be put on it."""
_NOTHING: Final[Any] = object()
_of_everybody: Final[set[Any]] = set()
"""Types that are known to have no class of the application's in them."""


def kept(tp: Any) -> Kept:
    """Return what is kept of a type: of a generic or a union that of the classes in it."""
    try:
        near: Kept = tp.__dict__[KEPT]
    except (AttributeError, KeyError):
        pass
    else:
        return near
    if tp in _of_everybody:
        return _common
    owner = _owner(tp)
    if owner is None:
        if len(_of_everybody) >= _MOST:
            _of_everybody.clear()
        _of_everybody.add(tp)
        return _common
    own: Any = owner.__dict__
    found: Kept | None = own.get(KEPT)
    return found if found is not None else _begun(owner)


def _begun(owner: Any) -> Kept:
    """Put on a class what things are kept in, the same for all threads that come at once."""
    place = id(owner)
    found = _beginning.setdefault(place, Kept())
    try:
        # Who was there before had put it there before its entry was taken out.
        there: Kept | None = owner.__dict__.get(KEPT)
        if there is not None:
            return there
        # Not by the metaclass, which may have its own idea of attributes.
        type.__setattr__(owner, KEPT, found)
    except TypeError:
        return _common
    finally:
        _beginning.pop(place, None)
    return found


def same(tp: Any) -> Any:
    """Return the one object that stands for all equal types: for a class the class itself."""
    if isinstance(tp, type) and get_origin(tp) is None:
        return tp
    place, key = kept(tp), ("same", tp)
    known = place.get(key)
    if known is None:
        make_room(place, _MOST)
        return place.setdefault(key, tp)
    return known


def keep(tp: Any, key: Any, value: Any) -> None:
    """Keep something of a type, instead of the oldest where there is too much already."""
    place = kept(tp)
    make_room(place, _MOST)
    place[key] = value


def make_room(known: dict[Any, Any], most: int) -> None:
    """Let the oldest go, for one more to come."""
    # Each step is whole by itself: no lock, which a fork or a finaliser could find held. So is
    # the list of a view's keys; that of a dict's subclass is not where there is no GIL.
    while len(known) >= most:
        known.pop(next(iter(list(known.keys())), None), None)


def with_class(function: Callable[Concatenate[Any, P], T]) -> Callable[Concatenate[Any, P], T]:
    """Keep what a function gives for a type, its first argument, with the type."""

    @functools.wraps(function)
    def found(tp: Any, /, *args: P.args, **options: P.kwargs) -> T:
        place, key = kept(tp), (function, tp, *args)
        # In one step: what is there may be gone in the next, where others make room.
        known: T = place.get(key, _NOTHING)
        if known is not _NOTHING:
            return known
        made = function(tp, *args, **options)
        keep(tp, key, made)
        return made

    return found


def let_go(cls: type) -> bool:
    """Forget what is kept of a class; tell whether there was anything."""
    if KEPT not in vars(cls):
        return False
    type.__delattr__(cls, KEPT)
    return True


def is_common(place: Kept) -> bool:
    """Tell whether it is what is kept of types that nothing could go with."""
    return place is _common


def _owner(tp: Any) -> Any:
    """Return the class that what is made of a type goes with; None for those of everybody."""
    if get_origin(tp) is None and isinstance(tp, type):
        return tp if tp.__flags__ & _HEAP_TYPE and not _is_standard(tp) else None
    # The last one: of a generic rather what stands in the brackets, which may be younger.
    for part in (*reversed(get_args(tp)), get_origin(tp)):
        # `Generic` and `Protocol` are their own origin
        if part is not None and part is not tp and (found := _owner(part)) is not None:
            return found
    return None


def _is_standard(cls: type) -> bool:
    """Tell whether a class is the standard library's, and not only made by it."""
    module: Any = cls.__module__
    if str(module).partition(".")[0] not in _STANDARD:
        return False
    return getattr(sys.modules.get(module), cls.__name__, None) is cls


_STANDARD: Final = sys.stdlib_module_names - {"__main__"}
