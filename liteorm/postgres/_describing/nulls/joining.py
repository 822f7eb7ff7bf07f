"""What is inside a value that is one of two: of the sides of a UNION, of rows of VALUES."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from attrs import evolve

from liteorm.postgres._describing.nulls.levels import Inside, Member, Out
from liteorm.postgres._describing.nulls.values import ALWAYS, NEVER, Value, either

NOT_FOLLOWED: Final = Inside("unknown", ())
"""It is put together here, in a way that is not followed."""

_UNTYPED: Final = 705
"""The type of a literal of which nothing says another."""


def different(parts: Iterable[Member]) -> tuple[Member, ...]:
    """Return the elements that are not as another one."""
    return tuple(dict.fromkeys(parts))


def joined(one: Out, two: Out) -> Inside | None:
    """Return the inside of a value that is one of two."""
    a, b = one.inside, two.inside
    if a == b:
        return a
    if one.state == ALWAYS or two.state == ALWAYS:
        return b if one.state == ALWAYS else a
    if a is None or b is None:
        return _beside_stored(a or b)
    if {a.form, b.form} <= {"list", "items"} and not _are_alike(a, b):
        return Inside("list", different([*a.parts, *b.parts]))
    if a.form != b.form or a.named != b.named or a.form == "unknown":
        return NOT_FOLLOWED
    if a.form in ("array", "list"):
        return evolve(a, parts=different([*a.parts, *b.parts]))
    if [part.name for part in a.parts] != [part.name for part in b.parts]:
        return NOT_FOLLOWED
    parts: list[Member] = []
    for part, other in zip(a.parts, b.parts, strict=True):
        types = {part.type, other.type} - {_UNTYPED}
        if len(types) > 1:
            return NOT_FOLLOWED
        parts.append(Member(part.name, max(types, default=0), _either(part.out, other.out)))
    return evolve(a, parts=tuple(parts))


def _are_alike(one: Inside, two: Inside) -> bool:
    """Return whether two lists have the same types in the same places."""
    types = [[part.type for part in inside.parts] for inside in (one, two)]
    return one.form == two.form == "items" and types[0] == types[1]


def _beside_stored(inside: Inside | None) -> Inside | None:
    """Return the inside of a value that may also be one that is stored, and taken as it is."""
    if inside is None or inside.form != "array":
        return NOT_FOLLOWED
    if any(part.out.inside is not None for part in inside.parts):
        return NOT_FOLLOWED
    parts = tuple(part for part in inside.parts if part.out.state != NEVER)
    return evolve(inside, parts=parts) if parts else None


def _either(one: Out, two: Out) -> Out:
    null = either([Value(one.state), Value(two.state)]).null
    return Out(null, why=one.why or two.why, inside=joined(one, two))
