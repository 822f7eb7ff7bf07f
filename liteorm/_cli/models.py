"""`liteorm models`: attrs classes written from a live schema."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from liteorm import postgres
from liteorm._check import custom_types
from liteorm._cli.modelgen import blocks_of, merged, read_schema


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `liteorm models`."""
    parser.add_argument(
        "--dsn",
        default=os.environ.get("LITEORM_DSN"),
        help="the database to read (default: the environment's LITEORM_DSN)",
    )
    parser.add_argument(
        "--schema",
        action="append",
        default=[],
        metavar="NAME",
        help="a schema to take; may be given several times (default: all of the user's)",
    )
    parser.add_argument(
        "--table",
        action="append",
        default=[],
        metavar="NAME",
        help="a table or view to take, name or schema.name; may be given several times",
    )
    parser.add_argument(
        "--types",
        action="append",
        default=[],
        metavar="MODULE",
        help="a module that declares types of your own (CustomType); may be given several times",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="write to a file, in which only what changed is written anew (default: stdout)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the classes."""
    if not arguments.dsn:
        print("liteorm models: give --dsn: classes are written from a live schema", file=sys.stderr)
        return 2
    sys.path.insert(0, os.getcwd())
    try:
        types = custom_types(arguments.types)
    except ImportError as error:
        print(f"liteorm models: a module cannot be imported: {error}", file=sys.stderr)
        return 2
    with postgres.open(arguments.dsn, application_name="liteorm-models", types=types) as db:
        schema = read_schema(db, arguments.schema, arguments.table)
    blocks = blocks_of(schema)
    modules = sorted({custom.cls.__module__ for custom in types} - {"builtins"})
    path: Path | None = arguments.output
    if path is None:
        sys.stdout.write(merged(blocks, modules=modules))
        return 0
    old = path.read_text(encoding="utf-8") if path.exists() else None
    new = merged(blocks, old, modules)
    if new != old:
        path.write_text(new, encoding="utf-8")
    print(
        f"{path}: {'unchanged' if new == old else 'written'}, {len(blocks)} classes",
        file=sys.stderr,
    )
    return 0
