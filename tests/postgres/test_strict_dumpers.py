"""The dumpers that values are passed to unseen refuse by themselves what they cannot send."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.adapt import Transformer
from psycopg.pq import Format

from liteorm.postgres._driver import format_row_binary
from liteorm.postgres._types.table import FORMS


class Member(enum.Enum):
    """No subclass of its value's class."""

    A = 1


NAIVE, AWARE = dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
VALUES: list[Any] = [
    5, True, 1.5, 2.0, Decimal(2), "x", "5", b"x", bytearray(b"x"), memoryview(b"x"), NAIVE, AWARE,
    NAIVE.date(), NAIVE.time(), dt.time(1, tzinfo=dt.UTC), dt.timedelta(1), UUID(int=1),
    [1], (1, 2), {}, set(), object(), Member.A, 10**30, iter([1]),
]  # fmt: skip


def cases() -> Iterator[Any]:
    """Yield each type with a strict dumper and each value that its own rule refuses."""
    for name, form in FORMS.items():
        scalar = form.sent
        for value in VALUES if scalar and scalar.strict else ():
            try:
                scalar.ready(value)
            except Exception:
                yield pytest.param(scalar.dumper, value, id=f"{name} {type(value).__name__}")


@pytest.mark.parametrize(("oid", "value"), list(cases()))
def test_a_strict_dumper_refuses(oid: int, value: Any) -> None:
    """What our own rule refuses, the dumper refuses too: nothing wrong is sent unseen."""
    transformer = Transformer(psycopg.adapters)
    transformer.set_dumper_types([oid], Format.BINARY)
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever it raises, it must not pass
        format_row_binary([value], transformer, bytearray())
