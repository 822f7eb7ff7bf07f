"""Arrays, codecs, encodings and the driver's own loaders: what a value goes through on its way."""

from __future__ import annotations

import ipaddress as ip
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any

import attrs
import psycopg
import psycopg.conninfo
import pytest

from liteorm import (
    Column,
    DataError,
    ModelError,
    ScanError,
    StatementError,
    postgres,
    scan,
    scan_one,
)
from liteorm_testing import Server
from tests.postgres.scanning import query, run, value_of


@pytest.mark.parametrize(
    ("expression", "annotation", "expected"),
    [
        ("ARRAY[[1,2],[3,4]]", list[list[int]], [[1, 2], [3, 4]]),
        ("ARRAY[[[1]],[[2]]]", list[list[list[int]]], [[[1]], [[2]]]),
        ("ARRAY[[1,NULL]]", list[list[int | None]], [[1, None]]),
        ("'{}'::int[]", list[list[int]], []),
        ("'[0:1]={5,6}'::int[]", list[int], [5, 6]),
        ("ARRAY[[1,2]]", list[Any], [[1, 2]]),
        ("ARRAY[1,2]", tuple[int, int], (1, 2)),
        ("ARRAY[1,2]", tuple[int, ...], (1, 2)),
        ("ARRAY[[1,2],[3,4]]", tuple[tuple[int, ...], ...], ((1, 2), (3, 4))),
        ("ARRAY[[1,2],[3,4]]", set[tuple[int, ...]], {(1, 2), (3, 4)}),
        ("ARRAY[1,1]", set[int], {1}),
        ("ARRAY[1]", frozenset[int], frozenset({1})),
        ("ARRAY[1]", Sequence[int], [1]),
        ("ARRAY[1]", list, [1]),
        ("ARRAY['1.2.3.4'::inet]", list[ip.IPv4Interface], [ip.IPv4Interface("1.2.3.4/32")]),
        ("'{\"(1,2)\"}'::point[]", list[tuple[float, float]], [(1.0, 2.0)]),
        ("'{(1,2),(3,4);(5,6),(7,8)}'::box[]", list[str], ["(3,4),(1,2)", "(7,8),(5,6)"]),
        ("'1=>2'::text || ''", str, "1=>2"),
    ],
)
@pytest.mark.parametrize("binary", [True, False], ids=["binary", "text"])
def test_arrays_in_both_formats(
    module_db: postgres.DB, binary: bool, expression: str, annotation: Any, expected: object
) -> None:
    """An array has the dimensions and the container that its annotation says."""
    with postgres.pool(module_db).connection() as connection:
        sql = f"SELECT {expression} AS v"
        rows = postgres.rows(connection.execute(sql.encode(), binary=binary))
        assert scan_one(rows, tuple[annotation]) == (expected,)


@pytest.mark.parametrize(
    ("expression", "annotation", "message"),
    [
        ("ARRAY[[1,2]]", list[int], "more dimensions"),
        ("ARRAY[1]", list[list[int]], "fewer dimensions"),
        ("ARRAY[1,2,3]", tuple[int, int], "number of elements"),
        ("ARRAY[[1,NULL]]", list[list[int]], "an element of an element of column"),
        ("ARRAY[NULL::int]", set[int], "an element of column"),
        ("ARRAY[1]", list[str], "an element of column"),
        ("ARRAY[[1]]", set[list[int]], "has no hash"),
        ("ARRAY['{}'::jsonb]", set[dict[str, int]], "has no hash"),
        ("ARRAY['{}'::jsonb]", set[Any], "without a hash"),
        ("'1.2.3.4/8'::inet", ip.IPv4Address, "holds an IPv4Interface"),
        ("'::1'::inet", ip.IPv4Address, "holds an IPv6Address"),
        ("'1.2.3.0/24'::inet", ip.IPv4Network, "cast it: v::cidr"),
    ],
)
def test_values_that_do_not_fit(
    module_db: postgres.DB, expression: str, annotation: Any, message: str
) -> None:
    """A value of the right type may still not be what the annotation says."""
    with pytest.raises(ScanError, match=message):
        value_of(module_db, expression, annotation)


def test_a_long_text_array_is_read_in_linear_time(module_db: postgres.DB) -> None:
    """A hundred thousand elements in text form are no matter."""
    with postgres.pool(module_db).connection() as connection:
        sql = "SELECT array_agg('x' || n) AS v FROM generate_series(1, 100000) AS n"
        rows = postgres.rows(connection.execute(sql, binary=False))
        assert len(scan_one(rows, list[str])) == 100_000


@attrs.frozen
class Money:
    cents: int


class MoneyCodec:
    """Money in cents, from numeric."""

    def decode(self, value: Any) -> Money:
        if value == 13:
            raise LookupError("thirteen")
        return Money(int(value * 100))

    def encode(self, value: Money) -> Any:
        return Decimal(value.cents) / 100


@attrs.define(eq=True)
class Unhashable:
    """A codec like any class with an __eq__: without a hash."""

    factor: int = 2

    def decode(self, value: Any) -> Any:
        return value * self.factor

    def encode(self, value: Any) -> Any:
        return value


MONEY = Annotated[Money, Column(codec=MoneyCodec())]


@attrs.define
class Product:
    price: MONEY
    old: MONEY | None = None
    steps: list[MONEY] = attrs.Factory(list[Money])


def test_codecs_of_fields(module_db: postgres.DB) -> None:
    """A codec stands between the field and the plain value, in lists, tuples and alone too."""
    rows = query(module_db, "SELECT 1.5 AS price, NULL::numeric AS old, ARRAY[2.5] AS steps")
    assert scan(rows, Product) == [Product(Money(150), None, [Money(250)])]
    assert value_of(module_db, "2.5", MONEY) == Money(250)
    assert scan_one(query(module_db, "SELECT 2.5"), MONEY) == Money(250)
    doubled = Annotated[int, Column(codec=Unhashable())]
    assert scan_one(query(module_db, "SELECT 4"), doubled) == 8
    assert scan_one(query(module_db, "SELECT 4, 5"), tuple[doubled, int]) == (8, 5)
    with pytest.raises(ScanError, match="is NULL"):
        scan(query(module_db, "SELECT NULL::numeric AS price"), Product)


def test_what_a_codec_raises_has_a_note(module_db: postgres.DB) -> None:
    """Column and row stand beside the codec's own error."""
    rows = query(module_db, "SELECT n::numeric AS price FROM generate_series(10, 20) AS n")
    with pytest.raises(LookupError, match="thirteen") as caught:
        scan(rows, Product)
    assert caught.value.__notes__ == ['while scanning Product: column "price", row 3']


def test_codecs_of_a_database(liteorm_database: Any) -> None:
    """A codec registered at open is used for its class wherever that stands."""

    @attrs.define
    class Offer:
        price: Money
        steps: list[Money] | None = None
        inner: dict[str, Money] | None = None

    with postgres.open(liteorm_database.dsn, codecs={Money: MoneyCodec()}) as db:
        rows = query(db, 'SELECT 1.5 AS price, ARRAY[2.5] AS steps, 3.5 AS "inner.x"')
        assert scan(rows, Offer) == [Offer(Money(150), [Money(250)], {"x": Money(350)})]
        assert scan(query(db, "SELECT 1.5"), Money) == [Money(150)]
        assert value_of(db, "ROW(1.5, 1)", tuple[Money, int]) == (Money(150), 1)
        assert value_of(db, "1.5", Money | str) == Money(150)
    with postgres.open(liteorm_database.dsn) as db, pytest.raises(ScanError):
        scan(query(db, "SELECT 1.5 AS price"), Offer)


def test_loaders_of_the_application_change_nothing(liteorm_database: Any) -> None:
    """What an application registers with the driver never comes between type and annotation."""
    from psycopg.types.numeric import FloatLoader

    class BinaryFloat(FloatLoader):
        format = psycopg.pq.Format.BINARY

        def load(self, data: Any) -> float:
            return 0.5

    before = [dict(loaders) for loaders in psycopg.adapters._loaders]
    try:
        psycopg.adapters.register_loader("numeric", FloatLoader)
        psycopg.adapters.register_loader("numeric", BinaryFloat)
        with (
            postgres.open(liteorm_database.dsn) as db,
            psycopg.connect(liteorm_database.dsn) as connection,
        ):
            assert value_of(db, "1.5", Decimal) == Decimal("1.5")
            for binary in (True, False):
                rows = postgres.rows(connection.execute("SELECT 1.5", binary=binary))
                assert scan_one(rows, Decimal) == Decimal("1.5")
    finally:
        for loaders, old in zip(psycopg.adapters._loaders, before, strict=True):
            loaders.clear()
            loaders.update(old)


def test_a_foreign_connection_must_speak_utf8(liteorm_database: Any) -> None:
    """Text in another encoding would be misread."""
    with psycopg.connect(liteorm_database.dsn, client_encoding="LATIN1") as connection:
        cursor = connection.execute("SELECT 'é'")
        with pytest.raises(StatementError, match="client_encoding=UTF8"):
            postgres.rows(cursor)


def test_text_of_a_database_in_sql_ascii(module_db: postgres.DB, liteorm_server: Server) -> None:
    """Text is str in a database without an encoding too; bytes that are no UTF-8 are an error."""
    name = scan_one(module_db.query("SELECT current_database()::text || '_ascii'"), str)
    run(
        module_db,
        f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' TEMPLATE template0"
        " LC_COLLATE 'C' LC_CTYPE 'C'",
    )
    try:
        dsn = psycopg.conninfo.make_conninfo(liteorm_server.dsn, dbname=name)
        with postgres.open(dsn) as db:
            rows = query(db, "SELECT 'ü' AS c, 'x'::name AS d")
            assert scan(rows, dict[str, str]) == [{"c": "ü", "d": "x"}]
            with pytest.raises(DataError, match="byte sequence"):
                query(db, "SELECT convert_from('\\xe9'::bytea, 'SQL_ASCII') AS b")
    finally:
        run(module_db, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("annotation", [dict[int, int], Mapping[int, Any]])
def test_dicts_of_columns_have_names_as_keys(module_db: postgres.DB, annotation: Any) -> None:
    """Other keys than str could never be true."""
    with pytest.raises(ModelError, match="names as keys"):
        scan(query(module_db, "SELECT 1 AS a"), annotation)


PHRASES = [
    "'a' <-> ('b' <-> 'c')",
    "('a' <-> 'b') <-> 'c'",
    "'a' <2> ('b' <-> 'c') <3> 'd'",
    "('a' <-> 'b') <-> ('c' <2> 'd')",
    "'a' <-> ('b' & 'c')",
    "!('a' <-> 'b') & ('c' | 'd' <-> 'e')",
    "'a' & ('b' & 'c')",
    "('a' | 'b') <-> 'c'",
]


@pytest.mark.parametrize("phrase", PHRASES)
def test_a_tsquery_is_shown_as_the_server_shows_it(module_db: postgres.DB, phrase: str) -> None:
    """With the parentheses that its meaning needs, and no others."""
    rows = module_db.query("SELECT q, q::text FROM (SELECT %s::text::tsquery AS q) AS t", [phrase])
    [(found, wanted)] = list(rows)
    assert found == wanted
