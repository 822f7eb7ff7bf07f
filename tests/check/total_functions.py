"""Runs every function and operator that the analysis of NULLs trusts, with odd values of each type.

    python -m tests.check.total_functions            # --server=local or a DSN for another one
    python -m tests.check.total_functions --find     # what never gave NULL and is not listed

What it finds is a NULL from arguments that are not: such a signature belongs into `PARTIAL`. That
it finds none is no proof: what is listed was read in PostgreSQL's source as well.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import islice, product
from random import Random
from typing import Any

import psycopg

from liteorm.postgres._describing.nulls import functions as known
from liteorm_testing import server

VALUES: dict[str, list[str]] = {
    "bool": ["true", "false"],
    "int2": ["0", "1", "-1", "7", "32767", "-32768"],
    "int4": ["0", "1", "-1", "2", "7", "2147483647", "-2147483648"],
    "int8": ["0", "1", "-1", "7", "9223372036854775807", "-9223372036854775808"],
    "float4": ["0", "-0", "1.5", "NaN", "Infinity", "-Infinity", "1e38"],
    "float8": ["0", "-0", "1.5", "-1", "NaN", "Infinity", "-Infinity", "1e308", "1e-320"],
    "numeric": ["0", "1.50", "-1", "7", "NaN", "Infinity", "-Infinity", "1e100", "1e-100"],
    "money": ["0", "1.5", "-92233720368547758.08"],
    "text": [
        *("", "a", "abc", "x%", "(", "(b)?", "{1,2}", "2024-01-01", "YYYY-MM-DD", "UTF8", "base64"),
        *("NFC", "day", "epoch", "Europe/Paris", "9", "a_b", "ü", "A b c", "<a>1</a>", "[1]", "id"),
    ],
    "name": ["", "a", "B c"],
    "bpchar": ["", "a", "ab  "],
    "varchar": ["", "a", "a b"],
    "char": ["", "a"],
    "bytea": ["", "\\x00", "\\xdeadbeef"],
    "date": ["infinity", "-infinity", "2024-02-29", "4713-01-01 BC", "epoch"],
    "timestamp": ["infinity", "-infinity", "2024-02-29 12:00", "4713-01-01 BC", "epoch"],
    "timestamptz": ["infinity", "-infinity", "2024-02-29 12:00Z", "4713-01-01 BC", "epoch"],
    "time": ["00:00", "24:00", "12:30:01.5"],
    "timetz": ["00:00+14", "24:00-12", "12:30:01.5Z"],
    "interval": ["0", "1 mon -1 day", "-178000000 years", "1 us", "12:00"],
    "json": ["null", "{}", "[]", "1", '"x"', '{"a": null, "b": [1, {"c": 2}]}', "[null, 1]"],
    "jsonb": ["null", "{}", "[]", "1", '"x"', '{"a": null, "b": [1, {"c": 2}]}', "[null, 1]"],
    "jsonpath": ["$", "$.a", "strict $.x", "$[*] ? (@ > 1)"],
    "uuid": ["00000000-0000-0000-0000-000000000000", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"],
    "bit": ["", "1", "0101"],
    "varbit": ["", "1", "0101"],
    "inet": ["0.0.0.0/0", "10.0.0.1/8", "::1", "255.255.255.255"],
    "cidr": ["0.0.0.0/0", "10.0.0.0/8", "::/0"],
    "macaddr": ["00:00:00:00:00:00", "08:00:2b:01:02:03"],
    "macaddr8": ["00:00:00:00:00:00:00:00", "08:00:2b:01:02:03:04:05"],
    "point": ["(0,0)", "(NaN,1)", "(Infinity,-Infinity)", "(1,2)"],
    "box": ["(0,0),(0,0)", "(1,1),(0,0)", "(Infinity,1),(0,0)", "(5,5),(4,4)"],
    "line": ["{1,-1,0}", "{0,1,2}", "{1,0,0}", "{NaN,1,1}"],
    "lseg": ["[(0,0),(0,0)]", "[(0,0),(1,1)]", "[(0,1),(1,0)]", "[(0,5),(9,5)]"],
    "path": ["[(0,0)]", "((0,0),(1,1),(1,0))", "[(0,0),(5,5)]"],
    "polygon": ["((0,0))", "((0,0),(1,1),(1,0))", "((5,5),(6,6),(6,5))"],
    "circle": ["<(0,0),0>", "<(1,1),2>", "<(0,0),Infinity>"],
    "tsvector": ["", "a:1 b:2,3A"],
    "tsquery": ["", "a", "a & !b", "a <-> b"],
    "oid": ["0", "1", "23", "1259"],
    "xid": ["0", "3"],
    "cid": ["0"],
    "xid8": ["0", "3"],
    "tid": ["(0,0)", "(1,1)"],
    "pg_lsn": ["0/0", "16/B374D848"],
    "int2vector": ["", "1 2"],
    "oidvector": ["", "1 2"],
    "regtype": ["integer"],
    "regclass": ["pg_class"],
    "regconfig": ["simple", "english"],
    "regdictionary": ["simple"],
    "xml": ["<a/>", ""],
    "refcursor": ["c"],
    "int4range": ["empty", "(,)", "[1,2)", "[5,)", "(,3)"],
    "int8range": ["empty", "(,)", "[1,2)"],
    "numrange": ["empty", "(,)", "[1,2)"],
    "int4multirange": ["{}", "{(,)}", "{[1,2),[5,9)}"],
    "nummultirange": ["{}", "{(,)}", "{[1,2)}"],
    "int8multirange": ["{}", "{(,)}"],
    "_int4": ["{}", "{1}", "{NULL}", "{1,NULL,3}", "{{1,2},{3,4}}", "[0:1]={1,2}"],
    "_text": ["{}", "{a}", "{NULL}", "{a,b,a}", "{{a,b},{c,d}}"],
    "_float8": ["{}", "{0,1.5,NaN}"],
    "_float4": ["{}", "{0.1,0.2,0.3,1}"],
    "_char": ["{}", "{a}"],
}
"""Values of each type, as its input takes them."""

ANY: dict[str, list[str]] = {
    "any": ["1", "'x'::text", "ROW(1, NULL)", "'{}'::int[]"],
    "anyelement": ["1", "7"],
    "anynonarray": ["1", "'x'::text"],
    "anyarray": [f"'{value}'::int[]" for value in VALUES["_int4"]],
    "anyrange": [f"'{value}'::int4range" for value in VALUES["int4range"]],
    "anymultirange": [f"'{value}'::int4multirange" for value in VALUES["int4multirange"]],
    "anycompatible": ["1", "7"],
    "anycompatiblenonarray": ["1"],
    "anycompatiblearray": [f"'{value}'::int[]" for value in VALUES["_int4"]],
    "anycompatiblerange": [f"'{value}'::int4range" for value in VALUES["int4range"]],
    "anycompatiblemultirange": [f"'{value}'::int4multirange" for value in VALUES["int4multirange"]],
    "record": ["(SELECT ROW(1, NULL))", "(SELECT ROW(1, 'x'::text))"],
}

FUNCTIONS = """
SELECT p.oid::regproc::text, p.proname::text, p.prokind::text, p.proisstrict,
       ARRAY(SELECT t.typname::text FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY o (oid, n)
             JOIN pg_type t ON t.oid = o.oid ORDER BY o.n)::text[],
       p.provariadic <> 0, p.oid::int4
FROM pg_proc p
WHERE p.oid < 16384 AND p.prokind = 'f' AND NOT p.proretset
      AND NOT 'internal'::regtype = ANY (p.proargtypes::oid[])
      AND p.prorettype <> ALL ('{void,trigger,event_trigger,internal}'::regtype[])
ORDER BY 2, 7
"""

OPERATORS = """
SELECT o.oprname::text, l.typname::text, r.typname::text, p.proname::text,
       ARRAY(SELECT t.typname::text FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY o (oid, n)
             JOIN pg_type t ON t.oid = o.oid ORDER BY o.n)::text[]
FROM pg_operator o LEFT JOIN pg_type l ON l.oid = o.oprleft JOIN pg_type r ON r.oid = o.oprright
JOIN pg_proc p ON p.oid = o.oprcode
WHERE o.oid < 16384 ORDER BY 1, 2, 3
"""

DANGEROUS = ("pg_", "lo_", "binary_upgrade", "brin", "set_config", "currval", "lastval", "setval")


def values_of(type_: str) -> list[str] | None:
    """Return SQL for values of a type."""
    if type_ in ANY:
        return ANY[type_]
    if type_ in VALUES:
        shown = '"char"' if type_ == "char" else type_
        return ["'{}'::{}".format(value.replace("'", "''"), shown) for value in VALUES[type_]]
    return None


def combinations(types: list[str], most: int) -> Iterator[tuple[str, ...]]:
    """Yield arguments: all combinations, or a mixed part of them."""
    choices = [values_of(type_) for type_ in types]
    if any(choice is None for choice in choices):
        return
    every = list(islice(product(*[choice for choice in choices if choice is not None]), 20_000))
    Random(1).shuffle(every)
    yield from every[:most]


def with_nulls(every: Iterator[tuple[str, ...]], last: int) -> Iterator[tuple[str, ...]]:
    """Yield arguments as they are, and with NULL for each of the last ones."""
    for args in every:
        yield args
        for position in range(len(args) - last, len(args)):
            type_ = args[position].rpartition("::")[2] if "::" in args[position] else "int"
            if "ROW" not in args[position]:
                yield (*args[:position], f"NULL::{type_}", *args[position + 1 :])


def nulls_of(conn: psycopg.Connection[Any], calls: Iterator[str]) -> tuple[list[str], int]:
    """Return the calls that gave NULL, and how many gave anything."""
    found: list[str] = []
    count = 0
    for call in calls:
        try:
            row = conn.execute(f"SELECT ({call}) IS NOT DISTINCT FROM NULL".encode()).fetchone()
        except psycopg.Error:
            continue
        count += 1
        if row is not None and row[0]:
            found.append(call)
    return found, count


def wrongly_trusted(conn: psycopg.Connection[Any], most: int) -> tuple[list[str], int, int]:
    """Run all that is listed; return the calls that gave NULL, and how many were run of what."""
    wrong: list[str] = []
    ran = calls = 0
    for _, name, _, _, types, _, _ in conn.execute(FUNCTIONS).fetchall():
        signature = f"{name}({','.join(types)})"
        never = len(types) if name in known.NEVER_NULL else 0
        after_first = len(types) - 1 if name in known.BY_FIRST else 0
        after_first = len(types) - 2 if signature in known.BY_FIRST_TWO else after_first
        if not (never or after_first or known.total(signature, name)) or name in known.BY_FIELD:
            continue
        every = with_nulls(combinations(types, most), never or after_first)
        texts = (f'pg_catalog."{name}"({", ".join(args)})' for args in every)
        found, count = nulls_of(conn, texts)
        ran, calls = ran + 1, calls + count
        wrong += [f"{signature}: {call}" for call in found[:1]]
    for operator, left, right, function, types in conn.execute(OPERATORS).fetchall():
        signature = f"{function}({','.join(types)})"
        if operator not in known.TOTAL_OPERATORS or signature in known.PARTIAL:
            continue
        sides = [right] if left is None else [left, right]
        texts = (
            f"{args[0] if left else ''} OPERATOR(pg_catalog.{operator}) {args[-1]}"
            for args in combinations(sides, most)
        )
        found, count = nulls_of(conn, texts)
        ran, calls = ran + 1, calls + count
        wrong += [f"{signature}: {call}" for call in found[:1]]
    return wrong, ran, calls


def find(conn: psycopg.Connection[Any], most: int) -> None:
    """Print the names of functions of which no call gave NULL, and which are not listed."""
    names: dict[str, list[str]] = {}
    partial: dict[str, list[str]] = {}
    for _, name, _, strict, types, _, _ in conn.execute(FUNCTIONS).fetchall():
        if name.startswith(DANGEROUS) or not strict:
            continue
        signature = f"{name}({','.join(types)})"
        texts = (f'pg_catalog."{name}"({", ".join(args)})' for args in combinations(types, most))
        found, count = nulls_of(conn, texts)
        if found:
            partial.setdefault(name, []).append(f"{signature}: {found[0]}")
        elif count:
            names.setdefault(name, []).append(signature)
        elif not types or values_of(types[0]) is not None:
            partial.setdefault(f"?{name}", []).append(signature)
    listed = known.TOTAL_FUNCTIONS | known.NEVER_NULL
    print("never NULL:", " ".join(sorted(n for n in names if n not in partial and n not in listed)))
    for name, cases in sorted(partial.items()):
        if not name.startswith("?"):
            print("NULL:", *cases, sep="\n    ")
    print("no result:", " ".join(sorted(n[1:] for n in partial if n.startswith("?"))))


def main() -> int:
    """Check, or find."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", default="embedded")
    parser.add_argument("--find", action="store_true")
    parser.add_argument("--most", type=int, default=60, help="calls of each function")
    arguments = parser.parse_args()
    with server(arguments.server) as started, psycopg.connect(started.dsn, autocommit=True) as conn:
        conn.execute("SET statement_timeout = '2s'")
        conn.execute("SET temp_file_limit = '10MB'")
        if arguments.find:
            find(conn, arguments.most)
            return 0
        wrong, ran, calls = wrongly_trusted(conn, arguments.most)
        print(*wrong, sep="\n")
        print(f"{ran} functions and operators, {calls} results, {len(wrong)} gave NULL")
        return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
