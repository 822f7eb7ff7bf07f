"""Lets each allocation of the compiled executor fail, one after the other: `python -m` this file.

In a process of its own: a crash must not end the tests, and no other thread may meet the failure.
"""

from __future__ import annotations

import _testcapi
import datetime as dt
import gc
import struct
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

import attrs
import psycopg
from psycopg.adapt import AdaptersMap

from liteorm import Rows
from liteorm._core.models.classes import model_of
from liteorm._core.models.model import Table
from liteorm._core.scanning.scan import scanner_for
from liteorm._core.scanning.types import BY_OID
from liteorm.postgres._native import library
from liteorm.postgres._native.programs import _Writer  # pyright: ignore[reportPrivateUsage]
from liteorm.postgres._types.encoders import Encoders
from liteorm.postgres._writing.tables import TableColumn, Traits
from liteorm.postgres._writing.targets import SentColumn, Target
from tests.postgres.made import made_rows
from tests.postgres.test_native import (
    DATE,
    EDGES,
    INTERVAL,
    NUMERIC,
    TIMESTAMPTZ,
    UUID_,
    ManyDefaults,
    Named,
    Plain,
    Slots,
    Typed,
    WithDict,
)
from tests.postgres.test_native_life import FEW, GOOD, OIDS, Row

WORST = 20
"""Blocks that all the failures of a case may leave behind: what Python keeps of its own."""


@attrs.define
class Wide:
    """Values that take an allocation each, and one class of a layout inside."""

    c0: Any
    c1: Any
    c2: Any
    c3: Any
    c4: Any


WIDE = (NUMERIC, UUID_, TIMESTAMPTZ, DATE, INTERVAL)


READING = ("program", "build", "late", "each")
"""What `reading` returns; the last one only for slotted classes."""


def each_failing(call: Callable[[], Any]) -> int:
    """Let the first allocation of a call fail, then the second, until none is left to fail."""
    failed = 0
    well = at = 0
    while well < 10:
        at += 1
        _testcapi.set_nomemory(at, at + 1)
        try:
            made = call()
        except (MemoryError, ValueError):
            made = None
        finally:
            _testcapi.remove_mem_hooks()
        well = well + 1 if made else 0
        failed += not made
        del made
    return failed


def reading(rows: Rows, model: Any) -> list[Callable[[], Any]]:
    """Return the calls that make a program for these rows, and run it."""
    source: Any = rows._source
    scanner = scanner_for(model, source.shape)
    executor: Any = scanner.executor
    assert executor is not None, scanner.declined
    program = _Writer(source.shape).node(scanner.plan.root, scanner.plan.variants)
    columns, handle = len(scanner.plan.columns), source.handle
    rows_type, libpq = library.module().Rows, library.library()
    assert executor.build(handle, 0, len(rows)), model

    def late() -> Any:
        made = executor.build(handle, 0, len(rows), True)
        if made is not None:
            executor.known(made)
        return made

    def one_by_one() -> bool:
        each = executor.each(source, handle)
        # No generator: where one cannot be made for want of memory, Python 3.13 crashes by itself.
        return each is not None and len([*each]) == len(rows)

    calls: list[Callable[[], Any]] = [
        lambda: rows_type(libpq, columns, program),
        lambda: executor.build(handle, 0, len(rows)),
        late,
    ]
    return [*calls, one_by_one] if one_by_one() else calls


def writing() -> Callable[[], Any]:
    """Return the call that encodes objects."""
    oids = (23, 25, NUMERIC, UUID_, TIMESTAMPTZ)
    model = model_of(attrs.make_class("Sent", {f"c{i}": attrs.field(type=Any) for i in range(5)}))
    encoders = Encoders(AdaptersMap(psycopg.adapters))
    columns = tuple(
        SentColumn(field, TableColumn(field.column, oid, BY_OID[oid].name, "", "", True), encoder)
        for field, oid in zip(model.fields, oids, strict=True)
        for encoder in [encoders.for_type(BY_OID[oid])]
    )
    target = Target(model, Table(None, "t"), columns, (), Traits())
    compiled: Any = target.compiled
    cls: Any = model.cls
    moment = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    objects = [cls(n, "ünï" * 50, Decimal("1.5"), UUID(int=n), moment) for n in range(20)]

    def call() -> bool:
        buffer = bytearray()
        done: bool = compiled(objects, buffer)
        assert done or not buffer
        return done

    assert call()
    return call


def cases() -> dict[str, Callable[[], Any]]:
    """Return what is called."""
    pairs = made_rows((23, 25), [(struct.pack("!i", 1000 + n), b"text") for n in range(20)])
    nested = made_rows(OIDS, [GOOD, FEW, GOOD])
    wide = made_rows(WIDE, [tuple(EDGES[oid][1][6 if oid == NUMERIC else 0] for oid in WIDE)] * 9)
    found: dict[str, Callable[[], Any]] = {"encode": writing()}
    for rows, model in [
        *((pairs, model) for model in (Slots, WithDict, ManyDefaults, Named, Typed, Plain)),
        *((nested, Row), (wide, Wide)),
    ]:
        for name, call in zip(READING, reading(rows, model), strict=False):
            found[f"{name} {model.__name__}"] = call
    # a type above 256: Python keeps the smaller numbers
    column = made_rows((2249,), [(struct.pack("!iIi3s", 1, 1043, 3, b"abc"),)] * 3)
    source: Any = column._source
    found["record_types"] = lambda: library.library().record_types(source.handle, 0, False)
    return found


def main() -> int:
    """Run each case twice: the first time fills Python's own caches."""
    gc.disable()
    for name, call in cases().items():
        each_failing(call)
        gc.collect()
        before = sys.getallocatedblocks()
        failed = each_failing(call)
        gc.collect()
        left = sys.getallocatedblocks() - before
        print(f"{name}: {failed} failures, {left} blocks left")
        if left > WORST or failed == 0:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
