"""COPY … TO STDOUT as blocks of bytes."""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import Any

import pytest

import liteorm
from liteorm.postgres import AsyncDB, open_async

pytestmark = pytest.mark.anyio

COPYING = """
SELECT 1 FROM pg_stat_activity
 WHERE datname = current_database() AND state <> 'idle' AND query LIKE 'COPY%'
"""


@pytest.fixture
async def db(liteorm_async_db: AsyncDB) -> AsyncDB:
    """A database with three rows."""
    await liteorm_async_db.execute("""
        CREATE TABLE item (id int PRIMARY KEY, name text, at date);
        INSERT INTO item VALUES (1, 'a, "b"', '2024-01-01'), (2, NULL, NULL), (3, E'x\ny', NULL);
    """)
    return liteorm_async_db


async def copied(session: Any, *args: Any, **named: Any) -> bytes:
    """Return the whole data of a COPY."""
    async with session.copy_out(*args, **named) as blocks:
        return b"".join([block async for block in blocks])


async def test_formats(db: AsyncDB) -> None:
    """csv, text and binary, with and without a header."""
    query = "SELECT id, name, at FROM item ORDER BY id; "
    data = await copied(db, query, header=True)
    rows = list(csv.reader(io.StringIO(data.decode())))
    assert rows == [
        ["id", "name", "at"],
        ["1", 'a, "b"', "2024-01-01"],
        ["2", "", ""],
        ["3", "x\ny", ""],
    ]
    assert (await copied(db, query, format="text")).splitlines()[1] == b"2\t\\N\t\\N"
    binary = await copied(db, query, format="binary")
    assert binary.startswith(b"PGCOPY\n\xff\r\n\0")
    assert binary.endswith(b"\xff\xff")
    assert await copied(db, "SELECT 1 WHERE false -- nothing") == b""
    assert await copied(db, "SELECT '100%'") == b"100%\n"


async def test_parameters_are_quoted(db: AsyncDB) -> None:
    """By the driver, whatever is in them; also names, lists and SQL with values in braces."""
    bad = "'; DROP TABLE item; --\\ %s"
    assert (
        await copied(db, "SELECT %s::text", [bad], format="text")
        == b"'; DROP TABLE item; --\\\\ %s\n"
    )
    found = await copied(
        db,
        "SELECT id FROM item WHERE id = ANY(%(ids)s) AND (at = %(at)s OR at IS NULL) ORDER BY id",
        {"ids": [1, 2], "at": dt.date(2024, 1, 1)},
    )
    assert found == b"1\n2\n"
    text = liteorm.sql("SELECT {} FROM item WHERE id = {}", liteorm.Ident("name"), 1)
    assert await copied(db, text) == b'"a, ""b"""\n'
    with pytest.raises(liteorm.Error):
        await copied(db, "SELECT %(a)s::int", {"b": 1})


@pytest.mark.parametrize(
    "end", ["", ";", " ; ", "; -- the end", " /* ; */ ; /* ; */", "\n;\n-- ';", " -- ;"]
)
async def test_a_semicolon_at_the_end_does_not_matter(db: AsyncDB, end: Any) -> None:
    """Nor do comments after it; what follows it is another statement, and refused."""
    async with db.copy_out("SELECT ';', %s" + end, [";"]) as blocks:
        assert [block async for block in blocks] == [b";,;\n"]
    with pytest.raises(liteorm.SqlSyntaxError):
        async with db.copy_out("SELECT 1; SELECT 2" + end):
            pass


async def test_many_rows_in_blocks(db: AsyncDB) -> None:
    """Blocks are neither single rows nor the whole."""
    sizes: list[int] = []
    async with db.copy_out("SELECT n, repeat('x', 90) FROM generate_series(1, 50000) n") as blocks:
        async for block in blocks:
            sizes.append(len(block))
            assert block.endswith(b"\n")
    assert sum(sizes) > 4_500_000
    assert max(sizes) < 300_000
    assert len(sizes) < 5_000


async def test_left_early_it_is_cancelled(db: AsyncDB) -> None:
    """The server stops at once, and the connection and the transaction are usable."""
    endless = "SELECT generate_series(1, 1000000000)"
    async with db.copy_out(endless) as blocks:
        async for block in blocks:
            assert block
            break
    with pytest.raises(ZeroDivisionError):
        async with db.copy_out(endless):
            raise ZeroDivisionError
    assert db.stats().in_use == 0
    assert len(await db.query(COPYING)) == 0
    async with db.transaction() as tx:
        await tx.execute("INSERT INTO item VALUES (4)")
        async with tx.copy_out(endless) as blocks:
            async for _ in blocks:
                break
        with pytest.raises(liteorm.TransactionError, match="in use by another"):
            async with tx.copy_out(endless):
                await tx.query("SELECT 1")
        await tx.execute("INSERT INTO item VALUES (5)")
    assert len(await db.query("SELECT 1 FROM item WHERE id > 3")) == 2


async def test_in_a_transaction_it_sees_its_rows_and_settings(db: AsyncDB) -> None:
    """It is the transaction's own statement."""
    async with db.transaction(settings={"DateStyle": "German"}) as tx:
        await tx.execute("INSERT INTO item VALUES (4, 'mine', '2024-12-31')")
        assert await copied(tx, "SELECT name, at FROM item WHERE id = 4") == b"mine,31.12.2024\n"
        assert await copied(tx, "SELECT id FROM item WHERE id > 3") == b"4\n"


async def test_errors(db: AsyncDB) -> None:
    """At the start and in the middle; wrong words before anything is sent."""
    with pytest.raises(liteorm.UndefinedTable):
        await copied(db, "SELECT 1 FROM nothing")
    with pytest.raises(liteorm.DataError, match="division by zero"):
        await copied(db, "SELECT 1 / (90000 - n) FROM generate_series(1, 100000) n")
    with pytest.raises(ValueError, match="format must be one of csv, text, binary, not 'xml'"):
        db.copy_out("SELECT 1", format="xml")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the binary format has no header"):
        db.copy_out("SELECT 1", format="binary", header=True)
    with pytest.raises(liteorm.StatementError):
        await copied(db, "COMMIT")
    assert db.stats().in_use == 0
    async with db.copy_out("SELECT 1") as blocks:
        pass
    with pytest.raises(liteorm.TransactionError, match="its block has been left"):
        async for _ in blocks:
            pass


some = liteorm.statement(
    tuple[int, str], "SELECT n, 'x%%' FROM generate_series(1, %(count)s) n", timeout=5
)
naps = liteorm.statement(int, "SELECT 1 FROM pg_sleep(%s)", timeout=0.2)


@liteorm.statement(int, "SELECT 1 / (n - 1) FROM generate_series(1, %(count)s) n")
def dividing(count: int) -> None:
    """Fail at the first row."""


async def test_a_declared_statement_is_copied(db: AsyncDB) -> None:
    """With its parameters by name or place, its timeout, and its name in events and errors."""
    assert await copied(db, some, {"count": 2}) == b"1,x%\n2,x%\n"
    async with db.transaction() as tx:
        assert await copied(tx, some, {"count": 1}, header=True) == b"n,?column?\n1,x%\n"
    with pytest.raises(TypeError):
        await copied(db, some)
    with pytest.raises(TypeError):
        await copied(db, some, {"cuont": 1})
    with pytest.raises(liteorm.DataError, match="division") as caught:
        await copied(db, dividing, {"count": 1})
    assert caught.value.statement == "dividing"
    assert await copied(db, naps, [0.001]) == b"1\n"
    with pytest.raises(liteorm.StatementTimeout):
        await copied(db, naps, [30])
    assert db.stats().in_use == 0


async def test_a_slow_reader_is_not_the_servers_affair(liteorm_database: Any) -> None:
    """The pool's statement_timeout bounds each block, not what is done between them."""
    async with await open_async(liteorm_database.dsn, statement_timeout=0.3) as db:
        got = 0
        async with db.copy_out("SELECT repeat('x', 1000) FROM generate_series(1, 30000)") as blocks:
            async for block in blocks:
                if not got:
                    await db.query("SELECT pg_sleep(0.25)")
                    await db.query("SELECT pg_sleep(0.25)")
                got += len(block)
        assert got == 30_000 * 1001
        with pytest.raises(liteorm.StatementTimeout):
            await copied(db, "SELECT pg_sleep(30)")
        with pytest.raises(liteorm.StatementTimeout):
            await db.query("SELECT pg_sleep(30)")


@pytest.mark.parametrize(
    ("query", "params"),
    [
        ("SELECT '%s'", ["x"]),
        ("SELECT '%(a)s days'::interval", {"a": 1}),
        ("SELECT $$ %(a)s $$, %(a)s", {"a": 1}),
    ],
)
async def test_a_placeholder_inside_quotes_is_refused(db: AsyncDB, query: Any, params: Any) -> None:
    """A value put there would end the literal, and go on as SQL; the next call goes."""
    with pytest.raises(liteorm.StatementError, match="line 1") as caught:
        async with db.copy_out(query, params):
            pass
    assert caught.value.hint is not None
    assert "put it outside" in caught.value.hint
    assert len(await db.query("SELECT 1")) == 1
