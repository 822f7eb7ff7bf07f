"""Random changes with RETURNING, and random rows, to hold claims against what comes out."""

from __future__ import annotations

from random import Random

from tests.check import odd
from tests.check.queries import TABLES, Columns, Queries

CHANGED = {
    **{
        name: TABLES[name]
        for name in ("a", "b", "c", "m", "made", "parted", "alike", "lists", "checked", "ruled")
    },
    "triggered": {"id": "int", "n": "int", "t": "text"},
}
NOT_SET = ("j", "s", "r")
"""What is compared nowhere, and what is generated."""


def change(queries: Queries, version: int = 0) -> str:
    """Return an INSERT, UPDATE, DELETE or MERGE with RETURNING that a version of PostgreSQL has."""
    kinds = ["insert", "insert", "update", "update", "delete", *(["merge"] * (version >= 17) * 2)]
    kind = queries.one_of(*kinds)
    table = queries.one_of("a", "b", "c", *CHANGED)
    stored = CHANGED[table]
    own = [(f"{table}.{name}", type_) for name, type_ in stored.items()]
    settable = [(name, type_) for name, type_ in stored.items() if name not in NOT_SET]
    seen_after = own
    if version >= 18 and queries.chance(0.4):
        seen_after = [
            (f"{when}.{name}", type_) for when in ("old", "new") for name, type_ in stored.items()
        ]
    if kind == "insert":
        return _insert(queries, table, seen_after, settable)
    source, columns = queries.source(1)
    if kind == "merge":
        return _merge(queries, table, settable, own, seen_after)
    joined = queries.chance(0.5)
    seen = own + (columns if joined else [])
    seen_after = seen_after + (columns if joined else [])
    where = queries.where(seen, 1)
    if kind == "delete":
        using = f" USING {source}" if joined else ""
        return (
            f"DELETE FROM {table}{using}{where} RETURNING {_returned(queries, seen_after, table)}"
        )
    sets = _sets(queries, settable, seen)
    using = f" FROM {source}" if joined else ""
    returned = _returned(queries, seen_after, table)
    return f"UPDATE {table} SET {sets}{using}{where} RETURNING {returned}"


def _sets(queries: Queries, settable: Columns, seen: Columns) -> str:
    chosen = queries.random.sample(settable, min(len(settable), queries.random.randint(1, 2)))
    pairs = [odd.assigned(queries, name, type_, seen) for name, type_ in chosen]
    return ", ".join(f"{name} = {value}" for name, value in pairs)


def _insert(queries: Queries, table: str, after: Columns, settable: Columns) -> str:
    sent = _sent(queries, table, settable)
    if queries.chance(0.6):
        source, columns = queries.source(1)
        pairs = [odd.assigned(queries, name, type_, columns) for name, type_ in sent]
        items = ", ".join(value for _, value in pairs)
        rows = f"SELECT {items} FROM {source}{queries.where(columns, 1)}"
    else:
        pairs = [odd.assigned(queries, name, type_, []) for name, type_ in sent]
        again = [
            queries.one_of(value, "DEFAULT" if "[" not in name else value) for name, value in pairs
        ]
        rows = f"VALUES ({', '.join(value for _, value in pairs)}), ({', '.join(again)})"
    conflict = ""
    if table == "a" and queries.chance(0.4):
        where = queries.one_of("", " WHERE a.n IS NOT NULL", " WHERE excluded.u > ''")
        conflict = f" ON CONFLICT (id) DO UPDATE SET u = excluded.u, n = a.id{where}"
    names = ", ".join(name for name, _ in pairs)
    returned = _returned(queries, after, table)
    return f"INSERT INTO {table} ({names}) {rows}{conflict} RETURNING {returned}"


def _sent(queries: Queries, table: str, settable: Columns) -> Columns:
    """Return some columns; mostly with those without which nothing is stored."""
    sent = queries.random.sample(settable, queries.random.randint(1, len(settable)))
    needed = _NEVER.get(table, ()) if queries.chance(0.8) else ()
    return sent + [pair for pair in settable if pair[0] in needed and pair not in sent]


def _merge(queries: Queries, table: str, settable: Columns, own: Columns, after: Columns) -> str:
    source, columns = queries.source(1)
    seen = own + columns
    arms: list[str] = []
    if queries.chance(0.7):
        only = f" AND {queries.condition(seen, 1)}" if queries.chance(0.4) else ""
        what = queries.one_of("DELETE", *[f"UPDATE SET {_sets(queries, settable, seen)}"] * 3)
        arms.append(f"WHEN MATCHED{only} THEN {what}")
    if queries.chance(0.4):
        what = queries.one_of("DELETE", f"UPDATE SET {_sets(queries, settable, own)}")
        arms.append(f"WHEN NOT MATCHED BY SOURCE THEN {what}")
    if queries.chance(0.6) or not arms:
        sent = _sent(queries, table, settable)
        pairs = [odd.assigned(queries, name, type_, columns) for name, type_ in sent]
        names, values = (", ".join(part) for part in zip(*pairs, strict=True))
        arms.append(f"WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({values})")
    condition = queries.equality(own, columns)
    returned = _returned(queries, after + columns, table)
    return f"MERGE INTO {table} USING {source} ON {condition} {' '.join(arms)} RETURNING {returned}"


def _returned(queries: Queries, columns: Columns, table: str) -> str:
    if queries.chance(0.3):
        return f"{table}.*"
    return ", ".join(
        f"{queries.expression(queries.one_of('int', 'text'), columns, 1)} AS c{n}" for n in range(3)
    )


_VALUES = {
    "int": ["0", "1", "2", "3", "7"],
    "text": ["''", "'x'", "'y'", "'z'", "'q'"],
    "bool": ["true", "false"],
    "jsonb": ["'{\"k\": null}'", "'1'", "'null'", "'[]'"],
    "ts": ["'infinity'", "'-infinity'", "'2024-01-01'"],
    "mood": ["'sad'", "'glad'"],
    "time": ["'12:00'"],
    "ints": ["'{}'", "'{1,NULL}'", "'{2,3}'"],
    "point": ["'(1,1)'"],
}
_NEVER = {
    "a": ("t", "f"),
    "b": ("id", "n"),
    "c": ("id", "n", "t", "u"),
    "m": ("id", "at", "mood"),
    "named": ("id",),
    "made": ("id", "n", "o"),
    "made_below": ("id", "n"),
    "parted": ("id", "n", "o"),
    "alike": ("id", "n"),
    "lists": ("id",),
    "parent": ("id", "n"),
    "child": ("id", "n"),
}


def filled(random: Random) -> str:
    """Return SQL that gives the tables other rows."""
    texts: list[str] = []
    for table, never in _NEVER.items():
        columns = TABLES[{"made_below": "made", "child": "parent"}.get(table, table)]
        names = [name for name in columns if name not in ("s", "r")]
        share = random.choice((0, 0.2, 0.5, 0.9))
        rows = [
            [
                str(number)
                if table == "a" and name == "id"
                else "NULL"
                if name not in never and random.random() < share
                else random.choice(_VALUES[columns[name]])
                for name in names
            ]
            for number in range(random.choice((0, 1, 2, 3, 4)))
        ]
        texts.append(f"DELETE FROM ONLY {table};")
        if table in ("parted", "alike"):
            texts[-1] = f"DELETE FROM {table};"
        if rows:
            shown = ", ".join(f"({', '.join(row)})" for row in rows)
            texts.append(f"INSERT INTO {table} ({', '.join(names)}) VALUES {shown};")
    texts.append(f"SELECT rule('{random.random()}');")
    return "\n".join(texts)
