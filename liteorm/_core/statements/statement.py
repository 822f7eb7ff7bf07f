"""Declared statements: SQL with the class its rows become, called like a function."""

from __future__ import annotations

import copy
import inspect
import sys
import types
import typing
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar, overload

from liteorm._core.exporting import shown_in
from liteorm._core.living import Living
from liteorm._core.scanning.scan import scan, scan_one, scan_optional
from liteorm._core.statements.contents import Contents, Variant
from liteorm._core.statements.misuse import check_session, no_function, unwrapped
from liteorm._core.statements.signature import annotations_of_function
from liteorm._core.statements.streamed import Streamed
from liteorm._core.values.results import Result, Rows
from liteorm.errors import Error, StatementError

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    from liteorm._core.contracts import AsyncSession, Session

    P = ParamSpec("P", default=...)
else:
    P = typing.ParamSpec("P")

Q = typing.ParamSpec("Q")
T = TypeVar("T")
R = TypeVar("R")
Extra = Literal["error", "ignore"]

_READING: Final = frozenset({"all", "one", "optional", "iter"})

# What `liteorm check` finds; a statement that nobody holds any more is not checked.
_declared: Living[Command[...]] = Living()


class Command(Generic[P]):
    """SQL that gives no rows; made by `statement(None, …)`.

    Calls take a session, then the parameters: positional ones for `%s`, keywords for `%(name)s`, or
    as the function's signature says to which it is applied as a decorator. On an async session the
    result is awaited.

    Attributes:
        model: The class (or type) of a row; None where there are no rows.
        sql: The text, with the driver's placeholders; of optional parts with all of them, of
            choices with the first.
        extra: As for `scan`.
        name: The function's name, or that of the header in a file; None without one.
        doc: The function's docstring, or the comment below the header.
        module: The name of the module that declared it.
        file: The file that declares it.
        line: The line in that file.
    """

    __slots__ = (
        "__weakref__",
        "_bound",
        "_contents",
        "_function",
        "_params",
        "_timeout",
        "doc",
        "extra",
        "file",
        "line",
        "model",
        "module",
        "name",
    )

    if not TYPE_CHECKING:
        # One argument will do at run time as well: Statement[User].
        __class_getitem__ = classmethod(types.GenericAlias)

    def __init__(
        self,
        model: Any,
        contents: Contents,
        *,
        params: Any = None,
        extra: Extra = "error",
        timeout: float | None = None,
        origin: tuple[str, str, int] = ("", "", 0),
        doc: str = "",
    ) -> None:
        self.model = model
        self.module, self.file, self.line = origin
        self.extra: Extra = extra
        self.doc = doc
        self._params = params
        self._timeout = timeout
        self._function: Callable[..., object] | None = None
        self._take(contents)
        _declared.add(self)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name.lstrip("_") in _READING:
                raise AttributeError(
                    f"{self!r} has no {name.lstrip('_')}: declared with None for its rows, it has "
                    "execute alone. Give statement() the class that the rows fill"
                )
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _take(self, contents: Contents) -> None:
        self._contents = contents
        self._bound = contents.sender()
        self.name = contents.name

    def __repr__(self) -> str:
        what = getattr(self.model, "__name__", str(self.model))
        return f"<{type(self).__name__} {self.name or 'unnamed'} -> {what}>"

    @property
    def sql(self) -> str:
        """The text, with the driver's placeholders."""
        return self._contents.sql

    @property
    def written(self) -> str:
        """The text as it is declared, with marks and braces."""
        return self._contents.source

    @property
    def params(self) -> Any:
        """The declared types of the parameters that are sent, or None.

        Raises:
            ModelError: An annotation of the signature names something that is not there.
        """
        if self._function is None:
            return self._params
        contents = self._contents
        if contents.values is not None:
            return None
        found = annotations_of_function(self._function)
        if contents.style == "positional":
            return found
        return {name: found[name] for name in contents.names if name in contents.sendable}

    @property
    def signature(self) -> inspect.Signature | None:
        """The signature that declares the parameters, or None."""
        return None if self._function is None else inspect.signature(self._function)

    @property
    def choices(self) -> Mapping[str, Mapping[str, str]]:
        """The text for each word of each choice."""
        form = self._contents.form
        return {} if form is None else form.choices

    @property
    def names(self) -> tuple[str, ...]:
        """All parameters by name, those of optional parts and choices among them."""
        return self._contents.names

    def variants(self) -> list[Variant]:
        """Return the texts to check: every choice; optional parts all on, all off, each alone."""
        return self._contents.variants()

    def fixed(self, variant: Variant) -> Command[...]:
        """Return the statement as it is in one of its variants."""
        made = copy.copy(self)
        contents = self._contents
        made._take(Contents(variant.sql, contents.style, contents.values, names=variant.names))
        made.name = self.name
        return made

    def used_elsewhere(self) -> list[str]:
        """Return the parameters that an optional part depends on and that stand outside it too."""
        return self._contents.used_elsewhere()

    def __call__(self, function: Callable[Q, object], /) -> Command[Q]:
        """Take the parameters from a function's signature, as a decorator.

        The function is never called. Its name and docstring are the statement's.

        Raises:
            StatementError: The signature does not name exactly what the SQL takes.
        """
        self._declare(function)
        return self  # type: ignore[return-value]  # pyright: ignore[reportReturnType]

    def _declare(self, function: Any) -> None:
        function = unwrapped(function)
        if not isinstance(function, types.FunctionType):
            raise no_function(function)
        if self._function is not None:
            raise StatementError(f"{self.name} has a signature already")
        if self._params is not None:
            raise StatementError(
                f"{function.__name__}: the signature declares the parameters, and so does params=",
                hint="leave params= out",
            )
        self._take(self._contents.declared(function))
        self._function = function
        self.doc = inspect.getdoc(function) or ""

    @overload
    def execute(self, session: Session, /, *args: P.args, **named: P.kwargs) -> Result: ...
    @overload
    def execute(
        self, session: AsyncSession, /, *args: P.args, **named: P.kwargs
    ) -> Coroutine[Any, Any, Result]: ...
    def execute(self, session: Any, /, *args: Any, **named: Any) -> Any:
        """Run the statement for its effect, and return how many rows it touched."""
        sql, params = self._bound(*args, **named)
        try:
            result = session.execute(sql, params, timeout=self._timeout)
        except (Error, AttributeError, TypeError) as error:
            self._told(error, None, session)
            raise
        return result if isinstance(result, Result) else self._awaited(result)

    def _call(self, *args: P.args, **named: P.kwargs) -> tuple[str, Any]:
        """Return the text and the parameters of a call."""
        return self._bound(*args, **named)

    def _sign(self, error: Error) -> None:
        """Let an error say which statement it is about."""
        if self.name is not None:
            error.statement = self.name

    def _told(self, error: Exception, rows: Any, session: Any = ...) -> None:
        """Say in an error which statement it is about, and if what it did is stored.

        Raises:
            TypeError: The error came of what was given for a session and is none.
        """
        if type(rows) is Rows:
            rows._failed(error)
        if isinstance(error, Error):
            self._sign(error)
        elif session is not ...:
            check_session(session, self.name, error)

    async def _awaited(self, waiting: Awaitable[R]) -> R:
        try:
            return await waiting
        except Error as error:
            self._sign(error)
            raise


class Statement(Command[P], Generic[T, P]):
    """SQL and the class that its rows become; made by `statement` and `load`.

    Calls take a session, then the parameters: positional ones for `%s`, keywords for `%(name)s`, or
    as the function's signature says to which it is applied as a decorator. On an async session the
    result is awaited (`iter`: entered with `async with`).
    """

    __slots__ = ()

    if TYPE_CHECKING:

        def __call__(self, function: Callable[Q, object], /) -> Statement[T, Q]:
            """Take the parameters from a function's signature, as a decorator."""
            ...

    @overload
    def all(self, session: Session, /, *args: P.args, **named: P.kwargs) -> list[T]: ...
    @overload
    def all(
        self, session: AsyncSession, /, *args: P.args, **named: P.kwargs
    ) -> Coroutine[Any, Any, list[T]]: ...
    def all(self, session: Any, /, *args: Any, **named: Any) -> Any:
        """Return every row as an object."""
        return self._read(session, args, named, scan)

    @overload
    def one(self, session: Session, /, *args: P.args, **named: P.kwargs) -> T: ...
    @overload
    def one(
        self, session: AsyncSession, /, *args: P.args, **named: P.kwargs
    ) -> Coroutine[Any, Any, T]: ...
    def one(self, session: Any, /, *args: Any, **named: Any) -> Any:
        """Return the one row as an object.

        Raises:
            NoRows: There is none.
            TooManyRows: There are several.
        """
        return self._read(session, args, named, scan_one)

    @overload
    def optional(self, session: Session, /, *args: P.args, **named: P.kwargs) -> T | None: ...
    @overload
    def optional(
        self, session: AsyncSession, /, *args: P.args, **named: P.kwargs
    ) -> Coroutine[Any, Any, T | None]: ...
    def optional(self, session: Any, /, *args: Any, **named: Any) -> Any:
        """Return the one row as an object, or None if there is none.

        Raises:
            TooManyRows: There are several.
        """
        return self._read(session, args, named, scan_optional)

    @overload
    def iter(
        self, session: Session, /, *args: P.args, **named: P.kwargs
    ) -> AbstractContextManager[Iterator[T]]: ...
    @overload
    def iter(
        self, session: AsyncSession, /, *args: P.args, **named: P.kwargs
    ) -> AbstractAsyncContextManager[AsyncIterator[T]]: ...
    def iter(self, session: Any, /, *args: Any, **named: Any) -> Any:
        """Stream the rows as objects, in bounded memory; a context manager gives the iterator.

        The statement's timeout bounds the server's time for the next rows, not the reader's.
        """
        sql, params = self._bound(*args, **named)
        try:
            stream = session.stream(sql, params, timeout=self._timeout)
        except (AttributeError, TypeError) as error:
            self._told(error, None, session)
            raise
        return Streamed(stream, self)

    def _all(self, rows: Rows) -> list[T]:
        return scan(rows, self.model, extra=self.extra)

    def _one(self, rows: Rows) -> T:
        found: T = scan_one(rows, self.model, extra=self.extra)
        return found

    def _optional(self, rows: Rows) -> T | None:
        found: T | None = scan_optional(rows, self.model, extra=self.extra)
        return found

    def _read(
        self,
        session: Any,
        args: tuple[Any, ...],
        named: dict[str, Any],
        scanning: Callable[..., Any],
    ) -> Any:
        sql, params = self._bound(*args, **named)
        rows: Any = None
        try:
            rows = session.query(sql, params, timeout=self._timeout)
            if type(rows) is Rows:
                return scanning(rows, self.model, extra=self.extra)
        except Exception as error:
            self._told(error, rows, session)
            raise
        return self._scanned(rows, scanning)

    async def _scanned(self, waiting: Awaitable[Rows], scanning: Callable[..., R]) -> R:
        rows: Any = None
        try:
            rows = await waiting
            return scanning(rows, self.model, extra=self.extra)
        except Exception as error:
            self._told(error, rows)
            raise


def declared_in(module: str) -> list[Command]:
    """Return the living statements that a module declared, in the order of file and line."""
    found = [item for item in _declared if item.module == module]
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is not None:
        # Not those of another file that was imported under the same name before: caches and
        # cycles may keep them. What was loaded has the name of its .sql file.
        found = [item for item in found if item.file == file or item.file.endswith(".sql")]
    return sorted(found, key=lambda item: (item.file, item.line))


# Also where they come by `load` alone.
for _export in (Command, Statement):
    shown_in(_export, "liteorm")
