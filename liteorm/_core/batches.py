"""Several statements for one round trip, and the results that they will have."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, overload

from liteorm._core.sql.text import SqlText, rendered
from liteorm._core.values.results import Result, Rows
from liteorm.errors import CommitUnknown, Error, TransactionError

P = ParamSpec("P")
T = TypeVar("T")


class Runs(Protocol[P]):
    """A declared statement, as far as a batch has to know it."""

    @property
    def name(self) -> str | None: ...

    @property
    def _timeout(self) -> float | None: ...

    def _call(self, *args: P.args, **named: P.kwargs) -> tuple[str, Any]: ...


class Reads(Runs[P], Protocol[T, P]):
    """A declared statement whose rows become objects."""

    def _all(self, rows: Rows) -> list[T]: ...

    def _one(self, rows: Rows) -> T: ...

    def _optional(self, rows: Rows) -> T | None: ...


class Pending(Generic[T]):
    """The result that a statement of a batch will have; `result()` gives it after the block."""

    __slots__ = (
        *("_error", "_found", "_outcome", "_read", "_sent"),
        *("name", "params", "reads", "sql", "timeout"),
    )

    def __init__(
        self,
        name: str | None,
        sql: str,
        params: Any,
        read: Callable[[Any], T],
        reads: bool,
        timeout: float | None = None,
    ) -> None:
        self.name = name
        self.sql = sql
        self.params = params
        self.reads = reads
        """Whether rows are wanted, and not what was done."""
        self.timeout = timeout
        """Seconds that this statement of the batch may take."""
        self._read = read
        self._found: Any = None
        # The error's frames are those of the block, and hold this: not to hold each other.
        self._error: Callable[[], BaseException | None] | None = None
        self._outcome = ""
        self._sent = False

    def __repr__(self) -> str:
        state = "failed" if self._error else "ready" if self._sent else "waiting"
        return f"<Pending: {self.name or 'a statement'}, {state}>"

    def result(self) -> T:
        """Return what the statement gave.

        Raises:
            TransactionError: If the batch has not been sent yet, or has failed.
            NoRows: Of `one`: there is none.
            TooManyRows: Of `one` and `optional`: there are several.
        """
        if self._error is not None:
            raise TransactionError(
                f"this statement has no result: its batch failed{self._outcome}",
                retryable=False,
            ) from self._error()
        if not self._sent:
            raise TransactionError(
                "this statement has no result yet: its batch is sent when the block is left",
                hint="ask for results after the block",
                retryable=False,
            )
        try:
            return self._read(self._found)
        except Exception as error:
            if isinstance(self._found, Rows):
                self._found._failed(error)
            if isinstance(error, Error) and self.name is not None:
                error.statement = self.name
            raise


class Batch:
    """Statements that are sent together, in one round trip, when the block is left.

    Each call gives the result that its statement will have.
    """

    __slots__ = ("_closed", "_pending")

    def __init__(self) -> None:
        self._pending: list[Pending[Any]] = []
        self._closed = False

    def all(self, statement: Reads[T, P], /, *args: P.args, **named: P.kwargs) -> Pending[list[T]]:
        """Add a declared statement; every row will be an object."""
        sql, params = _called("all", statement, args, named)
        return self._added(_pending(statement, sql, params, statement._all))

    def one(self, statement: Reads[T, P], /, *args: P.args, **named: P.kwargs) -> Pending[T]:
        """Add a declared statement; its one row will be an object."""
        sql, params = _called("one", statement, args, named)
        return self._added(_pending(statement, sql, params, statement._one))

    def optional(
        self, statement: Reads[T, P], /, *args: P.args, **named: P.kwargs
    ) -> Pending[T | None]:
        """Add a declared statement; its one row will be an object, or None if there is none."""
        sql, params = _called("optional", statement, args, named)
        return self._added(_pending(statement, sql, params, statement._optional))

    @overload
    def execute(
        self, statement: SqlText, params: Sequence[Any] | Mapping[str, Any] | None = None, /
    ) -> Pending[Result]: ...
    @overload
    def execute(
        self, statement: Runs[P], /, *args: P.args, **named: P.kwargs
    ) -> Pending[Result]: ...
    def execute(self, statement: Any, /, *args: Any, **named: Any) -> Pending[Result]:
        """Add a statement for its effect: a declared one, or text with its parameters."""
        if hasattr(statement, "_call"):
            sql, params = statement._call(*args, **named)
            waiting = Pending(statement.name, sql, params, _as_it_is, False, statement._timeout)
            return self._added(waiting)
        text, values = _text_of(statement, *args, **named)
        return self._added(Pending(None, text, values, _as_it_is, False))

    def query(
        self, sql: SqlText, params: Sequence[Any] | Mapping[str, Any] | None = None
    ) -> Pending[Rows]:
        """Add a statement as text; its rows will be there to be scanned.

        Args:
            sql: The statement, with `%s` or `%(name)s` for parameters.
            params: A sequence or a mapping to match; without it a `%` is just a `%`.
        """
        text, values = _text_of(sql, params)
        return self._added(Pending(None, text, values, _as_it_is, True))

    def _added(self, pending: Pending[T]) -> Pending[T]:
        if self._closed:
            raise TransactionError("this batch has been sent: its block has been left")
        self._pending.append(pending)
        return pending


def _pending(statement: Any, sql: str, params: Any, read: Callable[[Any], T]) -> Pending[T]:
    return Pending(statement.name, sql, params, read, True, statement._timeout)


def _called(what: str, statement: Any, args: Any, named: Any) -> tuple[str, Any]:
    if not hasattr(statement, f"_{what}"):
        raise TypeError(
            f"{what} of a batch takes a statement that gives rows, made by liteorm.statement, not "
            f"{type(statement).__name__}; text goes into query, whose rows are scanned"
        )
    found: tuple[str, Any] = statement._call(*args, **named)
    return found


def _text_of(sql: Any, params: Any = None) -> tuple[str, Any]:
    if hasattr(sql, "_call"):
        raise TypeError(
            "query of a batch takes text; a declared statement goes into all, one, optional"
            " or execute"
        )
    return rendered(sql, params)


def called(sql: Any, params: Any) -> tuple[str, Any, float | None]:
    """Return text and parameters of a statement, declared or as text, and its timeout."""
    if not hasattr(sql, "_call"):
        return *rendered(sql, params), None
    if params is None:
        text, values = sql._call()
    elif isinstance(params, Mapping):
        text, values = sql._call(**params)
    else:
        text, values = sql._call(*params)
    return text, values, sql._timeout


def _as_it_is(found: Any) -> Any:
    return found


def settle(pending: Sequence[Pending[Any]], found: Sequence[Any]) -> None:
    """Give the statements of a batch their results."""
    for each, result in zip(pending, found, strict=True):
        each._found = result
        each._sent = True


def fail(pending: Sequence[Pending[Any]], error: BaseException) -> None:
    """Say to the statements of a batch that they have no results."""
    try:
        reference: Callable[[], BaseException | None] = weakref.ref(error)
    except TypeError:  # one of Python's own, such as KeyboardInterrupt
        reference = _nothing
    outcome = _outcome_of(error)
    for each in pending:
        each._error, each._outcome = reference, outcome


def _outcome_of(error: BaseException) -> str:
    """Return the error's class, which may be gone when it is asked for, and what is stored."""
    name = f" with {type(error).__name__}"
    if isinstance(error, CommitUnknown) or isinstance(error.__cause__, CommitUnknown):
        return f"{name}, and the work may or may not be stored"
    if getattr(error, "stored", False):
        return f"{name} after its work was stored"
    return f"{name}, and nothing of it is stored"


def _nothing() -> None:
    """Stand for an error that cannot be referred to."""
