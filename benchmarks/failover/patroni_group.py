"""Three PostgreSQLs under Patroni, which keeps who is primary in an etcd; all on this machine."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs

from liteorm_testing._binaries import Account, local_binaries

MEMBERS = 3
PASSWORD = "only-for-this-run"
# The shortest that Patroni allows: after so many seconds a primary that is silent is none.
TTL = 20
TIMES = {"ttl": TTL, "loop_wait": 2, "retry_timeout": 5}


@attrs.define(eq=False)
class Node:
    name: str
    port: int
    rest: int
    data: Path
    config: Path
    process: subprocess.Popen[bytes] | None = None

    def pids(self) -> list[int]:
        """Patroni, PostgreSQL and all of its children."""
        found: list[int] = []
        if self.process is not None:
            found.append(self.process.pid)
        with contextlib.suppress(OSError, ValueError, IndexError):
            postmaster = int((self.data / "postmaster.pid").read_text().splitlines()[0])
            told = subprocess.run(
                ["ps", "-o", "pid=", "--ppid", str(postmaster)],
                capture_output=True,
                text=True,
                check=False,
            )
            found += [postmaster, *map(int, told.stdout.split())]
        return found

    def signal(self, number: int) -> None:
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


@attrs.define(eq=False)
class Group:
    """The members, and what one can do to them."""

    folder: Path
    account: Account
    nodes: list[Node]
    etcd: subprocess.Popen[bytes] | None = None

    @property
    def dsn(self) -> str:
        ports = ",".join(str(node.port) for node in self.nodes)
        hosts = ",".join("127.0.0.1" for _ in self.nodes)
        return (
            f"host={hosts} port={ports} user=postgres password={PASSWORD} dbname=postgres "
            "target_session_attrs=read-write connect_timeout=2"
        )

    def start(self, node: Node) -> None:
        with (self.folder / f"{node.name}.log").open("ab") as log:
            command = [_program("patroni"), str(node.config)]
            node.process = self.account.popen(command, stdout=log, cwd=str(self.folder))

    def told(self) -> list[dict[str, Any]]:
        """What a member that answers says of all of them."""
        for node in self.nodes:
            with contextlib.suppress(OSError, ValueError):
                with urllib.request.urlopen(
                    f"http://127.0.0.1:{node.rest}/cluster", timeout=2
                ) as answer:
                    members: list[dict[str, Any]] = json.load(answer)["members"]
                    return members
        return []

    def leader(self) -> Node | None:
        names = [member["name"] for member in self.told() if member["role"] == "leader"]
        return next((node for node in self.nodes if [node.name] == names), None)

    def whole(self) -> bool:
        """Whether there is a primary, both others stream, and one of them is synchronous."""
        states = sorted((one["role"], one["state"]) for one in self.told())
        return states == [
            ("leader", "running"),
            ("replica", "streaming"),
            ("sync_standby", "streaming"),
        ]

    def switchover(self) -> None:
        leader = self.leader()
        assert leader is not None
        asked = urllib.request.Request(
            f"http://127.0.0.1:{leader.rest}/switchover",
            data=json.dumps({"leader": leader.name}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:
            answer.read()

    def kill(self) -> Node:
        """End the primary and its Patroni, as a power cut does."""
        leader = self.leader()
        assert leader is not None
        assert leader.process is not None
        leader.signal(signal.SIGKILL)
        leader.process.wait()
        return leader

    def freeze(self) -> Node:
        """Stop the primary and its Patroni: connections stay open, and nothing answers."""
        leader = self.leader()
        assert leader is not None
        leader.signal(signal.SIGSTOP)
        return leader

    def end(self) -> None:
        for node in self.nodes:
            node.signal(signal.SIGKILL)
            if node.process is not None:
                node.process.wait()
        if self.etcd is not None:
            self.etcd.kill()
            self.etcd.wait()
        time.sleep(0.5)
        shutil.rmtree(self.folder, ignore_errors=True)


def until(condition: Callable[[], bool], what: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(0.2)


@contextlib.contextmanager
def group() -> Iterator[Group]:
    """Start etcd, then the members; leave nothing of them."""
    folder = Path(tempfile.mkdtemp(prefix="liteorm-failover-"))
    account = Account.current()
    account.own(folder)
    nodes = [
        Node(f"node{n}", _port(), _port(), folder / f"node{n}", folder / f"node{n}.json")
        for n in range(1, MEMBERS + 1)
    ]
    made = Group(folder, account, nodes)
    try:
        store = _etcd(made)
        for node in nodes:
            _configure(made, node, store)
            made.start(node)
            if node is nodes[0]:
                until(lambda: made.leader() is not None, "the first member is the primary")
        until(made.whole, "all members are there")
        yield made
    except TimeoutError:
        for node in nodes:
            log = folder / f"{node.name}.log"
            if log.exists():
                print(node.name, log.read_text()[-1500:], file=sys.stderr)
        raise
    finally:
        made.end()


def _etcd(made: Group) -> str:
    client, peer = _port(), _port()
    with (made.folder / "etcd.log").open("ab") as log:
        made.etcd = made.account.popen(
            [
                *(_program("etcd"), "--data-dir", str(made.folder / "etcd")),
                *("--listen-client-urls", f"http://127.0.0.1:{client}"),
                *("--advertise-client-urls", f"http://127.0.0.1:{client}"),
                *("--listen-peer-urls", f"http://127.0.0.1:{peer}"),
                *("--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}"),
                *("--initial-cluster", f"default=http://127.0.0.1:{peer}"),
            ],
            stdout=log,
            cwd=str(made.folder),
        )
    return f"127.0.0.1:{client}"


def _configure(made: Group, node: Node, store: str) -> None:
    binaries = local_binaries()
    if binaries is None:
        raise SystemExit("no PostgreSQL server programs here: apt-get install postgresql")
    user = {"username": "postgres", "password": PASSWORD}
    settings = {
        "scope": "liteorm",
        "name": node.name,
        "restapi": {
            "listen": f"127.0.0.1:{node.rest}",
            "connect_address": f"127.0.0.1:{node.rest}",
        },
        "etcd3": {"hosts": [store]},
        "bootstrap": {
            "dcs": {
                **TIMES,
                "synchronous_mode": True,
                "primary_start_timeout": 0,
                "postgresql": {"use_pg_rewind": True, "parameters": {"max_connections": 60}},
            },
            "initdb": [{"encoding": "UTF8"}, "data-checksums"],
        },
        "postgresql": {
            "listen": f"127.0.0.1:{node.port}",
            "connect_address": f"127.0.0.1:{node.port}",
            "data_dir": str(node.data),
            "bin_dir": str(binaries),
            "pgpass": str(made.folder / f"{node.name}.pass"),
            "authentication": {
                "superuser": user,
                "replication": {"username": "replicator", "password": PASSWORD},
                "rewind": user,
            },
            "parameters": {"unix_socket_directories": str(made.folder)},
            "pg_hba": [
                "host all all 127.0.0.1/32 scram-sha-256",
                "host replication all 127.0.0.1/32 scram-sha-256",
            ],
        },
    }
    # JSON is YAML. Its owner alone may read the password.
    node.config.touch(mode=0o600)
    node.config.write_text(json.dumps(settings))
    made.account.own(node.config)


def _program(name: str) -> str:
    # Patroni of a virtual environment beside this Python, whether or not that is activated.
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise SystemExit(
            f"no {name} here: pip install 'patroni[etcd3,psycopg3]', apt-get install etcd-server"
        )
    return found


def _port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
