"""The annotation that a PostgreSQL type gets: what every value of it scans into."""

from __future__ import annotations

import datetime
import decimal
import ipaddress
import uuid
from collections.abc import Mapping
from typing import Any, get_origin

from liteorm._core.scanning.types import PgType, underlying

_PLAIN: dict[Any, str] = {
    bool: "bool",
    bytes: "bytes",
    datetime.date: "datetime.date",
    datetime.datetime: "datetime.datetime",
    datetime.time: "datetime.time",
    decimal.Decimal: "decimal.Decimal",
    float: "float",
    int: "int",
    str: "str",
    uuid.UUID: "uuid.UUID",
}
_ADDRESSES = (ipaddress.IPv4Address, ipaddress.IPv6Address)
_INTERFACES = (ipaddress.IPv4Interface, ipaddress.IPv6Interface)
_BY_BASE = {
    # A timedelta has no months.
    "interval": "liteorm.Interval",
    "inet": " | ".join(f"ipaddress.{cls.__name__}" for cls in (*_ADDRESSES, *_INTERFACES)),
    "cidr": "ipaddress.IPv4Network | ipaddress.IPv6Network",
    "hstore": "dict[str, str | None]",
    "json": "typing.Any",
    "jsonb": "typing.Any",
    "vector": "list[float]",
}
ANYTHING = "typing.Any"


def annotation_of(
    type_: PgType, classes: Mapping[int, str], *, dimensions: int = 1, null_free: bool = False
) -> str:
    """Return the annotation of a type.

    Args:
        type_: The type.
        classes: Names of the classes for enums and composites, by oid.
        dimensions: Of an array, as its column declares them.
        null_free: The array holds no NULL.
    """
    base = underlying(type_)
    match base.kind:
        case "enum" | "composite":
            return classes[base.oid]
        case "array" if base.element is not None:
            inner = annotation_of(base.element, classes)
            if not null_free:
                inner = optional(inner)
            for _ in range(max(dimensions, 1)):
                inner = f"list[{inner}]"
            return inner
        case "range" if base.element is not None:
            return f"liteorm.Range[{annotation_of(base.element, classes)}]"
        case "multirange" if base.element is not None and base.element.element is not None:
            return f"liteorm.Multirange[{annotation_of(base.element.element, classes)}]"
        case "base" if base.is_custom:
            cls = get_origin(base.python) or base.python
            if cls is not base.python or cls.__module__ == "builtins":
                return base.shown
            return f"{cls.__module__}.{cls.__qualname__}"
        case "base":
            return _BY_BASE.get(base.base) or _PLAIN.get(base.python, ANYTHING)
        case _:
            return ANYTHING


def optional(annotation: str) -> str:
    """Return an annotation that takes None too."""
    return annotation if annotation == ANYTHING else f"{annotation} | None"


def empty_value(annotation: str) -> str | None:
    """Return a value that a new object can have before the database fills the column."""
    return {"int": "0", "float": "0.0", "str": '""', "bool": "False"}.get(annotation)
