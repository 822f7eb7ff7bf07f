"""A process that cleans up after this one, however this one ends.

It holds the reading end of a pipe whose writing end lives in this process only. What must not
outlive us is written into the pipe; when the pipe ends (return, exception, Ctrl-C, kill -9) the
watchdog removes what is still on its list. It runs this very file with nothing but the standard
library, in a process group of its own, so that Ctrl-C in a terminal does not reach it.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from typing import Any

_lock = threading.Lock()
_process: subprocess.Popen[bytes] | None = None
_owner = 0
_resources: dict[str, dict[str, Any]] = {}


def guard(kind: str, **details: Any) -> str:
    """Have something removed when this process is gone; gives the ticket for `release`."""
    global _process, _owner
    with _lock:
        if _owner != os.getpid():
            _process = None
            _resources.clear()
        if _process is None or _process.poll() is not None:
            # The first one, or one that takes over from one that somebody has killed.
            _process, _owner = _start(), os.getpid()
            for known, resource in _resources.items():
                _send({"add": known, **resource})
        ticket = os.urandom(8).hex()
        _resources[ticket] = {"kind": kind, **details}
        _send({"add": ticket, **_resources[ticket]})
    return ticket


def amend(ticket: str, **details: Any) -> None:
    """Tell the watchdog more about something that it guards already."""
    with _lock:
        if ticket in _resources:
            _resources[ticket].update(details)
            _send({"amend": ticket, **details})


def release(ticket: str) -> None:
    """Forget something that has been removed; the watchdog ends with its last charge."""
    global _process
    with _lock:
        if ticket not in _resources or _owner != os.getpid():
            return
        del _resources[ticket]
        _send({"remove": ticket})
        if not _resources and _process is not None:
            # Told to end, not left to find the pipe closed: a forked child may hold it open.
            _send({"end": True})
            process, _process = _process, None
            assert process.stdin is not None
            with contextlib.suppress(OSError):
                process.stdin.close()
            process.wait()


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", os.path.abspath(__file__), str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )


def _send(message: dict[str, Any]) -> None:
    assert _process is not None
    assert _process.stdin is not None
    # A watchdog that somebody killed must not fail the tests: cleaning at exit still works.
    with contextlib.suppress(OSError):
        _process.stdin.write(json.dumps(message).encode() + b"\n")
        _process.stdin.flush()


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return not os.path.isdir("/proc/self")


def family(pid: int) -> list[int]:
    """A process and its direct children, as a server's backends are."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", "rb") as children:
            return [pid, *map(int, children.read().split())]
    except OSError:
        found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, check=False)
        return [pid, *map(int, found.stdout.split())]


def postmaster_of(data: str) -> int | None:
    """The process id in a data directory's lock file."""
    try:
        with open(os.path.join(data, "postmaster.pid"), encoding="ascii") as lock:
            return int(lock.readline())
    except (OSError, ValueError):
        return None


def _works_in(pid: int, folder: str, owner: int) -> bool:
    """Whether a process works in a folder, as a server in its data directory, and is its owner's.

    Whoever owns a folder chooses what it names and where a link in it leads, but may end no
    processes except their own, not even by root's hand.
    """
    if _user_of(pid) != owner:
        return False
    try:
        place = os.readlink(f"/proc/{pid}/cwd")
    except FileNotFoundError:
        if os.path.isdir("/proc/self"):
            return False  # no such process
        place = _working_directory(pid)
    except OSError:
        return False  # somebody else's
    return bool(place) and os.path.realpath(place) == os.path.realpath(folder)


def _user_of(pid: int) -> int | None:
    """Whose process it is; None if that cannot be found out."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as status:
            return next(int(line.split()[2]) for line in status if line.startswith("Uid:"))
    except FileNotFoundError:
        if os.path.isdir("/proc/self"):
            return None  # no such process
    except OSError:
        return None
    command = ["ps", "-o", "uid=", "-p", str(pid)]
    with contextlib.suppress(OSError, ValueError):
        return int(subprocess.run(command, capture_output=True, check=False).stdout)
    return None


def _working_directory(pid: int) -> str:
    """A process's working directory, where there is no /proc; "" if it cannot be found out."""
    try:
        command = ["lsof", "-a", "-d", "cwd", "-p", str(pid), "-Fn"]
        told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""
    return next((line[1:] for line in told.splitlines() if line.startswith("n")), "")


def end_programs_in(directory: str) -> None:
    """End what runs in a folder of ours: a server over its data directory, or a pooler.

    A lock file is only text: the process that it names is ended if it works in that directory,
    which is no stranger's, and none that got the number of a server that is gone.
    """
    try:
        owner = os.lstat(directory).st_uid
    except OSError:
        return
    data = os.path.join(directory, "data")
    pid = postmaster_of(data)
    if pid is not None and _works_in(pid, data, owner):
        end_postmaster(pid)
    with contextlib.suppress(OSError, ValueError):
        with open(os.path.join(directory, "pid"), encoding="ascii") as file:
            pid = int(file.readline())
        if _works_in(pid, directory, owner):
            os.kill(pid, signal.SIGKILL)


def end_postmaster(pid: int) -> None:
    """Shut a server down at once (SIGQUIT lets it remove its shared memory), paused or not."""
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGQUIT)
    for member in family(pid):
        with contextlib.suppress(OSError):
            os.kill(member, signal.SIGCONT)
    deadline = time.monotonic() + 5
    while alive(pid):
        if time.monotonic() > deadline:
            for member in family(pid):
                with contextlib.suppress(OSError):
                    os.kill(member, signal.SIGKILL)
            return
        time.sleep(0.001)


def _remove(resource: dict[str, Any]) -> None:
    if resource["kind"] == "server":
        directory = resource["directory"]
        # It may not have come to write its lock file yet, nor to change its directory.
        if (pid := resource.get("pid")) is not None:
            end_postmaster(pid)
        end_programs_in(directory)
        shutil.rmtree(directory, ignore_errors=True)
    elif resource["kind"] == "containers":
        sys.path[:] = resource["path"]
        os.environ.update(resource["environment"])
        # Only where containers were started, so it is there.
        docker: Any = importlib.import_module("docker")
        client = docker.from_env()
        for container in client.containers.list(
            all=True, ignore_removed=True, filters={"label": resource["label"]}
        ):
            with contextlib.suppress(docker.errors.APIError):
                container.remove(force=True, v=True)
    elif resource["kind"] == "databases":
        sys.path[:] = resource["path"]
        from liteorm_testing._sweep import remove_run

        remove_run(resource["dsn"], resource["run"])


def _watch(parent: int) -> None:
    resources: dict[str, dict[str, Any]] = {}
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    pending = b""
    ends: list[int] = [0]
    # A child forked by the tests (multiprocessing) holds the pipe open as well; the process's
    # own end is what counts.
    with contextlib.suppress(AttributeError, OSError):
        ends.append(os.pidfd_open(parent))
    while True:
        ready = select.select(ends, [], [])[0]
        chunk = os.read(0, 65536) if 0 in ready else b""
        pending += chunk
        *lines, pending = pending.split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "add" in message:
                resources[message.pop("add")] = message
            elif "amend" in message:
                resources[message.pop("amend")].update(message)
            elif "end" in message:
                return
            else:
                resources.pop(message["remove"], None)
        if not chunk:
            break
    for resource in reversed(list(resources.values())):
        with contextlib.suppress(Exception):
            _remove(resource)


if __name__ == "__main__":
    _watch(int(sys.argv[1]))
