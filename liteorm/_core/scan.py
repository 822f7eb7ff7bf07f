"""Rows into objects: `scan`, `scan_one`, `scan_optional`, `scan_iter`, `explain_plan`."""

from __future__ import annotations

import gc
import linecache
import operator
import re
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeVar, overload

import attrs

from liteorm._core.compile import Misfit, compile_source, place_of
from liteorm._core.contracts import AsyncRowStream, RowStream
from liteorm._core.emit import Source, emit_scan
from liteorm._core.fit import Place
from liteorm._core.hints import shown
from liteorm._core.jsontext import is_json_error, misfit_sentence
from liteorm._core.plan import Build, Collect, Extra, Leaf, Node, ScanPlan, plan_scan
from liteorm._core.shape import LoadRows, RowSource, Shape
from liteorm._core.values import Rows
from liteorm.errors import DataError, Error, NoRows, ScanError, TooManyRows

T = TypeVar("T")

CHUNK = 256
"""Rows loaded and built at once: few enough that their tuples stay in the processor's cache."""

_SCANNERS_PER_SHAPE = 64
_SHARED_SCANNERS = 1024


class _GarbageCollectorPause:
    """Keeps the cyclic garbage collector off while a large result is built.

    Building objects sets off collections, each of which walks all that was built so far, finds
    nothing, and together they cost as much as the building. The switch belongs to the whole
    process, so threads are counted: the last to leave restores what the first one found.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._depth = 0
        self._was_enabled = False

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

    def objects(self, rows: RowSource, first: int = 0) -> list[Any]:
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

    def chunk(
        self, rows: RowSource, load: LoadRows, start: int, stop: int, first: int = 0
    ) -> list[Any]:
        """Build the objects of rows [start, stop)."""
        try:
            chunk = load(start, stop)
        except Exception as error:
            failure = rows.failure(start, stop, self.plan.variants, error)
            raise _renumbered(failure, first) from error
        values = iter(chunk)
        try:
            return self.build(values)
        except Exception as error:
            # The iterator tells how far the comprehension came: no counting while all goes well.
            row = first + stop - operator.length_hint(values) - 1
            raise self.failure(error, row) from _cause(error)

    def failure(self, error: Exception, row: int) -> Exception:
        """Return the error to raise for what building one row raised."""
        place = place_of(error)
        if isinstance(error, Misfit) and place is not None:
            return _misfit(error, place, row)
        if isinstance(error, ScanError) and error.row is None and error.column is not None:
            error.row = row
            return error
        if place is not None and is_json_error(error):
            return _json_misfit(error, place, row)
        column = (
            place.column if place is not None else _column_of_constructor(error, self.plan.root)
        )
        where = f'column "{column}", row {row}' if column else f"row {row}"
        error.add_note(f"while scanning {self.plan.target}: {where}")
        return error


def _cause(error: Exception) -> BaseException | None:
    return error.__cause__ if isinstance(error, Misfit) or not is_json_error(error) else error


def _renumbered(error: Error, first: int) -> Error:
    if first:
        row = getattr(error, "row", None)
        if row is not None:
            error.message = error.message.replace(f"row {row}", f"row {row + first}", 1)
            error.args = (error.message,)
            error.row = row + first  # type: ignore[attr-defined]
    return error


def _misfit(error: Misfit, place: Place, row: int) -> Error:
    remedy = error.remedy
    if error.sentence == "is NULL":
        remedy = (
            f"make the field optional: {place.annotation} | None, or keep NULL out of the query"
        )
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
        cls = type(frame.f_locals.get("self"))
        return _column_of_field(root, cls, names)
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


def scanner_for(model: Any, shape: Shape, extra: Extra = "error") -> Scanner:
    """Return the compiled scanner for a model and a result's shape; made once.

    Raises:
        ModelError: the model cannot be mapped.
        ScanError: the result does not fit the model.
    """
    key: Any = model if extra == "error" else (model, extra)
    try:
        scanner: Scanner | None = shape.scanners.get(key)
    except TypeError:
        scanner = None
    return scanner or _make_scanner(key, model, shape, extra)


def _make_scanner(key: Any, model: Any, shape: Shape, extra: Extra) -> Scanner:
    # Shapes belong to one pool; another pool's equal result takes the same scanner from here.
    shared = (model, extra, shape.names, shape.types, id(shape.codecs), id(shape.inner_types))
    if not shape.codecs and not any("record" in type_.name for type_ in shape.types):
        shared = shared[:4]
    with _lock:
        scanner = _shared.get(shared)
    if scanner is None:
        plan = plan_scan(model, shape, extra)
        source = emit_scan(plan)
        build, filename = compile_source(source, plan.target, shape)
        scanner = Scanner(plan, source, filename, build)
    with _lock:
        for cache, name, size in (
            (_shared, shared, _SHARED_SCANNERS),
            (shape.scanners, key, _SCANNERS_PER_SHAPE),
        ):
            while len(cache) >= size:
                del cache[next(iter(cache))]
            cache[name] = scanner
    return scanner


@overload
def scan(rows: Rows, model: type[T], *, extra: Extra = "error") -> list[T]: ...
@overload
def scan(rows: Rows, model: Any, *, extra: Extra = "error") -> list[Any]: ...
def scan(rows: Rows, model: Any, *, extra: Extra = "error") -> list[Any]:
    """Make an object of every row.

    Column types are held against the model's annotations before the first object is built; NULL
    in a field that is not optional is an error.

    Args:
        rows: what `session.query` returned.
        model: an attrs class, dataclass, NamedTuple, TypedDict, `dict`, `tuple[...]`, or a scalar
            type, which takes exactly one column.
        extra: `"ignore"` lets columns without a field pass.

    Raises:
        ModelError: the model cannot be mapped.
        ScanError: the rows do not fit the model.
        DataError: a value that Python cannot hold.

    Example:
        >>> users = scan(db.query("SELECT id, name FROM users"), User)
    """
    source = rows._source
    return scanner_for(model, source.shape, extra).objects(source)


@overload
def scan_one(rows: Rows, model: type[T], *, extra: Extra = "error") -> T: ...
@overload
def scan_one(rows: Rows, model: Any, *, extra: Extra = "error") -> Any: ...
def scan_one(rows: Rows, model: Any, *, extra: Extra = "error") -> Any:
    """Make an object of the only row.

    Args:
        rows: what `session.query` returned.
        model: see [`scan`][liteorm.scan].
        extra: see [`scan`][liteorm.scan].

    Raises:
        NoRows: there is none.
        TooManyRows: there are more.
        ScanError: the row does not fit the model.
    """
    source = rows._source
    scanner = scanner_for(model, source.shape, extra)
    if source.count != 1:
        raise _count_error(scanner, source.count)
    return scanner.chunk(source, source.loader(scanner.plan.variants), 0, 1)[0]


@overload
def scan_optional(rows: Rows, model: type[T], *, extra: Extra = "error") -> T | None: ...
@overload
def scan_optional(rows: Rows, model: Any, *, extra: Extra = "error") -> Any: ...
def scan_optional(rows: Rows, model: Any, *, extra: Extra = "error") -> Any:
    """Make an object of the only row, or return None if there is none.

    Args:
        rows: what `session.query` returned.
        model: see [`scan`][liteorm.scan].
        extra: see [`scan`][liteorm.scan].

    Raises:
        TooManyRows: there are more rows than one.
        ScanError: the row does not fit the model.
    """
    source = rows._source
    scanner = scanner_for(model, source.shape, extra)
    if source.count == 0:
        return None
    if source.count != 1:
        raise _count_error(scanner, source.count)
    return scanner.chunk(source, source.loader(scanner.plan.variants), 0, 1)[0]


def _count_error(scanner: Scanner, count: int) -> Error:
    if count == 0:
        return NoRows(
            f"expected one row for {scanner.plan.target}, got none",
            hint="scan_optional returns None instead",
        )
    return TooManyRows(
        f"expected one row for {scanner.plan.target}, got {count}",
        hint="narrow the WHERE clause, or use scan for many rows",
    )


@overload
def scan_iter(stream: RowStream, model: type[T], *, extra: Extra = "error") -> Iterator[T]: ...
@overload
def scan_iter(
    stream: AsyncRowStream, model: type[T], *, extra: Extra = "error"
) -> AsyncIterator[T]: ...
@overload
def scan_iter(stream: RowStream, model: Any, *, extra: Extra = "error") -> Iterator[Any]: ...
@overload
def scan_iter(
    stream: AsyncRowStream, model: Any, *, extra: Extra = "error"
) -> AsyncIterator[Any]: ...
def scan_iter(stream: Any, model: Any, *, extra: Extra = "error") -> Any:
    """Make objects of a stream's rows as they arrive, in bounded memory.

    Args:
        stream: what `session.stream` gives.
        model: see [`scan`][liteorm.scan].
        extra: see [`scan`][liteorm.scan].

    Raises:
        ScanError: the rows do not fit the model, before the first object where the shape tells.

    Example:
        >>> with db.stream("SELECT id, name FROM users") as stream:
        ...     for user in scan_iter(stream, User):
        ...         print(user.name)
    """
    if extra not in ("error", "ignore"):
        raise ValueError(f"extra is {extra!r}; expected 'error' or 'ignore'")
    if hasattr(stream, "__aiter__"):
        return _scan_iter_async(stream, model, extra)
    return _scan_iter(stream, model, extra)


def _scan_iter(stream: RowStream, model: Any, extra: Extra) -> Iterator[Any]:
    first = 0
    for rows in stream._batches():
        source = rows._source
        yield from scanner_for(model, source.shape, extra).objects(source, first)
        first += source.count


async def _scan_iter_async(stream: AsyncRowStream, model: Any, extra: Extra) -> AsyncIterator[Any]:
    first = 0
    async for rows in stream._batches():
        source = rows._source
        for obj in scanner_for(model, source.shape, extra).objects(source, first):
            yield obj
        first += source.count


def explain_plan(model: Any, rows: Rows, *, extra: Extra = "error") -> str:
    """Return how `scan` maps these rows into a model: the plan and the generated source.

    Args:
        model: see [`scan`][liteorm.scan].
        rows: what `session.query` returned; only its columns matter.
        extra: see [`scan`][liteorm.scan].

    Raises:
        ModelError: the model cannot be mapped.
        ScanError: the rows do not fit the model.
    """
    shape = rows._source.shape
    scanner = scanner_for(model, shape, extra)
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
