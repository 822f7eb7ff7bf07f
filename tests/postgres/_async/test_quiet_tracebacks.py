"""A traceback of an error shows no value of a cell or a parameter, whatever the error was."""

from __future__ import annotations

import datetime as dt
import enum
import traceback
from collections.abc import Callable
from typing import Any, Literal

import attrs
import msgspec
import pydantic
import pytest

import liteorm
from liteorm import Range, UniqueViolation
from liteorm.postgres import AsyncDB, open_async
from liteorm.postgres._types.quiet import without_values

pytestmark = pytest.mark.anyio

WORD = "geheim"
WRONG: Any = WORD
NUMBER = 4711_4711
MARKS = (WORD, "47114711", "47_114_711", "47,114,711")
SCHEMA = """
CREATE TYPE mood AS ENUM ('calm');
CREATE TYPE pair AS (name text, age int);
CREATE TABLE person (
    id int PRIMARY KEY, name text NOT NULL UNIQUE, short varchar(3),
    age int CHECK (age < 200), mood mood, born date, doc jsonb, span int4range,
    boss int REFERENCES person DEFERRABLE INITIALLY DEFERRED, number numeric(4, 2), pair pair,
    EXCLUDE USING gist (span WITH &&)
);
"""
RESTORE = """
TRUNCATE person;
INSERT INTO person (id, name, doc, span) VALUES (1, 'geheim', '{"a": "geheim"}', '[1,47114711)');
"""


class Mood(enum.Enum):
    """One label that the type has, one that it has not."""

    CALM = "calm"
    SECRET = WORD


class Calm(enum.Enum):
    """One label only."""

    CALM = "calm"


@attrs.frozen
class Pair:
    """A composite."""

    name: str
    age: int


@liteorm.table("person", key="id")
@attrs.frozen(kw_only=True)
class Person:
    """A row of every kind of column."""

    id: int
    name: str | None = WORD + "s"
    short: str | None = None
    age: int | None = None
    mood: Mood | None = None
    born: dt.date | None = None
    doc: liteorm.Json[Any] | None = None
    span: Range[int] | None = None
    boss: int | None = None
    number: Any = None
    pair: Any = None


CYCLE: dict[str, Any] = {"a": WORD}
CYCLE["b"] = CYCLE

FAULTS: dict[str, Person] = {
    "unique": Person(id=2, name=WORD),
    "the key": Person(id=1, name=WORD + "t"),
    "not null": Person(id=2, name=None, pair=Pair(WORD, NUMBER)),
    "check": Person(id=2, age=NUMBER),
    "exclusion": Person(id=2, span=Range(1, NUMBER)),
    "foreign key, at the end": Person(id=2, boss=NUMBER),
    "too long": Person(id=2, short=WORD),
    "out of range": Person(id=2, age=NUMBER * NUMBER),
    "a number too large": Person(id=2, number=NUMBER),
    "no label": Person(id=2, mood=Mood.SECRET),
    "NUL": Person(id=2, name=WORD + "\0"),
    "a lone surrogate": Person(id=2, name=WORD + "\ud800"),
    "not a number": Person(id=2, age=WRONG),
    "NUL in JSON": Person(id=2, doc=liteorm.Json({"a": WORD + "\0"})),
    "NaN in JSON": Person(id=2, doc=liteorm.Json({"a": WORD, "b": float("nan")})),
    "a cycle in JSON": Person(id=2, doc=liteorm.Json(CYCLE)),
    "a number in a composite": Person(id=2, pair=Pair(WORD, NUMBER * NUMBER)),
    "a class that cannot be sent": Person(id=2, number=Pair),
}


async def _stream(session: Any, sql: str, params: Any = None) -> None:
    async with session.stream(sql, params) as rows:
        async for _ in rows:
            pass


async def _copy_out(session: Any, sql: str, params: Any = None) -> None:
    async with session.copy_out(sql, params) as blocks:
        async for _ in blocks:
            pass


async def _batch(session: Any, sql: str, params: Any = None) -> None:
    async with session.batch() as batch:
        batch.query(sql, params)


def _insert(person: Person) -> tuple[str, list[Any]]:
    values = {name: value for name, value in _values(person).items() if value is not None}
    names, marks = ", ".join(values), ", ".join(["%s"] * len(values))
    return f"INSERT INTO person ({names}) VALUES ({marks}) RETURNING id", [*values.values()]


def _values(person: Person) -> dict[str, Any]:
    return attrs.asdict(person, recurse=False)


WRITES: dict[str, Callable[[Any, Person], Any]] = {
    "insert": lambda session, person: session.insert(person),
    "insert_many": lambda session, person: session.insert_many([person]),
    "insert_returning": lambda session, person: session.insert_returning([person]),
    "upsert": lambda session, person: session.upsert(person),
    "upsert_many": lambda session, person: session.upsert_many([person]),
    "update": lambda session, person: session.update(attrs.evolve(person, id=1)),
    "update_many": lambda session, person: session.update_many([attrs.evolve(person, id=1)]),
    "patch": lambda session, person: session.patch(Person, 1, _values(attrs.evolve(person, id=1))),
    "query": lambda session, person: session.query(*_insert(person)),
    "execute": lambda session, person: session.execute(*_insert(person)),
    "execute_many": lambda session, person: session.execute_many(
        _insert(person)[0], [_insert(person)[1]]
    ),
    "stream": lambda session, person: _stream(session, *_insert(person)),
    "copy_out": lambda session, person: _copy_out(session, *_insert(person)),
    "batch": lambda session, person: _batch(session, *_insert(person)),
}


@attrs.frozen
class Doc:
    """What the JSON is not."""

    a: int


@attrs.frozen
class Few:
    """A field fewer than the JSON has."""


class Closed(msgspec.Struct, forbid_unknown_fields=True):
    """What takes no other keys."""


class Sealed(pydantic.BaseModel):
    """What takes no other keys, and a number."""

    model_config = pydantic.ConfigDict(extra="forbid")
    a: int = 0


READS: dict[str, tuple[str, Any]] = {
    "text as a number": ("SELECT name::int AS a FROM person", int),
    "text as a date": ("SELECT name::date AS a FROM person", dt.date),
    "text as a label": ("SELECT name::mood AS a FROM person", str),
    "text as an array": ("SELECT name::int[] AS a FROM person", list[int]),
    "a date too late": ("SELECT '47114711-01-01'::text::date AS a", dt.date),
    "a number out of range": ("SELECT (upper(span)::int8 * 1000)::int AS a FROM person", int),
    "JSON that is none": ("SELECT name::jsonb AS a FROM person", dict[str, str]),
    "JSON of another type": ("SELECT doc AS a FROM person", Doc),
    "a key too many in JSON": ("SELECT jsonb_build_object(name, 1) AS a FROM person", Few),
    "a key too many for a Struct": ("SELECT jsonb_build_object(name, 1) AS a FROM person", Closed),
    "a key too many for a model": ("SELECT jsonb_build_object(name, 1) AS a FROM person", Sealed),
    "another type for a model": ("SELECT jsonb_build_object('a', name) AS a FROM person", Sealed),
    "no time in JSON": ("SELECT to_jsonb(name || '-01') AS a FROM person", dt.time),
    "no such word": ("SELECT name AS a FROM person", Literal["calm"]),
    "no such word in JSON": ("SELECT doc AS a FROM person", dict[str, Literal["calm"]]),
    "no such label": ("SELECT name AS a FROM person", Calm),
    "no such label in JSON": ("SELECT doc AS a FROM person", dict[str, Calm]),
    "no date in JSON": ("SELECT doc AS a FROM person", dict[str, dt.date]),
    "of another type": ("SELECT name AS a FROM person", int),
    "months": ("SELECT '47114711 months'::text::interval AS a", dt.timedelta),
    "a composite": ("SELECT row(name, NULL)::pair AS a FROM person", Pair),
    "two rows": ("SELECT name AS a FROM person, generate_series(1, 2)", str),
    "a setting": ("SELECT set_config('TimeZone', name, true) AS a FROM person", str),
    "words to search for": ("SELECT to_tsquery(name || ' &&& (')::text AS a FROM person", str),
    "a pattern": ("SELECT 'a' ~ ('(' || name) AS a FROM person", bool),
    "a conversion": ("SELECT to_date(name, 'YYYY') AS a FROM person", dt.date),
    "a byte": ("SELECT decode(name, 'hex') AS a FROM person", bytes),
    "a range": ("SELECT int4range(upper(span), 1) AS a FROM person", Range[int]),
    "words of a path": ("SELECT ('$.' || name || ' ?? ')::jsonpath::text AS a FROM person", str),
    "a type's name": ("SELECT ('x[' || name)::regtype::text AS a FROM person", str),
    "a word too long": ("SELECT repeat(name, 600)::tsquery::text AS a FROM person", str),
    "parts of a date": ("SELECT make_date(upper(span), 1, 1) AS a FROM person", dt.date),
    "parts of a time": ("SELECT make_time(upper(span), 1, 1) AS a FROM person", dt.time),
    "a character too large": ("SELECT chr(upper(span)) AS a FROM person", str),
    "a place in bytes": ("SELECT get_bit('a', upper(span)) AS a FROM person", int),
    "a share": ("SELECT percentile_cont(47114711) WITHIN GROUP (ORDER BY 1) AS a", float),
    "SQL in a string": ("SELECT query_to_xml(name, true, true, '')::text AS a FROM person", str),
    "a cast to a short type": ("SELECT upper(span)::numeric(4, 2) AS a FROM person", float),
}


@pytest.fixture
async def db(liteorm_database: Any) -> Any:
    """A database with the table, and with a class of the user's for one constraint."""

    class Taken(UniqueViolation):
        """Somebody else has this name."""

    async with await open_async(
        liteorm_database.dsn, max_size=2, constraint_errors={"person_name_key": Taken}
    ) as opened:
        await opened.execute(SCHEMA + RESTORE)
        yield opened


def check_quiet(error: BaseException | None, what: str) -> bool:
    """Look for the values in all that a log would show; say whether there was an error."""
    if error is None:
        return False
    shown = "".join(traceback.format_exception(error))
    assert "Traceback" in shown
    assert not [mark for mark in MARKS if mark in shown], f"{what}: {shown}"
    assert isinstance(error, liteorm.Error), what
    chained: BaseException | None = error
    while chained is not None:
        shown = repr(chained)
        assert not [mark for mark in MARKS if mark in shown], f"{what}: {shown}"
        # also what is not printed: tools look there
        chained = chained.__cause__ or chained.__context__
    if error.sqlstate is not None and error.sqlstate != "22000":
        told: Any = error.__cause__
        assert told.sqlstate == error.sqlstate, f"{what}: the server's word is not to be had"
        assert (told.diag.message_detail or "") in (error.detail or ""), what
    return True


async def failing(call: Callable[[], Any]) -> BaseException | None:
    """Return what a call raises."""
    try:
        await call()
    except Exception as exc:
        return exc
    return None


@pytest.mark.parametrize("name", WRITES)
async def test_of_writes(db: AsyncDB, name: str) -> None:
    """Every call that writes, alone and in a transaction, with every kind of value refused."""
    write = WRITES[name]
    met = 0
    for fault, person in FAULTS.items():

        async def inside(person: Person = person) -> None:
            async with db.transaction() as tx:
                await write(tx, person)

        def alone(person: Person = person) -> Any:
            return write(db, person)

        for call in (inside, alone):
            met += check_quiet(await failing(call), f"{name}, {fault}")
        await db.execute(RESTORE)
    assert met >= 2 * len(FAULTS) - 10


async def test_of_reads(db: AsyncDB) -> None:
    """Every way in which a value cannot be read, through every call that reads."""
    for kind, (text, annotation) in READS.items():
        sql: Any = text
        model: Any = annotation

        async def read(sql: Any = sql, model: Any = model) -> None:
            rows = await db.query(sql)
            list(rows)
            liteorm.scan_one(rows, model)

        async def scanned(sql: Any = sql, model: Any = model) -> None:
            liteorm.scan_one(await db.query(sql), model)

        async def streamed(sql: Any = sql, model: Any = model) -> None:
            async with db.stream(sql) as stream:
                async for _ in liteorm.scan_iter(stream, model):
                    pass

        async def declared(sql: Any = sql, model: Any = model) -> None:
            statement: Any = liteorm.statement(model, sql)
            await statement.one(db)

        async def copied(sql: Any = sql) -> None:
            await _copy_out(db, sql)

        async def together(sql: Any = sql) -> None:
            await _batch(db, sql)

        calls = (read, scanned, streamed, declared, copied, together)
        met = [check_quiet(await failing(call), f"{kind}, {call.__name__}") for call in calls]
        assert met[1], kind


async def test_the_whole_sentence_is_in_detail(db: AsyncDB) -> None:
    """What the server quotes is kept where DETAIL is; what is written in the statement is shown."""
    with pytest.raises(liteorm.DataError) as caught:
        await db.query("SELECT %s::int", [WORD])
    assert str(caught.value) == 'invalid input syntax for type integer: "…"'
    assert caught.value.detail == f'invalid input syntax for type integer: "{WORD}"'
    with pytest.raises(liteorm.DataError, match='for type integer: "seven"'):
        await db.query("SELECT 'seven'::int")


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("SELECT %s::jsonpath", "47114711.5e"),
        ("SELECT %s::tsquery || ' & '::tsquery", WORD + " " + WORD),
        ("SELECT ('x' || %s)::regtype", "[" + WORD),
        ("SELECT %s::regtype", "x[" + WORD),
        ("SELECT %s::date", WORD),
        ("SELECT make_date(%s::int, 1, 1)", NUMBER),
        ("SELECT date_trunc(%s, now())", WORD),
    ],
)
async def test_what_is_sent_is_not_taken_for_words_of_the_statement(
    db: AsyncDB, sql: str, value: Any
) -> None:
    """Also where it is written into the statement (COPY), or the server says that it is there."""
    text: Any = sql
    named: Any = sql.replace("%s", "%(value)s")

    async def declared() -> None:
        statement: Any = liteorm.statement(str, named)
        await statement.one(db, value=value)

    calls: list[Callable[[], Any]] = [
        lambda: db.query(text, [value]),
        lambda: db.execute_many(text, [[value]]),
        lambda: _stream(db, sql, [value]),
        lambda: _copy_out(db, sql, [value]),
        lambda: _batch(db, sql, [value]),
        declared,
    ]
    for call in calls:
        assert check_quiet(await failing(call), sql)


async def test_a_hint_of_the_server_quotes_no_value(db: AsyncDB) -> None:
    """Extensions give the value there (PostGIS: "POINT(…" <-- parse error at position 17)."""
    await db.execute(
        """
        CREATE FUNCTION parse(word text) RETURNS text LANGUAGE plpgsql AS $$BEGIN
            RAISE 'parse error' USING ERRCODE = 'XX000',
                HINT = '"' || word || '" <-- parse error at position 3';
        END$$
        """
    )
    error: Any = await failing(lambda: db.query("SELECT parse(%s)", [WORD]))
    assert check_quiet(error, "hint")
    assert error.hint == '"…" <-- parse error at position 3'
    assert f'"{WORD}" <-- parse' in error.detail


async def test_a_syntax_error_of_the_statement_is_shown(db: AsyncDB) -> None:
    """The words of the statement are no values; words to be searched for are."""
    with pytest.raises(liteorm.SqlSyntaxError, match='at or near "person"'):
        await db.query("SELECT %s FORM person x", [WORD])
    with pytest.raises(liteorm.SqlSyntaxError) as caught:
        await db.query("SELECT to_tsquery(%s)", [WORD + " &"])
    assert str(caught.value).startswith('no operand in tsquery: "…"')
    assert WORD in str(caught.value.detail)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('invalid input value for enum mood: "a"', 'invalid input value for enum mood: "…"'),
        ('value "a" is out of range for type int', 'value "…" is out of range for type int'),
        ('invalid value for parameter "x": "a "b" c"', 'invalid value for parameter "x": "…"'),
        ('bad: "a type "b" c"', 'bad: "…"'),
        ("division by zero", "division by zero"),
        ("date out of range: 12345-01-01", "date out of range: …"),
        ("time field value out of range: 25:01:01.5\n1", "time field value out of range: …"),
        ("index -7 out of valid range, 0..7", "index … out of valid range, 0..7"),
        (
            "percentile value 1.5 is not between 0 and 1",
            "percentile value … is not between 0 and 1",
        ),
        (
            "setseed parameter 5 is out of allowed range [-1,1]",
            "setseed parameter … is out of allowed range [-1,1]",
        ),
        (
            'invalid byte sequence for encoding "UTF8": 0xff 0x00',
            'invalid byte sequence for encoding "UTF8": …',
        ),
        ("character with byte sequence 0xe2 0x82 in it", "character with byte sequence … in it"),
        (
            "value too long for type character varying(3)",
            "value too long for type character varying(3)",
        ),
        ('one "', 'one "…"'),
    ],
)
def test_what_is_cut_out(text: str, shown: str) -> None:
    """From the first quote that does not belong to a name to the last."""
    assert without_values(text) == shown


async def test_what_the_user_handles_is_left_alone(db: AsyncDB) -> None:
    """An exception of the user's around a call keeps its words."""
    own = ValueError(f"'{WORD}'")
    try:
        raise own
    except ValueError:
        with pytest.raises(liteorm.UniqueViolation):
            await db.insert(FAULTS["unique"])
    assert str(own) == f"'{WORD}'"
