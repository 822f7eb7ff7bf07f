"""The check says of a parameter's type what a call with it does."""

from __future__ import annotations

import datetime
import decimal
import enum
import uuid
from collections.abc import Iterator
from typing import Any, Literal

import pytest

import liteorm
from liteorm import postgres
from liteorm._check import check_all
from liteorm._check.answers import LiveAnswers
from liteorm._check.subjects import Subject
from liteorm_testing import Server, database

SCHEMA = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE FUNCTION small(n int2) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION large(n int8) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TABLE things (
    id int NOT NULL, big int8 NOT NULL, price numeric(9, 2) NOT NULL, weight float8 NOT NULL,
    name text NOT NULL, mood mood NOT NULL, day date NOT NULL, at timestamptz NOT NULL,
    tags text[] NOT NULL, data jsonb NOT NULL, key uuid NOT NULL, span daterange NOT NULL,
    lasts interval NOT NULL, raw bytea NOT NULL, done bool NOT NULL
);
INSERT INTO things VALUES (1, 2, 3.5, 4.5, 'x', 'ok', '2024-01-01', '2024-01-01', '{a}', '{"a": 1}',
    gen_random_uuid(), '[2024-01-01,2024-02-01)', '1 day', 'x', true);
"""


class Mood(enum.Enum):
    """By value."""

    SAD = "sad"
    OK = "ok"


class Number(enum.IntEnum):
    """Integers."""

    ONE = 1
    MANY = 100_000


VALUES: dict[Any, list[Any]] = {
    int: [1, 100_000],
    int | None: [1, 100_000, None],
    float: [1.5],
    decimal.Decimal: [decimal.Decimal("1.5")],
    bool: [True],
    bytes: [b"x"],
    uuid.UUID: [uuid.UUID(int=1)],
    datetime.date: [datetime.date(2024, 1, 2)],
    datetime.date | None: [datetime.date(2024, 1, 2), None],
    datetime.timedelta: [datetime.timedelta(days=1)],
    Mood: [*Mood],
    Number: [*Number],
    Literal[1, 2]: [1, 2],
    liteorm.Range[datetime.date]: [liteorm.Range(datetime.date(2024, 1, 1), None)],
    liteorm.Json[Any]: [liteorm.Json({"a": 1})],
    dict[str, int]: [{"a": 1}],
    list[int]: [[1], [100_000], []],
    list[str]: [["sad"], []],
    list[Mood]: [[Mood.OK], []],
    list[float]: [[1.5], []],
}
EXPRESSIONS = [
    "id = {}",
    "big > {}",
    "price * {} > 1",
    "round(price * {}, 2) > 1",
    "sqrt({}) > 1",
    "weight + {} > 1",
    "mood = {}",
    "mood = ANY({})",
    "day + {} > day",
    "day - {} < now()",
    "at > now() - {}",
    "at > {}",
    "tags && {}",
    "{} = ANY(tags)",
    "id = ANY({})",
    "(name || {}) IS NOT NULL",
    "data -> {} IS NULL",
    "data @> {}",
    "key = {}",
    "span @> {}",
    "span && {}",
    "lasts > {}",
    "raw = {}",
    "done = {}",
    "small({}) = 1",
    "large({}) = 1",
    "left(name, {}) = ''",
    "array_length({}, 1) = 1",
    "id IN (SELECT unnest({}))",
    "{} IS NULL",
    "{} IS NULL OR id = {}",
    "coalesce({}, id) = id",
    "concat({}) = ''",
    "CASE WHEN done THEN {} ELSE id END = 1",
    "make_interval(days => {}) > lasts",
    "data ->> {} = ''",
    "tags[{}] = ''",
    "({}, id) = (1, 2)",
    "id = (SELECT max(x) FROM (VALUES ({}), (1)) v(x))",
    "id IN (SELECT generate_series(1, {}))",
    "EXISTS (SELECT 1 LIMIT {})",
    "ARRAY[{}] = ARRAY[id]",
    "num_nulls({}) = 1",
    "{}::numeric > 1",
]


@pytest.fixture(scope="module")
def db(liteorm_server: Server) -> Iterator[postgres.DB]:
    """A table with a column of many types, and one row."""
    with (
        database(liteorm_server, SCHEMA) as made,
        postgres.open(made.dsn, max_size=1, prepare=False) as opened,
    ):
        yield opened


def refusals(db: postgres.DB, sql: str, values: list[Any]) -> list[str]:
    """Return what the server says of a statement's types, for each value."""
    found: list[str] = []
    for value in values:
        try:
            db.query(sql, {"x": value})  # type: ignore[arg-type]
        except liteorm.DataError:
            pass  # the types are right, and this value is not in the data
        except liteorm.Error as error:
            found.append(error.message)
    return found


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_the_check_says_what_a_call_does(db: postgres.DB, expression: str) -> None:
    """A parameter is an error if and only if the server refuses one of the ways it is sent."""
    sql: Any = f"SELECT id FROM things WHERE {expression.format('%(x)s', '%(x)s')}"
    wrong: list[Any] = []
    for annotation, values in VALUES.items():
        item = liteorm.statement(int, sql, params={"x": annotation})
        subject = Subject("statement", "item", __name__, __file__, 1, item)
        findings = check_all(LiveAnswers(db), [subject])
        errors = [str(finding) for finding in findings if finding.level == "error"]
        refused = refusals(db, sql, values)
        # What comes as a literal is read by its value: the check goes by the annotation there.
        literal = annotation in (Mood, list[Mood]) or "Range" in str(annotation)
        if bool(errors) != bool(refused) and not (literal and errors):
            wrong.append((annotation, errors, refused))
    assert wrong == []


class Named(enum.Enum):
    """Its names are the labels; a parameter is sent by value, whatever it is compared with."""

    sad = "s"
    ok = "o"


class Wider(enum.Enum):
    """One more than the database has."""

    SAD = "sad"
    LOST = "lost"


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (Mood, []),
        (Mood | None, []),
        (Literal["ok"], []),
        (str, []),
        (Wider, ["warning"]),
        (Wider | None, ["warning"]),
        (list[Wider], ["warning"]),
        (Literal["ok", "lost"], ["warning"]),
        (Literal["lost"], ["error"]),
        (Named, ["error"]),
    ],
)
def test_values_that_are_no_labels_are_found(
    db: postgres.DB, annotation: Any, expected: list[str]
) -> None:
    """A member or literal that the database's enum has not is said; an error, if it has none."""
    is_list = annotation == list[Wider]
    condition = "= ANY(%(x)s)" if is_list else "= %(x)s"
    sql: Any = f"SELECT id FROM things WHERE mood {condition}"
    item = liteorm.statement(int, sql, params={"x": annotation})
    subject = Subject("statement", "item", __name__, __file__, 1, item)
    findings = check_all(LiveAnswers(db), [subject])
    assert [finding.level for finding in findings] == expected
    assert {finding.code for finding in findings} <= {"enum-label"}
    if annotation in (Named, Literal["lost"]):
        with pytest.raises(liteorm.DataError):
            item.all(db, x=Named.ok if annotation is Named else "lost")
