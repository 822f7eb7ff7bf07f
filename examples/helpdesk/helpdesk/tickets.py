"""The tickets: lists, details, changes."""

import base64
from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Body, HTTPException, Query
from pydantic import BaseModel

from helpdesk import models, statements
from helpdesk.requests import Tenant, Tx
from helpdesk.statements import Sort
from liteorm import postgres

router = APIRouter(prefix="/tickets")
Tags = Annotated[list[str] | None, Body()]


class Cursor(BaseModel):
    """The last ticket of a page, as far as the order needs it; clients see it as one word."""

    id: int | None = None
    at: datetime | None = None
    subject: str | None = None

    @classmethod
    def behind(cls, ticket: models.Ticket, sort: Sort) -> str:
        last = {"at": ticket.created_at} if sort == "newest" else {"subject": ticket.subject}
        cursor = cls.model_validate({"id": ticket.id, **last})
        return base64.urlsafe_b64encode(cursor.model_dump_json().encode()).decode()

    @classmethod
    def read(cls, word: str, sort: Sort) -> Self:
        try:
            cursor = cls.model_validate_json(base64.urlsafe_b64decode(word))
        except ValueError:
            raise HTTPException(422, "after: not what a page gave") from None
        if None in (cursor.id, cursor.at if sort == "newest" else cursor.subject):
            raise HTTPException(422, "after: from a list in another order")
        return cursor


@router.get("")
async def list_tickets(
    tx: Tx,
    status: Annotated[list[models.Status] | None, Query()] = None,
    assignee: str | None = None,
    unassigned: bool = False,
    text: str | None = None,
    sort: Sort = "newest",
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
) -> models.Page:
    last = Cursor.read(after, sort) if after else Cursor()
    found = await statements.tickets.all(
        tx, status, assignee, unassigned, text, last.at, last.subject, last.id, sort, limit
    )
    more = len(found) == limit
    return models.Page(tickets=found, after=Cursor.behind(found[-1], sort) if more else None)


@router.get("/statistics")
async def statistics(tx: Tx) -> list[models.StatusCount]:
    return await statements.statistics.all(tx)


@router.get("/{id}")
async def ticket_detail(tx: Tx, id: int) -> models.TicketDetail:
    async with tx.batch() as batch:
        ticket = batch.one(statements.ticket_by_id, id=id)
        comments = batch.all(statements.comments_of, ticket=id)
        tags = batch.all(statements.tags_of, ticket=id)
    return models.TicketDetail(
        ticket=ticket.result(), comments=comments.result(), tags=tags.result()
    )


@router.post("", status_code=201)
async def create_ticket(
    tx: Tx, tenant: Tenant, ticket: models.NewTicket, tags: Tags = None
) -> models.Ticket:
    stored = await tx.insert(ticket, returning=models.Ticket, table=models.Ticket)
    await tx.insert_many(models.Tag(ticket_id=stored.id, tag=tag) for tag in set(tags or ()))
    await statements.add_job.execute(tx, ticket=stored.id, kind="confirm")
    await postgres.notify_async(tx, "jobs")
    await tell(tx, tenant, stored.id)
    return stored


@router.patch("/{id}")
async def change_ticket(
    tx: Tx, tenant: Tenant, id: int, version: int, change: models.TicketChange
) -> models.Ticket:
    stored = await tx.patch(models.Ticket, id, change, version=version)
    await tell(tx, tenant, id)
    return stored


@router.post("/{id}/comments", status_code=201)
async def add_comment(
    tx: Tx, tenant: Tenant, id: int, comment: models.NewComment
) -> models.Comment:
    row = {"ticket_id": id, **comment.model_dump()}
    stored = await tx.insert(row, table="comments", returning=models.Comment)
    await tell(tx, tenant, id)
    return stored


async def tell(tx: Tx, tenant: int, ticket: int | None) -> None:
    """Tell whoever looks at the list, if the transaction commits."""
    await postgres.notify_async(tx, "tickets", models.Changed(tenant=tenant, ticket=ticket))
