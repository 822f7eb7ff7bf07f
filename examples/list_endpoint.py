"""The list endpoint of a backend: filters, two orders and keyset pages in one checked statement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Literal

import attrs

import liteorm
import liteorm_testing
from liteorm import postgres

SCHEMA = """
    CREATE TYPE status AS ENUM ('open', 'waiting', 'done');
    CREATE TABLE tickets (
        id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, tenant_id int NOT NULL,
        subject text NOT NULL, status status NOT NULL, assignee_id int,
        created_at timestamptz NOT NULL
    );
    INSERT INTO tickets (tenant_id, subject, status, assignee_id, created_at)
    SELECT 7, 'Ticket ' || g, (ARRAY['open', 'waiting', 'done'])[g % 3 + 1]::status,
           nullif(g % 4, 0), timestamptz '2026-01-01' + g * interval '1 hour'
    FROM generate_series(1, 40) g;
"""


class Status(Enum):
    OPEN = "open"
    WAITING = "waiting"
    DONE = "done"


@attrs.frozen
class Ticket:
    id: int
    subject: str
    status: Status
    created_at: datetime


# The endpoint: from here on, 40 lines at most.
@liteorm.statement(
    Ticket,
    """
    SELECT {columns} FROM tickets
    WHERE tenant_id = %(tenant)s
      AND status = ANY(%(statuses)s)           --? statuses
      AND assignee_id = %(assignee)s           --? assignee
      AND assignee_id IS NULL                  --? unassigned
      AND subject ILIKE %(text)s               --? text
      AND (created_at, id) < (%(at)s, %(id)s)  --? at id
    ORDER BY {sort}
    LIMIT %(limit)s
    """,
    choices={"sort": {"newest": "created_at DESC, id DESC", "subject": "subject, id"}},
)
def tickets(
    tenant: int,
    statuses: list[Status] | None = None,
    assignee: int | None = None,
    unassigned: bool = False,
    text: str | None = None,
    at: datetime | None = None,
    id: int | None = None,
    sort: Literal["newest", "subject"] = "newest",
    limit: int = 20,
) -> None:
    """The tickets of a tenant, newest first, behind the last one seen."""


def list_tickets(db: liteorm.Session, tenant: int, query: Mapping[str, Any]) -> dict[str, Any]:
    """Answer GET /tickets with a page, and where the next one begins."""
    page = tickets.all(db, tenant, **query)
    after = {"at": page[-1].created_at, "id": page[-1].id} if page else None
    return {"tickets": page, "after": after}


# The end of the endpoint.
def main(dsn: str) -> None:
    with postgres.open(dsn) as db:
        db.execute(liteorm.sql(SCHEMA))
        wanted: dict[str, Any] = {"statuses": [Status.OPEN, Status.DONE], "assignee": 3, "limit": 3}
        first = list_tickets(db, 7, wanted)
        second = list_tickets(db, 7, {**wanted, **first["after"]})
        print([ticket.id for ticket in first["tickets"] + second["tickets"]])
        found = list_tickets(db, 7, {"text": "%1%", "unassigned": True, "sort": "subject"})
        print([ticket.subject for ticket in found["tickets"]])


if __name__ == "__main__":
    with liteorm_testing.server("embedded") as server:
        main(server.dsn)
