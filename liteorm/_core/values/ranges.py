"""Ranges and multiranges as PostgreSQL has them, over any comparable Python type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Any, Generic, TypeVar, cast, overload

import attrs

__all__ = ["Multirange", "Range"]

T_co = TypeVar("T_co", covariant=True)

_BOUNDS = ("[)", "[]", "(]", "()")


def _before(a: Any, b: Any) -> bool:
    """Whether `a` sorts before `b`; NaN is above everything, as in PostgreSQL.

    Raises:
        TypeError: Python does not know: text sorts by the database's collation, an enum by the
            order of its labels.
    """
    if isinstance(a, tuple | list):
        for part in cast("list[Any]", a):
            if isinstance(part, str | Enum | tuple | list):
                _before(part, part)
    if isinstance(a, str | Enum):
        raise TypeError(
            f"the order of {type(a).__name__} values is the database's: compare such ranges in SQL"
        )
    if a != a:
        return False
    if b != b:
        return True
    return bool(a < b)


def _compared(lower: Any, upper: Any) -> tuple[bool, bool]:
    """Tell whether a bound is above the other, and whether they are equal."""
    try:
        above = _before(upper, lower)
        return above, not above and not _before(lower, upper)
    except TypeError:
        if type(lower) is not type(upper) and not (
            isinstance(lower, str) and isinstance(upper, str)
        ):
            raise
        # Which of them is above, the database knows.
        return False, bool(lower == upper)


def _same(a: Any, b: Any) -> bool:
    return not _before(a, b) and not _before(b, a)


@attrs.frozen(init=False, repr=False, order=False)
class Range(Generic[T_co]):
    """A range of values between two bounds, like PostgreSQL's `int8range` or `tstzrange`.

    None as a bound means unbounded. Two rules of PostgreSQL are applied when a range is built, so
    that equal ranges compare equal: an unbounded side is never inclusive, and a range that holds
    no value (`Range(1, 1)`) is the empty range. PostgreSQL also rewrites ranges over `int4`,
    `int8` and `date` to the form `[)` when it stores them: `Range(1, 3, "[]")` comes back as
    `Range(1, 4)`. Python cannot know the column's type, so these two are not equal here.

    Args:
        lower: The lower bound, or None for none.
        upper: The upper bound, or None for none.
        bounds: `"[)"`, `"[]"`, `"(]"` or `"()"`: a square bracket includes the bound.

    Raises:
        ValueError: If `lower` is above `upper` (as far as Python knows: the order of text and of
            enums is the database's), or `bounds` is none of the four words.

    Example:
        >>> 3 in Range(1, 4)
        True
        >>> Range(1, 4).overlaps(Range(3, 9))
        True
    """

    lower: T_co | None
    upper: T_co | None
    lower_inc: bool
    upper_inc: bool
    is_empty: bool

    def __init__(
        self, lower: T_co | None = None, upper: T_co | None = None, bounds: str = "[)"
    ) -> None:
        if bounds not in _BOUNDS:
            raise ValueError(f"bounds of a range must be one of {', '.join(_BOUNDS)}")
        lower_inc = bounds[0] == "[" and lower is not None
        upper_inc = bounds[1] == "]" and upper is not None
        empty = False
        if lower is not None and upper is not None:
            above, equal = _compared(lower, upper)
            if above:
                raise ValueError("the lower bound of a range must not be above its upper bound")
            if equal and not (lower_inc and upper_inc):
                empty, lower, upper, lower_inc, upper_inc = True, None, None, False, False
        _fill(self, lower, upper, lower_inc, upper_inc, empty)

    @classmethod
    def empty(cls) -> Range[T_co]:
        """Return the range that holds no value."""
        self = cls.__new__(cls)
        _fill(self, None, None, False, False, True)
        return self

    @property
    def bounds(self) -> str:
        """The two brackets, such as `"[)"`; `"()"` for the empty range."""
        return ("[" if self.lower_inc else "(") + ("]" if self.upper_inc else ")")

    @property
    def lower_inf(self) -> bool:
        """Whether there is no lower bound (False for the empty range)."""
        return self.lower is None and not self.is_empty

    @property
    def upper_inf(self) -> bool:
        """Whether there is no upper bound (False for the empty range)."""
        return self.upper is None and not self.is_empty

    def __contains__(self, value: object) -> bool:
        """Return whether the value, or every value of the range given, lies within."""
        given: Any = value
        if isinstance(value, Range):
            return self.contains(given)
        if self.is_empty or value is None:
            return False
        lower: Any = self.lower
        upper: Any = self.upper
        if lower is not None and not (
            _before(lower, value) or (self.lower_inc and _same(lower, value))
        ):
            return False
        return upper is None or (_before(value, upper) or (self.upper_inc and _same(value, upper)))

    def contains(self, other: Range[Any]) -> bool:
        """Return whether every value of `other` lies within (`@>`)."""
        if other.is_empty:
            return True
        if self.is_empty:
            return False
        return not _lower_before(other, self) and not _upper_before(self, other)

    def overlaps(self, other: Range[Any]) -> bool:
        """Return whether the two have a value in common (`&&`)."""
        if self.is_empty or other.is_empty:
            return False
        return _reaches(self, other) and _reaches(other, self)

    def is_adjacent(self, other: Range[Any]) -> bool:
        """Return whether one begins exactly where the other ends (`-|-`)."""
        if self.is_empty or other.is_empty:
            return False
        return _touches(self, other) or _touches(other, self)

    def intersection(self, other: Range[Any]) -> Range[T_co]:
        """Return the values that both have (`*`), the empty range where there are none."""
        if not self.overlaps(other):
            return Range[T_co].empty()
        low = other if _lower_before(self, other) else self
        high = self if _upper_before(self, other) else other
        return Range(
            low.lower,
            high.upper,
            ("[" if low.lower_inc else "(") + ("]" if high.upper_inc else ")"),
        )

    def __lt__(self, other: Range[Any]) -> bool:
        """Order as PostgreSQL does: empty first, then by lower bound, then by upper bound."""
        if self.is_empty or other.is_empty:
            return self.is_empty and not other.is_empty
        if _lower_before(self, other):
            return True
        return not _lower_before(other, self) and _upper_before(self, other)

    def __le__(self, other: Range[Any]) -> bool:
        return not other < self

    def __gt__(self, other: Range[Any]) -> bool:
        return other < self

    def __ge__(self, other: Range[Any]) -> bool:
        return not self < other

    def __repr__(self) -> str:
        if self.is_empty:
            return "Range.empty()"
        return f"Range({self.lower!r}, {self.upper!r}, {self.bounds!r})"


def range_of(lower: Any, upper: Any, bounds: str) -> Range[Any]:
    """Return a range as the database has it, which knows the order of its bounds."""
    made = cast("Range[Any]", Range.__new__(Range))
    _fill(made, lower, upper, bounds[0] == "[", bounds[1] == "]", False)
    return made


def multirange_of(ranges: Iterable[Range[Any]]) -> Multirange[Any]:
    """Return a multirange as the database has it: sorted and joined."""
    made = cast("Multirange[Any]", Multirange.__new__(Multirange))
    object.__setattr__(made, "ranges", tuple(ranges))
    return made


def _fill(
    target: Range[Any], lower: Any, upper: Any, lower_inc: bool, upper_inc: bool, is_empty: bool
) -> None:
    """Set the fields of a frozen range."""
    put = object.__setattr__
    put(target, "lower", lower)
    put(target, "upper", upper)
    put(target, "lower_inc", lower_inc)
    put(target, "upper_inc", upper_inc)
    put(target, "is_empty", is_empty)


def _lower_before(a: Range[Any], b: Range[Any]) -> bool:
    """Whether `a` begins before `b` (neither is empty)."""
    if a.lower is None or b.lower is None:
        return a.lower is None and b.lower is not None
    return _before(a.lower, b.lower) or (
        a.lower_inc and not b.lower_inc and _same(a.lower, b.lower)
    )


def _upper_before(a: Range[Any], b: Range[Any]) -> bool:
    """Whether `a` ends before `b` (neither is empty)."""
    if a.upper is None or b.upper is None:
        return a.upper is not None and b.upper is None
    return _before(a.upper, b.upper) or (
        b.upper_inc and not a.upper_inc and _same(a.upper, b.upper)
    )


def _reaches(a: Range[Any], b: Range[Any]) -> bool:
    """Whether `a` does not end before `b` begins (neither is empty)."""
    if a.upper is None or b.lower is None:
        return True
    return _before(b.lower, a.upper) or (a.upper_inc and b.lower_inc and _same(a.upper, b.lower))


def _touches(a: Range[Any], b: Range[Any]) -> bool:
    """Whether `b` begins exactly where `a` ends, no value in common and none between."""
    if a.upper is None or b.lower is None:
        return False
    return a.upper_inc != b.lower_inc and _same(a.upper, b.lower)


@attrs.frozen(init=False, repr=False, order=False)
class Multirange(Sequence[Range[T_co]]):
    """An ordered sequence of ranges with gaps between them, like `int8multirange`.

    As in PostgreSQL, the ranges given are sorted, empty ones are dropped, and those that overlap or
    touch are joined; over text and enums, whose order is the database's, they stay as they are.
    (Over `int4`, `int8` and `date` PostgreSQL also joins `[1,2]` and `[3,4]`, which only touch when
    there is nothing between 2 and 3.)

    Example:
        >>> Multirange([Range(5, 9), Range(1, 3), Range(2, 4)])
        Multirange([Range(1, 4, '[)'), Range(5, 9, '[)')])
        >>> 6 in Multirange([Range(1, 4), Range(5, 9)])
        True
    """

    ranges: tuple[Range[T_co], ...]

    def __init__(self, ranges: Iterable[Range[T_co]] = ()) -> None:
        object.__setattr__(self, "ranges", _joined(ranges))

    @property
    def is_empty(self) -> bool:
        """Whether it holds no value."""
        return not self.ranges

    def __len__(self) -> int:
        return len(self.ranges)

    def __iter__(self) -> Iterator[Range[T_co]]:
        return iter(self.ranges)

    @overload
    def __getitem__(self, index: int) -> Range[T_co]: ...
    @overload
    def __getitem__(self, index: slice) -> Multirange[T_co]: ...
    def __getitem__(self, index: int | slice) -> Range[T_co] | Multirange[T_co]:
        if isinstance(index, slice):
            return Multirange(self.ranges[index])
        return self.ranges[index]

    def __contains__(self, value: object) -> bool:
        """Return whether the value, or every value of the range given, lies within."""
        if isinstance(value, Range) and value.is_empty:
            return True
        return any(value in part for part in self.ranges)

    def contains(self, other: Range[Any] | Multirange[Any]) -> bool:
        """Return whether every value of `other` lies within (`@>`)."""
        parts = other.ranges if isinstance(other, Multirange) else (other,)
        return all(part in self for part in parts)

    def overlaps(self, other: Range[Any] | Multirange[Any]) -> bool:
        """Return whether the two have a value in common (`&&`)."""
        parts = other.ranges if isinstance(other, Multirange) else (other,)
        return any(mine.overlaps(part) for mine in self.ranges for part in parts)

    def __repr__(self) -> str:
        return f"Multirange([{', '.join(map(repr, self.ranges))}])"


def _joined(ranges: Iterable[Range[T_co]]) -> tuple[Range[T_co], ...]:
    """Sort the ranges and join those that overlap or touch."""
    parts: list[Any] = list(ranges)
    for part in parts:
        if not isinstance(part, Range):
            raise TypeError(f"a multirange is made of ranges, not of {type(part).__name__}")
    parts = [part for part in parts if not part.is_empty]
    try:
        parts = sorted(parts)
    except TypeError:
        # Only the database knows their order; what it sends is sorted and joined.
        return tuple(parts)
    joined: list[Range[T_co]] = []
    for part in parts:
        if not joined or not (joined[-1].overlaps(part) or _touches(joined[-1], part)):
            joined.append(part)
            continue
        last = joined[-1]
        if _upper_before(last, part):
            brackets = ("[" if last.lower_inc else "(") + ("]" if part.upper_inc else ")")
            joined[-1] = Range(last.lower, part.upper, brackets)
    return tuple(joined)
