"""A value marked to be sent as JSON."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Json(Generic[T]):
    """A value to be sent as JSON whatever its type, a list or a string included.

    Example:
        `db.execute("UPDATE t SET tags = %s", [liteorm.Json(["a", "b"])])`
    """

    # Not an attrs class: inside another value msgspec would take it for an object of its own.
    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        held: Any = getattr(other, "value", None)
        return isinstance(other, Json) and bool(self.value == held)

    def __hash__(self) -> int:
        return hash((Json, self.value))

    def __repr__(self) -> str:
        return f"Json({self.value!r})"
