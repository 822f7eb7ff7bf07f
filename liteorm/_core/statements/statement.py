"""Declared statements: SQL with the class its rows become, called like a function."""

from __future__ import annotations

import sys
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

from liteorm._core.scanning.scan import scan, scan_iter, scan_one, scan_optional
from liteorm._core.sql.lexer import placeholders
from liteorm._core.sql.text import is_template, rendered, values_in
from liteorm._core.values.results import Result, Rows

if TYPE_CHECKING:
    from liteorm._core.contracts import AsyncSession, Extra, Session
    from liteorm._core.sql.text import SqlText

T = TypeVar("T")
R = TypeVar("R")
Style = Literal["named", "positional", "none"]

# What `liteorm check` finds; a statement that nobody holds any more is not checked.
_declared: weakref.WeakSet[Statement[Any]] = weakref.WeakSet()


class Statement(Generic[T]):
    """SQL and the class that its rows become; made by `statement` and `load`.

    Calls take a session, then the parameters: positional ones for `%s`, keywords for `%(name)s`.
    On an async session the result is awaited (`iter`: entered with `async with`).

    Attributes:
        model: The class (or type) of a row; None where there are no rows.
        sql: The text, with the driver's placeholders.
        params: The declared types of the parameters, or None.
        extra: As for `scan`.
        name: The name it is bound to, once known.
        module: The name of the module that declared it.
        file: The file that declares it.
        line: The line in that file.
    """

    __slots__ = (
        "__weakref__",
        "_style",
        "_timeout",
        "_values",
        "extra",
        "file",
        "line",
        "model",
        "module",
        "name",
        "params",
        "sql",
    )

    def __init__(
        self,
        model: Any,
        text: object,
        *,
        params: Any = None,
        extra: Extra = "error",
        timeout: float | None = None,
        origin: tuple[str, str, int] = ("", "", 0),
        name: str | None = None,
    ) -> None:
        self.model = model
        self.params = params
        self.module, self.file, self.line = origin
        self.name = name
        self.extra: Extra = extra
        self._timeout = timeout
        self._values: list[Any] | None = None
        if is_template(text) or values_in(text):
            self.sql, self._values = rendered(text)
            self._style: Style = "none"
        else:
            self._style = style_of(rendered(text, ())[0])
            self.sql = rendered(text, None if self._style == "none" else ())[0]
        _declared.add(self)

    def __repr__(self) -> str:
        what = getattr(self.model, "__name__", str(self.model))
        return f"<{type(self).__name__} {self.name or 'unnamed'} -> {what}>"

    @overload
    def all(self, session: Session, /, *args: Any, **named: Any) -> list[T]: ...
    @overload
    def all(self, session: AsyncSession, /, *args: Any, **named: Any) -> Awaitable[list[T]]: ...
    def all(self, session: Any, /, *args: Any, **named: Any) -> Any:
        """Return every row as an object."""
        rows = session.query(self.sql, self._bound(args, named), timeout=self._timeout)
        if type(rows) is Rows:
            return scan(rows, self.model, extra=self.extra)
        return self._later(rows, scan)

    @overload
    def one(self, session: Session, /, *args: Any, **named: Any) -> T: ...
    @overload
    def one(self, session: AsyncSession, /, *args: Any, **named: Any) -> Awaitable[T]: ...
    def one(self, session: Any, /, *args: Any, **named: Any) -> Any:
        """Return the one row as an object.

        Raises:
            NoRows: There is none.
            TooManyRows: There are several.
        """
        rows = session.query(self.sql, self._bound(args, named), timeout=self._timeout)
        if type(rows) is Rows:
            return scan_one(rows, self.model, extra=self.extra)
        return self._later(rows, scan_one)

    @overload
    def optional(self, session: Session, /, *args: Any, **named: Any) -> T | None: ...
    @overload
    def optional(
        self, session: AsyncSession, /, *args: Any, **named: Any
    ) -> Awaitable[T | None]: ...
    def optional(self, session: Any, /, *args: Any, **named: Any) -> Any:
        """Return the one row as an object, or None if there is none.

        Raises:
            TooManyRows: There are several.
        """
        rows = session.query(self.sql, self._bound(args, named), timeout=self._timeout)
        if type(rows) is Rows:
            return scan_optional(rows, self.model, extra=self.extra)
        return self._later(rows, scan_optional)

    @overload
    def iter(
        self, session: Session, /, *args: Any, **named: Any
    ) -> AbstractContextManager[Iterator[T]]: ...
    @overload
    def iter(
        self, session: AsyncSession, /, *args: Any, **named: Any
    ) -> AbstractAsyncContextManager[AsyncIterator[T]]: ...
    def iter(self, session: Any, /, *args: Any, **named: Any) -> Any:
        """Stream the rows as objects, in bounded memory; a context manager gives the iterator."""
        stream = session.stream(self.sql, self._bound(args, named))
        return _Streamed(stream, self.model, self.extra)

    @overload
    def execute(self, session: Session, /, *args: Any, **named: Any) -> Result: ...
    @overload
    def execute(self, session: AsyncSession, /, *args: Any, **named: Any) -> Awaitable[Result]: ...
    def execute(self, session: Any, /, *args: Any, **named: Any) -> Any:
        """Run the statement for its effect, and return how many rows it touched."""
        return session.execute(self.sql, self._bound(args, named), timeout=self._timeout)

    def _bound(self, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if self._style == "named" and not args:
            return named
        if self._style == "positional" and not named:
            return args
        if not args and not named:
            return self._values
        raise TypeError(self._misused())

    def _misused(self) -> str:
        name = self.name or "the statement"
        if self._style == "named":
            return f"{name} takes its parameters by name: {', '.join(names_in(self.sql))}"
        if self._style == "positional":
            return f"{name} takes its parameters by position (%s), not by name"
        if placeholders(self.sql) and self._values is None:
            return f"{name} takes no parameters: a placeholder in quotes or a comment is just text"
        return f"{name} takes no parameters"

    async def _later(self, waiting: Awaitable[Rows], scanning: Callable[..., R]) -> R:
        return scanning(await waiting, self.model, extra=self.extra)


# Which of the two kinds of streams comes in is known to callers, by the overloads of `iter`.
_iterate: Callable[..., Any] = scan_iter


class _Streamed:
    """Enters a stream, of either kind, and scans what comes."""

    __slots__ = ("_extra", "_model", "_stream")

    def __init__(self, stream: Any, model: Any, extra: Extra) -> None:
        self._stream = stream
        self._model = model
        self._extra: Extra = extra

    def __enter__(self) -> Any:
        return _iterate(self._stream.__enter__(), self._model, extra=self._extra)

    def __exit__(self, *exc: Any) -> Any:
        return self._stream.__exit__(*exc)

    async def __aenter__(self) -> Any:
        stream = await self._stream.__aenter__()
        return _iterate(stream, self._model, extra=self._extra)

    async def __aexit__(self, *exc: Any) -> Any:
        return await self._stream.__aexit__(*exc)


@overload
def statement(
    model: type[T],
    sql: SqlText,
    *,
    params: type[Any] | Mapping[str, Any] | None = None,
    extra: Extra = "error",
    timeout: float | None = None,
) -> Statement[T]: ...
@overload
def statement(
    model: Any,
    sql: SqlText,
    *,
    params: type[Any] | Mapping[str, Any] | None = None,
    extra: Extra = "error",
    timeout: float | None = None,
) -> Statement[Any]: ...
def statement(
    model: Any,
    sql: SqlText,
    *,
    params: type[Any] | Mapping[str, Any] | None = None,
    extra: Extra = "error",
    timeout: float | None = None,
) -> Statement[Any]:
    """Declare a statement: its SQL, and the class that each of its rows becomes.

    Nothing is run until it is called. `liteorm check` holds it against a real schema.

    Args:
        model: What `scan` takes; None for a statement without rows.
        sql: The text, with `%s` or `%(name)s` placeholders. The values in a t-string are sent
            with every call, which then takes no parameters.
        params: The types of the parameters, for `liteorm check`: a TypedDict, an attrs class or
            a mapping of name to annotation.
        extra: As for `scan`.
        timeout: Seconds that each call but `iter` may take.

    Example:
        >>> user_by_id = liteorm.statement(User, "SELECT id, name FROM users WHERE id = %(id)s")
        >>> user_by_id.one(db, id=5)
        User(id=5, name='Ada')
    """
    frame = sys._getframe(1)
    origin = (frame.f_globals.get("__name__", ""), frame.f_code.co_filename, frame.f_lineno)
    return Statement(model, sql, params=params, extra=extra, timeout=timeout, origin=origin)


def declared_in(module: str) -> list[Statement[Any]]:
    """Return the living statements that a module declared, in the order of file and line."""
    found = [item for item in _declared if item.module == module]
    return sorted(found, key=lambda item: (item.file, item.line))


def style_of(sql: str) -> Style:
    """Return how a text takes its parameters, by its placeholders alone.

    Where all of them are in strings or comments (`LIKE '%son'`) it takes none, and a `%` is just a
    `%`. Beside a real one the driver replaces these too.
    """
    named = {found.name is not None for found in placeholders(sql) if not found.inside}
    if not named:
        return "none"
    return "named" if True in named else "positional"


def names_in(sql: str) -> list[str]:
    """Return the names of the `%(name)s` placeholders, in the order they come."""
    return list(dict.fromkeys(found.name for found in placeholders(sql) if found.name is not None))
