"""What goes wrong while statements, streams and COPY run, and what the user sees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import pytest

import liteorm
from liteorm import postgres
from liteorm.postgres import AsyncDB, AsyncTx, listen_async, notify_async, open_async
from liteorm_testing import Proxy, kill_backend
from tests.postgres.support import AsyncBackground, Witness, auntil

pytestmark = pytest.mark.anyio


@liteorm.table("item", key="id")
@attrs.frozen
class Item:
    """A row of the table."""

    id: int
    n: int


class Taken(liteorm.UniqueViolation):
    """The application's own error for the table's key."""


@pytest.fixture
async def db(liteorm_database: Any, witness: Witness) -> Any:
    """A database with a table."""
    witness.run("CREATE TABLE item (id int PRIMARY KEY, n int NOT NULL CHECK (n >= 0))")
    async with await open_async(
        liteorm_database.dsn, max_size=2, constraint_errors={"item_pkey": Taken}
    ) as opened:
        yield opened


async def count(db: AsyncDB) -> int:
    """Return how many rows are stored."""
    return liteorm.scan_one(await db.query("SELECT count(*) FROM item"), int)


async def test_every_sqlstate_through_a_live_session(db: AsyncDB) -> None:
    """A code raised on the server arrives as its class; a connection that is there is not lost."""
    codes = ["23505", "40001", "40P01", "55P03", "42P01", "22012", "53100", "P0001", "XX000"]
    for code in [*codes, "0A000", "3D000", "08P01"]:
        with pytest.raises(liteorm.Error) as caught:
            await db.execute(f"DO $$ BEGIN RAISE SQLSTATE '{code}' USING MESSAGE = 'told'; END $$")
        assert type(caught.value) is liteorm.errors.class_for_sqlstate(code)
        assert caught.value.sqlstate == code
        assert caught.value.message == "told"


@pytest.mark.parametrize("code", ["57P01", "08006", "08001", "57P03"])
async def test_a_code_of_a_lost_connection_raised_by_a_function(db: AsyncDB, code: str) -> None:
    """57P01 and its like raised by a function are plain errors: the connection is there."""
    async with db.transaction() as tx:
        with pytest.raises(liteorm.Error) as caught:
            async with tx.transaction() as inner:
                await inner.execute(f"DO $$ BEGIN RAISE SQLSTATE '{code}'; END $$")
        assert type(caught.value) is liteorm.Error
        assert caught.value.sqlstate == code
        await tx.query("SELECT 1")


async def test_attributes_are_the_servers_diagnostics(db: AsyncDB) -> None:
    """Detail, table, constraint and statement are filled in; str has neither detail nor values."""
    sql = "INSERT INTO item VALUES (%s, %s)"
    await db.execute(sql, [4711, 1])
    with pytest.raises(Taken) as caught:
        await db.execute(sql, [4711, 1])
    error = caught.value
    assert (error.sqlstate, error.schema, error.table) == ("23505", "public", "item")
    assert (error.constraint, error.sql) == ("item_pkey", sql)
    assert "4711" in (error.detail or "")
    assert "4711" not in str(error)
    assert type(error.__cause__).__module__.startswith("psycopg")


async def test_the_hint_is_the_second_line(db: AsyncDB) -> None:
    """str(error) is the message, then the server's hint."""
    with pytest.raises(liteorm.UndefinedFunction) as caught:
        await db.query("SELECT no_such_function(1)")
    first, second = str(caught.value).split("\n")
    assert first == "function no_such_function(integer) does not exist"
    assert second == caught.value.hint


async def test_wrong_numbers_of_parameters(db: AsyncDB) -> None:
    """Placeholders without parameters are a StatementError, before anything is sent."""
    with pytest.raises(liteorm.StatementError, match="2 placeholders"):
        await db.query("SELECT %s, %s", [1])
    with pytest.raises(liteorm.StatementError, match="missing"):
        await db.query("SELECT %(a)s", {"b": 1})


@pytest.mark.parametrize("value", ["a\0b", "\ud800"], ids=["NUL", "surrogate"])
async def test_a_parameter_that_cannot_be_sent(db: AsyncDB, value: str) -> None:
    """A value that cannot be sent is a DataError that names the placeholder, not the value."""
    with pytest.raises(liteorm.DataError) as caught:
        await db.query("SELECT %s, %s", [1, value])
    assert caught.value.parameter == 2
    assert value not in str(caught.value)


async def test_copy_through_execute_is_refused(db: AsyncDB) -> None:
    """COPY from the client as a statement is refused, and the pool is whole afterwards."""
    for call in (db.query, db.execute):
        with pytest.raises(liteorm.StatementError, match="COPY"):
            await call("COPY item FROM STDIN")
    for _ in range(3):
        await db.query("SELECT 1")
    assert db.stats().in_use == 0


class Broken(Exception):
    """What a source of rows fails with."""


async def test_the_source_of_a_copy_raises(db: AsyncDB) -> None:
    """Fault: the iterable given to insert_many raises. Its own exception; nothing is stored."""

    def source() -> Iterator[Item]:
        for number in range(5000):
            yield Item(number, number)
        raise Broken

    with pytest.raises(Broken):
        await db.insert_many(source())
    assert await count(db) == 0


async def test_a_row_of_a_copy_violates_a_constraint(db: AsyncDB) -> None:
    """Fault: a row of a COPY violates a constraint. The mapped error; nothing is stored."""
    with pytest.raises(liteorm.CheckViolation) as caught:
        await db.insert_many(Item(n, n if n < 4000 else -1) for n in range(5000))
    assert caught.value.constraint == "item_n_check"
    assert await count(db) == 0
    with pytest.raises(Taken):
        await db.insert_many([Item(1, 1), Item(1, 1)])
    assert await count(db) == 0


async def test_a_backend_killed_in_a_copy(db: AsyncDB) -> None:
    """Fault: the backend is killed during a COPY. ConnectionLost; nothing is stored."""

    def source() -> Iterator[Item]:
        for number in range(400_000):
            if number == 100_000:
                kill_backend(db)
            yield Item(number, number)

    with pytest.raises(liteorm.ConnectionLost):
        await db.insert_many(source())
    assert await count(db) == 0


async def test_an_abandoned_stream(db: AsyncDB, witness: Witness) -> None:
    """Fault: a stream is left early. The server stops at once, and its table can be dropped."""
    async with db.stream("SELECT generate_series(1, 100000000)") as stream:
        async for row in stream:
            assert row == (1,)
            break
    assert not witness.running("generate_series")
    assert db.stats().in_use == 0
    witness.run("DROP TABLE item")


async def test_a_stream_left_by_an_exception(db: AsyncDB, witness: Witness) -> None:
    """An exception in the block of a stream goes on as it is; the server stops."""
    with pytest.raises(Broken):
        async with db.stream("SELECT generate_series(1, 100000000)") as stream:
            async for _ in stream:
                raise Broken
    assert not witness.running("generate_series")
    assert db.stats().in_use == 0


async def test_a_stream_used_after_its_end(db: AsyncDB) -> None:
    """A stream whose block has been left says so."""
    async with db.stream("SELECT 1") as stream:
        pass
    with pytest.raises(liteorm.TransactionError, match="closed"):
        async for _ in stream:
            pass


async def test_an_error_in_the_middle_of_a_stream(db: AsyncDB) -> None:
    """An error of the server after some rows arrives while iterating, mapped."""
    sql = "SELECT 1 / (3000 - i) FROM generate_series(1, 5000) i"
    seen = 0
    with pytest.raises(liteorm.DataError):
        async with db.stream(sql, batch_size=100) as stream:
            async for _ in stream:
                seen += 1
    assert seen >= 2900
    assert await count(db) == 0


async def test_a_stream_of_a_statement_without_rows(db: AsyncDB) -> None:
    """A statement without rows cannot be streamed, and says so."""
    with pytest.raises(liteorm.StatementError, match="no rows"):
        async with db.stream("CREATE TABLE other (id int)"):
            pass
    async with db.stream("SELECT 1 AS one WHERE false") as stream:
        assert stream.columns == ("one",)
        async for _ in stream:
            raise AssertionError


@pytest.mark.parametrize("sql", ["COPY item FROM STDIN", "COPY item TO STDOUT"])
async def test_copy_cannot_be_streamed(db: AsyncDB, sql: Any) -> None:
    """COPY through a stream is refused, and the pool is whole afterwards."""
    with pytest.raises(liteorm.StatementError):
        async with db.stream(sql):
            pass
    assert await count(db) == 0
    assert db.stats().in_use == 0


async def test_an_empty_statement(db: AsyncDB) -> None:
    """No statement gives no rows and no error."""
    assert list(await db.query("")) == []
    assert (await db.execute("")).rows_affected == 0


async def test_a_stream_with_effects(db: AsyncDB) -> None:
    """INSERT with RETURNING is streamed once, also when its types had to be looked up."""
    await db.execute("CREATE TYPE mood AS ENUM ('low', 'high')")
    async with db.transaction() as tx:
        sql = "INSERT INTO item SELECT i, 1 FROM generate_series(1, 10) i RETURNING id, 'low'::mood"
        async with tx.stream(sql) as stream:
            rows = [row async for row in stream]
    assert rows[0] == (1, "low")
    assert await count(db) == 10


async def test_a_stale_plan_is_run_once_more(db: AsyncDB, witness: Witness) -> None:
    """Fault: DDL from elsewhere under a prepared plan. Outside a transaction nobody notices."""
    await db.execute("INSERT INTO item VALUES (1, 5)")
    for _ in range(8):
        await db.query("SELECT * FROM item WHERE id = %s", [1])
    witness.run("ALTER TABLE item ADD COLUMN name text DEFAULT 'new'")
    rows = await db.query("SELECT * FROM item WHERE id = %s", [1])
    assert list(rows) == [(1, 5, "new")]
    assert list(await db.query("SELECT * FROM item WHERE id = %s", [1])) == [(1, 5, "new")]


async def test_a_stale_plan_in_a_transaction(db: AsyncDB, witness: Witness) -> None:
    """Inside a transaction it is a clear, retryable error, and run() gets over it."""

    async def read(session: AsyncDB | AsyncTx) -> list[tuple[Any, ...]]:
        return list(await session.query("SELECT * FROM item WHERE id = %s", [1]))

    await db.execute("INSERT INTO item VALUES (1, 5)")
    for _ in range(8):
        await db.run(read)
    witness.run("ALTER TABLE item ADD COLUMN name text DEFAULT 'new'")
    with pytest.raises(liteorm.Error, match="cached plan") as caught:
        async with db.transaction() as tx:
            await read(tx)
    assert caught.value.retryable is True
    witness.run("ALTER TABLE item ADD COLUMN other text")
    assert await db.run(read) == [(1, 5, "new", None)]


async def test_a_type_created_again(db: AsyncDB, witness: Witness) -> None:
    """Fault: an enum and a composite are dropped and created again. They are looked up again."""
    make = (
        "CREATE TYPE mood AS ENUM ('low', 'high'); CREATE TYPE pair AS (a int, b mood);"
        "CREATE TABLE feeling (m mood, p pair); INSERT INTO feeling VALUES ('low', (1, 'high'))"
    )
    sql = "SELECT m, p FROM feeling"
    await db.execute(make)
    for _ in range(8):
        assert [row[0] for row in await db.query(sql)] == ["low"]
    witness.run("DROP TABLE feeling; DROP TYPE pair; DROP TYPE mood")
    witness.run(make.replace("'low', 'high'", "'low', 'high', 'between'", 1))
    for _ in range(8):
        assert [row[0] for row in await db.query(sql)] == ["low"]
    async with db.stream(sql) as stream:
        assert [row[0] async for row in stream] == ["low"]
    db.clear_types()
    assert [row[0] for row in await db.query(sql)] == ["low"]


async def _calls(db: AsyncDB, tx: AsyncTx | None) -> dict[str, Any]:
    """Return every public call that speaks to the server, as functions without arguments."""
    session: Any = tx or db

    async def stream() -> None:
        async with session.stream("SELECT * FROM generate_series(1, 5000)") as rows:
            async for _ in rows:
                pass

    async def transaction() -> None:
        async with session.transaction() as inner:
            await inner.query("SELECT 1")

    async def run() -> None:
        async def nothing(tx: AsyncTx) -> None:
            await tx.query("SELECT 1")

        await db.run(nothing)

    calls: dict[str, Any] = {
        "query": lambda: session.query("SELECT 1"),
        "query with timeout": lambda: session.query("SELECT 1", timeout=5),
        "execute": lambda: session.execute("SELECT 1"),
        "execute_many": lambda: session.execute_many("SELECT %s", [[1], [2]]),
        "stream": stream,
        "transaction": transaction,
        "insert": lambda: session.insert(Item(1, 1)),
        "update": lambda: session.update(Item(1, 1)),
        "upsert": lambda: session.upsert(Item(1, 1)),
        "delete": lambda: session.delete(Item(1, 1)),
        "get": lambda: session.get(Item, 1),
        "insert_many": lambda: session.insert_many([Item(1, 1)]),
        "upsert_many": lambda: session.upsert_many([Item(1, 1)]),
        "insert_returning": lambda: session.insert_returning([Item(1, 1)]),
        "describe": lambda: postgres.describe_async(session, "SELECT 1"),
        "notify": lambda: notify_async(session, "a", "b"),
    }
    if tx is not None:
        calls["commit"] = tx.commit
        calls["rollback"] = tx.rollback
    else:
        calls["run"] = run
        calls["begin"] = db.begin
        calls["listen"] = lambda: listen_async(db, "a")
    return calls


NAMES = [
    *("query", "query with timeout", "execute", "execute_many", "stream", "transaction"),
    *("insert", "update", "upsert", "delete", "get", "insert_many", "upsert_many"),
    *("insert_returning", "describe", "notify"),
]


@pytest.mark.parametrize("name", [*NAMES, "commit", "rollback"])
async def test_no_driver_error_escapes_a_transaction(db: AsyncDB, name: str) -> None:
    """Every call of a Tx whose backend was killed ends in a liteorm error, or not at all."""
    tx = await db.begin()
    kill_backend(tx)
    call = (await _calls(db, tx))[name]
    if name == "rollback":
        # Nothing is left to be undone: that is what was asked for.
        await call()
    else:
        with pytest.raises(liteorm.ConnectionLost):
            await call()
    if name not in ("commit", "rollback"):
        await tx.rollback()
    assert db.stats().in_use == 0


@pytest.mark.parametrize("name", [*NAMES, "run", "begin", "listen"])
async def test_no_driver_error_escapes_the_database(liteorm_database: Any, name: str) -> None:
    """Every call of a database that was cut off ends in a liteorm error."""
    with Proxy(liteorm_database.dsn) as proxy:
        async with await open_async(proxy.dsn, max_size=2, timeout=0.5) as db:
            await db.query("SELECT 1")
            proxy.cut()
            with pytest.raises(liteorm.Error):
                await (await _calls(db, None))[name]()
            # The next one finds no connection at all.
            with pytest.raises((liteorm.ConnectionLost, liteorm.PoolTimeout)):
                await (await _calls(db, None))[name]()
            proxy.restore()


async def test_a_connection_ended_by_a_timeout_of_the_server(db: AsyncDB, witness: Witness) -> None:
    """A transaction that was idle for too long: ConnectionLost, with the server's reason."""
    with pytest.raises(liteorm.ConnectionLost, match="idle-in-transaction timeout") as caught:
        async with db.transaction() as tx:
            await tx.execute("SET LOCAL idle_in_transaction_session_timeout = '50ms'")
            await auntil(lambda: not witness.others("state LIKE 'idle in%'"))
            await tx.query("SELECT 1")
    assert caught.value.sqlstate == "25P03"
    assert db.stats().in_use == 0


async def test_a_lost_connection_in_a_query(db: AsyncDB, witness: Witness) -> None:
    """A backend killed while a statement runs: ConnectionLost with the server's reason."""
    async with AsyncBackground() as background:
        query = background.start(db.query, "SELECT pg_sleep(20)")
        await auntil(lambda: witness.running("pg_sleep"))
        kill_backend(db)
        with pytest.raises(liteorm.ConnectionLost, match="administrator command") as caught:
            await query.result()
    assert caught.value.sqlstate == "57P01"
    assert len(await db.query("SELECT 1")) == 1
