"""Servers whose owner is gone: which they are, and their removal.

What lies in a folder that anybody may write to is believed only of folders that are ours: root
would otherwise end whatever process somebody else's folder names.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from liteorm_testing import _folders, _watchdog
from liteorm_testing._binaries import Account


def abandoned() -> Iterator[Path]:
    """Folders of clusters whose owner is gone."""
    for base in {_folders.base_directory(), Path(tempfile.gettempdir()), _folders.MEMORY}:
        for directory in base.glob(f"{_folders.PREFIX}*"):
            if is_ours(directory) and not _is_owned(directory):
                yield directory


def is_ours(directory: Path) -> bool:
    """Whether a cluster's folder belongs to us, or to the account that runs our servers."""
    try:
        status = directory.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid in (
        os.geteuid(),
        Account.current().uid,
    )


def _is_owned(directory: Path) -> bool:
    """Whether a process holds the lock of a cluster's folder, or nobody knows."""
    import fcntl  # not everywhere

    try:
        # Root would follow a link to any file, and wait at a pipe.
        lock = os.open(directory / "owner", os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        # No lock file yet, or not ours: only a folder that is a cluster's is touched.
        return not (directory / "data" / "PG_VERSION").exists()
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False


def remove(directory: Path) -> None:
    """Stop what still runs in an abandoned server's folder, and remove it."""
    _watchdog.end_programs_in(str(directory))
    shutil.rmtree(directory, ignore_errors=True)
