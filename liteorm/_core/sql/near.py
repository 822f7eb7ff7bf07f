"""Names that were given and names that were wanted: what is wrong, and what was meant."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence


def near_name(name: str, known: Iterable[str]) -> str | None:
    """Return the name that was probably meant."""
    from difflib import get_close_matches  # for errors only

    near = get_close_matches(name, list(known), 1)
    return near[0] if near else None


def other_names(given: Collection[str], wanted: Sequence[str]) -> tuple[str, str | None]:
    """Return what is wrong with the names of a call's parameters, and which were meant."""
    surplus = [str(name) for name in given if name not in wanted]
    missing = [name for name in wanted if name not in given]
    near = {name: near_name(name, missing or wanted) for name in surplus}
    wrong = [f'there is no parameter "{name}"' for name in surplus]
    wrong += [f'parameter "{name}" is missing' for name in missing if name not in near.values()]
    meant = [f"{other} instead of {name}" for name, other in near.items() if other]
    return "; ".join(wrong), f"did you mean {', '.join(meant)}?" if meant else None
