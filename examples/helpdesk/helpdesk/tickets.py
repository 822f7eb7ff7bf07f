"""The tickets: lists, details, changes."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, HTTPException, Query
from pydantic import BaseModel, ValidationError

from helpdesk import statements
from helpdesk.models import (
    Changed,
    Comment,
    NewComment,
    NewTicket,
    Page,
    Status,
    StatusCount,
    Tag,
    Ticket,
    TicketChange,
    TicketDetail,
)
from helpdesk.requests import Tenant, Tx
from helpdesk.statements import Sort
from liteorm import postgres

router = APIRouter(prefix="/tickets")


class Cursor(BaseModel):
    """The last ticket of a page, as far as the order needs it; clients see it as one word."""

    id: int
    at: datetime | None = None
    subject: str | None = None

    @classmethod
    def behind(cls, ticket: Ticket, sort: Sort) -> str:
        by_time = sort == "newest"
        cursor = cls(
            id=ticket.id,
            at=ticket.created_at if by_time else None,
            subject=None if by_time else ticket.subject,
        )
        return base64.urlsafe_b64encode(cursor.model_dump_json().encode()).decode()

    @classmethod
    def read(cls, word: str, sort: Sort) -> Cursor:
        try:
            cursor = cls.model_validate_json(base64.urlsafe_b64decode(word))
        except (ValueError, ValidationError):
            raise HTTPException(422, "after: not what a page gave") from None
        if (cursor.at if sort == "newest" else cursor.subject) is None:
            raise HTTPException(422, "after: from a list in another order")
        return cursor


@router.get("")
async def list_tickets(
    tx: Tx,
    status: Annotated[list[Status] | None, Query()] = None,
    assignee: str | None = None,
    unassigned: bool = False,
    text: str | None = None,
    sort: Sort = "newest",
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
) -> Page:
    cursor = Cursor.read(after, sort) if after else None
    found = await statements.tickets.all(
        tx,
        status,
        assignee,
        unassigned,
        text,
        at=cursor.at if cursor else None,
        subject=cursor.subject if cursor else None,
        id=cursor.id if cursor else None,
        sort=sort,
        limit=limit,
    )
    more = len(found) == limit
    return Page(tickets=found, after=Cursor.behind(found[-1], sort) if more else None)


@router.get("/statistics")
async def statistics(tx: Tx) -> list[StatusCount]:
    return await statements.statistics.all(tx)


@router.get("/{id}")
async def ticket_detail(tx: Tx, id: int) -> TicketDetail:
    async with tx.batch() as batch:
        ticket = batch.one(statements.ticket_by_id, id=id)
        comments = batch.all(statements.comments_of, ticket=id)
        tags = batch.all(statements.tags_of, ticket=id)
    return TicketDetail(ticket=ticket.result(), comments=comments.result(), tags=tags.result())


@router.post("", status_code=201)
async def create_ticket(
    tx: Tx,
    tenant: Tenant,
    ticket: NewTicket,
    tags: Annotated[list[str] | None, Body()] = None,
) -> Ticket:
    stored = await tx.insert(ticket, returning=Ticket, table=Ticket)
    await tx.insert_many(Tag(ticket_id=stored.id, tag=tag) for tag in set(tags or ()))
    await statements.add_job.execute(tx, ticket=stored.id, kind="confirm")
    await postgres.notify_async(tx, "jobs")
    await tell(tx, tenant, stored.id)
    return stored


@router.patch("/{id}")
async def change_ticket(
    tx: Tx, tenant: Tenant, id: int, version: int, change: TicketChange
) -> Ticket:
    stored = await tx.patch(Ticket, id, change, version=version)
    await tell(tx, tenant, id)
    return stored


@router.post("/{id}/comments", status_code=201)
async def add_comment(tx: Tx, tenant: Tenant, id: int, comment: NewComment) -> Comment:
    row = {"ticket_id": id, **comment.model_dump()}
    stored = await tx.insert(row, table="comments", returning=Comment)
    await tell(tx, tenant, id)
    return stored


async def tell(tx: Tx, tenant: int, ticket: int | None) -> None:
    """Tell whoever looks at the list, if the transaction commits."""
    await postgres.notify_async(tx, "tickets", Changed(tenant=tenant, ticket=ticket))
