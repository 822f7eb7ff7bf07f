"""pgvector's types by registrations of an application's own go through every path."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

import liteorm
from liteorm import postgres, scan, scan_one
from liteorm.postgres import CustomType
from liteorm_testing import Server, check_statements, database

ROOT = Path(__file__).resolve().parents[2]


@attrs.frozen
class Vector:
    """Numbers in single precision."""

    numbers: tuple[float, ...]


@attrs.frozen
class Half:
    """Numbers in half precision."""

    numbers: tuple[float, ...]


def registered(name: str, cls: type[Any], letter: str) -> CustomType:
    """Return one of pgvector's types: two counts, then the numbers."""

    def decode(data: bytes) -> Any:
        (count,) = struct.unpack_from("!H", data)
        return cls(struct.unpack_from(f"!{count}{letter}", data, 4))

    def encode(value: Any) -> bytes:
        numbers = value.numbers
        return struct.pack(f"!HH{len(numbers)}{letter}", len(numbers), 0, *numbers)

    return CustomType(
        name=name,
        python=cls,
        decode=decode,
        encode=encode,
        text=lambda value: f"[{','.join(map(repr, value.numbers))}]",
    )


TYPES = [registered("vector", Vector, "f"), registered("halfvec", Half, "e")]


@liteorm.table("dishes", key="id")
@attrs.define
class Dish:
    """A row with both, alone and in arrays."""

    id: int
    taste: Vector
    colour: Half | None = None
    past: list[Vector | None] = attrs.field(factory=list[Vector | None])
    shades: list[list[Half]] | None = None


DISHES = [
    Dish(1, Vector((1.0, 0.5, -2.0)), Half((0.5, 1.0)), [Vector((3.0,)), None], [[Half((2.0,))]]),
    Dish(2, Vector((0.0, 0.25, 2.0**100))),
    Dish(3, Vector((4.0, 4.0, 4.0)), Half((65504.0, -0.5)), [], []),
]


@pytest.fixture(scope="module")
def dsn(liteorm_server: Server) -> Iterator[str]:
    """A database with the extension, in a version that has halfvec."""
    with database(liteorm_server) as made:
        with postgres.open(made.dsn) as db:
            versions = db.query(
                "SELECT version FROM pg_available_extension_versions WHERE name = 'vector'"
            )
            if not any(
                tuple(map(int, found.split("."))) >= (0, 7) for found in scan(versions, str)
            ):
                pytest.skip("this server has no pgvector with halfvec")
            db.execute("""
                CREATE EXTENSION vector;
                CREATE TABLE dishes (id int PRIMARY KEY, taste vector(3) NOT NULL,
                    colour halfvec(2), past vector[] NOT NULL, shades halfvec[])
            """)
        yield made.dsn


@pytest.fixture(scope="module")
def shared(dsn: str) -> Iterator[postgres.DB]:
    """It, opened with these types."""
    with postgres.open(dsn, types=TYPES) as opened:
        yield opened


@pytest.fixture
def db(shared: postgres.DB) -> postgres.DB:
    """It, with an empty table."""
    shared.execute("TRUNCATE dishes")
    return shared


WAYS: dict[str, Any] = {
    "insert": lambda db: [db.insert(dish) for dish in DISHES],
    "insert_many": lambda db: db.insert_many(DISHES),
    "upsert": lambda db: [db.upsert(dish) for dish in DISHES],
    "upsert_many": lambda db: db.upsert_many(DISHES),
    "insert_returning": lambda db: db.insert_returning(DISHES),
}


@pytest.mark.parametrize("way", WAYS)
def test_rows_come_back_equal(db: postgres.DB, way: str) -> None:
    """What any writing call stored, COPY among them, is read as it was given."""
    WAYS[way](db)
    assert scan(db.query("SELECT * FROM dishes ORDER BY id"), Dish) == DISHES
    with db.stream("SELECT * FROM dishes ORDER BY id") as stream:
        assert list(liteorm.scan_iter(stream, Dish)) == DISHES
    moved = attrs.evolve(DISHES[0], colour=None, past=[Vector((9.0,))])
    assert db.update(moved) == db.get(Dish, 1) == moved


def test_values_are_parameters(db: postgres.DB) -> None:
    """A value, alone or in a list, says its type by its class: nearest neighbours need no cast."""
    db.insert_many(DISHES)
    nearest = "SELECT id FROM dishes ORDER BY taste <-> %s LIMIT 1"
    assert scan_one(db.query(nearest, [Vector((4.0, 4.0, 3.0))]), int) == 3
    same = "SELECT id FROM dishes WHERE colour = ANY(%s) ORDER BY id"
    assert scan(db.query(same, [[Half((0.5, 1.0)), None]]), int) == [1]
    both = scan_one(db.query("SELECT %s, %s", [Vector((1.5,)), Half((1.5,))]), tuple[Any, Any])
    assert both == (Vector((1.5,)), Half((1.5,)))


def test_the_servers_refusal_names_field_and_object(db: postgres.DB) -> None:
    """A vector of another length is refused by the server; nothing is stored."""
    with pytest.raises(liteorm.DataError):
        db.insert_many([DISHES[0], attrs.evolve(DISHES[1], taste=Vector((1.0,)))])
    assert scan(db.query("SELECT id FROM dishes"), int) == []
    with pytest.raises(liteorm.DataError, match="expected Vector"):
        db.insert_many([attrs.evolve(DISHES[0], taste=Half((1.0,)))])  # type: ignore[arg-type]


MODULE = """
import liteorm
from tests.postgres.test_pgvector import TYPES, Dish, Half, Vector

[VECTOR, HALFVEC] = TYPES
near = liteorm.statement(Dish, "SELECT * FROM dishes WHERE taste <-> %(to)s < 2",
                         params={"to": Vector})
wrong = liteorm.statement(Vector, "SELECT colour FROM dishes WHERE colour IS NOT NULL")
"""


def test_statements_are_checked_and_models_written(
    dsn: str, db: postgres.DB, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`check` tells the two apart, and `models` writes fields of both classes."""
    (tmp_path / "near_dishes.py").write_text(MODULE, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(AssertionError) as caught:
        check_statements(db, "near_dishes")
    assert "near_dishes.py:8" in str(caught.value)
    assert "near_dishes.py:6" not in str(caught.value)
    code = f"import sys; sys.path[:0] = [{str(ROOT)!r}, '.']; from liteorm._cli import main; "
    arguments = ["models", "--dsn", dsn, "--types", "near_dishes", "--table", "dishes"]
    written = subprocess.run(
        [sys.executable, "-c", f"{code}sys.exit(main({arguments!r}))"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert not written.stderr
    assert "taste: tests.postgres.test_pgvector.Vector\n" in written.stdout
    assert "colour: tests.postgres.test_pgvector.Half | None" in written.stdout
    assert "past: list[tests.postgres.test_pgvector.Vector | None]" in written.stdout
