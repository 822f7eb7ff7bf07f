"""What a backend hands to the mapper: the shape of a result, and its rows as plain tuples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias

import attrs

from liteorm._core.models.hints import Codec
from liteorm._core.scanning.types import BY_OID, PgType, Variant, has_fields
from liteorm._core.values.results import RowSource
from liteorm.errors import Error

LoadRows = Callable[[int, int], list[tuple[Any, ...]]]
"""Rows [start, stop) as plain tuples."""

InnerTypes = Callable[[tuple[int, ...]], tuple[PgType, ...]]


class Each(Protocol):
    """The objects of rows, each made when it is asked for."""

    @property
    def left(self) -> int:
        """The row at which the iteration ended: all are done, or it is for the generated code."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


class Executor(Protocol):
    """A backend's own way to carry out a plan."""

    @property
    def late(self) -> bool:
        """Whether it can make objects late: the collector does not know them at first."""
        ...

    def build(self, handle: Any, start: int, stop: int, late: bool = False, /) -> list[Any] | None:
        """Make the objects of rows [start, stop) of a result, which is given by its handle.

        None: there is something unusual in them; the generated code reads them, or says what it
        is. Late ones are to be given to `known` in the end.
        """
        ...

    def each(self, rows: Any, handle: Any, /) -> Each | None:
        """Iterate over the objects of all rows of a result, which `rows` keep.

        None: it makes such objects only several at a time.
        """
        ...

    def hidden(self) -> list[Any]:
        """Make an empty list for late objects, which the collector does not know either."""
        ...

    def known(self, objects: list[Any], /) -> None:
        """Let the collector know objects that were made late, and their list."""
        ...


ExecutorFor: TypeAlias = "Callable[[Any, Shape], Executor | str]"
"""Returns a backend's own executor of a ScanPlan, or a word on why there is none."""

NO_CODECS: Mapping[Any, Codec] = {}


@attrs.frozen(eq=False, repr=False)
class Shape:
    """Names and types of a result's columns. A backend gives equal results the same Shape."""

    names: tuple[str, ...]
    types: tuple[PgType, ...]
    codecs: Mapping[Any, Codec] = attrs.field(default=NO_CODECS)
    """Codecs by Python type, registered when the database was opened."""
    inner_types: InnerTypes = attrs.field(default=lambda oids: tuple(BY_OID[oid] for oid in oids))
    """Types inside an anonymous record, which only its values tell."""
    executor_for: ExecutorFor | None = None
    """The backend's own way to carry out a plan, faster than generated code, if it has one."""
    scanners: dict[Any, Any] = attrs.field(factory=dict[Any, Any], init=False)
    """The mapper's own: weak references to compiled scanners, by the model's id."""
    loaders: dict[Any, Any] = attrs.field(factory=dict[Any, Any], init=False)
    """The backend's own: loaders by variants."""
    nested: tuple[int, ...] = attrs.field(
        init=False, default=attrs.Factory(lambda shape: _nested(shape.types), takes_self=True)
    )
    """Columns with composites or records in them."""


def _nested(types: tuple[PgType, ...]) -> tuple[int, ...]:
    return tuple(index for index, type_ in enumerate(types) if has_fields(type_))


class ScanSource(RowSource, Protocol):
    """The rows of one result with their shape, in memory, independent of the connection."""

    @property
    def shape(self) -> Shape: ...

    @property
    def handle(self) -> Any:
        """What an executor takes to find the rows; None if they can only be loaded."""
        ...

    def loader(self, variants: tuple[Variant, ...] | None) -> LoadRows:
        """Return the function that loads rows, each column in its variant (None: all plain)."""
        ...

    def failure(
        self,
        start: int,
        stop: int,
        variants: tuple[Variant, ...] | None,
        error: Exception,
        first: int = 0,
    ) -> Error:
        """Return the error that names the first column and row of a chunk that cannot load.

        `first` is the number that the first of all rows has for the reader.
        """
        ...
