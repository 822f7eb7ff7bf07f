"""Mistakes of a newcomer's first day, each with what is said and the remedy that comes with it.

The same is said by a call (`tests/postgres/_async/test_first_day.py`) and by `liteorm check`
(`tests/check/test_first_day.py`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

TABLE = """
CREATE TABLE things (
    id int PRIMARY KEY, name text, day date, at timestamptz, tags text[], data jsonb
);
"""


class Mistake(NamedTuple):
    """A statement with its parameters, the types to declare, what is said, and the remedy."""

    sql: Any
    params: dict[str, Any]
    types: dict[str, Any]
    said: str
    remedy: str


_SYNTAX = 'syntax error at or near "{}"'
MISTAKES = [
    Mistake(
        "SELECT id FROM things WHERE id IN %(ids)s",
        {"ids": [1, 2]},
        {"ids": list[int]},
        _SYNTAX.format("%(ids)s"),
        "write = ANY(%(ids)s), which takes a list",
    ),
    Mistake(
        "SELECT id FROM things WHERE name = %(n)s AND id NOT IN %(ids)s",
        {"n": "x", "ids": (1, 2)},
        {"n": str, "ids": tuple[int, int]},
        _SYNTAX.format("%(ids)s"),
        "write <> ALL(%(ids)s), which takes a list",
    ),
    Mistake(
        "SELECT id FROM things WHERE (id, id) IN %(pairs)s",
        {"pairs": [(1, 2)]},
        {"pairs": list[Any]},
        _SYNTAX.format("%(pairs)s"),
        "a list of rows goes as a list for each column: IN (SELECT * FROM unnest(",
    ),
    Mistake(
        "SELECT id FROM things WHERE id = %(id)s OR id IN %(id)s",
        {"id": [1]},
        {"id": list[int]},
        _SYNTAX.format("%(id)s"),
        "write = ANY(%(id)s), which takes a list",
    ),
    Mistake(
        "SELECT id FROM things WHERE id = ANY %(ids)s",
        {"ids": [1]},
        {"ids": list[int]},
        _SYNTAX.format("%(ids)s"),
        "write ANY(%(ids)s), with parentheses",
    ),
    Mistake(
        "SELECT id FROM things WHERE %(s)s IS NULL OR name = %(s)s",
        {"s": "x"},
        {"s": str},
        "could not determine data type of parameter %(s)s: the SQL around it leaves the type open",
        "say which type is meant by a cast: %(s)s::text",
    ),
    Mistake(
        "SELECT concat('a', %(s)s)",
        {"s": None},
        {"s": str | None},
        "could not determine data type of parameter %(s)s",
        "%(s)s::text",
    ),
    Mistake(
        "SELECT id FROM things WHERE name LIKE 'a%' AND id = %(i)s",
        {"i": 1},
        {"i": int},
        "a lone % in line 1",
        "write %% for a % that is part of the SQL",
    ),
    Mistake(
        "SELECT id FROM things WHERE id = %(i)s AND id <> %(other)d",
        {"i": 1, "other": 2},
        {"i": int, "other": int},
        "a lone % in line 1",
        "a placeholder of any type is written %s or %(name)s",
    ),
    Mistake(
        "SET LOCAL statement_timeout = %(n)s",
        {"n": 5},
        {"n": int},
        _SYNTAX.format("%(n)s"),
        "write SELECT set_config('name', %(n)s, true), or give transaction(settings={...})",
    ),
    Mistake(
        "SELECT now() - INTERVAL %(n)s",
        {"n": "1 day"},
        {"n": str},
        _SYNTAX.format("%(n)s"),
        "write %(n)s::INTERVAL",
    ),
    Mistake(
        "SELECT id FROM things WHERE at > timestamp with time zone %(t)s",
        {"t": "2024-01-01"},
        {"t": str},
        _SYNTAX.format("%(t)s"),
        "write %(t)s::timestamp with time zone",
    ),
    Mistake(
        "SELECT EXTRACT(%(part)s FROM at) FROM things",
        {"part": "year"},
        {"part": str},
        _SYNTAX.format("%(part)s"),
        "write date_part(%(part)s, …)",
    ),
    Mistake(
        "SELECT id FROM things ORDER BY id %(way)s",
        {"way": "DESC"},
        {"way": str},
        _SYNTAX.format("%(way)s"),
        "words such as DESC are put in with liteorm.sql",
    ),
    Mistake(
        "SELECT id FROM %(table)s",
        {"table": "things"},
        {"table": str},
        _SYNTAX.format("%(table)s"),
        "put in with liteorm.sql and Ident",
    ),
    Mistake(
        "INSERT INTO things (id) VALUES %(rows)s",
        {"rows": [1, 2]},
        {"rows": list[int]},
        _SYNTAX.format("%(rows)s"),
        "many rows are stored with insert_many or execute_many",
    ),
    Mistake(
        "NOTIFY things, %(what)s",
        {"what": "x"},
        {"what": str},
        _SYNTAX.format("%(what)s"),
        "SELECT pg_notify(%(what)s, …)",
    ),
    Mistake(
        "LISTEN %(what)s",
        {"what": "x"},
        {"what": str},
        _SYNTAX.format("%(what)s"),
        "call postgres.listen",
    ),
]
"""What a call and the check say alike."""

CALLS = [
    Mistake(
        "SELECT id FROM things WHERE id IN (%(ids)s)",
        {"ids": [1, 2]},
        {},
        "operator does not exist",
        "write = ANY(%(ids)s), which takes a list",
    ),
    Mistake(
        "SELECT id FROM things WHERE id = ANY(%(ids)s)",
        {"ids": 1},
        {},
        "requires array",
        "ANY and ALL take a list",
    ),
    Mistake(
        "SELECT '%%%%', id FROM things\nWHERE id <> %(ids)s",
        {"ids": [1, 2]},
        {},
        "operator does not exist",
        "write <> ALL(%(ids)s), which takes a list",
    ),
    Mistake(
        "SELECT id FROM things WHERE name = '%(x)s'",
        {"x": 1},
        {},
        "%(x)s in line 1 stands inside quotes, where no value is put in",
        "put it outside",
    ),
    Mistake(
        "SELECT now() - interval '%(n)s days'",
        {"n": 3},
        {},
        "%(n)s in line 1 stands inside quotes",
        "put it outside",
    ),
    Mistake(
        "SELECT id FROM things WHERE id = :id",
        {"id": 1},
        {},
        'there is no parameter "id"; the statement takes no names',
        "a placeholder of any type is written %s or %(name)s",
    ),
    Mistake(
        "INSERT INTO things (id, name) VALUES %(rows)s",
        {"rows": [(1, "a")]},
        {},
        'parameter "rows", of type list, cannot be sent',
        "rows are stored by insert_many or execute_many",
    ),
    Mistake(
        "ALTER TABLE things ALTER name SET DEFAULT %(x)s",
        {"x": "a"},
        {},
        "parameter %(x)s",
        "ALTER TABLE takes no parameters: write the value itself in the SQL",
    ),
    Mistake(
        "SELECT 1; SELECT %(x)s",
        {"x": "a"},
        {},
        "cannot insert multiple commands",
        "send each command by itself",
    ),
]
"""What a call says; the check knows the declared types and says more."""

OTHER_PLACEHOLDERS = [
    *("SELECT id FROM things WHERE id = ?", "SELECT id FROM things WHERE id = :id"),
    *("SELECT id FROM things WHERE id = {id}", "SELECT id FROM things WHERE id = %d"),
    *("SELECT id FROM things WHERE id = %(id)d", "SELECT id FROM things WHERE id = %(id)"),
]
"""Placeholders of other libraries."""
