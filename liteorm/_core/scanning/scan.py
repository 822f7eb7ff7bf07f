"""Rows into objects: `scan`, `scan_one`, `scan_optional`, `scan_iter`, `explain_plan`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar, overload

from liteorm._core.contracts import AsyncRowStream, Extra, RowStream
from liteorm._core.values.results import Rows
from liteorm.errors import Error, NoRows, TooManyRows

if TYPE_CHECKING:
    from typing_extensions import TypeForm

    from liteorm._core.scanning.scanner import Scanner
    from liteorm._core.scanning.shape import ScanSource, Shape

T = TypeVar("T")


def scanner_for(model: Any, shape: Shape, extra: Extra = "error") -> Scanner:
    """Return the compiled scanner for a model and a result's shape; made once.

    Raises:
        ModelError: the model cannot be mapped.
        ScanError: the result does not fit the model.
    """
    key: Any = id(model) if extra == "error" else (id(model), extra)
    known = shape.scanners.get(key)
    if known is not None:
        scanner: Scanner | None = known()
        if scanner is not None and scanner.model is model:
            return scanner
    elif not isinstance(model, type):
        # `tuple[int, str]` is a new object each time; those without a class to let go are kept.
        try:
            kept: Scanner | None = shape.scanners.get(model if extra == "error" else (model, extra))
        except TypeError:
            kept = None
        if kept is not None:
            return kept
    # Planning and compiling come in only when something is scanned: `import liteorm` stays fast.
    from liteorm._core.scanning.scanner import make_scanner

    return make_scanner(model, shape, extra)


@overload
def scan(rows: Rows, model: type[T], *, extra: Extra = "error") -> list[T]: ...
@overload
def scan(rows: Rows, model: TypeForm[T], *, extra: Extra = "error") -> list[T]: ...
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
    source = _source_of(rows)
    try:
        return scanner_for(model, source.shape, extra).objects(source)
    except Exception as error:
        rows._failed(error)
        raise


@overload
def scan_one(rows: Rows, model: type[T], *, extra: Extra = "error") -> T: ...
@overload
def scan_one(rows: Rows, model: TypeForm[T], *, extra: Extra = "error") -> T: ...
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
    source = _source_of(rows)
    try:
        scanner = scanner_for(model, source.shape, extra)
        if source.count != 1:
            raise _count_error(scanner, source.count)
        return scanner.chunk(source, 0, 1)[0]
    except Exception as error:
        rows._failed(error)
        raise


@overload
def scan_optional(rows: Rows, model: type[T], *, extra: Extra = "error") -> T | None: ...
@overload
def scan_optional(rows: Rows, model: TypeForm[T], *, extra: Extra = "error") -> T | None: ...
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
    source = _source_of(rows)
    try:
        scanner = scanner_for(model, source.shape, extra)
        if source.count == 0:
            return None
        if source.count != 1:
            raise _count_error(scanner, source.count)
        return scanner.chunk(source, 0, 1)[0]
    except Exception as error:
        rows._failed(error)
        raise


def _source_of(rows: Rows) -> ScanSource:
    try:
        source: Any = rows._source
    except AttributeError:
        raise _not_rows(rows) from None
    found: ScanSource = source
    return found


def _not_rows(given: Any) -> TypeError:
    """Return the error of what is no Rows, or no stream: most often a step was left out."""
    if hasattr(given, "__await__"):
        remedy = "await session.query(...) first"
    elif hasattr(given, "_batches"):
        remedy = "a stream is read by scan_iter"
    elif hasattr(given, "__enter__") or hasattr(given, "__aenter__"):
        remedy = "enter session.stream(...) first: with ... as stream"
    else:
        remedy = "session.query gives Rows, and postgres.rows of a psycopg cursor; a stream is for"
        remedy += " scan_iter"
    return TypeError(f"a {type(given).__name__} cannot be scanned: {remedy}")


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
def scan_iter(
    stream: RowStream | Rows, model: type[T], *, extra: Extra = "error"
) -> Iterator[T]: ...
@overload
def scan_iter(
    stream: AsyncRowStream, model: type[T], *, extra: Extra = "error"
) -> AsyncIterator[T]: ...
@overload
def scan_iter(
    stream: RowStream | Rows, model: TypeForm[T], *, extra: Extra = "error"
) -> Iterator[T]: ...
@overload
def scan_iter(
    stream: AsyncRowStream, model: TypeForm[T], *, extra: Extra = "error"
) -> AsyncIterator[T]: ...
def scan_iter(stream: Any, model: Any, *, extra: Extra = "error") -> Any:
    """Make objects of a stream's rows as they arrive, in bounded memory.

    Args:
        stream: what `session.stream` gives; `Rows`, which are there already, will do too.
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
    if isinstance(stream, Rows):
        return iter(scan(stream, model, extra=extra))
    if not hasattr(stream, "_batches"):
        raise _not_rows(stream)
    if hasattr(stream, "__aiter__"):
        return _scan_iter_async(stream, model, extra)
    # One object after the other without a generator, which would cost a fifth of making them.
    return chain.from_iterable(_scan_iter(stream, model, extra))


def _scan_iter(stream: RowStream, model: Any, extra: Extra) -> Iterator[Iterable[Any]]:
    first = 0
    try:
        for rows in stream._batches():
            source = _source_of(rows)
            yield from scanner_for(model, source.shape, extra).several(source, first)
            first += source.count
    except Exception as error:
        told: Any = stream
        told._misread = error
        raise


async def _scan_iter_async(stream: AsyncRowStream, model: Any, extra: Extra) -> AsyncIterator[Any]:
    first = 0
    try:
        async for rows in stream._batches():
            source = _source_of(rows)
            for objects in scanner_for(model, source.shape, extra).several(source, first):
                for obj in objects:
                    yield obj
            first += source.count
    except Exception as error:
        told: Any = stream
        told._misread = error
        raise


def explain_plan(rows: Rows, model: Any, *, extra: Extra = "error") -> str:
    """Return how `scan` maps these rows into a model: the plan and the generated source.

    Args:
        rows: what `session.query` returned; only its columns matter.
        model: see [`scan`][liteorm.scan].
        extra: see [`scan`][liteorm.scan].

    Raises:
        ModelError: the model cannot be mapped.
        ScanError: the rows do not fit the model.
    """
    shape = _source_of(rows).shape
    scanner = scanner_for(model, shape, extra)
    from liteorm._core.scanning.explain import explain

    return explain(model, shape, scanner)
