"""The command `liteorm-testing`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import liteorm
from liteorm_testing import _abandoned, _docker, _dsn

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
    removed, problems = _clean(given.dsn, dry_run=given.dry_run)
    print(f"{removed} {'found' if given.dry_run else 'removed'}")
    for problem in problems:
        print(f"liteorm-testing clean: {problem}", file=sys.stderr)
    return 1 if problems else 0


def _clean(dsns: Sequence[str], *, dry_run: bool) -> tuple[int, list[str]]:
    removed, problems = 0, list[str]()
    for directory in list(_abandoned.abandoned()):
        print(f"server in {directory}")
        if not dry_run:
            _abandoned.remove(directory)
        removed += 1
    for container in _docker.abandoned():
        print(f"container {container.name}")
        if not dry_run:
            container.remove(force=True, v=True)
        removed += 1
    for dsn in dsns:
        from liteorm_testing._sweep import sweep

        try:
            if not _dsn.is_dsn(dsn):
                raise ValueError("a DSN begins with postgresql:// or has keyword=value pairs")
            swept = sweep(dsn, kept=True, dry_run=dry_run)
            shown = _dsn.without_password(dsn)
        except (liteorm.Error, ValueError) as error:
            problems.append(f"--dsn: {error}")
            continue
        for name in swept.gone:
            print(f"database {name} on {shown}")
        removed += len(swept.gone)
        problems += [
            f"database {name} on {shown} could not be dropped: {reason}"
            for name, reason in swept.left.items()
        ]
    return removed, problems
