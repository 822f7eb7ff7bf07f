"""A primary with standbys: replication, lag, cuts, promotion, failover; nothing of it is left."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest

import liteorm
from liteorm import postgres
from liteorm_testing import (
    Cluster,
    Member,
    ServerNotAvailable,
    _dsn,
    _folders,
    cluster,
    database,
    server,
)
from tests.testing.support import OWN, eventually, needs_embedded


@pytest.fixture(params=OWN)
def three(request: pytest.FixtureRequest) -> Generator[Cluster]:
    """A primary with two standbys and a table."""
    with cluster(standbys=2, kind=request.param) as c:
        with psycopg.connect(c.dsn, autocommit=True) as connection:
            connection.execute("CREATE TABLE t (n int)")
        c.catch_up()
        yield c


def _add(dsn: str, number: int) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("INSERT INTO t VALUES (%s)", [number])


def _numbers(member: Member) -> list[int]:
    with psycopg.connect(member.dsn, autocommit=True) as connection:
        return [number for (number,) in connection.execute("SELECT n FROM t ORDER BY n")]


def _port(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        return connection.info.port


def test_standbys_follow_and_refuse_writes(three: Cluster) -> None:
    """What the primary commits is on every standby; the DSN of all leads to the one that writes."""
    first, *others = three.members
    assert [member.name for member in three.members] == ["node1", "node2", "node3"]
    assert three.primary is first
    assert list(three.standbys) == others
    _add(three.dsn, 1)
    three.catch_up()
    assert [_numbers(member) for member in three.members] == [[1]] * 3
    for standby in three.standbys:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            _add(standby.dsn, 2)
        assert not standby.is_primary
    assert _port(three.dsn) == int(_dsn.parse(first.dsn)["port"])
    assert _port(three.dsn_for(target_session_attrs="prefer-standby")) != _port(three.dsn)
    password = _dsn.parse(first.dsn)["password"]
    assert password not in repr(three) + repr(first)
    assert all(password not in member.log() for member in three.members)


def test_databases_are_made_on_the_primary(three: Cluster) -> None:
    """A member is a `Server`; a database of a test has a DSN that names all members."""
    with database(three.primary, "CREATE TABLE u (n int)") as d:
        three.catch_up()
        with psycopg.connect(three.dsn_for(d, target_session_attrs="standby")) as connection:
            assert connection.execute("SELECT count(*) FROM u").fetchone() == (0,)
            assert connection.info.dbname == d.name


def test_a_standby_that_is_cut_off_gets_what_it_missed(three: Cluster) -> None:
    """While cut, it answers with what it had; the other one goes on."""
    cut, other = three.standbys
    cut.cut()
    _add(three.dsn, 1)
    other.catch_up()
    assert (_numbers(cut), _numbers(other)) == ([], [1])
    with pytest.raises(TimeoutError, match=f"{cut.name} has caught up"):
        cut.catch_up(timeout=0.1)
    cut.restore()
    cut.catch_up()
    assert _numbers(cut) == [1]
    three.primary.cut()
    _add(three.dsn, 2)
    assert [_numbers(member) for member in three.standbys] == [[1], [1]]
    three.primary.restore()
    three.catch_up()
    assert [_numbers(member) for member in three.standbys] == [[1, 2], [1, 2]]


def test_a_lagging_standby_shows_the_past(three: Cluster) -> None:
    """It applies what is committed seconds later; without a lag at once again."""
    slow, other = three.standbys
    slow.lag(600)
    _add(three.dsn, 1)
    other.catch_up()
    assert (_numbers(slow), _numbers(other)) == ([], [1])
    slow.lag(0)
    slow.catch_up()
    assert _numbers(slow) == [1]
    slow.lag(0.2)
    _add(three.dsn, 2)
    slow.catch_up()
    assert _numbers(slow) == [1, 2]


def test_a_failover_in_mid_transaction(three: Cluster) -> None:
    """The transaction is lost and says so; the DSN of all members leads to the new primary."""
    _add(three.dsn, 1)
    three.catch_up()
    with postgres.open(three.dsn) as db:
        with pytest.raises(liteorm.ConnectionLost), db.transaction() as tx:
            tx.execute("INSERT INTO t VALUES (2)")
            new = three.failover()
            tx.execute("INSERT INTO t VALUES (3)")
        assert three.primary is new
        assert new.is_primary
        db.execute("INSERT INTO t VALUES (4)")
    old, last = three.members[0], next(m for m in three.standbys if m.is_running)
    assert not old.is_running
    last.catch_up()
    assert _numbers(last) == [1, 4]

    old.start()
    three.catch_up()
    assert _numbers(old) == [1, 4]
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        _add(old.dsn, 5)


def test_a_synchronous_cluster_loses_nothing(request: pytest.FixtureRequest) -> None:
    """What was acknowledged is there after the primary was killed at once."""
    with cluster(standbys=2, synchronous=True, kind="auto") as c:
        with psycopg.connect(c.dsn, autocommit=True) as connection:
            connection.execute("CREATE TABLE t (n int)")
            c.standbys[0].cut()
            for number in range(50):
                connection.execute("INSERT INTO t VALUES (%s)", [number])
        new = c.failover()
        assert new.name == "node3"  # the one that has it all
        assert _numbers(new) == list(range(50))


def test_a_switchover_turns_the_roles(three: Cluster) -> None:
    """The old primary follows the new one, and nothing is lost."""
    old = three.primary
    _add(three.dsn, 1)
    new = three.switchover(three.members[2])
    assert new is three.members[2]
    _add(three.dsn, 2)
    three.catch_up()
    assert [_numbers(member) for member in three.members] == [[1, 2]] * 3
    assert three.switchover(old) is old
    _add(three.dsn, 3)
    three.catch_up()
    assert [_numbers(member) for member in three.members] == [[1, 2, 3]] * 3


def test_promotion_leaves_a_running_primary_as_it_is(three: Cluster) -> None:
    """Two take writes then, and the third follows the new one."""
    old, new, third = three.members
    new.promote()
    _add(old.dsn, 1)
    _add(new.dsn, 2)
    third.catch_up()
    assert [_numbers(member) for member in three.members] == [[1], [2], [2]]


def test_members_pause_restart_and_start(three: Cluster) -> None:
    """A paused primary answers nothing; killed members come back as what they were."""
    primary, standby, _ = three.members
    with postgres.open(primary.dsn, max_size=1) as db:
        primary.pause()
        with pytest.raises(liteorm.StatementTimeout):
            db.query("SELECT 1", timeout=0.2)
        primary.resume()
    standby.kill()
    _add(three.dsn, 1)
    standby.start()
    primary.restart()
    three.catch_up()
    assert _numbers(standby) == [1]
    primary.kill()
    with pytest.raises(psycopg.OperationalError):
        _add(three.dsn, 2)
    primary.start()
    _add(three.dsn, 2)
    three.catch_up()
    assert _numbers(standby) == [1, 2]


@needs_embedded
def test_what_cannot_be_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong kinds, numbers and members are one sentence each."""
    for standbys, kind, message in (
        (0, "auto", "at least one standby, not 0"),
        (1, "docker", "auto, embedded or local, not docker"),
        (1, "postgresql://u:geheim@h/x", "auto, embedded or local, not that"),
    ):
        with pytest.raises(ValueError, match=message) as caught, cluster(standbys, kind=kind):
            pass
        assert "geheim" not in str(caught.value)
    with cluster(kind="embedded") as c:
        for action in (c.primary.promote, c.primary.catch_up, lambda: c.primary.lag(1)):
            with pytest.raises(RuntimeError, match="is for a standby; node1 is the primary"):
                action()
        standby = c.standbys[0]
        with pytest.raises(ValueError, match="so many seconds, 0 or more"):
            standby.lag(-1)
        with pytest.raises(RuntimeError, match="node2 runs already"):
            standby.start()
        standby.pause()
        with pytest.raises(RuntimeError, match="node2 is paused"):
            standby.promote()
        with pytest.raises(RuntimeError, match="no standby runs that could take over"):
            c.failover()
        standby.resume()
        standby.kill()
        for action in (standby.kill, standby.pause, standby.restart):
            with pytest.raises(RuntimeError, match=r"start\(\) node2 first"):
                action()
    monkeypatch.setattr("liteorm_testing.clusters.embedded_binaries", lambda: None)
    monkeypatch.setattr("liteorm_testing.clusters.local_binaries", lambda: None)
    with pytest.raises(ServerNotAvailable, match="install"), cluster():
        pass


@needs_embedded
def test_a_wrong_setting_leaves_nothing() -> None:
    """No folder stays when a member does not start."""
    before = set(_folders.base_directory().glob("liteorm-*"))
    with pytest.raises(RuntimeError, match="no_such_setting"):
        with cluster(kind="embedded", settings={"no_such_setting": "1"}):
            pass
    assert set(_folders.base_directory().glob("liteorm-*")) <= before


@needs_embedded
@pytest.mark.parametrize("ending", ["pass", "raise KeyError", "os.kill(os.getpid(), 9)"])
@pytest.mark.parametrize(
    "state", ["pass", "c.failover()", "c.primary.pause(); c.standbys[0].pause()"]
)
def test_a_cluster_goes_with_its_block_and_with_its_process(
    ending: str, state: str, tmp_path: Path
) -> None:
    """Whatever became of its members, none of them stays, nor its folder."""
    script = (
        "import os\n"
        "from liteorm_testing import cluster, database\n"
        "with cluster(2, kind='embedded') as c, database(c.primary) as d:\n"
        "    told = ' '.join(str(m._launched.directory) for m in c.members)\n"
        f"    open({str(tmp_path / 'told')!r}, 'w').write(told)\n"
        f"    {state}\n"
        f"    {ending}\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True, timeout=90)
    assert done.returncode == {"pass": 0, "raise KeyError": 1}.get(ending, -signal.SIGKILL), (
        done.stderr
    )
    for folder in (tmp_path / "told").read_text().split():
        eventually(lambda folder=folder: not Path(folder).exists(), "the folder is gone")
        eventually(lambda folder=folder: not _running(folder), "the processes are gone")


def _running(folder: str) -> list[str]:
    found = subprocess.run(["pgrep", "-f", folder], capture_output=True, text=True, check=False)
    return found.stdout.split()


def test_the_password_is_in_no_arguments(three: Cluster) -> None:
    """Every user of the machine may read those."""
    password = _dsn.parse(three.primary.dsn)["password"]
    shown = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True)
    assert str(three.primary._launched.directory) in shown.stdout
    assert password not in shown.stdout
    with server(kind=three.primary.kind) as s:
        assert _dsn.parse(s.dsn)["password"] != password
