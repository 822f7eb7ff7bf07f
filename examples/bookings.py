"""A typed application: rooms and their bookings, sync and async, checked by mypy and pyright."""

import asyncio
from datetime import date
from typing import Annotated

import attrs

import liteorm
import liteorm_testing
from liteorm import postgres

SCHEMA = """
    CREATE EXTENSION IF NOT EXISTS btree_gist;
    CREATE TABLE bookings (
        id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, room text NOT NULL, guest text NOT NULL,
        nights daterange NOT NULL,
        CONSTRAINT one_guest EXCLUDE USING gist (room WITH =, nights WITH &&))
"""


class RoomTaken(liteorm.ExclusionViolation):
    """Somebody else has the room in one of these nights."""


@liteorm.table("bookings", key="id")
@attrs.frozen(kw_only=True)
class Booking:
    id: Annotated[int, liteorm.Column(generated=True)] = 0
    room: str
    guest: str
    nights: liteorm.Range[date]


BY_GUEST = liteorm.statement(Booking, "SELECT * FROM bookings WHERE guest = %(guest)s ORDER BY id")


def book(db: liteorm.Session, room: str, guest: str, first: date, last: date) -> Booking:
    return db.insert(Booking(room=room, guest=guest, nights=liteorm.Range(first, last)))


async def book_async(
    db: liteorm.AsyncSession, room: str, guest: str, nights: liteorm.Range[date]
) -> Booking:
    return await db.insert(Booking(room=room, guest=guest, nights=nights))


async def amain(dsn: str) -> None:
    nights = liteorm.Range(date(2026, 5, 3), date(2026, 5, 5))
    async with await postgres.open_async(dsn, constraint_errors={"one_guest": RoomTaken}) as db:
        booking = await book_async(db, "blue", "Grace", nights)
        found: list[Booking] = await BY_GUEST.all(db, guest="Grace")
        print("async:", booking == found[0], date(2026, 5, 4) in found[0].nights)


def main(dsn: str) -> None:
    with postgres.open(dsn, constraint_errors={"one_guest": RoomTaken}) as db:
        db.execute(SCHEMA)
        print("sync:", book(db, "blue", "Ada", date(2026, 5, 1), date(2026, 5, 3)))
        try:
            book(db, "blue", "Grace", date(2026, 5, 2), date(2026, 5, 4))
        except RoomTaken as taken:
            print("taken:", taken.constraint)
    asyncio.run(amain(dsn))


if __name__ == "__main__":
    with liteorm_testing.server("embedded") as server:
        main(server.dsn)
