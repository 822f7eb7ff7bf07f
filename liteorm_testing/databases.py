"""A database per test: a fresh copy of a schema, a snapshot of it, quick removal."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import LiteralString

from attrs import define, field

import liteorm
from liteorm_testing import _dsn
from liteorm_testing._arguments import expect
from liteorm_testing._copies import Copies, copies_of
from liteorm_testing._migration import Migration
from liteorm_testing._schema import Schema
from liteorm_testing._server import Server
from liteorm_testing._sweep import kept_name

__all__ = ["Database", "Migration", "Schema", "database"]


@define(eq=False)
class Database:
    """A database of one test.

    Attributes:
        dsn: Its connection string.
        name: Its name.
    """

    dsn: str = field(repr=_dsn.without_password)
    name: str
    _template: str = field(repr=False, alias="template")
    _copies: Copies = field(repr=False, alias="copies")
    _snapshot: str | None = field(default=None, init=False, repr=False)

    def dsn_for(self, user: str, password: str | None = None) -> str:
        """Give the connection string for another role, such as the application's own.

        On a server of the kit's a role needs no password of its own: it gets a random one, the
        same in every process of the run. On a server that was named by its DSN, nothing is
        changed, and without a password libpq's own ways count.

        Args:
            user: The role, which is there already: the schema makes it.
            password: Its password, if it has one.

        Raises:
            ValueError: There is no such role, it may not log in, or it has a password that was
                not given.
        """
        if password is None:
            password = self._copies.password_of(user)
        return _dsn.replace(self.dsn, user=user, password=password)

    def url(self, driver: str | None = None) -> str:
        """Give the database's address as a URL for drivers that are not built on libpq.

        Args:
            driver: The name that SQLAlchemy wants in its URLs: "asyncpg" gives
                `postgresql+asyncpg://...`. Without it the URL is as asyncpg itself takes it.
        """
        return _dsn.url(self.dsn, driver)

    def snapshot(self) -> None:
        """Remember the database as it is now; a later snapshot replaces this one.

        PostgreSQL copies a database only while nobody is connected: connections are ended. A
        `DB` or `AsyncDB` connects again by itself at its next use.
        """
        copies, former = self._copies, self._snapshot
        made = copies.name("s")
        copies.copy_used(self.name, made)
        self._snapshot = made
        if former is not None:
            copies.give_back(former)

    def restore(self) -> None:
        """Put the database back to the last snapshot, or to the schema if there was none."""
        copies = self._copies
        # The database goes when what is to take its place is there.
        made = copies.name("r")
        copies.copy(self._snapshot or self._template, made)
        copies.drop(self.name)
        copies.rename(made, self.name)

    def _ask(self, question: LiteralString, params: Sequence[object] = ()) -> liteorm.Rows:
        """Ask the server about the database without connecting to it."""
        return self._copies.ask(question, params)

    def _give_back(self) -> None:
        self._copies.give_back(self.name, *([self._snapshot] if self._snapshot else []))

    def _keep(self) -> None:
        self._copies.keep(self.name)
        if self._snapshot:
            self._copies.give_back(self._snapshot)

    def _how_to_get_there(self) -> str:
        """What to type to look at the database if it is kept, and to remove it."""
        dsn, clean = self._copies.dsn(kept_name(self.name)), "liteorm-testing clean"
        if self._copies.on_shared_server:
            # Whoever named the server knows its password; a log is read by others as well.
            dsn = _dsn.without_password(dsn)
            clean += f" --dsn '{_dsn.replace(dsn, dbname=self._copies.maintenance)}'"
        return f"{dsn}\npsql '{dsn}'\nremove it with: {clean}"


def make(copies: Copies, schema: Schema) -> Database:
    """A fresh database with a schema."""
    template = copies.template(schema)
    name = copies.take(template)
    return Database(copies.dsn(name), name, template, copies)


@contextmanager
def database(server: Server, schema: Schema = None) -> Generator[Database]:
    """Make a database on a server, and drop it in the end.

    The first one for a schema builds a template; the others are copies of it.

    Args:
        server: What `server()` gave.
        schema: SQL text, a .sql file or a folder of them (in the order of their names, folders
            included), a callable that is given the new database's DSN, or a `Migration`.

    Example:
        >>> from liteorm import postgres
        >>> from liteorm_testing import database, server
        >>> with server(kind="embedded") as s:
        ...     with database(s, "CREATE TABLE t (id int)") as d, postgres.open(d.dsn) as db:
        ...         print(len(db.query("SELECT * FROM t")))
        0
    """
    expect(server, Server, "database")
    made = make(copies_of(server), schema)
    try:
        yield made
    finally:
        made._give_back()
