"""What is said of each mistake, to the letter: `golden/scan_messages.txt` holds the sentences.

`LITEORM_GOLDEN=1 pytest tests/postgres/test_scan_messages.py` writes the file anew; its
difference is part of the review.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import ipaddress as ip
import os
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar
from uuid import UUID

import attrs
import pytest

from liteorm import Column, Error, Interval, Range, Rows, postgres, scan, scan_one, scan_optional
from liteorm_testing import Server, database
from tests.postgres.scanning import query, run

GOLDEN = Path(__file__).with_name("golden") / "scan_messages.txt"
SECRET = "Xq7Zk2"
"""Stands in every text of the rows below; 90817263 in every number, 1987-06-05 in every date."""
VALUES = (SECRET, "90817263", "1987", "9081-")

SCHEMA = f"""
CREATE TYPE pair AS (a int, b text);
CREATE EXTENSION cube;
CREATE TABLE users AS SELECT 90817263 AS id, '{SECRET}'::text AS name, 90817263.5 AS price,
    timestamptz '1987-06-05' AS since, ARRAY[90817263] AS codes,
    ROW(90817263, '{SECRET}')::pair AS p,
    '{{"name": "{SECRET}", "n": 90817263}}'::jsonb AS doc, NULL::text AS nothing;
"""

T = TypeVar("T")


class Color(enum.Enum):
    RED = "red"


class Size(enum.IntEnum):
    ONE = 1


@attrs.define
class User:
    id: int
    name: str


@attrs.define
class Product:
    price: float


@attrs.define
class Author:
    author: User
    title: str | None = None


@attrs.define
class Tagged:
    codes: list[str]


@attrs.define
class Doc:
    doc: Inner


@attrs.define
class Inner:
    name: str
    n: str


@attrs.define
class WithColor:
    doc: dict[str, Color]


@attrs.define
class PairOfText:
    a: str
    b: str


@attrs.define
class HasPair:
    p: PairOfText


@attrs.define
class Page(Generic[T]):
    data: T


@attrs.define
class Unresolved:
    id: Missing  # type: ignore[name-defined] # noqa: F821 # pyright: ignore


@dataclasses.dataclass
class Init:
    id: int
    name: dataclasses.InitVar[str]


@attrs.define
class Twice:
    id: int
    number: Annotated[int, Column(name="id")]


@attrs.define
class OwnInit:
    id: int

    def __init__(self, number: int) -> None:
        self.id = number


class Pair(NamedTuple):
    a: int
    b: str


def _rows(columns: str) -> str:
    return f"SELECT {columns} FROM users"


Scan = Callable[[Rows, Any], Any]
MISTAKES: dict[str, tuple[str, Any] | tuple[str, Any, Scan]] = {
    "number of another type": (_rows("price"), Product),
    "text in a number": (_rows("name AS id, name"), User),
    "number in a text": (_rows("id, id AS name"), User),
    "scalar of another type": (_rows("name"), int),
    "scalar without a name": ("SELECT 90817263::int8 + 1", str),
    "column that no field takes": (_rows("id, name, price"), User),
    "near miss": (_rows("id, name AS nmae"), User),
    "near miss of case": (_rows('id, name AS "Name"'), User),
    "required field without a column": (_rows("id"), User),
    "two fields without columns": (_rows("price"), User),
    "no column at all": ("SELECT FROM users", User),
    "column that comes twice": (_rows("id, id, name"), User),
    "inner column missing": (_rows('id AS "author.id"'), Author),
    "inner column too many": (
        _rows('id AS "author.id", name AS "author.name", id AS "author.no"'),
        Author,
    ),
    "inner column of another type": (
        _rows('name AS "author.id", name AS "author.name"'),
        Author,
    ),
    "dotted column of a plain field": (
        _rows('id AS "author.id", name AS "author.name", name AS "title.text"'),
        Author,
    ),
    "column for a field that is a class": (_rows("id AS author"), Author),
    "null in a field": ("SELECT 90817263 AS id, NULL::text AS name", User),
    "null in a later row": (
        "SELECT n AS id, CASE WHEN n < 300 THEN 'x' END AS name FROM generate_series(0, 400) AS n",
        User,
    ),
    "null in an inner field": (_rows('nothing AS "author.name", id AS "author.id"'), Author),
    "null scalar": (_rows("nothing"), str),
    "null element": ("SELECT ARRAY['Xq7Zk2', NULL] AS codes", Tagged),
    "elements of another type": (_rows("codes"), Tagged),
    "more dimensions": ("SELECT ARRAY[ARRAY['Xq7Zk2']] AS codes", Tagged),
    "fewer dimensions": ("SELECT ARRAY[90817263]", list[list[int]]),
    "another number of elements": ("SELECT ARRAY[90817263]", tuple[tuple[int, int]]),
    "array in a scalar": (_rows("codes AS id, name"), User),
    "scalar in a list": (_rows("id"), list[int]),
    "set of what has no hash": (_rows("codes"), set[list[int]]),
    "too many columns for a scalar": (_rows("id, name"), int),
    "too few columns for a tuple": (_rows("id"), tuple[int, str]),
    "column of a tuple": (_rows("id, name"), tuple[int, int]),
    "column of a dict": (_rows("id, name"), dict[str, int]),
    "json that misses a field": ('SELECT \'{"n": "Xq7Zk2"}\'::jsonb AS doc', Doc),
    "json of another type": (_rows("doc"), Doc),
    "json with an unknown member": (_rows("doc - 'n' AS doc"), WithColor),
    "json with a bad address": ("SELECT '[\"Xq7Zk2\"]'::jsonb", tuple[list[ip.IPv4Address]]),
    "json with a bad uuid": ("SELECT '\"Xq7Zk2\"'::json", tuple[UUID]),
    "json into a type of no kind": (_rows("doc"), tuple[Interval | Range[int]]),
    "composite of other types": (_rows("p"), HasPair),
    "composite with other attributes": (_rows("p"), tuple[User]),
    "composite of another length": (_rows("p"), tuple[tuple[int]]),
    "record of another length": ("SELECT ROW(90817263, 'Xq7Zk2')", tuple[tuple[int]]),
    "record of other types": ("SELECT ROW(90817263, 90817263)", tuple[Pair]),
    "record with a literal": ("SELECT ROW('Xq7Zk2')", tuple[tuple[int]]),
    "null in a composite": ("SELECT ROW(NULL, 'Xq7Zk2')::pair", tuple[Pair]),
    "null among composites": ("SELECT ARRAY[ROW(90817263, 'Xq7Zk2')::pair, NULL]", list[Pair]),
    "unknown member": (_rows("name"), Color),
    "unknown number of a member": (_rows("id"), Size),
    "unknown literal": (_rows("name"), Literal["a", "b"]),
    "member of another type": (_rows("id"), Color),
    "date beyond python": ("SELECT date 'infinity' AS since", dt.date),
    "timestamp beyond python": ("SELECT timestamptz '90817-01-01' AS since", dt.datetime),
    "time beyond python": ("SELECT time '24:00' AS at", dt.time),
    "interval with months": ("SELECT interval '9 months' AS span", dt.timedelta),
    "interval too long": ("SELECT interval '1000000001 days' AS span", dt.timedelta),
    "interval with months inside": (
        "SELECT ROW(interval '9 months', jsonb '1')",
        tuple[tuple[dt.timedelta, int]],
    ),
    "timestamp in a date": (_rows("since"), dt.date),
    "numeric in an int": (_rows("price"), int),
    "uuid in a text": ("SELECT gen_random_uuid() AS id", str),
    "address with a netmask": ("SELECT inet '90.81.72.63/8' AS host", ip.IPv4Address),
    "address as a text": ("SELECT inet '90.81.72.63' AS host", str),
    "network in an address": ("SELECT cidr '90.0.0.0/8' AS net", ip.IPv4Address),
    "range of another type": ("SELECT int4range(1, 90817263) AS r", Range[Decimal]),
    "type of an extension": ("SELECT cube(90817263) AS c", tuple[Any]),
    "type of an extension inside": ("SELECT ARRAY[cube(90817263)] AS c", tuple[Any]),
    "union that nothing fits": (_rows("name"), int | Decimal),
    "no row": (_rows("id") + " WHERE false", int, scan_one),
    "two rows": ("SELECT generate_series(1, 2)", int, scan_one),
    "three rows for an optional": ("SELECT generate_series(1, 3)", int, scan_optional),
    "generic without arguments": (_rows("id AS data"), Page),
    "name that cannot be resolved": (_rows("id"), Unresolved),
    "initvar": (_rows("id, name"), Init),
    "one column for two fields": (_rows("id"), Twice),
    "constructor with other arguments": (_rows("id"), OwnInit),
    "dict with other keys": (_rows("id"), dict[int, int]),
}


@pytest.fixture(scope="module")
def db(liteorm_server: Server) -> Iterator[postgres.DB]:
    """A database whose rows have values that can be told apart from any word of a message."""
    with database(liteorm_server) as made, postgres.open(made.dsn) as opened:
        run(opened, SCHEMA)
        yield opened


@pytest.fixture(scope="module")
def golden() -> Iterator[dict[str, str]]:
    """The sentences of the file; written anew when asked to."""
    entries = dict(re.findall(r"^## (.+)\n((?:.*\n)*?)(?=^## |\Z)", _text(), re.MULTILINE))
    if not os.environ.get("LITEORM_GOLDEN"):
        yield entries
        return
    written: dict[str, str] = {}
    yield written
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text("".join(f"## {title}\n{text}" for title, text in written.items()), "utf-8")


def _text() -> str:
    return GOLDEN.read_text("utf-8") if GOLDEN.exists() else ""


@pytest.mark.parametrize("title", list(MISTAKES))
def test_each_mistake_has_its_sentence(db: postgres.DB, golden: dict[str, str], title: str) -> None:
    """Expected, got, where and remedy are said in the words of the file, and no value is."""
    sql, model, *rest = MISTAKES[title]
    call: Scan = rest[0] if rest else scan
    with pytest.raises(Error) as caught:
        call(query(db, sql), model)
    error = caught.value
    text = f"{sql}\n{type(error).__name__}: {error}\n\n"
    # Python 3.14 prints a union as it is written.
    written = "liteorm.Interval | liteorm.Range[int]"
    text = text.replace(f"`{written}`", "`typing.Union[liteorm.Interval, liteorm.Range[int]]`")
    if os.environ.get("LITEORM_GOLDEN"):
        golden[title] = text
    assert golden[title] == text
    assert error.hint, "a remedy is missing"
    words = [error.message, error.hint, *map(str, vars(error).values())]
    assert not [value for value in VALUES for word in words if value in word]
    assert not error.message.endswith(".")


def test_no_sentence_is_left_over(golden: dict[str, str]) -> None:
    """Every sentence of the file has its mistake."""
    assert list(golden) == list(MISTAKES)
