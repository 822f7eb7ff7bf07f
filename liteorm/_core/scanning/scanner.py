"""Compiled scanners: what loads, builds and, when a row does not fit, says which and why."""

from __future__ import annotations

import gc
import linecache
import operator
import os
import re
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from liteorm._core.contracts import Extra
from liteorm._core.models.hints import shown
from liteorm._core.scanning.compile import Misfit, compile_source, place_of, raised_by_generated
from liteorm._core.scanning.emit import Source, emit_scan
from liteorm._core.scanning.jsontext import is_json_error, misfit_sentence, path_in, raised_inside
from liteorm._core.scanning.plan import Build, Collect, Leaf, Node, ScanPlan, plan_scan
from liteorm._core.scanning.shape import LoadRows, ScanSource, Shape
from liteorm._core.scanning.steps import Place
from liteorm._core.scanning.types import types_in
from liteorm.errors import DataError, Error, ModelError, ScanError

CHUNK = 256
"""Rows loaded and built at once: few enough that their tuples stay in the processor's cache."""

_SCANNERS_PER_SHAPE = 64
_SHARED_SCANNERS = 1024


class _GarbageCollectorPause:
    """Keeps the cyclic garbage collector off while a large result is built.

    Building objects sets off collections, each of which walks all that was built so far, finds
    nothing, and together they cost as much as the building. The switch belongs to the whole
    process, so threads are counted: the last to leave restores what the first one found. Garbage
    that other threads make meanwhile is collected then.
    """

    def __init__(self) -> None:
        # Reentrant: a signal's handler may scan, too.
        self._lock = threading.RLock()
        self._depth = 0
        self._was_enabled = False
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forked)

    def _forked(self) -> None:
        # The threads that were scanning are not in the child.
        if self._depth and self._was_enabled:
            gc.enable()
        self._lock = threading.RLock()
        self._depth = 0

    def __enter__(self) -> None:
        with self._lock:
            if self._depth == 0:
                self._was_enabled = gc.isenabled()
                gc.disable()
            self._depth += 1

    def __exit__(self, *exc: object) -> None:
        with self._lock:
            self._depth -= 1
            if self._depth == 0 and self._was_enabled:
                gc.enable()


_pause = _GarbageCollectorPause()


@attrs.frozen(eq=False)
class Scanner:
    """A plan and the function compiled from it."""

    plan: ScanPlan
    source: Source
    filename: str
    build: Callable[[Any], list[Any]]

    def objects(self, rows: ScanSource, first: int = 0) -> list[Any]:
        """Build the objects of all rows; `first` is the number of the first one."""
        count = rows.count
        load = rows.loader(self.plan.variants)
        if count <= CHUNK:
            return self.chunk(rows, load, 0, count, first)
        out: list[Any] = []
        with _pause:
            for start in range(0, count, CHUNK):
                out += self.chunk(rows, load, start, min(start + CHUNK, count), first)
        return out

    def chunks(self, rows: ScanSource, first: int = 0) -> Iterator[list[Any]]:
        """Build the objects of all rows, a few at a time: for a reader who keeps none of them."""
        load = rows.loader(self.plan.variants)
        for start in range(0, rows.count, CHUNK):
            yield self.chunk(rows, load, start, min(start + CHUNK, rows.count), first)

    def chunk(
        self, rows: ScanSource, load: LoadRows, start: int, stop: int, first: int = 0
    ) -> list[Any]:
        """Build the objects of rows [start, stop)."""
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
            raised = self.failure(error, row)
            raise raised from _cause(error, raised)

    def failure(self, error: Exception, row: int) -> Exception:
        """Return the error to raise for what building one row raised."""
        place = place_of(error)
        if isinstance(error, Misfit) and place is not None:
            return _misfit(error, place, row)
        if isinstance(error, ScanError) and error.row is None and error.column is not None:
            error.row = row
            return error
        if isinstance(error, ModelError) and error.model is None and place is not None:
            error.model, error.field = place.model, place.field
        if place is not None and is_json_error(error):
            inner = raised_inside(error)
            if inner is None:
                return _json_misfit(error, place, row)
            where = f'column "{place.column}", row {row}, at {path_in(error)}'
            inner.add_note(f"while scanning {self.plan.target}: {where}")
            return inner
        if place is not None and str(error)[:10] == "unhashable" and raised_by_generated(error):
            # The values of Any are not known before: some cannot be in a set.
            return _misfit(_NO_HASH, place, row)
        column = (
            place.column if place is not None else _column_of_constructor(error, self.plan.root)
        )
        where = f'column "{column}", row {row}' if column else f"row {row}"
        error.add_note(f"while scanning {self.plan.target}: {where}")
        return error


_NO_HASH = Misfit("holds an element without a hash, which no set can hold", "annotate it as a list")


def _cause(error: Exception, failure: Exception) -> BaseException | None:
    """Return what an error came from: nothing of ours, and of msgspec's what it found."""
    if isinstance(failure, ScanError) and is_json_error(error):
        return error
    return failure.__cause__


def _misfit(error: Misfit, place: Place, row: int) -> Error:
    remedy = error.remedy
    if error.sentence == "is NULL":
        what = "it" if place.whole else place.part
        remedy = f"make {what} optional: {place.annotation} | None, or keep NULL out of the query"
    message = f"{place.source}, row {row}, {error.sentence}; {place.wanted}"
    if error.data:
        return DataError(message, row=row, column=place.column, field=place.field, hint=remedy)
    return ScanError(
        message,
        model=place.model,
        field=place.field,
        column=place.column,
        row=row,
        expected=place.annotation,
        got=error.sentence,
        remedy=remedy,
    )


def _json_misfit(error: Exception, place: Place, row: int) -> ScanError:
    sentence = misfit_sentence(error)
    return ScanError(
        f"{place.source}, row {row}, does not decode into {place.annotation}: {sentence}",
        model=place.model,
        field=place.field,
        column=place.column,
        row=row,
        expected=place.annotation,
        got=sentence,
        remedy="change what is stored, or what the type allows at that path",
    )


_ATTRIBUTE = re.compile(r"__attr_(?:converter|validator)_(\w+)")


def _column_of_constructor(error: Exception, root: Node) -> str | None:
    """Return the column whose converter or validator raised, from attrs' generated line."""
    for frame, number in traceback.walk_tb(error.__traceback__):
        if not frame.f_code.co_filename.startswith("<attrs generated"):
            continue
        line = linecache.getline(frame.f_code.co_filename, number)
        found = _ATTRIBUTE.search(line)
        if found is None:
            return None
        names = {found[1], found[1].lstrip("_")}
        built: object = frame.f_locals.get("self")
        return _column_of_field(root, type(built), names)
    return None


def _column_of_field(node: Node, cls: type, names: set[str]) -> str | None:
    if isinstance(node, Build):
        for field, inner in node.arguments:
            if (
                issubclass(cls, node.model.cls)
                and {field.name, field.init_name} & names
                and isinstance(inner, Leaf)
            ):
                return inner.place.column
            found = _column_of_field(inner, cls, names)
            if found is not None:
                return found
    return None


_shared: dict[Any, Scanner] = {}
_lock = threading.Lock()


def make_scanner(key: Any, model: Any, shape: Shape, extra: Extra) -> Scanner:
    """Plan, compile and keep the scanner for a model and a shape.

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
    # Shapes belong to one pool; another pool's equal result takes the same scanner from here.
    # But not one that holds on to what its pool knows: codecs, types inside records.
    own = shape.codecs or any(inner.kind == "record" for t in shape.types for inner in types_in(t))
    shared = (model, extra, shape.names, shape.types)
    with _lock:
        scanner = None if own else _shared.get(shared)
    if scanner is None:
        plan = plan_scan(model, shape, extra)
        source = emit_scan(plan)
        build, filename = compile_source(source, plan.target, shape)
        scanner = Scanner(plan, source, filename, build)
    caches: list[tuple[dict[Any, Any], Any, int]] = [(shape.scanners, key, _SCANNERS_PER_SHAPE)]
    if not own:
        caches.append((_shared, shared, _SHARED_SCANNERS))
    with _lock:
        for cache, name, size in caches:
            while len(cache) >= size:
                del cache[next(iter(cache))]
            cache[name] = scanner
    return scanner


def explain(model: Any, shape: Shape, scanner: Scanner) -> str:
    """Return a scanner's plan and source for a reader."""
    width = max((len(name) for name in shape.names), default=0)
    filled = {leaf.column: leaf.place for leaf in _leaves(scanner.plan.root)}
    lines = [f"scan into {shown(model)}"]
    for index, (name, type_) in enumerate(zip(shape.names, shape.types, strict=True)):
        place = filled.get(index)
        target = f"{place.target}: {place.annotation}" if place else "not used"
        how = (
            ""
            if scanner.plan.variants[index] in ("plain", "skip")
            else (f"  (as {scanner.plan.variants[index]})")
        )
        lines.append(f"  {name:<{width}}  {type_.name} -> {target}{how}")
    return "\n".join(lines) + f"\n\n# {scanner.filename}\n{scanner.source.text}"


def _leaves(node: Node) -> list[Leaf]:
    if isinstance(node, Leaf):
        return [node]
    inner = node.items if isinstance(node, Collect) else node.arguments
    return [leaf for _, item in inner for leaf in _leaves(item)]


def clear_scanners() -> None:
    """Forget every compiled scanner that is not held by a pool."""
    with _lock:
        _shared.clear()
