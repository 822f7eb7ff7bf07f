"""PostgreSQL types as JSON: without oids where these differ from database to database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from liteorm._core.scanning.types import BY_OID, FIRST_USER_OID, ROWS, Attribute, PgType
from liteorm._core.values.ranges import Multirange, Range

_PYTHON = {
    "array": list,
    "composite": tuple,
    "enum": str,
    "multirange": Multirange,
    "range": Range,
    "record": tuple,
}


def type_to_json(type_: PgType) -> Any:
    """Return a built-in type's oid and name, or all that makes up another."""
    if type_.oid < FIRST_USER_OID and BY_OID.get(type_.oid) == type_:
        return {"oid": type_.oid, "name": type_.name}
    content: dict[str, Any] = {"name": type_.name, "kind": type_.kind}
    if type_.base:
        content["base"] = type_.base
    if type_.is_custom:
        # The class itself is in the module that declares the type.
        content["python"] = type_.shown
    if type_.element is not None:
        content["element"] = type_to_json(type_.element)
    if type_.labels:
        content["labels"] = list(type_.labels)
    if type_.attributes:
        content["attributes"] = [
            {"name": attribute.name, "type": type_to_json(attribute.type)}
            for attribute in type_.attributes
        ]
    return content


def type_from_json(content: Any, customs: Mapping[str, Any]) -> PgType:
    """Return the type that `type_to_json` wrote.

    Args:
        content: What was written.
        customs: The annotations of the application's own types, by name.
    """
    if "oid" in content:
        return BY_OID[content["oid"]]
    kind = content["kind"]
    element = type_from_json(content["element"], customs) if "element" in content else None
    base = content.get("base", "")
    if kind == "domain" and element is not None:
        python = element.python
    elif kind == "base":
        python = ROWS[base].python if base in ROWS else customs.get(base.partition(".")[2], object)
    else:
        python = _PYTHON.get(kind, object)
    return PgType(
        0,
        content["name"],
        kind,
        python,
        element,
        tuple(content.get("labels", ())),
        tuple(
            Attribute(attribute["name"], type_from_json(attribute["type"], customs))
            for attribute in content.get("attributes", ())
        ),
        base,
    )
