"""Inside JSON a class is what it is outside: names of columns, codecs, enums, private fields."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address
from typing import Annotated, Any, NamedTuple

import attrs
import msgspec
import pytest

import liteorm
from liteorm import Column, Json, postgres, scan_one
from liteorm_testing import Server, database


class Hex:
    """Numbers as text."""

    def decode(self, value: str) -> int:
        """Read."""
        return int(value, 16)

    def encode(self, value: int) -> str:
        """Write."""
        return hex(value)


@attrs.define
class Part:
    """A class with a codec, another name and a private field."""

    size: Annotated[int, Column(codec=Hex())]
    label: Annotated[str, Column(name="name")] = "x"
    _note: int = 3


@attrs.define
class Whole:
    """A class that holds such."""

    parts: list[Part]
    one: Part | None = None
    named: dict[str, Part] = attrs.field(factory=dict)


@attrs.define
class Private:
    """A class with a private field."""

    _x: int
    y: int = 1


@dataclasses.dataclass
class Data:
    """The same as a dataclass."""

    _x: int
    inner: Private


class Named(NamedTuple):
    """A tuple that holds one."""

    inner: Private
    y: int


class Packed(msgspec.Struct):
    """A Struct that holds one."""

    inner: Private
    y: float = 1.0


@attrs.define
class Hosts:
    """Addresses of several kinds, as inet may hold them."""

    one: IPv4Address | IPv6Address | None
    many: list[IPv4Address | IPv4Interface]


Mixed = enum.Enum("Mixed", {"a": 1, "b": "b"})


@pytest.fixture(scope="module")
def db(liteorm_server: Server) -> Iterator[postgres.DB]:
    """One database with a table of jsonb."""
    with database(liteorm_server) as made, postgres.open(made.dsn) as db:
        db.execute("CREATE TABLE docs (id int PRIMARY KEY, doc jsonb)")
        yield db


VALUES: list[tuple[Any, Any]] = [
    (Whole([Part(255), Part(1, "z", 4)], Part(2), {"q": Part(3)}), Whole),
    ([Part(255)], list[Part]),
    (Data(1, Private(2)), Data),
    (Named(Private(1), 2), Named),
    (Packed(Private(5)), Packed),
    (
        Hosts(IPv6Address("::1"), [IPv4Interface("10.0.0.1/8")]),
        Hosts,
    ),
    ([IPv4Address("10.0.0.1"), IPv4Network("10.0.0.0/8")], list[IPv4Address | IPv4Network]),
    (OrderedDict(a=Private(1)), dict[str, Private]),
    (defaultdict(int, {"a": Private(1)}), dict[str, Private]),  # type: ignore[arg-type]
    ((Private(1), Data(2, Private(3))), tuple[Private, Data]),
]


@pytest.mark.parametrize(("value", "annotation"), VALUES, ids=lambda value: str(value)[:30])
def test_what_goes_into_json_comes_out(db: postgres.DB, value: Any, annotation: Any) -> None:
    """Objects in any container are the same after the way through jsonb, whatever the way in."""
    model = attrs.make_class(
        "Doc", {"id": attrs.field(type=int), "doc": attrs.field(type=annotation)}
    )
    model = liteorm.table("docs", key="id")(model)
    db.execute("TRUNCATE docs")
    assert db.insert(model(1, value)).doc == value
    assert db.insert_many([model(2, value)]) == 1
    db.execute("INSERT INTO docs VALUES (3, %s)", [Json(value)])
    for row in liteorm.scan(db.query("SELECT * FROM docs"), model):
        assert row.doc == value


def test_names_and_codecs_show_in_the_json(db: postgres.DB) -> None:
    """The keys are the columns' names, the values what the codecs make."""
    found = scan_one(db.query("SELECT %s::jsonb", [Part(255, "z")]), tuple[Any])
    assert found == ({"size": "0xff", "name": "z", "note": 3},)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{"parts": [{"size": "0x1"}, {"size": "0x1", "name": 5}]}', "$.parts[1].name"),
        ('{"parts": [{"name": "a"}]}', "$.parts[0]"),
        ('{"parts": [], "one": 7}', "$.one"),
    ],
)
def test_a_misfit_names_the_path(db: postgres.DB, text: str, path: str) -> None:
    """What does not fit inside such a class is named by its whole path."""
    with pytest.raises(liteorm.ScanError) as caught:
        scan_one(db.query("SELECT %s::jsonb AS doc", [text]), tuple[Whole])
    assert f"at {path}" in str(caught.value)


@attrs.define
class Unheld:
    """A class with a field of which msgspec takes no union."""

    many: int | liteorm.Multirange[int]


@attrs.define
class Around:
    """A class that holds one which JSON cannot hold."""

    inside: list[Unheld] = attrs.field(factory=list[Unheld])


@pytest.mark.parametrize("model", [Unheld, list[Unheld], Around, dict[str, Around | None]])
@pytest.mark.parametrize("text", ["null", "{}", '{"many": 1}', '[{"many": "{[1,2)}"}]'])
def test_what_no_json_fills_is_told_at_first_use(db: postgres.DB, model: Any, text: str) -> None:
    """Whatever the JSON is, also where the class that cannot be read is not in it."""
    with pytest.raises(liteorm.ModelError, match="JSON cannot be decoded into"):
        scan_one(db.query("SELECT %s::jsonb AS doc", [text]), tuple[model])


NAN = math.nan


@pytest.mark.parametrize(
    "value",
    [
        [NAN], Packed(Private(1), NAN), Packed(Private(NAN)), Named(Private(NAN), 1),  # type: ignore[arg-type]
        OrderedDict(a=-math.inf), {NAN: 1}, (NAN,), [Json(NAN)], Data(NAN, Private(1)),  # type: ignore[arg-type]
        {"a": Packed(Private(1), math.inf)}, Mixed.a, [Mixed.b],
    ],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_what_json_cannot_hold_is_refused(db: postgres.DB, value: Any) -> None:
    """NaN, infinities and members of mixed enums are refused inside any container."""
    with pytest.raises(liteorm.DataError, match="JSON form"):
        db.query("SELECT %s", [Json(value)])


@pytest.mark.parametrize("value", [[[]], [[], []], [[[]]]])
def test_lists_of_nothing_are_refused(db: postgres.DB, value: Any) -> None:
    """PostgreSQL has one empty array: what would come back as [] is not sent."""
    with pytest.raises(liteorm.DataError, match="array of empty lists"):
        db.query("SELECT %s::int[]", [value])
    db.execute("CREATE TABLE IF NOT EXISTS lists (id int PRIMARY KEY, many int[])")
    for call in (db.insert_many, db.insert_returning):
        model = liteorm.table("lists", key="id")(
            attrs.make_class(
                "Lists", {"id": attrs.field(type=int), "many": attrs.field(type=list[list[int]])}
            )
        )
        with pytest.raises(liteorm.DataError, match="array of empty lists"):
            call([model(1, value)])


def test_a_class_that_json_does_not_give_back_is_refused_by_every_call(db: postgres.DB) -> None:
    """Also where nothing is read back, and before anything is stored."""
    either: Any = IPv4Interface | IPv4Network
    fields = {"id": attrs.field(type=int), "doc": attrs.field(type=either)}
    model: Any = attrs.make_class("Doc", fields)
    doc = liteorm.table("docs", key="id")(model)(1, IPv4Network("10.0.0.0/8"))
    db.execute("TRUNCATE docs")
    for call in ("insert", "upsert", "insert_many", "upsert_many", "insert_returning"):
        with pytest.raises(liteorm.ModelError) as caught:
            getattr(db, call)([doc] if call.endswith(("many", "returning")) else doc)
        assert caught.value.field == "doc", call
        assert not len(db.query("SELECT FROM docs"))
