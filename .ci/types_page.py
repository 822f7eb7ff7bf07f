#!/usr/bin/env python3
"""Writes docs/types.md from the table of types; `--check` compares only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from liteorm._core.scanning.types import BUILTINS, BY_OID, EXTENSIONS, ROWS, Builtin, PgType  # noqa: E402

PAGE = ROOT / "docs" / "types.md"

HEAD = """\
# Types

<!-- Written by .ci/types_page.py from liteorm/_core/scanning/types.py. -->

Which PostgreSQL type fills which annotation is one table. A column whose type is in the row of the
annotation fills the field; any other is a `ScanError` before the first object is built. Nothing is
coerced: `numeric` does not become `float` in passing, nor `int` a `bool`. The error says which cast
to write in the SQL, where the conversion is the server's and can be seen:

<!-- setup
import liteorm
from liteorm import postgres, scan_one

db = postgres.open(dsn)
-->

<!-- raises: ScanError -->
```python
scan_one(db.query("SELECT 12.5 AS price"), float)
```
<!-- output -->
```text
ScanError: column "price" is numeric (Decimal); expected float
cast it: price::float8, or scan into Decimal
```

```python
assert scan_one(db.query("SELECT 12.5::float8 AS price"), float) == 12.5
```

Every annotation may be `X | None`; without it NULL is an error. `Any` and `object` take the plain
value, whatever it is. The same values can be inserted, updated and copied, by every call that knows
the column; what a bare parameter takes is [told below](#as-a-parameter).

`infinity` and BC are beyond Python's dates. They are errors only where they are asked for; a field
with a [codec](scanning.md#codecs) is given `"infinity"` or `"-infinity"` for such a date or
timestamp, and its `encode` may return these words: so `valid_to … DEFAULT 'infinity'` is mapped.

An `Enum` or a `Literal` fills from every type whose values its members have: text and enum columns
by `str` values, integers by `int` values, and so on. In text and enum columns an enum goes by its
members' names if not all of its values are `str`, and in enum columns also if none of its values is
a label and all of its names are (which is what SQLAlchemy makes). It is read, written and copied
by this one rule. A parameter has no column: there its value is sent, if all values are of one class
that a column can hold, else its name; where the labels are the names, write `member.name`.

Inside JSON, bytes, intervals, times with a zone and ranges are read in two forms: as liteorm writes
them (base64, ISO 8601, objects), and as `to_jsonb` does (`\\x00ff`, `1 day 02:03:00`,
`12:00:00+02`, `[1,5)`), if `bytea_output` is `hex` and `IntervalStyle` is `postgres` or `iso_8601`.
What `to_jsonb` writes of bytes where `bytea_output` is `escape` can be told from base64 by nobody:
`abcd` is both. Let the SQL say it there: `'\\x' || encode(data, 'hex')`.

"""

KINDS = """
## Built from other types

| PostgreSQL type | plain Python value | other annotations |
|---|---|---|
| array `t[]` | `list` of t's value, nested for more dimensions | `set`, `frozenset`, \
`tuple[X, ...]`, `tuple[X, Y]` (exactly two elements), `Sequence`; `list[list[X]]` for two \
dimensions |
| enum | `str` | an `Enum` by value or by name, `Literal` |
| domain | as its base type | as its base type |
| composite, table row | `tuple` | a class or `TypedDict` by attribute name, `dict[str, X]`, \
`tuple[X, Y]` |
| `record`, `ROW(...)` | `tuple` | a class or `tuple[X, Y]` by position |
| range, also your own | `Range` of the subtype's value | `Range[X]`, of what fills the subtype |
| multirange, also your own | `Multirange` of the subtype's value | the same |

## As a parameter

A parameter of `query` and `execute` goes by its class alone. Most columns take what is sent; for
these the SQL has to say what it is, otherwise the server refuses it and nothing is stored:

| column | send | write in place of `%s` |
|---|---|---|
| `json`, `jsonb` | `liteorm.Json(value)`; dicts and objects of classes as they are | `%s` |
| `xid8`, `xid`, `cid` | an `int` | `%s::text::xid8` |
| `point` | two `float`s | `point(%s, %s)` |
| `bit(8)[]` | a `list[str]` | `%s::bit(8)[]` |
| `int2vector`, `oidvector` | a `list[int]` | `array_to_string(%s::int8[], ' ')::int2vector` |
| `hstore` | its keys and its values, two lists | `hstore(%s::text[], %s::text[])` |
| a composite | its attributes | `ROW(%s, %s)::pair` |
| an array of composites | a list for each attribute | \
`ARRAY(SELECT ROW(a, b)::pair FROM unnest(%s::int[], %s::text[]) AS t(a, b))` |

The elements of a list share one type that holds each: an `IntEnum` beside larger numbers, addresses
beside interfaces, `timedelta` beside `Interval`; moments with and without a time zone are refused.
A subclass of a number, a moment or a UUID is sent as its value, not as its `str` says.

A list is an array and a `Range` a range, empty ones too: JSON columns refuse them. A `str` is taken
by any type that has it as its text; in `json` and `jsonb` it is JSON text.
A column of type `text` keeps the array's own text of a list, with a form feed behind an empty one:
send a `str` there.

## Remarks

- **Timestamps** with time zone arrive in UTC (`datetime.UTC`), whatever the session's TimeZone;
  `.astimezone(zone)` shows them elsewhere. Without time zone they are naive.
- **Beyond Python.** Infinity, years BC or after 9999, `24:00` and intervals with months have no
  place in `datetime`'s classes: a `DataError` names the column and the row. In a column that
  nobody asked for they harm nothing. `liteorm.Interval` holds any interval; the rest can be cast
  to text.
- **Ranges of `interval`** are `Range[timedelta]`, where a bound with months is a `DataError`, or
  `Range[Interval]`, which holds any. `Interval` has no order (is a month more than 30 days?): what
  is in such a range, the database says.
- **`"char"`** is one byte; the zero byte is the empty string, as PostgreSQL shows it.
- **Too long for `"char"` or `name`**, a `str` is refused by the calls that know the table. As a
  parameter of a statement PostgreSQL itself cuts it, as it does a literal.
- **Moments with a time zone** go from the year 1 to 9999 in UTC; an object with others is refused.
- **`money`** has as many decimals as the server's `lc_monetary`; they are asked for once.
- **`character(n)`** is padded with spaces, as PostgreSQL gives it. Use `text`.
- **`inet`** gives an Address, or an Interface where the value has a netmask. A field annotated
  `IPv4Interface` takes both; one annotated `IPv4Address` refuses a netmask.
- **`regclass` and its like** are their oids; `::text` gives the name.
- **Geometric types** are their text, a `point` also `tuple[float, float]`.
- **Other types of extensions** have no form that liteorm reads, and never surface as bytes: the
  error says to cast them to text. So do types without binary output (`aclitem`).
- **A type that was dropped and created again**, or a composite whose attributes were added,
  dropped or given another type, is looked up again by itself, also by the transaction that has done
  it with a command of its own. One that lets a function do it says so: `db.clear_types()`. A
  *renamed* attribute keeps its old name until the pool is opened again: nothing in a result tells.
- **A database in SQL_ASCII** is read as UTF-8; other bytes are an error.
"""


def python(type_: Any) -> str:
    """Return a class as the page shows it."""
    shown = getattr(type_, "__name__", str(type_)) if type_ is not type(None) else "None"
    return f"`{str(type_) if 'tuple' in str(type_) and type_ is not tuple else shown}`"


def others(row: Builtin) -> str:
    """Return what else a type fills."""
    if row.name in ("json", "jsonb"):
        return "whatever JSON can hold: classes, `list[X]`, `dict[str, X]`, `TypedDict`, scalars"
    if row.name == "hstore":
        return "`dict[str, str]` where no value is NULL"
    return ", ".join(python(annotation) for annotation, _ in row.variants)


_SAID = ("citext", "hstore", "ltree", "lquery", "ltxtquery", "vector", "point", "void")
"""Types of which the table has nothing to add."""


def plain(row: Builtin) -> str:
    """Return the plain value of a type."""
    if row.python is object:
        return "" if row.name in ("json", "jsonb") else row.ours
    shown = PgType(0, row.name, "base", row.python, base=row.name).shown
    return f"`{shown}`"


def lines(rows: tuple[Builtin, ...]) -> Iterator[str]:
    """Yield the rows of a table."""
    yield "| PostgreSQL type | plain Python value | other annotations | remarks |"
    yield "|---|---|---|---|"
    for row in rows:
        if row.name in ("unknown", "cstring"):
            continue
        value = plain(row) or "what the JSON says"
        remark = "" if row.python is object or row.name in _SAID else row.ours
        cells = [f"`{row.sql}`", value, others(row), remark]
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def ranges() -> Iterator[str]:
    """Yield the rows of the built-in ranges."""
    yield "| PostgreSQL type | Python value |"
    yield "|---|---|"
    for type_ in BY_OID.values():
        if type_.kind in ("range", "multirange"):
            yield f"| `{type_.name}` | `{type_.shown}` |"


def page() -> str:
    """Return the whole page."""
    assert all(row.name in ROWS for row in BUILTINS)
    parts = [
        HEAD + "## Built-in types\n\n" + "\n".join(lines(BUILTINS)),
        "## Ranges\n\n" + "\n".join(ranges()),
        "## Types of extensions\n\n" + "\n".join(lines(EXTENSIONS)),
    ]
    return "\n\n".join(parts) + "\n" + KINDS


def main() -> int:
    """Write the page, or tell whether it is as it would be written."""
    text = page()
    if "--check" in sys.argv:
        same = PAGE.exists() and PAGE.read_text("utf-8") == text
        if not same:
            print("docs/types.md is not what the table says: run python .ci/types_page.py")
        return 0 if same else 1
    PAGE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
