"""A table of four foreign partitions on two servers, reached through postgres_fdw."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import attrs
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from liteorm_testing import Database, Server, database, server

PLACES = 4

_SHARD = """
CREATE TABLE item_{number} (id int PRIMARY KEY, name text NOT NULL CHECK (name <> 'bad'),
                            version int NOT NULL DEFAULT 1);
CREATE TABLE late_{number} (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED);
"""
_PARENT = """
CREATE EXTENSION postgres_fdw;
CREATE SEQUENCE item_id START 1000000;
CREATE TABLE item (id int NOT NULL DEFAULT nextval('item_id'), name text NOT NULL,
                   version int NOT NULL DEFAULT 1) PARTITION BY HASH (id);
CREATE TABLE late (id int NOT NULL) PARTITION BY HASH (id);
"""


@attrs.frozen
class Shards:
    """The coordinator's database, and the two servers that hold the rows."""

    dsn: str
    servers: tuple[Server, Server]
    databases: tuple[Database, Database]

    def ask(self, place: int, question: str) -> list[tuple[Any, ...]]:
        """Ask the server that holds a partition."""
        with psycopg.connect(self.databases[place % 2].dsn, autocommit=True) as connection:
            return connection.execute(question).fetchall()

    def parts(self, table: str = "item") -> list[list[int]]:
        """Return the keys in each partition, in order, as its own server has them."""
        return [
            [key for (key,) in self.ask(place, f"SELECT id FROM {table}_{place} ORDER BY id")]
            for place in range(PLACES)
        ]

    def clear(self) -> None:
        """Remove all rows."""
        for place in range(PLACES):
            with psycopg.connect(self.databases[place % 2].dsn, autocommit=True) as connection:
                connection.execute(f"TRUNCATE item_{place}, late_{place}")

    def hang_up(self, place: int) -> int:
        """End the connections over which the coordinator talks to a partition's server."""
        [(ended,)] = self.ask(
            place,
            "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity"
            " WHERE application_name = 'postgres_fdw' AND datname = current_database()",
        )
        return int(ended)


@contextmanager
def shards() -> Generator[Shards]:
    """Start two servers; the coordinator is a database of the first one."""
    with (
        server() as first,
        server() as second,
        database(first, _schema(0)) as left,
        database(second, _schema(1)) as right,
        database(first, _PARENT) as coordinator,
    ):
        with psycopg.connect(coordinator.dsn, autocommit=True) as connection:
            for number, remote in enumerate((left, right)):
                _mapped(connection, number, remote.dsn)
            for place in range(PLACES):
                for table in ("item", "late"):
                    connection.execute(
                        f"CREATE FOREIGN TABLE {table}_{place} PARTITION OF {table}"
                        f" FOR VALUES WITH (MODULUS {PLACES}, REMAINDER {place})"
                        f" SERVER shard_{place % 2}"
                    )
        yield Shards(coordinator.dsn, (first, second), (left, right))


def _schema(number: int) -> str:
    return "".join(_SHARD.format(number=place) for place in range(number, PLACES, 2))


def _mapped(connection: psycopg.Connection[Any], number: int, dsn: str) -> None:
    told = conninfo_to_dict(dsn)
    place = {"host": told["host"], "port": told["port"], "dbname": told["dbname"]}
    who = {"user": told["user"], "password": told["password"]}
    name = sql.Identifier(f"shard_{number}")
    connection.execute(
        sql.SQL("CREATE SERVER {} FOREIGN DATA WRAPPER postgres_fdw OPTIONS ({})").format(
            name, _options(place)
        )
    )
    connection.execute(
        sql.SQL("CREATE USER MAPPING FOR CURRENT_USER SERVER {} OPTIONS ({})").format(
            name, _options(who)
        )
    )


def _options(given: dict[str, Any]) -> sql.Composed:
    return sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(key), sql.Literal(str(value)))
        for key, value in given.items()
    )
