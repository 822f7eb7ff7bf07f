"""Random programs of calls, blocks and faults: what is stored is what a dict would hold."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random
from typing import Any

import attrs
import pytest

import liteorm
from liteorm.postgres import AsyncDB, AsyncTx, open_async

pytestmark = pytest.mark.anyio

LATE = 7
"""A value that the table takes, and COMMIT refuses."""

SCHEMA: Any = """
CREATE TABLE allowed (v int PRIMARY KEY);
INSERT INTO allowed SELECT v FROM generate_series(0, 200) v WHERE v <> 7;
CREATE TABLE kv (
    id int PRIMARY KEY,
    v int NOT NULL CHECK (v >= 0) REFERENCES allowed DEFERRABLE INITIALLY DEFERRED
);
CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.kv (LIKE public.kv INCLUDING ALL);
"""

SEEN: Any = """
SELECT current_setting('app.word', true), current_setting('search_path'),
       current_setting('work_mem'), current_user::text,
       (SELECT count(*)::int FROM pg_listening_channels()), current_setting('statement_timeout'),
       current_setting('transaction_isolation')
"""


@liteorm.table("kv", key="id")
@attrs.frozen
class Kv:
    """A key and its value."""

    id: int
    v: int


Stored = dict[int, int]
Step = tuple[str, Stored | None, Callable[[], Awaitable[Any]]]
"""Its text, what is stored after it (None: it is refused), and the call."""


class Thrown(Exception):
    """What a program raises itself."""


@attrs.define
class Program:
    """Runs random calls, and keeps what they must have stored."""

    random: Random
    log: list[str] = attrs.field(factory=list[str])

    def note(self, session: Any, text: str) -> None:
        """Write down a step, for the message of a failure."""
        self.log.append(f"{type(session).__name__}: {text}")

    # One call

    def step(self, session: Any, stored: Stored) -> Step:
        """Return a random call, and what it does to what is stored."""
        kinds = [self._one, self._several, self._text, self._batch, self._reading, self._refused]
        kind = self.random.choices(kinds, [6, 6, 4, 3, 3, 2])[0]
        text, after, call = kind(session, stored)
        autocommit = not isinstance(session, AsyncTx)
        if autocommit and after is not None and LATE in after.values():
            after = None
        return text, after, call

    def _row(self) -> Kv:
        return Kv(self.random.randrange(6), self.random.choice((-1, 0, 1, 2, 3, LATE)))

    def _one(self, session: Any, stored: Stored) -> Step:
        row = self._row()
        there, fine = row.id in stored, row.v >= 0
        written = {**stored, row.id: row.v}
        steps: list[Step] = [
            ("insert", None if there or not fine else written, lambda: session.insert(row)),
            ("update", written if there and fine else None, lambda: session.update(row)),
            ("upsert", written if fine else None, lambda: session.upsert(row)),
            (
                "upsert or keep",
                (stored if there else written) if fine else None,
                lambda: session.upsert(row, update=()),
            ),
            ("delete", without(stored, {row.id}), lambda: session.delete(row)),
            (
                "patch",
                written if there and fine else None,
                lambda: session.patch(Kv, row.id, {"v": row.v}),
            ),
            ("get", stored if there else None, lambda: session.get(Kv, row.id)),
        ]
        return named(self.random.choice(steps), row)

    def _several(self, session: Any, stored: Stored) -> Step:
        rows = [self._row() for _ in range(self.random.randrange(1, 4))]
        keys = [row.id for row in rows]
        given = {row.id: row.v for row in rows}
        fine = all(row.v >= 0 for row in rows)
        twice = len(given) < len(rows)
        added = {**stored, **given} if fine and not twice and not given.keys() & stored else None
        there = {key: v for key, v in given.items() if key in stored}
        changed = None if twice or min(there.values(), default=0) < 0 else {**stored, **there}
        pairs = [(row.id, row.v) for row in rows]
        steps: list[Step] = [
            ("insert_many", added, lambda: session.insert_many(iter(rows))),
            ("insert_many, fed slowly", added, lambda: session.insert_many(slowly(rows))),
            ("insert_returning", added, lambda: session.insert_returning(rows)),
            (
                "upsert_many",
                {**stored, **given} if fine and not twice else None,
                lambda: session.upsert_many(rows),
            ),
            ("update_many", changed, lambda: session.update_many(rows)),
            ("delete_many", without(stored, set(keys)), lambda: session.delete_many(Kv, keys)),
            (
                "execute_many",
                added,
                lambda: session.execute_many("INSERT INTO kv VALUES (%s, %s)", pairs),
            ),
        ]
        return named(self.random.choice(steps), rows)

    def _text(self, session: Any, stored: Stored) -> Step:
        row = self._row()
        there, fine = row.id in stored, row.v >= 0
        more = {key: v + 1 for key, v in stored.items()}
        added = None if there or not fine else {**stored, row.id: row.v}
        returning: Any = "INSERT INTO kv VALUES (%s, %s) RETURNING id, v"
        steps: list[Step] = [
            ("execute", more, lambda: session.execute("UPDATE kv SET v = v + 1")),
            ("query", added, lambda: session.query(returning, [row.id, row.v])),
            (
                "execute, with a limit",
                more,
                lambda: session.execute("UPDATE kv SET v = v + %s", [1], timeout=60),
            ),
            ("stream", added, lambda: streamed(session, returning, [row.id, row.v])),
            (
                "query that changes",
                without(stored, stored.keys()),
                lambda: session.query("WITH d AS (DELETE FROM kv RETURNING id) SELECT id FROM d"),
            ),
        ]
        return named(self.random.choice(steps), row)

    def _batch(self, session: Any, stored: Stored) -> Step:
        rows = [self._row() for _ in range(self.random.randrange(1, 4))]
        after: Stored | None = dict(stored)
        for row in rows:
            kept = after is not None and row.id not in after and row.v >= 0
            after = {**after, row.id: row.v} if after is not None and kept else None

        async def call() -> None:
            async with session.batch() as batch:
                found = [
                    batch.query("INSERT INTO kv VALUES (%s, %s) RETURNING v", [row.id, row.v])
                    for row in rows
                ]
            assert [liteorm.scan_one(rows.result(), int) for rows in found] == [r.v for r in rows]

        return f"batch {rows}", after, call

    def _reading(self, session: Any, stored: Stored) -> Step:
        many: Any = "SELECT n FROM generate_series(1, 3000) n"
        steps: list[Step] = [
            ("stream, left early", stored, lambda: left_early(session, many)),
            ("copy_out, left early", stored, lambda: copied_early(session, many)),
            ("scan", stored, lambda: self._scanned(session, stored)),
        ]
        return self.random.choice(steps)

    async def _scanned(self, session: Any, stored: Stored) -> None:
        rows = liteorm.scan(await session.query("SELECT * FROM kv"), Kv)
        assert {row.id: row.v for row in rows} == stored

    def _refused(self, session: Any, stored: Stored) -> Step:
        wrong: Any = self.random.choice(("SELECT 1 / 0", "SELECT nothing", "SELECT %(a)s, 1 / 0"))
        params = {"a": 1} if "%" in wrong else None
        steps: list[Step] = [
            ("an error", None, lambda: session.query(wrong, params)),
            ("a limit", None, lambda: session.query("SELECT pg_sleep(5)", timeout=0.03)),
            ("not a value", None, lambda: session.query("SELECT %s", [object()])),
            ("a stream of errors", None, lambda: streamed(session, wrong, params)),
            ("a source that fails", None, lambda: session.insert_many(failing())),
            ("a lost connection", None, lambda: session.execute(LOST)),
            ("a lost stream", None, lambda: streamed(session, LOST, None)),
        ]
        return self.random.choice(steps)

    # Blocks

    async def run(self, session: Any, stored: Stored, steps: int) -> Stored:
        """Run some steps; return what is stored after them.

        Raises:
            liteorm.Error: A statement failed in a transaction, or this program threw something.
        """
        for _ in range(steps):
            kinds: list[Any] = [self._call, self._block, self._setting]
            shares = [10, 2, 2] if isinstance(session, AsyncTx) else [8, 4, 2]
            if isinstance(session, AsyncDB):
                kinds += [self._by_hand, self._retried, self._borrowed]
                shares += [1, 1, 2]
            stored = await self.random.choices(kinds, shares)[0](session, stored)
        return stored

    async def _call(self, session: Any, stored: Stored) -> Stored:
        text, after, call = self.step(session, stored)
        self.note(session, text)
        try:
            await call()
        except (liteorm.Error, Thrown) as error:
            self.log[-1] += f" -> {type(error).__name__}"
            if after is not None:
                raise
            if isinstance(error, liteorm.ConnectionLost) and not isinstance(session, AsyncDB):
                raise Lost from error
            if isinstance(session, AsyncTx) and await is_failed(session):
                raise Failed(stored) from error
            return stored
        assert after is not None, "it went through"
        return after

    async def _setting(self, session: Any, stored: Stored) -> Stored:
        outside = OUTSIDE if isinstance(session, AsyncDB) else OUTSIDE[:HARMLESS]
        sql: Any = self.random.choice(SETTINGS if isinstance(session, AsyncTx) else outside)
        self.note(session, sql)
        try:
            await session.execute(sql)
        except liteorm.Error as error:
            self.log[-1] += f" -> {type(error).__name__}"
            if "CONSTRAINTS" not in sql or LATE not in stored.values():
                raise
            raise Failed(stored) from error
        assert "CONSTRAINTS" not in sql or LATE not in stored.values()
        return stored

    async def _borrowed(self, db: AsyncDB, stored: Stored) -> Stored:
        """Run some steps on one connection."""
        self.note(db, "connection")
        after = Kept(stored)
        try:
            async with db.connection() as session:
                for _ in range(self.random.randrange(1, 5)):
                    after.stored = await self.run(session, after.stored, 1)
                    if self.random.random() < 0.1:
                        raise Thrown
        except (Thrown, Lost):
            pass
        return after.stored

    async def _by_hand(self, db: AsyncDB, stored: Stored) -> Stored:
        """Run a transaction that is ended by a call."""
        ending = self.random.choice(("commit", "rollback", "nothing"))
        self.note(db, f"begin, {ending}")
        after = stored
        try:
            async with await db.begin() as tx:
                after = await self.run(tx, stored, self.random.randrange(1, 4))
                if ending == "commit":
                    await tx.commit()
                elif ending == "rollback":
                    await tx.rollback()
        except (Failed, Lost):
            return self._rolled_back(db, stored)
        except liteorm.ForeignKeyViolation:
            assert ending == "commit"
            assert LATE in after.values()
            return self._rolled_back(db, stored)
        if ending != "commit":
            return self._rolled_back(db, stored)
        assert LATE not in after.values(), "COMMIT went through"
        return after

    async def _retried(self, db: AsyncDB, stored: Stored) -> Stored:
        """Run a unit of work that fails at first, for a reason that may pass."""
        attempts = self.random.randrange(3)
        self.note(db, f"run, {attempts} in vain")
        steps, seed = self.random.randrange(1, 4), self.random.random()
        after = Kept(stored)

        async def work(tx: AsyncTx) -> None:
            nonlocal attempts
            self.random.seed(seed)
            after.stored = await self.run(tx, stored, steps)
            attempts -= 1
            if attempts >= 0:
                await tx.execute("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$")

        try:
            await db.run(work)
        except (Failed, Lost):
            return self._rolled_back(db, stored)
        except liteorm.ForeignKeyViolation:
            assert LATE in after.stored.values()
            return self._rolled_back(db, stored)
        assert attempts < 0
        assert LATE not in after.stored.values()
        return after.stored

    async def _block(self, session: Any, stored: Stored) -> Stored:
        """Run a transaction or a savepoint that ends in one of the ways in which one can."""
        outermost = not isinstance(session, AsyncTx)
        swallowed, thrown = self.random.random() < 0.3, self.random.random() < 0.2
        steps, options = self.random.randrange(1, 5), self._options() if outermost else {}
        self.note(session, f"begin {options} {'swallows ' * swallowed}{'throws' * thrown}")
        after = stored
        failed = False
        try:
            async with session.transaction(**options) as tx:
                try:
                    after = await self.run(tx, stored, steps)
                except Failed:
                    failed = True
                    if not swallowed:
                        raise
                if thrown:
                    raise Thrown
        except Failed:
            assert failed
            assert not swallowed
            return self._rolled_back(session, stored)
        except Thrown:
            assert thrown
            return self._rolled_back(session, stored)
        except Lost:
            if not isinstance(session, AsyncDB):
                raise
            return self._rolled_back(session, stored)
        except liteorm.TransactionAborted:
            assert failed
            assert swallowed
            return self._rolled_back(session, stored)
        except liteorm.ForeignKeyViolation:
            assert outermost
            assert LATE in after.values()
            return self._rolled_back(session, stored)
        assert not failed
        assert not thrown
        assert not (outermost and LATE in after.values()), "COMMIT went through"
        self.note(session, "done")
        return after

    def _rolled_back(self, session: Any, stored: Stored) -> Stored:
        self.note(session, "rolled back")
        return stored

    def _options(self) -> dict[str, Any]:
        return self.random.choice(
            (
                {},
                {},
                {"isolation": "serializable"},
                {"settings": {"app.word": "inside"}},
                {"settings": {"work_mem": "2MB", "statement_timeout": "20s"}},
            )
        )


class Failed(Exception):
    """A statement failed, and with it the transaction or savepoint around it."""


@attrs.define
class Kept:
    """What is stored by now, also where an error comes later."""

    stored: Stored


class Lost(Exception):
    """The connection is gone, and with it the whole transaction."""


LOST: Any = "SELECT pg_terminate_backend(pg_backend_pid())"


SETTINGS = (
    "SET LOCAL app.word = 'local'",
    "SET app.word = 'set'",
    "SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED",
    "SET LOCAL work_mem = '1MB'; SET app.word = 'second'",
    "LISTEN channel",
    "DEALLOCATE ALL",
)
OUTSIDE = (
    "SET app.word = 'set'",
    "DISCARD ALL",
    "DEALLOCATE ALL",
    "LISTEN channel",
    "SET LOCAL app.word = 'local'; SET app.word = 'lasting'",
    "SET search_path = elsewhere",
    "SET search_path = elsewhere; SET work_mem = '3MB'",
    "SET ROLE pg_monitor",
)
HARMLESS = 5
"""So many of them do not change what a name means, or who may do what."""


def named(step: Step, what: object) -> Step:
    """Return a step with what it is given in its text."""
    text, after, call = step
    return f"{text} {what}", after, call


def without(stored: Stored, keys: Any) -> Stored:
    """Return what is left when keys are taken away."""
    return {key: v for key, v in stored.items() if key not in keys}


async def is_failed(tx: AsyncTx) -> bool:
    """Return whether a transaction takes no more statements."""
    try:
        await tx.query("SELECT 1")
    except liteorm.InFailedTransaction:
        return True
    return False


async def slowly(rows: list[Kv]) -> AsyncIterator[Kv]:
    """Give rows one by one."""
    for row in rows:
        yield row


async def failing() -> AsyncIterator[Kv]:
    """Give a row, and then fail."""
    yield Kv(90, 1)
    raise Thrown


async def streamed(session: liteorm.AsyncSession, sql: Any, params: Any) -> None:
    """Read a stream to its end."""
    async with session.stream(sql, params) as stream:
        found = [row async for row in liteorm.scan_iter(stream, tuple[int, int])]
    assert len(found) == 1


async def left_early(session: liteorm.AsyncSession, sql: Any) -> None:
    """Read one row of a stream."""
    async with session.stream(sql, batch_size=10) as stream:
        async for number in liteorm.scan_iter(stream, int):
            assert number == 1
            break


async def copied_early(session: liteorm.AsyncSession, sql: Any) -> None:
    """Read one block of a COPY."""
    async with session.copy_out(sql) as blocks:
        async for block in blocks:
            assert block.startswith(b"1\n")
            break


async def run_program(db: AsyncDB, other: AsyncDB, seed: int) -> None:
    """Run a program on one connection, and look from another one at what it leaves."""
    program = Program(Random(seed))
    await other.execute("TRUNCATE kv, elsewhere.kv")
    usual = await seen(db)
    stored: Stored = {}
    try:
        for _ in range(8):
            stored = await program.run(db, stored, 1)
            rows = liteorm.scan(await other.query("SELECT * FROM kv"), Kv)
            assert {row.id: row.v for row in rows} == stored, "what is stored"
            assert await seen(db) == usual, "what is left on the connection"
            assert liteorm.scan_one(await other.query(LEFT), int) == 0, "in a transaction"
            assert db.stats().in_use == 0
    except Exception as error:
        steps = "\n".join(program.log)
        raise AssertionError(f"seed {seed}: {error!r}\n{steps}") from error


LEFT: Any = """
SELECT count(*)::int FROM pg_stat_activity
WHERE datname = current_database() AND state LIKE '%transaction%'
"""


async def seen(db: AsyncDB) -> Any:
    """Return what the next borrower of a connection sees of its settings."""
    rows = await db.query(SEEN)
    found = liteorm.scan_one(rows, tuple[str | None, str, str, str, int, str, str])
    return (found[0] or None, *found[1:])


@pytest.mark.parametrize("start", range(0, 100, 50))
async def test_random_programs_store_what_they_say(liteorm_database: Any, start: int) -> None:
    """Whatever is called in whatever block, failing or not: stored is what was reported."""
    async with (
        await open_async(liteorm_database.dsn, max_size=1) as db,
        await open_async(liteorm_database.dsn, max_size=1) as other,
    ):
        await other.execute(SCHEMA)
        for seed in range(start, start + 50):
            await run_program(db, other, seed)
