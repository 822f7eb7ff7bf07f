"""Folders of servers: closed to others, locked by their owner, gone with it however it ends."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import IO, Any, Final

from attrs import define

from liteorm_testing import _watchdog
from liteorm_testing._binaries import Account, ClusterError

MEMORY: Final = Path("/dev/shm")
PREFIX: Final = "liteorm-"
_ENOUGH: Final = 512 * 1024 * 1024


def base_directory() -> Path:
    """Where servers live: memory if there is enough of it, else the temporary folder."""
    if writable(MEMORY):
        try:
            if shutil.disk_usage(MEMORY).free > _ENOUGH:
                return MEMORY
        except OSError:
            pass  # as if there were none
    return Path(tempfile.gettempdir())


def writable(folder: Path) -> bool:
    """Whether it is a folder to which we may write."""
    return folder.is_dir() and os.access(folder, os.W_OK)


@define
class Folder:
    """A folder of the account that runs a server.

    Attributes:
        path: Where it is; only the account, and root, may enter.
        account: Whose it is.
        on_memory: Whether what is in it is in memory.
    """

    path: Path
    account: Account
    on_memory: bool
    _ticket: str
    _lock: IO[str]

    @classmethod
    def make(cls, account: Account) -> Folder:
        """Make one, and have it removed when this process is gone."""
        base = base_directory()
        if not account.may_enter(base):
            raise ClusterError(
                f"the account with uid {account.uid}, which runs the server because root may not, "
                f"cannot reach {base}; set TMPDIR to a folder that everybody can enter"
            )
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
        ticket = _watchdog.guard("server", directory=str(path))
        lock = _own(path)
        account.own(path)
        return cls(path, account, base == MEMORY, ticket, lock)

    def amend(self, **details: Any) -> None:
        """Tell the watchdog more about what runs there."""
        _watchdog.amend(self._ticket, **details)

    def leave(self) -> None:
        """Let what runs there go on without us: the free lock tells `clean` that it may go."""
        self._lock.close()
        _watchdog.release(self._ticket)

    def remove(self) -> None:
        """Remove it; nothing may run there any more."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.leave()


def _own(path: Path) -> IO[str]:
    """Lock a folder: a lock that is free tells `clean` that its owner is gone."""
    import fcntl  # not everywhere, and the plugin is imported everywhere

    owner = (path / "owner").open("w", encoding="utf-8")
    fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    owner.write(f"{os.getpid()}\n")
    owner.flush()
    return owner
