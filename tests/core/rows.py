"""Rows without a server: a shape by hand, and plain tuples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from liteorm import Rows
from liteorm._core.scanning.shape import Shape
from liteorm._core.scanning.types import BY_OID, PgType, Variant
from liteorm.errors import DataError, Error

BY_NAME: Mapping[str, PgType] = {
    type_.name: type_ for type_ in BY_OID.values() if type_.name not in ("int2vector", "oidvector")
}


def shape(**columns: str | PgType) -> Shape:
    """Return a shape; `a__b` stands for the dotted name `a.b`."""
    return Shape(
        tuple(name.replace("__", ".") for name in columns),
        tuple(BY_NAME[type_] if isinstance(type_, str) else type_ for type_ in columns.values()),
    )


class Tuples:
    """A `RowSource` of tuples, each value already in the form that its variant asks for."""

    def __init__(self, shape: Shape, rows: list[tuple[Any, ...]]) -> None:
        self.shape = shape
        self.rows = rows

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return self.shape.names

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self.rows)

    def loader(
        self, variants: tuple[Variant, ...] | None
    ) -> Callable[[int, int], list[tuple[Any, ...]]]:
        """Return the function that gives rows [start, stop)."""
        return lambda start, stop: self.rows[start:stop]

    def failure(
        self,
        start: int,
        stop: int,
        variants: tuple[Variant, ...] | None,
        error: Exception,
        first: int = 0,
    ) -> Error:
        """Return the error of a chunk that cannot load."""
        return DataError("cannot load", row=first + start)


def rows(shape: Shape, *tuples: tuple[Any, ...]) -> Rows:
    """Wrap tuples."""
    return Rows(Tuples(shape, list(tuples)))
