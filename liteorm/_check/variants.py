"""The variants of a statement, checked side by side, and what is found in which of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from liteorm._check.parameters import Declared
from liteorm._check.problems import Problem
from liteorm._core.statements.contents import Variant
from liteorm._core.statements.statement import Command


def declared_in_variant(
    statement: Command,
    variants: Sequence[Variant],
    variant: Variant,
    declared: list[Declared] | None,
) -> list[Declared] | None:
    """Return the parameters that are sent with one variant.

    Those on which a part depends that is there are not None, and those of no variant at all are
    kept, so that they are told.
    """
    if declared is None or not variant.when:
        return declared
    elsewhere = {name for each in variants for name in each.names}
    switches = {name for name in statement.names if name not in elsewhere}
    found: list[Declared] = []
    for item in declared:
        if item.name in variant.given:
            found.append(attrs.evolve(item, hint=attrs.evolve(item.hint, optional=False)))
        elif item.name in variant.names or item.name not in elsewhere | switches:
            found.append(item)
    return found


def told(variants: Sequence[Variant], found: Sequence[list[Problem]]) -> list[Problem]:
    """Return what was found in the variants, each once: where only some have it, in which first."""
    places: dict[Problem, list[int]] = {}
    for number, (variant, problems) in enumerate(zip(variants, found, strict=True)):
        for problem in problems:
            at = None if problem.at is None else variant.written(problem.at)
            seen = places.setdefault(attrs.evolve(problem, at=at), [])
            if number not in seen:
                seen.append(number)
    return [
        problem if len(seen) == len(variants) else problem.when(variants[seen[0]].when)
        for problem, seen in places.items()
    ]


def outside_problems(statement: Command) -> Iterator[Problem]:
    """Yield a warning for each parameter that switches a part and is sent without it, as None."""
    for name in statement.used_elsewhere():
        at = statement.written.find(f"%({name})s")
        yield Problem(
            "warning",
            "parameter-outside",
            f'parameter "{name}" switches a part and stands outside it too: it is sent as NULL'
            " where the part is left out",
            f"mark that line as well: --? {name}",
            at if at >= 0 else None,
        )
