# Written by `liteorm stubs`: run it again after a change of the SQL or the module.

import collections.abc
import contextlib
import os as os
import typing
from datetime import UTC as UTC
from datetime import datetime as datetime
from datetime import timedelta as timedelta

import attrs as attrs

import liteorm as liteorm
from liteorm import postgres as postgres

@attrs.frozen
class Day:
    id: int
    name: str
    opened: int
    done: int
    longest: timedelta | None

queries: _Queries

def report(db: postgres.DB, since: datetime) -> list[Day]: ...

class _QueriesDay:
    # What happened since; every tenant has a line.
    name: str
    sql: str
    doc: str
    @typing.overload
    def __call__(self, session: liteorm.Session, /, *, since: datetime | None) -> list[Day]: ...
    @typing.overload
    def __call__(
        self, session: liteorm.AsyncSession, /, *, since: datetime | None
    ) -> collections.abc.Coroutine[typing.Any, typing.Any, list[Day]]: ...
    @typing.overload
    def all(self, session: liteorm.Session, /, *, since: datetime | None) -> list[Day]: ...
    @typing.overload
    def all(
        self, session: liteorm.AsyncSession, /, *, since: datetime | None
    ) -> collections.abc.Coroutine[typing.Any, typing.Any, list[Day]]: ...
    @typing.overload
    def one(self, session: liteorm.Session, /, *, since: datetime | None) -> Day: ...
    @typing.overload
    def one(
        self, session: liteorm.AsyncSession, /, *, since: datetime | None
    ) -> collections.abc.Coroutine[typing.Any, typing.Any, Day]: ...
    @typing.overload
    def optional(self, session: liteorm.Session, /, *, since: datetime | None) -> Day | None: ...
    @typing.overload
    def optional(
        self, session: liteorm.AsyncSession, /, *, since: datetime | None
    ) -> collections.abc.Coroutine[typing.Any, typing.Any, Day | None]: ...
    @typing.overload
    def iter(
        self, session: liteorm.Session, /, *, since: datetime | None
    ) -> contextlib.AbstractContextManager[collections.abc.Iterator[Day]]: ...
    @typing.overload
    def iter(
        self, session: liteorm.AsyncSession, /, *, since: datetime | None
    ) -> contextlib.AbstractAsyncContextManager[collections.abc.AsyncIterator[Day]]: ...
    @typing.overload
    def execute(self, session: liteorm.Session, /, *, since: datetime | None) -> liteorm.Result: ...
    @typing.overload
    def execute(
        self, session: liteorm.AsyncSession, /, *, since: datetime | None
    ) -> collections.abc.Coroutine[typing.Any, typing.Any, liteorm.Result]: ...

class _Queries(collections.abc.Mapping[str, typing.Any]):
    day: _QueriesDay
    def __getitem__(self, name: str) -> typing.Any: ...
    def __iter__(self) -> collections.abc.Iterator[str]: ...
    def __len__(self) -> int: ...
