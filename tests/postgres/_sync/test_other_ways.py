# Generated from tests/postgres/_async/test_other_ways.py by .ci/unasync.py: edit that file, not this one.
"""Tables where the fast way is refused or means something else: what the catalog says decides."""

from __future__ import annotations

import enum
from typing import Annotated, Any

import attrs
import pytest
from psycopg.conninfo import conninfo_to_dict

import liteorm
from liteorm import Column
from liteorm._core.models.classes import model_of
from liteorm._core.sql import bulk, writable
from liteorm.postgres import DB
from liteorm.postgres._sync.lookup import looked_up
from liteorm.postgres._sync.reordering import insert_reordered, reordering


COLUMNS = "(id int PRIMARY KEY, name text NOT NULL CHECK (name <> 'bad'), v int DEFAULT 1)"
VIEW = "CREATE TABLE real {}; CREATE VIEW item AS SELECT * FROM real;"
INSTEAD = """
CREATE FUNCTION item() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO real VALUES (NEW.id, NEW.name, coalesce(NEW.v, 1)); RETURN NEW;
    ELSIF TG_OP = 'UPDATE' THEN
        UPDATE real SET name = NEW.name, v = NEW.v WHERE id = OLD.id; RETURN NEW;
    END IF;
    DELETE FROM real WHERE id = OLD.id; RETURN OLD;
END $$;
CREATE TRIGGER item INSTEAD OF INSERT OR UPDATE OR DELETE ON item
    FOR EACH ROW EXECUTE FUNCTION item();
"""
FOREIGN = """
CREATE EXTENSION postgres_fdw;
CREATE SERVER loop FOREIGN DATA WRAPPER postgres_fdw
    OPTIONS (host '{host}', port '{port}', dbname '{dbname}');
CREATE USER MAPPING FOR CURRENT_USER SERVER loop
    OPTIONS (user '{user}', password '{password}');
"""
FAR = "SERVER loop OPTIONS (table_name 'far' {})"
KINDS = {
    "partitioned": f"""
        CREATE TABLE item {COLUMNS} PARTITION BY RANGE (id);
        CREATE TABLE one PARTITION OF item FOR VALUES FROM (MINVALUE) TO (30);
        CREATE TABLE two PARTITION OF item FOR VALUES FROM (30) TO (MAXVALUE);
    """,
    "rule on insert": f"""
        CREATE TABLE item {COLUMNS}; CREATE TABLE log (id int);
        CREATE RULE r AS ON INSERT TO item DO ALSO INSERT INTO log VALUES (NEW.id);
    """,
    "rule on update": f"""
        CREATE TABLE item {COLUMNS}; CREATE TABLE log (id int);
        CREATE RULE r AS ON UPDATE TO item DO ALSO INSERT INTO log VALUES (NEW.id);
    """,
    "rule on delete": f"""
        CREATE TABLE item {COLUMNS}; CREATE TABLE log (id int);
        CREATE RULE r AS ON DELETE TO item DO ALSO INSERT INTO log VALUES (OLD.id);
    """,
    "view": VIEW.format(COLUMNS),
    "view with triggers": VIEW.format(COLUMNS) + INSTEAD,
    "foreign": f"""
        {FOREIGN} CREATE TABLE far {COLUMNS};
        CREATE FOREIGN TABLE item (id int, name text, v int DEFAULT 1) {FAR.format("")};
    """,
    "foreign in batches": f"""
        {FOREIGN} CREATE TABLE far {COLUMNS};
        CREATE FOREIGN TABLE item (id int, name text, v int DEFAULT 1)
            {FAR.format(", batch_size '7'")};
    """,
    "foreign partition": f"""
        {FOREIGN} CREATE TABLE far {COLUMNS};
        CREATE TABLE item (id int, name text, v int DEFAULT 1) PARTITION BY RANGE (id);
        CREATE TABLE one PARTITION OF item FOR VALUES FROM (MINVALUE) TO (30);
        CREATE FOREIGN TABLE two PARTITION OF item FOR VALUES FROM (30) TO (MAXVALUE)
            {FAR.format("")};
    """,
    "Citus": f"""
        SET allow_system_table_mods = on;
        CREATE TABLE item {COLUMNS};
        CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass);
        INSERT INTO pg_catalog.pg_dist_partition VALUES ('item');
    """,
}
NO_CONFLICT = {
    "rule on insert": "it has rules",
    "rule on update": "it has rules",
    "view with triggers": "it is a view",
    "foreign": "it is a foreign table",
    "foreign in batches": "it is a foreign table",
    "foreign partition": "some of its partitions are foreign tables",
}


@liteorm.table("item", key="id")
@attrs.frozen
class Item:
    """A row."""

    id: int
    name: str


@liteorm.table("item", key="id", version="v")
@attrs.frozen
class Versioned:
    """A row with its version."""

    id: int
    name: str
    v: int = 1


def prepared(db: DB, database: Any, kind: str) -> None:
    """Make a table of a kind."""
    text: Any = KINDS[kind]
    words = conninfo_to_dict(database.dsn)
    if "postgres_fdw" in text:
        text = text.format(**{"password": "", **words})
    db.execute(text)


def stored(db: Any) -> list[Item]:
    """Return what is in the table."""
    return liteorm.scan(db.query("SELECT id, name FROM item ORDER BY id"), Item)


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "in a transaction"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_outcome_is_that_of_a_plain_table(
    liteorm_db: DB, liteorm_database: Any, kind: str, inside: bool
) -> None:
    """Counts, rows, order, all or none, whatever stands behind the name."""
    db = liteorm_db
    prepared(db, liteorm_database, kind)
    told: list[int] = []

    def items() -> Any:
        for number in range(60):
            yield Item(number, str(number))

    def use(session: Any) -> None:
        assert session.insert_many(items(), progress=told.append) == 60
        assert told[-1] == 60
        more = [Item(number, "more") for number in (70, 12345, 61, -5)]
        assert session.insert_returning(more) == more
        assert session.insert_returning(more[:0]) == []
        assert session.update_many([Item(n, "u") for n in (1, 40, 999)]) == 2
        assert session.update_many([Versioned(2, "v", 1), Versioned(41, "v", 7)]) == 1
        assert session.delete_many(Item, [3, 50, 999]) == 2
        assert session.update(Versioned(4, "w", 1)) == Versioned(4, "w", 2)
        assert session.patch(Item, 45, {"name": "p"}) == Item(45, "p")
        assert session.delete(Item(5, "5"))
        assert session.get(Item, 2) == Item(2, "v")

    if inside:
        with db.transaction() as tx:
            use(tx)
    else:
        use(db)
    names = {n: str(n) for n in range(60)} | dict.fromkeys((70, 12345, 61, -5), "more")
    names |= {1: "u", 40: "u", 2: "v", 4: "w", 45: "p"}
    for gone in (3, 50, 5):
        del names[gone]
    assert stored(db) == [Item(n, names[n]) for n in sorted(names)]
    if kind == "rule on insert":
        assert list(db.query("SELECT count(*) FROM log")) == [(64,)]


@pytest.mark.parametrize("kind", KINDS)
def test_all_or_none_on_each(
    liteorm_db: DB, liteorm_database: Any, kind: str
) -> None:
    """What the server or the encoder refuses leaves nothing, and a transaction usable."""
    db = liteorm_db
    prepared(db, liteorm_database, kind)
    bad, wrong = [Item(1, "a"), Item(40, "bad")], [Item(1, "a"), Item(40, 5)]  # type: ignore[arg-type]
    for call in (db.insert_many, db.insert_returning):
        with pytest.raises(liteorm.CheckViolation):
            call(bad)
        with pytest.raises(liteorm.DataError, match=r"Item\.name of object 1"):
            call(wrong)
    assert stored(db) == []
    with db.transaction() as tx:
        tx.insert(Item(7, "kept"))
        for name in ("insert_many", "insert_returning"):
            with pytest.raises(liteorm.DataError):
                getattr(tx, name)(wrong)
        with tx.transaction() as inner:
            with pytest.raises(liteorm.DataError, match="comes twice"):
                inner.update_many([Item(7, "x"), Item(7, "y")])
        assert stored(tx) == [Item(7, "kept")]


@pytest.mark.parametrize("kind", KINDS)
def test_upsert_works_or_says_why_not(
    liteorm_db: DB, liteorm_database: Any, kind: str
) -> None:
    """Where ON CONFLICT cannot be used, one sentence tells what of the table is against it."""
    db = liteorm_db
    prepared(db, liteorm_database, kind)
    calls: list[Any] = [
        lambda: db.upsert(Item(1, "a")),
        lambda: db.upsert(Item(1, "a"), update=()),
        lambda: db.upsert_many([Item(1, "b"), Item(2, "c")]),
        lambda: db.upsert_many([Item(1, "b"), Item(3, "c")], update=()),
    ]
    for call in calls:
        if (why := NO_CONFLICT.get(kind)) is None:
            call()
        else:
            with pytest.raises(liteorm.Error, match=f"item takes no ON CONFLICT: {why}") as caught:
                call()
            assert "update_many" in str(caught.value.hint)
    if kind not in NO_CONFLICT:
        assert stored(db) == [Item(1, "b"), Item(2, "c"), Item(3, "c")]


def test_citus_tables_are_told_from_others(liteorm_db: DB) -> None:
    """Only what Citus has spread counts, not every table of a database with Citus."""
    db = liteorm_db
    db.execute(KINDS["Citus"])
    db.execute("CREATE TABLE local (id int, name text)")
    model = model_of(Item)
    for table, distributed in (("item", True), ("local", False)):
        target, _ = looked_up(db, model, writable.table_for(model, table), model.fields)
        assert target.traits.distributed is distributed
        assert target.traits.takes_merge is not distributed


@liteorm.table("kept", key="id")
@attrs.frozen
class Kept:
    """A row whose key the database gives."""

    name: str
    id: Annotated[int | None, Column(generated=True)] = None


@pytest.mark.parametrize("wanted", [Item, dict])
def test_rows_that_come_in_another_order_are_put_into_their_places(
    liteorm_db: DB, wanted: Any
) -> None:
    """By the key that was sent, as from a server that answers shard by shard."""
    db = liteorm_db
    db.execute("CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL)")
    model = model_of(Item)
    into = writable.table_for(model)
    target, _ = looked_up(db, model, into, model.fields)
    types = [column.array for column in target.columns]
    text = bulk.insert_returning_text(model, into, model.fields, types, merge=False)
    shuffled = text.replace("ORDER BY s.n", "ORDER BY s.c0 %% 3, s.n DESC")
    assert shuffled != text
    how = reordering(model, into, model, target, shuffled, ())
    assert how.keys
    items = [Item(n * 7919 % 1000, str(n)) for n in range(1000)]
    found = insert_reordered(db, how, target, items, 0, wanted)
    assert found == (items if wanted is Item else [attrs.asdict(item) for item in items])


def test_rows_whose_key_is_not_sent_go_one_by_one(liteorm_db: DB) -> None:
    """In pipelines and in one transaction: in order, all or none, the bad one named."""
    db = liteorm_db
    db.execute("""
        SET allow_system_table_mods = on;
        CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass);
        CREATE TABLE kept (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                           name text NOT NULL CHECK (name <> 'bad'));
        INSERT INTO pg_catalog.pg_dist_partition VALUES ('kept');
    """)
    made = db.insert_returning([Kept(str(n)) for n in range(2500)])
    assert [each.name for each in made] == [str(n) for n in range(2500)]
    assert [each.id for each in made] == sorted(each.id or 0 for each in made)
    for session in (db, None):
        with pytest.raises(liteorm.CheckViolation, match="at object 2000") as caught:
            rows = [Kept("x")] * 2000 + [Kept("bad")]
            if session is None:
                with db.transaction() as tx:
                    tx.insert_returning(rows)
            else:
                db.insert_returning(rows)
        assert caught.value.row == 2000
    assert len(db.query("SELECT 1 FROM kept")) == 2500
    with pytest.raises(liteorm.DataError, match="name of object 1"):
        db.insert_returning([Kept("x"), Kept(5)])  # type: ignore[arg-type]


class Mood(enum.Enum):
    """One label more than the type has."""

    GOOD = "good"
    ODD = "odd"


@liteorm.table("secured", key="id")
@attrs.frozen
class Secured:
    """A row of a table with policies, or without."""

    id: int
    tenant: str = "a"
    short: str | None = None
    mood: Mood = Mood.GOOD
    positive: int = 1


SECURED = """
DO $$ BEGIN CREATE ROLE liteorm_guest; EXCEPTION WHEN duplicate_object THEN END $$;
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE secured (id int PRIMARY KEY, tenant text NOT NULL CHECK (tenant <> 'bad'),
                      short varchar(3), mood mood NOT NULL, positive positive);
CREATE POLICY mine ON secured USING (tenant IN ('a', 'bad'));
GRANT ALL ON secured TO liteorm_guest;
"""
WRONG: dict[str, tuple[Any, type[liteorm.Error], str | None]] = {
    "check": ({"tenant": "bad"}, liteorm.CheckViolation, "tenant"),
    "length": ({"short": "abcd"}, liteorm.DataError, "short"),
    "label": ({"mood": Mood.ODD}, liteorm.DataError, "mood"),
    "domain": ({"positive": -1}, liteorm.CheckViolation, "positive"),
    "twice": ({"id": 3}, liteorm.UniqueViolation, "id"),
    "policy": ({"tenant": "b"}, liteorm.InsufficientPrivilege, None),
    "class": ({"short": 5}, liteorm.DataError, "short"),
}


@pytest.mark.parametrize("place", [0, 7, 12_345])
@pytest.mark.parametrize("wrong", WRONG)
def test_a_bad_row_is_named_as_copy_names_it(
    liteorm_db: DB, wrong: str, place: int
) -> None:
    """Under row-level security rows go by INSERT, which does not say at which it was."""
    db = liteorm_db
    db.execute(SECURED)
    change, error, field = WRONG[wrong]
    if wrong == "twice":
        place += 4
    rows = [Secured(n) for n in range(place + 100)]
    rows[place] = attrs.evolve(rows[place], **change)

    def refused(session: Any) -> tuple[Any, ...]:
        with pytest.raises(error) as caught:
            session.insert_many(rows)
        return type(caught.value), caught.value.row, caught.value.sqlstate

    as_copy = None if wrong == "policy" else refused(db)
    db.execute("ALTER TABLE secured ENABLE ROW LEVEL SECURITY")
    with db.transaction(role="liteorm_guest") as tx:
        assert tx.insert_many([Secured(-1)]) == 1
        found = refused(tx)
        assert len(tx.query("SELECT 1 FROM secured")) == 1
        with pytest.raises(error) as caught:
            with tx.transaction() as inner:
                inner.insert_many(rows)
    assert found[1] == place
    assert as_copy in (None, found)
    assert caught.value.field == field
    assert f"object {place}" in caught.value.message
