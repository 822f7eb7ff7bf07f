"""A database per test: a template built once, copies of it in milliseconds, quick removal."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import re
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, LiteralString, TypeAlias

from attrs import define, field

import liteorm
from liteorm import Ident, postgres
from liteorm_testing import _dsn, _watchdog
from liteorm_testing.servers import Server

__all__ = ["Database", "Migration", "Schema", "database"]

APPLICATION: Final = "liteorm_testing"
_LOCK_CLASS: Final = 0x6C6F7274  # "lort": marks our advisory locks among an application's
_SPARE: Final = 3  # copies kept ready for each template
_BACKLOG: Final = 8  # dropped databases that may wait before a new one has to
_NAME: Final = re.compile(r"liteorm_(?P<kept>kept_)?(?P<run>[0-9a-f]{8})_")


@define(frozen=True)
class Migration:
    """A schema made by a program: what it is called with and what identifies its outcome.

    Args:
        apply: Called once with the connection string of an empty database.
        fingerprint: Changes when the outcome changes, such as the last revision's name. All
            workers of a run share the database built for one fingerprint.
    """

    apply: Callable[[str], object]
    fingerprint: str


Schema: TypeAlias = str | Path | Migration | Callable[[str], object] | None
"""SQL text, a .sql file, a folder of them, a callable that is given a DSN, or nothing."""


@define(eq=False)
class Database:
    """A database of one test.

    Attributes:
        dsn: Its connection string.
        name: Its name.
    """

    dsn: str = field(repr=_dsn.without_password)
    name: str
    _copies: Copies = field(repr=False, alias="copies")
    _snapshot: str | None = field(default=None, init=False, repr=False)

    def snapshot(self) -> None:
        """Remember the database as it is now; a later snapshot replaces this one.

        PostgreSQL copies a database only while nobody is connected: connections are ended. A
        `DB` or `AsyncDB` connects again by itself at its next use.
        """
        copies = self._copies
        if self._snapshot is not None:
            copies.drop(self._snapshot)
        self._snapshot = copies.name("s")
        copies.terminate(self.name)
        copies.copy(self.name, self._snapshot)

    def restore(self) -> None:
        """Put the database back to the last snapshot, or to the schema if there was none."""
        copies = self._copies
        copies.replace(self.name, self._snapshot)

    def _ask(self, question: LiteralString, params: Sequence[object] = ()) -> liteorm.Rows:
        """Ask the server about the database without connecting to it."""
        return self._copies.ask(question, params)


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
    copies = copies_of(server)
    made = copies.take(copies.template(schema))
    try:
        yield made
    finally:
        copies.give_back(made)


def kept_dsn(made: Database) -> str:
    """Where a test's database will be found if it is kept."""
    return _dsn.replace(made.dsn, dbname=made.name.replace("liteorm_", "liteorm_kept_", 1))


def server_version(dsn: str) -> str:
    """What a server says its version is."""
    with _admin(dsn, 1) as db:
        return liteorm.scan_one(db.query("SHOW server_version"), str).split()[0]


def _admin(dsn: str, size: int) -> postgres.DB:
    return postgres.open(dsn, min_size=1, max_size=size, application_name=APPLICATION)


def _lock_key(run: str) -> int:
    """A run's id as the signed number that advisory locks take."""
    value = int(run, 16)
    return value - (1 << 32) if value >= 1 << 31 else value


def _sql_of(schema: str | Path | None) -> Iterator[str]:
    if schema is None:
        return
    if isinstance(schema, str):
        yield schema
    elif schema.is_dir():
        files = sorted(schema.rglob("*.sql"))
        if not files:
            raise ValueError(f"liteorm_schema names the folder {schema}, which has no .sql files")
        for path in files:
            yield path.read_text(encoding="utf-8")
    else:
        yield schema.read_text(encoding="utf-8")


def _fill(dsn: str, schema: Schema) -> None:
    if isinstance(schema, Migration):
        schema.apply(dsn)
    elif schema is None or isinstance(schema, (str, Path)):
        with _admin(dsn, 1) as db:
            for sql in _sql_of(schema):
                # The user's own text, which may hold several statements.
                db.execute(_dsn.trusted(sql))
    else:
        schema(dsn)


class Copies:
    """Everything made on one server by this process: templates, copies, snapshots.

    Copies are made ahead by one thread and dropped by another; both end in `close`.

    Args:
        server: Where.
        worker: Part of every name, so that the processes of a run keep apart.
        owner: Whether the run is this process's own (under pytest-xdist: the controller's).
    """

    def __init__(self, server: Server, *, worker: str = "main", owner: bool = True) -> None:
        self._server = server
        self._worker = worker
        self._shared_server = server.kind == "dsn"
        self._numbers = itertools.count(1)
        self._digests: dict[str | Path | Migration | None, str] = {}
        self._templates: dict[str, str] = {}
        self._callables: list[tuple[object, str]] = []
        self._spare: dict[str, deque[str]] = {}
        self._asked: dict[str, int] = {}
        self._origins: dict[str, str] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._dropping: deque[str] = deque()
        self._maker: threading.Thread | None = None
        self._dropper: threading.Thread | None = None
        self._admin = _admin(server.dsn, 6)
        self._claim: postgres.Tx | None = None
        self._ticket: str | None = None
        if owner:
            self._claim_run()

    def ask(self, question: LiteralString, params: Sequence[object]) -> liteorm.Rows:
        """Ask the server something, on a connection of ours."""
        return self._admin.query(question, params)

    def name(self, kind: str) -> str:
        """A new name, which tells the run and the worker."""
        return f"liteorm_{self._server.run}_{self._worker}_{kind}{next(self._numbers)}"

    def template(self, schema: Schema) -> str:
        """The name of the sealed template for a schema; the first call builds it."""
        digest = self._digest(schema)
        if digest not in self._templates:
            self._templates[digest] = self._build(f"liteorm_{self._server.run}_t_{digest}", schema)
        return self._templates[digest]

    def take(self, template: str) -> Database:
        """A fresh copy of a template, ready-made if one is at hand."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._dropping) <= _BACKLOG)
            self._asked[template] = self._asked.get(template, 0) + 1
            spare = self._spare.setdefault(template, deque())
            name = spare.popleft() if spare else None
            if self._asked[template] == 2:
                self._maker = self._maker or self._thread(self._make_ahead, "make")
            self._changed.notify_all()
        if name is None:
            name = self.name("d")
            self.copy(template, name)
        self._origins[name] = template
        return Database(_dsn.replace(self._server.dsn, dbname=name), name, self)

    def give_back(self, made: Database) -> None:
        """Drop a test's database and its snapshot, on another thread."""
        names = [made.name] + ([made._snapshot] if made._snapshot else [])
        with self._changed:
            self._dropping.extend(names)
            self._dropper = self._dropper or self._thread(self._drop_behind, "drop")
            self._changed.notify_all()

    def keep(self, made: Database) -> Database:
        """Keep a test's database for a look at it, under a name that no sweep removes."""
        name = _dsn.parse(kept_dsn(made))["dbname"]
        self.terminate(made.name)
        self._admin.execute(
            liteorm.sql("ALTER DATABASE {} RENAME TO {}", Ident(made.name), Ident(name))
        )
        return Database(_dsn.replace(made.dsn, dbname=name), name, self)

    def copy(self, source: str, name: str) -> None:
        """Copy a database that nobody is connected to."""
        strategy = liteorm.sql("")
        if self._server.major >= 15 and not self._shared_server:
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

    def replace(self, name: str, source: str | None) -> None:
        """Make a database anew from its snapshot, or from its template."""
        self.drop(name)
        self.copy(source or self._origins[name], name)

    def drop(self, name: str) -> None:
        """Drop a database at once; DROP DATABASE (FORCE) would wait in steps of 100 ms."""
        self.terminate(name)
        self._admin.execute(liteorm.sql("DROP DATABASE IF EXISTS {}", Ident(name)))

    def terminate(self, name: str) -> None:
        """End all connections to a database, and wait until they are gone."""
        while self._admin.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        ):
            time.sleep(0.0005)

    def close(self) -> None:
        """Stop the threads and remove what was made, unless the whole server goes away."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in (self._maker, self._dropper):
            if thread is not None:
                thread.join()
        if self._shared_server:
            owner = self._claim is not None
            remove_run(self._server.dsn, self._server.run, None if owner else self._worker)
        if self._claim is not None:
            with contextlib.suppress(liteorm.Error):
                self._claim.rollback()
        self._admin.close()
        if self._ticket is not None:
            _watchdog.release(self._ticket)

    def _digest(self, schema: Schema) -> str:
        if callable(schema):
            # Another process cannot know whether its callable is the same one: not shared.
            for known, digest in self._callables:
                if known is schema:
                    return digest
            self._callables.append((schema, f"{self._worker}_{len(self._callables)}"))
            return self._callables[-1][1]
        if schema not in self._digests:
            if isinstance(schema, Migration):
                text = f"migration {schema.fingerprint}"
            else:
                text = "\0".join(_sql_of(schema))
            self._digests[schema] = hashlib.sha256(text.encode()).hexdigest()[:16]
        return self._digests[schema]

    def _build(self, name: str, schema: Schema) -> str:
        """Build a template unless another process of the run has; they wait for each other."""
        key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], signed=True)
        find = "SELECT datistemplate FROM pg_database WHERE datname = %s"
        with self._admin.transaction() as tx:
            tx.query("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_CLASS + 1, key])
            built = liteorm.scan_optional(tx.query(find, [name]), bool)
            if built:
                return name
            if built is not None:
                self.drop(name)  # somebody was stopped half-way: the flag is set last
            admin = self._admin
            admin.execute(liteorm.sql("CREATE DATABASE {} TEMPLATE template0", Ident(name)))
            dsn = _dsn.replace(self._server.dsn, dbname=name)
            try:
                _fill(dsn, schema)
                # The first connection after DDL writes the catalog cache that all copies take
                # along; without it each copy's first connection would build its own.
                _admin(dsn, 1).close()
            except BaseException:
                self.drop(name)
                raise
            admin.execute(liteorm.sql("ALTER DATABASE {} ALLOW_CONNECTIONS false", Ident(name)))
            self.terminate(name)
            admin.execute(liteorm.sql("ALTER DATABASE {} IS_TEMPLATE true", Ident(name)))
        return name

    def _thread(self, run: Callable[[], None], what: str) -> threading.Thread:
        thread = threading.Thread(target=run, name=f"liteorm-testing-{what}", daemon=True)
        thread.start()
        return thread

    def _make_ahead(self) -> None:
        """Keep a few copies ready of every template that was asked for twice."""

        def wanted() -> str | None:
            return next(
                (
                    template
                    for template, asked in self._asked.items()
                    if asked > 1 and len(self._spare[template]) < _SPARE
                ),
                None,
            )

        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or wanted() is not None)
                template = wanted()
                if self._closed or template is None:
                    return
            name = self.name("d")
            try:
                self.copy(template, name)
            except liteorm.Error:
                # Tests make their own copies then, and report what is wrong.
                return
            with self._changed:
                self._spare[template].append(name)

    def _drop_behind(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or bool(self._dropping))
                if self._closed:
                    return
                name = self._dropping[0]
            with contextlib.suppress(liteorm.Error):
                self.drop(name)
            with self._changed:
                self._dropping.popleft()
                self._changed.notify_all()

    def _claim_run(self) -> None:
        """Hold the run's lock while it lasts; on a shared server drop what dead runs left."""
        dsn, run = self._server.dsn, self._server.run
        self._claim = self._admin.begin()
        self._claim.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        self._claim.query("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_CLASS, _lock_key(run)])
        if self._shared_server:
            self._ticket = _watchdog.guard("databases", dsn=dsn, run=run, path=sys.path)
            sweep(dsn)


def remove_run(dsn: str, run: str, worker: str | None = None) -> list[str]:
    """Drop the databases of a run, or of one of its workers."""
    prefix = f"liteorm_{run}_" + (f"{worker}_" if worker else "")
    return _remove(dsn, lambda name: name.startswith(prefix))


def sweep(dsn: str, *, kept: bool = False, dry_run: bool = False) -> list[str]:
    """Drop the databases of runs that are over, whose advisory lock is free.

    Args:
        dsn: Any database of the server.
        kept: Also those that --liteorm-keep kept.
        dry_run: Only say which.
    """
    with _admin(dsn, 1) as db:
        locks = db.query(
            "SELECT objid::int8 FROM pg_locks WHERE locktype = 'advisory' AND classid = %s "
            "AND objsubid = 2",
            [_LOCK_CLASS],
        )
        running = {f"{key:08x}" for key in liteorm.scan(locks, int)}

    def abandoned(name: str) -> bool:
        found = _NAME.match(name)
        return found is not None and (
            (found["run"] not in running) if found["kept"] is None else kept
        )

    return _remove(dsn, abandoned, dry_run=dry_run)


def _remove(dsn: str, unwanted: Callable[[str], bool], *, dry_run: bool = False) -> list[str]:
    with _admin(dsn, 1) as db:
        others = "SELECT datname::text FROM pg_database WHERE datname <> current_database()"
        names = liteorm.scan(db.query(others), str)
        dropped = sorted(name for name in names if unwanted(name))
        for name in () if dry_run else dropped:
            try:
                db.execute(liteorm.sql("ALTER DATABASE {} IS_TEMPLATE false", Ident(name)))
                db.execute(liteorm.sql("DROP DATABASE IF EXISTS {} WITH (FORCE)", Ident(name)))
            except liteorm.Error as error:
                # Another sweep may be at it: what is gone is gone.
                if error.sqlstate != "3D000":
                    raise
    return dropped


_known: weakref.WeakKeyDictionary[Server, Copies] = weakref.WeakKeyDictionary()


def copies_of(server: Server, *, worker: str = "main", owner: bool = True) -> Copies:
    """The one `Copies` of a server in this process."""
    if server not in _known:
        _known[server] = Copies(server, worker=worker, owner=owner)
    return _known[server]


@contextmanager
def closing(server: Server) -> Generator[None]:
    """Remove what was made on a server, when it is left."""
    try:
        yield
    finally:
        copies = _known.pop(server, None)
        if copies is not None:
            copies.close()
