"""Settings and a role that begin and end with a transaction, in one round trip."""

from __future__ import annotations

import decimal
import enum
from typing import Any, Final

import attrs
import pytest

import liteorm
from liteorm.postgres import AsyncDB, AsyncTx, open_async
from liteorm_testing import Proxy
from tests.postgres.support import Witness

pytestmark = pytest.mark.anyio

SHOW = "SELECT current_setting('app.tenant', true), current_user::text"
GUEST: Final = """DO $$ BEGIN CREATE ROLE liteorm_guest;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$;"""


class Tenant(enum.StrEnum):
    """A setting as a member of an enum."""

    ONE = "t-1"


class Seen:
    """Keeps the events it is told about."""

    def __init__(self) -> None:
        self.events: list[liteorm.QueryEvent] = []

    def before(self, event: liteorm.QueryEvent) -> None:
        """Wait for the end."""

    def after(self, event: liteorm.QueryEvent) -> None:
        """Keep it."""
        self.events.append(event)


async def shown(session: Any) -> tuple[Any, ...]:
    """Return the setting and the role."""
    [row] = await session.query(SHOW)
    return tuple(row)


@pytest.fixture
async def db(liteorm_async_db: AsyncDB) -> AsyncDB:
    """A database with a role that may do little, and rows of tenants."""
    await liteorm_async_db.execute(GUEST)
    await liteorm_async_db.execute("""
        CREATE TABLE doc (tenant text, body text);
        INSERT INTO doc VALUES ('a', '1'), ('b', '2'), ('b', '3');
        ALTER TABLE doc ENABLE ROW LEVEL SECURITY;
        CREATE POLICY tenants ON doc USING (tenant = current_setting('app.tenant'));
        GRANT SELECT, INSERT ON doc TO liteorm_guest;
    """)
    return liteorm_async_db


async def test_settings_end_with_the_transaction(db: AsyncDB) -> None:
    """transaction, begin and run take them; nothing of them is left on the connection."""
    [(_, me)] = await db.query(SHOW)
    options: Any = {"settings": {"app.tenant": "b"}, "role": "liteorm_guest"}
    async with db.transaction(**options) as tx:
        assert await shown(tx) == ("b", "liteorm_guest")
        assert len(await tx.query("SELECT body FROM doc")) == 2
        async with tx.transaction() as inner:
            assert await shown(inner) == ("b", "liteorm_guest")
    async with await db.begin(**options) as begun:
        assert await shown(begun) == ("b", "liteorm_guest")
    assert await db.run(shown, **options) == ("b", "liteorm_guest")
    for _ in range(3):
        assert await shown(db) == ("", me)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", ""),
        ("it's", "it's"),
        ("a\\b'; DROP TABLE doc; --", "a\\b'; DROP TABLE doc; --"),
        ("50% %s é\n", "50% %s é\n"),
        (7, "7"),
        (-1.5, "-1.5"),
        (decimal.Decimal("1.50"), "1.50"),
        (True, "true"),
        (False, "false"),
        (Tenant.ONE, "t-1"),
    ],
)
async def test_values_arrive_as_they_are(db: AsyncDB, value: Any, text: str) -> None:
    """Strings with every character, numbers, bools."""
    for conforming in ("on", "off"):
        async with db.connection() as connection:
            await connection.execute(f"SET standard_conforming_strings = {conforming}")
            async with connection.transaction(settings={"app.tenant": value}) as tx:
                assert (await shown(tx))[0] == text


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"settings": {"app.tenant": None}}, TypeError, r"settings\['app.tenant'\] is None"),
        ({"settings": {"app.tenant": ["a"]}}, TypeError, "is a str, a number or a bool, not list"),
        ({"settings": {"app.tenant": b"a"}}, TypeError, "not bytes"),
        ({"settings": {7: "a"}}, TypeError, "the name of a setting is a str, not int"),
        ({"settings": {"": "a"}}, ValueError, "a setting needs a name"),
        ({"settings": {"app.tenant": "a\0"}}, liteorm.DataError, "the character NUL"),
        ({"settings": ["app.tenant"]}, TypeError, "settings is a mapping"),
        ({"role": 5}, TypeError, "role is a str, not int"),
        ({"role": ""}, ValueError, "role is the name of a role"),
    ],
)
async def test_settings_that_cannot_be(db: AsyncDB, options: Any, error: Any, words: str) -> None:
    """Said at the call, before anything is sent, and without the value."""
    with pytest.raises(error, match=words):
        db.transaction(**options)
    with pytest.raises(error, match=words):
        await db.begin(**options)
    with pytest.raises(error, match=words):
        await db.run(shown, **options)
    async with db.transaction() as tx:
        with pytest.raises(ValueError, match="a savepoint takes no options"):
            tx.transaction(**options)


async def test_what_the_server_refuses_begins_nothing(db: AsyncDB) -> None:
    """The error is the server's, does not show the value, and the connection is as it was."""
    with pytest.raises(liteorm.Error) as caught:
        async with db.transaction(settings={"app.tenant": "secret", "work_mem": "much"}):
            raise AssertionError
    assert "secret" not in str(caught.value)
    assert "secret" not in str(caught.value.sql)
    with pytest.raises(liteorm.Error, match="nobody"):
        await db.begin(role="nobody")
    assert db.stats().in_use == 0
    async with db.transaction() as tx:
        assert len(await tx.query("SELECT 1")) == 1


async def test_names_are_looked_for_in_the_path_that_is_set(db: AsyncDB) -> None:
    """A search_path among the settings counts for everything that was prepared or looked up."""

    @liteorm.table("thing", key="id")
    @attrs.frozen
    class Thing:
        id: int
        state: str

    for name, labels in (("one", "'a'"), ("two", "'b'")):
        await db.execute(
            liteorm.sql(
                "CREATE SCHEMA {0}; CREATE TYPE {0}.state AS ENUM ({1});"
                "CREATE TABLE {0}.thing (id int PRIMARY KEY, state {0}.state)",
                liteorm.Ident(name),
                liteorm.sql(labels),
            )
        )
    for _ in range(4):
        for name, label in (("one", "a"), ("two", "b")):
            async with db.transaction(settings={"search_path": name}) as tx:
                await tx.upsert(Thing(1, label))
                rows = await tx.query("SELECT * FROM thing WHERE id = %s", [1])
                assert liteorm.scan(rows, Thing) == [Thing(1, label)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("search_path", 'public, "Some Schema"'),
        ("SEARCH_PATH", "a,b"),
        ("search_path", "public"),
        ("search_path", "tenant_7, public"),
        ("search_path", "user, public"),
        ("search_path", "Tenant"),
        ("search_path", "a,, b"),
        ("search_path", ""),
        ("temp_tablespaces", ""),
        ("session_preload_libraries", ""),
        ("DateStyle", "SQL, DMY"),
        ("TimeZone", "Asia/Tokyo"),
        ("work_mem", "1MB"),
        ("enable_seqscan", "off"),
        ("statement_timeout", "90s"),
        ("default_transaction_isolation", "serializable"),
        ("app.tenant", "default"),
        ("App.Tenant", "it's"),
        ("app.a.b", "x"),
        ("app.select", "x"),
        (f"app.{'n' * 70}", "x"),
        ("no_such_setting", "x"),
        ("app.", "x"),
        ("app. b", "x"),
        ("app.{}", "{} %s"),
        ('app."b', "x"),
        ("server_version", "x"),
        ("work_mem", "much"),
    ],
)
async def test_settings_mean_what_set_config_means(db: AsyncDB, name: str, value: str) -> None:
    """Lists, long names, keywords and refusals: whatever the text is that sets them."""
    show = "SELECT current_setting(%s, true)"

    async def by_function(tx: AsyncTx) -> Any:
        await tx.query("SELECT set_config(%s, %s, true)", [name, value])
        return list(await tx.query(show, [name]))

    async def as_option() -> Any:
        async with db.transaction(settings={name: value}) as tx:
            return list(await tx.query(show, [name]))

    outcomes: list[Any] = []
    for way in (lambda: db.run(by_function), as_option):
        try:
            outcomes.append(await way())
        except liteorm.Error as error:
            outcomes.append((type(error), error.sqlstate))
    assert outcomes[0] == outcomes[1]


async def test_a_snapshot_is_not_taken_before_it_is_needed(db: AsyncDB) -> None:
    """Settings do not make the first statement of a transaction the second."""
    async with db.transaction(settings={"transaction_isolation": "serializable"}) as tx:
        assert list(await tx.query("SHOW transaction_isolation")) == [("serializable",)]


async def test_they_cost_no_round_trip(db: AsyncDB, liteorm_database: Any) -> None:
    """BEGIN, the settings and the role go together."""
    with Proxy(liteorm_database.dsn) as proxy:
        async with await open_async(proxy.dsn) as far:
            counts: list[int] = []
            kinds: list[Any] = [
                {},
                {"settings": {"app.tenant": "b"}, "role": "liteorm_guest"},
                {"settings": {"statement_timeout": "5s", "search_path": "public"}},
            ]
            for options in kinds:
                before = proxy.round_trips
                async with far.transaction(**options):
                    pass
                counts.append(proxy.round_trips - before)
    assert counts == [2, 2, 2]


async def test_observers_see_names_and_not_values_in_the_text(liteorm_database: Any) -> None:
    """The values are parameters of the event."""
    seen = Seen()
    async with await open_async(liteorm_database.dsn, observers=[seen]) as watched:
        async with watched.transaction(read_only=True, settings={"app.tenant": "b"}):
            pass
    assert [event.operation for event in seen.events] == ["begin", "commit"]
    assert seen.events[0].sql == 'BEGIN READ ONLY; SET LOCAL "app"."tenant" = %s'
    assert seen.events[0].params == ("b",)


async def test_writes_under_row_level_security(db: AsyncDB) -> None:
    """Where COPY is refused rows go as arrays: all or none, bounded, in order, with progress."""
    told: list[int] = []
    options: Any = {"settings": {"app.tenant": "b"}, "role": "liteorm_guest"}

    async def rows(count: int, bad: int | None = None) -> Any:
        for number in range(count):
            yield {"tenant": "c" if number == bad else "b", "body": str(number)}

    async with db.transaction(**options) as tx:
        assert await tx.insert_many(rows(20_000), table="doc", progress=told.append) == 20_000
    assert told == sorted(told)
    assert told[-1] == 20_000
    found = [body for (body,) in await db.query("SELECT body FROM doc WHERE body > '' OFFSET 3")]
    assert found == [str(number) for number in range(20_000)]

    async def refused(tx: AsyncTx) -> None:
        with pytest.raises(liteorm.InsufficientPrivilege, match="row-level security"):
            await tx.insert_many(rows(9_000, bad=8_000), table="doc")
        # What had been sent before is undone, and the transaction goes on.
        assert len(await tx.query("SELECT 1 FROM doc")) == 20_002

    await db.run(refused, **options)
    with pytest.raises(liteorm.DataError, match=r"body of object 30 does not fit") as caught:
        async with db.transaction(**options) as tx:
            await tx.insert_many(
                [{"tenant": "b", "body": "x"}] * 30 + [{"tenant": "b", "body": 5}], table="doc"
            )
    assert caught.value.row == 30


ASKING: Final[dict[str, Any]] = {
    "limit": {"settings": {"statement_timeout": "5123ms"}},
    "role": {"role": "liteorm_guest"},
    "path": {"settings": {"search_path": "public"}},
    "all": {
        "role": "liteorm_guest",
        "settings": {"search_path": "public", "statement_timeout": "5123ms", "app.tenant": "t"},
    },
}


async def _sent_in(witness: Witness) -> str:
    [(query,)] = witness.ask("""
        SELECT query FROM pg_stat_activity
         WHERE datname = current_database() AND state = 'idle in transaction'""")
    return str(query)


@pytest.mark.parametrize("options", ASKING.values(), ids=ASKING)
async def test_what_a_beginning_means_is_asked_for_once(
    liteorm_database: Any, witness: Witness, options: Any
) -> None:
    """The next one of the same kind and values sends what it sets and no question."""
    sent: list[str] = []
    async with await open_async(liteorm_database.dsn, max_size=1) as db:
        await db.execute(GUEST)
        for _ in range(3):
            async with db.transaction(**options) as tx:
                sent.append(await _sent_in(witness))
                assert list(await tx.query("SELECT 1")) == [(1,)]
        assert "SELECT" in sent[0]
        assert "SELECT pg_catalog.current_schemas" not in sent[1]
        assert "extract" not in sent[1]
        assert sent[0].startswith(sent[1] + "; SELECT ")
        assert sent[1] == sent[2]


@pytest.mark.parametrize("options", [ASKING["role"], ASKING["path"], ASKING["all"]])
async def test_transactions_that_write_ask_where_names_lead(
    liteorm_database: Any, witness: Witness, options: Any
) -> None:
    """What a table is known for depends on it: asked for when it is first needed, then always."""
    witness.run(f"{GUEST} {MADE}")
    async with await open_async(liteorm_database.dsn, max_size=1) as db:
        sent: list[str] = []
        for number in range(4):
            async with db.transaction(**options) as tx:
                sent.append(await _sent_in(witness))
                if number:
                    await tx.insert(Made(number))
        assert "current_schemas" not in sent[1]
        assert all("current_schemas" in each for each in (sent[0], *sent[2:]))


@pytest.mark.parametrize(
    "options", [{"role": "liteorm_guest"}, {"settings": {"search_path": "elsewhere"}}]
)
async def test_statements_are_prepared_where_names_lead_elsewhere(
    liteorm_database: Any, witness: Witness, options: Any
) -> None:
    """Apart from those of the same text outside, and with the rows of the tables meant there."""
    witness.run(f"""{GUEST} CREATE SCHEMA elsewhere; CREATE TABLE made (id int);
        CREATE TABLE elsewhere.made (id text); INSERT INTO made VALUES (1);
        INSERT INTO elsewhere.made VALUES ('x'); GRANT SELECT ON made TO liteorm_guest""")
    text: Any = "SELECT id FROM made"
    elsewhere = [(1,)] if "role" in options else [("x",)]
    async with await open_async(liteorm_database.dsn, max_size=1) as db:
        for _ in range(8):
            assert list(await db.query(text)) == [(1,)]
            async with db.transaction(**options) as tx:
                assert list(await tx.query(text)) == elsewhere
                await tx.execute("SELECT %s::int", [1])
        counted = "SELECT count(*) FROM pg_prepared_statements WHERE statement = %s"
        assert list(await db.query(counted, [text])) == [(2,)]
        assert list(await db.query(counted, ["SELECT $1::int"])) == [(1,)]


@liteorm.table("made", key="id")
@attrs.frozen
class Made:
    """A row of a table that there may be in two schemas."""

    id: int


@liteorm.table("made", key="id")
@attrs.frozen
class MadeAsText:
    """The same where the other schema has another type."""

    id: str


MADE: Final = """CREATE TABLE made (id int PRIMARY KEY); GRANT ALL ON made TO liteorm_guest;"""
ELSEWHERE: Final = """CREATE SCHEMA liteorm_guest AUTHORIZATION liteorm_guest;
    CREATE TABLE liteorm_guest.made (id {} PRIMARY KEY);
    GRANT ALL ON liteorm_guest.made TO liteorm_guest;"""


@pytest.mark.parametrize("path", [None, "liteorm_guest, public"])
async def test_a_schema_made_meanwhile_counts_at_once(
    liteorm_database: Any, witness: Witness, path: str | None
) -> None:
    """Names mean what they mean now, also where only statements prepared before are sent."""
    options: Any = {"role": "liteorm_guest"}
    if path is not None:
        options = {"settings": {"search_path": path}}
    witness.run(f"{GUEST} {MADE}")
    async with await open_async(liteorm_database.dsn, max_size=1) as db:
        for round_ in range(8):
            async with db.transaction(**options) as tx:
                await tx.execute("INSERT INTO made VALUES (%s)", [round_])
        witness.run(ELSEWHERE.format("int"))
        for round_ in range(8, 16):
            async with db.transaction(**options) as tx:
                await tx.execute("INSERT INTO made VALUES (%s)", [round_])
        async with db.transaction(**options) as tx:
            await tx.insert(Made(16))
            assert len(await tx.query("SELECT id FROM made")) == 9
    assert witness.ask("SELECT max(id) FROM public.made") == [(7,)]


@pytest.mark.parametrize("reads", [True, False])
async def test_a_schema_with_other_types_is_met_by_run(
    liteorm_database: Any, witness: Witness, reads: bool
) -> None:
    """As after ALTER TABLE: a statement that was prepared fails, and is tried again."""
    witness.run(f"{GUEST} {MADE} INSERT INTO made VALUES (1)")
    async with await open_async(liteorm_database.dsn, max_size=1) as db:

        async def work(tx: AsyncTx) -> list[Any]:
            if not reads:
                await tx.execute("INSERT INTO made VALUES (%s)", ["2"])
            found = list(await tx.query("SELECT id FROM made"))
            await tx.execute("DELETE FROM made WHERE id = %s", ["2"])
            return found

        for _ in range(8):
            assert (await db.run(work, role="liteorm_guest"))[0] == (1,)
        witness.run(ELSEWHERE.format("text") + "INSERT INTO liteorm_guest.made VALUES ('x')")
        for _ in range(8):
            assert (await db.run(work, role="liteorm_guest"))[0] == ("x",)
            assert list(await db.query("SELECT id FROM made")) == [(1,)]


async def test_a_schema_made_meanwhile_counts_for_objects(
    liteorm_database: Any, witness: Witness
) -> None:
    """Objects go to the table meant now, in the first transaction after it too."""
    witness.run(f"{GUEST} {MADE}")
    async with await open_async(liteorm_database.dsn, max_size=1) as db:
        for writes in (False, True):
            for number in range(8):
                async with db.transaction(role="liteorm_guest") as tx:
                    await tx.query("SELECT 1")
                    if writes:
                        await tx.insert(Made(number))
        witness.run(ELSEWHERE.format("text"))
        for number in range(8):
            async with db.transaction(role="liteorm_guest") as tx:
                assert await tx.insert(MadeAsText(f"x{number}")) == MadeAsText(f"x{number}")
    assert witness.ask("SELECT count(*) FROM liteorm_guest.made") == [(8,)]


async def test_what_is_kept_of_beginnings_is_bounded(
    liteorm_database: Any, witness: Witness
) -> None:
    """Names of settings may be made at run time, and their number has no end."""
    witness.run(f"{GUEST} {MADE}")
    async with await open_async(liteorm_database.dsn, max_size=1) as db:
        for number in range(300):
            settings = {"search_path": "public", f"app.t{number}": "x"}
            for _ in range(2):
                async with db.transaction(settings=settings) as tx:
                    await tx.query("SELECT 1")
            async with db.transaction(settings=settings) as tx:
                await tx.insert(Made(number))
        assert len(db._state.named) <= 256
        assert len(db._state.paths) <= 256
