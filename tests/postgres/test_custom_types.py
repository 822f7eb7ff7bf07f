"""Types of an application's own are read, written and sent wherever built-in ones are."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import attrs
import pytest

import liteorm
from liteorm import Column, Range, postgres, scan, scan_one
from liteorm.postgres import CustomType
from liteorm_testing import Server, check_statements, database

ROOT = Path(__file__).resolve().parents[2]


@attrs.frozen(order=True)
class Celsius:
    """A temperature in hundredths of a degree."""

    hundredths: int


CELSIUS = CustomType(
    name="celsius",
    schema="app",
    python=Celsius,
    decode=lambda data: Celsius(int.from_bytes(data, "big", signed=True)),
    encode=lambda value: value.hundredths.to_bytes(4, "big", signed=True),
    text=lambda value: str(value.hundredths),
)
SERIES = CustomType(
    name="series",
    python=list[float],
    decode=lambda data: [float(part) for part in data.decode().split()],
    encode=lambda value: " ".join(map(str, value)).encode(),
    text=lambda value: " ".join(map(str, value)),
)
TYPES = [CELSIUS, SERIES]

# A base type of one's own needs functions in C: those of a built-in type with the same form do.
SCHEMA = """
CREATE SCHEMA app;
CREATE TYPE app.celsius;
CREATE FUNCTION app.celsius_in(cstring) RETURNS app.celsius IMMUTABLE STRICT LANGUAGE internal
  AS 'int4in';
CREATE FUNCTION app.celsius_out(app.celsius) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal
  AS 'int4out';
CREATE FUNCTION app.celsius_recv(internal) RETURNS app.celsius IMMUTABLE STRICT LANGUAGE internal
  AS 'int4recv';
CREATE FUNCTION app.celsius_send(app.celsius) RETURNS bytea IMMUTABLE STRICT LANGUAGE internal
  AS 'int4send';
CREATE TYPE app.celsius (INPUT = app.celsius_in, OUTPUT = app.celsius_out,
  RECEIVE = app.celsius_recv, SEND = app.celsius_send, LIKE = int4);
CREATE FUNCTION app.celsius_lt(app.celsius, app.celsius) RETURNS bool IMMUTABLE STRICT
  LANGUAGE internal AS 'int4lt';
CREATE FUNCTION app.celsius_eq(app.celsius, app.celsius) RETURNS bool IMMUTABLE STRICT
  LANGUAGE internal AS 'int4eq';
CREATE FUNCTION app.celsius_gt(app.celsius, app.celsius) RETURNS bool IMMUTABLE STRICT
  LANGUAGE internal AS 'int4gt';
CREATE FUNCTION app.celsius_le(app.celsius, app.celsius) RETURNS bool IMMUTABLE STRICT
  LANGUAGE internal AS 'int4le';
CREATE FUNCTION app.celsius_ge(app.celsius, app.celsius) RETURNS bool IMMUTABLE STRICT
  LANGUAGE internal AS 'int4ge';
CREATE FUNCTION app.celsius_cmp(app.celsius, app.celsius) RETURNS int IMMUTABLE STRICT
  LANGUAGE internal AS 'btint4cmp';
CREATE OPERATOR < (LEFTARG = app.celsius, RIGHTARG = app.celsius, FUNCTION = app.celsius_lt);
CREATE OPERATOR <= (LEFTARG = app.celsius, RIGHTARG = app.celsius, FUNCTION = app.celsius_le);
CREATE OPERATOR = (LEFTARG = app.celsius, RIGHTARG = app.celsius, FUNCTION = app.celsius_eq,
  COMMUTATOR = =);
CREATE OPERATOR >= (LEFTARG = app.celsius, RIGHTARG = app.celsius, FUNCTION = app.celsius_ge);
CREATE OPERATOR > (LEFTARG = app.celsius, RIGHTARG = app.celsius, FUNCTION = app.celsius_gt);
CREATE OPERATOR CLASS app.celsius_ops DEFAULT FOR TYPE app.celsius USING btree AS
  OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
  FUNCTION 1 app.celsius_cmp(app.celsius, app.celsius);
CREATE TYPE app.warmth AS RANGE (SUBTYPE = app.celsius);
CREATE TYPE app.reading AS (at timestamptz, value app.celsius);

CREATE TYPE series;
CREATE FUNCTION series_in(cstring) RETURNS series IMMUTABLE STRICT LANGUAGE internal AS 'textin';
CREATE FUNCTION series_out(series) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal AS 'textout';
CREATE FUNCTION series_recv(internal) RETURNS series IMMUTABLE STRICT LANGUAGE internal
  AS 'textrecv';
CREATE FUNCTION series_send(series) RETURNS bytea IMMUTABLE STRICT LANGUAGE internal AS 'textsend';
CREATE TYPE series (INPUT = series_in, OUTPUT = series_out, RECEIVE = series_recv,
  SEND = series_send, LIKE = text);

CREATE TABLE rooms (id int PRIMARY KEY, now app.celsius, past app.celsius[] NOT NULL,
  comfort app.warmth, curve series, curves series[]);
CREATE TABLE odd (id int PRIMARY KEY, now app.celsius, acl aclitem);
"""


@liteorm.table("rooms", key="id")
@attrs.define
class Room:
    """A row with the types alone, in arrays and in a range."""

    id: int
    now: Celsius | None
    past: list[Celsius | None]
    comfort: Range[Celsius] | None = None
    curve: list[float] | None = None
    curves: list[list[float]] | None = None


@attrs.define
class Odd:
    """A row of a table that COPY sends as text."""

    id: int
    now: Celsius
    acl: str | None = None


@pytest.fixture(scope="module")
def dsn(liteorm_server: Server) -> Iterator[str]:
    """A database with types of its own."""
    with database(liteorm_server, SCHEMA) as made:
        yield made.dsn


@pytest.fixture(scope="module")
def db(dsn: str) -> Iterator[postgres.DB]:
    """It, opened with these types."""
    with postgres.open(dsn, types=TYPES) as db:
        yield db


@pytest.fixture
def rooms(db: postgres.DB) -> list[Room]:
    """Some rooms; the table is empty."""
    db.execute("TRUNCATE rooms, odd")
    span = Range(Celsius(1800), Celsius(2400))
    return [
        Room(1, Celsius(-5), [Celsius(1), None], span, [1.0, 2.5], [[1.0], [2.0, 3.0]]),
        Room(2, None, []),
        Room(3, Celsius(2**31 - 1), [Celsius(0)], Range.empty(), [], []),
    ]


WAYS: dict[str, Any] = {
    "insert": lambda db, rooms: [db.insert(room) for room in rooms],
    "insert_many": lambda db, rooms: db.insert_many(rooms),
    "upsert": lambda db, rooms: [db.upsert(room) for room in rooms],
    "upsert_many": lambda db, rooms: db.upsert_many(rooms),
    "insert_returning": lambda db, rooms: db.insert_returning(rooms),
}


@pytest.mark.parametrize("way", WAYS)
def test_rows_come_back_equal(db: postgres.DB, rooms: list[Room], way: str) -> None:
    """What any writing call stored is read as it was given."""
    WAYS[way](db, rooms)
    assert scan(db.query("SELECT * FROM rooms ORDER BY id"), Room) == rooms
    with db.stream("SELECT * FROM rooms ORDER BY id") as stream:
        assert list(liteorm.scan_iter(stream, Room)) == rooms


def test_values_are_parameters(db: postgres.DB, rooms: list[Room]) -> None:
    """A value of one's own class, alone, in a list or in a range, is sent as its type."""
    db.insert_many(rooms)
    found = db.query("SELECT id FROM rooms WHERE now = %s", [Celsius(-5)])
    assert scan(found, int) == [1]
    found = db.query("SELECT id FROM rooms WHERE now = ANY(%s)", [[Celsius(-5), None]])
    assert scan(found, int) == [1]
    found = db.query("SELECT id FROM rooms WHERE comfort = %s", [rooms[0].comfort])
    assert scan(found, int) == [1]
    assert scan_one(db.query("SELECT %s, %s", [Celsius(7), [[Celsius(8)]]]), tuple[Any, Any]) == (
        Celsius(7),
        [[Celsius(8)]],
    )


def test_values_inside_others(db: postgres.DB) -> None:
    """Composites, records and arrays of composites hold them."""

    @attrs.frozen
    class Reading:
        at: str | None
        value: Celsius

    sql = "SELECT ROW(NULL, '5')::app.reading, ROW(1, '6'::app.celsius), '7'::app.celsius"
    with pytest.raises(liteorm.ScanError):
        scan_one(db.query(sql), tuple[Reading, Any, Any])
    one = scan_one(db.query(sql), tuple[tuple[Any, Celsius], tuple[int, Celsius], Celsius])
    assert one == ((None, Celsius(5)), (1, Celsius(6)), Celsius(7))
    assert scan(db.query("SELECT '7'::app.celsius AS c"), Celsius) == [Celsius(7)]
    assert scan(db.query("SELECT '7'::app.celsius AS c"), dict[str, Any]) == [{"c": Celsius(7)}]


def test_text_forms_where_they_are_needed(dsn: str, db: postgres.DB, rooms: list[Room]) -> None:
    """COPY as text takes the text form; a type without one is refused with the reason."""
    assert db.insert_many([Odd(1, Celsius(3))], table="odd") == 1
    assert scan(db.query("SELECT now FROM odd"), Celsius) == [Celsius(3)]
    bare = attrs.evolve(CELSIUS, text=None)
    with (
        postgres.open(dsn, types=[bare]) as other,
        pytest.raises(liteorm.DataError, match="celsius have no text form"),
    ):
        other.insert_many([Odd(2, Celsius(3))], table="odd")


def test_what_does_not_fit_is_an_error(db: postgres.DB, rooms: list[Room]) -> None:
    """Values and annotations of another class are refused before anything is sent."""
    wrong = attrs.evolve(rooms[0], now=18)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    with pytest.raises(liteorm.DataError, match="it is an int, expected Celsius"):
        db.insert(wrong)
    with pytest.raises(liteorm.DataError, match="element 1: it is an int"):
        db.insert_many([attrs.evolve(rooms[0], past=[Celsius(1), 2])])  # type: ignore[list-item]
    for annotation in (int, list[str], dict[str, int]):
        with pytest.raises(liteorm.Error):
            scan(db.query("SELECT '1 2'::series"), tuple[annotation])  # type: ignore[valid-type]


def test_what_its_functions_raise_is_the_cause(dsn: str, rooms: list[Room]) -> None:
    """An exception of `decode` or `encode` is the cause of an error that names the place."""

    def fail(value: Any) -> Any:
        raise KeyError("no such thing")

    broken = attrs.evolve(CELSIUS, decode=fail, encode=fail)
    with postgres.open(dsn, types=[broken]) as db:
        with pytest.raises(liteorm.DataError) as caught:
            scan(db.query("SELECT 1 AS id, '5'::app.celsius AS now"), Odd)
        assert (caught.value.column, caught.value.row) == ("now", 0)
        with pytest.raises(liteorm.DataError) as caught:
            db.insert_many([Odd(1, Celsius(1))], table="odd")
        assert (caught.value.field, caught.value.row) == ("now", 0)
        with pytest.raises(liteorm.DataError) as caught:
            db.query("SELECT %s", [Celsius(1)])
        assert caught.value.parameter == 1
        assert isinstance(caught.value.__cause__, KeyError)


def test_a_type_made_later_is_found(liteorm_server: Server) -> None:
    """A type that is not there when the database is opened is known once it has been met."""
    with database(liteorm_server) as made, postgres.open(made.dsn, types=TYPES) as db:
        db.execute(SCHEMA)
        room = Room(1, Celsius(1), [])
        # The server finds out what the parameter is.
        assert db.execute("INSERT INTO rooms VALUES (1, %s, '{}')", [Celsius(1)]).rows_affected
        assert db.get(Room, 1) == room
        db.execute("DROP SCHEMA app CASCADE; DROP TYPE series CASCADE; DROP TABLE rooms, odd")
        db.execute(SCHEMA)
        assert db.insert(room) == room


def test_types_are_checked_when_opening(dsn: str) -> None:
    """What is no CustomType, a name that comes twice, or no base type, is refused at once."""
    for types, kind in (([Celsius], TypeError), ([CELSIUS, attrs.evolve(CELSIUS)], ValueError)):
        with pytest.raises(kind):
            postgres.open(dsn, types=types)  # type: ignore[arg-type]
    reading = attrs.evolve(CELSIUS, name="reading")
    with postgres.open(dsn, types=[reading]) as db, pytest.raises(liteorm.ModelError, match="base"):
        db.query("SELECT ROW(NULL, NULL)::app.reading")


MODULE = """
import attrs
import liteorm
from typing import Annotated
from liteorm import Column
from tests.postgres.test_custom_types import CELSIUS, SERIES, Celsius, Room

warm = liteorm.statement(Room, "SELECT * FROM rooms WHERE now > %(than)s", params={"than": Celsius})
wrong = liteorm.statement(int, "SELECT now FROM rooms WHERE now IS NOT NULL AND id = %(id)s",
                          params={"id": int})
"""


def test_an_async_database_is_checked_with_its_types(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over a connection of the check's own, which knows them too."""
    (tmp_path / "cool_rooms.py").write_text(MODULE.partition("wrong =")[0], "utf-8")
    monkeypatch.syspath_prepend(tmp_path)

    async def run() -> None:
        async with await postgres.open_async(dsn, types=TYPES) as adb:
            check_statements(adb, "cool_rooms")

    asyncio.run(run())


def test_statements_are_checked_and_models_written(
    dsn: str, db: postgres.DB, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`check` knows the types that modules declare, also frozen; `models` writes the classes."""
    (tmp_path / "warm_rooms.py").write_text(MODULE, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(AssertionError) as caught:
        check_statements(db, "warm_rooms")
    assert "wrong" in str(caught.value)
    assert "warm_rooms.py:8" not in str(caught.value)

    def command(*arguments: str) -> str:
        path = f"import sys; sys.path[:0] = [{str(ROOT)!r}]; from liteorm._cli import main; "
        code = f"{path}sys.exit(main({list(arguments)!r}))"
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path
        )
        assert not run.stderr, run.stderr
        return run.stdout

    live = command("check", "warm_rooms", "--dsn", dsn, "--format", "json", "--write")
    assert "celsius" in live
    assert live.count('"level"') == 1
    assert command("check", "warm_rooms", "--frozen", "--format", "json") == live
    module = command("models", "--dsn", dsn, "--types", "warm_rooms", "--table", "rooms")
    assert "import tests.postgres.test_custom_types\n" in module
    assert "now: tests.postgres.test_custom_types.Celsius | None" in module
    assert "curves: list[list[float] | None] | None" in module
    assert "comfort: liteorm.Range[tests.postgres.test_custom_types.Celsius] | None" in module


POINTS = CustomType(
    name="geometry",
    python=bytes,
    decode=bytes,
    encode=bytes,
    text=lambda value: value.hex(),
)


def test_postgis(liteorm_server: Server) -> None:
    """PostGIS's geometry goes through every path as what its functions send."""
    with database(liteorm_server) as made, postgres.open(made.dsn, types=[POINTS]) as db:
        if not len(db.query("SELECT FROM pg_available_extensions WHERE name = 'postgis'")):
            pytest.skip("this server has no PostGIS")
        db.execute("CREATE EXTENSION postgis")
        db.execute("CREATE TABLE shops (id int PRIMARY KEY, at geometry(Point, 4326))")
        point = scan_one(db.query("SELECT ST_SetSRID(ST_MakePoint(1, 2), 4326)"), bytes)

        @liteorm.table("shops", key="id")
        @attrs.define
        class Shop:
            id: int
            at: Annotated[bytes, Column()]

        assert db.insert(Shop(1, point)) == Shop(1, point)
        assert db.insert_many([Shop(2, point)]) == db.upsert_many([Shop(2, point)]) == 1
        assert db.insert_returning([Shop(3, point)]) == [Shop(3, point)]
        near = db.query("SELECT id FROM shops WHERE ST_X(at) = 1 ORDER BY id")
        assert scan(near, int) == [1, 2, 3]


def test_many_readers_at_once_leave_few_loaders(dsn: str) -> None:
    """Each thread that reads the same rows has a loader of its own; a few are kept for later."""
    readers = 20
    meeting = threading.Barrier(readers)

    def decode(data: bytes) -> Celsius:
        meeting.wait(20)
        return Celsius(int.from_bytes(data, "big", signed=True))

    waiting = CustomType(
        name="celsius",
        schema="app",
        python=Celsius,
        decode=decode,
        encode=CELSIUS.encode,
        text=CELSIUS.text,
    )
    with postgres.open(dsn, types=[waiting]) as db, ThreadPoolExecutor(readers) as threads:
        rows = db.query("SELECT '5'::app.celsius")
        found = [threads.submit(list, rows) for _ in range(readers)]
        assert [one.result() for one in found] == [[(Celsius(5),)]] * readers
        source: Any = rows._source
        assert [len(loader._shelf) <= 8 for loader in source.shape.loaders.values()] == [True]


def test_what_one_pool_reads_records_with_is_its_own(dsn: str) -> None:
    """Another pool of the same database knows other types: each reads by what it knows."""
    with (
        postgres.open(dsn, types=TYPES, max_size=1) as knowing,
        postgres.open(dsn, max_size=1) as other,
    ):
        for _ in range(2):
            for sql in (
                "SELECT row(1, '5'::app.celsius)",
                "SELECT array[row(1, '5'::app.celsius)]",
            ):
                [(found,)] = list(knowing.query(sql))
                assert found in ((1, Celsius(5)), [(1, Celsius(5))])
                with pytest.raises(liteorm.DataError, match="no form that liteorm reads"):
                    list(other.query(sql))
