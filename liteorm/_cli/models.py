"""`liteorm models`: classes written from a live schema."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path

from liteorm._check import custom_types
from liteorm._cli.asking import add_timeout, asked, dsn_of
from liteorm._cli.modelgen import STYLES, Source, blocks_of, merged, read_old, read_schema


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `liteorm models`."""
    parser.add_argument(
        "--dsn",
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
        "--exclude",
        action="append",
        default=[],
        metavar="NAME",
        help="a table or view to leave out, name or schema.name, * for any text; may be given"
        " several times (those of migration tools are left out anyway)",
    )
    parser.add_argument(
        "--style",
        choices=tuple(STYLES),
        default="attrs",
        help="the kind of classes (default: attrs)",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="write to a file, in which only what changed is written anew (default: stdout)",
    )
    add_timeout(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the classes."""
    path: Path | None = arguments.output
    dsn = dsn_of(arguments)
    if not dsn:
        return _refused("give --dsn: classes are written from a live schema")
    if path is not None and not path.parent.is_dir():
        return _refused(f"there is no folder {path.parent}")
    try:
        # What is no file, such as /dev/stdout, is only written to.
        there = path is not None and (path.is_file() or path.is_dir())
        source = Source.read(path) if path is not None and there else Source()
        old = None if source.text is None else read_old(source.text)
    except (OSError, UnicodeError) as error:
        return _refused(f"{path} cannot be read: {error}")
    except SyntaxError as error:
        place = f"{path}:{error.lineno}" if error.lineno else str(path)
        return _refused(f"{place}: not Python ({error.msg}): mend it, or write to another file")
    except ValueError as error:
        return _refused(f"{path}: not Python ({error}): mend it, or write to another file")
    sys.path.insert(0, os.getcwd())
    try:
        with redirect_stdout(sys.stderr):  # the output is for the classes
            types = custom_types(arguments.types)
    except ImportError as error:
        return _refused(f"a module cannot be imported: {error}")
    modules = sorted({custom.cls.__module__ for custom in types} - {"builtins"})
    with asked(dsn, "models", arguments.timeout, types) as db:
        schema = read_schema(db, arguments.schema, arguments.table, arguments.exclude)
    for pattern in schema.unmatched:
        print(f"--exclude {pattern}: there is no such table or view", file=sys.stderr)
    if schema.left_out:
        print(f"left out: {', '.join(schema.left_out)}", file=sys.stderr)
    for view, reason in schema.unknown:
        print(f"what can be NULL in {view} is not known ({reason})", file=sys.stderr)
    names = {} if old is None else old.class_names
    taken = () if old is None else old.names
    blocks = blocks_of(schema, style=arguments.style, names=names, taken=taken)
    partial = bool(arguments.schema or arguments.table)
    whole: list[str] = [] if arguments.table else arguments.schema
    new = merged(blocks, old, partial=partial, whole=whole, modules=modules)
    if path is None:
        print(new, end="")
        return 0
    if new != source.text:
        try:
            path.write_bytes(source.encoded(new))
        except OSError as error:
            return _refused(f"{path} cannot be written: {error.strerror or error}")
        except UnicodeError as error:
            return _refused(f"{path} cannot be written: {error}")
    count = f"{len(blocks)} classes" if len(blocks) != 1 else "1 class"
    print(f"{path}: {'unchanged' if new == source.text else 'written'}, {count}", file=sys.stderr)
    return 0


def _refused(problem: str) -> int:
    print(f"liteorm models: {problem}", file=sys.stderr)
    return 2
