"""A statement is over when the server is ready for the next: what fails after the rows is told.

Every call, in and out of a transaction, against every way in which the server can fail late: what
returns is stored, and what the server refused is raised.
"""

from __future__ import annotations

import itertools
from typing import Any, Final

import psycopg
import pytest

import liteorm
from liteorm.postgres import AsyncDB, open_async
from liteorm_testing import Proxy
from tests.postgres._async.late_calls import BAD, CALLS, DELETING, WAYS, alone, lent, owned
from tests.postgres.support import AsyncBackground, Witness, auntil

pytestmark = pytest.mark.anyio

SCHEMA: Final = """
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE item (
    id int PRIMARY KEY, a int NOT NULL, pad text NOT NULL DEFAULT 'x', v int NOT NULL DEFAULT 1
);
INSERT INTO parent SELECT n FROM generate_series(1, 4000) AS n WHERE n <> 99;
INSERT INTO item SELECT n, n, repeat('x', 20000) FROM generate_series(1, 20) AS n;
CREATE FUNCTION put(n int, m int) RETURNS text AS $$
    INSERT INTO item VALUES (n, m, repeat('x', 20000)) RETURNING pad
$$ LANGUAGE sql;
"""
TRIGGER: Final = """
CREATE FUNCTION late() RETURNS trigger AS $$ BEGIN
    IF coalesce(new.a, old.a) = 99 THEN {} END IF;
    RETURN NULL;
END $$ LANGUAGE plpgsql;
CREATE CONSTRAINT TRIGGER late AFTER INSERT OR UPDATE OR DELETE ON item
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late();
INSERT INTO parent VALUES (99);
"""
LATE: Final = {
    "foreign key": """
        ALTER TABLE item ADD FOREIGN KEY (a) REFERENCES parent DEFERRABLE INITIALLY DEFERRED;
        CREATE TABLE child (id int REFERENCES item DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO child VALUES (20);
    """,
    "unique": """
        UPDATE item SET a = 99 WHERE id = 19;
        ALTER TABLE item ADD UNIQUE (a) DEFERRABLE INITIALLY DEFERRED;
    """,
    "constraint trigger": TRIGGER.format("RAISE SQLSTATE 'ZZ999' USING MESSAGE = 'no';"),
    "connection exception": TRIGGER.format("RAISE SQLSTATE '08006' USING MESSAGE = 'no';"),
    "system error": TRIGGER.format("RAISE SQLSTATE '58030' USING MESSAGE = 'no';"),
    "internal error": TRIGGER.format("RAISE SQLSTATE 'XX000' USING MESSAGE = 'no';"),
    "completion unknown": TRIGGER.format("RAISE SQLSTATE '40003' USING MESSAGE = 'no';"),
    "canceled": TRIGGER.format("PERFORM pg_cancel_backend(pg_backend_pid()), pg_sleep(10);"),
    "fatal": TRIGGER.format("PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(10);"),
    "lost": TRIGGER.format("PERFORM pg_advisory_xact_lock(99);"),
}
CODES: Final = {
    "foreign key": "23503",
    "unique": "23505",
    "constraint trigger": "ZZ999",
    "canceled": "57014",
}
OPEN: Final = {
    "connection exception": "08006",
    "system error": "58030",
    "internal error": "XX000",
    "completion unknown": "40003",
}
"""What leaves open whether a COMMIT has happened: the code, with CommitUnknown."""
ARM: Final = "ALTER TABLE item DISABLE TRIGGER late; UPDATE item SET a = 99 WHERE id = 20; "
ARM_LATE: Final = ARM + "ALTER TABLE item ENABLE TRIGGER late"

LOST: Final = "lost"
HOLD: Final = "SELECT pg_advisory_lock(99)"
"""Nobody gets past the trigger: however late the connection is cut, it waits there."""
WAITING: Final = "wait_event = 'advisory'"


def stored(witness: Witness) -> list[tuple[Any, ...]]:
    """Return what is in the table."""
    return witness.ask("SELECT id, a FROM item ORDER BY id")


def prepared(witness: Witness, late: str) -> None:
    """Make the tables, and a row whose removal is refused late."""
    witness.run(SCHEMA)
    witness.run(LATE[late])
    if late not in ("foreign key", "unique"):
        witness.run(ARM_LATE)
    if late == LOST:
        witness.run(HOLD)


@pytest.mark.parametrize("late", LATE)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_what_fails_after_the_rows_is_raised(
    liteorm_database: Any, witness: Witness, way: Any, late: str
) -> None:
    """No call returns for what the server refused late, plain or prepared; nothing is stored."""
    prepared(witness, late)
    keys = itertools.count(100)
    told: dict[str, list[Any]] = {}
    with Proxy(liteorm_database.dsn) as proxy:
        async with await open_async(proxy.dsn, max_size=1) as db, AsyncBackground() as behind:
            for call in CALLS:
                if late == "unique" and call in DELETING:
                    continue
                codes = told[call.__name__] = []
                for rounds in (0, 6) if way in (alone, lent) else (0,):
                    for key in itertools.islice(keys, rounds):
                        # So often that its statement is prepared, with values that are accepted.
                        await way(db, call, key, key)
                    before = stored(witness)
                    attempt = behind.start(way, db, call, next(keys), BAD)
                    if late == LOST:
                        await auntil(lambda: witness.others(WAITING), "the trigger")
                        proxy.cut()
                        proxy.restore()
                    codes.append(await outcome(attempt))
                    for pid, *_ in witness.others(WAITING):
                        witness.ask("SELECT pg_terminate_backend(%s)", [pid])
                    await auntil(lambda: not witness.others(WAITING), "its end")
                    if stored(witness) != before:
                        codes.append("stored")
    rounds = 2 if way in (alone, lent) else 1
    if late not in OPEN or way is owned:
        wanted = [CODES.get(late, OPEN.get(late, LOST))] * rounds
        assert told == dict.fromkeys(told, wanted)
    else:
        unknown: Any = dict.fromkeys(told, [("unknown", OPEN[late])] * rounds)
        assert told == unknown


async def outcome(attempt: Any) -> Any:
    """Return the code of the error that came of it; LOST for a connection that went."""
    try:
        return ("returned", await attempt.result())
    except liteorm.CommitUnknown as exc:
        return ("unknown", exc.sqlstate) if exc.sqlstate in OPEN.values() else LOST
    except liteorm.ConnectionLost:
        return LOST
    except psycopg.Error as exc:
        return exc.sqlstate if exc.sqlstate != "57P01" and exc.sqlstate else LOST
    except liteorm.Error as exc:
        return exc.sqlstate


EARLY: Final = """
CREATE FUNCTION early() RETURNS trigger AS $$ BEGIN
    IF new.a = 99 THEN RAISE SQLSTATE '58030' USING MESSAGE = 'no'; END IF;
    RETURN new;
END $$ LANGUAGE plpgsql;
CREATE TRIGGER early BEFORE INSERT OR UPDATE ON item FOR EACH ROW EXECUTE FUNCTION early();
"""


@pytest.mark.parametrize("way", [alone, lent], ids=lambda way: way.__name__)
async def test_what_fails_before_the_end_leaves_nothing_open(
    liteorm_async_db: AsyncDB, witness: Witness, way: Any
) -> None:
    """The same code from the statement itself is a plain Error, of COPY as well."""
    witness.run(SCHEMA)
    witness.run(EARLY)
    found: dict[str, type[BaseException]] = {}
    for key, call in enumerate(CALLS, 100):
        if call in DELETING:
            continue
        before = stored(witness)
        with pytest.raises(liteorm.Error) as caught:
            await way(liteorm_async_db, call, key, BAD)
        assert caught.value.sqlstate == "58030"
        assert stored(witness) == before
        found[call.__name__] = type(caught.value)
    assert found == dict.fromkeys(found, liteorm.Error)


@pytest.mark.parametrize(
    ("script", "unknown"),
    [
        ("SELECT fail(); SELECT 2", False),
        ("SELECT 1; SELECT fail(); SELECT 2", False),
        ("SELECT 1; SELECT fail()", True),
        ("INSERT INTO item VALUES (500, 99); SELECT 2; ; -- the end", True),
        ("SELECT fail();", False),
    ],
)
async def test_of_a_script_only_the_last_statement_is_in_doubt(
    liteorm_async_db: AsyncDB, witness: Witness, script: Any, unknown: bool
) -> None:
    """The server answers for it when it has committed; what comes before that is known to fail."""
    prepared(witness, "system error")
    witness.run(
        "CREATE FUNCTION fail() RETURNS int LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE SQLSTATE '58030' USING MESSAGE = 'no'; END $$"
    )
    before = stored(witness)
    with pytest.raises(liteorm.Error, match="no") as caught:
        await liteorm_async_db.execute(script)
    assert isinstance(caught.value, liteorm.CommitUnknown) == unknown
    assert caught.value.sqlstate == "58030"
    if unknown:
        assert "the script's last statement, or its commit" in str(caught.value)
    assert stored(witness) == before
    async with liteorm_async_db.transaction() as tx:
        with pytest.raises(liteorm.Error) as inside:
            async with tx.transaction() as inner:
                await inner.execute("SELECT 1; SELECT fail()")
        assert type(inside.value) is liteorm.Error


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_what_is_accepted_is_stored(
    liteorm_async_db: AsyncDB, witness: Witness, way: Any
) -> None:
    """The same calls return for what the server accepts, and it is stored."""
    prepared(witness, "foreign key")
    for key, call in enumerate(CALLS, 100):
        before = stored(witness)
        await way(liteorm_async_db, call, key, key)
        assert stored(witness) != before, call.__name__
