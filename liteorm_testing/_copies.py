"""Everything made on one server by this process: templates, copies, snapshots."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import secrets
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Final, LiteralString

from attrs import frozen

import liteorm
from liteorm import Ident, Sql, postgres
from liteorm_testing import _dsn, _sqltext, _watchdog
from liteorm_testing._migration import Migration
from liteorm_testing._schema import Schema, check, fill, sql_of
from liteorm_testing._scram import password_for, verifier
from liteorm_testing._server import Server
from liteorm_testing._stock import Stock
from liteorm_testing._sweep import LOCK_CLASS, admin, kept_name, lock_key, remove_run, sweep

_PATIENCE: Final = 5.0  # seconds to wait for a server's last answers, before it is left
# For whom (a role, or "" for all), the name and the value.
_SETTINGS: Final = """
    SELECT coalesce(r.rolname::text, ''), split_part(c, '=', 1), substr(c, strpos(c, '=') + 1)
    FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
    LEFT JOIN pg_roles r ON r.oid = s.setrole, unnest(s.setconfig) AS c
    WHERE d.datname = %s
"""
# Their values are kept as lists of quoted names, which one literal would make a single name of.
_LISTS: Final = frozenset(
    {
        *("search_path", "temp_tablespaces", "local_preload_libraries"),
        *("session_preload_libraries", "shared_preload_libraries", "unix_socket_directories"),
    }
)


@frozen
class _Setting:
    """One of a database's settings, as pg_dump writes them."""

    role: str
    name: str
    value: str

    def of(self, database: str) -> Sql:
        """For whom it is set."""
        if self.role:
            return liteorm.sql("ROLE {} IN DATABASE {}", Ident(self.role), Ident(database))
        return liteorm.sql("DATABASE {}", Ident(database))

    @property
    def to(self) -> Sql:
        """What it is set to; extensions have names with a dot."""
        name = Ident(*self.name.split("."))
        if self.name in _LISTS and self.value not in ("", '""'):
            return liteorm.sql("{} TO {}", name, _sqltext.raw(self.value))
        if self.name in _LISTS:
            return liteorm.sql("{} TO ''", name)
        return liteorm.sql("{} TO {}", name, _sqltext.literal(self.value))


class Copies:
    """Everything made on one server by this process: templates, copies, snapshots.

    Args:
        server: Where.
        worker: Part of every name, so that the processes of a run keep apart.
        owner: Whether the run is this process's own (under pytest-xdist: the controller's).
    """

    def __init__(self, server: Server, *, worker: str = "main", owner: bool = True) -> None:
        self._server = server
        self._worker = worker
        # A child that was given the server, or a test of the kit itself, may be called as another.
        self._own = f"{worker}_{secrets.token_hex(3)}"
        self.on_shared_server = server.kind == "dsn"
        self.maintenance = _dsn.parse(server.dsn).get("dbname")
        self._numbers = itertools.count(1)
        self._building = threading.RLock()
        self._digests: dict[str | Path | Migration | None, str] = {}
        self._templates: dict[str, str] = {}
        self._settings: dict[str, list[_Setting]] = {}
        self._callables: list[tuple[object, str]] = []
        self._stock = Stock(self._make, self.drop)
        # One for each thread of the stock, the claim, and the tests' own thread.
        self._admin = admin(server.dsn, 8)
        self._claim: postgres.Tx | None = None
        self._ticket: str | None = None
        try:
            if owner:
                self._claim_run()
        except BaseException:
            # The run's lock goes with the connection, else a second try would wait for it.
            self._admin.close(timeout=0)
            self._forget_databases()
            raise

    def ask(self, question: LiteralString, params: Sequence[object]) -> liteorm.Rows:
        """Ask the server something, on a connection of ours."""
        return self._admin.query(question, params)

    def name(self, kind: str) -> str:
        """A new name, which tells the run and the worker, and which nobody else gives."""
        return f"liteorm_{self._server.run}_{self._own}_{kind}{next(self._numbers)}"

    def template(self, schema: Schema) -> str:
        """The name of the sealed template for a schema; the first call builds it."""
        check(schema)
        with self._building:
            digest = self._digest(schema)
            if digest not in self._templates:
                name = f"liteorm_{self._server.run}_t_{digest}"
                self._templates[digest] = self._build(name, schema)
            return self._templates[digest]

    def take(self, template: str) -> str:
        """The name of a fresh copy of a template, one that is ready if there is one."""
        return self._stock.take(template)

    def give_back(self, *names: str) -> None:
        """Drop databases, on another thread."""
        self._stock.give_back(*names)

    def dsn(self, name: str) -> str:
        """The connection string of a database."""
        return _dsn.replace(self._server.dsn, dbname=name)

    def password_of(self, role: str) -> str | None:
        """The password of a role on a server of ours, which has one from now on at the latest."""
        if self.on_shared_server:
            return None
        password = password_for(role, _dsn.parse(self._server.dsn)["password"])
        stored = verifier(password)
        key = int.from_bytes(hashlib.sha256(role.encode()).digest()[:4], signed=True)
        find = "SELECT rolcanlogin, rolpassword FROM pg_authid WHERE rolname = %s"
        with self._admin.transaction() as tx:
            # Other processes of the run may do the same.
            tx.query("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK_CLASS + 2, key])
            found = liteorm.scan_optional(tx.query(find, [role]), tuple[bool, str | None])
            if found is None:
                raise ValueError(f"there is no role {role!r}: the schema would have to make it")
            may_log_in, known = found
            if not may_log_in:
                raise ValueError(f"the role {role!r} may not log in: ALTER ROLE {role} LOGIN")
            if known not in (None, stored):
                raise ValueError(
                    f"the role {role!r} has a password of its own: dsn_for({role!r}, password=...)"
                )
            if known is None:
                change = "ALTER ROLE {} PASSWORD {}"
                tx.execute(liteorm.sql(change, Ident(role), _sqltext.literal(stored)))
        return password

    def keep(self, name: str) -> None:
        """Keep a database for a look at it, under the name that no sweep removes."""
        self.rename(name, kept_name(name))

    def copy(self, source: str, name: str) -> None:
        """Copy a database that nobody is connected to."""
        strategy = liteorm.sql("")
        if self._server.major >= 15 and not self.on_shared_server:
            # Copying files needs two checkpoints, which cost nothing in memory; on disk going
            # through the write-ahead log is quicker.
            strategy = (
                liteorm.sql("STRATEGY file_copy")
                if self._server.on_memory
                else liteorm.sql("STRATEGY wal_log")
            )
        self._admin.execute(
            liteorm.sql("CREATE DATABASE {} TEMPLATE {} {}", Ident(name), Ident(source), strategy)
        )
        for setting in self._settings_of(source):
            try:
                self._admin.execute(liteorm.sql("ALTER {} SET {}", setting.of(name), setting.to))
            except liteorm.Error as error:
                error.add_note(f"while the copy of a database was given its setting {setting.name}")
                self.drop(name)
                raise

    def _settings_of(self, source: str) -> list[_Setting]:
        """What ALTER DATABASE ... SET has set, which CREATE DATABASE does not copy."""
        if source not in self._settings:
            rows = self._admin.query(_SETTINGS, [source])
            found = liteorm.scan(rows, tuple[str, str, str])
            self._settings[source] = [_Setting(*one) for one in found]
        return self._settings[source]

    def rename(self, name: str, to: str) -> None:
        """Give a database that nobody is connected to another name."""
        self.terminate(name)
        self._admin.execute(liteorm.sql("ALTER DATABASE {} RENAME TO {}", Ident(name), Ident(to)))

    def drop(self, name: str) -> None:
        """Drop a database at once.

        FORCE alone would wait in steps of 100 ms for those it ends; here it is for the one that
        connects after we looked.
        """
        self.terminate(name)
        force = liteorm.sql("WITH (FORCE)" if self._server.major >= 13 else "")
        self._admin.execute(liteorm.sql("DROP DATABASE IF EXISTS {} {}", Ident(name), force))

    def copy_used(self, source: str, name: str) -> None:
        """Copy a database that others are connected to, which ends their connections."""
        self._settings.pop(source, None)  # they may have been changed since
        allow = "ALTER DATABASE {} ALLOW_CONNECTIONS {}"
        self._admin.execute(liteorm.sql(allow, Ident(source), liteorm.sql("false")))
        try:
            self.terminate(source)
            self.copy(source, name)
        finally:
            self._admin.execute(liteorm.sql(allow, Ident(source), liteorm.sql("true")))

    def terminate(self, name: str) -> None:
        """End all connections to a database, and wait until they are gone.

        One that does not end within seconds is left to what comes next, which will say so.
        """
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline and self._admin.query(
            # The function behind pg_stat_activity: planning the view takes longer than the rest.
            "SELECT pg_terminate_backend(pid) FROM pg_stat_get_activity(NULL) "
            "WHERE datid = (SELECT oid FROM pg_database WHERE datname = %s)",
            [name],
        ):
            time.sleep(0.0005)

    def close(self, patience: float = _PATIENCE) -> None:
        """Stop the threads; on a shared server remove what was made.

        Args:
            patience: Seconds to wait for the server's last answers; 0 for one that is gone.
        """
        left: dict[str, str] = {}
        ended = self._stock.close(patience * (6 if self.on_shared_server else 1))
        if ended and self.on_shared_server:
            worker = self._worker if self._claim is None else None
            try:
                left = remove_run(self._server.dsn, self._server.run, worker).left
            except liteorm.Error:
                ended = False  # it is gone, or somebody else's matter: leaving is no error
        if ended and self._claim is not None:
            with contextlib.suppress(liteorm.Error):
                self._claim.rollback()
        # A server that does not answer any more is not asked again.
        self._admin.close(timeout=patience if ended else 0)
        if ended:
            self._forget_databases()  # else the watchdog sees to them when this process ends
        shown = _dsn.without_password(self._server.dsn)
        for name, reason in left.items():
            warnings.warn(
                f"the database {name} on {shown} could not be dropped: {reason}", stacklevel=2
            )

    def _forget_databases(self) -> None:
        if self._ticket is not None:
            _watchdog.release(self._ticket)

    def _make(self, template: str) -> str:
        name = self.name("d")
        self.copy(template, name)
        return name

    def _digest(self, schema: Schema) -> str:
        if callable(schema):
            # Another process cannot know whether its callable is the same one: not shared.
            for known, digest in self._callables:
                if known == schema:  # a bound method is a new object each time
                    return digest
            self._callables.append((schema, f"{self._own}_{len(self._callables)}"))
            return self._callables[-1][1]
        if schema not in self._digests:
            if isinstance(schema, Migration):
                text = f"migration {schema.digest()}"
            else:
                text = "\0".join(text for _, text in sql_of(schema))
            self._digests[schema] = hashlib.sha256(text.encode()).hexdigest()[:16]
        return self._digests[schema]

    def _build(self, name: str, schema: Schema) -> str:
        """Build a template unless another process of the run has; they wait for each other."""
        key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], signed=True)
        find = "SELECT datistemplate FROM pg_database WHERE datname = %s"
        with self._admin.transaction() as tx:
            self._may_last(tx)
            tx.query("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK_CLASS + 1, key])
            built = liteorm.scan_optional(tx.query(find, [name]), bool)
            if built:
                return name
            if built is not None:
                self.drop(name)  # somebody was stopped half-way: the flag is set last
            self._admin.execute(liteorm.sql("CREATE DATABASE {} TEMPLATE template0", Ident(name)))
            dsn = self.dsn(name)
            try:
                fill(dsn, schema)
                self._refuse_open_transactions(name)
                # The first connection after DDL writes the catalog cache that all copies take
                # along; without it each copy's first connection would build its own.
                with admin(dsn, 1) as db:
                    _refuse_workers(db)
            except BaseException:
                self.drop(name)
                raise
            self._admin.execute(
                liteorm.sql("ALTER DATABASE {} ALLOW_CONNECTIONS false", Ident(name))
            )
            self.terminate(name)
            self._admin.execute(liteorm.sql("ALTER DATABASE {} IS_TEMPLATE true", Ident(name)))
        return name

    def _may_last(self, tx: postgres.Tx) -> None:
        """Let a transaction last, also where a role's settings would end it."""
        if self._server.major >= 17:
            tx.execute("SET LOCAL transaction_timeout = 0")

    def _refuse_open_transactions(self, name: str) -> None:
        """Fail if a schema's program has not committed: its work would be lost without a word."""
        left = self._admin.query(
            "SELECT coalesce(application_name, '') FROM pg_stat_activity "
            "WHERE datname = %s AND state LIKE 'idle in transaction%%'",
            [name],
        )
        for application in liteorm.scan(left, str):
            raise RuntimeError(
                f"the schema's function left a transaction open (application {application!r}): "
                "commit it, else what it did is lost"
            )

    def _claim_run(self) -> None:
        """Hold the run's lock while it lasts; on a shared server drop what dead runs left."""
        dsn, run = self._server.dsn, self._server.run
        self._claim = self._admin.begin()
        self._may_last(self._claim)
        self._claim.query("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK_CLASS, lock_key(run)])
        if self.on_shared_server:
            self._ticket = _watchdog.guard("databases", dsn=dsn, run=run, path=sys.path)
            sweep(dsn)


def _refuse_workers(db: postgres.DB) -> None:
    """Fail if rows of the template are on other servers: a copy would be of the names only."""
    there = db.query("SELECT to_regclass('pg_catalog.pg_dist_node') IS NOT NULL")
    if not liteorm.scan_one(there, bool):
        return
    nodes = liteorm.scan(
        db.query("SELECT nodename::text FROM pg_catalog.pg_dist_node WHERE groupid <> 0"), str
    )
    if nodes:
        raise RuntimeError(
            f"Citus has the tables on workers ({', '.join(sorted(set(nodes)))}), and a copy of the "
            "template would share their shards: keep the shards on the coordinator "
            "(citus_remove_node), or let tests use one database and remove what they wrote"
        )


_knowing = threading.Lock()
_known: weakref.WeakKeyDictionary[Server, Copies] = weakref.WeakKeyDictionary()


def copies_of(server: Server) -> Copies:
    """The one `Copies` of a server in this process."""
    with _knowing:
        if server not in _known:
            worker = server._worker
            _known[server] = Copies(server, worker=worker or "main", owner=worker is None)
        return _known[server]


def known_copies(server: Server) -> Copies | None:
    """The `Copies` of a server, if anything was made on it; it is not known any more."""
    return _known.pop(server, None)
