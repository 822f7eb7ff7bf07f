"""Classes that the right and the wrong statements of the checker's tests are made into."""

from __future__ import annotations

import enum
from datetime import datetime
from decimal import Decimal
from typing import Annotated, NamedTuple, TypedDict

import attrs

import liteorm


class State(enum.Enum):
    """As in the database."""

    NEW = "new"
    PAID = "paid"
    SENT = "sent"


class HalfState(enum.Enum):
    """Lacks a member."""

    NEW = "new"
    PAID = "paid"


@attrs.frozen
class Named:
    """A name with its number."""

    id: int
    name: str


@attrs.frozen
class Contact:
    """A phone that is always there."""

    name: str
    phone: str


@attrs.frozen
class MaybeContact:
    """A phone that may be missing."""

    name: str
    phone: str | None


@attrs.frozen
class Address:
    """The composite type."""

    street: str | None
    zip: str | None


@attrs.frozen
class Order:
    """Flat."""

    id: int
    state: State
    paid: datetime | None = None


@attrs.frozen
class OrderWithCustomer:
    """Nested."""

    id: int
    customer: Named


@attrs.frozen
class OrderWithMaybe:
    """Nested, perhaps."""

    id: int
    customer: Named | None


@attrs.frozen
class CustomerWithOrder:
    """Nested, with an enum inside."""

    id: int
    order: Order | None


@attrs.frozen
class Settings:
    """Inside jsonb."""

    theme: str = "light"


@attrs.frozen
class Totals:
    """Of aggregates."""

    count: int
    total: Decimal


class Line(NamedTuple):
    """Some columns of a line."""

    order_id: int
    quantity: int


class Priced(TypedDict):
    """A product."""

    sku: str
    price: Decimal


@attrs.frozen
class WithDefault:
    """The second may be left out."""

    id: int
    name: str = ""


@attrs.frozen
class Renamed:
    """A field that is not called like its column."""

    key: Annotated[int, liteorm.Column(name="id")]


class ById(TypedDict):
    """Parameters."""

    id: int


class ByText(TypedDict):
    """Parameters with a wrong type."""

    id: str


@attrs.frozen
class ByTags:
    """Parameters with an array."""

    tags: list[str]


@attrs.frozen
class NewProduct:
    """Parameters of an insert."""

    sku: str
    title: str
    price: Decimal
    weight: float | None
