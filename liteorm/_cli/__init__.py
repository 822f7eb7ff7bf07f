"""The `liteorm` command: demo, check, stubs and models."""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import os
import sys
from collections.abc import Sequence
from typing import Protocol, cast

import liteorm

# Every command is a module with these two functions, imported only when it is the one wanted.
COMMANDS = {
    "demo": "a tour of liteorm on an embedded PostgreSQL with 28,000 airports",
    "check": "hold declared statements and tables against a real schema",
    "stubs": "write typed stubs for the statements of .sql files",
    "models": "write classes from a live schema",
}


class Command(Protocol):
    """What a module of this folder defines."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's own arguments."""
        ...

    def run(self, arguments: argparse.Namespace) -> int:
        """Do the work; the result is the exit status."""
        ...


def command_named(name: str) -> Command:
    """Return the module of a command; what it lacks is said with the extra that brings it."""
    try:
        return cast(Command, importlib.import_module(f"liteorm._cli.{name}"))
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] in ("liteorm", "liteorm_testing"):
            raise
        extra = "demo" if name == "demo" else "cli"
        raise SystemExit(
            f"liteorm {name} needs {error.name}, which is not installed; "
            f"run: pip install 'liteorm[{extra}]'"
        ) from None


def installed_version() -> str:
    """Return the version, which a checkout that is not installed does not have."""
    try:
        return importlib.metadata.version("liteorm")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the result is the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="liteorm", description="A typed, SQL-first micro-ORM for PostgreSQL."
    )
    parser.add_argument("--version", action="version", version=f"liteorm {installed_version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    # Only the wanted command is imported: each has dependencies of its own.
    wanted = next((word for word in words if not word.startswith("-")), None)
    found: Command | None = None
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        if name == wanted:
            found = command_named(name)
            found.add_arguments(command)
    arguments = parser.parse_args(words)
    if found is None:
        parser.error("the command comes first")
    try:
        return found.run(arguments)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 141
    except liteorm.Error as error:
        # Which file it was, for example.
        notes = "".join(f"\n{note}" for note in getattr(error, "__notes__", ()))
        print(f"{type(error).__name__}: {error}{notes}", file=sys.stderr)
        return 2
    except Exception as error:
        if os.environ.get("LITEORM_TRACEBACK"):
            raise
        lines = str(error).strip().splitlines() or [""]
        print(
            f"liteorm {wanted}: {type(error).__name__}: {lines[0]}"
            " (LITEORM_TRACEBACK=1 shows where)",
            file=sys.stderr,
        )
        return 2


if __name__ == "__main__":
    sys.exit(main())
