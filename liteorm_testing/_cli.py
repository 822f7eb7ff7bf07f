"""The command `liteorm-testing`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from liteorm_testing import _cluster, _docker, _dsn

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command `liteorm-testing`."""
    parser = argparse.ArgumentParser(
        prog="liteorm-testing", description="look after disposable PostgreSQL servers"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    clean = commands.add_parser(
        "clean",
        help="remove what runs left behind: servers and containers whose owner is gone, "
        "kept databases",
    )
    clean.add_argument(
        "--dsn", action="append", default=[], help="a shared server to sweep as well"
    )
    clean.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    given = parser.parse_args(arguments)
    removed = _clean(given.dsn, dry_run=given.dry_run)
    print(f"{removed} {'found' if given.dry_run else 'removed'}")
    return 0


def _clean(dsns: Sequence[str], *, dry_run: bool) -> int:
    removed = 0
    for directory in list(_cluster.abandoned()):
        print(f"server in {directory}")
        if not dry_run:
            _cluster.remove(directory)
        removed += 1
    for container in _docker.abandoned():
        print(f"container {container.name}")
        if not dry_run:
            container.remove(force=True, v=True)
        removed += 1
    for dsn in dsns:
        from liteorm_testing._sweep import sweep

        for name in sweep(dsn, kept=True, dry_run=dry_run):
            print(f"database {name} on {_dsn.without_password(dsn)}")
            removed += 1
    return removed
