"""What comes in, what is stored and what goes out: Pydantic at the border, and rows as they are."""

from datetime import datetime
from enum import Enum
from typing import Annotated

import attrs
from pydantic import BaseModel, ConfigDict, Field

import liteorm
from liteorm import Column


class Status(Enum):
    OPEN = "open"
    WAITING = "waiting"
    DONE = "done"


@liteorm.table("tickets", key="id", version="version")
class Ticket(BaseModel):
    id: Annotated[int, Column(generated=True)]
    subject: str
    status: Status
    assignee: str | None
    created_at: datetime
    version: int


@liteorm.table("comments", key="id")
class Comment(BaseModel):
    id: Annotated[int, Column(generated=True)]
    ticket_id: int
    author: str
    body: str
    created_at: datetime


@liteorm.table("tags", key=("ticket_id", "tag"))
class Tag(BaseModel):
    ticket_id: int
    tag: str


@liteorm.table("jobs", key="id")
class Job(BaseModel):
    id: Annotated[int, Column(generated=True)]
    tenant_id: int
    ticket_id: int
    kind: str


class TicketDetail(BaseModel):
    ticket: Ticket
    comments: list[Comment]
    tags: list[str]


# PostgreSQL's text has no NUL.
Text = Annotated[str, Field(pattern=r"^[^\x00]*$", max_length=10_000)]
Subject = Annotated[str, Field(pattern=r"^[^\x00]*$", min_length=1, max_length=200)]


class Incoming(BaseModel):
    """What a client sends: a field that is none is refused, not passed over."""

    model_config = ConfigDict(extra="forbid")


class NewTicket(Incoming):
    subject: Subject
    status: Status = Status.OPEN
    assignee: Text | None = None


class NewComment(Incoming):
    author: Text
    body: Text


class TicketChange(Incoming):
    """The fields that a PATCH names are changed; a subject or status of null is refused."""

    subject: Subject = ""
    status: Status = Status.OPEN
    assignee: Text | None = None


class Page(BaseModel):
    tickets: list[Ticket]
    after: str | None  # what to ask for the next page with


class StatusCount(BaseModel):
    status: Status
    tickets: int
    oldest: datetime
    unassigned: int


@attrs.frozen
class Changed:
    """What is said on the channel "tickets"."""

    tenant: int
    ticket: int | None  # None for many at once: read the list again
