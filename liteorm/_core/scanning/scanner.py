"""Compiled scanners: what loads rows and builds objects from them, made once and kept."""

from __future__ import annotations

import operator
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import attrs

from liteorm._core.belonging import is_common, keep, kept, make_room, same
from liteorm._core.contracts import Extra
from liteorm._core.scanning.blame import cause_of, failure
from liteorm._core.scanning.collector import Hold, catch_up
from liteorm._core.scanning.compile import compile_source
from liteorm._core.scanning.emit import Source, emit_scan
from liteorm._core.scanning.plan import ScanPlan, plan_scan
from liteorm._core.scanning.shape import Executor, ScanSource, Shape
from liteorm._core.scanning.types import types_in
from liteorm.errors import Error, ModelError

CHUNK = 256
"""Rows loaded and built at once: few enough that their tuples stay in the processor's cache."""

_SCANNERS_PER_SHAPE = 64


@attrs.frozen(eq=False)
class Scanner:
    """A plan, the function compiled from it, and the backend's executor where it has one."""

    model: Any
    plan: ScanPlan
    source: Source
    filename: str
    build: Callable[[Any], list[Any]]
    executor: Executor | None
    declined: str | None
    """Why the backend has no executor for the plan; None if it has one, or never has."""

    def objects(self, rows: ScanSource, first: int = 0) -> list[Any]:
        """Build the objects of all rows; `first` is the number of the first one."""
        count = rows.count
        if count <= CHUNK:
            return self.chunk(rows, 0, count, first)
        # What the collector owes is done before it gets to know the new objects: most die young.
        late = self.executor if self.executor is not None and self.executor.late else None
        out: list[Any] = [] if late is None else late.hidden()
        # Made late they are cheap, and there are no tuples in between.
        size = CHUNK if late is None else 8 * CHUNK
        with Hold() as pause:
            for start in range(0, count, size):
                stop = min(start + size, count)
                out += self.chunk(rows, start, stop, first, late=late is not None)
                pause.look()
        if late is not None:
            catch_up()
            late.known(out)
        return out

    def several(self, rows: ScanSource, first: int = 0) -> Iterator[Iterable[Any]]:
        """Build the objects of all rows, some at a time: for a reader who keeps none of them.

        Whoever builds them, those before a row that cannot be read are given.
        """
        start = 0
        each = None if self.executor is None else self.executor.each(rows, rows.handle)
        if each is not None:
            yield each
            start = each.left
        for at in range(start, rows.count, CHUNK):
            objects, error = self._before(rows, at, min(at + CHUNK, rows.count), first)
            yield objects
            if error is not None:
                try:
                    raise error
                finally:
                    del error  # whose traceback leads here

    def _before(
        self, rows: ScanSource, start: int, stop: int, first: int
    ) -> tuple[Iterator[Any], Error | None]:
        """Build the objects of rows [start, stop), or those before the first row with an error."""
        found: Error | None = None
        while True:
            try:
                return iter(self.chunk(rows, start, stop, first)), found
            except Error as error:
                # All values of a chunk are loaded before its first object is built.
                row: int | None = getattr(error, "row", None)
                if row is None or not start < row - first < stop:
                    raise
                stop, found = row - first, error

    def chunk(
        self, rows: ScanSource, start: int, stop: int, first: int = 0, *, late: bool = False
    ) -> list[Any]:
        """Build the objects of rows [start, stop); late ones the collector may not know yet."""
        if self.executor is not None:
            objects = self.executor.build(rows.handle, start, stop, late)
            if objects is not None:
                return objects
        load = rows.loader(self.plan.variants)
        try:
            chunk = load(start, stop)
        except Exception as error:
            raise rows.failure(start, stop, self.plan.variants, error, first) from error
        values = iter(chunk)
        try:
            return self.build(values)
        except Exception as error:
            # The iterator tells how far the comprehension came: no counting while all goes well.
            row = first + stop - operator.length_hint(values) - 1
            raised = failure(self.plan, error, row)
            raise raised from cause_of(error, raised)


_epoch = 0


def make_scanner(model: Any, shape: Shape, extra: Extra) -> Scanner:
    """Return the scanner for a model and a shape: the one that is kept, else a new one.

    Raises:
        ModelError: the model cannot be mapped.
        ScanError: the result does not fit the model.
    """
    try:
        hash(model)
    except TypeError:
        name = type(model).__name__
        raise ModelError(
            f"an object of class {name} is nothing to scan into",
            model=name,
            hint=f"give the class itself: {name}",
        ) from None
    model = same(model)
    known = shape.scanners.get(_short_key(model, extra))
    scanner: Scanner | None = known() if known is not None else None
    if scanner is not None and scanner.model is model:
        return scanner
    # Shapes belong to one pool; another pool's equal result takes the same scanner.
    # But not one that knows what its pool knows: codecs, types inside records.
    own = shape.codecs or any(inner.kind == "record" for t in shape.types for inner in types_in(t))
    place = _of_shape(model, shape) if own else kept(model)
    key = ("scanner", _epoch, model, extra, shape.names, shape.types)
    scanner = place.get(key)
    if scanner is None:
        plan = plan_scan(model, shape, extra)
        source = emit_scan(plan)
        build, filename = compile_source(source, plan.target, shape)
        scanner = Scanner(model, plan, source, filename, build, *_executor(plan, shape))
        if own:
            place[key] = scanner
        else:
            keep(model, key, scanner)
    _remember(scanner, shape, extra)
    return scanner


def _of_shape(model: Any, shape: Shape) -> dict[Any, Any]:
    """Return what goes with the first of the two: the model's class, or the shape."""
    place = kept(model)
    shapes = place.get("shapes")
    if shapes is None:
        shapes = place.setdefault("shapes", weakref.WeakKeyDictionary[Shape, dict[Any, Any]]())
    found: dict[Any, Any] = shapes.setdefault(shape, {})
    if len(found) >= _SCANNERS_PER_SHAPE:
        found.clear()
    return found


def _remember(scanner: Scanner, shape: Shape, extra: Extra) -> None:
    """Let a shape find the scanner by the model's id, which is the shortest way."""
    known = shape.scanners
    make_room(known, _SCANNERS_PER_SHAPE)
    model = scanner.model
    known[_short_key(model, extra)] = weakref.ref(scanner)
    if not isinstance(model, type) and is_common(kept(model)):
        known[model if extra == "error" else (model, extra)] = scanner


def _short_key(model: Any, extra: Extra) -> Any:
    return id(model) if extra == "error" else (id(model), extra)


def _executor(plan: ScanPlan, shape: Shape) -> tuple[Executor | None, str | None]:
    """Return the backend's executor, or why there is none."""
    if shape.executor_for is None:
        return None, None
    found = shape.executor_for(plan, shape)
    return (None, found) if isinstance(found, str) else (found, None)


def clear_scanners() -> None:
    """Forget every compiled scanner that no pool has found yet."""
    global _epoch
    _epoch += 1
