"""The nightly report, without asyncio. Run as the tables' owner: python -m helpdesk.report"""

import os
from datetime import UTC, datetime, timedelta

import attrs

import liteorm
from liteorm import postgres


@attrs.frozen
class Day:
    id: int
    name: str
    opened: int
    done: int
    longest: timedelta | None


queries = liteorm.load("report.sql")


def report(db: postgres.DB, since: datetime) -> list[Day]:
    """Read each tenant's day, all of one moment, however long it takes."""
    with db.transaction(isolation="repeatable read", read_only=True) as tx:
        return queries.day(tx, since=since)


if __name__ == "__main__":
    with postgres.open(os.environ["DATABASE_URL"]) as db:
        for day in report(db, datetime.now(UTC) - timedelta(days=1)):
            print(
                f"{day.name}: {day.opened} opened, {day.done} done, open for {day.longest or '-'}"
            )
