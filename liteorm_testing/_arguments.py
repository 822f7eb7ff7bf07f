"""Refuses arguments of the wrong kind in a sentence, where a missing attribute would say less."""

from __future__ import annotations


def expect(
    given: object, wanted: type | tuple[type, ...], what: str, words: str | None = None
) -> None:
    """Refuse an argument that is of none of some classes.

    Args:
        given: The argument.
        wanted: The classes.
        what: Who takes it.
        words: What the classes are together, where their names would be too many.

    Raises:
        TypeError: It is of another class.
    """
    if not isinstance(given, wanted):
        classes = wanted if isinstance(wanted, tuple) else (wanted,)
        names = "a " + " or ".join(cls.__name__ for cls in classes)
        raise TypeError(f"{what} takes {words or names}, not {kind(given)}")


def kind(given: object) -> str:
    """Give what a sentence calls the class of something."""
    cls = type(given)
    if isinstance(given, type):
        return f"the class {given.__name__}"
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__name__}"
