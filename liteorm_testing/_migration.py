"""A schema made by a program of the project's own: Alembic, Django's migrate, anything."""

from __future__ import annotations

import glob
import hashlib
import os
import shlex
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from attrs import define, field

from liteorm_testing import _dsn

_Program: TypeAlias = Callable[[str], object]
_SHOWN: Final = 30  # lines of what a failing command has said


class MigrationFailed(RuntimeError):
    """A command that was to make a schema ended with an error; the message ends with its words."""


def _steps(given: _Program | str | Sequence[str]) -> _Program | tuple[str, ...]:
    """A command as its words, of which a shell makes nothing else."""
    if isinstance(given, str):
        return tuple(shlex.split(given))
    return given if callable(given) else tuple(given)


def _patterns(given: str | Path | Iterable[str | Path]) -> tuple[str, ...]:
    several = (given,) if isinstance(given, (str, Path)) else given
    return tuple(os.fspath(one) for one in several)


@define(frozen=True)
class Migration:
    """A schema made by a program: what it is called with and what identifies its outcome.

    Args:
        apply: A function, called once with the connection string of an empty database; or a
            command, as text or as a list of words, which finds the database in `DATABASE_URL` and
            in libpq's variables (`PGHOST`, `PGPORT`, `PGUSER`, `PGPASSWORD`, `PGDATABASE`).
        fingerprint: Changes when the outcome changes, such as the last revision's name. All
            workers of a run share the database built for one fingerprint.
        files: Instead, or as well: the files that the outcome depends on, as paths, folders or
            patterns ("migrations/**"), relative to the working directory.

    Raises:
        ValueError: There is neither a fingerprint nor files, or no such file.

    Example:
        >>> from liteorm_testing import Migration
        >>> migration = Migration("alembic upgrade head", fingerprint="revision 7")
    """

    apply: _Program | tuple[str, ...] = field(converter=_steps)
    fingerprint: str | None = None
    files: tuple[str, ...] = field(default=(), converter=_patterns, kw_only=True)

    def __attrs_post_init__(self) -> None:
        """Refuse what says nothing about the outcome."""
        if self.fingerprint is None and not self.files:
            raise ValueError(
                'a Migration needs files=, such as "migrations/**", or a fingerprint=: without '
                "them nobody knows whether two have the same outcome"
            )
        if not callable(self.apply) and not self.apply:
            raise ValueError("a Migration's command is empty")

    def digest(self) -> str:
        """What tells whether two of them have the same outcome."""
        known = hashlib.sha256(repr((self.fingerprint, _name_of(self.apply))).encode())
        for path in self._found():
            known.update(f"\0{path}\0".encode(errors="surrogateescape"))
            known.update(hashlib.sha256(path.read_bytes()).digest())
        return known.hexdigest()

    def run(self, dsn: str) -> object:
        """Make the schema in an empty database."""
        if callable(self.apply):
            return self.apply(dsn)
        try:
            done = subprocess.run(
                self.apply,
                env=_environment(dsn),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
            )
        except OSError as error:
            raise MigrationFailed(f"{self.apply[0]} could not be run: {error.strerror}") from None
        if done.returncode:
            said = done.stdout.decode(errors="replace").strip().splitlines()[-_SHOWN:]
            text = "\n".join(said)
            if password := _dsn.parse(dsn).get("password"):
                text = text.replace(password, "...")
            raise MigrationFailed(
                f"{shlex.join(self.apply)} ended with status {done.returncode}; it said:\n{text}"
            )
        return None

    def _found(self) -> list[Path]:
        """The files, in an order that is the same everywhere."""
        found: set[Path] = set()
        for pattern in self.files:
            places = [Path(place) for place in glob.glob(pattern, recursive=True)]
            inside = [path for place in places if place.is_dir() for path in place.rglob("*")]
            files = {path for path in (*places, *inside) if path.is_file()}
            # What Python makes of them by the way says nothing.
            files = {path for path in files if "__pycache__" not in path.parts}
            if not files:
                raise ValueError(
                    f"the Migration's files {pattern} are not there (relative paths start at the "
                    f"working directory, {Path.cwd()})"
                )
            found |= files
        return sorted(found)


def _name_of(apply: _Program | tuple[str, ...]) -> str:
    if not callable(apply):
        return shlex.join(apply)
    named: Any = getattr(apply, "func", apply)  # of a functools.partial
    return f"{getattr(named, '__module__', '')}.{getattr(named, '__qualname__', '')}"


def _environment(dsn: str) -> dict[str, str]:
    """How a command finds the database, and no other."""
    parts = _dsn.parse(dsn)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
    names["dbname"] = "PGDATABASE"
    told = {names[key]: parts[key] for key in names if key in parts}
    return {**kept, **told, "DATABASE_URL": dsn}
