"""Data directories: made by initdb once, kept in a cache, and copied from there."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from attrs import frozen

from liteorm_testing._binaries import (
    Account,
    ClusterError,
    cache_directory,
    major_of,
    make_enterable,
    run_as,
    run_plainly,
    utf8_locale,
)
from liteorm_testing._scram import new_password, verifier

_INITDB: Final = ("-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", "-N", "--wal-segsize=1")
_AUTHID: Final = "global/1260"  # where a new cluster keeps its roles: the table's oid is fixed
# Over TCP any user of the machine comes along, and a superuser runs programs as the server's
# account. The socket is in a folder that only this account may enter.
_ACCESS: Final = """\
local all         all                trust
host  all         all   127.0.0.1/32 scram-sha-256
local replication all                trust
host  replication all   127.0.0.1/32 scram-sha-256
"""


@frozen
class Prepared:
    """A data directory that is ready for a server.

    Attributes:
        version: Of the programs that made it, such as "18.1".
        password: Of its superuser, `postgres`.
    """

    version: str
    password: str


def prepare(binaries: Path, data: Path, account: Account) -> Prepared:
    """Fill a data directory: copied from the cache, or by initdb, which then fills the cache."""
    program = binaries / "postgres"
    status = program.stat()
    made = (_INITDB, _ACCESS)
    mark = f"3:{program}:{status.st_size}:{status.st_mtime_ns}:{account.uid}:{made}"
    entry = cache_directory() / f"cluster-{hashlib.sha256(mark.encode()).hexdigest()[:16]}"
    if (entry / "version").exists():
        try:
            # One file to read and one process: half the time of copying a thousand files.
            _tar("-x", entry / "data.tar", data.parent)
            password = _with_its_own(data, _read(entry / "password"))
            return Prepared(_read(entry / "version"), password)
        except (ClusterError, OSError):
            # A damaged one, of a full disk or of somebody's tidying: made anew.
            shutil.rmtree(data, ignore_errors=True)
            shutil.rmtree(entry, ignore_errors=True)
    prepared = _initialised(binaries, data, account)
    _fill_cache(entry, data, prepared)
    return prepared


def _with_its_own(data: Path, password: str) -> str:
    """Give a copied data directory's superuser a password of its own; tells which.

    It is written into the page of pg_authid in which initdb has put the other one, of the same
    length: no server runs yet, and one that has to be asked first costs a tenth of the start.
    """
    own, page = new_password(), data / _AUTHID
    content = page.read_bytes()
    former = verifier(password).encode()
    if content.count(former) != 1:
        return password  # nobody else knows that one either
    page.write_bytes(content.replace(former, verifier(own).encode()))
    return own


def _read(path: Path) -> str:
    return path.read_text(encoding="ascii")


def _initialised(binaries: Path, data: Path, account: Account) -> Prepared:
    told = run_as(account, [str(binaries / "postgres"), "--version"]).split()
    version = next((word for word in told if word[:1].isdigit()), "")
    password = new_password()
    given = data.parent / "password"
    write_privately(given, verifier(password))
    account.own(given)
    command = [str(binaries / "initdb"), "-D", str(data), *_INITDB]
    command += [f"--pwfile={given}", f"--locale={utf8_locale()}"]
    if major_of(version) >= 18:
        command.append("--no-data-checksums")
    run_as(account, command)
    given.unlink()
    (data / "pg_hba.conf").write_text(_ACCESS, encoding="ascii")
    # Maps of free space and of visibility may be missing, and are a quarter of the files that
    # every copy of a database would carry along.
    for fork in ("fsm", "vm"):
        for path in (data / "base").glob(f"*/*_{fork}"):
            path.unlink()
    return Prepared(version, password)


def write_privately(path: Path, text: str) -> None:
    """Write a new file that only its owner may read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _fill_cache(entry: Path, data: Path, prepared: Prepared) -> None:
    # A cache that cannot be written costs half a second next time and nothing else.
    with contextlib.suppress(OSError, ClusterError):
        make_enterable(entry.parent)
        made = Path(tempfile.mkdtemp(prefix=f"{entry.name}.", dir=entry.parent))
        try:
            # The folder stays closed to others, as mkdtemp makes it: a password is in it.
            _tar("-c", made / "data.tar", data.parent, data.name)
            write_privately(made / "password", prepared.password)
            (made / "version").write_text(prepared.version, encoding="ascii")
            made.rename(entry)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise


def _tar(action: str, archive: Path, *folder_and_names: Path | str) -> None:
    """Pack or unpack a tree with its owners and modes."""
    folder, *names = map(str, folder_and_names)
    run_plainly(["tar", "-C", folder, action, "-p", "-f", str(archive), *names])
