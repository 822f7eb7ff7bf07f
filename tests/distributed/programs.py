"""The PgBouncers of this machine: the one on PATH, and a newer one that .ci/pgbouncer prints."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import attrs
import pytest

from liteorm_testing import Database, pooler
from liteorm_testing.poolers import _version_of

_KEPT = Path("/var/cache/liteorm-pgbouncer/pgbouncer")


def _newer() -> str | None:
    """Return the newer one, if it is named or was made before."""
    if given := os.environ.get("LITEORM_TEST_PGBOUNCER"):
        return given
    return str(_KEPT) if _KEPT.is_file() else None


def without_keeping(program: str | None) -> int | None:
    """Return the setting with which a PgBouncer keeps no statements apart: an old one has none."""
    if program is None:
        return None
    version = _version_of(Path(program)).split(".")
    return 0 if tuple(map(int, version[:2])) >= (1, 21) else None


NEWER = _newer()
ON_PATH = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")

needs_any = pytest.mark.skipif(ON_PATH is None, reason="no pgbouncer: apt-get install pgbouncer")
needs_newer = pytest.mark.skipif(
    NEWER is None, reason="no PgBouncer of 1.21 or newer: .ci/pgbouncer takes one from Debian sid"
)


@attrs.frozen
class Kind:
    """A version of PgBouncer, and how many statements of a client it keeps apart."""

    name: str
    program: str | None
    kept: int | None

    @property
    def keeps_apart(self) -> bool:
        """Whether what one client prepares is its own."""
        return bool(self.kept)

    def before(self, database: Database, mode: Any = "transaction", size: int = 2) -> Any:
        """Start it in front of a database, with so many connections for all clients."""
        settings = {"default_pool_size": str(size)}
        return pooler(
            database,
            mode,
            max_prepared_statements=self.kept,
            settings=settings,
            program=self.program,
        )


KINDS = [
    pytest.param(Kind("on PATH", ON_PATH, without_keeping(ON_PATH)), marks=needs_any, id="on PATH"),
    pytest.param(Kind("newer, 0", NEWER, 0), marks=needs_newer, id="newer that keeps none"),
    pytest.param(Kind("newer, 200", NEWER, 200), marks=needs_newer, id="newer that keeps 200"),
]
