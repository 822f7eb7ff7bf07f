"""Times as parameters: what PostgreSQL would store as another one is refused."""

from __future__ import annotations

import datetime

from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import Dumper, PyFormat
from psycopg.types.datetime import (
    TimeBinaryDumper,
    TimeDumper,
    TimeTzBinaryDumper,
    TimeTzDumper,
)

from liteorm.errors import DataError
from liteorm.postgres._types.times import finer_than_seconds

__all__ = ["TimeBinary", "TimeText"]


def _check(value: datetime.time) -> None:
    if (reason := finer_than_seconds(value)) is not None:
        raise DataError(reason)


class _ZonedTimeText(TimeTzDumper):
    """A time whose offset PostgreSQL can hold."""

    def dump(self, obj: datetime.time) -> Buffer | None:
        _check(obj)
        return super().dump(obj)


class _ZonedTimeBinary(TimeTzBinaryDumper):
    """The same in binary."""

    def dump(self, obj: datetime.time) -> Buffer | None:
        _check(obj)
        return super().dump(obj)


class TimeText(TimeDumper):
    """A time, which with a zone is one of another type."""

    oid = 0

    def __init__(self, cls: type, context: AdaptContext | None = None) -> None:
        super().__init__(cls, context)
        self.oid = TimeDumper.oid

    def upgrade(self, obj: datetime.time, format: PyFormat) -> Dumper:
        return _ZonedTimeText(self.cls) if obj.tzinfo else self


class TimeBinary(TimeBinaryDumper):
    """The same in binary."""

    oid = 0

    def __init__(self, cls: type, context: AdaptContext | None = None) -> None:
        super().__init__(cls, context)
        self.oid = TimeBinaryDumper.oid

    def upgrade(self, obj: datetime.time, format: PyFormat) -> Dumper:
        return _ZonedTimeBinary(self.cls) if obj.tzinfo else self
