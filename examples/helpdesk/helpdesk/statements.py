"""All SQL of the requests. The policies add the tenant, so no statement names it."""

from datetime import datetime
from typing import Literal

import liteorm
from helpdesk.models import Comment, Job, Status, StatusCount, Ticket

Sort = Literal["newest", "subject"]


@liteorm.statement(
    Ticket,
    """
    SELECT {columns} FROM tickets
    WHERE true
      AND status = ANY(%(statuses)s)             --? statuses
      AND assignee = %(assignee)s                --? assignee
      AND assignee IS NULL                       --? unassigned
      AND subject ILIKE '%%' || %(text)s || '%%' --? text
      AND (created_at, id) < (%(at)s, %(id)s)    --? at
      AND (subject, id) > (%(subject)s, %(id)s)  --? subject
    ORDER BY {sort}
    LIMIT %(limit)s
    """,
    choices={"sort": {"newest": "created_at DESC, id DESC", "subject": "subject, id"}},
)
def tickets(
    statuses: list[Status] | None = None,
    assignee: str | None = None,
    unassigned: bool = False,
    text: str | None = None,
    at: datetime | None = None,
    subject: str | None = None,
    id: int | None = None,
    sort: Sort = "newest",
    limit: int = 20,
) -> None:
    """Tickets in an order that the client chooses, behind the last one seen."""


@liteorm.statement(Ticket, "SELECT {columns} FROM tickets WHERE id = %(id)s")
def ticket_by_id(id: int) -> None: ...


@liteorm.statement(
    Comment, "SELECT {columns} FROM comments WHERE ticket_id = %(ticket)s ORDER BY created_at, id"
)
def comments_of(ticket: int) -> None: ...


@liteorm.statement(str, "SELECT tag FROM tags WHERE ticket_id = %(ticket)s ORDER BY tag")
def tags_of(ticket: int) -> None: ...


statistics = liteorm.statement(
    StatusCount,
    """
    SELECT status, count(*) AS tickets, min(created_at) AS oldest,
           count(*) FILTER (WHERE assignee IS NULL) AS unassigned
    FROM tickets GROUP BY status ORDER BY status
    """,
)


@liteorm.statement(None, "INSERT INTO jobs (ticket_id, kind) VALUES (%(ticket)s, %(kind)s)")
def add_job(ticket: int, kind: str) -> None:
    """Leave work for the worker; it is told at the commit."""


next_job = liteorm.statement(
    Job,
    """
    SELECT {columns} FROM jobs WHERE due <= now() AND attempts < 5
    ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
    """,
)


@liteorm.statement(
    None,
    """
    UPDATE jobs SET attempts = attempts + 1, due = now() + (attempts + 1) * interval '10 s'
    WHERE id = %(id)s
    """,
)
def put_off(id: int) -> None:
    """Try a job again later, and after five times no more."""
