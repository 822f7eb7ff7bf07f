"""Other ways to read rows into objects, each as its own users would write it.

A peer that is not installed is left out of the tables.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import decimal
import gc
import importlib.util
import itertools
import json
import os
import uuid
from collections.abc import Callable
from typing import Any

import attrs
import msgspec
import psycopg
from psycopg.rows import class_row

from liteorm import postgres, scan

Case = Callable[[], Any]


@attrs.define
class Five:
    """Five plain columns."""

    id: int
    name: str
    email: str
    active: bool
    score: float


@attrs.frozen
class FrozenFive:
    """The same, frozen."""

    id: int
    name: str
    email: str
    active: bool
    score: float


@attrs.define
class Eight:
    """Eight columns, with types that cost more."""

    id: int
    name: str
    email: str
    active: bool
    score: float
    at: dt.datetime
    price: decimal.Decimal
    key: uuid.UUID


@attrs.frozen
class FrozenEight:
    """The same, frozen."""

    id: int
    name: str
    email: str
    active: bool
    score: float
    at: dt.datetime
    price: decimal.Decimal
    key: uuid.UUID


@attrs.define
class Address:
    """What the JSON holds: six keys."""

    street: str
    city: str
    zip: int
    country: str
    lat: float
    lon: float


@attrs.define
class Located:
    """A row with JSON."""

    id: int
    address: Address


CREATE = """
CREATE TABLE bench_five AS
SELECT g::int8 AS id, 'name ' || g AS name, 'user' || g || '@example.com' AS email,
       g % 3 = 0 AS active, g * 1.1::float8 AS score
  FROM generate_series(1, 100000) g;
CREATE TABLE bench_eight AS
SELECT *, timestamptz '2024-01-01' + id * interval '1 s' AS at,
       (id * 1.01)::numeric AS price, gen_random_uuid() AS key
  FROM bench_five;
CREATE TABLE bench_json AS
SELECT g::int8 AS id, jsonb_build_object(
           'street', 'Street ' || g, 'city', 'City', 'zip', g, 'country', 'NL',
           'lat', 52.1, 'lon', 4.3) AS address
  FROM generate_series(1, 20000) g;
ALTER TABLE bench_five ADD PRIMARY KEY (id);
ALTER TABLE bench_eight ADD PRIMARY KEY (id);
ANALYZE;
"""


for _model in (Five, FrozenFive, Eight, FrozenEight, Address, Located):
    attrs.resolve_types(_model)


def has(*modules: str) -> bool:
    """Tell whether all of these can be imported."""
    return all(importlib.util.find_spec(module) is not None for module in modules)


def uri(dsn: str, scheme: str = "postgresql") -> str:
    """Return a DSN as a URI."""
    p = psycopg.conninfo.conninfo_to_dict(dsn)
    password = f":{p['password']}" if p.get("password") else ""
    return (
        f"{scheme}://{p.get('user', 'postgres')}{password}@{p.get('host', '127.0.0.1')}"
        f":{p.get('port', 5432)}/{p.get('dbname', 'postgres')}"
    )


def by_hand(connection: psycopg.Connection[Any], model: type, sql: str, width: int) -> Case:
    """Return what an expert writes over psycopg: chunks, unpacked in the comprehension."""
    names = ", ".join(f"v{i}" for i in range(width))
    text = (
        "def read():\n"
        "    cursor = connection.cursor(binary=True)\n"
        "    cursor.execute(sql)\n"
        "    out = []\n"
        "    while chunk := cursor.fetchmany(256):\n"
        f"        out += [Model({names}) for {names} in chunk]\n"
        "    return out\n"
    )
    scope: dict[str, Any] = {"connection": connection, "Model": model, "sql": sql}
    exec(text, scope)
    read: Case = scope["read"]
    return read


def collector_off(case: Case) -> Case:
    """Return a case that runs without the cyclic garbage collector, as scan does."""

    def run() -> Any:
        gc.disable()
        try:
            return case()
        finally:
            gc.enable()

    return run


def without_native(db: postgres.DB, sql: str, model: type) -> Case:
    """Return the case of a scan by the generated code alone."""
    from liteorm._core.scanning.scan import scanner_for

    def run() -> Any:
        os.environ["LITEORM_NATIVE"] = "0"
        try:
            source: Any = db.query(sql)._source
            scanner = scanner_for(model, source.shape)
            return attrs.evolve(scanner, execute=None).objects(source)
        finally:
            del os.environ["LITEORM_NATIVE"]

    return run


_numbers = itertools.count()


def without_native_waits(dsn: str) -> postgres.DB:
    """Open a pool whose one connection waits as the driver does."""
    os.environ["LITEORM_NATIVE"] = "0"
    try:
        return postgres.open(dsn, min_size=1, max_size=1)
    finally:
        del os.environ["LITEORM_NATIVE"]


class Peers:
    """Connections of every peer to one database."""

    def __init__(self, dsn: str, stack: contextlib.ExitStack) -> None:
        self.dsn = dsn
        self.stack = stack
        self.loop = asyncio.new_event_loop()
        stack.callback(self.loop.close)
        self.connection = stack.enter_context(psycopg.connect(dsn, autocommit=True))
        self.db = stack.enter_context(postgres.open(dsn))
        self.plain_db = stack.enter_context(without_native_waits(dsn))

    def received(self, sql: str) -> Case:
        """Return a case that has libpq alone run a query, and makes nothing of the result."""
        pgconn = self.connection.pgconn
        name = f"bound_{next(_numbers)}".encode()
        pgconn.prepare(name, sql.encode())
        return lambda: pgconn.exec_prepared(name, None, None, psycopg.pq.Format.BINARY)

    def served(self, sql: str) -> Case:
        """Return a case that has the server alone run a query, and send nothing of the result."""
        text = f"EXPLAIN (ANALYZE, SERIALIZE binary, TIMING off) {sql}"
        return lambda: self.connection.execute(text.encode()).fetchall()

    def awaited(self, make: Callable[[], Any]) -> Case:
        """Return a case that runs a coroutine on the peers' loop."""
        return lambda: self.loop.run_until_complete(make())

    def plain(self, table: str, model: type, frozen: type, width: int) -> dict[str, Case]:
        """Return the cases of reading a whole table of plain columns."""
        sql = f"SELECT * FROM {table}"
        connection, db = self.connection, self.db
        cases: dict[str, Case] = {
            "psycopg by hand": by_hand(connection, model, sql, width),
            "psycopg by hand, collector off": collector_off(by_hand(connection, model, sql, width)),
            "liteorm scan": lambda: scan(db.query(sql), model),
            "liteorm scan, frozen class": lambda: scan(db.query(sql), frozen),
            "psycopg tuple_row": lambda: connection.execute(sql, binary=True).fetchall(),
            "psycopg class_row": lambda: (
                connection.cursor(binary=True, row_factory=class_row(model)).execute(sql).fetchall()
            ),
        }
        cases |= self.asyncpg(sql, model, width)
        cases |= self.psqlpy(sql, model)
        cases |= self.sqlspec(sql, model)
        cases |= self.sqlalchemy(table, model)
        cases |= self.piccolo(table, model)
        return cases

    def asyncpg(self, sql: str, model: type, width: int) -> dict[str, Case]:
        if not has("asyncpg"):
            return {}
        import asyncpg

        connection = self.loop.run_until_complete(asyncpg.connect(uri(self.dsn)))
        self.stack.callback(lambda: self.loop.run_until_complete(connection.close()))

        async def read() -> Any:
            return [model(*record) for record in await connection.fetch(sql)]

        return {"asyncpg, Model(*record)": self.awaited(read)}

    def psqlpy(self, sql: str, model: type) -> dict[str, Case]:
        if not has("psqlpy"):
            return {}
        import psqlpy

        pool = psqlpy.ConnectionPool(dsn=uri(self.dsn, "postgres"), max_db_pool_size=2)
        self.stack.callback(pool.close)

        async def read() -> Any:
            async with pool.acquire() as connection:
                return (await connection.execute(sql)).as_class(model)

        return {"psqlpy as_class": self.awaited(read)}

    def sqlspec(self, sql: str, model: type) -> dict[str, Case]:
        if not has("sqlspec"):
            return {}
        from sqlspec import SQLSpec
        from sqlspec.adapters.psycopg import PsycopgSyncConfig

        spec = SQLSpec()
        config = PsycopgSyncConfig(connection_config={"conninfo": self.dsn})
        spec.add_config(config)
        self.stack.callback(config.close_pool)

        def read() -> Any:
            with spec.provide_session(config) as session:
                return session.select(sql, schema_type=model)

        return {"sqlspec select": read}

    def sqlalchemy(self, table: str, model: type) -> dict[str, Case]:
        if not has("sqlalchemy"):
            return {}
        import sqlalchemy as sa
        from sqlalchemy import orm

        engine = sa.create_engine(uri(self.dsn, "postgresql+psycopg"))
        self.stack.callback(engine.dispose)
        core = sa.Table(table, sa.MetaData(), autoload_with=engine)

        def read_core() -> Any:
            with engine.connect() as connection:
                return [model(*row) for row in connection.execute(sa.select(core))]

        base = orm.declarative_base()
        mapped = type("Mapped", (base,), {"__table__": core})

        def read_orm() -> Any:
            with orm.Session(engine) as session:
                return session.scalars(sa.select(mapped)).all()

        return {
            "SQLAlchemy Core": read_core,
            "SQLAlchemy ORM": read_orm,
        } | self.sqlmodel(table, model, engine)

    def sqlmodel(self, table: str, model: type, engine: Any) -> dict[str, Case]:
        if not has("sqlmodel"):
            return {}
        from sqlmodel import Field, Session, SQLModel, select

        names = {field.name: field.type for field in attrs.fields(model)}
        mapped: Any = type(SQLModel)(
            f"SQLModel{model.__name__}",
            (SQLModel,),
            {
                "__module__": __name__,
                "__annotations__": names,
                "__tablename__": table,
                "id": Field(primary_key=True),
            },
            table=True,
        )

        def read() -> Any:
            with Session(engine) as session:
                return session.exec(select(mapped)).all()

        return {"SQLModel": read}

    def piccolo(self, table: str, model: type) -> dict[str, Case]:
        if not has("piccolo", "asyncpg"):
            return {}
        from piccolo import columns
        from piccolo.engine.postgres import PostgresEngine
        from piccolo.table import Table

        kinds: dict[Any, Any] = {
            int: columns.BigInt,
            str: columns.Text,
            bool: columns.Boolean,
            float: columns.DoublePrecision,
            dt.datetime: columns.Timestamptz,
            decimal.Decimal: columns.Numeric,
            uuid.UUID: columns.UUID,
        }
        engine = PostgresEngine({"dsn": uri(self.dsn)})
        made = {
            field.name: kinds[field.type](primary_key=True)
            if field.name == "id"
            else kinds[field.type]()
            for field in attrs.fields(model)
        }
        mapped: Any = type(Table)(
            f"Piccolo{model.__name__}", (Table,), made, tablename=table, db=engine
        )
        self.loop.run_until_complete(engine.start_connection_pool())
        self.stack.callback(lambda: self.loop.run_until_complete(engine.close_connection_pool()))

        async def read() -> Any:
            return await mapped.objects()

        return {"Piccolo objects": self.awaited(read)}

    def json(self) -> dict[str, Case]:
        """Return the cases of reading jsonb into a nested class."""
        sql = "SELECT id, address FROM bench_json"
        connection, db = self.connection, self.db
        raw = psycopg.connect(self.dsn, autocommit=True)
        self.stack.callback(raw.close)
        raw.adapters.register_loader("jsonb", _RawJson)
        decode = msgspec.json.Decoder(Address).decode

        def hand() -> Any:
            cursor = raw.cursor(binary=True)
            cursor.execute(sql)
            out: list[Located] = []
            while chunk := cursor.fetchmany(256):
                out += [Located(id, decode(address[1:])) for id, address in chunk]
            return out

        cases: dict[str, Case] = {
            "psycopg and msgspec by hand": hand,
            "liteorm scan": lambda: scan(db.query(sql), Located),
            "psycopg tuple_row, dicts": lambda: connection.execute(sql, binary=True).fetchall(),
        }
        if has("asyncpg"):
            import asyncpg

            peer = self.loop.run_until_complete(asyncpg.connect(uri(self.dsn)))
            self.stack.callback(lambda: self.loop.run_until_complete(peer.close()))

            async def read() -> Any:
                return [
                    Located(record[0], Address(**json.loads(record[1])))
                    for record in await peer.fetch(sql)
                ]

            cases["asyncpg, Model(**json.loads)"] = self.awaited(read)
        return cases


class _RawJson(psycopg.adapt.Loader):
    format = psycopg.pq.Format.BINARY

    def load(self, data: Any) -> bytes:
        return bytes(data)
