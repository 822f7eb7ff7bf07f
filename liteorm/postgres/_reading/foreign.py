"""Results that the application got from the driver itself: in text form, with types not met."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from psycopg import pq
from psycopg.adapt import Transformer

from liteorm._core.scanning.shape import LoadRows, Shape
from liteorm._core.scanning.types import PgType, Variant
from liteorm._core.values.results import Rows
from liteorm.errors import StatementError
from liteorm.postgres._reading.results import ResultRows, shape_of
from liteorm.postgres._types.loaders import Adapters
from liteorm.postgres._types.registry import KnownTypes, TypeRegistry
from liteorm.postgres._types.text import variant_reader


def text_rows(result: pq.abc.PGresult, known: KnownTypes, connection: Any) -> Rows:
    """Wrap a result in text form.

    Raises:
        UnknownTypes: the catalog must be asked for some types first.
    """
    return Rows(TextRows(result, shape_of(result, known), known, connection))


class TextRows(ResultRows):
    """The rows of a text result: a `RowSource`, read cell by cell."""

    __slots__ = ("_transformer",)

    @property
    def handle(self) -> None:
        """No address: the compiled executor reads binary results."""
        return None

    def __init__(
        self, result: pq.abc.PGresult, shape: Shape, known: KnownTypes, connection: Any
    ) -> None:
        super().__init__(result, shape, known)
        # With the connection: DateStyle and TimeZone decide how text is to be read.
        # Not with its adapters: what the application registered there is not what we promise.
        self._transformer = Transformer(Adapters(known.adapters, connection))

    def loader(self, variants: tuple[Variant, ...] | None) -> LoadRows:
        """Return the function that loads rows [start, stop)."""
        result = self._result
        readers = list(enumerate(self._readers(variants)))

        def load(start: int, stop: int) -> list[tuple[Any, ...]]:
            return [
                tuple(
                    [
                        None if (data := result.get_value(row, column)) is None else read(data)
                        for column, read in readers
                    ]
                )
                for row in range(start, stop)
            ]

        return load

    def _readers(self, variants: tuple[Variant, ...] | None) -> list[Any]:
        plain: list[Variant] = ["plain"] * len(self.shape.types)
        return [
            variant_reader(type_, variant, self._transformer)
            for type_, variant in zip(self.shape.types, variants or plain, strict=True)
        ]

    def _culprit(
        self, type_: PgType, data: bytes, error: Exception
    ) -> tuple[PgType, Exception, str]:
        """Return the whole of a value: its text is not taken apart for this."""
        return type_, error, ""

    def load_cell(self, column: int, data: bytes, variants: tuple[Variant, ...] | None) -> Any:
        """Load one value on its own."""
        return self._readers(variants)[column](data)


def look_up(pgconn: pq.abc.PGconn, registry: TypeRegistry, oids: Iterable[int]) -> KnownTypes:
    """Ask the catalog about types, blocking; return what is known with them.

    Raises:
        StatementError: the connection is busy, broken, or in a failed transaction.
    """
    if pgconn.transaction_status not in (pq.TransactionStatus.IDLE, pq.TransactionStatus.INTRANS):
        raise StatementError(
            "types of the result are new, and its connection cannot be asked about them now",
            hint="call rows(cursor) before the connection is closed or used otherwise",
        )
    lookup = registry.lookup(oids)
    result: Any = None
    while True:
        try:
            sql = lookup.send(result)
        except StopIteration as end:
            known: KnownTypes = end.value
            return known
        result = _asked(pgconn, sql)


def _asked(pgconn: pq.abc.PGconn, sql: str) -> pq.abc.PGresult:
    result = pgconn.exec_params(sql.encode(), None, result_format=pq.Format.BINARY)
    if result.status != pq.ExecStatus.TUPLES_OK:
        raise StatementError("the catalog could not be asked about the types of the result")
    return result
