"""Results put together by the test, with any bytes in their cells: no server is asked."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from typing import Any

from psycopg import pq
from psycopg.pq.misc import PGresAttDesc

from liteorm import Rows
from liteorm.postgres._reading.results import rows_from_result
from liteorm.postgres._types.registry import TypeRegistry

_NEVER_CONNECTED = pq.PGconn.connect_start(b"host=/nonexistent")


def _libpq() -> Any:
    """Return the driver's own libpq."""
    names = ("psycopg_binary.pq", "psycopg_c.pq")
    module = next((sys.modules[name] for name in names if name in sys.modules), None)
    library = ctypes.CDLL(module.__file__) if module else sys.modules["psycopg.pq._pq_ctypes"].pq
    library.PQsetvalue.argtypes = [
        *(ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int)
    ]
    return library


def made_result(oids: Sequence[int], rows: Sequence[Sequence[bytes | None]]) -> Any:
    """Return a binary result with columns c0, c1, … of these types."""
    result = _NEVER_CONNECTED.make_empty_result(pq.ExecStatus.TUPLES_OK)
    result.set_attributes(
        [
            PGresAttDesc(f"c{i}".encode(), 0, 0, pq.Format.BINARY, oid, -1, -1)
            for i, oid in enumerate(oids)
        ]
    )
    set_value = _libpq().PQsetvalue
    for number, row in enumerate(rows):
        for column, data in enumerate(row):
            length = -1 if data is None else len(data)
            assert set_value(result.pgresult_ptr, number, column, data, length)
    return result


def made_rows(oids: Sequence[int], rows: Sequence[Sequence[bytes | None]]) -> Rows:
    """Return such a result as `Rows`."""
    return rows_from_result(made_result(oids, rows), TypeRegistry().known)
