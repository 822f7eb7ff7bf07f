"""Classes with a table, and names of constraints, against a schema."""

from __future__ import annotations

import types
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import attrs
import pytest

import liteorm
from liteorm import Column, postgres
from liteorm._check import check
from liteorm_testing import Server, database

SCHEMA = """
CREATE SCHEMA app;
CREATE TABLE app.users (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL,
    name text NOT NULL,
    phone text,
    upper_name text GENERATED ALWAYS AS (upper(name)) STORED,
    score numeric NOT NULL DEFAULT 0,
    created timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT users_name_check CHECK (name <> '')
);
CREATE UNIQUE INDEX users_email_idx ON app.users (email);
CREATE UNIQUE INDEX users_phone_idx ON app.users (phone) WHERE phone <> '';
CREATE TABLE pairs (a int, b int, note text, PRIMARY KEY (a, b));
CREATE TABLE "a.b" (id int PRIMARY KEY);
CREATE VIEW names AS SELECT id, name FROM app.users;
"""


class Taken(liteorm.UniqueViolation):
    """An error of the user's."""


class Bad(liteorm.CheckViolation):
    """Another."""


@pytest.fixture(scope="module")
def db(liteorm_server: Server) -> Iterator[postgres.DB]:
    """A database with a few tables."""
    with (
        database(liteorm_server, SCHEMA) as made,
        postgres.open(
            made.dsn,
            max_size=2,
            constraint_errors={"users_email_idx": Taken, "users_name_check": Bad},
        ) as opened,
    ):
        yield opened


def said(db: postgres.DB, **names: Any) -> list[str]:
    """Return what the checker says of a module with these names."""
    module = types.ModuleType(__name__)
    vars(module).update(names)
    found = check(db, module)
    return [
        f"{finding.level}: {finding.message}"
        for finding in found
        if finding.subject.kind != "statement"
    ]


@liteorm.table("app.users", key="id")
@attrs.define
class Good:
    """All of the columns, as they are."""

    email: str
    name: str
    phone: str | None
    score: Decimal
    created: datetime
    id: Annotated[int, Column(generated=True)] = 0
    upper_name: Annotated[str | None, Column(generated=True)] = None


@liteorm.table("pairs", key=("b", "a"))
@attrs.define
class Pair:
    """A key of two, in another order, and a column left out."""

    a: int
    b: int


@liteorm.table("a.b", schema="public", key="id")
@attrs.define
class Dotted:
    """A name with a dot."""

    id: int


@liteorm.table("names")
@attrs.define
class View:
    """A view is only read."""

    id: int
    name: str


@liteorm.table("app.users", key="email")
@attrs.define
class ByUniqueIndex:
    """A unique index will do for a key."""

    email: str
    name: str


@pytest.mark.parametrize("model", [Good, Pair, Dotted, View, ByUniqueIndex])
def test_a_class_that_fits_its_table_passes(db: postgres.DB, model: type) -> None:
    """Nothing is said of what is right."""
    assert said(db, model=model) == []


def user(**annotations: Any) -> Any:
    """Return a class for the table of users, from its usual fields and others."""
    usual = {"email": str, "name": str, "id": Annotated[int, Column(generated=True)]}
    fields = {**usual, **annotations}
    kept = {name: attrs.field(type=of) for name, of in fields.items() if of is not None}
    made: Any = attrs.make_class("User", kept, kw_only=True)
    made.__module__ = __name__
    return liteorm.table("app.users", key="id")(made)


@pytest.mark.parametrize(
    ("annotations", "sentence"),
    [
        ({"nam": str}, 'error: app.users has no column "nam" for User.nam; its columns are id,'),
        (
            {"score": float},
            'error: app.users: column "score" is numeric (Decimal); User.score is float',
        ),
        ({"phone": str}, "error: app.users.phone can be NULL; User.phone is str"),
        (
            {"id": int},
            "error: app.users.id is GENERATED ALWAYS; an insert of User would send it",
        ),
        (
            {"upper_name": str | None},
            "error: app.users.upper_name is GENERATED ALWAYS; an insert of User would send it",
        ),
        (
            {"phone": Annotated[str | None, Column(generated=True)]},
            "error: User.phone is generated=True; app.users.phone has no default",
        ),
        (
            {"created": datetime | None},
            "warning: User.created is datetime | None; app.users.created is NOT NULL",
        ),
        (
            {"email": None},
            "error: app.users.email is NOT NULL without a default; an insert of User does not",
        ),
    ],
)
def test_a_misfit_is_said(db: postgres.DB, annotations: dict[str, Any], sentence: str) -> None:
    """What an insert or a read would stumble over is found before."""
    found = said(db, model=user(**annotations))
    assert len(found) == 1
    assert found[0].startswith(sentence)


def test_a_missing_table_is_said(db: postgres.DB) -> None:
    """The near one is suggested."""
    model = liteorm.table("app.user", key="id")(
        attrs.make_class("User", {"id": attrs.field(type=int)})
    )
    model.__module__ = __name__
    module = types.ModuleType(__name__)
    vars(module)["User"] = model
    [finding] = [f for f in check(db, module) if f.subject.kind == "table"]
    assert (finding.message, finding.hint) == (
        'table "app.user" does not exist',
        "did you mean app.users?",
    )


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        (
            "name",
            "key (name) of User is not unique in app.users; its unique keys are (id), (email)",
        ),
        ("phone", "key (phone) of User is not unique in app.users"),
        (("id", "email"), "key (id, email) of User is not unique in app.users"),
    ],
)
def test_a_key_must_be_unique(db: postgres.DB, key: Any, sentence: str) -> None:
    """An index with a condition is no key, nor is more than a key."""
    model = liteorm.table("app.users", key=key)(user(phone=str | None))
    [found] = said(db, model=model)
    assert found.startswith(f"error: {sentence}")


def test_constraint_names_are_looked_up(db: postgres.DB) -> None:
    """A name without a constraint, and an error of the wrong kind, are found."""
    errors = {"users_pkey": Taken, "users_nope": Taken, "pairs_pkey": Bad}
    assert said(db, errors=errors) == [
        'error: no constraint or unique index is named "users_nope"',
        'error: constraint "pairs_pkey" raises UniqueViolation; Bad is none',
    ]


NEVER = """
CREATE TABLE events (id int, day date NOT NULL, PRIMARY KEY (id, day),
    CONSTRAINT events_day_check CHECK (day > '2000-01-01')) PARTITION BY RANGE (day);
CREATE TABLE events_24 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE UNIQUE INDEX events_idx ON events (day, id);
CREATE DOMAIN positive AS int CONSTRAINT positive_check CHECK (value > 0);
CREATE TABLE filled (id int PRIMARY KEY, name text NOT NULL, tag text NOT NULL);
CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER changed BEFORE UPDATE ON filled FOR EACH ROW EXECUTE FUNCTION fill();
CREATE TRIGGER once BEFORE INSERT ON filled FOR EACH STATEMENT EXECUTE FUNCTION fill();
"""


@pytest.fixture
def db_never(liteorm_server: Server) -> Iterator[postgres.DB]:
    """A database with partitions, a domain and triggers."""
    with database(liteorm_server, NEVER) as made, postgres.open(made.dsn, max_size=2) as opened:
        yield opened


def test_names_that_no_error_carries_are_warned_of(db_never: postgres.DB) -> None:
    """The partition's index is met, not the parent's; a domain's constraint has its own name."""
    right = {"events_24_pkey": Taken, "events_day_check": Bad, "positive_check": Bad}
    assert said(db_never, errors=right) == []
    for name in ("events_pkey", "events_idx"):
        [found] = said(db_never, errors={name: Taken})
        assert found == (
            f'warning: constraint "{name}" of events comes in no error:'
            " an error names the index of the partition that it met"
        )
    with pytest.raises(liteorm.UniqueViolation) as caught:
        db_never.execute("INSERT INTO events VALUES (1, '2024-05-05'), (1, '2024-05-05')")
    assert caught.value.constraint == "events_24_pkey"


def test_a_not_null_constraints_name_is_warned_of(db_never: postgres.DB) -> None:
    """PostgreSQL 18 gives NOT NULL constraints names, which no error carries."""
    [(version,)] = db_never.query("SELECT current_setting('server_version_num')::int")
    found = said(db_never, errors={"filled_name_not_null": Taken})
    assert len(found) == 1
    assert found[0].startswith("warning: " if version >= 180000 else "error: no constraint")
    with pytest.raises(liteorm.NotNullViolation) as caught:
        db_never.execute("INSERT INTO filled VALUES (1, NULL, '')")
    assert caught.value.constraint is None


def test_only_a_trigger_before_insert_may_fill_a_column(db_never: postgres.DB) -> None:
    """A trigger for updates or for whole statements fills nothing; one that may is a warning."""

    @liteorm.table("filled", key="id")
    @attrs.define
    class Filled:
        id: int
        name: str

    sentence = "public.filled.tag is NOT NULL without a default; an insert of Filled"
    [found] = said(db_never, model=Filled)
    assert found == f"error: {sentence} does not send it"
    db_never.execute(
        "CREATE TRIGGER filling BEFORE INSERT ON filled FOR EACH ROW EXECUTE FUNCTION fill()"
    )
    [found] = said(db_never, model=Filled)
    assert found == (f"warning: {sentence} does not send it; a BEFORE INSERT trigger may fill it")
    db_never.execute("ALTER TABLE filled DISABLE TRIGGER filling")
    assert said(db_never, model=Filled) == [f"error: {sentence} does not send it"]


DOMAINS = """
CREATE DOMAIN present AS int NOT NULL;
CREATE DOMAIN counted AS present;
CREATE DOMAIN five AS counted DEFAULT 5;
CREATE TABLE held (id int PRIMARY KEY, a present, b counted, c five, d counted DEFAULT 1);
"""


def test_a_domain_refuses_null_too(liteorm_server: Server) -> None:
    """Its NOT NULL asks for a value, also below other domains; reading may still give None."""

    @liteorm.table("held", key="id")
    @attrs.define
    class Short:
        id: int

    @liteorm.table("held", key="id")
    @attrs.define
    class Sent:
        id: int
        a: int
        b: int | None

    with database(liteorm_server, DOMAINS) as made, postgres.open(made.dsn, max_size=2) as db:
        assert said(db, Short=Short) == [
            f"error: public.held.{name} is NOT NULL without a default;"
            " an insert of Short does not send it"
            for name in "ab"
        ]
        assert said(db, Sent=Sent) == []


def test_the_databases_own_constraint_errors_are_checked(liteorm_database: Any) -> None:
    """What `open` was given counts too."""
    with postgres.open(liteorm_database.dsn, constraint_errors={"nope": Taken}) as db:
        assert said(db) == ['error: no constraint or unique index is named "nope"']


@attrs.define
class Made:
    """A row of a materialised view."""

    id: int
    name: str


def test_what_is_not_known_of_a_table_is_warned_of(liteorm_server: Server) -> None:
    """A materialised view, and a column without NOT NULL where the role may not ask the server."""
    schema = """
        CREATE TABLE plain (id int NOT NULL, name text);
        CREATE MATERIALIZED VIEW kept AS TABLE plain;
        DO $$ BEGIN CREATE ROLE check_reader; EXCEPTION WHEN duplicate_object THEN END $$;
        GRANT SELECT ON ALL TABLES IN SCHEMA public TO check_reader;
    """
    with database(liteorm_server, schema) as made, postgres.open(made.dsn) as db:
        kept = said(db, Made=liteorm.table("kept")(Made))
        assert [text.partition(";")[0] for text in kept] == [
            "warning: public.kept.id is not known to be never NULL (a materialised view may be"
            " older than what its query promises now)",
            "error: public.kept.name can be NULL",
        ]
        name = liteorm.Ident(made.name)
        db.execute(liteorm.sql("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC", name))
        reader = f"{made.dsn}?options=-crole%3Dcheck_reader"
        with postgres.open(reader) as other:
            [found] = said(other, Made=liteorm.table("plain")(Made))
        assert found.startswith("warning: public.plain.name is not known to be never NULL (the")
        assert "permission denied" in found
