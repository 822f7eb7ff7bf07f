"""A pool's codecs act inside JSON as outside it, or the class is refused."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import gc
import json
import weakref
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import attrs
import msgspec
import pydantic
import pytest
from psycopg.adapt import AdaptersMap

import liteorm
from liteorm import Json, postgres, scan_one
from liteorm_testing import Server, database


class Money:
    """A class that neither msgspec nor the driver knows."""

    def __init__(self, cents: int) -> None:
        self.cents = cents

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and self.cents == other.cents

    def __hash__(self) -> int:
        return hash(self.cents)


@attrs.frozen
class Point:
    """A class that msgspec would read and write its own way."""

    x: int
    y: int


class MoneyCodec:
    """Money as a number of cents."""

    def decode(self, value: int) -> Money:
        """Read."""
        return Money(value)

    def encode(self, value: Money) -> int:
        """Write."""
        return value.cents


class PointCodec:
    """A point as text."""

    def decode(self, value: str) -> Point:
        """Read."""
        x, y = value.split("/")
        return Point(int(x), int(y))

    def encode(self, value: Point) -> str:
        """Write."""
        return f"{value.x}/{value.y}"


class Hundredths:
    """Numbers of a known class, kept as text with a mark."""

    def decode(self, value: str) -> decimal.Decimal:
        """Read."""
        return decimal.Decimal(value.removeprefix("n"))

    def encode(self, value: decimal.Decimal) -> str:
        """Write."""
        return f"n{value}"


@attrs.define
class Item:
    """Fields of such classes, also in containers."""

    price: Money
    at: Point
    weight: decimal.Decimal = decimal.Decimal(1)
    old: list[Money] = attrs.field(factory=list)
    way: dict[str, Point] = attrs.field(factory=dict)
    discount: Money | None = None


@dataclasses.dataclass
class Order:
    """A class around it."""

    items: list[Item]


class Pair(NamedTuple):
    """A tuple with one."""

    price: Money
    at: Point


class Packed(msgspec.Struct):
    """A Struct with a class that only the codec knows."""

    price: Money


class PackedPoint(msgspec.Struct):
    """A Struct with a class that msgspec would read its own way."""

    at: Point


@pytest.fixture(scope="module")
def db(liteorm_server: Server) -> Iterator[postgres.DB]:
    """One database with a table of jsonb, and a pool with codecs."""
    codecs: dict[type, Any] = {
        Money: MoneyCodec(), Point: PointCodec(), decimal.Decimal: Hundredths()
    }  # fmt: skip
    with database(liteorm_server) as made, postgres.open(made.dsn, codecs=codecs) as db:
        db.execute("CREATE TABLE docs (id int PRIMARY KEY, doc jsonb)")
        yield db


ITEM = Item(Money(5), Point(1, 2), decimal.Decimal("2.50"), [Money(1)], {"a": Point(3, 4)})

VALUES: list[tuple[Any, Any, Any]] = [
    (
        ITEM, Item,
        {"price": 5, "at": "1/2", "weight": "n2.50", "old": [1], "way": {"a": "3/4"},
         "discount": None},
    ),
    (Order([attrs.evolve(ITEM, way={}, old=[], discount=Money(7))]), Order,
     {"items": [{"price": 5, "at": "1/2", "weight": "n2.50", "old": [], "way": {},
                 "discount": 7}]}),
    ({"a": Point(1, 2)}, dict[str, Point], {"a": "1/2"}),
    ([Money(5), Money(6)], list[Money], [5, 6]),
    ([decimal.Decimal(5)], list[decimal.Decimal], ["n5"]),
    (Pair(Money(5), Point(1, 2)), Pair, None),
    (Packed(Money(5)), Packed, {"price": 5}),
    (PackedPoint(Point(1, 2)), PackedPoint, {"at": "1/2"}),
    ({"a": [PackedPoint(Point(1, 2))]}, dict[str, list[PackedPoint]], {"a": [{"at": "1/2"}]}),
]  # fmt: skip


@pytest.mark.parametrize(("value", "annotation", "plain"), VALUES, ids=lambda v: str(v)[:25])
def test_a_pools_codecs_act_inside_json(
    db: postgres.DB, value: Any, annotation: Any, plain: Any
) -> None:
    """What each way in stores is what the codecs make, and it comes out as it was."""
    model: Any = liteorm.table("docs", key="id")(
        attrs.make_class("Doc", {"id": attrs.field(type=int), "doc": attrs.field(type=annotation)})
    )
    db.execute("TRUNCATE docs")
    assert db.insert(model(1, value)).doc == value
    assert db.insert_many([model(2, value)]) == 1
    db.execute("INSERT INTO docs VALUES (3, %s)", [Json(value)])
    assert [found.doc for found in db.insert_returning([model(4, value)])] == [value]
    for row in liteorm.scan(db.query("SELECT * FROM docs"), model):
        assert row.doc == value
    if plain is not None:
        for (found,) in liteorm.scan(db.query("SELECT doc FROM docs"), tuple[Any]):
            assert found == plain


def test_null_is_no_value_of_a_codec(db: postgres.DB) -> None:
    """A field that says nothing of None takes none from JSON, with a codec as without."""
    text = '{"price": null, "at": "1/2"}'
    with pytest.raises(liteorm.ScanError, match=r"\$\.price"):
        scan_one(db.query("SELECT %s::jsonb", [text]), tuple[Item])


def test_a_pool_without_codecs_is_not_disturbed(db: postgres.DB, liteorm_server: Server) -> None:
    """The codecs of one pool are none of another's."""
    scan_one(db.query("""SELECT '["1/2"]'::jsonb"""), tuple[list[Point]])
    with database(liteorm_server) as made, postgres.open(made.dsn) as other:
        found = scan_one(other.query("""SELECT '[{"x": 1, "y": 2}]'::jsonb"""), tuple[list[Point]])
        assert found == ([Point(1, 2)],)
        sent = scan_one(other.query("SELECT %s", [Json([Point(1, 2)])]), tuple[Any])
        assert sent == ([{"x": 1, "y": 2}],)


class Tip(Money):
    """A class whose base has the codec."""


@attrs.define
class Bill:
    """One field of the base, which may hold more."""

    price: Money


class Tens:
    """Numbers as tens of themselves, and dates as numbers."""

    def decode(self, value: Any) -> Any:
        """Read."""
        return datetime.date.fromordinal(value) if value > 700_000 else value // 10

    def encode(self, value: Any) -> Any:
        """Write."""
        return value.toordinal() if isinstance(value, datetime.date) else value * 10


@attrs.frozen
class Kin:
    """Values of classes of which one is the other's base."""

    day: datetime.date
    moment: datetime.datetime
    number: int
    flag: bool


def test_a_codec_of_a_known_class_is_not_that_of_its_kin(liteorm_server: Server) -> None:
    """What is written is what is read: a datetime by itself, where dates have a codec."""
    kin = Kin(datetime.date(2026, 1, 2), datetime.datetime(2026, 1, 2, 3), 4, True)
    codecs: Any = {datetime.date: Tens(), int: Tens()}
    with database(liteorm_server) as made, postgres.open(made.dsn, codecs=codecs) as db:
        assert scan_one(db.query("SELECT %s::jsonb", [Json(kin)]), tuple[Kin]) == (kin,)
        written = json.loads(scan_one(db.query("SELECT %s::jsonb::text", [Json(kin)]), str))
    assert written["number"] == 40
    assert written["flag"] is True
    assert written["moment"].startswith("2026-01-02T03")


def test_the_codec_of_a_base_class(db: postgres.DB) -> None:
    """An object of a subclass is sent by it: as a parameter, in JSON, in columns by each call."""
    db.execute("CREATE TABLE tips (id int, price int, bill jsonb)")
    assert scan_one(db.query("SELECT %s::int", [Tip(5)]), int) == 5
    assert scan_one(db.query("SELECT %s::int[]", [[Tip(5), Tip(6)]]), list[int]) == [5, 6]
    for value in (Tip(5), [Tip(5)], {"a": Tip(5)}, Bill(Tip(5))):
        plain = scan_one(db.query("SELECT %s::jsonb::text", [Json(value)]), str)
        assert plain.replace('"price"', '"a"') in ("5", "[5]", '{"a": 5}')
    row = {"id": 1, "price": Tip(5), "bill": Bill(Tip(6))}
    assert db.insert_many([row], table="tips") == 1
    db.insert_returning([row], table="tips")
    db.insert(row, table="tips")
    assert list(db.query("SELECT DISTINCT price, bill->>'price' FROM tips")) == [(5, "6")]


@attrs.frozen
class Cost:
    """An object that stands in JSON, and has one inside that only a codec knows."""

    name: str
    money: Money


@attrs.frozen
class Invoice:
    """A row with JSON."""

    cost: Cost
    costs: list[Cost]


ONE = Cost("a", Money(5))
USES: dict[str, Callable[[postgres.DB], object]] = {
    "nothing": lambda db: None,
    "a parameter": lambda db: db.query("SELECT %s::int", [Money(5)]),
    "JSON as a parameter": lambda db: db.query("SELECT %s::jsonb", [ONE]),
    "insert": lambda db: db.insert(Invoice(ONE, [ONE]), table="invoice"),
    "insert_many": lambda db: db.insert_many([Invoice(ONE, [ONE])], table="invoice"),
    "reading": lambda db: scan_one(
        db.query(
            """SELECT '{"name": "a", "money": 5}'::jsonb AS cost,
                      '[{"name": "a", "money": 5}]'::jsonb AS costs"""
        ),
        Invoice,
    ),
    "notify": lambda db: postgres.notify(db, "x", ONE),
}


@pytest.mark.parametrize("use", USES)
def test_a_closed_pool_leaves_nothing_of_its_codecs(use: str, liteorm_server: Server) -> None:
    """Neither the classes nor the driver keep what belonged to the pool."""

    def used() -> weakref.ref[MoneyCodec]:
        codec = MoneyCodec()
        with postgres.open(made.dsn, codecs={Money: codec}, max_size=1) as db:
            db.execute("CREATE TABLE invoice (cost jsonb, costs jsonb)")
            USES[use](db)
        return weakref.ref(codec)

    with database(liteorm_server) as made:
        codec = used()
    for _ in range(3):
        gc.collect()
    assert codec() is None


def test_the_driver_keeps_no_class_of_a_pool(liteorm_server: Server) -> None:
    """Opening pools without end costs no memory without end."""
    remembered: Any = getattr(AdaptersMap, "_optimised")  # noqa: B009
    with database(liteorm_server) as made:
        counts: list[int] = []
        for _ in range(3):
            with postgres.open(made.dsn, codecs={Money: MoneyCodec()}, max_size=1) as db:
                db.execute("DROP TYPE IF EXISTS mood; CREATE TYPE mood AS ENUM ('a', 'b')")
                assert scan_one(db.query("SELECT 'a'::mood, ROW(1, 'a'::mood)::text"), dict)
            counts.append(len(remembered))
    assert counts[1] == counts[2]


class Login(pydantic.BaseModel):
    """A model with something that its own JSON hides."""

    name: str
    password: pydantic.SecretStr


class Logins(pydantic.BaseModel):
    """A model that holds some."""

    every: list[Login] = []
    named: dict[str, Login] = {}


LOGIN = Login(name="Ada", password=pydantic.SecretStr("hunter2"))


@pytest.mark.parametrize("value", [LOGIN, Logins(every=[LOGIN]), Logins(named={"a": LOGIN})])
def test_a_secret_is_not_stored_as_asterisks(db: postgres.DB, value: Any) -> None:
    """Pydantic writes them into its JSON, and what was meant would be lost."""
    with pytest.raises(liteorm.DataError, match=r"Login\.password holds a SecretStr") as caught:
        db.query("SELECT %s::jsonb", [value])
    assert "hunter2" not in str(caught.value)
