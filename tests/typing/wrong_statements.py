"""Calls of statements of every kind that checkers must refuse; the rest is in wrong.py."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Literal, NewType

import msgspec
import pydantic

import liteorm

BedId = NewType("BedId", int)


class Light(Enum):
    SUN = "sun"


class Plant(msgspec.Struct, frozen=True):
    id: int
    name: str


class Sensor(pydantic.BaseModel):
    id: int


@liteorm.statement(
    Plant,
    """
    SELECT {columns} FROM plant WHERE bed = %(bed)s AND light = ANY(%(lights)s)
    ORDER BY {by} LIMIT %(limit)s
    """,
    choices={"by": {"name": "name", "price down": "price DESC"}},
)
def plants(
    bed: BedId,
    lights: list[Light],
    *,
    by: Literal["name", "price down"] = "name",
    limit: Annotated[int, "rows"] = 5,
) -> None:
    """The plants of a bed."""


class Queries:
    @liteorm.statement(Sensor, "SELECT {columns} FROM sensor WHERE id = %(id)s")
    @staticmethod
    def sensor(id: int) -> None: ...

    @liteorm.statement(None, "DELETE FROM sensor WHERE id = %(id)s")
    @staticmethod
    def remove(id: int) -> None: ...


@liteorm.statement(tuple[int, Decimal], "SELECT id, price FROM plant WHERE price > %s")
def prices(over: Decimal) -> None:
    """What costs more."""


LAST = liteorm.statement(datetime | None, "SELECT max(at) FROM reading")


def of_declared(db: liteorm.Session, b: BedId) -> None:
    plants.all(db, 5, [Light.SUN])  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    plants.all(db, b, ["sun"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType, reportCallIssue]
    plants.all(db, b, Light.SUN)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    plants.all(db, b, [Light.SUN], "name")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    plants.all(db, b, [Light.SUN], by="price")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    plants.all(db, b, [Light.SUN], by=None)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    plants.all(db, b, (Light.SUN,))  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    plants.all(db, bed=b)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    plants.all(db, b, [Light.SUN], limit=None)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    plants.all(b, [Light.SUN])  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    a1: list[Sensor] = plants.all(db, b, [])  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    a2: Plant = plants.optional(db, b, [])  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    print(a1, a2)


def of_classes(db: liteorm.Session) -> None:
    Queries.sensor.one(db, "1")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    Queries().sensor.one(db)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    b1: Plant = Queries.sensor.one(db, 1)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    Queries.remove.execute(db, ident=1)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    prices.all(db, 1.5)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    b2: tuple[int, str] = prices.one(db, Decimal(1))  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    b3: datetime = LAST.one(db)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    print(b1, b2, b3)


def of_batches(db: liteorm.Session) -> None:
    with db.batch() as batch:
        batch.one(prices, "x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        batch.one(prices)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        batch.all(Queries.remove, 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
        batch.execute(Queries.remove, "1")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
        batch.one("SELECT 1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
        batch.query(prices)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        c1: liteorm.Rows = batch.one(prices, Decimal(1)).result()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
        print(c1)
