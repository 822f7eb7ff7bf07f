"""Many threads on one database: what they share is whole for each, with a GIL or without."""

from __future__ import annotations

import datetime
import enum
import json
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from threading import Event
from typing import Any

import attrs
import pytest

import liteorm
from liteorm import Range, postgres, scan, scan_one, statement, table
from liteorm.errors import PoolClosed, TransactionError
from liteorm.postgres._session.meters import Meters
from liteorm.postgres._sync.connection import Wire
from tests.postgres.support import PATIENCE
from tests.threads import at_once, line_by_line

THREADS = 4


class Mood(enum.Enum):
    """Labels of the type."""

    SAD = "sad"
    OK = "ok"


@pytest.mark.parametrize("size", [2, 4])
def test_connections_that_are_made_at_once_are_different_ones(
    liteorm_database: Any, size: int
) -> None:
    """Workers that fill the pool together do not take the one that was made in opening twice."""
    for _ in range(5):
        with (
            line_by_line(Wire.connect),
            postgres.open(liteorm_database.dsn, min_size=size, max_size=size) as db,
            ExitStack() as stack,
        ):
            held = [stack.enter_context(db.connection()) for _ in range(size)]
            pids = [scan_one(each.query("SELECT pg_backend_pid()"), int) for each in held]
            assert len({*pids}) == size


def test_what_is_measured_while_a_pool_opens_is_told_once() -> None:
    """Workers measure connections before, while and after observers get to know of the pool."""

    class Watching:
        told: list[float]

        def watch_pool(self, name: str, stats: Callable[[], Any]) -> Callable[[str, float], Any]:
            return lambda what, seconds: self.told.append(seconds)

    for _ in range(5):
        meters, watching = Meters(), Watching()
        watching.told = []

        def measure(first: int, meters: Meters = meters) -> None:
            for number in range(first, first + 8):
                meters.tell("create", float(number))

        def watch(meters: Meters = meters, watching: Watching = watching) -> None:
            assert meters.watch([watching], "pool", lambda: None)

        with line_by_line(Meters.watch, Meters.tell):
            at_once(partial(measure, 0), partial(measure, 100), watch)
        meters.tell("create", 1000.0)
        assert sorted(watching.told) == [*range(8), *range(100, 108), 1000]


def _use(db: postgres.DB, number: int) -> None:
    """Use classes, statements and types that nobody has used before: each thread its own rows."""

    @table("thing", key="id")
    @attrs.define
    class Thing:
        id: int
        mood: Mood
        tags: list[str]
        span: Range[int]
        body: dict[str, int]
        at: datetime.datetime | None = None

    at = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
    first = 1000 * number
    things = [Thing(first + i, Mood.OK, [str(i)], Range(i, i + 2), {"n": i}, at) for i in range(30)]
    assert db.insert_many(things) == 30
    assert db.get(Thing, first + 3) == things[3]
    mine = "WHERE id BETWEEN %s AND %s ORDER BY id"
    assert scan(db.query(f"SELECT * FROM thing {mine}", [first, first + 29]), Thing) == things
    counted = statement(int, f"SELECT count(*) FROM thing WHERE id >= {first} AND id < %s")
    assert counted.one(db, first + 30) == 30
    columns = "id, (mood, id)::pair AS p, ROW(id, 'x'::text) AS r"
    pairs = scan(
        db.query(f"SELECT {columns} FROM thing {mine}", [first, first + 1]),
        tuple[int, tuple[Mood, int], tuple[int, str]],
    )
    assert pairs == [(i, (Mood.OK, i), (i, "x")) for i in (first, first + 1)]
    with db.transaction() as tx:
        with tx.stream(f"SELECT id, body FROM thing {mine}", [first, first + 29]) as rows:
            assert [row[0] for row in rows] == [thing.id for thing in things]
        tx.execute("DELETE FROM thing WHERE id BETWEEN %s AND %s", [first, first + 29])


def test_threads_meet_the_same_tables_and_types_for_the_first_time(liteorm_database: Any) -> None:
    """Reading, writing, scanning, streaming: nothing depends on who came first."""
    for _ in range(3):
        with postgres.open(liteorm_database.dsn, max_size=THREADS) as db:
            db.execute("DROP TABLE IF EXISTS thing; DROP TYPE IF EXISTS pair, mood")
            db.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
            db.execute("CREATE TYPE pair AS (m mood, n int)")
            db.execute(
                "CREATE TABLE thing (id int PRIMARY KEY, mood mood, tags text[], span int4range,"
                " body jsonb, at timestamptz)"
            )

            def use(number: int, db: postgres.DB = db) -> None:
                for _ in range(3):
                    _use(db, number)

            at_once(*(partial(use, number) for number in range(THREADS)))


def test_rows_that_threads_share_are_the_same_for_all(liteorm_database: Any) -> None:
    """One result, read by several threads at the same time, into classes of each."""
    with postgres.open(liteorm_database.dsn) as db:
        rows = db.query(
            "SELECT i AS id, 'n' || i AS name, ARRAY[i, i + 1] AS both,"
            " jsonb_build_object('n', i) AS body FROM generate_series(1, 700) i"
        )

        def read() -> None:
            @attrs.define
            class Row:
                id: int
                name: str
                both: list[int]
                body: dict[str, int]

            for _ in range(3):
                for i, row in enumerate(scan(rows, Row), 1):
                    assert (row.id, row.name, row.both) == (i, f"n{i}", [i, i + 1])
                    assert row.body == {"n": i}
                assert [row[0] for row in rows] == [*range(1, 701)]

        at_once(*[read] * THREADS)


def test_a_transaction_that_threads_share_serves_one_at_a_time(liteorm_database: Any) -> None:
    """Each call gives what was asked for, or is refused because another one is under way."""
    served: list[int] = []
    refused: list[str] = []
    with postgres.open(liteorm_database.dsn) as db, db.transaction() as tx:
        tx.execute("CREATE TABLE note (n int)")

        def write(number: int) -> None:
            for i in range(100):
                wanted = 1000 * number + i
                try:
                    found = scan_one(
                        tx.query("INSERT INTO note VALUES (%s) RETURNING n", [wanted]), int
                    )
                except TransactionError as error:
                    refused.append(error.message)
                else:
                    assert found == wanted
                    served.append(wanted)

        at_once(*(partial(write, number) for number in range(THREADS)))
        assert sorted(scan(tx.query("SELECT n FROM note"), int)) == sorted(served)
    assert len(served) + len(refused) == 100 * THREADS
    assert served


def test_a_database_closes_while_threads_use_it(liteorm_database: Any) -> None:
    """Queries and listeners that are begun meanwhile work or are told so; close() ends well."""
    for _ in range(5):
        db = postgres.open(liteorm_database.dsn, min_size=2, max_size=THREADS)
        begun = Event()

        def query(db: postgres.DB = db, begun: Event = begun) -> None:
            while True:
                try:
                    assert scan_one(db.query("SELECT 1"), int) == 1
                except (PoolClosed, liteorm.ConnectionLost):
                    return
                begun.set()

        def listen(db: postgres.DB = db) -> None:
            while True:
                try:
                    with postgres.listen(db, "channel") as listener:
                        assert listener.channels == ("channel",)
                except (PoolClosed, liteorm.ConnectionLost):
                    return

        def close(db: postgres.DB = db, begun: Event = begun) -> None:
            assert begun.wait(PATIENCE)
            db.close()

        at_once(query, query, listen, close)


def test_what_a_notification_says_is_read_by_the_codecs_of_its_own_pool(
    liteorm_database: Any,
) -> None:
    """Notifications come and go in many threads, and none takes another's codecs."""

    class Odd:
        def __init__(self, value: str) -> None:
            self.value = value

    class OddCodec:
        def __init__(self, mark: str) -> None:
            self.mark = mark

        def decode(self, value: Any) -> Odd:
            return Odd(self.mark + value)

        def encode(self, value: Odd) -> Any:
            return value.value

    def receive(mark: str) -> None:
        with (
            postgres.open(liteorm_database.dsn, codecs={Odd: OddCodec(mark)}) as db,
            postgres.listen(db, f"of_{mark}") as listener,
        ):
            for number in range(40):
                postgres.notify(db, f"of_{mark}", json.dumps({"odd": str(number)}))
            for number in range(40):
                notification = listener.receive(timeout=PATIENCE)
                assert notification is not None
                assert notification.load(dict[str, Odd])["odd"].value == f"{mark}{number}"

    at_once(*(partial(receive, mark) for mark in "abcd"))
