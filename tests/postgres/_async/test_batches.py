"""Several statements in one round trip."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

import liteorm
from liteorm.observe import operation_name
from liteorm.postgres import AsyncDB, open_async
from liteorm_testing import Proxy

pytestmark = pytest.mark.anyio


@attrs.frozen
class Item:
    """A row of the table."""

    id: int
    name: str


item_by_id = liteorm.statement(Item, "SELECT id, name FROM item WHERE id = %(id)s")
items = liteorm.statement(Item, "SELECT id, name FROM item ORDER BY id")
count = liteorm.statement(int, "SELECT count(*) FROM item WHERE id > %s")
rename = liteorm.statement(None, "UPDATE item SET name = %(name)s WHERE id = %(id)s")
broken = liteorm.statement(Item, "SELECT id, name FROM item WHERE id = 1 / %(zero)s")


short = liteorm.statement(None, "SELECT pg_sleep(%s)", timeout=0.35)
short.name = "short"
longer = liteorm.statement(None, "SELECT pg_sleep(%s)", timeout=3)


@liteorm.statement(None, "DELETE FROM item WHERE id = %(id)s")
def named(id: int) -> None:
    """Delete an item."""


@pytest.fixture
async def db(liteorm_async_db: AsyncDB) -> AsyncDB:
    """A database with three rows."""
    await liteorm_async_db.execute("""
        CREATE TYPE mood AS ENUM ('good', 'bad');
        CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL, mood mood);
        CREATE TABLE later (id int REFERENCES item DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO item VALUES (1, 'a', 'good'), (2, 'b', 'bad'), (3, 'c', NULL);
    """)
    return liteorm_async_db


async def test_each_statement_has_its_typed_result(db: AsyncDB) -> None:
    """On a database, and in a transaction; the statements see each other's work in order."""

    async def use(session: Any) -> None:
        async with session.batch() as batch:
            one = batch.one(item_by_id, id=2)
            absent = batch.optional(item_by_id, id=9)
            changed = batch.execute(rename, id=1, name="A")
            every = batch.all(items)
            many = batch.all(count, 1)
            rows = batch.query("SELECT mood, 'x%%' FROM item WHERE id = %s", [1])
            plain = batch.query("SELECT 7 WHERE 'a%' LIKE 'a%'")
        assert one.result() == one.result() == Item(2, "b")
        assert absent.result() is None
        assert changed.result() == liteorm.Result(1, "UPDATE")
        assert [item.name for item in every.result()] == ["A", "b", "c"]
        assert many.result() == [2]
        assert list(rows.result()) == [("good", "x%")]
        assert liteorm.scan_one(plain.result(), int) == 7

    await use(db)
    async with db.transaction() as tx:
        await use(tx)
    async with db.connection() as connection:
        await use(connection)
    assert db.stats().in_use == 0


async def test_it_is_one_round_trip(db: AsyncDB, liteorm_database: Any) -> None:
    """Three statements of a page take one, where one by one they take three."""
    with Proxy(liteorm_database.dsn) as proxy:
        async with await open_async(proxy.dsn) as far:
            for session_is_new in (True, False):
                before = proxy.round_trips
                async with far.batch() as batch:
                    one, every = batch.one(item_by_id, id=1), batch.all(items)
                    rows = batch.query("SELECT 1")
                assert proxy.round_trips - before == 1, session_is_new
                assert (one.result().id, len(every.result()), len(rows.result())) == (1, 3, 1)
            async with far.transaction() as tx:
                before = proxy.round_trips
                async with tx.batch() as batch:
                    batch.execute(rename, id=1, name="x")
                    batch.query("SELECT 1")
                assert proxy.round_trips - before == 1


async def test_an_error_names_the_statement_and_stores_nothing(db: AsyncDB) -> None:
    """And the connection is as good as before."""
    with pytest.raises(liteorm.DataError, match=r"statement 1 of the batch: division") as caught:
        async with db.batch() as batch:
            first = batch.execute(rename, id=1, name="lost")
            failing = batch.one(broken, zero=0)
            after = batch.all(items)
    assert "1 /" in str(caught.value.sql)
    for each in (first, failing, after):
        with pytest.raises(liteorm.TransactionError, match="its batch failed") as inner:
            each.result()
        assert inner.value.__cause__ is caught.value
        assert "with DataError, and nothing of it is stored" in str(inner.value)
    assert (await item_by_id.one(db, id=1)).name == "a"
    assert db.stats().in_use == 0
    with pytest.raises(liteorm.DataError, match="statement 0 of the batch"):
        async with db.batch() as batch:
            batch.query("SELECT %s::int", ["\0"])
            batch.execute(rename, id=1, name="lost")
    with pytest.raises(liteorm.SqlSyntaxError, match="statement 0 of the batch"):
        async with db.batch() as batch:
            batch.query("SELEC 1")
    assert (await item_by_id.one(db, id=1)).name == "a"


async def test_a_commit_that_fails_is_an_error(db: AsyncDB) -> None:
    """Deferred constraints have their say, and so has a test that lets commits fail."""
    with pytest.raises(liteorm.ForeignKeyViolation):
        async with db.batch() as batch:
            result = batch.query("INSERT INTO later VALUES (99) RETURNING id")
    with pytest.raises(liteorm.TransactionError):
        result.result()
    assert len(await db.query("SELECT 1 FROM later")) == 0


async def test_in_a_transaction_it_spoils_what_any_statement_does(db: AsyncDB) -> None:
    """Unless a savepoint is around it."""
    async with db.transaction() as tx:
        await tx.execute("UPDATE item SET name = 'kept' WHERE id = 3")
        with pytest.raises(liteorm.DataError):
            async with tx.transaction() as inner, inner.batch() as batch:
                batch.execute(rename, id=1, name="lost")
                batch.one(broken, zero=0)
        assert (await item_by_id.one(tx, id=3)).name == "kept"
    with pytest.raises(liteorm.TransactionAborted):
        async with db.transaction() as tx:
            with pytest.raises(liteorm.DataError):
                async with tx.batch() as batch:
                    batch.one(broken, zero=0)
            with pytest.raises(liteorm.InFailedTransaction):
                await tx.query("SELECT 1")


async def test_results_have_their_time(db: AsyncDB) -> None:
    """Before the block's end there are none, one() says at result() what it says, no more after."""
    async with db.batch() as batch:
        pending = batch.one(item_by_id, id=1)
        with pytest.raises(liteorm.TransactionError, match="sent when the block is left"):
            pending.result()
        none = batch.one(item_by_id, id=9)
        several = batch.optional(items)
    with pytest.raises(liteorm.NoRows):
        none.result()
    with pytest.raises(liteorm.TooManyRows):
        several.result()
    with pytest.raises(liteorm.TransactionError, match="its block has been left"):
        batch.query("SELECT 1")
    with pytest.raises(ZeroDivisionError):
        async with db.batch() as batch:
            pending = batch.execute(rename, id=1, name="lost")  # type: ignore[assignment]
            raise ZeroDivisionError
    with pytest.raises(liteorm.TransactionError, match="its batch failed"):
        pending.result()
    async with db.batch():
        pass
    assert (await item_by_id.one(db, id=1)).name == "a"


async def test_what_cannot_be_part_of_it(db: AsyncDB) -> None:
    """Transaction commands, COPY, wrong parameters: said before anything is sent."""
    for text, words in (
        ("COMMIT", "COMMIT cannot be sent"),
        ("COPY item TO STDOUT", "COPY from or to the client"),
    ):
        with pytest.raises(liteorm.StatementError, match=words):
            async with db.batch() as batch:
                batch.query(text)
    async with db.batch() as batch:
        with pytest.raises(TypeError):
            batch.one(item_by_id, ident=1)
    with pytest.raises(liteorm.Error, match="statement 0"):
        async with db.batch() as batch:
            batch.query("SELECT %(a)s::int", {"b": 1})


async def test_text_is_executed_as_declared_statements_are(db: AsyncDB) -> None:
    """With its parameters; what takes the other kind says so."""
    async with db.batch() as batch:
        text = batch.execute("UPDATE item SET name = %s WHERE id < %s", ["x", 3])
        made = batch.execute(liteorm.sql("DELETE FROM item WHERE id = {}", 3))
    assert (text.result().rows_affected, made.result().rows_affected) == (2, 1)
    wrong: Any = "SELECT 1"
    declared: Any = items
    async with db.batch() as batch:
        with pytest.raises(TypeError, match="one of a batch takes a statement that gives rows"):
            batch.one(wrong)
        with pytest.raises(TypeError, match=r"gives rows, made by liteorm\.statement, not Command"):
            unread: Any = rename
            batch.all(unread, id=1, name="")
        with pytest.raises(TypeError, match="query of a batch takes text"):
            batch.query(declared)


async def test_many_statements_with_much_in_them(db: AsyncDB) -> None:
    """Neither side waits for the other for ever."""
    async with db.batch() as batch:
        sent = [batch.query("SELECT repeat(%s, 10)", ["x" * 20_000]) for _ in range(300)]
    assert {len(value) for each in sent for (value,) in each.result()} == {200_000}


async def test_observers_see_one_operation(liteorm_database: Any, db: AsyncDB) -> None:
    """With the text of all statements."""
    seen: list[liteorm.QueryEvent] = []

    class Seen:
        def before(self, event: liteorm.QueryEvent) -> None:
            pass

        def after(self, event: liteorm.QueryEvent) -> None:
            seen.append(event)

    async with await open_async(liteorm_database.dsn, observers=[Seen()]) as watched:
        async with watched.batch() as batch:
            batch.all(items)
            batch.execute(named, 9)
            batch.execute(named, 8)
            batch.query("SELECT 1")
    [event] = seen
    assert (event.operation, event.rows) == ("batch", 4)
    assert event.sql == f"{items.sql};\n{named.sql};\n{named.sql};\nSELECT 1"
    assert event.statement == "named"
    assert operation_name(event) == "BATCH"


@liteorm.statement(Item, "INSERT INTO item VALUES (%(id)s, 'x') RETURNING id")
def added(id: int) -> None:
    """Insert an item, and forget its name."""


async def test_a_result_that_does_not_fit_says_what_is_stored(db: AsyncDB) -> None:
    """On a database the batch is stored by then, in a transaction not yet."""
    async with db.batch() as batch:
        written, read = batch.one(added, 10), batch.one(item_by_id, id=99)
    with pytest.raises(liteorm.ScanError) as caught:
        written.result()
    assert caught.value.stored
    with pytest.raises(liteorm.NoRows) as absent:
        read.result()
    assert not absent.value.stored
    async with db.transaction() as tx:
        async with tx.batch() as batch:
            written = batch.one(added, 11)
        with pytest.raises(liteorm.ScanError) as inside:
            written.result()
    assert not inside.value.stored
    assert len(await db.query("SELECT 1 FROM item WHERE id > 9")) == 2


async def test_what_is_about_all_of_a_batch_names_all(liteorm_database: Any, db: AsyncDB) -> None:
    """No connection to be had, a constraint that COMMIT looks at: whose statements these were."""
    async with await open_async(liteorm_database.dsn, max_size=1, timeout=0.2) as small:
        with pytest.raises(liteorm.ForeignKeyViolation) as late:
            async with small.batch() as batch:
                batch.execute("INSERT INTO later VALUES (99)")
                batch.execute(named, 7)
                batch.execute(short, 0.01)
        assert (late.value.statement, late.value.row) == ("named, short", None)
        async with small.transaction():
            with pytest.raises(liteorm.PoolTimeout) as none:
                async with small.batch() as batch:
                    batch.execute(named, 7)
        assert none.value.statement == "named"


@pytest.mark.parametrize("text", ["COMMIT", "BEGIN", "SAVEPOINT a", "COPY item FROM STDIN"])
async def test_text_that_is_refused_is_named(db: AsyncDB, text: Any) -> None:
    """Before anything is sent; the others have no results, and the transaction goes on."""
    async with db.transaction() as tx:
        with pytest.raises(liteorm.StatementError, match="statement 1 of the batch: ") as caught:
            async with tx.batch() as batch:
                first = batch.execute(named, 1)
                batch.execute(text)
        assert (caught.value.row, caught.value.sql) == (1, text)
        with pytest.raises(liteorm.TransactionError, match="nothing of it is stored"):
            first.result()
        assert len(await tx.query("SELECT 1 FROM item")) == 3


async def test_each_statement_keeps_its_own_timeout(db: AsyncDB) -> None:
    """The server counts for each; the others and the transaction have theirs as before."""
    limit = "SELECT current_setting('statement_timeout')"
    for session in (db, None):
        async with db.batch() as batch:
            batch.execute(short, 0.2)
            batch.execute(short, 0.2)
            batch.execute("SELECT pg_sleep(0.5)")
            between = batch.query(limit)
            batch.execute(short, 0.2)
        assert list(between.result()) == [("0",)]
        with pytest.raises(liteorm.StatementTimeout, match=r"statement 1 of the batch \(short\)"):
            if session is None:
                async with db.transaction() as tx, tx.batch() as batch:
                    batch.execute("SELECT 1")
                    batch.execute(short, 30)
            else:
                async with db.batch() as batch:
                    batch.execute("SELECT 1")
                    batch.execute(short, 30)
    async with db.transaction() as tx:
        await tx.execute("SET LOCAL statement_timeout = '7s'")
        async with tx.batch() as batch:
            batch.execute(short, 0.1)
            first = batch.query(limit)
            batch.execute(short, 0.1)
        assert list(first.result()) == [("7s",)] == list(await tx.query(limit))
    assert list(await db.query(limit)) == [("0",)]


async def test_a_batch_may_take_as_long_as_its_statements(liteorm_database: Any) -> None:
    """The pool's statement_timeout is for each of them too."""
    async with await open_async(liteorm_database.dsn, statement_timeout=0.5) as limited:
        async with limited.batch() as batch:
            for _ in range(4):
                batch.execute("SELECT pg_sleep(0.3)")
            batch.execute(longer, 0.8)
        with pytest.raises(liteorm.StatementTimeout, match="statement 1"):
            async with limited.batch() as batch:
                batch.execute(longer, 0.1)
                batch.execute("SELECT pg_sleep(30)")
        assert list(await limited.query("SHOW statement_timeout")) == [("500ms",)]


@pytest.mark.parametrize(
    ("code", "told"),
    [("58030", "may or may not be stored"), ("23514", "nothing of it is stored")],
)
async def test_a_result_says_what_is_known_of_its_batch(db: AsyncDB, code: str, told: str) -> None:
    """Where COMMIT was answered with a system error it may be stored, and is not said not to be."""
    await db.execute(f"""
        CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE 'late' USING ERRCODE = '{code}'; END $$;
        CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON item
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late();
    """)
    with pytest.raises(liteorm.Error) as caught:
        async with db.batch() as batch:
            pending = batch.execute(rename, id=1, name="late")
    assert isinstance(caught.value, liteorm.CommitUnknown) == (code == "58030")
    with pytest.raises(liteorm.TransactionError, match=told):
        pending.result()
