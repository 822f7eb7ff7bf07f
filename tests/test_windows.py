"""What Windows lacks is needed neither to import nor for sessions: tried by taking it away."""

from __future__ import annotations

import subprocess
import sys

from liteorm_testing import Database

# Of the standard library what is there on POSIX alone; taken away before ours load.
LESS = """
import asyncio, importlib, os, pkgutil, select, signal, socket, subprocess, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in {"crypt", "fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

import argparse, shutil, tempfile, logging.handlers, ssl, zoneinfo, multiprocessing, pathlib
OURS = (LOADED)
for name in OURS:
    importlib.import_module(name)
for name in ("fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"):
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Absent())
for module, names in {
    os: "register_at_fork fork geteuid getegid getuid getgid setsid killpg chown fchown getpgid "
        "uname setuid setgid setgroups mkfifo WNOHANG sched_getaffinity",
    select: "poll epoll kqueue",
    signal: "SIGKILL SIGSTOP SIGCONT SIGHUP SIGQUIT SIGUSR1 SIGUSR2 SIGCHLD SIGALRM setitimer "
            "alarm pthread_sigmask pthread_kill",
    socket: "AF_UNIX SCM_RIGHTS send_fds recv_fds",
}.items():
    for name in names.split():
        vars(module).pop(name, None)

def dup(fd):
    raise OSError(9, "a socket is no descriptor there")

os.dup = dup
"""
# Not ours, and what they need of POSIX is their own affair.
LOADED = "('attrs', 'msgspec', 'psycopg', 'psycopg_pool', 'pytest', 'rich.console')"
IMPORTS = """
import liteorm, liteorm.postgres, liteorm_testing
for package in (liteorm, liteorm_testing):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
"""
WORKS = """
import _socket
socket.AF_UNIX = _socket.AF_UNIX  # for socketpair(), which is made otherwise there

import attrs, liteorm
from liteorm import postgres

@liteorm.table("t", key="n")
@attrs.frozen
class Row:
    n: int

with postgres.open(sys.argv[1], statement_timeout=20) as db:
    db.execute("CREATE TABLE t (n int PRIMARY KEY)")
    db.insert_many(map(Row, range(5000)))
    with db.stream("SELECT n FROM t") as stream:
        assert sum(1 for _ in liteorm.scan_iter(stream, Row)) == 5000
    with postgres.listen(db, "c") as listener:
        postgres.notify(db, "c", "x")
        assert listener.receive(timeout=10).payload == "x"
    try:
        db.query("SELECT pg_sleep(30)", timeout=0.2)
    except liteorm.StatementTimeout:
        pass
    with db.transaction() as tx:
        tx.delete(Row(1))

async def awaited():
    async with await postgres.open_async(sys.argv[1]) as adb:
        assert liteorm.scan_one(await adb.query("SELECT count(*) FROM t"), int) == 4999
        try:
            await adb.query("SELECT pg_sleep(30)", timeout=0.2)
        except liteorm.StatementTimeout:
            pass

asyncio.run(awaited())
"""


def run(script: str, *arguments: str) -> None:
    """Run a script in a Python that has less."""
    text = LESS.replace("(LOADED)", LOADED) + script
    done = subprocess.run(
        [sys.executable, "-c", text, *arguments],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_every_module_can_be_imported() -> None:
    """Nothing imports at once what is there on POSIX alone."""
    run(IMPORTS)


def test_sessions_work(liteorm_database: Database) -> None:
    """Reading, COPY, streams, notifications, timeouts and transactions, sync and async."""
    run(WORKS, liteorm_database.dsn)
