"""What the application holds in Python."""

from __future__ import annotations

import enum
from datetime import date, datetime
from typing import Annotated, TypedDict

import attrs

import liteorm
from liteorm import Column


class Genre(enum.Enum):
    NOVEL = "novel"
    ESSAY = "essay"
    MANUAL = "manual"


@liteorm.table("books", key="isbn")
@attrs.frozen(kw_only=True)
class Book:
    isbn: str
    title: str
    genre: Genre
    pages: int | None = None
    tags: list[str] = attrs.Factory(list[str])


@liteorm.table("members", key="id")
@attrs.frozen(kw_only=True)
class Member:
    id: Annotated[int, Column(generated=True)] = 0
    name: str
    email: str
    joined: Annotated[date | None, Column(generated=True)] = None


@attrs.frozen
class Loan:
    id: int
    isbn: str
    due: date
    returned: datetime | None


@attrs.frozen
class OpenLoan:
    title: str
    member: str
    due: date


@attrs.frozen
class Shelf:
    """A book, and the loan it is out on."""

    isbn: str
    title: str
    loan: Loan | None


@attrs.frozen
class GenreCount:
    genre: Genre
    books: int
    longest: int | None


class NewLoan(TypedDict):
    isbn: str
    member_id: int
    due: date


class AlreadyLent(liteorm.UniqueViolation):
    """Somebody else has the book."""


class EmailTaken(liteorm.UniqueViolation):
    """There is a member with that address."""


CONSTRAINT_ERRORS = {"loans_open_idx": AlreadyLent, "members_email_key": EmailTaken}
