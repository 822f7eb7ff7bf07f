"""Settings of the server, the session and the process change nothing that is stored or read."""

from __future__ import annotations

import datetime as dt
import decimal
import locale
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, cast

import attrs
import pytest

import liteorm
from liteorm import Interval, Json, Range, postgres, scan, scan_one
from liteorm_testing import Server, database
from tests.postgres.type_cases import CASES

EXTENSIONS = ("citext", "hstore", "ltree", "vector")
OWNERS = {"lquery": "ltree"}
# What a parameter's class does not tell: the column's name is in the statement, so a cast is not.
CAST = {"json", "jsonb", "hstore", "point", "vector", "jsonb[]", "oidvector", "int2vector"} | {
    *("xid", "xid8", "cid", "tid", "bit", "varbit", "macaddr", "macaddr8")
}

BESIDES: list[tuple[str, Any, Any]] = [
    ("money[]", list[Decimal], [Decimal("1234567.89"), Decimal("-0.05")]),
    ("pair", tuple[Decimal, Interval], (Decimal("-12.34"), Interval(-14, 3, -5))),
    ("pair[]", list[tuple[Decimal, Interval]], [(Decimal("1.10"), Interval(0, 1, -1))]),
    ("price", Decimal, Decimal("1234.56")),
    ("interval", Interval, Interval(-14, 3, 5_000_001)),
    ("interval[]", list[Interval], [Interval(-1, 40, 0), Interval(2, -1, 3)]),
    ("spans", Range[dt.timedelta], Range(dt.timedelta(-1, 5), dt.timedelta(3, -7200))),
    ("float8[]", list[float], [0.1, 1e-300, float("-inf"), 1 / 3]),
    ("float4", float, 0.10000000149011612),
    ("bytea[]", list[bytes], [b"\\x00", b"\x00'\""]),
    ("text[]", list[str], ["a\\b'c\"d{},é€", "NULL", ""]),
    ("timestamptz[]", list[dt.datetime], [dt.datetime(2024, 10, 27, 0, 30, tzinfo=dt.UTC)]),
    ("tstzrange", Range[dt.datetime], Range(dt.datetime(2024, 2, 1, tzinfo=dt.UTC), None)),
    ("date[]", list[dt.date], [dt.date(2024, 3, 4), dt.date(1, 2, 3)]),
]
"""Types inside others, with values that a setting could turn into others."""

SETTINGS: dict[str, tuple[str, ...]] = {
    "none": (),
    "lc_monetary with a comma": ("lc_monetary = 'de_DE.utf8'", "lc_numeric = 'de_DE.utf8'"),
    "IntervalStyle sql_standard": ("IntervalStyle = sql_standard",),
    "IntervalStyle iso_8601": ("IntervalStyle = iso_8601",),
    "DateStyle": ("DateStyle = 'SQL, DMY'",),
    "TimeZone": ("TimeZone = 'America/New_York'",),
    "extra_float_digits": ("extra_float_digits = -15",),
    "bytea_output": ("bytea_output = escape",),
    "search_path": ("search_path = ''",),
    "standard_conforming_strings": (
        "standard_conforming_strings = off",
        "escape_string_warning = off",
    ),
    "client_encoding": ("client_encoding = LATIN1",),
    "JIT and plans": ("plan_cache_mode = force_generic_plan",),
}

SCHEMA = """
CREATE TYPE public.pair AS (amount money, span interval);
CREATE DOMAIN public.price AS money;
CREATE TYPE public.spans AS RANGE (SUBTYPE = interval);
"""


@contextmanager
def digits() -> Iterator[None]:
    """Few digits, and a trap for what is not exact."""
    context = decimal.Context(prec=4, capitals=0, traps=[decimal.Inexact, decimal.Rounded])
    with decimal.localcontext(context):
        yield


@contextmanager
def lenient() -> Iterator[None]:
    """Few digits, and nothing that is not exact, or no number, is an error."""
    with decimal.localcontext(decimal.Context(prec=2, rounding=decimal.ROUND_DOWN, traps=[])):
        yield


@contextmanager
def commas() -> Iterator[None]:
    """A locale of the process with a comma."""
    before = locale.setlocale(locale.LC_ALL)
    try:
        locale.setlocale(locale.LC_ALL, "de_DE.UTF-8")
    except locale.Error:
        pass  # the machine has none: then there is nothing that could change a value
    try:
        yield
    finally:
        locale.setlocale(locale.LC_ALL, before)


@contextmanager
def nothing() -> Iterator[None]:
    """Nothing else than usual."""
    yield


PROCESS = {"usual": nothing, "digits": digits, "lenient": lenient, "locale": commas}


def columns(db: postgres.DB) -> list[tuple[str, Any, Any]]:
    """Return type, annotation and value of each column."""
    known = {row[0] for row in db.query("SELECT name::text FROM pg_available_extensions")}
    found: list[tuple[str, Any, Any]] = list(BESIDES)
    for case in CASES:
        owner = OWNERS.get(case.type, case.type)
        if owner not in EXTENSIONS or owner in known:
            found.append((case.type, case.annotation, case.value))
    return found


def model_of(cells: list[tuple[str, Any, Any]], table: str) -> Any:
    """Return a class with a field for each column."""
    fields: dict[str, Any] = {"id": attrs.field(type=int)}
    for number, (_, annotation, _) in enumerate(cells):
        optional = annotation if annotation is Any else annotation | None
        fields[f"c{number}"] = attrs.field(type=optional)
    return liteorm.table(table, key="id")(attrs.make_class("Wide", fields))


def run(db: postgres.DB, text: str) -> None:
    """Run text that a test has put together."""
    db.execute(cast("Any", text))


def by_parameters(db: postgres.DB, obj: Any, cells: list[tuple[str, Any, Any]]) -> None:
    """Insert with a statement of one's own."""
    values = [obj.id]
    places = ["%s"]
    for number, (type_, _, _) in enumerate(cells):
        value = getattr(obj, f"c{number}")
        base = type_.partition("(")[0]
        if base in CAST or "pair" in type_:
            # What only a column's type tells goes the other way.
            places.append("DEFAULT")
            continue
        if base in ("json", "jsonb"):
            value = Json(value)
        places.append("%s")
        values.append(value)
    run_with = cast("Any", f"INSERT INTO public.wide VALUES ({', '.join(places)})")
    db.execute(run_with, values)


@pytest.fixture(scope="module")
def made(liteorm_server: Server) -> Iterator[tuple[str, list[tuple[str, Any, Any]]]]:
    """A database with a table that has a column of each type, and one that COPY fills as text."""
    with database(liteorm_server, SCHEMA) as base, postgres.open(base.dsn) as db:
        cells = columns(db)
        available = {row[0] for row in db.query("SELECT name::text FROM pg_available_extensions")}
        for extension in sorted(available & set(EXTENSIONS)):
            run(db, f"CREATE EXTENSION {extension}")
        types = ", ".join(f"c{number} {type_}" for number, (type_, _, _) in enumerate(cells))
        run(db, f"CREATE TABLE wide (id int PRIMARY KEY, {types})")
        run(db, f"CREATE TABLE textual (id int PRIMARY KEY, {types}, acl aclitem)")
        run(db, "CREATE TABLE bodies (id int PRIMARY KEY, body jsonb)")
        yield base.dsn, cells


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_setting_changes_a_value(
    made: tuple[str, list[tuple[str, Any, Any]]], setting: str
) -> None:
    """What each writing call stored under a setting is the value given, here and elsewhere."""
    dsn, cells = made
    wide, textual = model_of(cells, "public.wide"), model_of(cells, "public.textual")
    with postgres.open(dsn) as db:
        run(db, "TRUNCATE wide, textual")
    with set_for_all(dsn, setting) as db:
        for number, (kind, context) in enumerate(PROCESS.items()):
            with context():
                write_all(db, cells, wide, textual, 10 * number)
                check_all(db, cells, wide, textual, kind)
    with postgres.open(dsn) as db:
        check_all(db, cells, wide, textual, "elsewhere")


@contextmanager
def set_for_all(dsn: str, setting: str) -> Iterator[postgres.DB]:
    """Open the database with settings of its own."""
    with postgres.open(dsn) as db:
        name = scan_one(db.query("SELECT current_database()::text"), str)
        for text in SETTINGS[setting]:
            if "de_DE" not in text or has_locale(db):
                run(db, f'ALTER DATABASE "{name}" SET {text}')
    try:
        with postgres.open(dsn) as db:
            yield db
    finally:
        with postgres.open(dsn) as db:
            run(db, f'ALTER DATABASE "{name}" RESET ALL')


def has_locale(db: postgres.DB) -> bool:
    """Tell whether the server's machine has the locale with a comma."""
    try:
        db.query("SELECT set_config('lc_monetary', 'de_DE.utf8', true)")
    except liteorm.DataError:
        return False
    return True


def write_all(
    db: postgres.DB, cells: list[tuple[str, Any, Any]], wide: Any, textual: Any, first: int
) -> None:
    """Store the values by every call."""
    values = [value for _, _, value in cells]
    assert db.insert(wide(first, *values)) == wide(first, *values)
    assert db.insert_many([wide(first + 1, *values)]) == 1
    assert db.upsert_many([wide(first + 2, *values)]) == 1
    assert db.insert_returning([wide(first + 3, *values)]) == [wide(first + 3, *values)]
    assert db.insert_many([textual(first, *values)]) == 1
    by_parameters(db, wide(first + 4, *values), cells)
    names = [f"c{number}" for number in range(len(cells))]
    run(db, f"INSERT INTO public.wide (id) VALUES ({first + 5}), ({first + 6}), ({first + 7})")
    assert db.update(wide(first + 5, *values)) == wide(first + 5, *values)
    assert db.update_many([wide(first + 6, *values)]) == 1
    changes = dict(zip(names, values, strict=True))
    assert db.patch(wide, first + 7, changes) == wide(first + 7, *values)
    assert db.upsert(wide(first + 8, *values)) == wide(first + 8, *values)
    with db.batch() as batch:
        stored = batch.one(adding(wide, names), id=first + 9, other=first)
    assert stored.result() == wide(first + 9, *values)


def adding(wide: Any, names: list[str]) -> Any:
    """Return a declared statement that stores what another row has."""
    columns = ", ".join(names)
    text = f"""INSERT INTO public.wide (id, {columns})
        SELECT %(id)s, {columns} FROM public.wide WHERE id = %(other)s  --? other
        RETURNING id, {columns}"""
    return liteorm.statement(wide, cast("Any", text))


def check_all(
    db: postgres.DB, cells: list[tuple[str, Any, Any]], wide: Any, textual: Any, where: str
) -> None:
    """Compare all that is stored with what was given."""
    for table, model in (("wide", wide), ("textual", textual)):
        names = ", ".join(attribute.name for attribute in attrs.fields(model))
        rows = db.query(cast("Any", f"SELECT {names} FROM public.{table} ORDER BY id"))
        for obj in scan(rows, model):
            for number, (type_, _, value) in enumerate(cells):
                found = getattr(obj, f"c{number}")
                if found is None and obj.id % 10 == 4:
                    continue  # not sent as a parameter
                assert found == value, f"{type_} of row {obj.id} of {table}, {where}"
                assert type(found) is type(value)


NO_JSON = {"float8", "float8[]"}
"""Infinities are among the values, which JSON has not; as in a `float4`."""

OF_PEOPLE = NO_JSON | {
    *("money", "money[]", "price", "pair", "pair[]", "point", "vector"),
    *("xid", "xid8", "cid", "oid", "oidvector", "regclass", "regtype"),
}
"""What the server writes into JSON as text that only people read, or as another type."""

OTHER_JSON = {
    "extra_float_digits": {
        *("float4", "vector", "line", "lseg", "box", "path", "polygon", "circle"),
    },
    "IntervalStyle sql_standard": {"interval", "interval[]", "spans"},
    "DateStyle": {"tsrange", "tstzrange", "daterange"},
    "bytea_output": {"bytea", "bytea[]"},
}
"""Settings under which the server's own JSON has fewer digits, or another form."""


def body_of(cells: list[tuple[str, Any, Any]], without: set[str]) -> tuple[Any, list[str]]:
    """Return a class with the fields that JSON gives back, and their names."""
    names = [
        f"c{n}"
        for n, (type_, _, value) in enumerate(cells)
        if type_ not in without and value != float("inf")
    ]
    annotated = {name: attrs.field(type=cells[int(name[1:])][1]) for name in names}
    return attrs.make_class("Body", annotated), names


def held_in(body: Any, table: str) -> Any:
    """Return a class with an object of another one in a column."""
    fields = {"id": attrs.field(type=int), "body": attrs.field(type=body)}
    return liteorm.table(table, key="id")(attrs.make_class("Bodies", fields))


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_setting_changes_a_value_in_json(
    made: tuple[str, list[tuple[str, Any, Any]]], setting: str
) -> None:
    """What is written into JSON by any call, and what the server makes of a row, is the value."""
    dsn, cells = made
    body, names = body_of(cells, NO_JSON)
    sent = held_in(body, "public.bodies")
    given = body(*(cells[int(name[1:])][2] for name in names))
    received, others = body_of(cells, OF_PEOPLE | OTHER_JSON.get(setting, set()))
    told = held_in(received, "public.bodies")
    row: Any = f"SELECT id, (SELECT to_jsonb(t) FROM (SELECT {', '.join(others)}) t) AS body"
    with postgres.open(dsn) as db:
        run(db, "TRUNCATE public.wide, public.bodies")
        wide = model_of(cells, "public.wide")
        db.insert_many([wide(1, *(value for _, _, value in cells))])
    with set_for_all(dsn, setting) as db:
        for process in PROCESS.values():
            with process():
                run(db, "TRUNCATE public.bodies")
                write_json(db, sent, given)
                for obj in scan(db.query("SELECT * FROM public.bodies"), sent):
                    compare(obj.body, cells, names)
                found = scan_one(db.query(row + " FROM public.wide"), told)
                compare(found.body, cells, others)
                for number in range(len(cells)):
                    if f"c{number}" not in others:
                        misread(db, cells, number, setting)


def write_json(session: liteorm.Session, sent: Any, given: Any) -> None:
    """Store an object as JSON by every call."""
    assert session.insert(sent(0, given)).body == given
    assert session.insert_many([sent(1, given)]) == 1
    assert session.upsert_many([sent(2, given)]) == 1
    assert [obj.body for obj in session.insert_returning([sent(3, given)])] == [given]
    session.execute("INSERT INTO public.bodies VALUES (%s, %s), (5, %s)", [4, given, Json(given)])
    session.execute("INSERT INTO public.bodies SELECT id + 6, NULL FROM public.bodies")
    assert session.update(sent(6, given)).body == given
    assert session.update_many([sent(7, given)]) == 1
    assert session.patch(sent, 8, {"body": given}).body == given
    assert session.upsert(sent(9, given)).body == given
    session.execute("UPDATE public.bodies SET body = %(body)s WHERE id > 9", {"body": given})


def compare(found: Any, cells: list[tuple[str, Any, Any]], names: list[str]) -> None:
    """Compare an object's fields with what was given."""
    for name in names:
        type_, _, value = cells[int(name[1:])]
        one = getattr(found, name)
        if isinstance(value, float) and one != value:
            one = struct.unpack("f", struct.pack("f", one))[0]  # a float4 is written as short
        assert (one, type(one)) == (value, type(value)), type_


def misread(
    session: liteorm.Session, cells: list[tuple[str, Any, Any]], number: int, setting: str
) -> None:
    """Read JSON of the server's that says something else: it is refused, or the value at most."""
    type_, annotation, value = cells[number]
    if setting == "extra_float_digits":
        return  # the server has not written all of the digits
    sql: Any = f"SELECT to_jsonb(c{number}) AS body FROM public.wide"
    model = attrs.make_class("One", {"body": attrs.field(type=annotation)})
    try:
        found: Any = scan_one(session.query(sql), model)
    except liteorm.ScanError:
        return
    assert found.body == value, type_
