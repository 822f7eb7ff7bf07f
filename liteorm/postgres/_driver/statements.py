"""Statements, what is prepared, answers and rows of COPY: of psycopg's inside."""

from __future__ import annotations

import os
import re
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import capabilities, errors, waiting
from psycopg.adapt import AdaptersMap, PyFormat, Transformer
from psycopg.pq import Format

from liteorm._core.patterns import pattern
from liteorm.postgres._driver.known import MISSING, inside, takes

__all__ = [
    "CLOSES_STATEMENTS",
    "COUNTS_RESULTS",
    "KNOWN_QUERY",
    "NOT_PREPARED",
    "PREPARES",
    "TO_PREPARE",
    "Form",
    "PostgresQuery",
    "WaitTimeout",
    "form_of",
    "format_row_binary",
    "format_row_text",
    "name_of_prepared",
    "name_unguessably",
    "prepared_statements",
    "register_dumper",
    "register_loader",
]

_known_classes: Any = getattr(AdaptersMap, "_optimised", None)
if not isinstance(_known_classes, dict):
    MISSING.append("AdaptersMap._optimised")
    _known_classes = {}


def register_dumper(adapters: AdaptersMap, cls: Any, dumper: Any) -> None:
    """Have objects of a class sent by a dumper, as long as there is this map of adapters."""
    adapters.register_dumper(cls, dumper)
    _let_go(dumper)


def register_loader(adapters: AdaptersMap, oid: int, loader: Any) -> None:
    """Have a type read by a loader, as long as there is this map of adapters."""
    adapters.register_loader(oid, loader)
    _let_go(loader)


def _let_go(cls: Any) -> None:
    # The driver remembers for good of which classes it has none in C: with those that are made for
    # one pool that would be the pool's codecs, and whatever they know.
    if _known_classes.get(cls) is cls:
        _known_classes.pop(cls, None)


class _OwnQuery:
    """A statement with `$1` … for its placeholders, and its parameters, by what is public."""

    __slots__ = ("_tx", "formats", "params", "query", "types")
    _PLACEHOLDER: Final = pattern(r"%(?:(%)|\(([^)]+)\)(.?)|(.?))", re.S)
    _FORMATS: Final = {"s": PyFormat.AUTO, "b": PyFormat.BINARY, "t": PyFormat.TEXT}

    def __init__(self, transformer: Any) -> None:
        self._tx = transformer
        self.query = b""
        self.params: Any = None
        self.types: tuple[int, ...] = ()
        self.formats: Any = None

    def convert(self, query: Any, vars: Any) -> None:
        """Take a statement and its parameters."""
        text = query if isinstance(query, str) else bytes(query).decode()
        if vars is None:
            self.query = text.encode()
            return
        parts: list[tuple[Any, PyFormat]] = []
        order: list[str] = []
        if not isinstance(vars, Mapping | Sequence) or isinstance(vars, str | bytes):
            raise TypeError(
                f"query parameters should be a sequence or a mapping, got {type(vars).__qualname__}"
            )

        def replaced(match: re.Match[str]) -> str:
            if match[1]:
                return "%"
            name, letter = match[2], match[3] if match[2] else match[4]
            if letter not in self._FORMATS:
                raise psycopg.ProgrammingError("only '%s', '%b', '%t' are allowed as placeholders")
            if name is None:
                parts.append((len(parts), self._FORMATS[letter]))
                return f"${len(parts)}"
            if name not in order:
                order.append(name)
                parts.append((name, self._FORMATS[letter]))
            return f"${order.index(name) + 1}"

        self.query = self._PLACEHOLDER.sub(replaced, text).encode()
        if order and len(order) != len(parts):
            raise psycopg.ProgrammingError("positional and named placeholders cannot be mixed")
        values = self.validate_and_reorder_params(parts, vars, order or None)
        self.params = self._tx.dump_sequence(values, [wanted for _, wanted in parts])
        self.types = tuple(self._tx.types or ())
        self.formats = self._tx.formats

    @staticmethod
    def validate_and_reorder_params(
        parts: list[Any], vars: Any, order: list[str] | None
    ) -> Sequence[Any]:
        """Return the parameters in the statement's order."""
        if isinstance(vars, Mapping):
            if parts and order is None:
                raise TypeError("positional placeholders (%s) require a sequence of parameters")
            try:
                return [vars[name] for name in order or ()]
            except KeyError:
                raise psycopg.ProgrammingError("query parameter missing") from None
        if vars and order is not None:
            raise TypeError("named placeholders require a mapping of parameters")
        if len(vars) != len(parts):
            raise psycopg.ProgrammingError(
                f"the query has {len(parts)} placeholders but {len(vars)} parameters were passed"
            )
        found: Sequence[Any] = vars
        return found


# Statements. `Cursor.execute` prepares for fetching rows, which costs about a third of a short
# query; liteorm loads rows in its own way. Upstream would have to offer a way to convert a
# statement and its parameters, and `Connection.run(query, params) -> PGresult`.
if TYPE_CHECKING:
    from psycopg._queries import PostgresQuery

    KNOWN_QUERY = bool(MISSING)
else:
    PostgresQuery = inside("psycopg._queries", "PostgresQuery")
    KNOWN_QUERY = (
        PostgresQuery is not None
        and takes(PostgresQuery, "convert", "self", "query", "vars")
        and takes(PostgresQuery, "validate_and_reorder_params", "parts", "vars", "order")
        and {"query", "params", "types", "formats"} <= set(getattr(PostgresQuery, "__slots__", ()))
    )
    if not KNOWN_QUERY:
        PostgresQuery = _OwnQuery
"""Converts a statement and its parameters."""


# Upstream would have to say of a converted statement how it takes other parameters.
class Form:
    """What a statement is sent as whatever its parameters: its text with `$1` …, their order."""

    __slots__ = ("count", "formats", "names", "query")

    def __init__(self, query: Any) -> None:
        self.query: bytes = query.query
        self.formats: Any = query._want_formats
        self.names: list[str] | None = query._order
        self.count: int = len(self.formats)

    def ordered(self, params: Any) -> Any:
        """Return parameters as they are sent; None unless they are the very ones it takes."""
        kind = params.__class__
        if self.names is None:
            return params if kind in _SEQUENCES and len(params) == self.count else None
        if kind is not dict or len(params) != self.count:
            return None
        value_of: Callable[[str], Any] = params.__getitem__
        try:
            return list(map(value_of, self.names))
        except KeyError:
            return None


_SEQUENCES: Final[frozenset[Any]] = frozenset({tuple, list})
_HAS_FORMS: Final = {"_want_formats", "_order"} <= set(getattr(PostgresQuery, "__slots__", ()))
if KNOWN_QUERY and not _HAS_FORMS:
    MISSING.append("psycopg._queries.PostgresQuery._want_formats")


def form_of(query: Any) -> Form | None:
    """Return the form of a statement that has been converted; None if it takes no parameters."""
    return Form(query) if _HAS_FORMS and query._want_formats else None


# What is prepared on a connection. Upstream would have to make the manager of prepared statements
# public: look a statement up, note that it ran, forget them all.
_manager: Final[Any] = inside("psycopg._preparing", "PrepareManager")
_prepare: Final[Any] = inside("psycopg._preparing", "Prepare")
PREPARES: Final[bool] = bool(
    KNOWN_QUERY
    and _manager is not None
    and _prepare is not None
    and {"NO", "YES", "SHOULD"} <= set(_prepare.__members__)
    and takes(_manager, "get", "self", "query", "prepare")
    and takes(_manager, "maybe_add_to_cache", "self", "query", "prep", "name")
    and takes(_manager, "validate", "self", "key", "prep", "name", "results")
    and takes(_manager, "clear", "self")
    and takes(_manager, "maintain_gen", "self", "conn")
    and hasattr(_manager(), "_to_flush")
    and isinstance(getattr(_manager(), "_prepared_idx", None), int)
)
"""Whether statements are prepared at all: without the driver's manager none is."""
NOT_PREPARED: Final[Any] = getattr(_prepare, "NO", 1)
TO_PREPARE: Final[Any] = getattr(_prepare, "SHOULD", 3)


class _NothingPrepared:
    """Stands for the manager of connections on which nothing is prepared."""

    _to_flush: tuple[()] = ()

    def get(self, query: Any, prepare: Any = None) -> tuple[Any, bytes]:
        """Say that a statement is not to be prepared."""
        return NOT_PREPARED, b""

    def maybe_add_to_cache(self, query: Any, prep: Any, name: bytes) -> None:
        """Note nothing."""

    def clear(self) -> bool:
        """Forget nothing."""
        return False


_nothing: Final = _NothingPrepared()
_names_are_known: Final = (
    PREPARES and _manager is not None and isinstance(getattr(_manager(), "_names", None), dict)
)
if PREPARES and not _names_are_known:
    MISSING.append("psycopg._preparing.PrepareManager._names")


def name_of_prepared(manager: Any, query: bytes, types: tuple[int, ...]) -> bytes | None:
    """Return how a statement is called that is prepared, as the one that was used last."""
    if not _names_are_known:
        return None
    names, key = manager._names, (query, types)
    name: bytes | None = names.get(key)
    if name is not None:
        names.move_to_end(key)
    return name


prepared_statements: Callable[[Any], Any] = (
    attrgetter("_prepared") if PREPARES else lambda connection: _nothing
)
"""Returns what manages a connection's prepared statements."""

CLOSES_STATEMENTS: Final = capabilities.has_send_close_prepared()
"""Whether libpq can drop a prepared statement by the protocol (since 17)."""


# The driver counts the names of its statements from 0 on each connection. Behind a pooler that
# does not keep them apart, a name that another client has too runs that client's statement.
# Upstream would have to let one say how statements are called.
def name_unguessably(connection: Any) -> None:
    """Let the statements of a new connection have names that no other connection has."""
    if PREPARES:
        unguessed = int.from_bytes(os.urandom(_NAME_BYTES), "big")
        connection._prepared._prepared_idx = unguessed << _COUNTED_BITS


_NAME_BYTES: Final = 12
_COUNTED_BITS: Final = 32
"""So many statements of a connection do not come into the next one's names."""


# Which parameter set of `executemany` has been answered. Upstream would have to tell the number
# of results that had come when one of them was an error.
COUNTS_RESULTS: Final = takes(psycopg.Cursor, "_set_results", "self", "results") and takes(
    psycopg.AsyncCursor, "_set_results", "self", "results"
)
"""Whether `_set_results` of a cursor is called once for each answer."""


# What a wait raises when its time is over. Upstream would have to give the class a public name.
def _timeout_class() -> type[Exception]:
    found: Any = getattr(errors, "_WaitTimeout", None)
    if isinstance(found, type) and issubclass(found, Exception):
        return found
    MISSING.append("psycopg.errors._WaitTimeout")

    def forever() -> Any:
        while True:
            yield waiting.Wait.R

    one, other = socket.socketpair()
    with one, other:
        try:
            waiting.wait(forever(), one.fileno(), interval=0.001, timeout=0.001)
        except Exception as exc:
            return type(exc)
    return psycopg.OperationalError


if TYPE_CHECKING:

    class WaitTimeout(Exception):
        """A wait of the driver was longer than its timeout."""

else:
    WaitTimeout = _timeout_class()


# Rows of COPY. `Copy.write_row` sends each block by itself and cannot be asked to pack a row into
# a buffer. Upstream would have to make the two functions public.
def _own_row_binary(row: Sequence[Any], tx: Any, out: bytearray) -> None:
    out += struct.pack("!h", len(row))
    for data in tx.dump_sequence(row, [PyFormat.BINARY] * len(row)):
        out += b"\xff\xff\xff\xff" if data is None else struct.pack("!i", len(data)) + bytes(data)


_ESCAPES: Final = {
    b"\b": b"\\b",
    b"\t": b"\\t",
    b"\n": b"\\n",
    b"\v": b"\\v",
    b"\f": b"\\f",
    b"\r": b"\\r",
    b"\\": b"\\\\",
}


def _own_row_text(row: Sequence[Any], tx: Any, out: bytearray) -> None:
    cells = [
        b"\\N"
        if data is None
        else re.sub(rb"[\b\t\n\v\f\r\\]", lambda match: _ESCAPES[match[0]], bytes(data))
        for data in tx.dump_sequence(row, [PyFormat.TEXT] * len(row))
    ]
    out += b"\t".join(cells) + b"\n"


def _packing(name: str, own: Any, oid: int, row: list[Any], expected: bytes) -> Any:
    """Return a function that packs rows, tried on one: compiled ones tell no parameters."""
    function = inside("psycopg._copy_base", name)
    if function is None:
        return own
    binary = name == "format_row_binary"
    try:
        transformer = Transformer()
        transformer.set_dumper_types([oid] * len(row), Format(int(binary)))
        packed = bytearray()
        function(row, transformer, packed)
    except Exception:
        packed = bytearray()
    if bytes(packed) == expected:
        return function
    MISSING.append(f"psycopg._copy_base.{name}")
    return own


_Pack = Callable[[Sequence[Any], Any, bytearray], None]
_TEXT: Final = 25
format_row_binary: _Pack = _packing(
    "format_row_binary",
    _own_row_binary,
    _TEXT,
    ["x", None],
    b"\0\2\0\0\0\1x\xff\xff\xff\xff",
)
"""Packs a row of COPY in binary: `(row, transformer, buffer)`."""
format_row_text: _Pack = _packing("format_row_text", _own_row_text, _TEXT, ["x", None], b"x\t\\N\n")
"""The same in text."""
